"""What an invoice says beside its facts, bounded."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from connectors.said import LINES, OWN_FIELDS, Line, lines, shown

PLACES = Line((("text",), ("item", "name")), ("quantity",), ("price",), ("amount",))


def _lines(*rows: Any, currency: str = "EUR") -> list[Any]:
    return list(lines(rows, PLACES, currency))


def test_a_line_is_kept_as_far_as_it_can_be_read() -> None:
    """[A16 003-4 inv-M1] A price below the smallest coin is left out rather than rounded; a sum is only shown."""
    row = {"text": "Screws", "quantity": Decimal("1000.000"), "price": Decimal("0.0125"), "amount": Decimal("12.4999")}
    assert _lines(row) == [{"text": "Screws", "quantity": "1000", "minor": 1250}]
    assert _lines({"item": {"name": "Oak"}, "price": "3.50", "amount": "seven"}) == [{"text": "Oak", "each": 350}]
    assert _lines({"text": "Tea", "price": 500, "amount": 1000}, currency="JPY") == [
        {"text": "Tea", "each": 500, "minor": 1000}
    ]
    assert _lines({"text": ["no"]}, None, 7, {}) == []


def test_it_is_bounded_and_says_so() -> None:
    """[A16 inv-N4] Whatever a vendor's books hold: the rest stands in the PDF."""
    found = shown(
        lines=_lines(*({"text": str(number)} for number in range(10_000))),
        own=((f"Field {number}", "x") for number in range(100)),
    )
    assert (len(found["lines"]), found["are_more"], len(found["fields"])) == (LINES, True, OWN_FIELDS)
    assert "are_more" not in shown(lines=_lines(*[{"text": "one"}] * LINES))
    assert shown(own=[("PO number", "PO-7"), ("Project", "")]) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "item", "name"]), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["text", "item", "quantity", "price", "amount"]), JSON))
def test_any_row_is_a_line_or_none(row: dict[str, Any]) -> None:
    """[A16 inv-N4] Nothing in it keeps an invoice from us."""
    assert len(_lines(row)) <= 1
