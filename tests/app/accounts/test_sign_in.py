"""Signing in, as browsers and scanners meet it."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import clock
from app.house import House
from app.links import code_of
from app.models import (
    AuditEntry,
    CustomerMember,
    CustomerRole,
    LoginToken,
    Mailbox,
    Outgoing,
    OutgoingKind,
    Person,
    WebSession,
)
from app.outbox.actions import open_token
from app.outbox.rendering import CODE_PLACE, TOKEN_PLACE
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, World, customer, mailbox, person

STRANGER = "nobody@new.example"


@pytest.fixture(autouse=True)
def _still(fixed_clock: datetime) -> None:
    """Ten minutes are ten minutes here."""


def ask(browser: FlaskClient, address: str, **more: str) -> Any:
    return browser.post("/sign-in", data={"address": address, **more})


def last_mail(house: House) -> Outgoing:
    with house.database.reading(EVERYTHING) as session:
        return session.scalars(select(Outgoing).order_by(Outgoing.created_at.desc(), Outgoing.id.desc()).limit(1)).one()


def token_in(house: House) -> str:
    """What the newest mail's reader finds in it."""
    mail = last_mail(house)
    return open_token(mail.sealed_token, house.keys, mail.id, mail.login_token_id) or ""


def link_in(house: House) -> str:
    assert f"/sign-in/{TOKEN_PLACE}" in last_mail(house).text
    return f"/sign-in/{token_in(house)}"


def code_in(house: House) -> str:
    assert CODE_PLACE in last_mail(house).text
    code = code_of(token_in(house))
    return f"{code[:3]} {code[3:]}"


def without_csrf(page: str) -> str:
    return re.sub(r'name="csrf_token" value="[^"]*"', "", page)


def count(house: House, table: type, *which: Any) -> int:
    with house.database.reading(EVERYTHING) as session:
        return session.scalars(select(func.count()).select_from(table).where(*which)).one()


def who_is_in(browser: FlaskClient) -> str | None:
    page = browser.get("/account")
    found = re.search(r'<p class="muted">([^<]+@[^<]+)</p>', page.text)
    return found[1] if page.status_code == 200 and found else None


def test_it_signs_in_by_link_in_the_browser_that_asked(client: FlaskClient, house: House, world: World) -> None:
    """[B2 inv-L3 inv-L5]"""
    assert ask(client, "ap@cobalt.example").location == "/sign-in/code"
    link = link_in(house)
    assert "Continue" in client.get(link).text
    answer = client.post(link)
    assert (answer.status_code, answer.location) == (303, "/inbox")
    assert who_is_in(client) == "ap@cobalt.example"


def test_it_signs_in_by_code(client: FlaskClient, house: House, world: World) -> None:
    """[B2]"""
    ask(client, "owner@acme.example")
    answer = client.post("/sign-in/code", data={"code": code_in(house)})
    assert (answer.status_code, answer.location) == (303, "/desk")
    assert who_is_in(client) == "owner@acme.example"


def test_it_treats_unknown_addresses_the_same(app: Flask, house: House, world: World) -> None:
    """[inv-L3] Same answers, same page, a mail each; nobody is written down before the mail is used."""
    known, unknown = app.test_client(), app.test_client()
    first, second = ask(known, "ap@cobalt.example"), ask(unknown, STRANGER)
    assert (first.status_code, first.location) == (second.status_code, second.location)
    pages = [known.get("/sign-in/code").text, unknown.get("/sign-in/code").text]
    assert without_csrf(pages[0]).replace("ap@cobalt.example", "X") == without_csrf(pages[1]).replace(STRANGER, "X")
    assert count(house, Outgoing, Outgoing.kind == OutgoingKind.LOGIN) == 2
    assert count(house, Person, Person.address == STRANGER) == 0


def test_it_makes_a_person_of_a_stranger_who_uses_the_mail(client: FlaskClient, house: House) -> None:
    """[B2 B3]"""
    ask(client, STRANGER)
    answer = client.post(link_in(house), data={"zone": "Europe/Lisbon"})
    assert answer.location == "/"
    with house.database.reading(EVERYTHING) as session:
        made = session.scalars(select(Person).where(Person.address == STRANGER)).one()
    assert made.zone == "Europe/Lisbon"


def test_it_changes_nothing_when_robots_open_the_link(app: Flask, client: FlaskClient, house: House) -> None:
    """[B2 inv-L1] A scanner with cookies and all opens it three times; the person still gets in."""
    ask(client, STRANGER)
    link, robot = link_in(house), app.test_client()
    with house.database.reading(EVERYTHING) as session:
        before = session.execute(select(LoginToken.tries, LoginToken.used_at, LoginToken.expires_at)).all()
    for _ in range(3):
        assert robot.head(link).status_code == 200
        assert robot.get(link).status_code == 200
    with house.database.reading(EVERYTHING) as session:
        assert session.execute(select(LoginToken.tries, LoginToken.used_at, LoginToken.expires_at)).all() == before
    assert count(house, WebSession) == 0
    assert client.post(link).status_code == 303


