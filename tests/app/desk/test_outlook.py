"""What comes up at the desk: rows in the next digests, holds of a customer, the first day to chase from, tasks."""

from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.later import later
from app.models import Hold, HoldKind, Relation, TaskKind, VendorTask
from app.tasks.actions import raise_task
from digest.plan import plan_batch
from tests.digest.rows import change, digests, lines, mails
from tests.support import world as make
from tests.support.house import signed_in, without_tokens
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")
HOUR = timedelta(hours=1)


@pytest.fixture
def soon(house: House, world: World) -> None:
    """Cobalt's next digest is tomorrow."""
    change(house, world.cobalt.mailbox, next_digest_at=NOW + 24 * HOUR)


def test_the_day_before_the_vendor_sees_its_rows_and_only_its_own(acme: FlaskClient, soon: None) -> None:
    """[D22 J1 inv-I2] In the planner's words, with a way to hold; no other vendor, no address, no hour."""
    page = acme.get("/desk/coming")
    assert "A-1" in page.text
    assert "14 days late" in page.text
    assert "#hold" in page.text
    for hidden in ("B-1", "Birch", "ap@cobalt.example", "24 Nov 2026"):
        assert hidden not in without_tokens(page.text)


@pytest.mark.parametrize(
    "facts",
    [
        {"next_digest_at": NOW + 72 * HOUR},
        {"reminders_off_at": NOW},
        {"paused_until": NOW + 96 * HOUR},
        {"suppressed_at": NOW},
    ],
)
def test_who_is_not_written_to_soon_is_not_listed(
    acme: FlaskClient, house: House, world: World, soon: None, facts: dict
) -> None:
    """[D22 D13] And why is the customer's own affair."""
    change(house, world.cobalt.mailbox, **facts)
    assert "A-1" not in without_tokens(acme.get("/desk/coming").text)


def test_what_the_customer_decided_does_not_show(acme: FlaskClient, house: House, world: World, soon: None) -> None:
    """[D22 B9 inv-I2] Muted and blocked look as before."""
    before = rows_of(acme)
    with house.database.transaction(EVERYTHING) as session:
        pair = {"customer_id": world.cobalt.customer.id, "vendor_id": world.acme.vendor.id}
        session.add(Relation(**pair, muted_at=NOW, blocked_at=NOW))
    assert rows_of(acme) == before


def rows_of(acme: FlaskClient) -> str:
    return acme.get("/desk/coming").text.partition("<tbody>")[2].partition("</tbody>")[0]


@pytest.mark.parametrize("hidden", ["", "yes"])
def test_a_customer_is_held_with_all_it_owes_and_what_comes_meanwhile(
    acme: FlaskClient, app: Flask, house: House, world: World, soon: None, hidden: str
) -> None:
    """[A11 C11 J1] Said or not said to the customer; it ends by itself, or by a press."""
    form = {"customer": str(world.acme_invoice.bill_to_id), "day": "2026-12-04", "note": "We talk on the phone"}
    answer = acme.post("/desk/customers/hold", data={**form, "hidden": hidden}, follow_redirects=True)
    assert "is asked for until then" in answer.text
    with house.database.transaction(EVERYTHING) as session:
        make.invoice(session, world.acme, world.cobalt, number="A-2", due_on=date(2026, 11, 20))
    assert "A-1" not in without_tokens(answer.text)
    assert "A-2" not in without_tokens(acme.get("/desk/coming").text)
    change(house, world.cobalt.mailbox, next_digest_at=NOW)
    plan_batch(house)
    (digest,), (mail,) = digests(house), mails(house)
    said = "not asked for at present" if hidden else "on hold by the supplier"
    assert sorted(digest.reasons.values()) == [said, said]
    assert ("A-1" in mail.text) is not bool(hidden)
    assert {line.number for line in lines(house) if line.kind == "due"} == {"B-1"}
    inbox = signed_in(app, world.cobalt.person)
    assert ("On hold until" in inbox.get("/inbox").text) is not bool(hidden)
    place = f"/inbox/invoices/{world.acme_invoice.id}"
    assert ("on hold by the supplier" in inbox.get(place).text.lower()) is not bool(hidden)
    acme.post(f"/desk/customers/{world.acme_invoice.bill_to_id}/release")
    with house.database.reading(EVERYTHING) as session:
        assert [hold.ended_at for hold in session.scalars(select(Hold))] == [NOW]
    change(house, world.cobalt.mailbox, next_digest_at=NOW + 24 * HOUR)
    assert "A-2" in acme.get("/desk/coming").text


