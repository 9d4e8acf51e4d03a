"""What a vendor is owed, from the sums the database keeps (InvoiceSum): equal to its open invoices at any moment, and
no dearer for a million of them than for ten."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import and_, case, delete, func, or_, select, text, tuple_
from sqlalchemy.orm import Session

from app.house import House
from app.models import InvoiceSum, Vendor
from app.scope import Everything

_WORKER = Everything("the sums of all vendors are folded")
_IS_LOOSE = text("is_loose")  # as the index has it
_VENDORS, _ROWS = 20, 1000


@dataclass(frozen=True, slots=True)
class Sum:
    """So many open invoices of one currency. ``late``: how many of the days asked for they were due before."""

    currency: str
    late: int
    count: int
    minor: int


def open_sums(session: Session, vendor_id: UUID, days: Sequence[date]) -> list[Sum]:
    """By currency and by how late they are; ``days`` from the latest to the earliest. One statement."""
    late: Any = case(
        *((InvoiceSum.due_on < day, number) for number, day in reversed(list(enumerate(days, 1)))), else_=0
    )
    rows = session.execute(
        select(InvoiceSum.currency, late, func.sum(InvoiceSum.count), func.sum(InvoiceSum.balance_minor))
        .where(InvoiceSum.vendor_id == vendor_id)
        .group_by(InvoiceSum.currency, late)
        .order_by(InvoiceSum.currency, late)
    )
    return [Sum(currency, number, int(count), int(minor)) for currency, number, count, minor in rows if count]


def fold_sums(house: House) -> int:
    """Make one row of many for the days in which something changed; returns how many rows went."""
    with house.database.transaction(_WORKER) as session:
        loose = select(InvoiceSum.vendor_id).where(_IS_LOOSE).distinct().limit(_VENDORS)
        mine = select(Vendor.id).where(Vendor.id.in_(loose)).with_for_update(skip_locked=True, key_share=True)
        return sum(_fold(session, vendor_id) for vendor_id in session.execute(mine).scalars().all())


def _fold(session: Session, vendor_id: UUID) -> int:
    """Any rows of a day may be replaced by their sum."""
    rows = select(InvoiceSum.id, InvoiceSum.currency, InvoiceSum.due_on).where(InvoiceSum.vendor_id == vendor_id)
    loose = session.execute(rows.where(_IS_LOOSE).limit(_ROWS)).all()
    days = tuple_(InvoiceSum.currency, InvoiceSum.due_on).in_({(row.currency, row.due_on) for row in loose})
    gone = session.execute(
        delete(InvoiceSum)
        .where(InvoiceSum.vendor_id == vendor_id)
        .where(or_(InvoiceSum.id.in_([row.id for row in loose]), and_(~InvoiceSum.is_loose, days)))
        .returning(InvoiceSum.currency, InvoiceSum.due_on, InvoiceSum.count, InvoiceSum.balance_minor)
        .execution_options(synchronize_session=False)
    ).all()
    counts, minors = Counter[tuple[str, date]](), Counter[tuple[str, date]]()
    for currency, due_on, count, minor in gone:
        counts[currency, due_on] += count
        minors[currency, due_on] += int(minor)
    session.add_all(
        InvoiceSum(
            vendor_id=vendor_id, currency=currency, due_on=due_on, count=count, is_loose=False,
            balance_minor=minors[currency, due_on],
        )
        for (currency, due_on), count in counts.items() if count or minors[currency, due_on]
    )  # fmt: skip
    return len(gone)
