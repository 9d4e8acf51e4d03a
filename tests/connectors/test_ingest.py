"""Records become receivables: skipped when unchanged, ordered by version, brought to their customer by address."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, text

from app.house import House
from app.models import (
    AddressIssue,
    BillTo,
    Connection,
    Credit,
    Customer,
    Invoice,
    InvoiceChange,
    InvoiceState,
    Mailbox,
    Payment,
    Quarantined,
)
from app.money import Money
from connectors.base import (
    BadRecord,
    Batch,
    BillToRecord,
    CreditRecord,
    Gone,
    Instalment,
    InvoiceRecord,
    PaymentRecord,
)
from connectors.ingest import Counts, ingest
from connectors.rows import rows_of
from tests.support.world import EVERYTHING, NOW, Selling, vendor

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def acme(house: House) -> Selling:
    with house.database.transaction(EVERYTHING) as session:
        return vendor(session, "Acme", address="owner@acme.example", zone="America/Chicago")


def bill_to(name: str = "C1", version: int = 1, address: str = "ap@cobalt.example", **facts: Any) -> BillToRecord:
    return BillToRecord(name, version, facts.pop("shown", "Cobalt"), address, **facts)


def invoice(name: str = "I1", version: int = 1, balance: str = "100.00", **facts: Any) -> InvoiceRecord:
    plain = InvoiceRecord(
        external_id=name,
        version=version,
        bill_to_external_id="C1",
        number=f"N-{name}",
        issued_on=date(2026, 10, 1),
        due_on=date(2026, 11, 1),
        total=Money.of("100.00", "USD"),
        balance=Money.of(balance, "USD"),
        state="paid" if Money.of(balance, "USD").minor == 0 else "open",
        raw_state="raw",
    )
    return replace(plain, **facts)


def credit(name: str = "K1", version: int = 1, remaining: str = "10.00") -> CreditRecord:
    total = Money.of("10.00", "USD")
    return CreditRecord(
        "credit_note", name, version, "C1", "CN-1", date(2026, 10, 2), total, Money.of(remaining, "USD")
    )


def payment(name: str = "P1", version: int = 1, amount: str = "40.00") -> PaymentRecord:
    return PaymentRecord(name, version, "C1", date(2026, 10, 3), Money.of(amount, "USD"), "card", (("I1", 4000),))


def take(house: House, of: Selling, batch: Batch, now: datetime = NOW, read_at: datetime | None = None) -> Counts:
    with house.database.transaction(EVERYTHING) as session:
        return ingest(session, of.connection, rows_of(batch), now, read_at)


def one(house: House, table: type[Any], **by: Any) -> Any:
    with house.database.reading(EVERYTHING) as session:
        return session.execute(select(table).filter_by(**by)).scalar_one()


def all_of(house: House, table: type[Any], **by: Any) -> list[Any]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.execute(select(table).filter_by(**by)).scalars())


@contextmanager
def statements(house: House) -> Iterator[list[str]]:
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        found.append(statement)

    event.listen(house.database.engine, "before_cursor_execute", note)
    yield found
    event.remove(house.database.engine, "before_cursor_execute", note)


def test_it_brings_an_invoice_to_the_mailbox_of_its_address(house: House, acme: Selling) -> None:
    """[A5 inv-D1] A new address becomes a mailbox and a customer of its own, weekly on the vendor's clock."""
    batch = Batch(bill_tos=[bill_to(address=" AP@Cobalt.Example ")], invoices=[invoice()])
    counts = take(house, acme, batch)
    assert counts == Counts(received=2, changed=2)
    box = one(house, Mailbox, address="ap@cobalt.example")
    kept = one(house, Invoice, external_id="I1")
    assert (kept.mailbox_id, kept.customer_id) == (box.id, box.customer_id)
    assert (kept.balance, kept.due_on, kept.due_minor, kept.number) == (
        Money(10000, "USD"), date(2026, 11, 1), 10000, "N-I1",
    )  # fmt: skip
    assert one(house, Customer, id=box.customer_id).name == "Cobalt"
    assert (box.cadence, box.weekday, box.zone) == ("weekly", 1, "America/Chicago")
    nine_in_chicago = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)  # on Tuesday; each mailbox some minutes after it
    assert box.next_digest_at == nine_in_chicago + timedelta(seconds=box.spread_seconds)
    assert kept.updated_at == NOW
    assert kept.settled_at is None


