"""What follows from a setback: the payer reads at once why a payment failed, the vendor reads first of one that was
taken back, and is asked what to do about one that came short. One setback is told once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import structlog
from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.db import database_now
from app.house import House
from app.ids import new_id
from app.later import Later, later
from app.mailboxes.rules import digest_tells
from app.models import (
    Hold,
    HoldKind,
    Invoice,
    Mailbox,
    Payment,
    PayRule,
    Relation,
    Setback,
    SetbackKind,
    TaskKind,
    Trust,
    Vendor,
)
from app.money import Money
from app.paying.notices import tell_of_failure, tell_of_reversal
from app.receivables.actions import end_holds
from app.scope import Everything
from app.settings import Limits
from app.tasks.actions import raise_task
from app.words import _, marked

log = structlog.get_logger()

_WORKER = Everything("a setback is told to both sides of an invoice")
_BATCH = 100


class Case(NamedTuple):
    """A setback with all that bears on it."""

    setback: Setback
    invoice: Invoice
    vendor: Vendor
    mailbox: Mailbox | None
    relation: Relation | None
    rule: PayRule | None

    @property
    def may_write_to_payer(self) -> bool:
        """The payer knows this vendor, wants to read of it, and is at this address."""
        if self.mailbox is None or self.mailbox.suppressed_at or self.vendor.live_at is None:
            return False
        known = self.vendor.trust == Trust.VERIFIED or (self.relation is not None and self.relation.accepted_at)
        quiet = self.relation is not None and (self.relation.blocked_at or self.relation.muted_at)
        return bool(known) and not quiet and self.vendor.trust != Trust.SUSPENDED

    def digest_will_tell(self, limits: Limits) -> bool:
        """The payer wants no mail of its own about a payment that failed, and is asked for the invoice again."""
        box = self.mailbox
        return box is not None and not box.failures_at_once and digest_tells(box, [self.invoice], limits.later_days)


def tell_setbacks(house: House) -> int:
    """One batch; returns how many. Any number of workers may call it."""
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        cases = _untold(session, now - timedelta(minutes=house.limits.correction_wait_minutes))
        for each in cases:
            if each.setback.kind == SetbackKind.FAILED:
                _failed(session, house, each, now)
            elif each.setback.kind == SetbackKind.SHORT:
                _short(session, each, now)
            else:
                _reversed(session, house, each, now)
            each.setback.told_at = now
    return len(cases)


def _untold(session: Session, settled: datetime) -> Sequence[Case]:
    """What came short waits until ``settled``: its payment may be read a moment after its invoice."""
    pair = and_(Relation.vendor_id == Setback.vendor_id, Relation.customer_id == Setback.customer_id)
    query = (
        select(Setback, Invoice, Vendor, Mailbox, Relation, PayRule)
        .join(Invoice, Invoice.id == Setback.invoice_id)
        .join(Vendor, Vendor.id == Setback.vendor_id)
        .outerjoin(Mailbox, Mailbox.id == Invoice.mailbox_id)
        .outerjoin(Relation, pair)
        .outerjoin(PayRule, PayRule.vendor_id == Setback.vendor_id)
        .where(Setback.told_at.is_(None), or_(Setback.kind != SetbackKind.SHORT, Setback.seen_at <= settled))
        .order_by(Setback.seen_at, Setback.id)
        .limit(_BATCH)
        .with_for_update(skip_locked=True, of=Setback)
    )
    return [Case(*row) for row in session.execute(query)]


# --- a payment failed -----------------------------------------------------------------------------------------------


def _failed(session: Session, house: House, case: Case, now: datetime) -> None:
    setback, invoice = case.setback, case.invoice
    end_holds(session, invoice_ids=[invoice.id], kind=HoldKind.PAYING, now=now, reason=_("The payment failed"))
    if not invoice.is_open:
        return
    if invoice.is_autopay:  # from now on it is asked for like any other
        invoice.charge_failed_at = setback.happened_at
    limits = house.limits
    if case.may_write_to_payer and not case.digest_will_tell(limits) and not _said_before(session, setback, limits):
        assert case.mailbox
        tell_of_failure(session, house, setback, invoice, case.vendor, case.mailbox, case.rule, now)
    log.info("payment failed", invoice=str(invoice.id), reason=setback.reason)


def _said_before(session: Session, setback: Setback, limits: Limits) -> bool:
    """A payment service tries again by itself; one mail says why it fails, not one a day."""
    alike = select(Setback.id).where(
        Setback.invoice_id == setback.invoice_id,
        Setback.kind == SetbackKind.FAILED,
        Setback.reason == setback.reason,
        Setback.told_at > setback.seen_at - timedelta(days=limits.failure_again_days),
    )
    return session.execute(alike.limit(1)).first() is not None


# --- a payment was taken back ---------------------------------------------------------------------------------------


def _reversed(session: Session, house: House, case: Case, now: datetime) -> None:
    """The vendor reads of it first; the payer's row rests, with the reason, before anybody asks for it again."""
    setback, invoice = case.setback, case.invoice
    if setback.kind == SetbackKind.REVERSED and not invoice.is_open:
        return  # paid again meanwhile
    until = now + timedelta(days=house.limits.reversal_days)
    if invoice.is_open:
        end_holds(session, invoice_ids=[invoice.id], kind=HoldKind.PAYING, now=now, reason=_("It was taken back"))
        end_holds(session, invoice_ids=[invoice.id], kind=HoldKind.REVERSED, now=now, reason=_("Taken back again"))
        session.add(
            Hold(
                id=new_id(),
                vendor_id=invoice.vendor_id,
                customer_id=invoice.customer_id,
                invoice_id=invoice.id,
                kind=HoldKind.REVERSED,
                amount_minor=setback.amount_minor,
                ends_at=until,
                created_at=now,
            )
        )
    amount = Money(setback.amount_minor, invoice.currency)
    words = marked("Invoice %(number)s: %(amount)s that was paid is owed again.")
    remedy = later(marked("Look why. Your customer is not asked for it before %(day)s."), day=until.date())
    if setback.kind == SetbackKind.CHARGED_BACK:
        words = marked("Invoice %(number)s: the payer's bank was asked to fetch %(amount)s back.")
        remedy = later(marked("Answer it with your payment service."))
    _raise(session, case, later(words, number=invoice.label, amount=amount), remedy, now)
    tell_of_reversal(session, house, setback, invoice, until, now)


