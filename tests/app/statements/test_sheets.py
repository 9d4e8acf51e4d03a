"""A CSV that no spreadsheet computes."""

import csv
from datetime import date
from uuid import uuid4

import pytest

from app.statements.rules import Entry, Kind, statement
from app.statements.sheets import harmless, statement_csv


@pytest.mark.parametrize("cell", ["=1+1", "+49", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "-1-1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    """[H2]"""
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-12.50", "12", "A-1", "", "Birch = Betula"])
def test_what_is_none_stays_as_it_is(cell: str) -> None:
    """[H2] A guard before every minus would spoil credits."""
    assert harmless(cell) == cell


def test_a_statement_is_sent_line_by_line() -> None:
    """[H2] With names that would be formulas, and amounts a program can read."""
    vendor, on = uuid4(), date(2026, 11, 2)
    entries = [
        Entry(on, Kind.INVOICE, vendor, "=Evil()", "USD", "+1", 123450),
        Entry(on, Kind.PAYMENT, vendor, "=Evil()", "USD", "", -100000, method="@card"),
    ]
    lines = statement_csv(statement(entries, date(2026, 11, 1), date(2026, 11, 30)))
    first = next(lines)
    assert first.startswith("\ufeff")
    rows = list(csv.reader(lines))
    assert rows[1] == ["'=Evil()", "USD", "2026-11-02", "Invoice", "'+1", "", "1234.50", "1234.50"]
    assert rows[2] == ["'=Evil()", "USD", "2026-11-02", "Payment", "", "'@card", "-1000.00", "234.50"]
    assert rows[-1][2:] == ["2026-11-30", "Closing balance", "", "", "", "234.50"]
