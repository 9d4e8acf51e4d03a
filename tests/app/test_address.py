"""The canonical form of an address: one mailbox, one spelling, and no tricks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.address import canonical, rate_key, split


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (" AP@Cobalt.Example\n", "ap@cobalt.example"),
        ("j\u00f6rg@cobalt.example", "j\u00f6rg@cobalt.example"),
        ("jo\u0308rg@cobalt.example", "j\u00f6rg@cobalt.example"),  # the same letter in two pieces
        ("J\u00d6RG@cobalt.example", "j\u00d6rg@cobalt.example"),  # not lowered: no alphabet's case rule but ASCII's
        ("a@M\u00dcNCHEN.example", "a@xn--mnchen-3ya.example"),
        ("a@stra\u00dfe.example", "a@xn--strae-oqa.example"),
    ],
)
def test_it_keeps_one_spelling(written: str, kept: str) -> None:
    """[inv-D1]"""
    assert canonical(written) == kept


@pytest.mark.parametrize(
    "written",
    [
        "\u212a@cobalt.example",  # the Kelvin sign, of which normalising alone makes a K
        "ap@\u212aobalt.example",
        "\uff41p@cobalt.example",  # full width
        "ap@cobalt\u3002example",  # a stop that a domain's rules read as a dot
        "ap@co\u00adbalt.example",  # a hyphen they drop
        "a\u200bp@cobalt.example",
        "a\x00p@cobalt.example",
        "\ud800@cobalt.example",
        "ap@cobalt.example, b@c.example",
        "",
    ],
)
def test_it_refuses_what_would_pass_for_another(written: str) -> None:
    """[inv-D1]"""
    assert canonical(written) is None


def test_foreign_case_makes_no_two_addresses_one() -> None:
    """[inv-D1] Dotless i, dotted I, sharp s, long s."""
    alike = [
        "i@x.example",
        "\u0131@x.example",
        "\u0130@x.example",
        "ss@x.example",
        "\u00df@x.example",
        "\u1e9e@x.example",
    ]
    found = [canonical(one) for one in alike if canonical(one)]
    assert len(found) == len(set(found))
    assert canonical("\u017fs@x.example") is None


@given(st.text() | st.emails())
def test_it_is_total_and_idempotent(text: str) -> None:
    """[inv-D1]"""
    found = canonical(text)
    assert found is None or canonical(found) == found
    assert all(canonical(one) == one for one in split(text))


def test_counting_ignores_dots_and_tags() -> None:
    """[inv-D1] For rates only."""
    assert rate_key("a.p+x@cobalt.example") == rate_key("ap@cobalt.example") == "ap@cobalt.example"
