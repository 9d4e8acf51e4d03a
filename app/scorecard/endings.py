"""How promises, disputes and claims of payment end, who spoke first, and what needed no human answer (FEATURES G6)."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.conversations.letters import TOPIC as LETTER
from app.models import (
    Hold,
    HoldKind,
    HoldResult,
    Invoice,
    InvoiceState,
    Message,
    Settlement,
    Side,
    Thread,
    ThreadInvoice,
)
from app.scorecard.periods import Period
from app.scorecard.rules import Times, times

_BY_THEMSELVES = (HoldKind.PROMISE, HoldKind.ALREADY_PAID, HoldKind.REQUEST, HoldKind.NOT_MINE, HoldKind.DISPUTE)


@dataclass(frozen=True, slots=True)
class Rate:
    """``count`` of ``of``; no share of nothing."""

    count: int
    of: int

    @property
    def share(self) -> float | None:
        return self.count / self.of if self.of else None


@dataclass(frozen=True, slots=True)
class Endings:
    """Of what ended in the period."""

    promises_kept: Rate
    said_paid_confirmed: Rate
    disputes_without_credit: Rate
    dispute_time: Times | None  # from being opened to its end


@dataclass(frozen=True, slots=True)
class _Ended:
    kind: str
    result: str
    lasted: timedelta


def endings(session: Session, vendor_id: UUID, about: Period) -> Endings:
    """One statement."""
    rows = session.execute(
        select(Hold.kind, Hold.result, Hold.created_at, Hold.ended_at).where(
            Hold.vendor_id == vendor_id,
            Hold.ended_at >= about.since,
            Hold.ended_at < about.until,
            Hold.result.is_not(None),
        )
    )
    ended = [_Ended(kind, result, until - since) for kind, result, since, until in rows if result and until]
    results = Counter((one.kind, one.result) for one in ended)
    disputes = [one for one in ended if one.kind == HoldKind.DISPUTE and one.result not in _UNDECIDED]
    return Endings(
        _rate(results, HoldKind.PROMISE, HoldResult.KEPT, HoldResult.BROKEN),
        _rate(results, HoldKind.ALREADY_PAID, HoldResult.CONFIRMED, HoldResult.NOT_FOUND),
        Rate(sum(one.result != HoldResult.CREDITED for one in disputes), len(disputes)),
        times([one.lasted for one in disputes]),
    )


_UNDECIDED = (HoldResult.REPLACED, HoldResult.LAPSED)


def _rate(results: Counter[tuple[str, str]], kind: HoldKind, good: HoldResult, bad: HoldResult) -> Rate:
    return Rate(results[kind, good], results[kind, good] + results[kind, bad])


def raised_before_due(session: Session, vendor_id: UUID, zone: str, about: Period) -> Rate:
    """Conversations about an invoice that its customer began while it was not late yet."""
    rows = session.execute(
        select(Thread.created_at, Invoice.due_on)
        .join(ThreadInvoice, ThreadInvoice.thread_id == Thread.id)
        .join(Invoice, Invoice.id == ThreadInvoice.invoice_id)
        .where(Thread.vendor_id == vendor_id, Thread.created_at >= about.since, Thread.created_at < about.until)
        .where(Invoice.due_on.is_not(None), Thread.topic != LETTER)  # the vendor's own letters are no customer's word
    ).all()
    early = [at.astimezone(ZoneInfo(zone)).date() <= due_on for at, due_on in rows if due_on]
    return Rate(sum(early), len(early))


@dataclass(frozen=True, slots=True)
class Touches:
    """``settled.count`` of the invoices paid in the period without a word of the vendor's people; and what customers
    entered themselves instead of calling."""

    settled: Rate
    by_themselves: int


def touches(session: Session, vendor_id: UUID, about: Period) -> Touches:
    """Two statements (claim 000-15)."""
    spoken = (
        select(Message.id)
        .join(ThreadInvoice, ThreadInvoice.thread_id == Message.thread_id)
        .where(ThreadInvoice.invoice_id == Settlement.invoice_id)
        .where(Message.side == Side.VENDOR, Message.is_automatic.is_(False))
        .exists()
    )
    alone, settled = session.execute(
        select(func.coalesce(func.sum(case((spoken, 0), else_=1)), 0), func.count())
        .select_from(Settlement)
        .where(Settlement.vendor_id == vendor_id, Settlement.state == InvoiceState.PAID)
        .where(Settlement.seen_at >= about.since, Settlement.seen_at < about.until)
    ).one()
    entered = session.execute(
        select(func.count(Hold.id)).where(
            Hold.vendor_id == vendor_id,
            Hold.kind.in_(_BY_THEMSELVES),
            Hold.created_at >= about.since,
            Hold.created_at < about.until,
        )
    ).scalar_one()
    return Touches(Rate(int(alone), settled), entered)
