"""Who comes in where, told with rooms of the tests' own."""

import re
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from flask import Blueprint, Flask, g
from flask.testing import FlaskClient
from sqlalchemy import select

from app import access, create_app
from app.db import database
from app.house import House
from app.models import CustomerRole, Invoice, VendorRole
from app.scope import CustomerScope, Everything, NoScope, PersonScope, VendorScope, current
from app.settings import Settings
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, World, customer_member, person, vendor_member


@pytest.fixture
def app(app: Flask) -> Flask:
    """The house with one more room, in which every mark has its page."""
    app.register_blueprint(_room())
    return app


def _room() -> Blueprint:
    room = Blueprint("room", __name__, url_prefix="/room")

    def page() -> str:
        return repr((g.scope, current()))

    def page_with_id(invoice_id: UUID) -> str:
        return str(invoice_id)

    marks = {
        "anybody": access.anybody,
        "machine": access.signed_machine,
        "person": access.person_signed_in,
        "vendor": access.vendor_member(),
        "owner": access.vendor_member(VendorRole.OWNER),
        "customer": access.customer_member(),
        "operator": access.operator_only,
        "laptop": access.laptop_only,
    }
    for name, mark in marks.items():
        room.add_url_rule(f"/{name}", name, mark(_copy(page)), methods=["GET", "POST"])
    room.add_url_rule(
        "/m/<token>/pay", "link", access.link_holder(_copy(lambda token: page())), methods=["GET", "POST"]
    )
    room.add_url_rule("/unmarked", "unmarked", _copy(page))
    return room


def _copy(view: Callable[..., str]) -> Callable[..., str]:
    return lambda **values: view(**values)


def test_it_closes_a_route_without_a_mark(client: FlaskClient) -> None:
    """[inv-I4]"""
    assert client.get("/room/unmarked").status_code == 404


def test_it_leads_strangers_to_sign_in_and_back(client: FlaskClient) -> None:
    """[B2 inv-L7]"""
    for name in ("person", "vendor", "customer", "operator"):
        answer = client.get(f"/room/{name}?tab=a&page=2")
        assert answer.status_code == 302
        assert answer.location == f"/sign-in?next=/room/{name}?tab%3Da%26page%3D2"
    assert client.post("/room/vendor").location == "/sign-in"


