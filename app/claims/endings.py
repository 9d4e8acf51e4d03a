"""How claims end by themselves: by what the books show, or by their day (FEATURES F3 F4 F5).

What is due is decided by rows and the database clock; any number of workers may look at the same time. A promise counts
as broken only once the books were read after its last day: a payment they have not told us of yet breaks nothing.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from app.care.notices import tell_owner
from app.care.rules import OwnerEvent
from app.claims import rules
from app.claims.actions import end_claim
from app.conversations import actions as talk
from app.db import database_now
from app.house import House
from app.later import Later, later, say
from app.models import (
    Connection,
    ConnectionState,
    Hold,
    HoldKind,
    HoldResult,
    Invoice,
    InvoiceState,
    Payment,
    Side,
    TaskKind,
    Thread,
)
from app.money import Money
from app.scope import Everything
from app.tasks.actions import raise_task
from app.words import _, locale, marked

log = structlog.get_logger()

_WORKER = Everything("a claim ends for both its sides")
_BATCH = 200
_LEFT = timedelta(days=1)  # after its end, a hold that is no claim is looked at by those who began it

# Whatever the customer said: nothing of it is owed any more, or as much less as was claimed.
_IS_SETTLED = or_(
    Invoice.state != InvoiceState.OPEN,
    Invoice.balance_minor <= Hold.owed_minor - Hold.amount_minor,
)
_SETTLED = {HoldKind.PROMISE: HoldResult.KEPT, HoldKind.ALREADY_PAID: HoldResult.CONFIRMED}
# The books know what was paid until its end, or nobody reads them any more.
_IS_JUDGED = or_(
    Hold.kind != HoldKind.PROMISE,
    Connection.as_of > Hold.ends_at,
    Connection.state == ConnectionState.DISCONNECTED,
)


def end_claims(house: House) -> int:
    """End one batch of what is settled or has run out; returns how many."""
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        settled = _claimed(session, _IS_SETTLED)
        for hold, invoice in settled:
            if not _is_only_paid_for(session, hold, invoice):
                _settle(session, house, hold, invoice, now)
        over = _claimed(session, and_(Hold.ends_at <= now, ~_IS_SETTLED, _IS_JUDGED))
        for hold, invoice in over:
            _run_out(session, house, hold, invoice, now)
        _end_others(session, now)
    return len(settled) + len(over)


def _claimed(session: Session, which: ColumnElement[bool]) -> Sequence[tuple[Hold, Invoice]]:
    query = (
        select(Hold, Invoice)
        .join(Invoice, Invoice.id == Hold.invoice_id)
        .join(Connection, Connection.id == Invoice.connection_id)
        .where(Hold.ended_at.is_(None), Hold.kind.in_(rules.KINDS), which)
        .order_by(Hold.ends_at, Hold.id)
        .limit(_BATCH)
        .with_for_update(skip_locked=True, of=Hold)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def _is_only_paid_for(session: Session, hold: Hold, invoice: Invoice) -> bool:
    """Less is owed because the part that nobody disputes was paid: the dispute goes on about the same amount. Books
    that tell of no payments leave that open, and it goes on as well."""
    if hold.kind != HoldKind.DISPUTE or not invoice.is_open or _is_credited(session, hold, invoice):
        return False
    hold.owed_minor = invoice.balance_minor  # from here on, and what was paid until here is counted
    hold.facts = {**hold.facts, "paid": _paid(session, hold, invoice)}
    return True


def _is_credited(session: Session, hold: Hold, invoice: Invoice) -> bool:
    """Whether at least the disputed amount went without being paid. Where the books tell of no payments, what is no
    longer owed counts as granted when the vendor had said so."""
    if invoice.state not in (InvoiceState.OPEN, InvoiceState.PAID):
        return True
    paid = _paid(session, hold, invoice)
    if paid is None:
        return not invoice.is_open and hold.accepted_at is not None
    less = (hold.owed_minor or 0) - invoice.balance_minor - (paid - (hold.facts.get("paid") or 0))
    return less >= (hold.amount_minor or 0)


def _paid(session: Session, hold: Hold, invoice: Invoice) -> int | None:
    """What was paid of the invoice since the claim; None where the books tell of no payments."""
    mine = and_(Payment.connection_id == invoice.connection_id, Payment.bill_to_id == invoice.bill_to_id)
    rows = session.execute(select(Payment.created_at, Payment.applied).where(mine)).all()
    new = [applied for at, applied in rows if at > hold.created_at]
    return sum(int(part) for applied in new for key, part in applied if key == invoice.external_id) if rows else None


def _settle(session: Session, house: House, hold: Hold, invoice: Invoice, now: datetime) -> None:
    """The books show it; the conversation about it is over."""
    kind, is_paid = HoldKind(hold.kind), invoice.state in (InvoiceState.PAID, InvoiceState.OPEN)
    if kind == HoldKind.DISPUTE and _is_credited(session, hold, invoice):
        end_claim(hold, HoldResult.CREDITED, now)
        words = _(
            "The books now show it: %(amount)s of this invoice is no longer owed.",
            amount=_amount(hold, invoice).format(locale()),
        )
        return _tell(session, house, hold, words, "credited", now, Side.CUSTOMER)
    end_claim(hold, _SETTLED.get(kind, HoldResult.SETTLED) if is_paid else HoldResult.SETTLED, now)
    words = {
        HoldResult.KEPT: _("Paid as promised. Thank you."),
        HoldResult.CONFIRMED: _("The books show the payment. Thank you."),
    }.get(hold.result or HoldResult.SETTLED, _("The invoice is settled: there is nothing left to decide."))
    return _tell(session, house, hold, words, "paid", now)


def _run_out(session: Session, house: House, hold: Hold, invoice: Invoice, now: datetime) -> None:
    """Its day came."""
    kind = HoldKind(hold.kind)
    if kind == HoldKind.PROMISE:
        end_claim(hold, HoldResult.BROKEN, now)
        assert hold.promised_on
        told = later(
            marked("%(amount)s was promised for %(day)s. The books show no payment so far."),
            amount=_amount(hold, invoice),
            day=hold.promised_on,
        )
        words = say(told)
        _tell(session, house, hold, words, "", now, Side.VENDOR)
        event = OwnerEvent.PROMISE_BROKEN
        tell_owner(session, house=house, event=event, invoice=invoice, about=hold.id, now=now, words=words)
        remedy = later(marked("Call them. It is asked for again in their next mail."))
        _task(session, hold, invoice, TaskKind.PROMISE, told, remedy, now)
        return
    is_found = kind != HoldKind.ALREADY_PAID or not hold.facts.get("asked_back")
    end_claim(hold, HoldResult.LAPSED if is_found else HoldResult.NOT_FOUND, now)
    undecided = marked("%(what)s: nobody has decided in time, so the invoice is asked for again.")
    told = later(undecided, what=later(rules.NAMES[kind]))
    if hold.accepted_at is not None:
        told = later(marked("The books do not show what was agreed, so the invoice is asked for again."))
    _tell(session, house, hold, say(told), "", now, Side.CUSTOMER)
    remedy = later(marked("Decide in the conversation, or see to it in your books."))
    _task(session, hold, invoice, TaskKind.DISPUTE, told, remedy, now)


def _tell(session: Session, house: House, hold: Hold, words: str, result: str, now: datetime, *to: Side) -> None:
    thread = session.get(Thread, hold.thread_id) if hold.thread_id else None
    if thread is not None:
        talk.tell_both(session, house=house, thread=thread, body=words, now=now, result=result, to=to)


def _task(
    session: Session, hold: Hold, invoice: Invoice, kind: TaskKind, words: Later, remedy: Later, now: datetime
) -> None:
    said = later(marked("Invoice %(number)s: %(words)s"), number=invoice.label, words=words)
    raise_task(
        session, hold.vendor_id, kind, str(invoice.id), said, remedy, now,
        bill_to_id=invoice.bill_to_id, invoice_id=invoice.id,
    )  # fmt: skip


def _amount(hold: Hold, invoice: Invoice) -> Money:
    return Money(hold.amount_minor or 0, invoice.currency)


def _end_others(session: Session, now: datetime) -> None:
    """Holds that are no claims are over by their end; later they are marked so, or the search for what is due would
    pass by all there ever were."""
    over = and_(Hold.ended_at.is_(None), Hold.ends_at <= now - _LEFT, Hold.kind.not_in(rules.KINDS))
    values = {"ended_at": Hold.ends_at, "end_reason": _("its time was over")}
    session.execute(update(Hold).where(over).values(values).execution_options(synchronize_session=False))
