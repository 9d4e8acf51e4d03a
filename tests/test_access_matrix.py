"""Two vendors x two customers x every route: what belongs to somebody else looks exactly like what does not exist."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app import clock
from app.access import Who
from app.house import House
from app.later import later
from app.models import (
    DetailKind,
    DetailsChange,
    DetailsProposal,
    DomainProof,
    ForwardedInvoice,
    HoldKind,
    Invoice,
    Merge,
    Outgoing,
    OutgoingKind,
    PayHost,
    Policy,
    Remittance,
    Setback,
    SetbackKind,
    TaskKind,
    VendorTask,
)
from app.models import Route as Routing
from connectors.file_waiting import keep_waiting
from connectors.files.brought import Sent
from tests.access_matrix import PAGE, Route, render, routes
from tests.support.house import signed_in
from tests.support.links import hold, payment
from tests.support.world import (
    EVERYTHING,
    NOW,
    Owing,
    Selling,
    World,
    attachment,
    bill_to,
    connection,
    digest,
    invoice,
    person,
    thread,
    vendor,
)

Ids = dict[str, UUID]  # by the name the argument has in addresses

FOREIGN_TOKEN = "0" * 43
_MEMBERS = (Who.PERSON, Who.VENDOR, Who.CUSTOMER, Who.OPERATOR)


@dataclass
class Tenants:
    """Acme and Cobalt with one of everything an address may name, and what others have of the same."""

    acme: Ids
    cobalt: Ids
    not_acmes: list[Ids]  # Birch's with the same customer, Cedar's with another
    not_cobalts: list[Ids]  # the outsider's with the same vendor, and with another
    acme_browser: FlaskClient
    cobalt_browser: FlaskClient


@pytest.fixture
def tenants(house: House, whole_app: Flask, world: World, fixed_clock: datetime) -> Tenants:
    with house.database.transaction(EVERYTHING) as session:
        cedar = vendor(session, "Cedar", address="owner@cedar.example")  # unknown to Cobalt
        ours = everything_between(house, session, world.acme, world.cobalt)
        same_customer = everything_between(house, session, world.birch, world.cobalt)
        same_vendor = everything_between(house, session, world.acme, world.outsider)
        others = everything_between(house, session, cedar, world.outsider)
    same_vendor["vendor_id"] = cedar.vendor.id  # Acme itself is no secret to Cobalt
    same_customer["mailbox_id"] = world.outsider.mailbox.id
    return Tenants(
        acme=ours | {"person_id": world.acme.person.id},
        cobalt=ours,
        not_acmes=[same_customer | {"person_id": world.birch.person.id}, others],
        not_cobalts=[same_vendor, others],
        acme_browser=signed_in(whole_app, world.acme.person),
        cobalt_browser=signed_in(whole_app, world.cobalt.person),
    )


def everything_between(house: House, session: Session, by: Selling, to: Owing) -> Ids:
    """One of everything that an address may name; tests/shots opens every page with it."""
    owed = invoice(session, by, to)
    sent = digest(session, to, [owed])
    mail = Outgoing(
        kind=OutgoingKind.DIGEST,
        dedupe_key=f"matrix-{sent.id}",
        mailbox_id=to.mailbox.id,
        address=to.mailbox.address,
        subject="s",
        text="t",
        digest_id=sent.id,
        due_at=NOW,
    )
    session.add(mail)
    session.flush()
    talk = thread(session, by, to, owed)
    call = VendorTask(vendor_id=by.vendor.id, kind=TaskKind.CALL, subject_key=str(owed.id), told=later("Call them."))
    session.add(call)
    session.flush()
    proof = DomainProof(vendor_id=by.vendor.id, domain=f"{sent.id}.example", record="r", asked_by_id=by.person.id)
    host = PayHost(vendor_id=by.vendor.id, host=f"{sent.id}.example", frozen_until=NOW)
    connection(session, by.vendor, by.person, provider="files", files_since=NOW)
    brought = [Sent("open.csv", b"Invoice number,Customer,Currency,Balance\nF-1,Cobalt,USD,1.00\n")]
    session.add_all([proof, host])
    session.flush()
    return {
        "vendor_id": by.vendor.id,
        "connection_id": by.connection.id,
        "bill_to_id": bill_to(session, by, to).id,
        "customer_id": to.customer.id,
        "mailbox_id": to.mailbox.id,
        "person_id": to.person.id,
        "invoice_id": owed.id,
        "thread_id": talk.id,
        "task_id": call.id,
        "file_id": attachment(session, talk).id,
        "digest_id": sent.id,
        "outgoing_id": mail.id,
        "proposal_id": _told(session, by, to).id,
        "payment_id": payment(session, by, to, {owed: "1"}).id,
        "proof_id": proof.id,
        "payee_id": host.id,
        "hold_id": hold(session, owed, HoldKind.DISPUTE, thread_id=talk.id).id,
        "remittance_id": _sent(session, owed).id,
        "setback_id": _short(session, owed).id,
        "merge_id": _merged(session, to).id,
        "policy_id": _wanted(session, by).id,
        "route_id": _routed(session, to).id,
        "forwarded_id": _forwarded(session, to).id,
        "upload_id": keep_waiting(session, house, by.vendor.id, by.person.id, brought, clock.now()),
    }


def _sent(session: Session, owed: Invoice) -> Remittance:
    assert owed.customer_id
    owners = {"vendor_id": owed.vendor_id, "customer_id": owed.customer_id}
    lines = [[str(owed.id), owed.number, 1, 0]]
    facts = {"reference": "r", "currency": "USD", "exponent": 2, "total_minor": 1, "pays_on": NOW.date()}
    made = Remittance(lines=lines, **owners, **facts)
    session.add(made)
    session.flush()
    return made


def _merged(session: Session, to: Owing) -> Merge:
    owners = {"customer_id": to.customer.id, "other_id": to.customer.id, "person_id": to.person.id}
    made = Merge(other_name="Other", at=NOW, undo_until=NOW + timedelta(days=1), **owners)
    session.add(made)
    session.flush()
    return made


def _wanted(session: Session, by: Selling) -> Policy:
    made = Policy(vendor_id=by.vendor.id, name="A segment", rules={"countries": ["DE"]})
    session.add(made)
    session.flush()
    return made


def _routed(session: Session, to: Owing) -> Routing:
    made = Routing(customer_id=to.customer.id, mailbox_id=to.mailbox.id, position=1)
    session.add(made)
    session.flush()
    return made


def _forwarded(session: Session, to: Owing) -> ForwardedInvoice:
    made = ForwardedInvoice(customer_id=to.customer.id, file_name="f.pdf", sha256=uuid4().bytes, data=b"%PDF-")
    session.add(made)
    session.flush()
    return made


def _short(session: Session, owed: Invoice) -> Setback:
    owners = {"vendor_id": owed.vendor_id, "customer_id": owed.customer_id, "connection_id": owed.connection_id}
    facts = {"kind": SetbackKind.SHORT, "external_id": str(owed.id), "amount_minor": 1}
    made = Setback(invoice_id=owed.id, happened_at=NOW, seen_at=NOW, told_at=NOW, **owners, **facts)
    session.add(made)
    session.flush()
    return made


def _told(session: Session, by: Selling, to: Owing) -> DetailsProposal:
    facts = {"customer_id": to.customer.id, "person_id": to.person.id, "kind": DetailKind.TAX, "words": "w"}
    change = DetailsChange(file_name="w9.pdf", file_data=b"%PDF-1.7", **facts)
    session.add(change)
    session.flush()
    proposal = DetailsProposal(change_id=change.id, vendor_id=by.vendor.id, file_name="w9.pdf", **facts)
    session.add(proposal)
    session.flush()
    return proposal


def test_every_route_says_who_may_enter(whole_app: Flask) -> None:
    """[inv-I4]"""
    assert [route.rule for route in routes(whole_app) if route.access is None] == []


def test_the_page_of_routes_is_up_to_date(whole_app: Flask) -> None:
    """[inv-I4] Run: python -m tests.access_matrix --write"""
    assert PAGE.read_text() == render(whole_app)


def test_what_shows_and_what_acts_are_different_methods(whole_app: Flask) -> None:
    """[inv-L1] No view answers both to GET and to POST."""
    assert [route.rule for route in routes(whole_app) if len(route.methods) != 1] == []


def test_strangers_see_no_page_of_members(whole_app: Flask, tenants: Tenants) -> None:
    """[B7 inv-I1] They are asked to sign in, whether or not what they name exists."""
    stranger = whole_app.test_client()
    for route in routes(whole_app):
        if route.access and route.access.who in _MEMBERS:
            for ids in (tenants.acme, _missing(route)):
                answer = _ask(stranger, route, ids)
                assert answer.status_code == 302, route
                assert answer.location.startswith("/sign-in"), route


def test_vendors_find_nothing_of_other_vendors(whole_app: Flask, tenants: Tenants) -> None:
    """[B7 inv-I1 inv-I2 000-7 003-20] On every route with an id, with every id of the other vendor."""
    _check(whole_app, Who.VENDOR, tenants.acme_browser, tenants.acme, tenants.not_acmes)


def test_customers_find_nothing_of_other_customers(whole_app: Flask, tenants: Tenants) -> None:
    """[B1 B7 inv-I1 000-7 003-20] On every route with an id, with every id of the other customer."""
    _check(whole_app, Who.CUSTOMER, tenants.cobalt_browser, tenants.cobalt, tenants.not_cobalts)


def test_people_find_nothing_of_other_people(whole_app: Flask, tenants: Tenants) -> None:
    """[B7 inv-I1 inv-K3] What waits for the one who began it, such as a connection half made."""
    for route in _with_ids(whole_app, Who.PERSON):
        missing = _ask(tenants.cobalt_browser, route, _missing(route))
        for foreign in (tenants.acme, *tenants.not_acmes):
            answer = _ask(tenants.cobalt_browser, route, foreign)
            assert (answer.status_code, answer.data) == (404, missing.data), route


def test_members_of_one_side_find_nothing_on_the_other(whole_app: Flask, tenants: Tenants) -> None:
    """[B7 inv-I1] A vendor has no inbox, a customer no desk, neither an operator's page: with their own ids."""
    sides = {Who.VENDOR: tenants.cobalt_browser, Who.CUSTOMER: tenants.acme_browser, Who.OPERATOR: tenants.acme_browser}
    ids = tenants.acme
    for route in routes(whole_app):
        if route.access and route.access.who in sides:
            browser = sides[route.access.who]
            answer, missing = _ask(browser, route, ids), browser.get("/nowhere")
            assert (answer.status_code, answer.data) == (404, missing.data), route


