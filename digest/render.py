"""A Digest as a mail: subject, text and HTML, the same facts and links in both bodies.

Formats follow the reader's locale, words are English. Every phrase is made once, here, for both bodies; the templates
only set them out, because a call from a template costs ten times a call from Python.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app.outbox.rendering import TOKEN_PLACE, Mail, amounts, mail_template
from app.words import _, days
from digest.parts import CreditRow, Digest, Hidden, Later, Row, Section, Total

VERSION = "digest-1"  # frozen with every digest: which template it was made with
_FOLDER = Path(__file__).parent / "templates" / "digest"
_DISCREET = _FOLDER.with_name("discreet")
_CARE = (
    "Every link here leads to Sheaf. Whoever holds this mail can see, pay and ask about these invoices, "
    "so forward it only to people who may."
)
_LISTED_CREDITS = 3


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom the mail is for, and where its links lead. ``rhythm``: every Tuesday at 09:00."""

    address: str
    organisation: str
    locale: str
    zone: str
    rhythm: str
    amounts_in_subject: bool
    public_url: str
    postal_address: str
    is_private: bool = False
    also: tuple[str, ...] = ()  # who of its customer's people is sent these, too


def render(digest: Digest, reader: Reader, now: datetime) -> Mail:
    """The mail with TOKEN_PLACE in its links. Its HTML may still be bigger than wanted: the caller looks."""
    if reader.is_private:
        return _discreet(digest, reader, now)
    words = _words(reader.locale)
    template = mail_template(
        _FOLDER, link=f"{reader.public_url}/m/{TOKEN_PLACE}", care=_CARE, postal_address=reader.postal_address
    )
    headline = words.headline(digest)
    return template.render(
        digest=digest,
        today=words.day(now.astimezone(ZoneInfo(reader.zone)).date()),
        headline=headline,
        title=headline[:1].upper() + headline[1:],
        summary=words.summary(digest, reader),
        suppliers=_count(digest.vendors, "supplier"),
        show_amounts=reader.amounts_in_subject,
        amounts_in_all=words.in_all(digest.totals),
        totals=[words.total(total, len(digest.totals)) for total in digest.totals],
        introductions=[
            (new.line, new.name, _count(new.count, "invoice"), ", ".join(new.unlike)) for new in digest.introductions
        ],
        sections=[words.section(section, reader.zone) for section in digest.sections],
        hidden=_hidden(digest.hidden),
        hidden_amounts=words.sums(digest.hidden.sums) if digest.hidden else "",
        quiet=[words.quiet(row) for row in digest.quiet],
        resting=_resting(digest.resting),
        resting_amounts=words.sums(digest.resting.sums) if digest.resting else "",
        settled=[(row.vendor_name, row.number, words.money(row.amount_minor, row.currency)) for row in digest.settled],
        why=_why(reader),
    )


def _discreet(digest: Digest, reader: Reader, now: datetime) -> Mail:
    """How many and a link: no names, no amounts (FEATURES C13)."""
    words = _words(reader.locale)
    headline = words.headline(digest)
    return mail_template(_DISCREET).render(
        headline=headline[:1].upper() + headline[1:],
        today=words.day(now.astimezone(ZoneInfo(reader.zone)).date()),
        link=f"{reader.public_url}/m/{TOKEN_PLACE}",
        why=_why(reader),
        care=_CARE,
        postal_address=reader.postal_address,
    )


def _why(reader: Reader) -> str:
    who = f", where suppliers send what {reader.organisation} owes" if reader.organisation else ""
    also = _("Also sent to %(names)s, each in a mail of their own.", names=", ".join(reader.also)) if reader.also else ""
    return f"You get this {reader.rhythm} ({reader.zone.replace('_', ' ')}) at {reader.address}{who}. {also}".strip()


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _hidden(hidden: Hidden | None) -> str:
    return f"And {hidden.count} more from {_count(hidden.vendors, 'supplier')}" if hidden else ""


def _resting(resting: Hidden | None) -> str:
    return f"{_count(resting.count, 'invoice')} we reminded you of before" if resting else ""


