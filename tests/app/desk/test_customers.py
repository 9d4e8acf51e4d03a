"""One page for one customer: everything between the two, nothing of anybody else's; tasks, and the record."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.care.jobs import tell_first_late
from app.claims.actions import Claimant, claim
from app.claims.endings import end_claims
from app.claims.rules import Dispute, Promise
from app.conversations.actions import answer, ask_question
from app.conversations.rules import ByMail
from app.house import House
from app.later import later
from app.models import (
    AuditEntry,
    BillTo,
    ContactKind,
    Hold,
    Invoice,
    InvoiceState,
    OfflineContact,
    Outgoing,
    OutgoingKind,
    Payment,
    Person,
    TaskKind,
    VendorRole,
    VendorTask,
)
from app.scope import CustomerScope
from tests.support import world as make
from tests.support.house import signed_in, without_tokens, words
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # nothing in it is the database's own


@pytest.fixture
def bill_to(house: House, world: World) -> BillTo:
    """Cobalt in Acme's books."""
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(BillTo).where(BillTo.vendor_id == world.acme.vendor.id)).scalar_one()


def _payment(world: World, bill_to: BillTo) -> Payment:
    return Payment(
        vendor_id=world.acme.vendor.id, connection_id=world.acme.connection.id, bill_to_id=bill_to.id,
        customer_id=world.cobalt.customer.id, external_id="p-1", version=1, content_hash=0, paid_on=date(2026, 10, 3),
        currency="USD", exponent=2, amount_minor=120000, method="Bank transfer",
    )  # fmt: skip


def test_one_page_holds_everything_between_the_two(
    house: House, world: World, acme: FlaskClient, mia: Person, bill_to: BillTo
) -> None:
    """[G7 000-3 001-1 002-8 004-24 B14] Rows, mails as sent, what was said, held, paid and noted, on one timeline."""
    with house.database.transaction(EVERYTHING) as session:
        late = make.invoice(session, world.acme, world.cobalt, number="A-2", po_number="PO-7", amount="80.00")
        make.digest(session, world.cobalt, [late, world.birch_invoice])
        session.get_one(Invoice, late.id).balance_minor = 5000  # the mail said what it said
        thread = ask_question(
            session, house=house, vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id,
            mailbox_id=world.cobalt.mailbox.id, invoice_ids=[late.id], body="Which order?", now=NOW, via="link",
            said_by="Paula",
        )  # fmt: skip
        answer(session, house=house, thread=thread, person=mia, body="Order 4711.", now=NOW + timedelta(hours=1))
        session.add(_payment(world, bill_to))
    acme.post(f"/desk/invoices/{late.id}/hold", data={"day": "2026-12-18", "note": "Agreed by phone"})
    acme.post(f"/desk/customers/{bill_to.id}/facts", data={"field": "terms", "value": "45 days net"})
    acme.post(f"/desk/customers/{bill_to.id}/facts", data={"field": "location", "value": "Hall 3, gate B"})
    acme.post(
        f"/desk/customers/{bill_to.id}/contacts",
        data={"kind": "talk", "said_on": "2026-11-20", "said_by": "Paula", "words": "They move in spring"},
    )
    acme.post(f"/desk/threads/{thread.id}/notes", data={"body": "Be kind to them"})
    text = words(acme.get(f"/desk/customers/{bill_to.id}"))
    for shown in (
        "USD 1,300.00", "A-1", "A-2", "Order PO-7", "On hold by you until 19 Dec 2026", "Agreed by phone",
        "A mail asked for 1 invoice: A-2", "USD 80.00", "Paula wrote", "Which order?", "Mia answered", "Order 4711.",
        "USD 1,200.00 paid, by your books", "45 days net", "Hall 3, gate B", "owner@acme.example, 23 Nov 2026",
        "Bank transfer payments in your books, since 3 Oct 2026", "ap@cobalt.example your books", "1 conversation",
        "They move in spring", "We talked", "owner@acme.example noted : Be kind to them",
    ):  # fmt: skip
        assert shown in text, shown
    assert "B-1" not in text
    assert "Birch" not in text
    acme.post(f"/desk/customers/{bill_to.id}/facts", data={"field": "terms", "value": ""})
    assert "45 days net" not in words(acme.get(f"/desk/customers/{bill_to.id}"))


