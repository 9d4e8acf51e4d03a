"""The vendor's pages: what they show, who may do what, what others never see, and what they cost."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.conversations.actions import answer, ask_question, close_thread
from app.house import House
from app.models import (
    AuditEntry,
    BillTo,
    Customer,
    Digest,
    DigestLine,
    Hold,
    HoldKind,
    Invoice,
    InvoiceChange,
    InvoiceState,
    LineKind,
    Message,
    Outcome,
    Outgoing,
    OutgoingKind,
    Relation,
    Side,
    StopSwitch,
    Thread,
    ThreadState,
    Trust,
    Vendor,
    VendorRole,
)
from tests.support import world as make
from tests.support.house import signed_in, without_tokens, words
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, Owing, Selling, World

HOUR = timedelta(hours=1)
pytestmark = pytest.mark.usefixtures("fixed_clock")
Ask = Callable[..., Thread]


@pytest.fixture
def birch(app: Flask, world: World) -> FlaskClient:
    return signed_in(app, world.birch.person)


@pytest.fixture
def reader(app: Flask, house: House, world: World) -> FlaskClient:
    """Somebody at Acme who may only read."""
    with house.database.transaction(EVERYTHING) as session:
        who = make.person(session, "reads@acme.example")
        make.vendor_member(session, world.acme.vendor, who, VendorRole.READER)
    return signed_in(app, who)


@pytest.fixture
def ask(app: Flask, house: House, world: World) -> Ask:
    """A customer (Cobalt) asks a vendor (Acme) about an invoice, two hours ago."""

    def asked(by: Owing = world.cobalt, of: Selling = world.acme, about: Invoice | None = None, **facts: Any) -> Thread:
        bill = about or world.acme_invoice
        given: dict[str, Any] = {
            "body": "Which order is this for?",
            "now": NOW - 2 * HOUR,
            "via": "page",
            "person": by.person,
        }
        with house.database.transaction(EVERYTHING) as session:
            return ask_question(
                session, house=house, vendor_id=of.vendor.id, customer_id=by.customer.id, mailbox_id=by.mailbox.id,
                invoice_ids=[bill.id], **{**given, **facts},
            )  # fmt: skip

    return asked


@pytest.fixture
def act(app: Flask, house: House, world: World) -> Callable[..., None]:
    """act(answer, thread, ...): Acme's owner does it now."""

    def done(action: Callable[..., Any], thread: Thread, now: datetime = NOW, **facts: Any) -> None:
        with house.database.transaction(EVERYTHING) as session:
            found = session.get_one(Thread, thread.id)
            action(session, house=house, thread=found, person=world.acme.person, now=now, **facts)

    return done


# --- the queue --------------------------------------------------------------------------------------------------------


def test_the_queue_shows_who_waits_longest_first(house: House, world: World, acme: FlaskClient, ask: Ask) -> None:
    """[G1 F8 004-9 004-18] With the time they waited, and the state in words."""
    with house.database.transaction(EVERYTHING) as session:
        late = make.invoice(session, world.acme, world.outsider, number="A-2")
    ask()
    ask(world.outsider, about=late, body="And this one?", now=NOW - 30 * HOUR)
    text = words(acme.get("/desk"))
    assert text.index("Outsider") < text.index("Cobalt")
    for shown in ("2 customers wait", "Late", "1 day 6 h", "On time", "2 h", "Invoice A-2", "And this one?"):
        assert shown in text


def test_each_box_holds_its_own(house: House, world: World, acme: FlaskClient, ask: Ask, act: Any) -> None:
    """[G1 F11] Waiting, answered, closed, all; and of all, those I have answered while nobody was named."""
    bills = []
    with house.database.transaction(EVERYTHING) as session:
        bills = [make.invoice(session, world.acme, world.cobalt, number=number) for number in ("W-1", "R-1", "C-1")]
    waiting, answered, closed = [ask(about=bill) for bill in bills]
    act(answer, answered, body="Here.")
    act(close_thread, closed, result="declined")
    shown = {
        box: {number for number in ("W-1", "R-1", "C-1") if number in words(acme.get(f"/desk?box={box}"))}
        for box in ("waiting", "answered", "closed", "all&whose=mine", "all")
    }
    assert shown == {
        "waiting": {"W-1"},
        "answered": {"R-1"},
        "closed": {"C-1"},
        "all&whose=mine": {"R-1", "C-1"},
        "all": {"W-1", "R-1", "C-1"},
    }
    assert "Closed: declined" in words(acme.get("/desk?box=closed"))
    assert waiting.id != answered.id


