"""What stands above the rows of a section: who invoices, the order they are of, the words for their stage. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

from app.outbox.rendering import inert
from app.policies.rules import AS_USUAL, TONES
from app.receivables.rules import Eligibility
from app.words import _
from digest.book import Book, Item
from digest.parts import Row


def by_order(book: Book, asked: Sequence[tuple[Item, Eligibility]]) -> Sequence[tuple[Item, Eligibility]]:
    """Rows of one order together, the most urgent order first, where the vendor wants it so (claim 002-13)."""
    if not book.policies or not any(_is_grouped(book, item) for item, _found in asked):
        return asked
    first: dict[str, int] = {}
    places = []
    for place, (item, _found) in enumerate(asked):
        places.append((first.setdefault(item.po_number, place) if _is_grouped(book, item) else place, place))
    return [asked[place] for _group, place in sorted(places)]


def with_leads(book: Book, listed: Sequence[tuple[Row, Item]], today: date) -> tuple[Row, ...]:
    """Each row with the lines that stand above it: said once for all rows below that share them."""
    if not book.policies and not any(book.sources[item.connection_id].entity for _row, item in listed):
        return tuple(row for row, _item in listed)  # as most are
    orders = Counter(item.po_number for _row, item in listed if _is_grouped(book, item))
    found, before = [], _NOTHING
    for row, item in listed:
        now = _Said(
            book.sources[item.connection_id].entity,
            item.po_number if orders[item.po_number] > 1 else "",
            TONES[book.policies.get(item.bill_to_id, AS_USUAL).tone(item.due_on, today)].words,
        )
        found.append(row._replace(leads=_leads(now, before, orders)) if now != before else row)
        before = now
    return tuple(found)


class _Said(NamedTuple):
    """What holds for a row, and is said where it held for none just above."""

    entity: str
    order: str
    tone: str


_NOTHING = _Said("", "", "")


def _leads(now: _Said, before: _Said, orders: Mapping[str, int]) -> tuple[str, ...]:
    leads = []
    if now.entity and now.entity != before.entity:
        leads.append(_("Invoiced by %(name)s", name=inert(now.entity, 50)))
    if now.order and now.order != before.order:
        leads.append(_("Order %(number)s: %(count)s invoices", number=inert(now.order), count=orders[now.order]))
    if now.tone and now.tone != before.tone:
        leads.append(_(now.tone))
    return tuple(leads)


def _is_grouped(book: Book, item: Item) -> bool:
    return bool(item.po_number) and book.policies.get(item.bill_to_id, AS_USUAL).by_order