def test_customers_are_listed_by_name_searched_and_paged(house: House, world: World, acme: FlaskClient) -> None:
    """[G7 inv-I2] Each with its sums per currency; another vendor's are not there."""
    with house.database.transaction(EVERYTHING) as session:
        for number in range(30):
            make.bill_to(session, world.acme, None, name=f"Customer {number:02}")
        make.invoice(session, world.acme, world.cobalt, amount="50.00", currency="EUR")
        make.bill_to(session, world.birch, world.outsider, name="Customer of Birch")
    page = acme.get("/desk/customers")
    assert "EUR 50.00" in page.text.replace("\u00a0", " ")
    assert "USD 1,250.00" in page.text.replace("\u00a0", " ")
    following = re.search(r'rel="next" href="([^"]+)"', page.text)
    assert following
    second = acme.get(following.group(1).replace("&amp;", "&"))
    seen = re.findall(r"<bdi>(Customer \d\d|Cobalt)</bdi>", page.text + second.text)
    assert seen == ["Cobalt", *(f"Customer {number:02}" for number in range(30))]
    assert "Customer of Birch" not in page.text + second.text
    assert "Nothing found" in words(acme.get("/desk/customers?q=Birch"))
    assert "Customer 07" in words(acme.get("/desk/customers?q=mer 07"))


@on_sqlite
def test_another_vendors_customer_is_not_there(
    app: Flask, house: House, world: World, acme: FlaskClient, bill_to: BillTo
) -> None:
    """[G7 inv-I1]"""
    birch = signed_in(app, world.birch.person)
    for path in ("", "/contacts", "/facts", "/owner", "/seen"):
        method = birch.post if path else birch.get
        assert method(f"/desk/customers/{bill_to.id}{path}", data={"field": "terms", "kind": "talk"}).status_code == 404


def test_the_page_costs_the_same_for_one_row_and_for_many(
    app: Flask, house: House, world: World, acme: FlaskClient, mia: Person, bill_to: BillTo
) -> None:
    """[G7 B13]"""

    def cost(path: str) -> int:
        with statements(house.database) as sent:
            acme.get(path)
        return len(sent)

    def grow(count: int) -> None:
        with house.database.transaction(EVERYTHING) as session:
            bills = [make.invoice(session, world.acme, world.cobalt) for _ in range(count)]
            make.digest(session, world.cobalt, bills)
            for bill in bills:
                ask_question(
                    session, house=house, vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id,
                    mailbox_id=None, invoice_ids=[bill.id], body=f"What is {bill.number}?", now=NOW, via="page",
                    person=world.cobalt.person,
                )  # fmt: skip
                make.bill_to(session, world.acme, None, name=bill.number)

    grow(1)
    paths = (f"/desk/customers/{bill_to.id}", "/desk/customers")
    few = [cost(path) for path in paths]
    grow(12)
    assert [cost(path) for path in paths] == few
    assert few[0] <= 28
    assert few[1] <= 7


# --- told elsewhere ---------------------------------------------------------------------------------------------------


@on_sqlite
@pytest.mark.parametrize(
    ("kind", "more", "rests_until"),
    [
        ("error", {"reason": "quantity"}, None),
        ("promise", {"promised_on": "2026-12-04"}, date(2026, 12, 7)),
        ("paid", {}, date(2026, 12, 4)),
    ],
)
def test_what_was_told_on_the_telephone_is_written_down(
    house: House, world: World, acme: FlaskClient, bill_to: BillTo, kind: str, more: dict[str, str], rests_until: Any
) -> None:
    """[G9 001-1 004-20 D12] With who said it and when; what was promised or said to be paid rests meanwhile."""
    data = {"kind": kind, "invoice": str(world.acme_invoice.id), "said_on": "2026-11-20", "words": "Said so", **more}
    page = acme.post(f"/desk/customers/{bill_to.id}/contacts", data=data, follow_redirects=True)
    assert "Said so" in words(page)
    with house.database.reading(EVERYTHING) as session:
        contact = session.execute(select(OfflineContact)).scalar_one()
        holds = session.execute(select(Hold)).scalars().all()
    assert (contact.kind, contact.invoice_id, contact.said_on) == (kind, world.acme_invoice.id, date(2026, 11, 20))
    assert contact.reason == more.get("reason", "")
    assert [hold.ends_at.date() for hold in holds] == ([rests_until] if rests_until else [])


@on_sqlite
@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"kind": "error"}, "Choose the invoice they spoke of."),
        ({"kind": "promise", "invoice": "own"}, "Choose the day they promised"),
        ({"kind": "talk", "said_on": "2027-01-01"}, "Choose the day you were told"),
        ({"kind": "gossip"}, "Choose what they told you."),
        ({"kind": "error", "invoice": "foreign"}, "Choose the invoice they spoke of."),
    ],
)
def test_what_cannot_have_been_told_comes_back_with_its_reason(
    house: House, world: World, acme: FlaskClient, bill_to: BillTo, given: dict[str, str], problem: str
) -> None:
    """[G9 inv-I1] An invoice of another vendor's is none."""
    ids = {"own": str(world.acme_invoice.id), "foreign": str(world.birch_invoice.id)}
    data = {name: ids.get(value, value) for name, value in given.items()}
    page = acme.post(f"/desk/customers/{bill_to.id}/contacts", data=data)
    assert page.status_code == 422
    assert problem in words(page)
    with house.database.reading(EVERYTHING) as session:
        assert session.execute(select(OfflineContact)).all() == []
    assert set(ContactKind) == {"error", "promise", "paid", "talk"}


