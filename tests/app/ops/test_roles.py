"""How those who pay and those who approve fare, read from what is on record."""

from datetime import datetime, timedelta

import pytest
from flask import Flask

from app.house import House
from app.models import CustomerRole, Invoice
from app.ops.roles import Fare, fares
from app.receivables.actions import record_act
from app.scorecard.rules import Times
from tests.support.house import signed_in
from tests.support.links import sent_digest
from tests.support.world import EVERYTHING, NOW, World, customer_member, invoice, person

HOUR = timedelta(hours=1)


@pytest.fixture
def matters(house: House, world: World) -> None:
    """Four invoices that a mail named ten hours ago, and one that none did; a payer, an approver and somebody at a
    mail's link act on them, each at an hour after the mail."""
    with house.database.transaction(EVERYTHING) as session:
        payer, approver = (person(session, f"{name}@cobalt.example", name=name) for name in ("pia", "ada"))
        customer_member(session, world.cobalt.customer, payer, CustomerRole.PAYER)
        customer_member(session, world.cobalt.customer, approver, CustomerRole.APPROVER)
        told = [invoice(session, world.acme, world.cobalt, number=f"T-{n}") for n in range(4)]
        untold = invoice(session, world.acme, world.cobalt, number="U-1")
        for hours in (10, 5):  # the first mail counts, not the one that asked again
            sent_digest(session, world.cobalt.mailbox, told, accepted_at=NOW - HOUR * hours)

        def act(about: Invoice, action: str, hours: int, who: object = None) -> None:
            person_id = getattr(who, "id", None)
            record_act(session, about, action, NOW + HOUR * (hours - 10), person_id)

        act(told[0], "payment.started", 2, payer)
        act(told[1], "claim.already_paid", 4, payer)
        act(told[1], "claim.dispute", 9, payer)  # of the same matter: its first act is timed
        act(untold, "payment.started", 9, payer)
        act(told[2], "claim.promise", 8, approver)
        act(told[3], "invoice.disowned", 1)
        act(told[3], "claim.accepted", 2, world.acme.person)  # the vendor's own
        act(told[3], "payment.started", 3, world.outsider.person)  # left the team since


def test_each_role_has_its_time_to_act_and_its_complaints(house: House, world: World, matters: None) -> None:
    """[004-23 B4]"""
    with house.database.reading(EVERYTHING) as session:
        found = fares(session, NOW)
    assert found == [
        Fare(CustomerRole.PAYER, 1, 3, 1, Times(HOUR * 3, HOUR * 4)),
        Fare(CustomerRole.APPROVER, 1, 1, 0, Times(HOUR * 8, HOUR * 8)),
        Fare(None, 0, 1, 1, Times(HOUR, HOUR)),
    ]
    with house.database.reading(EVERYTHING) as session:
        assert fares(session, NOW + timedelta(days=40)) == []


def test_the_operator_reads_it(app: Flask, house: House, matters: None, fixed_clock: datetime) -> None:
    """[004-23]"""
    with house.database.transaction(EVERYTHING) as session:
        operator = person(session, "operator@sheaf.example")
    page = signed_in(app, operator).get("/ops").text
    section = page[page.index('id="fares"') :]
    assert "Approver" in section
    assert "8\u00a0h" in section
    assert "By a mail's link, not signed in" in section