def test_it_writes_nothing_for_what_is_unchanged(house: House, acme: Selling) -> None:
    """[A8] The same page again: no row is written, on either database."""
    sold = {"lines": [{"text": f"Pallets, batch {n}", "minor": 250} for n in range(40)]}
    batch = Batch([bill_to()], [invoice(f"I{n}", details=sold) for n in range(50)], [payment()], [credit()])
    take(house, acme, batch)
    before = row_versions(house)
    with statements(house) as found:
        assert take(house, acme, batch, LATER) == Counts(received=53)
    assert row_versions(house) == before
    lasting = [each for each in found if _writes(each)]
    assert all("stage_" in each or "fresh_" in each for each in lasting)


def row_versions(house: House) -> list[str]:
    """What changes in PostgreSQL whenever a row is written, even with the same content; in SQLite, the rows."""
    mark = "0" if house.database.is_sqlite else "xmin::text || ctid::text"
    tables = ("invoice", "bill_to", "credit", "payment", "mailbox", "customer", "invoice_change", "quarantined")
    with house.database.reading(EVERYTHING) as session:
        found = [row for table in tables for row in session.execute(text(f"SELECT '{table}', {mark}, * FROM {table}"))]
    return sorted(map(str, found))


def _writes(statement: str) -> bool:
    """Except to release from quarantine, which finds nothing there."""
    return statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE")) and "UPDATE quarantined" not in statement


def test_it_needs_the_same_statements_for_one_row_and_for_a_thousand(house: House, acme: Selling) -> None:
    """[perf-A1] The number of statements does not follow the number of rows."""
    take(house, acme, Batch([bill_to("C0", address="first@x.example")], [invoice("I0", bill_to_external_id="C0")]))

    def many(count: int, name: str) -> int:
        bill_tos = [bill_to(f"{name}{n}", address=f"{name}{n}@x.example") for n in range(count)]
        sold = {"lines": [{"text": "Pallets", "minor": 250}] * 3}
        invoices = [invoice(f"{name}{n}", bill_to_external_id=f"{name}{n}", details=sold) for n in range(count)]
        with statements(house) as found:
            take(house, acme, Batch(bill_tos, invoices, [payment(f"{name}{n}") for n in range(count)], [credit(name)]))
        return len(found)

    assert many(1, "a") == many(1000, "b")


def test_another_line_is_another_fact_and_no_news(house: House, acme: Selling) -> None:
    """[A16 C6 003-4] It is written, and shown; the invoice's history tells of amounts, days and states alone."""
    take(house, acme, Batch([bill_to()], [invoice(details={"lines": [{"text": "Oak"}]})]))
    told = Batch(invoices=[invoice(version=2, details={"lines": [{"text": "Oak, planed"}]})])
    assert take(house, acme, told, LATER).changed == 1
    assert one(house, Invoice, external_id="I1").details == {"lines": [{"text": "Oak, planed"}]}
    assert not all_of(house, InvoiceChange)


def test_it_keeps_the_newer_fact_whatever_comes_last(house: House, acme: Selling) -> None:
    """[I1 I2 inv-N3] A page read before the payment and written after it brings nothing back."""
    take(house, acme, Batch([bill_to()], [invoice(version=5, balance="0")]))
    assert take(house, acme, Batch(invoices=[invoice(version=4)]), LATER).changed == 0
    assert one(house, Invoice, external_id="I1").state == InvoiceState.PAID


