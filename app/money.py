"""Exact money: integer minor units, an ISO 4217 currency and its exponent. No float comes near it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from babel.core import Locale
from babel.numbers import format_currency, get_decimal_symbol, get_group_symbol, parse_pattern
from iso4217 import Currency

_DIGITS = 15  # before the decimal point: far above any invoice, far below what a database integer holds


class MoneyError(ValueError):
    """The text or the currency cannot be money; the message says which and why."""


@cache
def exponent(currency: str) -> int:
    """Digits after the decimal point in ISO 4217 (0, 2, 3 or 4); Babel's are for display and differ for 13 currencies.

    Raises MoneyError for an unknown code.
    """
    try:
        found = Currency(currency.upper()).exponent
    except ValueError:
        raise MoneyError(f"{currency!r} is not a currency of ISO 4217") from None
    if found is None:
        raise MoneyError(f"{currency!r} has no minor unit, so nothing can be owed in it")
    return int(found)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """``minor`` units of ``currency``: Money(1250, "USD") is 12.50 dollars, Money(1000, "JPY") a thousand yen."""

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal | str | int, currency: str) -> "Money":
        """From a decimal amount. Raises MoneyError when it has more digits than the currency, or is no number."""
        if isinstance(amount, float):
            raise MoneyError("a float is not an amount")
        try:
            exact = Decimal(amount)
        except ArithmeticError:
            raise MoneyError(f"{str(amount)[:40]!r} is not an amount") from None
        # Decimal would round in silence beyond 28 digits, and write out a number of a million digits on demand.
        if not exact.is_finite() or exact.adjusted() >= _DIGITS or len(exact.as_tuple().digits) > 28:
            raise MoneyError(f"{str(amount)[:40]!r} is beyond all measure")
        scaled = exact.scaleb(exponent(currency))
        if scaled != scaled.to_integral_value():
            raise MoneyError(f"{str(amount)[:40]} has more digits than {currency} knows")
        return cls(int(scaled), currency.upper())

    @property
    def amount(self) -> Decimal:
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other), self.currency)

    def _same(self, other: "Money") -> int:
        if other.currency != self.currency:
            raise MoneyError(f"{self.currency} and {other.currency} do not add up")
        return other.minor

    def format(self, locale: str = "en") -> str:
        """For people, always with the ISO code: a symbol alone would be ambiguous."""
        return format_minor(self.minor, self.currency, locale)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


@cache
def _pattern(currency: str, locale: str) -> str:
    digits = exponent(currency)
    pattern: str = Locale.parse(locale).currency_formats["standard"].pattern
    return pattern.replace("0.00", "0." + "0" * digits if digits else "0").replace("¤", "¤¤ ").replace("¤¤  ", "¤¤ ")


@cache
def _frame(currency: str, locale: str, sign: int) -> tuple[str, str, str, str, bool]:
    """What stands around the digits of an amount: before, between thousands, before the fraction, after; and whether
    groups beyond the first have two digits, as in India. Babel says it once; asking it for every amount cost more than
    the page around them."""
    pattern, unit = _pattern(currency, locale), Decimal(sign)
    one = " ".join(format_currency(unit, currency, pattern, locale, currency_digits=False).split())
    point = get_decimal_symbol(locale) if exponent(currency) else ""
    before, _, after = one.partition("1" + point + "0" * exponent(currency))
    is_indian = parse_pattern(pattern).grouping[1] == 2
    return before, " " if get_group_symbol(locale).isspace() else get_group_symbol(locale), point, after, is_indian


def format_minor(minor: int, currency: str, locale: str = "en") -> str:
    """``USD 1,234.50`` in ``en``, ``1.234,50 EUR`` in ``de``: always the ISO code, so that no symbol is ambiguous."""
    before, comma, point, after, is_indian = _frame(currency, locale, -1 if minor < 0 else 1)
    digits = exponent(currency)
    whole, fraction = divmod(abs(minor), 10**digits)
    grouped = _indian(whole) if is_indian else f"{whole:,}"
    end = f"{point}{fraction:0{digits}}" if digits else ""
    return f"{before}{grouped.replace(',', comma)}{end}{after}"


def _indian(whole: int) -> str:
    """12,34,567"""
    head, tail = divmod(whole, 1000)
    pairs = str(head)
    if not head:
        return str(tail)
    first = len(pairs) % 2
    groups = [pairs[:first]] * bool(first) + [pairs[at : at + 2] for at in range(first, len(pairs), 2)]
    return ",".join([*groups, f"{tail:03}"])


class Totals:
    """One sum for each currency, never across: iterates as Money, by currency code."""

    def __init__(self, items: Iterable[Money] = ()) -> None:
        self._minor: dict[str, int] = {}
        for item in items:
            self.add(item)

    def add(self, item: Money) -> None:
        self._minor[item.currency] = self._minor.get(item.currency, 0) + item.minor

    def __iter__(self) -> Iterator[Money]:
        return (Money(self._minor[code], code) for code in sorted(self._minor))

    def __getitem__(self, currency: str) -> Money:
        return Money(self._minor.get(currency, 0), currency)

    def __len__(self) -> int:
        return len(self._minor)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Totals) and self._minor == other._minor

    def __repr__(self) -> str:
        return f"Totals({', '.join(map(str, self))})"


# --- what people type -------------------------------------------------------------------------------------------------

_POINT = re.compile(r"(?:\d{1,3}(?:,\d{3}){1,4}|\d{1,13})(?:\.\d{1,4})?")
_COMMA = re.compile(r"(?:\d{1,3}(?:\.\d{3}){1,4}|\d{1,13})(?:,\d{1,4})?")
_CURRENCY = re.compile(r"^[A-Za-z]{3}\s*(?=\d)|(?<=\d)\s*[A-Za-z]{3}$|[€$£¥]")


def amounts_meant(text: str) -> tuple[Decimal, ...]:
    """What the text may mean as a sum: ``1,234.50`` and ``1.234,50`` are the same, ``1,234`` may be either of two."""
    bare = re.sub(r"[\s'’]", "", _CURRENCY.sub("", text.strip()))
    found = set()
    if bare.isascii() and _POINT.fullmatch(bare):
        found.add(Decimal(bare.replace(",", "")))
    if bare.isascii() and _COMMA.fullmatch(bare):
        found.add(Decimal(bare.replace(".", "").replace(",", ".")))
    return tuple(sorted(found))
