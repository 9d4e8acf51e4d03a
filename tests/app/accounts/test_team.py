"""Teams: who may add, change and remove whom."""

import re
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.models import AuditEntry, CustomerMember, CustomerRole, Outgoing, Person, VendorMember, VendorRole
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, World, customer_member, person, vendor_member


@pytest.fixture(autouse=True)
def _still(fixed_clock: datetime) -> None:
    """One day, as far as these tests go."""


@pytest.fixture
def owner(app: Flask, world: World) -> FlaskClient:
    return signed_in(app, world.acme.person)


@pytest.fixture
def admin(app: Flask, world: World) -> FlaskClient:
    return signed_in(app, world.cobalt.person)


def colleague(house: House, world: World, role: VendorRole, address: str = "colleague@acme.example") -> Person:
    with house.database.transaction(EVERYTHING) as session:
        found = person(session, address, name="Secret Name")
        vendor_member(session, world.acme.vendor, found, role)
        return found


def role_of(house: House, table: Any, who: Person) -> str | None:
    with house.database.reading(EVERYTHING) as session:
        return session.scalar(select(table.role).where(table.person_id == who.id))


@pytest.mark.parametrize("address", ["new@acme.example", "ap@outsider.example"])
def test_it_adds_people_known_or_not_in_the_same_way(
    owner: FlaskClient, house: House, world: World, address: str
) -> None:
    """[B4 inv-A4 inv-F2] One mail, one membership; the page shows nothing that tells them apart."""
    assert owner.post("/team/desk", data={"address": address, "role": "agent"}).location == "/team/desk"
    page = owner.get("/team/desk").text
    assert address in page
    assert "Secret" not in page
    with house.database.reading(EVERYTHING) as session:
        mail = session.scalars(select(Outgoing)).one()
        assert (mail.address, mail.kind) == (address, "notice")
        assert "/sign-in?next=/desk" in mail.text
        made = session.scalars(select(Person).where(Person.address == address)).one()
        kept = session.scalars(select(AuditEntry).where(AuditEntry.action == "member_invited")).one()
        assert (kept.vendor_id, kept.subject_id) == (world.acme.vendor.id, made.id)
    assert role_of(house, VendorMember, made) == VendorRole.AGENT


@pytest.mark.parametrize(
    ("address", "role"),
    [("no address", "agent"), ("owner@acme.example", "agent"), ("x@acme.example", "king"), ("x@acme.example", "")],
)
def test_it_says_what_is_wrong_with_an_invitation(owner: FlaskClient, house: House, address: str, role: str) -> None:
    """[B4]"""
    page = owner.post("/team/desk", data={"address": address, "role": role})
    assert page.status_code == 422
    assert 'class="error"' in page.text
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(Outgoing)).all() == []


def test_it_adds_ten_people_a_day(owner: FlaskClient) -> None:
    """[B4 inv-A2]"""
    codes = [
        owner.post("/team/desk", data={"address": f"p{n}@acme.example", "role": "reader"}).status_code
        for n in range(11)
    ]
    assert codes == [303] * 10 + [422]


def test_it_lets_an_admin_do_all_but_touch_owners(app: Flask, house: House, world: World) -> None:
    """[B4]"""
    browser = signed_in(app, colleague(house, world, VendorRole.ADMIN))
    other = colleague(house, world, VendorRole.READER, "reader@acme.example")
    assert browser.post("/team/desk", data={"address": "o@acme.example", "role": "owner"}).status_code == 403
    assert browser.post(f"/team/desk/{world.acme.person.id}", data={"act": "remove"}).status_code == 403
    assert browser.post(f"/team/desk/{other.id}", data={"act": "role", "role": "owner"}).status_code == 403
    assert browser.post(f"/team/desk/{other.id}", data={"act": "role", "role": "agent"}).status_code == 303
    assert role_of(house, VendorMember, other) == VendorRole.AGENT


def test_it_lets_others_only_leave(app: Flask, house: House, world: World) -> None:
    """[B4] And what they could see is gone with the next page."""
    me = colleague(house, world, VendorRole.AGENT)
    browser = signed_in(app, me)
    assert browser.post("/team/desk", data={"address": "x@acme.example", "role": "agent"}).status_code == 403
    assert browser.post(f"/team/desk/{world.acme.person.id}", data={"act": "remove"}).status_code == 403
    assert browser.post(f"/team/desk/{me.id}", data={"act": "role", "role": "owner"}).status_code == 403
    assert "Add somebody" not in browser.get("/team/desk").text
    assert browser.post(f"/team/desk/{me.id}", data={"act": "remove"}).location == "/account"
    assert browser.get("/team/desk").status_code == 404


@pytest.mark.parametrize("form", [{"act": "remove"}, {"act": "role", "role": "admin"}])
def test_it_keeps_one_owner(owner: FlaskClient, house: House, world: World, form: dict[str, str]) -> None:
    """[B4]"""
    owner.post(f"/team/desk/{world.acme.person.id}", data=form)
    assert "Somebody must stay owner" in owner.get("/team/desk").text
    assert role_of(house, VendorMember, world.acme.person) == VendorRole.OWNER
    second = colleague(house, world, VendorRole.OWNER)
    assert owner.post(f"/team/desk/{world.acme.person.id}", data=form).status_code == 303
    assert role_of(house, VendorMember, second) == VendorRole.OWNER
    assert role_of(house, VendorMember, world.acme.person) != VendorRole.OWNER


def test_it_keeps_teams_apart(owner: FlaskClient, house: House, world: World) -> None:
    """[B7 inv-I1] Another vendor's person is nobody here, and not listed."""
    assert owner.post(f"/team/desk/{world.birch.person.id}", data={"act": "remove"}).status_code == 404
    assert re.findall(r"\w+@\w+\.example", owner.get("/team/desk").text.split("<main")[1]) == ["owner@acme.example"] * 2
    assert role_of(house, VendorMember, world.birch.person) == VendorRole.OWNER


def test_it_gives_a_customer_the_same(admin: FlaskClient, app: Flask, house: House, world: World) -> None:
    """[B4]"""
    assert admin.post("/team/inbox", data={"address": "p@cobalt.example", "role": "payer"}).location == "/team/inbox"
    with house.database.transaction(EVERYTHING) as session:
        viewer = person(session, "v@cobalt.example")
        customer_member(session, world.cobalt.customer, viewer, CustomerRole.VIEWER)
    assert (
        signed_in(app, viewer).post("/team/inbox", data={"address": "x@y.example", "role": "payer"}).status_code == 403
    )
    admin.post(f"/team/inbox/{viewer.id}", data={"act": "role", "role": "admin"})
    assert role_of(house, CustomerMember, viewer) == CustomerRole.ADMIN
    admin.post(f"/team/inbox/{viewer.id}", data={"act": "remove"})
    assert role_of(house, CustomerMember, viewer) is None