@pytest.mark.parametrize(("text", "is_found"), [("cobal", True), ("a-1", True), ("%", False), ("Zinc", False)])
def test_the_queue_is_searched_by_customer_and_number(acme: FlaskClient, ask: Ask, text: str, is_found: bool) -> None:
    """[G1] Letters are letters: a percent sign finds percent signs."""
    ask()
    page = words(acme.get("/desk", query_string={"q": text}))
    assert ("Which order" in page) is is_found
    assert ("Nothing found" in page) is not is_found


def test_a_search_finds_nothing_by_another_vendors_words(
    house: House, world: World, acme: FlaskClient, ask: Ask
) -> None:
    """[B7 inv-I2] Birch calls the same customer Kobold in its books; at Acme's desk that word means nothing."""
    with house.database.transaction(EVERYTHING) as session:
        make.bill_to(session, world.birch, world.cobalt, name="Kobold")
    ask()
    assert "Nothing found" in words(acme.get("/desk?q=Kobold"))
    assert "Nothing found" in words(acme.get("/desk?q=B-1"))
    assert "Nothing found" in words(acme.get("/desk/invoices?q=Kobold"))


def test_the_customers_name_is_the_one_of_the_vendors_books(
    house: House, world: World, acme: FlaskClient, birch: FlaskClient, ask: Ask
) -> None:
    """[B7 inv-I2] Never the name the customer's inbox or another vendor's books carry."""
    with house.database.transaction(EVERYTHING) as session:
        session.merge(Customer(id=world.cobalt.customer.id, name="Cobalt as it calls itself"))
        for bill in (world.acme_invoice, world.birch_invoice):
            session.get_one(BillTo, bill.bill_to_id).name = "CB-" + bill.number
    ask()
    ask(of=world.birch, about=world.birch_invoice)
    for desk, mine, other in ((acme, "CB-A-1", "CB-B-1"), (birch, "CB-B-1", "CB-A-1")):
        page = words(desk.get("/desk")) + words(desk.get("/desk/invoices"))
        assert mine in page
        assert other not in page
        assert "calls itself" not in page


def test_the_first_screen_says_how_quickly_we_answer(acme: FlaskClient, ask: Ask, act: Any) -> None:
    """[G2 004-14] In one line; the scorecard has the rest."""
    act(answer, ask(), body="Order 4711.")
    assert "half within 2 h, nine of ten within 2 h." in words(acme.get("/desk?box=all"))


def test_an_agent_sees_own_and_team_figures_and_a_manager_everybodys(
    app: Flask, house: House, world: World, ask: Ask, act: Any
) -> None:
    """[G2 004-16]"""
    with house.database.transaction(EVERYTHING) as session:
        agent = make.person(session, "agent@acme.example", name="Agnes Agent")
        make.vendor_member(session, world.acme.vendor, agent, VendorRole.AGENT)
        other = make.invoice(session, world.acme, world.cobalt, number="A-2")
    act(answer, ask(), body="By the owner.")
    second = ask(about=other)
    with house.database.transaction(EVERYTHING) as session:
        found = session.get_one(Thread, second.id)
        answer(session, house=house, thread=found, person=agent, body="By the agent.", now=NOW)
    hers, owners = (
        words(signed_in(app, agent).get("/desk/scorecard")),
        words(signed_in(app, world.acme.person).get("/desk/scorecard")),
    )
    assert "Agnes Agent" in hers
    assert "owner@acme.example" not in hers
    assert "Agnes Agent" in owners
    assert "owner@acme.example" in owners


