"""Reads the figures of FEATURES L8 from the rows themselves: any process answers the same, none keeps a count."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select, text
from sqlalchemy.orm import Session

from app.models import (
    Alarm,
    Attempt,
    AttemptResult,
    AuditEntry,
    Connection,
    DeliveryEvent,
    Digest,
    JobRun,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    ProviderEvent,
    SendGate,
    StopSwitch,
)
from app.models.connection import IS_PULLED
from app.ops.rules import SENDING, Figures, GateFigures
from app.outbox.queries import counts_since, waiting
from app.receivables.settled import settled_lags

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_UNHANDLED = text("handled_at IS NULL")  # in the words of the partial indexes
_PLANNED = text("next_digest_at IS NOT NULL")
_STUCK = text("state IN ('held', 'failed')")
_STRAY = text("is_stray")


def read_figures(session: Session, now: datetime) -> Figures:
    queue, since = waiting(session, now), now - _DAY
    due = select(func.count(), func.min(Mailbox.next_digest_at)).where(_PLANNED, Mailbox.next_digest_at <= now)
    windows, oldest_window = session.execute(due).one()
    events, oldest_event = session.execute(
        select(func.count(), func.min(ProviderEvent.due_at)).where(_UNHANDLED, ProviderEvent.due_at <= now)
    ).one()
    oldest_sync = select(func.min(Connection.as_of)).where(IS_PULLED)
    failed = select(func.count()).select_from(JobRun).where(JobRun.started_at >= since, JobRun.error != "")
    return Figures(
        stopped=session.get(StopSwitch, SENDING) is not None,
        outbox_due=queue.due,
        outbox_age=_age(queue.oldest_due_at, now),
        outbox_lately={(str(kind), str(state)): count for (kind, state), count in counts_since(session, since).items()},
        windows_due=windows,
        windows_age=_age(oldest_window, now),
        windows_lately=_outcomes(session, since),
        windows_doubled=_doubled(session, since),
        accepted_age=_since_accepted(session, now),
        settled_lags=settled_lags(session, now - _WEEK),
        connections=_states(session),
        sync_age=_age(session.scalar(oldest_sync), now),
        events_due=events,
        events_age=_age(oldest_event, now),
        attempts_lately=_attempts(session, since),
        jobs_failed=session.scalar(failed) or 0,
        **_of_sending(session, since, now),
    )


def _of_sending(session: Session, since: datetime, now: datetime) -> dict[str, Any]:
    held = select(func.count(), func.min(Outgoing.created_at)).where(_STUCK, Outgoing.state == OutgoingState.HELD)
    count, oldest = session.execute(held).one()
    doubles = select(AuditEntry.detail).where(AuditEntry.action == "mail.doubled", AuditEntry.at >= since)
    strays = select(func.count()).where(_STRAY, DeliveryEvent.received_at >= since)
    ringing = select(Alarm.name).where(Alarm.ended_at.is_(None)).order_by(Alarm.name)
    return {
        "held": count,
        "held_age": _age(oldest, now),
        "doubled": Counter(str(detail.get("kind")) for detail in session.scalars(doubles)),
        "gates": [_gate(gate, now) for gate in session.scalars(select(SendGate).order_by(SendGate.channel))],
        "alarms": list(session.scalars(ringing)),
        "strays": session.scalar(strays) or 0,
    }


def _gate(gate: SendGate, now: datetime) -> GateFigures:
    is_shut = gate.shut_until is not None and gate.shut_until > now
    state = 2 if is_shut else 1 if gate.trips else 0
    until = gate.shut_until if is_shut else None
    return GateFigures(gate.channel, state, gate.reason, until, gate.handed, gate.bound)


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0


def _outcomes(session: Session, since: datetime) -> dict[str, int]:
    rows = session.execute(
        select(Digest.outcome, func.count()).where(Digest.created_at >= since).group_by(Digest.outcome)
    )
    return {str(outcome): count for outcome, count in rows}


def _doubled(session: Session, since: datetime) -> int:
    """Windows with more than one accepted mail. The keys forbid it; this looks all the same (INVARIANTS S1)."""
    twice = (
        select(Digest.id)
        .join(Outgoing, and_(Outgoing.digest_id == Digest.id, Outgoing.kind == OutgoingKind.DIGEST))
        .join(Attempt, Attempt.outgoing_id == Outgoing.id)
        .where(Digest.created_at >= since, Attempt.result == AttemptResult.ACCEPTED)
        .group_by(Digest.id)
        .having(func.count() > 1)
    )
    return session.scalar(select(func.count()).select_from(twice.subquery())) or 0


def _since_accepted(session: Session, now: datetime) -> float | None:
    newest = (
        select(Digest.accepted_at).where(Digest.outcome == Outcome.ACCEPTED).order_by(Digest.created_at.desc()).limit(1)
    )
    accepted = session.scalar(newest)
    return _age(accepted, now) if accepted else None


def _states(session: Session) -> dict[str, int]:
    rows = session.execute(select(Connection.state, func.count()).group_by(Connection.state))
    return {str(state): count for state, count in rows}


def _attempts(session: Session, since: datetime) -> dict[str, int]:
    rows = session.execute(
        select(Attempt.result, func.count())
        .join(Outgoing, Outgoing.id == Attempt.outgoing_id)
        .where(Outgoing.created_at >= since)
        .group_by(Attempt.result)
    )
    return {str(result): count for result, count in rows}
