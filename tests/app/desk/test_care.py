"""Working a queue together: who answers, notes, ready answers, letters by hand; and what no customer ever sees."""

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.care.notices import tell_owner
from app.care.rules import OwnerEvent
from app.conversations.actions import ask_question
from app.house import House
from app.models import (
    AuditEntry,
    BillTo,
    CannedAnswer,
    Hold,
    Invoice,
    Mailbox,
    Message,
    Outgoing,
    OutgoingKind,
    Person,
    Relation,
    Side,
    Thread,
    ThreadNote,
    ThreadState,
    Trust,
    Vendor,
    VendorMember,
    VendorRole,
)
from app.scope import CustomerScope
from tests.support import world as make
from tests.support.house import signed_in, without_tokens, words
from tests.support.world import EVERYTHING, NOW, World

HOUR = timedelta(hours=1)
pytestmark = pytest.mark.usefixtures("fixed_clock")
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nothing in it is the database's own
Ask = Callable[..., Thread]


@pytest.fixture
def sam(house: House, world: World) -> Person:
    """Somebody in sales, who may only read."""
    with house.database.transaction(EVERYTHING) as session:
        who = make.person(session, "sam@acme.example", name="Sam")
        make.vendor_member(session, world.acme.vendor, who, VendorRole.READER)
    return who


@pytest.fixture
def ask(house: House, world: World) -> Ask:
    """Cobalt asks Acme about an invoice of its own, ``hours`` ago."""

    def asked(number: str = "", hours: int = 2, topic: str = "", body: str = "Which order is this for?") -> Thread:
        with house.database.transaction(EVERYTHING) as session:
            about = make.invoice(session, world.acme, world.cobalt, number=number) if number else world.acme_invoice
            return ask_question(
                session, house=house, vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id,
                mailbox_id=world.cobalt.mailbox.id, invoice_ids=[about.id], body=body, now=NOW - hours * HOUR,
                via="page", person=world.cobalt.person, topic=topic,
            )  # fmt: skip

    return asked


def mails(house: House, kind: OutgoingKind) -> list[Outgoing]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(Outgoing).where(Outgoing.kind == kind).order_by(Outgoing.address)).scalars())


# --- the queue --------------------------------------------------------------------------------------------------------


def test_after_an_answer_whoever_waits_next_is_opened(acme: FlaskClient, ask: Ask) -> None:
    """[G1 003-14 000-3] From the longest waiting to the last, then back to what was passed over, without the queue."""
    first, second, third = ask("Q-1", 30), ask("Q-2", 20), ask("Q-3", 10)
    page = acme.get(f"/desk/threads/{second.id}")
    assert f"/desk/threads/{third.id}" in page.text  # next who waits
    for now, following in ((second, third), (third, first)):
        gone = acme.post(f"/desk/threads/{now.id}/answer", data={"body": "Order 4711."})
        assert gone.location == f"/desk/threads/{following.id}"
    assert acme.post(f"/desk/threads/{first.id}/answer", data={"body": "Order 1."}).location == "/desk"


@on_sqlite
def test_the_next_one_is_of_the_part_of_the_queue_one_works_in(acme: FlaskClient, ask: Ask) -> None:
    """[G1] Filters travel along; "stay" stays."""
    copy, _, again = ask("Q-1", 30, "copy"), ask("Q-2", 20, "order"), ask("Q-3", 10, "copy")
    page = acme.get("/desk?topic=copy&whose=nobody")
    assert "Q-1" in page.text
    assert "Q-2" not in without_tokens(page.text)
    data = {"body": "Here it is.", "topic": "copy", "whose": "nobody"}
    gone = acme.post(f"/desk/threads/{copy.id}/answer", data=data)
    assert gone.location == f"/desk/threads/{again.id}?whose=nobody&topic=copy"
    stayed = acme.post(f"/desk/threads/{again.id}/answer", data=data | {"then": "stay"})
    assert stayed.location == f"/desk/threads/{again.id}?whose=nobody&topic=copy"


@on_sqlite
def test_the_clock_says_how_long_there_is(acme: FlaskClient, ask: Ask) -> None:
    """[G1 F8 003-14] In the queue and beside the question."""
    ask("Q-1", 30)
    thread = ask("Q-2", 2)
    text = words(acme.get("/desk"))
    assert "late by 6 h" in text
    assert "22 h left to answer" in text
    assert "22 h left to answer" in words(acme.get(f"/desk/threads/{thread.id}"))


