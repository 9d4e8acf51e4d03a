"""Reads for the vendor's pages. The scope is the vendor; a customer is known by what the vendor's books call it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, case, func, or_, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from app.conversations.queries import last_message_id
from app.desk.rules import DUE_SOON
from app.mailboxes.outlook import Asking, verdicts
from app.models import (
    BillTo,
    Connection,
    Digest,
    DigestLine,
    Hold,
    HoldKind,
    Invoice,
    InvoiceChange,
    InvoiceState,
    Mailbox,
    Message,
    Outcome,
    Side,
    Thread,
    ThreadInvoice,
    ThreadState,
    Vendor,
)
from app.money import Money, Totals
from app.receivables.queries import IS_OPEN, Key, page_by_due, page_by_issue
from app.receivables.rules import Eligibility
from app.scope import widened
from app.settings import Limits

PAGE = 25
NAMELESS = "A customer"


class Box(StrEnum):
    """The tabs of the queue."""

    WAITING = "waiting"
    ANSWERED = "answered"
    CLOSED = "closed"
    MINE = "mine"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class QueueSearch:
    """``after`` is the key of the last row of the page before: when it began to wait, or was begun, and its id."""

    box: Box
    text: str
    vendor_id: UUID
    person_id: UUID
    after: tuple[datetime, UUID] | None = None


@dataclass(frozen=True, slots=True)
class QueueRow:
    id: UUID
    subject: str
    state: ThreadState
    result: str
    waiting_since: datetime | None
    begun_at: datetime
    customer_name: str
    last_at: datetime
    last_side: Side
    last_body: str

    def key(self, box: Box) -> tuple[datetime, UUID]:
        """Where the next page begins after this row."""
        return (self.waiting_since or self.begun_at) if box == Box.WAITING else self.begun_at, self.id


def find_threads(session: Session, search: QueueSearch) -> list[QueueRow]:
    """One page and one row more, in one statement: who waits longest first, or the newest first."""
    statement: Any = (
        select(
            Thread.id,
            Thread.subject,
            Thread.state,
            Thread.result,
            Thread.waiting_since,
            Thread.created_at,
            func.coalesce(customer_name(Thread.vendor_id, Thread.customer_id), NAMELESS),
            Message.created_at,
            Message.side,
            Message.body,
        )
        .join(Message, Message.id == last_message_id())
        .where(_in_box(search), _speaks_of(search))
    )
    if search.box == Box.WAITING:
        statement = statement.order_by(Thread.waiting_since, Thread.id)
        if search.after:
            statement = statement.where(tuple_(Thread.waiting_since, Thread.id) > search.after)
    else:
        statement = statement.order_by(Thread.created_at.desc(), Thread.id.desc())
        if search.after:
            statement = statement.where(tuple_(Thread.created_at, Thread.id) < search.after)
    return [QueueRow(*row) for row in session.execute(statement.limit(PAGE + 1))]


def count_waiting(session: Session) -> int:
    return session.execute(select(func.count(Thread.id)).where(Thread.state == ThreadState.WAITING_VENDOR)).scalar_one()


def customer_name(vendor_id: Any, customer_id: Any) -> ScalarSelect[str]:
    """For a statement: what this vendor's books call this customer. Never Customer.name, which others gave."""
    return (
        select(BillTo.name)
        .where(BillTo.vendor_id == vendor_id, BillTo.customer_id == customer_id, BillTo.name != "")
        .order_by(BillTo.created_at, BillTo.id)
        .limit(1)
        .scalar_subquery()
    )


def name_of_customer(session: Session, thread: Thread) -> str:
    name = session.execute(select(customer_name(thread.vendor_id, thread.customer_id))).scalar_one_or_none()
    return name or NAMELESS


def _in_box(search: QueueSearch) -> ColumnElement[bool]:
    if search.box == Box.ALL:
        return true()
    if search.box == Box.MINE:
        said = aliased(Message)  # the statement itself joins the newest message
        mine = select(said.id).where(said.thread_id == Thread.id, said.person_id == search.person_id)
        return mine.where(said.side == Side.VENDOR).exists()
    states = {
        Box.WAITING: ThreadState.WAITING_VENDOR,
        Box.ANSWERED: ThreadState.WAITING_CUSTOMER,
        Box.CLOSED: ThreadState.CLOSED,
    }
    return Thread.state == states[search.box]