def test_own_and_automatic_messages_move_no_figure(
    house: House, world: World, acme: FlaskClient, ask: Ask, act: Any
) -> None:
    """[G2 inv-Q3 inv-N5]"""
    thread = ask()
    with house.database.transaction(EVERYTHING) as session:
        facts = {
            "vendor_id": thread.vendor_id,
            "customer_id": thread.customer_id,
            "thread_id": thread.id,
            "via": "mail",
        }
        session.add(Message(**facts, side=Side.VENDOR, body="Out of office", is_automatic=True, created_at=NOW - HOUR))
    assert "The clock runs from a question" in words(acme.get("/desk"))
    act(answer, thread, body="Order 4711.")
    assert "half within 2 h" in words(acme.get("/desk?box=closed"))


def test_an_empty_desk_says_what_will_stand_there(acme: FlaskClient) -> None:
    """[G1 G2]"""
    text = words(acme.get("/desk"))
    assert "All answered" in text
    assert "The clock runs from a question" in text


# --- a conversation ---------------------------------------------------------------------------------------------------


def test_the_thread_page_shows_the_invoices_as_they_are_now(acme: FlaskClient, ask: Ask) -> None:
    """[F1 F8] What was said, by whom, and what is owed."""
    text = words(acme.get(f"/desk/threads/{ask().id}"))
    for shown in (
        "Invoice A-1",
        "Cobalt",
        "14 days overdue",
        "USD 1,250.00",
        "Which order is this for?",
        "waiting for 2 h",
    ):
        assert shown in text


def test_who_did_not_sign_in_is_shown_as_claimed(acme: FlaskClient, ask: Ask) -> None:
    """[inv-Q2 inv-D4]"""
    thread = ask(person=None, via="link", said_by="The boss")
    assert "The boss (name as given, not signed in)" in words(acme.get(f"/desk/threads/{thread.id}"))


def test_an_answer_is_stored_and_mailed_and_shown(house: House, acme: FlaskClient, ask: Ask) -> None:
    """[F9 004-10 inv-Q1]"""
    thread = ask()
    answered = acme.post(f"/desk/threads/{thread.id}/answer", data={"body": "Order 4711."}, follow_redirects=True)
    assert "Sent." in answered.text
    assert "Order 4711." in words(acme.get(f"/desk/threads/{thread.id}"))
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Thread, thread.id).state == ThreadState.WAITING_CUSTOMER
        mail = session.execute(select(Outgoing).where(Outgoing.kind == OutgoingKind.ANSWER)).scalar_one()
    assert mail.address == "ap@cobalt.example"


def test_an_empty_answer_comes_back_with_its_reason(acme: FlaskClient, ask: Ask) -> None:
    """[F9]"""
    page = acme.post(f"/desk/threads/{ask().id}/answer", data={"body": "  "})
    assert page.status_code == 422
    assert "Write a few words first." in words(page)


def test_too_long_an_answer_is_not_lost(acme: FlaskClient, ask: Ask) -> None:
    """[F9] What was typed stands in the form again."""
    page = acme.post(f"/desk/threads/{ask().id}/answer", data={"body": "word " * 900})
    assert page.status_code == 422
    assert page.text.count("word ") > 800


def test_closing_asks_how_it_ended(house: House, acme: FlaskClient, ask: Ask) -> None:
    """[F11] Without a result nothing closes."""
    thread = ask()
    refused = acme.post(f"/desk/threads/{thread.id}/close", data={"result": "", "body": ""})
    assert refused.status_code == 422
    assert "Choose how it ended." in words(refused)
    acme.post(f"/desk/threads/{thread.id}/close", data={"result": "credited"})
    assert "Closed: credited" in words(acme.get(f"/desk/threads/{thread.id}"))


def test_a_reader_is_offered_nothing_and_may_do_nothing(
    house: House, world: World, reader: FlaskClient, ask: Ask
) -> None:
    """[G1 inv-I4] Every page opens, every act is refused."""
    thread = ask()
    page = words(reader.get(f"/desk/threads/{thread.id}"))
    assert "Your role reads only" in page
    assert "Send answer" not in page
    for path in (
        f"/desk/threads/{thread.id}/answer",
        f"/desk/threads/{thread.id}/close",
        f"/desk/invoices/{world.acme_invoice.id}/hold",
        f"/desk/invoices/{world.acme_invoice.id}/release",
        "/desk/profile",
    ):
        assert reader.post(path, data={"body": "x", "result": "paid"}).status_code == 403
    with house.database.reading(EVERYTHING) as session:
        assert session.execute(select(Hold)).first() is None
        assert len(session.execute(select(Message)).all()) == 1