def test_many_are_assigned_or_closed_at_once(
    house: House, world: World, acme: FlaskClient, mia: Person, ask: Ask
) -> None:
    """[G1 F10] Only the vendor's own; somebody who only reads cannot be named; nothing ticked does nothing."""
    one, two, other = ask("Q-1"), ask("Q-2"), ask("Q-3")
    with house.database.transaction(EVERYTHING) as session:
        foreign = make.thread(session, world.birch, world.cobalt, world.birch_invoice)
    ticked = [str(thread.id) for thread in (one, two, foreign)]
    acme.post("/desk/threads", data={"act": "assign", "to": str(mia.id), "thread": ticked})
    acme.post("/desk/threads", data={"act": "close", "result": "answered", "thread": ticked[1:]})
    none = acme.post("/desk/threads", data={"act": "close", "result": "answered"}, follow_redirects=True)
    assert "Tick at least one" in words(none)
    with house.database.reading(EVERYTHING) as session:
        found = {thread.id: session.get_one(Thread, thread.id) for thread in (one, two, other, foreign)}
        assert [found[key.id].assignee_id for key in (one, two, other, foreign)] == [mia.id, mia.id, None, None]
        assert [found[key.id].state == ThreadState.CLOSED for key in (one, two, other, foreign)] == [0, 1, 0, 0]
        assert session.execute(select(AuditEntry).where(AuditEntry.action == "question.assigned")).all()


def test_who_it_is_assigned_to_is_told_and_while_away_everybody(
    app: Flask, house: House, world: World, acme: FlaskClient, mia: Person, ask: Ask
) -> None:
    """[F10 003-14] Out-of-office: the question does not wait for somebody who is not there."""
    thread = ask("Q-1", 5)

    def told(number: int) -> set[str]:
        with house.database.transaction(EVERYTHING) as session:
            before = {mail.id for mail in session.execute(select(Outgoing)).scalars()}
            about = session.execute(select(Invoice).where(Invoice.number == "Q-1")).scalar_one()
            ask_question(
                session, house=house, vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id,
                mailbox_id=None, invoice_ids=[about.id], body=f"More {number}", now=NOW, via="page",
                person=world.cobalt.person,
            )  # fmt: skip
            return {mail.address for mail in session.execute(select(Outgoing)).scalars() if mail.id not in before}

    assert told(1) == {"owner@acme.example", "mia@acme.example"}
    assigned = acme.post(f"/desk/threads/{thread.id}/assign", data={"to": str(mia.id)}, follow_redirects=True)
    assert "Assigned." in words(assigned)
    assert told(2) == {"mia@acme.example"}
    signed_in(app, mia).post("/desk/away", data={"until": "2026-11-27"})
    assert told(3) == {"owner@acme.example"}
    assert "(away until 27 Nov 2026)" in words(acme.get(f"/desk/threads/{thread.id}"))
    signed_in(app, mia).post("/desk/away", data={"act": "back"})
    assert told(4) == {"mia@acme.example"}


@on_sqlite
@pytest.mark.parametrize("until", ["yesterday", "2026-11-22", "2036-01-01"])
def test_nobody_is_away_until_a_day_that_makes_no_sense(house: House, acme: FlaskClient, until: str) -> None:
    """[F10]"""
    assert "Choose the last day" in words(acme.post("/desk/away", data={"until": until}, follow_redirects=True))
    with house.database.reading(EVERYTHING) as session:
        assert set(session.execute(select(VendorMember.away_until)).scalars()) == {None}


# --- notes ------------------------------------------------------------------------------------------------------------


def test_a_note_is_read_by_colleagues_and_never_by_the_customer(
    app: Flask, house: House, world: World, acme: FlaskClient, sam: Person, ask: Ask
) -> None:
    """[F10 001-2 inv-Q2 inv-I1] The mentioned colleague reads it by mail and sees the customer's billing state, though
    that role may answer nothing; the customer's pages and mails hold no word of it."""
    thread = ask()
    kept = acme.post(
        f"/desk/threads/{thread.id}/notes", data={"body": "Sam, is the discount agreed?", "mentioned": str(sam.id)},
        follow_redirects=True,
    )  # fmt: skip
    assert "Sam, is the discount agreed?" in words(kept)
    (mail,) = mails(house, OutgoingKind.NOTICE)
    assert mail.address == "sam@acme.example"
    assert "is the discount agreed?" in mail.text
    assert f"/desk/threads/{thread.id}" in mail.text
    sales = signed_in(app, sam)
    assert "discount" in words(sales.get(f"/desk/threads/{thread.id}"))
    assert sales.post(f"/desk/threads/{thread.id}/notes", data={"body": "Yes, 5 %."}).status_code == 303
    assert sales.post(f"/desk/threads/{thread.id}/answer", data={"body": "No."}).status_code == 403
    path = re.search(r'href="(/desk/customers/[^"]+)"', sales.get(f"/desk/threads/{thread.id}").text)
    assert path
    assert "USD 1,250.00" in words(sales.get(path.group(1)))
    inbox = signed_in(app, world.cobalt.person)
    for page in (f"/inbox/threads/{thread.id}", "/inbox/threads", f"/inbox/invoices/{world.acme_invoice.id}"):
        assert "discount" not in inbox.get(page).text
    with house.database.reading(_customer(world)) as session:
        assert session.execute(select(ThreadNote)).all() == []