def test_it_lets_the_later_reading_win_within_one_version(house: House, acme: Selling) -> None:
    """[inv-N3] Its clock ticks slowly: other content under the same version counts, unless it was read first."""
    take(house, acme, Batch([bill_to()], [invoice(version=5)]))
    take(house, acme, Batch(invoices=[invoice(version=5, balance="0")]), LATER)
    kept = one(house, Invoice, external_id="I1")
    assert (kept.state, kept.settled_at) == (InvoiceState.PAID, LATER)
    take(house, acme, Batch(invoices=[invoice(version=5)]), LATER + timedelta(seconds=2), read_at=NOW)
    assert one(house, Invoice, external_id="I1").state == InvoiceState.PAID


_SAID = st.tuples(st.sampled_from(["I1", "I2", "I3"]), st.integers(1, 6), st.sampled_from("pog"))
_BILLED = st.tuples(st.sampled_from(["C1", "C2"]), st.integers(1, 4))


def _facts(said: set[tuple[str, int, str]], billed: set[tuple[str, int]]) -> list[Any]:
    """One content for each object and version, as a provider has it."""
    facts: dict[Any, Any] = {}
    for name, version, what in sorted(said):
        whose = f"C{1 + version % 2}"
        paid = invoice(name, version, balance="0", bill_to_external_id=whose)
        still = invoice(
            name, version, balance=f"{version}.00", bill_to_external_id=whose, address_text=f"{name}@i.example"
        )
        lent = replace(credit(name, version, f"{version}.00"), bill_to_external_id=whose)
        facts[name, version] = {"p": paid, "o": still, "g": Gone("invoice", name, version)}[what]
        facts["credit", name, version] = Gone("credit", name, version) if what == "g" else lent
    for name, version in sorted(billed):
        facts[name, version] = bill_to(
            name, version, address=["", "a@b.example", "x", f"{name}@b.example"][version - 1]
        )
    return list(facts.values())


def _batches(facts: list[Any], size: int) -> Iterator[Batch]:
    for start in range(0, len(facts), size):
        batch = Batch()
        places: dict[type, list[Any]] = {
            InvoiceRecord: batch.invoices,
            BillToRecord: batch.bill_tos,
            CreditRecord: batch.credits,
            Gone: batch.gone,
        }
        for fact in facts[start : start + size]:
            places[type(fact)].append(fact)
        yield batch


def _state(house: House, of: Selling) -> list[Any]:
    """Everything the facts decide, with the address instead of keys of ours, without bill_tos no fact was about."""
    queries = (
        "SELECT i.external_id, i.version, i.content_hash, i.state, i.balance_minor,"
        " CASE WHEN i.state <> 'gone' THEN b.external_id || ':' || coalesce(m.address, '') END"
        " FROM invoice i LEFT JOIN bill_to b ON b.id = i.bill_to_id LEFT JOIN mailbox m ON m.id = i.mailbox_id",
        "SELECT i.external_id, i.kind, i.version, i.remaining_minor, CASE WHEN i.content_hash <> 0 THEN m.address END"
        " FROM credit i LEFT JOIN mailbox m ON m.id = i.mailbox_id",
        "SELECT i.external_id, i.version, i.name, i.issue, i.is_active, m.address"
        " FROM bill_to i LEFT JOIN mailbox m ON m.id = i.mailbox_id",
    )
    key = of.connection.id.hex if house.database.is_sqlite else of.connection.id
    with house.database.reading(EVERYTHING) as session:
        return [
            sorted(
                map(tuple, session.execute(text(f"{query} WHERE i.connection_id = :c AND i.version > 0"), {"c": key})),
                key=str,
            )
            for query in queries
        ]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.sets(_SAID, max_size=9), billed=st.sets(_BILLED, max_size=5), data=st.data())
