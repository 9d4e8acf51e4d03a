"""Importing a file on the desk: questions, the dry run, the yes; nothing of it for anybody else."""

import io
import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import clock
from app.house import House
from app.models import Connection, Invoice, Quarantined, Vendor, VendorRole, WaitingFile
from connectors.file_waiting import forget_files
from tests.support.house import signed_in
from tests.support.world import EVERYTHING, World, person, vendor_member

CSV = (
    "Invoice number,Customer,Customer email,Due date,Currency,Balance\n"
    "F-1,Cobalt,ap@cobalt.example,2026-11-09,USD,100.00\n"
)
GERMAN = "Nr;Kunde;Fällig am;Offen\nR-1;Cobalt;04.05.2026;1.234,56\n"


@pytest.fixture
def desk(whole_app: Flask, world: World) -> FlaskClient:
    return signed_in(whole_app, world.acme.person)


def upload(desk: FlaskClient, *files: tuple[str, str | bytes]) -> str:
    """The address of the page that shows what would change."""
    sent = [(io.BytesIO(data if isinstance(data, bytes) else data.encode()), name) for name, data in files]
    answer = desk.post("/desk/files", data={"files": sent}, content_type="multipart/form-data")
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def mark(page: str) -> str:
    found = re.search(r'name="shown" value="([^"]+)"', page)
    assert found
    return found[1]


def count(house: House, table: type, *where: object) -> int:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(func.count()).select_from(table).where(*where)).scalar_one()  # type: ignore[arg-type]


def test_a_file_is_shown_before_it_is_taken(desk: FlaskClient, house: House) -> None:
    """[A4] Upload, dry run, yes; afterwards nothing waits any more."""
    address = upload(desk, ("open.csv", CSV))
    page = desk.get(address).text
    assert "F-1" in page
    assert "$100.00" in page or "100.00" in page
    assert count(house, Invoice, Invoice.number == "F-1") == 0
    done = desk.post(address, data={"do": "take", "shown": mark(page)})
    assert done.status_code == 303
    assert count(house, Invoice, Invoice.number == "F-1") == 1
    assert count(house, WaitingFile) == 0
    assert "Import a file" in desk.get("/desk/connections").text


def test_it_asks_with_an_example_of_the_file(desk: FlaskClient, house: House) -> None:
    """[A4] Both readings of a date in words; the answers travel to the yes."""
    address = upload(desk, ("offen.csv", GERMAN))
    page = desk.get(address).text
    assert "Which day is 04.05.2026?" in page
    assert "4 May 2026" in page
    assert "5 Apr 2026" in page
    assert "Take it" not in page
    said = {"column-number": "Nr", "dates": "dmy", "currency": "eur"}
    page = desk.get(address, query_string=said).text
    assert "1,234.56" in page
    assert desk.post(address, data={**said, "do": "take", "shown": mark(page)}).status_code == 303
    assert count(house, Invoice, Invoice.currency == "EUR") == 1
    assert "Take it" in desk.get(upload(desk, ("offen.csv", GERMAN.replace("R-1", "R-2")))).text


def test_a_yes_to_something_else_is_asked_again(desk: FlaskClient, house: House) -> None:
    """[A4] What was shown is what is taken, the closing of others above all."""
    address = upload(desk, ("open.csv", CSV))
    shown = mark(desk.get(address).text)
    desk.post(address, data={"do": "take", "shown": shown})
    other = upload(desk, ("open.csv", CSV.replace("F-1", "F-2")))
    answer = desk.post(other, data={"do": "take", "shown": mark(desk.get(other).text), "complete": "yes"})
    assert answer.status_code == 409
    assert count(house, Invoice, Invoice.number == "F-2") == 0


def test_what_is_no_invoice_is_refused_by_name(desk: FlaskClient, house: House) -> None:
    """[A4] And stands on the connections page; readable ones beside it wait."""
    sent = {"files": [(io.BytesIO(b"<a/>"), "letter.xml")]}
    answer = desk.post("/desk/files", data=sent, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "letter.xml" in answer.text
    assert count(house, Quarantined, Quarantined.external_id == "letter.xml") == 1
    assert "letter.xml" in desk.get("/desk/connections").text
    assert count(house, WaitingFile) == 0


def test_a_waiting_file_is_sealed_and_its_vendors_alone(
    desk: FlaskClient, whole_app: Flask, house: House, world: World
) -> None:
    """[A4 inv-I1 inv-K1] Another vendor's desk finds nothing there."""
    address = upload(desk, ("open.csv", CSV))
    with house.database.reading(EVERYTHING) as session:
        assert "Cobalt" not in session.execute(select(WaitingFile.sealed)).scalar_one()
    assert signed_in(whole_app, world.birch.person).get(address).status_code == 404
    assert signed_in(whole_app, world.birch.person).post(address, data={"do": "drop"}).status_code == 404
    assert count(house, WaitingFile) == 1


def test_an_agent_may_not_import(whole_app: Flask, house: House, world: World) -> None:
    """[A4] Owners and administrators decide what the books say."""
    with house.database.transaction(EVERYTHING) as session:
        agent = person(session, "agent@acme.example")
        vendor_member(session, session.get_one(Vendor, world.acme.vendor.id), agent, VendorRole.AGENT)
    assert signed_in(whole_app, agent).get("/desk/files").status_code == 403


def test_a_file_nobody_says_yes_to_is_forgotten(desk: FlaskClient, house: House) -> None:
    """[A4] After a day, or at once when it is thrown away."""
    upload(desk, ("open.csv", CSV))
    desk.post(upload(desk, ("open.csv", CSV)), data={"do": "drop"})
    assert count(house, WaitingFile) == 1
    assert forget_files(house, clock.now() + timedelta(hours=25)) == 1


def test_a_company_signs_up_by_bringing_files(whole_app: Flask, house: House, world: World) -> None:
    """[A4 A1 inv-A1] It has a desk, and is proven to be nobody until our people have looked."""
    client = signed_in(whole_app, world.outsider.person)
    assert client.post("/connect/files", data={"name": "", "currency": "XX"}).status_code == 422
    answer = client.post("/connect/files", data={"name": "Delta Ltd", "currency": "eur"})
    assert answer.headers["Location"].endswith("/desk/files")
    assert client.get("/desk/files").status_code == 200
    with house.database.reading(EVERYTHING) as session:
        made = session.execute(select(Vendor).where(Vendor.name == "Delta Ltd")).scalar_one()
        assert (made.trust, made.currency) == ("new", "EUR")
        assert session.execute(select(Connection.files_since).where(Connection.vendor_id == made.id)).scalar_one()
    address = upload(client, ("open.csv", CSV))
    assert client.post(address, data={"do": "take", "shown": mark(client.get(address).text)}).status_code == 303
    assert count(house, Connection, Connection.vendor_id == made.id) == 1
    ended = client.post(f"/desk/connections/{_books(house, made)}/disconnect")
    assert ended.status_code == 303
    assert count(house, Invoice, Invoice.number == "F-1", Invoice.state == "open") == 0
    again = upload(client, ("open.csv", CSV))
    assert (
        "1 new"
        in client.post(again, data={"do": "take", "shown": mark(client.get(again).text)}, follow_redirects=True).text
    )


def _books(house: House, of: Vendor) -> object:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(Connection.id).where(Connection.vendor_id == of.id)).scalar_one()
