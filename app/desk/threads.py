"""Reads for the queue of conversations: who waits, since when, about what, and who of us answers."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, and_, func, or_, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from app.conversations.queries import last_message_id
from app.models import BillTo, Invoice, Message, Side, Thread, ThreadInvoice, ThreadState
from app.words import _

PAGE = 25
Key = tuple[datetime, UUID]  # of a row: when it began to wait, or was begun, and its id


class Box(StrEnum):
    """The tabs of the queue."""

    WAITING = "waiting"
    ANSWERED = "answered"
    CLOSED = "closed"
    ALL = "all"


class Whose(StrEnum):
    """Who of the vendor's people answers."""

    ANYBODY = ""
    MINE = "mine"  # assigned to me; or to nobody, and I have answered in it
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class QueueSearch:
    """``topic``: what the question is about, None for any, "" for free words. ``after`` is the key of the last row of
    the page before."""

    box: Box
    text: str
    vendor_id: UUID
    person_id: UUID
    after: Key | None = None
    whose: Whose = Whose.ANYBODY
    topic: str | None = None


@dataclass(frozen=True, slots=True)
class QueueRow:
    id: UUID
    subject: str
    topic: str
    state: ThreadState
    result: str
    waiting_since: datetime | None
    begun_at: datetime
    customer_name: str
    assignee_id: UUID | None
    last_at: datetime
    last_side: Side
    last_body: str

    def key(self, box: Box) -> Key:
        """Where the next page begins after this row."""
        return (self.waiting_since or self.begun_at) if box == Box.WAITING else self.begun_at, self.id


def find_threads(session: Session, search: QueueSearch) -> list[QueueRow]:
    """One page and one row more, in one statement: who waits longest first, or the newest first. Which threads they are
    is decided first, by an index; only of these is the last message looked for."""
    found = select(Thread).where(_is_meant(search))
    if search.after:
        found = found.where(_comes_after(search.box, search.after))
    page = aliased(Thread, found.order_by(*_order(search.box, Thread)).limit(PAGE + 1).subquery())
    statement: Any = (
        select(
            page.id,
            page.subject,
            page.topic,
            page.state,
            page.result,
            page.waiting_since,
            page.created_at,
            func.coalesce(customer_name(page.vendor_id, page.customer_id), _("A customer")),
            page.assignee_id,
            Message.created_at,
            Message.side,
            Message.body,
        )
        .join(Message, and_(Message.thread_id == page.id, Message.id == last_message_id(page)))
        .order_by(*_order(search.box, page))
    )
    return [QueueRow(*row) for row in session.execute(statement)]


def _order(box: Box, of: Any) -> tuple[Any, Any]:
    return (of.waiting_since, of.id) if box == Box.WAITING else (of.created_at.desc(), of.id.desc())


def _comes_after(box: Box, key: Key) -> ColumnElement[bool]:
    if box == Box.WAITING:
        return tuple_(Thread.waiting_since, Thread.id) > key
    return tuple_(Thread.created_at, Thread.id) < key


def next_waiting(session: Session, search: QueueSearch, thread_id: UUID, since: datetime | None) -> UUID | None:
    """Whose turn it is after this thread, which waited ``since``: the next of the same part of the queue, and after the
    last one the first again. None when nobody else waits there."""
    meant = _is_meant(replace(search, box=Box.WAITING, text=""))
    query = select(Thread.id).where(meant, Thread.id != thread_id).order_by(*_order(Box.WAITING, Thread)).limit(1)
    if since is not None:
        following = session.scalar(query.where(_comes_after(Box.WAITING, (since, thread_id))))
        if following is not None:
            return following
    return session.scalar(query)


def threads_of(session: Session, thread_ids: list[UUID]) -> list[Thread]:
    """Those of them that are in the scope."""
    return list(session.execute(select(Thread).where(Thread.id.in_(thread_ids)).order_by(Thread.id)).scalars())


def bill_to_id_of(session: Session, thread: Thread) -> UUID | None:
    """The customer's page: of the first invoice the thread is about, else of the first the books have of it."""
    about = (
        select(Invoice.bill_to_id)
        .join(ThreadInvoice, ThreadInvoice.invoice_id == Invoice.id)
        .where(ThreadInvoice.thread_id == thread.id, Invoice.bill_to_id.is_not(None))
        .order_by(Invoice.due_on, Invoice.id)
    )
    known = select(BillTo.id).where(BillTo.vendor_id == thread.vendor_id, BillTo.customer_id == thread.customer_id)
    return session.scalar(about.limit(1)) or session.scalar(known.order_by(BillTo.created_at, BillTo.id).limit(1))


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


_STATES = {
    Box.WAITING: ThreadState.WAITING_VENDOR,
    Box.ANSWERED: ThreadState.WAITING_CUSTOMER,
    Box.CLOSED: ThreadState.CLOSED,
}


def _is_meant(search: QueueSearch) -> ColumnElement[bool]:
    about = true() if search.topic is None else Thread.topic == search.topic
    return and_(_in_box(search), _is_whose(search), about, _speaks_of(search))


def _in_box(search: QueueSearch) -> ColumnElement[bool]:
    return true() if search.box == Box.ALL else Thread.state == _STATES[search.box]


def _is_whose(search: QueueSearch) -> ColumnElement[bool]:
    if search.whose == Whose.ANYBODY:
        return true()
    free = Thread.assignee_id.is_(None)
    if search.whose == Whose.NOBODY:
        return free
    said = aliased(Message)  # the statement itself joins the newest message
    mine = select(said.id).where(said.thread_id == Thread.id, said.person_id == search.person_id)
    spoke = mine.where(said.side == Side.VENDOR).limit(1).scalar_subquery().is_not(None)  # one by one, as below
    return or_(Thread.assignee_id == search.person_id, and_(free, spoke))


def _speaks_of(search: QueueSearch) -> ColumnElement[bool]:
    """The customer's name, or the number of one of the thread's invoices, contains the text.

    Owners are compared here too: a search must find nothing by another vendor's words (INVARIANTS I2). Each thread is
    asked for its own names, one by one, which a limit makes sure of: with EXISTS, PostgreSQL would first look through
    all the vendor's customers and invoices, of which there are many more than conversations.
    """
    if not search.text:
        return true()
    named = select(BillTo.id).where(
        BillTo.vendor_id == search.vendor_id,
        BillTo.customer_id == Thread.customer_id,
        BillTo.name.icontains(search.text, autoescape=True),
    )
    numbered = (
        select(ThreadInvoice.thread_id)
        .join(Invoice, Invoice.id == ThreadInvoice.invoice_id)
        .where(
            ThreadInvoice.thread_id == Thread.id,
            Invoice.vendor_id == search.vendor_id,
            Invoice.number.icontains(search.text, autoescape=True),
        )
    )
    return or_(*(each.limit(1).scalar_subquery().is_not(None) for each in (named, numbered)))
