"""Pages are written together as long as nobody waits for them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from connectors.asking import parts, together
from connectors.base import Batch, BillToRecord, Gone, RetryLater

_BEGAN = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_it_writes_so_many_records_at_once_and_then_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """[perf-A1 A8 inv-N3] With the moment of the oldest page, and the newest cursor."""
    monkeypatch.setattr(clock, "now", lambda: _BEGAN)
    found = list(together(_pages(5, cursor={"since": "now"}), 3 * 2, 60))
    assert [[one.external_id for one in batch.bill_tos] for batch, _ in found] == [
        ["0a", "0b", "1a", "1b", "2a", "2b"], ["3a", "3b", "4a", "4b"],
    ]  # fmt: skip
    assert [at for _, at in found] == [_BEGAN, _BEGAN + timedelta(seconds=3)]
    assert [batch.next_cursor for batch, _ in found] == [None, {"since": "now"}]


def test_a_slow_provider_s_pages_wait_for_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """[A4] So that the counter of a first sync moves."""
    monkeypatch.setattr(clock, "now", lambda: _BEGAN + timedelta(hours=1))
    assert [len(batch) for batch, _ in together(_pages(3), 1000, 60)] == [2, 2, 2]


def test_what_came_before_the_provider_failed_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """[A8]"""
    monkeypatch.setattr(clock, "now", lambda: _BEGAN)

    def breaking() -> Iterator[tuple[Batch, datetime]]:
        yield from _pages(2)
        raise RetryLater("away")

    found = together(breaking(), 1000, 60)
    assert len(next(found)[0]) == 4
    with pytest.raises(RetryLater):
        next(found)


@given(counts=st.tuples(*[st.integers(0, 9)] * 2), most=st.integers(1, 12))
def test_a_batch_is_written_so_many_records_at_a_time(counts: tuple[int, int], most: int) -> None:
    """[M4] Every record once and in its order; the cursor comes with the last."""
    payers, gone = counts
    batch = Batch(
        bill_tos=[BillToRecord(f"{n}", 1, "Cobalt") for n in range(payers)],
        gone=[Gone("invoice", f"{n}", 1) for n in range(gone)],
        next_cursor={"at": "1"},
    )
    found = parts(batch, most)
    assert [len(part) for part in found[:-1]] == [most] * (len(found) - 1)
    assert len(found[-1]) <= most
    for place, group in enumerate(batch.groups):
        assert [record for part in found for record in part.groups[place]] == group
    assert [part.next_cursor for part in found] == [None] * (len(found) - 1) + [{"at": "1"}]


def _pages(n: int, cursor: dict[str, str] | None = None) -> Iterator[tuple[Batch, datetime]]:
    for page in range(n):
        people = [BillToRecord(f"{page}{letter}", 1, "Cobalt") for letter in "ab"]
        yield Batch(people, next_cursor=cursor if page == n - 1 else None), _BEGAN + timedelta(seconds=page)
