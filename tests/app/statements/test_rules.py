"""Accounts that add up, whatever the books forgot to tell."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.statements.rules import Billed, Books, Entry, Kind, entries_of, settlements, statement

VENDOR = uuid4()
FIRST = date(2026, 1, 1)
days = st.integers(0, 700).map(lambda count: FIRST + timedelta(days=count))
sums = st.integers(1, 10**9)


def _entry(on: date, kind: Kind, minor: int, number: str = "A-1") -> Entry:
    return Entry(on, kind, VENDOR, "Acme", "USD", number, minor, uuid4())


@st.composite
def _billed(draw: st.DrawFn) -> Billed:
    on, total = draw(days), draw(sums)
    entry = _entry(on, Kind.INVOICE, total, draw(st.text("A-19", max_size=4)))
    return Billed(
        entry, draw(st.integers(0, total)), draw(st.integers(0, total)), on + timedelta(draw(st.integers(0, 90)))
    )


@st.composite
def _books(draw: st.DrawFn) -> Books:
    kinds = st.sampled_from([Kind.CREDIT, Kind.PAYMENT])
    others = st.builds(lambda on, kind, minor: _entry(on, kind, -minor, ""), days, kinds, sums)
    return Books(draw(st.lists(_billed(), max_size=8)), draw(st.lists(others, max_size=5)), draw(st.integers(0, 10**9)))


@given(_books(), days, days)
def test_an_account_always_closes_on_what_is_owed(books: Books, one: date, other: date) -> None:
    """[H2 inv-M2] Whatever the books leave out; and a statement opens on what the one before it closed on."""
    entries = entries_of(books)
    if not entries:
        return
    assert sum(entry.minor for entry in entries) == books.owed
    since, until = sorted((one, other))
    whole = statement(entries, date.min, date.max)
    assert [account.closing.minor for account in whole.accounts] == [books.owed]
    before = statement(entries, date.min, since - timedelta(days=1)).totals
    now = statement(entries, since, until).totals
    if before and now:
        assert now[0].opening == before[0].closing
    for sums in now:
        assert sums.closing.minor == sums.opening.minor + sums.invoiced.minor + sums.credited.minor + sums.paid.minor


def test_books_that_tell_of_no_payment_say_that_they_settled_it() -> None:
    """[H2 H4] A file of open invoices knows no payments: what left it was settled, on the day we saw that."""
    entry = _entry(FIRST, Kind.INVOICE, 5000)
    paid_on = FIRST + timedelta(days=20)
    found = entries_of(Books([Billed(entry, 0, 0, paid_on)], [], 0))
    assert [(each.kind, each.minor, each.on) for each in found] == [
        (Kind.INVOICE, 5000, FIRST),
        (Kind.SETTLED, -5000, paid_on),
    ]
    assert [each.kind for each in settlements(found)] == [Kind.SETTLED]


def test_what_came_before_the_books_is_brought_forward() -> None:
    """[H2] A payment for an invoice from before we were connected is owed by nothing we know."""
    found = entries_of(Books([], [_entry(FIRST, Kind.PAYMENT, -700, "")], 0))
    assert [(each.kind, each.minor) for each in found] == [(Kind.BEFORE, 700), (Kind.PAYMENT, -700)]
    assert found[0].on < FIRST


@pytest.mark.parametrize("days_after", [0, 31])
def test_an_account_without_lines_is_shown_as_long_as_something_is_owed(days_after: int) -> None:
    """[H2]"""
    entries = [_entry(FIRST, Kind.INVOICE, 100), _entry(FIRST + timedelta(days=days_after), Kind.PAYMENT, -100, "")]
    later = statement(entries, FIRST + timedelta(days=10), FIRST + timedelta(days=20))
    assert len(later.accounts) == (1 if days_after else 0)
