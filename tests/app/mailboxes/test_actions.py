from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import func, select

from app.house import House
from app.mailboxes.actions import (
    ask_for_digest,
    change_rhythm,
    disown_mailbox,
    mute_vendor,
    pause,
    relation_with,
    resume,
    stop_reminders,
)
from app.mailboxes.forms import RhythmForm
from app.models import AuditEntry, Mailbox, Relation
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")


def test_a_new_rhythm_holds_from_the_next_window_on_and_keeps_its_distance(house: House, world: World) -> None:
    """[D1 inv-S4]"""
    with house.database.transaction(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        box.last_digest_at = NOW
        daily = RhythmForm.read({"cadence": "daily", "send_at": "10:00"}, box).rhythm
        assert daily
        change_rhythm(session, box, daily, now=NOW, spacing_hours=20, person_id=None)
        assert box.next_digest_at == datetime(2026, 11, 24, 10, tzinfo=UTC)  # not today at ten


def test_stopping_twice_is_stopping_once(house: House, world: World) -> None:
    """[D13 inv-L4 inv-F2]"""
    for later in (0, 5):
        with house.database.transaction(EVERYTHING) as session:
            box = session.get_one(Mailbox, world.cobalt.mailbox.id)
            stop_reminders(session, box, NOW + timedelta(minutes=later))
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Mailbox, world.cobalt.mailbox.id).reminders_off_at == NOW
        assert session.execute(select(func.count(AuditEntry.id))).scalar_one() == 1


def test_a_pause_and_a_stop_end_together(house: House, world: World) -> None:
    """[D13]"""
    with house.database.transaction(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        pause(session, box, NOW + timedelta(days=7), NOW)
        disown_mailbox(session, box, NOW)
        assert (box.paused_until, box.reminders_off_at) == (NOW + timedelta(days=7), NOW)
        resume(session, box, now=NOW, spacing_hours=20)
        assert box.paused_until is box.reminders_off_at is None
        assert box.next_digest_at
        assert box.next_digest_at > NOW


def test_a_digest_asked_for_waits_until_the_last_one_is_long_enough_ago(house: House, world: World) -> None:
    """[D1 inv-S4]"""
    with house.database.transaction(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        assert ask_for_digest(session, box, now=NOW, spacing_hours=20) == NOW
        box.last_digest_at, box.next_digest_at, box.asked_at = NOW - timedelta(hours=1), None, None
        assert ask_for_digest(session, box, now=NOW, spacing_hours=20) == NOW + timedelta(hours=19)


def test_asking_again_and_again_brings_one_an_hour_and_what_comes_anyway_is_the_answer(
    house: House, world: World
) -> None:
    """[D20 inv-S4]"""
    with house.database.transaction(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        box.next_digest_at = NOW + timedelta(days=3)
        assert ask_for_digest(session, box, now=NOW, spacing_hours=20) == NOW
        box.next_digest_at = NOW + timedelta(days=3)  # it was planned, and there was nothing to say
        soon = NOW + timedelta(minutes=5)
        assert ask_for_digest(session, box, now=soon, spacing_hours=20) == NOW + timedelta(hours=1)
        assert ask_for_digest(session, box, now=soon, spacing_hours=20) == NOW + timedelta(hours=1)
        box.last_digest_at, box.next_digest_at = NOW, NOW + timedelta(hours=12)
        assert ask_for_digest(session, box, now=soon, spacing_hours=20) == NOW + timedelta(hours=12)


def test_two_decisions_at_one_moment_are_about_one_relation(house: House, world: World) -> None:
    """[B9]"""
    start, failed = Barrier(4), list[Exception]()

    def decide() -> None:
        start.wait()
        try:
            with house.database.transaction(EVERYTHING) as session:
                found = relation_with(session, world.cobalt.customer.id, world.acme.vendor.id, NOW)
                mute_vendor(session, found, NOW)
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [Thread(target=decide) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with house.database.reading(EVERYTHING) as session:
        assert session.execute(select(func.count(Relation.id))).scalar_one() == 1
