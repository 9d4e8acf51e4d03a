"""Reads the books of a customer's suppliers, as far as the session's scope goes, into accounts."""

from collections import Counter, defaultdict
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Connection, Credit, CreditKind, Invoice, InvoiceState, Payment, Vendor
from app.money import Money
from app.receivables.queries import VENDOR_IS_LIVE, AnySelect, Owing, beside_vendor, is_blocked, is_known
from app.statements.rules import Billed, Books, Entry, Kind, Receipt, entries_of

_COUNTED = (InvoiceState.OPEN, InvoiceState.PAID, InvoiceState.WRITTEN_OFF)

Pair = tuple[UUID, str]  # vendor, currency
Key = tuple[UUID, str]  # connection, external id


def entries(session: Session, now: datetime, zone: str, vendor_id: UUID | None = None) -> list[Entry]:
    """All that happened between this customer and the suppliers it reads of, or one of them. Three statements, however
    many invoices there are; ``zone`` says which day an instant was."""
    here = ZoneInfo(zone)
    payments, taken = _payments(session, now, here, vendor_id)
    credited, left = _credits(session, now, here, vendor_id, {key for key, _ in payments})
    billed = _billed(session, now, here, vendor_id, taken)
    others: dict[Pair, list[Entry]] = defaultdict(list)
    for entry in (*(entry for _, entry in payments), *credited):
        others[entry.vendor_id, entry.currency].append(entry)
    pairs = billed.keys() | others.keys()
    return [entry for pair in pairs for entry in entries_of(Books(billed[pair], others[pair], left[pair]))]


def _billed(
    session: Session, now: datetime, here: ZoneInfo, vendor_id: UUID | None, taken: Counter[Key]
) -> dict[Pair, list[Billed]]:
    columns: Any = (
        Invoice.id, Invoice.vendor_id, Vendor.name, Invoice.currency, Invoice.number, Invoice.issued_on,
        Invoice.created_at, Invoice.updated_at, Invoice.settled_at, Invoice.state, Invoice.total_minor,
        Invoice.balance_minor, Invoice.connection_id, Invoice.external_id,
    )  # fmt: skip
    query = _readable(select(*columns), Invoice, vendor_id).where(Invoice.state.in_(_COUNTED))
    found: dict[Pair, list[Billed]] = defaultdict(list)
    for row in session.execute(query, {"now": now}):
        on = row.issued_on or _day(row.created_at, here)
        entry = Entry(
            on, Kind.INVOICE, row.vendor_id, row.name, row.currency, row.number, row.total_minor, subject_id=row.id
        )
        settled = _day(row.settled_at or row.updated_at or row.created_at, here)
        balance = row.balance_minor if row.state == InvoiceState.OPEN else 0
        paid = taken[row.connection_id, row.external_id]
        found[row.vendor_id, row.currency].append(Billed(entry, balance, paid, max(on, settled)))
    return found


def _payments(
    session: Session, now: datetime, here: ZoneInfo, vendor_id: UUID | None
) -> tuple[list[tuple[Key, Entry]], Counter[Key]]:
    """Payments with their keys, and how much of each invoice they took."""
    columns: Any = (
        Payment.id, Payment.vendor_id, Vendor.name, Payment.currency, Payment.paid_on, Payment.created_at,
        Payment.amount_minor, Payment.method, Payment.applied, Payment.connection_id, Payment.external_id,
    )  # fmt: skip
    query = _readable(select(*columns), Payment, vendor_id).where(Payment.amount_minor > 0)
    found: list[tuple[Key, Entry]] = []
    taken: Counter[Key] = Counter()
    for row in session.execute(query, {"now": now}):
        entry = Entry(
            row.paid_on or _day(row.created_at, here), Kind.PAYMENT, row.vendor_id, row.name, row.currency, "",
            -row.amount_minor, row.id, row.method,
        )  # fmt: skip
        found.append(((row.connection_id, row.external_id), entry))
        for external_id, minor in row.applied:
            taken[row.connection_id, external_id] += minor
    return found, taken


def _credits(
    session: Session, now: datetime, here: ZoneInfo, vendor_id: UUID | None, payments: set[Key]
) -> tuple[list[Entry], Counter[Pair]]:
    """Credit notes, and money on account that no payment tells of; and what of both is not used yet."""
    columns: Any = (
        Credit.id, Credit.vendor_id, Vendor.name, Credit.currency, Credit.number, Credit.issued_on, Credit.created_at,
        Credit.kind, Credit.total_minor, Credit.remaining_minor, Credit.connection_id, Credit.external_id,
    )  # fmt: skip
    found: list[Entry] = []
    left: Counter[Pair] = Counter()
    for row in session.execute(_readable(select(*columns), Credit, vendor_id), {"now": now}):
        left[row.vendor_id, row.currency] += row.remaining_minor
        is_note = row.kind == CreditKind.CREDIT_NOTE
        if not is_note and (row.connection_id, row.external_id) in payments:
            continue  # the payment it is the rest of stands there already
        on = row.issued_on or _day(row.created_at, here)
        kind = Kind.CREDIT if is_note else Kind.PAYMENT
        found.append(Entry(on, kind, row.vendor_id, row.name, row.currency, row.number, -row.total_minor))
    return found, left


def receipt_of(session: Session, payment_id: UUID, now: datetime, zone: str) -> Receipt | None:
    """One payment of the scope."""
    columns: Any = (Payment, Vendor.name, Connection.provider)
    query = _readable(select(*columns), Payment, None).where(Payment.id == payment_id, Payment.amount_minor > 0)
    row = session.execute(query, {"now": now}).one_or_none()
    if row is None:
        return None
    paid: Payment = row[0]
    on = paid.paid_on or _day(paid.created_at, ZoneInfo(zone))
    entry = Entry(on, Kind.PAYMENT, paid.vendor_id, row[1], paid.currency, "", -paid.amount_minor, paid.id, paid.method)
    taken = {external_id: minor for external_id, minor in paid.applied if minor}
    of_payment = (Invoice.connection_id == paid.connection_id, Invoice.external_id.in_(taken))
    invoices = session.execute(select(Invoice.id, Invoice.number, Invoice.external_id).where(*of_payment))
    parts = [(each.id, each.number, Money(taken[each.external_id], paid.currency)) for each in invoices]
    return Receipt(entry, row[2], paid.created_at, sorted(parts, key=lambda part: part[1]))


def _readable(query: AnySelect, owed: Owing, vendor_id: UUID | None) -> AnySelect:
    """Of suppliers the inbox shows in full."""
    shown = beside_vendor(query.select_from(owed), owed).where(VENDOR_IS_LIVE, ~is_blocked(owed), is_known(owed))
    return shown.where(owed.vendor_id == vendor_id) if vendor_id else shown


def _day(at: datetime, here: ZoneInfo) -> date:
    return at.astimezone(here).date()
