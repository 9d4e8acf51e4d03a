"""Reads for the operator's pages: windows, jobs, connections, provider events. Lists are paged by key."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, or_, select, text, tuple_
from sqlalchemy.orm import Session

from app.models import (
    Alarm,
    Connection,
    ConnectionState,
    Customer,
    Digest,
    Invoice,
    JobRun,
    Mailbox,
    Outcome,
    Outgoing,
    ProviderEvent,
    Trust,
    Vendor,
)
from app.ops.rules import Place

PAGE = 50
BOARD_DAYS = 7
STALE = timedelta(hours=24)
_UNHANDLED = text("handled_at IS NULL")  # in the words of the partial index


@dataclass(frozen=True, slots=True)
class BoardDay:
    """One day of the run board: how its windows ended."""

    day: date
    outcomes: dict[Outcome, int]

    @property
    def total(self) -> int:
        return sum(self.outcomes.values())


def board(session: Session, today: date, days: int = BOARD_DAYS) -> list[BoardDay]:
    """Windows by day (UTC, as planned) and outcome, the newest day first; days without any are there too."""
    in_utc: Any = Digest.created_at
    if session.get_bind().dialect.name == "postgresql":
        in_utc = func.timezone("UTC", Digest.created_at)
    since = _start(today - timedelta(days=days - 1))
    rows = session.execute(
        select(func.date(in_utc).label("day"), Digest.outcome, func.count())
        .where(Digest.created_at >= since)
        .group_by("day", Digest.outcome)
    ).all()
    found: dict[date, dict[Outcome, int]] = {today - timedelta(days=back): {} for back in range(days)}
    for day, outcome, count in rows:
        on = day if isinstance(day, date) else date.fromisoformat(day)
        found.setdefault(on, {})[Outcome(outcome)] = count
    return [BoardDay(day, found[day]) for day in sorted(found, reverse=True)]


@dataclass(frozen=True, slots=True)
class WindowRow:
    """One window of one mailbox, as the board lists it."""

    digest: Digest
    address: str
    customer_name: str


def windows_on(session: Session, day: date, outcome: Outcome | None, before: Place | None) -> list[WindowRow]:
    """Windows planned on ``day`` (UTC), newest first."""
    query: Any = (
        select(Digest, Mailbox.address, Customer.name)
        .join(Mailbox, Mailbox.id == Digest.mailbox_id)
        .join(Customer, Customer.id == Digest.customer_id)
        .where(Digest.created_at >= _start(day), Digest.created_at < _start(day + timedelta(days=1)))
    )
    if outcome is not None:
        query = query.where(Digest.outcome == outcome)
    rows = session.execute(page_of(query, Digest.created_at, Digest.id, before)).all()
    return [WindowRow(*row) for row in rows]


def mailbox_by_address(session: Session, address: str) -> UUID | None:
    return session.scalar(select(Mailbox.id).where(Mailbox.address == address))


def mailbox_with_customer(session: Session, mailbox_id: UUID) -> tuple[Mailbox, Customer] | None:
    found = session.execute(
        select(Mailbox, Customer).join(Customer, Customer.id == Mailbox.customer_id).where(Mailbox.id == mailbox_id)
    ).one_or_none()
    return (found[0], found[1]) if found else None


def windows_of(session: Session, mailbox_id: UUID, before: Place | None) -> list[Digest]:
    """What became of each window of a mailbox, newest first."""
    query = select(Digest).where(Digest.mailbox_id == mailbox_id)
    return list(session.scalars(page_of(query, Digest.created_at, Digest.id, before)))


def mails_to(session: Session, mailbox_id: UUID, limit: int = 20) -> list[Outgoing]:
    query = select(Outgoing).where(Outgoing.mailbox_id == mailbox_id)
    return list(session.scalars(query.order_by(Outgoing.created_at.desc()).limit(limit)))


def left_out(session: Session, digest: Digest) -> list[tuple[str, str, str]]:
    """(vendor, invoice, reason) of every line a window left out."""
    reasons = {UUID(invoice_id): str(reason) for invoice_id, reason in digest.reasons.items()}
    rows = session.execute(
        select(Vendor.name, Invoice.number, Invoice.id)
        .join(Vendor, Vendor.id == Invoice.vendor_id)
        .where(Invoice.id.in_(reasons))
        .order_by(Vendor.name, Invoice.number)
    ).all()
    return [(name, number or "without number", reasons[invoice_id]) for name, number, invoice_id in rows]


def digest_with_mailbox(session: Session, digest_id: UUID) -> tuple[Digest, Mailbox] | None:
    found = session.execute(
        select(Digest, Mailbox).join(Mailbox, Mailbox.id == Digest.mailbox_id).where(Digest.id == digest_id)
    ).one_or_none()
    return (found[0], found[1]) if found else None


def mails_of_digest(session: Session, digest_id: UUID) -> list[Outgoing]:
    query = select(Outgoing).where(Outgoing.digest_id == digest_id)
    return list(session.scalars(query.order_by(Outgoing.created_at.desc())))


def job_runs(session: Session, job: str, failed_only: bool, before: Place | None) -> list[JobRun]:
    """Runs that did something or failed, newest first."""
    query = select(JobRun)
    if job:
        query = query.where(JobRun.job == job)
    if failed_only:
        query = query.where(JobRun.error != "")
    return list(session.scalars(page_of(query, JobRun.started_at, JobRun.id, before)))


def troubled_connections(session: Session, now: datetime) -> list[tuple[Connection, str]]:
    """Connections that need a hand or have fallen behind, with their vendor's name; the worst first."""
    is_dead = Connection.state == ConnectionState.NEEDS_RECONNECT
    is_active = Connection.state == ConnectionState.ACTIVE
    is_stale = or_(Connection.as_of.is_(None), Connection.as_of < now - STALE) & Connection.files_since.is_(None)
    rows = session.execute(
        select(Connection, Vendor.name)
        .join(Vendor, Vendor.id == Connection.vendor_id)
        .where(or_(is_dead, is_active & or_(Connection.failures > 0, is_stale)))
        .order_by(case((is_dead, 0), else_=1), Connection.failures.desc(), Connection.as_of, Connection.id)
        .limit(200)
    ).all()
    return [(connection, name) for connection, name in rows]


