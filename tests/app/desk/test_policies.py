"""Reminders at the desk: segments, stages, the vendor's line, what is known of a customer, and who would get what."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import counting
from app.house import House
from app.models import AuditEntry, BillTo, LateRisk, Policy, Trust, Vendor, VendorRole
from app.policies import queries
from app.policies.queries import members
from app.policies.rules import Segment
from app.policies.sorting import sort_customers
from tests.digest.rows import change
from tests.support import world as make
from tests.support.house import signed_in, without_tokens
from tests.support.world import EVERYTHING, World

pytestmark = pytest.mark.usefixtures("fixed_clock")

STAGES = {"days_0": "3", "side_0": "before", "tone_0": "ahead", "days_1": "1", "side_1": "after", "tone_1": "gentle"}
GERMANS = {"name": "Germans", "countries": "de, fr", **STAGES}


def policies(house: House) -> list[Policy]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(Policy).order_by(Policy.is_default, Policy.rank)))


def kept(house: House, row: Any) -> Any:
    with house.database.reading(EVERYTHING) as session:
        return session.get_one(type(row), row.id)


def cobalt(house: House, world: World) -> BillTo:
    with house.database.reading(EVERYTHING) as session:
        return session.get_one(BillTo, world.acme_invoice.bill_to_id)


def said(house: House, action: str) -> list[AuditEntry]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.at)))


def test_a_segment_is_looked_at_before_it_is_saved(acme: FlaskClient, house: House, world: World) -> None:
    """[J2 002-10] The preview of its members writes nothing; what cannot be read is still there, said beside it."""
    page = acme.post("/desk/policies/new", data={**GERMANS, "days_0": "soon", "countries": "Germany"})
    assert page.status_code == 422
    for words in ("Write a number of days", "two letters", 'value="soon"', 'value="Germany"'):
        assert words in page.text
    change(house, cobalt(house, world), country="DE")
    page = acme.post("/desk/policies/new", data={**GERMANS, "act": "look"})
    assert page.status_code == 200
    assert "1 customer" in page.text
    assert "Cobalt" in page.text
    assert not policies(house)
    none = acme.post("/desk/policies/new", data={**GERMANS, "countries": "ES", "act": "look"})
    assert "0 customers" in none.text


def test_a_saved_segment_gets_its_customers_by_a_job_and_is_on_record(
    acme: FlaskClient, house: House, world: World
) -> None:
    """[J1 J2 J5 inv-F2] What was, what is, and who changed it."""
    change(house, cobalt(house, world), country="DE")
    assert acme.post("/desk/policies/new", data={**GERMANS, "act": "save"}).status_code == 303
    (policy,) = policies(house)
    assert policy.rules == {"countries": ["DE", "FR"]}
    assert policy.terms == {"stages": [[-3, "ahead"], [1, "gentle"]]}
    assert sort_customers(house) == 1
    assert sort_customers(house) == 0  # nothing is due any more
    assert cobalt(house, world).policy_id == policy.id
    (entry,) = said(house, "policy.saved")
    assert entry.person_id == world.acme.person.id
    assert entry.detail["after"]["rules"] == {"countries": ["DE", "FR"]}
    page = acme.get("/desk/policies").text
    for words in ("Germans", "Country: DE, FR", "From 3 days before it is due: Early word", "1 customer"):
        assert words in page
    change(house, cobalt(house, world), country="ES")
    change(house, world.acme.vendor, segments_due_at=make.NOW)  # an hour later
    sort_customers(house)
    assert cobalt(house, world).policy_id is None


def test_the_first_segment_decides_and_the_order_can_be_changed(acme: FlaskClient, house: House, world: World) -> None:
    """[J2] A removed one leaves its customers to the next."""
    change(house, cobalt(house, world), country="DE", tags="vip")
    acme.post("/desk/policies/new", data=GERMANS)
    acme.post("/desk/policies/new", data={**STAGES, "name": "Friends", "tags": "VIP, family"})
    sort_customers(house)
    germans, friends = policies(house)
    assert cobalt(house, world).policy_id == germans.id
    look = acme.post(f"/desk/policies/{friends.id}", data={**STAGES, "name": "Friends", "tags": "vip", "act": "look"})
    assert "in a segment that comes first" in look.text
    acme.post(f"/desk/policies/{friends.id}/up")
    sort_customers(house)
    assert cobalt(house, world).policy_id == friends.id
    acme.post(f"/desk/policies/{friends.id}/remove")
    assert cobalt(house, world).policy_id is None
    sort_customers(house)
    assert cobalt(house, world).policy_id == germans.id
    assert [len(said(house, f"policy.{deed}")) for deed in ("saved", "moved", "removed")] == [2, 1, 1]


def test_the_default_holds_for_everybody_else(acme: FlaskClient, house: House, world: World) -> None:
    """[J1 J3 J4] It has no segment, and there is one."""
    for amount in ("20.00", "25.00"):
        data = {**STAGES, "currency_0": "usd", "amount_0": amount, "earlier_days": "5", "by_order": "yes"}
        assert acme.post("/desk/policies/default", data=data).status_code == 303
    (policy,) = policies(house)
    assert policy.is_default
    assert policy.terms["least"] == {"USD": 2500}
    page = acme.get("/desk/policies/default").text
    assert 'value="25.00"' in page
    assert "Nothing is asked for below USD 25.00" in acme.get("/desk/policies").text
    assert acme.get(f"/desk/policies/{policy.id}").status_code == 404


def test_a_note_is_kept_and_on_record(acme: FlaskClient, house: House, world: World) -> None:
    """[C18 inv-F2] One that is not plain changes nothing."""
    assert "No web or mail" in acme.post("/desk/policies/note", data={"note": "acme.example/pay"}).text
    acme.post("/desk/policies/note", data={"note": " We moved;  the office opens Monday. "})
    assert kept(house, world.acme.vendor).note == "We moved; the office opens Monday."
    assert said(house, "vendor.note")[0].detail == {"before": "", "after": "We moved; the office opens Monday."}
    change(house, world.acme.vendor, trust=Trust.NEW)
    assert "once you are verified" in acme.get("/desk/policies").text


def test_what_is_known_of_a_customer_sorts_it(acme: FlaskClient, house: House, world: World) -> None:
    """[J2 J3 inv-F2] Fields of the vendor's own, and whether it is left alone."""
    bill_to = cobalt(house, world)
    page = f"/desk/policies/customers/{bill_to.id}"
    data = {"country": "DE", "size": "large", "industry": "Mining", "tags": "VIP, north", "never_remind": "yes"}
    assert acme.post(page, data=data).status_code == 303
    known = cobalt(house, world)
    assert (known.country, known.size, known.industry, known.tags) == ("DE", "large", "Mining", "north,vip")
    assert known.never_remind
    assert kept(house, world.acme.vendor).segments_due_at is not None
    assert said(house, "customer.described")[0].detail["country"] == ["", "DE"]
    assert 'value="north, vip"' in acme.get(page).text


