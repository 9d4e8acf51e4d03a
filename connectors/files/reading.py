"""How a table of invoices is read: which column is what, and what has to be asked first. Pure.

What can be read in two ways (3/4/2026, 1,234) is never guessed: propose() says what must be asked, and only a reading
that answers it is used. A table is taken whole or not at all, with the lines that are wrong.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TypeVar

from app.words import _, marked, ngettext
from connectors.files.cells import DateOrder, Mark, date_orders, decimal_marks, read_amount, read_date
from connectors.files.columns import AMOUNTS, DATES, FIELDS, NEEDED, Field, field_called, plain
from connectors.files.refusal import Refused
from connectors.files.table import Line, Table

T = TypeVar("T")

_TOTALS = {"total", "totals", "subtotal", "sum", "summe", "gesamt", "gesamtsumme", "totale", "totaal"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a vendor's tables are read; remembered for the next one. ``columns`` are the file's own names, "" where the
    vendor said that there is none."""

    columns: Mapping[Field, str]
    dates: DateOrder | None = None
    decimal_mark: Mark | None = None
    currency: str = ""  # of files without such a column


@dataclass(frozen=True, slots=True)
class Proposal:
    """A reading, and what has to be asked before it can be used: field names, "dates", "decimal_mark", "currency"."""

    reading: Reading
    asks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One line understood. ``total`` and ``balance`` as written: negative ones are the customer's."""

    line: int
    number: str
    type: str
    customer: str
    customer_id: str
    email: str
    issued_on: date | None
    due_on: date | None
    currency: str
    total: Decimal
    balance: Decimal
    status: str
    po_number: str
    pay_url: str


@dataclass(slots=True)
class Sheet:
    """All of a table: its rows, and the lines that are none (totals, repeated headers, exact repetitions)."""

    rows: list[Row] = field(default_factory=list)
    passed_over: list[tuple[int, str]] = field(default_factory=list)


def propose(table: Table, remembered: Reading | None = None) -> Proposal:
    """How to read the table: as last time where its columns are still there, else by their names."""
    columns: dict[Field, str] = {}
    for name in table.header:
        known = field_called(name)
        if known and known not in columns:
            columns[known] = name
    if remembered:
        columns |= {known: name for known, name in remembered.columns.items() if name in table.header}
        columns = {known: name for known, name in columns.items() if remembered.columns.get(known) != ""}
    if "balance" not in columns and "total" in columns:
        columns["balance"] = columns["total"]  # a list of what is open states one amount
    found = Reading(
        columns,
        _decide(date_orders(cells_of(table, columns, DATES)), remembered.dates if remembered else None),
        _decide(decimal_marks(cells_of(table, columns, AMOUNTS)), remembered.decimal_mark if remembered else None),
        remembered.currency if remembered else "",
    )
    return Proposal(found, open_questions(table, found))


def open_questions(table: Table, reading: Reading) -> list[str]:
    """What this reading does not say and the table does not show."""
    asks: list[str] = [needed for needed in NEEDED if needed not in reading.columns]
    if reading.dates is None and cells_of(table, reading.columns, DATES):
        asks.append("dates")
    if reading.decimal_mark is None and cells_of(table, reading.columns, AMOUNTS):
        asks.append("decimal_mark")
    if "currency" not in reading.columns and not reading.currency:
        asks.append("currency")
    return asks


def _decide(possible: set[T], before: T | None) -> T | None:
    """The only possible one; of several the one of last time."""
    if len(possible) == 1:
        return next(iter(possible))
    return before if before in possible else None


def cells_of(table: Table, columns: Mapping[Field, str], wanted: Iterable[Field]) -> list[str]:
    names = dict.fromkeys(columns[each] for each in wanted if each in columns)
    return [cell for name in names for cell in table.column(name) if cell]


def read_rows(table: Table, reading: Reading) -> Sheet:
    """Every line, or none: raises Refused with the first lines that are wrong."""
    if asks := open_questions(table, reading):
        raise Refused(_("Please say first: %(questions)s.", questions=", ".join(map(question, asks))))
    places = {known: table.header.index(name) for known, name in reading.columns.items()}
    sheet, wrong, held = Sheet(), list[Refused](), dict[tuple[str, str], Row]()
    for line in table.lines:
        said: dict[Field, str] = {known: line.cells[place] for known, place in places.items()}
        try:
            if why := _no_row(line, said, table):
                sheet.passed_over.append((line.number, why))
                continue
            row = _row(line, said, reading)
            before = held.setdefault((row.number, row.type), row) if row.number else row
            if before is row:
                sheet.rows.append(row)
            elif replace(row, line=before.line) == before:
                sheet.passed_over.append((line.number, _("the same as line %(line)s", line=before.line)))
            else:
                raise Refused(
                    _("%(number)s stands in line %(line)s as well, and differs.", number=row.number, line=before.line),
                    line.number,
                )
        except Refused as problem:
            wrong.append(problem)
    if wrong:
        words = [_("Nothing was taken."), *map(str, wrong[:10])]
        if (more := len(wrong) - 10) > 0:
            words.append(ngettext("And %(num)s more line.", "And %(num)s more lines.", more))
        raise Refused(" ".join(words))
    return sheet


def question(ask: str) -> str:
    """One of open_questions(), in words."""
    return _(_QUESTIONS.get(ask) or next(words for known, words in FIELDS.items() if known == ask))


_QUESTIONS = {
    "dates": marked("whether the day or the month comes first in dates"),
    "decimal_mark": marked("whether the comma or the point is the decimal mark"),
    "currency": marked("the currency of the amounts"),
}


def _no_row(line: Line, said: Mapping[Field, str], table: Table) -> str:
    """Why a line is passed over; nothing when it is a row."""
    if list(line.cells) == list(table.header):
        return _("the header again")
    names = {plain(cell).split(" ")[0] for cell in line.cells if cell}
    is_incomplete = not (said["number"] and said["customer"]) and not said.get("type")
    return _("a line of totals") if is_incomplete and names & _TOTALS else ""


def _row(line: Line, said: Mapping[Field, str], reading: Reading) -> Row:
    order, mark = reading.dates, reading.decimal_mark
    dates = {each: _cell(said, each, line, lambda cell: read_date(cell, order) if order else None) for each in DATES}
    amounts = {
        each: _cell(said, each, line, lambda cell: read_amount(cell, mark) if mark else None) for each in AMOUNTS
    }
    if amounts["balance"] is None:
        raise Refused(_("there is no amount."), line.number)
    if not said["number"] and amounts["balance"] > 0:
        raise Refused(_("the invoice has no number."), line.number)
    if not said["customer"] and not said.get("customer_id"):
        raise Refused(_("there is no customer."), line.number)
    total = amounts["total"]
    return Row(
        line=line.number,
        number=said["number"],
        type=said.get("type", ""),
        customer=said["customer"],
        customer_id=said.get("customer_id", ""),
        email=said.get("email", ""),
        issued_on=dates["issued_on"],
        due_on=dates["due_on"],
        currency=(said.get("currency") or reading.currency).upper(),
        total=amounts["balance"] if total is None else total,
        balance=amounts["balance"],
        status=said.get("status", ""),
        po_number=said.get("po_number", ""),
        pay_url=said.get("pay_url", ""),
    )


def _cell(said: Mapping[Field, str], known: Field, line: Line, read: Callable[[str], T | None]) -> T | None:
    cell = said.get(known, "")
    if not cell:
        return None
    found = read(cell)
    if found is None:
        raise Refused(
            _("“%(cell)s” (%(fields)s) cannot be read.", cell=cell[:40], fields=_(FIELDS[known])), line.number
        )
    return found
