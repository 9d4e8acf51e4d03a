"""Writes of a vendor's people about their work: each in the audit, none of it ever the customer's to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.care import notices, rules
from app.care.queries import Colleague, colleagues
from app.care.rules import CareError
from app.house import House
from app.later import later
from app.models import (
    AuditEntry,
    BillTo,
    CannedAnswer,
    ContactKind,
    CustomerFact,
    FactField,
    Message,
    OfflineContact,
    Person,
    TaskKind,
    Thread,
    ThreadNote,
    VendorMember,
)
from app.scope import widened
from app.tasks.actions import Matter, raise_tasks
from app.words import _, marked


def assign(
    session: Session, *, vendor_id: UUID, threads: Sequence[Thread], to: UUID | None, by: Person, now: datetime
) -> None:
    """From now on ``to`` is told of what these customers write, and finds it under "Mine"; None: everybody again.
    Raises CareError for somebody who may not answer."""
    if to is not None and not _colleague(session, vendor_id, to).may_answer:
        raise CareError(_("This colleague may only read. Choose somebody who may answer."))
    for thread in threads:
        if thread.assignee_id != to:
            thread.assignee_id = to
            _record(session, vendor_id, "question.assigned", thread.id, by, now, to=str(to or ""))


def add_note(
    session: Session, *, house: House, thread: Thread, body: str, mentioned: UUID | None, by: Person, now: datetime
) -> ThreadNote:
    """Write beside a conversation; a mentioned colleague is told by mail in this commit. Raises CareError."""
    words = _words(body, 4000)
    if mentioned is not None:
        _colleague(session, thread.vendor_id, mentioned)
    note = ThreadNote(
        vendor_id=thread.vendor_id, thread_id=thread.id, person_id=by.id, mentioned_id=mentioned, body=words,
        created_at=now,
    )  # fmt: skip
    session.add(note)
    session.flush()
    if mentioned is not None:
        notices.tell_mentioned(session, house=house, thread=thread, note=note, by=by)
    return note


def save_canned(
    session: Session, *, vendor_id: UUID, canned: CannedAnswer | None, title: str, body: str, by: Person, now: datetime
) -> CannedAnswer:
    """A new ready answer, or other words for a known one. Raises CareError."""
    name, words = " ".join(_words(title, 80).split()), _words(body, 4000)
    if unknown := rules.unknown_places(words):
        raise CareError(_("Nothing is known to put into {%(place)s}. See the list of places.", place=unknown[0]))
    if canned is None:
        known = select(func.count(CannedAnswer.id)).where(CannedAnswer.retired_at.is_(None))
        if session.execute(known).scalar_one() >= rules.MOST_CANNED:
            raise CareError(_("That is more than anybody finds again. Take some away first."))
        canned = CannedAnswer(vendor_id=vendor_id, created_at=now)
        session.add(canned)
    canned.title, canned.body = name, words
    session.flush()
    _record(session, vendor_id, "canned.saved", canned.id, by, now, title=name)
    return canned


def retire_canned(session: Session, *, canned: CannedAnswer, by: Person, now: datetime) -> None:
    canned.retired_at = now
    _record(session, canned.vendor_id, "canned.retired", canned.id, by, now, title=canned.title)


@dataclass(frozen=True, slots=True)
class Told:
    """What a customer said where we could not hear it."""

    kind: ContactKind
    said_on: date
    said_by: str = ""
    words: str = ""
    reason: str = ""
    promised_on: date | None = None


def log_contact(
    session: Session, *, bill_to: BillTo, invoice_id: UUID | None, told: Told, by: Person, now: datetime, today: date
) -> OfflineContact:
    """Write down what was told by telephone. ``invoice_id`` is one of this customer's. Raises CareError."""
    rules.check_contact(told.kind, told.said_on, told.promised_on, invoice_id is not None, today)
    contact = OfflineContact(
        vendor_id=bill_to.vendor_id,
        bill_to_id=bill_to.id,
        invoice_id=invoice_id,
        person_id=by.id,
        kind=told.kind,
        said_on=told.said_on,
        said_by=" ".join(told.said_by.split())[:80],
        reason=told.reason[:20] if told.kind == ContactKind.ERROR else "",
        promised_on=told.promised_on if told.kind == ContactKind.PROMISE else None,
        words=told.words.strip()[:1000],
        created_at=now,
    )
    session.add(contact)
    session.flush()
    _record(session, bill_to.vendor_id, "contact.logged", bill_to.id, by, now, kind=str(told.kind))
    return contact