def test_it_asks_for_a_word_in_another_browser(app: Flask, client: FlaskClient, house: House) -> None:
    """[inv-L3]"""
    ask(client, STRANGER)
    link, other = link_in(house), app.test_client()
    assert "another browser" in other.get(link).text
    assert other.post(link).status_code == 422
    assert who_is_in(other) is None
    assert other.post(link, data={"here": "yes"}).status_code == 303
    assert who_is_in(other) == STRANGER


def test_it_gives_one_session_to_fifty_parallel_uses(app: Flask, client: FlaskClient, house: House) -> None:
    """[inv-L3]"""
    ask(client, STRANGER)
    link = link_in(house)

    def use(_: int) -> int:
        return app.test_client().post(link, data={"here": "yes"}).status_code

    with ThreadPoolExecutor(16) as pool:
        answers = sorted(pool.map(use, range(50)))
    assert answers == [303] + [410] * 49
    assert count(house, WebSession) == 1


def test_it_lets_a_link_live_ten_minutes(client: FlaskClient, house: House, travel: Callable[[datetime], None]) -> None:
    """[inv-L3]"""
    ask(client, STRANGER)
    link = link_in(house)
    travel(clock.now() + timedelta(minutes=10))
    assert client.get(link).status_code == 410
    assert client.post(link).status_code == 410
    assert client.post("/sign-in/code", data={"code": code_in(house)}).status_code == 422


def test_it_replaces_an_older_link_by_a_newer_one(client: FlaskClient, house: House) -> None:
    """[inv-L3]"""
    ask(client, STRANGER)
    old = link_in(house)
    ask(client, STRANGER)
    assert client.post(old).status_code == 410
    assert client.post(link_in(house)).status_code == 303


def test_it_mails_a_new_link_from_the_spent_page_to_the_same_address(client: FlaskClient, house: House) -> None:
    """[B2 inv-D3] Whatever is typed into the form."""
    ask(client, STRANGER)
    old = link_in(house)
    client.post(old)
    answer = client.post(f"{old}/again", data={"address": "thief@else.example"})
    assert answer.location == "/sign-in/code"
    assert last_mail(house).address == STRANGER
    assert link_in(house) != old


def test_it_stops_listening_after_five_wrong_codes(client: FlaskClient, house: House) -> None:
    """[B2]"""
    ask(client, STRANGER)
    right = code_in(house).replace(" ", "")
    wrong = "000000" if right != "000000" else "111111"
    for _ in range(5):
        assert client.post("/sign-in/code", data={"code": wrong}).status_code == 422
    assert client.post("/sign-in/code", data={"code": right}).status_code == 422
    assert count(house, WebSession) == 0


def test_it_takes_a_code_only_in_the_browser_that_asked(app: Flask, client: FlaskClient, house: House) -> None:
    """[inv-L3] Even where another browser knows which sign-in it is."""
    ask(client, STRANGER)
    thief = app.test_client()
    with client.session_transaction() as mine:
        asked = mine["asked"]
    with thief.session_transaction() as cookie:
        cookie["asked"] = asked
    assert thief.post("/sign-in/code", data={"code": code_in(house)}).status_code == 422


def test_it_sends_five_mails_an_hour_to_an_address(
    app: Flask, house: House, travel: Callable[[datetime], None]
) -> None:
    """[inv-S5] Dots and tags do not make another one; an hour later it goes on."""
    for spelling in ("a.b@firm.example", "ab@firm.example", "ab+1@firm.example", "AB@firm.example", "ab@firm.example"):
        assert ask(app.test_client(), spelling).status_code == 303
    refused = ask(app.test_client(), "a.b+2@firm.example")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert count(house, Outgoing) == 5
    travel(clock.now() + timedelta(minutes=61))
    assert ask(app.test_client(), "ab@firm.example").status_code == 303


def test_it_slows_a_browser_that_asks_for_many_addresses(client: FlaskClient, house: House) -> None:
    """[inv-S5]"""
    answers = [ask(client, f"someone-{n}@firm.example").status_code for n in range(11)]
    assert answers == [303] * 10 + [429]


@pytest.mark.parametrize(
    "typed",
    ["", "no address", "a@", "@b.example", "two@a.example, b@c.example", "ap@cobalt.example\r\nBcc: x@y.example"],
)
def test_it_refuses_what_is_no_address(client: FlaskClient, house: House, typed: str) -> None:
    """[B2 inv-D1]"""
    assert ask(client, typed).status_code == 422
    assert count(house, Outgoing) == 0


def test_it_proves_the_mailbox_signed_in_through_and_no_other(client: FlaskClient, house: House, world: World) -> None:
    """[D2 inv-D2] A second mailbox of the same firm stays unproven; the first person in becomes its admin."""
    with house.database.transaction(EVERYTHING) as session:
        fresh = customer(session, "Fresh", address="first@fresh.example", proven_at=None)
        second = mailbox(session, fresh.customer, "second@fresh.example")
        session.delete(session.scalars(select(CustomerMember).where(CustomerMember.person_id == fresh.person.id)).one())
    ask(client, "first@fresh.example")
    assert client.post(link_in(house)).location == "/inbox"
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Mailbox, fresh.mailbox.id).proven_at == clock.now()
        assert session.get_one(Mailbox, second.id).proven_at is None
        members = session.scalars(select(CustomerMember).where(CustomerMember.customer_id == fresh.customer.id)).all()
        assert [(m.person_id, m.role) for m in members] == [(fresh.person.id, CustomerRole.ADMIN)]