# --- as the customer sees it ------------------------------------------------------------------------------------------


def test_the_vendor_looks_at_its_own_slice_as_the_customer_does(
    app: Flask, house: House, world: World, acme: FlaskClient, bill_to: BillTo
) -> None:
    """[B12 inv-I2 inv-L1] Its own rows, word for word, and nothing to press; that somebody looked is on record."""
    path = f"/desk/customers/{bill_to.id}/seen"
    assert acme.get(path).status_code == 405
    page = acme.post(path)
    inbox = signed_in(app, world.cobalt.person).get("/inbox")
    for shown in ("A-1", "Acme", "14 days late", "USD 1,250.00"):
        assert shown in words(page)
        assert shown in words(inbox)
    assert "B-1" in inbox.text
    assert "B-1" not in without_tokens(page.text)
    assert "<form" not in page.text.split("<main", 1)[1]
    with house.database.reading(EVERYTHING) as session:
        entry = session.execute(select(AuditEntry).where(AuditEntry.action == "customer.looked_as")).scalar_one()
    assert (entry.person_id, entry.subject_id) == (world.acme.person.id, bill_to.id)


# --- the record and the tasks -----------------------------------------------------------------------------------------


def test_the_record_tells_who_did_what_and_nothing_of_what_customers_decide(
    app: Flask, house: House, world: World, acme: FlaskClient, mia: Person, bill_to: BillTo
) -> None:
    """[G8 001-2 inv-I2 inv-F2] By kind and by colleague; for those who manage; Birch's own is Birch's."""
    agent = signed_in(app, mia)
    hold = {"day": "2026-12-18", "note": "Agreed"}
    agent.post(f"/desk/invoices/{world.acme_invoice.id}/hold", data=hold)
    acme.post(f"/desk/customers/{bill_to.id}/facts", data={"field": "terms", "value": "45 days"})
    signed_in(app, world.birch.person).post(f"/desk/invoices/{world.birch_invoice.id}/hold", data=hold)
    inbox = signed_in(app, world.cobalt.person)
    for act in ("mute", "block"):
        inbox.post(f"/inbox/suppliers/{world.acme.vendor.id}", data={"act": act})
    text = words(acme.get("/desk/record"))
    assert "Held an invoice Mia" in text
    assert "Described a customer owner@acme.example Terms agreed" in text
    assert text.count("Held an invoice") == 1
    assert "block" not in text.lower()
    assert "mute" not in text.lower()
    assert "Held an invoice" not in words(acme.get("/desk/record?kind=customers"))
    assert "Described" not in words(acme.get(f"/desk/record?who={mia.id}"))
    assert agent.get("/desk/record").status_code == 403


@on_sqlite
def test_roles_do_what_their_names_say(app: Flask, house: House, world: World, bill_to: BillTo) -> None:
    """[G8 001-2] Everybody reads a customer's state; an agent answers; only who manages sees the record."""
    with house.database.transaction(EVERYTHING) as session:
        people = {role: make.person(session, f"{role}@acme.example") for role in VendorRole}
        for role, who in people.items():
            if who.id != world.acme.person.id:
                make.vendor_member(session, world.acme.vendor, who, role)
    seen = {}
    for role, who in people.items():
        browser = signed_in(app, who)
        seen[role] = (
            browser.get(f"/desk/customers/{bill_to.id}").status_code,
            browser.post(f"/desk/customers/{bill_to.id}/facts", data={"field": "terms"}).status_code,
            browser.get("/desk/record").status_code,
        )
    assert seen == {
        VendorRole.OWNER: (200, 303, 200),
        VendorRole.ADMIN: (200, 303, 200),
        VendorRole.AGENT: (200, 303, 403),
        VendorRole.READER: (200, 403, 403),
    }


