"""What the operator's board shows of the outbox. Each answer costs what it shows, never what the table holds."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app.models import Attempt, DeliveryEvent, Outgoing, OutgoingKind, OutgoingState, StopSwitch
from app.scope import widened

_WAITING = text("state IN ('queued', 'claimed')")  # in the words of the partial index
_STUCK = text("state IN ('held', 'failed')")
_STRAY = text("is_stray")


@dataclass(frozen=True, slots=True)
class Waiting:
    """The queue now. ``due`` counts what could leave this minute; ``oldest_due_at`` says how late we are."""

    queued: int
    claimed: int
    due: int
    oldest_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stuck:
    """A mail that is held or has failed, with its reason; never its words or its address."""

    id: UUID
    kind: OutgoingKind
    state: OutgoingState
    mailbox_id: UUID | None
    person_id: UUID | None
    digest_id: UUID | None
    created_at: datetime
    finished_at: datetime | None
    reason: str


def waiting(session: Session, now: datetime) -> Waiting:
    queued = func.count().filter(Outgoing.state == OutgoingState.QUEUED)
    claimed = func.count().filter(Outgoing.state == OutgoingState.CLAIMED)
    is_due = (Outgoing.state == OutgoingState.QUEUED) & (Outgoing.due_at <= now)
    oldest = func.min(Outgoing.due_at).filter(is_due)
    row = session.execute(select(queued, claimed, func.count().filter(is_due), oldest).where(_WAITING)).one()
    return Waiting(queued=row[0], claimed=row[1], due=row[2], oldest_due_at=row[3])


def counts_since(session: Session, since: datetime) -> dict[tuple[OutgoingKind, OutgoingState], int]:
    """How many mails written since then are in which state, by kind."""
    query = select(Outgoing.kind, Outgoing.state, func.count()).where(Outgoing.created_at >= since)
    rows = session.execute(query.group_by(Outgoing.kind, Outgoing.state))
    return {(OutgoingKind(kind), OutgoingState(state)): count for kind, state, count in rows}


def held(session: Session, limit: int = 50) -> list[Stuck]:
    """Mails whose last attempt ended unknown, the newest first."""
    return _stuck(session, OutgoingState.HELD, limit)


def recent_failures(session: Session, limit: int = 50) -> list[Stuck]:
    """Mails nobody will try again, the newest first."""
    return _stuck(session, OutgoingState.FAILED, limit)


def attempts_of(session: Session, outgoing_id: UUID) -> list[tuple[Attempt, list[DeliveryEvent]]]:
    """Every try to hand one mail over, oldest first, each with what the mail provider said of it (FEATURES D15)."""
    query = select(Attempt).where(Attempt.outgoing_id == outgoing_id).order_by(Attempt.started_at, Attempt.id)
    attempts = list(session.execute(query).scalars())
    said = select(DeliveryEvent).where(DeliveryEvent.attempt_id.in_([attempt.id for attempt in attempts]))
    events = list(session.execute(said.order_by(DeliveryEvent.happened_at)).scalars())
    return [(attempt, [event for event in events if event.attempt_id == attempt.id]) for attempt in attempts]


def is_stopped(session: Session, vendor_id: UUID, provider: str) -> bool:
    """Whether the operator has stopped this vendor's reminders, or all from this provider's books."""
    switch = select(StopSwitch.name).where(StopSwitch.name.in_((f"vendor:{vendor_id}", f"provider:{provider}")))
    with widened(session, "the switches are the operator's; this answers yes or no"):
        return session.execute(switch).first() is not None


@dataclass(frozen=True, slots=True)
class Delivered:
    """The newest word of the mail provider about one mail: ``kind`` as it names it."""

    kind: str
    at: datetime


def deliveries(session: Session, mail_ids: Collection[UUID]) -> dict[UUID, Delivered]:
    """What is known of these mails' arrival (FEATURES D15). Opens say maybe, so they say nothing here."""
    query = (
        select(Attempt.outgoing_id, DeliveryEvent.kind, DeliveryEvent.happened_at)
        .join(DeliveryEvent, DeliveryEvent.attempt_id == Attempt.id)
        .where(Attempt.outgoing_id.in_(mail_ids), DeliveryEvent.kind.not_in(("open", "click")))
        .order_by(DeliveryEvent.happened_at, DeliveryEvent.received_at)
    )
    return {row[0]: Delivered(row[1], row[2]) for row in session.execute(query)}


def strays(session: Session, limit: int = 50) -> list[DeliveryEvent]:
    """Events that name no mail of ours, the newest first: of mails sent before a restore, or by somebody else."""
    query = select(DeliveryEvent).where(_STRAY).order_by(DeliveryEvent.received_at.desc())
    return list(session.scalars(query.limit(limit)))


def stop_switches(session: Session) -> list[StopSwitch]:
    """What is stopped now, by whom and why."""
    return list(session.execute(select(StopSwitch).order_by(StopSwitch.since)).scalars())


def _stuck(session: Session, state: OutgoingState, limit: int) -> list[Stuck]:
    columns = (
        Outgoing.id,
        Outgoing.kind,
        Outgoing.state,
        Outgoing.mailbox_id,
        Outgoing.person_id,
        Outgoing.digest_id,
        Outgoing.created_at,
        Outgoing.finished_at,
        Outgoing.reason,
    )
    query = select(*columns).where(_STUCK, Outgoing.state == state).order_by(Outgoing.created_at.desc())
    return [Stuck(*row) for row in session.execute(query.limit(limit))]
