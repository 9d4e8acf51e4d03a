"""Questions, answers and their mails. Every message and the mail it causes are one commit (INVARIANTS Q1).

Messages are only ever added. A thread's state and waiting time are what its last messages made of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.care.actions import meet_writer
from app.care.queries import colleagues, who_answers
from app.conversations import notices, rules
from app.conversations.messages import add_message, cover_invoices, end, record, turn
from app.conversations.queries import open_thread, recent_messages
from app.conversations.rules import ByMail, File
from app.house import House
from app.models import (
    Customer,
    Invoice,
    Mailbox,
    Message,
    Person,
    Side,
    Thread,
    ThreadState,
)
from app.scope import widened
from app.words import _

log = structlog.get_logger()


class NotYours(LookupError):
    """No such invoice, or vendor, for this customer: a page answers 404, as for an id that never was."""


def ask_question(
    session: Session,
    *,
    house: House,
    vendor_id: UUID,
    customer_id: UUID,
    mailbox_id: UUID | None,
    invoice_ids: Sequence[UUID],
    body: str,
    now: datetime,
    via: str,
    person: Person | None = None,
    said_by: str = "",
    by_mail: ByMail | None = None,
    topic: str = "",
    files: Sequence[File] = (),
    closes: str = "",
) -> Thread:
    """The customer asks the vendor, about some of its invoices or none. Its people's notices are queued in this commit.

    An open thread about one of these invoices goes on; else a new one begins. ``via`` is page, link or mail; ``person``
    is given when signed in, ``said_by`` is the name a link's holder claims. Answers go to ``mailbox_id``.
    ``topic`` is what it is about, by its key, if any. ``closes``: it wants no answer, and the thread ends with that
    result, unless one is waited for already.
    Raises CannotSay (words for the asker), and NotYours for an invoice or vendor this customer has nothing with: 404.
    """
    words = rules.clean_body(body, files)
    _one_question_at_a_time(session, customer_id)
    invoices = _invoices(session, vendor_id, customer_id, invoice_ids)
    thread = open_thread(session, vendor_id=vendor_id, customer_id=customer_id, invoice_ids=invoice_ids)
    if thread is None:
        thread = Thread(
            vendor_id=vendor_id,
            customer_id=customer_id,
            mailbox_id=mailbox_id,
            subject=rules.subject_of([invoice.number for invoice in invoices]),
            topic=rules.known_topic(topic),
            state=ThreadState.WAITING_VENDOR,
            waiting_since=None if closes else now,
            created_at=now,
        )
        session.add(thread)
        session.flush()
    else:
        session.refresh(thread, with_for_update=True)
    cover_invoices(session, thread, invoices)
    ends = "" if thread.waiting_since else closes
    saying = _Saying(words, via, mailbox_id, person, said_by, by_mail, tuple(files), ends)
    _say(session, house, thread, saying, now)
    return thread


def follow_up(
    session: Session,
    *,
    house: House,
    thread: Thread,
    body: str,
    now: datetime,
    via: str,
    mailbox_id: UUID | None = None,
    person: Person | None = None,
    said_by: str = "",
    by_mail: ByMail | None = None,
    files: Sequence[File] = (),
    closes: str = "",
) -> Message:
    """The customer writes on in a thread; a closed one opens again within 30 days, unless this ``closes`` it.

    Raises CannotSay, ThreadIsClosed.
    """
    words = rules.clean_body(body, files)
    _lock(session, thread, now)
    saying = _Saying(words, via, mailbox_id, person, said_by, by_mail, tuple(files), closes)
    return _say(session, house, thread, saying, now)


def answer(
    session: Session,
    *,
    house: House,
    thread: Thread,
    person: Person | None,
    body: str,
    now: datetime,
    said_by: str = "",
    by_mail: ByMail | None = None,
    canned_id: UUID | None = None,
    files: Sequence[File] = (),
) -> Message:
    """The vendor answers; the asker's mail, with the invoices' state now and a link, is queued in this commit.

    ``person`` is None only for a mail whose writer nothing proves; ``canned_id`` is the ready answer it began with.
    Raises CannotSay, ThreadIsClosed.
    """
    words = rules.clean_body(body, files)
    _lock(session, thread, now)
    if (same := _said_just_now(session, thread, Side.VENDOR, words, now)) is not None:
        return same
    via = "mail" if by_mail else "page"
    message = add_message(
        session, thread, Side.VENDOR, words, now,
        via=via, person=person, said_by=said_by, by_mail=by_mail, canned_id=canned_id, files=files,
    )  # fmt: skip
    turn(thread, ThreadState.WAITING_CUSTOMER, None)
    record(session, thread, "question_answered", now, person, message)
    notices.tell_asker(session, house=house, thread=thread, message=message, now=now)
    return message


def file_automatic(
    session: Session, *, thread: Thread, side: Side, body: str, now: datetime, by_mail: ByMail
) -> Message:
    """Keep what a machine replied, for both sides to see. It changes nobody's turn and tells nobody (INVARIANTS N5)."""
    words = rules.clean_body(body)
    return add_message(session, thread, side, words, now, via="mail", person=None, by_mail=by_mail, is_automatic=True)


