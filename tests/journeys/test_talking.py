"""Talking about invoices, from the mail's link to the end, on a phone and a desktop, with the vendor at its desk."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import FilePayload, Page, expect
from sqlalchemy import select, update

from app.claims.endings import end_claims
from app.house import House
from app.models import Connection, Hold, Invoice, InvoiceState, Person, VendorTask
from tests.journeys.people import choose, press, write
from tests.support.browser import NewPage, axe_violations
from tests.support.house import signed_in
from tests.support.links import sent_digest
from tests.support.server import live_server
from tests.support.world import EVERYTHING, World, invoice

PROOF = FilePayload(name="bank page.pdf", mimeType="application/pdf", buffer=b"%PDF-1.7")


@dataclass
class Table:
    """The customer's phone, not signed in, with the mail's link; the vendor's desktop at the desk; and the books."""

    house: House
    world: World
    base: str
    token: str
    phone: Page
    desk: Page
    lines: list[Invoice]

    def open_line(self, number: int) -> None:
        self.phone.goto(f"{self.base}/m/{self.token}/{number}")

    def open_thread(self, number: int) -> None:
        with self.house.database.reading(EVERYTHING) as session:
            newest = select(Hold.thread_id).where(Hold.invoice_id == self.lines[number - 1].id)
            thread_id = session.execute(newest.order_by(Hold.created_at.desc()).limit(1)).scalar_one()
        self.desk.goto(f"{self.base}/desk/threads/{thread_id}")

    def books(self, number: int, now: datetime, **facts: Any) -> None:
        """What the books say of a line's invoice now, and that they were read."""
        with self.house.database.transaction(EVERYTHING) as session:
            session.execute(
                update(Invoice).where(Invoice.id == self.lines[number - 1].id).values(updated_at=now, **facts)
            )
            session.execute(update(Connection).values(as_of=now))
        end_claims(self.house)


@pytest.fixture
def table(whole_app: Flask, house: House, world: World, new_page: NewPage, fixed_clock: datetime) -> Iterator[Table]:
    whole_app.config["WTF_CSRF_ENABLED"] = True
    with house.database.transaction(EVERYTHING) as session:
        more = [invoice(session, world.acme, world.cobalt, number=f"A-{n}") for n in (2, 3)]
        lines = [world.acme_invoice, *more]
        token = sent_digest(session, world.cobalt.mailbox, lines).token
    with live_server(whole_app) as base:
        desk = new_page(1280, dark=True)
        desk.context.add_cookies([_cookie(whole_app, world.acme.person, base)])
        yield Table(house, world, base, token, new_page(360), desk, lines)


def _cookie(app: Flask, who: Person, base: str) -> Any:
    kept = signed_in(app, who).get_cookie("sheaf")
    assert kept is not None
    return {"name": kept.key, "value": kept.value, "url": base}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_dispute_a_promise_and_a_payment_run_their_course(
    table: Table, fixed_clock: datetime, travel: Callable[[datetime], None]
) -> None:
    """[F2 F3 F4 F5 F11 B3 001-6 002-1 003-18 004-4] From the mail without an account; the vendor stays at its desk."""
    _dispute_is_credited(table, fixed_clock)
    _payment_is_confirmed(table, fixed_clock)
    _promise_is_broken_then_kept(table, fixed_clock, travel)


def _dispute_is_credited(table: Table, now: datetime) -> None:
    """By keyboard alone, on both sides."""
    phone, desk = table.phone, table.desk
    table.open_line(1)
    press(phone, phone.get_by_role("link", name="Dispute it"))
    choose(phone, phone.get_by_label("Purchase order number wrong or missing"))
    assert axe_violations(phone) == []
    choose(phone, phone.get_by_label("A part of it; the rest stays payable:"))
    write(phone, phone.get_by_label("The disputed amount"), "550")
    choose(phone, phone.get_by_label("A credit note"))
    write(phone, phone.get_by_label("Say it in words"), "Our order 77 has another price.")
    press(phone, phone.get_by_role("button", name="Send the dispute"))
    expect(phone.get_by_role("status")).to_contain_text("has been told")
    expect(phone.get_by_role("link", name="Pay USD 700.00")).to_be_visible()
    assert axe_violations(phone) == []

    table.open_thread(1)
    expect(desk.get_by_text("We dispute USD 550.00: Purchase order number wrong or missing.").first).to_be_visible()
    assert axe_violations(desk) == []
    press(desk, desk.get_by_role("button", name="Agree: a credit note comes"))
    expect(desk.get_by_text("Agreed. Your customer reads it by mail now.")).to_be_visible()
    table.open_line(1)
    expect(phone.get_by_text("agreed, the books will show it")).to_be_visible()

    table.books(1, now, balance_minor=0, due_minor=0, state=InvoiceState.PAID)
    table.open_thread(1)
    expect(desk.get_by_text("no longer owed").first).to_be_visible()
    expect(desk.get_by_text("credited", exact=True).first).to_be_visible()


def _payment_is_confirmed(table: Table, now: datetime) -> None:
    phone, desk = table.phone, table.desk
    table.open_line(2)
    phone.get_by_role("link", name="Already paid").click()
    phone.get_by_label("Paid on").fill((now.date() - timedelta(days=3)).isoformat())
    phone.get_by_label("Bank transfer").check()
    phone.get_by_label("Reference of the payment (optional)").fill("TR-88")
    phone.get_by_label("Proof of the payment").set_input_files(PROOF)
    phone.get_by_role("button", name="Say that it is paid").click()
    expect(phone.get_by_role("status")).to_contain_text("has been told")
    table.open_thread(2)
    with desk.expect_download() as proof:
        desk.get_by_role("link", name="bank page.pdf").click()
    assert proof.value.suggested_filename == "bank page.pdf"
    desk.get_by_role("button", name="We cannot find it").click()
    expect(desk.get_by_text("proof wanted")).to_be_visible()
    desk.get_by_role("button", name="Confirm: we have the payment").click()
    table.books(2, now, balance_minor=0, due_minor=0, state=InvoiceState.PAID)
    table.open_thread(2)
    expect(desk.get_by_text("confirmed", exact=True)).to_be_visible()


def _promise_is_broken_then_kept(table: Table, now: datetime, travel: Callable[[datetime], None]) -> None:
    phone = table.phone
    table.open_line(3)
    phone.get_by_role("link", name="Promise to pay").click()
    phone.get_by_role("button", name="Friday, 27 Nov 2026").click()
    expect(phone.get_by_text("until 1 Dec 2026", exact=True)).to_be_visible()
    travel(now + timedelta(days=10))
    table.books(3, now + timedelta(days=10))
    table.open_line(3)
    expect(phone.get_by_text("not kept", exact=True)).to_be_visible()
    with table.house.database.reading(EVERYTHING) as session:
        assert "promised for 27 Nov 2026" in session.execute(select(VendorTask)).scalar_one().words
    phone.get_by_role("link", name="Promise to pay").click()
    phone.get_by_role("button", name="Friday, 4 Dec 2026").click()
    table.books(3, now + timedelta(days=10), balance_minor=0, due_minor=0, state=InvoiceState.PAID)
    table.open_line(3)
    expect(phone.get_by_text("kept", exact=True)).to_be_visible()