def note_fact(session: Session, *, bill_to: BillTo, field: FactField, value: str, by: Person, now: datetime) -> None:
    """What is known of a customer; an empty ``value`` takes it away. The older ones stay on record."""
    words = " ".join(value.split())[:300]
    session.add(
        CustomerFact(
            vendor_id=bill_to.vendor_id, bill_to_id=bill_to.id, field=field, value=words, person_id=by.id,
            created_at=now,
        )
    )  # fmt: skip
    _record(session, bill_to.vendor_id, "customer.described", bill_to.id, by, now, field=str(field))


def give_owner(session: Session, *, bill_to: BillTo, to: UUID | None, by: Person, now: datetime) -> None:
    """``to`` looks after this customer and is copied on disputes, the first lateness and broken promises."""
    if to is not None:
        _colleague(session, bill_to.vendor_id, to)
    bill_to.owner_id = to
    _record(session, bill_to.vendor_id, "customer.owner", bill_to.id, by, now, to=str(to or ""))


def be_away(session: Session, *, member: VendorMember, until: date | None, by: Person, now: datetime) -> None:
    """Until the end of that day questions go to the others, also those of "Mine"; None: here again."""
    member.away_until = until
    _record(session, member.vendor_id, "member.away", by.id, by, now, until=str(until or ""))


def meet_writer(session: Session, message: Message, now: datetime) -> None:
    """Somebody the vendor's books do not know writes for a customer by mail: one of the vendor's people should look
    whether that is a contact to keep (FEATURES G11). Raised once for an address, and not again when it is done."""
    address = message.sender_address
    if not address or message.is_automatic or message.is_own:
        return
    with widened(session, "what the vendor's own books call this customer, and which addresses they hold of it"):
        known = session.execute(
            select(BillTo.id, BillTo.name, BillTo.address, BillTo.chosen_address, BillTo.address_text)
            .where(BillTo.vendor_id == message.vendor_id, BillTo.customer_id == message.customer_id)
            .order_by(BillTo.created_at, BillTo.id)
        ).all()
        in_books = " ".join(f"{row.address} {row.chosen_address} {row.address_text}" for row in known)
        if not known or address in in_books:
            return
        words = marked("%(address)s writes for this customer, and your books do not know that address.")
        if message.is_unverified:
            words = marked("A mail says it is from %(address)s, which your books do not know.")
        matter = Matter(
            message.vendor_id,
            TaskKind.CONTACT,
            f"{known[0].id}:{address}",
            later(words, address=address),
            later(marked("If it is right, add it to the customer in your books.")),
            bill_to_id=known[0].id,
        )
        raise_tasks(session, [matter], now, is_final=True)


def record_look(session: Session, *, bill_to: BillTo, by: Person, now: datetime) -> None:
    """Somebody of the vendor looked at the pages as this customer sees them (FEATURES B12)."""
    _record(session, bill_to.vendor_id, "customer.looked_as", bill_to.id, by, now)


def _words(text: str, limit: int) -> str:
    words = text.replace("\r\n", "\n").replace("\0", "").strip()
    if not words:
        raise CareError(_("Write a few words first."))
    if len(words) > limit:
        raise CareError(_("At most %(limit)s characters fit.", limit=limit))
    return words


def _colleague(session: Session, vendor_id: UUID, person_id: UUID) -> Colleague:
    found = next((one for one in colleagues(session, vendor_id) if one.id == person_id), None)
    if found is None:
        raise CareError(_("Choose a colleague from the list."))
    return found


def _record(
    session: Session, vendor_id: UUID, action: str, subject_id: UUID, by: Person, now: datetime, **detail: Any
) -> None:
    session.add(AuditEntry.by(by.id, action, now, vendor_id=vendor_id, subject_id=subject_id, detail=detail))
