"""Reads of what was told about payments: what customers say they have sent, and what the books say went wrong."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.conversations.queries import name_in_books
from app.models import BillTo, FailureText, Invoice, Remittance, Setback, SetbackKind, Vendor
from app.money import Money

# --- advice of what was sent ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Advice:
    """One remittance as either side reads it. ``who`` is the other side: the vendor's name for its customer, or the
    vendor."""

    id: UUID
    at: datetime
    who: str
    method: str
    reference: str
    total: Money
    credit: Money
    pays_on: date
    lines: tuple[tuple[UUID, str, Money, Money], ...]  # invoice, number, amount, discount
    said_by: str
    withdrawn_at: datetime | None


def advices(session: Session, *, limit: int = 100) -> list[Advice]:
    """Those of the scope, the newest first; ``who`` is the vendor."""
    query = select(Remittance, Vendor.name).join(Vendor, Vendor.id == Remittance.vendor_id)
    found = session.execute(query.order_by(Remittance.created_at.desc(), Remittance.id).limit(limit)).all()
    return [_advice(sent, name) for sent, name in found]


def advices_for_vendor(session: Session, *, limit: int = 100) -> list[Advice]:
    """The same for the vendor's people; ``who`` is the customer by the name in the vendor's own books."""
    query = select(Remittance).order_by(Remittance.created_at.desc(), Remittance.id).limit(limit)
    sent = list(session.execute(query).scalars())
    names = {each.customer_id: name_in_books(session, each.vendor_id, each.customer_id) for each in sent}
    return [_advice(each, names[each.customer_id]) for each in sent]


def advice_of(session: Session, remittance_id: UUID) -> Remittance | None:
    return session.execute(select(Remittance).where(Remittance.id == remittance_id)).scalar_one_or_none()


def _advice(sent: Remittance, who: str) -> Advice:
    def money(minor: int) -> Money:
        return Money(minor, sent.currency)

    return Advice(
        sent.id,
        sent.created_at,
        who,
        sent.method,
        sent.reference,
        money(sent.total_minor),
        money(sent.credit_minor),
        sent.pays_on,
        tuple((UUID(key), number, money(minor), money(off)) for key, number, minor, off in sent.lines),
        sent.said_by,
        sent.withdrawn_at,
    )


# --- what went wrong ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Trouble:
    """A setback as the vendor's people read it."""

    setback: Setback
    invoice_id: UUID
    number: str
    customer: str
    amount: Money
    rest: Money
    is_open: bool

    @property
    def wants_word(self) -> bool:
        """Less came than was asked for, and nobody has said yet what to do about it."""
        is_undecided = self.setback.accepted_at is None and self.setback.disputed_at is None
        return self.setback.kind == SetbackKind.SHORT and self.is_open and is_undecided


def setbacks(session: Session, limit: int = 50) -> list[Trouble]:
    """Of the vendor's scope, the newest first; those that turned out to be none are left out."""
    query = (
        select(Setback, Invoice, BillTo.name)
        .join(Invoice, Invoice.id == Setback.invoice_id)
        .outerjoin(BillTo, BillTo.id == Invoice.bill_to_id)
        .where(Setback.told_at.is_not(None), Setback.is_expected.is_(False))
        .order_by(Setback.happened_at.desc(), Setback.id)
        .limit(limit)
    )
    return [
        Trouble(
            setback,
            invoice.id,
            invoice.label,
            name or "",
            Money(setback.amount_minor, invoice.currency),
            invoice.balance,
            invoice.is_open,
        )
        for setback, invoice, name in session.execute(query)
    ]


def text_of(session: Session, reason: str, language: str) -> FailureText | None:
    """The operator's own words for one reason in one language."""
    return session.get(FailureText, (reason, language))


def own_texts(session: Session) -> list[FailureText]:
    return list(session.execute(select(FailureText)).scalars())


def setback_of(session: Session, setback_id: UUID) -> Setback | None:
    return session.execute(select(Setback).where(Setback.id == setback_id)).scalar_one_or_none()
