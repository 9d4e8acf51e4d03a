"""The sums the database keeps of open invoices, beside the invoices themselves."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.house import House
from app.models import Connection, Invoice, InvoiceState, InvoiceSum
from app.receivables.sums import fold_sums, open_sums
from app.scope import VendorScope
from tests.support.statements import statements
from tests.support.world import EVERYTHING, TODAY, World, invoice

DAYS = [TODAY, TODAY - timedelta(days=30)]
Act = Callable[[Session, World, int], object]


def _add(session: Session, world: World, number: int) -> None:
    due_on = TODAY - timedelta(days=number % 60) if number % 7 else None
    state = InvoiceState.OPEN if number % 3 else InvoiceState.PAID
    for _ in range(number % 4 + 1):
        invoice(session, world.birch, world.cobalt, currency="JPY" if number % 5 else "EUR", due_on=due_on, state=state)
    session.flush()


def _some(**values: Any) -> Act:
    """Change every third invoice, or all of a remainder, in one statement."""
    return lambda session, _, number: session.execute(
        update(Invoice)
        .where(Invoice.total_minor % 3 != number % 3 if number % 2 else Invoice.due_on < TODAY)
        .values(values)
        .execution_options(synchronize_session=False)
    )


ACTS: list[Act] = [
    _add,
    _add,
    _some(balance_minor=Invoice.balance_minor + 5),
    _some(due_on=TODAY - timedelta(days=31)),
    _some(due_on=None),
    _some(state=InvoiceState.PAID),
    _some(state=InvoiceState.OPEN, balance_minor=7),
    _some(currency="USD"),
    _some(number="another"),
    lambda session, world, _: session.execute(delete(Invoice).where(Invoice.currency == "EUR")),
]


def by_hand(session: Session, world: World) -> set[tuple[str, int, int, int]]:
    counts, minors = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
    query = select(Invoice).where(Invoice.vendor_id == world.birch.vendor.id, Invoice.state == InvoiceState.OPEN)
    for each in session.execute(query).scalars():
        key = each.currency, sum((each.due_on or date.max) < day for day in DAYS)
        counts[key] += 1
        minors[key] += each.balance_minor
    return {(*key, count, minors[key]) for key, count in counts.items()}


def kept(session: Session, world: World) -> set[tuple[str, int, int, int]]:
    found = open_sums(session, world.birch.vendor.id, DAYS)
    return {(each.currency, each.late, each.count, each.minor) for each in found}


@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 100), st.booleans()), max_size=8))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_sums_kept_equal_the_open_invoices_whatever_is_done_to_these(
    house: House, world: World, acts: list[tuple[Act, int, bool]]
) -> None:
    """[002-16 004-6 inv-M2 perf-C5] In every transaction, before it ends, and folded at any moment."""
    for act, number, is_folded in acts:
        with house.database.transaction(EVERYTHING) as session:
            act(session, world, number)
            assert kept(session, world) == by_hand(session, world)
        if is_folded:
            fold_sums(house)
            with house.database.reading(EVERYTHING) as session:
                assert kept(session, world) == by_hand(session, world)


def test_invoices_that_go_with_their_connection_are_counted_off(house: House, world: World) -> None:
    """[002-16 perf-C5] A cascade has no statement of ours."""
    with house.database.transaction(EVERYTHING) as session:
        session.execute(delete(Connection).where(Connection.id == world.birch.connection.id))
        assert kept(session, world) == by_hand(session, world) == set()


def test_a_day_is_one_row_once_it_is_folded(house: House, world: World) -> None:
    """[perf-C5] And a vendor's totals are one statement in its own scope, however many invoices there are."""
    with house.database.transaction(EVERYTHING) as session:
        for _ in range(30):
            invoice(session, world.birch, world.cobalt, due_on=TODAY, currency="JPY")
            session.flush()
    while fold_sums(house):
        pass
    with house.database.reading(EVERYTHING) as session:
        of_birch = select(func.count()).where(InvoiceSum.vendor_id == world.birch.vendor.id, InvoiceSum.due_on == TODAY)
        assert session.execute(of_birch).scalar_one() == 1
    scope = VendorScope(world.birch.vendor.id, world.birch.person.id)
    with house.database.reading(scope) as session, statements(house.database) as said:
        assert sum(each.count for each in open_sums(session, world.birch.vendor.id, DAYS)) == 31
        assert open_sums(session, world.acme.vendor.id, DAYS) == []
    assert len(said) == 2
    with house.database.transaction(EVERYTHING) as session:
        session.execute(update(Invoice).values(state=InvoiceState.PAID, balance_minor=0))
    while fold_sums(house):
        pass
    with house.database.reading(EVERYTHING) as session:
        assert session.execute(select(func.count()).where(InvoiceSum.count != 0)).scalar_one() == 0
