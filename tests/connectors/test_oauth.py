"""The OAuth dance as a browser dances it: against the sandbox's consent pages, on both databases."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import clock
from app.house import House
from app.models import AuditEntry, Connection, ConnectionState, Person, Trust, Vendor, VendorMember, VendorRole
from connectors import file_views, health_views, hook_views, oauth, registry, views
from connectors.sandbox.client import SandboxControl
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, person

COMPANIES = {"Acme Supply": "quickbooks", "Birch & Sons": "xero", "Cedar Studio": "stripe"}


@pytest.fixture
def product(app: Flask) -> Flask:
    for room in (views, file_views, health_views, hook_views):
        app.register_blueprint(room.blueprint)
    return app


@pytest.fixture
def ann(house: House) -> Person:
    """Signed in, belongs nowhere yet."""
    with house.database.transaction(EVERYTHING) as session:
        return person(session, "ann@acme.example", name="Ann")


def all_of(house: House, table: type[Any], **by: Any) -> list[Any]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(table).filter_by(**by).order_by(table.created_at)).scalars())


def consent_page(browser: FlaskClient, provider: str, vendor: str = "") -> str:
    answer = browser.post(f"/connect/{provider}", data={"vendor": vendor})
    assert answer.status_code == 303
    return str(answer.headers["Location"])


def back(location: str) -> str:
    """The address the provider sends the browser to, as our test client takes it."""
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}"


def dance(books: SandboxControl, browser: FlaskClient, company: str, vendor: str = "") -> Any:
    """From our button through the consent page and back."""
    return browser.get(back(books.approve(consent_page(browser, COMPANIES[company], vendor), company)))


@pytest.mark.parametrize("company", COMPANIES)
def test_connecting_signs_a_company_up(
    house: House, product: Flask, books: SandboxControl, ann: Person, company: str
) -> None:
    """[A1 A13 inv-K3] One consent: the vendor, its owner and the connection are there, named by the books. Who it
    is, a domain or the operator has yet to say."""
    browser = signed_in(product, ann)
    page = browser.get(f"/connect/{COMPANIES[company]}").get_data(as_text=True)
    assert "What we read" in page
    answer = dance(books, browser, company)
    (connection,) = all_of(house, Connection)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/connect/{connection.id}/progress")
    about = books.company(company)
    (vendor,) = all_of(house, Vendor)
    assert (vendor.name, vendor.currency, vendor.zone) == (company, about["currency"], about["timezone"])
    assert (vendor.trust, vendor.live_at) == (Trust.NEW, None)
    assert (connection.account_id, connection.vendor_id, connection.state) == (
        about["external_id"],
        vendor.id,
        "active",
    )
    (member,) = all_of(house, VendorMember)
    assert (member.person_id, member.role) == (ann.id, VendorRole.OWNER)
    tokens = oauth.unseal(house, connection.tokens, connection.id, vendor.id)
    assert tokens.access_token not in (connection.tokens or "")
    actions = {entry.action for entry in _audit(house)}
    assert actions == {"vendor.signed_up", "connection.made", "pay_host.known"}
    assert browser.get(answer.headers["Location"]).status_code == 200


def _audit(house: House) -> list[AuditEntry]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(AuditEntry)).scalars())


def test_the_browser_is_sent_with_state_pkce_and_one_exact_callback(
    product: Flask, books: SandboxControl, ann: Person
) -> None:
    """[A1 inv-K3]"""
    browser = signed_in(product, ann)
    xero = parse_qs(urlsplit(consent_page(browser, "xero")).query)
    assert xero["redirect_uri"] == ["http://127.0.0.1:8000/connect/xero/callback"]
    assert xero["code_challenge_method"] == ["S256"]
    assert len(xero["code_challenge"][0]) == 43
    assert len(xero["state"][0]) >= 43
    assert "offline_access" in xero["scope"][0]
    quickbooks = parse_qs(urlsplit(consent_page(browser, "quickbooks")).query)
    assert "code_challenge" not in quickbooks
    assert quickbooks["state"] != xero["state"]


def test_a_second_company_of_the_same_provider_joins_the_first(
    house: House, product: Flask, books: SandboxControl, ann: Person
) -> None:
    """[A1] Nothing is overwritten; a vendor holds as many connections as it has books."""
    browser = signed_in(product, ann)
    dance(books, browser, "Acme Supply")
    (vendor,) = all_of(house, Vendor)
    dance(books, browser, "Birch & Sons", str(vendor.id))
    with house.database.transaction(EVERYTHING) as session:  # the sandbox has one company of each provider
        session.get_one(Connection, all_of(house, Connection)[0].id).account_id = "another-company"
    dance(books, browser, "Acme Supply", str(vendor.id))
    found = all_of(house, Connection)
    assert [one.provider for one in found] == ["quickbooks", "xero", "quickbooks"]
    assert {one.vendor_id for one in found} == {vendor.id}
    assert len(all_of(house, Vendor)) == 1


@pytest.mark.parametrize("as_new", [True, False])
def test_the_same_company_again_is_a_reconnect(
    house: House, product: Flask, books: SandboxControl, ann: Person, as_new: bool
) -> None:
    """[A1 A2] It keeps its id, its cursor and its rows; signing up again finds it too."""
    browser = signed_in(product, ann)
    dance(books, browser, "Birch & Sons")
    (first,) = all_of(house, Connection)
    with house.database.transaction(EVERYTHING) as session:
        row = session.get_one(Connection, first.id)
        row.state, row.cursor, row.last_error = ConnectionState.NEEDS_RECONNECT, {"since": "then"}, "It is over."
    dance(books, browser, "Birch & Sons", "" if as_new else str(first.vendor_id))
    (again,) = all_of(house, Connection)
    assert (again.id, again.state, again.cursor, again.last_error) == (first.id, "active", {"since": "then"}, "")
    assert again.tokens != first.tokens
    assert "connection.reconnected" in {entry.action for entry in _audit(house)}


def test_a_company_that_a_colleague_connected_is_not_connected_twice(
    house: House, product: Flask, books: SandboxControl, ann: Person
) -> None:
    """[A1 inv-I2] Its customers would be reminded twice. Only who is in charge of those books hears of it."""
    dance(books, signed_in(product, ann), "Acme Supply")
    with house.database.transaction(EVERYTHING) as session:
        bob = person(session, "bob@acme.example")
    answer = dance(books, signed_in(product, bob), "Acme Supply")
    assert answer.status_code == 409
    assert "by a colleague" in answer.get_data(as_text=True)
    assert len(all_of(house, Connection)) == len(all_of(house, Vendor)) == 1


def test_a_member_without_say_cannot_connect_for_the_vendor(
    house: House, product: Flask, books: SandboxControl, ann: Person
) -> None:
    """[A1 inv-I1] Nor can a stranger: the vendor is not there for them."""
    dance(books, signed_in(product, ann), "Acme Supply")
    (vendor,) = all_of(house, Vendor)
    with house.database.transaction(EVERYTHING) as session:
        bob = person(session, "bob@acme.example")
        session.add(VendorMember(vendor_id=vendor.id, person_id=bob.id, role=VendorRole.AGENT))
    assert signed_in(product, bob).post("/connect/xero", data={"vendor": str(vendor.id)}).status_code == 404


# --- what does not belong -------------------------------------------------------------------------------------------


def test_a_wrong_state_is_a_clear_page(house: House, product: Flask, books: SandboxControl, ann: Person) -> None:
    """[inv-K3 facts-3] 400 with words, whether the state is foreign, missing or used before."""
    browser = signed_in(product, ann)
    location = back(books.approve(consent_page(browser, "xero"), "Birch & Sons"))
    for wrong in ("/connect/xero/callback?code=1&state=wrong", "/connect/xero/callback"):
        answer = browser.get(wrong)
        assert answer.status_code == 400
        assert "did not begin this connection" in answer.get_data(as_text=True)
    assert browser.get(location).status_code == 303
    assert browser.get(location).status_code == 400
    assert len(all_of(house, Connection)) == 1


def test_another_browser_another_person_or_another_provider_cannot_finish(
    house: House, product: Flask, books: SandboxControl, ann: Person
) -> None:
    """[inv-K3 facts-3]"""
    with house.database.transaction(EVERYTHING) as session:
        eve = person(session, "eve@evil.example")
    location = back(books.approve(consent_page(signed_in(product, ann), "xero"), "Birch & Sons"))
    assert signed_in(product, eve).get(location).status_code == 400
    assert signed_in(product, ann).get(location).status_code == 400  # ann, but in another browser
    browser = signed_in(product, ann)
    location = back(books.approve(consent_page(browser, "xero"), "Birch & Sons"))
    assert browser.get(location.replace("/xero/", "/stripe/")).status_code == 400
    assert not all_of(house, Connection)


def test_the_same_browser_after_another_person_signed_in_cannot_finish(
    house: House, product: Flask, books: SandboxControl, ann: Person
) -> None:
    """[inv-K3 facts-3] The state of ann's dance in eve's session is worth nothing."""
    with house.database.transaction(EVERYTHING) as session:
        eve = person(session, "eve@evil.example")
    browser = signed_in(product, ann)
    location = back(books.approve(consent_page(browser, "xero"), "Birch & Sons"))
    other = signed_in(product, eve)
    with browser.session_transaction() as anns, other.session_transaction() as eves:
        eves["connecting"] = anns["connecting"]
    assert other.get(location).status_code == 400


def test_after_ten_minutes_it_has_to_be_begun_again(
    house: House, product: Flask, books: SandboxControl, ann: Person, travel: Any
) -> None:
    """[inv-K3]"""
    browser, start = signed_in(product, ann), clock.now()
    location = back(books.approve(consent_page(browser, "xero"), "Birch & Sons"))
    travel(start + timedelta(minutes=10, seconds=5))
    answer = browser.get(location)
    assert answer.status_code == 400
    assert "10 minutes" in answer.get_data(as_text=True)


def test_saying_no_is_a_page_not_an_error(house: House, product: Flask, books: SandboxControl, ann: Person) -> None:
    """[A1 inv-F2 facts-3]"""
    browser = signed_in(product, ann)
    answer = browser.get(back(books.deny(consent_page(browser, "quickbooks"))))
    assert answer.status_code == 200
    assert "You said no" in answer.get_data(as_text=True)
    assert not all_of(house, Connection)
    assert [entry.action for entry in _audit(house)] == ["connection.refused"]


def test_a_code_that_was_used_before_is_a_clear_page(
    house: House, product: Flask, books: SandboxControl, ann: Person
) -> None:
    """[inv-K3 facts-3] The provider refuses it; nothing is stored."""
    browser = signed_in(product, ann)
    used = parse_qs(urlsplit(books.approve(consent_page(browser, "xero"), "Birch & Sons")).query)["code"][0]
    first = parse_qs(urlsplit(consent_page(browser, "xero")).query)["state"][0]
    browser.get(f"/connect/xero/callback?code={used}&state={first}")
    again = parse_qs(urlsplit(consent_page(browser, "xero")).query)["state"][0]
    answer = browser.get(f"/connect/xero/callback?code={used}&state={again}")
    assert answer.status_code == 400
    assert "already used" in answer.get_data(as_text=True)


def test_a_callback_without_the_company_is_a_clear_page(
    house: House, product: Flask, books: SandboxControl, ann: Person
) -> None:
    """[A1 facts-3] QuickBooks names the company only in the callback."""
    browser = signed_in(product, ann)
    location = back(books.approve(consent_page(browser, "quickbooks"), "Acme Supply"))
    answer = browser.get(re.sub(r"realmId=\d+&?", "", location))
    assert answer.status_code == 400
    assert "which company" in answer.get_data(as_text=True)
    assert not all_of(house, Connection)


def test_a_provider_in_trouble_is_named(house: House, product: Flask, books: SandboxControl, ann: Person) -> None:
    """[A1] The token endpoint is down: nothing is half done."""
    browser = signed_in(product, ann)
    location = back(books.approve(consent_page(browser, "xero"), "Birch & Sons"))
    books.fault("500", provider="xero", where="token", times=9)
    answer = browser.get(location)
    assert answer.status_code == 502
    assert "Xero could not be reached" in answer.get_data(as_text=True)
    assert not all_of(house, Connection)


def test_a_head_of_the_callback_changes_nothing(
    house: House, product: Flask, books: SandboxControl, ann: Person
) -> None:
    """[inv-L1]"""
    browser = signed_in(product, ann)
    location = back(books.approve(consent_page(browser, "xero"), "Birch & Sons"))
    assert browser.head(location).status_code == 200
    assert not all_of(house, Connection)
    assert browser.get(location).status_code == 303


def test_a_provider_that_is_not_configured_is_not_there(
    product: Flask, books: SandboxControl, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[A1]"""
    monkeypatch.delenv("XERO_CLIENT_ID")
    browser = signed_in(product, ann)
    assert browser.get("/connect/xero").status_code == 404
    assert browser.get("/connect/nothing").status_code == 404
    assert browser.get("/connect/stripe").status_code == 200


