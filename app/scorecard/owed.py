"""What is owed and how it comes in: open, overdue, aging, DSO, electronic share.

Sums that equal their rows at any moment: the database keeps those of open invoices, the others are made when asked for.
None crosses a currency (INVARIANTS M2).
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.aging import BUCKETS, bucket_starts
from app.models import Invoice, InvoiceState, Payment
from app.receivables.sums import open_sums
from app.scorecard.periods import Period

DSO_DAYS = 90
_NOT_SOLD = (InvoiceState.DRAFT, InvoiceState.VOID, InvoiceState.GONE, InvoiceState.UNKNOWN, InvoiceState.TWIN)
_BY_HAND = ("cheque", "check", "cash", "paper", "money order")


@dataclass(frozen=True, slots=True)
class Owed:
    """One currency: what is open by how late it is, and how many days of sales that is."""

    currency: str
    sums: tuple[int, ...]  # minor units by bucket of app.aging
    counts: tuple[int, ...]
    dso: float | None  # None: nothing was sold in the last 90 days

    @property
    def open_minor(self) -> int:
        return sum(self.sums)

    @property
    def overdue_minor(self) -> int:
        return sum(self.sums[1:])

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def overdue_count(self) -> int:
        return sum(self.counts[1:])


def owed(session: Session, vendor_id: UUID, today: date) -> list[Owed]:
    """By currency, in two statements."""
    sums, counts = defaultdict[str, Counter[int]](Counter), defaultdict[str, Counter[int]](Counter)
    for each in open_sums(session, vendor_id, bucket_starts(today)):
        sums[each.currency][each.late] += each.minor
        counts[each.currency][each.late] += each.count
    sold = _sold(session, vendor_id, today)
    places = range(len(BUCKETS) + 1)
    return [
        Owed(
            currency,
            tuple(sums[currency][number] for number in places),
            tuple(counts[currency][number] for number in places),
            sum(sums[currency].values()) / sold[currency] * DSO_DAYS if sold.get(currency) else None,
        )
        for currency in sorted(sums.keys() | sold.keys())
    ]


def _sold(session: Session, vendor_id: UUID, today: date) -> dict[str, int]:
    """Invoiced in the last 90 days, by currency."""
    rows = session.execute(
        select(Invoice.currency, func.sum(Invoice.total_minor))
        .where(Invoice.vendor_id == vendor_id, Invoice.state.not_in(_NOT_SOLD))
        .where(Invoice.issued_on > today - timedelta(days=DSO_DAYS), Invoice.issued_on <= today)
        .group_by(Invoice.currency)
    )
    return {currency: int(minor) for currency, minor in rows}


@dataclass(frozen=True, slots=True)
class Methods:
    """How many payments of a period came electronically, by hand, and in a way the books do not tell."""

    electronic: int
    by_hand: int
    unknown: int

    @property
    def share(self) -> float | None:
        known = self.electronic + self.by_hand
        return self.electronic / known if known else None


def is_electronic(method: str) -> bool | None:
    """None where the books do not say."""
    words = method.strip().casefold()
    return not any(each in words for each in _BY_HAND) if words else None


def methods(session: Session, vendor_id: UUID, about: Period) -> Methods:
    rows = session.execute(
        select(Payment.method, func.count(Payment.id))
        .where(Payment.vendor_id == vendor_id, Payment.amount_minor > 0)
        .where(Payment.paid_on.between(about.first, about.last))
        .group_by(Payment.method)
    )
    found = Counter[bool | None]()
    for method, count in rows:
        found[is_electronic(method)] += count
    return Methods(found[True], found[False], found[None])
