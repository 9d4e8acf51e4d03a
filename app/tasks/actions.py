"""Vendor tasks: raised by the worker or a customer's act, done by the vendor's people."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, update
from sqlalchemy.orm import Session

from app.db import insert_into
from app.ids import new_id
from app.later import Later
from app.models import TaskKind, VendorTask
from app.scope import widened


@dataclass(frozen=True, slots=True)
class Matter:
    """What a vendor is to look at; ``subject_key`` names it, so that it is raised once."""

    vendor_id: UUID
    kind: TaskKind
    subject_key: str
    words: Later
    remedy: Later
    bill_to_id: UUID | None = None
    invoice_id: UUID | None = None


def raise_task(
    session: Session,
    vendor_id: UUID,
    kind: TaskKind,
    subject_key: str,
    words: Later,
    remedy: Later,
    now: datetime,
    *,
    bill_to_id: UUID | None = None,
    invoice_id: UUID | None = None,
) -> None:
    """One task a matter: raised again, a finished one is open again, an open one only gets the newer words."""
    raise_tasks(session, [Matter(vendor_id, kind, subject_key, words, remedy, bill_to_id, invoice_id)], now)


def raise_tasks(session: Session, matters: Collection[Matter], now: datetime, *, is_final: bool = False) -> None:
    """The same for many at once. ``is_final``: what was raised once is left as the vendor's people left it."""
    if not matters:
        return
    rows = [
        {
            "id": new_id(),
            "created_at": now,
            "vendor_id": matter.vendor_id,
            "kind": matter.kind,
            "subject_key": matter.subject_key[:120],
            "bill_to_id": matter.bill_to_id,
            "invoice_id": matter.invoice_id,
            "told": matter.words,
            "advice": matter.remedy,
            "done_at": None,
            "done_by_id": None,
        }
        for matter in matters
    ]
    statement = insert_into(session, VendorTask)
    said = {name: statement.excluded[name] for name in ("told", "advice", "done_at", "done_by_id")}
    keys = [VendorTask.vendor_id, VendorTask.kind, VendorTask.subject_key]
    once = statement.on_conflict_do_nothing(index_elements=keys)
    with widened(session, "a task is the vendor's, whoever gives cause for it"):
        session.execute(once if is_final else statement.on_conflict_do_update(index_elements=keys, set_=said), rows)


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
