"""A question and its way back: stored, told, answered, closed, opened again; and nobody else sees it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.conversations import notices
from app.conversations.actions import NotYours, answer, ask_question, close_thread, follow_up
from app.conversations.queries import customer_threads, invoices_of, messages_of, thread_of
from app.conversations.rules import CannotSay, ThreadIsClosed, TooMuch
from app.house import House
from app.links import digest_of
from app.models import (
    AuditEntry,
    InvoiceState,
    Message,
    Outgoing,
    OutgoingKind,
    Side,
    Thread,
    ThreadInvoice,
    ThreadLink,
    ThreadState,
    VendorMember,
    VendorRole,
)
from app.outbox.actions import open_token
from app.outbox.rendering import TOKEN_PLACE
from app.scope import CustomerScope, LinkScope, Scope, VendorScope
from tests.support import world as make
from tests.support.world import EVERYTHING, NOW, World

HOUR = timedelta(hours=1)
Ask = Callable[..., Thread]
Say = Callable[..., Any]


@pytest.fixture
def ask(house: House, world: World) -> Ask:
    """Cobalt asks Acme about its invoice, at NOW, signed in; every fact may be said otherwise."""

    def asked(**facts: Any) -> Thread:
        given: dict[str, Any] = {
            "house": house,
            "vendor_id": world.acme.vendor.id,
            "customer_id": world.cobalt.customer.id,
            "mailbox_id": world.cobalt.mailbox.id,
            "invoice_ids": [world.acme_invoice.id],
            "body": "Which order is this for?",
            "now": NOW,
            "via": "page",
            "person": world.cobalt.person,
        }
        with house.database.transaction(_customer(world)) as session:
            return ask_question(session, **{**given, **facts})

    return asked


@pytest.fixture
def say(house: House, world: World) -> Say:
    """say(answer, thread, ...): one action in the scope of Acme, or of Cobalt for follow_up."""

    def said(action: Callable[..., Any], thread: Thread, now: datetime = NOW + HOUR, **facts: Any) -> Any:
        scope = _customer(world) if action is follow_up else _vendor(world)
        person = world.cobalt.person if action is follow_up else world.acme.person
        with house.database.transaction(scope) as session:
            found = thread_of(session, thread.id)
            assert found is not None
            return action(session, house=house, thread=found, now=now, **{"person": person, **facts})

    return said


def _customer(world: World) -> CustomerScope:
    return CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)


def _vendor(world: World) -> VendorScope:
    return VendorScope(world.acme.vendor.id, world.acme.person.id)


def look(house: House, thread: Thread, scope: Scope = EVERYTHING) -> Thread:
    with house.database.reading(scope) as session:
        found = thread_of(session, thread.id)
        assert found is not None
        return found


def mails(house: House, kind: OutgoingKind) -> list[Outgoing]:
    with house.database.reading(EVERYTHING) as session:
        found = session.execute(
            select(Outgoing).where(Outgoing.kind == kind).order_by(Outgoing.created_at, Outgoing.id)
        )
        return list(found.scalars())


def count(house: House, table: type) -> int:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


# --- asking -----------------------------------------------------------------------------------------------------------


def test_a_question_is_stored_and_its_notice_queued_together(house: House, world: World, ask: Ask) -> None:
    """[F1 F8 inv-Q1 004-8 004-9] The vendor is waited for, its owner gets a mail that is due at once."""
    thread = look(house, ask())
    assert (thread.state, thread.waiting_since, thread.subject) == (ThreadState.WAITING_VENDOR, NOW, "Invoice A-1")
    [notice] = mails(house, OutgoingKind.QUESTION)
    assert (notice.person_id, notice.address, notice.due_at) == (world.acme.person.id, "owner@acme.example", NOW)
    assert notice.thread_id == thread.id
    assert notice.subject == "Cobalt asks: Invoice A-1"
    for body in (notice.text, notice.html):
        assert "Which order is this for?" in body
        assert f"{house.settings.public_url}/desk/threads/{thread.id}" in body
        assert "USD 1,250.00" in body.replace("\u00a0", " ")
        assert "14 days overdue" in body


def test_when_the_notice_cannot_be_queued_the_question_is_not_stored(
    house: House, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[F1 inv-Q1] Both or neither: nobody reads "sent" over a question nobody was told of."""
    monkeypatch.setattr(notices, "write_mail", lambda *args, **facts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask()
    assert count(house, Thread) == count(house, Message) == count(house, Outgoing) == 0


def test_everybody_who_may_answer_is_told_and_readers_are_not(house: House, world: World, ask: Ask) -> None:
    """[F8] A disabled person gets nothing either."""
    with house.database.transaction(EVERYTHING) as session:
        make.vendor_member(session, world.acme.vendor, make.person(session, "agent@acme.example"), VendorRole.AGENT)
        make.vendor_member(session, world.acme.vendor, make.person(session, "reads@acme.example"), VendorRole.READER)
        gone = make.person(session, "gone@acme.example", disabled_at=NOW)
        make.vendor_member(session, world.acme.vendor, gone, VendorRole.ADMIN)
    ask()
    assert {mail.address for mail in mails(house, OutgoingKind.QUESTION)} == {
        "owner@acme.example",
        "agent@acme.example",
    }


def test_a_team_of_readers_is_told_all_the_same(house: House, world: World, ask: Ask) -> None:
    """[F8] No question falls into a hole."""
    with house.database.transaction(EVERYTHING) as session:
        member = session.merge(make.vendor(session, "Third", address="reads@third.example").vendor)
        session.execute(update(VendorMember).where(VendorMember.vendor_id == member.id).values(role=VendorRole.READER))
        third = make.Selling(member, make.person(session, "reads@third.example"), world.acme.connection)
        bill = make.invoice(session, third, world.cobalt, number="T-1")
    ask(vendor_id=member.id, invoice_ids=[bill.id])
    assert [mail.address for mail in mails(house, OutgoingKind.QUESTION)] == ["reads@third.example"]


def test_a_general_question_needs_no_invoice(house: House, ask: Ask) -> None:
    """[F1 004-8]"""
    thread = look(house, ask(invoice_ids=[]))
    assert thread.subject == "A question"
    assert count(house, ThreadInvoice) == 0


def test_asking_about_the_same_invoice_goes_on_in_the_open_thread(
    house: House, world: World, ask: Ask, say: Say
) -> None:
    """[F1] Also with one more invoice; the clock of the first question keeps running."""
    with house.database.transaction(EVERYTHING) as session:
        other = make.invoice(session, world.acme, world.cobalt, number="A-2")
    first, second = ask(), ask(invoice_ids=[other.id, world.acme_invoice.id], body="And this one?", now=NOW + HOUR)
    assert first.id == second.id
    with house.database.reading(EVERYTHING) as session:
        assert {one.number for one in invoices_of(session, [first.id])[first.id]} == {"A-1", "A-2"}
    assert look(house, first).waiting_since == NOW


def test_another_invoice_and_a_closed_thread_begin_anew(house: House, world: World, ask: Ask, say: Say) -> None:
    """[F1 F11]"""
    with house.database.transaction(EVERYTHING) as session:
        other = make.invoice(session, world.acme, world.cobalt, number="A-2")
    first = ask()
    assert ask(invoice_ids=[other.id]).id != first.id
    say(close_thread, first, result="answered")
    assert ask(now=NOW + 2 * HOUR).id != first.id


def test_a_button_pressed_twice_asks_once(house: House, ask: Ask) -> None:
    """[F1 inv-S13] One message and one notice; the same words tomorrow are said again."""
    ask()
    ask(now=NOW + timedelta(minutes=1))
    assert count(house, Message) == len(mails(house, OutgoingKind.QUESTION)) == 1
    ask(now=NOW + timedelta(days=1))
    assert count(house, Message) == 2


def test_a_colleague_between_two_presses_makes_no_second_question(house: House, ask: Ask, say: Say) -> None:
    """[F1 inv-Q1 inv-S13] Whoever read no "sent" sends the same again; once the vendor has answered it is said anew."""
    thread = ask(body="Mine")
    ask(body="Somebody else's", now=NOW + timedelta(seconds=1))
    ask(body="Mine", now=NOW + timedelta(seconds=2))
    assert count(house, Message) == len(mails(house, OutgoingKind.QUESTION)) == 2
    say(answer, thread, body="Here it is", now=NOW + timedelta(minutes=1))
    ask(body="Mine", now=NOW + timedelta(minutes=2))
    assert count(house, Message) == 4


def test_a_flood_from_one_customer_ends_in_words(house: House, ask: Ask) -> None:
    """[F1 inv-N5 inv-Q1] What was taken is kept and told; more waits for its sender, who is told so."""
    house.limits.questions_per_hour = 3
    for number in range(3):
        ask(body=f"And number {number}?")
    with pytest.raises(TooMuch):
        ask(body="And another?")
    assert count(house, Message) == len(mails(house, OutgoingKind.QUESTION)) == 3
    ask(body="And another?", now=NOW + timedelta(hours=2))


@pytest.mark.parametrize("whose", ["birch_invoice", "nobody", "of_the_outsider"])
def test_an_invoice_that_is_not_of_this_pair_is_not_there(house: House, world: World, ask: Ask, whose: str) -> None:
    """[F1 B7 inv-I1 inv-I2] Another vendor's, another customer's and none look the same; nothing is stored."""
    with house.database.transaction(EVERYTHING) as session:
        foreign = make.invoice(session, world.acme, world.outsider, number="O-1")
    wanted = {"birch_invoice": world.birch_invoice.id, "nobody": uuid4(), "of_the_outsider": foreign.id}[whose]
    with pytest.raises(NotYours):
        ask(invoice_ids=[world.acme_invoice.id, wanted])
    assert count(house, Thread) == count(house, Outgoing) == 0


def test_a_vendor_one_has_nothing_with_cannot_be_asked(house: House, world: World, ask: Ask) -> None:
    """[F1 B7 inv-I1]"""
    with house.database.transaction(EVERYTHING) as session:
        stranger = make.vendor(session, "Stranger", address="owner@stranger.example")
    with pytest.raises(NotYours):
        ask(vendor_id=stranger.vendor.id, invoice_ids=[])


def test_a_refused_message_leaves_nothing_behind(house: House, ask: Ask) -> None:
    """[F1]"""
    with pytest.raises(CannotSay):
        ask(body=" \n ")
    assert count(house, Thread) == 0


def test_a_links_holder_asks_under_a_claimed_name(house: House, world: World, ask: Ask) -> None:
    """[F1 B3 inv-Q2 inv-D4] The vendor reads that nobody signed in."""
    with house.database.transaction(LinkScope(world.cobalt.customer.id, world.cobalt.mailbox.id)) as session:
        thread = ask_question(
            session, house=house, vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id,
            mailbox_id=world.cobalt.mailbox.id, invoice_ids=[world.acme_invoice.id], body="Hello?", now=NOW,
            via="link", said_by="The boss\n of Acme",
        )  # fmt: skip
    with house.database.reading(_vendor(world)) as session:
        [message] = messages_of(session, thread.id)
    assert (message.author, message.is_claimed, message.via) == ("The boss of Acme", True, "link")
    [notice] = mails(house, OutgoingKind.QUESTION)
    assert "The boss of Acme (name as given, not signed in)" in notice.text


def test_hostile_words_stay_words(house: House, ask: Ask) -> None:
    """[F1 inv-A3] Markup is escaped in the HTML part and harmless in the text part; no word reaches a header."""
    ask(body="<img src=x onerror=alert(1)>{{ 7*7 }}\r\nBcc: everybody@example.com")
    [notice] = mails(house, OutgoingKind.QUESTION)
    assert "<img" not in notice.html
    assert "{{ 7*7 }}" in notice.html
    assert "> Bcc: everybody@" in notice.text
    assert "Bcc" not in notice.subject


# --- answering --------------------------------------------------------------------------------------------------------


def test_an_answer_goes_to_the_askers_mailbox_with_the_invoice_as_it_is_now(
    house: House, world: World, ask: Ask, say: Say
) -> None:
    """[F9 004-10] Paid since the question: the mail says so. The question is quoted, the link is this mail's own."""
    thread = ask()
    with house.database.transaction(EVERYTHING) as session:
        paid = session.merge(world.acme_invoice)
        paid.state, paid.balance_minor = InvoiceState.PAID, 0
    say(answer, thread, body="Order 4711.")
    [mail] = mails(house, OutgoingKind.ANSWER)
    assert (mail.mailbox_id, mail.address, mail.due_at) == (world.cobalt.mailbox.id, "ap@cobalt.example", NOW + HOUR)
    assert mail.subject == "Acme answered: Invoice A-1"
    for body in (mail.text, mail.html):
        assert "Order 4711." in body
        assert "Which order is this for?" in body
        assert "paid, thank you" in body
        assert f"{house.settings.public_url}/m/{TOKEN_PLACE}/thread" in body
    assert look(house, thread).state == ThreadState.WAITING_CUSTOMER
    assert look(house, thread).waiting_since is None


def test_the_link_of_an_answer_opens_its_thread_only_and_is_nowhere_in_clear(
    house: House, world: World, ask: Ask, say: Say
) -> None:
    """[F9 inv-L2 inv-K2] Sealed for the mail's row, hashed for the thread."""
    thread = ask()
    say(answer, thread, body="Order 4711.")
    [mail] = mails(house, OutgoingKind.ANSWER)
    token = open_token(mail.sealed_token, house.keys, mail.id, mail.mailbox_id)
    assert token
    assert token not in mail.text + mail.html + (mail.sealed_token or "")
    with house.database.reading(EVERYTHING) as session:
        [link] = session.execute(select(ThreadLink)).scalars()
    assert link.token_hash == digest_of(token)
    assert (link.thread_id, link.customer_id, link.mailbox_id) == (
        thread.id, world.cobalt.customer.id, world.cobalt.mailbox.id,
    )  # fmt: skip
    assert link.expires_at == NOW + HOUR + timedelta(days=house.limits.link_days)


def test_each_answer_is_a_mail_and_the_same_one_twice_is_not(house: House, ask: Ask, say: Say) -> None:
    """[F9 inv-S13]"""
    thread = ask()
    say(answer, thread, body="Order 4711.")
    say(answer, thread, body="Order 4711.", now=NOW + HOUR + timedelta(seconds=2))
    say(answer, thread, body="Wait: 4712.", now=NOW + 2 * HOUR)
    assert len(mails(house, OutgoingKind.ANSWER)) == 2


def test_an_asker_without_mailbox_is_answered_in_person(house: House, world: World, ask: Ask, say: Say) -> None:
    """[F9] By a mail that asks to sign in, without a token."""
    thread = ask(mailbox_id=None)
    say(answer, thread, body="Order 4711.")
    [mail] = mails(house, OutgoingKind.ANSWER)
    assert (mail.person_id, mail.sealed_token) == (world.cobalt.person.id, None)
    assert f"/inbox/threads/{thread.id}" in mail.text
    assert TOKEN_PLACE not in mail.text + mail.html


def test_the_next_question_is_answered_where_it_was_asked(house: House, world: World, ask: Ask, say: Say) -> None:
    """[F9] The same thread, another mailbox of the same customer."""
    with house.database.transaction(EVERYTHING) as session:
        second = make.mailbox(session, world.cobalt.customer, "cfo@cobalt.example")
    thread = ask()
    ask(mailbox_id=second.id, body="And who signed it?", now=NOW + HOUR)
    say(answer, thread, body="Ann did.", now=NOW + 2 * HOUR)
    assert [mail.address for mail in mails(house, OutgoingKind.ANSWER)] == ["cfo@cobalt.example"]


def test_writing_on_makes_the_vendor_the_one_to_wait_for(house: House, ask: Ask, say: Say) -> None:
    """[F1 F8] And tells its people again."""
    thread = ask()
    say(answer, thread, body="Order 4711.")
    say(follow_up, thread, body="That is not ours.", via="page", now=NOW + 3 * HOUR)
    assert look(house, thread).state == ThreadState.WAITING_VENDOR
    assert look(house, thread).waiting_since == NOW + 3 * HOUR
    assert len(mails(house, OutgoingKind.QUESTION)) == 2


# --- closing ----------------------------------------------------------------------------------------------------------


def test_closing_is_a_message_and_ends_the_wait(house: House, world: World, ask: Ask, say: Say) -> None:
    """[F11] Whoever reads the thread sees when and how it ended."""
    thread = ask()
    say(close_thread, thread, result="corrected", body="We sent a new one.")
    closed = look(house, thread)
    assert (closed.state, closed.result, closed.waiting_since) == (ThreadState.CLOSED, "corrected", None)
    with house.database.reading(_customer(world)) as session:
        last = messages_of(session, thread.id)[-1]
    assert (last.result, last.body, last.side) == ("corrected", "We sent a new one.", Side.VENDOR)
    [mail] = mails(house, OutgoingKind.ANSWER)
    assert "We sent a new one." in mail.text
    assert "Closed as: corrected" in mail.text


def test_the_asker_hears_of_a_closing_that_answers_nothing(house: House, ask: Ask, say: Say) -> None:
    """[F11] Silence is for those who had their answer."""
    unanswered, thread = ask(), None
    say(close_thread, unanswered, result="declined")
    [mail] = mails(house, OutgoingKind.ANSWER)
    assert mail.subject == "Acme closed your question: Invoice A-1"
    thread = ask(now=NOW + 2 * HOUR)
    say(answer, thread, body="Order 4711.", now=NOW + 3 * HOUR)
    say(close_thread, thread, result="answered", now=NOW + 4 * HOUR)
    assert len(mails(house, OutgoingKind.ANSWER)) == 2


def test_closing_twice_closes_once(house: House, ask: Ask, say: Say) -> None:
    """[F11]"""
    thread = ask()
    say(close_thread, thread, result="declined")
    assert say(close_thread, thread, result="paid") is None
    assert look(house, thread).result == "declined"


def test_a_message_opens_a_closed_thread_again_for_thirty_days(house: House, ask: Ask, say: Say) -> None:
    """[F11] Later it says what to do instead, and nothing is stored."""
    thread = ask()
    say(close_thread, thread, result="declined")
    with pytest.raises(ThreadIsClosed, match="new question"):
        say(follow_up, thread, body="But why?", via="page", now=NOW + timedelta(days=31))
    assert look(house, thread).state == ThreadState.CLOSED
    say(follow_up, thread, body="But why?", via="page", now=NOW + timedelta(days=30))
    opened = look(house, thread)
    assert (opened.state, opened.result, opened.closed_at) == (ThreadState.WAITING_VENDOR, "", None)


def test_a_customer_withdraws_a_question_without_a_mail(house: House, world: World, ask: Ask) -> None:
    """[F11]"""
    thread = ask()
    with house.database.transaction(_customer(world)) as session:
        found = thread_of(session, thread.id)
        assert found is not None
        close_thread(
            session,
            house=house,
            thread=found,
            person=world.cobalt.person,
            result="withdrawn",
            now=NOW,
            side=Side.CUSTOMER,
        )
    assert look(house, thread).result == "withdrawn"
    assert mails(house, OutgoingKind.ANSWER) == []


# --- who sees it ------------------------------------------------------------------------------------------------------


def test_a_thread_is_seen_by_its_vendor_and_its_customer_only(house: House, world: World, ask: Ask) -> None:
    """[B7 inv-Q2 inv-I1 inv-I2] For all others it is not there: no thread, no message, no row in a list."""
    thread = ask()
    for scope, is_theirs in (
        (_vendor(world), True),
        (_customer(world), True),
        (VendorScope(world.birch.vendor.id, world.birch.person.id), False),
        (CustomerScope(world.outsider.customer.id, world.outsider.person.id), False),
    ):
        with house.database.reading(scope) as session:
            assert (thread_of(session, thread.id) is not None) is is_theirs
            assert bool(messages_of(session, thread.id)) is is_theirs
            assert bool(invoices_of(session, [thread.id])[thread.id]) is is_theirs
    with house.database.reading(_customer(world)) as session:
        [row] = customer_threads(session)
        assert (row.vendor_name, row.last_body) == ("Acme", "Which order is this for?")
    with house.database.reading(CustomerScope(world.outsider.customer.id, world.outsider.person.id)) as session:
        assert customer_threads(session) == []


def test_every_step_leaves_a_record(house: House, world: World, ask: Ask, say: Say) -> None:
    """[F11 inv-F2] Who, when and what; never the words."""
    thread = ask()
    say(answer, thread, body="Order 4711.")
    say(close_thread, thread, result="answered", now=NOW + 2 * HOUR)
    with house.database.reading(EVERYTHING) as session:
        entries = session.execute(select(AuditEntry).order_by(AuditEntry.at)).scalars().all()
    assert [(entry.action, entry.person_id) for entry in entries] == [
        ("question_asked", world.cobalt.person.id),
        ("question_answered", world.acme.person.id),
        ("thread_closed", world.acme.person.id),
    ]
    assert all(entry.subject_id == thread.id and "4711" not in str(entry.detail) for entry in entries)


def test_a_vendor_that_asks_itself_is_marked(house: House, world: World, ask: Ask) -> None:
    """[inv-Q3] By its person, or by a mailbox with the address of one of them; it counts as nothing afterwards."""
    with house.database.transaction(EVERYTHING) as session:
        own = make.customer(session, "Acme itself", address="owner@acme.example")
        bill = make.invoice(session, world.acme, own, number="A-0")
    facts: dict[str, Any] = {
        "customer_id": own.customer.id,
        "mailbox_id": own.mailbox.id,
        "invoice_ids": [bill.id],
        "person": None,
    }
    with house.database.transaction(CustomerScope(own.customer.id, own.person.id)) as session:
        ask_question(session, house=house, vendor_id=world.acme.vendor.id, body="Test", now=NOW, via="link", **facts)
    ask()
    with house.database.reading(EVERYTHING) as session:
        assert sorted(_own(session)) == [("Test", True), ("Which order is this for?", False)]


def _own(session: Session) -> list[tuple[str, bool]]:
    return [(body, own) for body, own in session.execute(select(Message.body, Message.is_own))]


def test_two_presses_at_once_begin_one_thread(house: House, world: World, ask: Ask) -> None:
    """[F1 inv-Q1] On both databases the second waits for the first and finds its thread."""

    def press(_: int) -> UUID:
        return ask().id

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(press, range(4)))) == 1
    assert count(house, Message) == 1
