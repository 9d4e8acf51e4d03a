"""The scorecard as a whole, on both databases: what it costs, and what a vendor may read."""

import pytest
from sqlalchemy import select

from app.house import House
from app.models import HoldKind, Rating, Vendor
from app.scope import VendorScope
from app.scorecard.card import Card, scorecard
from app.scorecard.periods import period
from tests.support import story
from tests.support.statements import statements
from tests.support.story import DAY, HOUR
from tests.support.world import EVERYTHING, NOW, TODAY, World

ABOUT = period("quarter", TODAY, "UTC")


def card(house: House, world: World) -> Card:
    with house.database.reading(VendorScope(world.acme.vendor.id, world.acme.person.id)) as session:
        return scorecard(session, session.get_one(Vendor, world.acme.vendor.id), ABOUT, NOW, house.limits)


def test_a_vendor_never_reads_whose_answer_it_is(house: House, world: World) -> None:
    """[G4 inv-I2] The rows are the customers': in the vendor's scope there are none; their sums are."""
    with house.database.transaction(EVERYTHING) as session:
        for score in (5, 5, 4, 4, 4):
            story.rating(session, world.acme_invoice, world.cobalt, score=score, at=NOW - DAY)
    with house.database.reading(VendorScope(world.acme.vendor.id, world.acme.person.id)) as session:
        assert session.execute(select(Rating)).all() == []
    assert card(house, world).satisfaction.average == pytest.approx(4.4)


def test_the_scorecard_costs_the_same_for_one_row_and_for_many(house: House, world: World) -> None:
    """[G2 G3 G4 G5 G6 004-14] There is no counter to keep, and no statement a row."""
    scope = VendorScope(world.acme.vendor.id, world.acme.person.id)
    counts = []
    for _ in range(2):
        with house.database.reading(scope) as session, statements(house.database) as said:
            scorecard(session, session.get_one(Vendor, world.acme.vendor.id), ABOUT, NOW, house.limits)
        counts.append(len(said))
        with house.database.transaction(EVERYTHING) as session:
            for number in range(12):
                row = story.paid(session, world.acme, world.cobalt, due=number, late=1)
                story.claimed(session, row, HoldKind.DISPUTE, NOW - DAY, reason="price")
                story.asked(session, world.acme, world.cobalt, row, NOW - number * DAY, after=HOUR)
    assert counts[0] == counts[1]


def test_an_agent_counts_answers_by_mail_and_ready_ones(house: House, world: World) -> None:
    """[G2 004-18] Nothing is logged by hand: where an answer came from is on the message."""
    with house.database.transaction(EVERYTHING) as session:
        story.asked(session, world.acme, world.cobalt, None, NOW - DAY, after=HOUR, via="mail")
        story.asked(session, world.acme, world.cobalt, None, NOW - DAY, after=3 * HOUR, topic="copy", result="answered")
    times = card(house, world).times
    assert (times.team.by_mail, times.team.canned, times.team.answered) == (1, 0, 2)
    assert times.resolution.clock
    assert (times.resolution.count, times.resolution.clock.median) == (1, 4 * HOUR)
    assert {topic: found.asked for topic, found in times.topics} == {"": 1, "copy": 1}
