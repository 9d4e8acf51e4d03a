"""Reads for the vendor's pages. The scope is the vendor; a customer is known by what the vendor's books call it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, true
from sqlalchemy.orm import Session

from app.desk.rules import DUE_SOON
from app.mailboxes.outlook import Asking, verdicts
from app.models import (
    BillTo,
    Connection,
    Hold,
    HoldKind,
    Invoice,
    InvoiceState,
    Mailbox,
    Thread,
    ThreadInvoice,
    ThreadState,
    Trust,
    Vendor,
)
from app.money import Money, Totals
from app.receivables.queries import IS_OPEN, IS_SETTLED, Key, page_by_due, page_by_issue
from app.receivables.rules import Eligibility
from app.receivables.sums import open_sums
from app.scope import widened
from app.settings import Limits

PAGE = 25
NAMELESS = "A customer"


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
    live = and_(Hold.ended_at.is_(None), Hold.ends_at > search.now)
    held = select(Hold.kind).where(Hold.invoice_id == Invoice.id, live)
    asked = (  # one by one, which a limit makes sure of: EXISTS would first look through all questions
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
            asked.limit(1).scalar_subquery().is_not(None),
        )
        .outerjoin(BillTo, BillTo.id == Invoice.bill_to_id)
        .where(_on_shelf(search, select(Hold.invoice_id).where(live)), _named(search.text))
    )
    find = page_by_issue if search.shelf == Shelf.SETTLED else page_by_due
    return [InvoiceRow(*row) for row in find(session, statement, search.after, PAGE)]


def _on_shelf(search: InvoiceSearch, held: Select[UUID]) -> ColumnElement[bool]:
    if search.shelf == Shelf.SETTLED:
        return IS_SETTLED
    narrower: dict[Shelf, ColumnElement[bool]] = {
        Shelf.OPEN: true(),
        Shelf.OVERDUE: Invoice.due_on < search.today,
        Shelf.SOON: Invoice.due_on.between(search.today, search.today + DUE_SOON),
        Shelf.NO_ADDRESS: Invoice.mailbox_id.is_(None),
        Shelf.ON_HOLD: Invoice.id.in_(held),  # few of all that are open
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


def standing(session: Session, vendor_id: UUID, today: date) -> Standing:
    """From the sums the database keeps, in one statement."""
    sums = open_sums(session, vendor_id, [today])
    return Standing(
        open=Totals(Money(each.minor, each.currency) for each in sums),
        overdue=Totals(Money(each.minor, each.currency) for each in sums if each.late),
        count=sum(each.count for each in sums),
        overdue_count=sum(each.count for each in sums if each.late),
    )


def invoice_of(session: Session, invoice_id: UUID) -> tuple[Invoice, BillTo | None] | None:
    row = session.execute(
        select(Invoice, BillTo).outerjoin(BillTo, BillTo.id == Invoice.bill_to_id).where(Invoice.id == invoice_id)
    ).one_or_none()
    return (row[0], row[1]) if row else None


def logo(session: Session, key: str) -> bytes | None:
    """Of a verified vendor: whoever has proven nothing could show another's."""
    query = select(Vendor.logo).where(Vendor.logo_key == key, Vendor.logo_key != "", Vendor.trust == Trust.VERIFIED)
    return session.execute(query).scalar_one_or_none()


def told_in(session: Session, invoice: Invoice) -> list[tuple[UUID, str]]:
    """The invoice as each of the vendor's connections has it, with the provider; the one that stands comes first."""
    stands_id = invoice.same_as_id or invoice.id
    query = (
        select(Invoice.id, Connection.provider)
        .join(Connection, Connection.id == Invoice.connection_id)
        .where(or_(Invoice.id == stands_id, Invoice.same_as_id == stands_id))
        .order_by(Invoice.id != stands_id, Invoice.id)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


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


def live_holds_on(session: Session, invoice_ids: Sequence[UUID], now: datetime) -> dict[UUID, list[Hold]]:
    """What silences each of the invoices now."""
    live = select(Hold).where(Hold.invoice_id.in_(invoice_ids), Hold.ended_at.is_(None), Hold.ends_at > now)
    found: dict[UUID, list[Hold]] = defaultdict(list)
    for hold in session.execute(live.order_by(Hold.created_at, Hold.id)).scalars():
        found[hold.invoice_id].append(hold)
    return found
