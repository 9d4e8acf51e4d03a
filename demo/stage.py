"""A stage for one play: a sandbox process, the whole product beside it, and the people who use both."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from app.house import House
from app.scheduler import Job, drain_all
from app.settings import ROOT, Settings
from app.tables import migrate
from connectors.sandbox.client import Json, SandboxControl
from demo.visitor import Visitor

OPERATOR = "operator@sheaf.example"  # as the settings have it
PLAYED = ("quickbooks", "xero", "stripe")
Build = Callable[[House], tuple[Flask, Sequence[Job]]]


@dataclass
class Stage:
    """Everything a play needs. ``wait`` is what visitors do while nothing has come yet."""

    house: House
    app: Flask
    jobs: Sequence[Job]
    sandbox: SandboxControl
    url: str
    wait: Callable[[], object] = field(default=lambda: time.sleep(0.2))
    _operator: Visitor | None = None

    def visitor(self) -> Visitor:
        return Visitor(self.url, self.wait)

    def operator(self) -> Visitor:
        """Somebody who keeps the place in order; signs in once."""
        if self._operator is None:
            self._operator = self.visitor()
            self._operator.sign_in(OPERATOR)
        return self._operator

    def players(self) -> list[Json]:
        """The companies that take part by themselves. Those at other providers are there for whoever wants to try."""
        return [one for one in self.sandbox.companies() if one["provider"] in PLAYED]

    def run_jobs(self) -> dict[str, int]:
        return drain_all(self.house, self.jobs)


@contextmanager
def staged(
    build: Build,
    *,
    instance: Path,
    world: str,
    seed: int,
    port: int,
    sandbox_port: int,
    database_url: str = "",
    now: datetime | None = None,
    fast: bool = False,
) -> Iterator[Stage]:
    """Start the sandbox and serve the product; both end with the block.

    ``fast`` lifts the courtesy limits towards providers, which are counted in real minutes, not in played ones.
    """
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "connectors.sandbox", "--port", str(sandbox_port), "--seed", str(seed)]
    command += ["--world", world, "--webhooks", url] + (["--now", now.isoformat()] if now else [])
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603  # our own program
    try:
        sandbox = SandboxControl(f"http://127.0.0.1:{sandbox_port}")
        _until_up(sandbox, process)
        _set_environment(sandbox, instance, url, database_url, fast=fast)
        settings = Settings()
        migrate(settings)
        house = House.open(settings)
        app, jobs = build(house)
        with _served(app, port):
            yield Stage(house, app, jobs, sandbox, url)
        house.database.dispose()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=10)


def _set_environment(sandbox: SandboxControl, instance: Path, url: str, database_url: str, *, fast: bool) -> None:
    """Point every provider's settings at the sandbox, in this process only."""
    os.environ.update(sandbox.settings())
    os.environ.update(SHEAF_ENV="local", SHEAF_INSTANCE=str(instance), PUBLIC_URL=url, MAIL_CHANNEL="file")
    os.environ["INBOUND_HOST"] = "reply.sheaf.example"  # /dev/mail plays the mail service that answers come through
    os.environ["SCHEDULER"] = "off"  # the play decides who ticks
    os.environ["LOG_FILE"] = str(instance / "sheaf.log")
    if database_url:
        os.environ["DATABASE_URL"] = database_url
    else:
        os.environ.pop("DATABASE_URL", None)
    if fast:
        for provider in ("QUICKBOOKS", "XERO", "STRIPE"):
            os.environ[f"{provider}_CALLS_PER_MINUTE"] = "1000000"


def _until_up(sandbox: SandboxControl, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the sandbox ended with status {process.returncode}; is its port taken?")
        try:
            sandbox.now()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the sandbox did not come up within 30 s")


class _Quiet(WSGIRequestHandler):
    """No access log: the play prints its own story."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug's name
        pass


@contextmanager
def _served(app: Flask, port: int) -> Iterator[None]:
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
