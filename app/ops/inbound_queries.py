"""Reads about mail that came in: what nobody could file, and what became of the rest. Never its words or addresses."""

from datetime import datetime, timedelta

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.orm import Session

from app.models import AuditEntry, InboundMail, InboundOutcome
from app.ops.queries import PAGE
from app.ops.rules import Place

_STUCK = text("outcome = 'quarantined'")  # in the words of the partial index


def quarantined(session: Session, before: Place | None) -> list[InboundMail]:
    """The newest first; one more than a page where there are older ones."""
    query = select(InboundMail).where(_STUCK)
    if before is not None:
        query = query.where(tuple_(InboundMail.received_at, InboundMail.id) < before)
    newest = query.order_by(InboundMail.received_at.desc(), InboundMail.id.desc())
    return list(session.execute(newest.limit(PAGE + 1)).scalars())


def outcomes_since(session: Session, since: datetime) -> dict[InboundOutcome, int]:
    query = select(InboundMail.outcome, func.count()).where(InboundMail.received_at >= since)
    return {InboundOutcome(row[0]): row[1] for row in session.execute(query.group_by(InboundMail.outcome))}


def refused_lately(session: Session, now: datetime) -> AuditEntry | None:
    """The last time in a day that mail was sent back because nothing proved whom it came from."""
    query = select(AuditEntry).where(AuditEntry.at > now - timedelta(days=1), AuditEntry.action == "inbound.refused")
    return session.execute(query.order_by(AuditEntry.at.desc()).limit(1)).scalar_one_or_none()
