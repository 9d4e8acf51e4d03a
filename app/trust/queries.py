"""Reads of what is proven of vendors, whom they have reached, and where their customers' money goes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.models import (
    BankAccount,
    Connection,
    ConnectionState,
    DomainProof,
    PayHost,
    PayMethod,
    Relation,
    Report,
    Trust,
    Vendor,
)
from app.scope import widened
from app.trust.rules import Evidence, counts, is_pending, looks_like, newest_that_counts


def evidence_of(session: Session, vendor: Vendor) -> Evidence:
    """What the ladder judges by, as it stands now."""
    live = select(Connection.account_name, Connection.files_since).where(
        Connection.vendor_id == vendor.id, Connection.state == ConnectionState.ACTIVE
    )
    books = session.execute(live.order_by(Connection.created_at)).all()
    proven = select(DomainProof.domain).where(
        DomainProof.vendor_id == vendor.id, DomainProof.proven_at.is_not(None), DomainProof.lost_at.is_(None)
    )
    return Evidence(
        name=vendor.name,
        legal_name=vendor.legal_name,
        companies=tuple(name for name, files_since in books if not files_since),
        domains=tuple(session.execute(proven.order_by(DomainProof.proven_at)).scalars()),
        is_approved=vendor.approved_at is not None,
        is_doubted=vendor.doubted_at is not None,
        has_files=any(files_since for _, files_since in books),
    )


def look_alikes(session: Session, vendor_id: UUID, name: str) -> list[tuple[UUID, str]]:
    """Verified vendors whose name could be taken for ``name``. For the operator's eyes and the ladder's only: the
    session must see all vendors (INVARIANTS I2). Asked when somebody signs up or renames, and at the abuse desk."""
    others = select(Vendor.id, Vendor.name).where(Vendor.trust == Trust.VERIFIED, Vendor.id != vendor_id)
    return [(row[0], row[1]) for row in session.execute(others.order_by(Vendor.name)) if looks_like(name, row[1])]


# --- first contacts -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reach:
    """Customers a vendor has reached for the first time, and how many of all it reached report it."""

    today: int = 0
    this_week: int = 0
    ever: int = 0
    reporters: int = 0


def reach_of(session: Session, vendor_ids: Collection[UUID], now: datetime) -> dict[UUID, Reach]:
    """Of each vendor, in two statements. The session must see all customers."""
    since = [now - timedelta(days=1), now - timedelta(days=7)]
    reached: Any = select(
        Relation.vendor_id,
        *(func.count().filter(Relation.reached_at > moment) for moment in since),
        func.count(),
    ).where(
        Relation.vendor_id.in_(vendor_ids),
        or_(Relation.reached_at.is_not(None), Relation.first_mailed_at.is_not(None)),
    )
    reported = select(Report.vendor_id, func.count(Report.customer_id.distinct())).where(
        Report.vendor_id.in_(vendor_ids), Report.withdrawn_at.is_(None), Report.dismissed_at.is_(None)
    )
    reporters = {row[0]: row[1] for row in session.execute(reported.group_by(Report.vendor_id))}
    counted = {row[0]: Reach(*row[1:]) for row in session.execute(reached.group_by(Relation.vendor_id))}
    return {each: replace(counted.get(each, Reach()), reporters=reporters.get(each, 0)) for each in vendor_ids}


# --- where money goes -----------------------------------------------------------------------------------------------


def proofs_of(session: Session, vendor_id: UUID) -> list[DomainProof]:
    query = select(DomainProof).where(DomainProof.vendor_id == vendor_id)
    return list(session.execute(query.order_by(DomainProof.created_at)).scalars())


def hosts_of(session: Session, vendor_id: UUID) -> list[PayHost]:
    query = select(PayHost).where(PayHost.vendor_id == vendor_id)
    return list(session.execute(query.order_by(PayHost.created_at)).scalars())


def accounts_of(session: Session, vendor_id: UUID) -> list[BankAccount]:
    """The newest first, the ones that were refused or followed by others too."""
    query = select(BankAccount).where(BankAccount.vendor_id == vendor_id)
    return list(session.execute(query.order_by(BankAccount.created_at.desc()).limit(20)).scalars())


def methods_of(session: Session, vendor_id: UUID) -> list[PayMethod]:
    """The newest first, those that were followed by others or given up, too."""
    query = select(PayMethod).where(PayMethod.vendor_id == vendor_id).order_by(PayMethod.created_at.desc())
    return list(session.execute(query.limit(40)).scalars())


@dataclass(frozen=True, slots=True)
class PayTerms:
    """What a customer's pay page says besides amount and host.

    ``since``: the host counts for this vendor since then. ``host_waits_until``: it is new and nobody is sent there yet;
    ``account_waits_until``: other bank details were announced and are not shown yet.
    """

    is_paused: bool = False  # the operator has suspended the vendor
    is_verified: bool = False
    since: datetime | None = None
    host_waits: bool = False
    host_waits_until: datetime | None = None
    account: BankAccount | None = None
    account_waits: bool = False
    account_waits_until: datetime | None = None


def pay_terms(session: Session, vendor_id: UUID, host: str, now: datetime, account_id: UUID | None = None) -> PayTerms:
    """For a vendor one of whose invoices the session's customer may see: what stands here is shown to that customer.
    ``account_id``: the bank account of the company that invoices, where it has its own."""
    with widened(session, "a customer who owes a vendor reads where that vendor is paid"):
        trust = session.execute(select(Vendor.trust).where(Vendor.id == vendor_id)).scalar_one()
        hosts = hosts_of(session, vendor_id)
        accounts = accounts_of(session, vendor_id) if trust == Trust.VERIFIED else []
    named = next((each for each in hosts if each.host == bare(host)), None)
    waiting = next((each for each in accounts if is_pending(each, now)), None)
    own = next((each for each in accounts if each.id == account_id and counts(each, now)), None)
    shown = own or newest_that_counts(accounts, now)
    return PayTerms(
        is_paused=trust == Trust.SUSPENDED,
        is_verified=trust == Trust.VERIFIED,
        since=named.counts_from if named and counts(named, now) else None,
        host_waits=named is not None and not counts(named, now),
        host_waits_until=named.frozen_until if named else None,
        account=shown,
        account_waits=waiting is not None,
        account_waits_until=waiting.frozen_until if waiting else None,
    )


def bare(host: str) -> str:
    """A host without its port."""
    return host.partition(":")[0].lower()


def is_suspended(session: Session, vendor_id: UUID) -> bool:
    return session.execute(select(Vendor.trust).where(Vendor.id == vendor_id)).scalar_one() == Trust.SUSPENDED


def names_known(session: Session, customer_id: UUID, unlike: UUID) -> Sequence[str]:
    """Names of vendors this customer has said yes to, or that were verified when they first wrote; not ``unlike``'s."""
    query = (
        select(Vendor.name)
        .join(Relation, Relation.vendor_id == Vendor.id)
        .where(
            Relation.customer_id == customer_id,
            Vendor.id != unlike,
            Relation.blocked_at.is_(None),
            or_(Relation.accepted_at.is_not(None), Vendor.trust == Trust.VERIFIED),
        )
        .order_by(Vendor.name)
    )
    return session.execute(query).scalars().all()