class _Words:
    """The mail's phrases in one locale; one object a locale for the life of the process."""

    def __init__(self, locale: str) -> None:
        self.money, self.day = amounts(locale), days(locale)

    def headline(self, digest: Digest) -> str:
        """The most urgent thing in one line; no word of a vendor's, because it also is the subject (INVARIANTS A3)."""
        if digest.overdue:
            return f"{digest.overdue} overdue since {self.day(digest.oldest_on)}"
        if digest.soon:
            return f"{digest.soon} due soon, the first on {self.day(digest.next_on)}"
        return "nothing is due yet" if digest.count else "a supplier you do not know yet"

    def summary(self, digest: Digest, reader: Reader) -> str:
        """One sentence for the first screen."""
        who = reader.organisation or reader.address
        if not digest.count:
            return f"{_count(len(digest.introductions), 'supplier')} new to {who} asked us to reach you."
        counts = ((digest.overdue, "overdue"), (digest.soon, "due soon"), (digest.later, "due later"))
        parts = ", ".join(f"{count} {words}" for count, words in counts if count)
        invoices, suppliers = _count(digest.count, "open invoice"), _count(digest.vendors, "supplier")
        return f"{invoices} from {suppliers} to {who}: {parts}."

    def in_all(self, totals: Sequence[Total]) -> str:
        """For the subject: the sums of two currencies at most."""
        shown = " and ".join(self.money(total.net, total.currency) for total in totals[:2])
        return f"{shown} and more" if len(totals) > 2 else shown

    def total(self, total: Total, currencies: int) -> tuple[str, str, str]:
        """(label, what it consists of, sum)."""
        parts = [
            f"{self.money(minor, total.currency)} {words}"
            for minor, words in ((total.overdue, "overdue"), (total.soon, "due soon"), (total.later, "later"))
            if minor
        ]
        if total.credit:
            parts.append(f"less {self.money(total.credit, total.currency)} credit")
        label = "Open in all" if currencies == 1 else f"Open in {total.currency}"
        return label, ", ".join(parts), self.money(total.net, total.currency)

    def section(self, section: Section, zone: str) -> tuple[Any, ...]:
        """(first line, name, is new, as of, note, rows, lines below them, sums): as the templates take it apart."""
        extras = self._extras(section)
        together = [self.money(total.net, total.currency) for total in section.totals]
        return (
            section.first_line,
            section.name,
            section.is_new,
            self._moment(section.as_of, zone) if section.as_of else "",
            section.note,
            [self._row(row) for row in section.rows],
            extras,
            together if len(section.rows) + len(extras) > 1 else [],  # below a single line it would only repeat it
        )

    def _row(self, row: Row) -> tuple[Any, ...]:
        """(line, number, words, is overdue, marks, facts, amount, can be paid online, what is said above it)."""
        amount = self.money(row.amount_minor, row.currency)
        return (
            row.line,
            row.number,
            row.words,
            row.is_overdue,
            self._marks(row),
            self._facts(row),
            amount,
            row.can_pay,
            row.leads,
        )

    def _facts(self, row: Row) -> str:
        """What is known of a line besides number, amount and lateness."""
        facts = f"Due {self.day(row.due_on)}" if row.due_on else "No due date"
        if row.issued_on:
            facts += f", issued {self.day(row.issued_on)}"
        if row.po_number:
            facts += f", order {row.po_number}"
        if row.original_minor is not None:
            facts += f", of {self.money(row.original_minor, row.currency)}"
        if row.rest_minor:
            facts += f", {self.money(row.rest_minor, row.currency)} in later instalments"
        return facts

    def _marks(self, row: Row) -> list[str]:
        """What has changed since the last mail (FEATURES C6)."""
        found = ["new"] if row.is_new else []
        if row.was_minor is not None:
            found.append(f"was {self.money(row.was_minor, row.currency)}")
        if row.was_on is not None:
            found.append(f"was due {self.day(row.was_on)}")
        return [*found, "answered"] if row.is_answered else found

    def _extras(self, section: Section) -> list[tuple[str, bool, str]]:
        """(words, is a link to the whole, amounts) of what stands below a section's rows."""
        found = []
        if section.hidden:
            words = f"And {section.hidden.count} more from {section.name}"
            found.append((words, True, self.sums(section.hidden.sums)))
        if section.later:
            found.append((self._later(section.later), True, self.sums(section.later.sums)))
        for credit in section.credits[:_LISTED_CREDITS]:
            found.append((_credit(credit), False, self.money(-credit.minor, credit.currency)))
        if rest := section.credits[_LISTED_CREDITS:]:
            found.append((f"And {_count(len(rest), 'more credit')}", False, self.sums(_credit_sums(rest))))
        return found

    def _later(self, later: Later) -> str:
        new = f", {later.new} new" if later.new else ""
        first = f", the first due {self.day(later.first_due_on)}" if later.first_due_on else ""
        return f"Later: {_count(later.count, 'invoice')}{new}{first}"

    def quiet(self, row: Row) -> tuple[int, str, str, str, str]:
        return row.line, row.vendor_name, row.number, self.money(row.amount_minor, row.currency), row.words

    def sums(self, sums: Iterable[tuple[str, int]]) -> str:
        return ", ".join(self.money(minor, code) for code, minor in sums)

    def _moment(self, at: datetime, zone: str) -> str:
        local = at.astimezone(ZoneInfo(zone))
        return f"{self.day(local.date())}, {local:%H:%M}"


@cache
def _words(locale: str) -> _Words:
    return _Words(locale)


def _credit(credit: CreditRow) -> str:
    name = "Payment not yet matched" if credit.is_cash else "Credit note"
    return f"{name} {credit.number}".strip()


def _credit_sums(rows: Iterable[CreditRow]) -> list[tuple[str, int]]:
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, 0) - row.minor
    return sorted(sums.items())
