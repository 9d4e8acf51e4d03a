"""How both databases find what the hot paths ask for, on tables with some thousand rows and fresh statistics: by the
index made for it, and no large table read from end to end. What is here is what grows with the customers' number."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, make_url
from sqlalchemy.orm import Session

from app import clock
from app.desk import queries as desk
from app.desk import threads
from app.desk.queries import InvoiceSearch, Shelf
from app.desk.threads import Box, QueueSearch
from app.house import House
from app.inbox import queries as inbox
from app.inbox.queries import Search, Tab
from app.models import Vendor
from app.scope import CustomerScope, Everything, Scope, VendorScope
from app.scorecard.paid import paid_since
from app.scorecard.queries import response_times, usual
from app.settings import Settings
from bench.stock import Stock, fill, key
from connectors import events, sync
from digest.claim import claim_mails
from digest.events import handle_events
from digest.gather import gather
from digest.schedule import claim as claim_mailboxes
from tests.support.postgres import shared_server

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
TODAY = date(2026, 11, 23)
STOCK = Stock(
    customers=3_000, vendors=300, open=9_000, closed=9_000, due=20, credits=6_000, threads=3_000, past=3_000, now=NOW
)
LARGE = (
    "invoice", "customer", "mailbox", "bill_to", "relation", "thread", "thread_invoice", "message", "provider_event",
    "outgoing", "delivery_event", "credit",
)  # fmt: skip

CUSTOMER = CustomerScope(key("customer", 7), key("person", 0))
VENDOR = VendorScope(key("vendor", 3), key("person", 0))
WORKER = Everything("plans are looked at")
LAST = (TODAY + timedelta(days=30), key("invoice", 1))


def shelf(which: Shelf, after: Any = None) -> Callable[[Session], object]:
    return lambda session: desk.find_invoices(session, InvoiceSearch(which, "", NOW, TODAY, after))


def box(which: Box, after: Any = None, text: str = "") -> Callable[[Session], object]:
    search = QueueSearch(which, text, VENDOR.vendor_id, VENDOR.person_id, after)
    return lambda session: threads.find_threads(session, search)


def tab(which: Tab, after: Any = None) -> Callable[[Session], object]:
    return lambda session: inbox.find_page(session, Search(which, after=after), NOW, TODAY)


# What is asked, by whom, and the index that must be named in finding it.
PAGES: dict[str, tuple[Scope, Callable[[Session], object], str]] = {
    "inbox, open": (CUSTOMER, tab(Tab.OPEN), "ix_invoice_customer_open"),
    "inbox, a later page": (CUSTOMER, tab(Tab.OPEN, LAST), "ix_invoice_customer_open"),
    "inbox, overdue": (CUSTOMER, tab(Tab.OVERDUE), "ix_invoice_customer_open"),
    "inbox, settled": (CUSTOMER, tab(Tab.SETTLED), "ix_invoice_customer"),
    "inbox, totals": (CUSTOMER, lambda session: inbox.summary(session, NOW, TODAY), "ix_invoice_customer_open"),
    "desk, open": (VENDOR, shelf(Shelf.OPEN), "ix_invoice_vendor_open"),
    "desk, a later page": (VENDOR, shelf(Shelf.OPEN, LAST), "ix_invoice_vendor_open"),
    "desk, overdue": (VENDOR, shelf(Shelf.OVERDUE), "ix_invoice_vendor_open"),
    "desk, soon": (VENDOR, shelf(Shelf.SOON), "ix_invoice_vendor_open"),
    "desk, settled": (VENDOR, shelf(Shelf.SETTLED), "ix_invoice_settled"),
    "desk, settled, a later page": (VENDOR, shelf(Shelf.SETTLED, LAST), "ix_invoice_settled"),
    "desk queue": (VENDOR, box(Box.WAITING), "ix_thread_queue"),
    "desk queue, a later page": (VENDOR, box(Box.WAITING, (NOW, key("thread", 1))), "ix_thread_queue"),
    "desk queue, all": (VENDOR, box(Box.ALL), "ix_thread_vendor"),
    "desk queue, closed": (VENDOR, box(Box.CLOSED), "ix_thread_vendor"),
    "desk queue, a name": (VENDOR, box(Box.WAITING, text="Customer 7"), "ix_thread_queue"),
    "desk queue, the line above it": (
        VENDOR,
        lambda session: usual(session, session.get_one(Vendor, VENDOR.vendor_id), NOW),
        "ix_message_vendor",
    ),
    "desk, how many wait": (VENDOR, threads.count_waiting, "ix_thread_queue"),
    "scorecard": (
        VENDOR,
        lambda session: response_times(session, session.get_one(Vendor, VENDOR.vendor_id), NOW),
        "ix_message_vendor",
    ),
}
JOBS: dict[str, tuple[Callable[[House], object], str]] = {
    "due mailboxes": (
        lambda house: _in(house, lambda it: claim_mailboxes(it.connection(), house, 5)),
        "ix_mailbox_due",
    ),
    "what bears on a digest": (
        lambda house: _in(house, lambda it: gather(it.connection(), [key("mailbox", n) for n in range(5)], [], NOW)),
        "ix_credit_mailbox",
    ),
    "due mails": (lambda house: _in(house, lambda it: claim_mails(it, house, "file", None, 5)), "ix_outgoing_due"),
    "due pulls": (lambda house: sync.claim_due(house, 5), "ix_connection_due"),
    "stored webhooks": (events.drain_events, "ix_provider_event_due"),
    "delivery events": (handle_events, "ix_delivery_event_unhandled"),
}


def _in(house: House, act: Callable[[Session], object]) -> object:
    with house.database.transaction(WORKER) as session:
        return act(session)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[House]:
    """Filled once for all of these; what one of them claims, the others do not miss."""
    folder = tmp_path_factory.mktemp("plans")
    if request.param == "sqlite":
        url = f"sqlite:///{shutil.copyfile(sqlite_template, folder / 'sheaf.db')}"
        fill(url, STOCK)
        yield from _opened(url, folder)
        return
    server = shared_server()
    with server.fresh_database() as url:
        fill(server.owner_url(make_url(url).database or ""), STOCK)
        yield from _opened(url, folder)


def _opened(url: str, folder: Path) -> Iterator[House]:
    house = House.open(Settings(database_url=url, instance=folder))
    with clock.travel(NOW):
        yield house
    house.database.dispose()


@contextmanager
def plans(engine: Engine) -> Iterator[list[str]]:
    """How each statement inside the block is to be run, as the database says it just before, in the same role."""
    found: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if (
            many
            or not statement.lstrip().startswith(("SELECT", "UPDATE", "WITH", "DELETE"))
            or "set_config" in statement
        ):
            return
        word = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
        asking = connection.connection.driver_connection.cursor()
        asking.execute(f"{word} {statement}", parameters)
        found.append("\n".join(str(row[-1]) for row in asking.fetchall()))

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def whole_reads(plan: str, index: str) -> list[str]:
    """The large tables that are read from end to end; a partial index may be."""
    read = re.findall(rf"Seq Scan on (\w+)|^SCAN (\w+)(?!.*\b{index}\b)", plan, re.MULTILINE)
    return [name for pair in read for name in pair if name in LARGE]


@pytest.mark.parametrize("name", PAGES)
def test_pages_find_their_rows_by_the_index_made_for_them(filled: House, name: str) -> None:
    """[perf-C3 perf-C5 C1 G1]"""
    scope, look, index = PAGES[name]
    with filled.database.reading(scope) as session, plans(filled.database.engine) as found:
        assert look(session) is not None
    plan = "\n".join(found)
    assert re.search(rf"\b{index}\b", plan), plan
    assert whole_reads(plan, index) == [], plan


def test_a_claim_looks_each_connection_up_by_its_key(filled: House) -> None:
    """[perf-B9 inv-C1] Joined, PostgreSQL read all connections there are for every due mailbox, while few were old."""
    with plans(filled.database.engine) as found:
        _in(filled, lambda session: claim_mailboxes(session.connection(), filled, 5))
    assert re.search(r"\b(pk_connection|sqlite_autoindex_connection_1)\b", found[0]), found[0]


@pytest.mark.parametrize("name", JOBS)
def test_jobs_find_what_is_due_by_the_index_made_for_it(filled: House, name: str) -> None:
    """[perf-B9 perf-D3 inv-C1] What is due sets the cost, not the size of the tables."""
    work, index = JOBS[name]
    with plans(filled.database.engine) as found:
        work(filled)
    plan = "\n".join(found)
    assert re.search(rf"\b{index}\b", plan), plan
    assert whole_reads(plan, index) == [], plan


def test_by_the_databases_own_clock_a_claim_looks_at_what_is_due_and_no_further(filled: House) -> None:
    """[inv-C1 perf-B9] An instant that moves on while a statement runs is no condition of an index: each tick went
    through all mailboxes. Played time, which all else here has, is a value like any other."""
    with clock.travel(None), plans(filled.database.engine) as found, filled.database.transaction(WORKER) as session:
        claim_mailboxes(session.connection(), filled, 5)
        session.rollback()
    due = r"Index Cond: \(next_digest_at <=|USING INDEX ix_mailbox_due \(next_digest_at<\?\)"
    assert re.search(due, "\n".join(found)), found


def test_the_invoice_of_a_payment_is_found_by_its_number(filled: House) -> None:
    """[perf-C5 G5] Among all that one connection has told of, each payment would be compared with each invoice."""
    with filled.database.reading(VENDOR) as session, plans(filled.database.engine) as found:
        paid_since(session, session.get_one(Vendor, VENDOR.vendor_id), TODAY - timedelta(days=730))
    assert "external_id" in found[-1]
    assert "(connection_id=?)" not in found[-1]
