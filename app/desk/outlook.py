"""What comes up for a vendor: its own rows in the next digests, and the tasks only its people can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app.counting import count
from app.mailboxes.outlook import Asking, verdicts
from app.models import (
    HAS_ADDRESS_ISSUE,
    AuditEntry,
    BillTo,
    Connection,
    HoldKind,
    Invoice,
    Mailbox,
    Person,
    TaskKind,
    Vendor,
    VendorTask,
)
from app.receivables.actions import end_holds, hold_invoice
from app.receivables.queries import IS_OPEN
from app.receivables.rules import Eligibility, Reason, Verdict
from app.scope import widened
from app.settings import Limits
from app.words import _

AHEAD = timedelta(hours=48)
COMING = 100  # rows on the page of what comes
LOOKED_AT = 1_000  # of the open invoices due longest, for it
JUDGED = 150  # of those, with what bears on each
MOST = 200


@dataclass(frozen=True, slots=True)
class Coming:
    """One invoice that the next digests would ask for. Whose digest and when exactly is the customer's own affair."""

    invoice: Invoice
    customer_name: str
    bill_to_id: UUID | None
    word: Eligibility


def coming(session: Session, vendor: Vendor, now: datetime, limits: Limits) -> tuple[list[Coming], bool]:
    """The vendor's rows in digests of the next two days, the longest due first, and whether there may be more.

    What the customer has decided about this vendor is not asked, so that its absence here tells nothing (INVARIANTS
    I2); a mailbox that takes no mail is not waited for.
    """
    with widened(session, "which mailboxes of this vendor's own rows are written to soon, and nothing else of them"):
        soon, is_cut = _soon(session, vendor, now)
        query = (
            select(Invoice, Connection, Mailbox, BillTo)
            .join(Connection, Connection.id == Invoice.connection_id)
            .join(Mailbox, Mailbox.id == Invoice.mailbox_id)
            .outerjoin(BillTo, BillTo.id == Invoice.bill_to_id)
        )
        rows = session.execute(query.where(Invoice.id.in_(soon)).order_by(Invoice.due_on, Invoice.id)).all()
        rest = _rest(session, query, vendor, rows) if is_cut else ()
    asking = [Asking(row[0], vendor, row[1], row[2], None) for row in (*rows, *rest)]
    words = verdicts(session, asking, now, limits)
    found = [
        Coming(row[0], getattr(row[3], "name", "") or _("A customer"), row[0].bill_to_id, words[row[0].id])
        for row in rows
        if _comes(words[row[0].id], row[2])
    ]
    return found[:COMING], is_cut or len(found) > COMING


def _soon(session: Session, vendor: Vendor, now: datetime) -> tuple[list[UUID], bool]:
    """Of the open invoices due longest, those whose mailbox is written to soon; and whether there may be more. What is
    wanted of the mailbox is no condition: both databases would begin with the mailboxes of all vendors."""
    is_soon = and_(
        Mailbox.next_digest_at.between(now - AHEAD, now + AHEAD),
        Mailbox.reminders_off_at.is_(None),
        Mailbox.suppressed_at.is_(None),
        or_(Mailbox.paused_until.is_(None), Mailbox.paused_until < now + AHEAD),
    )
    query = select(Invoice.id, is_soon).outerjoin(Mailbox, Mailbox.id == Invoice.mailbox_id)
    query = query.where(Invoice.vendor_id == vendor.id, IS_OPEN).order_by(Invoice.due_on, Invoice.id)
    looked = session.execute(query.limit(LOOKED_AT + 1)).all()
    found = [row[0] for row in looked[:LOOKED_AT] if row[1]]
    return found[:JUDGED], len(looked) > LOOKED_AT or len(found) > JUDGED


def _rest(session: Session, query: Any, vendor: Vendor, rows: Sequence[Any]) -> Sequence[Any]:
    """What else the same mailboxes owe: whether their credit covers it goes by all of it together."""
    owed = (Invoice.vendor_id == vendor.id, IS_OPEN, Invoice.mailbox_id.in_({row[2].id for row in rows}))
    return session.execute(query.where(*owed, Invoice.id.not_in([row[0].id for row in rows]))).all()


_RESTS_FOR_DAYS = (Reason.NOT_YET, Reason.JUST_ISSUED, Reason.MENTIONED)


