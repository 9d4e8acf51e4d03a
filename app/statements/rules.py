"""Pure: what happened between a customer and its suppliers, as accounts that add up.

Whatever the books tell, an account closes on what the inbox says is open. Some books tell of no payments, or forget
those of long ago; what they leave unexplained is said in so many words: "settled in the books", "from before".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from uuid import UUID

from app.money import Money, Totals
from app.words import marked


class Kind(StrEnum):
    INVOICE = "invoice"
    CREDIT = "credit"
    PAYMENT = "payment"
    SETTLED = "settled"  # no longer owed, by the books' word alone: they told of no payment
    BEFORE = "before"  # what must have been before the first thing we know


KINDS = {
    Kind.INVOICE: marked("Invoice"),
    Kind.CREDIT: marked("Credit"),
    Kind.PAYMENT: marked("Payment"),
    Kind.SETTLED: marked("Settled in the supplier's books"),
    Kind.BEFORE: marked("From before these books were connected"),
}
RECEIPT_NOTE = marked(
    "As the supplier's books told it. For the tax office, the supplier's own receipt is the one to keep."
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an account. ``minor`` is added to what is owed, and below zero where it lowers it."""

    on: date
    kind: Kind
    vendor_id: UUID
    vendor_name: str
    currency: str
    number: str
    minor: int
    subject_id: UUID | None = None
    method: str = ""

    @property
    def amount(self) -> Money:
        return Money(self.minor, self.currency)

    @property
    def account(self) -> tuple[str, UUID, str]:
        """What it belongs to, in the order accounts are shown in."""
        return self.vendor_name.casefold(), self.vendor_id, self.currency


@dataclass(frozen=True, slots=True)
class Billed:
    """One invoice as the books have it now: how much of it is owed, and how much of it known payments took."""

    entry: Entry
    balance: int
    paid: int
    settled_on: date

    @property
    def unexplained(self) -> int:
        return max(0, self.entry.minor - self.balance - self.paid)


@dataclass(frozen=True, slots=True)
class Books:
    """All one supplier's books tell in one currency. ``credit_left`` is what lowers the debt and is not used yet."""

    billed: Sequence[Billed]
    others: Sequence[Entry]  # credit notes and payments
    credit_left: int

    @property
    def owed(self) -> int:
        return sum(each.balance for each in self.billed) - self.credit_left


def entries_of(books: Books) -> list[Entry]:
    """All entries in order of time; their sum is what is owed now."""
    entries = [each.entry for each in books.billed] + list(books.others)
    missing = sum(entry.minor for entry in entries) - books.owed
    for each in sorted(books.billed, key=lambda each: each.settled_on):
        part = min(missing, each.unexplained)
        if part > 0:
            entries.append(replace(each.entry, on=each.settled_on, kind=Kind.SETTLED, minor=-part))
            missing -= part
    entries.sort(key=lambda entry: (entry.on, entry.minor < 0, entry.number))
    if missing and entries:
        first = entries[0]
        before = replace(first, on=first.on - timedelta(days=1), kind=Kind.BEFORE, number="", method="")
        entries.insert(0, replace(before, minor=-missing, subject_id=None))
    return entries


@dataclass(frozen=True, slots=True)
class Line:
    """An entry, and what was owed after it."""

    entry: Entry
    balance: Money


@dataclass(frozen=True, slots=True)
class Account:
    """One supplier, one currency, over the days of a statement."""

    vendor_id: UUID
    vendor_name: str
    currency: str
    opening: Money
    lines: list[Line] = field(default_factory=list)

    def total(self, *kinds: Kind) -> Money:
        return Money(sum(line.entry.minor for line in self.lines if line.entry.kind in kinds), self.currency)

    @property
    def invoiced(self) -> Money:
        return self.total(Kind.INVOICE, Kind.BEFORE)

    @property
    def credited(self) -> Money:
        return self.total(Kind.CREDIT)

    @property
    def paid(self) -> Money:
        return self.total(Kind.PAYMENT, Kind.SETTLED)

    @property
    def closing(self) -> Money:
        return self.lines[-1].balance if self.lines else self.opening


@dataclass(frozen=True, slots=True)
class Sums:
    """The five figures of a statement in one currency, over all suppliers."""

    currency: str
    opening: Money
    invoiced: Money
    credited: Money
    paid: Money
    closing: Money


@dataclass(frozen=True, slots=True)
class Statement:
    """What was owed at the end of ``until``, and how it came about since the beginning of ``since``."""

    since: date
    until: date
    accounts: list[Account]

    def of(self, vendor_id: UUID | None) -> "Statement":
        """With one supplier only, where one is named."""
        if vendor_id is None:
            return self
        return replace(self, accounts=[account for account in self.accounts if account.vendor_id == vendor_id])

    @property
    def totals(self) -> list[Sums]:
        """One row a currency, never across."""
        found = {name: Totals(getattr(account, name) for account in self.accounts) for name in _FIGURES}
        currencies = sorted({account.currency for account in self.accounts})
        return [Sums(code, **{name: found[name][code] for name in _FIGURES}) for code in currencies]


_FIGURES = ("opening", "invoiced", "credited", "paid", "closing")


def statement(entries: Iterable[Entry], since: date, until: date) -> Statement:
    """The accounts of these days; one that was empty before and had nothing in them is left out."""
    ordered = sorted(entries, key=lambda entry: entry.account)
    accounts = [_account(list(found), since, until) for _, found in groupby(ordered, key=lambda entry: entry.account)]
    return Statement(since, until, [account for account in accounts if account.lines or account.opening.minor])


def _account(entries: Sequence[Entry], since: date, until: date) -> Account:
    first = entries[0]
    balance = sum(entry.minor for entry in entries if entry.on < since)
    account = Account(first.vendor_id, first.vendor_name, first.currency, Money(balance, first.currency))
    for entry in entries:
        if since <= entry.on <= until:
            balance += entry.minor
            account.lines.append(Line(entry, Money(balance, entry.currency)))
    return account


@dataclass(frozen=True, slots=True)
class Receipt:
    """One payment as the supplier's books have it. ``parts``: of which invoice (id, number) it settled how much."""

    entry: Entry
    provider: str
    seen_at: datetime
    parts: list[tuple[UUID, str, Money]]


def settlements(entries: Iterable[Entry]) -> list[Entry]:
    """What was paid or otherwise settled, newest first (FEATURES H4)."""
    money = [entry for entry in entries if entry.kind in (Kind.PAYMENT, Kind.SETTLED)]
    return sorted(money, key=lambda entry: (entry.on, entry.number), reverse=True)
