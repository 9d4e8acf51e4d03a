"""The pages of the inbox: what they show to whom, and what their forms do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.conversations import actions as talk
from app.house import House
from app.models import (
    AuditEntry,
    Cadence,
    CustomerRole,
    Digest,
    Hold,
    HoldKind,
    Invoice,
    InvoiceState,
    Mailbox,
    Message,
    Outcome,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    Relation,
    Thread,
    Trust,
)
from app.outbox.rendering import TOKEN_PLACE
from app.scope import acting
from tests.support.house import signed_in, without_tokens
from tests.support.links import FakePayDesk, Sent, credit, hold, sent_digest, with_wings
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, World, customer_member, invoice, person, vendor

pytestmark = pytest.mark.usefixtures("fixed_clock")


@dataclass
class Inbox:
    """Cobalt's inbox as its administrator, a viewer and a stranger see it."""

    world: World
    house: House
    admin: FlaskClient
    viewer: FlaskClient
    stranger: FlaskClient
    provider: FakePayDesk
    app: Flask

    @property
    def bill(self) -> str:
        return f"/inbox/invoices/{self.world.acme_invoice.id}"

    def write(self, change: Callable[[Any], Any]) -> Any:
        with self.house.database.transaction(EVERYTHING) as session:
            return change(session)

    def read(self, table: type[Any]) -> list[Any]:
        with self.house.database.reading(EVERYTHING) as session:
            return list(session.execute(select(table)).scalars())

    def mailbox(self) -> Mailbox:
        with self.house.database.reading(EVERYTHING) as session:
            return session.get_one(Mailbox, self.world.cobalt.mailbox.id)


@pytest.fixture
def inbox(app: Flask, house: House, world: World) -> Inbox:
    provider = with_wings(app)
    with house.database.transaction(EVERYTHING) as session:
        eye = person(session, "eye@cobalt.example")
        customer_member(session, world.cobalt.customer, eye, CustomerRole.VIEWER)
    return Inbox(
        world=world,
        house=house,
        admin=signed_in(app, world.cobalt.person),
        viewer=signed_in(app, eye),
        stranger=signed_in(app, world.outsider.person),
        provider=provider,
        app=app,
    )


# --- the list -------------------------------------------------------------------------------------------------------


def test_it_shows_every_vendors_invoices_with_pay_and_ask(inbox: Inbox) -> None:
    """[B1 B13 C2 C4 004-6]"""
    page = inbox.admin.get("/inbox").text
    for words in ("Acme", "A-1", "USD\u00a01,250.00", "14 days late", "Birch", "JPY\u00a080,000", "Due in 4 days"):
        assert words in page
    assert page.count("/pay") == page.count("/ask") == 2
    assert "USD\u00a081" not in page  # nothing is added up across currencies


def test_it_counts_the_page_at_the_same_price_for_one_row_and_for_a_full_page_of_many_vendors(inbox: Inbox) -> None:
    """[B13] PERFORMANCE.md section 7, C4: at most 6 statements, the gate's two included; equal for 1 and 25 rows."""

    def price() -> int:
        with statements(inbox.house.database) as said:
            assert inbox.admin.get("/inbox").status_code == 200
        return len(said)

    inbox.write(lambda session: session.delete(session.get_one(Invoice, inbox.world.birch_invoice.id)))
    one = price()

    def fill(session: Any) -> None:
        for n in range(25):
            seller = vendor(
                session, f"Vendor {n}", address=f"owner@v{n}.example", currency=["USD", "EUR", "JPY"][n % 3]
            )
            for _ in range(2):
                made = invoice(session, seller, inbox.world.cobalt)
                hold(session, made, HoldKind.PROMISE)

    inbox.write(fill)
    assert price() == one <= 6


def test_it_shows_more_by_htmx_and_by_link(inbox: Inbox) -> None:
    """[B13]"""
    inbox.write(lambda session: [invoice(session, inbox.world.acme, inbox.world.cobalt) for _ in range(30)])
    first = inbox.admin.get("/inbox").text
    address = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    rows = inbox.admin.get(address, headers={"HX-Request": "true"}).text
    whole = inbox.admin.get(address).text
    assert "<html" not in rows
    assert rows.count("<tr>") == whole.split("<tbody>")[1].count("<tr>") == 7
    assert "Back to the beginning" in whole


