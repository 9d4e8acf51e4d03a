"""The inbox in a real browser: accessibility, phones, more rows, and no JavaScript."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from app.house import House
from app.models import Digest, HoldKind, Invoice, Outgoing, OutgoingKind, OutgoingState, Trust
from tests.support.browser import axe_violations
from tests.support.house import signed_in
from tests.support.links import credit, hold, sent_digest, with_wings
from tests.support.server import live_server
from tests.support.world import EVERYTHING, NOW, World, invoice, vendor

pytestmark = [pytest.mark.usefixtures("fixed_clock"), pytest.mark.browser]
Browser = Callable[..., Page]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What a browser shows does not depend on the database."""
    return sqlite_url


@pytest.fixture
def digest(house: House, world: World) -> Digest:
    """Cobalt's digest; besides, thirty more invoices, names of every length, holds and credit."""
    with house.database.transaction(EVERYTHING) as session:
        arabic = vendor(session, "شركة النور للتجارة والتوريدات", address="owner@nur.example", currency="EUR")
        long = vendor(session, "Donaudampfschifffahrtsgesellschaft Handels-Kontor", address="owner@ddsg.example")
        newcomer = vendor(session, "Newco", address="owner@newco.example", trust=Trust.NEW)
        for n in range(30):
            invoice(session, [arabic, long, world.birch][n % 3], world.cobalt, amount=str(1_234_567 + n))
        invoice(session, newcomer, world.cobalt)
        invoice(session, long, world.cobalt, number="RE-" + "0" * 70, po_number="PO/" + "9" * 70, due_on=None)
        session.get_one(Invoice, world.acme_invoice.id).details = {
            "terms": "Net 30",
            "fields": {"Shipment": "S-77"},
            "lines": [{"text": f"Pallets, batch {n}", "quantity": "2", "each": 50, "minor": 100} for n in range(4)]
            + [{"text": "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen", "minor": 99900}],
        }
        hold(session, session.get_one(Invoice, world.acme_invoice.id), HoldKind.PAYING)
        credit(session, world.acme, world.cobalt, "110.00")
        return sent_digest(session, world.cobalt.mailbox, [world.acme_invoice, world.birch_invoice]).digest


@pytest.fixture
def base(app: Flask) -> Iterator[str]:
    with_wings(app)
    app.config["WTF_CSRF_ENABLED"] = True
    with live_server(app) as address:
        yield address


@pytest.fixture
def inbox(app: Flask, base: str, world: World, digest: Digest, new_page: Browser) -> Browser:
    """Pages of somebody signed in as Cobalt's administrator."""

    def make(**options: object) -> Page:
        cookie = signed_in(app, world.cobalt.person).get_cookie("sheaf")
        assert cookie
        page = new_page(**options)
        page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
        page.goto(f"{base}/inbox")
        return page

    return make


def test_every_page_is_accessible_on_a_phone_and_a_desk_in_light_and_dark(
    base: str, inbox: Browser, world: World, digest: Digest
) -> None:
    """[B13] WCAG 2.2 AA, and nothing sticks out at 360 pixels."""
    bill = f"/inbox/invoices/{world.acme_invoice.id}"
    paths = ["/inbox", "/inbox?q=nothing", "/inbox?tab=settled", bill, f"{bill}/pay", f"{bill}/ask", "/inbox/threads"]
    paths += ["/inbox/digests", f"/inbox/digests/{digest.id}", "/inbox/rhythm", "/inbox/suppliers", "/inbox/addresses"]
    for width, dark in ((360, False), (1280, True)):
        page = inbox(width=width, dark=dark)
        for path in paths:
            page.goto(base + path)
            assert axe_violations(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_show_more_works_with_and_without_script(inbox: Browser, script: bool) -> None:
    """[B13] With script the rows join those already there, and the focus goes to the first new one."""
    page = inbox(java_script_enabled=script)
    rows = page.locator("table.owed tbody tr:not(.more)")
    expect(rows).to_have_count(25)
    page.get_by_role("link", name="Show more").click()
    expect(rows).to_have_count(33 if script else 8)
    expect(page.get_by_role("link", name="Show more")).to_have_count(0)
    if script:
        expect(rows.nth(25).get_by_role("link").first).to_be_focused()
    else:
        page.get_by_role("link", name="Back to the beginning").click()
        expect(rows).to_have_count(25)


def test_a_supplier_is_found_filtered_and_asked_without_script(inbox: Browser) -> None:
    """[B13 F1]"""
    page = inbox(java_script_enabled=False, width=360)
    page.get_by_label("Supplier, invoice, order or amount").fill("1,250.00")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Ask Acme about invoice A-1").click()
    page.get_by_label("Your question").fill("Which order is this?")
    page.get_by_role("button", name="Send to Acme").click()
    expect(page.get_by_text("Sent to Acme.")).to_be_visible()
    expect(page.locator(".bubble.mine")).to_contain_text("Which order is this?")


def test_the_mail_as_sent_stands_in_a_frame_that_runs_nothing(
    base: str, inbox: Browser, house: House, world: World, digest: Digest
) -> None:
    """[D8]"""
    box = world.cobalt.mailbox
    html = '<h1 style="color:red">As it was</h1><script>document.body.textContent = "It ran"</script>'
    with house.database.transaction(EVERYTHING) as session:
        session.add(
            Outgoing(
                kind=OutgoingKind.DIGEST, dedupe_key="digest", mailbox_id=box.id, address=box.address, subject="Two",
                digest_id=digest.id, text="", html=html, due_at=NOW, state=OutgoingState.ACCEPTED,
            )
        )  # fmt: skip
    page = inbox()
    page.goto(f"{base}/inbox/digests/{digest.id}")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="As it was")).to_be_visible()
    expect(frame.get_by_role("heading", name="As it was")).to_have_css("color", "rgb(255, 0, 0)")
    expect(frame.get_by_text("It ran")).to_have_count(0)
