"""Reads of what is owed, for the pages of the customer and for the links in mails."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import Session

from app.db import UtcDateTime
from app.models import (
    Connection,
    ConnectionState,
    Credit,
    Hold,
    HoldKind,
    Invoice,
    InvoiceState,
    Payment,
    Relation,
    Thread,
    ThreadInvoice,
    ThreadState,
    Trust,
    Vendor,
)
from app.money import Money
from app.receivables.rules import is_part, left_to_ask


@dataclass(frozen=True, slots=True)
class Row:
    """One invoice as a customer reads it. ``due_on`` and ``due_minor`` are those of the next open instalment."""

    id: UUID
    vendor_id: UUID
    vendor_name: str
    vendor_colour: str
    number: str
    po_number: str
    issued_on: date | None
    due_on: date | None
    currency: str
    due_minor: int
    balance_minor: int
    total_minor: int
    state: InvoiceState
    can_pay_online: bool
    as_of: datetime | None
    settled_at: datetime | None
    usual_answer_minutes: int | None = None  # its vendor's, where enough customers have asked (FEATURES C10)
    entity: str = ""  # the company of the vendor's that invoices, where it is not the vendor itself (FEATURES A15)
    account_id: UUID | None = None  # its own bank account
    vendor_logo: str = ""  # a key of app/logos.py; of a verified vendor only
    hold: HoldKind | None = None
    hold_ends_at: datetime | None = None
    disputed_minor: int = 0  # a part of it is disputed; ``due_minor`` is without that, and stays payable
    thread_state: ThreadState | None = None
    thread_id: UUID | None = None

    @property
    def label(self) -> str:
        return self.number or "without number"

    @property
    def is_open(self) -> bool:
        return self.state == InvoiceState.OPEN

    @property
    def is_resting(self) -> bool:
        """Nothing of it is asked for at present."""
        return self.hold is not None and not (self.hold == HoldKind.DISPUTE and self.disputed_minor)


AnySelect = Select[*tuple[Any, ...]]


def _in_words(state: StrEnum) -> ColumnElement[str]:
    """A bound value would hide from both databases that a partial index applies. And of one that is prepared PostgreSQL
    believes that hardly a row differs from it: pages walked through all of a vendor's invoices for a customer's few."""
    return literal_column(f"'{state}'")


IS_OPEN = Invoice.state == _in_words(InvoiceState.OPEN)
IS_SETTLED = Invoice.state != _in_words(InvoiceState.OPEN)  # as its partial index has it: paid, void, gone, unknown ...
SHOWN_STATES = (
    InvoiceState.OPEN,
    InvoiceState.PAID,
    InvoiceState.VOID,
    InvoiceState.WRITTEN_OFF,
    InvoiceState.GONE,
)


SHOWN_LOGO = case((Vendor.trust == _in_words(Trust.VERIFIED), Vendor.logo_key), else_="")


@cache
def rows_of_vendors() -> AnySelect:
    """The columns of Row for every invoice whose vendor the customer reads of; the caller narrows, orders, and hands in
    ``now``. Statements of pages are put together once: that costs more than running them."""
    columns = (
        Invoice.id,
        Invoice.vendor_id,
        Vendor.name,
        func.coalesce(func.nullif(Connection.entity_colour, ""), Vendor.colour),
        Invoice.number,
        Invoice.po_number,
        Invoice.issued_on,
        Invoice.due_on,
        Invoice.currency,
        Invoice.due_minor,
        Invoice.balance_minor,
        Invoice.total_minor,
        Invoice.state,
        Invoice.can_pay_online,
        Connection.as_of,
        Invoice.settled_at,
        Vendor.usual_answer_minutes,
        Connection.entity,
        Connection.bank_account_id,
        SHOWN_LOGO,
    )
    query = beside_vendor(select(*columns), Invoice)
    return query.where(VENDOR_IS_LIVE, ~is_blocked(Invoice), is_known(Invoice))


# Of an invoice and its live hold, joined from outside: less than all of it is disputed, and so this much is asked for.
IS_PART_IN_DISPUTE = and_(
    Hold.invoice_id == Invoice.id,
    Hold.kind == _in_words(HoldKind.DISPUTE),
    Hold.ended_at.is_(None),
    Hold.amount_minor < Invoice.balance_minor,
)
_LEFT = Invoice.balance_minor - Hold.amount_minor
ASKED_MINOR = case(
    (Hold.amount_minor.is_(None), Invoice.due_minor), (Invoice.due_minor > _LEFT, _LEFT), else_=Invoice.due_minor
)


Owing = type[Invoice] | type[Credit] | type[Payment]


def beside_vendor(query: AnySelect, owed: Owing) -> AnySelect:
    """``query`` over ``owed`` with its vendor and its connection."""
    return query.join(Vendor, Vendor.id == owed.vendor_id).join(Connection, Connection.id == owed.connection_id)


# The vendor wants to be here, is connected, and the operator did not take it out.
VENDOR_IS_LIVE = and_(
    Vendor.live_at <= bindparam("now", type_=UtcDateTime()),
    Vendor.trust != _in_words(Trust.SUSPENDED),
    Connection.state != _in_words(ConnectionState.DISCONNECTED),
)


def is_blocked(owed: Owing) -> ColumnElement[bool]:
    """The customer wants nothing of this vendor. Asked for by EXISTS: an outer join on a table that is nearly empty
    makes PostgreSQL believe that nothing will be left, and sort what the index has in order."""
    return _decided(owed, Relation.blocked_at)


def is_known(owed: Owing) -> ColumnElement[bool]:
    """The vendor has proven itself, or this customer has said yes to it; until then its name and a count are all there
    is (INVARIANTS A1)."""
    return or_(Vendor.trust == _in_words(Trust.VERIFIED), _decided(owed, Relation.accepted_at))


def _decided(owed: Owing, when: Any) -> ColumnElement[bool]:
    pair = and_(Relation.vendor_id == owed.vendor_id, Relation.customer_id == owed.customer_id)
    return exists().where(pair, when.is_not(None)).correlate(owed)


Key = tuple[date | None, UUID]  # of the last row of a page: the day it is ordered by, and its id


def page_by_due(session: Session, query: AnySelect, after: Key | None, limit: int) -> list[Any]:
    """Open invoices: a page and one row more, due longest first. A key with a date steps along the partial index; those
    without one stand at its end."""
    query = by_due(query, limit)
    if after is None:
        return list(session.execute(query))
    day, last_id = after
    undated = query.where(Invoice.due_on.is_(None))
    if day is None:
        return list(session.execute(undated.where(Invoice.id > last_id)))
    rows = list(session.execute(query.where(tuple_(Invoice.due_on, Invoice.id) > (day, last_id))))
    return rows if len(rows) > limit else [*rows, *session.execute(undated)]


def by_due(query: AnySelect, limit: int) -> AnySelect:
    """The first page of open invoices and one row more, due longest first."""
    return query.order_by(Invoice.due_on.nulls_last(), Invoice.id).limit(limit + 1)


def page_by_issue(session: Session, query: AnySelect, after: Key | None, limit: int) -> list[Any]:
    """Settled invoices: a page and one row more, newest first; those without a date of issue first of all, which is how
    the index reads backwards."""
    query = query.order_by(Invoice.issued_on.desc().nulls_first(), Invoice.id.desc()).limit(limit + 1)
    if after is None:
        return list(session.execute(query))
    day, last_id = after
    if day is None:
        undated = and_(Invoice.issued_on.is_(None), Invoice.id < last_id)
        return list(session.execute(query.where(or_(undated, Invoice.issued_on.is_not(None)))))
    return list(session.execute(query.where(tuple_(Invoice.issued_on, Invoice.id) < (day, last_id))))


def find_row(session: Session, invoice_id: UUID, now: datetime) -> Row | None:
    """One invoice of the scope, or None: a foreign one looks exactly like a missing one."""
    return find_rows_by_id(session, [invoice_id], now).get(invoice_id)


def find_rows_by_id(session: Session, invoice_ids: Sequence[UUID], now: datetime) -> dict[UUID, Row]:
    """Those of the invoices that the scope may see."""
    query = rows_of_vendors().where(Invoice.id.in_(invoice_ids), Invoice.state.in_(SHOWN_STATES))
    rows = [Row(*found) for found in session.execute(query, {"now": now})]
    return {row.id: row for row in with_talk(session, rows, now)}


def with_talk(session: Session, rows: list[Row], now: datetime) -> list[Row]:
    """Add what is going on with each row, its live hold and its thread, in one statement."""
    ids = [row.id for row in rows]
    if not ids:
        return rows
    found: dict[tuple[UUID, str], Any] = {}
    said: Any
    balances = {row.id: row.balance_minor for row in rows}
    for said in sorted(session.execute(_talk(), {"ids": ids, "now": now}), key=_weight):
        found[said[0], "part" if is_part(said[2], said[5], balances[said[0]]) else said[1]] = said
    return [_joined(row, *(found.get((row.id, what)) for what in ("part", "hold", "thread"))) for row in rows]


@cache
def _talk() -> Any:
    """Of the invoices ``ids``: (invoice, "hold", kind, end, id, amount) and (invoice, "thread", state, beginning, id,
    nothing)."""
    ids: Any = bindparam("ids", expanding=True)
    now = bindparam("now", type_=UtcDateTime())
    live = and_(Hold.invoice_id.in_(ids), Hold.ended_at.is_(None), Hold.ends_at > now, Hold.is_hidden.is_(False))
    held = select(Hold.invoice_id, literal("hold"), Hold.kind, Hold.ends_at, Hold.id, Hold.amount_minor).where(live)
    nothing = cast(null(), BigInteger)
    asked = (
        select(ThreadInvoice.invoice_id, literal("thread"), Thread.state, Thread.created_at, Thread.id, nothing)
        .join(Thread, Thread.id == ThreadInvoice.thread_id)
        .where(ThreadInvoice.invoice_id.in_(ids))
    )
    return union_all(held, asked)


def _weight(said: Any) -> tuple[bool, UUID]:
    """Of several, the last wins: a payment in progress over other holds, an open thread over closed ones, then the
    newest."""
    return said[2] == HoldKind.PAYING or (said[1] == "thread" and said[2] != ThreadState.CLOSED), said[4]


def _joined(row: Row, part: Any, hold: Any, thread: Any) -> Row:
    if part:
        due_minor = left_to_ask(row.due_minor, row.balance_minor, part[5])
        row = replace(row, disputed_minor=part[5], due_minor=due_minor)
    if held := hold or part:
        row = replace(row, hold=HoldKind(held[2]), hold_ends_at=held[3])
    if thread:
        row = replace(row, thread_state=ThreadState(thread[2]), thread_id=thread[4])
    return row


@dataclass(frozen=True, slots=True)
class Instalment:
    """One part of an invoice that is paid in several."""

    due_on: date
    amount: Money
    balance: Money


@dataclass(frozen=True, slots=True)
class Booked:
    """A payment that the vendor's books applied to the invoice; ``part`` is what this invoice got of it."""

    paid_on: date | None
    part: Money
    method: str