def test_the_order_and_repetition_of_facts_do_not_matter(
    house: House, said: set[tuple[str, int, str]], billed: set[tuple[str, int]], data: st.DataObject
) -> None:
    """[A8 I2 inv-N3] Any order, any batches, any repeats of the same facts leave the same state."""
    facts = _facts(said, billed)
    again = data.draw(st.permutations(facts + data.draw(st.lists(st.sampled_from(facts), max_size=4)) if facts else []))
    with house.database.transaction(EVERYTHING) as session:
        one_way, other_way = (vendor(session, name, address=f"{name}@v.example") for name in ("One", "Other"))
    for batch in _batches(facts, len(facts) or 1):
        take(house, one_way, batch)
    for batch in _batches(again, data.draw(st.integers(1, 6))):
        take(house, other_way, batch)
    assert _state(house, other_way) == _state(house, one_way)


def test_a_newer_version_without_a_change_is_remembered_and_not_counted(house: House, acme: Selling) -> None:
    """[inv-N3] Else an older fact could come between."""
    take(house, acme, Batch([bill_to()], [invoice(version=1)]))
    assert take(house, acme, Batch(invoices=[invoice(version=9)]), LATER).changed == 0
    take(house, acme, Batch(invoices=[invoice(version=5, balance="50.00")]), LATER)
    kept = one(house, Invoice, external_id="I1")
    assert (kept.version, kept.balance_minor, kept.updated_at) == (9, 10000, NOW)
    assert not all_of(house, InvoiceChange)


def test_every_transition_leaves_one_row_of_history(house: House, acme: Selling) -> None:
    """[A8] Part payment, payment, reopening, a new due date, void: the timeline tells each once."""
    facts = [
        invoice(version=1),
        invoice(version=2, balance="60.00"),
        invoice(version=3, balance="0"),
        invoice(version=4, balance="60.00"),
        invoice(version=5, balance="60.00", due_on=date(2026, 12, 1)),
        invoice(version=6, balance="0", state="void"),
        invoice(version=7, balance="0", state="void", number="other"),
    ]
    take(house, acme, Batch([bill_to()]))
    for hour, fact in enumerate(facts):
        take(house, acme, Batch(invoices=[fact]), NOW + timedelta(hours=hour))
    told = sorted(all_of(house, InvoiceChange), key=lambda change: change.at)
    assert [(change.state, change.balance_minor) for change in told] == [
        ("open", 10000), ("open", 6000), ("paid", 0), ("open", 6000), ("open", 6000), ("void", 0),
    ]  # fmt: skip
    kept = one(house, Invoice, external_id="I1")
    assert (kept.number, kept.settled_at) == ("other", None)
    assert {change.customer_id for change in told} == {kept.customer_id}


def test_an_invoice_without_changes_has_no_rows_of_history(house: House, acme: Selling) -> None:
    """[A8 perf-A1] How it came is written when it first changes, with the time it came."""
    take(house, acme, Batch([bill_to()], [invoice(), invoice("I2")]))
    assert not all_of(house, InvoiceChange)
    take(house, acme, Batch(invoices=[invoice(version=2, number="other")], gone=[Gone("invoice", "I2", 2)]), LATER)
    untold, told = one(house, Invoice, external_id="I1"), one(house, Invoice, external_id="I2")
    assert not all_of(house, InvoiceChange, invoice_id=untold.id)
    changes = sorted(all_of(house, InvoiceChange, invoice_id=told.id), key=lambda change: change.at)
    assert [(change.at, change.state, change.balance_minor) for change in changes] == [
        (NOW, "open", 10000), (LATER, "gone", 0),
    ]  # fmt: skip


