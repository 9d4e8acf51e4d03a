"""Turns declared jobs into running ones; the only file that knows APScheduler.

The scheduler only ticks (INVARIANTS C1): a job claims what is due from the database, so any number of processes may
tick at the same time with the same result.
"""

import gc
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from types import FrameType

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import BaseScheduler

from app import clock
from app.house import House
from app.logs import clean_text
from app.models import JobRun
from app.scope import Everything

log = structlog.get_logger()

_WORKER = Everything("the run board is the operator's")


@dataclass(frozen=True, slots=True)
class Job:
    """``run`` claims a batch of due work, does it and says how much it did; 0 means nothing is due."""

    name: str
    every_seconds: float
    run: Callable[[House], int]


def drain(house: House, job: Job) -> int:
    """Run ``job`` until nothing is due or the house is stopping; returns how much was done. An error ends the drain,
    recorded, not raised."""
    started, done, error = clock.now(), 0, ""
    try:
        while not house.stopping.is_set():
            step = job.run(house)
            done += step
            if not step:
                break
    except Exception as problem:
        log.exception("job failed", job=job.name)
        error = clean_text(f"{type(problem).__name__}: {problem}")[:300]
    if done or error:
        _record(house, job, started_at=started, done=done, error=error)
    return done


def _record(house: House, job: Job, **facts: object) -> None:
    try:
        with house.database.transaction(_WORKER) as session:
            session.add(JobRun(job=job.name, worker=house.worker, finished_at=clock.now(), **facts))
    except Exception:
        log.exception("run not recorded", job=job.name)


def drain_all(house: House, jobs: Sequence[Job]) -> dict[str, int]:
    """Everything due now, in the order of ``jobs``, round and round until none of them in a row finds more; what ``work
    --once`` does."""
    totals = dict.fromkeys((job.name for job in jobs), 0)
    idle = 0
    for job in cycle(jobs):
        done = drain(house, job)
        totals[job.name] += done
        idle = 0 if done else idle + 1
        if idle == len(jobs):
            break
    return totals


def start(house: House, jobs: Sequence[Job]) -> BaseScheduler:
    """Tick every job at its own interval in background threads; a job never overlaps itself within one process."""
    scheduler = BackgroundScheduler(timezone="UTC")
    for job in jobs:
        scheduler.add_job(
            drain, "interval", (house, job), seconds=job.every_seconds, id=job.name,
            coalesce=True, max_instances=1, misfire_grace_time=None, next_run_time=clock.now(),
        )  # fmt: skip
    scheduler.start()
    return scheduler


def settle_down() -> None:
    """What a process has loaded stays: nobody looks through it for garbage any more (app/__init__.py)."""
    gc.freeze()


def work(house: House, jobs: Sequence[Job]) -> None:
    """The worker process: ticks until SIGTERM or SIGINT, then finishes the batch in hand and leaves."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        house.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    scheduler = start(house, jobs)
    house.stopping.wait()
    scheduler.shutdown(wait=True)
