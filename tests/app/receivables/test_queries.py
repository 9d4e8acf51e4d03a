from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.house import House
from app.models import (
    Digest,
    HoldKind,
    Invoice,
    InvoiceChange,
    InvoiceState,
    Message,
    Outcome,
    Payment,
    Side,
    Thread,
    ThreadInvoice,
    ThreadState,
)
from app.money import Money
from app.receivables.queries import (
    Booked,
    Instalment,
    credits_of,
    find_row,
    find_rows_by_id,
    instalments_and_payments,
    rows_of_vendors,
)
from app.receivables.timeline import Event, timeline
from app.scope import CustomerScope, LinkScope, VendorScope
from tests.support.links import credit, hold, sent_digest
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, World, invoice

Write = Callable[[Callable[[Session], Any]], Any]


@pytest.fixture
def write(house: House) -> Write:
    def run(change: Callable[[Session], Any]) -> Any:
        with house.database.transaction(EVERYTHING) as session:
            return change(session)

    return run


def scope_of(world: World) -> CustomerScope:
    return CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)


def test_an_invoice_is_there_for_its_customer_and_nobody_else(house: House, world: World) -> None:
    """[B7 inv-I1 inv-I2]"""
    wanted = world.acme_invoice.id
    with house.database.reading(scope_of(world)) as session:
        found = find_row(session, wanted, NOW)
        assert found
        assert (found.vendor_name, found.label, found.due_minor) == ("Acme", "A-1", 125000)
    for other in (
        CustomerScope(world.outsider.customer.id, world.outsider.person.id),
        VendorScope(world.birch.vendor.id, world.birch.person.id),
        LinkScope(world.outsider.customer.id, world.outsider.mailbox.id),
    ):
        with house.database.reading(other) as session:
            assert find_row(session, wanted, NOW) is None
            assert timeline(session, wanted) == []


def test_a_row_tells_the_hold_and_the_talk_that_matter_in_two_statements(
    house: House, world: World, write: Write
) -> None:
    """[C11 E7 F1]"""
    about = world.acme_invoice

    def happen(session: Session) -> None:
        hold(session, about, HoldKind.PAYING, ends_at=NOW + timedelta(minutes=20))
        hold(session, about, HoldKind.DISPUTE, ends_at=NOW + timedelta(days=9))
        for state in (ThreadState.WAITING_CUSTOMER, ThreadState.CLOSED):
            _thread(session, about, state)
        hold(session, world.birch_invoice, HoldKind.PROMISE, ends_at=NOW)

    write(happen)
    with house.database.reading(scope_of(world)) as session, statements(house.database) as said:
        rows = find_rows_by_id(session, [about.id, world.birch_invoice.id], NOW)
    assert len(said) == 2
    assert rows[about.id].hold == HoldKind.PAYING  # it guards the button
    assert rows[about.id].thread_state == ThreadState.WAITING_CUSTOMER
    assert rows[world.birch_invoice.id].hold is None


def test_instalments_and_payments_are_those_of_this_invoice(house: House, world: World, write: Write) -> None:
    """[A10 B14]"""

    def book(session: Session) -> Invoice:
        parts = [["2026-11-01", 5000, 0], ["2026-12-01", 5000, 5000]]
        bill = invoice(session, world.acme, world.cobalt, instalments=parts, balance_minor=5000, due_minor=5000)
        common: dict[str, Any] = {
            "vendor_id": bill.vendor_id, "connection_id": bill.connection_id, "bill_to_id": bill.bill_to_id,
            "customer_id": bill.customer_id, "version": 1, "content_hash": 0, "currency": "USD", "exponent": 2,
        }  # fmt: skip
        applied = [[bill.external_id, 5000], ["another", 700]]
        session.add(Payment(**common, external_id="1", paid_on=date(2026, 11, 1), amount_minor=5700, applied=applied))
        session.add(Payment(**common, external_id="2", amount_minor=700, applied=[["another", 700]]))
        session.add(Payment(**common, external_id="3", amount_minor=0, applied=[[bill.external_id, 1]]))  # taken back
        return bill

    bill = write(book)
    with house.database.reading(scope_of(world)) as session:
        row = find_row(session, bill.id, NOW)
        assert row
        parts, payments = instalments_and_payments(session, row)
    fifty, nothing = Money(5000, "USD"), Money(0, "USD")
    assert parts == [Instalment(date(2026, 11, 1), fifty, nothing), Instalment(date(2026, 12, 1), fifty, fifty)]
    assert payments == [Booked(date(2026, 11, 1), fifty, "")]