def close_thread(
    session: Session,
    *,
    house: House,
    thread: Thread,
    person: Person | None,
    result: str,
    now: datetime,
    body: str = "",
    side: Side = Side.VENDOR,
) -> Message | None:
    """Close with a result of rules.RESULTS_OF[side], with or without last words. The closing is itself a message.

    The asker is told by mail when the vendor closes with words, or without having answered. None when it was closed
    already. Raises WrongResult, CannotSay.
    """
    rules.check_result(result, side)
    words = rules.clean_body(body) if body.strip() else ""
    session.refresh(thread, with_for_update=True)
    if thread.state == ThreadState.CLOSED:
        return None
    was_waiting = thread.state == ThreadState.WAITING_VENDOR
    message = add_message(session, thread, side, words, now, via="page", person=person, result=result)
    end(thread, result, now)
    record(session, thread, "thread_closed", now, person, message, result=result)
    if side == Side.VENDOR and (words or was_waiting):
        notices.tell_asker(session, house=house, thread=thread, message=message, now=now)
    return message


def tell_both(
    session: Session,
    *,
    house: House,
    thread: Thread,
    body: str,
    now: datetime,
    result: str = "",
    to: Sequence[Side] = (),
) -> Message:
    """The house itself says in the thread what happened, and by mail to the sides of ``to``. It counts as nobody's
    answer; with a result it ends the thread."""
    session.refresh(thread, with_for_update=True)
    message = add_message(
        session, thread, Side.VENDOR, rules.clean_body(body), now,
        via=rules.HOUSE, person=None, result=result, is_automatic=True,
    )  # fmt: skip
    if result and thread.state != ThreadState.CLOSED:
        end(thread, result, now)
    if Side.CUSTOMER in to:
        notices.tell_asker(session, house=house, thread=thread, message=message, now=now)
    if Side.VENDOR in to:
        people = who_answers(colleagues(session, thread.vendor_id), thread.assignee_id, now)
        notices.tell_vendor(session, house=house, thread=thread, message=message, people=people, now=now)
    return message


def _one_question_at_a_time(session: Session, customer_id: UUID) -> None:
    """Questions of one customer queue up here, so that a button pressed twice cannot begin two threads."""
    session.execute(select(Customer.id).where(Customer.id == customer_id).with_for_update(key_share=True))


def _invoices(session: Session, vendor_id: UUID, customer_id: UUID, wanted: Sequence[UUID]) -> list[Invoice]:
    """The wanted invoices. Raises NotYours when one is not of this vendor and customer, or the two share none."""
    shared = select(Invoice).where(Invoice.vendor_id == vendor_id, Invoice.customer_id == customer_id)
    if not wanted:
        if session.execute(shared.limit(1)).first() is None:
            raise NotYours("this vendor has nothing with this customer")
        return []
    found = session.execute(shared.where(Invoice.id.in_(wanted)).order_by(Invoice.due_on, Invoice.id)).scalars().all()
    if len(found) != len(set(wanted)):
        raise NotYours("an invoice is not this vendor's to this customer")
    return list(found)


