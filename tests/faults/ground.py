"""The ground the flows run on: one prepared world, put back as it was for every try, with a mail service that counts.

The whole product in one process: its pages, its jobs, its database (SQLite or PostgreSQL), and beside it the sandbox of
the providers as a process of its own. The mail service is a file, so that what it took outlives a crashed process.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from app import clock
from app.house import House
from app.scheduler import Job, drain_all
from app.settings import ROOT, Settings
from app.tables import upgrade
from connectors import http
from connectors.sandbox.client import SandboxControl
from digest.channels.base import Channel, Envelope, Result, accepted
from tests.support.inbound import HOST, Post
from tests.support.postgres import Server, shared_server
from tests.support.run import run_folder
from tests.support.server import free_port
from tests.support.sinks import SendGridDouble, Taken
from tests.support.world import NOW
from wsgi import build

DATABASES = ("sqlite", "postgresql")


class Sink(Channel):
    """Takes every mail it is handed and writes it down, however ``behave`` lets the call look."""

    name = "sendgrid"

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self.around: Callable[[str], None] = lambda words: None
        self.behave: Callable[[Envelope], tuple[bool, Result]] = lambda mail: (True, accepted(f"s.{mail.attempt_id}"))

    def send(self, envelope: Envelope) -> Result:
        self.around("before call to the mail service")
        takes, result = self.behave(envelope)
        if takes:
            self._keep(envelope)
        self.around("after call to the mail service")
        return result

    def _keep(self, mail: Envelope) -> None:
        kept = {
            "attempt": str(mail.attempt_id),
            "to": mail.recipient,
            "subject": mail.subject,
            "headers": dict(mail.headers),
            "body": {"text": mail.text, "html": mail.html, "reply_to": mail.reply_to},
            "at": clock.now().timestamp(),
        }
        handle = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(handle, json.dumps(kept).encode() + b"\n")
        os.close(handle)

    @property
    def taken(self) -> list[Taken]:
        if not self._file.exists():
            return []
        return [Taken(**json.loads(line)) for line in self._file.read_text().splitlines()]

    def wake(self) -> None:
        """In a fresh process, or after a crash: threads and pauses of before are gone."""
        super().__init__()

    def empty(self) -> None:
        self._file.unlink(missing_ok=True)


@dataclass
class Ground:
    """One world. ``keep`` makes what is there the state that ``put_back`` returns to."""

    house: House
    app: Flask
    jobs: Sequence[Job]
    sink: Sink
    events: SendGridDouble  # signs delivery events; takes no mail
    post: Post  # brings mail in, signed
    store: "_Store"
    sandbox: SandboxControl | None = None
    told: set[str] = field(default_factory=set)  # attempts whose events were delivered

    @property
    def books(self) -> SandboxControl:
        assert self.sandbox, "this ground has no sandbox"
        return self.sandbox

    def browser(self) -> FlaskClient:
        return self.app.test_client()

    def keep(self) -> None:
        self.house.database.dispose()
        self.store.keep()

    def put_back(self, now: datetime = NOW) -> None:
        """The kept state, the mail service empty, the clock at ``now``, nothing remembered in this process."""
        self.house.database.dispose()
        self.store.put_back()
        self.sink.empty()
        self.wake()
        self.told.clear()
        clock.set_to(now)

    def wake(self) -> None:
        """As a process that has just begun: no connection, no thread, no courtesy of before."""
        self.house.database.dispose()
        self.sink.wake()
        http._gates.clear()

    def run_jobs(self) -> dict[str, int]:
        return drain_all(self.house, self.jobs)

    def tell(self, mails: Sequence[Taken], kind: str = "delivered", **more: Any) -> int:
        """Delivery events of these mails by signed webhook; returns the answer's status."""
        raw, headers = self.events.signed(
            [self.events.event(mail, kind, **more) for mail in mails], clock.now().timestamp()
        )
        status = self.browser().post("/webhooks/sendgrid/events", data=raw, headers=headers).status_code
        if status == 200:
            self.told.update(mail.attempt for mail in mails)
        return status

    def tell_all(self) -> bool:
        """What the mail service has to report by now; whether that was anything."""
        news = [mail for mail in self.sink.taken if mail.attempt not in self.told]
        if news:
            assert self.tell(news) == 200
        return bool(news)

    def settle(self, *waits: timedelta) -> None:
        """Workers run again, the mail service reports, and time passes until every lease and wait is over."""
        limits = self.house.limits
        usual = (0, limits.lease_seconds + 5, 60 * limits.notice_again_minutes + 5, 60 * limits.release_minutes + 5)
        for wait in waits or [timedelta(seconds=each) for each in usual]:
            clock.set_to(clock.now() + wait)
            self.run_jobs()
            if self.tell_all():
                self.run_jobs()


