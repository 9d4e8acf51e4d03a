"""Whom may be asked how content they are, and when: after a settlement, at most once a quarter, rarely who is rarely
invoiced (FEATURES C16). The rule is pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Invoice, InvoiceState, Mailbox, Rating, Settlement
from app.settings import Limits

TOGETHER = 500  # mailboxes that are in memory at once
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


def causes(session: Session, vendor_id: UUID, now: datetime, limits: Limits) -> Iterator[Cause]:
    """One a mailbox that saw an invoice settled lately; one statement, of whose rows some are in memory at a time."""
    last = (
        select(Rating.mailbox_id, func.max(Rating.asked_at).label("asked_at"))
        .where(Rating.vendor_id == vendor_id, Rating.asked_at.is_not(None))
        .group_by(Rating.mailbox_id)
        .subquery()
    )
    newest = func.row_number().over(partition_by=Mailbox.id, order_by=(Settlement.seen_at.desc(), Settlement.id.desc()))
    settled = (
        select(
            Mailbox.id, Mailbox.customer_id, Invoice.id.label("invoice_id"), Settlement.seen_at,
            func.count().over(partition_by=Mailbox.id).label("in_a_year"), newest.label("place"),
        )
        .select_from(Settlement)
        .join(Invoice, Invoice.id == Settlement.invoice_id)
        .join(Mailbox, Mailbox.id == Invoice.mailbox_id)
        .where(Settlement.vendor_id == vendor_id, Settlement.state == InvoiceState.PAID)
        .where(Settlement.seen_at > now - _YEAR, Invoice.state == InvoiceState.PAID)
        .subquery()
    )  # fmt: skip
    rows = session.execute(
        select(
            settled.c.id, settled.c.customer_id, settled.c.invoice_id, settled.c.seen_at, settled.c.in_a_year,
            last.c.asked_at,
        )
        .outerjoin(last, last.c.mailbox_id == settled.c.id)
        .where(settled.c.place == 1, settled.c.seen_at >= now - timedelta(days=limits.rating_days)),
        execution_options={"yield_per": TOGETHER},
    )  # fmt: skip
    for row in rows:
        yield Cause(*row)
