"""What a customer claims of an invoice: it rests, the other side is told, it ends with a result, and only that one."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from app.claims import actions, decisions, endings, rules
from app.claims.actions import Claimant
from app.claims.endings import end_claims
from app.claims.queries import claims_about, others_to_read
from app.claims.rules import CannotClaim, Dispute, Line, Promise, Request, Said, SaidPaid
from app.conversations.rules import File
from app.house import House
from app.models import (
    Connection,
    Hold,
    HoldKind,
    HoldResult,
    Invoice,
    InvoiceChange,
    InvoiceState,
    Message,
    MessageAttachment,
    Outgoing,
    OutgoingKind,
    TaskKind,
    Thread,
    ThreadState,
    VendorTask,
)
from app.receivables.queries import find_row
from app.receivables.routing import route_customer
from app.scope import CustomerScope, LinkScope, VendorScope
from tests.support.links import payment
from tests.support.world import EVERYTHING, NOW, World, mailbox

FRIDAY = date(2026, 11, 27)  # NOW is the Monday before
ALL = 125_000  # what Cobalt owes Acme, in cents


class Table:
    """Cobalt and Acme at one table: each says something in its own scope."""

    def __init__(self, house: House, world: World) -> None:
        self.house, self.world = house, world
        self.customer = CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)
        self.by = Claimant(world.cobalt.customer.id, world.cobalt.mailbox.id, "page", world.cobalt.person)

    def claim(self, said: Said, now: datetime = NOW, invoice: Invoice | None = None, **facts: Any) -> Hold:
        about = {"house": self.house, "by": self.by, "said": said, "now": now, **facts}
        with self.house.database.transaction(facts.pop("scope", self.customer)) as session:
            about.pop("scope", None)
            return actions.claim(session, invoice_id=(invoice or self.world.acme_invoice).id, **about)

    def decide(self, decision: Callable[..., None], hold: Hold, words: str = "", now: datetime = NOW) -> None:
        person = self.world.acme.person
        with self.house.database.transaction(VendorScope(self.world.acme.vendor.id, person.id)) as session:
            found = session.execute(select(Hold).where(Hold.id == hold.id)).scalar_one()
            decision(session, house=self.house, hold=found, person=person, words=words, now=now)

    def change(self, act: Callable[..., Any], hold: Hold, now: datetime = NOW, **facts: Any) -> Any:
        with self.house.database.transaction(self.customer) as session:
            found = session.execute(select(Hold).where(Hold.id == hold.id)).scalar_one()
            return act(session, house=self.house, by=self.by, hold=found, now=now, **facts)

    def books(self, **facts: Any) -> None:
        """The books say otherwise of Acme's invoice now."""
        with self.house.database.transaction(EVERYTHING) as session:
            of = update(Invoice).where(Invoice.id == self.world.acme_invoice.id)
            session.execute(of.values(**facts))

    def read_until(self, at: datetime) -> None:
        with self.house.database.transaction(EVERYTHING) as session:
            session.execute(update(Connection).values(as_of=at))

    def hold(self, hold: Hold) -> Hold:
        with self.house.database.reading(EVERYTHING) as session:
            return session.get_one(Hold, hold.id)

    def rows(self, table: type[Any]) -> list[Any]:
        with self.house.database.reading(EVERYTHING) as session:
            return list(session.execute(select(table)).scalars())

    def row(self, now: datetime = NOW) -> Any:
        with self.house.database.reading(self.customer) as session:
            return find_row(session, self.world.acme_invoice.id, now)

    def mails(self, kind: OutgoingKind) -> list[Outgoing]:
        return [mail for mail in self.rows(Outgoing) if mail.kind == kind]


@pytest.fixture
def table(house: House, world: World) -> Table:
    return Table(house, world)


@pytest.fixture
def clock_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """The database's clock, as the endings read it."""

    def set_to(now: datetime) -> None:
        monkeypatch.setattr(endings, "database_now", lambda _session: now)

    return set_to


