"""Two people of one customer and a supplier pay and are paid: from the mail on a phone, at a desk, light and dark."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.house import House
from app.models import BankAccount, Invoice, Payment, PayMethod, PayRule, Person, Setback, SetbackKind
from app.paying.telling import tell_setbacks
from tests.support import world as make
from tests.support.browser import axe_violations
from tests.support.house import signed_in
from tests.support.links import Sent, credit, sent_digest
from tests.support.server import live_server
from tests.support.world import EVERYTHING, NOW, TODAY, Selling, World

pytestmark = pytest.mark.usefixtures("fixed_clock")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough for what a browser shows."""
    return sqlite_url


@pytest.fixture
def base(whole_app: Flask) -> Iterator[str]:
    whole_app.config["WTF_CSRF_ENABLED"] = True
    with live_server(whole_app) as address:
        yield address


def stock(session: Session, world: World) -> tuple[Selling, Sent, Person]:
    """Holz, which is paid in every way there is; three invoices, of which one came short and one was taken back."""
    holz = make.vendor(session, "Öko Holz GmbH", address="owner@holz.example", provider="stripe", currency="EUR")
    counts = {"vendor_id": holz.vendor.id, "approved_at": NOW, "counts_from": NOW - timedelta(days=200)}
    bank = {"beneficiary": "Öko Holz GmbH", "iban": "DE89370400440532013000", "routing": "COBADEFFXXX"}
    counter = {"name": "Counter", "instructions": "Pay at any post office.", "reference": "PO {reference}"}
    shares = {"part_share": 2500, "discount_share": 200, "discount_days": 10, "late_share": 100, "fee_share": 150}
    rule = PayRule(vendor_id=holz.vendor.id, nets_credits=True, credit_words="Oldest first.", **shares)
    session.add_all([BankAccount(**bank, **counts), PayMethod(**counter, **counts), rule])
    owed = [
        make.invoice(session, holz, world.cobalt, number=number, due_on=date(2026, 11, day), amount=amount)
        for number, day, amount in (("R-1", 2, "1980.50"), ("R-2", 12, "240.00"), ("R-3", 27, "99.00"))
    ]
    owed[0].issued_on = TODAY - timedelta(days=5)
    credit(session, holz, world.cobalt, "150.00")
    _wrong(session, owed)
    colleague = make.person(session, "bo@cobalt.example", name="Bo")
    make.customer_member(session, world.cobalt.customer, colleague)
    return holz, sent_digest(session, world.cobalt.mailbox, [*owed, world.acme_invoice]), colleague


def _wrong(session: Session, owed: list[Invoice]) -> None:
    kinds = ((SetbackKind.REVERSED, owed[1], 24000), (SetbackKind.SHORT, owed[2], 9000))
    for kind, invoice, minor in kinds:
        owners = {"vendor_id": invoice.vendor_id, "customer_id": invoice.customer_id}
        at = {"happened_at": NOW, "seen_at": NOW - timedelta(hours=1)}
        what: dict[str, Any] = {"kind": kind, "invoice_id": invoice.id, "amount_minor": minor, "external_id": kind}
        session.add(Setback(connection_id=invoice.connection_id, **what, **owners, **at))
    short = owed[2]
    short.balance_minor = short.due_minor = 900
    session.add(
        Payment(
            vendor_id=short.vendor_id, connection_id=short.connection_id, bill_to_id=short.bill_to_id,
            customer_id=short.customer_id, external_id="p", version=1, content_hash=1, currency="EUR", exponent=2,
            amount_minor=9000, applied=[[short.external_id, 9000]],
        )
    )  # fmt: skip


def looked_at(page: Page, address: str) -> Page:
    """The page there: accessible, and no wider than its window."""
    page.goto(address)
    assert axe_violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return page


def test_what_one_pays_from_the_mail_a_colleague_sees_and_the_supplier_reads(
    whole_app: Flask, house: House, world: World, base: str, new_page: Callable[..., Page]
) -> None:
    """[B3 C17 E3 E5 E6 E7 E8 E9 E12 E14 I6 I7 000-4 000-16 003-7] Three presses from the mail, without an account and
    without JavaScript; a second person is asked before paying again; the supplier decides what came short."""
    with house.database.transaction(EVERYTHING) as session:
        holz, sent, bo = stock(session, world)
    tell_setbacks(house)

    def signed(who: Person, **how: Any) -> Page:
        cookie = signed_in(whole_app, who).get_cookie("sheaf")
        assert cookie
        page = new_page(**how)
        page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
        return page

    for where in ("pay", "together"):
        looked_at(new_page(width=360, dark=True), base + sent.at(1, where))
    phone = new_page(width=360, java_script_enabled=False)
    phone.goto(base + sent.at(1, "pay"))
    phone.get_by_role("link", name="Pay several invoices").click()
    expect(phone.get_by_text("2 invoices chosen")).to_be_visible()
    expect(phone.get_by_text("EUR 2,030.89").first).to_be_visible()  # less discount and credit
    phone.get_by_label("Your name").fill("Ana")
    phone.get_by_role("button", name="Tell Öko Holz GmbH").click()
    expect(phone.get_by_text("2 are on their way")).to_be_visible()

    desk = signed(bo, width=1280)
    looked_at(desk, f"{base}/inbox/invoices/{_id(house, 'R-1')}")
    expect(desk.get_by_text("Payment in progress").first).to_be_visible()
    looked_at(desk, f"{base}/inbox/invoices/{_id(house, 'R-1')}/pay")
    expect(desk.get_by_text("A payment was already started")).to_be_visible()
    expect(desk.get_by_text("by Ana")).to_be_visible()
    desk.get_by_role("button", name="Pay EUR 1,980.50").click()
    assert desk.url.endswith("/pay")  # the browser asks for the tick first
    desk.get_by_role("button", name="Copy the IBAN").click()

    theirs = looked_at(signed(holz.person, width=360), f"{base}/desk/payments")
    expect(theirs.get_by_text("R-1, R-2")).to_be_visible()
    theirs.get_by_role("button", name="Ask for the rest R-3").click()
    expect(theirs.get_by_text("You ask for the rest")).to_be_visible()
    looked_at(theirs, f"{base}/desk/payments/rules")


def _id(house: House, number: str) -> Any:
    with house.database.reading(EVERYTHING) as session:
        return session.scalars(select(Invoice.id).where(Invoice.number == number)).one()
