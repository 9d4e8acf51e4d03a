"""Who may be asked how content they are, and when: the quarter limit over a simulated year."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.house import House
from app.models import BillTo, LateRisk, Rating, TaskKind, Vendor, VendorTask
from app.scorecard.actions import offer_ratings, score_vendors
from app.scorecard.asking import Cause, causes, gap, may_ask
from app.settings import Limits
from digest.book import Book, RatingCard, RelationCard
from tests.support import story
from tests.support import world as make
from tests.support.story import DAY, HOUR
from tests.support.world import EVERYTHING, NOW, World

LIMITS = Limits()
BOX, CUSTOMER, INVOICE = UUID(int=1), UUID(int=2), UUID(int=3)
VENDORS = [UUID(int=10 + number) for number in range(4)]
START = datetime(2026, 1, 1, 9, tzinfo=UTC)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def year(settled: dict[UUID, set[int]], mails: set[int], looks: int) -> list[tuple[int, UUID]]:
    """Plays a year for one mailbox: what was settled on which days, mails on others, vendors looked at every ``looks``
    days; returns (day, vendor) of every question put into a mail, by the house's own rules."""
    asked: list[tuple[int, UUID]] = []
    waiting: dict[UUID, RatingCard] = {}
    expires: dict[UUID, datetime] = {}
    relations = {vendor: RelationCard(accepted_at=START) for vendor in VENDORS}
    for day in range(366):
        now = START + day * DAY
        for vendor in VENDORS if day % looks == 0 else ():
            before = [at for at in sorted(settled[vendor]) if day - 365 < at <= day]
            last = max((START + at * DAY for at, who in asked if who == vendor), default=None)
            if not before:
                continue
            cause = Cause(BOX, CUSTOMER, INVOICE, START + before[-1] * DAY, len(before), last)
            if may_ask(cause, now, LIMITS):
                waiting.setdefault(vendor, RatingCard(now, vendor, "Vendor"))
                expires[vendor] = cause.settled_at + LIMITS.rating_days * DAY
        if day in mails:
            live = [one for one in waiting.values() if expires[one.vendor_id] > now]
            found = Book({}, {}, relations=relations, ratings=live).rating
            if found is not None:
                asked.append((day, found.vendor_id))
                del waiting[found.vendor_id]
    return asked


days = st.sets(st.integers(0, 365), max_size=60)


