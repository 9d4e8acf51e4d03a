"""The companies behind a vendor's books: their names, and the account each is paid to."""

from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.models import AuditEntry, BankAccount, Connection
from app.trust.queries import pay_terms
from digest.plan import plan_batch
from tests.digest.rows import change, mails
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")


@pytest.fixture
def acme(app: Flask, house: House, world: World) -> FlaskClient:
    change(house, world.acme.connection, account_name="Acme Iberia S.L.")
    return signed_in(app, world.acme.person)


def account(house: House, world: World, iban: str, days: int) -> UUID:
    with house.database.transaction(EVERYTHING) as session:
        made = BankAccount(
            vendor_id=world.acme.vendor.id, beneficiary="Acme", iban=iban, created_at=NOW - timedelta(days=days),
            counts_from=NOW - timedelta(days=days),
        )  # fmt: skip
        session.add(made)
        session.flush()
        return made.id


def test_customers_read_which_company_invoices_them(app: Flask, acme: FlaskClient, house: House, world: World) -> None:
    """[A15 F2] Beside the vendor's name, on the page and in the mail; who changed it is on record."""
    place = f"/desk/companies/{world.acme.connection.id}"
    assert acme.post(place, data={"name": "Acme Iberia", "colour": "#1D5A3C"}).status_code == 303
    customer = signed_in(app, world.cobalt.person)
    page = customer.get(f"/inbox/invoices/{world.acme_invoice.id}").text
    assert "Invoiced by" in page
    assert "Acme Iberia" in page
    assert "Invoiced by" not in customer.get(f"/inbox/invoices/{world.birch_invoice.id}").text
    change(house, world.cobalt.mailbox, next_digest_at=NOW)
    plan_batch(house)
    assert "Invoiced by Acme Iberia" in mails(house)[0].text
    with house.database.reading(EVERYTHING) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "entity.described")).one()
    assert entry.detail["changed"]["entity"] == ["", "Acme Iberia"]


@pytest.mark.parametrize(
    ("facts", "name", "words"),
    [
        ({}, "Cobalt Bank", "the name the books give"),
        ({"files_since": NOW}, "Acme Iberia", "the name the books give"),
        ({"account_name": "Birch"}, "Birch", "the name the books give"),  # another vendor's name, and not a word of it
        ({}, "acme.example", "No web or mail"),
        ({}, "Acme Iberia", "A colour looks like"),
    ],
)
def test_a_company_is_called_what_its_books_call_it(
    acme: FlaskClient, house: House, world: World, facts: dict, name: str, words: str
) -> None:
    """[A15 inv-A3 inv-I2] So that nobody invoices in somebody else's name."""
    change(house, world.acme.connection, **facts)
    place = f"/desk/companies/{world.acme.connection.id}"
    answer = acme.post(place, data={"name": name, "colour": "red" if "colour" in words else ""})
    assert answer.status_code == 422
    assert words in answer.text
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Connection, world.acme.connection.id).entity == ""


def test_each_company_is_paid_to_its_own_account(acme: FlaskClient, house: House, world: World) -> None:
    """[A15 B10] One that went through freeze and approval; another vendor's is no choice."""
    own, newest = (
        account(house, world, "DE89370400440532013000", 9),
        account(house, world, "FR1420041010050500013M02606", 1),
    )
    place = f"/desk/companies/{world.acme.connection.id}"
    assert acme.post(place, data={"account": str(own)}).status_code == 303
    with house.database.reading(EVERYTHING) as session:
        chosen = session.get_one(Connection, world.acme.connection.id).bank_account_id
        for wanted, shown in ((chosen, own), (None, newest), (world.birch.vendor.id, newest)):
            found = pay_terms(session, world.acme.vendor.id, "", NOW, wanted).account
            assert found is not None
            assert found.id == shown
    assert acme.post(f"/desk/companies/{world.birch.connection.id}", data={}).status_code == 404