def _speaks_of(search: QueueSearch) -> ColumnElement[bool]:
    """The customer's name, or the number of one of the thread's invoices, contains the text.

    Owners are compared here too: a search must find nothing by another vendor's words (INVARIANTS I2). Both lists are
    made once, not for each thread.
    """
    if not search.text:
        return true()
    named = select(BillTo.customer_id).where(
        BillTo.vendor_id == search.vendor_id, BillTo.name.icontains(search.text, autoescape=True)
    )
    numbered = (
        select(ThreadInvoice.thread_id)
        .join(Invoice, Invoice.id == ThreadInvoice.invoice_id)
        .where(Invoice.vendor_id == search.vendor_id, Invoice.number.icontains(search.text, autoescape=True))
    )
    return or_(Thread.customer_id.in_(named), Thread.id.in_(numbered))


class Shelf(StrEnum):
    """The tabs of the invoices."""

    OPEN = "open"
    OVERDUE = "overdue"
    SOON = "soon"
    NO_ADDRESS = "no_address"
    ON_HOLD = "on_hold"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class InvoiceSearch:
    """``after`` is the key of the last row of the page before: the day it is due (settled: issued), and its id."""

    shelf: Shelf
    text: str
    now: datetime
    today: date
    after: Key | None = None


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    id: UUID
    number: str
    customer_name: str
    issued_on: date | None
    due_on: date | None
    currency: str
    balance_minor: int
    total_minor: int
    state: InvoiceState
    has_mailbox: bool
    hold: HoldKind | None
    is_asked: bool

    @property
    def label(self) -> str:
        return self.number or "without number"

    def key(self, shelf: Shelf) -> Key:
        """Where the next page begins after this row."""
        return (self.issued_on if shelf == Shelf.SETTLED else self.due_on), self.id


def find_invoices(session: Session, search: InvoiceSearch) -> list[InvoiceRow]:
    """One page and one row more: what is due longest first; settled ones newest first."""
    held = _live_hold(search.now)
    asked = (
        select(Thread.id)
        .join(ThreadInvoice, ThreadInvoice.thread_id == Thread.id)
        .where(ThreadInvoice.invoice_id == Invoice.id, Thread.state != ThreadState.CLOSED)
    )
    statement = (
        select(
            Invoice.id,
            Invoice.number,
            func.coalesce(func.nullif(BillTo.name, ""), NAMELESS),
            Invoice.issued_on,
            Invoice.due_on,
            Invoice.currency,
            Invoice.balance_minor,
            Invoice.total_minor,
            Invoice.state,
            Invoice.mailbox_id.is_not(None),
            held.order_by(Hold.created_at.desc()).limit(1).scalar_subquery(),
            asked.exists(),
        )
        .outerjoin(BillTo, BillTo.id == Invoice.bill_to_id)
        .where(_on_shelf(search, held), _named(search.text))
    )
    find = page_by_issue if search.shelf == Shelf.SETTLED else page_by_due
    return [InvoiceRow(*row) for row in find(session, statement, search.after, PAGE)]


def _live_hold(now: datetime) -> Select[HoldKind]:
    return select(Hold.kind).where(Hold.invoice_id == Invoice.id, Hold.ended_at.is_(None), Hold.ends_at > now)


def _on_shelf(search: InvoiceSearch, held: Select[HoldKind]) -> ColumnElement[bool]:
    if search.shelf == Shelf.SETTLED:
        return ~IS_OPEN
    narrower: dict[Shelf, ColumnElement[bool]] = {
        Shelf.OPEN: true(),
        Shelf.OVERDUE: Invoice.due_on < search.today,
        Shelf.SOON: Invoice.due_on.between(search.today, search.today + DUE_SOON),
        Shelf.NO_ADDRESS: Invoice.mailbox_id.is_(None),
        Shelf.ON_HOLD: held.exists(),
    }
    return and_(IS_OPEN, narrower[search.shelf])


