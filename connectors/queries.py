"""Reads for the pages of connecting: how a connection does, what a first pull found, who cannot be reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from app.models import (
    HAS_ADDRESS_ISSUE,
    IN_BOOKS_OPEN,
    AddressIssue,
    BillTo,
    Connection,
    ConnectionState,
    Credit,
    DirectReminder,
    Invoice,
    InvoiceState,
    Mailbox,
    Quarantined,
    SyncRun,
    Vendor,
)
from app.money import Money, Totals
from connectors.rules import ROLES

RUNS = 6  # shown of each connection
HISTORY = 25  # on a connection's own page
DAY = timedelta(days=1)
ROWS = 50  # of a list on the health page
FILES = "files"  # the provider of what is brought


@dataclass(frozen=True, slots=True)
class Health:
    """One connection, its newest runs, and what came in a day."""

    connection: Connection
    runs: list[SyncRun]
    received: int = 0
    changed: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Unreached:
    """A bill_to whose invoices reach nobody, or share their mailbox with another one's."""

    bill_to: BillTo
    reached: str  # the address mail goes to now, if any
    open_count: int


@dataclass(frozen=True, slots=True)
class Pair:
    """One invoice as two connections tell it: the one that stands, and the other, which differs (claim 002-5)."""

    stands: Invoice
    other: Invoice
    stands_in: Connection
    other_in: Connection
    customer: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a connection brought: shown before anything is sent."""

    invoices: int
    customers: int
    owed: list[Money]
    oldest_due: date | None
    unreached_invoices: int
    credits: int
    credit_sums: list[Money]
    quarantined: int
    missing: int  # customers without a readable address
    shared: int  # customers that share one with another
    roles: int  # customers reached at an address like accounts@, which several people read


def connection_of(session: Session, connection_id: UUID) -> Connection | None:
    """The scope's connection; a foreign one looks like a missing one."""
    return session.execute(select(Connection).where(Connection.id == connection_id)).scalar_one_or_none()


def books_of(session: Session, vendor_id: UUID) -> Connection | None:
    """The one connection that holds what this vendor brought as files."""
    query = select(Connection).where(Connection.vendor_id == vendor_id, Connection.provider == FILES)
    return session.execute(query.order_by(Connection.created_at).limit(1)).scalar_one_or_none()


def heard_connection(session: Session, provider: str, connection_id: UUID) -> Connection | None:
    """The connection whose own webhooks come to its own address: one that waits for its vendor is still heard."""
    query = select(Connection).where(
        Connection.id == connection_id,
        Connection.provider == provider,
        Connection.state.in_((ConnectionState.ACTIVE, ConnectionState.NEEDS_RECONNECT)),
        Connection.hook.is_not(None),
    )
    return session.execute(query).scalar_one_or_none()


def choice_of(session: Session, connection_id: UUID, person_id: UUID) -> Connection | None:
    """A consent of this person that waits for the company to be chosen."""
    query = select(Connection).where(
        Connection.id == connection_id,
        Connection.person_id == person_id,
        Connection.state == ConnectionState.CHOOSING,
    )
    return session.execute(query).scalar_one_or_none()


def vendor_of(session: Session) -> Vendor:
    return session.execute(select(Vendor)).scalar_one()


def health_of(session: Session, now: datetime) -> list[Health]:
    """The vendor's connections, those that need somebody first: three statements."""
    found = session.execute(select(Connection).order_by(Connection.created_at)).scalars().all()
    order = {ConnectionState.NEEDS_RECONNECT: 0, ConnectionState.ACTIVE: 1, ConnectionState.DISCONNECTED: 2}
    runs = _newest_runs(session, [one.id for one in found])
    ranked = sorted(found, key=lambda one: order.get(ConnectionState(one.state), 3))
    sums = _in_a_day(session, now)
    return [Health(one, runs.get(one.id, []), *sums.get(one.id, ())) for one in ranked]


