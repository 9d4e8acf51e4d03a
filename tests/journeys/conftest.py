"""The whole product beside its sandbox, as `make run` has it, for tests that walk through it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from apscheduler.schedulers.base import BaseScheduler

from app import clock
from app.receivables import matching
from app.scheduler import Job, drain_all, start
from connectors import http
from demo.stage import Stage, staged
from tests.support.server import free_port
from wsgi import build

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeStage]:
    """``make_stage(world="small", database_url="", now=None, ticking=True)``: a stage that ends with the test.

    ``ticking`` runs the jobs in background threads, as the embedded scheduler does, only quicker; without it the test
    runs them, and so do visitors while they wait.
    """
    monkeypatch.setattr(http, "_gates", {})  # a test's 429 is not the next one's
    monkeypatch.setattr(matching, "SPREAD_SECONDS", 1)  # every mailbox is written to on the minute it chose
    before = dict(os.environ)
    with ExitStack() as open_stages:

        def make(
            world: str = "small", database_url: str = "", now: datetime | None = None, ticking: bool = True
        ) -> Stage:
            stage = open_stages.enter_context(
                staged(
                    build, instance=tmp_path / "instance", world=world, seed=7, port=free_port(),
                    sandbox_port=free_port(), database_url=database_url, now=now, fast=True,
                )
            )  # fmt: skip
            if ticking:
                tick(stage)
                open_stages.callback(stop_ticking, stage)
            else:
                stage.wait = stage.run_jobs
            return stage

        yield make
    clock.set_to(None)
    os.environ.clear()
    os.environ.update(before)


@contextmanager
def standing_still(stage: Stage) -> Iterator[None]:
    """No job runs inside the block, and everything that was due has been done: what changes then, a page changed."""
    stop_ticking(stage)
    drain_all(stage.house, stage.jobs)
    try:
        yield
    finally:
        tick(stage)


def tick(stage: Stage) -> None:
    quick = [Job(job.name, min(job.every_seconds, 0.5), job.run) for job in stage.jobs]
    stage.app.extensions["ticking"] = scheduler = start(stage.house, quick)
    for job in scheduler.get_jobs():  # the first time by the machine's clock, for ours may be played
        job.modify(next_run_time=datetime.now(UTC))


def stop_ticking(stage: Stage) -> None:
    """Jobs that run are waited for: they write down what they did."""
    scheduler: BaseScheduler = stage.app.extensions["ticking"]
    scheduler.shutdown(wait=True)
