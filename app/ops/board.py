"""The run board: every job there is, what it did last, what waits for it and since when, who is at work."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import TextClause, and_, func, select, text
from sqlalchemy.orm import Session

from app.models import Connection, InboundMail, JobRun, Mailbox, Outgoing, ProviderEvent, WriteBack
from app.scheduler import Job

LATELY = timedelta(days=1)
WORKERS_WITHIN = timedelta(hours=1)
PATIENCE = timedelta(minutes=15)  # what waits longer than this, or than ten ticks, is late

# job -> the instant its rows are due at, and the words of the partial index that keeps them
_QUEUES: dict[str, tuple[Any, TextClause]] = {
    "plan digests": (Mailbox.next_digest_at, text("next_digest_at IS NOT NULL")),
    "deliver": (Outgoing.due_at, text("state IN ('queued', 'claimed')")),
    "provider events": (ProviderEvent.due_at, text("handled_at IS NULL")),
    "pull": (Connection.next_pull_at, text("next_pull_at IS NOT NULL")),
    "inbound mail": (InboundMail.due_at, text("handled_at IS NULL")),
    "write back": (WriteBack.due_at, text("done_at IS NULL")),
}


@dataclass(frozen=True, slots=True)
class Queue:
    """Rows that are due for a job, since when the oldest of them is, and when the next one comes."""

    waiting: int
    oldest_at: datetime | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobState:
    """One job: how often it ticks, its newest run that did something or failed, and its last day."""

    name: str
    every: float  # seconds; 0: this process does not know the job
    last: JobRun | None
    runs: int
    done: int
    failed: int
    queue: Queue | None

    def is_late(self, now: datetime) -> bool:
        if self.queue is None or self.queue.oldest_at is None:
            return False
        return now - self.queue.oldest_at > max(PATIENCE, timedelta(seconds=10 * self.every))

    @property
    def is_failing(self) -> bool:
        return self.last is not None and self.last.error != ""


@dataclass(frozen=True, slots=True)
class Worker:
    name: str
    seen_at: datetime
    runs: int


def job_states(session: Session, jobs: Sequence[Job], now: datetime) -> list[JobState]:
    """Those this process knows, in the order they run in, then others that ran lately; what fails or is late
    first, what never had anything to do last."""
    days, last = _days(session, now - LATELY), _last(session)
    every = {job.name: job.every_seconds for job in jobs}
    names = [*every, *sorted(last.keys() - every.keys())]
    queues = {name: _queue(session, name, now) for name in names if name in _QUEUES}
    found = [
        JobState(name, every.get(name, 0.0), last.get(name), *days.get(name, (0, 0, 0)), queues.get(name))
        for name in names
    ]
    return sorted(found, key=lambda job: (not job.is_failing, not job.is_late(now), job.last is None))


def _days(session: Session, since: datetime) -> dict[str, tuple[int, int, int]]:
    """Runs, what they did, and how many failed."""
    failed = func.count().filter(JobRun.error != "")
    query = select(JobRun.job, func.count(), func.sum(JobRun.done), failed).where(JobRun.started_at >= since)
    return {job: (runs, int(done), errors) for job, runs, done, errors in session.execute(query.group_by(JobRun.job))}


def _last(session: Session) -> dict[str, JobRun]:
    newest = select(JobRun.job, func.max(JobRun.started_at).label("at")).group_by(JobRun.job).subquery()
    query = select(JobRun).join(newest, and_(JobRun.job == newest.c.job, JobRun.started_at == newest.c.at))
    return {run.job: run for run in session.scalars(query.order_by(JobRun.id))}


def _queue(session: Session, name: str, now: datetime) -> Queue:
    """Two looks at a partial index: its cost follows what is due, never what there is."""
    column, kept = _QUEUES[name]
    waiting, oldest = session.execute(select(func.count(), func.min(column)).where(kept, column <= now)).one()
    upcoming = session.scalar(select(column).where(kept, column > now).order_by(column).limit(1))
    return Queue(waiting, oldest, upcoming)


def workers(session: Session, now: datetime) -> list[Worker]:
    """Processes that did something lately; one that found nothing to do leaves no row."""
    seen = func.max(func.coalesce(JobRun.finished_at, JobRun.started_at)).label("seen")
    query = select(JobRun.worker, seen, func.count()).where(JobRun.started_at >= now - WORKERS_WITHIN)
    return [Worker(*row) for row in session.execute(query.group_by(JobRun.worker).order_by(seen.desc()))]