def _lock(session: Session, thread: Thread, now: datetime) -> None:
    """Nobody else writes into this thread until we commit. Raises ThreadIsClosed."""
    session.refresh(thread, with_for_update=True)
    if thread.state == ThreadState.CLOSED and not rules.may_continue(thread.closed_at, now):
        raise rules.ThreadIsClosed(_("This conversation was closed more than 30 days ago. Please ask a new question."))


@dataclass(frozen=True, slots=True)
class _Saying:
    """What a customer says, how it came, and whom it is from as far as that is known."""

    words: str
    via: str
    mailbox_id: UUID | None
    person: Person | None
    said_by: str
    by_mail: ByMail | None
    files: tuple[File, ...] = ()
    closes: str = ""  # the thread with this result: it wants no answer


def _say(session: Session, house: House, thread: Thread, saying: _Saying, now: datetime) -> Message:
    """Add what the customer says, and tell the vendor's people."""
    if (same := _said_just_now(session, thread, Side.CUSTOMER, saying.words, now)) is not None:
        return same
    _check_pace(session, thread, house.limits.questions_per_hour, now)
    thread.mailbox_id = saying.mailbox_id or thread.mailbox_id
    with widened(session, "whom to tell at the vendor, and whether the asker is one of them"):
        team = colleagues(session, thread.vendor_id)
        is_own = _is_one_of(session, [one.person for one in team], saying, thread.mailbox_id)
    since = thread.waiting_since if thread.state == ThreadState.WAITING_VENDOR else None
    message = add_message(
        session, thread, Side.CUSTOMER, saying.words, now, result=saying.closes, files=saying.files,
        via=saying.via, person=saying.person, said_by=saying.said_by, by_mail=saying.by_mail, is_own=is_own,
    )  # fmt: skip
    if saying.closes:
        end(thread, saying.closes, now)
    else:
        turn(thread, ThreadState.WAITING_VENDOR, since or now)
    record(session, thread, "question_asked", now, saying.person, message, via=saying.via)
    meet_writer(session, message, now)
    people = who_answers(team, thread.assignee_id, now)
    notices.tell_vendor(session, house=house, thread=thread, message=message, people=people, now=now)
    return message


def _check_pace(session: Session, thread: Thread, most: int, now: datetime) -> None:
    """A forwarded link, or a program behind it, must not bury the vendor's people in mail. Raises TooMuch."""
    said = select(func.count()).where(
        Message.vendor_id == thread.vendor_id,
        Message.customer_id == thread.customer_id,
        Message.side == Side.CUSTOMER,
        Message.created_at > now - timedelta(hours=1),
    )
    if session.execute(said).scalar_one() >= most:
        raise rules.TooMuch(_("That is more than anybody can answer within an hour. Please wait a little, then go on."))


def _said_just_now(session: Session, thread: Thread, side: Side, words: str, now: datetime) -> Message | None:
    """The same words, said by the same side a moment ago: a second press of the button, or the page sent again. Not
    only the newest message: a colleague may have written between the two presses. Once the other side has spoken, the
    same words are said anew."""
    for message in recent_messages(session, thread.id, now - rules.SAME_AGAIN):
        if message.is_automatic:
            continue
        if message.side != side or message.result:
            return None
        if message.body == words:
            return message
    return None


def _is_one_of(session: Session, people: Sequence[Person], saying: _Saying, mailbox_id: UUID | None) -> bool:
    """Whether the asker is the vendor itself: one of its people, or a mailbox or sender with one of their addresses."""
    if saying.person is not None and any(saying.person.id == colleague.id for colleague in people):
        return True
    mailbox = session.get(Mailbox, mailbox_id) if mailbox_id else None
    addresses = {mailbox.address if mailbox else "", saying.by_mail.address if saying.by_mail else ""}
    return any(colleague.address in addresses for colleague in people)