@contextmanager
def ground(database: str, *, world: str = "", limits: Mapping[str, str] | None = None) -> Iterator[Ground]:
    """``world`` names one of the sandbox's, which then runs beside it. Needs an open run (tests/support/run.py)."""
    folder = run_folder() / f"ground-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        sandbox = stack.enter_context(_sandbox(world)) if world else None
        events, post = SendGridDouble(), Post(FlaskClient(Flask("nobody")))
        store = stack.enter_context(_Store(database, folder).made())
        given = {
            "SHEAF_INSTANCE": str(folder), "DATABASE_URL": store.url, "MAIL_CHANNEL": "sendgrid", "SCHEDULER": "off",
            "SENDGRID_API_KEY": "SG.not-a-key", "SENDGRID_EVENT_PUBLIC_KEY": events.public_key,
            "SENDGRID_INBOUND_PUBLIC_KEY": post.public_key, "INBOUND_HOST": HOST, "LIMIT_RELEASE_PROOF": "1",
            "LOG_FILE": os.devnull, "SECRET_KEY": "a test needs no secret", "ENCRYPTION_KEYS": "test:" + "A" * 43,
        }  # fmt: skip
        stack.enter_context(environment({**given, **(sandbox.settings() if sandbox else {}), **(limits or {})}))
        sink = Sink(folder / "sink.jsonl")
        stack.enter_context(patch("digest.delivery_jobs.open_channel", return_value=sink))
        stack.callback(clock.set_to, None)
        clock.set_to(NOW)
        house = House.open(Settings())
        stack.callback(house.database.dispose)
        app, jobs = build(house)
        app.config["WTF_CSRF_ENABLED"] = False
        post.client = app.test_client()
        yield Ground(house, app, jobs, sink, events, post, store, sandbox)


class _Store:
    """The database under a ground, and the copy of it that was kept."""

    def __init__(self, database: str, folder: Path) -> None:
        self.is_sqlite = database == "sqlite"
        self._file, self._kept = folder / "sheaf.db", folder / "kept.db"
        self._name = f"ground_{uuid.uuid4().hex[:12]}"
        self._server: Server | None = None if self.is_sqlite else shared_server()

    @property
    def url(self) -> str:
        return f"sqlite:///{self._file}" if self._server is None else self._server.url(self._name)

    @contextmanager
    def made(self) -> Iterator["_Store"]:
        if self._server is None:
            upgrade(self.url)
            yield self
            return
        self._copy(self._server.template, self._name)
        try:
            yield self
        finally:
            for name in (self._name, f"{self._name}_kept"):
                self._server.execute("drop database if exists {} with (force)", name)

    def keep(self) -> None:
        if self._server:
            self._copy(self._name, f"{self._name}_kept")
        else:
            _copy_file(self._file, self._kept)

    def put_back(self) -> None:
        if self._server:
            self._copy(f"{self._name}_kept", self._name)
        else:
            _copy_file(self._kept, self._file)

    def _copy(self, source: str, target: str) -> None:
        assert self._server
        self._server.execute("drop database if exists {} with (force)", target)
        self._server.execute("create database {} template {} strategy file_copy", target, source)


def _copy_file(source: Path, target: Path) -> None:
    """A SQLite file with its log: the copy begins where the original stands."""
    for suffix in ("", "-wal"):
        there, here = Path(f"{source}{suffix}"), Path(f"{target}{suffix}")
        here.unlink(missing_ok=True)
        if there.exists():
            shutil.copyfile(there, here)
    Path(f"{target}-shm").unlink(missing_ok=True)


def hurried(house: House, milliseconds: int) -> House:
    """A second house on the same database that gives up waiting for locks soon."""
    other = House.open(house.settings)

    @event.listens_for(other.database.engine, "connect")
    def _give_up_soon(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        is_sqlite = other.database.is_sqlite
        cursor.execute(f"PRAGMA busy_timeout={milliseconds}" if is_sqlite else f"SET lock_timeout = '{milliseconds}ms'")
        cursor.close()
        if not is_sqlite:
            connection.commit()

    return other


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """These variables inside the block, the others as they are."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _sandbox(world: str) -> Iterator[SandboxControl]:
    """A process of its own: a fork of this one must not take half a server along."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "connectors.sandbox",
        "--port",
        str(port),
        "--world",
        world,
        "--now",
        NOW.isoformat(),
    ]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with SandboxControl(f"http://127.0.0.1:{port}") as control:
            for _ in range(300):
                try:
                    control.now()
                    break
                except OSError:
                    time.sleep(0.1)
            yield control
    finally:
        process.terminate()
        process.wait(timeout=10)
