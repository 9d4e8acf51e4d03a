"""Walking and gathering: no row is lost over a page's edge, and batches are worth a write."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.money import Money
from connectors.base import BadRecord, BillToRecord, Gone, InvoiceRecord, PaymentRecord, RetryLater
from connectors.paging import BATCH_SIZE, Page, Record, by_time, chunks, gather, pull_start

START = datetime(2026, 5, 4, tzinfo=UTC)
Row = tuple[str, datetime]


class Books:
    """Rows with the time of their last change, shown as providers do: from a time on, in order, page by page."""

    def __init__(self, seconds: list[int], size: int) -> None:
        self.rows = {str(n): START + timedelta(seconds=at) for n, at in enumerate(seconds)}
        self.size, self.asked = size, 0

    def read(self, since: datetime | None, number: int) -> Page:
        self.asked += 1
        found = sorted(((at, name) for name, at in self.rows.items() if since is None or at >= since))
        page = [(name, at) for at, name in found][(number - 1) * self.size : number * self.size]
        return Page(list(page), is_last=len(page) < self.size)


def changed_at(row: Row) -> datetime:
    return row[1]


@given(seconds=st.lists(st.integers(0, 5), max_size=40), size=st.integers(1, 7))
def test_every_row_comes_whatever_the_page_size_and_the_ties(seconds: list[int], size: int) -> None:
    """[M4] Also when more rows changed in one instant than a page holds."""
    books = Books(seconds, size)
    assert {name for name, _ in by_time(books.read, None, changed_at)} == set(books.rows)


@given(
    seconds=st.lists(st.integers(0, 50), min_size=1, max_size=40, unique=True),
    size=st.integers(2, 7),
    moves=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 39), st.booleans()), max_size=6),
)
def test_rows_that_change_while_we_read_hide_no_other(
    seconds: list[int], size: int, moves: list[tuple[int, int, bool]]
) -> None:
    """[M4 A8] A paid invoice leaves the list, a changed one goes to its end: the rest moves up by one."""
    books = Books(seconds, size)
    touched: set[str] = set()

    def read(since: datetime | None, number: int) -> Page:
        page = books.read(since, number)
        for when, which, leaves in moves:
            name = str(which)
            if when == books.asked and name in books.rows:
                touched.add(name)
                if leaves:
                    del books.rows[name]
                else:
                    books.rows[name] = START + timedelta(hours=1, seconds=books.asked)
        return page

    quiet = set(books.rows)
    seen = {name for name, _ in by_time(read, None, changed_at)}
    assert seen >= quiet - touched


@given(seconds=st.lists(st.integers(0, 9), min_size=1, max_size=40), size=st.integers(1, 7), taken=st.integers(1, 40))
def test_a_walk_that_breaks_off_goes_on_at_its_page_and_misses_no_row(
    seconds: list[int], size: int, taken: int
) -> None:
    """[A1 inv-N3] Of the rows it had, those of the page it was at come again, and no more."""
    books = Books(seconds, size)
    at: list[tuple[datetime | None, int]] = []
    first = list(islice(by_time(books.read, None, changed_at, came_to=lambda *page: at.append(page)), taken))
    since, number = at[-1]
    rest = list(by_time(books.read, since, changed_at, number))
    assert {name for name, _ in [*first, *rest]} == set(books.rows)
    again = [row for row in rest if row in set(first)]
    ties = max(seconds.count(each) for each in seconds)
    assert len(again) <= size + ties


def test_a_page_shown_again_ends_the_walk() -> None:
    """[M4] A provider that ignores the page number would keep us for ever."""
    rows = [("a", START), ("b", START)]
    with pytest.raises(RetryLater, match="same page twice"):
        list(by_time(lambda since, number: Page(rows, is_last=False), None, changed_at))


def bill_to(name: str, version: int = 1) -> BillToRecord:
    return BillToRecord(name, version, name)


def invoice(name: str, payer: str = "c", version: int = 1) -> InvoiceRecord:
    money = Money(100, "USD")
    return InvoiceRecord(name, version, payer, name, None, None, money, money, "open", "open")


def nobody(_: list[str]) -> Iterator[Record]:
    return iter(())


def test_small_pages_become_batches_worth_a_write() -> None:
    """[M4] About a thousand records each; the last one carries the cursor and always comes."""
    found = list(gather((invoice(str(n)) for n in range(2500)), nobody, lambda: ({"since": "now"}, START)))
    assert [len(batch.invoices) for batch in found] == [BATCH_SIZE, BATCH_SIZE, 500]
    assert [batch.next_cursor for batch in found] == [None, None, {"since": "now"}]
    assert [batch.as_of for batch in found] == [None, None, START]
    assert [len(batch) for batch in gather([], nobody)] == [0]


def test_the_cursor_is_asked_for_when_all_is_there() -> None:
    """[M4] A pull that breaks in the middle leaves none behind."""

    def broken() -> Iterator[Record]:
        yield invoice("1")
        raise RetryLater("later")

    def ending() -> tuple[None, None]:
        raise AssertionError("asked for a cursor")

    with pytest.raises(RetryLater):
        list(gather(broken(), nobody, ending))


def test_of_one_object_only_the_newest_fact_is_kept() -> None:
    """[M4 inv-N3] Edges of pages come twice, and the feed may name an object again."""
    records: list[Record] = [invoice("1", version=2), invoice("1", version=3), invoice("1", version=1), bill_to("c")]
    records += [Gone("invoice", "9", 1), Gone("credit", "9", 1), BadRecord("invoice", "8", "why", {})]
    (batch,) = gather(records, nobody)
    assert [each.version for each in batch.invoices] == [3]
    assert len(batch.gone) == 2
    assert len(batch.bad) == 1


def test_each_bill_to_is_looked_up_once_and_before_it_is_needed() -> None:
    """[M4 A5] Not the ones that come by themselves, not twice over two batches, none for a payment without payer."""
    asked: list[list[str]] = []

    def look_up(ids: list[str]) -> Iterator[Record]:
        asked.append(ids)
        return (bill_to(each) for each in ids)

    records: list[Record] = [bill_to("known")]
    records += [invoice(str(n), payer=("known", "a", "b")[n % 3]) for n in range(1500)]
    records += [PaymentRecord("p", 1, "", None, Money(1, "USD")), PaymentRecord("q", 1, "late", None, Money(1, "USD"))]
    found = list(gather(records, look_up))
    assert asked == [["a", "b"], ["late"]]
    assert {each.external_id for each in found[0].bill_tos} == {"known", "a", "b"}


def test_ids_are_asked_for_in_handfuls() -> None:
    """[M4] Without repeats."""
    assert list(chunks(["a", "b", "a", "c"], 2)) == [["a", "b"], ["c"]]
    assert list(chunks([], 2)) == []


def test_a_pull_begins_by_the_earlier_clock() -> None:
    """[M4] The cursor must not skip what either side calls later; a clock that is far off is not believed."""
    ours: Any = START
    assert pull_start(START - timedelta(minutes=2), ours) == START - timedelta(minutes=2)
    assert pull_start(START + timedelta(minutes=2), ours) == START
    assert pull_start(START - timedelta(days=2), ours) == START
    assert pull_start(None, ours) == START
