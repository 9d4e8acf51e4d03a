"""Exact amounts, or none."""

from decimal import Decimal
from typing import Any

import pytest
from babel.core import Locale
from babel.numbers import format_currency
from hypothesis import given
from hypothesis import strategies as st

from app.money import Money, MoneyError, exponent, format_minor


@given(st.integers(1 - 10**15, 10**15 - 1), st.sampled_from(["JPY", "USD", "KWD", "CLF"]))
def test_an_amount_comes_back_as_it_went_in(minor: int, currency: str) -> None:
    """[inv-M1]"""
    money = Money(minor, currency)
    assert Money.of(money.amount, currency) == money
    assert Money.of(str(money.amount), currency) == money


@pytest.mark.parametrize(
    "amount",
    [
        "", "one", "1,5", "NaN", "-Infinity", "sNaN", 1.5, "0.001", "12.345",
        "1." + "29" * 40,  # Decimal alone would round it to a whole number of cents
        "9" * 31, "1e999999",  # and write this one out, for seconds
        "1e15",
    ],
)  # fmt: skip
def test_what_is_no_exact_amount_is_refused(amount: Any) -> None:
    """[inv-M1]"""
    with pytest.raises(MoneyError) as refused:
        Money.of(amount, "USD")
    assert len(str(refused.value)) < 120


def test_the_largest_amount_is_exact() -> None:
    """[inv-M1]"""
    assert Money.of("999999999999999.99", "USD").minor == 99999999999999999
    assert Money.of(Decimal("-0.01"), "USD").minor == -1


def said_by_babel(minor: int, currency: str, locale: str) -> str:
    digits = exponent(currency)
    pattern: str = Locale.parse(locale).currency_formats["standard"].pattern
    pattern = pattern.replace("0.00", "0." + "0" * digits if digits else "0").replace("¤", "¤¤ ").replace("¤¤  ", "¤¤ ")
    amount = Decimal(minor).scaleb(-digits)
    return " ".join(format_currency(amount, currency, pattern, locale, currency_digits=False).split())


@given(
    st.integers(min_value=-(10**14), max_value=10**14) | st.integers(min_value=-9999, max_value=9999),
    st.sampled_from(["USD", "EUR", "JPY", "KWD", "CLF", "INR"]),
    st.sampled_from(["en", "en_GB", "en_IN", "de", "de_CH", "de_AT", "fr", "es", "pt_BR", "hi", "ja", "sv", "pl"]),
)
def test_amounts_look_as_babel_has_them(minor: int, currency: str, locale: str) -> None:
    """[C3 inv-M1]"""
    assert format_minor(minor, currency, locale) == said_by_babel(minor, currency, locale)