def test_a_deletion_closes_and_stays(house: House, acme: Selling) -> None:
    """[A8 inv-N3] Deleted documents owe nothing, whichever order the facts come in; recreated ones do."""
    take(house, acme, Batch([bill_to()], [invoice(version=3)], [payment(version=3)], [credit(version=3)]))
    gone = Batch(gone=[Gone("invoice", "I1", 3), Gone("payment", "P1", 4), Gone("credit", "K1", 4)])
    assert take(house, acme, gone, LATER).gone == 3
    kept = one(house, Invoice, external_id="I1")
    assert (kept.state, kept.balance_minor, kept.due_minor) == (InvoiceState.GONE, 0, 0)
    assert one(house, Credit, external_id="K1", kind="credit_note").remaining_minor == 0
    assert one(house, Payment, external_id="P1").amount_minor == 0
    assert take(house, acme, gone, LATER).changed == 0
    take(house, acme, Batch(invoices=[invoice(version=3)]), LATER)
    assert one(house, Invoice, external_id="I1").state == InvoiceState.GONE
    take(house, acme, Batch(invoices=[invoice(version=5)]), LATER)
    assert one(house, Invoice, external_id="I1").state == InvoiceState.OPEN
    assert [change.state for change in all_of(house, InvoiceChange)].count(InvoiceState.GONE) == 1


def test_a_deletion_heard_of_first_still_counts(house: House, acme: Selling) -> None:
    """[inv-N3] A page read before the deletion and written after it does not bring the document back."""
    take(house, acme, Batch(gone=[Gone("invoice", "I1", 7), Gone("credit", "K1", 7)]))
    take(house, acme, Batch([bill_to()], [invoice(version=6)], [], [credit(version=6)]), LATER)
    assert one(house, Invoice, external_id="I1").state == InvoiceState.GONE
    assert one(house, Credit, external_id="K1", kind="credit_note").remaining_minor == 0


def test_invoices_that_come_before_their_bill_to_find_it_later(house: House, acme: Selling) -> None:
    """[A5 inv-N3] Nothing is reached until the bill_to comes; then all of it moves."""
    take(house, acme, Batch(invoices=[invoice(balance="120.00")], payments=[payment()], credits=[credit()]))
    take(house, acme, Batch(invoices=[invoice(version=2)]))
    waiting = one(house, BillTo, external_id="C1")
    assert waiting.issue == AddressIssue.MISSING
    assert one(house, Invoice, external_id="I1").customer_id is None
    take(house, acme, Batch([bill_to()]), LATER)
    box = one(house, Mailbox, address="ap@cobalt.example")
    kept = one(house, Invoice, external_id="I1")
    assert (kept.bill_to_id, kept.mailbox_id, kept.customer_id) == (waiting.id, box.id, box.customer_id)
    assert one(house, Credit, external_id="K1").customer_id == box.customer_id
    assert one(house, Payment, external_id="P1").customer_id == box.customer_id
    assert {told.customer_id for told in all_of(house, InvoiceChange)} == {box.customer_id}


def test_another_address_and_another_bill_to_take_the_invoices_along(house: House, acme: Selling) -> None:
    """[A8] Re-assigned at the provider or a new address in the books: the invoice moves, its history too."""
    take(house, acme, Batch([bill_to(), bill_to("C2", address="ap@dune.example")], [invoice(), invoice("I2")]))
    take(house, acme, Batch(invoices=[invoice(version=2, bill_to_external_id="C2")]), LATER)
    dune = one(house, Mailbox, address="ap@dune.example")
    assert one(house, Invoice, external_id="I1").customer_id == dune.customer_id
    take(house, acme, Batch(invoices=[invoice("I2", version=2, balance="60.00")]), LATER)
    take(house, acme, Batch([bill_to(version=2, address="new@cobalt.example")]), LATER)
    new = one(house, Mailbox, address="new@cobalt.example")
    moved = one(house, Invoice, external_id="I2")
    assert (moved.mailbox_id, moved.customer_id) == (new.id, new.customer_id)
    assert {told.customer_id for told in all_of(house, InvoiceChange, invoice_id=moved.id)} == {new.customer_id}
    take(house, acme, Batch([bill_to(version=3, address="")]), LATER)
    assert one(house, Invoice, external_id="I2").mailbox_id is None


