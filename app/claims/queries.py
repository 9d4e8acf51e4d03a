"""Reads of claims; the session's scope decides whose."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.claims import rules
from app.claims.rules import Said
from app.models import Hold, HoldKind, HoldResult, Invoice
from app.settings import Limits


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


def live_claims(session: Session, invoice_ids: Sequence[UUID], now: datetime) -> dict[UUID, list[Hold]]:
    """By invoice, oldest first."""
    query = select(Hold).where(Hold.invoice_id.in_(invoice_ids), Hold.ended_at.is_(None), Hold.ends_at > now)
    found: dict[UUID, list[Hold]] = defaultdict(list)
    for hold in session.execute(query.where(Hold.kind.in_(rules.KINDS)).order_by(Hold.created_at, Hold.id)).scalars():
        found[hold.invoice_id].append(hold)
    return found


def claims_about(session: Session, invoice_ids: Sequence[UUID], now: datetime, limits: Limits) -> list[Claim]:
    """What was ever claimed of these invoices, newest first."""
    query = (
        select(Hold, Invoice)
        .join(Invoice, Invoice.id == Hold.invoice_id)
        .where(Hold.invoice_id.in_(invoice_ids), Hold.kind.in_(rules.KINDS))
        .order_by(Hold.created_at.desc(), Hold.id.desc())
        .limit(100)
    )
    return [_claim(hold, invoice, now, limits) for hold, invoice in session.execute(query)]


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
