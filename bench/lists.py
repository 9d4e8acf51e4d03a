"""The last page of every list of invoices and questions beside its first (C5), and a vendor's totals beside one row."""

from collections.abc import Callable
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from app import clock
from app.desk import queries as desk
from app.desk.queries import PAGE, InvoiceSearch, Shelf
from app.desk.threads import Box, QueueSearch, find_threads
from app.house import House
from app.inbox import queries as inbox
from app.inbox.queries import Search, Tab
from app.models import Invoice, Thread, Vendor
from app.scope import CustomerScope, Scope, VendorScope
from app.settings import Settings
from bench.measure import Contender, Meter, race, ratio
from bench.report import Found
from bench.stock import key

_TURNS = 40
_ROW, _TOTALS = "one row of a vendor", "totals of a vendor"
_CUSTOMER = CustomerScope(key("customer", 3), key("person", 0))
_VENDOR = VendorScope(key("vendor", 3), key("person", 0))


def run(found: Found, url: str, repeats: int) -> None:
    house, now, today = House.open(Settings(database_url=url)), clock.now(), clock.today("UTC")
    pairs = {name: _pair(house, name, now, today) for name in _LISTS}
    contenders = [each for pair in pairs.values() for each in pair]
    contenders += [
        _asked(house, _VENDOR, _ROW, lambda session: session.get_one(Vendor, _VENDOR.vendor_id)),
        _asked(house, _VENDOR, _TOTALS, lambda session: desk.standing(session, _VENDOR.vendor_id, today)),
    ]
    results = race(contenders, repeats, Meter(url), "pages")
    house.database.dispose()
    found.add(results)
    slower = [
        ratio(results[last.name], results[first.name], lambda take: take.cpu_us) for first, last in pairs.values()
    ]
    found.goals |= {
        "C5-last": max(slower),
        "C5-totals": ratio(results[_TOTALS], results[_ROW], lambda take: take.cpu_us),
    }


def _shelf(which: Shelf, now: datetime, today: date, after: Any) -> Callable[[Session], object]:
    return lambda session: desk.find_invoices(session, InvoiceSearch(which, "", now, today, after))


def _tab(which: Tab, now: datetime, today: date, after: Any) -> Callable[[Session], object]:
    return lambda session: inbox.find_page(session, Search(which, after=after), now, today)


def _box(which: Box, _now: datetime, _today: date, after: Any) -> Callable[[Session], object]:
    search = QueueSearch(which, "", _VENDOR.vendor_id, _VENDOR.person_id, after)
    return lambda session: find_threads(session, search)


# A list: whose it is, how it is asked for, by what it is ordered (upwards or not), and which rows it shows.
_LISTS: dict[str, tuple[Scope, Callable[..., Any], Any, bool, Any]] = {
    "inbox, open": (_CUSTOMER, partial(_tab, Tab.OPEN), Invoice.due_on, True, Invoice.state == "open"),
    "inbox, settled": (_CUSTOMER, partial(_tab, Tab.SETTLED), Invoice.issued_on, False, Invoice.state == "paid"),
    "desk, open": (_VENDOR, partial(_shelf, Shelf.OPEN), Invoice.due_on, True, Invoice.state == "open"),
    "desk, settled": (_VENDOR, partial(_shelf, Shelf.SETTLED), Invoice.issued_on, False, Invoice.state == "paid"),
    "desk queue": (_VENDOR, partial(_box, Box.WAITING), Thread.waiting_since, True, Thread.state == "waiting_vendor"),
    "desk queue, all": (_VENDOR, partial(_box, Box.ALL), Thread.created_at, False, true()),
}


def _pair(house: House, name: str, now: datetime, today: date) -> tuple[Contender, Contender]:
    """The first page, and the one that shows the last rows."""
    scope, ask, column, is_upwards, shown = _LISTS[name]
    table: Any = column.class_
    backwards = (column.desc(), table.id.desc()) if is_upwards else (column, table.id)
    with house.database.reading(scope) as session:
        query = select(column, table.id).where(shown).order_by(*backwards)
        rows = session.execute(query.limit(PAGE + 1)).all()
    after = tuple(rows[-1]) if len(rows) > PAGE else None
    first = _asked(house, scope, f"{name}, first page", ask(now, today, None))
    return first, _asked(house, scope, f"{name}, last page", ask(now, today, after))


def _asked(house: House, scope: Scope, name: str, ask: Callable[[Session], object]) -> Contender:
    def run_() -> int:
        for _ in range(_TURNS):
            with house.database.reading(scope) as session:
                ask(session)
        return _TURNS

    return Contender(name, run_)