def instalments_and_payments(session: Session, row: Row) -> tuple[list[Instalment], list[Booked]]:
    """How the invoice is to be paid, and how it was: instalments by day, payments newest first."""
    invoice = session.execute(
        select(Invoice.instalments, Invoice.connection_id, Invoice.bill_to_id, Invoice.external_id).where(
            Invoice.id == row.id
        )
    ).one()
    parts = [
        Instalment(date.fromisoformat(day), Money(amount, row.currency), Money(balance, row.currency))
        for day, amount, balance in invoice.instalments
    ]
    query = select(Payment.paid_on, Payment.currency, Payment.method, Payment.applied).where(
        Payment.connection_id == invoice.connection_id,
        Payment.bill_to_id == invoice.bill_to_id,
        Payment.amount_minor > 0,
    )
    booked = []
    for paid_on, currency, method, applied in session.execute(query.order_by(Payment.paid_on.desc()).limit(500)):
        minor = sum(part for external_id, part in applied if external_id == invoice.external_id)
        if minor:
            booked.append(Booked(paid_on, Money(minor, currency), method))
    return parts, booked


def vendors_of_customer(session: Session) -> list[tuple[UUID, str]]:
    """The vendors whose invoices the scope's customer has, by name."""
    query = select(Vendor.id, Vendor.name).join(Invoice, Invoice.vendor_id == Vendor.id).distinct()
    return [(row[0], row[1]) for row in session.execute(query.order_by(Vendor.name, Vendor.id))]


def credits_of(session: Session, vendor_id: UUID) -> list[Credit]:
    """Open credit notes and unapplied cash of one vendor in the scope."""
    query = select(Credit).where(Credit.vendor_id == vendor_id, Credit.remaining_minor > 0)
    return list(session.execute(query.order_by(Credit.issued_on, Credit.id)).scalars())
