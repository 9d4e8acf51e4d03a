"""A Digest as a mail: subject, text and HTML, the same facts and links in both bodies.

Everything people read is made here and in templates/digest/; formats follow the reader's locale, words are English.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app.outbox.rendering import TOKEN_PLACE, Mail, amounts, days, mail_template, nowrap
from digest.parts import CreditRow, Digest, Later, Row, Section, Total

VERSION = "digest-1"  # frozen with every digest: which template it was made with
_FOLDER = Path(__file__).parent / "templates" / "digest"


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


def render(digest: Digest, reader: Reader, now: datetime) -> Mail:
    """The mail with TOKEN_PLACE in its links. Its HTML may still be bigger than wanted: the caller looks."""
    local = now.astimezone(ZoneInfo(reader.zone))
    today = local.date()
    words = _words(reader.locale)
    headline = words.headline(digest)
    return mail_template(_FOLDER).render(
        digest=digest,
        today=today,
        link=f"{reader.public_url}/m/{TOKEN_PLACE}",
        headline=headline,
        title=headline[:1].upper() + headline[1:],
        summary=words.summary(digest, reader),
        suppliers=_count(digest.vendors, "supplier"),
        show_amounts=reader.amounts_in_subject,
        amounts_in_all=words.in_all(digest.totals),
        why=_why(reader),
        care="Every link here leads to Sheaf. Whoever holds this mail can see, pay and ask about these invoices, "
        "so forward it only to people who may.",
        postal_address=reader.postal_address,
        moment=lambda at: words.moment(at, reader.zone),
        **words.helpers,
    )


def _why(reader: Reader) -> str:
    who = f", where suppliers send what {reader.organisation} owes" if reader.organisation else ""
    return f"You get this {reader.rhythm} ({reader.zone.replace('_', ' ')}) at {reader.address}{who}."


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


class _Words:
    """The mail's small phrases in one locale; one object a locale for the life of the process."""

    def __init__(self, locale: str) -> None:
        self.money, self.day = amounts(locale), days(locale)
        self.helpers: dict[str, Callable[..., Any]] = {
            "money": self.money,
            "amount": lambda minor, currency: nowrap(self.money(minor, currency)),
            "amounts_of": lambda sums: ", ".join(nowrap(self.money(minor, code)) for code, minor in sums),
            "sums": self.sums,
            "day": self.day,
            "facts": lambda row: self.facts(row, self.money),
            "facts_nowrap": lambda row: self.facts(row, self.helpers["amount"]),
            "marks": self.marks,
            "markers": lambda row: "".join(f" ({mark})" for mark in self.marks(row)),
            "breakdown": lambda total: self.breakdown(total, self.money),
            "breakdown_nowrap": lambda total: self.breakdown(total, self.helpers["amount"]),
            "later_words": self.later,
            "credit_words": _credit,
            "credit_sums": _credit_sums,
            "has_totals": _has_totals,
        }

    def headline(self, digest: Digest) -> str:
        """The most urgent thing in one line; no word of a vendor's, because it also is the subject (INVARIANTS A3)."""
        if digest.overdue:
            return f"{digest.overdue} overdue since {self.day(digest.oldest_on)}"
        if digest.soon:
            return f"{digest.soon} due soon, the first on {self.day(digest.next_on)}"
        if digest.count:
            return "nothing is due yet"
        return "a supplier you do not know yet"

    def summary(self, digest: Digest, reader: Reader) -> str:
        """One sentence for the first screen."""
        who = reader.organisation or reader.address
        if not digest.count:
            return f"{_count(len(digest.introductions), 'supplier')} new to {who} asked us to reach you."
        parts = [f"{digest.overdue} overdue"] if digest.overdue else []
        parts += [f"{digest.soon} due soon"] if digest.soon else []
        parts += [f"{digest.later} due later"] if digest.later else []
        invoices, suppliers = _count(digest.count, "open invoice"), _count(digest.vendors, "supplier")
        return f"{invoices} from {suppliers} to {who}: {', '.join(parts)}."

    def in_all(self, totals: Sequence[Total]) -> str:
        shown = " and ".join(self.money(total.net, total.currency) for total in totals[:2])
        return f"{shown} and more" if len(totals) > 2 else shown

    def breakdown(self, total: Total, money: Callable[[int, str], str]) -> str:
        parts = [
            f"{money(minor, total.currency)} {words}"
            for minor, words in ((total.overdue, "overdue"), (total.soon, "due soon"), (total.later, "later"))
            if minor
        ]
        if total.credit:
            parts.append(f"less {money(total.credit, total.currency)} credit")
        return ", ".join(parts)

    def sums(self, sums: Iterable[tuple[str, int]]) -> str:
        return ", ".join(self.money(minor, code) for code, minor in sums)

    def facts(self, row: Row, money: Callable[[int, str], str]) -> str:
        """What is known of a line besides number, amount and lateness."""
        parts = [f"Due {self.day(row.due_on)}"] if row.due_on else ["No due date"]
        if row.issued_on:
            parts.append(f"issued {self.day(row.issued_on)}")
        if row.po_number:
            parts.append(f"order {row.po_number}")
        if row.original_minor is not None:
            parts.append(f"of {money(row.original_minor, row.currency)}")
        if row.rest_minor:
            parts.append(f"{money(row.rest_minor, row.currency)} in later instalments")
        return ", ".join(parts)

    def marks(self, row: Row) -> list[str]:
        """What has changed since the last mail (FEATURES C6)."""
        found = ["new"] if row.is_new else []
        if row.was_minor is not None:
            found.append(f"was {self.money(row.was_minor, row.currency)}")
        if row.was_on is not None:
            found.append(f"was due {self.day(row.was_on)}")
        return [*found, "answered"] if row.is_answered else found

    def later(self, later: Later) -> str:
        new = f", {later.new} new" if later.new else ""
        first = f", the first due {self.day(later.first_due_on)}" if later.first_due_on else ""
        return f"{_count(later.count, 'invoice')}{new}{first}"

    def moment(self, at: datetime, zone: str) -> str:
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


def _has_totals(section: Section) -> bool:
    """A sum below a single line would only repeat it."""
    extras = (section.hidden, section.later, *section.credits)
    return len(section.rows) + sum(each is not None for each in extras) > 1