def test_a_dispute_of_a_part_leaves_the_rest_payable(table: Table) -> None:
    """[F2 F3 C11 003-18 001-6]"""
    said = Dispute("order", "corrected", 55_000, (Line("Widget 7", "10.00 each"),))
    hold = table.claim(said, words="Our order says 10.", files=[File("order.pdf", b"%PDF-1.7")])
    row = table.row()
    assert (row.due_minor, row.disputed_minor, row.is_resting) == (70_000, 55_000, False)
    [message] = table.rows(Message)
    assert "Purchase order number wrong or missing" in message.body
    assert "Widget 7: should be 10.00 each" in message.body
    assert [each.name for each in table.rows(MessageAttachment)] == ["order.pdf"]
    [notice] = table.mails(OutgoingKind.QUESTION)
    assert notice.address == "owner@acme.example"
    [thread] = table.rows(Thread)
    assert (thread.state, thread.topic, thread.id) == (ThreadState.WAITING_VENDOR, "dispute", hold.thread_id)
    assert rules.kept(table.hold(hold)) == said


def test_a_dispute_goes_from_accepted_to_credited_and_its_customer_reads_each_step(
    table: Table, clock_at: Callable[[datetime], None]
) -> None:
    """[F2 F3 F11 002-6 003-17 inv-Q1]"""
    hold = table.claim(Dispute("price", "credit", 55_000))
    table.decide(decisions.accept, hold, "By Friday.")
    assert table.hold(hold).accepted_at == NOW
    assert "A credit note over USD" in table.mails(OutgoingKind.ANSWER)[0].text
    # the rest is paid: the dispute goes on about the same amount
    with table.house.database.transaction(EVERYTHING) as session:
        owed = session.get_one(Invoice, table.world.acme_invoice.id)
        paid = {"bill_to_id": owed.bill_to_id, "created_at": NOW + timedelta(days=1)}
        payment(session, table.world.acme, table.world.cobalt, {owed: "700.00"}, **paid)
    table.books(balance_minor=55_000, due_minor=55_000)
    clock_at(NOW + timedelta(days=1))
    end_claims(table.house)
    assert table.hold(hold).ended_at is None
    assert table.row().is_resting
    table.books(balance_minor=0, due_minor=0, state=InvoiceState.PAID)
    end_claims(table.house)
    assert table.hold(hold).result == HoldResult.CREDITED  # the rest went without being paid
    [thread] = table.rows(Thread)
    assert (thread.state, thread.result) == (ThreadState.CLOSED, "credited")


def test_a_credit_note_in_the_books_ends_a_dispute_and_its_conversation(
    table: Table, clock_at: Callable[[datetime], None]
) -> None:
    """[F2 F3 F11]"""
    hold = table.claim(Dispute("twice", "credit", ALL))
    table.decide(decisions.accept, hold)
    table.books(balance_minor=0, due_minor=0, state=InvoiceState.PAID)
    clock_at(NOW + timedelta(days=2))
    assert end_claims(table.house) == 1
    [thread] = table.rows(Thread)
    assert (table.hold(hold).result, thread.state, thread.result) == ("credited", ThreadState.CLOSED, "credited")
    assert "no longer owed" in table.mails(OutgoingKind.ANSWER)[-1].text
    assert end_claims(table.house) == 0


def test_a_declined_dispute_says_why_and_can_be_opened_again_for_thirty_days(table: Table) -> None:
    """[F3 F11]"""
    hold = table.claim(Dispute("price", "credit", ALL))
    with pytest.raises(CannotClaim):
        table.decide(decisions.decline, hold, "  ")
    table.decide(decisions.decline, hold, "The price is that of your order.")
    assert "The price is that of your order." in table.mails(OutgoingKind.ANSWER)[0].text
    assert table.row().hold is None
    with pytest.raises(CannotClaim):
        table.change(actions.reopen, hold, words="Still wrong", now=NOW + timedelta(days=31))
    again = table.change(actions.reopen, hold, words="It is not: see line 2", now=NOW + timedelta(days=1))
    assert rules.kept(again) == rules.kept(hold)
    assert table.row().hold == HoldKind.DISPUTE
    [thread] = table.rows(Thread)
    assert (thread.state, thread.result) == (ThreadState.WAITING_VENDOR, "")


