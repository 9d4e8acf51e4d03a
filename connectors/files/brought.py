"""Files, each read for what it is by its content and never by its name. Pure.

A file is taken whole or refused whole, with its name and the reason; several files stand each for itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, get_args

from app.words import _
from connectors.base import Batch
from connectors.files.cells import DateOrder, Mark
from connectors.files.columns import FIELDS, Field
from connectors.files.einvoice import EInvoice, read_pdf, read_xml
from connectors.files.reading import Proposal, Reading, propose, read_rows
from connectors.files.records import of_einvoice, of_rows
from connectors.files.refusal import Refused
from connectors.files.table import Table, read_table

_SPACE = b" \t\r\n\x00"


@dataclass(frozen=True, slots=True)
class Sent:
    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Asking:
    """A table that can be read in more than one way, or not yet at all."""

    name: str
    table: Table
    proposal: Proposal


@dataclass(slots=True)
class Brought:
    """What some files say. ``listed`` comes from tables, which know what is open now; ``issued`` from e-invoices, which
    know what was open on the day they were written. ``refused``: (name, reason)."""

    listed: Batch = field(default_factory=Batch)
    issued: Batch = field(default_factory=Batch)
    refused: list[tuple[str, str]] = field(default_factory=list)
    asking: list[Asking] = field(default_factory=list)
    tables: list[Asking] = field(default_factory=list)  # all of them, with how they were read
    passed_over: list[tuple[str, int, str]] = field(default_factory=list)  # (name, line, why)

    @property
    def reading(self) -> Reading | None:
        """How the last table was read."""
        return self.tables[-1].proposal.reading if self.tables else None


def read_files(files: Sequence[Sent], remembered: Reading | None, at: datetime) -> Brought:
    """``remembered``: how this vendor's tables were read last time, under what was answered now."""
    found = Brought()
    for one in files:
        try:
            said = read(one.data)
            if isinstance(said, EInvoice):
                _add(found.issued, of_einvoice(said, at))
                continue
            asking = Asking(one.name, said, propose(said, remembered))
            found.tables.append(asking)
            if asking.proposal.asks:
                found.asking.append(asking)
                continue
            sheet = read_rows(said, asking.proposal.reading)
            _add(found.listed, of_rows(sheet.rows, at))
            found.passed_over += [(one.name, line, why) for line, why in sheet.passed_over]
        except Refused as problem:
            found.refused.append((one.name, str(problem)))
    return found


def read(data: bytes) -> EInvoice | Table:
    """Raises Refused."""
    if data.startswith(b"%PDF-"):
        return read_pdf(data)
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise Refused(_("This is a workbook or an archive, not a table. Please save it as CSV."))
    start = data[:200].lstrip(b"\xef\xbb\xbf\xff\xfe" + _SPACE)
    if start.startswith(b"<"):
        return read_xml(data)
    if not start:
        raise Refused(_("The file is empty."))
    return read_table(data)


def _add(batch: Batch, more: Batch) -> None:
    batch.bill_tos += more.bill_tos
    batch.invoices += more.invoices
    batch.credits += more.credits


# --- what is remembered of a reading --------------------------------------------------------------------------------


def to_json(reading: Reading) -> dict[str, Any]:
    return {
        "columns": dict(reading.columns),
        "dates": reading.dates,
        "decimal_mark": reading.decimal_mark,
        "currency": reading.currency,
    }


def of_json(kept: Mapping[str, Any] | None) -> Reading | None:
    return reading_of(kept.get("columns", {}), kept) if kept else None


def reading_of(columns: Mapping[str, str], said: Mapping[str, Any]) -> Reading:
    """What a person or we ourselves said of a table; what is none of the possible answers counts as not said. A column
    of "" is one that the table does not have."""
    known: dict[Field, str] = {each: columns[each] for each in FIELDS if each in columns}
    dates: DateOrder | None = next((each for each in get_args(DateOrder) if each == said.get("dates")), None)
    mark: Mark | None = next((each for each in get_args(Mark) if each == said.get("decimal_mark")), None)
    return Reading(known, dates, mark, str(said.get("currency") or "").strip().upper()[:3])


def under(remembered: Reading | None, answers: Reading) -> Reading:
    """What was answered now counts, then what was said before."""
    if remembered is None:
        return answers
    return replace(
        answers,
        columns={**remembered.columns, **answers.columns},
        dates=answers.dates or remembered.dates,
        decimal_mark=answers.decimal_mark or remembered.decimal_mark,
        currency=answers.currency or remembered.currency,
    )
