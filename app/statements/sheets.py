"""Statements as CSV, for whatever opens it: no cell of ours is ever a formula."""

import csv
import re
from collections.abc import Iterator

from app.money import Money
from app.statements.rules import KINDS, Statement
from app.words import _

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


class Echo:
    """A file that hands back what is written to it: the csv module makes the line, we send it."""

    def write(self, text: str) -> str:
        return text


def harmless(cell: str) -> str:
    """``cell`` as no program computes it: what would begin a formula gets an apostrophe, but for plain numbers."""
    return f"'{cell}" if cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell) else cell


def statement_csv(statement: Statement) -> Iterator[str]:
    """Line by line, so that it can be sent while it is made. Dates as 2026-11-23, amounts with a point, no grouping."""
    write = csv.writer(Echo()).writerow
    head = (_("Supplier"), _("Currency"), _("Date"), _("What"), _("Number"), _("Method"), _("Amount"), _("Owed"))
    yield "\ufeff" + write(head)  # so that spreadsheet programs read it as UTF-8
    for account in statement.accounts:
        named = (harmless(account.vendor_name), account.currency)
        since, until = statement.since.isoformat(), statement.until.isoformat()
        yield write((*named, since, _("Opening balance"), "", "", "", _plain(account.opening)))
        for line in account.lines:
            entry = line.entry
            words = (_(KINDS[entry.kind]), harmless(entry.number), harmless(entry.method))
            yield write((*named, entry.on.isoformat(), *words, _plain(entry.amount), _plain(line.balance)))
        yield write((*named, until, _("Closing balance"), "", "", "", _plain(account.closing)))


def _plain(amount: Money) -> str:
    return f"{amount.amount:f}"
