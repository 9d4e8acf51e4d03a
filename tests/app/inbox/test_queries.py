"""The list of invoices: what is on a page, and what stands above it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, insert, text
from sqlalchemy.orm import Session

from app.db import Database
from app.house import House
from app.ids import new_id
from app.inbox.forms import read_search
from app.inbox.queries import Mark, Search, Tab, find_page, summary, suppliers, vendors_with_history
from app.models import (
    Connection,
    HoldKind,
    Invoice,
    InvoiceChange,
    InvoiceState,
    Relation,
    Thread,
    ThreadInvoice,
    ThreadState,
    Trust,
    Vendor,
)
from app.money import Money, Totals
from app.receivables.queries import Row
from app.scope import CustomerScope
from tests.support.links import credit, hold
from tests.support.postgres import as_owner
from tests.support.world import EVERYTHING, NOW, TODAY, Owing, Selling, World, invoice, vendor

Reading = Callable[[], AbstractContextManager[Session]]


@pytest.fixture
def cobalt(house: House, world: World) -> Reading:
    """A session of somebody of Cobalt."""
    return lambda: house.database.reading(CustomerScope(world.cobalt.customer.id, world.cobalt.person.id))


@contextmanager
def building(house: House) -> Iterator[Session]:
    with house.database.transaction(EVERYTHING) as session:
        yield session


def page(session: Session, **search: Any) -> list[Row]:
    return find_page(session, Search(**search), NOW, TODAY).rows


def numbers(session: Session, **search: Any) -> list[str]:
    return [row.number for row in page(session, **search)]


def walk(session: Session, **search: Any) -> list[UUID]:
    """The ids of all pages, one after the other."""
    found: list[UUID] = []
    after = None
    while True:
        shown = find_page(session, Search(**search, after=after), NOW, TODAY)
        assert len(shown.rows) <= search.get("limit", 25)
        found += [row.id for row in shown.rows]
        if (after := shown.after) is None:
            return found
        assert shown.rows


def clear(session: Session) -> None:
    session.execute(delete(Invoice))


# --- paging ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tab", [Tab.OPEN, Tab.LATER, Tab.SETTLED])
def test_it_shows_every_invoice_once_however_the_pages_fall(
    house: House, world: World, cobalt: Reading, tab: Tab
) -> None:
    """[B13 C5] Equal dates and missing dates included, pages of five."""
    far = TODAY + timedelta(days=30)
    days = [far, far, None, far + timedelta(days=1), None, far, far, far, None, None, far]
    closed: dict[str, Any] = {"state": InvoiceState.PAID, "balance_minor": 0} if tab == Tab.SETTLED else {}
    for count in (0, 1, 4, 5, 9, 10, 11):
        with building(house) as session:
            clear(session)
            for day in days[:count]:
                invoice(session, world.acme, world.cobalt, due_on=day, issued_on=day, **closed)
        with cobalt() as session:
            whole = [row.id for row in page(session, tab=tab, limit=100)]
            assert walk(session, tab=tab, limit=5) == whole
            assert len(set(whole)) == count


def test_it_lists_what_is_due_longest_first_and_what_has_no_date_last(
    house: House, world: World, cobalt: Reading
) -> None:
    """[B13 C5]"""
    with building(house) as session:
        invoice(session, world.acme, world.cobalt, number="none", due_on=None)
        invoice(session, world.acme, world.cobalt, number="old", due_on=date(2020, 1, 1))
    with cobalt() as session:
        assert numbers(session) == ["old", "A-1", "B-1", "none"]
        assert numbers(session, tab=Tab.LATER) == ["none"]


def test_it_lists_settled_invoices_newest_first(house: House, world: World, cobalt: Reading) -> None:
    """[B13]"""
    with building(house) as session:
        for number, day, state in [
            ("may", date(2026, 5, 1), InvoiceState.PAID),
            ("june", date(2026, 6, 1), InvoiceState.VOID),
            ("april", date(2026, 4, 1), InvoiceState.GONE),
            ("draft", date(2026, 4, 1), InvoiceState.DRAFT),
            ("strange", date(2026, 4, 1), InvoiceState.UNKNOWN),
        ]:
            invoice(
                session,
                world.acme,
                world.cobalt,
                number=number,
                issued_on=day,
                state=state,
                balance_minor=0,
                due_minor=0,
            )
    with cobalt() as session:
        assert numbers(session, tab=Tab.SETTLED) == ["june", "may", "april"]
        assert numbers(session) == ["A-1", "B-1"]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_it_pages_any_mixture_of_dates_exactly(
    data: st.DataObject, house: House, world: World, cobalt: Reading
) -> None:
    """[B13]"""
    days = data.draw(st.lists(st.none() | st.dates(TODAY - timedelta(3), TODAY + timedelta(9)), max_size=12))
    with building(house) as session:
        clear(session)
        for day in days:
            invoice(session, world.acme, world.cobalt, due_on=day)
    limit = data.draw(st.integers(1, 5))
    with cobalt() as session:
        for tab in (Tab.OPEN, Tab.OVERDUE, Tab.SOON, Tab.LATER):
            rows = page(session, tab=tab, limit=100)
            assert walk(session, tab=tab, limit=limit) == [row.id for row in rows]
        whole = page(session, limit=100)
        assert [row.due_on for row in whole] == sorted(days, key=lambda day: (day is None, day or TODAY))


# --- tabs, states and search ----------------------------------------------------------------------------------------


def test_it_tells_overdue_soon_and_later_by_the_readers_day(house: House, world: World, cobalt: Reading) -> None:
    """[B13]"""
    with building(house) as session:
        clear(session)
        for days in (-1, 0, 7, 8):
            invoice(session, world.acme, world.cobalt, number=str(days), due_on=TODAY + timedelta(days=days))
    with cobalt() as session:
        assert numbers(session, tab=Tab.OVERDUE) == ["-1"]
        assert numbers(session, tab=Tab.SOON) == ["0", "7"]
        assert numbers(session, tab=Tab.LATER) == ["8"]
        counts = summary(session, NOW, TODAY).counts()
        assert (counts.open, counts.overdue, counts.soon, counts.later) == (4, 1, 2, 1)


def test_it_finds_by_what_is_going_on(house: House, world: World, cobalt: Reading) -> None:
    """[B13 E7]"""
    hour, week = timedelta(hours=1), timedelta(days=8)
    with building(house) as session:
        clear(session)
        old: dict[str, Any] = {"created_at": NOW - week}
        made = {
            name: invoice(session, world.acme, world.cobalt, number=name, **old)
            for name in (
                "quiet",
                "changed",
                "asked",
                "closed",
                "paying",
                "promised",
                "disputed",
                "said",
                "dates",
                "back",
                "doubtful",
                "over",
                "freed",
            )
        }
        invoice(session, world.acme, world.cobalt, number="new", created_at=NOW - hour)
        for name, at in (("quiet", NOW - week), ("changed", NOW - week), ("changed", NOW - hour)):
            session.add(_change(made[name], at))
        for name, state in (("asked", ThreadState.WAITING_CUSTOMER), ("closed", ThreadState.CLOSED)):
            _thread(session, made[name], state)
        for name, kind in (
            ("paying", HoldKind.PAYING),
            ("promised", HoldKind.PROMISE),
            ("disputed", HoldKind.DISPUTE),
            ("said", HoldKind.ALREADY_PAID),
            ("dates", HoldKind.REQUEST),
            ("back", HoldKind.REVERSED),
            ("doubtful", HoldKind.UNCLEAR),
        ):
            hold(session, made[name], kind)
        hold(session, made["over"], HoldKind.PROMISE, ends_at=NOW)
        hold(session, made["freed"], HoldKind.PROMISE, ended_at=NOW - hour)
    with cobalt() as session:
        found = {mark: set(numbers(session, mark=mark)) for mark in Mark if mark}
    assert found == {
        Mark.NEW: {"new"},
        Mark.CHANGED: {"changed"},
        Mark.ASKED: {"asked"},
        Mark.HELD: {"paying", "promised", "disputed", "said", "dates", "back", "doubtful"},
        Mark.PAYING: {"paying"},
        Mark.PROMISED: {"promised"},
        Mark.DISPUTED: {"disputed"},
        Mark.SAID_PAID: {"said"},
        Mark.ASKED_DATES: {"dates"},
        Mark.TAKEN_BACK: {"back"},
        Mark.UNCLEAR: {"doubtful"},
    }


FOUND = [
    ("acme", {"A-1", "100%_x"}),
    ("BIRCH", {"B-1"}),
    ("a-1", {"A-1"}),
    ("po-47", {"A-1"}),
    ("1,250.00", {"A-1"}),
    ("1250", {"A-1"}),
    ("1.250,00", {"A-1"}),
    ("USD 1 250", {"A-1"}),
    ("¥80,000", {"B-1"}),
    ("80000", {"B-1"}),
    ("800.00", set()),
    ("%", {"100%_x"}),
    ("_", {"100%_x"}),
    ("0%_", {"100%_x"}),
    ("\\", set()),
    ("' OR 1=1 --", set()),
    ("", {"A-1", "B-1", "100%_x"}),
    ("nobody", set()),
]


def test_it_finds_by_supplier_number_order_and_amount(house: House, world: World, cobalt: Reading) -> None:
    """[B13] What a search language would understand is a word like any other."""
    with building(house) as session:
        session.get_one(Invoice, world.acme_invoice.id).po_number = "PO-4711"
        invoice(session, world.acme, world.cobalt, number="100%_x", amount="3.00")
    with cobalt() as session:
        for words, found in FOUND:
            rows = find_page(session, read_search({"q": words}), NOW, TODAY).rows
            assert {row.number for row in rows} == found, words


def test_it_narrows_list_and_sums_to_one_vendor(world: World, cobalt: Reading) -> None:
    """[B13 inv-M2]"""
    with cobalt() as session:
        assert numbers(session, vendor_id=world.birch.vendor.id) == ["B-1"]
        counts = summary(session, NOW, TODAY).counts(world.birch.vendor.id)
        assert list(counts.open_total) == [Money(80000, "JPY")]
        assert (counts.open, counts.overdue) == (1, 0)


# --- whose --------------------------------------------------------------------------------------------------------


def test_it_shows_nobody_elses_invoices_sums_or_vendors(house: House, world: World) -> None:
    """[B1 B7 inv-I1]"""
    stranger = CustomerScope(world.outsider.customer.id, world.outsider.person.id)
    with house.database.reading(stranger) as session:
        for tab in Tab:
            assert page(session, tab=tab) == []
        assert summary(session, NOW, TODAY).owed == ()
        assert suppliers(session, NOW) == []
        assert vendors_with_history(session, NOW) == []


Break = Callable[[Session, World], Any]


@pytest.mark.parametrize(
    "hide",
    [
        lambda session, world: _set(session.get_one(Vendor, world.acme.vendor.id), live_at=None),
        lambda session, world: _set(session.get_one(Vendor, world.acme.vendor.id), live_at=NOW + timedelta(hours=1)),
        lambda session, world: _set(session.get_one(Vendor, world.acme.vendor.id), trust=Trust.SUSPENDED),
        lambda session, world: _set(session.get_one(Connection, world.acme.connection.id), state="disconnected"),
        lambda session, world: _decide(session, world, blocked_at=NOW),
    ],
    ids=["not live", "not live yet", "suspended", "disconnected", "blocked"],
)
def test_it_hides_what_the_vendor_the_operator_or_the_customer_took_back(
    house: House, world: World, cobalt: Reading, hide: Break
) -> None:
    """[B9 inv-K5 inv-S10]"""
    with building(house) as session:
        credit(session, world.acme, world.cobalt, "5.00")
        hide(session, world)
    with cobalt() as session:
        assert numbers(session) == ["B-1"]
        found = summary(session, NOW, TODAY)
        assert [name for _, name in found.vendors] == ["Birch"]
        assert [total.currency for total in found.counts().open_total] == ["JPY"]
        assert len(found.counts().credit_total) == 0


def test_a_vendor_that_proved_nothing_shows_its_name_and_a_count_until_the_customer_says_yes(
    house: House, world: World, cobalt: Reading
) -> None:
    """[B8 inv-A1]"""
    with building(house) as session:
        newcomer = vendor(session, "Newco", address="owner@newco.example", trust=Trust.NEW)
        for _ in range(2):
            invoice(session, newcomer, world.cobalt, number="secret", amount="7.77")
    with cobalt() as session:
        assert "secret" not in numbers(session)
        found = summary(session, NOW, TODAY)
        assert found.newcomers == {"Newco": 2}
        assert found.counts().open == 2
        assert "Newco" not in [name for _, name in found.vendors]
    with building(house) as session:
        _decide(session, world, newcomer, accepted_at=NOW)
    with cobalt() as session:
        assert numbers(session).count("secret") == 2
        assert summary(session, NOW, TODAY).newcomers == {}


def test_it_knows_every_supplier_and_what_was_decided(house: House, world: World, cobalt: Reading) -> None:
    """[B9]"""
    with building(house) as session:
        newcomer = vendor(session, "Newco", address="owner@newco.example", trust=Trust.NEW)
        invoice(session, newcomer, world.cobalt)
        _decide(session, world, blocked_at=NOW)
        _decide(session, world, world.birch, muted_at=NOW)
    with cobalt() as session:
        found = {one.name: one for one in suppliers(session, NOW)}
    assert list(found) == ["Acme", "Birch", "Newco"]
    assert found["Acme"].blocked_at == NOW
    assert (found["Birch"].muted_at, found["Birch"].open, found["Birch"].is_known) == (NOW, 1, True)
    assert found["Newco"].is_known is False


# --- sums -----------------------------------------------------------------------------------------------------------

owed = st.tuples(
    st.sampled_from(["USD", "JPY", "KWD", "EUR"]),
    st.integers(1, 10**12),
    st.integers(0, 10**12),
    st.none() | st.dates(TODAY - timedelta(20), TODAY + timedelta(20)),
    st.sampled_from([InvoiceState.OPEN, InvoiceState.OPEN, InvoiceState.PAID, InvoiceState.DRAFT]),
    st.booleans(),
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(books=st.lists(owed, max_size=14), unused=st.lists(st.integers(0, 10**9), max_size=3))
def test_the_sums_equal_the_rows_to_the_minor_unit(
    books: list[Any], unused: list[int], house: House, world: World, cobalt: Reading
) -> None:
    """[C2 A10 inv-M1 inv-M2]"""
    with building(house) as session:
        clear(session)
        session.execute(text("DELETE FROM credit"))
        for currency, balance, due, day, state, is_acme in books:
            by = world.acme if is_acme else world.birch
            facts = {"balance_minor": balance, "due_minor": min(due, balance), "due_on": day, "state": state}
            invoice(session, by, world.cobalt, currency=currency, **facts)
        for minor in unused:
            credit(session, world.acme, world.cobalt, "1.00", remaining_minor=minor)
    with cobalt() as session:
        found = summary(session, NOW, TODAY)
        for vendor_id in (None, world.acme.vendor.id, world.birch.vendor.id):
            counts = found.counts(vendor_id)
            for tab, total, count, name in (
                (Tab.OPEN, counts.open_total, counts.open, "balance_minor"),
                (Tab.OVERDUE, counts.overdue_total, counts.overdue, "due_minor"),
                (Tab.SOON, counts.soon_total, counts.soon, "due_minor"),
            ):
                rows = page(session, tab=tab, vendor_id=vendor_id, limit=100)
                assert len(rows) == count
                assert total == Totals(Money(getattr(row, name), row.currency) for row in rows if getattr(row, name))
            assert counts.later == len(page(session, tab=Tab.LATER, vendor_id=vendor_id, limit=100))
        assert found.counts().credit_total[world.acme.vendor.currency].minor == sum(unused)


def test_it_finds_an_amount_whatever_the_currencys_digits(house: House, world: World, cobalt: Reading) -> None:
    """[B13 inv-M1]"""
    with building(house) as session:
        clear(session)
        for currency in ("USD", "JPY", "KWD"):
            invoice(session, world.acme, world.cobalt, number=currency, currency=currency, amount="1250")
    with cobalt() as session:
        assert set(numbers(session, text="1250", amounts=(Decimal("1250"),))) == {"USD", "JPY", "KWD"}
        assert set(numbers(session, text="1250.5", amounts=(Decimal("1250.5"),))) == set()


# --- cost -----------------------------------------------------------------------------------------------------------


def test_postgresql_steps_along_the_partial_index(postgresql_url: str, request: pytest.FixtureRequest) -> None:
    """[B13] PERFORMANCE.md section 7, C3: the page costs what it shows, never what the table holds."""
    for search, plan in _plans(postgresql_url, "EXPLAIN", request):
        assert "Index Scan using ix_invoice_customer_open" in plan, plan
        assert "Sort" not in plan, plan
        if search.after:
            assert "ROW(due_on, id) >" in plan.split("Index Cond: ")[1].split("\n")[0], plan


def test_sqlite_steps_along_the_partial_index(sqlite_url: str, request: pytest.FixtureRequest) -> None:
    """[B13]"""
    for search, plan in _plans(sqlite_url, "EXPLAIN QUERY PLAN", request):
        assert "INDEX ix_invoice_customer_open (customer_id=?" + (" AND" if search.after else "") in plan, plan
        assert "TEMP B-TREE" not in plan, plan


def _plans(url: str, explain: str, request: pytest.FixtureRequest) -> Iterator[tuple[Search, str]]:
    """How the database finds the first page and the next one, in a table of some size."""
    database = Database(url)
    request.addfinalizer(database.dispose)
    world = _filled(database)
    for search in (Search(), Search(after=(date(2026, 10, 1), new_id()))):
        said: list[tuple[str, Any]] = []

        def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any, to: Any = said) -> None:
            to.append((statement, values))

        with database.reading(CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)) as session:
            event.listen(database.engine, "before_cursor_execute", note)
            find_page(session, search, NOW, TODAY)
            event.remove(database.engine, "before_cursor_execute", note)
            statement, values = next(one for one in said if "FROM invoice" in one[0])
            steps = session.connection().exec_driver_sql(f"{explain} {statement}", values)
            yield search, "\n".join(str(step[-1]) for step in steps)


def _filled(database: Database, rows: int = 6_000) -> World:
    """The small world among many more customers, each with some open and many settled invoices."""
    from tests.support.world import customer, small_world

    with database.transaction(EVERYTHING) as session:
        world = small_world(session)
        others = [customer(session, f"C{n}", address=f"ap@c{n}.example") for n in range(20)]
        model = {column.key: getattr(world.acme_invoice, column.key) for column in Invoice.__table__.columns}
        people = [world.cobalt, *others]  # every second invoice is Cobalt's
        session.execute(insert(Invoice), [_copy(model, n, people[n // 2 % 21 if n % 2 else 0]) for n in range(rows)])
    with as_owner(database.engine.url.render_as_string(hide_password=False)) as connection:
        connection.execute(text("ANALYZE"))
    return world


def _copy(model: dict[str, Any], n: int, to: Owing) -> dict[str, Any]:
    return model | {
        "id": new_id(),
        "external_id": f"copy-{n}",
        "customer_id": to.customer.id,
        "mailbox_id": to.mailbox.id,
        "due_on": date(2026, 1, 1) + timedelta(days=n % 340),
        "state": InvoiceState.OPEN if n % 5 == 0 else InvoiceState.PAID,
    }


def _change(of: Invoice, at: Any) -> InvoiceChange:
    return InvoiceChange(
        vendor_id=of.vendor_id, customer_id=of.customer_id, invoice_id=of.id, at=at, state=InvoiceState.OPEN,
        balance_minor=1, total_minor=1,
    )  # fmt: skip


def _thread(session: Session, about: Invoice, state: ThreadState) -> Thread:
    thread = Thread(vendor_id=about.vendor_id, customer_id=about.customer_id, subject="Invoice", state=state)
    session.add(thread)
    session.flush()
    session.add(
        ThreadInvoice(
            thread_id=thread.id, invoice_id=about.id, vendor_id=about.vendor_id, customer_id=about.customer_id
        )
    )
    return thread


def _decide(session: Session, world: World, by: Selling | None = None, **facts: Any) -> None:
    vendor_id = (by or world.acme).vendor.id
    session.add(Relation(customer_id=world.cobalt.customer.id, vendor_id=vendor_id, **facts))


def _set(row: Any, **facts: Any) -> None:
    for name, value in facts.items():
        setattr(row, name, value)
