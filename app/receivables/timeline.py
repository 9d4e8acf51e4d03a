"""What happened to one invoice, the same for its customer and its vendor, but for what each keeps to itself: a vendor's
hidden holds, a customer's people (FEATURES B14)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import (
    BillTo,
    Digest,
    DigestLine,
    Hold,
    HoldKind,
    Invoice,
    InvoiceChange,
    InvoiceState,
    Mailbox,
    Message,
    Outcome,
    Payment,
    Person,
    Setback,
    SetbackKind,
    Side,
    Thread,
    ThreadInvoice,
)
from app.money import Money
from app.scope import LinkScope, VendorScope, widened

LONGEST_MAILS, LONGEST_PAYMENTS = 60, 500


class Event(StrEnum):
    """What can happen to an invoice; partials/timeline.html has the words."""

    ARRIVED = "arrived"  # before: what was owed, after: the total
    BALANCE = "balance"  # before, after: Money
    TOTAL = "total"  # before, after: Money
    DUE = "due"  # before, after: date
    SETTLED = "settled"
    VOID = "void"
    GONE = "gone"
    WRITTEN_OFF = "written_off"
    CLOSED = "closed"
    REOPENED = "reopened"
    MAILED = "mailed"  # who: to which address
    PAID = "paid"  # after: Money; day: when the books say so
    FAILED = "failed"  # a payment; after: Money, note: its FailureReason
    CHARGED_BACK = "charged_back"  # after: Money
    SHORT = "short"  # after: Money that came
    HELD = "held"  # after: HoldKind; day: the day promised; note: the words given with it
    FREED = "freed"  # after: HoldKind; note: the reason in words
    ASKED = "asked"  # who, thread_id
    ANSWERED = "answered"  # who, thread_id
    ENDED = "ended"  # a conversation; after: its result; thread_id


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of an invoice's timeline."""

    at: datetime
    event: Event
    before: Any = None
    after: Any = None
    who: str = ""
    note: str = ""
    day: date | None = None
    thread_id: UUID | None = None


def timeline(session: Session, invoice_id: UUID) -> list[Moment]:
    """Newest first, for whoever's scope this is. The holder of a mail's link sees that mail among the mails, and of the
    conversations only that they took place."""
    invoice = session.execute(select(Invoice).where(Invoice.id == invoice_id)).scalar_one_or_none()
    if invoice is None:
        return []
    is_vendors = isinstance(session.info["scope"], VendorScope)
    is_links = isinstance(session.info["scope"], LinkScope)
    moments = [
        *_changes(session, invoice),
        *(_mailed_by_us(session, invoice) if is_vendors else _mailed(session, invoice.id)),
        *_paid(session, invoice),
        *_setbacks(session, invoice),
        *_holds(session, invoice.id, with_hidden=is_vendors),
        *_said(session, invoice.id, with_names=not is_links),
        *_ended(session, invoice.id, with_links=not is_links),
    ]
    return sorted(moments, key=lambda moment: moment.at, reverse=True)


# --- what the books told --------------------------------------------------------------------------------------------

_ENDINGS = {
    InvoiceState.PAID: Event.SETTLED,
    InvoiceState.VOID: Event.VOID,
    InvoiceState.GONE: Event.GONE,
    InvoiceState.WRITTEN_OFF: Event.WRITTEN_OFF,
}


def _changes(session: Session, invoice: Invoice) -> Iterator[Moment]:
    query = select(InvoiceChange).where(InvoiceChange.invoice_id == invoice.id)
    found = session.execute(query.order_by(InvoiceChange.at, InvoiceChange.id)).scalars().all()
    changes = found or [InvoiceChange.arrival(invoice)]
    currency, first = invoice.currency, changes[0]
    came = Money(first.balance_minor, currency), Money(first.total_minor, currency)
    yield Moment(first.at, Event.ARRIVED, *came)
    for before, after in pairwise(changes):
        yield from _differences(before, after, currency)


def _differences(before: InvoiceChange, after: InvoiceChange, currency: str) -> Iterator[Moment]:
    """One moment for each thing that changed; an ending says all there is to say."""
    if after.state != before.state and after.state != InvoiceState.OPEN:
        yield Moment(after.at, _ENDINGS.get(InvoiceState(after.state), Event.CLOSED))
        return
    if after.state != before.state:
        yield Moment(after.at, Event.REOPENED)
    for event, name in ((Event.TOTAL, "total_minor"), (Event.BALANCE, "balance_minor")):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            yield Moment(after.at, event, Money(old, currency), Money(new, currency))
    if before.due_on != after.due_on:
        yield Moment(after.at, Event.DUE, before.due_on, after.due_on)


_SETBACKS = {
    SetbackKind.FAILED: Event.FAILED,
    SetbackKind.CHARGED_BACK: Event.CHARGED_BACK,
    SetbackKind.SHORT: Event.SHORT,
}  # what was taken back shows as the hold that follows