@pytest.mark.parametrize(
    ("written", "issue"),
    [("", AddressIssue.MISSING), ("call Bob", AddressIssue.INVALID), ("x, ap@cobalt.example; b@c.example", "")],
)
def test_what_reaches_nobody_is_queued_for_the_vendor(house: House, acme: Selling, written: str, issue: str) -> None:
    """[A5] Missing, unreadable, or several in one field, of which the first good one counts."""
    take(house, acme, Batch([bill_to(address=written)], [invoice()]))
    kept = one(house, BillTo, external_id="C1")
    assert (kept.issue, kept.mailbox_id is None) == (issue, bool(issue))


def test_two_bill_tos_of_one_address_are_listed_until_one_leaves(house: House, acme: Selling) -> None:
    """[A5] A vendor with branches: both reach the mailbox, both are shown to the vendor to look at."""
    take(house, acme, Batch([bill_to(), bill_to("C2")]))
    assert {kept.issue for kept in all_of(house, BillTo)} == {AddressIssue.SHARED}
    take(house, acme, Batch([bill_to("C2", version=2, address="two@cobalt.example")]), LATER)
    assert {kept.issue for kept in all_of(house, BillTo)} == {AddressIssue.NONE}
    take(house, acme, Batch([bill_to("C2", version=3)]), LATER)
    take(house, acme, Batch(gone=[Gone("customer", "C2", 4)]), LATER)
    assert {kept.issue for kept in all_of(house, BillTo)} == {AddressIssue.NONE}


def test_the_invoices_own_recipient_stands_in_for_a_missing_address(house: House, acme: Selling) -> None:
    """[A5] Of several the newest invoice's, so that the order of arrival does not matter."""
    newer = invoice("I2", 9, address_text="new@cobalt.example")
    older = invoice("I1", 3, address_text="old@cobalt.example")
    for batch in (Batch([bill_to(address="")]), Batch(invoices=[newer]), Batch(invoices=[older])):
        take(house, acme, batch)
    box = one(house, Mailbox, address="new@cobalt.example")
    assert {kept.mailbox_id for kept in all_of(house, Invoice)} == {box.id}
    assert one(house, BillTo, external_id="C1").issue == AddressIssue.NONE


def test_two_vendors_meet_in_one_mailbox_and_a_name_never_joins(house: House, acme: Selling) -> None:
    """[A5 inv-D2] By canonical address only."""
    with house.database.transaction(EVERYTHING) as session:
        birch = vendor(session, "Birch", address="owner@birch.example")
    take(house, acme, Batch([bill_to()], [invoice()]))
    take(house, birch, Batch([bill_to(address="AP@cobalt.example"), bill_to("C9", address="x@y.example")], [invoice()]))
    assert len({kept.customer_id for kept in all_of(house, Invoice)}) == 1
    assert len(all_of(house, Mailbox)) == 2
    assert len(all_of(house, Customer)) == 2


def test_two_vendors_meeting_the_same_new_addresses_at_once_make_each_mailbox_once(house: House) -> None:
    """[A5 inv-D1] And leave no customer without a mailbox behind."""
    with house.database.transaction(EVERYTHING) as session:
        sellers = [vendor(session, name, address=f"{name}@v.example") for name in ("One", "Two", "Three", "Four")]
    gate = threading.Barrier(len(sellers))

    def meet(of: Selling) -> None:
        names = [f"c{number}" for number in range(60)]
        gate.wait()
        take(house, of, Batch([bill_to(name, address=f"{name}@x.example") for name in names], [invoice()]))

    with ThreadPoolExecutor(len(sellers)) as pool:
        list(pool.map(meet, sellers))
    boxes = all_of(house, Mailbox)
    assert len(boxes) == len({box.address for box in boxes}) == 60
    assert {one.id for one in all_of(house, Customer)} == {box.customer_id for box in boxes}
    assert sum(one.mailbox_id is not None for one in all_of(house, BillTo)) == 240