def test_it_says_so_when_there_is_nothing(inbox: Inbox) -> None:
    assert "All settled" in inbox.stranger.get("/inbox").text
    assert "Nothing matches" in inbox.admin.get("/inbox?q=zzz").text
    assert "Nothing is settled yet" in inbox.admin.get("/inbox?tab=settled").text


def test_it_shows_credit_beside_what_is_owed_and_never_a_difference_across_currencies(inbox: Inbox) -> None:
    """[A9 C2]"""
    inbox.write(lambda session: credit(session, inbox.world.acme, inbox.world.cobalt, "110.00"))
    page = inbox.admin.get("/inbox").text
    assert "In your favour" in page
    assert "USD\u00a0110.00" in page


def test_a_viewer_sees_no_pay_and_cannot_pay(inbox: Inbox) -> None:
    """[B4 inv-I1]"""
    assert "/pay" not in inbox.viewer.get("/inbox").text
    assert "/pay" not in inbox.viewer.get(inbox.bill).text
    assert inbox.viewer.get(f"{inbox.bill}/pay").status_code == 403
    assert inbox.viewer.post(f"{inbox.bill}/pay", data={"shown": 125000}).status_code == 403
    assert inbox.viewer.post(f"/inbox/rhythm/{inbox.world.cobalt.mailbox.id}", data={"act": "stop"}).status_code == 403
    assert inbox.viewer.post(f"/inbox/suppliers/{inbox.world.acme.vendor.id}", data={"act": "block"}).status_code == 403
    assert inbox.provider.looked == []
    assert inbox.mailbox().reminders_off_at is None


def test_a_foreign_id_looks_exactly_like_a_missing_one(inbox: Inbox) -> None:
    """[B7 inv-I1]"""
    sent, thread = _sent(inbox), _asked(inbox)
    world = inbox.world
    places: list[tuple[str, UUID, str]] = [
        ("/inbox/invoices/{}", world.acme_invoice.id, "GET"),
        ("/inbox/invoices/{}/pay", world.acme_invoice.id, "GET POST"),
        ("/inbox/invoices/{}/ask", world.acme_invoice.id, "GET POST"),
        ("/inbox/threads/{}", thread, "GET POST"),
        ("/inbox/threads/{}/close", thread, "POST"),
        ("/inbox/digests/{}", sent.digest.id, "GET"),
        ("/inbox/digests/{}/mail", sent.digest.id, "GET"),
        ("/inbox/rhythm/{}", world.cobalt.mailbox.id, "POST"),
        ("/inbox/suppliers/{}", world.acme.vendor.id, "POST"),
    ]
    before = (inbox.read(Message), inbox.read(Relation), inbox.mailbox().next_digest_at)
    for place, theirs, methods in places:
        for method in methods.split():
            data = {"body": "Hello?", "act": "block" if "suppliers" in place else "stop", "shown": 125000}
            foreign = inbox.stranger.open(place.format(theirs), method=method, data=data)
            missing = inbox.stranger.open(place.format(uuid4()), method=method, data=data)
            assert foreign.status_code == missing.status_code == 404, (place, method)
            assert foreign.text == missing.text
    assert [len(rows) for rows in (inbox.read(Message), inbox.read(Relation))] == [len(before[0]), len(before[1])]
    assert inbox.provider.looked == []


# --- one invoice ----------------------------------------------------------------------------------------------------


def test_an_invoice_shows_its_facts_instalments_payments_and_history(inbox: Inbox) -> None:
    """[A10 B14 C3]"""

    def split(session: Any) -> None:
        bill = session.get_one(Invoice, inbox.world.acme_invoice.id)
        bill.instalments = [["2026-11-01", 25000, 0], ["2026-11-09", 100000, 100000]]
        bill.balance_minor = bill.due_minor = 100000
        bill.po_number = "PO-4711"

    inbox.write(split)
    page = inbox.admin.get(inbox.bill).text
    for words in (
        "PO-4711",
        "9 Nov 2026",
        "USD\u00a0250.00 settled",
        "USD\u00a01,000.00 open",
        "arrived from the supplier",
    ):
        assert words in page


def test_vendors_words_are_never_markup(inbox: Inbox) -> None:
    """[inv-A3]"""

    def rename(session: Any) -> None:
        session.get_one(Invoice, inbox.world.acme_invoice.id).number = "<script>alert(1)</script>"

    inbox.write(rename)
    for path in ("/inbox", inbox.bill, f"{inbox.bill}/pay", f"{inbox.bill}/ask"):
        page = inbox.admin.get(path).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


