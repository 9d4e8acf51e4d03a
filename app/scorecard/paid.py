"""What was paid, on which day, and how many days late: counted where it lies. What leaves the database is as long as
the calendar, whatever the number of invoices; only of some accounts, or one account after another, is it their rows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from statistics import fmean
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Subquery, case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from app.among import among
from app.models import (
    BillTo,
    Hold,
    HoldKind,
    HoldResult,
    Invoice,
    InvoiceState,
    LateRisk,
    Payment,
    Settlement,
    Vendor,
)
from app.receivables.queries import IS_OPEN
from app.scorecard.days import day_of, days_between, each_of, first_of
from app.scorecard.risk import AT_LEAST, History, Outcome

LOOKED_BACK = timedelta(days=730)  # for how an account pays
JOINING = timedelta(days=365)  # of payments before a vendor joined are looked at
TOGETHER = 1000  # rows that are in memory at once
_ENTERED_BEFORE = timedelta(days=31)  # at most, books hold a payment before the day they give it
_LATEST = timedelta(days=3000)  # after the first day that is asked for, today is over


@dataclass(frozen=True, slots=True)
class Paid:
    """So many invoices with a due day that were paid in full on one day, all of them ``days`` after they were due
    (below zero: early), of customers in one segment. ``is_known``: of an account of the books."""

    on: date
    days: int
    policy_id: UUID | None
    is_known: bool
    count: int


def paid_since(session: Session, vendor: Vendor, since: date) -> list[Paid]:
    """What was paid from that day on, in one statement that reads nothing older. The day is that of the last payment;
    where the books tell of none, that on which they say it was settled. Of what was paid before we came, and of which
    no payment is known, we know no day."""
    paid = _paid(vendor, since)
    days = days_between(paid.c.due_on, paid.c.paid_on)
    groups = (paid.c.paid_on, days, BillTo.policy_id, paid.c.bill_to_id.is_not(None))
    rows = session.execute(
        select(*groups, func.count())
        .select_from(paid)
        .outerjoin(BillTo, BillTo.id == paid.c.bill_to_id)
        .where(paid.c.due_on.is_not(None))
        .group_by(*groups)
    )
    return [Paid(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Lateness:
    """Average days late of so many invoices; paid in time counts as none."""

    count: int
    average: float | None


def lateness(paid: Iterable[Paid]) -> Lateness:
    count = late = 0
    for one in paid:
        count += one.count
        late += one.count * max(0, one.days)
    return Lateness(count, late / count if count else None)


@dataclass(frozen=True, slots=True)
class Joining:
    """Days late of what was paid in the year before the vendor joined, and since."""

    on: date
    before: Lateness
    after: Lateness


def joining(paid: Sequence[Paid], joined_on: date) -> Joining:
    before = (one for one in paid if joined_on - JOINING <= one.on < joined_on)
    return Joining(joined_on, lateness(before), lateness(one for one in paid if one.on >= joined_on))


def by_month(paid: Iterable[Paid], last: date, months: int = 12) -> list[tuple[date, Lateness]]:
    """The trend: the last ``months`` months, oldest first, each by its first day."""
    groups: dict[date, list[Paid]] = {}
    first = last.replace(day=1)
    for _ in range(months):
        groups[first] = []
        first = (first - timedelta(days=1)).replace(day=1)
    for one in paid:
        if (month := one.on.replace(day=1)) in groups:
            groups[month].append(one)
    return [(month, lateness(groups[month])) for month in sorted(groups)]


# --- account by account ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """What one account did, and the grade that is kept of it."""

    bill_to_id: UUID
    grade: LateRisk
    history: History

    @property
    def late(self) -> Lateness:
        paid = self.history.paid
        return Lateness(len(paid), fmean(max(0, days) for days in paid) if paid else None)


def open_by_days(session: Session, vendor: Vendor, today: date) -> Counter[Outcome]:
    """How many invoices of accounts are still open, by the days since they were due."""
    rows = session.execute(
        select(Invoice.due_on, func.count())
        .where(Invoice.vendor_id == vendor.id, IS_OPEN, Invoice.bill_to_id.is_not(None), Invoice.due_on.is_not(None))
        .group_by(Invoice.due_on)
    )
    return Counter({Outcome((today - due_on).days, is_paid=False): count for due_on, count in rows if due_on})


def histories(
    session: Session, vendor: Vendor, since: date, today: date, bill_to_ids: Sequence[UUID] | None = None
) -> Iterator[Known]:
    """Of these accounts; of all, those that can be graded, and those of which a grade is kept. One statement, of whose
    rows some are in memory at a time."""
    outcomes, words = _outcomes(vendor, since, today, bill_to_ids), _words_kept(vendor.id, today)
    query = (
        select(BillTo.id, BillTo.late_risk, words.c.broken, words.c.promised, outcomes.c.days, outcomes.c.is_paid)
        .outerjoin(outcomes, outcomes.c.bill_to_id == BillTo.id)
        .outerjoin(words, words.c.bill_to_id == BillTo.id)
        .where(BillTo.vendor_id == vendor.id)
        .order_by(BillTo.id, outcomes.c.due_on, outcomes.c.is_paid.desc(), outcomes.c.id)
    )
    if bill_to_ids is None:
        query = query.where(or_(outcomes.c.paid >= AT_LEAST, BillTo.late_risk != LateRisk.UNKNOWN))
    else:
        query = query.where(among(BillTo.id, bill_to_ids))
    rows = session.execute(query, execution_options={"yield_per": TOGETHER})
    for (bill_to_id, grade, broken, promised), group in groupby(rows, key=lambda row: tuple(row[:4])):
        each = tuple(Outcome(days, bool(is_paid)) for *_, days, is_paid in group if days is not None)
        yield Known(bill_to_id, LateRisk(grade), History(each, int(broken or 0), int(promised or 0)))


def _outcomes(vendor: Vendor, since: date, today: date, bill_to_ids: Sequence[UUID] | None) -> Subquery:
    """One row an invoice, paid or open, with how many its account has paid."""
    paid = _paid(vendor, since, bill_to_ids)
    still_open = select(
        Invoice.id, Invoice.bill_to_id, Invoice.due_on, days_between(Invoice.due_on, literal(today)), literal(0)
    ).where(Invoice.vendor_id == vendor.id, IS_OPEN)
    if bill_to_ids is not None:
        still_open = still_open.where(among(Invoice.bill_to_id, bill_to_ids))
    days = days_between(paid.c.due_on, paid.c.paid_on).label("days")
    closed = select(paid.c.id, paid.c.bill_to_id, paid.c.due_on, days, literal(1).label("is_paid"))
    every = union_all(closed, still_open).subquery()
    count = func.sum(every.c.is_paid).over(partition_by=every.c.bill_to_id)
    known = every.c.bill_to_id.is_not(None), every.c.due_on.is_not(None)
    return select(every, count.label("paid")).where(*known).subquery()


def _words_kept(vendor_id: UUID, today: date) -> Subquery:
    """By account: promises that came to their day in as long a time, and those broken."""
    broken = case((Hold.result == HoldResult.BROKEN, 1), else_=0)
    return (
        select(Invoice.bill_to_id, func.sum(broken).label("broken"), func.count(Hold.id).label("promised"))
        .join(Invoice, Invoice.id == Hold.invoice_id)
        .where(Hold.vendor_id == vendor_id, Hold.kind == HoldKind.PROMISE)
        .where(Hold.result.in_((HoldResult.KEPT, HoldResult.BROKEN)), Hold.promised_on >= today - LOOKED_BACK)
        .group_by(Invoice.bill_to_id)
        .subquery()
    )


# --- the day of a payment -------------------------------------------------------------------------------------------


def _paid(vendor: Vendor, since: date, bill_to_ids: Sequence[UUID] | None = None) -> Subquery:
    """Invoices of all accounts, or of these: id, bill_to_id, due_on, paid_on."""
    lasts, settled = _last_payments(vendor.id, since), _settled(vendor, since)
    paid_on = func.coalesce(lasts.c.paid_on, settled.c.day)
    query = (
        select(Invoice.id, Invoice.bill_to_id, Invoice.due_on, paid_on.label("paid_on"))
        .outerjoin(
            lasts, (lasts.c.connection_id == Invoice.connection_id) & (lasts.c.external_id == Invoice.external_id)
        )
        .outerjoin(settled, (settled.c.invoice_id == Invoice.id) & (settled.c.place == 1))
        .where(Invoice.vendor_id == vendor.id, Invoice.state == InvoiceState.PAID, paid_on >= since)
        .where(or_(Invoice.updated_at >= _heard_from(vendor, since), Invoice.updated_at.is_(None)))
    )
    if bill_to_ids is not None:
        query = query.where(among(Invoice.bill_to_id, bill_to_ids))
    return query.subquery()


def _last_payments(vendor_id: UUID, since: date) -> Subquery:
    part = each_of(Payment.applied)
    external_id = first_of(part.c.value)
    return (
        select(Payment.connection_id, external_id.label("external_id"), func.max(Payment.paid_on).label("paid_on"))
        .join(part, literal(True))
        .where(Payment.vendor_id == vendor_id, Payment.paid_on >= since, Payment.amount_minor > 0)
        .group_by(Payment.connection_id, external_id)
        .subquery()
    )


def _settled(vendor: Vendor, since: date) -> Subquery:
    """Each settlement we saw and its day; the newest of an invoice has place 1."""
    at = func.coalesce(Settlement.settled_at, Settlement.seen_at, type_=Settlement.seen_at.type)
    newest = func.row_number().over(
        partition_by=Settlement.invoice_id, order_by=(Settlement.seen_at.desc(), Settlement.id.desc())
    )
    heard_from = _heard_from(vendor, since)
    day = day_of(at, vendor.zone, heard_from.date(), since + _LATEST)
    return (
        select(Settlement.invoice_id, day.label("day"), newest.label("place"))
        .where(Settlement.vendor_id == vendor.id, Settlement.state == InvoiceState.PAID)
        .where(Settlement.seen_at >= heard_from)
        .subquery()
    )


def _heard_from(vendor: Vendor, since: date) -> datetime:
    return datetime.combine(since, time(0), ZoneInfo(vendor.zone)) - _ENTERED_BEFORE
