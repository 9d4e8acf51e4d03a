"""First contacts of vendors of whom nothing is proven: so many a day, whatever they import."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from app import clock
from app.house import House
from app.models import (
    Cadence,
    Connection,
    Digest,
    DigestLine,
    LineKind,
    Mailbox,
    Outcome,
    Policy,
    Relation,
    Trust,
    Vendor,
)
from app.policies.rules import Stage, Terms, Tone
from digest.plan import plan_batch
from digest.recompose import recompose
from digest.stale import stale_digests
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, Owing, Selling, World, customer, invoice

DAY = timedelta(days=1)


def strangers(house: House, count: int, first: int = 0) -> list[Owing]:
    """Customers nobody has written to, each with a digest due now."""
    with house.database.transaction(EVERYTHING) as session:
        return [
            customer(
                session,
                f"S{number}",
                address=f"s{number}@strangers.example",
                next_digest_at=NOW,
                proven_at=None,
                cadence=Cadence.DAILY,
            )
            for number in range(first, first + count)
        ]


def imports(house: House, vendor: Selling, people: list[Owing]) -> None:
    """The vendor's books hold an invoice for each of them."""
    with house.database.transaction(EVERYTHING) as session:
        for owing in people:
            invoice(session, vendor, owing)


def reached(house: House, vendor_id: UUID) -> int:
    with house.database.reading(EVERYTHING) as session:
        query = select(func.count()).where(Relation.vendor_id == vendor_id, Relation.reached_at.is_not(None))
        return session.execute(query).scalar_one()


def introduced(house: House, vendor_id: UUID) -> int:
    """Mails that name it."""
    with house.database.reading(EVERYTHING) as session:
        query = select(func.count(DigestLine.digest_id.distinct())).where(DigestLine.vendor_id == vendor_id)
        return session.execute(query).scalar_one()


@pytest.fixture
def unproven(house: House, world: World, fixed_clock: datetime) -> Selling:
    """Acme, before anything was proven of it; Cobalt is one of the strangers."""
    with house.database.transaction(EVERYTHING) as session:
        session.execute(update(Vendor).where(Vendor.id == world.acme.vendor.id).values(trust=Trust.NEW))
    return world.acme


def test_a_vendor_that_imports_strangers_reaches_25_on_the_first_day_and_100_in_the_first_week(
    house: House, unproven: Selling
) -> None:
    """[inv-A2 L3] Those beyond wait, with a reason, and come in turn; whoever was reached stays reached."""
    imports(house, unproven, strangers(house, 130))
    counted = []
    for day in range(8):
        clock.set_to(NOW + day * DAY + timedelta(minutes=day))
        with house.database.transaction(EVERYTHING) as session:
            session.execute(update(Mailbox).values(next_digest_at=clock.now()))
            session.execute(update(Connection).values(as_of=clock.now()))
        while plan_batch(house):
            pass
        counted.append(reached(house, unproven.vendor.id))
    assert counted == [25, 50, 75, 100, 100, 100, 100, 125]
    with house.database.reading(EVERYTHING) as session:
        reasons = session.scalars(select(Digest.reason).where(Digest.outcome == Outcome.NOTHING_DUE))
        assert any("it may reach only so many new customers a day, and waits for its turn" in one for one in reasons)


def test_eight_planners_at_once_give_no_contact_twice(house: House, unproven: Selling) -> None:
    """[inv-A2 inv-C2] Batches of five mailboxes, planned side by side."""
    imports(house, unproven, strangers(house, 60))
    ready = threading.Barrier(8)

    def plan(_: int) -> None:
        ready.wait()
        while plan_batch(house, limit=5):
            pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(plan, range(8)))
    assert reached(house, unproven.vendor.id) == introduced(house, unproven.vendor.id) == 25


def test_a_first_contact_names_the_vendor_and_counts_its_invoices(house: House, unproven: Selling) -> None:
    """[B8 inv-A1] No amount, no number, nothing to pay."""
    imports(house, unproven, strangers(house, 1))
    assert plan_batch(house)
    with house.database.reading(EVERYTHING) as session:
        (line,) = session.scalars(select(DigestLine).where(DigestLine.vendor_id == unproven.vendor.id))
    assert (line.kind, line.number, line.amount_minor, line.status) == (LineKind.INTRODUCED, "", 0, "1 invoice")


def test_proven_and_accepted_vendors_need_no_contacts(house: House, world: World, fixed_clock: datetime) -> None:
    """[inv-A1 inv-A2] And a batch without strangers costs no statement for it."""
    people = strangers(house, 30)
    imports(house, world.birch, people)
    with statements(house.database) as said:
        while plan_batch(house):
            pass
    assert introduced(house, world.birch.vendor.id) == 30
    assert reached(house, world.birch.vendor.id) == 0
    assert not [one for one in said if "reached_at >" in one]


def test_a_mailbox_that_takes_no_mail_uses_up_no_contact(house: House, unproven: Selling) -> None:
    """[inv-A2] Nobody was contacted."""
    people = strangers(house, 2)
    imports(house, unproven, people)
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, people[0].mailbox.id).reminders_off_at = NOW
    assert plan_batch(house)
    assert reached(house, unproven.vendor.id) == 1


def test_a_mail_that_comes_early_for_a_policy_is_a_contact_too(house: House, unproven: Selling) -> None:
    """[A2 J5 inv-A2] Due before the next weekly mail, and so mentioned before the vendor's first day: counted, and
    bounded, like any other first contact."""
    people = strangers(house, 30)
    with house.database.transaction(EVERYTHING) as session:
        terms = Terms((Stage(-1, Tone.AHEAD),)).stored()
        session.add(Policy(vendor_id=unproven.vendor.id, name="All", is_default=True, terms=terms))
        session.execute(update(Mailbox).values(cadence=Cadence.WEEKLY))
        for owing in people:
            invoice(session, unproven, owing, due_on=NOW.date() + 5 * DAY)
    while plan_batch(house):
        pass
    assert introduced(house, unproven.vendor.id) == reached(house, unproven.vendor.id) == 25


@pytest.mark.parametrize("trust", [Trust.NEW, Trust.VERIFIED])
def test_a_frozen_vendor_reaches_nobody_new_not_even_by_a_mail_already_written(
    house: House, unproven: Selling, trust: Trust
) -> None:
    """[inv-A2 L3] Whoever has heard of it already still does."""
    old, new = strangers(house, 2)
    imports(house, unproven, [old, new])
    with house.database.transaction(EVERYTHING) as session:
        vendor = session.get_one(Vendor, unproven.vendor.id)
        vendor.trust = trust
        known = {"customer_id": old.customer.id, "vendor_id": vendor.id}
        session.add(Relation(**known, reached_at=NOW - DAY, first_mailed_at=NOW - DAY))
    assert plan_batch(house)
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, unproven.vendor.id).frozen_at = NOW
    with house.database.transaction(EVERYTHING) as session:
        queued = list(session.scalars(select(Digest.id).where(Digest.outcome == Outcome.QUEUED)))
        stale = stale_digests(session, queued, (), (), NOW)
        assert len(stale) == 1
        done = recompose(house, session, sorted(stale))
    assert (len(done.cancelled), len(done.rewritten)) == (1, 0)
    assert "our people look at it first" in next(iter(done.cancelled.values()))
