"""What is wrong when nothing fails: too much, or nothing at all (INVARIANTS S5 F3). Pure rules over a few figures."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.settings import Limits

_LEAST_BOUNCED, _LEAST_COMPLAINED = 20, 5  # fewer are a bad day, whatever their share
_REFUSAL_RINGS = timedelta(hours=2)
_LEAST_USUAL = 20  # so many digests a day ago and a week ago make a habit


@dataclass(frozen=True, slots=True)
class Conduct:
    """How our newest mails were taken, since sending was last let go on."""

    judged: int  # accepted mails looked at
    bounced: int
    complained: int
    doubled: int  # digests of which two were taken
    too_close: int  # digests nearer to the one before than the spacing


@dataclass(frozen=True, slots=True)
class Pulse:
    """What should move. Instants are of the oldest thing that waits, or of the newest that came; None: nothing does."""

    stopped: str  # why all is stopped by a machine, "" when it is not
    gate_reason: str  # why the mail service is left alone, "" when it is not
    is_paused: bool  # an operator has stopped all mail, or all digests
    window_waits_since: datetime | None
    mail_waits_since: datetime | None
    told_nothing_since: datetime | None  # the oldest mail handed over since the mail service last reported anything
    books_read_at: datetime | None
    has_books: bool
    digests_now: int  # accepted in the last day
    digests_then: int  # on the same day a week ago
    mail_refused_at: datetime | None = None  # the last mail that came in and was sent back unread


def anomaly(conduct: Conduct, limits: Limits) -> str:
    """Why all mail must stop now; "" when it need not."""
    if conduct.too_close:
        return f"mailboxes with two digests within {limits.spacing_hours} hours: {conduct.too_close}"
    if conduct.doubled:
        return f"digests that went out twice: {conduct.doubled}"
    if conduct.bounced >= max(_LEAST_BOUNCED, limits.bounced_share * conduct.judged):
        return f"{conduct.bounced} of the last {conduct.judged} mails bounced"
    if conduct.complained >= max(_LEAST_COMPLAINED, limits.complained_share * conduct.judged):
        return f"{conduct.complained} of the last {conduct.judged} mails were called spam"
    return ""


def alarms(pulse: Pulse, limits: Limits, now: datetime) -> dict[str, str]:
    """What should ring now: words by the name of the incident."""
    found = {}
    if pulse.mail_refused_at is not None and now - pulse.mail_refused_at < _REFUSAL_RINGS:
        found["inbound"] = "Mail that comes in bears no signature we know: people's replies wait at the mail service."
    if pulse.stopped:
        found["stopped"] = pulse.stopped
    if pulse.is_paused or pulse.stopped:
        return found | _books(pulse, limits, now)
    if _waits(pulse.window_waits_since, now, timedelta(minutes=limits.windows_silent_minutes)):
        found["windows"] = "Windows are open and nobody plans them: is a worker running?"
    if _waits(pulse.mail_waits_since, now, timedelta(minutes=limits.queue_silent_minutes)):
        why = f" The mail service is left alone: {pulse.gate_reason}." if pulse.gate_reason else ""
        found["queue"] = f"Mails are due and do not leave.{why}"
    if _waits(pulse.told_nothing_since, now, timedelta(minutes=limits.events_silent_minutes)):
        found["events"] = "The mail service took mails and reports nothing of them: does its event webhook reach us?"
    if pulse.digests_then >= _LEAST_USUAL and pulse.digests_now * 5 < pulse.digests_then:
        found["digests"] = f"{pulse.digests_now} digests in a day; a week ago it was {pulse.digests_then}."
    return found | _books(pulse, limits, now)


def _books(pulse: Pulse, limits: Limits, now: datetime) -> dict[str, str]:
    silent = timedelta(hours=limits.books_silent_hours)
    if pulse.has_books and _waits(pulse.books_read_at, now, silent):
        return {"books": f"Nobody's books were read for {limits.books_silent_hours} hours."}
    return {}


def _waits(since: datetime | None, now: datetime, longest: timedelta) -> bool:
    return since is not None and now - since > longest
