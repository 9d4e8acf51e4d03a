"""Tables, as accounting programs export them: CSV in any dialect, cut into a header and lines. Pure."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.words import _
from connectors.files.columns import field_called
from connectors.files.refusal import Refused

SIZE_LIMIT = 30_000_000  # bytes
LINE_LIMIT = 200_000
LINE_LENGTH = 200_000  # characters
COLUMN_LIMIT = 300
CELL_LIMIT = 5_000  # characters


@dataclass(frozen=True, slots=True)
class Line:
    number: int  # in the file, from 1
    cells: Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    header: Sequence[str]
    lines: Sequence[Line]
    separator: str
    encoding: str

    def column(self, name: str) -> list[str]:
        place = self.header.index(name)
        return [line.cells[place] for line in self.lines]


def read_table(data: bytes) -> Table:
    """Raises Refused."""
    if len(data) > SIZE_LIMIT:
        raise Refused(
            _(
                "The file is larger than %(size_limit)s MB. Please send the open invoices only.",
                size_limit=SIZE_LIMIT // 1000000,
            )
        )
    text, encoding = _text(data)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text:
        raise Refused(_("The file is no table of text. Please export it as CSV."))
    separator = _separator(text)
    try:
        reader = csv.reader(_few_and_short(text), delimiter=separator, strict=False)
        lines = [Line(reader.line_num, _cells(cells)) for cells in reader if any(cells)]
    except csv.Error as problem:
        raise Refused(_("The file is no table: %(problem)s.", problem=problem)) from None
    place = _header(lines)
    header = lines[place].cells
    if len(set(header)) < len(header):
        header = _told_apart(header)
    width = len(header)
    body = [Line(line.number, _wide(line.cells, width)) for line in lines[place + 1 :]]
    if not body:
        raise Refused(_("The file has a header and no line under it."))
    return Table(header, body, separator, encoding)


def _text(data: bytes) -> tuple[str, str]:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding
    try:
        return data.decode(), "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "cp1252"


def _few_and_short(text: str) -> Iterator[str]:
    """The lines, none read after the first that no table has."""
    for number, line in enumerate(io.StringIO(text, newline="")):
        if number >= LINE_LIMIT:
            raise Refused(
                _(
                    "The file has more than %(line_limit)s lines. Please send the open invoices only.",
                    line_limit=f"{LINE_LIMIT:,}",
                )
            )
        if len(line) > LINE_LENGTH:
            raise Refused(_("The file has a line longer than any table's. Please export it again."), number + 1)
        yield line


def _cells(cells: Sequence[str]) -> list[str]:
    if len(cells) > COLUMN_LIMIT:
        raise Refused(
            _("The file has more than %(column_limit)s columns. Please export fewer.", column_limit=COLUMN_LIMIT)
        )
    return [cell.strip() for cell in cells]


def _separator(text: str) -> str:
    """The sign that cuts the first lines into the most, and the most even, cells."""
    sample = text[:20_000]

    def worth(sign: str) -> tuple[int, int]:
        widths = Counter(len(cells) for cells in list(csv.reader(io.StringIO(sample), delimiter=sign))[:30] if cells)
        width, times = max(((width, times) for width, times in widths.items() if width > 1), default=(0, 0))
        return times, width

    best = max(",;\t|", key=worth)
    if not worth(best)[0]:
        raise Refused(_("The file has only one column. Please export it as CSV, with a header and a column a value."))
    return best


def _header(lines: Sequence[Line]) -> int:
    """Reports begin with titles: the first of the first lines that holds two names we know is the header."""
    known = [sum(field_called(cell) is not None for cell in line.cells) for line in lines[:15]]
    found = next((place for place, count in enumerate(known) if count >= 2), None)
    if found is None:
        raise Refused(_("No line of the first fifteen names its columns, such as “Invoice number” and “Balance due”."))
    return found


def _told_apart(header: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    names = []
    for name in header:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _wide(cells: Sequence[str], width: int) -> list[str]:
    return [cell[:CELL_LIMIT] for cell in cells[:width]] + [""] * (width - len(cells))
