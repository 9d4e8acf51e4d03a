"""How a table is read, as questions for a page: what was decided, what may be decided otherwise, what must be. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.words import _, day_in_words
from connectors.files.brought import Asking, reading_of
from connectors.files.cells import date_orders, decimal_marks, read_amount, read_date
from connectors.files.columns import AMOUNTS, DATES, FIELDS
from connectors.files.reading import Reading, cells_of

COLUMN = "column-"  # before a field's name, in a form


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    words: str


@dataclass(frozen=True, slots=True)
class Question:
    """Without ``choices`` it is answered in words."""

    name: str
    words: str
    choices: Sequence[Choice]
    chosen: str
    is_open: bool  # must be answered first
    hint: str = ""


def questions(asking: Asking, currency: str) -> list[Question]:
    """``currency``: the vendor's own, proposed where the table names none."""
    table, reading, asks = asking.table, asking.proposal.reading, asking.proposal.asks
    found = []
    dates = cells_of(table, reading.columns, DATES)
    orders = sorted(date_orders(dates))
    if len(orders) > 1:
        example = next((cell for cell in dates if all(read_date(cell, order) for order in orders)), "")
        choices = [Choice(order, day_in_words(day)) for order in orders if (day := read_date(example, order))]
        found.append(
            Question(
                "dates", _("Which day is %(example)s?", example=example), choices, reading.dates or "", "dates" in asks
            )
        )
    amounts = cells_of(table, reading.columns, AMOUNTS)
    marks = sorted(decimal_marks(amounts))
    if len(marks) > 1:
        example = next((cell for cell in amounts if read_amount(cell, ".") != read_amount(cell, ",")), "")
        choices = [Choice(mark, f"{read_amount(example, mark):f}") for mark in marks]
        is_open = "decimal_mark" in asks
        words = _("Which amount is %(example)s?", example=example)
        found.append(Question("decimal_mark", words, choices, reading.decimal_mark or "", is_open))
    if "currency" not in reading.columns:
        words, hint = _("Currency of the amounts"), _("Three letters, such as EUR. No column of the file says it.")
        found.append(Question("currency", words, (), reading.currency or currency, "currency" in asks, hint))
    none = Choice("", _("Not in this file"))
    columns = [none, *(Choice(name, name or _("Column without a name")) for name in table.header if name)]
    for field, words in FIELDS.items():
        chosen = reading.columns.get(field, "")
        found.append(Question(COLUMN + field, _(words), columns, chosen, field in asks))
    return found


def answers_in(form: Mapping[str, str]) -> Reading:
    columns = {name.removeprefix(COLUMN): value for name, value in form.items() if name.startswith(COLUMN)}
    return reading_of(columns, form)