def test_hostile_words_are_shown_as_words(acme: FlaskClient, ask: Ask) -> None:
    """[F1 inv-A3]"""
    page = acme.get(f"/desk/threads/{ask(body='<script>alert(1)</script>').id}")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


# --- invoices ---------------------------------------------------------------------------------------------------------


def test_each_shelf_holds_its_own(house: House, world: World, acme: FlaskClient) -> None:
    """[B13] Open, overdue, soon, without address, on hold, settled; totals per currency above."""
    with house.database.transaction(EVERYTHING) as session:
        make.invoice(session, world.acme, world.cobalt, number="SOON", due_on=date(2026, 11, 28), amount="10.00")
        far = make.invoice(session, world.acme, world.cobalt, number="FAR", due_on=date(2027, 2, 1), amount="20.00")
        make.invoice(session, world.acme, None, number="LOST", due_on=date(2027, 2, 2), currency="EUR", amount="5.00")
        paid = make.invoice(session, world.acme, world.cobalt, number="DONE", state=InvoiceState.PAID)
        paid.balance_minor = 0
        session.add(Hold(vendor_id=far.vendor_id, invoice_id=far.id, kind=HoldKind.VENDOR, ends_at=NOW + HOUR))
    numbers = ("A-1", "SOON", "FAR", "LOST", "DONE", "B-1")
    shelves = ("open", "overdue", "soon", "no_address", "on_hold", "settled")
    pages = {shelf: words(acme.get(f"/desk/invoices?shelf={shelf}")) for shelf in shelves}
    rows = {shelf: {one for one in numbers if f" {one} " in pages[shelf]} for shelf in shelves}
    assert rows == {
        "open": {"A-1", "SOON", "FAR", "LOST"},
        "overdue": {"A-1"},
        "soon": {"SOON"},
        "no_address": {"LOST"},
        "on_hold": {"FAR"},
        "settled": {"DONE"},
    }
    assert "USD 1,280.00 open, of which USD 1,250.00 overdue" in pages["open"]
    assert "EUR 5.00 open, of which EUR 0.00 overdue" in pages["open"]
    assert "4 open, 1 overdue" in pages["open"]
    assert "On hold by you" in pages["on_hold"]


def test_pages_follow_each_other_without_gap_or_repeat(house: House, world: World, acme: FlaskClient) -> None:
    """[G1 B13] Sixty invoices, many due on the same day, some without a day; by the links, as a reader goes."""
    with house.database.transaction(EVERYTHING) as session:
        for number in range(60):
            due_on = None if number % 10 == 0 else date(2026, 12, 1 + number % 3)
            make.invoice(session, world.acme, world.cobalt, number=f"P{number:02}", due_on=due_on)
    seen: list[str] = []
    path: str | None = "/desk/invoices"
    while path:
        page = acme.get(path)
        seen += re.findall(r"<strong class=.money.>(P\d\d|A-1)</strong>", page.text)
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        path = following.group(1).replace("&amp;", "&") if following else None
    assert sorted(seen) == sorted(["A-1", *(f"P{number:02}" for number in range(60))])


def test_the_queue_pages_follow_each_other(house: House, world: World, acme: FlaskClient, ask: Ask) -> None:
    """[G1] Waiting since the same instant, all of them."""
    with house.database.transaction(EVERYTHING) as session:
        bills = [make.invoice(session, world.acme, world.cobalt, number=f"P{number:02}") for number in range(30)]
    for bill in bills:
        ask(about=bill)
    for box in ("waiting", "all"):
        first = acme.get(f"/desk?box={box}")
        following = re.search(r'rel="next" href="([^"]+)"', first.text)
        assert following
        second = acme.get(following.group(1).replace("&amp;", "&"))
        pages = [re.findall(r'small">Invoice (P\d\d)', page.text) for page in (first, second)]
        assert [len(page) for page in pages] == [25, 5]
        assert len(set(pages[0] + pages[1])) == 30


