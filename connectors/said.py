"""What an invoice says beside its facts, to be shown and never to be reckoned with: lines, terms, a note, the vendor's
own fields. Bounded; what cannot be read is left out. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import islice
from typing import Any

from app.money import exponent
from connectors.base import Json
from connectors.fields import BadField, Fields, is_po_label

LINES = 50  # of an invoice, kept to be shown: its PDF has the others
OWN_FIELDS = 20
Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """Where a provider keeps what of a line; of the places of its text the first that has one counts."""

    text: tuple[Path, ...]
    quantity: Path
    each: Path
    amount: Path


def shown(
    *,
    memo: str = "",
    terms: str = "",
    own: Iterable[tuple[str, str]] = (),
    lines: Iterable[Json] = (),
    are_more: bool = False,
) -> Json:
    """The ``details`` of a record. ``own``: the vendor's fields; the order number stands elsewhere."""
    named = ((name, value) for name, value in own if name and value and not is_po_label(name))
    found = list(islice(lines, LINES + 1))
    parts = {
        "memo": memo,
        "terms": terms,
        "fields": dict(islice(named, OWN_FIELDS)),
        "lines": found[:LINES],
        "are_more": are_more or len(found) > LINES,
    }
    return {name: value for name, value in parts.items() if value}


def lines(rows: Iterable[Any], places: Line, currency: str, *, scale: int = 0) -> Iterable[Json]:
    """[{text, quantity, each, minor}], as far as a row says so; amounts are read as ``10 ** scale`` of the currency."""
    for row in rows:
        if isinstance(row, dict) and (found := _line(Fields(row), places, exponent(currency) + scale)):
            yield found


def line(text: str, quantity: Decimal | None, each: Decimal | None, amount: Decimal | None, places: int) -> Json:
    """One line. A price with more digits than its currency has is not shown, a sum is rounded."""
    price = None if each is None else each.scaleb(places)
    parts = {
        "text": text,
        "quantity": "" if quantity is None else written(quantity),
        "each": int(price) if price is not None and price == price.to_integral_value() else None,
        "minor": None if amount is None else int(amount.scaleb(places).to_integral_value(ROUND_HALF_UP)),
    }
    return {name: value for name, value in parts.items() if value not in ("", None)}


def written(number: Decimal) -> str:
    """2.5000 as 2.5, 3.0 as 3."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _line(fields: Fields, places: Line, digits: int) -> Json:
    text = next(filter(None, (_text(fields, path) for path in places.text)), "")
    quantity, each, amount = (_number(fields, path) for path in (places.quantity, places.each, places.amount))
    return line(text, quantity, each, amount, digits)


def _text(fields: Fields, path: Path) -> str:
    try:
        return fields.text(*path)
    except BadField:
        return ""


def _number(fields: Fields, path: Path) -> Decimal | None:
    try:
        return fields.number(*path)
    except BadField:
        return None
