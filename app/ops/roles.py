"""How those who pay and those who approve fare: from the first mail that named an invoice to what somebody did about
it, and how much of that was a complaint (claim 004-23). Read from what is on record; no vendor sees it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, select
from sqlalchemy.orm import Session

from app.models import AuditEntry, CustomerMember, CustomerRole, Digest, DigestLine
from app.scorecard.rules import Times, times

LOOKED_BACK = timedelta(days=30)
_MOST = 5_000  # matters, the newest
_COMPLAINTS = ("claim.dispute", "invoice.disowned")
_ACTS = (
    *("payment.started", "claim.promise", "claim.already_paid", "claim.request", "invoice.handed_over"),
    *_COMPLAINTS,
)


@dataclass(frozen=True, slots=True)
class Fare:
    """Of one role; None: whoever acted through a mail's link without signing in. A matter is one invoice and one person
    who did something about it. ``until_act`` is None where no mail had named any of them."""

    role: CustomerRole | None
    people: int
    matters: int
    complaints: int
    until_act: Times | None


def fares(session: Session, now: datetime) -> list[Fare]:
    """Of the last ``LOOKED_BACK``, in one statement; who has left the team since is not counted."""
    found = defaultdict[CustomerRole | None, list[Row[Any]]](list)
    for row in session.execute(_matters(now)):
        if row.role is not None or row.person_id is None:
            found[row.role].append(row)
    return [_fare(role, found[role]) for role in (*CustomerRole, None) if found[role]]


def _matters(now: datetime) -> Any:
    done = (
        select(
            AuditEntry.person_id,
            AuditEntry.customer_id,
            AuditEntry.subject_id,
            func.min(AuditEntry.at).label("at"),
            func.count().filter(AuditEntry.action.in_(_COMPLAINTS)).label("complaints"),
        )
        .where(AuditEntry.action.in_(_ACTS), AuditEntry.at >= now - LOOKED_BACK, AuditEntry.customer_id.is_not(None))
        .group_by(AuditEntry.person_id, AuditEntry.customer_id, AuditEntry.subject_id)
        .order_by(func.min(AuditEntry.at).desc())
        .limit(_MOST)
        .subquery()
    )
    told = (
        select(func.min(Digest.accepted_at))
        .join(DigestLine, DigestLine.digest_id == Digest.id)
        .where(DigestLine.invoice_id == done.c.subject_id, DigestLine.customer_id == done.c.customer_id)
        .where(Digest.accepted_at <= done.c.at)
    )
    belongs = and_(CustomerMember.person_id == done.c.person_id, CustomerMember.customer_id == done.c.customer_id)
    return select(
        CustomerMember.role, done.c.person_id, done.c.at, done.c.complaints, told.scalar_subquery().label("told_at")
    ).select_from(done.outerjoin(CustomerMember, belongs))


def _fare(role: CustomerRole | None, rows: Sequence[Row[Any]]) -> Fare:
    return Fare(
        role,
        people=len({row.person_id for row in rows if row.person_id}),
        matters=len(rows),
        complaints=sum(row.complaints > 0 for row in rows),
        until_act=times([row.at - row.told_at for row in rows if row.told_at]),
    )
