"""Amounts are whole minor units inside the sandbox; each provider writes them its own way."""

from decimal import ROUND_HALF_UP, Decimal

ZERO_DECIMAL = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF".split())
THREE_DECIMAL = frozenset("BHD JOD KWD OMR TND".split())
NAMES = {
    "USD": "United States Dollar",
    "EUR": "Euro",
    "GBP": "British Pound Sterling",
    "JPY": "Japanese Yen",
    "CAD": "Canadian Dollar",
    "AUD": "Australian Dollar",
    "CHF": "Swiss Franc",
}


def exponent(currency: str) -> int:
    return 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2


def to_decimal(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent(currency))


def to_float(minor: int, currency: str) -> float:
    """A JSON number, as QuickBooks and Xero write money."""
    return float(to_decimal(minor, currency))


def to_minor(amount: object, currency: str) -> int:
    """What people and JSON write (12, 12.5, "12.50") in minor units."""
    scaled = Decimal(str(amount)).scaleb(exponent(currency))
    return int(scaled.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def written(minor: int, currency: str) -> str:
    return f"{to_decimal(minor, currency):,} {currency}"


def share(minor: int, percent: int) -> int:
    return int((Decimal(minor) * percent / 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))
