"""Reads of what is owed, for the pages of the customer and for the links in mails."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select, true, tuple_
from sqlalchemy.orm import Session

from app.aging import days_past_due
from app.models import (
    Connection,
    Credit,
    Digest,
    DigestLine,
    Hold,
    HoldKind,
    Invoice,
    InvoiceChange,
    InvoiceState,
    Message,
    Outcome,
    Payment,
    Thread,
    ThreadInvoice,
    ThreadState,
    Vendor,
)
from app.money import Money, Totals

SOON = timedelta(days=7)


class Filter(StrEnum):
    """The tabs of an inbox."""

    OPEN = "open"
    OVERDUE = "overdue"
    SOON = "soon"
    LATER = "later"
    ON_HOLD = "on_hold"
    ASKED = "asked"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Search:
    """What the customer wants to see. ``after`` is the key of the last row of the page before."""

    tab: Filter = Filter.OPEN
    text: str = ""
    vendor_id: UUID | None = None
    after: tuple[date, UUID] | None = None
    limit: int = 25


@dataclass(frozen=True, slots=True)
class Row:
    """One invoice as a customer reads it."""

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
    hold: HoldKind | None = None
    hold_ends_at: datetime | None = None
    thread_state: ThreadState | None = None
    thread_id: UUID | None = None

    @property
    def label(self) -> str:
        return self.number or "without number"

    def days_late(self, today: date) -> int:
        return days_past_due(self.due_on, today)

    @property
    def is_open(self) -> bool:
        return self.state == InvoiceState.OPEN and self.balance_minor > 0


_COLUMNS = (
    Invoice.id,
    Invoice.vendor_id,
    Vendor.name.label("vendor_name"),
    Vendor.colour.label("vendor_colour"),
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
)
_SHOWN = (InvoiceState.OPEN, InvoiceState.PAID, InvoiceState.VOID, InvoiceState.WRITTEN_OFF, InvoiceState.GONE)
_FAR = date(9999, 12, 31)


def find_rows(session: Session, search: Search, now: datetime, today: date) -> list[Row]:
    """One page of the scope's invoices, holds and threads included: three statements whatever the page."""
    is_settled = search.tab == Filter.SETTLED
    key = func.coalesce(Invoice.issued_on, date(1, 1, 1)) if is_settled else func.coalesce(Invoice.due_on, _FAR)
    query = _rows().where(_in_tab(search.tab, now, today), _matches(search))
    if is_settled:
        query = query.order_by(key.desc(), Invoice.id.desc())
        if search.after:
            query = query.where(tuple_(key, Invoice.id) < search.after)
    else:
        query = query.order_by(key, Invoice.id)
        if search.after:
            query = query.where(tuple_(key, Invoice.id) > search.after)
    rows = [Row(*found) for found in session.execute(query.limit(search.limit))]
    return _with_talk(session, rows, now)


def key_of(row: Row, tab: Filter) -> tuple[date, UUID]:
    """Where the next page begins after ``row``."""
    if tab == Filter.SETTLED:
        return row.issued_on or date(1, 1, 1), row.id
    return row.due_on or _FAR, row.id


def find_row(session: Session, invoice_id: UUID, now: datetime) -> Row | None:
    """One invoice of the scope, or None: a foreign one looks exactly like a missing one."""
    found = session.execute(_rows().where(Invoice.id == invoice_id)).one_or_none()
    return _with_talk(session, [Row(*found)], now)[0] if found else None


def find_rows_by_id(session: Session, invoice_ids: Sequence[UUID], now: datetime) -> dict[UUID, Row]:
    rows = [Row(*found) for found in session.execute(_rows().where(Invoice.id.in_(invoice_ids)))]
    return {row.id: row for row in _with_talk(session, rows, now)}


def _rows() -> Any:
    return (
        select(*_COLUMNS)
        .join(Vendor, Vendor.id == Invoice.vendor_id)
        .join(Connection, Connection.id == Invoice.connection_id)
        .where(Vendor.live_at.is_not(None), Invoice.state.in_(_SHOWN))
    )


def _is_open() -> ColumnElement[bool]:
    return and_(Invoice.state == InvoiceState.OPEN, Invoice.balance_minor > 0)


def _in_tab(tab: Filter, now: datetime, today: date) -> ColumnElement[bool]:
    if tab == Filter.SETTLED:
        return or_(Invoice.state != InvoiceState.OPEN, Invoice.balance_minor <= 0)
    held = exists().where(Hold.invoice_id == Invoice.id, Hold.ended_at.is_(None), Hold.ends_at > now)
    conditions = {
        Filter.OPEN: true(),
        Filter.OVERDUE: Invoice.due_on < today,
        Filter.SOON: Invoice.due_on.between(today, today + SOON),
        Filter.LATER: or_(Invoice.due_on > today + SOON, Invoice.due_on.is_(None)),
        Filter.ON_HOLD: held,
        Filter.ASKED: exists().where(
            ThreadInvoice.invoice_id == Invoice.id,
            ThreadInvoice.thread_id == Thread.id,
            Thread.state != ThreadState.CLOSED,
        ),
    }
    return and_(_is_open(), conditions[tab])