def test_operators_find_what_is_there_and_nothing_else(whole_app: Flask, house: House, tenants: Tenants) -> None:
    """[L1 L8]"""
    with house.database.transaction(EVERYTHING) as session:
        somebody = person(session, "operator@sheaf.example")
    browser = signed_in(whole_app, somebody)
    for route in _with_ids(whole_app, Who.OPERATOR):
        answer = _ask(browser, route, tenants.acme)
        assert answer.status_code == 200 if route.methods == ("GET",) else answer.status_code != 404, route
        assert _ask(browser, route, _missing(route)).status_code == 404, route


def test_unknown_links_all_look_alike(whole_app: Flask) -> None:
    """[inv-L2 inv-I1] Whatever address a guessed token is put into."""
    browser, pages = whole_app.test_client(), set()
    for route in routes(whole_app):
        if route.access and route.access.who is Who.LINK and route.methods == ("GET",):
            answer = browser.get(_path(route, {}))
            assert answer.status_code == 404, route
            pages.add(answer.data)
    assert len(pages) == 1


def _check(app: Flask, who: Who, browser: FlaskClient, own: Ids, others: list[Ids]) -> None:
    """Foreign ids, mixed ones too, answer as missing ones; one's own do not, so the ids fit their routes."""
    checked = _with_ids(app, who)
    assert checked
    for route in checked:
        missing = _ask(browser, route, _missing(route))
        assert missing.status_code == 404, route
        for name, foreign in product(_id_names(route), others):
            answer = _ask(browser, route, own | {name: foreign[name]})
            assert (answer.status_code, answer.data) == (404, missing.data), (route, name)
        assert _ask(browser, route, own).status_code != 404, route


