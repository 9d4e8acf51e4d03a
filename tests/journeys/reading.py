"""Reads a digest as it was mailed, from its HTML alone: sections, rows, links, sums. Knows nothing of the database."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

_MONEY = re.compile(r"([-\N{MINUS SIGN}]?)([A-Z]{3})\s([-\N{MINUS SIGN}]?)([\d,]+)\.(\d\d)\b")


@dataclass
class Cells:
    """One row of a table: what its heading and its other cell say, and where its links lead by their words."""

    heading: str = ""
    value: str = ""
    links: dict[str, str] = field(default_factory=dict)

    @property
    def is_invoice(self) -> bool:
        return any(words.startswith("Ask") for words in self.links)

    @property
    def number(self) -> str:
        return next(iter(self.links)) if self.is_invoice else ""


@dataclass
class Section:
    """A vendor's part. ``note``: what stands between its name and its rows."""

    vendor: str
    note: str = ""
    rows: list[Cells] = field(default_factory=list)

    @property
    def sums(self) -> Counter[str]:
        """Of all its rows, those told of in one line included, by currency in cents."""
        return added(money_in(row.value) for row in self.rows if row.heading != "Together")

    @property
    def together(self) -> Counter[str] | None:
        """What it says it comes to, where it says so."""
        said = [money_in(row.value) for row in self.rows if row.heading == "Together"]
        return said[0] if said else None


@dataclass
class Digest:
    """One mail of the mail folder."""

    sent_at: datetime
    subject: str
    html: str
    totals: Counter[str]  # what it says is open in all
    sections: list[Section]
    rest: Counter[str]  # of suppliers without a section

    @property
    def invoices(self) -> list[tuple[Section, Cells]]:
        return [(section, row) for section in self.sections for row in section.rows if row.is_invoice]


def digests(folder: Path, address: str) -> list[Digest]:
    """The digests to ``address`` in a mail folder, oldest first."""
    mails = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return [read_digest(mail) for mail in mails if mail["to"] == address and "/unsubscribe" in mail["html"]]


def money_in(text: str) -> Counter[str]:
    """Cents by currency of every amount in ``text``."""
    found = Counter[str]()
    for before, currency, after, whole, cents in _MONEY.findall(text.replace("\N{NO-BREAK SPACE}", " ")):
        sign = -1 if before or after else 1
        found[currency] += sign * int(whole.replace(",", "") + cents)
    return found


def added(sums: Iterable[Counter[str]]) -> Counter[str]:
    total = Counter[str]()
    for each in sums:
        total.update(each)
    return total


def read_digest(mail: Mapping[str, str]) -> Digest:
    """One kept mail: its ``sent_at``, ``subject`` and ``html``."""
    reader = _Reader()
    reader.feed(mail["html"])
    header, *sections = reader.sections
    sections = [section for section in sections if section.rows]
    rest = added(money_in(note) for note in reader.notes if "more from" in note)
    totals = added(money_in(row.value) for row in header.rows)
    return Digest(datetime.fromisoformat(mail["sent_at"]), mail["subject"], mail["html"], totals, sections, rest)


class _Reader(HTMLParser):
    """Sections begin at h2; what stands before the first is the header. Tables that only lay out are looked through."""

    def __init__(self) -> None:
        super().__init__()
        self.sections = [Section("")]
        self.notes: list[str] = []  # paragraphs
        self._tables: list[bool] = []  # whether each table we are in lists something
        self._place = ""  # h2, th, td or p, while inside one
        self._link: list[str] | None = None  # address, words so far

    @property
    def _lists(self) -> bool:
        return bool(self._tables) and self._tables[-1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "table":
            self._tables.append("t" in at.get("class", "").split())
        elif tag == "h2":
            self.sections.append(Section(""))
        elif tag == "tr" and self._lists:
            self.sections[-1].rows.append(Cells())
        elif tag == "p":
            self.notes.append("")
        elif tag == "a":
            self._link = [at.get("href", ""), ""]
        elif tag == "br":
            self.handle_data(" ")
        if tag in ("h2", "p") or (tag in ("th", "td") and self._lists):
            self._place = tag

    def handle_data(self, data: str) -> None:
        section = self.sections[-1]
        if self._place == "h2":
            section.vendor += data
        elif self._place == "th":
            section.rows[-1].heading += data
        elif self._place == "td":
            section.rows[-1].value += data
        elif self._place == "p":
            self.notes[-1] += data
        else:
            section.note += data
        if self._link is not None:
            self._link[1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._tables.pop()
        if tag == self._place:
            self._place = ""
        if tag == "a" and self._link is not None:
            if self._lists:
                self.sections[-1].rows[-1].links[self._link[1].strip()] = self._link[0]
            self._link = None
