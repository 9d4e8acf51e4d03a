"""What the next digests would ask for, in the planner's own words, for pages: one reading of all that bears on it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, or_, select, tuple_
from sqlalchemy.orm import Session

from app.models import (
    BillTo,
    Connection,
    Credit,
    Hold,
    HoldKind,
    HoldResult,
    Invoice,
    Mailbox,
    Mention,
    Message,
    Relation,
    ThreadInvoice,
    Vendor,
)
from app.outbox.queries import is_stopped
from app.policies.queries import treatments
from app.policies.rules import Treatment
from app.receivables.rules import Case, Eligibility, Standing, judge
from app.scope import widened
from app.settings import Limits
from app.windows import next_due


class Asking(NamedTuple):
    """One open invoice with what it hangs on. ``relation``: None also where the reader may not know of it."""

    invoice: Invoice
    vendor: Vendor
    source: Connection
    box: Mailbox
    relation: Relation | None


class _CustomerHold(NamedTuple):
    """A vendor's hold of all that one of its customers owes (app.receivables.rules.HoldFacts)."""

    ends_at: datetime
    is_hidden: bool
    kind: str = HoldKind.VENDOR
    ended_at: datetime | None = None
    promised_on: None = None
    amount_minor: None = None
    result: None = None


def verdicts(session: Session, asking: Sequence[Asking], now: datetime, limits: Limits) -> dict[UUID, Eligibility]:
    """By invoice id. ``asking`` must hold all open invoices of each vendor and mailbox it names, because credit may
    cover all of them. The number of statements grows with the vendors only."""
    bearing = _Bearing(session, asking, now)
    unused = _unused(session, asking)
    stopped = {key: is_stopped(session, *key) for key in {(each.vendor.id, each.source.provider) for each in asking}}
    pairs: dict[tuple[UUID, UUID], list[Asking]] = defaultdict(list)
    for each in asking:
        pairs[each.vendor.id, each.box.id].append(each)
    found: dict[UUID, Eligibility] = {}
    for pair, mine in pairs.items():
        next_on = _after_next(mine[0].box, now)
        cases = [
            (
                bearing.case(each),
                Standing(
                    each.vendor,
                    each.relation,
                    each.source,
                    now,
                    limits,
                    zone=each.box.zone,
                    is_stopped=stopped[each.vendor.id, each.source.provider],
                    most_mentions=each.box.most_mentions,
                    next_on=next_on,
                ),
            )
            for each in mine
        ]
        words = judge(cases, cases[0][1].today, unused[pair])
        found.update({each.invoice.id: word for each, word in zip(mine, words, strict=True)})
    return found


class _Bearing:
    """What bears on each invoice, read for all of them at once."""

    def __init__(self, session: Session, asking: Sequence[Asking], now: datetime) -> None:
        ids = [each.invoice.id for each in asking]
        self._holds, self._touched = _holds(session, asking, now), _touched(session, ids)
        self._said, self._policies = _mentions(session, ids), _policies(session, asking)

    def case(self, of: Asking) -> Case:
        invoice = of.invoice
        times, last_at = self._said.get((of.box.id, invoice.id), (0, None))
        policy = self._policies.get(invoice.bill_to_id)
        return Case(invoice, self._holds[invoice.id], self._touched.get(invoice.id), times, last_at, policy)


def _holds(session: Session, asking: Sequence[Asking], now: datetime) -> dict[UUID, list[Hold | _CustomerHold]]:
    ids = [each.invoice.id for each in asking]
    told = or_(and_(Hold.ended_at.is_(None), Hold.ends_at > now), Hold.result == HoldResult.BROKEN)
    live = select(Hold).where(Hold.invoice_id.in_(ids), told)
    found: dict[UUID, list[Hold | _CustomerHold]] = defaultdict(list)
    for hold in session.execute(live).scalars():
        found[hold.invoice_id].append(hold)
    with widened(session, "whether a vendor holds all of a customer: a date, and nothing else of its books"):
        query = select(BillTo.id, BillTo.held_until, BillTo.hold_is_hidden)
        query = query.where(BillTo.id.in_({each.invoice.bill_to_id for each in asking}), BillTo.held_until > now)
        held: dict[UUID | None, _CustomerHold] = {
            row[0]: _CustomerHold(row[1], row[2]) for row in session.execute(query) if row[1] is not None
        }
    for each in asking:
        if each.invoice.bill_to_id in held:
            found[each.invoice.id].append(held[each.invoice.bill_to_id])
    return found


def _policies(session: Session, asking: Sequence[Asking]) -> dict[UUID | None, Treatment]:
    with widened(session, "what its vendor wants for the customer behind an invoice that was found in scope"):
        return treatments(session, [each.invoice.bill_to_id for each in asking if each.invoice.bill_to_id])


def _after_next(box: Mailbox, now: datetime) -> date | None:
    """The day of the digest after the next one, which is the one that verdicts are about."""
    found = next_due(box, max(box.next_digest_at or now, now))
    return found.astimezone(ZoneInfo(box.zone)).date() if found else None


def _touched(session: Session, invoice_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """When a human last wrote about each. Asked of each conversation: as a join it was all of the vendor's messages."""
    last = select(func.max(Message.created_at)).where(
        Message.thread_id == ThreadInvoice.thread_id, Message.is_automatic.is_(False)
    )
    query: Any = select(ThreadInvoice.invoice_id, last.scalar_subquery())
    rows = session.execute(query.where(ThreadInvoice.invoice_id.in_(invoice_ids)))
    return dict(sorted((tuple(row) for row in rows if row[1]), key=itemgetter(1)))


def _mentions(session: Session, invoice_ids: Sequence[UUID]) -> dict[tuple[UUID, UUID], tuple[int, datetime]]:
    query = select(Mention.mailbox_id, Mention.invoice_id, Mention.count, Mention.last_at)
    rows = session.execute(query.where(Mention.invoice_id.in_(invoice_ids)))
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def _unused(session: Session, asking: Sequence[Asking]) -> dict[tuple[UUID, UUID], dict[str, int]]:
    """Credit that is left, by vendor and mailbox, then by currency."""
    pairs = {(each.vendor.id, each.box.id) for each in asking}
    query = (
        select(Credit.vendor_id, Credit.mailbox_id, Credit.currency, func.sum(Credit.remaining_minor))
        .where(tuple_(Credit.vendor_id, Credit.mailbox_id).in_(sorted(pairs)), Credit.remaining_minor > 0)
        .group_by(Credit.vendor_id, Credit.mailbox_id, Credit.currency)
    )
    found: dict[tuple[UUID, UUID], dict[str, int]] = defaultdict(dict)
    for vendor_id, mailbox_id, currency, minor in session.execute(query):
        if mailbox_id is not None:
            found[vendor_id, mailbox_id][currency] = int(minor)
    return found
