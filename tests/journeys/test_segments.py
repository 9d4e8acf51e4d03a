"""A vendor sets up two segments and sees who would get what: on a phone and at a desk, light and dark, in a browser."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page

from app.house import House
from app.models import BillTo
from app.policies.sorting import sort_customers
from tests.support import world as make
from tests.support.browser import axe_violations
from tests.support.house import signed_in
from tests.support.server import live_server
from tests.support.world import EVERYTHING, World

pytestmark = pytest.mark.usefixtures("fixed_clock")
SIZES = ((360, True), (1280, False))


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough for what a browser shows."""
    return sqlite_url


@pytest.fixture
def base(whole_app: Flask) -> Iterator[str]:
    whole_app.config["WTF_CSRF_ENABLED"] = True
    with live_server(whole_app) as address:
        yield address


def fits(page: Page) -> None:
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_vendor_sets_up_two_segments_and_sees_who_would_get_what(
    whole_app: Flask, house: House, world: World, base: str, new_page: Callable[..., Page]
) -> None:
    """[J1 J2 J5 A7 C18 001-7 001-8] Without JavaScript on the phone; every page fits and is accessible on both."""
    with house.database.transaction(EVERYTHING) as session:
        dune = make.customer(session, "Dune", address="ap@dune.example")
        owed = make.invoice(session, world.acme, dune, number="ES-1", due_on=make.TODAY.replace(day=20))
        session.get_one(BillTo, owed.bill_to_id).country = "ES"
    cookie = signed_in(whole_app, world.acme.person).get_cookie("sheaf")
    assert cookie
    pages = [new_page(width=width, dark=dark, java_script_enabled=not dark) for width, dark in SIZES]
    for page in pages:
        page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
    phone, desk = pages
    for page, name, field, value in ((phone, "Spain", "Country", "ES"), (desk, "Big ones", "at least", "1000")):
        page.goto(f"{base}/desk/policies")
        page.get_by_role("link", name="Add a segment").click()
        page.get_by_label("Name of the segment").fill(name)
        if field == "Country":
            page.get_by_label(field, exact=True).fill(value)
            page.get_by_label("Days, stage 1").fill("20")
            page.get_by_label("Before or after the due date, stage 1").select_option("after")
            page.get_by_label("Words, stage 1").select_option("answer")
            for stage in range(2, 6):  # of the five that are suggested
                page.get_by_label(f"Days, stage {stage}").fill("")
        else:
            page.get_by_label("Currency", exact=True).fill("USD")
            page.get_by_label(field).last.fill(value)
        page.get_by_role("button", name="See who that is").click()
        assert page.locator("#members h3").inner_text() == "1 customer"
        page.get_by_role("button", name="Save").click()
        assert page.get_by_role("heading", name=name).is_visible()
    phone.goto(f"{base}/desk/policies")
    phone.get_by_label("Your line").fill("Our office is closed on Friday.")
    phone.get_by_role("button", name="Save").click()
    sort_customers(house)
    for page in (desk, phone):
        page.goto(f"{base}/desk/policies")
        page.get_by_role("link", name="Who would get what").click()
        table = page.get_by_role("table")
        assert "not mentioned before 10 Dec 2026" in table.inner_text()
        assert "A-1: 14 days late" in table.inner_text()
        page.get_by_label("Day").fill("2026-12-14")
        page.get_by_role("button", name="Look").click()
        assert "ES-1: 24 days late" in page.get_by_role("table").inner_text()
        page.locator("tr", has_text="Dune").get_by_role("link").click()
        mail = page.frame_locator("iframe")
        assert mail.get_by_text("Please pay, or tell us what is missing").is_visible()
        assert mail.get_by_text("Our office is closed on Friday.").is_visible()
    narrow = new_page(width=360, dark=False)
    narrow.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
    customer = f"/desk/policies/customers/{world.acme_invoice.bill_to_id}"
    for path in ("/desk/policies", "/desk/policies/new", "/desk/policies/default", customer, "/desk/companies"):
        for page in (desk, narrow):
            page.goto(base + path)
            fits(page)
