"""Reads of claims; the session's scope decides whose."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from app.claims import rules
from app.claims.matching import Match, Receipt, suggested
from app.claims.rules import Preset, Said, SaidPaid
from app.models import Credit, CreditKind, Customer, Hold, HoldKind, HoldResult, Invoice, Mailbox, Vendor
from app.payruns import next_runs
from app.receivables.queries import Row
from app.settings import Limits
from app.words import _

_MOST = 100  # of one list


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as either side reads it. ``is_part``: the rest of the invoice is asked for as usual."""

    id: UUID
    invoice_id: UUID
    label: str
    kind: HoldKind
    said: Said
    currency: str
    at: datetime
    ends_at: datetime
    note: str
    result: HoldResult | None
    is_live: bool
    is_part: bool
    is_accepted: bool
    is_asked_back: bool
    may_reopen: bool
    thread_id: UUID | None

    @property
    def name(self) -> str:
        return _(rules.NAMES[self.kind])

    @property
    def lines(self) -> list[str]:
        return rules.summary(self.said, self.currency)

    @property
    def ending(self) -> str:
        return _(rules.RESULTS[self.result]) if self.result else ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a form is read against: the invoice as it is, the viewer's day, and what may be chosen."""

    row: Row
    today: date
    limits: Limits
    reasons: Mapping[str, str]  # of a dispute, as the vendor wants them named
    presets: Sequence[Preset]  # of a promise, with the days on which this customer pays anyway


def asked_about(session: Session, row: Row, today: date, limits: Limits, country: str = "") -> Asked:
    """``country``: where this customer's banks work."""
    own = session.execute(select(Vendor.dispute_reasons).where(Vendor.id == row.vendor_id)).scalar_one()
    customer = session.execute(select(Customer.pay_days, Customer.pay_cutoff)).first()
    runs = next_runs(customer.pay_days, customer.pay_cutoff, today, 2, country) if customer else []
    return Asked(row, today, limits, rules.reasons_of(own), rules.presets(today, runs))


def live_claims(session: Session, invoice_ids: Sequence[UUID], now: datetime) -> dict[UUID, list[Hold]]:
    """By invoice, oldest first."""
    query = select(Hold).where(Hold.invoice_id.in_(invoice_ids), Hold.ended_at.is_(None), Hold.ends_at > now)
    found: dict[UUID, list[Hold]] = defaultdict(list)
    for hold in session.execute(query.where(Hold.kind.in_(rules.KINDS)).order_by(Hold.created_at, Hold.id)).scalars():
        found[hold.invoice_id].append(hold)
    return found


def claims_about(session: Session, invoice_ids: Sequence[UUID], now: datetime, limits: Limits) -> list[Claim]:
    """What was ever claimed of these invoices, newest first."""
    return _claims(session, Hold.invoice_id.in_(invoice_ids), now, limits)


def claims_in(session: Session, thread_id: UUID, now: datetime, limits: Limits) -> list[Claim]:
    """What was claimed in one conversation, newest first."""
    return _claims(session, Hold.thread_id == thread_id, now, limits)


def _claims(session: Session, which: ColumnElement[bool], now: datetime, limits: Limits) -> list[Claim]:
    query = (
        select(Hold, Invoice)
        .join(Invoice, Invoice.id == Hold.invoice_id)
        .where(which, Hold.kind.in_(rules.KINDS))
        .order_by(Hold.created_at.desc(), Hold.id.desc())
        .limit(_MOST)
    )
    return [_claim(hold, invoice, now, limits) for hold, invoice in session.execute(query)]


def suggestions(session: Session, claims: Sequence[Claim]) -> dict[UUID, Match]:
    """By claim: the money on no invoice yet, in the books of the same customer, that a payment it tells of may be."""
    undecided = [claim for claim in claims if claim.is_live and not claim.is_accepted]
    asked = {claim.id: claim for claim in undecided if claim.kind == HoldKind.ALREADY_PAID}
    if not asked:
        return {}
    known = defaultdict[UUID, list[Receipt]](list)
    same = and_(Credit.bill_to_id == Invoice.bill_to_id, Credit.currency == Invoice.currency)
    query = (
        select(Invoice.id, Credit.number, Credit.external_id, Credit.issued_on, Credit.remaining_minor)
        .join(Credit, same)
        .where(Invoice.id.in_([claim.invoice_id for claim in asked.values()]))
        .where(Credit.kind == CreditKind.UNAPPLIED_CASH, Credit.remaining_minor > 0)
    )
    for invoice_id, number, external_id, day, minor in session.execute(query):
        if day is not None:
            known[invoice_id].append(Receipt(number or external_id, day, minor))
    return {
        key: match
        for key, one in asked.items()
        if isinstance(one.said, SaidPaid) and (match := suggested(one.said, known[one.invoice_id]))
    }


def others_to_read(session: Session, invoice_id: UUID) -> list[Mailbox]:
    """The customer's other mailboxes, one of which the invoice may be handed over to."""
    reader = select(Invoice.mailbox_id).where(Invoice.id == invoice_id).scalar_subquery()
    query = select(Mailbox).where(Mailbox.id != reader, Mailbox.suppressed_at.is_(None), Mailbox.proven_at.is_not(None))
    return list(session.execute(query.order_by(Mailbox.address)).scalars())


def claim_of(session: Session, hold_id: UUID) -> Hold | None:
    """One claim of the scope; a foreign one looks exactly like a missing one."""
    query = select(Hold).where(Hold.id == hold_id, Hold.kind.in_(rules.KINDS))
    return session.execute(query).scalar_one_or_none()


def _claim(hold: Hold, invoice: Invoice, now: datetime, limits: Limits) -> Claim:
    return Claim(
        id=hold.id,
        invoice_id=invoice.id,
        label=invoice.label,
        kind=HoldKind(hold.kind),
        said=rules.kept(hold),
        currency=invoice.currency,
        at=hold.created_at,
        ends_at=hold.ends_at,
        note=hold.note,
        result=HoldResult(hold.result) if hold.result else None,
        is_live=hold.ended_at is None and hold.ends_at > now and invoice.is_open,
        is_part=hold.kind == HoldKind.DISPUTE and (hold.amount_minor or 0) < invoice.balance_minor,
        is_accepted=hold.accepted_at is not None,
        is_asked_back=bool(hold.facts.get("asked_back")),
        may_reopen=invoice.is_open and rules.may_reopen(hold, now, limits),
        thread_id=hold.thread_id,
    )
