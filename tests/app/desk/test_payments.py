"""The desk's pages of payments: what went wrong, what customers have sent, and how the vendor is paid."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.models import Hold, Invoice, PayMethod, PayRule, Remittance, Setback, SetbackKind, VendorRole
from tests.support.house import signed_in, without_tokens
from tests.support.world import EVERYTHING, NOW, World, person, vendor_member

pytestmark = pytest.mark.usefixtures("fixed_clock")
RULES = {"part_share": "25", "discount_share": "2", "discount_days": "10", "fee_share": "1,5", "nets_credits": "yes"}
METHOD = {"name": "Counter", "instructions": "Pay at any post office.", "reference": "PO {reference}"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough for what pages say."""
    return sqlite_url


@pytest.fixture
def desk(app: Flask, world: World) -> FlaskClient:
    return signed_in(app, world.acme.person)


@pytest.fixture
def short(house: House, world: World) -> Setback:
    """Sixty dollars of Acme's invoice are missing."""
    owed = world.acme_invoice
    with house.database.transaction(EVERYTHING) as session:
        kept = session.get_one(Invoice, owed.id)
        kept.balance_minor = kept.due_minor = 6000
        owners = {"vendor_id": owed.vendor_id, "customer_id": owed.customer_id, "connection_id": owed.connection_id}
        at = {"happened_at": NOW, "seen_at": NOW, "told_at": NOW}
        made = Setback(invoice_id=owed.id, external_id="x", kind=SetbackKind.SHORT, amount_minor=119000, **owners, **at)
        session.add(made)
    return made


def rows(house: House, table: type[Any]) -> list[Any]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(table)))


def test_what_came_short_is_let_be_or_asked_for(house: House, desk: FlaskClient, short: Setback) -> None:
    """[I7]"""
    page = desk.get("/desk/payments").text.replace("\u00a0", " ")
    assert "Came short" in page
    assert "USD 60.00 is missing" in page
    assert desk.post(f"/desk/payments/short/{short.id}", data={"act": "accept"}).status_code == 303
    [held] = rows(house, Hold)
    assert held.ends_at == NOW + timedelta(days=house.limits.accepted_short_days)
    assert "You let it be" in desk.get("/desk/payments").text


def test_another_suppliers_people_see_none_of_it(app: Flask, house: House, world: World, short: Setback) -> None:
    """[inv-I1 inv-I2]"""
    birch = signed_in(app, world.birch.person)
    assert "A-1" not in without_tokens(birch.get("/desk/payments").text)
    assert birch.post(f"/desk/payments/short/{short.id}", data={"act": "accept"}).status_code == 404
    assert rows(house, Hold) == []


def test_what_customers_have_sent_stands_there_by_the_name_in_the_books(
    house: House, world: World, desk: FlaskClient
) -> None:
    """[E12]"""
    with house.database.transaction(EVERYTHING) as session:
        owners = {"vendor_id": world.acme.vendor.id, "customer_id": world.cobalt.customer.id}
        facts = {"currency": "USD", "exponent": 2, "total_minor": 125000, "pays_on": NOW.date(), "reference": "A-1"}
        lines = [[str(world.acme_invoice.id), "A-1", 125000, 0]]
        session.add(Remittance(lines=lines, said_by="Ana", **owners, **facts))
    page = desk.get("/desk/payments").text
    for words in ("Cobalt", "A-1", "USD\u00a01,250.00", "Ana", "Bank transfer"):
        assert words in page
    assert "did not send it" not in page  # that is the customer's to say


def test_invoices_that_say_no_way_to_pay_are_pointed_out(house: House, world: World, desk: FlaskClient) -> None:
    """[003-7 A6]"""
    assert "no way to pay" not in desk.get("/desk/payments").text
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Invoice, world.acme_invoice.id).can_pay_online = False
    assert "1 open invoice tells your customer no way to pay" in desk.get("/desk/payments").text


def test_the_rules_are_kept_as_shares(house: House, world: World, desk: FlaskClient) -> None:
    """[E5 E9 E14 C17]"""
    assert desk.post("/desk/payments/rules", data=RULES).status_code == 303
    [rule] = rows(house, PayRule)
    assert (rule.part_share, rule.discount_share, rule.discount_days, rule.fee_share) == (2500, 200, 10, 150)
    assert rule.nets_credits
    page = desk.get("/desk/payments/rules").text
    assert 'value="1.5"' in page
    assert desk.post("/desk/payments/rules", data={}).status_code == 303
    [rule] = rows(house, PayRule)
    assert (rule.part_share, rule.discount_share, rule.nets_credits) == (None, 0, False)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"part_share": "many"}, "Write a percentage"),
        ({"part_share": "1e999999"}, "Write a percentage"),
        ({"discount_share": "51"}, "between 0 and 50"),
        ({"discount_share": "2"}, "within how many days"),
        ({"late_days": "-1"}, "number of days"),
        ({"fee_words": "see www.evil.example"}, "No web"),
        ({"failure_words": "call 0800 123 456 789"}, "No telephone or account numbers"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_in_words(
    house: House, desk: FlaskClient, said: dict[str, str], words: str
) -> None:
    """[E14 A3 inv-A3]"""
    answer = desk.post("/desk/payments/rules", data=said)
    assert answer.status_code == 422
    assert words in answer.text
    assert rows(house, PayRule) == []


def test_the_first_way_to_pay_counts_at_once_and_a_later_one_waits_for_a_second_person(
    app: Flask, house: House, world: World, desk: FlaskClient
) -> None:
    """[003-5 B10 inv-L7]"""
    assert desk.post("/desk/payments/methods", data=METHOD).status_code == 303
    [first] = rows(house, PayMethod)
    assert (first.counts_from, first.frozen_until) == (NOW, None)
    desk.post("/desk/payments/methods", data={**METHOD, "instructions": "Pay somewhere else."})
    [second] = [each for each in rows(house, PayMethod) if each.id != first.id]
    assert (second.counts_from, second.frozen_until) == (None, NOW + timedelta(hours=house.limits.payee_freeze_hours))
    assert "Way to pay" in desk.get("/desk/trust").text
    desk.post(f"/desk/trust/payees/{second.id}", data={"act": "approve"})
    assert [each.approved_at for each in rows(house, PayMethod) if each.id == second.id] == [None]  # not one's own
    with house.database.transaction(EVERYTHING) as session:
        other = person(session, "second@acme.example")
        vendor_member(session, world.acme.vendor, other, VendorRole.ADMIN)
    signed_in(app, other).post(f"/desk/trust/payees/{second.id}", data={"act": "approve"})
    assert [each.counts_from for each in rows(house, PayMethod) if each.id == second.id] == [second.frozen_until]


def test_a_way_to_pay_without_the_invoices_reference_is_refused(house: House, desk: FlaskClient) -> None:
    """[003-5 A3]"""
    answer = desk.post("/desk/payments/methods", data={**METHOD, "reference": "Acme"})
    assert answer.status_code == 422
    assert "{reference}" in answer.text
    assert rows(house, PayMethod) == []
