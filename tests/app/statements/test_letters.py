"""Names written from right to left, on paper."""

import pytest

from app.statements.letters import visual


@pytest.mark.parametrize(
    ("written", "drawn"),
    [
        ("Acme GmbH (1)", "Acme GmbH (1)"),
        ("שלום", "םולש"),
        ("שלום (12) בע״מ", "מ״עב (12) םולש"),  # numbers and brackets
        ("Pay שלום 12", "Pay 12 םולש"),  # a number belongs to the letters before it
        ("שלום ABC 12 def", "ABC 12 def םולש"),
        ("شركة", "\ufe94\ufedb\ufeae\ufeb7"),  # initial, final, initial, final: reh joins nothing behind it
        ("سلام", "\ufee1\ufefc\ufeb3"),  # lam and alef are one
        ("a\u202eb\u200f", "ab"),  # marks that would turn the rest of the page around
        ("", ""),
    ],
)
def test_a_name_reads_on_paper_as_it_is_written(written: str, drawn: str) -> None:
    """[H2]"""
    assert visual(written) == drawn
