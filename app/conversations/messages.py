"""The rows of a conversation: its messages with their files, the invoices it is about, whose turn it is."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.conversations import rules
from app.conversations.rules import ByMail, File
from app.models import (
    AuditEntry,
    Invoice,
    Message,
    MessageAttachment,
    Person,
    Side,
    Thread,
    ThreadInvoice,
    ThreadState,
)

log = structlog.get_logger()


def cover_invoices(session: Session, thread: Thread, invoices: Sequence[Invoice]) -> None:
    """Let the thread be about these invoices too."""
    known = set(session.execute(select(ThreadInvoice.invoice_id).where(ThreadInvoice.thread_id == thread.id)).scalars())
    for invoice in invoices:
        if invoice.id not in known:
            session.add(
                ThreadInvoice(
                    thread_id=thread.id,
                    invoice_id=invoice.id,
                    vendor_id=thread.vendor_id,
                    customer_id=thread.customer_id,
                )
            )
    session.flush()


def add_message(
    session: Session,
    thread: Thread,
    side: Side,
    words: str,
    now: datetime,
    *,
    via: str,
    person: Person | None,
    said_by: str = "",
    result: str = "",
    by_mail: ByMail | None = None,
    is_own: bool = False,
    is_automatic: bool = False,
    canned_id: UUID | None = None,
    files: Sequence[File] = (),
) -> Message:
    message = Message(
        vendor_id=thread.vendor_id,
        customer_id=thread.customer_id,
        thread_id=thread.id,
        created_at=now,
        side=side,
        person_id=person.id if person else None,
        said_by="" if person else rules.clean_name(said_by),
        via=via,
        body=words,
        result=result,
        is_own=is_own,
        is_automatic=is_automatic,
        canned_id=canned_id,
        sender_address=by_mail.address if by_mail else "",
        is_unverified=by_mail is not None and not by_mail.is_verified,
    )
    session.add(message)
    session.flush()
    _attach(session, message, by_mail.files if by_mail else files)
    log.info("message", thread=str(thread.id), message=str(message.id), side=side.value, via=via, result=result)
    return message


def _attach(session: Session, message: Message, files: Sequence[File]) -> None:
    session.add_all(
        MessageAttachment(
            vendor_id=message.vendor_id,
            customer_id=message.customer_id,
            thread_id=message.thread_id,
            message_id=message.id,
            created_at=message.created_at,
            name=file.name,
            kind=rules.file_kind(file.name) or "application/octet-stream",
            size=len(file.data),
            sha256=hashlib.sha256(file.data).digest(),
            data=file.data,
        )
        for file in files
    )
    session.flush()


def turn(thread: Thread, state: ThreadState, waiting_since: datetime | None) -> None:
    """Whose turn it is now; whatever closed the thread before is over."""
    thread.state, thread.waiting_since = state, waiting_since
    thread.closed_at, thread.result = None, ""


def end(thread: Thread, result: str, now: datetime) -> None:
    turn(thread, ThreadState.CLOSED, None)
    thread.closed_at, thread.result = now, result


def record(
    session: Session,
    thread: Thread,
    action: str,
    now: datetime,
    person: Person | None,
    message: Message,
    **detail: str,
) -> None:
    session.add(
        AuditEntry.by(
            person.id if person else None,
            action,
            now,
            otherwise="mail" if message.via == "mail" else "link",
            vendor_id=thread.vendor_id,
            customer_id=thread.customer_id,
            subject_id=thread.id,
            detail={"message": str(message.id), **detail},
        )
    )