@pytest.mark.parametrize("after", ["x", "2026-11-01~x", "~", "2026-11-01T00:00:00~" + str(UUID(int=7))])
def test_a_broken_address_is_read_as_the_first_page(acme: FlaskClient, after: str) -> None:
    """[G1] And so are boxes and shelves that do not exist."""
    for path, key in (("/desk", "box"), ("/desk/invoices", "shelf")):
        assert acme.get(path, query_string={"after": after, key: "none"}).status_code == 200
        assert acme.get(path, query_string={"q": "\0"}).status_code == 400


def test_the_invoice_page_tells_what_happened(
    house: House, world: World, acme: FlaskClient, ask: Ask, act: Any
) -> None:
    """[A8 B14 F11] Changes of the books, dates of reminders, holds and questions, newest first."""
    bill = world.acme_invoice
    with house.database.transaction(EVERYTHING) as session:
        facts = {"vendor_id": bill.vendor_id, "invoice_id": bill.id, "state": InvoiceState.OPEN, "total_minor": 125000}
        session.add(InvoiceChange(**facts, at=NOW - 90 * HOUR, balance_minor=125000, due_on=date(2026, 11, 2)))
        session.add(InvoiceChange(**facts, at=NOW - 60 * HOUR, balance_minor=100000, due_on=date(2026, 11, 9)))
        _digest(session, world, at=NOW - 50 * HOUR)
    act(close_thread, ask(), result="corrected")
    text = words(acme.get(f"/desk/invoices/{bill.id}"))
    steps = (
        "The question was closed: corrected",
        "The customer wrote about it",
        "In a reminder to ap@cobalt.example",
        "USD 250.00 was paid or credited; USD 1,000.00 is still open",
        "First seen in your books: USD 1,250.00",
    )
    positions = [text.index(step) for step in steps]
    assert positions == sorted(positions)


def test_the_invoice_page_says_what_it_is_for_as_the_customer_reads_it(
    house: House, world: World, acme: FlaskClient
) -> None:
    """[A16 003-4 003-7] Lines, terms and the parts it falls due in."""
    with house.database.transaction(EVERYTHING) as session:
        bill = session.get_one(Invoice, world.acme_invoice.id)
        line = {"text": "Oak boards", "quantity": "2", "each": 50000, "minor": 100000}
        bill.details = {"terms": "Net 30", "lines": [line]}
        bill.instalments = [["2026-11-09", 62500, 62500], ["2026-12-09", 62500, 62500]]
    text = words(acme.get(f"/desk/invoices/{world.acme_invoice.id}"))
    for said in ("Terms Net 30", "1 line", "Oak boards 2 × USD 500.00 USD 1,000.00", "like USD 250.00", "9 Dec 2026"):
        assert said in text.replace("\N{NO-BREAK SPACE}", " ")


def test_of_a_reminder_the_vendor_learns_the_date_and_nothing_else(
    house: House, world: World, acme: FlaskClient
) -> None:
    """[B7 inv-I2 D22] The digest also had Birch's line, went to a mailbox, had a reason: none of it shows. One that was
    not sent, or where the line was beyond the cap, is no date at all."""
    with house.database.transaction(EVERYTHING) as session:
        _digest(session, world, at=NOW - 50 * HOUR)
        _digest(session, world, at=None, window="2026-11-20")
        _digest(session, world, at=NOW - 99 * HOUR, window="2026-11-18", is_shown=False)
    page = acme.get(f"/desk/invoices/{world.acme_invoice.id}")
    assert words(page).count("In a reminder") == 1
    for foreign in ("Birch", "B-1", "JPY", "80,000", "because"):
        assert foreign not in without_tokens(page.text)


