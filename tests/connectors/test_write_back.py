"""What goes back into the vendor's books: off at first, seen before, once for each key, visible with its result."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app import clock
from app.house import House
from app.models import AuditEntry, Connection, ConnectionState, Hold, HoldKind, WriteBack
from app.money import Money
from connectors import oauth
from connectors.base import Forbidden, GiveUp, MustReconnect, OutsidePayment, RetryLater
from connectors.write_back import write_back
from tests.connectors.toy import GOOD_KEY, Toy, toy
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, World

__all__ = ["toy"]
pytestmark = pytest.mark.usefixtures("fixed_clock")
DAY = timedelta(days=1)


@pytest.fixture
def books(house: House, world: World, toy: Toy) -> Toy:
    """Acme's invoices come from the toy."""
    of = world.acme
    with house.database.transaction(EVERYTHING) as session:
        sealed = oauth.seal(
            house, oauth.by_key({"site": "https://books.example", "key": GOOD_KEY}), of.connection.id, of.vendor.id
        )
        mine = Connection.id == of.connection.id
        session.execute(update(Connection).where(mine).values(provider="toy", tokens=sealed))
    return toy


@pytest.fixture
def owner(whole_app: Flask, world: World, books: Toy) -> FlaskClient:
    return signed_in(whole_app, world.acme.person)


def said(house: House, world: World, kind: HoldKind, **facts: Any) -> Hold:
    with house.database.transaction(EVERYTHING) as session:
        hold = Hold(
            vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id, invoice_id=world.acme_invoice.id,
            kind=kind, ends_at=clock.now() + 10 * DAY, created_at=clock.now(), **facts,
        )  # fmt: skip
        session.add(hold)
        session.flush()
    return hold


def rows(house: House) -> list[WriteBack]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(WriteBack).order_by(WriteBack.created_at, WriteBack.id)))


def path(world: World) -> str:
    return f"/desk/connections/{world.acme.connection.id}/write-back"


def writes(toy: Toy) -> list[tuple[Any, ...]]:
    return [what for what in toy.asked if what[0] in ("note", "payment")]


def test_nothing_is_written_before_it_was_seen_and_switched_on(
    house: House, world: World, books: Toy, owner: FlaskClient, travel: Callable[[datetime], None]
) -> None:
    """[F4] The page shows the very words; what was said before the switch stays unwritten."""
    said(house, world, HoldKind.PROMISE, promised_on=date(2027, 3, 12), amount_minor=125000)
    assert write_back(house) == 0
    page = owner.get(path(world)).text
    assert "Customer promised 1250.00 USD for 12 Mar 2027 (Sheaf)" in page
    assert "goes to that invoice in Toybooks" in page
    travel(clock.now() + timedelta(minutes=1))
    owner.post(path(world), data={"kind": "note", "act": "on"})
    assert write_back(house) == 0
    travel(clock.now() + timedelta(minutes=1))
    hold = said(house, world, HoldKind.DISPUTE, note="wrong  PO")
    assert write_back(house) == 1
    assert write_back(house) == 0
    note = ("note", world.acme_invoice.external_id, "Disputed: wrong PO (Sheaf)", f"hold-{hold.id}")
    assert writes(books) == [note]
    (row,) = rows(house)
    assert (row.external_id, row.error, row.done_at) == (f"note-hold-{hold.id}", "", clock.now())
    assert "Written" in owner.get(path(world)).text
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(AuditEntry.action).where(AuditEntry.action.startswith("write_back"))).all()


def test_trouble_is_tried_again_under_the_same_key(
    house: House, world: World, books: Toy, owner: FlaskClient, travel: Callable[[datetime], None]
) -> None:
    """[F4 inv-F1] And the page says meanwhile why it waits."""
    owner.post(path(world), data={"kind": "note", "act": "on"})
    said(house, world, HoldKind.NOT_MINE)
    books.wrong = [RetryLater("Toybooks has trouble on its side.")]
    assert write_back(house) == 1
    assert "Toybooks has trouble on its side." in owner.get(path(world)).text
    assert write_back(house) == 0
    travel(clock.now() + timedelta(minutes=5))
    assert write_back(house) == 1
    assert write_back(house) == 0
    first, second = writes(books)
    assert first == second
    assert rows(house)[0].error == ""


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (GiveUp("Toybooks refused the request."), "Toybooks refused the request."),
        (Forbidden("Toybooks does not let us."), "Reconnect and let Sheaf write in Toybooks."),
    ],
)
def test_what_cannot_be_written_says_why(
    house: House, world: World, books: Toy, owner: FlaskClient, problem: Exception, words: str
) -> None:
    """[F4] In plain words, with the remedy; it is not tried again."""
    owner.post(path(world), data={"kind": "note", "act": "on"})
    said(house, world, HoldKind.ALREADY_PAID)
    books.wrong = [problem]  # type: ignore[list-item]
    write_back(house)
    assert words in owner.get(path(world)).text
    assert "Not written" in owner.get(path(world)).text
    assert rows(house)[0].done_at is not None


