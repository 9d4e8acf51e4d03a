"""Erasing: once, for good, in one transaction. Wants a session that may do everything."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from app.db import insert_into
from app.models import (
    AddressIssue,
    Attempt,
    AuditEntry,
    BillTo,
    CalendarFeed,
    Customer,
    CustomerMember,
    DeliveryEvent,
    DetailsChange,
    ForgottenAddress,
    ForwardedInvoice,
    HeldReply,
    InboundMail,
    Invoice,
    InvoiceDocument,
    LoginToken,
    Mailbox,
    Message,
    MessageAttachment,
    Outgoing,
    Person,
    Side,
    Thread,
    VendorMember,
    WaitingFile,
    WebSession,
)
from app.narrow import all_tables
from app.privacy.queries import Subject, last_owner_of
from app.privacy.rules import MARK, hash_of, nobody
from app.privacy.sweep import sweep
from app.words import _

log = structlog.get_logger()


class CannotErase(ValueError):
    """Something must happen before; the message is written for the operator."""


def erase(session: Session, subject: Subject, *, reason: str, operator: Person, now: datetime) -> dict[str, int]:
    """Take the subject out of every table (app/privacy/rules.py says what stays); returns rows swept, by table.

    Raises CannotErase.
    """
    if operator.id in subject.person_ids:
        raise CannotErase(_("You cannot erase yourself: another operator can."))
    if last_owner_of(session, subject):
        raise CannotErase(_("This is a supplier's only owner: let them hand the desk over, or close it, first."))
    _drop_mail(session, subject)
    _drop_letters(session, subject)
    _drop_access(session, subject)
    _empty_files(session, subject)
    _unname(session, subject, now)
    _let_books_go(session, subject)
    swept = sweep(session, subject)
    _forget(session, subject, now)
    _record(session, subject, swept, reason, operator, now)
    return swept


def _drop_mail(session: Session, subject: Subject) -> None:
    """What we wrote to them, and what became of it."""
    mails = select(Outgoing.id).where(
        or_(
            Outgoing.mailbox_id.in_(subject.mailbox_ids),
            Outgoing.person_id.in_(subject.person_ids),
            Outgoing.address.in_(subject.addresses),
        )
    )
    attempts = select(Attempt.id).where(Attempt.outgoing_id.in_(mails))
    _delete(session, DeliveryEvent, DeliveryEvent.attempt_id.in_(attempts))
    _delete(session, Attempt, Attempt.outgoing_id.in_(mails))
    _delete(session, Outgoing, Outgoing.id.in_(mails))


def _drop_letters(session: Session, subject: Subject) -> None:
    """What they wrote to us, as it came in: what was filed of it is a message, and stays as one."""
    held = HeldReply.mailbox_id.in_(subject.mailbox_ids) | HeldReply.person_id.in_(subject.person_ids)
    raw = list(session.scalars(select(HeldReply.inbound_id).where(held)))
    _delete(session, HeldReply, held)
    threads = select(Message.thread_id).where(
        Message.person_id.in_(subject.person_ids) | Message.sender_address.in_(subject.addresses)
    )
    theirs = select(Thread.id).where(Thread.mailbox_id.in_(subject.mailbox_ids))
    filed = InboundMail.thread_id.in_(threads) | InboundMail.thread_id.in_(theirs) | InboundMail.id.in_(raw)
    kept = select(HeldReply.inbound_id)  # somebody else's, who has not said yet which supplier is meant
    _delete(session, InboundMail, filed & InboundMail.id.not_in(kept))


def _drop_access(session: Session, subject: Subject) -> None:
    _delete(session, LoginToken, LoginToken.address.in_(subject.addresses))
    for table in (WebSession, LoginToken, CalendarFeed, CustomerMember, VendorMember, WaitingFile):
        _delete(session, table, table.person_id.in_(subject.person_ids))


def _empty_files(session: Session, subject: Subject) -> None:
    """Nobody can look for a name in a file: those they sent are emptied, and copies of invoices fetched anew."""
    whose: ColumnElement[bool] = Message.person_id.in_(subject.person_ids)
    told: ColumnElement[bool] = DetailsChange.person_id.in_(subject.person_ids)
    if subject.customer_id:
        whose = whose | Message.customer_id.in_(subject.customer_ids)
        told = DetailsChange.customer_id.in_(subject.customer_ids)
        _delete(session, ForwardedInvoice, ForwardedInvoice.customer_id.in_(subject.customer_ids))
    session.execute(update(DetailsChange).where(told).values(file_data=None))
    sent = select(Message.id).where(whose, Message.side == Side.CUSTOMER)
    empty = {"name": MARK, "size": 0, "sha256": sha256(b"").digest(), "data": b""}
    session.execute(update(MessageAttachment).where(MessageAttachment.message_id.in_(sent)).values(**empty))
    theirs = select(Invoice.id).where(Invoice.mailbox_id.in_(subject.mailbox_ids))
    _delete(session, InvoiceDocument, InvoiceDocument.invoice_id.in_(theirs))


def _unname(session: Session, subject: Subject, now: datetime) -> None:
    """Accounts and mailboxes stay as rows, because others hold on to them, and are nobody's."""
    for person in session.scalars(select(Person).where(Person.id.in_(subject.person_ids))):
        person.address, person.name, person.disabled_at = nobody(person.id), "", now
    for box in session.scalars(select(Mailbox).where(Mailbox.id.in_(subject.mailbox_ids))):
        box.address, box.proven_at, box.next_digest_at = nobody(box.id), None, None
        box.suppressed_at, box.suppressed_reason, box.reminders_off_at = now, "erased", now
    if subject.customer_id:
        session.execute(update(Customer).where(Customer.id.in_(subject.customer_ids)).values(name=MARK))
    session.flush()
    for table in all_tables():
        columns = table.__table__.columns
        if {"said_by", "person_id", "customer_id"} <= set(columns.keys()):  # the customer's own words
            which = table.person_id.in_(subject.person_ids)
            if subject.customer_id:
                which = which | table.customer_id.in_(subject.customer_ids)
            session.execute(update(table).where(which, table.said_by != "").values(said_by=""))
    by_mail = Message.sender_address.in_(subject.addresses)
    session.execute(update(Message).where(by_mail).values(sender_address="", said_by=""))