@given(st.lists(days, min_size=4, max_size=4), st.sets(st.integers(0, 365), max_size=200), st.integers(1, 9))
def test_nobody_is_asked_more_than_once_a_quarter(settled: list[set[int]], mails: set[int], looks: int) -> None:
    """[C16 G4 004-22 004-21] Over a simulated year, whatever is settled and mailed when: for each vendor at least a
    quarter lies between two questions, a mail asks one, and nothing is asked without a settlement before it."""
    by_vendor = dict(zip(VENDORS, settled, strict=True))
    asked = year(by_vendor, mails, looks)
    assert len({day for day, _ in asked}) == len(asked)
    found = defaultdict[UUID, list[int]](list)
    for day, vendor in asked:
        found[vendor].append(day)
    for vendor, on in found.items():
        assert all(after - before >= 92 for before, after in pairwise(on))
        quarters = [(START + day * DAY).date() for day in on]
        assert len({(day.year, (day.month - 1) // 3) for day in quarters}) == len(quarters)
        assert all(any(day - 30 <= at <= day for at in by_vendor[vendor]) for day in on)
        rare = len(by_vendor[vendor]) < LIMITS.rating_often
        assert len(on) <= (2 if rare else 4)


@pytest.mark.parametrize(("settled", "expected"), [(1, 368), (2, 184), (3, 184), (4, 92), (40, 92)])
def test_who_is_invoiced_rarely_is_asked_rarely(settled: int, expected: int) -> None:
    """[C16 004-22]"""
    assert gap(settled, LIMITS) == timedelta(days=expected)


def test_a_mailbox_asked_not_to_hear_of_a_vendor_is_not_asked_about_it() -> None:
    """[C16 inv-S10] Muted, blocked, or never heard of through us."""
    cards = [RatingCard(START, vendor, "Vendor") for vendor in VENDORS]
    relations = {
        VENDORS[0]: RelationCard(accepted_at=START, muted_at=START),
        VENDORS[1]: RelationCard(accepted_at=START, blocked_at=START),
        VENDORS[2]: RelationCard(),
    }
    assert Book({}, {}, relations=relations, ratings=cards).rating is None


def test_a_settlement_gives_cause_and_a_mail_does_not(house: House, world: World) -> None:
    """[C16 004-21] Looked at again, there is still one offer; asked, there is none for a quarter."""
    with house.database.transaction(EVERYTHING) as session:
        make.digest(session, world.cobalt, [world.acme_invoice])
        assert offered(session, world, NOW) == 0
        bills = [story.paid(session, world.acme, world.cobalt, due=5, late=0) for _ in range(5)]
        for bill in bills:
            story.settlement(session, bill, NOW - HOUR)
        for _ in range(2):
            assert offered(session, world, NOW) == 1
        [rating] = session.execute(select(Rating)).scalars()
        assert rating.expires_at == NOW - HOUR + 30 * DAY
        rating.digest_id, rating.asked_at = make.digest(session, world.cobalt).id, NOW
        story.settlement(session, bills[0], NOW + 80 * DAY)
        assert offered(session, world, NOW + 91 * DAY) == 0
        assert offered(session, world, NOW + 92 * DAY) == 1


def offered(session: Session, world: World, now: datetime) -> int:
    found = [one for one in causes(session, world.acme.vendor.id, now, LIMITS) if may_ask(one, now, LIMITS)]
    offer_ratings(session, world.acme.vendor.id, found, now, LIMITS)
    return len(found)


# --- what is kept ready ---------------------------------------------------------------------------------------------


def scored(house: House, world: World) -> Vendor:
    assert score_vendors(house) == 2
    assert score_vendors(house) == 0
    with house.database.reading(EVERYTHING) as session:
        return session.get_one(Vendor, world.acme.vendor.id)


def test_the_badge_needs_ten_questions(house: House, world: World, fixed_clock: datetime) -> None:
    """[C10 004-17] Nine say nothing; the tenth makes the median a promise customers read."""
    make_due(house)
    with house.database.transaction(EVERYTHING) as session:
        for number in range(9):
            story.asked(session, world.acme, world.cobalt, None, NOW - number * DAY, after=3 * HOUR)
    assert scored(house, world).usual_answer_minutes is None
    make_due(house)
    with house.database.transaction(EVERYTHING) as session:
        story.asked(session, world.acme, world.cobalt, None, NOW - 20 * DAY, after=3 * HOUR)
    found = scored(house, world)
    assert found.usual_answer_minutes == 180
    assert found.next_scored_at == NOW + 6 * HOUR


def test_accounts_are_graded_by_their_own_history(house: House, world: World, fixed_clock: datetime) -> None:
    """[G13 003-12] Written on the account, for policies to nudge earlier; Birch's accounts know nothing of it."""
    make_due(house)
    with house.database.transaction(EVERYTHING) as session:
        for number in range(6):
            story.paid(session, world.acme, world.cobalt, due=30 + number, late=9)
            story.paid(session, world.acme, world.outsider, due=30 + number, late=-2)
    scored(house, world)
    with house.database.reading(EVERYTHING) as session:
        rows = session.execute(select(BillTo.vendor_id, BillTo.customer_id, BillTo.late_risk)).all()
    grades = {(vendor, customer): grade for vendor, customer, grade in rows}
    assert grades[world.acme.vendor.id, world.cobalt.customer.id] == LateRisk.HIGH
    assert grades[world.acme.vendor.id, world.outsider.customer.id] == LateRisk.LOW
    assert grades[world.birch.vendor.id, world.cobalt.customer.id] == LateRisk.UNKNOWN


def test_the_second_bad_experience_is_a_task(house: House, world: World, fixed_clock: datetime) -> None:
    """[002-4 G11] One alone is only listed; a task that was done stays done until a third."""
    make_due(house)
    with house.database.transaction(EVERYTHING) as session:
        story.asked(session, world.acme, world.cobalt, None, NOW - 20 * DAY)
    scored(house, world)
    assert unhappy(house) == []
    make_due(house)
    with house.database.transaction(EVERYTHING) as session:
        story.asked(session, world.acme, world.cobalt, None, NOW - 30 * DAY)
    scored(house, world)
    [task] = unhappy(house)
    assert task.words == "Cobalt had 2 bad experiences in the last half year."
    make_due(house)
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(VendorTask, task.id).done_at = NOW
    scored(house, world)
    assert [one.done_at for one in unhappy(house)] == [NOW]


def make_due(house: House) -> None:
    with house.database.transaction(EVERYTHING) as session:
        for vendor in session.execute(select(Vendor)).scalars():
            vendor.next_scored_at = NOW


def unhappy(house: House) -> list[VendorTask]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(VendorTask).where(VendorTask.kind == TaskKind.UNHAPPY)).scalars())
