"""Whom may be asked how content they are, and when: after a settlement, at most once a quarter, rarely who is rarely
invoiced (FEATURES C16). The rule is pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Invoice, InvoiceState, Mailbox, Rating, Settlement
from app.settings import Limits

_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Cause:
    """The newest settlement of one mailbox with one vendor; ``settled_in_a_year`` counts it and those before it."""

    mailbox_id: UUID
    customer_id: UUID
    invoice_id: UUID
    settled_at: datetime
    settled_in_a_year: int
    last_asked_at: datetime | None


def gap(settled_in_a_year: int, limits: Limits) -> timedelta:
    """The least time between two questions: a quarter for who is invoiced often, half a year for twice a year, a year
    for once. A quarter's length is the longest there is, so that no calendar quarter ever holds two."""
    if settled_in_a_year >= limits.rating_often:
        return timedelta(days=limits.rating_gap_days)
    return timedelta(days=limits.rating_gap_days * (2 if settled_in_a_year > 1 else 4))


def may_ask(cause: Cause, now: datetime, limits: Limits) -> bool:
    """Whether the next digest may ask this mailbox about this vendor."""
    if now - cause.settled_at > timedelta(days=limits.rating_days):
        return False
    last = cause.last_asked_at
    return last is None or now - last >= gap(cause.settled_in_a_year, limits)


def causes(session: Session, vendor_id: UUID, now: datetime) -> list[Cause]:
    """One a mailbox that saw an invoice settled lately; two statements."""
    rows = session.execute(
        select(Mailbox.id, Mailbox.customer_id, Invoice.id, Settlement.seen_at)
        .join(Invoice, Invoice.id == Settlement.invoice_id)
        .join(Mailbox, Mailbox.id == Invoice.mailbox_id)
        .where(Settlement.vendor_id == vendor_id, Settlement.state == InvoiceState.PAID)
        .where(Settlement.seen_at > now - _YEAR, Invoice.state == InvoiceState.PAID)
        .order_by(Settlement.seen_at)
    ).all()
    counts: dict[UUID, int] = {}
    newest = {}
    for mailbox_id, customer_id, invoice_id, seen_at in rows:
        counts[mailbox_id] = counts.get(mailbox_id, 0) + 1
        newest[mailbox_id] = (mailbox_id, customer_id, invoice_id, seen_at)
    last = dict(
        session.execute(
            select(Rating.mailbox_id, func.max(Rating.asked_at))
            .where(Rating.vendor_id == vendor_id, Rating.asked_at.is_not(None))
            .group_by(Rating.mailbox_id)
        ).all()
    )
    return [Cause(*each, counts[key], last.get(key)) for key, each in newest.items()]
