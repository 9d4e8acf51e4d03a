"""The abuse desk: what the operator sees of vendors and reports, and what its words do."""

from datetime import datetime
from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update

from app.house import House
from app.mailboxes.actions import relation_with, report_vendor
from app.models import (
    Attempt,
    AuditEntry,
    BankAccount,
    DomainProof,
    Outgoing,
    OutgoingState,
    Person,
    Report,
    Trust,
    Vendor,
    VendorTask,
)
from app.trust.actions import name_given
from app.trust.payees import propose_account
from app.trust.rules import Account, counts
from digest.claim import claim_mails, still_ours
from digest.plan import plan_batch
from digest.recompose import recompose
from tests.support.browser import NewPage, axe_violations
from tests.support.house import signed_in
from tests.support.links import sent_digest, with_wings
from tests.support.server import live_server
from tests.support.world import EVERYTHING, NOW, World, customer, invoice, person, vendor

WHY = {"reason": "looked at their papers"}


@pytest.fixture
def operator(app: Flask, house: House, fixed_clock: datetime) -> FlaskClient:
    with house.database.transaction(EVERYTHING) as session:
        somebody = person(session, "operator@sheaf.example")
    return signed_in(app, somebody)


def read(house: House, table: type[Any]) -> list[Any]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(table)))


def acme_of(house: House, world: World) -> Vendor:
    with house.database.reading(EVERYTHING) as session:
        return session.get_one(Vendor, world.acme.vendor.id)


def reported(house: House, world: World, times: int, reached: int) -> None:
    """So many customers of those Acme has reached report it."""
    with house.database.transaction(EVERYTHING) as session:
        relations = []
        for number in range(reached):
            owing = customer(session, f"R{number}", address=f"r{number}@reached.example")
            invoice(session, world.acme, owing)
            relation = relation_with(session, owing.customer.id, world.acme.vendor.id, NOW)
            relation.reached_at = relation.first_mailed_at = NOW
            relations.append(relation)
        for number, relation in enumerate(relations[:times]):
            report_vendor(session, relation, NOW, f"Never bought there {number}", house.limits)


def test_three_reports_freeze_and_the_operator_lets_go(house: House, world: World, operator: FlaskClient) -> None:
    """[inv-A2 inv-F2 L3] Two do not, and three of a thousand would not; the vendor reads neither words nor numbers."""
    reported(house, world, 2, 2)
    assert acme_of(house, world).frozen_at is None
    with house.database.transaction(EVERYTHING) as session:
        relation = relation_with(session, world.cobalt.customer.id, world.acme.vendor.id, NOW)
        relation.first_mailed_at = NOW
        report_vendor(session, relation, NOW, "Nor did we", house.limits)
    assert acme_of(house, world).frozen_at == NOW
    page = operator.get("/ops/abuse").text
    for shown in ("Frozen by reports", "Never bought there 0", "Nor did we", "Cobalt"):
        assert shown in page
    tasks = [task for task in read(house, VendorTask) if task.subject_key == "trust"]
    assert [("3" in task.words or "Cobalt" in task.words) for task in tasks] == [False]
    place = f"/ops/abuse/{world.acme.vendor.id}"
    assert operator.post(place, data={"act": "unfreeze", "reason": " "}).status_code == 422
    assert operator.post(place, data={"act": "unfreeze", **WHY}).status_code == 303
    assert acme_of(house, world).frozen_at is None
    assert all(report.dismissed_at for report in read(house, Report))


def test_three_reports_of_a_thousand_freeze_nobody(house: House, world: World, fixed_clock: datetime) -> None:
    """[inv-A2]"""
    reported(house, world, 3, 160)
    assert acme_of(house, world).frozen_at is None


@pytest.mark.parametrize("is_proven", [True, False])
def test_the_operator_moves_a_vendor_up_and_down(
    house: House, world: World, operator: FlaskClient, is_proven: bool
) -> None:
    """[A13 inv-F2 L3] Every step with its reason in the audit; reinstated to where the proofs put it."""
    if not is_proven:
        with house.database.transaction(EVERYTHING) as session:
            for proof in session.scalars(select(DomainProof)):
                session.delete(proof)
            session.get_one(Vendor, world.acme.vendor.id).trust = Trust.NEW
    place = f"/ops/abuse/{world.acme.vendor.id}"

    def act(name: str) -> Trust:
        assert operator.post(place, data={"act": name, **WHY}).status_code == 303
        return Trust(acme_of(house, world).trust)

    assert act("suspend") == Trust.SUSPENDED
    assert act("approve") == Trust.SUSPENDED  # does not end a suspension
    assert act("reinstate") == (Trust.VERIFIED if is_proven else Trust.NEW)
    assert act("approve") == Trust.VERIFIED
    assert act("refuse") == Trust.NEW
    steps = [entry for entry in read(house, AuditEntry) if entry.actor == "operator"]
    assert {entry.action for entry in steps} == {
        "vendor.suspended", "vendor.reinstated", "vendor.approved", "vendor.refused",
    }  # fmt: skip
    assert all(entry.detail["reason"] == WHY["reason"] for entry in steps)


def test_a_look_alike_is_on_the_desk_with_whom_it_is_like(house: House, world: World, operator: FlaskClient) -> None:
    """[inv-A3 L3]"""
    with house.database.transaction(EVERYTHING) as session:
        other = vendor(session, "Аcme", address="owner@evil.example", trust=Trust.NEW)  # a Cyrillic A
        name_given(session, other.vendor, NOW)
    assert "Name like Acme" in operator.get("/ops/abuse").text


