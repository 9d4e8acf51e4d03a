"""A vendor's accounts, one by one: what each owes, how late it pays, and how likely it will (FEATURES G13)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.models import BillTo, Invoice, LateRisk, Vendor
from app.receivables.queries import IS_OPEN
from app.scorecard.paid import LOOKED_BACK, Lateness, Paid, histories, open_by_days
from app.scorecard.risk import Curve, Outcome, Risk, curve, risk

LISTED = 20


def everybody(session: Session, vendor: Vendor, paid: Iterable[Paid], today: date) -> Curve:
    """All of this vendor's accounts together; nothing but its own history is looked at. One statement besides
    ``paid``."""
    outcomes = open_by_days(session, vendor, today)
    for one in paid:
        if one.is_known and one.on >= today - LOOKED_BACK:
            outcomes[Outcome(one.days)] += one.count
    return curve(outcomes)


@dataclass(frozen=True, slots=True)
class Account:
    """One account in one currency."""

    bill_to_id: UUID
    name: str
    currency: str
    open_minor: int
    overdue_minor: int
    late: Lateness
    risk: Risk | None

    @property
    def grade(self) -> LateRisk:
        return self.risk.grade if self.risk else LateRisk.UNKNOWN


def accounts(session: Session, vendor: Vendor, paid: Iterable[Paid], today: date) -> list[Account]:
    """Those that owe, by currency, the most overdue first; three statements besides ``paid``."""
    overdue = func.sum(case((Invoice.due_on < today, Invoice.balance_minor), else_=0)).label("overdue")
    owed = (
        select(Invoice.bill_to_id, Invoice.currency, func.sum(Invoice.balance_minor).label("open"), overdue)
        .where(Invoice.vendor_id == vendor.id, IS_OPEN)
        .group_by(Invoice.bill_to_id, Invoice.currency)
        .subquery()
    )
    rows = session.execute(
        select(BillTo.id, BillTo.name, owed.c.currency, owed.c.open, owed.c.overdue)
        .join(owed, owed.c.bill_to_id == BillTo.id)
        .order_by(owed.c.currency, owed.c.overdue.desc(), BillTo.name, BillTo.id)
        .limit(LISTED)
    ).all()
    found = histories(session, vendor, today - LOOKED_BACK, today, [row[0] for row in rows])
    known, all_ = {one.bill_to_id: one for one in found}, everybody(session, vendor, paid, today)
    return [
        Account(key, name, currency, int(minor), int(late), known[key].late, risk(known[key].history, all_))
        for key, name, currency, minor, late in rows
    ]
