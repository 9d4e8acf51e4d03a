"""Response time over the stored messages: whose they are, and which of them belong to the period."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.house import House
from app.models import Message, Person, Side, Thread, Vendor
from app.scope import VendorScope
from app.scorecard import queries
from app.scorecard.queries import ResponseTimes, Usual, response_times
from app.scorecard.rules import Said, Summary
from tests.support import world as make
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, Selling, World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def thread(session: Session, of: Selling, world: World, at: datetime) -> Thread:
    made = Thread(vendor_id=of.vendor.id, customer_id=world.cobalt.customer.id, subject="A question", created_at=at)
    session.add(made)
    session.flush()
    return made


def says(session: Session, to: Thread, at: datetime, who: Person | None = None, **facts: Any) -> None:
    """The customer, or ``who`` of the vendor."""
    session.add(
        Message(
            vendor_id=to.vendor_id,
            customer_id=to.customer_id,
            thread_id=to.id,
            created_at=at,
            via="page",
            side=Side.VENDOR if who else Side.CUSTOMER,
            person_id=who.id if who else None,
            **{"body": "Words", **facts},
        )
    )
    session.flush()


def times(house: House, of: Selling) -> ResponseTimes:
    with house.database.reading(VendorScope(of.vendor.id, of.person.id)) as session:
        return response_times(session, session.get_one(Vendor, of.vendor.id), NOW)


def test_each_vendor_has_the_figures_of_its_own_messages(house: House, world: World) -> None:
    """[G2 B7 inv-I2 inv-Q3] Cobalt asked both on the same day; neither vendor's answer moves the other's median."""
    with house.database.transaction(EVERYTHING) as session:
        for seller, hours in ((world.acme, 2), (world.birch, 7)):
            asked = thread(session, seller, world, NOW - DAY)
            says(session, asked, NOW - DAY)
            says(session, asked, NOW - DAY + hours * HOUR, seller.person)
    found = {seller.vendor.name: times(house, seller) for seller in (world.acme, world.birch)}
    assert {name: one.team.clock.median for name, one in found.items() if one.team.clock} == {
        "Acme": 2 * HOUR,
        "Birch": 7 * HOUR,
    }
    assert [agent.name for agent in found["Acme"].agents] == ["owner@acme.example"]


def test_the_period_is_that_of_the_question(house: House, world: World) -> None:
    """[G2 004-15] Asked 91 days ago is past, though answered yesterday; asked anew in an old thread is not."""
    with house.database.transaction(EVERYTHING) as session:
        old = thread(session, world.acme, world, NOW - 91 * DAY)
        says(session, old, NOW - 91 * DAY)
        says(session, old, NOW - DAY, world.acme.person)
        assert times_of(session, world).asked == 0
        says(session, old, NOW - 5 * HOUR)
        says(session, old, NOW - 4 * HOUR, world.acme.person)
    team = times(house, world.acme).team
    assert (team.asked, team.answered) == (1, 1)
    assert team.clock
    assert team.clock.median == HOUR


def times_of(session: Session, world: World) -> Summary:
    return response_times(session, session.get_one(Vendor, world.acme.vendor.id), NOW).team


@pytest.mark.parametrize("fact", ["is_automatic", "is_own"])
def test_robots_and_the_vendor_itself_count_as_nothing(house: House, world: World, fact: str) -> None:
    """[G2 inv-Q3 inv-N5] An automatic reply is no answer; an automatic or own question is no question."""
    with house.database.transaction(EVERYTHING) as session:
        asked = thread(session, world.acme, world, NOW - DAY)
        said: dict[str, Any] = {fact: True}
        says(session, asked, NOW - DAY, **said)
        assert times_of(session, world).asked == 0
        says(session, asked, NOW - 9 * HOUR)
        says(session, asked, NOW - 8 * HOUR, world.acme.person, is_automatic=True)
        says(session, asked, NOW - 4 * HOUR, world.acme.person)
    team = times(house, world.acme).team
    assert team.clock
    assert (team.asked, team.clock.median) == (1, 5 * HOUR)


def test_a_closing_without_words_counts_as_closed(house: House, world: World) -> None:
    """[G2 F11]"""
    with house.database.transaction(EVERYTHING) as session:
        asked = thread(session, world.acme, world, NOW - DAY)
        says(session, asked, NOW - DAY)
        says(session, asked, NOW - DAY + HOUR, world.acme.person, body="", result="declined")
    team = times(house, world.acme).team
    assert (team.asked, team.answered, team.waiting) == (1, 0, 0)


def test_it_reads_two_statements_for_one_question_and_for_many(house: House, world: World) -> None:
    """[G2] There is no counter to keep, and no query a question."""
    with house.database.transaction(EVERYTHING) as session:
        agent = make.person(session, "agent@acme.example")
        for number in range(30):
            asked = thread(session, world.acme, world, NOW - number * HOUR)
            says(session, asked, NOW - number * HOUR - HOUR)
            says(session, asked, NOW - number * HOUR, agent if number % 2 else world.acme.person)
    with house.database.reading(VendorScope(world.acme.vendor.id, world.acme.person.id)) as session:
        vendor = session.get_one(Vendor, world.acme.vendor.id)
        with statements(house.database) as said:
            found = response_times(session, vendor, NOW)
    assert len(said) == 2
    assert [agent.summary.answered for agent in found.agents] == [15, 15]


def test_what_is_told_of_the_usual_answer_is_of_the_newest_messages(
    house: House, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[C10 G1 004-17] All of 90 days while they are few; then of the newest answers, also to questions older than
    the newest messages; what still waits is not counted as answered at once."""
    asks = [NOW - number * DAY for number in range(12, 0, -1)]
    with house.database.transaction(EVERYTHING) as session:
        for number, at in enumerate(asks):
            asked = thread(session, world.acme, world, at)
            says(session, asked, at)
            if number < 10:
                says(session, asked, at + (30 if number == 5 else 2) * HOUR, world.acme.person)
    few = usual_of(house, world)
    assert few.clock
    assert (few.answered, few.threads, few.is_all, few.clock.p90) == (10, 12, True, 2 * HOUR)
    monkeypatch.setattr(
        queries, "NEWEST", 12
    )  # messages before the one it begins with: six answers, of them that of 30 hours
    many = usual_of(house, world)
    assert many.clock
    assert (many.answered, many.threads, many.is_all, many.clock.p90) == (6, 8, False, 30 * HOUR)


def test_the_usual_answer_reads_as_much_of_many_messages_as_of_some(
    house: House, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[C10 G1 perf-C5]"""
    monkeypatch.setattr(queries, "NEWEST", 6)
    read, counts = list[object](), []

    def note(*row: Any) -> Said:
        read.append(row)
        return Said(*row)

    monkeypatch.setattr(queries, "Said", note)
    for minutes in (0, 10):
        with house.database.transaction(EVERYTHING) as session:
            for number in range(20):
                at = NOW - number * HOUR - timedelta(minutes=minutes)
                says(session, thread(session, world.acme, world, at), at)
        read.clear()
        assert usual_of(house, world).threads == 7
        counts.append(len(read))
    assert counts == [7, 7]


def usual_of(house: House, world: World) -> Usual:
    with house.database.reading(VendorScope(world.acme.vendor.id, world.acme.person.id)) as session:
        return queries.usual(session, session.get_one(Vendor, world.acme.vendor.id), NOW)
