"""What bounces, blocks, complaints and unsubscribes at the mail service stop, at once and by class (FEATURES D14).

A mailbox that takes no mail is not written to again. Another proven mailbox of the same customer gets its lines, and
every vendor it owes is told that mail does not arrive, in the same words whoever's mail showed it (INVARIANTS I2 S10).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.later import later
from app.logs import clean_text
from app.mailboxes.standing import able_mailboxes, let_stand_in
from app.models import (
    Attempt,
    AuditEntry,
    BillTo,
    DeliveryEvent,
    Invoice,
    InvoiceState,
    Mailbox,
    Outgoing,
    Person,
    TaskKind,
    VendorMember,
)
from app.outbox.rules import one_line
from app.tasks.actions import Matter, raise_tasks
from app.words import marked

BLOCKED = "blocked"  # our name for a bounce that is the server's mood: it may pass
_SOFT_DAYS = timedelta(days=30)
_HARD_DROPS = {  # SendGrid's reasons for not even trying, by what they say about the address
    "bounced address": "bounced before",
    "invalid": "is no address",
    "spam reporting address": "complained before",
}


@dataclass(frozen=True, slots=True)
class Silence:
    """``stops`` is "everything" (bounce, complaint) or "reminders" (unsubscribed at the mail service)."""

    stops: str
    reason: str


def hard_bounce(said: str) -> Silence:
    return Silence("everything", one_line(f"bounced: {clean_text(said)}", 200))


def silence_of(kind: str, facts: Mapping[str, Any]) -> Silence | None:
    """What an event asks us to stop, if anything. A "blocked" bounce is a server's mood, not the address's fault."""
    if kind == "spamreport":
        return Silence("everything", "complained about our mail")
    if kind in ("unsubscribe", "group_unsubscribe"):
        return Silence("reminders", "unsubscribed at the mail service")
    reason = str(facts.get("reason") or "").lower()
    if kind == "bounce" and facts.get("type") != "blocked":
        return hard_bounce(str(facts.get("reason") or facts.get("status") or ""))
    if kind == "dropped":
        if reason.startswith("unsubscribed address"):
            return Silence("reminders", "unsubscribed at the mail service")
        known = next((words for start, words in _HARD_DROPS.items() if reason.startswith(start)), None)
        return Silence("everything", known) if known else None
    return None


def stronger(one: Silence | None, other: Silence) -> Silence:
    return other if one is None or one.stops != "everything" else one


def silence(session: Session, asked: Mapping[UUID, Silence], now: datetime) -> None:
    """Let the mailboxes and people of these attempts have their silence; asked again, it changes nothing."""
    if not asked:
        return
    by_box, by_person = _whose(session, asked)
    boxes = select(Mailbox).where(Mailbox.id.in_(by_box)).order_by(Mailbox.id).with_for_update(key_share=True)
    fallen = [box for box in session.execute(boxes).scalars() if _silence_mailbox(session, box, by_box[box.id], now)]
    people = select(Person).where(Person.id.in_(by_person)).order_by(Person.id).with_for_update(key_share=True)
    gone = [each for each in session.execute(people).scalars() if _silence_person(session, each, by_person, now)]
    raise_tasks(session, [*_unreached_customers(session, fallen), *_unreached_colleagues(session, gone)], now)
    _stand_in(session, fallen, now)


def worn_out(session: Session, attempt_ids: Collection[UUID], limit: int, now: datetime) -> dict[UUID, Silence]:
    """Of these blocked attempts those whose mailbox or person has now refused ``limit`` mails in a row."""
    if not attempt_ids:
        return {}
    mine = select(Attempt.id, Outgoing.mailbox_id, Outgoing.person_id).join(
        Outgoing, Outgoing.id == Attempt.outgoing_id
    )
    found = session.execute(mine.where(Attempt.id.in_(attempt_ids)))
    whose: dict[UUID, UUID] = {row[0]: one for row in found if (one := row[1] or row[2])}
    recipient = func.coalesce(Outgoing.mailbox_id, Outgoing.person_id)
    said = (
        select(recipient, DeliveryEvent.kind, DeliveryEvent.attempt_id)
        .join(Attempt, Attempt.id == DeliveryEvent.attempt_id)
        .join(Outgoing, Outgoing.id == Attempt.outgoing_id)
        .where(or_(Outgoing.mailbox_id.in_(set(whose.values())), Outgoing.person_id.in_(set(whose.values()))))
        .where(Outgoing.created_at > now - _SOFT_DAYS)
        .where(DeliveryEvent.kind.in_((BLOCKED, "delivered")))
        .order_by(DeliveryEvent.happened_at)
    )
    row: dict[UUID, set[UUID]] = {}
    for one, kind, attempt_id in session.execute(said):
        row[one] = row.get(one, set()) | {attempt_id} if kind == BLOCKED else set()
    words = f"refused {limit} mails in a row"
    return {each: Silence("everything", words) for each, one in whose.items() if len(row.get(one, ())) >= limit}


def _whose(session: Session, asked: Mapping[UUID, Silence]) -> tuple[dict[UUID, Silence], dict[UUID, Silence]]:
    query = select(Attempt.id, Outgoing.mailbox_id, Outgoing.person_id).join(
        Outgoing, Outgoing.id == Attempt.outgoing_id
    )
    by_box: dict[UUID, Silence] = {}
    by_person: dict[UUID, Silence] = {}
    for attempt_id, mailbox_id, person_id in session.execute(query.where(Attempt.id.in_(asked))):
        if mailbox_id:
            by_box[mailbox_id] = stronger(by_box.get(mailbox_id), asked[attempt_id])
        if person_id:
            by_person[person_id] = stronger(by_person.get(person_id), asked[attempt_id])
    return by_box, by_person


def _silence_mailbox(session: Session, box: Mailbox, said: Silence, now: datetime) -> bool:
    """Whether it takes no mail at all from now on."""
    if said.stops == "reminders" and box.reminders_off_at is None:
        box.reminders_off_at = now
        _audit(session, now, "reminders.stopped", box.id, said, customer_id=box.customer_id)
    if said.stops != "everything" or box.suppressed_at is not None:
        return False
    box.suppressed_at, box.suppressed_reason = now, said.reason
    _audit(session, now, "mailbox.suppressed", box.id, said, customer_id=box.customer_id)
    return True


def _silence_person(session: Session, person: Person, by_person: Mapping[UUID, Silence], now: datetime) -> bool:
    said = by_person[person.id]
    if said.stops != "everything" or person.suppressed_at is not None:
        return False
    person.suppressed_at, person.suppressed_reason = now, said.reason
    _audit(session, now, "person.suppressed", person.id, said, person_id=person.id)
    return True


def _audit(session: Session, now: datetime, action: str, subject_id: UUID, said: Silence, **whose: UUID) -> None:
    detail = {"reason": said.reason}
    session.add(AuditEntry(at=now, actor="provider", action=action, subject_id=subject_id, detail=detail, **whose))


# --- who is told, and who gets the mail instead ---------------------------------------------------------------------


def _unreached_customers(session: Session, boxes: Sequence[Mailbox]) -> Iterable[Matter]:
    """One a bill_to that owes something through these mailboxes, naming the address its own vendor wrote down."""
    if not boxes:
        return []
    query = (
        select(BillTo.vendor_id, BillTo.id, BillTo.name, func.coalesce(BillTo.chosen_address, BillTo.address))
        .join(Invoice, Invoice.bill_to_id == BillTo.id)
        .where(BillTo.mailbox_id.in_([box.id for box in boxes]), Invoice.state == InvoiceState.OPEN)
        .distinct()
    )
    words = marked("Mail to %(address)s does not arrive (%(customer)s).")
    remedy = later(marked("Ask the customer for another address and put it into your books, or call them."))
    return [
        Matter(
            vendor_id,
            TaskKind.ADDRESS,
            f"unreached:{bill_to_id}",
            later(words, address=address or later(marked("the address in your books")), customer=one_line(name, 200)),
            remedy,
            bill_to_id,
        )
        for vendor_id, bill_to_id, name, address in session.execute(query)
    ]


def _unreached_colleagues(session: Session, people: Sequence[Person]) -> Iterable[Matter]:
    """A vendor's people get its customers' questions: somebody there should know that one of them does not."""
    if not people:
        return []
    addresses = {person.id: person.address for person in people}
    query = select(VendorMember.vendor_id, VendorMember.person_id).where(VendorMember.person_id.in_(addresses))
    words = marked("Mail to %(address)s, who is in your team, does not arrive.")
    remedy = later(marked("Put another address of theirs into the team, or leave the questions to the others."))
    return [
        Matter(
            vendor_id,
            TaskKind.ADDRESS,
            f"colleague:{person_id}",
            later(words, address=addresses[person_id]),
            remedy,
        )
        for vendor_id, person_id in session.execute(query)
    ]


def _stand_in(session: Session, boxes: Sequence[Mailbox], now: datetime) -> None:
    """Where the customer has proven another mailbox that takes our mail, it gets the lines from the next window on."""
    able = able_mailboxes(session, [box.customer_id for box in boxes]) if boxes else {}
    let_stand_in(session, {box.id: able[box.customer_id] for box in boxes if box.customer_id in able}, now)
