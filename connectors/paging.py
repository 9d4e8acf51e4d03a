"""Walking through pages, and gathering what they hold into batches worth a write (PERFORMANCE.md section 6)."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from connectors.base import (
    BadRecord,
    Batch,
    BillToRecord,
    CreditRecord,
    Gone,
    InvoiceRecord,
    Json,
    PaymentRecord,
    RetryLater,
    SetbackRecord,
)

BATCH_SIZE = 1000

Record = BillToRecord | InvoiceRecord | PaymentRecord | CreditRecord | SetbackRecord | Gone | BadRecord


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Any]
    is_last: bool


def by_time(
    read: Callable[[datetime | None, int], Page],
    since: datetime | None,
    changed_at: Callable[[Any], datetime | None],
    number: int = 1,
    came_to: Callable[[datetime | None, int], None] = lambda _since, _number: None,
) -> Iterator[Any]:
    """Rows in the order of their last change, over all pages. ``read(since, n)`` gives the n-th page (from 1) of what
    changed at or after ``since``. ``came_to`` hears of each page when the rows of all before it have been taken; to
    begin with its ``since`` and ``number`` again goes on from there.

    Each page is asked for from the last change seen rather than by its number, so a row that changes or leaves the
    list meanwhile pushes no other row over a page's edge. Rows at the edge come twice; ``gather`` drops the repeats."""
    before: list[Any] = []
    while True:
        page = read(since, number)
        if number > 1 and page.rows and page.rows == before:
            raise RetryLater("The provider showed the same page twice.")
        came_to(since, number)
        yield from page.rows
        if page.is_last or not page.rows:
            return
        edge = changed_at(page.rows[-1])
        if edge is not None and (since is None or edge > since):
            since, number, before = edge, 1, []
        else:
            number, before = number + 1, page.rows


def by_number(read: Callable[[int], Page]) -> Iterator[Any]:
    """Rows of a list that can be asked for by the number of a page only, from 1. A row that leaves the list meanwhile
    can push another over a page's edge: reconciling finds that one."""
    number = 1
    before: list[Any] = []
    while True:
        page = read(number)
        if page.rows and page.rows == before:
            raise RetryLater("The provider showed the same page twice.")
        yield from page.rows
        if page.is_last or not page.rows:
            return
        number, before = number + 1, page.rows


def pull_start(theirs: datetime | None, ours: datetime) -> datetime:
    """When a pull began, by the earlier of the two clocks; one that is an hour off is not believed."""
    return min(theirs, ours) if theirs and abs(theirs - ours) < timedelta(hours=1) else ours


class _Basket:
    """Records of one batch, one of each object: the newest."""

    def __init__(self) -> None:
        self._found: dict[tuple[type[Record], str, str], Record] = {}

    def __len__(self) -> int:
        return len(self._found)

    def put(self, record: Record) -> None:
        key = (type(record), str(getattr(record, "kind", "")), record.external_id)
        held = self._found.get(key)
        if held is None or isinstance(record, BadRecord) or record.version >= held.version:  # type: ignore[union-attr]
            self._found[key] = record

    def missing_bill_tos(self, known: set[str]) -> list[str]:
        """Those that invoices, payments and credits here refer to and nobody has shown yet."""
        wanted: dict[str, None] = {}
        for record in self._found.values():
            if isinstance(record, BillToRecord):
                known.add(record.external_id)
            elif isinstance(record, InvoiceRecord | PaymentRecord | CreditRecord) and record.bill_to_external_id:
                wanted[record.bill_to_external_id] = None
        return [each for each in wanted if each not in known]

    def batch(self) -> Batch:
        batch = Batch()
        places: dict[type[Record], list[Any]] = {
            BillToRecord: batch.bill_tos,
            InvoiceRecord: batch.invoices,
            PaymentRecord: batch.payments,
            CreditRecord: batch.credits,
            SetbackRecord: batch.setbacks,
            Gone: batch.gone,
            BadRecord: batch.bad,
        }
        for record in self._found.values():
            places[type(record)].append(record)
        return batch


def gather(
    records: Iterable[Record],
    look_up: Callable[[list[str]], Iterable[Record]],
    ending: Callable[[], tuple[Json | None, datetime | None]] = lambda: (None, None),
    reached: Callable[[], Json | None] = lambda: None,
) -> Iterator[Batch]:
    """Batches of about a thousand. ``look_up`` finds the bill_tos that records refer to and that did not come by
    themselves, so that a batch needs nothing from a later one. ``ending`` gives the cursor and the provider's time,
    asked only when all records are there; they go on the last batch, which always comes. ``reached`` says on each of
    the others where to go on behind the records taken so far."""
    known: set[str] = set()
    basket = _Basket()
    for record in records:
        basket.put(record)
        if len(basket) >= BATCH_SIZE:
            full = _finished(basket, known, look_up)
            full.reached = reached()
            yield full
            basket = _Basket()
    last = _finished(basket, known, look_up)
    last.next_cursor, last.as_of = ending()
    yield last


def _finished(basket: _Basket, known: set[str], look_up: Callable[[list[str]], Iterable[Record]]) -> Batch:
    missing = basket.missing_bill_tos(known)
    known.update(missing)
    if missing:
        for record in look_up(missing):
            basket.put(record)
    return basket.batch()


def look_up(
    ids: list[str],
    few: int,
    singly: Callable[[list[str]], Iterable[Record]],
    everybody: Callable[[], Iterable[Record]],
) -> Iterator[Record]:
    """These bill_tos of a provider that cannot be asked for several at once: up to ``few`` one by one, more of them by
    walking through the list until all are found."""
    if len(ids) <= few:
        yield from singly(ids)
        return
    wanted = set(ids)
    for record in everybody():
        if isinstance(record, BillToRecord) and record.external_id in wanted:
            wanted.remove(record.external_id)
            yield record
        if not wanted:
            return


def chunks(ids: Iterable[str], size: int) -> Iterator[list[str]]:
    """The ids without repeats, so many at a time."""
    unique = list(dict.fromkeys(ids))
    for start in range(0, len(unique), size):
        yield unique[start : start + size]


def groups(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The rows as they come, so many at a time."""
    left = iter(rows)
    while some := list(islice(left, size)):
        yield some
