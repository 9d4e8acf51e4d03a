"""A vendor's accounts, one by one: what each owes, how late it pays, and how likely it will (FEATURES G13)."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from app.models import BillTo, Hold, HoldKind, HoldResult, Invoice, LateRisk, Vendor
from app.receivables.queries import IS_OPEN
from app.scorecard.owed import Lateness, Paid, lateness
from app.scorecard.risk import History, Outcome, Risk, curve, risk

LOOKED_BACK = timedelta(days=730)  # for how an account pays
LISTED = 20


def risks(session: Session, vendor: Vendor, paid: Sequence[Paid], today: date) -> dict[UUID, Risk]:
    """Of every account that has paid enough to be told from the others; two statements besides ``paid``. Nothing but
    this vendor's own history is looked at."""
    outcomes = defaultdict[UUID, list[tuple[date, Outcome]]](list)
    for one in paid:
        if one.bill_to_id and one.due_on:
            outcomes[one.bill_to_id].append((one.due_on, Outcome((one.paid_on - one.due_on).days)))
    still_open = select(Invoice.bill_to_id, Invoice.due_on).where(
        Invoice.vendor_id == vendor.id, IS_OPEN, Invoice.bill_to_id.is_not(None), Invoice.due_on.is_not(None)
    )
    for bill_to_id, due_on in session.execute(still_open):
        if bill_to_id and due_on:
            outcomes[bill_to_id].append((due_on, Outcome((today - due_on).days, is_paid=False)))
    words = _words_kept(session, vendor.id, today)
    everybody = curve(outcome for each in outcomes.values() for _, outcome in each)
    found = {}
    for bill_to_id, each in outcomes.items():
        ordered = tuple(outcome for _, outcome in sorted(each, key=lambda one: one[0]))
        promises = words[bill_to_id]
        history = History(ordered, promises[HoldResult.BROKEN], promises.total())
        if (known := risk(history, everybody)) is not None:
            found[bill_to_id] = known
    return found


def _words_kept(session: Session, vendor_id: UUID, today: date) -> dict[UUID, Counter[HoldResult]]:
    rows = session.execute(
        select(Invoice.bill_to_id, Hold.result, func.count(Hold.id))
        .join(Invoice, Invoice.id == Hold.invoice_id)
        .where(Hold.vendor_id == vendor_id, Hold.kind == HoldKind.PROMISE)
        .where(Hold.result.in_((HoldResult.KEPT, HoldResult.BROKEN)), Hold.promised_on >= today - LOOKED_BACK)
        .group_by(Invoice.bill_to_id, Hold.result)
    )
    found = defaultdict[UUID, Counter[HoldResult]](Counter)
    for bill_to_id, result, count in rows:
        if bill_to_id and result:
            found[bill_to_id][HoldResult(result)] += count
    return found


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


def accounts(
    session: Session, vendor: Vendor, paid: Sequence[Paid], known: dict[UUID, Risk], today: date
) -> list[Account]:
    """Those that owe, by currency, the most overdue first; one statement."""
    overdue = func.sum(case((Invoice.due_on < today, Invoice.balance_minor), else_=0))
    rows = session.execute(
        select(BillTo.id, BillTo.name, Invoice.currency, func.sum(Invoice.balance_minor), overdue)
        .join(BillTo, BillTo.id == Invoice.bill_to_id)
        .where(Invoice.vendor_id == vendor.id, IS_OPEN)
        .group_by(BillTo.id, BillTo.name, Invoice.currency)
        .order_by(Invoice.currency, overdue.desc(), BillTo.name, BillTo.id)
        .limit(LISTED)
    )
    paid_by = defaultdict[UUID | None, list[Paid]](list)
    for one in paid:
        paid_by[one.bill_to_id].append(one)
    return [
        Account(key, name, currency, int(owed), int(late), lateness(paid_by[key]), known.get(key))
        for key, name, currency, owed, late in rows
    ]
