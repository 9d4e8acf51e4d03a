"""Claims on the pages of both rooms: said in the inbox, answered at the desk; files beside questions and answers."""

from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.models import AuditEntry, BillTo, CustomerRole, Hold, HoldKind, Invoice, MessageAttachment, Thread, Vendor
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, NOW, World, customer_member, mailbox, person, vendor_member

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass
class Rooms:
    """Cobalt in its inbox and Acme at its desk."""

    house: House
    world: World
    inbox: FlaskClient
    viewer: FlaskClient
    desk: FlaskClient
    agent: FlaskClient

    def at(self, *path: object) -> str:
        return "/".join(["/inbox/invoices", str(self.world.acme_invoice.id), *map(str, path)])

    def rows(self, table: type[Any]) -> list[Any]:
        with self.house.database.reading(EVERYTHING) as session:
            return list(session.execute(select(table)).scalars())


@pytest.fixture
def rooms(whole_app: Flask, house: House, world: World, fixed_clock: datetime) -> Rooms:
    with house.database.transaction(EVERYTHING) as session:
        eye, helper = person(session, "eye@cobalt.example"), person(session, "agent@acme.example")
        customer_member(session, world.cobalt.customer, eye, CustomerRole.VIEWER)
        vendor_member(session, world.acme.vendor, helper)
    pages = (signed_in(whole_app, who) for who in (world.cobalt.person, eye, world.acme.person, helper))
    return Rooms(house, world, *pages)


def test_a_customer_says_it_and_the_vendor_decides(rooms: Rooms) -> None:
    """[F2 F3 F10 F11 002-6]"""
    assert rooms.viewer.get(rooms.at("say", "dispute")).status_code == 403  # a viewer looks
    assert "Wrong price" in rooms.inbox.get(rooms.at("say", "dispute")).text
    said = {"reason": "price", "wanted": "credit", "part": "all", "words": "Twice the price."}
    assert "has been told of your dispute" in _follow(rooms.inbox, rooms.at("say", "dispute"), said)
    [hold], [thread] = rooms.rows(Hold), rooms.rows(Thread)
    page = rooms.desk.get(f"/desk/threads/{thread.id}").text
    assert "Twice the price." in page
    assert "Agree: a credit note comes" in page
    decide = f"/desk/claims/{hold.id}"
    assert "Say why" in _follow(rooms.agent, decide, {"act": "decline"})
    assert "Declined. Your customer reads why" in _follow(
        rooms.agent, decide, {"act": "decline", "words": "As agreed."}
    )
    assert "This has ended meanwhile." in _follow(rooms.agent, decide, {"act": "accept"})
    assert "Open it again" in rooms.inbox.get(rooms.at()).text
    change = f"/inbox/claims/{hold.id}"
    assert "Opened again." in _follow(rooms.inbox, change, {"act": "reopen", "words": "Not as agreed."})
    assert rooms.desk.post(decide, data={"act": "not_found"}).status_code == 400  # nobody said it was paid


def test_the_vendor_names_what_a_dispute_may_be_about(rooms: Rooms) -> None:
    """[F2 001-6] Our own reasons stay ours, in every customer's language; an empty list goes back to them."""
    assert 'name="reasons"' in rooms.desk.get("/desk/reasons").text
    assert 'name="reasons"' not in rooms.agent.get("/desk/reasons").text
    assert rooms.agent.post("/desk/reasons", data={"reasons": "Anything"}).status_code == 403
    saved = _follow(rooms.desk, "/desk/reasons", {"reasons": "Wrong price\n Late  to the site \nLate to the site"})
    assert "Saved" in saved
    [kept] = [each.dispute_reasons for each in rooms.rows(Vendor) if each.name == "Acme"]
    assert kept == ["price", "Late to the site"]
    form = rooms.inbox.get(rooms.at("say", "dispute")).text
    assert "Late to the site" in form
    assert "Something else" in form
    assert "Wrong quantity" not in form
    assert rooms.desk.post("/desk/reasons", data={"reasons": "x" * 61}).status_code == 422
    rooms.desk.post("/desk/reasons", data={"reasons": ""})
    assert "Wrong quantity" in rooms.inbox.get(rooms.at("say", "dispute")).text


def test_longer_terms_move_what_is_open(rooms: Rooms) -> None:
    """[F12 003-19]"""
    [bill_to] = [each for each in rooms.rows(BillTo) if each.vendor_id == rooms.world.acme.vendor.id]
    saved = _follow(rooms.desk, f"/desk/customers/{bill_to.id}/terms", {"days": "30"})
    assert "Saved" in saved
    due = {each.number: each.due_on for each in rooms.rows(Invoice)}
    assert (due["A-1"], due["B-1"]) == (date(2026, 12, 9), date(2026, 11, 27))
    assert "Due in 16 days" in rooms.inbox.get(rooms.at()).text.replace("\xa0", " ")
    assert "terms.given" in [each.action for each in rooms.rows(AuditEntry)]
    assert "Between 0 and" in _follow(rooms.desk, f"/desk/customers/{bill_to.id}/terms", {"days": "999"})


def test_a_promise_knows_the_days_on_which_its_customer_pays(rooms: Rooms) -> None:
    """[F4 H11]"""
    with rooms.house.database.transaction(EVERYTHING) as session:
        session.merge(rooms.world.cobalt.customer).pay_days = "25"
    page = rooms.inbox.get(rooms.at("say", "promise")).text
    assert "Friday, 27 Nov 2026" in page
    assert "Month end, 30 Nov 2026" in page
    assert "Our pay run, 25 " in page
    assert "you pay on 27 Nov 2026" in _follow(rooms.inbox, rooms.at("say", "promise"), {"day": "2026-11-27"})
    assert [each.kind for each in rooms.rows(Hold)] == [HoldKind.PROMISE]


def test_an_invoice_is_handed_to_a_colleague_of_the_same_house_only(rooms: Rooms) -> None:
    """[F6]"""
    with rooms.house.database.transaction(EVERYTHING) as session:
        site = mailbox(session, rooms.world.cobalt.customer, "site@cobalt.example", proven_at=NOW)
    assert "site@cobalt.example" in rooms.inbox.get(rooms.at()).text
    assert rooms.inbox.post(rooms.at("hand-over"), data={"to": rooms.world.outsider.mailbox.id}).status_code == 404
    assert "Handed over: site@cobalt.example" in _follow(rooms.inbox, rooms.at("hand-over"), {"to": site.id})


def test_files_come_with_questions_and_answers(rooms: Rooms) -> None:
    """[F1 F9]"""
    question = {"body": "", "files": (BytesIO(b"%PDF-1.7"), "delivery note.pdf")}
    assert "delivery note.pdf" in _follow(rooms.inbox, rooms.at("ask"), question)
    [thread] = rooms.rows(Thread)
    answer = {"body": "See here.", "then": "stay", "files": (BytesIO(b"x"), "price list.csv")}
    assert "price list.csv" in _follow(rooms.desk, f"/desk/threads/{thread.id}/answer", answer)
    more = {"body": "Thanks", "files": (BytesIO(b"x"), "run.exe")}
    refused = rooms.inbox.post(f"/inbox/threads/{thread.id}", data=more)
    assert (refused.status_code, "no file we can pass on" in refused.text) == (422, True)
    assert [each.name for each in rooms.rows(MessageAttachment)] == ["delivery note.pdf", "price list.csv"]


def _follow(client: FlaskClient, path: str, data: dict[str, Any]) -> str:
    return client.post(path, data=data, follow_redirects=True).text
