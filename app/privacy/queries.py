"""Who stands behind an address, and every row that names a person."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, func, or_, select
from sqlalchemy.orm import Session

from app.models import (
    Base,
    Customer,
    CustomerMember,
    Invoice,
    Mailbox,
    Merge,
    Message,
    Outgoing,
    Person,
    VendorMember,
    VendorRole,
)

_SECRET = ("token", "sealed", "hash")


@dataclass(frozen=True, slots=True)
class Subject:
    """Everything one address, or one organisation, is known by."""

    addresses: list[str]
    names: list[str]
    person_ids: list[UUID]
    mailbox_ids: list[UUID]
    customer_ids: list[UUID]  # those it belongs to; of an organisation, itself and what it has taken in
    vendor_ids: list[UUID]
    counts: dict[str, int]
    customer_id: UUID | None = None  # the organisation, when all of it goes


def subject_of(session: Session, address: str) -> Subject | None:
    """The person and the mailbox of one address (canonical)."""
    people = list(session.scalars(select(Person).where(Person.address == address)))
    boxes = list(session.scalars(select(Mailbox).where(Mailbox.address == address)))
    return _subject(session, people, boxes) if people or boxes else None


def organisation_of(session: Session, customer_id: UUID) -> Subject | None:
    """A customer with all its mailboxes, and the people who belong nowhere else."""
    customer = session.get(Customer, customer_id)
    if customer is None:
        return None
    boxes = list(session.scalars(select(Mailbox).where(Mailbox.customer_id == customer_id)))
    mine = select(CustomerMember.person_id).where(CustomerMember.customer_id == customer_id)
    elsewhere = select(CustomerMember.person_id).where(CustomerMember.customer_id != customer_id)
    only = (Person.id.in_(mine), Person.id.not_in(elsewhere), Person.id.not_in(select(VendorMember.person_id)))
    found = _subject(session, list(session.scalars(select(Person).where(*only))), boxes)
    taken_in = select(Customer).join(Merge, Merge.other_id == Customer.id).where(Merge.customer_id == customer_id)
    all_of_it = [customer, *session.scalars(taken_in.where(Merge.undone_at.is_(None)))]
    return replace(
        found,
        names=[*found.names, *(each.name for each in all_of_it)],
        customer_ids=[each.id for each in all_of_it],
        customer_id=customer_id,
    )


def _subject(session: Session, people: list[Person], boxes: list[Mailbox]) -> Subject:
    ids = [person.id for person in people]
    customers = session.scalars(select(CustomerMember.customer_id).where(CustomerMember.person_id.in_(ids)))
    vendors = session.scalars(select(VendorMember.vendor_id).where(VendorMember.person_id.in_(ids)))
    box_ids = [box.id for box in boxes]
    return Subject(
        addresses=sorted({*(person.address for person in people), *(box.address for box in boxes)}),
        names=[person.name for person in people if person.name],
        person_ids=ids,
        mailbox_ids=box_ids,
        customer_ids=sorted({*customers, *(box.customer_id for box in boxes)}),
        vendor_ids=sorted(set(vendors)),
        counts=_counts(session, ids, box_ids),
    )


def _counts(session: Session, person_ids: list[UUID], mailbox_ids: list[UUID]) -> dict[str, int]:
    """How much there is of what an operator asks about first."""
    counted = {
        "mails": or_(Outgoing.mailbox_id.in_(mailbox_ids), Outgoing.person_id.in_(person_ids)),
        "messages": Message.person_id.in_(person_ids),
        "invoices": Invoice.mailbox_id.in_(mailbox_ids),
    }
    return {name: session.scalar(select(func.count()).where(which)) or 0 for name, which in counted.items()}


def last_owner_of(session: Session, subject: Subject) -> list[UUID]:
    """Vendors that would be left without an owner."""
    owners = select(VendorMember.vendor_id).where(VendorMember.role == VendorRole.OWNER)
    others = set(session.scalars(owners.where(VendorMember.person_id.not_in(subject.person_ids))))
    mine = set(session.scalars(owners.where(VendorMember.person_id.in_(subject.person_ids))))
    return sorted(mine - others)


def what_names(session: Session, person: Person) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    """Every row of every table that names this person, or the mailbox of the person's address, table by table, read
    while it is taken; secrets left out."""
    box = session.scalar(select(Mailbox.id).where(Mailbox.address == person.address))
    for table in Base.metadata.sorted_tables:
        columns = table.columns
        named = [columns["person_id"] == person.id] if "person_id" in columns else []
        if "mailbox_id" in columns and box is not None:
            named.append(columns["mailbox_id"] == box)
        if table.name in ("person", "mailbox"):
            named = [columns["address"] == person.address]
        if named:
            shown = [column for column in columns if not _is_secret(column)]
            query = select(*shown).where(or_(*named)).order_by(*table.primary_key)
            rows = session.execute(query.execution_options(yield_per=500)).mappings()
            yield table.name, ({name: _plain(value) for name, value in row.items()} for row in rows)


def _is_secret(column: Any) -> bool:
    return isinstance(column.type, LargeBinary) or any(word in column.name for word in _SECRET)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
