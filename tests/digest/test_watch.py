"""What rings and what stops everything: the rules, and the job that looks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import clock
from app.house import House
from app.models import (
    Alarm,
    Attempt,
    AttemptResult,
    AuditEntry,
    DeliveryEvent,
    Mailbox,
    Outcome,
    Outgoing,
    StopSwitch,
)
from app.settings import Limits
from digest.alarms import watch
from digest.deliver import deliver_batch
from digest.watch import Conduct, Pulse, alarms, anomaly
from tests.digest.mails import answer_mail, cobalts_digest, many_digest_mails
from tests.support.sinks import MemoryChannel
from tests.support.time import MONDAY_MORNING
from tests.support.world import EVERYTHING, World, digest, person

NOW, LIMITS = MONDAY_MORNING, Limits()
GOOD = Conduct(judged=500, bounced=0, complained=0, doubled=0, too_close=0)
QUIET = Pulse("", "", False, None, None, None, NOW, True, 0, 0)


def ago(**how: float) -> datetime:
    return NOW - timedelta(**how)


@pytest.mark.parametrize(
    ("conduct", "words"),
    [
        (GOOD, ""),
        (Conduct(0, 0, 0, 0, 0), ""),
        (replace(GOOD, bounced=74, complained=9), ""),  # just below both shares
        (Conduct(judged=20, bounced=19, complained=4, doubled=0, too_close=0), ""),  # a first day with an old list
        (replace(GOOD, bounced=75), "75 of the last 500 mails bounced"),
        (replace(GOOD, complained=10), "10 of the last 500 mails were called spam"),
        (replace(GOOD, doubled=1), "digests that went out twice: 1"),
        (replace(GOOD, too_close=2), "mailboxes with two digests within 20 hours: 2"),
    ],
)
def test_an_anomaly_is_what_no_ordinary_day_shows(conduct: Conduct, words: str) -> None:
    """[inv-S5]"""
    assert anomaly(conduct, LIMITS) == words


@pytest.mark.parametrize(
    ("pulse", "names"),
    [
        (QUIET, set()),
        (replace(QUIET, window_waits_since=ago(minutes=29), mail_waits_since=ago(minutes=19)), set()),
        (replace(QUIET, window_waits_since=ago(minutes=31)), {"windows"}),
        (replace(QUIET, mail_waits_since=ago(minutes=21), gate_reason="429: too many"), {"queue"}),
        (replace(QUIET, told_nothing_since=ago(minutes=61)), {"events"}),
        (replace(QUIET, books_read_at=ago(hours=7)), {"books"}),
        (replace(QUIET, digests_then=19), set()),
        (replace(QUIET, digests_then=20, digests_now=4), set()),
        (replace(QUIET, digests_then=20, digests_now=3), {"digests"}),
        (replace(QUIET, stopped="by the sender", mail_waits_since=ago(hours=9), digests_then=99), {"stopped"}),
        (replace(QUIET, is_paused=True, mail_waits_since=ago(hours=9), digests_then=99), set()),
    ],
)
def test_silence_is_a_fault(pulse: Pulse, names: set[str]) -> None:
    """[inv-F3] Windows, queue, events, books, and the digests of an ordinary day; not while an operator stopped it."""
    assert set(alarms(pulse, LIMITS, NOW)) == names


@pytest.fixture
def late_world(house: House, world: World, fixed_clock: datetime) -> World:
    """Cobalt's window opened an hour ago, and nobody has planned it."""
    with house.database.transaction(EVERYTHING) as session:
        person(session, "operator@sheaf.example")
        session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = fixed_clock - timedelta(hours=1)
    return world


def actions(house: House) -> list[str]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def test_an_incident_rings_once_writes_to_the_operators_and_ends(house: House, late_world: World) -> None:
    """[inv-F3 inv-F2] However often the watch looks; over, it ends by itself, and may ring again another time."""
    assert watch(house) == 1
    assert watch(house) == watch(house) == 0
    channel = MemoryChannel()
    deliver_batch(house, channel)
    (told,) = channel.taken
    assert (told.recipient, "nobody plans them" in told.text) == ("operator@sheaf.example", True)
    assert "/ops" in told.html
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, late_world.cobalt.mailbox.id).next_digest_at = None
    assert watch(house) == 0
    with house.database.reading(EVERYTHING) as session:
        (alarm,) = session.scalars(select(Alarm))
    assert alarm.ended_at
    assert actions(house) == ["alarm.raised", "alarm.ended"]


