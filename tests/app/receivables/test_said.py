"""What the books say of an invoice beside its facts, as pages show it."""

from app import words
from app.money import Money
from app.receivables.said import Said, read_said

PALLETS = {"text": "Pallets", "quantity": "1250.5", "each": 200, "minor": 250100}
FILM = {"text": "Film", "minor": 4900}


def test_what_no_line_says_is_named_so_that_the_sum_is_the_total() -> None:
    """[A16 B13 003-4 inv-M1] Lines are before tax, as a rule: what is left of the total is said, and never guessed at
    where a line has no amount or not all of them are kept."""
    said = read_said({"lines": [PALLETS, FILM]}, "EUR", 303450)
    assert [item.amount for item in said.lines] == [Money(250100, "EUR"), Money(4900, "EUR")]
    assert (said.lines[0].each, said.lines[1].each, said.lines[1].quantity) == (Money(200, "EUR"), None, "")
    assert said.rest == Money(48450, "EUR")
    assert read_said({"lines": [PALLETS, FILM]}, "EUR", 255000).rest is None
    assert read_said({"lines": [PALLETS, {"text": "Gift"}]}, "EUR", 303450).rest is None
    assert read_said({"lines": [PALLETS], "are_more": True}, "EUR", 303450).rest is None
    assert read_said({}, "EUR", 303450) == Said()


def test_a_quantity_is_written_as_its_reader_writes_numbers() -> None:
    """[A16 C9] And one that is no number as it stands."""
    with words.speaking("de"):
        (item, odd) = read_said({"lines": [PALLETS, FILM | {"quantity": "some"}]}, "EUR", 0).lines
    assert (item.quantity, odd.quantity) == ("1.250,5", "some")
