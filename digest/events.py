"""SendGrid's delivery events: checked over raw bytes, stored before they are acknowledged, handled by a job.

Events come twice, late, in any order, and for mails we do not know; what is stored is unique by attempt, kind and time,
and handling one says only what stays true whenever it is said (INVARIANTS N1 N4, FEATURES D14 D15 D18).
"""

import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog
from sendgrid.helpers.eventwebhook import EventWebhook
from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.db import database_now
from app.house import House
from app.ids import new_id
from app.logs import clean_text
from app.models import Attempt, AttemptResult, AuditEntry, DeliveryEvent, Mailbox, Outgoing, Person
from app.scope import Everything
from digest.ledger import Verdict, settle

log = structlog.get_logger()

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
_KEPT_HEADERS = ("Content-Type", "User-Agent", SIGNATURE, TIMESTAMP)
_OLDEST = timedelta(hours=25)  # SendGrid sends again for a day; a replay is harmless, being stored once
_NEWEST = timedelta(minutes=10)
_WORKER = Everything("delivery events are about everybody's mail")
_BATCH = 500
_UNREADABLE = "unreadable"
_KIND = re.compile(r"[a-z_]{1,20}")

_HARD_DROPS = {  # SendGrid's reasons for not even trying, by what they say about the address
    "bounced address": "bounced before",
    "invalid": "is no address",
    "spam reporting address": "complained before",
}


@dataclass(frozen=True, slots=True)
class _Event:
    """One element of a delivery, with the bytes it came in."""

    attempt_id: UUID
    kind: str
    happened_at: datetime
    raw: bytes


def is_signed(public_keys: str, raw: bytes, signature: str | None, timestamp: str | None, now: datetime) -> bool:
    """Whether SendGrid signed ``raw`` lately, with any of the comma-separated keys. Whatever is malformed is a no."""
    if not signature or not timestamp or not timestamp.isdecimal() or len(timestamp) > 11:
        return False
    age = now - datetime.fromtimestamp(int(timestamp), UTC)
    if not -_NEWEST <= age <= _OLDEST:
        return False
    return any(_verifies(key.strip(), raw, signature, timestamp) for key in public_keys.split(",") if key.strip())


def _verifies(key: str, raw: bytes, signature: str, timestamp: str) -> bool:
    try:
        payload = (
            raw.decode()
        )  # the library signs text; UTF-8 comes back as the same bytes, anything else is not theirs
        return bool(EventWebhook(key).verify_signature(payload, signature, timestamp))
    except (ValueError, TypeError, AttributeError, binascii.Error):  # it lets bad base64 and bad keys through as errors
        return False


def store(session: Session, raw: bytes, headers: Mapping[str, str], now: datetime) -> int:
    """Keep every event of one delivery, raw; returns how many were new. Signed but unreadable is kept as it came."""
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    rows = [
        {
            "id": new_id(),
            "attempt_id": event.attempt_id,
            "kind": event.kind,
            "happened_at": event.happened_at,
            "received_at": now,
            "headers": kept,
            "body": event.raw,
            "handled_at": None,
        }
        for event in _events(raw, now)
    ]
    if not rows:
        return 0
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(DeliveryEvent).on_conflict_do_nothing().returning(DeliveryEvent.id)
    return len(session.execute(statement, rows).all())


def _events(raw: bytes, now: datetime) -> Iterator[_Event]:
    try:
        pieces = list(_elements(raw.decode()))
    except (ValueError, RecursionError):
        log.error("delivery events cannot be read", size=len(raw))
        yield _Event(uuid5(NAMESPACE_URL, raw.hex()), _UNREADABLE, now, raw)
        return
    for piece, text in pieces:
        yield _event(piece, text.encode(), now)


def _elements(text: str) -> Iterator[tuple[Any, str]]:
    """The elements of a JSON array, each with the very text it was written in. Raises ValueError."""
    decoder, at = json.JSONDecoder(), 0

    def skip(at: int) -> int:
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        return at

    at = skip(0)
    if text[at : at + 1] != "[":
        raise ValueError("not an array")
    at = skip(at + 1)
    while text[at : at + 1] != "]":
        element, end = decoder.raw_decode(text, at)
        yield element, text[at:end]
        at = skip(end)
        if text[at : at + 1] == ",":
            at = skip(at + 1)
        elif text[at : at + 1] != "]":
            raise ValueError("not an array")