def test_agents_look_and_strangers_see_nothing(app: Flask, house: House, world: World) -> None:
    """[J1 G8 inv-I1] Another vendor's policy is not there at all."""
    acme, birch = signed_in(app, world.acme.person), signed_in(app, world.birch.person)
    acme.post("/desk/policies/new", data=GERMANS)
    (policy,) = policies(house)
    assert birch.get(f"/desk/policies/{policy.id}").status_code == 404
    assert birch.post(f"/desk/policies/{policy.id}/remove").status_code == 404
    assert birch.get(f"/desk/policies/customers/{world.acme_invoice.bill_to_id}").status_code == 404
    assert "Germans" not in birch.get("/desk/policies").text
    with house.database.transaction(EVERYTHING) as session:
        agent = make.person(session, "agent@acme.example")
        make.vendor_member(session, session.get_one(Vendor, world.acme.vendor.id), agent, VendorRole.AGENT)
    looking = signed_in(app, agent)
    assert "Germans" in looking.get("/desk/policies").text
    assert looking.post("/desk/policies/new", data=GERMANS).status_code == 403
    assert looking.post("/desk/policies/note", data={"note": "x"}).status_code == 403


def test_every_field_of_a_segment_selects_whom_it_says(house: House, world: World) -> None:
    """[J2 002-10 003-19] Place, product, size, industry, terms, currency, balance, risk and tags, over the books."""
    with house.database.transaction(EVERYTHING) as session:
        other = make.customer(session, "Dune", address="ap@dune.example")
        make.invoice(
            session, world.acme, other, amount="10.00", currency="EUR", issued_on=date(2026, 11, 1),
            due_on=date(2026, 11, 8), details={"memo": "Blue paint", "lines": [{"text": "Brushes"}]},
        )  # fmt: skip
        dune = session.scalars(select(BillTo).where(BillTo.name == "Dune")).one()
        facts = {"country": "DE", "size": "small", "industry": "Farming", "tags": "north,vip"}
        for name, value in {**facts, "late_risk": LateRisk.HIGH}.items():
            setattr(dune, name, value)
    selecting: list[dict[str, Any]] = [
        {"countries": ("DE",)}, {"sizes": ("small",)}, {"industries": ("farming",)}, {"tags": ("vip", "x")},
        {"risks": ("high",)}, {"currencies": ("EUR",)}, {"terms_to": 10}, {"products": ("brush",)},
        {"balance_currency": "EUR", "balance_from": 1000}, {"countries": ("DE",), "sizes": ("small",)},
    ]  # fmt: skip
    with house.database.reading(EVERYTHING) as session:
        for rules in selecting:
            found = members(session, world.acme.vendor.id, None, Segment(**rules))
            assert [name for _key, name, _taken in found.listed] == ["Dune"], rules
        for rules in ({"countries": ("DE",), "sizes": ("large",)}, {"balance_currency": "EUR", "balance_from": 1001}):
            assert not members(session, world.acme.vendor.id, None, Segment(**rules)).count


