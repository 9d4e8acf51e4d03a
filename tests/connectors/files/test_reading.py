"""Tables of invoices: any dialect read, nothing guessed, whole or not at all."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.files.cells import date_orders, decimal_marks, read_amount, read_date
from connectors.files.reading import Reading, Sheet, propose, read_rows
from connectors.files.refusal import Refused
from connectors.files.table import read_table

HEADER = "Invoice number,Customer,Invoice date,Currency,Balance\n"


def _read(text: str, reading: Reading | None = None) -> Sheet:
    table = read_table(text.encode())
    return read_rows(table, reading or propose(table).reading)


def test_the_generic_export_is_read(shared: Path) -> None:
    """[A4] Thousands in quotes, a company with a comma in its name, a credit with a minus."""
    table = read_table((shared / "connectors/samples/csv/generic_export.csv").read_bytes())
    found = propose(table)
    assert found.asks == []
    rows = read_rows(table, found.reading).rows
    assert [(row.number, row.total, row.balance) for row in rows] == [
        ("INV-1001", Decimal("1250.00"), Decimal("1250.00")),
        ("INV-1002", Decimal("480.5"), Decimal("200.5")),
        ("INV-1003", Decimal("75.00"), Decimal("0.00")),
        ("CN-0007", Decimal("-100.00"), Decimal("-100.00")),
    ]
    assert rows[0].due_on == date(2026, 5, 31)
    assert (rows[1].customer, rows[1].email) == ("Fabrikam, Inc.", "billing@fabrikam.example")
    assert rows[0].pay_url == "https://pay.example/i/1001"


def test_the_german_export_is_read(shared: Path) -> None:
    """[A4] Semicolons, a BOM, CRLF, umlauts, decimal commas."""
    table = read_table((shared / "connectors/samples/csv/german_semicolon_bom_crlf.csv").read_bytes())
    assert (table.separator, table.encoding) == (";", "utf-8-sig")
    found = propose(table)
    assert found.asks == ["dates"]  # 04.05.2026 and 03.06.2026: nobody can know
    rows = read_rows(table, Reading(found.reading.columns, "dmy", found.reading.decimal_mark)).rows
    assert [(row.customer, row.balance, row.due_on) for row in rows] == [
        ("Müller & Sohn GmbH", Decimal("1234.56"), date(2026, 6, 3)),
        ("Groß; Klein KG", Decimal("50.00"), date(2026, 6, 4)),
    ]


def test_the_quickbooks_report_is_read(shared: Path) -> None:
    """[A4] Payments and credits among the invoices, no currency: that is asked."""
    table = read_table((shared / "connectors/samples/csv/quickbooks_ar_aging_detail.csv").read_bytes())
    found = propose(table)
    assert found.asks == ["currency"]
    rows = read_rows(table, Reading(found.reading.columns, found.reading.dates, ".", "usd")).rows
    assert [(row.type, row.number, row.balance, row.currency) for row in rows] == [
        ("Invoice", "1033", Decimal("629.10"), "USD"),
        ("Payment", "", Decimal("-100.00"), "USD"),
        ("Credit Memo", "1041", Decimal("-45.00"), "USD"),
    ]
    assert rows[0].issued_on == date(2026, 5, 1)  # 05/31/2026 tells


def test_titles_totals_and_repetitions_are_no_rows() -> None:
    """[A4] Passed over, each with its line and the reason."""
    sheet = _read(
        "Open invoices of Acme\n\n" + HEADER + "1,Cobalt,2026-01-02,USD,5.00\n" + HEADER
        + "1,Cobalt,2026-01-02,USD,5.00\nTotal,,,,5.00\n,Total for Cobalt,,,5.00\n2,Dune,2026-01-03,USD,6.00\n"
    )  # fmt: skip
    assert [row.number for row in sheet.rows] == ["1", "2"]
    assert sheet.passed_over == [
        (5, "the header again"), (6, "the same as line 4"), (7, "a line of totals"), (8, "a line of totals")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "only one column"),
        ("just a letter\nto you\n", "only one column"),
        ("a,b\n1,2\n", "No line of the first fifteen names its columns"),
        (HEADER, "a header and no line"),
        (HEADER + "1,Cobalt,2026-13-02,USD,5.00", "Line 2: “2026-13-02” (Invoice date) cannot be read."),
        (HEADER + "1,Cobalt,2026-01-02,USD,many", "Line 2: “many” (Still open) cannot be read."),
        (HEADER + "1,Cobalt,2026-01-02,USD,", "Line 2: there is no amount."),
        (HEADER + ",Cobalt,2026-01-02,USD,5.00", "Line 2: the invoice has no number."),
        (HEADER + "1,,2026-01-02,USD,5.00", "Line 2: there is no customer."),
        (
            HEADER + "1,A,2026-01-02,USD,5.00\n1,A,2026-01-02,USD,6.00",
            "Line 3: 1 stands in line 2 as well, and differs.",
        ),
        (HEADER + "1,A,3/4/2026,USD,5.00", "Please say first: whether the day or the month comes first in dates."),
        (HEADER + '1,A,2026-01-02,USD,"1,234"', "whether the comma or the point is the decimal mark"),
        (HEADER + "1,A\x00,2026-01-02,USD,1", "no table of text"),
    ],
)
def test_it_is_refused_whole_and_says_where(text: str, words: str) -> None:
    """[A4 inv-N2] Nothing is taken, nothing is guessed."""
    with pytest.raises(Refused) as refused:
        _read(text)
    assert words in str(refused.value)


def test_many_wrong_lines_are_not_all_told() -> None:
    """[A4] The first ten, and how many more."""
    with pytest.raises(Refused, match="And 15 more lines"):
        _read(HEADER + "".join(f"{n},A,2026-01-02,USD,x{n}?\n" for n in range(25)))


def test_last_times_reading_is_remembered() -> None:
    """[A4] Strange names and undecidable dates are answered once; a column that is gone is asked again."""
    text = "Nr;Wer;Wann;Noch;Currency\n7;Cobalt;03.04.2026;1.234,00;EUR\n"
    known = Reading({"number": "Nr", "customer": "Wer", "issued_on": "Wann", "balance": "Noch"}, "dmy", ",")
    with pytest.raises(Refused, match="No line"):
        read_table(b"Nr;Wer\n1;A\n")
    table = read_table(("Rechnungsnr;Datum;" + text).replace("\n7", "\n7;01.02.2026;7").encode())
    found = propose(table, known)
    assert found.reading.dates == "dmy"
    assert found.reading.columns["balance"] == "Noch"
    assert "customer" in propose(table).asks


@pytest.mark.parametrize(
    ("said", "mark", "amount"),
    [
        ("1,234.56", ".", "1234.56"),
        ("1.234,56", ",", "1234.56"),
        ("1'234.56", ".", "1234.56"),
        ("1 234,56", ",", "1234.56"),
        ("1\u00a0234,56 €", ",", "1234.56"),
        ("$1,250", ".", "1250"),
        ("CHF 12.-", ".", "12"),
        ("USD 12.5", ".", "12.5"),
        ("(45.00)", ".", "-45.00"),
        ("45.00-", ".", "-45.00"),
        ("-45", ",", "-45"),
        ("1,23,4", ".", None),
        ("1.2.3", ".", None),
        ("12,34", ".", None),
        ("--1", ".", None),
        ("", ".", None),
    ],
)
def test_amounts_are_read_as_written(said: str, mark: str, amount: str | None) -> None:
    """[A4]"""
    assert read_amount(said, mark) == (None if amount is None else Decimal(amount))  # type: ignore[arg-type]


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.sampled_from(["ymd", "dmy", "mdy"]), st.sampled_from("./-"))
def test_a_date_written_in_an_order_is_read_in_it(day: date, order: str, sign: str) -> None:
    """[A4] And that order is always among the possible ones."""
    parts = {"y": f"{day.year}", "m": f"{day.month:02}", "d": f"{day.day}"}
    said = sign.join(parts[part] for part in order)
    assert read_date(said, order) == day  # type: ignore[arg-type]
    assert order in date_orders([said])


@given(st.decimals(-(10**9), 10**9, places=2), st.sampled_from([".", ","]))
def test_an_amount_written_under_a_mark_is_read_under_it(amount: Decimal, mark: str) -> None:
    """[A4]"""
    said = f"{amount:,}" if mark == "." else f"{amount:,}".translate(str.maketrans(",.", ".,"))
    assert read_amount(said, mark) == amount  # type: ignore[arg-type]
    assert mark in decimal_marks([said])


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_a_reason(data: bytes) -> None:
    """[A4 inv-N2]"""
    try:
        table = read_table(HEADER.encode() + data)
        sheet = read_rows(table, Reading(propose(table).reading.columns, "ymd", ".", "USD"))
    except Refused:
        return
    assert len(sheet.rows) + len(sheet.passed_over) == len(table.lines)
