"""Mail that comes to us: stored before it is acknowledged, worked on by a job (INVARIANTS N1 N2).

The request's body is kept whole and unread; what it means is looked at later, so that nothing in it can make us refuse
it. Handling is two transactions: one takes the mail and counts the try, so that a mail that ends the process comes to
rest; the other does everything the mail causes and says what became of it, or nothing of both.
"""

import base64
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from app.db import database_now, insert_into
from app.house import House
from app.ids import new_id
from app.intake import TakeFiles
from app.keys import KeyRing, Place
from app.models import AuditEntry, InboundMail, InboundOutcome
from app.scope import Everything
from digest.inbound.filing import Verdict, file_mail
from digest.inbound.mail import Unreadable
from digest.inbound.request import Received, read_request

log = structlog.get_logger()

_WORKER = Everything("mail that came in is nobody's until it is read")
_KEPT_HEADERS = ("Content-Type", "User-Agent", "X-Forwarded-For")
_ALARM_EVERY = timedelta(hours=1)
_LATER = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class _Taken:
    id: UUID
    content_type: str
    raw: bytes = field(repr=False)


def store(session: Session, keys: KeyRing, raw: bytes, headers: Mapping[str, str], now: datetime) -> bool:
    """Keep a request's body, encrypted; False when the very same one is here already. ``headers`` name its
    Content-Type."""
    mail_id, secret, nonce = new_id(), AESGCM.generate_key(256), os.urandom(12)
    values = {
        "id": mail_id,
        "received_at": now,
        "headers": {name: headers[name][:300] for name in _KEPT_HEADERS if name in headers},
        "content_type": headers.get("Content-Type", "")[:300].replace("\0", ""),
        "size": len(raw),
        "raw_hash": hashlib.sha256(raw).digest(),
        "sealed_key": keys.seal(base64.b64encode(secret).decode(), place=Place.INBOUND, row=mail_id, tenant=mail_id),
        "sealed_raw": nonce + AESGCM(secret).encrypt(nonce, raw, mail_id.bytes),
        "due_at": now,
        "tries": 0,
        "outcome": InboundOutcome.WAITING,
        "reason": "",
        "sender_domain": "",
    }
    statement = insert_into(session, InboundMail).values(values).on_conflict_do_nothing().returning(InboundMail.id)
    is_new = session.execute(statement).scalar_one_or_none() is not None
    log.info("inbound mail stored", inbound=str(mail_id), size=len(raw), new=is_new)
    return is_new


def raw_of(keys: KeyRing, mail: InboundMail) -> bytes:
    """The body as it came. Raises CannotOpen."""
    secret = base64.b64decode(keys.open(mail.sealed_key, place=Place.INBOUND, row=mail.id, tenant=mail.id))
    return AESGCM(secret).decrypt(mail.sealed_raw[:12], mail.sealed_raw[12:], mail.id.bytes)


def raise_alarm(session: Session, why: str, now: datetime) -> None:
    """Somebody posts what we cannot take for the mail service's: a line in the audit, at most one an hour."""
    lately = select(AuditEntry.id).where(AuditEntry.at > now - _ALARM_EVERY, AuditEntry.action == "inbound.refused")
    if session.execute(lately.limit(1)).first() is None:
        session.add(AuditEntry(at=now, actor="provider", action="inbound.refused", detail={"reason": why}))


def handle_inbound(house: House, take_files: TakeFiles | None = None) -> int:
    """Work on the mail that waits longest; returns how many were taken: one, or none. Without ``take_files`` no vendor
    can mail its files."""
    with house.database.transaction(_WORKER) as session:
        row = _next(session)
        if row is None:
            return 0
        taken = _take(session, house, row)
    if taken is None:
        return 1
    try:
        received = read_request(taken.raw, taken.content_type)
    except Unreadable as problem:
        received, verdict = None, Verdict(InboundOutcome.QUARANTINED, f"it {problem}")
    with house.database.transaction(_WORKER) as session:
        mail = session.get_one(InboundMail, taken.id, with_for_update=True)
        if mail.handled_at is None:  # else the lease had run out, and another worker was quicker
            now = database_now(session)
            if received is not None:
                mail.sender_domain = received.mail.from_address.rpartition("@")[2]
                verdict = file_mail(session, house, mail, received, now, take_files)
            if verdict.outcome == InboundOutcome.WAITING:
                _put_off(mail, verdict, now)
            else:
                _conclude(mail, verdict, now)
    return 1


def _next(session: Session) -> InboundMail | None:
    now = database_now(session)
    query = select(InboundMail).where(InboundMail.handled_at.is_(None), InboundMail.due_at <= now)
    query = query.order_by(InboundMail.due_at).limit(1).options(undefer(InboundMail.sealed_raw))
    return session.execute(query.with_for_update(skip_locked=True)).scalar_one_or_none()


def _take(session: Session, house: House, mail: InboundMail) -> _Taken | None:
    """Ours until the lease ends. None for one that broke the reader too often: it rests in quarantine."""
    now = database_now(session)
    if mail.tries >= house.limits.inbound_tries:
        _conclude(mail, Verdict(InboundOutcome.QUARANTINED, f"it broke the reader {mail.tries} times"), now)
        return None
    mail.tries += 1
    mail.due_at = now + timedelta(seconds=house.limits.lease_seconds)
    return _Taken(mail.id, mail.content_type, raw_of(house.keys, mail))


def _put_off(mail: InboundMail, verdict: Verdict, now: datetime) -> None:
    """To be filed later, by itself: nothing is wrong with the mail."""
    mail.due_at, mail.tries, mail.reason = now + _LATER, 0, verdict.reason[:300]


def _conclude(mail: InboundMail, verdict: Verdict, now: datetime) -> None:
    mail.handled_at, mail.outcome, mail.reason = now, verdict.outcome, verdict.reason[:300]
    mail.thread_id = verdict.thread_id
    log.info("inbound mail handled", inbound=str(mail.id), outcome=str(verdict.outcome), reason=verdict.reason)


def reread(session: Session, house: House, inbound_id: UUID) -> Received:
    """A stored mail once more, for the files of a reply that waited for its writer's choice. Raises Unreadable."""
    query = select(InboundMail).where(InboundMail.id == inbound_id).options(undefer(InboundMail.sealed_raw))
    mail = session.execute(query).scalar_one()
    return read_request(raw_of(house.keys, mail), mail.content_type)
