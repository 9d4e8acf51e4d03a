"""Two inboxes become one, and one becomes two again: the customer's own proven act (INVARIANTS D2, FEATURES B5).

Whose a row is follows from what it is about: the mailbox, and from it the bill_to, what is owed by that, the
conversations about it, the digests. Merging and splitting move the same rows, there and back. What hangs on no
mailbox, decisions about vendors, is joined when inboxes merge and copied when they part.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Table, and_, false, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.ids import new_id
from app.mailboxes.people import MailError, own_mailbox
from app.models import (
    AuditEntry,
    Base,
    Customer,
    CustomerMember,
    CustomerRole,
    Mailbox,
    Merge,
    Person,
    Relation,
    Thread,
    ThreadInvoice,
)
from app.receivables.routing import route_customer
from app.receivables.twins import look_at_customer
from app.scope import widened
from app.settings import Limits
from app.words import _

log = structlog.get_logger()

_FIRST = ("mailbox", "bill_to", "invoice", "thread", "digest")  # what others hang on, in this order
_LINKS = ("bill_to", "invoice", "thread", "digest", "mailbox")  # a row's owner is that of the first of these it names
_STAYS = ("audit_entry", "merge", "relation", "customer_member", "report", "direct_reminder")


def take_in(
    session: Session, customer_id: UUID, proven: Person, *, by: Person, now: datetime, limits: Limits
) -> Merge | None:
    """An address that ``proven`` has just shown to read belongs to this customer from now on: with the inbox it had, if
    that was another one. Raises MailError."""
    with widened(session, "whose mailbox a proven address is"):
        box = session.execute(select(Mailbox).where(Mailbox.address == proven.address)).scalar_one_or_none()
        if box is not None and box.customer_id != customer_id:
            return merge(session, customer_id, proven, by=by, now=now, limits=limits)
        if box is not None:
            box.proven_at = box.proven_at or now
    if box is None:
        own_mailbox(session, customer_id, proven, now=now, spacing_hours=limits.spacing_hours)
    return None


def merge(session: Session, customer_id: UUID, proven: Person, *, by: Person, now: datetime, limits: Limits) -> Merge:
    """Take in the inbox of the mailbox that ``proven`` has just shown to read. Raises MailError.

    ``by`` is an administrator here; of an inbox that has people, ``proven`` must be one there.
    """
    with widened(session, "two customers, whose owners have both proven that they are one"):
        box = session.execute(select(Mailbox).where(Mailbox.address == proven.address)).scalar_one_or_none()
        if box is None or box.customer_id == customer_id:
            raise MailError(_("That address is in no other inbox."))
        other = _both(session, box.customer_id, customer_id)
        members = _members(session, other.id)
        if members and not any(m.person_id == proven.id and m.role == CustomerRole.ADMIN for m in members):
            raise MailError(_("That inbox has an administrator of its own, who must prove its address."))
        boxes = list(session.execute(select(Mailbox.id).where(Mailbox.customer_id == other.id)).scalars())
        done = Merge(
            customer_id=customer_id,
            other_id=other.id,
            other_name=other.name,
            mailboxes=[str(each) for each in boxes],
            members=_join_members(session, members, customer_id, now),
            person_id=by.id,
            at=now,
            undo_until=now + timedelta(days=limits.merge_undo_days),
        )
        session.add(done)
        _move_rest(session, other.id, customer_id)
        _move(session, boxes, other.id, customer_id)
        _join_decisions(session, other.id, customer_id)
        session.flush()
        _settle(session, boxes, customer_id)
        look_at_customer(session, customer_id, now)
    _record(session, "inbox.merged", done, by, now)
    return done


def split(session: Session, done: Merge, *, by: Person, now: datetime) -> None:
    """Two inboxes again, each with what is owed through its own mailboxes. Raises MailError."""
    if done.undone_at is not None or done.undo_until <= now:
        raise MailError(_("This can no longer be taken back by yourself. Write to us."))
    boxes = [UUID(each) for each in done.mailboxes]
    with widened(session, "two customers, one of which takes back what it brought"):
        _both(session, done.other_id, done.customer_id)
        _move(session, boxes, done.customer_id, done.other_id)
        _copy_decisions(session, done.customer_id, done.other_id, now)
        _part_members(session, done, now)
        session.flush()
        _settle(session, boxes, done.other_id)
        route_customer(session, done.customer_id)
        look_at_customer(session, done.customer_id, now)
        look_at_customer(session, done.other_id, now)
    done.undone_at = now
    _record(session, "inbox.split", done, by, now)


def merges_to_undo(session: Session, now: datetime) -> list[Merge]:
    """Those of the scope that can still be taken back, the newest first."""
    query = select(Merge).where(Merge.undone_at.is_(None), Merge.undo_until > now)
    return list(session.execute(query.order_by(Merge.at.desc())).scalars())


def _both(session: Session, one: UUID, other: UUID) -> Customer:
    """Locked, in one order for everybody; returns the first named."""
    query = select(Customer).where(Customer.id.in_([one, other])).order_by(Customer.id).with_for_update()
    return {each.id: each for each in session.execute(query).scalars()}[one]


def _members(session: Session, customer_id: UUID) -> list[CustomerMember]:
    return list(session.execute(select(CustomerMember).where(CustomerMember.customer_id == customer_id)).scalars())


# --- the rows that go along -----------------------------------------------------------------------------------------


def _move(session: Session, boxes: Sequence[UUID], old: UUID, new: UUID) -> None:
    """Everything that hangs on these mailboxes, parents first."""
    session.flush()
    for table in _owned():
        column = table.c.customer_id
        which = _hangs_on(table, boxes, new)
        if which is not None:
            session.execute(update(table).where(column == old, which).values(customer_id=new))


def _move_rest(session: Session, old: UUID, new: UUID) -> None:
    """What hangs on no mailbox comes, too, and stays when inboxes part; not where both have the same. Conversations
    first: some are about no invoice and were begun at no mailbox."""
    session.flush()
    for table in _owned():
        if table.name == "thread" or _hangs_on(table, (), new) is None:
            try:
                with session.begin_nested():
                    session.execute(update(table).where(table.c.customer_id == old).values(customer_id=new))
            except IntegrityError:
                log.info("both inboxes have it", table=table.name)


def _owned() -> Iterator[Table]:
    """The tables whose rows have a customer, those that others hang on first."""
    tables = {name: table for name, table in Base.metadata.tables.items() if "customer_id" in table.c}
    yield from (tables.pop(name) for name in _FIRST)
    yield from (table for name, table in sorted(tables.items()) if name not in _STAYS)


def _hangs_on(table: Table, boxes: Sequence[UUID], new: UUID) -> ColumnElement[bool] | None:
    """Which rows of ``table`` go along, once what they hang on has gone."""
    if table.name == "mailbox":
        return table.c.id.in_(boxes)
    if table.name == "bill_to" or table.name == "digest":
        return table.c.mailbox_id.in_(boxes)
    if table.name == "thread":
        return _threads(boxes, new)
    for parent in _LINKS:
        if f"{parent}_id" in table.c:
            gone = Base.metadata.tables[parent].c
            link = table.c[f"{parent}_id"]
            mine = link.in_(select(gone.id).where(gone.customer_id == new))
            unnamed = and_(link.is_(None), table.c.mailbox_id.in_(boxes)) if "mailbox_id" in table.c else false()
            return or_(mine, unnamed)
    return None


def _threads(boxes: Sequence[UUID], new: UUID) -> ColumnElement[bool]:
    """A conversation goes with the invoices it is about; one about none with the mailbox that was answered."""
    invoice = Base.metadata.tables["invoice"].c
    about = select(ThreadInvoice.thread_id).where(ThreadInvoice.thread_id == Thread.id)
    gone = about.where(ThreadInvoice.invoice_id.in_(select(invoice.id).where(invoice.customer_id == new)))
    return or_(gone.exists(), and_(Thread.mailbox_id.in_(boxes), ~about.exists()))


def _settle(session: Session, boxes: Sequence[UUID], customer_id: UUID) -> None:
    """The mailboxes follow the pay days of the house they are in now, and its routes."""
    pay_days = session.execute(select(Customer.pay_days).where(Customer.id == customer_id)).scalar_one()
    session.execute(update(Mailbox).where(Mailbox.id.in_(boxes)).values(pay_days=pay_days))
    route_customer(session, customer_id)


# --- what hangs on no mailbox ---------------------------------------------------------------------------------------

_DECISIONS = ("accepted_at", "muted_at", "blocked_at", "reached_at", "first_mailed_at")


def _join_decisions(session: Session, old: UUID, new: UUID) -> None:
    """Whatever either inbox has decided about a vendor holds for both."""
    here = {each.vendor_id: each for each in session.scalars(select(Relation).where(Relation.customer_id == new))}
    for there in session.scalars(select(Relation).where(Relation.customer_id == old)).all():
        mine = here.get(there.vendor_id)
        if mine is None:
            there.customer_id = new
            continue
        for name in _DECISIONS:
            setattr(mine, name, getattr(mine, name) or getattr(there, name))
    session.flush()


def _copy_decisions(session: Session, old: UUID, new: UUID, now: datetime) -> None:
    """Who parts takes along what was decided together."""
    session.flush()
    kept = set(session.scalars(select(Relation.vendor_id).where(Relation.customer_id == new)))
    rows = [
        {"id": new_id(), "customer_id": new, "vendor_id": each.vendor_id, "created_at": now}
        | {name: getattr(each, name) for name in _DECISIONS}
        for each in session.scalars(select(Relation).where(Relation.customer_id == old))
        if each.vendor_id not in kept
    ]
    if rows:
        session.execute(insert(Relation), rows)


def _join_members(
    session: Session, members: Sequence[CustomerMember], customer_id: UUID, now: datetime
) -> list[tuple[str, str, bool]]:
    """People of both are people of the one; whoever is in both keeps the role held here. Returns who came: the person,
    the role there, and whether they were here before."""
    here = {member.person_id for member in _members(session, customer_id)}
    for member in members:
        session.delete(member)
        if member.person_id not in here:
            _add_member(session, customer_id, member.person_id, member.role, now)
    return [(str(member.person_id), str(member.role), member.person_id in here) for member in members]


def _part_members(session: Session, done: Merge, now: datetime) -> None:
    """Whoever came goes back, in their old role; who was in both stays in both."""
    came = {UUID(person_id): was_here for person_id, _role, was_here in done.members}
    for member in _members(session, done.customer_id):
        if came.get(member.person_id) is False:
            session.delete(member)
    for person_id, role, _was_here in done.members:
        _add_member(session, done.other_id, UUID(person_id), CustomerRole(role), now)


def _add_member(session: Session, customer_id: UUID, person_id: UUID, role: CustomerRole, now: datetime) -> None:
    session.add(CustomerMember(customer_id=customer_id, person_id=person_id, role=role, created_at=now))


def _record(session: Session, action: str, done: Merge, by: Person, now: datetime) -> None:
    log.info(action, customer=str(done.customer_id), other=str(done.other_id))
    session.add(
        AuditEntry.by(
            by.id, action, now, customer_id=done.customer_id, subject_id=done.id, detail={"other": str(done.other_id)}
        )
    )