def _matches(search: Search) -> ColumnElement[bool]:
    found: ColumnElement[bool] = true()
    if search.vendor_id:
        found = and_(found, Invoice.vendor_id == search.vendor_id)
    if text := search.text.strip():
        like = f"%{_escaped(text)}%"
        either = [column.ilike(like, escape="\\") for column in (Vendor.name, Invoice.number, Invoice.po_number)]
        found = and_(found, or_(*either, *_amounts(text)))
    return found


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _amounts(text: str) -> list[ColumnElement[bool]]:
    """``1,234.50`` or ``1234.5`` finds that balance or total, in any currency's minor units."""
    plain = text.replace(",", "").replace(" ", "").replace("'", "")
    if not re.fullmatch(r"\d{1,12}(\.\d{1,4})?", plain):
        return []
    whole, _, part = plain.partition(".")
    found = []
    for digits in (0, 2, 3, 4):
        if len(part) <= digits:
            minor = int(whole + part.ljust(digits, "0"))
            same = or_(Invoice.balance_minor == minor, Invoice.total_minor == minor)
            found.append(and_(Invoice.exponent == digits, same))
    return found


def _with_talk(session: Session, rows: list[Row], now: datetime) -> list[Row]:
    """Add the live hold and the newest thread of each row."""
    ids = [row.id for row in rows]
    if not ids:
        return rows
    live = and_(Hold.invoice_id.in_(ids), Hold.ended_at.is_(None), Hold.ends_at > now)
    holds = {hold[0]: hold for hold in session.execute(select(Hold.invoice_id, Hold.kind, Hold.ends_at).where(live))}
    asked = (
        select(ThreadInvoice.invoice_id, Thread.state, Thread.id)
        .join(Thread, Thread.id == ThreadInvoice.thread_id)
        .where(ThreadInvoice.invoice_id.in_(ids))
        .order_by(Thread.created_at)
    )
    threads = {thread[0]: thread for thread in session.execute(asked)}
    return [_joined(row, holds.get(row.id), threads.get(row.id)) for row in rows]


def _joined(row: Row, hold: Any, thread: Any) -> Row:
    if hold:
        row = replace(row, hold=HoldKind(hold[1]), hold_ends_at=hold[2])
    if thread:
        row = replace(row, thread_state=ThreadState(thread[1]), thread_id=thread[2])
    return row


@dataclass(frozen=True, slots=True)
class Counts:
    """What stands above the list: sums per currency and how many rows each tab would show."""

    open_total: Totals
    overdue_total: Totals
    credit_total: Totals
    open: int
    overdue: int
    soon: int
    later: int


def count_open(session: Session, today: date) -> Counts:
    """Two statements over the scope's open invoices (the partial index) and credits."""
    late = Invoice.due_on < today
    soon = Invoice.due_on.between(today, today + SOON)
    query = (
        select(
            Invoice.currency,
            func.sum(Invoice.balance_minor),
            func.sum(case((late, Invoice.balance_minor), else_=0)),
            func.count(),
            func.sum(case((late, 1), else_=0)),
            func.sum(case((soon, 1), else_=0)),
        )
        .join(Vendor, Vendor.id == Invoice.vendor_id)
        .where(Vendor.live_at.is_not(None), _is_open())
        .group_by(Invoice.currency)
    )
    rows = session.execute(query).all()
    credit = select(Credit.currency, func.sum(Credit.remaining_minor)).where(Credit.remaining_minor > 0)
    credited = credit.join(Vendor, Vendor.id == Credit.vendor_id).where(Vendor.live_at.is_not(None))
    total, overdue, in_week = (sum(int(row[i]) for row in rows) for i in (3, 4, 5))
    return Counts(
        open_total=Totals(Money(int(row[1]), row[0]) for row in rows),
        overdue_total=Totals(Money(int(row[2]), row[0]) for row in rows if int(row[2])),
        credit_total=Totals(
            Money(int(minor), code) for code, minor in session.execute(credited.group_by(Credit.currency))
        ),
        open=total,
        overdue=overdue,
        soon=in_week,
        later=total - overdue - in_week,
    )


