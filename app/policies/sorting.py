"""Which policy is whose, looked up beforehand: a digest reads it on the row it reads anyway."""

from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import database_now
from app.house import House
from app.models import Policy, Vendor
from app.policies.actions import resolve
from app.scope import Everything

log = structlog.get_logger()

_WORKER = Everything("sorting every vendor's own customers into its own segments")


def sort_customers(house: House) -> int:
    """Look again at one vendor whose time has come: a policy was changed, or its customers may have. 0: none is due."""
    with house.database.transaction(_WORKER) as session:
        vendor_id = _claimed(session, house)
        if vendor_id is None:
            return 0
        moved = resolve(session, vendor_id)
    log.info("customers sorted into segments", vendor=str(vendor_id), moved=moved)
    return 1


def _claimed(session: Session, house: House) -> UUID | None:
    """Two workers may look at the same vendor; only one moves its time on (INVARIANTS C2)."""
    now = database_now(session)
    due = select(Vendor.id, Vendor.segments_due_at).where(Vendor.segments_due_at <= now)
    found = session.execute(
        due.order_by(Vendor.segments_due_at).limit(1).with_for_update(skip_locked=True, key_share=True)
    ).first()
    if found is None:
        return None
    has_policies = select(Policy.id).where(Policy.vendor_id == found[0]).limit(1)
    again = now + timedelta(minutes=house.limits.segment_minutes)
    next_at = again if session.execute(has_policies).first() else None
    statement = update(Vendor).where(Vendor.id == found[0], Vendor.segments_due_at == found[1])
    done = session.execute(statement.values(segments_due_at=next_at).returning(Vendor.id))
    return found[0] if done.first() else None
