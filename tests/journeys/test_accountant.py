"""An accountant with three client companies, on a phone: from the mail of their own to each client's invoices."""

from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from app.house import House
from tests.support.browser import NewPage, axe_violations
from tests.support.house import signed_in
from tests.support.links import with_wings
from tests.support.server import live_server
from tests.support.world import EVERYTHING, World, customer, customer_member, invoice, person

pytestmark = [pytest.mark.usefixtures("fixed_clock"), pytest.mark.browser]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def phone(app: Flask, house: House, world: World, new_page: NewPage) -> Iterator[Page]:
    """Fern's, signed in; she pays for Cobalt, Dune and Elm."""
    with_wings(app)
    app.config["WTF_CSRF_ENABLED"] = True
    with house.database.transaction(EVERYTHING) as session:
        fern = person(session, "fern@office.example", name="Fern")
        dune, elm = (customer(session, name, address=f"ap@{name.lower()}.example") for name in ("Dune", "Elm"))
        for client in (world.cobalt, dune, elm):
            customer_member(session, client.customer, fern)
        invoice(session, world.acme, dune, number="D-1", due_on=date(2026, 11, 2), amount="77.00")
    cookie = signed_in(app, fern).get_cookie("sheaf")
    assert cookie
    with live_server(app) as base:
        page = new_page(width=360, base_url=base)
        page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
        yield page


def test_an_accountant_goes_from_client_to_client(phone: Page) -> None:
    """[B6 003-9 inv-I1] All at a glance, the late ones first; nothing of one shows while another is open."""
    phone.goto("/inbox/companies")
    assert axe_violations(phone) == []
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    names = phone.locator("table.rows tbody td.first")
    expect(names).to_have_count(3)
    expect(names.last).to_contain_text("Elm")
    expect(phone.locator("tr", has_text="Dune")).to_contain_text("1 overdue")
    phone.get_by_role("button", name="Open Dune").click()
    expect(phone.get_by_role("link", name="D-1", exact=True)).to_be_visible()
    expect(phone.get_by_text("A-1")).to_have_count(0)
    phone.locator("details.menu summary").click()
    phone.get_by_role("button", name="Elm inbox").click()
    expect(phone.get_by_role("heading", name="All settled")).to_be_visible()
    phone.locator("details.menu summary").click()
    phone.get_by_role("link", name="All your companies").click()
    expect(phone.locator("tr", has_text="Elm")).to_contain_text("open now")
    phone.get_by_role("button", name="Open Cobalt").click()
    expect(phone.get_by_role("link", name="A-1", exact=True)).to_be_visible()
    phone.goto("/inbox/addresses")
    phone.get_by_role("button", name="Send me a mail of my own").click()
    expect(phone.get_by_text("You get a mail of your own from now on.")).to_be_visible()
    assert axe_violations(phone) == []
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