@on_sqlite
def test_tasks_of_every_kind_have_words_and_are_done(house: House, world: World, acme: FlaskClient) -> None:
    """[G11] Customers without an address stand among them; what is done is gone, and kinds can be looked at alone."""
    with house.database.transaction(EVERYTHING) as session:
        for kind in TaskKind:
            facts = {"vendor_id": world.acme.vendor.id, "subject_key": str(world.acme_invoice.id)}
            session.add(VendorTask(kind=kind, told=later(f"About {kind}."), created_at=NOW, **facts))
        nobody = make.bill_to(session, world.acme, None, name="Nobody & Sons", issue="missing")
        owed = make.invoice(session, world.acme, None)
        owed.bill_to_id = nobody.id
    text = words(acme.get("/desk/tasks"))
    for kind in TaskKind:
        assert f"About {kind}." in text
    assert "Nobody &amp; Sons 1 open invoice, and no mail address" in text
    assert "About promise." not in words(acme.get("/desk/tasks?kind=call"))
    done = re.search(r'action="(/desk/tasks/[^"]+)"', acme.get("/desk/tasks?kind=call").text)
    assert done
    acme.post(done.group(1))
    assert "None of this kind" in words(acme.get("/desk/tasks?kind=call"))


@on_sqlite
def test_a_writer_the_books_do_not_know_becomes_a_task_once(house: House, world: World, acme: FlaskClient) -> None:
    """[G11 inv-Q2] By mail, from an address of nobody's; done is done."""

    def write(address: str, body: str) -> None:
        with house.database.transaction(EVERYTHING) as session:
            ask_question(
                session, house=house, vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id,
                mailbox_id=world.cobalt.mailbox.id, invoice_ids=[world.acme_invoice.id], body=body, now=NOW, via="mail",
                by_mail=ByMail(address, is_verified=False),
            )  # fmt: skip

    write("ap@cobalt.example", "One")
    assert "Nothing to do" in words(acme.get("/desk/tasks"))
    write("cfo@elsewhere.example", "Two")
    page = acme.get("/desk/tasks")
    assert "A mail says it is from cfo@elsewhere.example, which your books do not know." in words(page)
    acme.post(re.search(r'action="(/desk/tasks/[^"]+)"', page.text)[1])  # type: ignore[index]
    write("cfo@elsewhere.example", "Three")
    assert "Nothing to do" in words(acme.get("/desk/tasks"))


@pytest.mark.parametrize(
    ("settled_on", "is_told"), [(None, True), (date(2026, 9, 1), True), (date(2026, 9, 30), False)]
)
def test_the_owner_hears_of_the_first_lateness_only(
    house: House, world: World, mia: Person, bill_to: BillTo, settled_on: date | None, is_told: bool
) -> None:
    """[J8 001-9] Once; not of a customer that has paid late before; not without an owner."""
    assert tell_first_late(house) == 0
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(BillTo, bill_to.id).owner_id = mia.id
        if settled_on:
            at = NOW.replace(year=settled_on.year, month=settled_on.month, day=settled_on.day)
            facts: dict[str, Any] = {"state": InvoiceState.PAID, "balance_minor": 0, "settled_at": at}
            make.invoice(session, world.acme, world.cobalt, due_on=date(2026, 9, 15), **facts)
    assert [tell_first_late(house), tell_first_late(house)] == [1, 0]
    with house.database.reading(EVERYTHING) as session:
        told = session.execute(select(Outgoing.subject).where(Outgoing.kind == OutgoingKind.NOTICE)).scalars().all()
    assert told == (["Cobalt is late for the first time: invoice A-1"] if is_told else [])


@on_sqlite
def test_the_owner_is_copied_on_a_dispute_and_on_a_broken_promise(
    house: House, world: World, mia: Person, bill_to: BillTo
) -> None:
    """[J8 001-9 F3 F4] As the customer says it, and as the promised day has passed."""
    by = Claimant(world.cobalt.customer.id, world.cobalt.mailbox.id, "page", world.cobalt.person)
    scope, before = CustomerScope(world.cobalt.customer.id, world.cobalt.person.id), NOW - timedelta(days=12)
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(BillTo, bill_to.id).owner_id = mia.id
        other = make.invoice(session, world.acme, world.cobalt, number="A-2")
    about: dict[str, Any] = {"house": house, "by": by}
    with house.database.transaction(scope) as session:
        claim(session, invoice_id=other.id, said=Promise(before.date(), other.balance_minor), now=before, **about)
        said = Dispute("price", "credit", world.acme_invoice.balance_minor)
        claim(session, invoice_id=world.acme_invoice.id, said=said, now=NOW, words="Too dear", **about)
    end_claims(house)
    with house.database.reading(EVERYTHING) as session:
        query = select(Outgoing).where(Outgoing.kind == OutgoingKind.NOTICE, Outgoing.person_id == mia.id)
        told = {mail.subject: mail.text for mail in session.execute(query).scalars()}
    assert set(told) == {"Cobalt disputes invoice A-1", "Cobalt did not pay as promised: invoice A-2"}
    assert "Too dear" in told["Cobalt disputes invoice A-1"]
