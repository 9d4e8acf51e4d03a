"""Processes of the product that are killed, frozen and replaced at once, as a supervisor would.

``python -m tests.support.workers`` is their nursery: it has imported everything and forks a process for each line it
reads, so that a killed one is back in hundredths of a second. What it forks opens its own house, as any process does.
"""

import gc
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.orm import configure_mappers
from werkzeug.serving import WSGIRequestHandler, make_server

from app.house import House
from app.scheduler import Job, drain, start, work
from app.settings import ROOT, Settings
from digest.delivery_jobs import jobs as delivery_jobs
from tests.support.played_time import tick_by_board
from wsgi import build

# A lease and waits that fit a test: what takes minutes in life takes seconds here.
QUICK = {
    "LIMIT_LEASE_SECONDS": "4",
    "LIMIT_HTTP_SECONDS": "2",
    "LIMIT_RELEASE_MINUTES": "0.05",
    "LIMIT_RELEASE_PROOF": "1",
    "LIMIT_NOTICE_AGAIN_MINUTES": "0.05",
}


@dataclass(frozen=True, slots=True)
class Process:
    """One of the fleet. ``handle`` is a pidfd: it names this very process, also when its number is used again."""

    role: str
    pid: int
    handle: int

    def is_gone(self, within: float = 0.0) -> bool:
        return bool(select.select([self.handle], [], [], within)[0])

    def tell(self, what: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it is gone already
            signal.pidfd_send_signal(self.handle, what)

    def thaw(self) -> None:
        """Let it go on; the last use of this handle."""
        self.tell(signal.SIGCONT)
        os.close(self.handle)


class Fleet:
    """One process for each of ``roles`` (see ROLES, with their words); what they print goes to ``log``. ``inside`` is a
    command that runs another one elsewhere: on another host of this machine."""

    def __init__(
        self,
        roles: Sequence[str],
        environment: Mapping[str, str],
        log: Path | None = None,
        inside: Sequence[str] = (),
    ) -> None:
        with (log or Path(os.devnull)).open("ab") as output:  # through a pipe: there is room when the disk has none
            self._scribe = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=output)
        self._nursery = subprocess.Popen(
            [*inside, sys.executable, "-m", "tests.support.workers"],
            env={**os.environ, **QUICK, **environment},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._scribe.stdin,
            text=True,
            start_new_session=True,
        )
        self._lock = threading.Lock()
        self.killed = 0
        self.frozen = 0
        self.running = [self._fork(role) for role in roles]

    def kill(self, index: int) -> None:
        """kill -9, in the middle of whatever it does, and start another."""
        with self._lock:
            self._end(self.running[index], signal.SIGKILL)
            self.killed += 1
            self.running[index] = self._fork(self.running[index].role)

    def freeze(self, index: int, seconds: float) -> None:
        """Stop it where it is, and let it go on after ``seconds``, as if nothing had happened."""
        victim = self.running[index]
        own = replace(victim, handle=os.dup(victim.handle))  # it may be killed, and its handle closed, meanwhile
        own.tell(signal.SIGSTOP)
        self.frozen += 1
        threading.Timer(seconds, own.thaw).start()

    def stop(self) -> None:
        with self._lock:
            for process in self.running:
                process.tell(signal.SIGCONT)
                process.tell(signal.SIGTERM)
            for process in self.running:
                if not process.is_gone(within=20):
                    process.tell(signal.SIGKILL)
                os.close(process.handle)
        for helper in (self._nursery, self._scribe):
            with helper:  # closes its standard input: it ends, and whatever it forked with it
                pass

    def _end(self, process: Process, how: signal.Signals) -> None:
        process.tell(how)
        process.is_gone(within=60)
        os.close(process.handle)

    def _fork(self, role: str) -> Process:
        assert self._nursery.stdin
        assert self._nursery.stdout
        self._nursery.stdin.write(f"{role}\n")
        self._nursery.stdin.flush()
        pid = int(self._nursery.stdout.readline())
        return Process(role, pid, os.pidfd_open(pid))


# --- what a process of the fleet does -------------------------------------------------------------------------------


def _send(house: House) -> None:
    """The delivery jobs alone, at a quick tick: nothing is planned here, so nothing is composed anew."""
    _tick(house, delivery_jobs(None))


def _work(house: House) -> None:
    """``flask work``."""
    _, jobs = build(house)
    work(house, jobs)


def _work_hastily(house: House) -> None:
    """The same, and no job waits longer than a second for its turn."""
    _, jobs = build(house)
    work(house, [Job(job.name, min(job.every_seconds, 1.0), job.run) for job in jobs])


def _serve(house: House, port: str) -> None:
    """The pages and webhooks."""
    app, _ = build(house)
    make_server("127.0.0.1", int(port), app, threaded=True, request_handler=_Quiet).serve_forever()


def _serve_and_work(house: House, port: str) -> None:
    """Pages, webhooks and the embedded ticker, in one process."""
    app, jobs = build(house)
    server = make_server("127.0.0.1", int(port), app, threaded=True, request_handler=_Quiet)
    start(house, jobs)
    server.serve_forever()


def _tick_by_board(house: House, board: str, place: str) -> None:
    """All jobs, whenever the board of a played time shows another step."""
    _, jobs = build(house)
    tick_by_board(house, jobs, Path(board), int(place))


ROLES: dict[str, Callable[..., None]] = {
    "sender": _send,
    "worker": _work,
    "hasty-worker": _work_hastily,
    "web": _serve,
    "web-and-worker": _serve_and_work,
    "ticker": _tick_by_board,
}


def _tick(house: House, jobs: Sequence[Job], every_seconds: float = 0.1) -> None:
    """Drain every job again and again until SIGTERM, then finish what is in hand."""
    signal.signal(signal.SIGTERM, lambda *_: house.stopping.set())
    while not house.stopping.is_set():
        for job in jobs:
            drain(house, job)
        house.stopping.wait(every_seconds)


class _Quiet(WSGIRequestHandler):
    """No access log."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug's name
        pass


def _nursery() -> None:
    configure_mappers()
    gc.freeze()  # what is shared stays shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the killed need nobody to bury them
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(*line.split())
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    os.killpg(0, signal.SIGKILL)  # whoever kept this fleet is gone


def _become(role: str, *words: str) -> None:
    """What the forked process does; never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        ROLES[role](House.open(Settings()), *words)
    finally:
        os._exit(0)


if __name__ == "__main__":
    _nursery()
