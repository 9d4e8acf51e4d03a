"""Vendor tasks: raised by the worker or a customer's act, done by the vendor's people."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.ids import new_id
from app.models import TaskKind, VendorTask


def raise_task(
    session: Session,
    vendor_id: UUID,
    kind: TaskKind,
    subject_key: str,
    words: str,
    remedy: str,
    now: datetime,
    *,
    bill_to_id: UUID | None = None,
    invoice_id: UUID | None = None,
) -> None:
    """One task a matter: raised again, a finished one is open again, an open one only gets the newer words.

    Wants a session that may write the vendor's rows: the worker's, or a widened one.
    """
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    said = {"words": words[:300], "remedy": remedy[:300], "done_at": None, "done_by_id": None}
    row = {
        "id": new_id(),
        "created_at": now,
        "vendor_id": vendor_id,
        "kind": kind,
        "subject_key": subject_key[:120],
        "bill_to_id": bill_to_id,
        "invoice_id": invoice_id,
        **said,
    }
    keys = [VendorTask.vendor_id, VendorTask.kind, VendorTask.subject_key]
    session.execute(insert(VendorTask).values(row).on_conflict_do_update(index_elements=keys, set_=said))


def finish_task(session: Session, task_id: UUID, person_id: UUID, now: datetime) -> bool:
    """False when there is no such open task in the session's scope."""
    statement = (
        update(VendorTask)
        .where(VendorTask.id == task_id, VendorTask.done_at.is_(None))
        .values(done_at=now, done_by_id=person_id)
        .returning(VendorTask.id)
    )
    return session.execute(statement).scalar_one_or_none() is not None


def drop_task(session: Session, vendor_id: UUID, kind: TaskKind, subject_key: str, now: datetime) -> None:
    """The matter has ended without anybody at the vendor. Wants a session that may write the vendor's rows."""
    mine = and_(VendorTask.vendor_id == vendor_id, VendorTask.kind == kind, VendorTask.subject_key == subject_key)
    session.execute(update(VendorTask).where(mine, VendorTask.done_at.is_(None)).values(done_at=now))
