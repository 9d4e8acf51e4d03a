"""The customer's own say over one mailbox: rhythm, pause, stop. It wins over every vendor's wish (FEATURES J1)."""

from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID
from zoneinfo import available_timezones

from sqlalchemy.orm import Session

from app.models import AuditEntry, Cadence, Mailbox, Relation
from app.windows import first_due


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a mailbox wants its digest."""

    cadence: Cadence
    weekday: int
    month_day: int
    send_at: time
    zone: str


class BadRhythm(ValueError):
    """The message says which field is wrong, in the person's words."""


def read_rhythm(form: "dict[str, str]") -> Rhythm:
    """A submitted form as a Rhythm. Raises BadRhythm."""
    try:
        cadence = Cadence(form.get("cadence", ""))
    except ValueError:
        raise BadRhythm("Choose how often you want your digest.") from None
    zone = form.get("zone", "")
    if zone not in available_timezones():
        raise BadRhythm("Choose a time zone from the list.")
    try:
        hour, _, minute = form.get("send_at", "").partition(":")
        send_at = time(int(hour), int(minute or 0))
        weekday, month_day = int(form.get("weekday") or 1), int(form.get("month_day") or 1)
    except ValueError:
        raise BadRhythm("Give the hour as 09:00.") from None
    if not 0 <= weekday <= 6 or not 1 <= month_day <= 31:
        raise BadRhythm("Choose a day of the week and a day of the month from the lists.")
    return Rhythm(cadence, weekday, month_day, send_at, zone)


def change_rhythm(session: Session, mailbox: Mailbox, rhythm: Rhythm, now: datetime, person_id: UUID | None) -> None:
    """Holds from the next window on; spacing to the last digest is kept by the planner (INVARIANTS S4)."""
    mailbox.cadence, mailbox.weekday, mailbox.month_day = rhythm.cadence, rhythm.weekday, rhythm.month_day
    mailbox.send_at, mailbox.zone = rhythm.send_at, rhythm.zone
    _reschedule(mailbox, now)
    _record(session, mailbox, "rhythm.changed", now, person_id, cadence=rhythm.cadence.value)


def pause(session: Session, mailbox: Mailbox, until: datetime, now: datetime, person_id: UUID | None) -> None:
    mailbox.paused_until = until
    _record(session, mailbox, "reminders.paused", now, person_id, until=until.isoformat())


def stop_reminders(session: Session, mailbox: Mailbox, now: datetime, person_id: UUID | None = None) -> None:
    """Unsubscribe: no more digests; answers to own questions and sign-in mail still come (FEATURES D13). Idempotent."""
    if mailbox.reminders_off_at is None:
        mailbox.reminders_off_at = now
        _record(session, mailbox, "reminders.stopped", now, person_id)


def resume(session: Session, mailbox: Mailbox, now: datetime, person_id: UUID | None) -> None:
    mailbox.reminders_off_at = mailbox.paused_until = None
    _reschedule(mailbox, now)
    _record(session, mailbox, "reminders.resumed", now, person_id)


def mute_vendor(session: Session, relation: Relation, now: datetime, person_id: UUID | None) -> None:
    """Out of the mail, still in the inbox (FEATURES B9)."""
    relation.muted_at = now
    session.add(_entry(relation.customer_id, "vendor.muted", now, person_id, relation.id))


def accept_vendor(session: Session, relation: Relation, now: datetime, person_id: UUID | None = None) -> None:
    """Yes to a vendor this customer did not know: its lines come in full from now on (INVARIANTS A1)."""
    relation.accepted_at, relation.blocked_at, relation.muted_at = now, None, None
    session.add(_entry(relation.customer_id, "vendor.accepted", now, person_id, relation.id))


def block_vendor(session: Session, relation: Relation, now: datetime, person_id: UUID | None = None) -> None:
    relation.blocked_at = now
    session.add(_entry(relation.customer_id, "vendor.blocked", now, person_id, relation.id))


def report_vendor(session: Session, relation: Relation, now: datetime, note: str) -> None:
    """For the operator's eyes: the vendor is never told by whom (INVARIANTS I2)."""
    session.add(_entry(relation.customer_id, "vendor.reported", now, None, relation.id, note=note))


def _reschedule(mailbox: Mailbox, now: datetime) -> None:
    mailbox.next_digest_at = first_due(mailbox, now)


def _record(
    session: Session, mailbox: Mailbox, action: str, now: datetime, person_id: UUID | None, **detail: str
) -> None:
    session.add(_entry(mailbox.customer_id, action, now, person_id, mailbox.id, **detail))


def _entry(
    customer_id: UUID, action: str, now: datetime, person_id: UUID | None, subject_id: UUID, **detail: str
) -> AuditEntry:
    return AuditEntry(
        at=now,
        actor="person" if person_id else "link",
        person_id=person_id,
        customer_id=customer_id,
        action=action,
        subject_id=subject_id,
        detail=dict(detail),
    )
