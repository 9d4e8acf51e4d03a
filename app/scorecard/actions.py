"""What is kept ready for pages and digests that must not count it themselves, and the question after a settlement.

Each vendor has a time at which it is looked at again: how quickly it usually answers, which of its accounts will likely
be late, whose second bad experience somebody should hear of, and which mailboxes may be asked how content they are.
"""

from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import database_now
from app.house import House
from app.later import later
from app.models import BillTo, LateRisk, Rating, TaskKind, Vendor
from app.scope import Everything
from app.scorecard.accounts import LOOKED_BACK, risks
from app.scorecard.asking import causes, may_ask
from app.scorecard.experiences import bad_experiences
from app.scorecard.owed import paid_since
from app.scorecard.queries import response_times
from app.settings import Limits
from app.tasks.actions import Matter, raise_tasks
from app.words import marked

log = structlog.get_logger()

_WORKER = Everything("each vendor in turn is looked at")
_BATCH = 20


def score_vendors(house: House) -> int:
    """Look at the vendors whose time has come; returns how many."""
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        due = (
            select(Vendor)
            .where(Vendor.next_scored_at <= now)
            .order_by(Vendor.next_scored_at)
            .limit(_BATCH)
            .with_for_update(skip_locked=True)
        )
        vendors = session.execute(due).scalars().all()
        for vendor in vendors:
            _score(session, vendor, now, house.limits)
            vendor.next_scored_at = now + timedelta(hours=house.limits.score_hours)
    return len(vendors)


def _score(session: Session, vendor: Vendor, now: datetime, limits: Limits) -> None:
    vendor.usual_answer_minutes = _usual_answer(session, vendor, now, limits)
    _grade_accounts(session, vendor, now)
    _tell_of_bad_experiences(session, vendor, now, limits)
    offer_ratings(session, vendor.id, now, limits)


def _usual_answer(session: Session, vendor: Vendor, now: datetime, limits: Limits) -> int | None:
    """The median by the clock, which is what a customer waits; None while too few have asked (FEATURES C10)."""
    team = response_times(session, vendor, now).team
    if team.clock is None or team.threads < limits.badge_threads:
        return None
    return round(team.clock.median.total_seconds() / 60)


def _grade_accounts(session: Session, vendor: Vendor, now: datetime) -> None:
    """Write down only what changed."""
    today = now.astimezone(ZoneInfo(vendor.zone)).date()
    known = risks(session, vendor, paid_since(session, vendor, today - LOOKED_BACK), today)
    kept = session.execute(select(BillTo.id, BillTo.late_risk).where(BillTo.vendor_id == vendor.id))
    moves: dict[LateRisk, list[UUID]] = {grade: [] for grade in LateRisk}
    for bill_to_id, grade in kept:
        found = known[bill_to_id].grade if bill_to_id in known else LateRisk.UNKNOWN
        if found != grade:
            moves[found].append(bill_to_id)
    for grade, ids in moves.items():
        for start in range(0, len(ids), 500):
            session.execute(
                update(BillTo)
                .where(BillTo.id.in_(ids[start : start + 500]))
                .values(late_risk=grade)
                .execution_options(synchronize_session=False)
            )


def _tell_of_bad_experiences(session: Session, vendor: Vendor, now: datetime, limits: Limits) -> None:
    """One task a customer and number: done and left alone until the next bad experience (claim 002-4)."""
    matters = [
        Matter(
            vendor.id,
            TaskKind.UNHAPPY,
            f"unhappy:{one.bill_to_id}:{one.count}",
            later(
                marked("%(customer)s had %(count)s bad experiences in the last half year."),
                customer=one.name or later(marked("A customer")),
                count=one.count,
            ),
            later(marked("Call before they write: the scorecard says what went wrong.")),
            one.bill_to_id,
        )
        for one in bad_experiences(session, vendor, now, limits)
        if one.count > 1
    ]
    raise_tasks(session, matters, now, is_final=True)


# --- the question after a settlement --------------------------------------------------------------------------------


def offer_ratings(session: Session, vendor_id: UUID, now: datetime, limits: Limits) -> int:
    """Let the next digests ask who may be asked; returns how many. A settlement gives cause, never a mail sent."""
    query = select(Rating).where(Rating.vendor_id == vendor_id, Rating.digest_id.is_(None))
    waiting = {rating.mailbox_id: rating for rating in session.execute(query).scalars()}
    offered = [one for one in causes(session, vendor_id, now) if may_ask(one, now, limits)]
    for cause in offered:
        rating = waiting.get(cause.mailbox_id)
        if rating is None:
            rating = Rating(vendor_id=vendor_id, mailbox_id=cause.mailbox_id, created_at=now)
            session.add(rating)
        rating.customer_id, rating.invoice_id = cause.customer_id, cause.invoice_id
        rating.expires_at = cause.settled_at + timedelta(days=limits.rating_days)
    session.flush()
    return len(offered)


def answer_rating(rating: Rating, score: int, now: datetime) -> None:
    """One press; pressed again, the newer one counts."""
    rating.score, rating.answered_at = score, now
    log.info("rating answered", rating=str(rating.id))


def comment_rating(rating: Rating, comment: str) -> None:
    """A few words beside the score; the vendor reads them without a name."""
    rating.comment = " ".join(comment.split())[:500]