def _customer(world: World) -> CustomerScope:
    return CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)


@on_sqlite
def test_only_colleagues_are_mentioned(house: House, world: World, acme: FlaskClient, ask: Ask) -> None:
    """[F10 inv-I2] A person of another vendor's, or of the customer's, is nobody here."""
    thread = ask()
    for stranger in (world.birch.person, world.cobalt.person):
        data = {"body": "Hello", "mentioned": str(stranger.id)}
        page = acme.post(f"/desk/threads/{thread.id}/notes", data=data, follow_redirects=True)
        assert "Choose a colleague from the list." in words(page)
    assert mails(house, OutgoingKind.NOTICE) == []


# --- ready answers ----------------------------------------------------------------------------------------------------


def test_a_ready_answer_is_filled_in_sent_and_counted(house: House, acme: FlaskClient, ask: Ask) -> None:
    """[F10 004-18] Its places are filled with this customer and this invoice; how often it went out is counted."""
    thread = ask()
    body = "Dear {customer}, {number} over {amount} was due {due}. {name} at {vendor}"
    acme.post("/desk/answers", data={"title": "Due", "body": body})
    with house.database.reading(EVERYTHING) as session:
        canned = session.execute(select(CannedAnswer)).scalar_one()
    page = acme.get(f"/desk/threads/{thread.id}?canned={canned.id}")
    assert "Dear Cobalt, A-1 over USD 1,250.00 was due 9 Nov 2026. {name} at Acme" in words(page)
    acme.post(f"/desk/threads/{thread.id}/answer", data={"body": "Dear Cobalt, soon.", "canned": str(canned.id)})
    assert "sent 1 time" in words(acme.get("/desk/answers"))
    with house.database.reading(EVERYTHING) as session:
        said = session.execute(select(Message).where(Message.side == Side.VENDOR)).scalar_one()
        assert said.canned_id == canned.id


@on_sqlite
def test_a_ready_answer_is_changed_and_taken_away_and_stays_counted(
    house: House, world: World, app: Flask, acme: FlaskClient, sam: Person
) -> None:
    """[F10] Another vendor's is not there; a place that does not exist is refused; who only reads keeps none."""
    acme.post("/desk/answers", data={"title": "Copy", "body": "Here is the copy."})
    refused = acme.post("/desk/answers", data={"title": "X", "body": "{iban}"})
    assert refused.status_code == 422
    assert "Nothing is known to put into {iban}" in words(refused)
    with house.database.reading(EVERYTHING) as session:
        canned = session.execute(select(CannedAnswer)).scalar_one()
    change = {"answer": str(canned.id), "title": "A copy", "body": "The copy."}
    assert signed_in(app, world.birch.person).post("/desk/answers", data=change).status_code == 404
    assert signed_in(app, sam).get("/desk/answers").status_code == 403
    acme.post("/desk/answers", data=change)
    assert "A copy" in words(acme.get("/desk/answers"))
    acme.post("/desk/answers", data=change | {"act": "retire"})
    assert "None yet" in words(acme.get("/desk/answers"))


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_planned_row_becomes_a_letter_and_then_waits(house: House, world: World, acme: FlaskClient) -> None:
    """[F10 003-15 D12 D22 J1] The customer gets the words by mail with a way to answer; the row is on hold until then,
    and no longer among those that come."""
    path = f"/desk/invoices/{world.acme_invoice.id}/letter"
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = NOW + timedelta(days=1)
    assert path in acme.get("/desk/coming").text
    assert "Write it yourself" in words(acme.get(path))
    gone = acme.post(path, data={"body": "Dear Cobalt, shall we talk?", "day": "2026-12-04"}, follow_redirects=True)
    assert "Dear Cobalt, shall we talk?" in words(gone)
    (mail,) = mails(house, OutgoingKind.ANSWER)
    assert mail.address == "ap@cobalt.example"
    assert mail.subject == "Acme writes: Invoice A-1"
    assert "Dear Cobalt, shall we talk?" in mail.text
    with house.database.reading(EVERYTHING) as session:
        thread, hold = session.execute(select(Thread)).scalar_one(), session.execute(select(Hold)).scalar_one()
    assert (thread.state, thread.topic) == (ThreadState.WAITING_CUSTOMER, "letter")
    assert hold.ends_at.date() == date(2026, 12, 5)
    invoice = words(acme.get(f"/desk/invoices/{world.acme_invoice.id}"))
    assert "On hold by you until" in invoice
    assert "Not before 5 Dec 2026" in invoice
    assert path not in acme.get("/desk/coming").text


