"""Bad experiences, counted by customer: the second loses it (claim 002-4). Listed at one, a task at two.

Reminded after having paid; left without an answer for too long; an invoice that had to be corrected or credited; mail
that does not arrive. Each is read from what happened, nothing is counted by hand.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import repeat
from uuid import UUID

from sqlalchemy import func, or_, select, union
from sqlalchemy.orm import Session

from app.among import among
from app.models import AuditEntry, BillTo, Hold, HoldKind, HoldResult, TaskKind, Thread, Vendor, VendorTask
from app.scope import widened
from app.scorecard.queries import asked_since, hours_of
from app.scorecard.rules import Reply, is_open_longer
from app.settings import Limits
from app.words import marked

LISTED = 50
TOGETHER = 500  # rows, and names that are looked up, at once
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


@dataclass(frozen=True, slots=True)
class Unhappy:
    """``listed``: those with the most bad experiences, of ``count`` who had any."""

    listed: list[Customer]
    count: int


def unhappy(
    session: Session, vendor: Vendor, now: datetime, limits: Limits, asked: Iterable[Reply] | None = None
) -> Unhappy:
    count, listed = 0, list[Customer]()
    for some in bad_experiences(session, vendor, now, limits, asked=asked):
        count += len(some)
        listed = sorted([*listed, *some], key=lambda one: (-one.count, one.name.casefold()))[:LISTED]
    return Unhappy(listed, count)


def bad_experiences(
    session: Session,
    vendor: Vendor,
    now: datetime,
    limits: Limits,
    at_least: int = 1,
    asked: Iterable[Reply] | None = None,
) -> Iterator[list[Customer]]:
    """Customers with so many in the last half year, some at a time; five statements, and one more for each of these.
    ``asked``: the questions of that time, where they were read already."""
    since = now - timedelta(days=limits.experience_days)
    if asked is None:
        asked = asked_since(session, vendor.id, since)
    counts = defaultdict[UUID, Counter[Bad]](Counter)
    for bad, customers in (
        (Bad.PAID, _reminded(session, vendor.id, since)),
        (Bad.UNANSWERED, _unanswered(session, vendor, asked, since, now, limits)),
        (Bad.WRONG, _wrong(session, vendor.id, since)),
        (Bad.BOUNCED, _bounced(session, vendor.id, since)),
    ):
        for customer_id in customers:
            if customer_id is not None:
                counts[customer_id][bad] += 1
    meant = [customer_id for customer_id, found in counts.items() if found.total() >= at_least]
    for start in range(0, len(meant), TOGETHER):
        yield _named(session, vendor.id, {each: counts[each] for each in meant[start : start + TOGETHER]})


def _named(session: Session, vendor_id: UUID, counts: dict[UUID, Counter[Bad]]) -> list[Customer]:
    """As the books call them; whom they do not know any more is left out."""
    accounts: dict[UUID, tuple[UUID, str]] = {}
    rows = session.execute(
        select(BillTo.customer_id, BillTo.id, BillTo.name)
        .where(BillTo.vendor_id == vendor_id, among(BillTo.customer_id, counts.keys()))
        .order_by(BillTo.created_at, BillTo.id)
    )
    for customer_id, bill_to_id, name in rows:
        if customer_id is not None:
            accounts.setdefault(customer_id, (bill_to_id, name))
    return [Customer(*accounts[each], tuple(counts[each].most_common())) for each in counts if each in accounts]


def _reminded(session: Session, vendor_id: UUID, since: datetime) -> Iterable[UUID | None]:
    query = select(AuditEntry.customer_id).where(
        AuditEntry.vendor_id == vendor_id, AuditEntry.action == REMINDED_LATE, AuditEntry.at >= since
    )
    with widened(session, "the record of this vendor's own corrections"):
        return session.execute(query).scalars().all()


def _unanswered(
    session: Session, vendor: Vendor, asked: Iterable[Reply], since: datetime, now: datetime, limits: Limits
) -> Iterable[UUID | None]:
    hours, most = hours_of(vendor), timedelta(hours=limits.experience_hours)
    late = Counter(
        reply.thread_id
        for reply in asked
        if reply.asked_at >= since
        and not reply.is_closed
        and (reply.answered_at or now) - reply.asked_at > most  # it is never longer in business hours
        and is_open_longer(most, reply.asked_at, reply.answered_at or now, hours)
    )
    query = select(Thread.id, Thread.customer_id).where(among(Thread.id, late.keys()))
    for thread_id, customer_id in session.execute(query, execution_options={"yield_per": TOGETHER}):
        yield from repeat(customer_id, late[thread_id])


def _wrong(session: Session, vendor_id: UUID, since: datetime) -> Iterable[UUID | None]:
    """Each matter once: a dispute has its thread, too."""
    disputes = select(Hold.customer_id, func.coalesce(Hold.thread_id, Hold.id)).where(
        Hold.vendor_id == vendor_id,
        Hold.kind == HoldKind.DISPUTE,
        Hold.ended_at >= since,
        Hold.result == HoldResult.CREDITED,
    )
    threads = select(Thread.customer_id, Thread.id).where(
        Thread.vendor_id == vendor_id, Thread.closed_at >= since, Thread.result.in_(("corrected", "credited"))
    )
    return session.execute(union(disputes, threads), execution_options={"yield_per": TOGETHER}).scalars()


def _bounced(session: Session, vendor_id: UUID, since: datetime) -> Iterable[UUID | None]:
    query = (
        select(BillTo.customer_id)
        .join(VendorTask, VendorTask.bill_to_id == BillTo.id)
        .where(VendorTask.vendor_id == vendor_id, VendorTask.kind == TaskKind.ADDRESS)
        .where(VendorTask.subject_key.startswith("unreached:"))  # a block has a task, too, and is no failure of mail
        .where(or_(VendorTask.created_at >= since, VendorTask.done_at.is_(None)))
    )
    return session.execute(query, execution_options={"yield_per": TOGETHER}).scalars()
