"""What Tryton's JSON means: answers of a real server, the facts, and anything at all."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, Instalment, InvoiceRecord, PaymentRecord
from connectors.tryton import mapping
from tests.connectors.foreign import ANYTHING, check, load, spoiled


def number(text: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": text}


def day(year: int, month: int, of_month: int) -> dict[str, Any]:
    return {"__class__": "date", "year": year, "month": month, "day": of_month}


def line(amount: str, *due: int, **more: Any) -> dict[str, Any]:
    return {"id": 7, "maturity_date": day(*due), "amount": number(amount), "reconciliation": None, **more}


AT = datetime(2026, 11, 22, 11, 28, 43, 274972, tzinfo=UTC)
EUR = {"id": 1, "__name__": "currency.currency", "code": "EUR"}
INVOICE: dict[str, Any] = {
    "id": 2, "__name__": "account.invoice", "number": "17", "reference": "PO-1", "type": "out", "state": "posted",
    "invoice_date": day(2026, 11, 22), "total_amount": number("250.01"), "amount_to_pay": number("140.00"),
    "party": {"id": 5, "__name__": "party.party"}, "currency": EUR,
    "write_date": mapping.stamp(AT), "create_date": None,
    "lines_to_pay": [line("125.01", 2027, 1, 2), line("125.00", 2026, 12, 3)],
    "payment_lines": [{"id": 31, "amount": number("-110.01"), "date": day(2026, 11, 23), "amount_currency": EUR}],
}  # fmt: skip


@pytest.fixture(scope="module")
def samples(shared: Path) -> Path:
    return shared / "connectors" / "samples" / "tryton"


def invoice(**changes: Any) -> Any:
    return mapping.invoice({name: value for name, value in (INVOICE | changes).items() if value is not ...})[0]


def test_it_reads_an_invoice_in_parts() -> None:
    """[M4 A16 inv-M1] What was paid is on none of the lines: it lowers the earliest first, to the last of it."""
    assert invoice() == InvoiceRecord(
        external_id="2",
        version=1795346923274972,
        bill_to_external_id="5",
        number="17",
        issued_on=date(2026, 11, 22),
        due_on=date(2027, 1, 2),
        total=Money(25001, "EUR"),
        balance=Money(14000, "EUR"),
        state="open",
        raw_state="posted",
        po_number="PO-1",
        instalments=(Instalment(date(2026, 12, 3), 12500, 1499), Instalment(date(2027, 1, 2), 12501, 12501)),
    )


def test_it_reads_what_a_real_server_said(samples: Path) -> None:
    """[M4 A16] Recorded from version 8.2: an invoice paid in part, and two parties."""
    (found,) = mapping.invoice(load(samples / "rest_open_invoices.json")[0])
    assert isinstance(found, InvoiceRecord)
    assert (found.number, found.total, found.balance, found.due_on) == (
        "2", Money(25000, "USD"), Money(21000, "USD"), date(2026, 11, 22),
    )  # fmt: skip
    one, other = map(mapping.party, (row | {"active": True} for row in load(samples / "rest_parties.json")))
    assert isinstance(one, BillToRecord)
    assert (one.external_id, one.name, one.address_text) == ("2", "Customer One", "ap@customer.example")
    assert isinstance(other, BillToRecord)
    assert other.address_text == ""


@pytest.mark.parametrize(
    ("raw", "state"),
    [("draft", "draft"), ("validated", "draft"), ("posted", "open"), ("paid", "paid"), ("cancelled", "void"),
     ("something new", "unknown")],
)  # fmt: skip
def test_a_state_we_do_not_know_is_never_owed(raw: str, state: str) -> None:
    """[M4 inv-S3] Nor is what a settled one still says about its lines."""
    found = invoice(state=raw)
    assert (found.state, found.settled_at) == (state, AT if state in ("paid", "void") else None)
    assert found.state == "open" or (found.balance.minor, found.instalments) == (0, ())


def test_a_payment_is_a_line_of_the_invoice() -> None:
    """[M4 C2] What was received is negative there."""
    assert mapping.invoice(INVOICE)[1:] == [
        PaymentRecord("31", 1795346923274972, "5", date(2026, 11, 23), Money(11001, "EUR"), applied=(("2", 11001),))
    ]


def test_a_negative_invoice_is_a_credit_note() -> None:
    """[M4 C2] Of which so much is left as it still owes the customer."""
    found = invoice(total_amount=number("-15.15"), amount_to_pay=number("-5.05"))
    assert isinstance(found, CreditRecord)
    assert (found.total, found.remaining) == (Money(1515, "EUR"), Money(505, "EUR"))
    assert invoice(total_amount=number("-15.15"), state="cancelled").remaining == Money(0, "EUR")


def test_what_was_never_written_on_is_as_old_as_it_is() -> None:
    """[M4 inv-N3] There is a day of creation, always."""
    assert invoice(write_date=None, create_date=mapping.stamp(AT)).version == 1795346923274972


@pytest.mark.parametrize("name", ["id", "party", "currency", "total_amount", "amount_to_pay", "write_date"])
def test_what_cannot_be_done_without_is_quarantine(name: str) -> None:
    """[M4 inv-M1] Named, never guessed."""
    assert isinstance(invoice(**{name: ...}), BadRecord)


@pytest.mark.parametrize("value", [day(2026, 2, 30), day(0, 1, 1), {"__class__": "date"}, {"__class__": "bytes"}, 7])
def test_a_day_that_is_none_is_quarantine(value: Any) -> None:
    """[M4 inv-M1] Whatever class it names."""
    assert isinstance(invoice(invoice_date=value), BadRecord)


@given(raw=ANYTHING | spoiled([INVOICE, INVOICE | {"total_amount": number("-15.15")}]))
def test_any_json_is_a_record_or_a_reason(raw: Any) -> None:
    """[M4 inv-M1] Never an exception, never a float, never what a database cannot hold."""
    for record in mapping.invoice(raw):
        check(record)
    check(mapping.party(raw))
    mapping.plain(raw)