def test_a_vendors_customers_are_looked_at_some_at_a_time(
    acme: FlaskClient, house: House, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[J2 J3] Each once, two of one name too; a look at a segment says of how many it speaks."""
    monkeypatch.setattr(queries, "_AT_ONCE", 2)
    monkeypatch.setattr(queries, "_LOOKED_AT", 3)
    with house.database.transaction(EVERYTHING) as session:
        for number, name in enumerate(["Dune", "Dune", "Elm", "Fern"]):
            other = make.customer(session, name, address=f"ap{number}@{name.lower()}.example")
            make.bill_to(session, world.acme, other, country="DE")
    page = acme.post("/desk/policies/new", data={**GERMANS, "act": "look"})
    assert "2 customers" in page.text
    assert "Of the first 3 customers by name" in page.text
    acme.post("/desk/policies/new", data=GERMANS)
    sort_customers(house)
    germans = policies(house)[0].id
    with house.database.reading(EVERYTHING) as session:
        query = select(BillTo.name).where(BillTo.policy_id == germans).order_by(BillTo.name)
        assert session.scalars(query).all() == ["Dune", "Dune", "Elm", "Fern"]
    assert "4 customers" in acme.get("/desk/policies").text
    monkeypatch.setattr(counting, "MOST", 3)
    assert "3+ customers" in acme.get("/desk/policies").text


def test_everybody_reads_the_same_reason(app: Flask, acme: FlaskClient, house: House, world: World) -> None:
    """[J1 J3 A12 D22 B7] In the inbox, at the desk, and by its absence in what comes up; Birch's are not touched."""
    change(house, world.cobalt.mailbox, next_digest_at=make.NOW)
    assert "A-1" in acme.get("/desk/coming").text
    change(house, cobalt(house, world), never_remind=True)
    customer = signed_in(app, world.cobalt.person)
    words = "the supplier sends you no reminders"
    assert words in customer.get(f"/inbox/invoices/{world.acme_invoice.id}").text
    assert words in acme.get(f"/desk/invoices/{world.acme_invoice.id}").text
    assert "A-1" not in without_tokens(acme.get("/desk/coming").text)
    assert words not in customer.get(f"/inbox/invoices/{world.birch_invoice.id}").text
    change(house, cobalt(house, world), never_remind=False)
    acme.post("/desk/policies/default", data={"days_0": "30", "side_0": "after", "tone_0": "gentle"})
    words = "not mentioned before 9 Dec 2026"
    assert words in customer.get(f"/inbox/invoices/{world.acme_invoice.id}").text
    assert words in acme.get(f"/desk/invoices/{world.acme_invoice.id}").text


def test_what_is_first_mentioned_tomorrow_is_forewarned_of_today(acme: FlaskClient, house: House, world: World) -> None:
    """[D22 J5] The digest comes tomorrow, and so does the vendor's first day."""
    change(house, world.cobalt.mailbox, next_digest_at=make.NOW + timedelta(days=1))
    for days, is_listed in (("15", True), ("16", False)):
        acme.post("/desk/policies/default", data={"days_0": days, "side_0": "after", "tone_0": "gentle"})
        assert ("A-1" in acme.get("/desk/coming").text) == is_listed
