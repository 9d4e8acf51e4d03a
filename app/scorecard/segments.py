"""The same measures by segment, where a vendor has put its customers into some (claims 003-22, 004-12)."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import BillTo, Hold, HoldKind, HoldResult, Invoice, Policy, Rating, Vendor
from app.money import Money, Totals
from app.receivables.queries import IS_OPEN
from app.scope import widened
from app.scorecard.endings import Rate
from app.scorecard.paid import Lateness, Paid, lateness
from app.scorecard.periods import Period
from app.settings import Limits

Key = UUID | None  # a policy's id; None: in no segment of their own


@dataclass(frozen=True, slots=True)
class Segment:
    """``name`` is empty for the customers that are in none. ``content``: the average score; None below so many
    answers as would tell who gave them."""

    name: str
    overdue: Totals
    late: Lateness
    promises_kept: Rate
    content: float | None


def segments(
    session: Session, vendor: Vendor, paid: Sequence[Paid], about: Period, today: date, limits: Limits
) -> list[Segment]:
    """In the vendor's own order, those without a segment last; none where there are no segments."""
    query = select(Policy.id, Policy.name).where(Policy.vendor_id == vendor.id, Policy.is_default.is_(False))
    names: dict[Key, str] = {row.id: row.name for row in session.execute(query.order_by(Policy.rank, Policy.id))}
    if not names:
        return []
    overdue, late = _overdue(session, vendor.id, today), _late(paid)
    words, scores = _promises(session, vendor.id, about), _scores(session, vendor.id, about)
    return [
        Segment(
            name,
            overdue[key],
            lateness(late[key]),
            Rate(words[key][HoldResult.KEPT], words[key].total()),
            fmean(scores[key]) if len(scores[key]) >= limits.rating_answers else None,
        )
        for key, name in [*names.items(), (None, "")]
    ]


def _overdue(session: Session, vendor_id: UUID, today: date) -> dict[Key, Totals]:
    rows = session.execute(
        select(BillTo.policy_id, Invoice.currency, func.sum(Invoice.balance_minor))
        .join(BillTo, BillTo.id == Invoice.bill_to_id)
        .where(Invoice.vendor_id == vendor_id, IS_OPEN, Invoice.due_on < today)
        .group_by(BillTo.policy_id, Invoice.currency)
    )
    found = defaultdict[Key, Totals](Totals)
    for key, currency, minor in rows:
        found[key].add(Money(int(minor), currency))
    return found


def _late(paid: Iterable[Paid]) -> dict[Key, list[Paid]]:
    found = defaultdict[Key, list[Paid]](list)
    for one in paid:
        found[one.policy_id].append(one)
    return found


def _promises(session: Session, vendor_id: UUID, about: Period) -> dict[Key, Counter[HoldResult]]:
    rows = session.execute(
        select(BillTo.policy_id, Hold.result, func.count(Hold.id))
        .join(Invoice, Invoice.id == Hold.invoice_id)
        .join(BillTo, BillTo.id == Invoice.bill_to_id)
        .where(Hold.vendor_id == vendor_id, Hold.kind == HoldKind.PROMISE)
        .where(Hold.result.in_((HoldResult.KEPT, HoldResult.BROKEN)))
        .where(Hold.ended_at >= about.since, Hold.ended_at < about.until)
        .group_by(BillTo.policy_id, Hold.result)
    )
    found = defaultdict[Key, Counter[HoldResult]](Counter)
    for key, result, count in rows:
        if result is not None:
            found[key][HoldResult(result)] += count
    return found


def _scores(session: Session, vendor_id: UUID, about: Period) -> dict[Key, list[int]]:
    query = (
        select(BillTo.policy_id, Rating.score)
        .join(Invoice, Invoice.id == Rating.invoice_id)
        .join(BillTo, BillTo.id == Invoice.bill_to_id)
        .where(Rating.vendor_id == vendor_id, Rating.score.is_not(None))
        .where(Rating.asked_at >= about.since, Rating.asked_at < about.until)
    )
    found = defaultdict[Key, list[int]](list)
    with widened(session, "averages over customers' answers, never the answers' owners"):
        for key, score in session.execute(query):
            if score is not None:
                found[key].append(score)
    return found
