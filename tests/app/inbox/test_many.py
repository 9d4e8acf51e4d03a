"""A hundred suppliers and ten thousand invoices: the list stays one page at a time."""

from datetime import date, timedelta

import pytest
from sqlalchemy import insert

from app.house import House
from app.ids import new_id
from app.inbox.queries import PAGE, Mark, Search, Tab, find_page, summary
from app.models import HoldKind, Invoice
from app.scope import CustomerScope
from tests.support.links import hold
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, TODAY, World, invoice

pytestmark = pytest.mark.usefixtures("fixed_clock")
MANY = 10_000


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """test_queries.py looks at both databases' plans; here it is the number of rows that counts."""
    return sqlite_url


@pytest.fixture
def crowded(house: House, world: World) -> World:
    with house.database.transaction(EVERYTHING) as session:
        facts = {column.key: getattr(world.acme_invoice, column.key) for column in Invoice.__table__.columns}
        rows = [
            facts | {"id": new_id(), "external_id": f"many-{n}", "number": f"M-{n:05}", "balance_minor": 100,
                     "due_minor": 100, "due_on": TODAY + timedelta(days=n % 90)}
            for n in range(MANY)
        ]  # fmt: skip
        session.execute(insert(Invoice), rows)
        late = invoice(session, world.birch, world.cobalt, number="B-9", due_on=date(2026, 11, 1))
        for kind in (HoldKind.DISPUTE, HoldKind.PROMISE, HoldKind.PAYING):
            hold(session, late, kind)
    return world


def test_ten_thousand_invoices_page_by_page_without_a_gap(house: House, crowded: World) -> None:
    """[B13 004-1 003-6] Each page begins where the last one ended, at the price of the first."""
    scope = CustomerScope(crowded.cobalt.customer.id, crowded.cobalt.person.id)
    search, seen, prices = Search(limit=500), set[str](), set[int]()
    with house.database.reading(scope) as session:
        while True:
            with statements(house.database) as asked:
                page = find_page(session, search, NOW, TODAY)
            prices.add(len(asked))
            numbers = [row.number for row in page.rows]
            assert not seen & set(numbers)
            seen |= set(numbers)
            if page.after is None:
                break
            search = Search(limit=500, after=page.after)
        assert len(seen) == MANY + 3
        assert max(prices) <= 3
        counts = summary(session, NOW, TODAY).counts()
        assert (counts.open, counts.overdue) == (MANY + 3, 2)


@pytest.mark.parametrize("mark", [Mark.DISPUTED, Mark.PROMISED, Mark.PAYING, Mark.HELD])
def test_every_filter_costs_as_little(house: House, crowded: World, mark: Mark) -> None:
    """[B13 003-4 003-9] One page, however many rows are not in it; a search by number, too."""
    scope = CustomerScope(crowded.cobalt.customer.id, crowded.cobalt.person.id)
    with house.database.reading(scope) as session, statements(house.database) as asked:
        assert [row.number for row in find_page(session, Search(mark=mark), NOW, TODAY).rows] == ["B-9"]
        assert len(find_page(session, Search(tab=Tab.SOON), NOW, TODAY).rows) == PAGE
        assert [row.number for row in find_page(session, Search(text="M-04711"), NOW, TODAY).rows] == ["M-04711"]
    assert len(asked) <= 8
