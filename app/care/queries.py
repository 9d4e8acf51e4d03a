"""What a vendor's people know of each other's work and of their customers. The session's scope is the vendor's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import (
    CannedAnswer,
    CustomerFact,
    FactField,
    Invoice,
    Message,
    OfflineContact,
    Person,
    Thread,
    ThreadNote,
    VendorMember,
    VendorRole,
)

LONGEST = 200  # of any list here


@dataclass(frozen=True, slots=True)
class Colleague:
    person: Person
    member: VendorMember

    @property
    def id(self) -> UUID:
        return self.person.id

    @property
    def name(self) -> str:
        return self.person.shown_name

    @property
    def may_answer(self) -> bool:
        return self.member.role != VendorRole.READER

    def is_away(self, now: datetime) -> bool:
        """By the days of the zone the colleague lives in."""
        until = self.member.away_until
        return until is not None and now.astimezone(ZoneInfo(self.person.zone)).date() <= until


@dataclass(frozen=True, slots=True)
class ReadyAnswer:
    answer: CannedAnswer
    used: int


@dataclass(frozen=True, slots=True)
class Note:
    at: datetime
    author: str
    mentioned: str
    body: str


@dataclass(frozen=True, slots=True)
class Contact:
    contact: OfflineContact
    logged_by: str
    invoice_number: str


@dataclass(frozen=True, slots=True)
class KnownFact:
    field: FactField
    value: str
    by: str
    since: datetime


def colleagues(session: Session, vendor_id: UUID) -> list[Colleague]:
    """Everybody of the vendor who can sign in, by name."""
    rows = session.execute(
        select(Person, VendorMember)
        .join(Person, Person.id == VendorMember.person_id)
        .where(VendorMember.vendor_id == vendor_id, Person.disabled_at.is_(None))
    )
    found = [Colleague(person, member) for person, member in rows]
    return sorted(found, key=lambda one: (one.name.casefold(), one.id))


def who_answers(team: Sequence[Colleague], assignee_id: UUID | None, now: datetime) -> list[Person]:
    """Whom a question is brought to: whoever it is assigned to; while that one is away, or nobody is named, all who may
    answer and are here; and where nobody is, everybody, so that no question falls into a hole."""
    able = [one for one in team if one.may_answer] or team
    here = [one for one in able if not one.is_away(now)] or able
    return [one.person for one in here if one.id == assignee_id] or [one.person for one in here]


def notes_of(session: Session, thread_id: UUID) -> list[Note]:
    """What colleagues noted beside a conversation, oldest first."""
    query = select(ThreadNote).where(ThreadNote.thread_id == thread_id)
    found = session.execute(query.order_by(ThreadNote.created_at, ThreadNote.id).limit(LONGEST)).scalars().all()
    names = names_of(session, [key for note in found for key in (note.person_id, note.mentioned_id)])
    return [
        Note(note.created_at, names.get(note.person_id, ""), names.get(note.mentioned_id, ""), note.body)
        for note in found
    ]


def notes_about(session: Session, vendor_id: UUID, customer_id: UUID) -> list[tuple[ThreadNote, str]]:
    """The newest notes beside any conversation with this customer, with their authors' names."""
    query = select(ThreadNote).join(Thread, Thread.id == ThreadNote.thread_id)
    query = query.where(Thread.vendor_id == vendor_id, Thread.customer_id == customer_id)
    found = session.execute(query.order_by(ThreadNote.created_at.desc(), ThreadNote.id).limit(LONGEST)).scalars().all()
    names = names_of(session, [note.person_id for note in found])
    return [(note, names.get(note.person_id, "")) for note in found]


def ready_answers(session: Session) -> list[ReadyAnswer]:
    """Those in use, by title, and how often each was sent."""
    used = select(func.count(Message.id)).where(Message.canned_id == CannedAnswer.id).scalar_subquery()
    query = select(CannedAnswer, used).where(CannedAnswer.retired_at.is_(None))
    rows = session.execute(query.order_by(CannedAnswer.title, CannedAnswer.id).limit(LONGEST))
    return [ReadyAnswer(row[0], row[1]) for row in rows]


def canned_of(session: Session, canned_id: UUID | None) -> CannedAnswer | None:
    query = select(CannedAnswer).where(CannedAnswer.id == canned_id, CannedAnswer.retired_at.is_(None))
    return session.execute(query).scalar_one_or_none()


def contacts_of(session: Session, bill_to_id: UUID) -> list[Contact]:
    """What this customer told the vendor elsewhere, the newest first."""
    rows = session.execute(
        select(OfflineContact, func.coalesce(Invoice.number, ""))
        .outerjoin(Invoice, Invoice.id == OfflineContact.invoice_id)
        .where(OfflineContact.bill_to_id == bill_to_id)
        .order_by(OfflineContact.created_at.desc(), OfflineContact.id.desc())
        .limit(LONGEST)
    ).all()
    names = names_of(session, [row[0].person_id for row in rows])
    return [Contact(row[0], names.get(row[0].person_id, ""), row[1]) for row in rows]


def facts_of(session: Session, bill_to_id: UUID) -> dict[FactField, KnownFact]:
    """What the vendor's people wrote into the profile: of each field the newest."""
    query = select(CustomerFact).where(CustomerFact.bill_to_id == bill_to_id)
    rows = session.execute(query.order_by(CustomerFact.created_at, CustomerFact.id)).scalars().all()
    names = names_of(session, [row.person_id for row in rows])
    found = {row.field: KnownFact(row.field, row.value, names.get(row.person_id, ""), row.created_at) for row in rows}
    return {field: fact for field, fact in found.items() if fact.value}


def names_of(session: Session, person_ids: Sequence[UUID | None]) -> dict[UUID | None, str]:
    """By id; who is not to be seen from here has no name."""
    query = select(Person).where(Person.id.in_({key for key in person_ids if key is not None}))
    return {person.id: person.shown_name for person in session.execute(query).scalars()}
