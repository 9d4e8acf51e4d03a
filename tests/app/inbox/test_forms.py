from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.inbox.forms import read_key, read_moment, read_search, write_key, write_moment
from app.inbox.queries import Mark, Search, Tab
from app.money import amounts_meant

ID = UUID("01a2056d-8561-7dcc-b636-ad4b44ca06ee")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1250", ["1250"]),
        ("1,250.00", ["1250.00"]),
        ("1.250,00", ["1250.00"]),
        ("1,250", ["1.250", "1250"]),
        ("12.5", ["12.5"]),
        ("12,5", ["12.5"]),
        ("1 250", ["1250"]),
        ("1'250.50", ["1250.50"]),
        ("USD 1,250.00", ["1250.00"]),
        ("1250 eur", ["1250"]),
        ("€9,99", ["9.99"]),
        ("A-1", []),
        ("1,25,000", []),
        ("12.50.1", []),
        ("-5", []),
        ("٣", []),
        ("9" * 40, []),
        ("", []),
    ],
)
def test_it_reads_amounts_as_people_write_them(text: str, meant: list[str]) -> None:
    """[B13 inv-M1]"""
    assert amounts_meant(text) == tuple(Decimal(one) for one in meant)


@given(st.dictionaries(st.sampled_from(["tab", "mark", "q", "vendor", "after"]), st.text()))
def test_it_reads_any_address_without_complaint(args: dict[str, str]) -> None:
    """[B13]"""
    search = read_search(args)
    assert len(search.text) <= 80
    assert "\0" not in search.text


def test_what_cannot_be_read_is_as_if_it_were_not_there() -> None:
    """[B13]"""
    assert read_search({"tab": "x", "mark": "y", "vendor": "z", "after": "2026-13-01~1"}) == Search()
    found = read_search({"tab": "settled", "mark": "paying", "q": " acme ", "vendor": str(ID)})
    assert (found.tab, found.mark, found.text, found.vendor_id) == (Tab.SETTLED, Mark.PAYING, "acme", ID)


@pytest.mark.parametrize("key", [None, (None, ID), (date(2026, 11, 23), ID)])
def test_a_key_comes_back_from_an_address_as_it_went(key: tuple[date | None, UUID] | None) -> None:
    """[B13]"""
    assert read_key(write_key(key)) == key


def test_a_moment_comes_back_from_an_address_as_it_went() -> None:
    key = (datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC), ID)
    assert read_moment(write_moment(key)) == key
    assert read_moment(f"2026-11-23T09:00~{ID}") is None  # no zone, no instant
    assert read_moment("") is None
