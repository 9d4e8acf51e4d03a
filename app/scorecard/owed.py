"""What is owed and how it comes in: open, overdue, aging, DSO, days late, electronic share.

Sums of rows, made when asked for: they equal their rows at any moment, and none crosses a currency (INVARIANTS M2).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import fmean
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from app.aging import BUCKETS, bucket_starts, days_past_due
from app.models import Invoice, InvoiceState, Payment, Settlement, Vendor
from app.receivables.queries import IS_OPEN
from app.scorecard.periods import Period

DSO_DAYS = 90
_ENTERED_BEFORE = timedelta(days=31)  # at most, books hold a payment before the day they give it
JOINING = timedelta(days=365)  # of payments before a vendor joined are looked at
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
    starts = bucket_starts(today)
    late: Any = case(
        *((Invoice.due_on < start, number) for number, start in reversed(list(enumerate(starts, 1)))), else_=0
    )
    rows = session.execute(
        select(Invoice.currency, late, func.count(Invoice.id), func.sum(Invoice.balance_minor))
        .where(Invoice.vendor_id == vendor_id, IS_OPEN)
        .group_by(Invoice.currency, late)
    )
    sums, counts = defaultdict[str, Counter[int]](Counter), defaultdict[str, Counter[int]](Counter)
    for currency, number, count, minor in rows:
        sums[currency][number] += int(minor)
        counts[currency][number] += count
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
class Paid:
    """One invoice that was paid in full, and on which day."""

    invoice_id: UUID
    bill_to_id: UUID | None
    issued_on: date | None
    due_on: date | None
    paid_on: date

    @property
    def days_late(self) -> int:
        return days_past_due(self.due_on, self.paid_on)


def paid_since(session: Session, vendor: Vendor, since: date) -> list[Paid]:
    """What was paid from that day on, in three statements that read nothing older. The day is that of the last payment;
    where the books tell of none, that on which they say it was settled. Of what was paid before we came, and of which
    no payment is known, we know no day."""
    paid_on = _last_payments(session, vendor.id, since)
    zone, settled_on = ZoneInfo(vendor.zone), dict[UUID, date]()
    heard_from = datetime.combine(since, time(0), zone) - _ENTERED_BEFORE
    settled = select(Settlement.invoice_id, func.coalesce(Settlement.settled_at, Settlement.seen_at)).where(
        Settlement.vendor_id == vendor.id, Settlement.state == InvoiceState.PAID, Settlement.seen_at >= heard_from
    )
    for invoice_id, at in session.execute(settled.order_by(Settlement.seen_at)):
        settled_on[invoice_id] = at.astimezone(zone).date()
    rows = session.execute(
        select(
            Invoice.id, Invoice.connection_id, Invoice.external_id, Invoice.bill_to_id, Invoice.issued_on,
            Invoice.due_on,
        )
        .where(Invoice.vendor_id == vendor.id, Invoice.state == InvoiceState.PAID)
        .where(or_(Invoice.updated_at >= heard_from, Invoice.updated_at.is_(None)))
    )  # fmt: skip
    found = []
    for invoice_id, connection_id, external_id, bill_to_id, issued_on, due_on in rows:
        day = paid_on.get((connection_id, external_id)) or settled_on.get(invoice_id)
        if day is not None and day >= since:
            found.append(Paid(invoice_id, bill_to_id, issued_on, due_on, day))
    return found


def _last_payments(session: Session, vendor_id: UUID, since: date) -> dict[tuple[UUID, str], date]:
    query = select(Payment.connection_id, Payment.applied, Payment.paid_on).where(
        Payment.vendor_id == vendor_id, Payment.paid_on >= since, Payment.amount_minor > 0
    )
    found: dict[tuple[UUID, str], date] = {}
    for connection_id, applied, day in session.execute(query):
        for external_id, _minor in applied:
            key = (connection_id, external_id)
            found[key] = max(day, found.get(key, day))
    return found


@dataclass(frozen=True, slots=True)
class Lateness:
    """Average days late of so many invoices; paid in time counts as none."""

    count: int
    average: float | None


def lateness(paid: Iterable[Paid]) -> Lateness:
    days = [one.days_late for one in paid if one.due_on]
    return Lateness(len(days), fmean(days) if days else None)


@dataclass(frozen=True, slots=True)
class Joining:
    """Days late of what was paid in the year before the vendor joined, and since."""

    on: date
    before: Lateness
    after: Lateness


def joining(paid: Sequence[Paid], joined_on: date) -> Joining:
    before = [one for one in paid if joined_on - JOINING <= one.paid_on < joined_on]
    return Joining(joined_on, lateness(before), lateness(one for one in paid if one.paid_on >= joined_on))


def by_month(paid: Iterable[Paid], last: date, months: int = 12) -> list[tuple[date, Lateness]]:
    """The trend: the last ``months`` months, oldest first, each by its first day."""
    groups: dict[date, list[Paid]] = {}
    first = last.replace(day=1)
    for _ in range(months):
        groups[first] = []
        first = (first - timedelta(days=1)).replace(day=1)
    for one in paid:
        if (month := one.paid_on.replace(day=1)) in groups:
            groups[month].append(one)
    return [(month, lateness(groups[month])) for month in sorted(groups)]


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
