"""JSON to strangers: amounts exactly as they are."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fields import known_zone, parse_json, whole_seconds, write_json

AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=4)


@given(amount=AMOUNTS)
def test_an_amount_is_written_exactly(amount: Decimal) -> None:
    """[M4 inv-M1] A JSON number with all its digits, never a float on the way."""
    assert parse_json(write_json({"Amount": amount}))["Amount"] == amount


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"a": Decimal("12.30")}, b'{"a": 12.30}'),
        ([Decimal("1E+3"), Decimal("0.00")], b"[1000, 0.00]"),
        ({"text": "12.30", "n": 1, "no": None}, b'{"text": "12.30", "n": 1, "no": null}'),
        ("\x00 12", b'"\\u0000 12"'),
    ],
)
def test_what_is_no_amount_stays_as_it_is(value: Any, written: bytes) -> None:
    """[M4] Text that looks like a number is text."""
    assert write_json(value) == written


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), object(), {1, 2}])
def test_what_json_does_not_have_is_refused(value: Any) -> None:
    """[M4 inv-M1] Rather than sent."""
    with pytest.raises(TypeError):
        write_json({"Amount": value})


@pytest.mark.parametrize(
    ("said", "meant"),
    [(3600, 3600), ("1800", 1800), (Decimal("59.9"), 59), (-1, None), ("soon", None), (None, None), ("NaN", None),
     ("1e999999999", None), ("1e-999999", 0)],
)  # fmt: skip
def test_a_lifetime_is_whole_seconds_or_nothing(said: Any, meant: int | None) -> None:
    """[A1] And an answer that names a number of a billion digits keeps nobody busy."""
    assert whole_seconds(said) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [("Europe/Lisbon", "Europe/Lisbon"), ("", ""), ("Mars/Olympus", ""), ("../etc/passwd", ""), ("a/" * 5000, "")],
)
def test_a_zone_is_one_we_know_or_none(said: str, meant: str) -> None:
    """[A1 C10] However deep its folders would be."""
    assert known_zone(said) == meant
