"""The worker's part of looking after customers: who owns an account hears of it when that customer is late first."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app import clock
from app.care.notices import tell_owner
from app.care.rules import OwnerEvent
from app.house import House
from app.models import BillTo, Invoice, InvoiceState
from app.scope import Everything

_WORKER = Everything("accounts with an owner, of all vendors")
_BATCH = 200


def tell_first_late(house: House) -> int:
    """Look at accounts that have an owner and were never seen late, as long as an invoice of theirs is overdue; each is
    looked at once. Those that had paid late before are not late for the first time (FEATURES J8)."""
    now = clock.now()
    yesterday = now.date() - timedelta(days=1)  # overdue in every zone
    with house.database.transaction(_WORKER) as session:
        found: dict[UUID, Invoice] = {}
        owned = select(BillTo.id).where(BillTo.owner_id.is_not(None), BillTo.late_told_at.is_(None))
        late = (
            select(Invoice)
            .where(Invoice.bill_to_id.in_(owned), Invoice.state == InvoiceState.OPEN, Invoice.due_on < yesterday)
            .order_by(Invoice.due_on, Invoice.id)
            .limit(_BATCH)
        )
        for invoice in session.execute(late).scalars():
            if invoice.is_open and invoice.bill_to_id is not None:
                found.setdefault(invoice.bill_to_id, invoice)
        claimed = _claim(session, list(found), now)
        before = _late_before(session, claimed)
        for bill_to_id in claimed:
            if bill_to_id not in before:
                invoice = found[bill_to_id]
                tell_owner(
                    session, house=house, event=OwnerEvent.FIRST_LATE, invoice=invoice, about=bill_to_id, now=now
                )
    return len(claimed)


def _claim(session: Session, bill_to_ids: Sequence[UUID], now: datetime) -> list[UUID]:
    """Those no other worker has looked at meanwhile."""
    done = (
        update(BillTo)
        .where(BillTo.id.in_(bill_to_ids), BillTo.late_told_at.is_(None))
        .values(late_told_at=now)
        .returning(BillTo.id)
    )
    return list(session.execute(done.execution_options(synchronize_session=False)).scalars())


def _late_before(session: Session, bill_to_ids: Sequence[UUID]) -> set[UUID]:
    """Which of them have paid an invoice after its day."""
    query = select(Invoice.bill_to_id).where(
        Invoice.bill_to_id.in_(bill_to_ids), func.date(Invoice.settled_at) > Invoice.due_on
    )
    return {key for key in session.execute(query.distinct()).scalars() if key is not None}
