"""Bad experiences, counted by customer: the second loses it (claim 002-4). Listed at one, a task at two.

Reminded after having paid; left without an answer for too long; an invoice that had to be corrected or credited; mail
that does not arrive. Each is read from what happened, nothing is counted by hand.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import AuditEntry, BillTo, Hold, HoldKind, HoldResult, TaskKind, Thread, Vendor, VendorTask
from app.scope import widened
from app.scorecard.queries import hours_of, said_since
from app.scorecard.rules import business_time, replies
from app.settings import Limits
from app.words import marked

REMINDED_LATE = "invoice.reminded_late"  # as digest/corrections.py puts it on record


class Bad(StrEnum):
    """The kinds; WORDS says them."""

    PAID = "paid"
    UNANSWERED = "unanswered"
    WRONG = "wrong"
    BOUNCED = "bounced"


WORDS = {
    Bad.PAID: marked("Reminded after paying"),
    Bad.UNANSWERED: marked("Waited too long for an answer"),
    Bad.WRONG: marked("An invoice had to be corrected or credited"),
    Bad.BOUNCED: marked("Our mail does not arrive"),
}


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer as the vendor's books call it. ``bill_to_id`` is the first of its accounts there."""

    bill_to_id: UUID
    name: str
    counts: tuple[tuple[Bad, int], ...]

    @property
    def count(self) -> int:
        return sum(count for _, count in self.counts)


def bad_experiences(session: Session, vendor: Vendor, now: datetime, limits: Limits) -> list[Customer]:
    """Customers with at least one in the last half year, the most first; in six statements."""
    since = now - timedelta(days=limits.experience_days)
    counts = defaultdict[UUID, Counter[Bad]](Counter)
    for bad, customers in (
        (Bad.PAID, _reminded(session, vendor.id, since)),
        (Bad.UNANSWERED, _unanswered(session, vendor, since, now, limits)),
        (Bad.WRONG, _wrong(session, vendor.id, since)),
        (Bad.BOUNCED, _bounced(session, vendor.id, since)),
    ):
        for customer_id in customers:
            if customer_id is not None:
                counts[customer_id][bad] += 1
    accounts: dict[UUID, tuple[UUID, str]] = {}
    rows = session.execute(
        select(BillTo.customer_id, BillTo.id, BillTo.name)
        .where(BillTo.vendor_id == vendor.id, BillTo.customer_id.in_(counts))
        .order_by(BillTo.created_at, BillTo.id)
    )
    for customer_id, bill_to_id, name in rows:
        if customer_id is not None:
            accounts.setdefault(customer_id, (bill_to_id, name))
    found = [Customer(*accounts[each], tuple(counts[each].most_common())) for each in counts if each in accounts]
    return sorted(found, key=lambda one: (-one.count, one.name.casefold()))


def _reminded(session: Session, vendor_id: UUID, since: datetime) -> Iterable[UUID | None]:
    query = select(AuditEntry.customer_id).where(
        AuditEntry.vendor_id == vendor_id, AuditEntry.action == REMINDED_LATE, AuditEntry.at >= since
    )
    with widened(session, "the record of this vendor's own corrections"):
        return session.execute(query).scalars().all()


def _unanswered(
    session: Session, vendor: Vendor, since: datetime, now: datetime, limits: Limits
) -> Iterable[UUID | None]:
    hours, most = hours_of(vendor), timedelta(hours=limits.experience_hours)
    late = [
        reply.thread_id
        for reply in replies(said_since(session, vendor.id, since))
        if reply.asked_at >= since
        and not reply.is_closed
        and business_time(reply.asked_at, reply.answered_at or now, hours) > most
    ]
    rows = session.execute(select(Thread.id, Thread.customer_id).where(Thread.id.in_(late)))
    of_thread = {row.id: row.customer_id for row in rows}
    return [of_thread.get(thread_id) for thread_id in late]


def _wrong(session: Session, vendor_id: UUID, since: datetime) -> Iterable[UUID | None]:
    """Each matter once: a dispute has its thread, too."""
    disputes = session.execute(
        select(Hold.customer_id, func.coalesce(Hold.thread_id, Hold.id)).where(
            Hold.vendor_id == vendor_id,
            Hold.kind == HoldKind.DISPUTE,
            Hold.ended_at >= since,
            Hold.result == HoldResult.CREDITED,
        )
    ).all()
    threads = session.execute(
        select(Thread.customer_id, Thread.id).where(
            Thread.vendor_id == vendor_id, Thread.closed_at >= since, Thread.result.in_(("corrected", "credited"))
        )
    ).all()
    return [row[0] for row in {*map(tuple, disputes), *map(tuple, threads)}]


def _bounced(session: Session, vendor_id: UUID, since: datetime) -> Iterable[UUID | None]:
    query = (
        select(BillTo.customer_id)
        .join(VendorTask, VendorTask.bill_to_id == BillTo.id)
        .where(VendorTask.vendor_id == vendor_id, VendorTask.kind == TaskKind.ADDRESS)
        .where(VendorTask.subject_key.startswith("unreached:"))  # a block has a task, too, and is no failure of mail
        .where(or_(VendorTask.created_at >= since, VendorTask.done_at.is_(None)))
    )
    return session.execute(query).scalars().all()
