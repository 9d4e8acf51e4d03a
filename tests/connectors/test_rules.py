"""Pure rules of connecting."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.names import is_same_company, vendor_name
from connectors.rules import NAMELESS, is_payable, retry_at, shown_name

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("company", "shown"),
    [
        ("Acme Supply", "Acme Supply"),
        ("  Birch   & Sons  ", "Birch & Sons"),
        ("株式会社こむぎ", "株式会社こむぎ"),
        ("Acme 🌾 Supply", "Acme Supply"),
        ("Acme \u202eylppuS", "Acme ylppuS"),
        ("Acme https://evil.example/pay now", "Acme now"),
        ("Acme pay@evil.example", "Acme"),
        ("Acme +49 30 1234567", "Acme"),
        (
            "The Very Long Name of a Company That Never Knew When to Stop",
            "The Very Long Name of a Company That Never Knew",
        ),
        ("Аcme", NAMELESS),  # a Cyrillic A
        ("!!!", NAMELESS),
        ("", NAMELESS),
    ],
)
def test_a_company_name_is_made_fit_to_be_read_by_strangers(company: str, shown: str) -> None:
    """[A13 inv-A3]"""
    assert shown_name(company) == shown


@given(st.text(max_size=200))
def test_whatever_a_company_is_called_the_shown_name_passes_the_rule(company: str) -> None:
    """[A13 inv-A3] Total, and never a name a vendor could not have typed."""
    assert vendor_name(shown_name(company)) == shown_name(company)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Acme Supply", "ACME SUPPLY, Inc.", True),
        ("Birch & Sons", "Birch and Sons", False),
        ("Birch & Sons", "birch   sons ltd", True),
        ("Acme", "Acme Holding", False),
        ("", "", False),
        ("Ltd", "Ltd", True),
        ("Ltd", "Inc", False),
    ],
)
def test_the_same_company_by_its_words(one: str, other: str, same: bool) -> None:
    """[A13]"""
    assert is_same_company(one, other) is same


def test_waits_grow_and_honour_the_provider() -> None:
    """[A2 I2]"""
    waits = [(retry_at(NOW, failures, None) - NOW).total_seconds() for failures in range(1, 20)]
    assert 54 <= waits[0] <= 66
    assert all(wait <= 6.6 * 3600 for wait in waits)
    assert waits[5] > 20 * 60
    assert retry_at(NOW, 1, 3600) >= NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("url", "payable"),
    [
        ("https://pay.example/x", True),
        ("https://PAY.example:443/x", True),
        ("http://127.0.0.1:9101/pay/x", True),
        ("http://pay.example/x", False),
        ("https://pay.example.evil.example/x", False),
        ("https://evil.example/?pay.example", False),
        ("https://user@pay.example/", False),
        ("https://pay.example\\@evil.example/", False),
        ("javascript:alert(1)", False),
        ("//pay.example/x", False),
        ("https://pay.example:abc/", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_only_links_to_the_providers_hosts_are_followed(url: str, payable: bool) -> None:
    """[E1 inv-L7]"""
    assert is_payable(url, {"pay.example", "127.0.0.1"}) is payable
