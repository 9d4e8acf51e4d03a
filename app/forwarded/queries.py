"""Reads about invoices of suppliers who are not here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from app.models import ForwardedInvoice, Invoice, Vendor
from app.money import Totals

MOST = 300  # shown of what has ended


@dataclass(frozen=True, slots=True)
class Shelf:
    """``joined``: its supplier is here now, and so is the same invoice: (ours, its id, the vendor's name)."""

    waiting: Sequence[ForwardedInvoice]
    open: Sequence[ForwardedInvoice]
    joined: Sequence[tuple[ForwardedInvoice, UUID, str]]
    settled: Sequence[ForwardedInvoice]

    @property
    def totals(self) -> Totals:
        return Totals(each.total for each in self.open)


def shelf_of(session: Session, customer_id: UUID) -> Shelf:
    """All of one customer. Two invoices are one when number, currency and amount agree, spaces and case aside: it is
    looked up and never stored, so that nothing has to be mended when either changes."""
    rows: Sequence[Any] = session.execute(
        select(ForwardedInvoice, Invoice.id, Vendor.name)
        .outerjoin(
            Invoice,
            (Invoice.customer_id == customer_id)
            & (_plain(Invoice.number) == _plain(ForwardedInvoice.number))
            & (Invoice.currency == ForwardedInvoice.currency)
            & (Invoice.total_minor == ForwardedInvoice.total_minor),
        )
        .outerjoin(Vendor, Vendor.id == Invoice.vendor_id)
        .where(ForwardedInvoice.customer_id == customer_id)
        .order_by(ForwardedInvoice.due_on, ForwardedInvoice.created_at, ForwardedInvoice.id)
    ).all()
    once = {row[0].id: row for row in reversed(rows)}
    found = [once[each] for each in dict.fromkeys(row[0].id for row in rows)]
    mine = [row[0] for row in found if row[0].confirmed_at and row[1] is None]
    return Shelf(
        waiting=[row[0] for row in found if not row[0].confirmed_at],
        open=[each for each in mine if not each.settled_at],
        joined=[(row[0], row[1], row[2]) for row in found if row[0].confirmed_at and row[1]],
        settled=sorted((each for each in mine if each.settled_at), key=_ended, reverse=True)[:MOST],
    )


def forwarded_of(session: Session, forwarded_id: UUID, *, with_file: bool = False) -> ForwardedInvoice | None:
    query = select(ForwardedInvoice).where(ForwardedInvoice.id == forwarded_id)
    return session.execute(query.options(undefer(ForwardedInvoice.data)) if with_file else query).scalar_one_or_none()


def _plain(number: Any) -> Any:
    return func.lower(func.replace(number, " ", ""))


def _ended(each: ForwardedInvoice) -> Any:
    return each.settled_at
