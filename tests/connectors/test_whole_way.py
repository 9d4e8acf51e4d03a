"""From the connect page to books that are read, renewed and read again: providers with data centres, businesses and
accounts of their own, as a browser and a worker meet them."""

import html
import re
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app import clock
from app.house import House
from app.models import BillTo, Connection, Invoice, Mailbox, Person, Vendor
from app.money import Money
from connectors import file_views, health_views, hook_views, oauth, views
from connectors.jobs import pull_due
from connectors.sandbox.client import SandboxControl
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, person

COMPANIES = {"zoho": "Gorse Ceramics", "sage": "Holm Oak Joinery", "netsuite": "Juniper Freight"}
ONE_CONSENT_OPENS_SEVERAL = ("zoho", "sage")


@pytest.fixture
def browser(app: Flask, house: House) -> FlaskClient:
    """Of somebody who belongs nowhere yet."""
    for room in (views, file_views, health_views, hook_views):
        app.register_blueprint(room.blueprint)
    with house.database.transaction(EVERYTHING) as session:
        ann: Person = person(session, "ann@newcomer.example", name="Ann")
    return signed_in(app, ann)


def open_here(house: House) -> set[tuple[str, str, Decimal]]:
    with house.database.reading(EVERYTHING) as session:
        rows = session.execute(
            select(Invoice.external_id, Invoice.currency, Invoice.balance_minor).filter_by(state="open")
        )
        return {(name, currency, Money(minor, currency).amount) for name, currency, minor in rows}


def open_there(books: SandboxControl, company: str) -> set[tuple[str, str, Decimal]]:
    rows = books.invoices(company, only_open=True)
    return {(row["id"], row["currency"], Decimal(row["balance"])) for row in rows}


def consent(books: SandboxControl, browser: FlaskClient, provider: str, *companies: str) -> Any:
    """From our button, what the provider must know first typed in, through its consent page and back."""
    shown = browser.get(f"/connect/{provider}").get_data(as_text=True)
    asked = re.findall(r'id="ask-(\w+)"', shown)
    typed = {name: books.company(companies[0])["external_id"] for name in asked}
    begun = browser.post(f"/connect/{provider}", data={"vendor": "", **typed})
    assert begun.status_code == 303
    parts = urlsplit(books.approve(begun.headers["Location"], list(companies)))
    return browser.get(f"{parts.path}?{parts.query}")


def choose(browser: FlaskClient, location: str, company: str) -> Any:
    """On the page that lists what the consent opened."""
    page = html.unescape(browser.get(location).get_data(as_text=True))
    label = next(part for part in page.split("<label")[1:] if company in part)
    number = re.search(r'name="company" value="([^"]+)"', label)
    assert number
    return browser.post(urlsplit(location).path, data={"company": number[1], "vendor": ""})


def pull_again(house: House) -> None:
    with house.database.transaction(EVERYTHING) as session:
        session.execute(update(Connection).values(next_pull_at=clock.now()))
    pull_due(house)


@pytest.mark.parametrize("provider", COMPANIES)
def test_a_newcomer_connects_and_its_books_are_read(
    house: House, books: SandboxControl, browser: FlaskClient, provider: str
) -> None:
    """[A1 A2 A8 M4 inv-K3 inv-K4] Consent, the choice where there is one, first pull; then a payment there arrives
    here although the access token has died meanwhile. Nothing is live."""
    company = COMPANIES[provider]
    several = provider in ONE_CONSENT_OPENS_SEVERAL
    others = [books.new_company(like=company, name="Other Books Ltd")] if several else []
    answer = consent(books, browser, provider, company, *others)
    if several:
        assert answer.headers["Location"].partition("?")[0].endswith("/company")
        answer = choose(browser, answer.headers["Location"], company)
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/progress")

    pull_due(house)
    assert open_here(house) == open_there(books, company)
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(Vendor)).one().name == company
        assert session.scalars(select(Vendor)).one().live_at is None
        mailbox = (
            select(Mailbox.address).join(BillTo, BillTo.mailbox_id == Mailbox.id).where(BillTo.name.like("Cobalt%"))
        )
        assert session.scalars(mailbox).one() == "ap@cobalt.example"

    books.advance(2 * 3600)
    books.act(company, "part_pay")
    pull_again(house)
    assert open_here(house) == open_there(books, company)
    with house.database.reading(EVERYTHING) as session:
        row = session.scalars(select(Connection).where(Connection.vendor_id.is_not(None))).one()
        assert row.state == "active"
        assert oauth.unseal(house, row.tokens, row.id, row.vendor_id).refresh_token


def test_an_account_id_that_cannot_be_one_is_asked_for_again(books: SandboxControl, browser: FlaskClient) -> None:
    """[A1 inv-K6] In words, on the same page, before anybody is sent anywhere."""
    assert books.company("Juniper Freight")
    answer = browser.post("/connect/netsuite", data={"vendor": "", "account": "evil.example/"})
    assert answer.status_code == 422
    assert "not a NetSuite account ID" in answer.get_data(as_text=True)