def _in_a_day(session: Session, now: datetime) -> dict[UUID, tuple[int, int, int]]:
    query = (
        select(SyncRun.connection_id, *(func.sum(each) for each in (SyncRun.received, SyncRun.changed, SyncRun.gone)))
        .where(SyncRun.started_at > now - DAY)
        .group_by(SyncRun.connection_id)
    )
    return {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in session.execute(query)}


def history_of(session: Session, connection_id: UUID, before: datetime | None) -> list[SyncRun]:
    """Its runs, newest first, one more than are shown."""
    query = select(SyncRun).where(SyncRun.connection_id == connection_id)
    if before is not None:
        query = query.where(SyncRun.started_at < before)
    return list(session.execute(query.order_by(SyncRun.started_at.desc()).limit(HISTORY + 1)).scalars())


def doubled(session: Session) -> list[tuple[Connection, int]]:
    """Connections whose provider may remind beside us: not confirmed off, or customers have said otherwise since; with
    the number of those customers (FEATURES A3)."""
    is_doubted = Connection.reminders_off.is_not(True)
    reports = (
        select(func.count())
        .select_from(DirectReminder)
        .where(
            DirectReminder.vendor_id == Connection.vendor_id,
            or_(is_doubted, DirectReminder.said_at > Connection.reminders_said_at),
        )
        .scalar_subquery()
    )
    query = select(Connection, reports).where(Connection.state == ConnectionState.ACTIVE, or_(is_doubted, reports > 0))
    return [(row[0], row[1]) for row in session.execute(query.order_by(Connection.created_at))]


def _newest_runs(session: Session, connection_ids: Sequence[UUID]) -> dict[UUID, list[SyncRun]]:
    place = func.row_number().over(partition_by=SyncRun.connection_id, order_by=SyncRun.started_at.desc())
    ranked = select(SyncRun.id, place.label("place")).where(SyncRun.connection_id.in_(connection_ids)).subquery()
    query = select(SyncRun).join(ranked, ranked.c.id == SyncRun.id).where(ranked.c.place <= RUNS)
    runs: dict[UUID, list[SyncRun]] = {}
    for run in session.execute(query.order_by(SyncRun.started_at.desc())).scalars():
        runs.setdefault(run.connection_id, []).append(run)
    return runs


def unreached(session: Session) -> list[Unreached]:
    """Those the vendor must look at, with the most open invoices first (FEATURES A5)."""
    count = func.count(Invoice.id)
    query = (
        select(BillTo, func.coalesce(Mailbox.address, ""), count)
        .join(Invoice, (Invoice.bill_to_id == BillTo.id) & (Invoice.state == InvoiceState.OPEN))
        .outerjoin(Mailbox, Mailbox.id == BillTo.mailbox_id)
        .where(HAS_ADDRESS_ISSUE)
        .group_by(BillTo.id, Mailbox.address)
        .order_by(count.desc(), BillTo.name, BillTo.id)
        .limit(ROWS)
    )
    return [Unreached(*row) for row in session.execute(query)]


def chosen(session: Session) -> list[BillTo]:
    """Those whose address the vendor chose: the choice can be taken back."""
    query = select(BillTo).where(BillTo.chosen_address.is_not(None)).order_by(BillTo.name, BillTo.id).limit(ROWS)
    return list(session.execute(query).scalars())


def bill_to_of(session: Session, bill_to_id: UUID) -> BillTo | None:
    return session.execute(select(BillTo).where(BillTo.id == bill_to_id)).scalar_one_or_none()


def quarantined(session: Session) -> list[Quarantined]:
    query = select(Quarantined).where(Quarantined.resolved_at.is_(None))
    return list(session.execute(query.order_by(Quarantined.created_at.desc()).limit(ROWS)).scalars())


