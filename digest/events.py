"""SendGrid's delivery events: checked over raw bytes, stored before they are acknowledged, handled by a job.

Events come twice, late, in any order, and for mails we do not know; what is stored is unique by attempt, kind and time,
and handling one says only what stays true whenever it is said (INVARIANTS N1 N4, FEATURES D14 D15 D18).
"""

import base64
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sendgrid.helpers.eventwebhook import EventWebhook
from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.address import canonical
from app.db import database_now, insert_into
from app.house import House
from app.ids import new_id
from app.models import Attempt, AttemptResult, AuditEntry, DeliveryEvent, Mailbox, Outgoing
from app.outbox.ledger import Verdict, settle
from app.outbox.rules import one_line
from app.scope import Everything
from app.settings import listed
from digest.silence import BLOCKED, Silence, silence, silence_of, stronger, worn_out

log = structlog.get_logger()

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
_KEPT_HEADERS = ("Content-Type", "User-Agent", SIGNATURE, TIMESTAMP)
_OLDEST = timedelta(hours=25)  # SendGrid sends again for a day; a replay is harmless, being stored once
_NEWEST = timedelta(minutes=10)
_WORKER = Everything("delivery events are about everybody's mail")
_BATCH = 500
_UNREADABLE = "unreadable"
DOUBLED = "mail.doubled"
_LONG = timedelta(days=30)
_KIND = re.compile(r"[a-z_]{1,20}")


@dataclass(frozen=True, slots=True)
class _Event:
    """One element of a delivery, with the bytes it came in."""

    attempt_id: UUID
    kind: str
    happened_at: datetime
    raw: bytes


def is_signed(
    public_keys: str,
    raw: bytes,
    signature: str | None,
    timestamp: str | None,
    now: datetime,
    oldest: timedelta = _OLDEST,
) -> bool:
    """Whether SendGrid signed ``raw`` lately, with any of the comma-separated keys. Whatever is malformed is a no."""
    if not signature or not timestamp or not timestamp.isdecimal() or len(timestamp) > 11:
        return False
    age = now - datetime.fromtimestamp(int(timestamp), UTC)
    if not -_NEWEST <= age <= oldest:
        return False
    return any(_verifies(key, raw, signature, timestamp) for key in listed(public_keys))


def _verifies(key: str, raw: bytes, signature: str, timestamp: str) -> bool:
    """The library reads the key; its own check signs text, and a mail's bytes need not be any (INVARIANTS N4)."""
    try:
        signed = timestamp.encode() + raw
        EventWebhook(key).public_key.verify(base64.b64decode(signature), signed, ec.ECDSA(hashes.SHA256()))
    except (ValueError, TypeError, AttributeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


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
    statement = insert_into(session, DeliveryEvent).on_conflict_do_nothing().returning(DeliveryEvent.id)
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
    if known == "bounce" and facts.get("type") == BLOCKED:
        known = BLOCKED
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
        silence(session, _silences(session, events, house.limits.soft_bounces, now), now)
        _notice_doubles(session, {event.attempt_id for event in events}, now)
        strays = _strays(session, events)
        _put_down_strays(session, [event for event in events if event.id in strays], now)
        for ids, facts in ((strays, {"is_stray": True}), ({event.id for event in events} - strays, {})):
            handled = update(DeliveryEvent).where(DeliveryEvent.id.in_(ids)).values(handled_at=now, **facts)
            session.execute(handled.execution_options(synchronize_session=False))
    log.info("delivery events handled", count=len(events), strays=len(strays))
    return len(events)


def _unhandled(session: Session) -> Sequence[DeliveryEvent]:
    query = select(DeliveryEvent).where(DeliveryEvent.handled_at.is_(None)).order_by(DeliveryEvent.received_at)
    return session.execute(query.limit(_BATCH).with_for_update(skip_locked=True)).scalars().all()


def _taken(event: DeliveryEvent) -> Verdict:
    name = one_line(str(_facts(event).get("sg_message_id") or ""), 120)
    return Verdict(event.attempt_id, AttemptResult.ACCEPTED, f"named by {event.kind}", name, at=event.happened_at)


def _facts(event: DeliveryEvent) -> dict[str, Any]:
    try:
        facts = json.loads(event.body)
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _silences(session: Session, events: Sequence[DeliveryEvent], soft: int, now: datetime) -> dict[UUID, Silence]:
    """What the events ask us to stop, by attempt; of two that speak of one attempt the stronger."""
    asked = worn_out(session, {event.attempt_id for event in events if event.kind == BLOCKED}, soft, now)
    for event in events:
        if said := silence_of(event.kind, _facts(event)):
            asked[event.attempt_id] = stronger(asked.get(event.attempt_id), said)
    return asked


def _notice_doubles(session: Session, attempt_ids: Collection[UUID], now: datetime) -> None:
    """Mails of which two attempts were taken: the double we can see, reported once (FEATURES L8)."""
    mine = select(Attempt.outgoing_id).where(Attempt.id.in_(attempt_ids))
    named = select(DeliveryEvent.id).where(DeliveryEvent.attempt_id == Attempt.id).exists()
    reported = select(AuditEntry.id).where(
        AuditEntry.action == DOUBLED, AuditEntry.subject_id == Attempt.outgoing_id, AuditEntry.at > now - _LONG
    )
    twice = (
        select(Attempt.outgoing_id, Outgoing.kind)
        .join(Outgoing, Outgoing.id == Attempt.outgoing_id)
        .where(Attempt.outgoing_id.in_(mine), or_(Attempt.result == AttemptResult.ACCEPTED, named), ~reported.exists())
        .group_by(Attempt.outgoing_id, Outgoing.kind)
        .having(func.count() > 1)
    )
    for outgoing_id, kind in session.execute(twice):
        log.error("a mail went out twice", outgoing=str(outgoing_id), kind=kind)
        facts = {"at": now, "actor": "provider", "subject_id": outgoing_id}
        session.add(AuditEntry(action=DOUBLED, detail={"kind": str(kind)}, **facts))


def _strays(session: Session, events: Sequence[DeliveryEvent]) -> set[UUID]:
    """Events that name no attempt of ours: after a restore, of mails the backup does not know."""
    query = select(Attempt.id).where(Attempt.id.in_({event.attempt_id for event in events}))
    known = set(session.execute(query).scalars())
    return {event.id for event in events if event.attempt_id not in known}


def _put_down_strays(session: Session, strays: Sequence[DeliveryEvent], now: datetime) -> None:
    """Somebody got a mail that is not in our books: the next digest keeps its distance from it (INVARIANTS S4)."""
    told: dict[str, datetime] = {}
    for event in strays:
        address = canonical(str(_facts(event).get("email") or ""))
        if address and event.happened_at <= now:
            told[address] = max(event.happened_at, told.get(address, event.happened_at))
    if not told:
        return
    boxes = select(Mailbox).where(Mailbox.address.in_(told)).order_by(Mailbox.id).with_for_update(key_share=True)
    for box in session.execute(boxes).scalars():
        if box.last_digest_at is None or box.last_digest_at < told[box.address]:
            box.last_digest_at = told[box.address]
