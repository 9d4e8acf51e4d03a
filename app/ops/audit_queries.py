"""Searches the record of who did what, and says what time has taken."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.ids import made_at
from app.models import AuditEntry, Customer, Digest, DigestLine, JobRun, Person, Vendor
from app.ops.queries import page_of
from app.ops.rules import Place
from app.retention import job_name, rules
from app.settings import Limits

TOGETHER = 1000  # rows of an export read at once


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """What an operator looks for; whatever is empty narrows nothing. ``until`` is the last day, in UTC."""

    action: str = ""
    actor: str = ""
    person: str = ""  # an address
    vendor: str = ""  # words of its name
    customer: str = ""
    subject_id: UUID | None = None
    since: date | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class AuditRow:
    entry: AuditEntry
    person: str | None
    vendor: str | None
    customer: str | None


def audit(session: Session, search: AuditSearch, before: Place | None) -> list[AuditRow]:
    """Newest first: a page of it and one row more."""
    return [AuditRow(*row) for row in session.execute(page_of(_found(search), AuditEntry.at, AuditEntry.id, before))]


def all_of(session: Session, search: AuditSearch) -> Iterator[AuditRow]:
    """The whole of it, newest first, some rows at a time."""
    query = _found(search).order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    for row in session.execute(query.execution_options(yield_per=TOGETHER)):
        yield AuditRow(*row)


def actions(session: Session, since: datetime) -> list[str]:
    """The deeds of late, for the search to offer."""
    lately = select(AuditEntry.action).where(AuditEntry.at >= since).distinct()
    return list(session.scalars(lately.order_by(AuditEntry.action)))


def _found(search: AuditSearch) -> Any:
    query: Any = (
        select(AuditEntry, Person.address, Vendor.name, Customer.name)
        .outerjoin(Person, Person.id == AuditEntry.person_id)
        .outerjoin(Vendor, Vendor.id == AuditEntry.vendor_id)
        .outerjoin(Customer, Customer.id == AuditEntry.customer_id)
    )
    person = select(Person.id).where(Person.address == search.person).scalar_subquery()
    vendors = select(Vendor.id).where(Vendor.name.icontains(search.vendor, autoescape=True))
    customers = select(Customer.id).where(Customer.name.icontains(search.customer, autoescape=True))
    narrowed: list[tuple[Any, ColumnElement[bool]]] = [  # by ids, which the record's indexes are of
        (search.action, AuditEntry.action == search.action),
        (search.actor, AuditEntry.actor == search.actor),
        (search.person, AuditEntry.person_id == person),
        (search.vendor, AuditEntry.vendor_id.in_(vendors)),
        (search.customer, AuditEntry.customer_id.in_(customers)),
        (search.subject_id, AuditEntry.subject_id == search.subject_id),
    ]
    query = query.where(*(condition for asked, condition in narrowed if asked))
    if search.since:
        query = query.where(AuditEntry.at >= _start(search.since))
    if search.until:
        query = query.where(AuditEntry.at < _start(search.until + timedelta(days=1)))
    return query


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of rows that are thrown away in time: for how many days they stay, since when the oldest of them lies
    there, and the newest runs that took some."""

    table: str
    days: int
    oldest_at: datetime | None
    runs: list[JobRun]


def kept(session: Session, limits: Limits) -> list[Kept]:
    """Two looks for each kind, at the ends of an index."""
    days = {rule.table: rule.days for rule in rules(limits)} | {Digest: limits.keep_line_days}
    return [
        Kept(_name(table), count, _oldest(session, table), _runs(session, job_name(_name(table))))
        for table, count in days.items()
    ]


def _name(table: Any) -> str:
    """Of a digest the lines go, and nothing else."""
    return str((DigestLine if table is Digest else table).__tablename__)


def _oldest(session: Session, table: Any) -> datetime | None:
    """Ids are made in the order of time, and say when."""
    first = session.scalar(select(table.id).order_by(table.id).limit(1))
    return made_at(first) if first else None


def _runs(session: Session, job: str) -> list[JobRun]:
    query = select(JobRun).where(JobRun.job == job, JobRun.done > 0)
    return list(session.scalars(query.order_by(JobRun.started_at.desc()).limit(5)))
