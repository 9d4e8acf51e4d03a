"""The job that watches: throws the switch at an anomaly, rings when what should happen does not (INVARIANTS S5 F3).

An incident rings once: a row, an entry in the audit, a mail to the operators; and ends by itself when it is over.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import structlog
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from app.db import database_now, insert_into
from app.house import House
from app.ids import new_id
from app.models import (
    Alarm,
    Attempt,
    AttemptResult,
    AuditEntry,
    Connection,
    DeliveryEvent,
    Digest,
    Mailbox,
    Outcome,
    OutgoingKind,
    Person,
    SendGate,
    StopSwitch,
)
from app.models.connection import IS_PULLED
from app.outbox.actions import write_notice
from app.outbox.queries import waiting
from app.outbox.rendering import MAIL_FOLDER, mail_template
from app.scope import Everything
from app.settings import Limits, listed
from digest.events import DOUBLED
from digest.stops import SENDING, stop_sending
from digest.watch import Conduct, Pulse, alarms, anomaly

log = structlog.get_logger()

_WATCHMAN = Everything("the watch counts everybody's mail")
_DAY = timedelta(days=1)
_RECORDED_LATE = timedelta(minutes=5)  # a hand-over's instant is known no better
_TALKATIVE = "sendgrid"  # the channel that reports


def watch(house: House) -> int:
    """One look around; returns how many alarms began to ring."""
    with house.database.reading(_WATCHMAN) as session:
        now = database_now(session)
        wrong = anomaly(read_conduct(session, house.limits, now), house.limits)
        due = alarms(read_pulse(session, now), house.limits, now)
        ringing = set(session.scalars(select(Alarm.name).where(Alarm.ended_at.is_(None))))
        is_stopped = session.get(StopSwitch, SENDING) is not None
    if (not wrong or is_stopped) and due.keys() == ringing:
        return 0
    with house.database.transaction(_WATCHMAN) as session:
        if wrong and stop_sending(session, wrong, "the anomaly stop", now):
            due["stopped"] = wrong
        _end(session, due.keys(), now)
        return sum(_ring(session, house, name, words, now) for name, words in sorted(due.items()))


def _ring(session: Session, house: House, name: str, words: str, now: datetime) -> bool:
    row = insert_into(session, Alarm).values(id=new_id(), name=name, words=words[:300], since=now)
    alarm_id = session.execute(row.on_conflict_do_nothing().returning(Alarm.id)).scalar_one_or_none()
    if alarm_id is None:
        return False
    log.error("alarm", name=name, words=words)
    session.add(AuditEntry(at=now, actor="worker", action="alarm.raised", subject_id=alarm_id, detail={"alarm": words}))
    settings = house.settings
    mail = mail_template(MAIL_FOLDER / "alarm").render(
        words=words, link=f"{settings.public_url}/ops", postal_address=settings.postal_address
    )
    for person in session.scalars(select(Person).where(Person.address.in_(listed(settings.operators)))):
        write_notice(session, person, f"alarm:{alarm_id}:{person.id}", mail, now)
    return True


def _end(session: Session, still: Collection[str], now: datetime) -> None:
    over = update(Alarm).where(Alarm.ended_at.is_(None), Alarm.name.not_in(still)).values(ended_at=now)
    over = over.execution_options(synchronize_session=False)
    for alarm_id, words in session.execute(over.returning(Alarm.id, Alarm.words)).all():
        entry: Mapping[str, Any] = {"action": "alarm.ended", "subject_id": alarm_id, "detail": {"alarm": words}}
        session.add(AuditEntry(at=now, actor="worker", **entry))


# --- what is looked at ----------------------------------------------------------------------------------------------


def read_conduct(session: Session, limits: Limits, now: datetime) -> Conduct:
    """Of what happened since an operator last let sending go on: what made it stop then must not stop it again."""
    resumed = select(func.max(AuditEntry.at)).where(AuditEntry.action == "sending.resumed")
    since = session.scalar(resumed) or now - timedelta(days=30)
    accepted = select(Attempt.id).where(Attempt.result == AttemptResult.ACCEPTED, Attempt.started_at > since)
    newest = accepted.order_by(Attempt.id.desc()).limit(limits.judged_mails).subquery()
    tally = select(func.count(), _with_event(newest.c.id, "bounce"), _with_event(newest.c.id, "spamreport"))
    judged, bounced, complained = session.execute(tally.select_from(newest)).one()
    doubles = select(AuditEntry.detail).where(AuditEntry.action == DOUBLED, AuditEntry.at > max(since, now - _DAY))
    doubled = sum(detail.get("kind") == OutgoingKind.DIGEST for detail in session.scalars(doubles))
    return Conduct(judged, bounced or 0, complained or 0, doubled, _too_close(session, limits, max(since, now - _DAY)))


def _with_event(attempt_id: ColumnElement[Any], kind: str) -> ColumnElement[int]:
    told = select(DeliveryEvent.id).where(DeliveryEvent.attempt_id == attempt_id, DeliveryEvent.kind == kind)
    return func.count().filter(told.exists())


def _too_close(session: Session, limits: Limits, since: datetime) -> int:
    """Mailboxes among the newest digests that got another one within the spacing: no brake should have let it pass."""
    query = select(Digest.mailbox_id, Digest.accepted_at).where(
        Digest.outcome == Outcome.ACCEPTED, Digest.accepted_at > since
    )
    newest = session.execute(query.order_by(Digest.created_at.desc()).limit(limits.judged_mails)).all()
    spacing = timedelta(hours=limits.spacing_hours) - _RECORDED_LATE
    before = select(Digest.mailbox_id, Digest.accepted_at).where(
        Digest.mailbox_id.in_({row[0] for row in newest}), Digest.accepted_at > since - spacing
    )
    instants: dict[Any, list[datetime]] = {}
    for mailbox_id, at in session.execute(before):
        if at is not None:
            instants.setdefault(mailbox_id, []).append(at)
    return sum(_has_pair_within(sorted(found), spacing) for found in instants.values())


def _has_pair_within(instants: list[datetime], spacing: timedelta) -> bool:
    return any(later - earlier < spacing for earlier, later in pairwise(instants))


def read_pulse(session: Session, now: datetime) -> Pulse:
    switches = {switch.name: switch for switch in session.scalars(select(StopSwitch))}
    stop = switches.get(SENDING)
    gate = session.execute(select(SendGate.reason).where(SendGate.shut_until > now)).first()
    books = select(func.max(Connection.as_of)).where(IS_PULLED)
    books_read_at = session.scalar(books)
    refused = select(func.max(AuditEntry.at)).where(AuditEntry.action == "inbound.refused", AuditEntry.at > now - _DAY)
    return Pulse(
        mail_refused_at=session.scalar(refused),
        stopped=f"All mail is stopped by {stop.by}: {stop.reason}" if stop and stop.by.startswith("the ") else "",
        gate_reason=gate[0] if gate else "",
        is_paused=stop is not None or f"kind:{OutgoingKind.DIGEST}" in switches,
        window_waits_since=session.scalar(select(func.min(Mailbox.next_digest_at)).where(Mailbox.next_digest_at < now)),
        mail_waits_since=waiting(session, now).oldest_due_at,
        told_nothing_since=_told_nothing_since(session, now),
        books_read_at=books_read_at,
        has_books=books_read_at is not None,
        digests_now=_accepted_between(session, now - _DAY, now),
        digests_then=_accepted_between(session, now - 8 * _DAY, now - 7 * _DAY),
    )


def _told_nothing_since(session: Session, now: datetime) -> datetime | None:
    """When the oldest of the newest mails was handed over, of all those after the last event that came."""
    told = select(DeliveryEvent.received_at).order_by(DeliveryEvent.id.desc()).limit(1)
    last = session.scalar(told) or now - 7 * _DAY
    accepted = select(Attempt.started_at).where(
        Attempt.result == AttemptResult.ACCEPTED, Attempt.channel == _TALKATIVE, Attempt.started_at > last
    )
    newest = accepted.order_by(Attempt.id.desc()).limit(1000).subquery()
    oldest: datetime | None = session.scalar(select(func.min(newest.c.started_at)))
    return oldest


def _accepted_between(session: Session, since: datetime, until: datetime) -> int:
    query = select(func.count()).select_from(Digest).where(Digest.outcome == Outcome.ACCEPTED)
    return session.scalar(query.where(Digest.created_at >= since, Digest.created_at < until)) or 0