def _named(text: str) -> ColumnElement[bool]:
    if not text:
        return true()
    return or_(
        *(column.icontains(text, autoescape=True) for column in (BillTo.name, Invoice.number, Invoice.po_number))
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """What is owed to the vendor: one sum for each currency."""

    open: Totals
    overdue: Totals
    count: int
    overdue_count: int


def standing(session: Session, today: date) -> Standing:
    """One aggregate over the vendor's open invoices."""
    late = Invoice.due_on < today
    rows = session.execute(
        select(
            Invoice.currency,
            func.count(Invoice.id),
            func.sum(Invoice.balance_minor),
            func.sum(case((late, 1), else_=0)),
            func.sum(case((late, Invoice.balance_minor), else_=0)),
        )
        .where(IS_OPEN)
        .group_by(Invoice.currency)
    ).all()
    return Standing(
        open=Totals(Money(int(total), currency) for currency, _, total, _, _ in rows),
        overdue=Totals(Money(int(total), currency) for currency, _, _, count, total in rows if count),
        count=sum(int(row[1]) for row in rows),
        overdue_count=sum(int(row[3]) for row in rows),
    )


def invoice_of(session: Session, invoice_id: UUID) -> tuple[Invoice, BillTo | None] | None:
    row = session.execute(
        select(Invoice, BillTo).outerjoin(BillTo, BillTo.id == Invoice.bill_to_id).where(Invoice.id == invoice_id)
    ).one_or_none()
    return (row[0], row[1]) if row else None


def changes_of(session: Session, invoice: Invoice) -> Sequence[InvoiceChange]:
    """What the books told, oldest first."""
    query = select(InvoiceChange).where(InvoiceChange.invoice_id == invoice.id)
    found = session.execute(query.order_by(InvoiceChange.at, InvoiceChange.id)).scalars().all()
    return found or [InvoiceChange.arrival(invoice)]


def holds_of(session: Session, invoice_id: UUID) -> Sequence[Hold]:
    query = select(Hold).where(Hold.invoice_id == invoice_id)
    return session.execute(query.order_by(Hold.created_at, Hold.id)).scalars().all()


def reminded_at(session: Session, invoice: Invoice) -> list[datetime]:
    """When this invoice stood in a reminder that went out, oldest first. Instants and nothing else: a digest is the
    customer's, and all the vendor may know of it is that its own line was in it. ``invoice`` is one the scope found."""
    with widened(session, "the dates of this vendor's own lines"):
        rows = session.execute(
            select(Digest.accepted_at)
            .join(DigestLine, DigestLine.digest_id == Digest.id)
            .where(DigestLine.invoice_id == invoice.id, DigestLine.is_shown, Digest.outcome == Outcome.ACCEPTED)
            .where(Digest.accepted_at.is_not(None))
            .order_by(Digest.accepted_at.desc())
            .limit(60)
        ).scalars()
        return [at for at in rows if at is not None][::-1]


def reminder_of(
    session: Session, vendor: Vendor, invoice: Invoice, now: datetime, limits: Limits
) -> Eligibility | None:
    """Whether the next digest would ask for this invoice, and why: the planner's own word; None where it reaches nobody
    or is over. What the customer decided about this vendor is the customer's and is not asked (INVARIANTS I2)."""
    query = (
        select(Invoice, Connection, Mailbox)
        .join(Connection, Connection.id == Invoice.connection_id)
        .join(Mailbox, Mailbox.id == Invoice.mailbox_id)
        .where(Invoice.vendor_id == vendor.id, Invoice.mailbox_id == invoice.mailbox_id, IS_OPEN)
    )
    with widened(session, "the zone of the mailbox this vendor's own rows go to, and how often it reads of one"):
        rows = session.execute(query).all()
    words = verdicts(session, [Asking(row[0], vendor, row[1], row[2], None) for row in rows], now, limits)
    return words.get(invoice.id)
