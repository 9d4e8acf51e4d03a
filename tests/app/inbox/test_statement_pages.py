"""Statements and the weeks of cash in a real browser, and with ten thousand invoices."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import insert

from app.house import House
from app.ids import new_id
from app.models import Customer, Invoice
from tests.support.browser import axe_violations
from tests.support.house import signed_in
from tests.support.links import payment, with_wings
from tests.support.server import live_server
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, TODAY, World, invoice, vendor

pytestmark = pytest.mark.usefixtures("fixed_clock")
PAGES = ("statements", "payments", "cash", "calendar", "details")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What a browser shows does not depend on the database."""
    return sqlite_url


@pytest.mark.browser
def test_the_pages_work_on_a_phone_without_javascript_and_for_everybody(
    app: Flask, house: House, world: World, new_page: Callable[..., Page]
) -> None:
    """[H2 H3 H4 H5 H6] No sideways scrolling, nothing serious for axe, names from right to left; and the what-if."""
    with house.database.transaction(EVERYTHING) as session:
        arabic = vendor(session, "شركة النور للتجارة والتوريدات", address="owner@nur.example", currency="EUR")
        first = invoice(session, arabic, world.cobalt, amount="1234567.89", number="RE-" + "0" * 70)
        payment(session, arabic, world.cobalt, {first: "34.00"}, method="Überweisung")
        session.get_one(Customer, world.cobalt.customer.id).pay_days = "10,25"
    cookie = signed_in(app, world.cobalt.person).get_cookie("sheaf")
    assert cookie
    with_wings(app)
    with live_server(app) as base:
        for width, dark in ((360, False), (1280, True)):
            page = new_page(width=width, dark=dark, bypass_csp=True)
            page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
            for name in (*PAGES, f"statements?vendor={arabic.vendor.id}"):
                page.goto(f"{base}/inbox/{name}")
                assert axe_violations(page) == []
                assert page.evaluate("document.documentElement.scrollWidth") <= width
        plain = new_page(java_script_enabled=False)
        plain.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
        plain.goto(f"{base}/inbox/cash")
        plain.get_by_label("A-1").check()
        plain.get_by_label("Pay run").select_option("2026-12-10")
        plain.get_by_role("button", name="Show the weeks").click()
        expect(plain.get_by_text("+USD 1,250.00")).to_be_visible()
        expect(plain.get_by_text("Dashed: as it is due").first).to_be_visible()


def test_ten_thousand_invoices_are_told_in_as_many_statements_as_one(app: Flask, house: House, world: World) -> None:
    """[H2 H4 H5 H6 perf-C1]"""
    browser = signed_in(app, world.cobalt.person)
    paths = ("/inbox/statements", "/inbox/statements/csv", "/inbox/payments", "/inbox/cash", "/inbox/calendar")
    with statements(house.database) as few:
        for path in paths:
            browser.get(path).get_data()
    one = world.acme_invoice
    same = {column.key: getattr(one, column.key) for column in Invoice.__table__.columns}
    rows = [
        {**same, "id": new_id(), "external_id": f"x-{n}", "number": f"X-{n}", "due_on": TODAY + timedelta(days=n % 200)}
        for n in range(10_000)
    ]
    with house.database.transaction(EVERYTHING) as session:
        session.execute(insert(Invoice), rows)
    with statements(house.database) as many:
        pages = [browser.get(path).get_data(as_text=True) for path in paths]
    assert len(many) == len(few)
    assert "USD\xa012,501,250.00" in pages[0]
    assert pages[1].count("\n") == 1 + 10_002 + 4
    assert max(map(len, (pages[0], *pages[2:]))) < 200_000
    assert NOW.date() == TODAY