def _digest(session: Any, world: World, at: datetime | None, window: str = "2026-W47", is_shown: bool = True) -> None:
    """A digest to Cobalt with a line of Acme and one of Birch."""
    sent = Digest(
        customer_id=world.cobalt.customer.id, mailbox_id=world.cobalt.mailbox.id, window=window, due_at=NOW,
        outcome=Outcome.ACCEPTED if at else Outcome.HELD, accepted_at=at, reason="because",
    )  # fmt: skip
    session.add(sent)
    session.flush()
    for line, bill in enumerate((world.acme_invoice, world.birch_invoice), 1):
        session.add(
            DigestLine(
                digest_id=sent.id,
                line=line,
                customer_id=sent.customer_id,
                vendor_id=bill.vendor_id,
                invoice_id=bill.id,
                kind=LineKind.DUE,
                is_shown=is_shown,
                vendor_name="Birch" if line == 2 else "Acme",
                number=bill.number,
                currency=bill.currency,
                amount_minor=bill.due_minor,
                total_minor=bill.total_minor,
            )
        )


def test_a_hold_is_set_changed_and_ended(house: House, world: World, acme: FlaskClient) -> None:
    """[A8] Until the end of the chosen day in the vendor's zone; both sides can read why."""
    path = f"/desk/invoices/{world.acme_invoice.id}"
    held = acme.post(f"{path}/hold", data={"day": "2026-12-01", "note": "Goods come back"}, follow_redirects=True)
    assert "Out of reminders until 2 Dec 2026: Goods come back" in words(held)
    acme.post(f"{path}/hold", data={"day": "2026-12-05", "note": "Later"})
    with house.database.reading(EVERYTHING) as session:
        live = session.execute(select(Hold).where(Hold.ended_at.is_(None))).scalars().all()
    assert [(hold.note, hold.kind) for hold in live] == [("Later", HoldKind.VENDOR)]
    ended = acme.post(f"{path}/release", follow_redirects=True)
    assert "The hold is over." in ended.text
    assert "End the hold now" not in ended.text


@pytest.mark.parametrize(
    ("day", "note", "problem"),
    [
        ("", "why", "Choose a day from today on, within a year."),
        ("2026-11-22", "why", "Choose a day from today on, within a year."),
        ("2028-01-01", "why", "Choose a day from today on, within a year."),
        ("2026-12-01", " ", "Say why; your customer can read it."),
        ("2026-12-01", "w" * 201, "At most 200 characters."),
    ],
)
def test_a_hold_needs_an_end_and_a_reason(
    house: House, world: World, acme: FlaskClient, day: str, note: str, problem: str
) -> None:
    """[A8]"""
    page = acme.post(f"/desk/invoices/{world.acme_invoice.id}/hold", data={"day": day, "note": note})
    assert page.status_code == 422
    assert problem in words(page)
    with house.database.reading(EVERYTHING) as session:
        assert session.execute(select(Hold)).first() is None


def test_the_invoice_page_says_whether_it_is_asked_for_next_and_why_not(
    house: House, world: World, acme: FlaskClient, ask: Ask
) -> None:
    """[J1 D22] In the planner's own words; what the customer decided about the vendor stays the customer's."""

    def said(bill: Invoice) -> str:
        return words(acme.get(f"/desk/invoices/{bill.id}")).split("Next reminder ")[1].split(" Reminders go to")[0]

    with house.database.transaction(EVERYTHING) as session:
        lost = make.invoice(session, world.acme, None)
        held = make.invoice(session, world.acme, world.cobalt, number="A-9")
        session.add(Hold(vendor_id=held.vendor_id, invoice_id=held.id, kind=HoldKind.VENDOR, ends_at=NOW + 48 * HOUR))
        facts = {"customer_id": world.cobalt.customer.id, "vendor_id": world.acme.vendor.id}
        session.add(Relation(**facts, muted_at=NOW, blocked_at=NOW))
    assert said(world.acme_invoice) == "Asked for: 14 days late"
    assert said(lost) == "No: it would reach nobody"
    assert said(held) == "Not before 25 Nov 2026: on hold by the supplier"
    ask()
    assert said(world.acme_invoice) == "Not before 25 Nov 2026: you are talking about it"
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, world.acme.vendor.id).trust = Trust.NEW
        session.add(StopSwitch(name=f"vendor:{world.birch.vendor.id}", reason="test", by="test", since=NOW))
    assert "stopped" not in said(world.acme_invoice)
    with house.database.transaction(EVERYTHING) as session:
        session.add(StopSwitch(name=f"vendor:{world.acme.vendor.id}", reason="test", by="test", since=NOW))
    assert "stopped by the operator" in said(world.acme_invoice)