def _with_ids(app: Flask, who: Who) -> list[Route]:
    """Those that remove come last: what they name is gone afterwards."""
    found = [route for route in routes(app) if route.access and route.access.who is who and _id_names(route)]
    return sorted(found, key=lambda route: route.rule.endswith("/remove"))


def _id_names(route: Route) -> list[str]:
    return sorted(name for name in route.arguments if name.endswith("_id"))


def _missing(route: Route) -> Ids:
    return {name: uuid4() for name in _id_names(route)}


def _ask(browser: FlaskClient, route: Route, ids: Ids) -> TestResponse:
    method = route.methods[0]
    return browser.open(_path(route, ids), method=method, data=_FORM if method == "POST" else None)


def _path(route: Route, ids: Ids) -> str:
    return route.path({name: ids[name] if name.endswith("_id") else PLAIN[name] for name in route.arguments})


# What any form here may ask for, so that an answer is about the id and not about an empty field.
_FORM = {"act": "mute", "body": "Which order is this for?", "result": "answered", "reason": "a reason"}
PLAIN = {
    "key": "x", "kind": "promise", "language": "en", "reason": "no_funds",
    "token": FOREIGN_TOKEN, "number": 1, "line": 1, "provider": "quickbooks", "name": "x", "mail": "x", "file": uuid4(),
}  # fmt: skip
