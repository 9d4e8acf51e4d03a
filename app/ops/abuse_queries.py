"""Reads for the abuse desk: who needs a look and why, what was reported, which changes wait."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, tuple_
from sqlalchemy.orm import Session

from app.models import (
    AuditEntry,
    Connection,
    ConnectionState,
    Customer,
    Person,
    Report,
    Trust,
    Vendor,
)
from app.ops.queries import PAGE
from app.ops.rules import Place
from app.settings import Limits
from app.trust.payees import PAYEES, AnyPayee
from app.trust.queries import Reach, reach_of
from app.trust.rules import contacts_left, is_pending, looks_like

_LISTED = 50


@dataclass(frozen=True, slots=True)
class Suspect:
    """A vendor somebody should look at. ``alike``: verified vendors it could be taken for."""

    vendor: Vendor
    reach: Reach
    alike: Sequence[str]
    is_at_limit: bool


def urgent(session: Session, now: datetime, limits: Limits) -> list[Suspect]:
    """Vendors that are frozen, reported or named like others; the newest of them."""
    query = select(Vendor).where(_is_urgent()).order_by(Vendor.created_at.desc(), Vendor.id.desc()).limit(_LISTED)
    return _looked_at(session, session.execute(query).scalars().all(), now, limits)


def unverified(session: Session, now: datetime, limits: Limits, before: Place | None) -> list[Suspect]:
    """The others that are suspended, or new with their books connected: one page and one row more, the newest first."""
    connected = exists().where(Connection.vendor_id == Vendor.id, Connection.state == ConnectionState.ACTIVE)
    query = select(Vendor).where(or_(Vendor.trust == Trust.SUSPENDED, (Vendor.trust == Trust.NEW) & connected))
    if before is not None:
        query = query.where(tuple_(Vendor.created_at, Vendor.id) < before)
    query = query.where(~_is_urgent()).order_by(Vendor.created_at.desc(), Vendor.id.desc()).limit(PAGE + 1)
    return _looked_at(session, session.execute(query).scalars().all(), now, limits)


def _is_urgent() -> ColumnElement[bool]:
    reported = exists().where(
        Report.vendor_id == Vendor.id, Report.withdrawn_at.is_(None), Report.dismissed_at.is_(None)
    )
    return or_(Vendor.frozen_at.is_not(None), Vendor.doubted_at.is_not(None), reported)


def suspect(session: Session, vendor_id: UUID, now: datetime, limits: Limits) -> Suspect | None:
    vendor = session.get(Vendor, vendor_id)
    return _looked_at(session, [vendor], now, limits)[0] if vendor else None


def _looked_at(session: Session, vendors: Sequence[Vendor], now: datetime, limits: Limits) -> list[Suspect]:
    reach = reach_of(session, [vendor.id for vendor in vendors], now)
    verified = session.execute(select(Vendor.id, Vendor.name).where(Vendor.trust == Trust.VERIFIED)).all()
    found = []
    for vendor in vendors:
        mine = reach[vendor.id]
        alike = [row.name for row in verified if row.id != vendor.id and looks_like(row.name, vendor.name)]
        is_full = vendor.trust == Trust.NEW and not contacts_left(mine.today, mine.this_week, limits)
        found.append(Suspect(vendor, mine, alike, is_full))
    return found


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One report, with whom it is about and whose it is: for the operator's eyes only."""

    report: Report
    vendor: str
    customer: str


def reports(session: Session, vendor_id: UUID | None = None) -> list[ReportRow]:
    """The newest ones, of one vendor or of all; taken-back ones stay readable."""
    query = (
        select(Report, Vendor.name, Customer.name)
        .join(Vendor, Vendor.id == Report.vendor_id)
        .join(Customer, Customer.id == Report.customer_id)
        .order_by(Report.created_at.desc(), Report.id)
        .limit(_LISTED)
    )
    if vendor_id is not None:
        query = query.where(Report.vendor_id == vendor_id)
    return [ReportRow(*row) for row in session.execute(query)]


@dataclass(frozen=True, slots=True)
class Change:
    """A pay host or bank account that waits."""

    payee: AnyPayee
    vendor: str


def changes(session: Session, now: datetime, vendor_id: UUID | None = None) -> list[Change]:
    """Those that wait for somebody's word or for their time, the oldest first."""
    found: list[Change] = []
    for table in PAYEES:
        query: Any = select(table, Vendor.name).join(Vendor, Vendor.id == table.vendor_id)
        query = query.where(table.frozen_until.is_not(None), table.refused_at.is_(None))
        query = query.where(or_(table.counts_from.is_(None), table.counts_from > now))
        if vendor_id is not None:
            query = query.where(table.vendor_id == vendor_id)
        found += [Change(*row) for row in session.execute(query.order_by(table.created_at).limit(_LISTED))]
    return sorted((each for each in found if is_pending(each.payee, now)), key=lambda each: each.payee.created_at)


def steps_of(session: Session, vendor_id: UUID) -> list[tuple[AuditEntry, str | None]]:
    """What happened to a vendor's standing, the newest first, and who did it."""
    query = (
        select(AuditEntry, Person.address)
        .outerjoin(Person, Person.id == AuditEntry.person_id)
        .where(
            AuditEntry.vendor_id == vendor_id,
            or_(*(AuditEntry.action.startswith(kind) for kind in ("vendor.", "domain.", "pay_host.", "bank_account."))),
        )
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
        .limit(_LISTED)
    )
    return [(row[0], row[1]) for row in session.execute(query)]