def test_nobody_connects_without_signing_in(product: Flask, books: SandboxControl) -> None:
    """[inv-K3]"""
    answer = product.test_client().get("/connect/xero")
    assert answer.status_code == 302
    assert "next=/connect/xero" in answer.headers["Location"]


# --- several companies in one consent -------------------------------------------------------------------------------


@pytest.fixture
def several(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Xero shows the same organisation and one more."""
    asked = type(registry.get("xero")).accounts

    def two(self: Any, ctx: Any, callback: Any) -> list[Any]:
        (one,) = asked(self, ctx, callback)
        return [type(one)("11111111-2222-4333-8444-555555555555", "Dune Works", "GBP", "Europe/London", "GB"), one]

    monkeypatch.setattr(type(registry.get("xero")), "accounts", two)


def test_one_of_several_companies_is_chosen(
    house: House, product: Flask, books: SandboxControl, ann: Person, several: None
) -> None:
    """[A1] Until then the tokens are sealed to nobody's vendor; then to the chosen one's."""
    browser = signed_in(product, ann)
    answer = dance(books, browser, "Birch & Sons")
    (pending,) = all_of(house, Connection)
    assert (pending.state, pending.vendor_id, pending.account_id) == ("choosing", None, None)
    assert not all_of(house, Vendor)
    page = browser.get(answer.headers["Location"]).get_data(as_text=True)
    assert "Dune Works" in page
    assert "Birch &amp; Sons" in page
    where = f"/connect/{pending.id}/company"
    assert browser.post(where, data={"company": "unknown"}).status_code == 400
    done = browser.post(where, data={"company": "11111111-2222-4333-8444-555555555555"})
    assert done.headers["Location"] == f"/connect/{pending.id}/progress"
    (kept,) = all_of(house, Connection)
    (vendor,) = all_of(house, Vendor)
    assert (kept.id, kept.state, kept.vendor_id, vendor.name, vendor.country) == (
        pending.id, "active", vendor.id, "Dune Works", "GB",
    )  # fmt: skip
    assert oauth.unseal(house, kept.tokens, kept.id, vendor.id).access_token
    assert browser.post(where, data={"company": "11111111-2222-4333-8444-555555555555"}).status_code == 404


def test_choosing_a_company_that_is_connected_is_a_reconnect(
    house: House, product: Flask, books: SandboxControl, ann: Person, several: None
) -> None:
    """[A1] The row of the choice goes, the row of the company stays."""
    browser = signed_in(product, ann)
    chosen = {"company": "11111111-2222-4333-8444-555555555555"}
    first = dance(books, browser, "Birch & Sons").headers["Location"].split("/")[2]
    browser.post(f"/connect/{first}/company", data=chosen)
    second = dance(books, browser, "Birch & Sons").headers["Location"].split("/")[2]
    done = browser.post(f"/connect/{second}/company", data=chosen)
    assert done.headers["Location"] == f"/connect/{first}/progress"
    (kept,) = all_of(house, Connection)
    assert oauth.unseal(house, kept.tokens, kept.id, kept.vendor_id).access_token


def test_another_persons_choice_is_not_there(
    house: House, product: Flask, books: SandboxControl, ann: Person, several: None
) -> None:
    """[inv-I1 inv-K3]"""
    where = dance(books, signed_in(product, ann), "Birch & Sons").headers["Location"]
    with house.database.transaction(EVERYTHING) as session:
        eve = person(session, "eve@evil.example")
    other = signed_in(product, eve)
    assert other.get(where).status_code == 404
    chosen = {"company": "11111111-2222-4333-8444-555555555555"}
    assert other.post(where.split("?")[0], data=chosen).status_code == 404


def test_a_name_of_another_company_proves_nothing(
    house: House, product: Flask, books: SandboxControl, ann: Person
) -> None:
    """[A13 inv-A1] Books of somebody else do not verify a vendor."""
    with house.database.transaction(EVERYTHING) as session:
        vendor = Vendor(name="Famous Brand", currency="USD", created_at=clock.now())
        session.add(vendor)
        session.flush()
        session.add(VendorMember(vendor_id=vendor.id, person_id=ann.id, role=VendorRole.OWNER))
    dance(books, signed_in(product, ann), "Acme Supply", str(vendor.id))
    (kept,) = all_of(house, Vendor)
    assert (kept.name, kept.trust) == ("Famous Brand", Trust.NEW)