def test_it_asks_for_the_next_open_instalment(house: House, acme: Selling) -> None:
    """[A10] Two of three are paid: the third is due, with its own date and amount; the balance is all that is owed."""
    parts = (
        Instalment(date(2026, 12, 1), 3000, 3000),
        Instalment(date(2026, 10, 1), 4000, 0),
        Instalment(date(2026, 11, 1), 3000, 1000),
    )
    take(house, acme, Batch([bill_to()], [invoice(balance="40.00", instalments=parts)]))
    kept = one(house, Invoice, external_id="I1")
    assert (kept.due_on, kept.due_minor, kept.balance_minor) == (date(2026, 11, 1), 1000, 4000)
    assert kept.instalments[1] == ["2026-10-01", 4000, 0]


def test_a_missing_due_date_is_derived_and_says_so(house: House, acme: Selling) -> None:
    """[A10] The day of issue stands in; without one there is no due date."""
    take(house, acme, Batch([bill_to()], [invoice(due_on=None), invoice("I2", due_on=None, issued_on=None)]))
    derived, bare = one(house, Invoice, external_id="I1"), one(house, Invoice, external_id="I2")
    assert (derived.due_on, derived.due_on_derived) == (date(2026, 10, 1), True)
    assert (bare.due_on, bare.due_on_derived) == (None, False)


def test_one_bad_record_does_not_stop_the_batch(house: House, acme: Selling) -> None:
    """[A8] It is kept where the vendor sees it, and released by a good one."""
    beyond = invoice("I3", total=Money(2**63, "USD"))
    bad = BadRecord("invoice", "I2", "currency 'ZZZ' is not a currency", {"Id": "I2"})
    counts = take(house, acme, Batch([bill_to()], [invoice(), beyond], bad=[bad]))
    assert (counts.changed, counts.quarantined) == (2, 2)
    assert {kept.external_id for kept in all_of(house, Quarantined)} == {"I2", "I3"}
    take(house, acme, Batch(invoices=[invoice("I2")], bad=[replace(bad, external_id="I4")]), LATER)
    assert one(house, Quarantined, external_id="I2").resolved_at == LATER
    take(house, acme, Batch(bad=[bad]), LATER)
    assert one(house, Quarantined, external_id="I2").resolved_at is None


def test_odd_text_is_kept_or_bounded_and_never_breaks_a_batch(house: House, acme: Selling) -> None:
    """[A8] Very long names and every alphabet go in on both databases."""
    take(
        house,
        acme,
        Batch([bill_to(shown="Ünïcödé 株式会社 🌾" * 30)], [invoice(number="9" * 300, details={"memo": "a\tb\\"})]),
    )
    kept = one(house, Invoice, external_id="I1")
    assert (len(kept.number), kept.details) == (80, {"memo": "a\tb\\"})
    assert len(one(house, BillTo, external_id="C1").name) == 200


def test_the_history_keeps_to_its_vendor(house: House, acme: Selling) -> None:
    """[inv-I2] Two vendors' books may use the same ids."""
    with house.database.transaction(EVERYTHING) as session:
        birch = vendor(session, "Birch", address="owner@birch.example")
    take(house, acme, Batch([bill_to()], [invoice()]))
    take(house, birch, Batch([bill_to()], [invoice(balance="0")]))
    take(house, birch, Batch(gone=[Gone("invoice", "I1", 9)]))
    assert one(house, Invoice, connection_id=acme.connection.id).state == InvoiceState.OPEN
    assert {told.vendor_id for told in all_of(house, InvoiceChange)} == {birch.vendor.id}


def test_the_connection_row_is_not_needed_to_write(house: House, acme: Selling) -> None:
    """[A8] Ingest moves no cursor: the caller does, in the same transaction."""
    take(house, acme, Batch([bill_to()]))
    assert one(house, Connection, id=acme.connection.id).cursor == {}
