"""A message the vendor begins: written by hand, in place of what the next digest would have asked (FEATURES F10)."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.conversations import notices, rules
from app.conversations.actions import answer
from app.conversations.messages import add_message, cover_invoices, record
from app.conversations.queries import open_thread
from app.conversations.rules import ConversationError, TooMuch
from app.house import House
from app.models import (
    Customer,
    Invoice,
    Mailbox,
    Person,
    Relation,
    Side,
    Thread,
    ThreadState,
    Trust,
    Vendor,
)
from app.scope import widened
from app.words import _

TOPIC = "letter"


class CannotWrite(ConversationError):
    """This customer cannot be written to from here; the words say why, as far as the vendor may know."""


def write_letter(
    session: Session, *, house: House, invoice: Invoice, person: Person, body: str, now: datetime
) -> Thread:
    """Say it to the customer in the conversation about ``invoice``, or in a new one; its mail is queued in this commit.

    A mailbox that takes no reminders, or of this vendor none, finds it in the inbox only, and the vendor is not told.
    Raises CannotSay, CannotWrite, TooMuch.
    """
    words = rules.clean_body(body)
    if invoice.customer_id is None:
        raise CannotWrite(_("This invoice reaches nobody: it has no mail address."))
    if session.get_one(Vendor, invoice.vendor_id).trust != Trust.VERIFIED:
        raise CannotWrite(_("Until you are verified, we carry no words of yours to customers who did not ask."))
    if thread := open_thread(
        session, vendor_id=invoice.vendor_id, customer_id=invoice.customer_id, invoice_ids=[invoice.id]
    ):
        answer(session, house=house, thread=thread, person=person, body=words, now=now)
        return thread
    _check_pace(session, invoice.vendor_id, invoice.customer_id, house.limits.letters_per_day, now)
    thread = Thread(
        vendor_id=invoice.vendor_id,
        customer_id=invoice.customer_id,
        mailbox_id=invoice.mailbox_id,
        subject=rules.subject_of([invoice.number]),
        state=ThreadState.WAITING_CUSTOMER,
        topic=TOPIC,
        assignee_id=person.id,
        created_at=now,
    )
    session.add(thread)
    session.flush()
    cover_invoices(session, thread, [invoice])
    message = add_message(session, thread, Side.VENDOR, words, now, via="page", person=person)
    record(session, thread, "letter.written", now, person, message)
    if _takes_mail(session, invoice, now):
        notices.tell_asker(session, house=house, thread=thread, message=message, now=now)
    return thread


def _check_pace(session: Session, vendor_id: UUID, customer_id: UUID, most: int, now: datetime) -> None:
    """Two letters of two people at once count one after the other."""
    with widened(session, "letters to one customer wait for each other"):
        session.execute(select(Customer.id).where(Customer.id == customer_id).with_for_update(key_share=True))
    written = select(func.count(Thread.id)).where(
        Thread.vendor_id == vendor_id,
        Thread.customer_id == customer_id,
        Thread.topic == TOPIC,
        Thread.created_at > now - timedelta(days=1),
    )
    if session.execute(written).scalar_one() >= most:
        raise TooMuch(_("This customer got enough letters of yours for a day. Go on tomorrow, or call."))


def _takes_mail(session: Session, invoice: Invoice, now: datetime) -> bool:
    """What nobody asked for goes only where reminders go."""
    with widened(session, "whether this customer takes mail of this vendor: it decides on a mail, and is told nobody"):
        mailbox = session.get(Mailbox, invoice.mailbox_id) if invoice.mailbox_id else None
        refusing = select(Relation.id).where(
            Relation.customer_id == invoice.customer_id,
            Relation.vendor_id == invoice.vendor_id,
            Relation.muted_at.is_not(None) | Relation.blocked_at.is_not(None),
        )
        if mailbox is None or session.execute(refusing).first():
            return False
        is_paused = mailbox.paused_until is not None and mailbox.paused_until > now
        return not (mailbox.reminders_off_at or mailbox.suppressed_at or is_paused)
