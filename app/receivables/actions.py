"""Writes about what is owed: starting a payment, and the holds that silence one invoice."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.later import later
from app.models import AuditEntry, Hold, HoldKind, Invoice, TaskKind
from app.scope import widened
from app.settings import Limits
from app.tasks.actions import drop_task, raise_task
from app.words import _, marked

log = structlog.get_logger()


def hold_invoice(
    session: Session,
    *,
    invoice: Invoice,
    until: datetime,
    note: str,
    now: datetime,
    person_id: UUID,
    is_hidden: bool = False,
) -> Hold:
    """The vendor asks us to be quiet about one invoice until a day; both sides see it, or only the vendor's when it is
    hidden (FEATURES A11)."""
    end_holds(session, invoice_ids=[invoice.id], kind=HoldKind.VENDOR, now=now, reason=_("Changed by the supplier"))
    hold = Hold(
        vendor_id=invoice.vendor_id,
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        kind=HoldKind.VENDOR,
        ends_at=until,
        note=note,
        is_hidden=is_hidden,
        person_id=person_id,
        created_at=now,
    )
    session.add(hold)
    record_act(session, invoice, "hold.set", now, person_id)
    return hold


def disown_invoice(
    session: Session, *, invoice: Invoice, words: str, now: datetime, limits: Limits, person_id: UUID | None = None
) -> None:
    """ "Not mine": it is not asked for any more, and its vendor has to find out whose it is (FEATURES B8)."""
    hold = Hold(
        vendor_id=invoice.vendor_id,
        customer_id=invoice.customer_id,
        invoice_id=invoice.id,
        kind=HoldKind.NOT_MINE,
        ends_at=now + timedelta(days=limits.not_mine_days),
        note=" ".join(words.split())[:1000],
        person_id=person_id,
        created_at=now,
    )
    end_holds(session, invoice_ids=[invoice.id], kind=HoldKind.NOT_MINE, now=now, reason=_("Said again"))
    session.add(hold)
    record_act(session, invoice, "invoice.disowned", now, person_id)
    told = marked("Invoice %(number)s: whoever gets our mail about it says it is not theirs. They say: %(words)s")
    silent = marked("Invoice %(number)s: whoever gets our mail about it says it is not theirs.")
    with widened(session, "the vendor is asked whose invoice it is, by the number of its own books"):
        raise_task(
            session, invoice.vendor_id, TaskKind.NOT_MINE, str(invoice.id),
            later(told if hold.note else silent, number=invoice.label, words=hold.note),
            later(marked("Look whom it is for, and correct the customer or the address in your books.")), now,
            bill_to_id=invoice.bill_to_id, invoice_id=invoice.id,
        )  # fmt: skip


def own_invoice(session: Session, *, invoice: Invoice, now: datetime, person_id: UUID | None = None) -> None:
    """ "Not mine" was a mistake: the invoice is asked for again."""
    end_holds(session, invoice_ids=[invoice.id], kind=HoldKind.NOT_MINE, now=now, reason=_("Taken back"))
    record_act(session, invoice, "invoice.owned", now, person_id)
    with widened(session, "the vendor's task ends with its reason"):
        drop_task(session, invoice.vendor_id, TaskKind.NOT_MINE, str(invoice.id), now)


def end_holds(session: Session, *, invoice_ids: list[UUID], kind: HoldKind, now: datetime, reason: str) -> None:
    """End the live holds of one kind before their time."""
    session.execute(
        update(Hold)
        .where(Hold.invoice_id.in_(invoice_ids), Hold.kind == kind, Hold.ended_at.is_(None), Hold.ends_at > now)
        .values(ended_at=now, end_reason=reason)
        .execution_options(synchronize_session=False)
    )


def live_holds(session: Session, invoice_id: UUID, now: datetime) -> list[Hold]:
    query = select(Hold).where(Hold.invoice_id == invoice_id, Hold.ended_at.is_(None), Hold.ends_at > now)
    return list(session.execute(query.order_by(Hold.created_at)).scalars())


def record_act(session: Session, invoice: Invoice, action: str, now: datetime, person_id: UUID | None) -> None:
    session.add(
        AuditEntry.by(
            person_id, action, now, vendor_id=invoice.vendor_id, customer_id=invoice.customer_id, subject_id=invoice.id
        )
    )
