"""The pages behind a mail's links in a real browser: the address bar, accessibility, phones, and no JavaScript."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from app.house import House
from app.models import LineKind, Trust
from tests.support.browser import axe_violations
from tests.support.links import FakePayDesk, Sent, digest_line, sent_digest, with_wings
from tests.support.server import live_server
from tests.support.world import EVERYTHING, World, invoice, vendor

pytestmark = [pytest.mark.usefixtures("fixed_clock"), pytest.mark.browser]
NewPage = Callable[..., Page]
PAGES = ["", "/1", "/3", "/1/pay", "/1/ask", "/vendor/1/ask", "/rhythm", "/unsubscribe", "/report", "/1/ask?sent=1"]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What a browser shows does not depend on the database."""
    return sqlite_url


@pytest.fixture
def sent(house: House, world: World) -> Sent:
    with house.database.transaction(EVERYTHING) as session:
        made = sent_digest(session, world.cobalt.mailbox, [world.acme_invoice, world.birch_invoice])
        arabic = vendor(session, "شركة النور للتجارة", address="owner@nur.example", trust=Trust.NEW)
        digest_line(session, made.digest, 3, arabic.vendor, kind=LineKind.INTRODUCED, status="2 invoices")
        long = invoice(session, world.acme, world.cobalt, number="RE-" + "0" * 70, amount="1234567.89")
        digest_line(session, made.digest, 4, world.acme.vendor, long)
        return made


@pytest.fixture
def provider(app: Flask) -> FakePayDesk:
    app.config["WTF_CSRF_ENABLED"] = True
    return with_wings(app)


@pytest.fixture
def base(app: Flask, provider: FakePayDesk) -> Iterator[str]:
    with live_server(app) as address:
        yield address


def test_every_page_is_accessible_on_a_phone_and_a_desk_in_light_and_dark(
    base: str, sent: Sent, new_page: NewPage
) -> None:
    """[C8] WCAG 2.2 AA, and nothing sticks out at 360 pixels."""
    for width, dark in ((360, False), (1280, True)):
        page = new_page(width=width, dark=dark)
        for path in PAGES:
            page.goto(f"{base}{sent.at()}{path}")
            assert axe_violations(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_token_leaves_the_address_bar_and_a_reload_still_works(base: str, sent: Sent, page: Page) -> None:
    """[inv-L6]"""
    page.goto(base + sent.at(1, "pay"))
    assert sent.token not in page.url
    assert "/m/here-" in page.url
    page.reload()
    expect(page.get_by_role("button", name="Pay USD 1,250.00")).to_be_visible()
    page.get_by_role("link", name="Ask instead").click()
    page.wait_for_url("**/m/here-*/1/ask")
    page.go_back()
    expect(page.get_by_role("button", name="Pay USD 1,250.00")).to_be_visible()
    assert sent.token not in page.evaluate("document.referrer")


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_paying_asking_and_leaving_work_with_and_without_script(
    base: str, sent: Sent, provider: FakePayDesk, new_page: NewPage, script: bool
) -> None:
    """[B3 E1 F1 D13]"""
    provider.url, provider.named = f"{base}/healthz", base.removeprefix("http://")
    page = new_page(width=360, java_script_enabled=script)
    page.goto(base + sent.at())
    page.get_by_role("link", name="Pay Acme, invoice A-1").click()
    page.get_by_role("button", name="Pay USD 1,250.00").click()
    page.wait_for_url("**/healthz")
    page.goto(base + sent.at(2, "ask"))
    page.get_by_role("link", name="Send me a copy").click()
    expect(page.get_by_label("Your question")).to_have_value("Please send us a copy of this invoice.")
    page.get_by_role("button", name="Send to Birch").click()
    expect(page.get_by_text("Sent.")).to_be_visible()
    page.goto(base + sent.at("unsubscribe"))
    page.get_by_role("button", name="Stop all digests").click()
    expect(page.get_by_text("are off.")).to_be_visible()


def test_pay_and_ask_stay_in_reach_of_a_thumb(base: str, sent: Sent, new_page: NewPage) -> None:
    """[C4] At the lower edge of the phone, whatever the page's length; large enough to be hit."""
    page = new_page(width=360)
    page.goto(base + sent.at(1))
    for name in ("Pay USD 1,250.00", "Ask"):
        box = page.get_by_role("link", name=name, exact=True).bounding_box()
        assert box
        assert box["height"] >= 44
        assert 700 <= box["y"] <= 800 - box["height"]