def test_a_hold_of_a_customer_needs_a_day_and_a_reason(acme: FlaskClient, world: World, soon: None) -> None:
    """[A11]"""
    answer = acme.post("/desk/customers/hold", data={"customer": str(world.acme_invoice.bill_to_id)})
    assert answer.status_code == 422
    assert "Say why" in answer.text


def test_nobody_holds_another_vendors_customer(acme: FlaskClient, world: World) -> None:
    """[A11 B7 inv-I1]"""
    foreign = str(world.birch_invoice.bill_to_id)
    assert acme.post("/desk/customers/hold", data={"customer": foreign, "day": "2026-12-04"}).status_code == 404
    assert acme.post(f"/desk/customers/{foreign}/release").status_code == 404
    assert acme.post("/desk/customers/hold", data={"customer": "x"}).status_code == 404


def test_what_was_due_before_the_first_day_is_silent_until_it_is_included(
    acme: FlaskClient, house: House, world: World, soon: None
) -> None:
    """[A12 J1] Day one does not dun what is five years old."""
    assert acme.post("/desk/chase-from", data={"day": "nonsense"}).status_code == 422
    page = acme.post("/desk/chase-from", data={"day": "2026-11-10"}, follow_redirects=True)
    assert "1 open invoice is left alone now" in page.text
    assert "A-1" not in without_tokens(page.text)
    bill = f"/desk/invoices/{world.acme_invoice.id}"
    assert "due before 10 Nov 2026, from when on the supplier reminds" in acme.get(bill).text
    assert "Remind of it all the same" in acme.get(bill).text
    change(house, world.cobalt.mailbox, next_digest_at=NOW)
    plan_batch(house)
    assert [line.number for line in lines(house)] == ["B-1"]
    acme.post(f"{bill}/include")
    change(house, world.cobalt.mailbox, next_digest_at=NOW + 24 * HOUR)
    assert "A-1" in acme.get("/desk/coming").text


def test_tasks_are_the_vendors_own_and_done_by_a_press(acme: FlaskClient, house: House, world: World) -> None:
    """[G11 D11 D14 inv-I1 inv-L1] Whom it is about by the name in the vendor's books."""
    with house.database.transaction(EVERYTHING) as session:
        for by, bill in ((world.acme, world.acme_invoice), (world.birch, world.birch_invoice)):
            words = later("%(number)s is still open.", number=bill.number)
            raise_task(
                session, by.vendor.id, TaskKind.CALL, str(bill.id), words, later("Call."), NOW, invoice_id=bill.id
            )
        own, foreign = session.scalars(select(VendorTask).order_by(VendorTask.subject_key))
    page = acme.get("/desk/tasks")
    assert "A-1 is still open." in page.text
    assert "Cobalt" in page.text
    assert "B-1" not in without_tokens(page.text)
    assert acme.post(f"/desk/tasks/{foreign.id}").status_code == 404
    assert "Nothing to do" in acme.post(f"/desk/tasks/{own.id}", follow_redirects=True).text
    assert acme.post(f"/desk/tasks/{own.id}").status_code == 404


def test_holding_one_invoice_silently_tells_the_customer_nothing(
    acme: FlaskClient, app: Flask, house: House, world: World
) -> None:
    """[A11]"""
    form = {"day": "2026-12-04", "note": "Between us", "hidden": "yes"}
    acme.post(f"/desk/invoices/{world.acme_invoice.id}/hold", data=form)
    with house.database.reading(EVERYTHING) as session:
        assert [(hold.kind, hold.is_hidden) for hold in session.scalars(select(Hold))] == [(HoldKind.VENDOR, True)]
    inbox = signed_in(app, world.cobalt.person)
    for place in ("/inbox", f"/inbox/invoices/{world.acme_invoice.id}"):
        assert "on hold until" not in inbox.get(place).text.lower()
        assert "put it on hold" not in inbox.get(place).text.lower()
    assert "A-1" not in without_tokens(inbox.get("/inbox?mark=on_hold").text)
