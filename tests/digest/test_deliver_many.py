"""Many senders at once, threads and processes, killed in the middle: every mail once, on both databases."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

from app import clock
from app.house import House
from app.models import Attempt, Digest, Outcome, Outgoing, OutgoingState
from digest.deliver import BATCH, deliver_batch
from digest.events import store
from tests.digest.mails import many_digest_mails
from tests.faults.stage import environment_of, sending_to
from tests.support.sinks import YES, Answer, MemoryChannel, SendGridDouble, Taken
from tests.support.workers import Fleet
from tests.support.world import EVERYTHING


@contextmanager
def workers(house: House, sink: SendGridDouble, count: int) -> Iterator[Fleet]:
    running = Fleet(["sender"] * count, {**environment_of(house), **sending_to(sink)})
    try:
        yield running
    finally:
        running.stop()


@contextmanager
def reporting(house: House, sink: SendGridDouble) -> Iterator[None]:
    """SendGrid's events for what the double takes, stored as the webhook would, while the block runs."""
    over, told = threading.Event(), 0

    def report() -> None:
        nonlocal told
        while not over.wait(0.05):
            taken = sink.taken[told:]
            if taken:
                raw, headers = sink.signed([sink.event(mail) for mail in taken])
                with house.database.transaction(EVERYTHING) as session:
                    store(session, raw, headers, clock.now())
                told += len(taken)

    thread = threading.Thread(target=report)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def wait_until_done(house: House, seconds: float = 90) -> None:
    """Until every mail is accepted, or the time is up: the assertions after it say what is missing."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        with house.database.reading(EVERYTHING) as session:
            open_mails = select(func.count()).where(Outgoing.state != OutgoingState.ACCEPTED)
            if session.execute(open_mails).scalar_one() == 0:
                return
        time.sleep(0.1)


def assert_each_once(house: House, sink: SendGridDouble, addresses: list[str]) -> None:
    assert sink.count_by("to") == dict.fromkeys(addresses, 1)
    with house.database.reading(EVERYTHING) as session:
        outcomes = session.execute(select(Digest.outcome, func.count()).group_by(Digest.outcome)).all()
    assert [tuple(row) for row in outcomes] == [(Outcome.ACCEPTED, len(addresses))]


def test_many_threads_send_every_mail_once(house: House) -> None:
    """[D3 inv-S1 inv-C2] Eight senders in one process over 300 mails: one attempt each, no error."""
    with house.database.transaction(EVERYTHING) as session:
        addresses = many_digest_mails(session, house, 300)
    channel = MemoryChannel()

    def send(_number: int) -> int:
        done = 0
        while step := deliver_batch(house, channel):
            done += step
        return done

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(send, range(8))) == 300
    assert sorted(envelope.recipient for envelope in channel.taken) == addresses
    with house.database.reading(EVERYTHING) as session:
        assert session.execute(select(func.count()).select_from(Attempt)).scalar_one() == 300


@pytest.mark.slow
def test_many_processes_send_every_mail_once(house: House, sink: SendGridDouble) -> None:
    """[D3 D5 inv-S1 inv-C1 inv-C2] Four worker processes over 300 mails and one sink that counts."""
    with house.database.transaction(EVERYTHING) as session:
        addresses = many_digest_mails(session, house, 300)
    with workers(house, sink, 4):
        wait_until_done(house)
    assert_each_once(house, sink, addresses)


@pytest.mark.slow
def test_killed_senders_lose_and_double_nothing(house: House, sink: SendGridDouble) -> None:
    """[D5 D18 inv-S1 inv-S6 inv-S7 inv-F1] kill -9 three times while mails are in the air, taken or not: events settle
    what was taken, later mails' events let the rest go once more."""
    dice = random.Random(20261123)
    in_the_air = 2 * 2 * BATCH  # two processes, two lanes each
    with house.database.transaction(EVERYTHING) as session:
        addresses = many_digest_mails(session, house, 120 + in_the_air + 100)  # some begin after the last kill
    moments = dict.fromkeys(sorted(dice.sample(range(10, 120), 3)))
    count, lock = 0, threading.Lock()

    def kill_now_and_then(_mail: Taken) -> Answer:
        nonlocal count
        with lock:
            count += 1
            is_deadly = count in moments
        if is_deadly:
            running.kill(dice.randrange(2))
            return Answer(takes=dice.random() < 0.5)
        return YES

    sink.behave = kill_now_and_then
    with workers(house, sink, 2) as running, reporting(house, sink):
        wait_until_done(house)
    assert running.killed == 3
    assert_each_once(house, sink, addresses)
