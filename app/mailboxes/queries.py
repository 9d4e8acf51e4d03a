"""Reads about a customer's mailboxes and the digests they got."""

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from app.models import (
    Cadence,
    Connection,
    Credit,
    Digest,
    DigestLine,
    Hold,
    Invoice,
    Mailbox,
    Message,
    Outgoing,
    OutgoingKind,
    Relation,
    ThreadInvoice,
    Vendor,
)
from app.outbox.queries import is_stopped
from app.receivables.queries import IS_OPEN
from app.receivables.rules import Case, Eligibility, Standing, judge
from app.scope import widened
from app.settings import Limits
from app.windows import Rhythm

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def mailboxes_of(session: Session) -> list[Mailbox]:
    """The scope's mailboxes."""
    return list(session.execute(select(Mailbox).order_by(Mailbox.address)).scalars())


def mailbox_of(session: Session, mailbox_id: UUID) -> Mailbox | None:
    return session.execute(select(Mailbox).where(Mailbox.id == mailbox_id)).scalar_one_or_none()


def digests_of(
    session: Session, limit: int = 25, before: tuple[datetime, UUID] | None = None
) -> list[tuple[Digest, str]]:
    """The newest windows with the address each was for, whatever became of them; ``before`` is the last row's key of
    the page before (``created_at``, ``id``)."""
    query = select(Digest, Mailbox.address).join(Mailbox, Mailbox.id == Digest.mailbox_id)
    if before is not None:
        query = query.where(tuple_(Digest.created_at, Digest.id) < before)
    rows = session.execute(query.order_by(Digest.created_at.desc(), Digest.id.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


def digest_of(session: Session, digest_id: UUID) -> tuple[Digest, str] | None:
    """A digest of the scope, and the address it was for."""
    query = select(Digest, Mailbox.address).join(Mailbox, Mailbox.id == Digest.mailbox_id)
    found = session.execute(query.where(Digest.id == digest_id)).one_or_none()
    return (found[0], found[1]) if found else None


def lines_of(session: Session, digest_id: UUID) -> list[DigestLine]:
    """The lines of a digest, frozen as they were sent."""
    query = select(DigestLine).where(DigestLine.digest_id == digest_id).order_by(DigestLine.line)
    return list(session.execute(query).scalars())


def mail_of(session: Session, digest: Digest) -> Outgoing | None:
    """The mail of a digest that was found in the scope: as it was written, its token not in it."""
    query = select(Outgoing).where(Outgoing.digest_id == digest.id, Outgoing.kind == OutgoingKind.DIGEST)
    with widened(session, "the outbox is in nobody's narrower scope; this digest is in the reader's"):
        return session.execute(query.order_by(Outgoing.created_at.desc()).limit(1)).scalar_one_or_none()


def cadence_words(mailbox: Rhythm) -> str:
    """``every Tuesday at 09:00``."""
    at = f"at {mailbox.send_at:%H:%M}"
    return {
        Cadence.DAILY: f"every day {at}",
        Cadence.WEEKDAYS: f"every weekday {at}",
        Cadence.WEEKLY: f"every {WEEKDAYS[mailbox.weekday]} {at}",
        Cadence.SEMIMONTHLY: f"on the 1st and the 15th {at}",
        Cadence.MONTHLY: f"on day {mailbox.month_day} of each month {at}",
        Cadence.PAY_RUN: f"two days before your pay run on day {mailbox.month_day} of each month {at}",
        Cadence.ON_DEMAND: "only when you ask for it",
    }[Cadence(mailbox.cadence)]


def next_word_of(session: Session, invoice_id: UUID, now: datetime, limits: Limits) -> Eligibility | None:
    """Whether the mailbox's next digest would ask for this invoice, and why: the planner's own word (FEATURES J1).
    None for an invoice that is not open, or reaches no mailbox.

    What is open beside it with the same vendor counts too, because credit may cover all of it.
    """
    mine = aliased(Invoice)
    beside = and_(mine.id == invoice_id, mine.vendor_id == Invoice.vendor_id, mine.mailbox_id == Invoice.mailbox_id)
    found = session.execute(
        select(Invoice, Vendor, Connection, Mailbox, Relation)
        .join(mine, beside)
        .join(Vendor, Vendor.id == Invoice.vendor_id)
        .join(Connection, Connection.id == Invoice.connection_id)
        .join(Mailbox, Mailbox.id == Invoice.mailbox_id)
        .outerjoin(Relation, and_(Relation.vendor_id == Invoice.vendor_id, Relation.customer_id == Invoice.customer_id))
        .where(IS_OPEN)
    ).all()
    bills = [row[0].id for row in found]
    if invoice_id not in bills:
        return None
    _, vendor, books, box, relation = found[0]
    stopped = is_stopped(session, vendor.id, books.provider)
    holds, touched = _live_holds(session, bills, now), _touched(session, bills)
    cases = [
        (
            Case(bill, holds[bill.id], touched.get(bill.id)),
            Standing(vendor, relation, source, now, limits, zone=box.zone, is_stopped=stopped),
        )
        for bill, _, source, _, _ in found
    ]
    words = judge(cases, cases[0][1].today, _unused(session, vendor.id, box.id))
    return words[bills.index(invoice_id)]


def _live_holds(session: Session, invoice_ids: list[UUID], now: datetime) -> dict[UUID, list[Hold]]:
    live = select(Hold).where(Hold.invoice_id.in_(invoice_ids), Hold.ended_at.is_(None), Hold.ends_at > now)
    found: dict[UUID, list[Hold]] = defaultdict(list)
    for hold in session.execute(live).scalars():
        found[hold.invoice_id].append(hold)
    return found


def _touched(session: Session, invoice_ids: list[UUID]) -> dict[UUID, Any]:
    """When a human last wrote about each."""
    query = (
        select(ThreadInvoice.invoice_id, func.max(Message.created_at))
        .join(Message, Message.thread_id == ThreadInvoice.thread_id)
        .where(ThreadInvoice.invoice_id.in_(invoice_ids), Message.is_automatic.is_(False))
        .group_by(ThreadInvoice.invoice_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _unused(session: Session, vendor_id: UUID, mailbox_id: UUID) -> dict[str, int]:
    query = select(Credit.currency, func.sum(Credit.remaining_minor)).group_by(Credit.currency)
    of_both = query.where(Credit.vendor_id == vendor_id, Credit.mailbox_id == mailbox_id, Credit.remaining_minor > 0)
    return {currency: int(minor) for currency, minor in session.execute(of_both)}