def test_a_timeline_tells_all_that_happened_newest_first(house: House, world: World, write: Write) -> None:
    """[B14]"""

    def live(session: Session) -> Invoice:
        bill = invoice(session, world.acme, world.cobalt, created_at=_days(20))
        told: list[tuple[int, dict[str, Any]]] = [
            (20, {}),
            (15, {"balance_minor": 6000}),
            (14, {"balance_minor": 6000, "due_on": date(2026, 12, 1)}),
            (10, {"balance_minor": 0, "state": InvoiceState.PAID}),
            (9, {"balance_minor": 4000}),
            (8, {"balance_minor": 0, "state": InvoiceState.VOID}),
        ]
        for days, facts in told:
            session.add(_change(bill, _days(days), **facts))
        held = hold(session, bill, HoldKind.PROMISE, created_at=_days(13))
        held.ended_at, held.end_reason = _days(12), "Kept"
        thread = _thread(session, bill, ThreadState.WAITING_CUSTOMER)
        for days, side, automatic in ((7, Side.CUSTOMER, False), (6, Side.VENDOR, False), (5, Side.VENDOR, True)):
            owners = {"vendor_id": bill.vendor_id, "customer_id": bill.customer_id, "thread_id": thread.id}
            facts = {"side": side, "via": "page", "body": "Words", "created_at": _days(days), "is_automatic": automatic}
            session.add(Message(**owners, **facts))
        sent_digest(session, world.cobalt.mailbox, [bill], accepted_at=_days(4))
        sent_digest(session, world.cobalt.mailbox, [bill], outcome=Outcome.QUEUED, accepted_at=None)
        return bill

    bill = write(live)
    with house.database.reading(scope_of(world)) as session:
        moments = timeline(session, bill.id)
    days = {moment.event: (NOW - moment.at).days for moment in moments}
    assert [moment.event for moment in moments] == [
        Event.MAILED, Event.ANSWERED, Event.ASKED, Event.VOID, Event.REOPENED, Event.BALANCE, Event.SETTLED,
        Event.FREED, Event.HELD, Event.DUE, Event.BALANCE, Event.ARRIVED,
    ]  # fmt: skip
    assert days[Event.MAILED] == 4
    first = next(moment for moment in reversed(moments) if moment.event == Event.BALANCE)
    assert (first.before, first.after) == (Money(10000, "USD"), Money(6000, "USD"))


def test_a_links_holder_sees_only_its_own_digest_in_the_timeline(house: House, world: World, write: Write) -> None:
    """[inv-L2]"""

    def send(session: Session) -> Digest:
        sent_digest(session, world.cobalt.mailbox, [world.acme_invoice], accepted_at=_days(7))
        return sent_digest(session, world.cobalt.mailbox, [world.acme_invoice]).digest

    digest = write(send)
    scope = LinkScope(world.cobalt.customer.id, world.cobalt.mailbox.id, digest_id=digest.id)
    with house.database.reading(scope) as session:
        mailed = [moment.at for moment in timeline(session, world.acme_invoice.id) if moment.event == Event.MAILED]
    assert mailed == [NOW]


def test_only_credit_that_is_left_counts(house: House, world: World, write: Write) -> None:
    """[A9]"""
    write(lambda session: credit(session, world.acme, world.cobalt, "5.00", remaining_minor=0))
    write(lambda session: credit(session, world.acme, world.cobalt, "9.00", number="left"))
    write(lambda session: credit(session, world.acme, world.outsider, "9.00"))
    with house.database.reading(scope_of(world)) as session:
        assert [note.number for note in credits_of(session, world.acme.vendor.id)] == ["left"]


def _days(ago: int) -> Any:
    return NOW - timedelta(days=ago)


def _change(of: Invoice, at: Any, **facts: Any) -> InvoiceChange:
    owners = {"vendor_id": of.vendor_id, "customer_id": of.customer_id, "invoice_id": of.id}
    defaults = {"state": InvoiceState.OPEN, "balance_minor": 10000, "total_minor": 10000, "due_on": of.due_on}
    if at < _days(14):
        defaults["due_on"] = of.due_on
    elif "due_on" not in facts:
        defaults["due_on"] = date(2026, 12, 1)
    return InvoiceChange(**owners, at=at, **{**defaults, **facts})


def _thread(session: Session, about: Invoice, state: ThreadState) -> Thread:
    owners = {"vendor_id": about.vendor_id, "customer_id": about.customer_id}
    thread = Thread(**owners, subject="Invoice", state=state)
    session.add(thread)
    session.flush()
    session.add(ThreadInvoice(thread_id=thread.id, invoice_id=about.id, **owners))
    return thread


def test_what_hardly_a_row_is_stands_in_the_statement_itself() -> None:
    """[perf-C3] Of a value bound to a prepared statement PostgreSQL believes that hardly a row differs from it."""
    said = str(rows_of_vendors())
    assert "vendor.trust != 'suspended'" in said
    assert "connection.state != 'disconnected'" in said