def test_a_dead_permission_keeps_the_note_for_the_reconnect(
    house: House, world: World, books: Toy, owner: FlaskClient
) -> None:
    """[F4 A2]"""
    owner.post(path(world), data={"kind": "note", "act": "on"})
    said(house, world, HoldKind.DISPUTE)
    books.wrong = [MustReconnect("The key is dead.")]
    write_back(house)
    with house.database.transaction(EVERYTHING) as session:
        found = session.get_one(Connection, world.acme.connection.id)
        assert found.state == ConnectionState.NEEDS_RECONNECT
        found.state = ConnectionState.ACTIVE
    assert write_back(house) == 1
    assert rows(house)[0].external_id


def test_switching_off_ends_what_waits(house: House, world: World, books: Toy, owner: FlaskClient) -> None:
    """[F4]"""
    owner.post(path(world), data={"kind": "note", "act": "on"})
    said(house, world, HoldKind.DISPUTE)
    books.wrong = [RetryLater("busy")]
    write_back(house)
    owner.post(path(world), data={"kind": "note", "act": "off"})
    assert "Switched off before it was written." in owner.get(path(world)).text
    said(house, world, HoldKind.PROMISE, promised_on=date(2027, 1, 2))
    assert write_back(house) == 0


def test_a_payment_by_another_road_is_entered_once_and_looked_at(
    house: House, world: World, books: Toy, owner: FlaskClient
) -> None:
    """[F4] Said on the invoice's page, entered on that invoice; meanwhile nobody is reminded of it."""
    form = f"/desk/invoices/{world.acme_invoice.id}/paid"
    assert "Sheaf writes nothing into your books" in owner.get(form).text
    given = {"amount": "250.00", "paid_on": "2026-11-20", "reference": "Transfer 77"}
    assert owner.post(form, data=given).status_code == 400
    owner.post(path(world), data={"kind": "payment", "act": "on"})
    assert 'value="1250.00"' in owner.get(form).text
    assert owner.post(form, data=given).status_code == 303
    assert write_back(house) == 1
    assert write_back(house) == 0
    ((_, entered),) = writes(books)
    (row,) = rows(house)
    with house.database.reading(EVERYTHING) as session:
        hold = session.scalars(select(Hold)).one()
        bill_to = session.get_one(type(world.acme_invoice), world.acme_invoice.id).bill_to_id
        assert bill_to
    assert hold.kind == HoldKind.VENDOR
    assert entered == OutsidePayment(
        row.key, world.acme_invoice.external_id, entered.bill_to_external_id, Money.of("250.00", "USD"),
        date(2026, 11, 20), "Transfer 77",
    )  # fmt: skip
    assert ("fetch", "invoice", world.acme_invoice.external_id) in books.asked


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"amount": "1250.01"}, "no more than is owed"),
        ({"amount": "-1"}, "no more than is owed"),
        ({"amount": "twelve"}, "This is not an amount."),
        ({"paid_on": "2026-11-24"}, "That day is still to come."),
        ({"paid_on": "yesterday"}, "This is not a day."),
    ],
)
def test_a_payment_that_cannot_be_is_not_entered(
    house: House, world: World, owner: FlaskClient, wrong: dict[str, str], words: str
) -> None:
    """[F4 inv-M1]"""
    owner.post(path(world), data={"kind": "payment", "act": "on"})
    answer = owner.post(
        f"/desk/invoices/{world.acme_invoice.id}/paid",
        data={"amount": "5.00", "paid_on": "2026-11-20", "reference": "", **wrong},
    )
    assert answer.status_code == 422
    assert words in answer.text
    assert rows(house) == []


def test_the_other_vendor_sees_and_switches_nothing(
    house: House, world: World, whole_app: Flask, owner: FlaskClient
) -> None:
    """[F4 inv-I1 inv-I2]"""
    birch = signed_in(whole_app, world.birch.person)
    for address in (path(world), f"/desk/invoices/{world.acme_invoice.id}/paid"):
        assert birch.get(address).status_code == 404
        assert birch.post(address, data={"kind": "note", "act": "on"}).status_code == 404