def vendors_owed(session: Session) -> list[tuple[UUID, str]]:
    """The vendors with open invoices in the scope, for the filter."""
    query = (
        select(Vendor.id, Vendor.name)
        .join(Invoice, Invoice.vendor_id == Vendor.id)
        .where(Vendor.live_at.is_not(None), _is_open())
        .distinct()
        .order_by(Vendor.name)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of an invoice's timeline: when, what in words, and a kind for its mark."""

    at: datetime
    kind: str
    words: str


def timeline(session: Session, invoice_id: UUID) -> list[Moment]:
    """What happened to an invoice, newest first; the customer's and the vendor's pages show the same (FEATURES B14)."""
    invoice = session.execute(
        select(Invoice.external_id, Invoice.connection_id, Invoice.created_at).where(Invoice.id == invoice_id)
    ).one_or_none()
    if invoice is None:
        return []
    moments = [Moment(invoice.created_at, "arrived", "Arrived from the supplier's books")]
    moments += _changes(session, invoice_id) + _mailed(session, invoice_id)
    moments += _holds(session, invoice_id) + _said(session, invoice_id)
    return sorted(moments, key=lambda moment: moment.at, reverse=True)


def _changes(session: Session, invoice_id: UUID) -> list[Moment]:
    query = (
        select(InvoiceChange, Invoice.currency)
        .join(Invoice, Invoice.id == InvoiceChange.invoice_id)
        .where(InvoiceChange.invoice_id == invoice_id)
        .order_by(InvoiceChange.at, InvoiceChange.id)
    )
    moments, before = [], None
    for change, currency in session.execute(query):
        if before is not None:
            moments.append(Moment(change.at, "changed", _difference(before, change, currency)))
        before = change
    return moments


def _difference(before: InvoiceChange, after: InvoiceChange, currency: str) -> str:
    if after.state != before.state and after.state != InvoiceState.OPEN:
        words = {
            InvoiceState.PAID: "Settled: thank you",
            InvoiceState.VOID: "Cancelled by the supplier",
            InvoiceState.GONE: "Removed by the supplier",
            InvoiceState.WRITTEN_OFF: "Written off by the supplier",
        }
        return words.get(after.state, "No longer open")
    if after.state != before.state:
        return "Open again"
    if after.balance_minor != before.balance_minor:
        return (
            f"Open amount changed from {Money(before.balance_minor, currency).format()}"
            f" to {Money(after.balance_minor, currency).format()}"
        )
    if after.due_on != before.due_on:
        days = [f"{day:%-d %b %Y}" if day else "none" for day in (before.due_on, after.due_on)]
        return f"Due date changed from {days[0]} to {days[1]}"
    return "Details changed"


def _mailed(session: Session, invoice_id: UUID) -> list[Moment]:
    """The digests that named it. A vendor's scope has no digests, so a vendor's page adds its own words for them."""
    query = (
        select(Digest.accepted_at)
        .join(DigestLine, DigestLine.digest_id == Digest.id)
        .where(DigestLine.invoice_id == invoice_id, Digest.outcome == Outcome.ACCEPTED)
    )
    return [Moment(at, "mailed", "In a digest") for at in session.execute(query).scalars() if at]


def _holds(session: Session, invoice_id: UUID) -> list[Moment]:
    words = {
        HoldKind.PAYING: "Payment started",
        HoldKind.PROMISE: "Payment promised",
        HoldKind.DISPUTE: "Disputed",
        HoldKind.ALREADY_PAID: "Reported as already paid",
        HoldKind.VENDOR: "Put on hold by the supplier",
    }
    moments = []
    for hold in session.execute(select(Hold).where(Hold.invoice_id == invoice_id)).scalars():
        moments.append(Moment(hold.created_at, "hold", words[hold.kind]))
        if hold.ended_at:
            moments.append(Moment(hold.ended_at, "hold", hold.end_reason or "No longer on hold"))
    return moments


def _said(session: Session, invoice_id: UUID) -> list[Moment]:
    query = (
        select(Message.created_at, Message.side)
        .join(ThreadInvoice, ThreadInvoice.thread_id == Message.thread_id)
        .where(ThreadInvoice.invoice_id == invoice_id, Message.is_automatic.is_(False))
    )
    words = {"customer": "Question from the customer", "vendor": "Answer from the supplier"}
    return [Moment(at, "said", words[side]) for at, side in session.execute(query)]


def payments_of(session: Session, row: Row) -> list[tuple[date | None, Money, str]]:
    """Payments that the vendor's books applied to this invoice: day, part applied, method."""
    invoice = session.get_one(Invoice, row.id)
    query = select(Payment).where(Payment.connection_id == invoice.connection_id, Payment.amount_minor > 0)
    query = query.where(Payment.bill_to_id == invoice.bill_to_id).order_by(Payment.paid_on.desc()).limit(200)
    found = []
    for payment in session.execute(query).scalars():
        minor = sum(part for external_id, part in payment.applied if external_id == invoice.external_id)
        if minor:
            found.append((payment.paid_on, Money(minor, payment.currency), payment.method))
    return found


def credits_of(session: Session, vendor_id: UUID) -> list[Credit]:
    """Open credit notes and unapplied cash of one vendor in the scope."""
    query = select(Credit).where(Credit.vendor_id == vendor_id, Credit.remaining_minor > 0)
    return list(session.execute(query.order_by(Credit.issued_on, Credit.id)).scalars())