def _let_books_go(session: Session, subject: Subject) -> None:
    """The suppliers' accounting stays; it reaches nobody any more."""
    for column in (BillTo.address, BillTo.chosen_address):
        known = update(BillTo).where(column.in_(subject.addresses))
        session.execute(known.values({column.key: None, "issue": AddressIssue.INVALID}))
    if subject.customer_id:
        session.execute(update(BillTo).where(BillTo.customer_id.in_(subject.customer_ids)).values(name=MARK))
    session.execute(update(Invoice).where(Invoice.address.in_(subject.addresses)).values(address=None))


def _forget(session: Session, subject: Subject, now: datetime) -> None:
    rows = [{"address_hash": hash_of(address), "at": now} for address in subject.addresses]
    if rows:
        session.execute(insert_into(session, ForgottenAddress).on_conflict_do_nothing(), rows)


def _delete(session: Session, table: Any, which: ColumnElement[bool]) -> None:
    session.execute(delete(table).where(which).execution_options(synchronize_session=False))


def _record(
    session: Session, subject: Subject, swept: dict[str, int], reason: str, operator: Person, now: datetime
) -> None:
    """Who was erased is said by number only."""
    action = "organisation.erased" if subject.customer_id else "person.erased"
    subjects: Sequence[UUID] = (
        [subject.customer_id] if subject.customer_id else subject.person_ids + subject.mailbox_ids
    )
    log.warning(action, subject=str(subjects[0]), person=str(operator.id))
    session.add(
        AuditEntry(
            at=now,
            actor="operator",
            person_id=operator.id,
            customer_id=subject.customer_id,
            action=action,
            subject_id=subjects[0],
            detail={"reason": reason, "swept": swept, **subject.counts},
        )
    )
