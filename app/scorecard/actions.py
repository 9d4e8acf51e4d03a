"""What is kept ready for pages and digests that must not count it themselves, and the question after a settlement.

Each vendor has a time at which it is looked at again: how quickly it usually answers, which of its accounts will likely
be late, whose second bad experience somebody should hear of, and which mailboxes may be asked how content they are.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.among import among
from app.db import database_now
from app.house import House
from app.later import later
from app.models import BillTo, LateRisk, Rating, TaskKind, Vendor
from app.scope import Everything
from app.scorecard.accounts import everybody
from app.scorecard.asking import TOGETHER, Cause, causes, may_ask
from app.scorecard.experiences import Customer, bad_experiences
from app.scorecard.paid import LOOKED_BACK, histories, paid_since
from app.scorecard.queries import usual
from app.scorecard.risk import risk
from app.settings import Limits
from app.tasks.actions import Matter, raise_tasks
from app.words import marked

log = structlog.get_logger()

_WORKER = Everything("each vendor in turn is looked at")
_BATCH = 20
_TOGETHER = 500  # accounts that are written at once


def score_vendors(house: House) -> int:
    """Look at the vendors whose time has come; returns how many. Whoever moves a vendor's time on looks at it: its
    whole history is read, so no lock is held meanwhile, and what it comes to is written some rows at a time."""
    for count in range(_BATCH):
        if not _score_next(house):
            return count
    return _BATCH


def _score_next(house: House) -> bool:
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        due = (
            select(Vendor)
            .where(Vendor.next_scored_at <= now)
            .order_by(Vendor.next_scored_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        vendor = session.execute(due).scalar_one_or_none()
        if vendor is None:
            return False
        vendor.next_scored_at = now + timedelta(hours=house.limits.score_hours)
    _keep_usual_answer(house, vendor, now)
    _grade_accounts(house, vendor, now)
    _tell_of_bad_experiences(house, vendor, now)
    _offer_ratings(house, vendor, now)
    return True


def _keep_usual_answer(house: House, vendor: Vendor, now: datetime) -> None:
    """The median by the clock, which is what a customer waits; None while too few have asked (FEATURES C10)."""
    with house.database.transaction(_WORKER) as session:
        found = usual(session, vendor, now)
        is_known = found.clock is not None and found.threads >= house.limits.badge_threads
        minutes = round(found.clock.median.total_seconds() / 60) if found.clock and is_known else None
        session.execute(update(Vendor).where(Vendor.id == vendor.id).values(usual_answer_minutes=minutes))


def _grade_accounts(house: House, vendor: Vendor, now: datetime) -> None:
    """Write down only what changed."""
    today = now.astimezone(ZoneInfo(vendor.zone)).date()
    since = today - LOOKED_BACK
    moves: dict[LateRisk, list[UUID]] = {grade: [] for grade in LateRisk}
    with house.database.reading(_WORKER) as session:
        all_ = everybody(session, vendor, paid_since(session, vendor, since), today)
        for one in histories(session, vendor, since, today):
            known = risk(one.history, all_)
            found = known.grade if known else LateRisk.UNKNOWN
            if found != one.grade:
                moves[found].append(one.bill_to_id)
            if len(moves[found]) >= _TOGETHER:
                _move(house, found, moves.pop(found))
                moves[found] = []
    for grade, ids in moves.items():
        _move(house, grade, ids)


def _move(house: House, grade: LateRisk, ids: list[UUID]) -> None:
    if ids:
        with house.database.transaction(_WORKER) as session:
            session.execute(
                update(BillTo)
                .where(among(BillTo.id, ids))
                .values(late_risk=grade)
                .execution_options(synchronize_session=False)
            )


def _tell_of_bad_experiences(house: House, vendor: Vendor, now: datetime) -> None:
    """One task a customer and number: done and left alone until the next bad experience (claim 002-4)."""
    with house.database.reading(_WORKER) as session:
        for some in bad_experiences(session, vendor, now, house.limits, at_least=2):
            with house.database.transaction(_WORKER) as writing:
                raise_tasks(writing, [_unhappy(vendor.id, one) for one in some], now, is_final=True)


def _unhappy(vendor_id: UUID, one: Customer) -> Matter:
    return Matter(
        vendor_id,
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


# --- the question after a settlement --------------------------------------------------------------------------------


def _offer_ratings(house: House, vendor: Vendor, now: datetime) -> None:
    with house.database.reading(_WORKER) as session:
        found = (one for one in causes(session, vendor.id, now, house.limits) if may_ask(one, now, house.limits))
        while some := list(islice(found, TOGETHER)):
            with house.database.transaction(_WORKER) as writing:
                offer_ratings(writing, vendor.id, some, now, house.limits)


def offer_ratings(session: Session, vendor_id: UUID, asked: Collection[Cause], now: datetime, limits: Limits) -> None:
    """Let the next digests ask who may be asked. A settlement gives cause, never a mail sent."""
    query = select(Rating).where(
        Rating.vendor_id == vendor_id,
        Rating.digest_id.is_(None),
        among(Rating.mailbox_id, [cause.mailbox_id for cause in asked]),
    )
    waiting = {rating.mailbox_id: rating for rating in session.execute(query).scalars()}
    for cause in asked:
        rating = waiting.get(cause.mailbox_id)
        if rating is None:
            rating = Rating(vendor_id=vendor_id, mailbox_id=cause.mailbox_id, created_at=now)
            session.add(rating)
        rating.customer_id, rating.invoice_id = cause.customer_id, cause.invoice_id
        rating.expires_at = cause.settled_at + timedelta(days=limits.rating_days)


def answer_rating(rating: Rating, score: int, now: datetime) -> None:
    """One press; pressed again, the newer one counts."""
    rating.score, rating.answered_at = score, now
    log.info("rating answered", rating=str(rating.id))


def comment_rating(rating: Rating, comment: str) -> None:
    """A few words beside the score; the vendor reads them without a name."""
    rating.comment = " ".join(comment.split())[:500]