def test_a_promise_rests_until_two_working_days_after_its_day_and_wants_no_answer(table: Table) -> None:
    """[F4 F8 000-5]"""
    hold = table.claim(Promise(FRIDAY, ALL))
    assert hold.ends_at == datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC)  # Tuesday is over
    [thread] = table.rows(Thread)
    assert (thread.state, thread.result, thread.waiting_since) == (ThreadState.CLOSED, "promised", None)
    assert len(table.mails(OutgoingKind.QUESTION)) == 1
    assert table.claim(Promise(FRIDAY, ALL), now=NOW + timedelta(seconds=5)).id == hold.id  # pressed twice


def test_a_promise_is_made_three_times_at_most(table: Table) -> None:
    """[F4]"""
    for days in range(3):
        table.claim(Promise(FRIDAY + timedelta(days=days), ALL), now=NOW + timedelta(hours=days))
    with pytest.raises(CannotClaim, match="3 times"):
        table.claim(Promise(FRIDAY + timedelta(days=9), ALL), now=NOW + timedelta(hours=9))
    assert [each.result for each in table.rows(Hold)] == [HoldResult.REPLACED, HoldResult.REPLACED, None]


def test_a_promise_is_kept_by_the_books(table: Table, clock_at: Callable[[datetime], None]) -> None:
    """[F4 G6]"""
    hold = table.claim(Promise(FRIDAY, 50_000))
    table.books(balance_minor=ALL - 50_000, due_minor=ALL - 50_000)
    clock_at(NOW + timedelta(days=3))
    end_claims(table.house)
    assert table.hold(hold).result == HoldResult.KEPT
    assert table.row().hold is None
    assert not [task for task in table.rows(VendorTask) if task.kind == TaskKind.PROMISE]


def test_a_promise_is_broken_only_when_the_books_were_read_after_it(
    table: Table, clock_at: Callable[[datetime], None]
) -> None:
    """[F4 G11 003-17]"""
    hold = table.claim(Promise(FRIDAY, ALL))
    clock_at(hold.ends_at + timedelta(minutes=1))
    assert end_claims(table.house) == 0  # last read at NOW: what was paid since nobody knows
    table.read_until(hold.ends_at + timedelta(minutes=2))
    assert end_claims(table.house) == 1
    [task] = [task for task in table.rows(VendorTask) if task.kind == TaskKind.PROMISE]
    assert table.hold(hold).result == HoldResult.BROKEN
    assert "promised for 27 Nov 2026" in task.words
    assert "The books show no payment" in table.mails(OutgoingKind.QUESTION)[-1].text


def test_what_is_said_to_be_paid_rests_ten_days_and_is_confirmed(
    table: Table, clock_at: Callable[[datetime], None]
) -> None:
    """[F5 002-1]"""
    said = SaidPaid(date(2026, 11, 18), "transfer", "TR-88", ALL)
    hold = table.claim(said, files=[File("bank.pdf", b"%PDF-1.7")])
    assert hold.ends_at == NOW + timedelta(days=10)
    assert table.row().hold == HoldKind.ALREADY_PAID
    table.decide(decisions.cannot_find, hold)
    assert "We cannot find this payment" in table.mails(OutgoingKind.ANSWER)[0].text
    assert table.hold(hold).ends_at == NOW + timedelta(days=5)
    table.decide(decisions.accept, hold, now=NOW + timedelta(hours=2))
    table.books(state=InvoiceState.PAID, balance_minor=0, due_minor=0)
    clock_at(NOW + timedelta(days=1))
    end_claims(table.house)
    assert table.hold(hold).result == HoldResult.CONFIRMED


