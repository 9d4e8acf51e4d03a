"""What was paid, counted in the database: the same as if each invoice were looked at, and some rows at a time."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.house import House
from app.models import Invoice, InvoiceState, Payment, Settlement, Vendor
from app.scorecard.accounts import everybody
from app.scorecard.paid import histories, paid_since
from app.scorecard.risk import History, Outcome, curve, risk
from tests.support import story
from tests.support import world as make
from tests.support.story import HOUR
from tests.support.world import EVERYTHING, NOW, TODAY, World

SINCE = TODAY - timedelta(days=730)
ZONES = ["UTC", "Pacific/Apia", "America/New_York", "Australia/Lord_Howe"]


def one_by_one(session: Session, vendor: Vendor, since: date) -> list[tuple[UUID | None, date, date]]:
    """The definition: (account, due day, day of the payment) of each invoice that was paid in full."""
    lasts: dict[tuple[UUID, str], date] = {}
    for payment in session.execute(select(Payment).where(Payment.vendor_id == vendor.id)).scalars():
        if payment.paid_on and payment.paid_on >= since and payment.amount_minor > 0:
            for external_id, _ in payment.applied:
                key = (payment.connection_id, external_id)
                lasts[key] = max(payment.paid_on, lasts.get(key, payment.paid_on))
    seen: dict[UUID, date] = {}
    settled = select(Settlement).where(Settlement.vendor_id == vendor.id, Settlement.state == InvoiceState.PAID)
    for one in session.execute(settled.order_by(Settlement.seen_at)).scalars():
        seen[one.invoice_id] = (one.settled_at or one.seen_at).astimezone(ZoneInfo(vendor.zone)).date()
    found = []
    every = select(Invoice).where(Invoice.vendor_id == vendor.id, Invoice.state == InvoiceState.PAID)
    for invoice in session.execute(every).scalars():
        day = lasts.get((invoice.connection_id, invoice.external_id)) or seen.get(invoice.id)
        if day and day >= since and invoice.due_on:
            found.append((invoice.bill_to_id, invoice.due_on, day))
    return found


# Of each invoice: whose; days since it was due; how late each payment came (None: a day we do not know); settled when,
# in hours before now, by the books' word or ours alone; still open.
rows = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(-5, 760) | st.none(),
        st.lists(st.integers(-30, 60), max_size=2, unique=True),
        st.lists(st.tuples(st.integers(0, 9000), st.booleans()), max_size=2),
        st.booleans(),
    ),
    max_size=14,
)


@given(rows, st.sampled_from(ZONES))
@example([(True, 20 * place, [3], [], False) for place in range(7)] + [(False, 9, [], [(4950, True)], False)], "UTC")
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_it_is_the_same_as_invoice_by_invoice(house: House, world: World, rows: list[Any], zone: str) -> None:
    """[G5 G13 001-11 003-12] On both databases, in any zone: days late, the curve of all accounts, each one's grade."""
    with house.database.transaction(EVERYTHING) as session, session.begin_nested() as undone:
        vendor = session.get_one(Vendor, world.acme.vendor.id)
        vendor.zone = zone
        for row in rows:
            tell(session, world, *row)
        session.flush()
        each = one_by_one(session, vendor, SINCE)
        found = paid_since(session, vendor, SINCE)
        counted = defaultdict[tuple[date, int, bool], int](int)
        for one in found:
            counted[one.on, one.days, one.is_known] += one.count
        expected = defaultdict[tuple[date, int, bool], int](int)
        for bill_to_id, due_on, day in each:
            expected[day, (day - due_on).days, bill_to_id is not None] += 1
        assert counted == expected

        outcomes = defaultdict[UUID, list[tuple[date, Outcome]]](list)
        for bill_to_id, due_on, day in each:
            if bill_to_id:
                outcomes[bill_to_id].append((due_on, Outcome((day - due_on).days)))
        still = select(Invoice).where(Invoice.vendor_id == vendor.id, Invoice.state == InvoiceState.OPEN)
        for invoice in session.execute(still).scalars():
            if invoice.bill_to_id and invoice.due_on:
                late = Outcome((TODAY - invoice.due_on).days, is_paid=False)
                outcomes[invoice.bill_to_id].append((invoice.due_on, late))
        all_ = curve(outcome for some in outcomes.values() for _, outcome in some)
        assert everybody(session, vendor, found, TODAY) == all_
        known = {one.bill_to_id: risk(one.history, all_) for one in histories(session, vendor, SINCE, TODAY)}
        for bill_to_id, some in outcomes.items():
            ordered = tuple(one for _, one in sorted(some, key=lambda one: one[0]))
            graded, now = risk(History(ordered), all_), known.get(bill_to_id)
            assert (graded and (graded.grade, graded.chance)) == (now and (now.grade, now.chance))
        undone.rollback()


def tell(
    session: Session, world: World, is_cobalts: bool, due: int | None, paid_late: list[int],
    settled: list[tuple[int, bool]], is_open: bool,
) -> None:  # fmt: skip
    due_on = None if due is None else TODAY - timedelta(days=due)
    state: dict[str, Any] = {} if is_open else {"state": InvoiceState.PAID, "balance_minor": 0, "due_minor": 0}
    owner = world.cobalt if is_cobalts else world.outsider
    made = make.invoice(session, world.acme, owner, due_on=due_on, issued_on=SINCE, **state)
    for late in paid_late:
        on = (due_on or TODAY) + timedelta(days=late)
        session.add(
            Payment(
                vendor_id=made.vendor_id, connection_id=made.connection_id, external_id=f"{made.external_id}+{late}",
                version=1, content_hash=0, paid_on=on, currency="USD", exponent=2, amount_minor=max(0, late + 29),
                applied=[["another", 1], [made.external_id, 1]],
            )
        )  # fmt: skip
    for hours, is_told in settled:
        one = story.settlement(session, made, NOW - hours * HOUR)
        one.settled_at = NOW - (hours + 7) * HOUR if is_told else None


@pytest.mark.parametrize("zone", ZONES)
def test_the_day_of_an_instant_is_that_of_the_wall(house: House, world: World, zone: str) -> None:
    """[G5 inv-C5] Around both changes of the clock, where it jumps by half an hour, and at the ends of a day."""
    with house.database.transaction(EVERYTHING) as session, session.begin_nested() as undone:
        vendor = session.get_one(Vendor, world.acme.vendor.id)
        vendor.zone = zone
        expected = defaultdict[date, int](int)
        begins = [datetime(2026, month, 1, 9, tzinfo=UTC) for month in (3, 4, 10, 11)]
        for at in (begin + number * 11 * HOUR for begin in begins for number in range(12)):
            story.settlement(session, story_invoice(session, world), at)
            expected[at.astimezone(ZoneInfo(zone)).date()] += 1
        found = defaultdict[date, int](int)
        for one in paid_since(session, vendor, SINCE):
            found[one.on] += one.count
        undone.rollback()
    assert found == expected


def story_invoice(session: Session, world: World) -> Invoice:
    facts: dict[str, Any] = {"state": InvoiceState.PAID, "balance_minor": 0, "due_on": date(2026, 1, 5)}
    return make.invoice(session, world.acme, world.cobalt, **facts)
