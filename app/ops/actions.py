"""Writes: stop, and let go on. Both are recorded with the operator's reason (INVARIANTS F2)."""

from datetime import datetime
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy import CursorResult, delete, func, select, update
from sqlalchemy.orm import Session

from app.models import (
    Attempt,
    AttemptResult,
    AuditEntry,
    Digest,
    InboundMail,
    InboundOutcome,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingState,
    Person,
    SendGate,
    StopSwitch,
)
from app.ops.rules import SENDING, vendor_of
from app.outbox.ledger import Verdict, settle
from app.windows import window_of
from app.words import _

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
    """Let it go on, without a flood: each mailbox has one window. False when it was not stopped. The count of this
    hour's mails begins anew, so that what stopped us does not stop us at once again."""
    gone = session.execute(delete(StopSwitch).where(StopSwitch.name == name))
    if cast("CursorResult[Any]", gone).rowcount == 0:
        return False
    if name == SENDING:
        session.execute(update(SendGate).values(handed=0))
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


class CannotBeDone(ValueError):
    """Not now, or not any more; the message is written for the operator."""


def decide_held(session: Session, mail_id: UUID, *, went: bool, operator: Person, now: datetime) -> None:
    """An operator knows, or takes upon them, what no event has told: this mail went out, or it goes once more."""
    unknown = select(Attempt.id).where(Attempt.outgoing_id == mail_id, Attempt.result == AttemptResult.UNKNOWN)
    attempt_id = session.scalar(unknown)
    result, words = (
        (AttemptResult.ACCEPTED, "an operator found that it went out")
        if went
        else (AttemptResult.REFUSED, "an operator let it go once more")
    )
    if attempt_id is None or not settle(session, [Verdict(attempt_id, result, words)], now):
        raise CannotBeDone(_("Nothing is in doubt about this mail any more."))
    action = "mail.found_sent" if went else "mail.released"
    entry = AuditEntry(at=now, actor="operator", person_id=operator.id, action=action, subject_id=mail_id)
    session.add(entry)
    log.warning(action, outgoing=str(mail_id), person=str(operator.id))


def plan_again(session: Session, digest_id: UUID, *, operator: Person, now: datetime) -> None:
    """Open a window once more that ended without a mail. The planner and every brake decide anew; what was recorded is
    kept under another name. Never while a mail of it may be out, and only while its period lasts (INVARIANTS S1 C4)."""
    found = session.get(Digest, digest_id)
    if found is None:
        raise CannotBeDone(_("There is no such window."))
    box = session.scalars(select(Mailbox).where(Mailbox.id == found.mailbox_id).with_for_update()).one()
    digest = session.scalars(
        select(Digest).where(Digest.id == digest_id).with_for_update().execution_options(populate_existing=True)
    ).one()
    if digest.outcome in (Outcome.QUEUED, Outcome.ACCEPTED) or _may_be_out(session, digest_id):
        raise CannotBeDone(_("A mail of this window is on its way, or may have gone out."))
    if digest.window != window_of(box.cadence, box.zone, now, box.pay_days):
        raise CannotBeDone(_("Its period is over: what it left out comes with the next window."))
    earlier = select(func.count()).where(Digest.mailbox_id == box.id, Digest.window.startswith(f"{digest.window}~"))
    mark = f"~{session.scalar(earlier) or 0}"
    renamed = (
        update(Outgoing).where(Outgoing.digest_id == digest_id).values(dedupe_key=Outgoing.dedupe_key.concat(mark))
    )
    session.execute(renamed.execution_options(synchronize_session=False))
    _record_window(session, digest, operator, now)
    digest.window += mark
    box.next_digest_at = now


def _may_be_out(session: Session, digest_id: UUID) -> bool:
    live = (AttemptResult.STARTED, AttemptResult.UNKNOWN, AttemptResult.ACCEPTED)
    waiting = (OutgoingState.QUEUED, OutgoingState.CLAIMED, OutgoingState.HELD)
    attempted = select(Attempt.id).where(Attempt.outgoing_id == Outgoing.id, Attempt.result.in_(live)).exists()
    query = select(Outgoing.id).where(Outgoing.digest_id == digest_id, attempted | Outgoing.state.in_(waiting))
    return session.execute(query.limit(1)).first() is not None


def _record_window(session: Session, digest: Digest, operator: Person, now: datetime) -> None:
    session.add(
        AuditEntry(
            at=now,
            actor="operator",
            person_id=operator.id,
            customer_id=digest.customer_id,
            action="window.planned_again",
            subject_id=digest.id,
            detail={"window": digest.window, "ended": str(digest.outcome), "reason": digest.reason},
        )
    )


def retry_inbound(session: Session, inbound_id: UUID, *, operator: Person, now: datetime) -> bool:
    """Read a mail out of quarantine again; False when it is there no more."""
    again = {"outcome": InboundOutcome.WAITING, "handled_at": None, "tries": 0, "due_at": now, "reason": ""}
    return _out_of_quarantine(session, inbound_id, again, "inbound.retried", operator, now)


def dismiss_inbound(session: Session, inbound_id: UUID, *, operator: Person, now: datetime) -> bool:
    """Lay a mail aside; it stays stored. False when it is in quarantine no more."""
    aside = {"outcome": InboundOutcome.DISMISSED}
    return _out_of_quarantine(session, inbound_id, aside, "inbound.dismissed", operator, now)


def _out_of_quarantine(
    session: Session, inbound_id: UUID, values: dict[str, Any], action: str, operator: Person, now: datetime
) -> bool:
    quarantined = (InboundMail.id == inbound_id, InboundMail.outcome == InboundOutcome.QUARANTINED)
    reason = session.execute(select(InboundMail.reason).where(*quarantined).with_for_update()).scalar_one_or_none()
    if reason is None:
        return False
    session.execute(update(InboundMail).where(*quarantined).values(values))
    session.add(
        AuditEntry(
            at=now,
            actor="operator",
            person_id=operator.id,
            action=action,
            subject_id=inbound_id,
            detail={"reason": reason},
        )
    )
    return True
