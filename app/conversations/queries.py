"""Threads and what was said in them. The session's scope decides whose (INVARIANTS Q2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarSelect, Select, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased, undefer

from app.models import (
    BillTo,
    Invoice,
    Message,
    MessageAttachment,
    Person,
    Side,
    Thread,
    ThreadInvoice,
    ThreadState,
    Vendor,
)
from app.words import _

_NEWEST_FIRST = (Message.created_at.desc(), Message.id.desc())


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """One message as both sides read it. ``author`` may be empty: then only the side is known.

    ``is_claimed`` says that nobody signed in to write it: the name is a claim (INVARIANTS D4).
    """

    id: UUID
    side: Side
    at: datetime
    body: str
    author: str
    is_claimed: bool
    result: str
    is_automatic: bool
    via: str
    sender_address: str
    is_unverified: bool
    files: Sequence[MessageAttachment]


@dataclass(frozen=True, slots=True)
class ThreadRow:
    """A line of the customer's list of conversations."""

    id: UUID
    vendor_id: UUID
    vendor_name: str
    vendor_colour: str
    subject: str
    state: ThreadState
    result: str
    begun_at: datetime
    last_at: datetime
    last_side: Side
    last_body: str


def thread_of(session: Session, thread_id: UUID) -> Thread | None:
    """The thread, if the scope may see it; a foreign one looks exactly like a missing one."""
    return session.execute(select(Thread).where(Thread.id == thread_id)).scalar_one_or_none()


def messages_of(session: Session, thread_id: UUID, limit: int = 500) -> list[ShownMessage]:
    """Oldest first; the newest ``limit`` of them."""
    rows = session.execute(
        select(Message, Person.name)
        .outerjoin(Person, Person.id == Message.person_id)
        .where(Message.thread_id == thread_id)
        .order_by(Message.created_at.desc(), Message.id.desc())
        .limit(limit)
    )
    files = files_of(session, thread_id)
    return [_shown(message, name, files.get(message.id, ())) for message, name in rows][::-1]


def files_of(session: Session, thread_id: UUID) -> dict[UUID, list[MessageAttachment]]:
    """The files of a conversation by message, without their contents."""
    query = select(MessageAttachment).where(MessageAttachment.thread_id == thread_id)
    found: dict[UUID, list[MessageAttachment]] = {}
    for file in session.execute(query.order_by(MessageAttachment.created_at, MessageAttachment.id)).scalars():
        found.setdefault(file.message_id, []).append(file)
    return found


def file_of(session: Session, thread_id: UUID, file_id: UUID) -> MessageAttachment | None:
    """One file of a conversation of the scope, with its content."""
    query = select(MessageAttachment).where(MessageAttachment.id == file_id, MessageAttachment.thread_id == thread_id)
    return session.execute(query.options(undefer(MessageAttachment.data))).scalar_one_or_none()


def _shown(message: Message, name: str | None, files: Sequence[MessageAttachment]) -> ShownMessage:
    return ShownMessage(
        id=message.id,
        side=message.side,
        at=message.created_at,
        body=message.body,
        author=name or message.said_by,
        is_claimed=message.person_id is None and (message.side == Side.CUSTOMER or message.via == "mail"),
        result=message.result,
        is_automatic=message.is_automatic,
        via=message.via,
        sender_address=message.sender_address,
        is_unverified=message.is_unverified,
        files=files,
    )


def invoices_of(session: Session, thread_ids: Sequence[UUID]) -> dict[UUID, list[Invoice]]:
    """The invoices each thread is about, as they stand now."""
    found: dict[UUID, list[Invoice]] = {thread_id: [] for thread_id in thread_ids}
    if not thread_ids:
        return found
    rows = session.execute(
        select(ThreadInvoice.thread_id, Invoice)
        .join(Invoice, Invoice.id == ThreadInvoice.invoice_id)
        .where(ThreadInvoice.thread_id.in_(thread_ids))
        .order_by(Invoice.due_on, Invoice.id)
    )
    for thread_id, invoice in rows:
        found[thread_id].append(invoice)
    return found


