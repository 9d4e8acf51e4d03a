"""Writes: stop, and let go on. Both are recorded with the operator's reason (INVARIANTS F2)."""

from datetime import datetime
from typing import Any, cast

import structlog
from sqlalchemy import CursorResult, delete
from sqlalchemy.orm import Session

from app.models import AuditEntry, Person, StopSwitch
from app.ops.rules import vendor_of

log = structlog.get_logger()


def stop(session: Session, name: str, *, reason: str, operator: Person, now: datetime) -> None:
    """Stop what ``name`` stands for; the sender reads it at every claim. A newer reason replaces an older one."""
    switch = session.get(StopSwitch, name)
    if switch is None:
        session.add(StopSwitch(name=name, reason=reason, by=operator.shown_name, since=now))
    else:
        switch.reason, switch.by = reason, operator.shown_name
    _record(session, "sending.stopped", name, operator, now, reason=reason)


def resume(session: Session, name: str, *, operator: Person, now: datetime) -> bool:
    """Let it go on, without a flood: each mailbox has one window. False when it was not stopped."""
    gone = session.execute(delete(StopSwitch).where(StopSwitch.name == name))
    if cast("CursorResult[Any]", gone).rowcount == 0:
        return False
    _record(session, "sending.resumed", name, operator, now)
    return True


def _record(session: Session, action: str, name: str, operator: Person, now: datetime, **detail: str) -> None:
    log.warning(action, switch=name, person=str(operator.id))
    session.add(
        AuditEntry(
            at=now,
            actor="operator",
            person_id=operator.id,
            vendor_id=vendor_of(name),
            action=action,
            detail={"switch": name, **detail},
        )
    )
