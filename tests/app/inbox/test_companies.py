"""Somebody who pays for several organisations: one login, each by itself."""

from datetime import date

import pytest
from flask import Flask

from app.house import House
from app.inbox.queries import companies
from app.models import Relation
from app.money import Money
from app.scope import PersonScope
from tests.support.house import signed_in, without_tokens
from tests.support.statements import statements
from tests.support.world import (
    EVERYTHING,
    NOW,
    TODAY,
    Owing,
    World,
    customer,
    customer_member,
    invoice,
    person,
)

pytestmark = pytest.mark.usefixtures("fixed_clock")


@pytest.fixture
def clients(house: House, world: World) -> list[Owing]:
    """Dune and Elm beside Cobalt; Fern works for all three."""
    with house.database.transaction(EVERYTHING) as session:
        fern = person(session, "fern@office.example", name="Fern")
        found = [world.cobalt, *(customer(session, name, address=f"ap@{name}.example") for name in ("dune", "elm"))]
        for client in found:
            customer_member(session, client.customer, fern)
        invoice(session, world.acme, found[1], number="D-1", due_on=date(2026, 11, 2), amount="77.00")
        return [Owing(client.customer, client.mailbox, fern) for client in found]


def test_sums_of_one_are_never_anothers(house: House, world: World, clients: list[Owing]) -> None:
    """[B6 C2 inv-I1 inv-M2] One statement for all of them; a supplier one of them blocked counts there no more."""
    with house.database.transaction(EVERYTHING) as session:
        session.add(Relation(customer_id=world.cobalt.customer.id, vendor_id=world.birch.vendor.id, blocked_at=NOW))
    ids = [client.customer.id for client in clients]
    with house.database.reading(PersonScope(clients[0].person.id)) as session, statements(house.database) as asked:
        cobalt, dune, elm = companies(session, ids, NOW, TODAY)
    assert len(asked) == 1
    assert (cobalt.open, cobalt.overdue, list(cobalt.open_total)) == (1, 1, [Money.of("1250", "USD")])
    assert (dune.open, dune.overdue, list(dune.overdue_total)) == (1, 1, [Money.of("77", "USD")])
    assert (elm.open, elm.overdue, list(elm.open_total)) == (0, 0, [])


def test_the_page_opens_each_and_shows_strangers_none(app: Flask, world: World, clients: list[Owing]) -> None:
    """[B6] One press from company to company."""
    browser = signed_in(app, clients[0].person)
    page = browser.get("/inbox/companies").text
    assert all(client.customer.name in page for client in clients)
    assert browser.post("/switch", data={"to": f"customer:{clients[1].customer.id}"}).location == "/inbox"
    inbox = browser.get("/inbox").text
    assert "D-1" in inbox
    assert "A-1" not in without_tokens(inbox)
    assert browser.get(f"/inbox/invoices/{world.acme_invoice.id}").status_code == 404  # Cobalt's, and Dune is open
    strangers = signed_in(app, world.outsider.person).get("/inbox/companies").text
    assert "dune" not in without_tokens(strangers)
