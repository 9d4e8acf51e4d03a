"""Told to stop, a process ends what it has in hand and leaves nothing claimed; a slow mail service slows us"""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from signal import SIGTERM

import pytest
from sqlalchemy import func, select

from app.house import House
from app.models import Attempt, AttemptResult, Outgoing, OutgoingState
from app.settings import ROOT, Settings
from digest.channels.base import THREADS, Envelope, Result
from digest.deliver import BATCH, deliver_batch
from tests.digest.mails import many_digest_mails
from tests.faults.stage import environment_of, sending_to
from tests.support.server import free_port
from tests.support.sinks import YES, Answer, MemoryChannel, SendGridDouble, Taken
from tests.support.workers import Fleet
from tests.support.world import EVERYTHING

_MAILS = 400


def slowly(mail: Taken) -> Answer:
    time.sleep(0.25)
    return YES


def wait_for(what: Callable[[], bool], seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "nothing was sent"
        time.sleep(0.02)


def assert_nothing_in_hand(house: House, sink: SendGridDouble) -> None:
    """What the sink took is on record as accepted, and all the rest is as if nobody had touched it."""
    with house.database.reading(EVERYTHING) as session:
        states = dict(session.execute(select(Outgoing.state, func.count()).group_by(Outgoing.state)).all())
        started = session.scalar(select(func.count()).where(Attempt.result == AttemptResult.STARTED))
    taken = len(sink.taken)
    assert 0 < taken < _MAILS
    assert states == {OutgoingState.ACCEPTED: taken, OutgoingState.QUEUED: _MAILS - taken}
    assert started == 0


@pytest.mark.slow
def test_a_worker_told_to_stop_ends_its_batch_and_leaves_nothing_claimed(house: House, sink: SendGridDouble) -> None:
    """[inv-F1 inv-S6] SIGTERM while mails are in the air."""
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, _MAILS)
    sink.behave = slowly
    fleet = Fleet(["worker"], {**environment_of(house), **sending_to(sink), "LIMIT_LEASE_SECONDS": "45"})
    try:
        wait_for(lambda: len(sink.taken) > 0)
        fleet.running[0].tell(SIGTERM)
        assert fleet.running[0].is_gone(within=45)
    finally:
        fleet.stop()
    assert_nothing_in_hand(house, sink)


@pytest.mark.slow
def test_a_server_told_to_stop_ends_the_batch_of_its_embedded_ticker(
    sqlite_url: str, settings: Settings, sink: SendGridDouble, tmp_path: Path
) -> None:
    """[inv-F1 inv-S6] gunicorn, as the README starts it on one machine."""
    settings.database_url = sqlite_url
    house = House.open(settings)
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, _MAILS)
    sink.behave = slowly
    environment = {**environment_of(house), **sending_to(sink), "PATH": "/usr/bin", "LOG_FILE": str(tmp_path / "log")}
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{free_port()}", "--threads", "2", "wsgi:app"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(lambda: len(sink.taken) > 0)
        finally:
            server.terminate()
        assert server.wait(timeout=60) == 0
    assert_nothing_in_hand(house, sink)
    house.database.dispose()


def test_when_the_mail_service_slows_less_is_claimed_and_more_again_when_it_is_quick(house: House) -> None:
    """[D17 inv-S6] What is in the air is bounded by what the lease holds, and by the threads."""
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, 3 * BATCH)
    channel = _Counting()
    assert deliver_batch(house, channel) == BATCH
    usable = 45 - 20
    channel.round_lasts = timedelta(seconds=usable / 4)  # as if the last batch had been as slow
    assert deliver_batch(house, channel) == 2 * THREADS
    channel.round_lasts = timedelta(seconds=3 * usable)
    assert deliver_batch(house, channel) == THREADS
    assert deliver_batch(house, channel) > THREADS  # it was quick again
    assert channel.most_at_once <= THREADS


class _Counting(MemoryChannel):
    """Notes how many are in the air at once."""

    def __init__(self) -> None:
        super().__init__()
        self._lock, self._now, self.most_at_once = threading.Lock(), 0, 0

    def send(self, envelope: Envelope) -> Result:
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return super().send(envelope)
        finally:
            with self._lock:
                self._now -= 1
