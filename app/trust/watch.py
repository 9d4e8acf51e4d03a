"""What is looked at again by itself: proven domains, books that stay away, changes the customers must hear of."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Select, and_, exists, or_, select

from app import clock
from app.db import database_now
from app.dns import DnsAway
from app.house import House
from app.models import Connection, ConnectionState, DomainProof, Trust, Vendor
from app.scope import Everything
from app.trust.actions import judge, note_dns
from app.trust.payees import tell_customers
from app.trust.rules import PROOF_PLACE

log = structlog.get_logger()

TxtRecords = Callable[[str], list[str]]

_WORKER = Everything("trust is judged for every vendor")
_BATCH = 50
_RETRY = timedelta(hours=1)


def is_there(txt_records: TxtRecords, proof: DomainProof) -> bool:
    """Whether the domain says what we asked for. Raises DnsAway."""
    return any(text.strip() == proof.record for text in txt_records(f"{PROOF_PLACE}.{proof.domain}"))


def check_domains(house: House, txt_records: TxtRecords) -> int:
    """Look again at domains proven by DNS, once a day each. No transaction is open while the DNS is asked."""
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        due = select(DomainProof).where(DomainProof.next_check_at <= now).order_by(DomainProof.next_check_at)
        proofs = session.execute(due.limit(_BATCH).with_for_update(skip_locked=True)).scalars().all()
        for proof in proofs:  # whoever else ticks meanwhile leaves these alone
            proof.next_check_at = now + _RETRY
    for proof in proofs:
        try:
            found = is_there(txt_records, proof)
        except DnsAway as problem:
            log.info("no answer of the DNS", proof=str(proof.id), problem=str(problem))
            continue
        with house.database.transaction(_WORKER) as session:
            note_dns(session, session.get_one(DomainProof, proof.id), found, clock.now(), house.limits)
    return len(proofs)


def miss_books(house: House) -> int:
    """Vendors whose books have been away for longer than what they owe to is reminded of: they fall back."""
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        gone = _without_books(now - timedelta(hours=house.limits.stale_drop_hours))
        vendors = session.execute(gone.limit(_BATCH).with_for_update(skip_locked=True, key_share=True)).scalars().all()
        for vendor in vendors:
            judge(session, vendor, now)
    return len(vendors)


def _without_books(lost_before: datetime) -> Select[Any]:
    still_there = exists().where(
        Connection.vendor_id == Vendor.id,
        or_(
            Connection.state == ConnectionState.ACTIVE,
            and_(Connection.state == ConnectionState.NEEDS_RECONNECT, Connection.last_error_at > lost_before),
        ),
    )
    return select(Vendor).where(Vendor.trust == Trust.VERIFIED, ~still_there).order_by(Vendor.id)


def tell(house: House) -> int:
    """Write the notices of changed pay hosts and bank accounts."""
    with house.database.transaction(_WORKER) as session:
        return tell_customers(session, house, database_now(session))