def test_it_tells_htmx_to_leave_for_the_sign_in_page(client: FlaskClient) -> None:
    """[B2]"""
    answer = client.get("/room/vendor", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/sign-in")
    for shown, back in (("https://x.example/inbox?tab=a", "?next=/inbox?tab%3Da"), ("https://x.example//evil", "")):
        headers = {"HX-Request": "true", "HX-Current-URL": shown}
        assert client.get("/room/vendor", headers=headers).headers["HX-Redirect"] == f"/sign-in{back}"


def test_it_gives_each_page_the_scope_of_its_mark(app: Flask, client: FlaskClient, world: World) -> None:
    """[B7 inv-I1]"""
    owner, buyer = signed_in(app, world.acme.person), signed_in(app, world.cobalt.person)
    acme, cobalt = world.acme, world.cobalt
    assert client.get("/room/anybody").text == "(None, None)"
    assert client.get("/room/machine").text == "(None, None)"
    assert client.get("/room/m/abc/pay").text == "(None, None)"
    expected = {
        "/room/person": (owner, PersonScope(acme.person.id)),
        "/room/vendor": (owner, VendorScope(acme.vendor.id, acme.person.id)),
        "/room/owner": (owner, VendorScope(acme.vendor.id, acme.person.id)),
        "/room/customer": (buyer, CustomerScope(cobalt.customer.id, cobalt.person.id)),
    }
    for path, (browser, scope) in expected.items():
        assert browser.get(path).text == repr((scope, scope))


def test_it_shows_nothing_to_those_who_do_not_belong(app: Flask, world: World) -> None:
    """[B7 inv-I1] The same page as for an address that does not exist."""
    buyer, seller = signed_in(app, world.outsider.person), signed_in(app, world.birch.person)
    missing = buyer.get("/room/nowhere")
    for browser, path in ((buyer, "/room/vendor"), (seller, "/room/customer"), (buyer, "/room/operator")):
        answer = browser.get(path)
        assert (answer.status_code, answer.data) == (404, missing.data)


def test_it_asks_for_the_role(app: Flask, house: House, world: World) -> None:
    """[B4]"""
    with house.database.transaction(EVERYTHING) as session:
        agent = person(session, "agent@acme.example")
        vendor_member(session, world.acme.vendor, agent, VendorRole.AGENT)
    browser = signed_in(app, agent)
    assert browser.get("/room/vendor").status_code == 200
    assert browser.get("/room/owner").status_code == 403


def test_it_knows_operators_by_address(app: Flask, house: House) -> None:
    """[L1]"""
    with house.database.transaction(EVERYTHING) as session:
        operator = person(session, "operator@sheaf.example")
    scope = Everything("the operator sees all")
    assert signed_in(app, operator).get("/room/operator").text == repr((scope, scope))


def test_it_opens_the_desk_that_was_chosen_and_no_foreign_one(app: Flask, house: House, world: World) -> None:
    """[B4 B6 B7]"""
    with house.database.transaction(EVERYTHING) as session:
        vendor_member(session, world.birch.vendor, world.acme.person)
        customer_member(session, world.cobalt.customer, world.acme.person, CustomerRole.VIEWER)
    browser = signed_in(app, world.acme.person)
    assert str(world.acme.vendor.id) in browser.get("/room/vendor").text
    answer = browser.post("/switch", data={"to": f"vendor:{world.birch.vendor.id}"})
    assert answer.location == "/desk"
    assert str(world.birch.vendor.id) in browser.get("/room/vendor").text
    assert browser.post("/switch", data={"to": f"customer:{world.cobalt.customer.id}"}).location == "/inbox"
    for wrong in (
        f"customer:{world.outsider.customer.id}",
        f"vendor:{world.cobalt.customer.id}",
        "vendor:x",
        "",
        "a:b",
    ):
        assert browser.post("/switch", data={"to": wrong}).status_code == 404


def test_it_ignores_a_choice_that_is_no_longer_yours(app: Flask, world: World) -> None:
    """[B4 B7]"""
    browser = signed_in(app, world.acme.person, vendor_id=world.birch.vendor.id)
    assert str(world.acme.vendor.id) in browser.get("/room/vendor").text


def test_it_leaves_no_scope_behind(app: Flask, world: World) -> None:
    """[inv-I1]"""
    signed_in(app, world.acme.person).get("/room/vendor")
    assert current() is None
    with app.app_context(), pytest.raises(NoScope), database().reading() as session:
        session.execute(select(Invoice))


def test_it_keeps_laptop_pages_on_laptops(house: House, client: FlaskClient) -> None:
    """[L7]"""
    assert client.get("/room/laptop").status_code == 200
    house.settings.mail_channel = "smtp"
    assert client.get("/room/laptop").status_code == 404
    house.settings.mail_channel, house.settings.environment = "file", "production"
    assert client.get("/room/laptop").status_code == 404


def csrf_token_of(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found
    return found[1]


class TestForgedRequests:
    """Posts that our own pages did not make."""

    @pytest.fixture
    def browser(self, app: Flask, world: World) -> FlaskClient:
        app.config["WTF_CSRF_ENABLED"] = True
        return signed_in(app, world.cobalt.person)

    def test_it_wants_the_token_of_our_forms(self, browser: FlaskClient) -> None:
        """[inv-L1]"""
        assert browser.post("/room/customer").status_code == 400
        token = csrf_token_of(browser.get("/account").text)
        assert browser.post("/room/customer", data={"csrf_token": token}).status_code == 200

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_it_refuses_other_sites_even_with_the_token(self, browser: FlaskClient, site: str) -> None:
        """[inv-L1]"""
        token = csrf_token_of(browser.get("/account").text)
        headers = {"Sec-Fetch-Site": site}
        assert browser.post("/room/customer", data={"csrf_token": token}, headers=headers).status_code == 400

    def test_it_needs_no_token_from_machines_and_links(self, browser: FlaskClient) -> None:
        """[inv-L4] A webhook is signed; a link's address is the proof."""
        assert browser.post("/room/machine").status_code == 200
        assert browser.post("/room/m/abc/pay", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_it_names_the_cookie_for_this_host_alone_on_https(
    house: House, world: World, settings: Settings, tmp_path: Path
) -> None:
    """[inv-L5]"""
    settings.public_url = "https://sheaf.example"
    secure = create_app(house)
    page = secure.test_client().get("/sign-in", base_url="https://sheaf.example")
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-sheaf=")
    for flag in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert flag in cookie
    assert "Domain" not in cookie
    assert page.headers["Strict-Transport-Security"]
