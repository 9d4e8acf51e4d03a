"""Reads of what was told, for either side: the session's scope says which."""

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer

from app.models import BillTo, DetailsChange, DetailsProposal, Person, Vendor
from app.scope import widened

LAST = 50


@dataclass(frozen=True, slots=True)
class Told:
    """One change, and what became of it at each supplier: (supplier's name, its copy)."""

    change: DetailsChange
    copies: list[tuple[str, DetailsProposal]]

    @property
    def accepted(self) -> int:
        return sum(copy.is_accepted for _, copy in self.copies)

    @property
    def waiting(self) -> int:
        return sum(copy.answered_at is None for _, copy in self.copies)


def told(session: Session) -> list[Told]:
    """The customer's newest changes, in two statements."""
    newest = select(DetailsChange).order_by(DetailsChange.created_at.desc(), DetailsChange.id.desc()).limit(LAST)
    changes = list(session.scalars(newest))
    copies: dict[UUID, list[tuple[str, DetailsProposal]]] = defaultdict(list)
    query = select(Vendor.name, DetailsProposal).join(Vendor, Vendor.id == DetailsProposal.vendor_id)
    mine = DetailsProposal.change_id.in_([change.id for change in changes])
    for name, copy in session.execute(query.where(mine).order_by(func.lower(Vendor.name), Vendor.id)):
        copies[copy.change_id].append((name, copy))
    return [Told(change, copies[change.id]) for change in changes]


@dataclass(frozen=True, slots=True)
class Asked:
    """What one supplier was told: by which customer, in that supplier's own words for it, and by whom there."""

    proposal: DetailsProposal
    customer: str
    told_by: str


def asked(session: Session) -> list[Asked]:
    """The vendor's, unanswered ones first."""
    query = (
        select(DetailsProposal, func.coalesce(BillTo.name, ""), func.coalesce(Person.name, ""))
        .outerjoin(BillTo, BillTo.id == DetailsProposal.bill_to_id)
        .outerjoin(Person, Person.id == DetailsProposal.person_id)
    )
    order = (DetailsProposal.answered_at.is_not(None), DetailsProposal.created_at.desc(), DetailsProposal.id)
    return [Asked(*row) for row in session.execute(query.order_by(*order).limit(LAST))]


def proposal_of(session: Session, proposal_id: UUID) -> DetailsProposal | None:
    return session.execute(select(DetailsProposal).where(DetailsProposal.id == proposal_id)).scalar_one_or_none()


def file_of(session: Session, proposal: DetailsProposal) -> bytes | None:
    """The file that came with what a supplier was told."""
    with widened(session, "the file is kept once, with the change; the reader's own copy of it was found in scope"):
        query = select(DetailsChange).where(DetailsChange.id == proposal.change_id)
        found = session.execute(query.options(undefer(DetailsChange.file_data))).scalar_one()
        return found.file_data
