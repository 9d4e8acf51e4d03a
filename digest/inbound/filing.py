"""What a mail that came in causes: a message of its conversation, a question, a choice to make, or nothing.

The address it came to says which of our mails it answers, and so the conversation or digest, the side that speaks and
whom we wrote to. The From proves nothing (INVARIANTS Q2): it names a person only where SPF or DKIM holds for it and
that person belongs to the side; anybody else is shown as an unverified sender, and nothing is ever sent to a From.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.conversations import actions as talk
from app.conversations import rules
from app.conversations.queries import invoices_of
from app.house import House
from app.intake import Intake, MailedFiles, TakeFiles
from app.mailboxes.queries import lines_of
from app.models import (
    CustomerMember,
    Digest,
    InboundMail,
    InboundOutcome,
    Mailbox,
    Message,
    Outgoing,
    OutgoingKind,
    Person,
    Side,
    Thread,
    ThreadLink,
    Trust,
    Vendor,
    VendorMember,
    VendorRole,
)
from digest.held import SaidBefore, TooMany, hold_reply
from digest.inbound.bounces import attempt_reported, file_report
from digest.inbound.mail import ReadMail
from digest.inbound.naming import meant_by
from digest.inbound.request import Received
from digest.inbound.signs import is_proven, is_report, machine_sign
from digest.replies import files_for, is_ours, mail_of

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mail, with a reason in words that repeat nothing of it."""

    outcome: InboundOutcome
    reason: str = ""
    thread_id: UUID | None = None