def parked_events(session: Session, before: Place | None) -> list[ProviderEvent]:
    """Webhooks stored and not yet worked off, newest first."""
    query = select(ProviderEvent).where(_UNHANDLED)
    return list(session.scalars(page_of(query, ProviderEvent.received_at, ProviderEvent.id, before)))


@dataclass(frozen=True, slots=True)
class VendorRow:
    id: UUID
    name: str
    trust: Trust
    live_at: datetime | None
    created_at: datetime
    connections: int


def vendors(session: Session, words: str, before: Place | None) -> list[VendorRow]:
    """Vendors whose name holds ``words``, newest first."""
    connected = (
        select(func.count())
        .where(Connection.vendor_id == Vendor.id, Connection.state != ConnectionState.DISCONNECTED)
        .scalar_subquery()
    )
    query: Any = select(Vendor.id, Vendor.name, Vendor.trust, Vendor.live_at, Vendor.created_at, connected)
    if words:
        query = query.where(Vendor.name.icontains(words, autoescape=True))
    return [VendorRow(*row) for row in session.execute(page_of(query, Vendor.created_at, Vendor.id, before))]


def alarms(session: Session, limit: int = 10) -> list[Alarm]:
    """Those that ring first, then the newest that rang."""
    query = select(Alarm).order_by(Alarm.ended_at.is_not(None), Alarm.since.desc())
    return list(session.scalars(query.limit(limit)))


def vendor_names(session: Session, ids: list[UUID]) -> dict[UUID, str]:
    rows = session.execute(select(Vendor.id, Vendor.name).where(Vendor.id.in_(ids)))
    return {row.id: row.name for row in rows}


def page_of(query: Any, at: Any, row: Any, before: Place | None) -> Any:
    """One page and one row more, which tells that there is a next one."""
    if before is not None:
        query = query.where(_older(at, row, before))
    return query.order_by(at.desc(), row.desc()).limit(PAGE + 1)


def _older(at: Any, row: Any, before: Place) -> ColumnElement[bool]:
    return tuple_(at, row) < before


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