# --- profile ----------------------------------------------------------------------------------------------------------

GOOD = {
    "name": "Acme & Sons",
    "colour": "#1D5A3C",
    "support_address": "Help@Acme.example",
    "country": "FR",
    "zone": "Europe/Paris",
    "opens_at": "8",
    "closes_at": "18",
}


def test_the_profile_is_saved_and_its_change_recorded(house: House, world: World, acme: FlaskClient) -> None:
    """[A13 inv-F2]"""
    saved = acme.post("/desk/profile", data=GOOD, follow_redirects=True)
    assert "Acme &amp; Sons" in saved.text
    with house.database.reading(EVERYTHING) as session:
        vendor = session.get_one(Vendor, world.acme.vendor.id)
        entry = session.execute(select(AuditEntry).where(AuditEntry.action == "vendor.changed")).scalar_one()
        birch = session.get_one(Vendor, world.birch.vendor.id)
    assert (vendor.name, vendor.colour, vendor.support_address) == ("Acme & Sons", "#1d5a3c", "help@acme.example")
    assert (vendor.country, vendor.zone, vendor.opens_at, vendor.closes_at) == ("FR", "Europe/Paris", 8, 18)
    assert entry.detail["name"] == ["Acme", "Acme & Sons"]
    assert birch.name == "Birch"


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("name", "", "Write the name"),
        ("name", "pay-acme.example", "No web or mail addresses"),
        ("name", "Acme 555 123 4567", "No telephone or account numbers"),
        ("name", "Acmе", "one alphabet"),  # the last letter is Cyrillic
        ("name", "Acme\u202e", "nothing invisible"),
        ("name", "A" * 51, "At most 50"),
        ("colour", "red;}", "looks like #1d5a3c"),
        ("support_address", "not an address", "not a mail address"),
        ("country", "XX", "country of the list"),
        ("zone", "Mars/Base", "time zone of the list"),
        ("opens_at", "18", "Open before you close"),
        ("closes_at", "25", "Open before you close"),
        ("opens_at", "-1", "Open before you close"),
    ],
)
def test_the_profile_refuses_what_it_would_not_show(
    house: House, world: World, acme: FlaskClient, field: str, value: str, problem: str
) -> None:
    """[A13 inv-A3] With the reason at the field; nothing is saved."""
    page = acme.post("/desk/profile", data={**GOOD, field: value})
    assert page.status_code == 422
    assert problem in words(page)
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Vendor, world.acme.vendor.id).name == "Acme"


def test_who_takes_another_name_has_to_prove_it(house: House, world: World, acme: FlaskClient) -> None:
    """[A13 inv-A3] Verified as Acme is not verified as Birch. A legal form is no other name; going back is proof."""

    def rename(name: str) -> Trust:
        assert acme.post("/desk/profile", data={**GOOD, "name": name}).status_code == 303
        with house.database.reading(EVERYTHING) as session:
            return session.get_one(Vendor, world.acme.vendor.id).trust

    assert [rename(name) for name in ("Acme Ltd.", "Birch", "ACME")] == [Trust.VERIFIED, Trust.NEW, Trust.VERIFIED]
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, world.acme.vendor.id).trust = Trust.SUSPENDED
    assert rename("Acme") == Trust.SUSPENDED


def test_the_profile_says_what_is_proven(house: House, world: World, acme: FlaskClient) -> None:
    """[A13] Trust with its reason, and whether anything is sent."""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, world.acme.vendor.id).trust_reason = "The company of your books is Acme."
    text = words(acme.get("/desk/profile"))
    for shown in ("Verified", "The company of your books is Acme.", "Live since 23 Nov 2026"):
        assert shown in text


