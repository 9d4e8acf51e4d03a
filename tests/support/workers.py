"""Sender processes to be killed: ``python -m tests.support.workers`` does the delivery jobs of the environment's house.

Nothing is planned here, so nothing is composed anew; otherwise it is what a worker does, at a quicker tick.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

from app.house import House
from app.scheduler import Job, drain
from app.settings import ROOT, Settings
from digest.delivery_jobs import jobs

SENDER = ("-m", "tests.support.workers")

# A lease and waits that fit a test: what takes minutes in life takes seconds here.
QUICK = {
    "LIMIT_LEASE_SECONDS": "4",
    "LIMIT_HTTP_SECONDS": "2",
    "LIMIT_RELEASE_MINUTES": "0.05",
    "LIMIT_NOTICE_AGAIN_MINUTES": "0.05",
}


class Workers:
    """Some processes of one command; a killed one is replaced, as a supervisor would."""

    def __init__(self, count: int, environment: Mapping[str, str], command: Sequence[str] = SENDER) -> None:
        self._environment = {**os.environ, **QUICK, **environment}
        self._command = [sys.executable, *command]
        self._lock = threading.Lock()
        self.killed = 0
        self.running = [self._start() for _ in range(count)]

    def kill(self, index: int) -> None:
        """kill -9, in the middle of whatever it does, and start another."""
        with self._lock:
            victim = self.running[index]
            victim.send_signal(signal.SIGKILL)
            victim.wait()
            self.killed += 1
            self.running[index] = self._start()

    def stop(self) -> None:
        with self._lock:
            for worker in self.running:
                worker.terminate()
            for worker in self.running:
                worker.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._command,
            env=self._environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def tick(house: House, tasks: Sequence[Job], every_seconds: float = 0.1) -> None:
    """Drain every job again and again until SIGTERM, then finish what is in hand."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    while not stopping.is_set():
        for task in tasks:
            drain(house, task, stopping)
        stopping.wait(every_seconds)


if __name__ == "__main__":
    opened = House.open(Settings())
    tick(opened, jobs(None))