def test_the_alarm_reaches_operators_though_all_is_stopped(house: House, late_world: World) -> None:
    """[L1 inv-S5] Stopped by a machine: its own alarm leaves, nothing else does."""
    cobalts_digest(house, late_world)
    with house.database.transaction(EVERYTHING) as session:
        session.add(StopSwitch(name="sending", reason="75 bounced", by="the anomaly stop", since=clock.now()))
        answer_mail(session, house, late_world.acme, late_world.cobalt)
    assert watch(house) == 1
    channel = MemoryChannel()
    deliver_batch(house, channel)
    assert [each.recipient for each in channel.taken] == ["operator@sheaf.example"]
    assert "75 bounced" in channel.taken[0].subject


def bounced(house: House, kind: str, count: int) -> None:
    with house.database.transaction(EVERYTHING) as session:
        attempts = session.scalars(select(Attempt.id).where(Attempt.result == AttemptResult.ACCEPTED).limit(count))
        now = clock.now()
        for each in attempts:
            facts = {"attempt_id": each, "kind": kind, "happened_at": now, "received_at": now}
            session.add(DeliveryEvent(**facts, body=b"{}", handled_at=now))


@pytest.mark.parametrize(("kind", "count"), [("bounce", 20), ("spamreport", 5)])
def test_bounces_and_complaints_stop_everything_until_an_operator_has_looked(
    house: House, world: World, travel: Callable[[datetime], None], kind: str, count: int
) -> None:
    """[L1 inv-S5 inv-F2] Once: let go on, the same bounces do not stop it again."""
    travel(NOW)
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, 60)
    channel = MemoryChannel()
    while deliver_batch(house, channel):
        pass
    assert watch(house) == 0
    bounced(house, kind, count)
    watch(house)
    with house.database.transaction(EVERYTHING) as session:
        switch = session.get_one(StopSwitch, "sending")
        assert (switch.by, "of the last 60 mails" in switch.reason) == ("the anomaly stop", True)
        session.delete(switch)
        session.add(AuditEntry(at=clock.now(), actor="operator", action="sending.resumed"))
    travel(NOW + timedelta(minutes=1))
    watch(house)
    with house.database.reading(EVERYTHING) as session:
        assert session.get(StopSwitch, "sending") is None


def test_two_digests_too_close_stop_everything(house: House, world: World, fixed_clock: datetime) -> None:
    """[inv-S4 inv-S5] Should every brake have failed, the watch sees it; twenty hours apart is as it should be."""
    with house.database.transaction(EVERYTHING) as session:
        for hours in (1, 21, 41):
            digest(session, world.cobalt, accepted_at=fixed_clock - timedelta(hours=hours), created_at=fixed_clock)
    watch(house)
    with house.database.transaction(EVERYTHING) as session:
        assert session.get(StopSwitch, "sending") is None
        digest(session, world.cobalt, accepted_at=fixed_clock, created_at=fixed_clock, outcome=Outcome.ACCEPTED)
    watch(house)
    with house.database.reading(EVERYTHING) as session:
        assert "two digests within 20 hours: 1" in session.get_one(StopSwitch, "sending").reason


def test_events_gone_silent_ring(house: House, world: World, travel: Any) -> None:
    """[inv-F3] SendGrid took mails and reports nothing: every unknown would stay so."""
    travel(NOW)
    cobalts_digest(house, world)
    channel = MemoryChannel()
    channel.name = "sendgrid"
    deliver_batch(house, channel)
    travel(NOW + timedelta(minutes=59))
    assert watch(house) == 0
    travel(NOW + timedelta(minutes=61))
    assert watch(house) == 1
    with house.database.transaction(EVERYTHING) as session:
        assert session.scalars(select(Alarm.name)).all() == ["events"]
        attempt_id = session.scalar(select(Attempt.id))
        facts = {"attempt_id": attempt_id, "kind": "processed", "happened_at": NOW, "received_at": clock.now()}
        session.add(DeliveryEvent(**facts, body=b"{}"))
    watch(house)
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(Alarm.ended_at)).one()
        assert session.scalars(select(Outgoing.id)).all()
