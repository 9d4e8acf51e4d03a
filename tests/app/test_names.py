"""Names strangers will read, and when two of them are one company's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.names import LIMIT, NameRefused, is_same_company, vendor_name


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("  Acme   Inc. ", "Acme Inc."),
        ("Müller & Söhne GmbH", "Müller & Söhne GmbH"),
        ("S.A.R.L. Dupont", "S.A.R.L. Dupont"),
        ("O’Neil’s", "O’Neil’s"),
        ("3M", "3M"),
        ("123", "123"),
        ("株式会社ABC", "株式会社ABC"),
        ("ООО Ромашка", "ООО Ромашка"),
        ("Ａｃｍｅ", "Acme"),  # full width is folded, so it imitates nobody
        ("ﬁne ªrt", "fine art"),
    ],
)
def test_a_name_people_have_is_shown(written: str, shown: str) -> None:
    """[A13 inv-A3]"""
    assert vendor_name(written) == shown


@pytest.mark.parametrize(
    "written",
    [
        "",
        " .,- ",
        "A" * (LIMIT + 1),
        "Pаypal",  # the second letter is Cyrillic
        "Αcme",  # the first one is Greek
        "acme.com",
        "www.acme",
        "https://acme",
        "pay@acme",
        "Call 555 123 4567",
        "+49 (0)30 901820",
        "a\u202eb",
        "a\u200bb",
        "a\x00b",
        "Hot 🔥 deals",
    ],
)
def test_a_name_that_imitates_links_or_hides_is_refused(written: str) -> None:
    """[A13 inv-A3] With words for whoever typed it."""
    with pytest.raises(NameRefused, match=r"\w+ \w+"):
        vendor_name(written)


@given(st.text(max_size=60))
def test_what_is_shown_once_is_shown_unchanged_again(text: str) -> None:
    """[inv-A3] Whatever comes in: short, on one line, and stable."""
    try:
        shown = vendor_name(text)
    except NameRefused:
        return
    assert vendor_name(shown) == shown
    assert len(shown) <= LIMIT
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Acme Ltd.", "ACME Limited", True),
        ("Acme", "The Acme Company, Inc.", True),
        ("O'Neil & Sons", "ONeil Sons GmbH", True),
        ("Acme", "Acme Tools", False),
        ("Acme", "Birch", False),
        ("", "", False),
        ("Limited", "Limited", True),
    ],
)
def test_the_legal_form_does_not_make_another_company(one: str, other: str, is_same: bool) -> None:
    """[A13] Every other word does."""
    assert is_same_company(one, other) is is_same
