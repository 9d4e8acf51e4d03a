"""From the connect page to books that are read: providers on a vendor's own server, where a key is typed in, and one
whose books lie in an environment of the vendor's."""

from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.models import Connection, Vendor
from connectors import registry
from connectors.jobs import pull_due
from connectors.sandbox.client import SandboxControl
from tests.connectors.test_whole_way import browser as browser  # a fixture
from tests.connectors.test_whole_way import open_here, open_there, pull_again
from tests.support.world import EVERYTHING

BY_KEY = {
    "erpnext": ("Fern Foods", {"user": "sandbox-erpnext"}),
    "odoo": ("Willow Garden", {"database": "willow", "user": ""}),
    "tryton": ("Yarrow Herbs", {"database": "yarrow"}),
}


@pytest.mark.parametrize("provider", BY_KEY)
def test_a_key_opens_the_books_of_a_server(
    house: House, books: SandboxControl, browser: FlaskClient, provider: str
) -> None:
    """[A1 A8 M4 inv-K1 inv-M1] First pull and a payment there, to the minor unit; then the key's end."""
    company, said = BY_KEY[provider]
    key = books.grant(company)["access_token"]
    typed = {"site": registry.endpoints(provider).api_url, "key": key, **said}
    answer = browser.post(f"/connect/{provider}", data={"vendor": "", **typed})
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("/progress")
    pull_due(house)
    assert open_here(house) == open_there(books, company)
    books.act(company, "part_pay")
    pull_again(house)
    assert open_here(house) == open_there(books, company)
    books.revoke(company)
    pull_again(house)
    with house.database.reading(EVERYTHING) as session:
        row = session.scalars(select(Connection)).one()
        assert row.state == "needs_reconnect"
        assert session.scalars(select(Vendor)).one().name == company


def test_a_wrong_key_connects_nothing(house: House, books: SandboxControl, browser: FlaskClient) -> None:
    """[A1] It is tried at once, and said beside the form."""
    assert books.companies()
    for provider, (_, said) in BY_KEY.items():
        typed = {"site": registry.endpoints(provider).api_url, "key": "mistyped", **said}
        assert browser.post(f"/connect/{provider}", data={"vendor": "", **typed}).status_code == 422
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(Connection)).all() == []


def test_an_environment_is_connected_by_consent(house: House, books: SandboxControl, browser: FlaskClient) -> None:
    """[A1 A2 A8 M4 inv-K3] Left empty it is the usual one; its invoices without a currency are in the company's own."""
    company = "Elder Machines"
    assert 'id="ask-environment"' in browser.get("/connect/business_central").get_data(as_text=True)
    begun = browser.post("/connect/business_central", data={"vendor": "", "environment": ""})
    parts = urlsplit(books.approve(begun.headers["Location"], company))
    answer = browser.get(f"{parts.path}?{parts.query}")
    assert answer.headers["Location"].endswith("/progress")
    pull_due(house)
    assert open_here(house) == open_there(books, company)
    assert {currency for _, currency, _ in open_here(house)} == {"DKK", "EUR"}
    books.advance(2 * 3600)
    books.act(company, "pay")
    pull_again(house)
    assert open_here(house) == open_there(books, company)
