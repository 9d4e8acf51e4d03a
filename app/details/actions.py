"""Tell all suppliers one thing, once; and answer for one of them (FEATURES H3)."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.conversations.rules import File
from app.details.rules import KINDS, REMEDY
from app.later import later
from app.models import AuditEntry, BillTo, DetailKind, DetailsChange, DetailsProposal, Person, TaskKind
from app.scope import widened
from app.tasks.actions import Matter, drop_task, raise_tasks

log = structlog.get_logger()


class TooManyChanges(ValueError):
    """Everybody at every supplier has to read each of them."""


def tell_suppliers(
    session: Session,
    *,
    customer_id: UUID,
    vendor_ids: Collection[UUID],
    kind: DetailKind,
    words: str,
    file: File | None,
    person: Person,
    most_a_day: int,
    now: datetime,
) -> DetailsChange:
    """One task at each supplier, in the name its own books use; none of them sees how many there are (INVARIANTS I2).

    Raises TooManyChanges.
    """
    lately = select(func.count()).where(DetailsChange.created_at > now - timedelta(days=1))
    if session.execute(lately).scalar_one() >= most_a_day:
        raise TooManyChanges
    told = {"kind": kind, "words": words, "file_name": file.name if file else "", "created_at": now}
    change = DetailsChange(customer_id=customer_id, person_id=person.id, file_data=file.data if file else None, **told)
    session.add(change)
    session.flush()
    with widened(session, "each supplier knows this customer under a name of its own"):
        query = select(BillTo.vendor_id, BillTo.id).where(BillTo.customer_id == customer_id, BillTo.is_active)
        bill_tos = dict(session.execute(query.order_by(BillTo.created_at.desc())).all())  # the oldest stays
    proposals = [
        DetailsProposal(
            change_id=change.id, vendor_id=vendor_id, customer_id=customer_id, bill_to_id=bill_tos.get(vendor_id),
            person_id=person.id, **told,
        )
        for vendor_id in vendor_ids
    ]  # fmt: skip
    session.add_all(proposals)
    session.flush()
    raise_tasks(session, [_task(proposal) for proposal in proposals], now)
    _record(session, "details.told", change.id, person, now, customer_id=customer_id, suppliers=len(proposals))
    return change


def _task(proposal: DetailsProposal) -> Matter:
    return Matter(
        proposal.vendor_id, TaskKind.DETAILS, str(proposal.id),
        later("%(kind)s: %(words)s", kind=later(KINDS[proposal.kind]), words=proposal.words), later(REMEDY),
        bill_to_id=proposal.bill_to_id,
    )  # fmt: skip


def answer(
    session: Session, proposal: DetailsProposal, *, is_accepted: bool, words: str, person: Person, now: datetime
) -> bool:
    """The supplier has put it into its books, or says why not. False: somebody answered before."""
    said = {"answered_at": now, "is_accepted": is_accepted, "answer": words, "answered_by_id": person.id}
    still_open = (DetailsProposal.id == proposal.id, DetailsProposal.answered_at.is_(None))
    changed = update(DetailsProposal).where(*still_open).values(**said).returning(DetailsProposal.id)
    if session.execute(changed).scalar_one_or_none() is None:
        return False
    drop_task(session, proposal.vendor_id, TaskKind.DETAILS, str(proposal.id), now)
    action = "details.accepted" if is_accepted else "details.declined"
    _record(session, action, proposal.id, person, now, vendor_id=proposal.vendor_id)
    return True


def _record(
    session: Session,
    action: str,
    subject_id: UUID,
    person: Person,
    now: datetime,
    *,
    customer_id: UUID | None = None,
    vendor_id: UUID | None = None,
    **detail: int,
) -> None:
    log.info(action, subject=str(subject_id))
    session.add(
        AuditEntry.by(
            person.id, action, now, customer_id=customer_id, vendor_id=vendor_id, subject_id=subject_id, detail=detail
        )
    )
