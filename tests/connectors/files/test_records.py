"""Files as records: what is an invoice, what is the customer's money, and who is who."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Batch
from connectors.files.einvoice import read_xml
from connectors.files.reading import Reading, propose, read_rows
from connectors.files.records import of_einvoice, of_rows, version_of
from connectors.files.refusal import Refused
from connectors.files.table import read_table

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HEADER = "Invoice number,Type,Customer,Email,Invoice date,Currency,Total,Balance,Status\n"


def _batch(text: str) -> Batch:
    table = read_table(text.encode())
    return of_rows(read_rows(table, propose(table).reading).rows, NOW)


def test_a_table_becomes_invoices_and_credits(shared: Path) -> None:
    """[A4 A9] What is paid comes as paid; a negative line is the customer's money."""
    table = read_table((shared / "connectors/samples/csv/generic_export.csv").read_bytes())
    batch = of_rows(read_rows(table, propose(table).reading).rows, NOW)
    assert [(each.external_id, each.state, each.balance.minor) for each in batch.invoices] == [
        ("INV-1001@2026-05-01", "open", 125000),
        ("INV-1002@2026-05-03", "open", 20050),
        ("INV-1003@2026-04-15", "paid", 0),
    ]
    assert [(each.number, each.remaining.minor, each.kind) for each in batch.credits] == [
        ("CN-0007", 10000, "credit_note")
    ]
    assert batch.invoices[0].can_pay_online
    assert batch.invoices[0].version == version_of(NOW)
    assert batch.as_of == NOW


def test_cash_on_account_is_no_invoice(shared: Path) -> None:
    """[A9] A payment line of an aging report."""
    table = read_table((shared / "connectors/samples/csv/quickbooks_ar_aging_detail.csv").read_bytes())
    found = propose(table).reading
    batch = of_rows(read_rows(table, Reading(found.columns, found.dates, ".", "USD")).rows, NOW)
    assert [(each.kind, each.remaining.minor) for each in batch.credits] == [
        ("unapplied_cash", 10000),
        ("credit_note", 4500),
    ]
    assert len(batch.invoices) == 1


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("1,,A,a@b.example,2026-01-02,USD,5,5,open", "open"),
        ("1,,A,a@b.example,2026-01-02,USD,5,5,Voided", "void"),
        ("1,,A,a@b.example,2026-01-02,USD,5,5,Entwurf", "draft"),
        ("1,,A,a@b.example,2026-01-02,USD,5,0,open", "paid"),
        ("1,Invoice,A,a@b.example,2026-01-02,JPY,500,500,", "open"),
    ],
)
def test_a_row_has_a_state(line: str, state: str) -> None:
    """[A4]"""
    (invoice,) = _batch(HEADER + line).invoices
    assert (invoice.state, invoice.address_text) == (state, "a@b.example")


@pytest.mark.parametrize(("amount", "currency"), [("5.0012", "USD"), ("5", "XXX"), ("5", ""), ("1.5", "JPY")])
def test_money_that_is_none_refuses_the_file(amount: str, currency: str) -> None:
    """[A4 inv-M1] With its line; never rounded, never guessed."""
    with pytest.raises(Refused, match="Line 2"):
        _batch(HEADER + f"1,,A,a@b.example,2026-01-02,{currency},{amount},{amount},open")


def test_customers_are_told_apart_by_id_address_or_name() -> None:
    """[A5] In that order; two addresses are two customers, though the name is one."""
    batch = _batch(
        HEADER + "1,,Cobalt,a@cobalt.example,2026-01-02,USD,5,5,\n2,,Cobalt,b@cobalt.example,2026-01-02,USD,5,5,\n"
        "3,,Cobalt,A@Cobalt.example,2026-01-02,USD,5,5,\n4,,Dune Ltd.,,2026-01-02,USD,5,5,\n"
    )
    names = [each.bill_to_external_id for each in batch.invoices]
    assert names == ["a@cobalt.example", "b@cobalt.example", "a@cobalt.example", "dune ltd"]


def test_an_einvoice_becomes_one_record(shared: Path) -> None:
    """[A4 A16] With its order reference, its bank details beside it, and the buyer's address where it has one."""
    folder = shared / "connectors/samples/einvoice"
    batch = of_einvoice(read_xml((folder / "xrechnung_01.14a_ubl.xml").read_bytes()), NOW)
    (invoice,) = batch.invoices
    assert (invoice.balance.amount, invoice.due_on, invoice.state) == (Decimal("12829.69"), date(2018, 4, 13), "open")
    assert invoice.details["iban"] == "DE79000000001234567890"
    assert sum(line["minor"] for line in invoice.details["lines"]) == 1078125
    assert batch.bill_tos[0].address_text == "tester@test.de"


@pytest.mark.parametrize(
    ("sample", "line"),
    [
        ("cen_ubl_example2.xml", {"text": "Laptop computer", "quantity": "2", "each": 127300, "minor": 127300}),
        ("zugferd1_comfort.xml", {"text": "Trennblätter A4", "quantity": "20", "each": 990, "minor": 19800}),
        ("facturx_en16931.xml", {"text": "PRESTATION SUPPORT", "quantity": "1", "each": 6000, "minor": 6000}),
    ],
)
def test_its_lines_are_kept_to_be_shown(shared: Path, sample: str, line: dict[str, Any]) -> None:
    """[A16 B13 003-4 facts-13] In every syntax; the price is that of one piece."""
    said = read_xml((shared / "connectors/samples/einvoice" / sample).read_bytes())
    (invoice,) = of_einvoice(said, NOW).invoices
    assert invoice.details["lines"][0] == line
    assert len(invoice.details["lines"]) == said.lines


@pytest.mark.parametrize(
    ("terms", "minor", "until"),
    [
        ("#SKONTO#TAGE=14#PROZENT=2.00#", 25659, date(2018, 4, 6)),
        ("#SKONTO#TAGE=7#PROZENT=3.00#\n#SKONTO#TAGE=14#PROZENT=2.00#", 38489, date(2018, 3, 30)),
        ("2 % within 14 days", None, None),
    ],
)
def test_a_discount_is_read_where_it_is_written_for_machines(
    shared: Path, terms: str, minor: int | None, until: date | None
) -> None:
    """[C17 000-10] As an XRechnung writes it; free words are read by nobody but people, and code by none of them."""
    said = read_xml((shared / "connectors/samples/einvoice/xrechnung_01.14a_ubl.xml").read_bytes())
    (invoice,) = of_einvoice(replace(said, terms=terms, issue_date=date(2018, 3, 23)), NOW).invoices
    assert (invoice.discount_minor, invoice.discount_until) == (minor, until)
    assert invoice.details.get("terms") == (None if minor else terms)


def test_a_credit_note_lowers_the_debt(shared: Path) -> None:
    """[A9] Its payable is positive, and nobody is reminded of it."""
    folder = shared / "connectors/samples/einvoice"
    batch = of_einvoice(read_xml((folder / "cen_ubl_creditnote1.xml").read_bytes()), NOW)
    assert batch.invoices == []
    assert batch.credits[0].remaining.amount == Decimal("100.11")