# --- the others -------------------------------------------------------------------------------------------------------


def test_another_vendors_ids_look_like_ids_that_never_were(
    house: House, world: World, acme: FlaskClient, ask: Ask
) -> None:
    """[B7 inv-I1 inv-I2] On every page and every act of the desk: the same 404, the same body, nothing changed."""
    theirs = ask(of=world.birch, about=world.birch_invoice)
    never = uuid4()

    def paths(thread_id: UUID, invoice_id: UUID) -> list[tuple[str, str]]:
        return [
            ("GET", f"/desk/threads/{thread_id}"),
            ("POST", f"/desk/threads/{thread_id}/answer"),
            ("POST", f"/desk/threads/{thread_id}/close"),
            ("GET", f"/desk/invoices/{invoice_id}"),
            ("POST", f"/desk/invoices/{invoice_id}/hold"),
            ("POST", f"/desk/invoices/{invoice_id}/release"),
        ]

    data = {"body": "Hello", "result": "paid", "day": "2026-12-01", "note": "why"}
    for (method, foreign), (_, missing) in zip(
        paths(theirs.id, world.birch_invoice.id), paths(never, never), strict=True
    ):
        answers = [
            acme.open(path, method=method, data=data if method == "POST" else None) for path in (foreign, missing)
        ]
        assert [page.status_code for page in answers] == [404, 404]
        assert answers[0].data == answers[1].data
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Thread, theirs.id).state == ThreadState.WAITING_VENDOR
        assert session.execute(select(Hold)).first() is None


def test_no_page_names_another_vendor(world: World, acme: FlaskClient, ask: Ask) -> None:
    """[B7 inv-I2] Cobalt owes both and asks both; Acme's desk has not heard of Birch."""
    mine = ask()
    ask(of=world.birch, about=world.birch_invoice, body="A secret of Birch")
    for path in (
        "/desk?box=all",
        f"/desk/threads/{mine.id}",
        "/desk/invoices",
        "/desk/invoices?shelf=settled",
        f"/desk/invoices/{world.acme_invoice.id}",
        "/desk/profile",
    ):
        page = acme.get(path)
        assert page.status_code == 200
        for foreign in ("Birch", "birch", "B-1", "JPY", "secret"):
            assert foreign not in without_tokens(page.text)


def test_customers_and_strangers_have_no_desk(app: Flask, world: World, client: FlaskClient) -> None:
    """[B7 inv-I1] A customer finds nothing; nobody is asked to sign in first."""
    customer = signed_in(app, world.cobalt.person)
    for path in ("/desk", "/desk/invoices", "/desk/profile"):
        assert customer.get(path).status_code == 404
        assert client.get(path).status_code == 302


# --- what it costs ----------------------------------------------------------------------------------------------------


def test_pages_cost_the_same_for_one_row_and_for_many(
    app: Flask, house: House, world: World, acme: FlaskClient, ask: Ask, act: Any
) -> None:
    """[G1 B13] The number of statements does not follow the number of rows."""
    thread = ask()
    act(answer, thread, body="One.")
    act(answer, thread, body="Two.", now=NOW + HOUR)
    paths = {
        "/desk?box=all": 9,
        "/desk/invoices": 7,
        f"/desk/threads/{thread.id}": 16,
        f"/desk/invoices/{world.acme_invoice.id}": 23,
    }
    few = {path: _cost(house, acme, path) for path in paths}
    with house.database.transaction(EVERYTHING) as session:
        bills = [make.invoice(session, world.acme, world.cobalt, number=f"M-{number}") for number in range(24)]
    for number, bill in enumerate(bills):
        ask(about=bill, now=NOW - timedelta(hours=24 - number))
        ask(about=world.acme_invoice, body=f"More {number}", now=NOW - timedelta(hours=24 - number))
    many = {path: _cost(house, acme, path) for path in paths}
    assert few == many
    assert all(many[path] <= most for path, most in paths.items()), many


def _cost(house: House, browser: FlaskClient, path: str) -> int:
    with statements(house.database) as said:
        assert browser.get(path).status_code == 200
    return len(said)
