"""What stands above the rows of a section: the vendor's words for their stage, and the order they belong to. Pure."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

from app.outbox.rendering import inert
from app.policies.rules import AS_USUAL, TONES
from app.receivables.rules import Eligibility
from app.words import _
from digest.book import Book, Item
from digest.parts import Row


def by_order(book: Book, asked: Sequence[tuple[Item, Eligibility]]) -> Sequence[tuple[Item, Eligibility]]:
    """Rows of one order together, the most urgent order first, where the vendor wants it so (claim 002-13)."""
    if not any(_is_grouped(book, item) for item, _found in asked):
        return asked
    first: dict[str, int] = {}
    places = []
    for place, (item, _found) in enumerate(asked):
        places.append((first.setdefault(item.po_number, place) if _is_grouped(book, item) else place, place))
    return [asked[place] for _group, place in sorted(places)]


def with_leads(book: Book, listed: Sequence[tuple[Row, Item]], today: date) -> tuple[Row, ...]:
    """Each row with the lines that stand above it: said once for all rows below that share them."""
    if not book.policies:
        return tuple(row for row, _item in listed)
    orders = Counter(item.po_number for _row, item in listed if _is_grouped(book, item))
    found, order_before, tone_before = [], "", ""
    for row, item in listed:
        order = item.po_number if orders[item.po_number] > 1 else ""
        tone = TONES[book.policies.get(item.bill_to_id, AS_USUAL).tone(item.due_on, today)].words
        leads = []
        if order and order != order_before:
            leads.append(_("Order %(number)s: %(count)s invoices", number=inert(order), count=orders[order]))
        if tone and tone != tone_before:
            leads.append(_(tone))
        order_before, tone_before = order, tone
        found.append(row._replace(leads=tuple(leads)))
    return tuple(found)


def _is_grouped(book: Book, item: Item) -> bool:
    return bool(item.po_number) and book.policies.get(item.bill_to_id, AS_USUAL).by_order