# --- pay ------------------------------------------------------------------------------------------------------------


def test_pay_names_vendor_amount_and_host_and_only_the_button_goes_there(inbox: Inbox) -> None:
    """[E1 E2 E7 inv-L1 inv-L7]"""
    page = inbox.admin.get(f"{inbox.bill}/pay").text
    for words in ("Acme", "USD\u00a01,250.00", "pay.quickbooks.example"):
        assert words in page
    assert inbox.provider.looked == inbox.provider.linked == []
    assert inbox.read(Hold) == []

    answer = inbox.admin.post(f"{inbox.bill}/pay", data={"shown": 125000, "host": "pay.quickbooks.example"})
    assert (answer.status_code, answer.location) == (303, inbox.provider.url)
    [started] = inbox.read(Hold)
    assert (started.kind, started.person_id) == (HoldKind.PAYING, inbox.world.cobalt.person.id)
    assert "Payment in progress" in inbox.admin.get("/inbox?mark=paying").text


def test_an_invoice_settled_meanwhile_is_not_paid_again(inbox: Inbox) -> None:
    """[E2]"""

    def settle(invoice_id: UUID) -> None:
        def pay(session: Any) -> None:
            bill = session.get_one(Invoice, invoice_id)
            bill.state, bill.balance_minor, bill.due_minor, bill.settled_at = InvoiceState.PAID, 0, 0, NOW

        inbox.write(pay)

    inbox.provider.on_look = settle
    answer = inbox.admin.post(f"{inbox.bill}/pay", data={"shown": 125000, "host": "pay.quickbooks.example"})
    assert answer.status_code == 200
    assert "settled on 23 Nov 2026" in answer.text
    assert inbox.provider.linked == []
    assert inbox.read(Hold) == []


# --- ask ------------------------------------------------------------------------------------------------------------


def test_a_question_and_the_vendors_notice_are_stored_before_it_says_sent(inbox: Inbox) -> None:
    """[F1 inv-Q1]"""
    answer = inbox.admin.post(f"{inbox.bill}/ask", data={"body": "Which order is this?"})
    assert answer.status_code == 303
    [message], [notice] = inbox.read(Message), inbox.read(Outgoing)
    assert message.body == "Which order is this?"
    assert (notice.kind, notice.person_id) == (OutgoingKind.QUESTION, inbox.world.acme.person.id)
    page = inbox.admin.get(answer.location).text
    assert "Sent to Acme" in page
    assert "Which order is this?" in page
    assert "Asked, no answer yet" in inbox.admin.get("/inbox").text


def test_an_empty_question_comes_back_with_what_is_wrong(inbox: Inbox) -> None:
    """[F1]"""
    answer = inbox.admin.post(f"{inbox.bill}/ask", data={"body": "  "})
    assert answer.status_code == 422
    assert "Write a few words first." in answer.text
    assert inbox.read(Message) == []


def test_a_quick_question_fills_the_words_and_sends_nothing(inbox: Inbox) -> None:
    """[F1 inv-L1]"""
    assert "Please send us a copy of this invoice.</textarea>" in inbox.admin.get(f"{inbox.bill}/ask?quick=copy").text
    assert inbox.read(Message) == []


def test_the_customer_writes_on_in_a_conversation(inbox: Inbox) -> None:
    """[F1]"""
    thread = _asked(inbox)
    place = f"/inbox/threads/{thread}"
    assert "Asked about" in inbox.admin.get("/inbox").text
    assert inbox.admin.post(place, data={"body": "Still waiting."}).status_code == 303
    assert "Still waiting." in inbox.admin.get(place).text
    assert inbox.admin.post(place, data={"body": ""}).status_code == 422
    assert "Invoice A-1" in inbox.admin.get("/inbox/threads").text


def test_the_customer_closes_what_needs_no_answer_any_more(inbox: Inbox) -> None:
    """[F11 inv-Q1] With a result of its own; the vendor's queue is rid of it, and writing opens it again."""
    thread = _asked(inbox)
    place = f"/inbox/threads/{thread}"
    for wrong in ("", "corrected"):
        refused = inbox.admin.post(f"{place}/close", data={"result": wrong})
        assert refused.status_code == 422
        assert "Choose how it ended." in refused.text
    assert inbox.admin.post(f"{place}/close", data={"result": "withdrawn"}).status_code == 303
    page = inbox.admin.get(place).text
    assert "withdrawn" in page
    assert "Close this question" not in page
    assert [each.state for each in inbox.read(Thread)] == ["closed"]
    inbox.admin.post(place, data={"body": "It is not settled after all."})
    assert [each.state for each in inbox.read(Thread)] == ["waiting_vendor"]


