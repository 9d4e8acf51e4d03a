"""What time decides about attempts nobody settled: lapsed leases, and mails whose fate stays unknown (S7 S13).

Digests would rather be missed than doubled, notices rather doubled than lost, sign-in mails go once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session, aliased

from app.db import database_now
from app.house import House
from app.models import (
    Attempt,
    AttemptResult,
    Cadence,
    DeliveryEvent,
    Mailbox,
    Outgoing,
    OutgoingKind,
)
from app.outbox.ledger import Verdict, settle
from app.scope import Everything
from app.settings import Limits

log = structlog.get_logger()

_WORKER = Everything("the sweep settles everybody's mail")
_CLAIMED = text("outgoing.state = 'claimed'")  # as the partial index says it
_HELD = text("outgoing.state IN ('held', 'failed') AND outgoing.state = 'held'")
_NOTICES = (OutgoingKind.QUESTION, OutgoingKind.ANSWER, OutgoingKind.NOTICE, OutgoingKind.CORRECTION)
_RARE = (Cadence.WEEKLY, Cadence.SEMIMONTHLY, Cadence.MONTHLY, Cadence.PAY_RUN)
_LONG_AGO = timedelta(days=3)  # what was held longer stays so, for a human to see
_LOOKED_AT = 1000
_NAMED = select(DeliveryEvent.id).where(DeliveryEvent.attempt_id == Attempt.id).exists()
_GIVEN_UP = "given up: "
_NOTICE_TRIES = 3
_BATCH = 500


def resolve_unknown(house: House) -> int:
    """One sweep; returns how many attempts it settled."""
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        lapsed = _verdicts(_lapsed(session, now), AttemptResult.UNKNOWN, "the sender vanished before it could say")
        settled = len(settle(session, lapsed, now))
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        again = _verdicts(
            _doubtful_notices(session, house, now),
            AttemptResult.REFUSED,
            f"{_GIVEN_UP}a notice would rather come twice than not at all",
        ) + _verdicts(
            _unnamed_digests(session, house, now),
            AttemptResult.REFUSED,
            f"{_GIVEN_UP}no event named it while those of all later mails came",
        )
        settled += len(settle(session, again, now))
    if settled:
        log.info("attempts swept", lapsed=len(lapsed), again=len(again))
    return settled


def _verdicts(attempts: Sequence[UUID], result: AttemptResult, detail: str) -> list[Verdict]:
    return [Verdict(attempt_id, result, detail) for attempt_id in attempts]


def _lapsed(session: Session, now: datetime) -> Sequence[UUID]:
    """Attempts still started though their sender's lease has run out: it crashed, or is frozen and will not call."""
    query = _attempts().where(_CLAIMED, Outgoing.lease_until < now, Attempt.result == AttemptResult.STARTED)
    return session.execute(query).scalars().all()


def _doubtful_notices(session: Session, house: House, now: datetime) -> Sequence[UUID]:
    """Unknown attempts of notices that have waited long enough for an event."""
    waited = now - timedelta(minutes=house.limits.notice_again_minutes)
    query = _attempts().where(
        _HELD,
        ~_NAMED,
        Outgoing.created_at > now - _LONG_AGO,
        Outgoing.kind.in_(_NOTICES),
        Attempt.result == AttemptResult.UNKNOWN,
        Attempt.started_at < waited,
        _given_up_before() < _NOTICE_TRIES,
    )
    return session.execute(query).scalars().all()


def _unnamed_digests(session: Session, house: House, now: datetime) -> Sequence[UUID]:
    """Unknown attempts of weekly or rarer digests that no event names, though events come and none is missing. Once a
    window, while the window lasts."""
    proven = _proven_by(session, house.limits, now)
    if proven is None:
        return []
    query = (
        _attempts()
        .join(Mailbox, Mailbox.id == Outgoing.mailbox_id)
        .where(
            _HELD,
            Outgoing.created_at > now - _LONG_AGO,
            Outgoing.kind == OutgoingKind.DIGEST,
            Attempt.result == AttemptResult.UNKNOWN,
            Attempt.started_at < proven,
            ~_NAMED,
            _given_up_before() == 0,
            Mailbox.cadence.in_(_RARE),
            or_(Mailbox.next_digest_at.is_(None), Mailbox.next_digest_at > now),
        )
    )
    return session.execute(query).scalars().all()


def _proven_by(session: Session, limits: Limits, now: datetime) -> datetime | None:
    """Mails handed over before this instant would have been named by now: enough accepted later have been, and none of
    the newest thousand is without its event though there was time for one. Where one event got lost, so may the one
    that would have spoken of a doubtful mail; where one was slow, that one may be, and is given twice as long (S7)."""
    waited = now - timedelta(minutes=limits.release_minutes)
    newest = select(Attempt.id, Attempt.started_at, Attempt.channel).where(Attempt.result == AttemptResult.ACCEPTED)
    lately = newest.order_by(Attempt.id.desc()).limit(_LOOKED_AT).subquery()
    named = select(func.min(DeliveryEvent.received_at)).where(DeliveryEvent.attempt_id == lately.c.id).scalar_subquery()
    query = select(lately.c.started_at, lately.c.channel, named).order_by(lately.c.started_at.desc())
    rows = session.execute(query).all()
    telling = {channel for _, channel, named_at in rows if named_at}  # a channel without events proves nothing
    if any(not named_at and channel in telling and at < waited for at, channel, named_at in rows):
        return None
    later: list[tuple[datetime, timedelta]] = [(at, named_at - at) for at, _, named_at in rows if named_at]
    if len(later) < limits.release_proof:
        return None
    slowest = max(lag for _, lag in later)
    return min(waited, now - 2 * slowest, later[limits.release_proof - 1][0])


def _attempts() -> Any:
    return (
        select(Attempt.id)
        .join(Outgoing, Outgoing.id == Attempt.outgoing_id)
        .order_by(Outgoing.id)
        .limit(_BATCH)
        .with_for_update(of=Outgoing, skip_locked=True, key_share=True)
    )


def _given_up_before() -> Any:
    earlier = aliased(Attempt)
    count = select(func.count()).where(earlier.outgoing_id == Outgoing.id, earlier.detail.startswith(_GIVEN_UP))
    return count.correlate(Outgoing).scalar_subquery()
