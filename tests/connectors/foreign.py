"""JSON as strangers might send it: anything at all, and good samples with one thing wrong."""

import copy
import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from app.money import Money
from connectors.base import BadRecord
from connectors.fields import parse_json

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**20, max_value=10**400)
    | st.decimals()
    | st.floats()
    | st.text(max_size=20)
    | st.text(alphabet=st.characters(categories=["Cs", "Cc", "Nd"]), max_size=5)
    | st.sampled_from(
        ["", "USD", "usd", "XXX", "JPY", "2026-02-30", "0001-01-01", "9999-12-31T23:59:59-23:59", "1e999", "-0",
         "\ud800", "/Date(99999999999999999)/", "/Date(-62135596800000)/", "deleted", "Deleted", "x" * 500,
         Decimal("1E+999999"), Decimal("0.1000000000000000000000000000000001"), Decimal("sNaN"), Decimal("-0"),
         10**4200]
    )
)  # fmt: skip
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=5)
)


@st.composite
def spoiled(draw: st.DrawFn, samples: list[Any]) -> Any:
    """A published sample in which up to three values, at any depth, are replaced or taken away."""
    whole = copy.deepcopy(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(whole))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if isinstance(holder, dict) and draw(st.booleans()):
            del holder[key]
        else:
            holder[key] = draw(ANYTHING)
    return whole


def _places(value: Any) -> Iterable[tuple[Any, Any]]:
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    for key in keys:
        yield value, key
        yield from _places(value[key])


def load(path: Any) -> Any:
    return parse_json(path.read_bytes())


def check(record: Any) -> None:
    """A record can be stored: money is whole, text is text, what is bad says why in words that JSON can hold."""
    if record is None:
        return
    assert is_dataclass(record)
    for each in fields(record):
        _check_value(getattr(record, each.name))
    if isinstance(record, BadRecord):
        assert record.reason
        assert len(json.dumps(record.raw)) < 100_000
        json.dumps(record.raw).encode()


def _check_value(value: Any) -> None:
    assert not isinstance(value, float | Decimal)
    if isinstance(value, Money):
        assert isinstance(value.minor, int)
        assert abs(value.minor) < 2**63
        assert value.currency.isascii()
        assert value.currency.isupper()
    elif isinstance(value, int):
        assert abs(value) < 2**63
    elif isinstance(value, str):
        value.encode()
        assert "\x00" not in value
        assert len(value) <= 20_000
    elif isinstance(value, datetime):
        assert value.tzinfo
    elif isinstance(value, tuple | list):
        for inner in value:
            _check_value(inner)
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check_value(name)
            _check_value(inner)
