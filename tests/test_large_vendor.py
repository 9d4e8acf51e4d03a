"""What one vendor's daily pages read: no more of a vendor that has six times as much of everything. A page that does
not belong to a size is one more line of PAGES."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, make_url

import wsgi
from app import clock
from app.house import House
from app.models import Person, VendorMember, VendorRole
from app.settings import Settings
from bench.stock import Stock, fill, key
from tests.support.house import signed_in
from tests.support.postgres import shared_server
from tests.support.world import EVERYTHING

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SMALL = Stock(customers=1_100, vendors=1, each=1, open=2_200, closed=1_100, threads=300, now=NOW)
LARGE = replace(SMALL, customers=6_600, open=13_200, closed=6_600, threads=1_800)

IDS = {"customer": key("bill_to", 5), "invoice": key("invoice", 5), "thread": key("thread", 0)}
PAGES = (
    "/desk/invoices",
    "/desk/invoices?shelf=overdue",
    "/desk/invoices?shelf=settled",
    "/desk/preview",
    "/desk/preview/{customer}",
    "/desk/coming",
    "/desk/tasks",
    "/desk/customers",
    "/desk/customers/{customer}",
    "/desk/invoices/{invoice}",
    "/desk/threads/{thread}",
    "/desk/payments",
    "/desk/connections",
    "/desk/policies",
    "/desk/record",
    "/desk/trust",
    "/team/desk",
    "/account/data",
)
JOINED = ("/desk/coming", "/desk/preview")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def vendors(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple["Reader", "Reader"]]:
    """A small one and a large one, each in a database of its own, filled once for all of these."""
    with ExitStack() as stack:
        stack.enter_context(clock.travel(NOW))

        def open_(stock: Stock) -> Reader:
            folder = tmp_path_factory.mktemp("large")
            url = owner_url = f"sqlite:///{folder / 'sheaf.db'}"
            if request.param == "sqlite":
                shutil.copyfile(sqlite_template, folder / "sheaf.db")
            else:
                server = shared_server()
                url = stack.enter_context(server.fresh_database())
                owner_url = server.owner_url(make_url(url).database or "")
            fill(owner_url, stock)
            house = House.open(Settings(database_url=url, instance=folder))
            stack.callback(house.database.dispose)
            return Reader(house)

        yield open_(SMALL), open_(LARGE)


class Reader:
    """The owner of a vendor, and how much of the database an answer to its browser takes."""

    def __init__(self, house: House) -> None:
        self.engine = house.database.engine
        app, _jobs = wsgi.build(house)
        with house.database.transaction(EVERYTHING) as session:
            person = session.get_one(Person, key("person", 0))
            session.add(VendorMember(vendor_id=key("vendor", 0), person_id=person.id, role=VendorRole.OWNER))
        self.browser: FlaskClient = signed_in(app, person)

    def reads(self, path: str) -> Counter[str]:
        """By statement: PostgreSQL's rows, those looked at and left out as well; or hundreds of SQLite's steps."""
        address = path.format(**IDS)
        assert self.browser.get(address).get_data()  # what is looked up once, is
        counted = steps if self.engine.dialect.name == "sqlite" else rows
        with counted(self.engine) as found:
            answer = self.browser.get(address)
            assert answer.get_data()
        assert answer.status_code == 200, path
        return found


@contextmanager
def rows(engine: Engine) -> Iterator[Counter[str]]:
    found: Counter[str] = Counter()

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if many or not statement.lstrip().startswith(("SELECT", "WITH")) or "set_config" in statement:
            return
        asking = connection.connection.driver_connection.cursor()
        asking.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        found[statement] += _read(asking.fetchone()[0][0]["Plan"])

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def _read(plan: dict[str, Any]) -> int:
    below = sum(map(_read, plan.get("Plans", ())))
    if "Relation Name" not in plan and plan["Node Type"] != "Bitmap Index Scan":
        return below
    left_out = sum(plan.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    return below + int((plan["Actual Rows"] + left_out) * plan["Actual Loops"])


@contextmanager
def steps(engine: Engine) -> Iterator[Counter[str]]:
    found: Counter[str] = Counter()

    def watch(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        def step() -> None:
            found[statement] += 1

        connection.connection.driver_connection.set_progress_handler(step, 100)

    event.listen(engine, "before_cursor_execute", watch)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", watch)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_reads_no_more_of_a_large_vendor(vendors: tuple[Reader, Reader], path: str) -> None:
    """[perf-C3 perf-C5 G1] What it shows sets what it costs."""
    if path in JOINED and vendors[0].engine.dialect.name == "postgresql":
        pytest.skip("a table of some thousand rows is read whole for some dozens of them, and that is right")
    small, large = (vendor.reads(path) for vendor in vendors)
    assert large.total() <= 1.3 * small.total() + 100, f"{small.total()} -> {large.total()}: {large.most_common(2)}"
