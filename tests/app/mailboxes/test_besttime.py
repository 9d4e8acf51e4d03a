"""When the reader of a mailbox tends to act, and what is made of it."""

from datetime import UTC, datetime, time, timedelta

import pytest
from flask import Flask

from app.house import House
from app.mailboxes.besttime import Habit, habit
from app.models import Cadence, HoldKind, Mailbox
from tests.support.house import signed_in, words
from tests.support.links import hold, sent_digest, with_wings
from tests.support.world import EVERYTHING, World

THURSDAY = datetime(2026, 11, 19, 13, 20, tzinfo=UTC)
WEEK, MINUTE = timedelta(days=7), timedelta(minutes=1)


def thursdays(count: int) -> list[datetime]:
    return [THURSDAY - WEEK * number for number in range(count)]


def test_a_habit_is_often_enough_and_mostly_on_one_day() -> None:
    """[J7 002-11] On the wall of its zone, through a clock change; what was done in one sitting is one time."""
    others = [THURSDAY - WEEK * number - timedelta(days=1 + number % 3) for number in range(5)]
    sitting = [THURSDAY + MINUTE * number for number in range(30)]
    assert habit([*thursdays(8), *sitting, *others], "Europe/Berlin") == Habit(3, 14, 8, 13)
    assert habit([*thursdays(7), *sitting], "Europe/Berlin") is None
    assert habit([*thursdays(8), *others, *(at - timedelta(days=10) for at in others)], "Europe/Berlin") is None
    late = [at.replace(hour=23) for at in thursdays(8)]
    assert habit(late, "Europe/Berlin") == Habit(4, 0, 8, 8)  # there it is Friday already


@pytest.mark.usefixtures("fixed_clock")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_is_proposed_and_only_a_press_changes_anything(app: Flask, house: House, world: World) -> None:
    """[J7 002-11 D1] In the inbox and behind a mail's link; nothing else of the rhythm moves with it."""
    with_wings(app)
    with house.database.transaction(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        box.cadence, box.weekday, box.zone, box.most_digests = Cadence.WEEKLY, 1, "Europe/Berlin", 3
        for at in thursdays(8):
            hold(session, world.acme_invoice, HoldKind.PAYING, created_at=at, ends_at=at + WEEK)
        sent = sent_digest(session, box, [world.acme_invoice])
    ana, where = signed_in(app, world.cobalt.person), "/inbox/rhythm"
    said = "You mostly see to invoices on Thursday around 14:00: 8 of 8 times in the last half year."
    assert said in words(ana.get(where))
    assert said in words(app.test_client().get(sent.at("rhythm")))
    assert rhythm(house, world) == (1, time(9, 0), 3)
    ana.post(f"{where}/{world.cobalt.mailbox.id}", data={"act": "rhythm", "weekday": "3", "send_at": "14:00"})
    assert rhythm(house, world) == (3, time(14, 0), 3)
    assert "You mostly see to" not in words(ana.get(where))


def rhythm(house: House, world: World) -> tuple[int, time, int | None]:
    with house.database.reading(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        return box.weekday, box.send_at, box.most_digests