def test_conversations_page_by_key(inbox: Inbox) -> None:
    def talk_much(session: Any) -> None:
        for n in range(27):
            thread = Thread(
                vendor_id=inbox.world.acme.vendor.id,
                customer_id=inbox.world.cobalt.customer.id,
                subject=f"Subject {n}",
                created_at=NOW - timedelta(days=n // 2),
            )
            session.add(thread)
            session.flush()
            owners = {"vendor_id": thread.vendor_id, "customer_id": thread.customer_id, "thread_id": thread.id}
            session.add(Message(**owners, side="customer", via="page", body=f"Body {n}", created_at=thread.created_at))

    inbox.write(talk_much)
    first = inbox.admin.get("/inbox/threads").text
    address = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    rest = inbox.admin.get(address, headers={"HX-Request": "true"}).text
    shown = [page.count(f"Subject {n}<") for page in (first, rest) for n in range(27)]
    assert [a + b for a, b in zip(shown[:27], shown[27:], strict=True)] == [1] * 27
    assert rest.count("<tr>") == 2


# --- digests --------------------------------------------------------------------------------------------------------


def test_a_past_digest_shows_its_lines_and_its_mail_without_links(inbox: Inbox) -> None:
    """[D8 002-3 004-24]"""
    sent = _sent(inbox)

    def raise_price(session: Any) -> None:
        session.get_one(Invoice, inbox.world.acme_invoice.id).balance_minor = 1

    inbox.write(raise_price)
    page = inbox.admin.get(f"/inbox/digests/{sent.digest.id}")
    assert "USD\u00a01,250.00" in page.text
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    mail = inbox.admin.get(f"/inbox/digests/{sent.digest.id}/mail")
    assert "<h1>As sent</h1>" in mail.text
    assert "href" not in mail.text
    assert TOKEN_PLACE not in mail.text
    policy = mail.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "frame-ancestors 'self'" in policy
    assert mail.headers["Cache-Control"] == "no-store"


def test_the_digests_say_what_became_of_each_window_and_why(inbox: Inbox) -> None:
    """[inv-S2]"""
    _sent(inbox)

    def more(session: Any) -> None:
        box = inbox.world.cobalt.mailbox
        for n in range(30):
            session.add(
                Digest(
                    customer_id=box.customer_id, mailbox_id=box.id, window=f"w{n}", due_at=NOW, outcome=Outcome.HELD,
                    created_at=NOW - timedelta(days=n + 1), reason=f"Reason number {n}.",
                )
            )  # fmt: skip

    inbox.write(more)
    first = inbox.admin.get("/inbox/digests").text
    assert "Held back" in first
    assert "Reason number 3." in first
    address = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    rest = inbox.admin.get(address, headers={"HX-Request": "true"}).text
    assert all((first + rest).count(f"Reason number {n}.") == 1 for n in range(30))


# --- rhythm and suppliers -------------------------------------------------------------------------------------------


def test_the_rhythm_is_the_customers(inbox: Inbox) -> None:
    """[D1 J1 inv-F2]"""
    place = f"/inbox/rhythm/{inbox.world.cobalt.mailbox.id}"
    chosen = {"act": "rhythm", "cadence": "monthly", "month_day": "31", "send_at": "07:30", "zone": "Europe/Berlin"}
    assert inbox.admin.post(place, data=chosen).status_code == 303
    box = inbox.mailbox()
    assert (box.cadence, box.month_day, f"{box.send_at:%H:%M}", box.zone) == ("monthly", 31, "07:30", "Europe/Berlin")
    assert str(box.next_digest_at) == "2026-11-30 06:30:00+00:00"
    assert "on day 31 of each month at 07:30" in inbox.admin.get("/inbox/rhythm").text.lower()
    assert [entry.action for entry in inbox.read(AuditEntry)] == ["rhythm.changed"]


def test_a_wrong_rhythm_changes_nothing_and_keeps_what_was_typed(inbox: Inbox) -> None:
    """[D1]"""
    before = inbox.mailbox()
    place = f"/inbox/rhythm/{before.id}"
    answer = inbox.admin.post(place, data={"act": "rhythm", "cadence": "hourly", "send_at": "25:00", "zone": "Mars/X"})
    assert answer.status_code == 422
    for words in ("Choose how often from the list.", "Give the time as 09:00.", "Choose a time zone from the list."):
        assert words in answer.text
    assert inbox.mailbox().cadence == before.cadence


def test_digests_stop_start_and_come_on_demand(inbox: Inbox) -> None:
    """[D1 D13 inv-S10]"""
    place = f"/inbox/rhythm/{inbox.world.cobalt.mailbox.id}"
    inbox.admin.post(place, data={"act": "stop"})
    assert inbox.mailbox().reminders_off_at == NOW
    inbox.admin.post(place, data={"act": "resume"})
    assert inbox.mailbox().reminders_off_at is None
    inbox.admin.post(place, data={"act": "rhythm", "cadence": Cadence.ON_DEMAND.value})
    assert inbox.mailbox().next_digest_at is None
    assert inbox.admin.post(place, data={"act": "now"}).status_code == 303
    assert inbox.mailbox().next_digest_at == NOW


def test_the_customer_decides_who_may_write(inbox: Inbox) -> None:
    """[B8 B9 inv-A1 inv-F2]"""

    def arrive(session: Any) -> Any:
        newcomer = vendor(session, "Newco", address="owner@newco.example", trust=Trust.NEW)
        invoice(session, newcomer, inbox.world.cobalt, number="N-secret", amount="7.77")
        return newcomer.vendor.id

    newcomer = inbox.write(arrive)
    for path in ("/inbox", "/inbox/suppliers", "/inbox?q=N-secret"):
        page = inbox.admin.get(path).text
        assert "Newco" in page or "q=" in path
        assert "7.77" not in page
        assert "/pay" not in page.split("Newco")[-1] or path == "/inbox"
    place, acme = f"/inbox/suppliers/{newcomer}", f"/inbox/suppliers/{inbox.world.acme.vendor.id}"
    assert inbox.admin.post(place, data={"act": "accept"}).status_code == 303
    assert "N-secret" in inbox.admin.get("/inbox").text
    inbox.admin.post(acme, data={"act": "mute"})
    assert "A-1" in inbox.admin.get("/inbox").text
    inbox.admin.post(acme, data={"act": "unmute"})
    inbox.admin.post(acme, data={"act": "block"})
    assert "A-1" not in without_tokens(inbox.admin.get("/inbox").text)
    inbox.admin.post(acme, data={"act": "unblock"})
    assert "A-1" in inbox.admin.get("/inbox").text
    inbox.admin.post(place, data={"act": "report", "note": "Never heard of them"})
    assert inbox.admin.post(acme, data={"act": "praise"}).status_code == 400
    assert sorted(entry.action for entry in inbox.read(AuditEntry)) == [
        f"vendor.{what}" for what in ("accepted", "blocked", "blocked", "muted", "reported", "unblocked", "unmuted")
    ]
    assert {entry.vendor_id for entry in inbox.read(AuditEntry)} == {None}  # no vendor's audit shows it (I2)


# --- helpers --------------------------------------------------------------------------------------------------------


def _sent(inbox: Inbox) -> Sent:
    def send(session: Any) -> Sent:
        sent = sent_digest(session, inbox.world.cobalt.mailbox, [inbox.world.acme_invoice])
        html = f'<h1>As sent</h1><a href="https://sheaf.example/m/{TOKEN_PLACE}/1/pay">Pay</a>'
        session.add(
            Outgoing(
                kind=OutgoingKind.DIGEST, dedupe_key="digest", mailbox_id=inbox.world.cobalt.mailbox.id, subject="One",
                address="ap@cobalt.example", digest_id=sent.digest.id, text="", html=html, due_at=NOW,
                state=OutgoingState.ACCEPTED,
            )
        )  # fmt: skip
        return sent

    sent: Sent = inbox.write(send)
    return sent


def _asked(inbox: Inbox) -> UUID:
    with inbox.app.test_request_context(), acting(EVERYTHING), inbox.house.database.transaction() as session:
        thread = talk.ask_question(
            session,
            house=inbox.house,
            vendor_id=inbox.world.acme.vendor.id,
            customer_id=inbox.world.cobalt.customer.id,
            mailbox_id=inbox.world.cobalt.mailbox.id,
            invoice_ids=[inbox.world.acme_invoice.id],
            body="Which order?",
            now=NOW,
            via="link",
        )
        return thread.id