@on_sqlite
@pytest.mark.parametrize("decided", ["muted", "blocked", "off", "paused"])
def test_a_letter_stays_in_the_inbox_where_reminders_do_not_go_and_nobody_is_told(
    house: House, world: World, acme: FlaskClient, decided: str
) -> None:
    """[F10 inv-S10 inv-I2] What the customer decided is its own: the vendor's page says the same as ever."""
    with house.database.transaction(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        if decided == "off":
            box.reminders_off_at = NOW
        elif decided == "paused":
            box.paused_until = NOW + timedelta(days=3)
        else:
            relation = Relation(customer_id=world.cobalt.customer.id, vendor_id=world.acme.vendor.id)
            setattr(relation, f"{decided}_at", NOW)
            session.add(relation)
    path = f"/desk/invoices/{world.acme_invoice.id}/letter"
    gone = acme.post(path, data={"body": "Hello?", "day": "2026-12-04"}, follow_redirects=True)
    assert "Sent." in words(gone)
    assert mails(house, OutgoingKind.ANSWER) == []


@on_sqlite
def test_letters_are_few_and_of_the_verified(house: House, world: World, acme: FlaskClient) -> None:
    """[F10 inv-A1 inv-S5] Two a day to one customer; a vendor of whom nothing is proven sends no words of its own."""
    with house.database.transaction(EVERYTHING) as session:
        bills = [make.invoice(session, world.acme, world.cobalt, number=f"L-{n}") for n in range(4)]

    def write(bill: Invoice) -> str:
        data = {"body": f"About {bill.number}", "day": "2026-12-04"}
        return words(acme.post(f"/desk/invoices/{bill.id}/letter", data=data, follow_redirects=True))

    assert ["Sent." in write(bill) for bill in bills[:3]] == [True, True, False]
    assert "enough letters" in write(bills[2])
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, world.acme.vendor.id).trust = Trust.NEW
    assert "Until you are verified" in write(bills[3])


@on_sqlite
def test_an_invoice_is_left_out_of_reminders_from_the_conversation(
    house: House, world: World, acme: FlaskClient, ask: Ask
) -> None:
    """[F10 001-2] A new day to ask again, without leaving the desk."""
    thread = ask()
    data = {"day": "2026-12-18", "note": "We are talking about it", "thread": str(thread.id)}
    gone = acme.post(f"/desk/invoices/{world.acme_invoice.id}/hold", data=data)
    assert gone.location == f"/desk/threads/{thread.id}"
    assert "On hold by you until" in words(acme.get(gone.location))


# --- the account's owner ----------------------------------------------------------------------------------------------


def test_the_owner_of_an_account_is_copied_once(house: House, world: World, acme: FlaskClient, sam: Person) -> None:
    """[J8 001-9] On disputes, the first lateness and broken promises; who has left is told nothing."""
    with house.database.reading(EVERYTHING) as session:
        bill_to = session.execute(select(BillTo).where(BillTo.vendor_id == world.acme.vendor.id)).scalar_one()
    page = acme.post(f"/desk/customers/{bill_to.id}/owner", data={"owner": str(sam.id)}, follow_redirects=True)
    assert "Saved." in words(page)

    def tell(event: OwnerEvent) -> None:
        with house.database.transaction(_customer(world)) as session:
            invoice = session.execute(select(Invoice).where(Invoice.id == world.acme_invoice.id)).scalar_one()
            tell_owner(
                session,
                house=house,
                event=event,
                invoice=invoice,
                about=invoice.id,
                now=NOW,
                words="Too dear",
            )

    for event in (OwnerEvent.DISPUTED, OwnerEvent.DISPUTED, OwnerEvent.PROMISE_BROKEN):
        tell(event)
    found = mails(house, OutgoingKind.NOTICE)
    assert {mail.subject for mail in found} == {
        "Cobalt disputes invoice A-1", "Cobalt did not pay as promised: invoice A-1",
    }  # fmt: skip
    assert all("Too dear" in mail.text and "USD 1,250.00" in mail.text for mail in found), found[0].text
    with house.database.transaction(EVERYTHING) as session:
        for member in session.execute(select(VendorMember).where(VendorMember.person_id == sam.id)).scalars():
            session.delete(member)
    tell(OwnerEvent.FIRST_LATE)
    assert len(mails(house, OutgoingKind.NOTICE)) == 2
