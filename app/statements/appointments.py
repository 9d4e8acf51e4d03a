"""The days on which a customer's money leaves: dues, promises and its own pay runs (FEATURES H5)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from app import words
from app.models import Customer, Hold, HoldKind, Invoice, InvoiceChange, InvoiceState, Vendor
from app.money import format_minor
from app.payruns import next_runs
from app.receivables.queries import SHOWN_STATES, VENDOR_IS_LIVE, beside_vendor, is_blocked, is_known
from app.words import _, marked

SETTLED_FOR = timedelta(days=45)  # as long a settled due is still listed, as cancelled
RUNS = 6


@dataclass(frozen=True, slots=True)
class Appointment:
    """One day in a calendar. ``sequence`` never falls: it counts what has changed since it was first listed."""

    uid: str
    on: date
    title: str
    sequence: int
    changed_at: datetime
    is_cancelled: bool = False
    url: str = ""


def appointments(
    session: Session, now: datetime, today: date, *, shows_amounts: bool, url_of: Callable[[UUID], str]
) -> list[Appointment]:
    """All of them by day, in three statements. ``url_of``: the page of an invoice."""
    found = [
        *_dues(session, now, shows_amounts, url_of),
        *_promises(session, now, shows_amounts, url_of),
        *_runs(session, today),
    ]
    return sorted(found, key=lambda each: (each.on, each.uid))


def _dues(session: Session, now: datetime, shows_amounts: bool, url_of: Callable[[UUID], str]) -> list[Appointment]:
    """An invoice's next due. What its books changed is its history's length; the first entry is how it came."""
    history = select(InvoiceChange.invoice_id, func.count().label("changes")).group_by(InvoiceChange.invoice_id)
    changes = history.subquery()
    columns: Any = (
        Invoice.id, Vendor.name, Invoice.number, Invoice.due_on, Invoice.due_minor, Invoice.currency, Invoice.state,
        Invoice.balance_minor, func.coalesce(Invoice.updated_at, Invoice.created_at).label("changed_at"),
        func.coalesce(changes.c.changes, 1).label("changes"),
    )  # fmt: skip
    lately = func.coalesce(Invoice.settled_at, Invoice.updated_at, Invoice.created_at) > now - SETTLED_FOR
    listed = or_(Invoice.state == InvoiceState.OPEN, and_(Invoice.state.in_(SHOWN_STATES), lately))
    query = _readable(select(*columns).select_from(Invoice)).where(Invoice.due_on.is_not(None), listed)
    rows = session.execute(query.outerjoin(changes, changes.c.invoice_id == Invoice.id), {"now": now})
    return [
        Appointment(
            uid=f"due-{row.id}@sheaf",
            on=row.due_on,
            title=_said(marked("Due: %(vendor)s %(number)s"), row, row.due_minor if shows_amounts else 0),
            sequence=row.changes - 1,
            changed_at=row.changed_at,
            is_cancelled=row.state != InvoiceState.OPEN,
            url=url_of(row.id),
        )
        for row in rows
    ]


def _promises(session: Session, now: datetime, shows_amounts: bool, url_of: Callable[[UUID], str]) -> list[Appointment]:
    """A promise is never changed, only ended: kept, broken or taken back."""
    columns: Any = (
        Hold.id, Hold.invoice_id, Vendor.name, Invoice.number, Invoice.currency, Hold.promised_on, Hold.created_at,
        Hold.ended_at, func.coalesce(Hold.amount_minor, Invoice.due_minor).label("minor"),
    )  # fmt: skip
    query = select(*columns).select_from(Hold).join(Invoice, Invoice.id == Hold.invoice_id)
    lately = or_(Hold.ended_at.is_(None), Hold.ended_at > now - SETTLED_FOR)
    kept = and_(Hold.kind == HoldKind.PROMISE, Hold.promised_on.is_not(None), lately)
    return [
        Appointment(
            uid=f"promise-{row.id}@sheaf",
            on=row.promised_on,
            title=_said(marked("Promised: %(vendor)s %(number)s"), row, row.minor if shows_amounts else 0),
            sequence=int(row.ended_at is not None),
            changed_at=row.ended_at or row.created_at,
            is_cancelled=row.ended_at is not None,
            url=url_of(row.invoice_id),
        )
        for row in session.execute(_readable(query).where(kept), {"now": now})
    ]


def _runs(session: Session, today: date) -> list[Appointment]:
    """The scope's customer pays on days of its own."""
    found = []
    for customer in session.scalars(select(Customer)):
        for day in next_runs(customer.pay_days, 0, today, RUNS):
            uid = f"run-{customer.id}-{day.isoformat()}@sheaf"
            found.append(Appointment(uid, day, _("Pay run"), 0, customer.created_at))
    return found


def _readable(query: Any) -> Any:
    return beside_vendor(query, Invoice).where(VENDOR_IS_LIVE, ~is_blocked(Invoice), is_known(Invoice))


def _said(title: str, row: Any, minor: int) -> str:
    """``title`` in words, and the amount where it is wanted."""
    named = _(title, vendor=row.name, number=row.number or _("without number"))
    return f"{named}, {format_minor(minor, row.currency, words.locale())}" if minor else named
