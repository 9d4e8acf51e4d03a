"""The gate's rules, and that all processes together keep them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from app import clock
from app.house import House
from app.models import SendGate
from app.settings import Limits
from digest.channels.base import Concern, Result, accepted, refused, rejected, unknown
from digest.gate import Gate, admit, after, fresh, look, pass_through, room
from tests.digest.mails import many_digest_mails
from tests.support.time import MONDAY_MORNING
from tests.support.world import EVERYTHING

NOW = MONDAY_MORNING
LIMITS = Limits(mails_per_second=10, mails_burst=20, circuit_strikes=3, circuit_seconds=30, circuit_longest_seconds=100)
OPEN = fresh(LIMITS, NOW)
TROUBLE = [unknown("silence")] * 3


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def shut(trips: int = 1, **facts: Any) -> Gate:
    return replace(OPEN, trips=trips, shut_until=later(30), **facts)


def test_it_lets_through_what_has_been_earned() -> None:
    """[D17] The burst first, then so many a second, never more than the burst."""
    granted, gate = admit(OPEN, 32, "me", LIMITS, NOW)
    assert granted == 20
    assert admit(gate, 32, "me", LIMITS, NOW)[0] == 0
    assert admit(gate, 32, "me", LIMITS, later(1.25))[0] == 12
    assert room(gate, LIMITS, later(3600)) == 20


def test_a_clock_that_steps_back_neither_gives_nor_holds_up() -> None:
    """[C5] An hour back: nothing is earned by it, and no gate stays shut for longer than anybody may ask."""
    _, gate = admit(OPEN, 20, "me", LIMITS, NOW)
    back, gate = admit(gate, 5, "me", LIMITS, later(-3600))
    assert back == 0
    assert admit(gate, 5, "me", LIMITS, later(-3599))[0] == 5
    assert room(replace(shut(), shut_until=later(7200)), LIMITS, NOW) == 1


def test_trouble_in_a_row_shuts_it_and_one_success_in_between_does_not() -> None:
    """[inv-S8 inv-F1] Unknown or refused for good, over however many batches."""
    gate = after(OPEN, [unknown("x"), rejected("400: y")], "a", LIMITS, NOW)
    assert (gate.trips, gate.strikes) == (0, 2)
    assert after(gate, [accepted(), unknown("x")], "b", LIMITS, NOW).strikes == 1
    gate = after(gate, [unknown("cut")], "b", LIMITS, NOW)
    assert (gate.trips, gate.shut_until, gate.reason) == (1, later(30), "cut")
    assert room(gate, LIMITS, later(29)) == 0
    assert room(gate, LIMITS, later(30)) == 1


@pytest.mark.parametrize(
    "result",
    [
        replace(unknown("x"), called=False),
        replace(rejected("not ours"), called=False),
        refused("451: try later", timedelta(minutes=5)),
        rejected("550: nobody there", Concern.ADDRESS),
    ],
)
def test_what_is_not_the_services_fault_does_not_shut_it(result: Result) -> None:
    """[inv-S8] Mails we did not call for, one mailbox that is full, one address that is nobody's."""
    assert after(OPEN, [result] * 9, "a", LIMITS, NOW).trips == 0


def test_a_wait_that_is_named_is_kept_by_all() -> None:
    """[inv-S8] 429 with its Retry-After: shut for that long, whatever else came back, then one mail to see."""
    asked = refused("429: too many", timedelta(seconds=120), Concern.CHANNEL)
    gate = after(OPEN, [accepted(), asked, accepted()], "a", LIMITS, NOW)
    assert (gate.shut_until, gate.trips) == (later(120), 1)
    gate = after(gate, [accepted()] * 5, "somebody who was still calling", LIMITS, NOW)
    assert (gate.shut_until, gate.trips) == (later(120), 1)
    assert admit(gate, 9, "b", LIMITS, later(120))[0] == 1


def test_half_open_it_lets_one_mail_through_and_waits_for_its_word() -> None:
    """[inv-F1] A probe that vanished with its bearer is followed by another when the lease is over."""
    granted, gate = admit(shut(), 32, "prober", LIMITS, later(30))
    assert granted == 1
    assert room(gate, LIMITS, later(30 + LIMITS.lease_seconds - 1)) == 0
    assert room(gate, LIMITS, later(30 + LIMITS.lease_seconds)) == 1
    taken = after(gate, [accepted()], "prober", LIMITS, later(31))
    assert (taken.trips, taken.shut_until, taken.reason) == (0, None, "")
    assert room(taken, LIMITS, later(31)) > 1


def test_each_probe_that_fails_doubles_the_wait_up_to_the_longest() -> None:
    """[inv-F1]"""
    gate, waits = shut(), []
    moment = later(30)
    for _ in range(4):
        _, gate = admit(gate, 1, "p", LIMITS, moment)
        gate = after(gate, [unknown("x")], "p", LIMITS, moment)
        assert gate.shut_until
        waits.append((gate.shut_until - moment).total_seconds())
        moment = gate.shut_until
    assert waits == [60, 100, 100, 100]


def test_stragglers_of_an_open_gate_do_not_shut_it_further() -> None:
    """[inv-F1] Calls that were in the air when it shut say nothing new."""
    gate = shut()
    assert after(gate, TROUBLE, "straggler", LIMITS, NOW) == replace(gate, handed=3)


def test_all_processes_together_keep_the_rate(house: House, travel: Any) -> None:
    """[D17 inv-C2] Sixteen at once ask for twenty each; together they get what was earned, and not one more."""
    travel(NOW)
    house.limits.mails_per_second, house.limits.mails_burst = 10, 100

    def ask(number: int) -> int:
        with house.database.transaction(EVERYTHING) as session:
            return pass_through(session, "memory", 20, f"worker-{number}", house.limits, clock.now())[0]

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, range(16))) == 100
    with house.database.reading(EVERYTHING) as session:
        assert look(session, "memory", house.limits, later(1)) == 10
        assert look(session, "another", house.limits, later(1)) == 100


def test_more_mails_than_windows_are_an_anomaly_and_many_windows_are_none(house: House, travel: Any) -> None:
    """[inv-S5] A first day with many mailboxes is no anomaly; more mails than their windows explain are one."""
    travel(NOW)
    house.limits.usual_at_least = 10
    with house.database.transaction(EVERYTHING) as session:
        pass_through(session, "memory", 1, "a", house.limits, clock.now())
        many_digest_mails(session, house, 20)
    counts = []
    for handed in (0, 40, 55, 61):
        with house.database.transaction(EVERYTHING) as session:
            session.execute(update(SendGate).values(handed=handed))
            counts.append(pass_through(session, "memory", 5, "a", house.limits, clock.now()))
    assert [granted for granted, _ in counts] == [5, 5, 5, 0]  # of sixty
    assert [bool(words) for _, words in counts] == [False, False, False, True]
    travel(NOW + timedelta(hours=1))
    with house.database.transaction(EVERYTHING) as session:
        assert pass_through(session, "memory", 5, "a", house.limits, clock.now())[0] == 5  # another hour