def test_a_payment_nobody_finds_is_asked_for_again(table: Table, clock_at: Callable[[datetime], None]) -> None:
    """[F5]"""
    hold = table.claim(SaidPaid(date(2026, 11, 18), "card", "", ALL))
    table.decide(decisions.cannot_find, hold, "Which account?")
    clock_at(NOW + timedelta(days=5, minutes=1))
    end_claims(table.house)
    assert table.hold(hold).result == HoldResult.NOT_FOUND
    assert "asked for again" in table.mails(OutgoingKind.ANSWER)[-1].text


def test_dues_both_sides_agree_on_are_the_invoices_own(table: Table) -> None:
    """[F12 A10 000-14 003-13 003-16]"""
    dues = ((date(2026, 12, 10), 62_500), (date(2027, 1, 10), 62_500))
    hold = table.claim(Request(dues), words="We wait for a customer of ours.")
    assert table.row().hold == HoldKind.REQUEST
    table.decide(decisions.accept, hold)
    row = table.row()
    assert (row.hold, row.due_on, row.due_minor, row.balance_minor) == (None, date(2026, 12, 10), 62_500, ALL)
    [thread] = table.rows(Thread)
    assert (thread.result, table.hold(hold).result) == ("agreed", HoldResult.AGREED)
    assert [change.due_on for change in table.rows(InvoiceChange)] == [date(2026, 11, 9), date(2026, 12, 10)]


def test_a_claim_rests_its_own_invoice_only_and_foreign_ones_are_not_there(table: Table, house: House) -> None:
    """[F3 B3 inv-I1 inv-L2]"""
    link = LinkScope(table.by.customer_id, table.world.cobalt.mailbox.id)
    table.claim(Promise(FRIDAY, ALL), scope=link)
    with house.database.reading(table.customer) as session:
        birch = find_row(session, table.world.birch_invoice.id, NOW)
        assert birch is not None
        assert birch.hold is None
    stranger = CustomerScope(table.world.outsider.customer.id, table.world.outsider.person.id)
    with house.database.reading(stranger) as session:
        assert not claims_about(session, [table.world.acme_invoice.id], NOW, house.limits)
    with pytest.raises(LookupError):
        table.claim(Promise(FRIDAY, ALL), scope=stranger)


def test_a_claim_can_be_taken_back(table: Table) -> None:
    """[F3 F11]"""
    hold = table.claim(Dispute("price", "credit", ALL))
    table.change(actions.withdraw, hold)
    [thread] = table.rows(Thread)
    assert (table.row().hold, thread.state, thread.result) == (None, ThreadState.CLOSED, "withdrawn")
    with pytest.raises(CannotClaim):
        table.change(actions.withdraw, hold)


def test_an_invoice_handed_over_goes_to_the_colleague_and_stays_there(table: Table, house: House) -> None:
    """[F6 D16]"""
    with house.database.transaction(EVERYTHING) as session:
        site = mailbox(session, table.world.cobalt.customer, "site@cobalt.example", proven_at=NOW)
    with house.database.transaction(table.customer) as session:
        [to] = others_to_read(session, table.world.acme_invoice.id)
        about: dict[str, Any] = {"house": house, "by": table.by, "invoice_id": table.world.acme_invoice.id, "now": NOW}
        actions.hand_over(session, to=to, **about)
    [notice] = table.mails(OutgoingKind.NOTICE)
    assert (notice.address, "A-1" in notice.text) == ("site@cobalt.example", True)
    with house.database.transaction(EVERYTHING) as session:
        session.execute(update(Invoice).values(mailbox_id=table.world.cobalt.mailbox.id))  # as a sync would
        route_customer(session, table.world.cobalt.customer.id)
    found = {each.number: each.mailbox_id for each in table.rows(Invoice)}
    assert found == {"A-1": site.id, "B-1": table.world.cobalt.mailbox.id}
