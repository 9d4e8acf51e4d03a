"""Invoices of suppliers who are not here, in the customer's inbox."""

import io
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import clock
from app.house import House
from app.intake import Intake
from app.models import ForwardedInvoice, InboundMail, InboundOutcome
from app.settings import Settings
from connectors.file_mail import take_mail
from digest.inbound.intake import handle_inbound, store
from digest.replies import files_address
from tests.connectors.files.test_file_draft import ENGLISH, printed
from tests.support.house import signed_in
from tests.support.inbound import BOUNDARY, HOST, form, message
from tests.support.world import EVERYTHING, World, invoice

SAID = {
    "supplier": "Fern & Sons", "supplier_address": "books@fern.example", "number": "FS-2291", "amount": "1,190.00",
    "currency": "eur", "issued_on": "2026-11-03", "due_on": "2026-12-01", "act": "confirm",
}  # fmt: skip


@pytest.fixture
def settings(settings: Settings) -> Settings:
    settings.inbound_host = HOST
    return settings


def forward(house: House, world: World, data: bytes, sender: str = "ap@cobalt.example") -> InboundMail:
    to = files_address(house.keys, world.cobalt.mailbox.id, HOST, intake=Intake.FORWARDED)
    mime = message("Fwd", to=to, sender=sender, files=[("fern.pdf", "application/pdf", data)])
    raw = form(mime, to=to, sender=sender, is_proven=False)
    with house.database.transaction(EVERYTHING) as session:
        store(session, house.keys, raw, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, clock.now())
    handle_inbound(house, take_mail)
    with house.database.reading(EVERYTHING) as session:
        return session.scalars(select(InboundMail).order_by(InboundMail.id.desc()).limit(1)).one()


def kept(house: House) -> list[ForwardedInvoice]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(ForwardedInvoice)))


def say(browser: Any, found: ForwardedInvoice, **facts: str) -> TestResponse:
    answer: TestResponse = browser.post(f"/inbox/forwarded/{found.id}", data={**SAID, **facts})
    return answer


def test_a_forwarded_invoice_counts_once_a_person_has_confirmed_it(
    whole_app: Flask, house: House, world: World
) -> None:
    """[H7] From the mail to the list of what is open; the same file again is one line."""
    assert forward(house, world, printed(ENGLISH)).outcome == InboundOutcome.FILED
    forward(house, world, printed(ENGLISH))
    (found,) = kept(house)
    assert (found.number, found.total_minor, found.confirmed_at) == ("FS-2291", 119000, None)
    browser = signed_in(whole_app, world.cobalt.person)
    page = browser.get("/inbox/forwarded").text
    assert "To look at" in page
    assert f"@{HOST}" in page
    assert say(browser, found).status_code == 303
    page = browser.get("/inbox/forwarded").text
    assert "Fern &amp; Sons" in page
    assert "1,190.00" in page
    assert "To look at" not in page


def test_what_cannot_be_meant_is_said_at_its_field(whole_app: Flask, house: House, world: World) -> None:
    """[H7] And nothing that was typed is lost."""
    forward(house, world, b"%PDF-1.4 unreadable")
    (found,) = kept(house)
    wrong = say(signed_in(whole_app, world.cobalt.person), found, amount="1,234", currency="EUR", due_on="")
    assert wrong.status_code == 422
    assert "like 1234.50" in wrong.text
    assert "Fern &amp; Sons" in wrong.text
    assert kept(house)[0].confirmed_at is None


def test_the_suppliers_own_invoice_takes_its_place(whole_app: Flask, house: House, world: World) -> None:
    """[H7 inv-D2] The supplier joins: one invoice is shown, its own; ours is named beside it and counted no more."""
    forward(house, world, printed(ENGLISH))
    browser = signed_in(whole_app, world.cobalt.person)
    say(browser, kept(house)[0], currency="USD", amount="80.00", number="a-77")
    assert "80.00" in browser.get("/inbox/forwarded").text
    with house.database.transaction(EVERYTHING) as session:
        invoice(session, world.acme, world.cobalt, number="A-77", total_minor=8000, balance_minor=8000)
    page = browser.get("/inbox/forwarded").text
    assert "Now from the supplier itself" in page
    assert "a-77 of Acme" in page
    assert "Together" not in page


def test_nobody_else_sees_it(whole_app: Flask, house: House, world: World) -> None:
    """[H7 B7 inv-I1] Neither another customer nor any vendor."""
    forward(house, world, printed(ENGLISH))
    (found,) = kept(house)
    for person in (world.outsider.person, world.acme.person):
        assert signed_in(whole_app, person).get(f"/inbox/forwarded/{found.id}").status_code == 404


def test_it_is_settled_opened_again_and_thrown_away_by_hand(whole_app: Flask, house: House, world: World) -> None:
    """[H7] Only the customer can know."""
    browser = signed_in(whole_app, world.cobalt.person)
    brought = {"file": (io.BytesIO(printed(ENGLISH)), "fern.pdf")}
    assert browser.post("/inbox/forwarded", data=brought, content_type="multipart/form-data").status_code == 303
    (found,) = kept(house)
    say(browser, found)
    for act, is_settled in (("paid", True), ("open", False)):
        say(browser, found, act=act)
        assert (kept(house)[0].settled_at is not None) is is_settled
    assert browser.get(f"/inbox/forwarded/{found.id}/file").data.startswith(b"%PDF-")
    say(browser, found, act="remove")
    assert kept(house) == []


def test_an_address_that_is_flooded_takes_no_more(house: House, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """[H7] What waits is bounded; the mail says why it was laid aside."""
    monkeypatch.setattr("app.forwarded.actions.MOST_WAITING", 1)
    forward(house, world, b"%PDF-1.4 one")
    found = forward(house, world, b"%PDF-1.4 two")
    assert found.outcome == InboundOutcome.QUARANTINED
    assert "so many wait" in found.reason