def test_a_suspended_vendor_leaves_what_is_queued_and_what_is_claimed(
    house: House, world: World, operator: FlaskClient
) -> None:
    """[L3 inv-S10] The batch that was claimed before looks once more before it calls."""
    with house.database.transaction(EVERYTHING) as session:
        box = session.merge(world.cobalt.mailbox)
        box.next_digest_at = NOW
    assert plan_batch(house)
    with house.database.transaction(EVERYTHING) as session:
        claim = claim_mails(session, house, "file", None, 10)
    assert len(claim.parcels) == 1
    operator.post(f"/ops/abuse/{world.acme.vendor.id}", data={"act": "suspend", **WHY})
    with house.database.reading(EVERYTHING) as session:
        assert still_ours(session, house, claim) == set()
    with house.database.transaction(EVERYTHING) as session:
        session.execute(update(Outgoing).values(state=OutgoingState.QUEUED, lease_owner=None, lease_until=None))
        session.execute(delete(Attempt))
        claim = claim_mails(session, house, "file", partial(recompose, house), 10)
    (parcel,) = claim.parcels
    assert "Birch" in parcel.text
    assert "Acme" not in parcel.text


def test_links_of_mails_already_sent_say_paused_and_do_not_pay(
    app: Flask, house: House, world: World, operator: FlaskClient
) -> None:
    """[L3 inv-L7] Other vendors' lines on the same mail stay as they are."""
    provider = with_wings(app)
    with house.database.transaction(EVERYTHING) as session:
        sent = sent_digest(session, world.cobalt.mailbox, [world.acme_invoice, world.birch_invoice])
    operator.post(f"/ops/abuse/{world.acme.vendor.id}", data={"act": "suspend", **WHY})
    reader = app.test_client()
    for path in ((), (1,), (1, "pay")):
        assert "Paused by Sheaf" in reader.get(sent.at(*path)).text
    pressed = reader.post(sent.at(1, "pay"), data={"shown": 125000, "host": provider.named})
    assert (pressed.status_code, provider.linked) == (200, [])
    assert "Paused by Sheaf" in pressed.text
    assert "Paused by Sheaf" not in reader.get(sent.at(2, "pay")).text


def test_the_operator_agrees_to_a_change_and_its_freeze_still_runs(
    house: House, world: World, operator: FlaskClient
) -> None:
    """[B10 inv-F2 L3]"""
    with house.database.transaction(EVERYTHING) as session:
        acme = session.get_one(Vendor, world.acme.vendor.id)
        for number in ("1111", "2222", "3333"):
            given = Account("Acme", "", number, "021000021")
            propose_account(session, acme, given, world.acme.person, NOW, house.limits)
    first, given_up, waiting = sorted(read(house, BankAccount), key=lambda one: str(one.account))
    assert "Bank account ending in 3333" in operator.get("/ops/abuse").text
    assert given_up.refused_at == NOW
    place = f"/ops/abuse/payees/{waiting.id}"
    assert operator.post(place, data={"act": "approve"}).status_code == 422
    assert operator.post(place, data={"act": "approve", **WHY}).status_code == 303
    agreed = next(one for one in read(house, BankAccount) if one.id == waiting.id)
    assert (agreed.counts_from, counts(agreed, NOW)) == (agreed.frozen_until, False)
    assert counts(first, NOW)


def test_nobody_else_comes_near_it(app: Flask, world: World, operator: FlaskClient) -> None:
    """[inv-I1 L3]"""
    place = f"/ops/abuse/{world.acme.vendor.id}"
    for who in (world.acme.person, world.cobalt.person):
        browser = signed_in(app, who)
        assert browser.get("/ops/abuse").status_code == browser.get(place).status_code == 404
        assert browser.post(place, data={"act": "approve", **WHY}).status_code == 404
    assert operator.post(f"/ops/abuse/{world.cobalt.customer.id}", data={"act": "suspend", **WHY}).status_code == 404
    assert operator.post(place, data={"act": "praise", **WHY}).status_code == 400


@pytest.mark.parametrize(("width", "dark"), [(360, False), (1280, True)])
def test_its_pages_are_readable_by_everybody(
    app: Flask, house: House, world: World, operator: FlaskClient, new_page: NewPage, width: int, dark: bool
) -> None:
    """[L3 B13] And so is the vendor's own page about trust."""
    reported(house, world, 4, 4)
    with house.database.transaction(EVERYTHING) as session:
        acme = session.get_one(Vendor, world.acme.vendor.id)
        for number in ("1111", "2222"):
            given = Account("Acme", "", number, "021000021")
            propose_account(session, acme, given, world.acme.person, NOW, house.limits)
    with live_server(app) as base:
        page = new_page(width=width, dark=dark)
        paths = {
            world.acme.person: ["/desk/trust"],
            person_of(house, "operator@sheaf.example"): ["/ops/abuse", f"/ops/abuse/{acme.id}"],
            world.cobalt.person: ["/inbox/suppliers", f"/inbox/invoices/{world.birch_invoice.id}"],
        }
        for who, places in paths.items():
            cookie = signed_in(app, who).get_cookie("sheaf")
            assert cookie
            page.context.add_cookies([{"name": "sheaf", "value": cookie.value, "url": base}])
            for path in places:
                page.goto(base + path)
                for summary in page.locator("main details > summary").all():
                    summary.click()
                page.evaluate("scrollTo(0, 0)")  # the bar on top covers what is scrolled beneath it
                assert axe_violations(page) == [], path
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def person_of(house: House, address: str) -> Person:
    with house.database.reading(EVERYTHING) as session:
        return session.scalars(select(Person).where(Person.address == address)).one()
