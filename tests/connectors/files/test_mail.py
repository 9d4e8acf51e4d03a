"""Files mailed to a vendor's own address: from somebody of that vendor, read as before, once."""

import pytest
from flask import Flask
from sqlalchemy import select

from app import clock
from app.house import House
from app.intake import Intake
from app.models import InboundMail, InboundOutcome, Invoice, Quarantined, Vendor
from app.settings import Settings
from connectors.file_intake import ready_books, remembered, take
from connectors.file_mail import take_mail
from connectors.files.brought import Sent, read_files
from digest.inbound.intake import handle_inbound, store
from digest.replies import files_address, files_for
from tests.support.house import signed_in
from tests.support.inbound import BOUNDARY, HOST, form, message
from tests.support.world import EVERYTHING, World

HEAD = "Nr;Customer;Due date;Currency;Balance\n"
FIRST = "Invoice number,Customer,Customer email,Currency,Balance\nF-1,Cobalt,ap@cobalt.example,USD,100.00\n"
SECOND = FIRST.replace("F-1", "F-2")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    settings.inbound_host = HOST
    return settings


@pytest.fixture
def acme(house: House, world: World) -> World:
    """Acme has imported a file at its desk."""
    now = clock.now()
    with house.database.transaction(EVERYTHING) as session:
        vendor = session.get_one(Vendor, world.acme.vendor.id)
        books = ready_books(session, house, vendor, world.acme.person, now)
        files = [Sent("first.csv", FIRST.encode())]
        facts = {"is_complete": True, "now": now, "person": None, "by": "person"}
        take(session, books, files, read_files(files, remembered(books), now), **facts)  # type: ignore[arg-type]
    return world


def mail(
    house: House, world: World, text: str, *, complete: bool = False, is_proven: bool = True, **facts: str
) -> InboundMail:
    """What became of a mail with the file."""
    intake = Intake.COMPLETE if complete else Intake.SOME
    to = files_address(house.keys, world.acme.vendor.id, HOST, intake=intake)
    sender = facts.pop("sender", "erp@acme.example")
    mime = message("Here they are.", to=to, sender=sender, files=[("open.csv", "text/csv", text.encode())], **facts)  # type: ignore[arg-type]
    raw = form(mime, to=to, sender=sender, is_proven=is_proven)
    with house.database.transaction(EVERYTHING) as session:
        store(session, house.keys, raw, {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, clock.now())
    handle_inbound(house, take_mail)
    with house.database.reading(EVERYTHING) as session:
        query = select(InboundMail).order_by(InboundMail.id.desc()).limit(1)
        return session.execute(query).scalar_one()


def owed(house: House) -> dict[str, str]:
    with house.database.reading(EVERYTHING) as session:
        rows = session.execute(select(Invoice.number, Invoice.state).where(Invoice.number.like("F-%")))
        return {number: str(state) for number, state in rows}


def test_a_file_of_the_vendors_own_is_taken(house: House, acme: World) -> None:
    """[A4] From a domain it has proven; a second time in other bytes changes nothing."""
    assert mail(house, acme, SECOND, message_id="one").outcome == InboundOutcome.FILED
    assert owed(house) == {"F-1": "open", "F-2": "open"}
    assert mail(house, acme, SECOND, message_id="one", subject="Fwd").outcome == InboundOutcome.DUPLICATE


def test_the_address_says_whether_it_is_the_complete_list(house: House, acme: World) -> None:
    """[A4] Said by the vendor in choosing it, never implied."""
    mail(house, acme, SECOND, complete=True)
    assert owed(house) == {"F-1": "gone", "F-2": "open"}


@pytest.mark.parametrize(
    ("sender", "is_proven"),
    [("erp@acme.example", False), ("ap@cobalt.example", True), ("owner@birch.example", True)],
)
def test_a_stranger_brings_nothing(house: House, acme: World, sender: str, is_proven: bool) -> None:
    """[A4 inv-Q2] Though it knows the address: the From alone proves nothing."""
    found = mail(house, acme, SECOND, sender=sender, is_proven=is_proven)
    assert (found.outcome, found.reason) == (InboundOutcome.QUARANTINED, "its sender is nobody of that supplier")
    assert owed(house) == {"F-1": "open"}


def test_what_has_to_be_asked_is_refused_with_the_question(house: House, acme: World) -> None:
    """[A4] By mail nobody can be asked; the vendor finds the file's name and the way on."""
    found = mail(house, acme, HEAD + "F-5;Cobalt;03.04.2026;EUR;1,00\n", complete=True)
    assert found.outcome == InboundOutcome.QUARANTINED
    with house.database.reading(EVERYTHING) as session:
        kept = session.execute(select(Quarantined)).scalar_one()
    assert kept.external_id == "open.csv"
    assert "desk" in kept.reason
    assert owed(house) == {"F-1": "open"}


def test_an_address_is_one_vendors_and_one_purpose(house: House, acme: World) -> None:
    """[A4 inv-L2] Signed: neither guessed nor turned into the other."""
    made = files_address(house.keys, acme.acme.vendor.id, HOST, intake=Intake.SOME)
    assert files_for(house.keys, made, HOST) == (Intake.SOME, acme.acme.vendor.id)
    assert files_for(house.keys, f"c-{made.removeprefix('i-')}", HOST) is None
    assert files_for(house.keys, f"i-{'a' * 52}@{HOST}", HOST) is None
    assert files_address(house.keys, acme.acme.vendor.id, "", intake=Intake.COMPLETE) == ""


def test_the_desk_shows_its_addresses(whole_app: Flask, acme: World) -> None:
    """[A4] Once a file was imported there."""
    page = signed_in(whole_app, acme.acme.person).get("/desk/files").text
    assert f"@{HOST}" in page