def test_it_makes_a_later_person_of_the_customer_a_payer(client: FlaskClient, house: House, world: World) -> None:
    """[B4]"""
    with house.database.transaction(EVERYTHING) as session:
        mailbox(session, world.cobalt.customer, "desk2@cobalt.example")
    ask(client, "desk2@cobalt.example")
    client.post(link_in(house))
    with house.database.reading(EVERYTHING) as session:
        newcomer = session.scalars(select(Person).where(Person.address == "desk2@cobalt.example")).one()
        role = session.scalar(select(CustomerMember.role).where(CustomerMember.person_id == newcomer.id))
    assert role == CustomerRole.PAYER


def test_it_lets_no_disabled_person_in(client: FlaskClient, app: Flask, house: House) -> None:
    """[inv-L5] And ends the sessions such a person still has."""
    with house.database.transaction(EVERYTHING) as session:
        closed = person(session, "gone@acme.example")
    open_session = signed_in(app, closed)
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Person, closed.id).disabled_at = clock.now()
    assert open_session.get("/account").status_code == 302
    ask(client, "gone@acme.example")
    assert client.post(link_in(house)).status_code == 403
    assert who_is_in(client) is None


@pytest.mark.parametrize("gap", [timedelta(hours=12), timedelta(days=30)])
def test_it_ends_idle_and_old_sessions(
    app: Flask, world: World, travel: Callable[[datetime], None], gap: timedelta
) -> None:
    """[inv-L5] Twelve idle hours, or thirty days of use."""
    browser, began = signed_in(app, world.cobalt.person), clock.now()
    while clock.now() - began < gap - timedelta(hours=8):
        travel(clock.now() + timedelta(hours=7))
        if gap > timedelta(days=1):
            assert browser.get("/account").status_code == 200
    travel(began + gap + timedelta(minutes=1))
    assert browser.get("/account").status_code == 302


def test_it_signs_out_here_and_everywhere(app: Flask, house: House, world: World) -> None:
    """[inv-L5 inv-F2] A copied cookie is worth nothing afterwards."""
    one, two, three = (signed_in(app, world.cobalt.person) for _ in range(3))
    with one.session_transaction() as cookie:
        copy = dict(cookie)
    assert one.post("/sign-out").location == "/"
    with one.session_transaction() as cookie:
        cookie.update(copy)
    assert who_is_in(one) is None
    assert who_is_in(two)
    two.post("/sign-out/everywhere")
    assert (who_is_in(two), who_is_in(three)) == (None, None)
    assert count(house, AuditEntry, AuditEntry.action == "signed_out_everywhere") == 1


def test_it_gives_a_new_session_at_sign_in(client: FlaskClient, house: House) -> None:
    """[inv-L5] Whatever was in the cookie before is gone."""
    with client.session_transaction() as cookie:
        cookie["vendor_id"] = "left by somebody else"
    ask(client, STRANGER)
    client.post(link_in(house))
    with client.session_transaction() as cookie:
        assert "vendor_id" not in cookie
        assert "asked" not in cookie


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("/inbox?tab=soon", "/inbox?tab=soon"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_it_goes_on_to_own_pages_only(client: FlaskClient, house: House, target: str, place: str) -> None:
    """[inv-L7]"""
    ask(client, STRANGER, next=target)
    assert client.post(link_in(house)).location == place


def test_it_keeps_neither_token_nor_code_in_the_clear(client: FlaskClient, house: House) -> None:
    """[inv-L2 inv-K2] The link's token is sealed in the outbox and hashed on the token; the code is keyed, and put into
    the mail with the token at hand-over."""
    ask(client, STRANGER)
    token, code = token_in(house), code_in(house)
    mail = last_mail(house)
    for secret in (token, code, code.replace(" ", "")):
        assert secret not in mail.text + mail.html + mail.subject
    with house.database.reading(EVERYTHING) as session:
        asked = session.scalars(select(LoginToken)).one()
    assert token.encode() not in asked.token_hash
    assert len(asked.code_hash) == 32


def test_it_says_the_same_in_both_parts_of_the_mail(client: FlaskClient, house: House) -> None:
    """[B2]"""
    ask(client, STRANGER)
    mail = last_mail(house)
    for part in (mail.text, mail.html):
        assert f"{house.settings.public_url}/sign-in/{TOKEN_PLACE}" in part
        assert CODE_PLACE in part
    assert CODE_PLACE not in mail.subject


def test_it_points_to_the_mail_on_a_laptop(client: FlaskClient, house: House) -> None:
    """[L7]"""
    ask(client, STRANGER)
    assert 'href="/dev/mail"' in client.get("/sign-in/code").text
