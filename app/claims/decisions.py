"""What the vendor says to a claim. Each is one commit: the claim, the words in its thread, the customer's mail."""

from datetime import date, datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.claims import rules
from app.claims.actions import end_claim, lock_live
from app.claims.rules import CannotClaim, Dues
from app.conversations import actions as talk
from app.filters import day, money
from app.house import House
from app.models import (
    AuditEntry,
    BillTo,
    Hold,
    HoldKind,
    HoldResult,
    Invoice,
    InvoiceChange,
    InvoiceState,
    Person,
    Side,
    Thread,
)
from app.receivables.actions import record_act
from app.scope import widened
from app.words import _

log = structlog.get_logger()


def accept(session: Session, *, house: House, hold: Hold, person: Person, words: str, now: datetime) -> None:
    """The vendor agrees. What was disputed or paid rests until the books show it; other dues are the invoice's at once.

    Raises CannotClaim when it has ended meanwhile, or was agreed to before.
    """
    invoice = lock_live(session, hold, now)
    if hold.accepted_at is not None:
        raise CannotClaim(_("You have agreed to this already."))
    hold.accepted_at = now
    said = _agreement(hold, invoice)
    if hold.kind == HoldKind.REQUEST:
        agree_dues(session, invoice, hold.facts["dues"], now)
        end_claim(hold, HoldResult.AGREED, now)
        _close(session, house, hold, person, "agreed", said, words, now)
    elif hold.kind == HoldKind.ALREADY_PAID:
        hold.ends_at = now + timedelta(days=house.limits.credit_days)
        _close(session, house, hold, person, "paid", said, words, now)
    else:
        hold.ends_at = now + timedelta(days=house.limits.credit_days)
        talk.answer(
            session, house=house, thread=_thread(session, hold), person=person, body=_joined(said, words), now=now
        )
    record_act(session, invoice, "claim.accepted", now, person.id)


def decline(session: Session, *, house: House, hold: Hold, person: Person, words: str, now: datetime) -> None:
    """The vendor does not agree, and says why: the invoice is asked for again. Raises CannotClaim."""
    invoice = lock_live(session, hold, now)
    if not words.strip():
        raise CannotClaim(_("Say why: your customer reads it."))
    end_claim(hold, HoldResult.DECLINED, now)
    _close(session, house, hold, person, "declined", "", words, now)
    record_act(session, invoice, "claim.declined", now, person.id)


def cannot_find(session: Session, *, house: House, hold: Hold, person: Person, words: str, now: datetime) -> None:
    """The vendor finds no payment and asks back; some days the invoice still rests, for the proof to come."""
    invoice = lock_live(session, hold, now)
    hold.ends_at = now + timedelta(days=house.limits.not_found_days)
    hold.facts = {**hold.facts, "asked_back": True}
    asked = _("We cannot find this payment. Please send us a proof of it, and to which account it went.")
    body = _joined(asked, words)
    talk.answer(session, house=house, thread=_thread(session, hold), person=person, body=body, now=now)
    record_act(session, invoice, "claim.not_found", now, person.id)


def give_terms(session: Session, *, bill_to: BillTo, days: int, person: Person, now: datetime) -> None:
    """Each due of this customer is so many days later than the books say, also of what is open already: reminders, and
    how late it is, follow that (claim 003-19). What was agreed for one invoice stays as it was agreed."""
    more = timedelta(days=days - bill_to.extra_days)
    bill_to.extra_days = days
    with widened(session, "an invoice's facts are a worker's to write; its vendor gives longer terms"):
        mine = select(Invoice).where(Invoice.bill_to_id == bill_to.id, Invoice.state == InvoiceState.OPEN)
        for row in session.execute(mine.where(Invoice.agreed_at.is_(None))).scalars():
            if row.due_on is not None and more:
                later = [
                    [(date.fromisoformat(on) + more).isoformat(), part, rest] for on, part, rest in row.instalments
                ]
                _redate(session, row, Dues(row.due_on + more, row.due_minor, later), now)
    session.add(
        AuditEntry.by(
            person.id,
            "terms.given",
            now,
            vendor_id=bill_to.vendor_id,
            subject_id=bill_to.id,
            detail={"days": str(days)},
        )
    )


def agree_dues(session: Session, invoice: Invoice, dues: list[list[object]], now: datetime) -> None:
    """The invoice falls due as agreed from now on, whatever its books say; they are not changed (claim 003-16)."""
    found = rules.dues_of(dues, invoice.balance_minor)
    with widened(session, "an invoice's facts are a worker's to write; both sides have agreed on its dues"):
        row = session.get_one(Invoice, invoice.id, with_for_update=True)
        row.agreed_at, row.agreed_dues = now, dues
        _redate(session, row, found, now)
    log.info("dues agreed", invoice=str(invoice.id), parts=len(dues))


def _redate(session: Session, row: Invoice, dues: Dues, now: datetime) -> None:
    """Other dues, and a line of its history, before which stands how it came."""
    if session.execute(select(InvoiceChange.id).where(InvoiceChange.invoice_id == row.id)).first() is None:
        session.add(InvoiceChange.arrival(row))
    row.due_on, row.due_minor, row.instalments = dues.due_on, dues.due_minor, dues.instalments
    row.updated_at, row.due_on_derived = now, False
    change = InvoiceChange.arrival(row)
    change.at = now
    session.add(change)


def _agreement(hold: Hold, invoice: Invoice) -> str:
    """What the customer reads first."""
    amount = money(hold.amount_minor or 0, invoice.currency)
    if hold.kind == HoldKind.DISPUTE:
        said = {"credit": _("You are right. A credit note over %(amount)s is coming.", amount=amount)}
        return said.get(hold.wanted, _("You are right. We see to it; %(amount)s rests until then.", amount=amount))
    if hold.kind == HoldKind.ALREADY_PAID:
        return _("We have found your payment of %(amount)s. Thank you.", amount=amount)
    if len(hold.facts["dues"]) == 1:
        return _("Agreed: the invoice is due on %(day)s.", day=day(date.fromisoformat(hold.facts["dues"][0][0])))
    return _("Agreed: you pay in instalments, as you proposed.")


def _close(
    session: Session, house: House, hold: Hold, person: Person, result: str, said: str, words: str, now: datetime
) -> None:
    thread, body = _thread(session, hold), _joined(said, words)
    closed = talk.close_thread(session, house=house, thread=thread, person=person, result=result, now=now, body=body)
    if closed is None:  # somebody closed it before: the customer is to read this all the same
        talk.tell_both(session, house=house, thread=thread, body=body, now=now, to=[Side.CUSTOMER])


def _joined(said: str, words: str) -> str:
    return "\n".join(each for each in (said, words.strip()) if each)


def _thread(session: Session, hold: Hold) -> Thread:
    return session.execute(select(Thread).where(Thread.id == hold.thread_id)).scalar_one()
