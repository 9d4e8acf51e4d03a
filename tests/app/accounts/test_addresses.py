"""The page of an inbox's people and addresses, as an administrator and as others use it."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.links import code_of
from app.models import (
    Customer,
    CustomerMember,
    CustomerRole,
    Digest,
    Invoice,
    LoginToken,
    Mailbox,
    Merge,
    Outgoing,
    Route,
)
from app.outbox.actions import open_token
from app.outbox.rendering import CODE_PLACE, TOKEN_PLACE
from tests.support.house import signed_in, without_tokens
from tests.support.world import EVERYTHING, NOW, Owing, World, customer, customer_member, digest, invoice, person

pytestmark = pytest.mark.usefixtures("fixed_clock")
PAGE = "/inbox/addresses"


@pytest.fixture
def admin(app: Flask, world: World) -> FlaskClient:
    return signed_in(app, world.cobalt.person)


@pytest.fixture
def nord(house: House, world: World) -> Owing:
    with house.database.transaction(EVERYTHING) as session:
        made = customer(session, "Cobalt Nord", address="nord@cobalt.example")
        invoice(session, world.acme, made, number="A-9")
        return made


def code_in(house: House, address: str) -> str:
    """The six digits as they stand in the newest mail to ``address``, when it is handed over."""
    with house.database.reading(EVERYTHING) as session:
        mail = session.scalars(select(Outgoing).where(Outgoing.address == address)).all()[-1]
        token = open_token(mail.sealed_token, house.keys, mail.id, mail.login_token_id)
    assert token
    assert CODE_PLACE in mail.text
    assert TOKEN_PLACE not in mail.text + mail.html  # nobody signs in by it
    return code_of(token)


def test_an_address_is_taken_in_by_a_code_and_given_back(
    admin: FlaskClient, house: House, world: World, nord: Owing
) -> None:
    """[B5 inv-D2] Proof of both: signed in here, the code read there; and two inboxes again within the month."""
    assert admin.post(f"{PAGE}/prove", data={"address": "Nord@Cobalt.example"}).status_code == 303
    assert "nord@cobalt.example" in admin.get(PAGE).text
    assert admin.post(f"{PAGE}/proven", data={"code": "000000"}).status_code == 422
    assert admin.post(f"{PAGE}/proven", data={"code": code_in(house, "nord@cobalt.example")}).status_code == 303
    assert "A-9" in admin.get("/inbox").text
    with house.database.reading(EVERYTHING) as session:
        done = session.scalars(select(Merge)).one()
    assert admin.post(f"{PAGE}/merges/{done.id}/undo").status_code == 303
    assert "A-9" not in without_tokens(admin.get("/inbox").text)
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Mailbox, nord.mailbox.id).customer_id == nord.customer.id


def test_the_code_counts_in_the_browser_that_asked_and_once(
    app: Flask, admin: FlaskClient, house: House, world: World, nord: Owing
) -> None:
    """[B5 inv-L3]"""
    admin.post(f"{PAGE}/prove", data={"address": "nord@cobalt.example"})
    code = code_in(house, "nord@cobalt.example")
    other = signed_in(app, world.cobalt.person)
    assert other.post(f"{PAGE}/proven", data={"code": code}).status_code == 400
    assert admin.post(f"{PAGE}/proven", data={"code": code}).status_code == 303
    assert admin.post(f"{PAGE}/proven", data={"code": code}).status_code == 400
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(LoginToken)).one().used_at


def test_an_address_nobody_wrote_to_yet_is_this_inboxs_from_now_on(
    admin: FlaskClient, house: House, world: World
) -> None:
    """[B5] A person proves as many addresses as they read."""
    admin.post(f"{PAGE}/prove", data={"address": "fresh@cobalt.example"})
    admin.post(f"{PAGE}/proven", data={"code": code_in(house, "fresh@cobalt.example")})
    with house.database.reading(EVERYTHING) as session:
        box = session.scalars(select(Mailbox).where(Mailbox.address == "fresh@cobalt.example")).one()
        assert (box.customer_id, box.proven_at) == (world.cobalt.customer.id, NOW)


def test_a_rule_sends_a_suppliers_invoices_to_somebody(
    app: Flask, admin: FlaskClient, house: House, world: World
) -> None:
    """[H9 B4] They ask for a mail of their own first; a rule that names nothing there is refused."""
    with house.database.transaction(EVERYTHING) as session:
        ben = person(session, "ben@cobalt.example")
        customer_member(session, world.cobalt.customer, ben, CustomerRole.VIEWER)
    assert signed_in(app, ben).post(f"{PAGE}/own").status_code == 303
    with house.database.reading(EVERYTHING) as session:
        box = session.scalars(select(Mailbox).where(Mailbox.address == "ben@cobalt.example")).one()
    rule = {"vendor": str(world.acme.vendor.id), "mailbox": str(box.id), "act": "move", "least": "1.000,50"}
    assert admin.post(f"{PAGE}/routes", data=rule | {"currency": "XXX"}).status_code == 422
    assert admin.post(f"{PAGE}/routes", data=rule | {"mailbox": str(world.outsider.mailbox.id)}).status_code == 422
    assert admin.post(f"{PAGE}/routes", data=rule | {"currency": "usd"}).status_code == 303
    page = admin.get(PAGE).text
    assert "from Acme, USD 1,000.50 or more" in page.replace("\u00a0", " ")
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Invoice, world.acme_invoice.id).mailbox_id == box.id
        rules = {each.is_copy: each for each in session.scalars(select(Route))}
    assert admin.post(f"{PAGE}/routes/{rules[False].id}", data={"act": "drop"}).status_code == 303
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Invoice, world.acme_invoice.id).mailbox_id == world.cobalt.mailbox.id
    assert signed_in(app, ben).post(f"{PAGE}/routes", data=rule).status_code == 403


@pytest.mark.parametrize(
    ("days", "cutoff", "is_right"),
    [("10, 25", "3", True), ("25. 10.", "0", True), ("", "3", True), ("10, 12", "3", False), ("1, 28", "3", False),
     ("10, 32", "3", False), ("soon", "3", False), ("10", "99", False)],
)  # fmt: skip
def test_pay_days_are_said_once_for_every_supplier(
    app: Flask, admin: FlaskClient, house: House, world: World, days: str, cutoff: str, is_right: bool
) -> None:
    """[H11 D1] The vendor reads when to expect it; a digest before each run follows."""
    answer = admin.post(f"{PAGE}/pay-runs", data={"days": days, "cutoff": cutoff})
    assert answer.status_code == (303 if is_right else 422)
    with house.database.reading(EVERYTHING) as session:
        said = session.get_one(Customer, world.cobalt.customer.id).pay_days
        assert session.get_one(Mailbox, world.cobalt.mailbox.id).pay_days == said
        assert said == ("10,25" if is_right and days else "")
    expected = "10 Dec 2026: this customer pays on days 10, 25" if said and cutoff == "3" else "this customer pays"
    page = signed_in(app, world.acme.person).get(f"/desk/invoices/{world.acme_invoice.id}").text
    assert (expected in page) == bool(said)
    outsiders = signed_in(app, world.outsider.person).get(PAGE).text
    assert "10 Dec 2026" not in outsiders


def test_leaving_the_team_ends_the_reach_of_session_and_links(
    app: Flask, whole_app: Flask, admin: FlaskClient, house: House, world: World
) -> None:
    """[B4 004-23 inv-L5] Whoever is removed sees nothing from the next page on; their mails open nothing; signing in
    through their own mailbox does not let them in again."""
    with house.database.transaction(EVERYTHING) as session:
        ben = person(session, "ben@cobalt.example")
        customer_member(session, world.cobalt.customer, ben)
    bens = signed_in(whole_app, ben)
    bens.post(f"{PAGE}/own")
    with house.database.transaction(EVERYTHING) as session:
        box = session.scalars(select(Mailbox).where(Mailbox.address == "ben@cobalt.example")).one()
        digest(session, world.cobalt, [world.acme_invoice], token="b" * 43, mailbox_id=box.id)
    assert bens.get("/inbox").status_code == bens.get("/m/" + "b" * 43).status_code == 200
    assert admin.post(f"/team/inbox/{ben.id}", data={"act": "remove"}).status_code == 303
    assert bens.get("/inbox").status_code == bens.get("/m/" + "b" * 43).status_code == 404
    bens.post("/sign-out")
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(CustomerMember).where(CustomerMember.person_id == ben.id)).all() == []
        assert session.scalars(select(Digest).where(Digest.mailbox_id == box.id)).one().token_revoked_at


def test_the_administration_is_handed_over_in_one_step(admin: FlaskClient, house: House, world: World) -> None:
    """[B4] The last administrator cannot simply go; handing over keeps one."""
    with house.database.transaction(EVERYTHING) as session:
        ben = person(session, "ben@cobalt.example")
        customer_member(session, world.cobalt.customer, ben)
    me = world.cobalt.person.id
    admin.post(f"/team/inbox/{me}", data={"act": "remove"})
    assert admin.post(f"/team/inbox/{ben.id}", data={"act": "hand_over"}).status_code == 303
    with house.database.reading(EVERYTHING) as session:
        roles = {member.person_id: member.role for member in session.scalars(select(CustomerMember))}
    assert (roles[ben.id], roles[me]) == (CustomerRole.ADMIN, CustomerRole.APPROVER)
    assert admin.post(f"/team/inbox/{ben.id}", data={"act": "hand_over"}).status_code == 403


def test_a_merge_page_says_until_when_it_can_be_undone(
    admin: FlaskClient, house: House, world: World, nord: Owing
) -> None:
    """[B5]"""
    admin.post(f"{PAGE}/prove", data={"address": "nord@cobalt.example"})
    admin.post(f"{PAGE}/proven", data={"code": code_in(house, "nord@cobalt.example")})
    assert (NOW + timedelta(days=30)).strftime("%-d %b %Y") in admin.get(PAGE).text


def test_links_that_were_forwarded_too_far_are_ended_at_once(whole_app: Flask, house: House, world: World) -> None:
    """[000-7 B11 inv-L2 inv-F2] All of an address, by one press; the outsider's open on."""
    with house.database.transaction(EVERYTHING) as session:
        digest(session, world.cobalt, [world.acme_invoice], token="c" * 43)
        digest(session, world.outsider, [], token="o" * 43)
    stranger, admin = whole_app.test_client(), signed_in(whole_app, world.cobalt.person)
    assert stranger.get("/m/" + "c" * 43).status_code == 200
    assert admin.post(f"{PAGE}/{world.outsider.mailbox.id}/links").status_code == 404
    assert admin.post(f"{PAGE}/{world.cobalt.mailbox.id}/links").status_code == 303
    assert stranger.get("/m/" + "c" * 43).status_code == 404
    assert stranger.get("/m/" + "o" * 43).status_code == 200
