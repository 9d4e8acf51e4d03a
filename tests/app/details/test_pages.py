"""One change told to all suppliers, and each one's own answer."""

from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app.house import House
from app.models import AuditEntry, DetailsProposal, Relation, TaskKind, Trust, VendorTask
from tests.support.house import signed_in
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, World, invoice, vendor

pytestmark = pytest.mark.usefixtures("fixed_clock")
NEW = {"kind": "address", "words": "Send invoices to payables@cobalt.example from now on."}


@pytest.fixture
def cobalt(app: Flask, world: World) -> FlaskClient:
    return signed_in(app, world.cobalt.person)


@pytest.fixture
def acme(app: Flask, world: World) -> FlaskClient:
    return signed_in(app, world.acme.person)


def _task(house: House, vendor_id: object) -> VendorTask | None:
    with house.database.reading(EVERYTHING) as session:
        query = select(VendorTask).where(VendorTask.vendor_id == vendor_id, VendorTask.kind == TaskKind.DETAILS)
        found = session.scalars(query).one_or_none()
        if found:
            session.expunge(found)
        return found


def test_each_supplier_has_it_as_its_own_task(
    house: House, cobalt: FlaskClient, acme: FlaskClient, world: World
) -> None:
    """[H3 002-9 inv-I2] And learns neither of the others nor how many there are."""
    cobalt.post("/inbox/details", data=NEW)
    for selling in (world.acme, world.birch):
        task = _task(house, selling.vendor.id)
        assert task
        assert "payables@cobalt.example" in task.words
    tasks = acme.get("/desk/tasks").text
    assert "Cobalt" in tasks
    assert "/desk/details#told-" in tasks
    page = acme.get("/desk/details").text
    assert "payables@cobalt.example" in page
    assert "Birch" not in tasks + page
    status = cobalt.get("/inbox/details").text
    assert status.count("Not answered yet") == 2


def test_each_answers_for_itself_and_the_customer_sees_it(
    house: House, app: Flask, cobalt: FlaskClient, acme: FlaskClient, world: World
) -> None:
    """[H3 002-9] Once; a refusal says why; the task is done by it; both answers are on record."""
    cobalt.post("/inbox/details", data=NEW)
    birch = signed_in(app, world.birch.person)
    mine, theirs = (_task(house, each.vendor.id).subject_key for each in (world.acme, world.birch))  # type: ignore[union-attr]
    assert acme.post(f"/desk/details/{theirs}", data={"act": "accept"}).status_code == 404
    acme.post(f"/desk/details/{mine}", data={"act": "accept"})
    birch.post(f"/desk/details/{theirs}", data={"act": "decline"})
    assert cobalt.get("/inbox/details").text.count("Not answered yet") == 1  # no refusal without a reason
    birch.post(f"/desk/details/{theirs}", data={"act": "decline", "words": "Call us about it, please."})
    page = cobalt.get("/inbox/details").text
    assert "In its books" in page
    assert "Declined" in page
    assert "Call us about it, please." in page
    assert "has answered already" in acme.post(
        f"/desk/details/{mine}", data={"act": "decline", "words": "No."}, follow_redirects=True
    ).get_data(as_text=True)
    assert _task(house, world.acme.vendor.id).done_at == NOW  # type: ignore[union-attr]
    with house.database.reading(EVERYTHING) as session:
        actions = list(session.scalars(select(AuditEntry.action).where(AuditEntry.action.like("details.%"))))
    assert sorted(actions) == ["details.accepted", "details.declined", "details.told"]


def test_a_form_goes_along_and_only_to_those_who_were_told(
    app: Flask, house: House, cobalt: FlaskClient, acme: FlaskClient, world: World
) -> None:
    """[H3]"""
    form = {"kind": "tax", "words": "Our new form.", "files": (BytesIO(b"%PDF-1.7 w9"), "w9.pdf")}
    cobalt.post("/inbox/details", data=form, content_type="multipart/form-data")
    task = _task(house, world.acme.vendor.id)
    assert task
    answer = acme.get(f"/desk/details/{task.subject_key}/file")
    assert (answer.data, answer.mimetype) == (b"%PDF-1.7 w9", "application/pdf")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert signed_in(app, world.birch.person).get(f"/desk/details/{task.subject_key}/file").status_code == 404


def test_suppliers_that_are_new_or_blocked_are_told_nothing(house: House, cobalt: FlaskClient, world: World) -> None:
    """[H3 B8 B9 inv-A1] A stranger with an invoice does not learn where one may be reached."""
    with house.database.transaction(EVERYTHING) as session:
        stranger = vendor(session, "Newco", address="owner@newco.example", trust=Trust.NEW)
        invoice(session, stranger, world.cobalt)
        session.add(Relation(customer_id=world.cobalt.customer.id, vendor_id=world.birch.vendor.id, blocked_at=NOW))
    cobalt.post("/inbox/details", data=NEW)
    with house.database.reading(EVERYTHING) as session:
        assert list(session.scalars(select(DetailsProposal.vendor_id))) == [world.acme.vendor.id]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"kind": "bank", "words": "x"}, "Choose what is new."),
        ({"kind": "tax", "words": " "}, "Say what is new"),
        ({"kind": "tax", "words": "x" * 501}, "At most 500 characters"),
    ],
)
def test_what_cannot_be_told_is_said_in_words(cobalt: FlaskClient, form: dict[str, str], words: str) -> None:
    """[H3]"""
    answer = cobalt.post("/inbox/details", data=form)
    assert answer.status_code == 422
    assert words in answer.text


def test_five_a_day_are_enough(house: House, cobalt: FlaskClient, world: World) -> None:
    """[H3] Everybody at every supplier reads each of them; and the page asks as much for many as for one."""
    with statements(house.database) as none:
        cobalt.get("/inbox/details")
    answers = [cobalt.post("/inbox/details", data=NEW).status_code for _ in range(6)]
    assert answers == [303] * 5 + [422]
    with statements(house.database) as many:
        cobalt.get("/inbox/details")
    assert len(many) == len(none)
    with house.database.reading(EVERYTHING) as session:
        assert session.scalar(select(func.count()).select_from(DetailsProposal)) == 10