def threads_about(session: Session, invoice_id: UUID, limit: int = 50) -> list[Thread]:
    """The threads one invoice is spoken of in, newest first."""
    return list(
        session.execute(
            select(Thread)
            .join(ThreadInvoice, ThreadInvoice.thread_id == Thread.id)
            .where(ThreadInvoice.invoice_id == invoice_id)
            .order_by(Thread.created_at.desc(), Thread.id.desc())
            .limit(limit)
        ).scalars()
    )


def customer_threads(
    session: Session,
    *,
    states: Sequence[ThreadState] = (),
    vendor_id: UUID | None = None,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 25,
) -> list[ThreadRow]:
    """The scope's customer's conversations, those begun last first; ``before`` is the last row's key of the page before
    (``Thread.created_at``, ``Thread.id``)."""
    statement = (
        select(Thread, Vendor.name, Vendor.colour, Message)
        .join(Vendor, Vendor.id == Thread.vendor_id)
        .join(Message, Message.id == last_message_id())
        .order_by(Thread.created_at.desc(), Thread.id.desc())
        .limit(limit)
    )
    if states:
        statement = statement.where(Thread.state.in_(states))
    if vendor_id is not None:
        statement = statement.where(Thread.vendor_id == vendor_id)
    if before is not None:
        at, last_id = before
        statement = statement.where(or_(Thread.created_at < at, and_(Thread.created_at == at, Thread.id < last_id)))
    return [
        ThreadRow(
            id=thread.id,
            vendor_id=thread.vendor_id,
            vendor_name=vendor_name,
            vendor_colour=colour,
            subject=thread.subject,
            state=thread.state,
            result=thread.result,
            begun_at=thread.created_at,
            last_at=last.created_at,
            last_side=last.side,
            last_body=last.body,
        )
        for thread, vendor_name, colour, last in session.execute(statement)
    ]


def last_message_id(of: Any = Thread) -> ScalarSelect[UUID]:
    """For a statement over Thread, or an alias of it: the id of its newest message."""
    newest = aliased(Message)
    return (
        select(newest.id)
        .where(newest.thread_id == of.id)
        .order_by(newest.created_at.desc(), newest.id.desc())
        .limit(1)
        .correlate(of)
        .scalar_subquery()
    )


def open_thread(session: Session, *, vendor_id: UUID, customer_id: UUID, invoice_ids: Sequence[UUID]) -> Thread | None:
    """The thread a new question about these invoices (or about none) goes on in, if one is open."""
    about = exists().where(ThreadInvoice.thread_id == Thread.id)
    wanted = about.where(ThreadInvoice.invoice_id.in_(invoice_ids)) if invoice_ids else ~about
    return session.execute(
        select(Thread)
        .where(Thread.vendor_id == vendor_id, Thread.customer_id == customer_id, Thread.state != ThreadState.CLOSED)
        .where(wanted)
        .order_by(Thread.created_at.desc(), Thread.id.desc())
        .limit(1)
    ).scalar_one_or_none()


def recent_messages(session: Session, thread_id: UUID, since: datetime) -> Sequence[Message]:
    """What was said in a thread from ``since`` on, the newest first."""
    query = select(Message).where(Message.thread_id == thread_id, Message.created_at >= since)
    return session.execute(query.order_by(*_NEWEST_FIRST)).scalars().all()


def last_from(session: Session, thread_id: UUID, side: Side) -> Message | None:
    """What one side said last, in words."""
    return session.execute(_newest(thread_id).where(Message.side == side, Message.body != "")).scalar_one_or_none()


def _newest(thread_id: UUID) -> Select[Message]:
    return select(Message).where(Message.thread_id == thread_id).order_by(*_NEWEST_FIRST).limit(1)


def name_in_books(session: Session, vendor_id: UUID, customer_id: UUID) -> str:
    """What the vendor's books call the customer: never what others' do."""
    names = (
        select(BillTo.name)
        .where(BillTo.vendor_id == vendor_id, BillTo.customer_id == customer_id, BillTo.name != "")
        .order_by(BillTo.created_at, BillTo.id)
        .limit(1)
    )
    return session.execute(names).scalar_one_or_none() or _("A customer")
