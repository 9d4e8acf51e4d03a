"""Writes of the vendor's own: its profile."""

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from app.desk.forms import ProfileForm
from app.models import AuditEntry, Person, Vendor
from app.trust.actions import judge, name_given

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
        name_given(session, vendor, now)
        judge(session, vendor, now, person.id)
    log.info("profile changed", vendor=str(vendor.id), fields=sorted(changed))


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
