"""The whole product beside its sandbox, as `make run` has it, for tests that walk through it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from app import clock
from app.scheduler import start
from demo.stage import Stage, staged
from tests.support.server import free_port
from wsgi import build

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[MakeStage]:
    """``make_stage(world="small", database_url="", now=None, ticking=True)``: a stage that ends with the test.

    ``ticking`` runs the jobs in background threads, as the embedded scheduler does; without it the test runs them.
    """
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
                scheduler = start(stage.house, stage.jobs)
                open_stages.callback(scheduler.shutdown, wait=True)
            else:
                stage.wait = stage.run_jobs
            return stage

        yield make
    clock.set_to(None)
    os.environ.clear()
    os.environ.update(before)