# --- less came than was asked for -----------------------------------------------------------------------------------


def _short(session: Session, case: Case, now: datetime) -> None:
    """A payment that leaves a rest nobody announced: the vendor lets it be or asks for it. What was announced, agreed
    in instalments, or was no payment at all, needs nobody's decision."""
    setback, invoice = case.setback, case.invoice
    end_holds(session, invoice_ids=[invoice.id], kind=HoldKind.PAYING, now=now, reason=_("The payment has arrived"))
    if invoice.instalments or not _was_paid(session, setback, invoice) or _was_announced(session, setback):
        setback.is_expected = True
        return
    words = later(
        marked("Invoice %(number)s: %(came)s came, %(rest)s is still open."),
        number=invoice.label,
        came=Money(setback.amount_minor, invoice.currency),
        rest=invoice.balance,
    )
    _raise(session, case, words, later(marked("Let it be, or ask for the rest, under Payments.")), now)


def _was_paid(session: Session, setback: Setback, invoice: Invoice) -> bool:
    """Rather than lowered by a credit note."""
    query = select(Payment.applied).where(
        Payment.connection_id == invoice.connection_id,
        Payment.bill_to_id == invoice.bill_to_id,
        Payment.amount_minor > 0,
    )
    newest = session.execute(query.order_by(Payment.paid_on.desc()).limit(200)).scalars()
    part = [invoice.external_id, setback.amount_minor]
    return any(list(each) == part for applied in newest for each in applied)


def _was_announced(session: Session, setback: Setback) -> bool:
    """Somebody of the customer said before that this much would come."""
    query = select(Hold.id).where(
        Hold.invoice_id == setback.invoice_id,
        Hold.kind.in_([HoldKind.PAYING, HoldKind.PROMISE]),
        Hold.amount_minor == setback.amount_minor,
    )
    return session.execute(query.limit(1)).first() is not None


def _raise(session: Session, case: Case, words: Later, remedy: Later, now: datetime) -> None:
    invoice = case.invoice
    raise_task(
        session, invoice.vendor_id, TaskKind.PAYMENT, str(invoice.id), words, remedy, now,
        bill_to_id=invoice.bill_to_id, invoice_id=invoice.id,
    )  # fmt: skip
