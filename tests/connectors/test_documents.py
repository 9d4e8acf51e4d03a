"""An invoice's PDF on demand: from the provider, kept sealed for a while, a page of our own where there is none."""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from app import clock
from app.house import House
from app.keys import Place
from app.models import Connection, Invoice, InvoiceDocument
from connectors import oauth
from connectors.base import NotFound, RetryLater
from connectors.documents import invoice_pdf
from connectors.jobs import forget_old
from tests.connectors.toy import GOOD_KEY, Toy, toy
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, World, digest, invoice

__all__ = ["toy"]
pytestmark = pytest.mark.usefixtures("fixed_clock")
TOKEN = "t" * 43


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
        digest(session, world.cobalt, [world.acme_invoice], token=TOKEN)
    return toy


def kept(house: House) -> list[InvoiceDocument]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(InvoiceDocument)))


def asked(toy: Toy) -> int:
    return sum(what[0] == "document" for what in toy.asked)


def test_the_pdf_is_fetched_once_and_kept_sealed_for_a_while(
    house: House, world: World, whole_app: Flask, books: Toy, travel: Callable[[datetime], None]
) -> None:
    """[A14 002-2 inv-K1] From the inbox, the mail's link and the desk: one call; after an hour it is asked for anew."""
    cobalt, acme, holder = (
        signed_in(whole_app, world.cobalt.person), signed_in(whole_app, world.acme.person), whole_app.test_client(),
    )  # fmt: skip
    paths = (
        (cobalt, f"/inbox/invoices/{world.acme_invoice.id}/pdf"), (holder, f"/m/{TOKEN}/1/pdf"),
        (acme, f"/desk/invoices/{world.acme_invoice.id}/pdf"),
    )  # fmt: skip
    for browser, path in paths:
        answer = browser.get(path, follow_redirects=True)
        assert (answer.status_code, answer.data) == (200, b"%PDF-1.7 toy")
        assert answer.headers["Content-Disposition"] == "attachment; filename=A-1.pdf"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert asked(books) == 1
    (row,) = kept(house)
    assert b"%PDF" not in row.sealed.encode()
    assert base64.b85encode(b"%PDF-1.7 toy").decode() not in row.sealed
    assert row.vendor_id == world.acme.vendor.id
    travel(clock.now() + timedelta(minutes=61))
    assert invoice_pdf(house, world.acme_invoice.id) == b"%PDF-1.7 toy"
    assert asked(books) == 2
    assert len(kept(house)) == 1
    travel(clock.now() + timedelta(minutes=61))
    forget_old(house)
    assert kept(house) == []


@pytest.mark.parametrize("answer", [None, b"<html>login</html>", b"%PDF-" + b"x" * 8_000_000])
def test_where_there_is_no_pdf_a_page_says_what_is_known(
    house: House, world: World, whole_app: Flask, books: Toy, answer: bytes | None
) -> None:
    """[A14] None made, something else sent, too large: facts to print, and nothing is kept."""
    books.pdf = answer
    page = signed_in(whole_app, world.cobalt.person).get(f"/inbox/invoices/{world.acme_invoice.id}/pdf").text
    assert "The supplier&#39;s system gives no PDF" in page or "gives no PDF of this invoice" in page
    assert "1,250.00" in page
    assert kept(house) == []


@pytest.mark.parametrize("problem", [NotFound("gone"), RetryLater("busy")])
def test_a_provider_in_trouble_costs_the_pdf_not_the_page(
    world: World, whole_app: Flask, books: Toy, problem: Exception
) -> None:
    """[A14 inv-F1] On the link's page as well; the vendor is told what its customer sees."""
    books.wrong = [problem, problem, problem]  # type: ignore[list-item]
    holder = whole_app.test_client()
    assert "gives no PDF of this invoice" in holder.get(f"/m/{TOKEN}/1/pdf", follow_redirects=True).text
    desk = signed_in(whole_app, world.acme.person).get(
        f"/desk/invoices/{world.acme_invoice.id}/pdf", follow_redirects=True
    )
    assert "Your system gives no PDF of this invoice." in desk.text


def test_nobody_else_gets_it(house: House, world: World, whole_app: Flask, books: Toy) -> None:
    """[A14 inv-I1 inv-I2] Not an outsider, not the other vendor, not even once it lies here; and a sealed one moved
    into another vendor's row does not open."""
    invoice_pdf(house, world.acme_invoice.id)
    path = f"invoices/{world.acme_invoice.id}/pdf"
    assert signed_in(whole_app, world.outsider.person).get(f"/inbox/{path}").status_code == 404
    assert signed_in(whole_app, world.birch.person).get(f"/desk/{path}").status_code == 404
    with house.database.transaction(EVERYTHING) as session:
        moved = session.scalars(select(InvoiceDocument)).one()
        moved.vendor_id, moved.invoice_id = world.birch.vendor.id, world.birch_invoice.id
        session.execute(update(Connection).where(Connection.id == world.birch.connection.id).values(provider="toy"))
    assert Place.DOCUMENT.tenant == ("vendor_id",)
    assert invoice_pdf(house, world.birch_invoice.id) is None


def test_disconnecting_takes_the_documents_along(house: House, world: World, whole_app: Flask, books: Toy) -> None:
    """[A14 inv-K5]"""
    with house.database.transaction(EVERYTHING) as session:
        another = invoice(session, world.acme, world.cobalt, number="A-2")
    for each in (world.acme_invoice, another):
        assert invoice_pdf(house, each.id)
    assert len(kept(house)) == 2
    signed_in(whole_app, world.acme.person).post(f"/desk/connections/{world.acme.connection.id}/disconnect")
    assert kept(house) == []
    assert invoice_pdf(house, world.acme_invoice.id) is None
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Invoice, another.id).state == "gone"
