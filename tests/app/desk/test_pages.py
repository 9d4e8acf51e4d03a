"""The desk in a real browser: narrow and wide, light and dark, with and without JavaScript."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import select

from app.care.actions import save_canned
from app.conversations.actions import answer, ask_question
from app.house import House
from app.models import Thread, VendorRole
from tests.support import world as make
from tests.support.browser import NewPage, axe_violations
from tests.support.house import signed_in
from tests.support.server import live_server
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What a browser shows is the same on both databases."""
    return sqlite_url


@pytest.fixture
def threads(house: House, world: World) -> list[Thread]:
    """Two questions of Cobalt, one of them answered; and enough invoices for a second page."""
    with house.database.transaction(EVERYTHING) as session:
        bills = [make.invoice(session, world.acme, world.cobalt, number=f"P-{number}") for number in range(30)]
        asked = [
            ask_question(
                session, house=house, vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id,
                mailbox_id=world.cobalt.mailbox.id, invoice_ids=[bill.id], body="Which order is this for?",
                now=NOW - timedelta(hours=30), via="link", said_by="Mia",
            )
            for bill in bills[:2]
        ]  # fmt: skip
        answer(session, house=house, thread=asked[0], person=world.acme.person, body="Order 4711.", now=NOW)
    return asked


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True)])
def test_every_desk_page_is_readable_by_everybody(
    app: Flask, world: World, threads: list[Thread], new_page: NewPage, width: int, dark: bool
) -> None:
    """[G1 G2 B13] WCAG 2.2 AA by axe, nothing wider than the screen, no complaint in the console."""
    cookie = signed_in(app, world.acme.person).get_cookie("sheaf")
    assert cookie
    complaints: list[str] = []
    with live_server(app) as base:
        page = new_page(width=width, dark=dark)
        page.on("console", lambda message: complaints.append(message.text))
        page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
        for path in (
            "/desk",
            "/desk?box=closed",
            f"/desk/threads/{threads[0].id}",
            "/desk/invoices",
            f"/desk/invoices/{world.acme_invoice.id}",
            f"/desk/invoices/{world.acme_invoice.id}/letter",
            "/desk/customers",
            f"/desk/customers/{world.acme_invoice.bill_to_id}",
            "/desk/answers",
            "/desk/tasks",
            "/desk/record",
            "/desk/profile",
        ):
            page.goto(base + path)
            for summary in page.locator("main details > summary").all():
                summary.click()
            page.evaluate("scrollTo(0, 0)")  # the bar on top covers what is scrolled beneath it
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert axe_violations(page) == [], path
    assert complaints == []


def test_an_answer_is_given_without_javascript(
    app: Flask, world: World, threads: list[Thread], new_page: NewPage
) -> None:
    """[F9 G1 inv-L1] From the queue to the answer by links and one form, its CSRF token checked."""
    app.config["WTF_CSRF_ENABLED"] = True
    cookie = signed_in(app, world.acme.person).get_cookie("sheaf")
    assert cookie
    with live_server(app) as base:
        page = new_page(width=360, java_script_enabled=False)
        page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
        page.goto(f"{base}/desk")
        page.get_by_role("link", name="Cobalt").click()
        page.get_by_label("Your answer").fill("Order 4712.")
        page.get_by_role("button", name="Send answer").click()
        assert page.get_by_text("Your customer gets it by mail now.").is_visible()
        assert page.get_by_role("heading", name="All answered").is_visible()
        page.goto(f"{base}/desk/threads/{threads[1].id}")
        assert page.get_by_text("Order 4712.").is_visible()


def test_an_agents_morning_is_ten_questions_from_the_keyboard(
    app: Flask, house: House, world: World, new_page: NewPage
) -> None:
    """[G1 F10 G7 000-3 003-14 004-18] From the queue into the first, then from each answer into the next: a ready
    answer, a word to a colleague, a later date, an ending. Nobody waits at its end, and no other room was entered."""
    with house.database.transaction(EVERYTHING) as session:
        mia = make.person(session, "mia@acme.example", name="Mia")
        make.vendor_member(session, world.acme.vendor, mia, VendorRole.AGENT)
        by: dict[str, Any] = {"vendor_id": world.acme.vendor.id, "by": world.acme.person, "now": NOW}
        save_canned(session, canned=None, title="The copy", body="Dear {customer}, here is {number}.", **by)
        for number in range(10):
            bill = make.invoice(session, world.acme, world.cobalt, number=f"M-{number}")
            ask_question(
                session, house=house, vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id,
                mailbox_id=world.cobalt.mailbox.id, invoice_ids=[bill.id], body="Which order is this for?",
                now=NOW - timedelta(hours=30 - number), via="link", said_by="Paula",
            )  # fmt: skip
    cookie = signed_in(app, mia).get_cookie("sheaf")
    assert cookie
    with live_server(app) as base:
        page = new_page()
        page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
        page.goto(f"{base}/desk")
        page.locator("#rows a").first.press("Enter")
        for number in range(10):
            expect(page.get_by_role("heading", level=1)).to_have_text(f"Invoice M-{number}")
            if number == 1:
                page.get_by_role("link", name="The copy").press("Enter")
                expect(page.get_by_label("Your answer")).to_have_value(f"Dear Cobalt, here is M-{number}.")
            elif number == 2:
                page.get_by_label("Note").fill("Is the discount agreed?")
                page.get_by_label("Tell a colleague by mail").select_option(label="owner@acme.example")
                page.get_by_role("button", name="Keep the note").press("Enter")
                expect(page.get_by_text("Kept. Your customer does not see it.")).to_be_visible()
            elif number == 3:
                page.get_by_text("Leave invoice M-3 out of reminders").press("Enter")
                page.get_by_label("Ask for it again after").fill("2026-12-18")
                page.get_by_role("button", name="Leave it out until then").press("Enter")
                expect(page.get_by_text("On hold by you until").first).to_be_visible()
            elif number == 4:
                page.get_by_text("Close this conversation").press("Enter")
                page.get_by_label("Withdrawn").check()
                page.get_by_role("button", name="Close", exact=True).press("Enter")
                continue
            expect(page.get_by_label("Your answer")).to_be_focused()
            if number != 1:
                page.keyboard.type(f"Order {number}.")
            page.keyboard.press("Control+Enter")
        expect(page.get_by_role("heading", name="All answered")).to_be_visible()
        assert page.url == f"{base}/desk"
    with house.database.reading(EVERYTHING) as session:
        assert {thread.waiting_since for thread in session.execute(select(Thread)).scalars()} == {None}
