"""The connectors' pages in a real browser: accessibility and phones, with nothing, one and many connections."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page

from app import clock
from app.house import House
from app.models import BillTo, Connection, ConnectionState, Hold, HoldKind, Quarantined, SyncRun, Vendor, WriteBack
from app.receivables.direct import report_direct
from connectors import registry
from tests.connectors.toy import Toy, toy
from tests.support.browser import axe_violations
from tests.support.house import signed_in
from tests.support.server import live_server
from tests.support.world import EVERYTHING, NOW, Selling, World, bill_to, connection, invoice, vendor

__all__ = ["toy"]
pytestmark = [pytest.mark.usefixtures("fixed_clock"), pytest.mark.browser]
Browser = Callable[..., Page]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What a browser shows does not depend on the database."""
    return sqlite_url


@pytest.fixture
def many(house: House, world: World, toy: Toy) -> Selling:
    """Acme with a connection in every state and of long names, runs, reports, notes, bad records and odd addresses."""
    of = world.acme
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, of.vendor.id).live_at = None
        mine = session.get_one(Connection, of.connection.id)
        mine.provider, mine.notes_since, mine.payments_since = "toy", NOW, NOW
        mine.calls_left, mine.reminders_off, mine.reminders_said_at = 4321, True, NOW - timedelta(days=1)
        for state, words in (
            (ConnectionState.NEEDS_RECONNECT, "Xero no longer honours the permission. Please reconnect."),
            (ConnectionState.DISCONNECTED, ""),
            (ConnectionState.ACTIVE, "Xero has trouble on its side."),
        ):
            connection(
                session, of.vendor, of.person, provider="xero", state=state, last_error=words, failures=bool(words),
                last_error_at=NOW if words else None, account_name="Donaudampfschifffahrtsgesellschaft Handels-Kontor",
            )  # fmt: skip
        for number in range(60):
            error = "Toybooks has trouble on its side." if number == 3 else ""
            session.add(
                SyncRun(vendor_id=of.vendor.id, connection_id=mine.id, mode="changes", received=number * 1000,
                        started_at=NOW - timedelta(minutes=number), finished_at=NOW, quarantined=2, error=error)
            )  # fmt: skip
        session.add(
            Quarantined(vendor_id=of.vendor.id, connection_id=mine.id, kind="invoice", external_id="9" * 60,
                        reason="currency: XXX is not one we know", record={})
        )  # fmt: skip
        for issue, address in (("missing", None), ("shared", "ap@cobalt.example")):
            to = bill_to(session, of, None, name="A customer " + issue, issue=issue, address=address)
            invoice(session, of, None, bill_to_id=to.id)
        facts = {"vendor_id": of.vendor.id, "invoice_id": world.acme_invoice.id}
        session.add(
            Hold(customer_id=world.cobalt.customer.id, kind=HoldKind.PROMISE, promised_on=date(2027, 3, 12),
                 amount_minor=125000, ends_at=NOW + timedelta(days=9), created_at=NOW, **facts)
        )  # fmt: skip
        for key, done, wrong in (("a", NOW, ""), ("b", NOW, "Toybooks refused the request."), ("c", None, "Busy.")):
            session.add(
                WriteBack(connection_id=mine.id, key=key, kind="note", words="Disputed: wrong PO (Sheaf)", due_at=NOW,
                          done_at=done, error=wrong, **facts)
            )  # fmt: skip
        report_direct(session, vendor_id=of.vendor.id, customer_id=world.cobalt.customer.id, now=clock.now())
    return of


@pytest.fixture
def base(whole_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for provider in registry.PROVIDERS:
        monkeypatch.setenv(f"{provider.upper()}_CLIENT_ID", "sheaf")
    whole_app.config["WTF_CSRF_ENABLED"] = True
    with live_server(whole_app) as address:
        yield address


def signed_page(app: Flask, base: str, who: Selling, new_page: Browser, **options: object) -> Page:
    cookie = signed_in(app, who.person).get_cookie("sheaf")
    assert cookie
    page = new_page(**options)
    page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
    return page


def look(page: Page, base: str, paths: list[str], width: int) -> None:
    for path in paths:
        answer = page.goto(base + path)
        assert answer is not None
        assert answer.status == 200, path
        assert axe_violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_every_page_is_accessible_on_a_phone_and_a_desk_in_light_and_dark(
    house: House, whole_app: Flask, base: str, world: World, many: Selling, new_page: Browser
) -> None:
    """[A1 A2 A3 A6 A7 A14] WCAG 2.2 AA, and nothing sticks out at 360 pixels."""
    with house.database.reading(EVERYTHING) as session:
        someone = session.query(BillTo).filter_by(vendor_id=many.vendor.id, mailbox_id=world.cobalt.mailbox.id).one()
    one = f"/desk/connections/{many.connection.id}"
    paths = ["/connect", "/connect/toy", "/connect/xero", "/connect/xero/ended", "/desk/connections", one]
    paths += [f"{one}/write-back", f"/connect/{many.connection.id}/progress", "/desk/preview", "/desk/preview?q=zzz"]
    paths += [f"/desk/preview/{someone.id}", f"/desk/invoices/{world.acme_invoice.id}/paid", "/desk/tasks"]
    for width, dark in ((360, False), (1280, True)):
        page = signed_page(whole_app, base, many, new_page, width=width, dark=dark)
        look(page, base, paths, width)


def test_a_desk_with_nothing_connected_is_accessible_too(
    house: House, whole_app: Flask, base: str, new_page: Browser
) -> None:
    """[A1 A2 A7] Nothing, and one that was never read."""
    with house.database.transaction(EVERYTHING) as session:
        bare = vendor(session, "Bare", address="owner@bare.example", provider="xero", live_at=None)
        bare.connection.first_synced_at = bare.connection.as_of = None
        empty = vendor(session, "Empty", address="owner@empty.example")
        session.delete(empty.connection)
    page = signed_page(whole_app, base, empty, new_page, width=360, dark=True)
    look(page, base, ["/desk/connections", "/desk/preview"], 360)
    page = signed_page(whole_app, base, bare, new_page, width=1280)
    one = f"/desk/connections/{bare.connection.id}"
    look(page, base, ["/desk/connections", one, f"{one}/write-back", f"/connect/{bare.connection.id}/progress"], 1280)