def _setbacks(session: Session, invoice: Invoice) -> Iterator[Moment]:
    query = select(Setback).where(Setback.invoice_id == invoice.id, Setback.is_expected.is_(False))
    told = query.where(Setback.told_at.is_not(None), Setback.kind.in_(_SETBACKS))
    for each in session.execute(told.order_by(Setback.happened_at)).scalars():
        amount = Money(each.amount_minor, invoice.currency)
        yield Moment(each.happened_at, _SETBACKS[SetbackKind(each.kind)], after=amount, note=each.reason)


def _paid(session: Session, invoice: Invoice) -> Iterator[Moment]:
    """Payments that the books applied to it, when we saw them."""
    query = select(Payment).where(
        Payment.connection_id == invoice.connection_id,
        Payment.bill_to_id == invoice.bill_to_id,
        Payment.amount_minor > 0,
    )
    for payment in session.execute(query.order_by(Payment.paid_on.desc()).limit(LONGEST_PAYMENTS)).scalars():
        minor = sum(part for external_id, part in payment.applied if external_id == invoice.external_id)
        if minor:
            amount = Money(minor, payment.currency)
            yield Moment(payment.created_at, Event.PAID, after=amount, note=payment.method, day=payment.paid_on)


# --- what we mailed -------------------------------------------------------------------------------------------------


def _mailed(session: Session, invoice_id: UUID) -> Iterator[Moment]:
    rows = session.execute(_sent(invoice_id).join(Mailbox, Mailbox.id == Digest.mailbox_id))
    yield from (Moment(at, Event.MAILED, who=address) for at, address in rows)


def _mailed_by_us(session: Session, invoice: Invoice) -> Iterator[Moment]:
    """For the vendor: when, and to whom only where that is the address in its own books. Who else of its customer's
    people reads along is theirs to know."""
    with widened(session, "the dates of this vendor's own lines"):
        query = _sent(invoice.id).join(Mailbox, Mailbox.id == Digest.mailbox_id)
        rows = session.execute(query).all()
        known = select(BillTo.address, BillTo.chosen_address).where(BillTo.id == invoice.bill_to_id)
        own = {address for row in session.execute(known) for address in row}
    yield from (Moment(at, Event.MAILED, who=address if address in own else "") for at, address in rows)


def _sent(invoice_id: UUID) -> Any:
    """The newest digests that went out with the invoice in them: when, to which address."""
    return (
        select(Digest.accepted_at, Mailbox.address)
        .join(DigestLine, DigestLine.digest_id == Digest.id)
        .where(DigestLine.invoice_id == invoice_id, DigestLine.is_shown, Digest.outcome == Outcome.ACCEPTED)
        .where(Digest.accepted_at.is_not(None))
        .order_by(Digest.accepted_at.desc())
        .limit(LONGEST_MAILS)
    )


# --- what was said --------------------------------------------------------------------------------------------------


def _holds(session: Session, invoice_id: UUID, *, with_hidden: bool) -> Iterator[Moment]:
    query = select(Hold).where(Hold.invoice_id == invoice_id)
    for hold in session.execute(query if with_hidden else query.where(Hold.is_hidden.is_(False))).scalars():
        kind = HoldKind(hold.kind)
        yield Moment(hold.created_at, Event.HELD, after=kind, note=hold.note, day=hold.promised_on)
        if hold.ended_at:
            yield Moment(hold.ended_at, Event.FREED, after=kind, note=hold.end_reason)


def _said(session: Session, invoice_id: UUID, *, with_names: bool) -> Iterator[Moment]:
    query = (
        select(Message.created_at, Message.side, Message.thread_id, Person.name, Message.said_by)
        .join(ThreadInvoice, ThreadInvoice.thread_id == Message.thread_id)
        .outerjoin(Person, Person.id == Message.person_id)
        .where(ThreadInvoice.invoice_id == invoice_id, Message.is_automatic.is_(False))
    )
    events = {Side.CUSTOMER: Event.ASKED, Side.VENDOR: Event.ANSWERED}
    for at, side, thread_id, name, said_by in session.execute(query):
        who = (name or said_by) if with_names else ""
        yield Moment(at, events[Side(side)], who=who, thread_id=thread_id if with_names else None)


def _ended(session: Session, invoice_id: UUID, *, with_links: bool) -> Iterator[Moment]:
    query = (
        select(Thread.closed_at, Thread.result, Thread.id)
        .join(ThreadInvoice, ThreadInvoice.thread_id == Thread.id)
        .where(ThreadInvoice.invoice_id == invoice_id, Thread.closed_at.is_not(None))
    )
    for at, result, thread_id in session.execute(query):
        if at is not None:
            yield Moment(at, Event.ENDED, after=result, thread_id=thread_id if with_links else None)