def _event(piece: Any, raw: bytes, now: datetime) -> _Event:
    """What names an attempt of ours is filed under it; what does not, under a name made of its bytes."""
    facts = piece if isinstance(piece, dict) else {}
    try:
        attempt_id = UUID(str(facts.get("attempt")))
    except ValueError:
        attempt_id = uuid5(NAMESPACE_URL, raw.hex())
    try:
        happened_at = datetime.fromtimestamp(int(facts["timestamp"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        happened_at = now
    kind = facts.get("event")
    known = kind if isinstance(kind, str) and _KIND.fullmatch(kind) else _UNREADABLE
    return _Event(attempt_id, known, happened_at, raw)


def handle_events(house: House) -> int:
    """Draw the conclusions of stored events; returns how many were handled.

    Any event that names an attempt proves that SendGrid took it. Two transactions, so that mails are never locked after
    mailboxes: first attempts, then what bounces and complaints say about addresses.
    """
    with house.database.transaction(_WORKER) as session:
        events = _unhandled(session)
        now = database_now(session)
        settle(session, [_taken(event) for event in events], now)
    if not events:
        return 0
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        _silence(session, events, now)
        _notice_doubles(session, events, now)
        handled = update(DeliveryEvent).where(DeliveryEvent.id.in_([event.id for event in events]))
        session.execute(handled.values(handled_at=now).execution_options(synchronize_session=False))
    log.info("delivery events handled", count=len(events))
    return len(events)


def _unhandled(session: Session) -> Sequence[DeliveryEvent]:
    query = select(DeliveryEvent).where(DeliveryEvent.handled_at.is_(None)).order_by(DeliveryEvent.received_at)
    return session.execute(query.limit(_BATCH).with_for_update(skip_locked=True)).scalars().all()


def _taken(event: DeliveryEvent) -> Verdict:
    name = str(_facts(event).get("sg_message_id") or "")[:120]
    return Verdict(
        event.attempt_id, AttemptResult.ACCEPTED, f"named by {event.kind}", name, at=event.happened_at
    )  # fmt: skip


def _facts(event: DeliveryEvent) -> dict[str, Any]:
    try:
        facts = json.loads(event.body)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


@dataclass(frozen=True, slots=True)
class _Silence:
    """``stops`` is "everything" (bounce, complaint) or "reminders" (unsubscribed at the mail service)."""

    stops: str
    reason: str


def silence_of(kind: str, facts: Mapping[str, Any]) -> _Silence | None:
    """What an event asks us to stop, if anything. A "blocked" bounce is a server's mood, not the address's fault."""
    if kind == "spamreport":
        return _Silence("everything", "complained about our mail")
    if kind in ("unsubscribe", "group_unsubscribe"):
        return _Silence("reminders", "unsubscribed at the mail service")
    reason = str(facts.get("reason") or "").lower()
    if kind == "bounce" and facts.get("type") != "blocked":
        return _Silence(
            "everything", f"bounced: {clean_text(str(facts.get('reason') or facts.get('status') or ''))}"[:200]
        )
    if kind == "dropped":
        if reason.startswith("unsubscribed address"):
            return _Silence("reminders", "unsubscribed at the mail service")
        known = next((words for start, words in _HARD_DROPS.items() if reason.startswith(start)), None)
        return _Silence("everything", known) if known else None
    return None


def _silence(session: Session, events: Sequence[DeliveryEvent], now: datetime) -> None:
    asked = {event.attempt_id: said for event in events if (said := silence_of(event.kind, _facts(event)))}
    if not asked:
        return
    query = select(Attempt.id, Outgoing.mailbox_id, Outgoing.person_id).join(
        Outgoing, Outgoing.id == Attempt.outgoing_id
    )
    by_box: dict[UUID, _Silence] = {}
    by_person: dict[UUID, _Silence] = {}
    for attempt_id, mailbox_id, person_id in session.execute(query.where(Attempt.id.in_(asked))):
        said = asked[attempt_id]
        if mailbox_id and not (mailbox_id in by_box and by_box[mailbox_id].stops == "everything"):
            by_box[mailbox_id] = said
        if person_id:
            by_person[person_id] = said
    boxes = select(Mailbox).where(Mailbox.id.in_(by_box)).order_by(Mailbox.id).with_for_update(key_share=True)
    for box in session.execute(boxes).scalars():
        _silence_mailbox(session, box, by_box[box.id], now)
    people = select(Person).where(Person.id.in_(by_person)).order_by(Person.id).with_for_update(key_share=True)
    for person in session.execute(people).scalars():
        if by_person[person.id].stops == "everything" and person.suppressed_at is None:
            person.suppressed_at, person.suppressed_reason = now, by_person[person.id].reason
            _audit(session, now, "person.suppressed", person.id, by_person[person.id], person_id=person.id)


def _silence_mailbox(session: Session, box: Mailbox, said: _Silence, now: datetime) -> None:
    if said.stops == "everything" and box.suppressed_at is None:
        box.suppressed_at, box.suppressed_reason = now, said.reason
        _audit(session, now, "mailbox.suppressed", box.id, said, customer_id=box.customer_id)
    if said.stops == "reminders" and box.reminders_off_at is None:
        box.reminders_off_at = now
        _audit(session, now, "reminders.stopped", box.id, said, customer_id=box.customer_id)


def _notice_doubles(session: Session, events: Sequence[DeliveryEvent], now: datetime) -> None:
    """An event for an attempt we had given up, of a mail that went out again: the double we can see (FEATURES L8)."""
    query = select(Attempt.id, Attempt.outgoing_id).where(
        Attempt.id.in_({event.attempt_id for event in events}), Attempt.result == AttemptResult.REFUSED
    )
    doubled = {row.id: row.outgoing_id for row in session.execute(query)}
    if not doubled:
        return
    known = select(AuditEntry.subject_id).where(
        AuditEntry.action == "mail.doubled", AuditEntry.subject_id.in_(doubled.values())
    )
    reported = set(session.execute(known).scalars())
    for attempt_id, outgoing_id in doubled.items():
        if outgoing_id in reported:
            continue
        log.error("a mail went out twice", outgoing=str(outgoing_id))
        session.add(
            AuditEntry(
                at=now,
                actor="provider",
                action="mail.doubled",
                subject_id=outgoing_id,
                detail={"attempt": str(attempt_id)},
            )
        )


def _audit(session: Session, now: datetime, action: str, subject_id: UUID, said: _Silence, **whose: UUID) -> None:
    session.add(
        AuditEntry(
            at=now, actor="provider", action=action, subject_id=subject_id, detail={"reason": said.reason}, **whose
        )
    )
