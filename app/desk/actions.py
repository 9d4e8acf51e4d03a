"""Writes of the vendor's own: its profile."""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.desk.forms import ProfileForm
from app.models import AuditEntry, Connection, ConnectionState, Person, Trust, Vendor
from app.names import is_same_company

log = structlog.get_logger()


def change_profile(session: Session, *, vendor: Vendor, form: ProfileForm, person: Person, now: datetime) -> None:
    """Take over a checked form; what changed is in the audit, old and new."""
    wanted: dict[str, str | int] = {
        "name": form.name,
        "colour": form.colour,
        "support_address": form.support_address,
        "country": form.country,
        "zone": form.zone,
        "opens_at": int(form.opens_at),
        "closes_at": int(form.closes_at),
    }
    changed = {name: [getattr(vendor, name), new] for name, new in wanted.items() if getattr(vendor, name) != new}
    if not changed:
        return
    for name, (_, new) in changed.items():
        setattr(vendor, name, new)
    _record(session, vendor, "vendor.changed", person, now, changed)
    if "name" in changed:
        _judge_again(session, vendor, person, now)
    log.info("profile changed", vendor=str(vendor.id), fields=sorted(changed))


def _judge_again(session: Session, vendor: Vendor, person: Person, now: datetime) -> None:
    """What was proven was proven of a name: nobody becomes somebody else after it. Suspended stays suspended."""
    active = select(Connection.account_name).where(
        Connection.vendor_id == vendor.id, Connection.state == ConnectionState.ACTIVE
    )
    is_same = any(is_same_company(name, vendor.name) for name in session.execute(active).scalars())
    if vendor.trust == Trust.VERIFIED and not is_same:
        vendor.trust = Trust.NEW
        vendor.trust_reason = "This name is not the one of the company in the connected books."
        _record(session, vendor, "vendor.doubted", person, now, {"reason": vendor.trust_reason})
    elif vendor.trust == Trust.NEW and is_same:
        vendor.trust = Trust.VERIFIED
        vendor.trust_reason = "The company in the connected books is called the same."
        _record(session, vendor, "vendor.verified", person, now, {"reason": vendor.trust_reason})


def _record(
    session: Session, vendor: Vendor, action: str, person: Person, now: datetime, detail: dict[str, Any]
) -> None:
    session.add(
        AuditEntry(
            at=now,
            actor="person",
            person_id=person.id,
            vendor_id=vendor.id,
            action=action,
            subject_id=vendor.id,
            detail=detail,
        )
    )
