"""Reminders that a supplier's own system still sends beside ours: what its customers say of it (FEATURES A3)."""

from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import insert_into
from app.ids import new_id
from app.later import later
from app.models import AuditEntry, DirectReminder, TaskKind
from app.scope import widened
from app.tasks.actions import drop_task, raise_task
from app.words import marked

log = structlog.get_logger()

_TASK = "direct"


def report_direct(
    session: Session, *, vendor_id: UUID, customer_id: UUID, now: datetime, person_id: UUID | None = None
) -> None:
    """ "I also got one directly": said once or often, it counts as one customer, and the vendor has one task."""
    said = insert_into(session, DirectReminder).values(
        id=new_id(), vendor_id=vendor_id, customer_id=customer_id, said_at=now, created_at=now
    )
    keys = [DirectReminder.vendor_id, DirectReminder.customer_id]
    with widened(session, "a customer tells its vendor; both own the row"):
        session.execute(said.on_conflict_do_update(index_elements=keys, set_={"said_at": now}))
        raise_task(
            session, vendor_id, TaskKind.DIRECT, _TASK,
            later(marked("A customer got a reminder from your own system beside ours.")),
            later(marked("Switch its reminders off there, and confirm it on the Connections page.")), now,
        )  # fmt: skip
    session.add(
        AuditEntry.by(
            person_id, "reminder.direct", now, vendor_id=vendor_id, customer_id=customer_id, subject_id=vendor_id
        )
    )
    log.info("direct reminder reported", vendor=str(vendor_id))


def said_at(session: Session, vendor_id: UUID) -> datetime | None:
    """When this session's customer last said so of that vendor."""
    query = select(func.max(DirectReminder.said_at)).where(DirectReminder.vendor_id == vendor_id)
    return session.execute(query).scalar_one()


def settle_reports(session: Session, vendor_id: UUID, now: datetime) -> None:
    """The vendor says that its own reminders are off: the task has ended."""
    drop_task(session, vendor_id, TaskKind.DIRECT, _TASK, now)
