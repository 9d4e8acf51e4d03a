"""JSON to strangers: amounts exactly as they are."""

import json
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


_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(value=_ANY_JSON)
def test_json_is_read_alike_however_it_is_written(value: Any) -> None:
    """[M4 inv-M1] The quick reader and the lenient one know the same values, each number with its digits."""
    plain = json.loads(json.dumps(value), parse_float=Decimal)
    for written in (json.dumps(value).encode(), json.dumps(value, indent=1).encode("utf-8-sig")):
        assert repr(parse_json(written)) == repr(plain)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"Memo": "Pallet \\ud83d"}', {"Memo": "Pallet \ud83d"}),
        (b"\xef\xbb\xbf[1.10]", [Decimal("1.10")]),
        ('"\u20ac"'.encode("utf-16"), "\u20ac"),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"1" * 1_000, int("1" * 1_000)),
        (b"1.5E+400", Decimal("1.5E+400")),
    ],
)
def test_json_as_some_servers_write_it_is_read(body: bytes, value: Any) -> None:
    """[M4] A text cut in the middle of a character must not cost the other nine hundred invoices of its page."""
    assert parse_json(body) == value


@pytest.mark.parametrize(
    "body", [b"", b"{", b"NaN", b"[Infinity]", b'"\xff"', b"01", b"1" * 5_000, b"[" * 100_000, b'{"a":' * 100_000]
)
def test_what_is_no_json_is_a_value_error(body: bytes) -> None:
    """[M4] And nothing else, however it is broken."""
    with pytest.raises(ValueError):
        parse_json(body)


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