def _comes(word: Eligibility, box: Mailbox) -> bool:
    """Asked for now, or what holds it back is over on the day of the next digest."""
    if word.verdict == Verdict.SEND or word.reason not in _RESTS_FOR_DAYS:
        return word.verdict == Verdict.SEND
    at = box.next_digest_at
    return bool(word.until and at and word.until <= at.astimezone(ZoneInfo(box.zone)).date())


def silent_since_before(session: Session, vendor: Vendor) -> int:
    """How many open invoices are left alone because they were due before the vendor's first day, as counted()."""
    if vendor.chase_from is None:
        return 0
    query = select(Invoice.id).where(Invoice.vendor_id == vendor.id, IS_OPEN, Invoice.due_on < vendor.chase_from)
    return count(session, query.where(Invoice.included_at.is_(None)))


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A task with the customer it is about, as the vendor's books call it."""

    task: VendorTask
    customer: str
    bill_to_id: UUID | None


def open_tasks(session: Session, kind: TaskKind | None = None) -> list[OpenTask]:
    """The scope's tasks, the oldest first; of one kind, or all."""
    query = (
        select(VendorTask, func.coalesce(BillTo.name, ""), BillTo.id)
        .outerjoin(Invoice, Invoice.id == VendorTask.invoice_id)
        .outerjoin(BillTo, BillTo.id == func.coalesce(VendorTask.bill_to_id, Invoice.bill_to_id))
        .where(VendorTask.done_at.is_(None))
        .order_by(VendorTask.created_at, VendorTask.id)
        .limit(MOST)
    )
    if kind is not None:
        query = query.where(VendorTask.kind == kind)
    return [OpenTask(*row) for row in session.execute(query)]


def unreached(session: Session) -> list[tuple[BillTo, int]]:
    """Customers with open invoices and no mail address, and how many invoices: those with most first."""
    query = (
        select(BillTo, func.count(Invoice.id))
        .join(Invoice, Invoice.bill_to_id == BillTo.id)
        .where(HAS_ADDRESS_ISSUE, IS_OPEN, BillTo.mailbox_id.is_(None), Invoice.mailbox_id.is_(None))
        .group_by(BillTo.id)
        .order_by(func.count(Invoice.id).desc(), BillTo.id)
        .limit(MOST)
    )
    return [(row[0], row[1]) for row in session.execute(query)]


def hold_customer(
    session: Session, *, bill_to: BillTo, until: datetime, note: str, is_hidden: bool, person: Person, now: datetime
) -> None:
    """Everything this customer owes is out of reminders until then, what comes meanwhile too (FEATURES A11)."""
    bill_to.held_until, bill_to.hold_note, bill_to.hold_is_hidden = until, note, is_hidden
    for invoice in session.execute(select(Invoice).where(Invoice.bill_to_id == bill_to.id, IS_OPEN)).scalars():
        hold_invoice(
            session, invoice=invoice, until=until, note=note, now=now, person_id=person.id, is_hidden=is_hidden
        )
    _record(session, bill_to.vendor_id, "customer.held", bill_to.id, person, now)


def release_customer(session: Session, *, bill_to: BillTo, person: Person, now: datetime) -> None:
    bill_to.held_until = None
    owed = select(Invoice.id).where(Invoice.bill_to_id == bill_to.id, IS_OPEN)
    ids = list(session.execute(owed).scalars())
    end_holds(session, invoice_ids=ids, kind=HoldKind.VENDOR, now=now, reason=_("Ended by the supplier"))
    _record(session, bill_to.vendor_id, "customer.released", bill_to.id, person, now)


def include(session: Session, invoice: Invoice, person: Person, now: datetime) -> None:
    """Remind of it though it was due before the vendor's first day (FEATURES A12)."""
    with widened(session, "invoices are only written by workers; this one was found in scope"):
        invoice.included_at = invoice.included_at or now
    _record(session, invoice.vendor_id, "invoice.included", invoice.id, person, now)


def chase_from(session: Session, vendor: Vendor, day: date | None, person: Person, now: datetime) -> None:
    """What was due before ``day`` is left alone; None: nothing is."""
    vendor.chase_from = day
    _record(session, vendor.id, "vendor.chases_from", vendor.id, person, now)


def bill_to_of(session: Session, bill_to_id: UUID) -> BillTo | None:
    return session.execute(select(BillTo).where(BillTo.id == bill_to_id)).scalar_one_or_none()


def _record(session: Session, vendor_id: UUID, action: str, subject_id: UUID, person: Person, now: datetime) -> None:
    session.add(AuditEntry.by(person.id, action, now, vendor_id=vendor_id, subject_id=subject_id))