def differing(session: Session, other_id: UUID | None = None) -> list[Pair]:
    """What the vendor's connections tell differently and nobody has decided yet, the oldest first; of one invoice
    only with ``other_id``."""
    stands, books = aliased(Invoice), aliased(Connection)
    query = (
        select(stands, Invoice, books, Connection, func.coalesce(BillTo.name, ""))
        .join(stands, stands.id == Invoice.same_as_id)
        .join(books, books.id == stands.connection_id)
        .join(Connection, Connection.id == Invoice.connection_id)
        .outerjoin(BillTo, BillTo.id == stands.bill_to_id)
        .where(_DIFFERS)
        .order_by(Invoice.differs_at, Invoice.number, Invoice.id)
    )
    if other_id is not None:
        query = query.where(Invoice.id == other_id)
    return [Pair(*row) for row in session.execute(query.limit(ROWS))]


def has_invoice(session: Session, invoice_id: UUID) -> bool:
    return session.execute(select(Invoice.id).where(Invoice.id == invoice_id)).scalar_one_or_none() is not None


def differing_count(session: Session) -> int:
    return int(session.execute(select(func.count()).select_from(Invoice).where(_DIFFERS)).scalar_one())


_DIFFERS = and_(Invoice.same_as_id.is_not(None), Invoice.differs_at.is_not(None))  # as the partial index has it


def running(session: Session, connection_id: UUID) -> SyncRun | None:
    """The newest run of a connection, finished or not: the live counter of a first pull."""
    query = select(SyncRun).where(SyncRun.connection_id == connection_id).order_by(SyncRun.started_at.desc()).limit(1)
    return session.execute(query).scalar_one_or_none()


def arrived(session: Session, connection_id: UUID) -> tuple[int, int]:
    """How many open invoices and customers are here by now."""
    count = select(func.count(), func.count(Invoice.bill_to_id.distinct())).where(
        Invoice.connection_id == connection_id, IN_BOOKS_OPEN
    )
    invoices, customers = session.execute(count).one()
    return int(invoices), int(customers)


def found(session: Session, connection_id: UUID) -> Found:
    """What the books hold now, in five statements."""
    is_open = (Invoice.connection_id == connection_id) & IN_BOOKS_OPEN
    by_currency = session.execute(
        select(
            Invoice.currency,
            func.count(),
            func.sum(Invoice.balance_minor),
            func.min(Invoice.due_on),
            func.count(Invoice.mailbox_id),
        )
        .where(is_open)
        .group_by(Invoice.currency)
    ).all()
    customers = session.execute(select(func.count(Invoice.bill_to_id.distinct())).where(is_open)).scalar_one()
    kept = Credit.connection_id == connection_id
    lowering = session.execute(
        select(Credit.currency, Credit.remaining_minor).where(kept, Credit.remaining_minor > 0)
    ).all()
    missing, shared, roles = session.execute(
        select(
            func.count(BillTo.id.distinct()).filter(BillTo.issue.in_((AddressIssue.MISSING, AddressIssue.INVALID))),
            func.count(BillTo.id.distinct()).filter(BillTo.issue == AddressIssue.SHARED),
            func.count(BillTo.id.distinct()).filter(
                or_(*(func.coalesce(BillTo.chosen_address, BillTo.address).startswith(f"{one}@") for one in ROLES))
            ),
        )
        .select_from(BillTo)
        .join(Invoice, Invoice.bill_to_id == BillTo.id)
        .where(is_open)
    ).one()
    bad = session.execute(
        select(func.count()).where(Quarantined.connection_id == connection_id, Quarantined.resolved_at.is_(None))
    ).scalar_one()
    dues = [row[3] for row in by_currency if row[3] is not None]
    invoices = sum(row[1] for row in by_currency)
    return Found(
        invoices=invoices,
        customers=int(customers),
        owed=list(Totals(Money(int(row[2]), row[0]) for row in by_currency)),
        oldest_due=min(dues, default=None),
        unreached_invoices=invoices - sum(row[4] for row in by_currency),
        credits=len(lowering),
        credit_sums=list(Totals(Money(row.remaining_minor, row.currency) for row in lowering)),
        quarantined=int(bad),
        missing=missing,
        shared=shared,
        roles=roles,
    )