class _Aside(Exception):
    """This mail goes no further, for the reason given."""

    def __init__(self, reason: str, outcome: InboundOutcome = InboundOutcome.QUARANTINED) -> None:
        super().__init__(reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Reply:
    """A mail that answers one of ours, fit to be kept: what it says, and who says so."""

    answered: Outgoing
    words: str
    person: Person | None
    said_by: str
    by_mail: rules.ByMail


def file_mail(
    session: Session,
    house: House,
    row: InboundMail,
    received: Received,
    now: datetime,
    take_files: TakeFiles | None = None,
) -> Verdict:
    """Everything a mail causes, in the caller's transaction."""
    if take_files and (named := _files_named(house, received)):
        return _take_files(session, take_files, row, named, received, now)
    if attempt := attempt_reported(house.keys, received, house.settings.inbound_host):
        return Verdict(InboundOutcome.AUTOMATIC, file_report(session, attempt, received, row.received_at))
    own = frozenset({house.settings.mail_from.rpartition("@")[2].strip(" >").lower(), house.settings.inbound_host})
    sign = machine_sign(received, own)
    try:
        answered = _answered(session, house, received, now)
        _only_once(session, row, answered.id, received.mail)
        with session.begin_nested():  # what is not filed after all leaves nothing behind
            if sign:
                return _file_machine(session, house, answered, received, sign, now)
            if answered.thread_id is not None:
                return _file_in_thread(session, house, answered, received, now)
            return _file_for_digest(session, house, row, answered, received, now)
    except rules.TooMuch:
        if now - row.received_at < _DAY:
            return Verdict(InboundOutcome.WAITING, "its supplier has been asked very much within an hour")
        return Verdict(InboundOutcome.QUARANTINED, "its supplier was asked very much for a whole day")
    except (talk.NotYours, rules.ConversationError) as problem:
        return Verdict(InboundOutcome.QUARANTINED, str(problem))
    except _Aside as aside:
        is_machines = bool(sign) and aside.outcome == InboundOutcome.QUARANTINED
        return Verdict(InboundOutcome.AUTOMATIC, sign) if is_machines else Verdict(aside.outcome, str(aside))


def _files_named(house: House, received: Received) -> set[tuple[Intake, UUID]]:
    """The addresses for files that this mail came to."""
    found = (files_for(house.keys, address, house.settings.inbound_host) for address in received.recipients)
    return {each for each in found if each}


def _take_files(
    session: Session,
    take_files: TakeFiles,
    row: InboundMail,
    named: set[tuple[Intake, UUID]],
    received: Received,
    now: datetime,
) -> Verdict:
    if len(named) > 1:
        return Verdict(InboundOutcome.QUARANTINED, "it brings files to more than one address")
    ((intake, owner_id),) = named
    try:
        _only_once(session, row, owner_id, received.mail)
    except _Aside as aside:
        return Verdict(aside.outcome, str(aside))
    files = [(each.name, each.data) for each in received.mail.attachments]
    brought = MailedFiles(intake, owner_id, received.mail.from_address, is_proven(received), files)
    why = take_files(session, brought, now)
    return Verdict(InboundOutcome.QUARANTINED if why else InboundOutcome.FILED, why or "its files were taken")


def _answered(session: Session, house: House, received: Received, now: datetime) -> Outgoing:
    """The one mail of ours this answers."""
    host = house.settings.inbound_host
    ids = {found for address in received.recipients if (found := mail_of(house.keys, address, host)) is not None}
    if len(ids) > 1:
        raise _Aside("it is addressed to more than one conversation, and nothing is sent to several")
    mail = session.get(Outgoing, next(iter(ids))) if ids else None
    if mail is None:
        is_known = any(is_ours(address, host) for address in received.recipients)
        raise _Aside("its address is none that we made" if is_known else "it is not addressed to us")
    if now - mail.created_at > timedelta(days=house.limits.reply_days):
        raise _Aside(f"its address has expired: it answers a mail older than {house.limits.reply_days} days")
    return mail


def _only_once(session: Session, row: InboundMail, for_what: UUID, mail: ReadMail) -> None:
    """One mail may be brought several times, in other bytes: it is known by its id, its address and its content."""
    key = hashlib.sha256(mail.message_id.encode() + for_what.bytes + mail.content_hash).digest()
    known = select(InboundMail.id).where(InboundMail.mail_key == key, InboundMail.id != row.id)
    try:
        with session.begin_nested():
            if session.execute(known).first() is not None:
                raise _Aside("it was handled before", InboundOutcome.DUPLICATE)
            row.mail_key = key
            session.flush()
    except IntegrityError:  # brought twice at the same moment: another worker has the other one
        row.mail_key = None
        raise _Aside("it was handled before", InboundOutcome.DUPLICATE) from None


def _file_machine(
    session: Session, house: House, answered: Outgoing, received: Received, sign: str, now: datetime
) -> Verdict:
    """A notice of absence is worth reading in its conversation, once or twice; reports and all else are set aside."""
    thread = session.get(Thread, answered.thread_id) if answered.thread_id else None
    if thread is None or is_report(received) or sign.startswith("our own"):
        return Verdict(InboundOutcome.AUTOMATIC, sign)
    side = _side(answered)
    lately = select(func.count()).where(
        Message.thread_id == thread.id, Message.is_automatic.is_(True), Message.created_at > now - _DAY
    )
    words, _ = rules.fitted(received.mail.said, (), count=0, size=0)
    if not words or session.execute(lately).scalar_one() >= house.limits.automatic_per_thread_day:
        return Verdict(InboundOutcome.AUTOMATIC, sign, thread.id)
    by_mail = rules.ByMail(received.mail.from_address, is_verified=is_proven(received))
    talk.file_automatic(session, thread=thread, side=side, body=words, now=now, by_mail=by_mail)
    return Verdict(InboundOutcome.AUTOMATIC, sign, thread.id)


def _side(answered: Outgoing) -> Side:
    return Side.VENDOR if answered.kind == OutgoingKind.QUESTION else Side.CUSTOMER


# --- a reply to a mail of a conversation ----------------------------------------------------------------------------


def _file_in_thread(session: Session, house: House, answered: Outgoing, received: Received, now: datetime) -> Verdict:
    thread = session.get(Thread, answered.thread_id)
    if thread is None:
        raise _Aside("its conversation is gone")
    side = _side(answered)
    _check_say(session, thread, side, answered)
    reply = _reply(session, house, answered, received, side, thread.vendor_id, thread.customer_id)
    _check_pace(session, house, thread, side, reply.words, now)
    if side == Side.VENDOR:
        talk.answer(
            session, house=house, thread=thread, person=reply.person, body=reply.words, now=now,
            said_by=reply.said_by, by_mail=reply.by_mail,
        )  # fmt: skip
        return Verdict(InboundOutcome.FILED, "", thread.id)
    try:
        talk.follow_up(
            session, house=house, thread=thread, body=reply.words, now=now, via="mail",
            mailbox_id=answered.mailbox_id, person=reply.person, said_by=reply.said_by, by_mail=reply.by_mail,
        )  # fmt: skip
    except rules.ThreadIsClosed:  # too long ago to open it again: what is asked now is a new question
        about = [invoice.id for invoice in invoices_of(session, [thread.id])[thread.id]]
        box = answered.mailbox_id or thread.mailbox_id
        thread = ask(session, house, reply, thread.vendor_id, thread.customer_id, box, about, now)
        return Verdict(InboundOutcome.FILED, "as a new question: its conversation was closed long ago", thread.id)
    return Verdict(InboundOutcome.FILED, "", thread.id)


def ask(
    session: Session,
    house: House,
    reply: Reply,
    vendor_id: UUID,
    customer_id: UUID,
    mailbox_id: UUID | None,
    invoice_ids: list[UUID],
    now: datetime,
) -> Thread:
    """A reply becomes a question, as one asked on a page."""
    return talk.ask_question(
        session, house=house, vendor_id=vendor_id, customer_id=customer_id, mailbox_id=mailbox_id,
        invoice_ids=invoice_ids, body=reply.words, now=now, via="mail",
        person=reply.person, said_by=reply.said_by, by_mail=reply.by_mail,
    )  # fmt: skip


def _check_say(session: Session, thread: Thread, side: Side, answered: Outgoing) -> None:
    """Whoever we wrote to must still have a say here: what ends it ends the address too (INVARIANTS L2)."""
    may: Select[Any]
    if side == Side.VENDOR:
        member = select(VendorMember.id).join(Person, Person.id == VendorMember.person_id)
        member = member.where(VendorMember.vendor_id == thread.vendor_id, VendorMember.role != VendorRole.READER)
        may = member.where(VendorMember.person_id == answered.person_id, Person.disabled_at.is_(None))
        if session.get_one(Vendor, thread.vendor_id).trust == Trust.SUSPENDED:
            raise _Aside("the supplier it would speak for is suspended")
    elif answered.mailbox_id is not None:
        may = select(ThreadLink.token_hash).join(Mailbox, Mailbox.id == ThreadLink.mailbox_id)
        may = may.where(ThreadLink.thread_id == thread.id, ThreadLink.mailbox_id == answered.mailbox_id)
        may = may.where(ThreadLink.revoked_at.is_(None), Mailbox.customer_id == thread.customer_id)
    else:
        may = select(CustomerMember.id).join(Person, Person.id == CustomerMember.person_id)
        may = may.where(CustomerMember.customer_id == thread.customer_id, Person.disabled_at.is_(None))
        may = may.where(CustomerMember.person_id == answered.person_id)
    if session.execute(may.limit(1)).first() is None:
        raise _Aside("whoever it was sent to has no say in that conversation any more")


def _check_pace(session: Session, house: House, thread: Thread, side: Side, words: str, now: datetime) -> None:
    """What machines do that hide what they are: the same words again, or more than anybody writes in an hour."""
    mailed = select(Message).where(
        Message.thread_id == thread.id, Message.side == side, Message.via == "mail", Message.created_at > now - _DAY
    )
    lately = session.execute(mailed.order_by(Message.created_at.desc()).limit(100)).scalars().all()
    if any(message.body == words for message in lately):
        raise _Aside("it says again, word for word, what it said today", InboundOutcome.AUTOMATIC)
    if sum(message.created_at > now - _HOUR for message in lately) >= house.limits.mails_per_thread_hour:
        raise _Aside(f"more than {house.limits.mails_per_thread_hour} mails to one conversation within an hour")


def _reply(
    session: Session,
    house: House,
    answered: Outgoing,
    received: Received,
    side: Side,
    vendor_id: UUID | None,
    customer_id: UUID,
) -> Reply:
    mail, limits = received.mail, house.limits
    files = [rules.File(file.name, file.data) for file in mail.attachments]
    words, kept = rules.fitted(mail.said, files, count=limits.attachments, size=limits.attachment_bytes)
    if not words:
        raise _Aside("nothing is written in it besides what it quotes")
    person, is_verified = None, False
    if is_proven(received):
        person = _member(session, mail.from_address, side, vendor_id, customer_id)
        is_verified = person is not None or mail.from_address == answered.address
    by_mail = rules.ByMail(mail.from_address, is_verified=is_verified, files=kept)
    return Reply(answered, words, person, mail.from_name, by_mail)


def _member(session: Session, address: str, side: Side, vendor_id: UUID | None, customer_id: UUID) -> Person | None:
    """The person of that address, if it belongs to the side that speaks and may write there."""
    found = select(Person).where(Person.address == address, Person.disabled_at.is_(None))
    if side == Side.VENDOR:
        found = found.join(VendorMember, VendorMember.person_id == Person.id)
        found = found.where(VendorMember.vendor_id == vendor_id, VendorMember.role != VendorRole.READER)
    else:
        found = found.join(CustomerMember, CustomerMember.person_id == Person.id)
        found = found.where(CustomerMember.customer_id == customer_id)
    return session.execute(found).scalar_one_or_none()


# --- a reply to a digest --------------------------------------------------------------------------------------------


def _file_for_digest(
    session: Session, house: House, row: InboundMail, answered: Outgoing, received: Received, now: datetime
) -> Verdict:
    """To the one supplier it is certainly for; else its writer is asked. Never to several (FEATURES F7)."""
    digest = session.get(Digest, answered.digest_id) if answered.digest_id else None
    box = session.get(Mailbox, answered.mailbox_id) if answered.mailbox_id else None
    if digest is None or box is None or digest.mailbox_id != box.id or digest.customer_id != box.customer_id:
        raise _Aside("the mail it answers takes no replies")
    if digest.token_revoked_at is not None:
        raise _Aside("what it answers was revoked")
    reply = _reply(session, house, answered, received, Side.CUSTOMER, None, digest.customer_id)
    meant = meant_by(received.mail.said, lines_of(session, digest.id))
    if meant is not None:
        asked = ask(session, house, reply, meant.vendor_id, digest.customer_id, box.id, list(meant.invoice_ids), now)
        return Verdict(InboundOutcome.FILED, "", asked.id)
    try:
        hold_reply(
            session, house, row.id, digest, box, reply.words, now,
            person=reply.person, said_by=reply.said_by, by_mail=reply.by_mail,
        )  # fmt: skip
    except SaidBefore as problem:
        raise _Aside(str(problem), InboundOutcome.AUTOMATIC) from None
    except TooMany as problem:
        raise _Aside(str(problem)) from None
    return Verdict(InboundOutcome.HELD, "it names no single supplier: its writer was asked which")
