"""Whether a mail that is due may leave now: pure rules over what is known of it, its recipient and its digest.

Each answer that is not "send" carries its reason in words, for the operator's board and the digest's row (S2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from app.models import Outcome, OutgoingKind
from app.settings import Limits

_DAY, _HOUR = timedelta(hours=24), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DueMail:
    """A queued mail without its words. Exactly one of the three recipients is set."""

    id: UUID
    kind: OutgoingKind
    address: str
    created_at: datetime
    mailbox_id: UUID | None
    person_id: UUID | None
    login_token_id: UUID | None
    digest_id: UUID | None
    thread_id: UUID | None

    @property
    def window_id(self) -> UUID | None:
        """The digest whose window this mail is; a correction names one without being it."""
        return self.digest_id if self.kind == OutgoingKind.DIGEST else None

    @property
    def recipient_id(self) -> UUID | None:
        return self.mailbox_id or self.person_id or self.login_token_id


@dataclass(frozen=True, slots=True)
class Addressee:
    """The recipient as stored now. ``rate_key`` counts sign-in mails of one human, however the address is spelled."""

    address: str
    rate_key: str = ""
    customer_id: UUID | None = None
    suppressed_at: datetime | None = None
    reminders_off_at: datetime | None = None
    paused_until: datetime | None = None
    disabled_at: datetime | None = None
    expires_at: datetime | None = None  # of the sign-in asked for
    last_digest_at: datetime | None = None
    attaches_pdfs: bool = False


@dataclass(frozen=True, slots=True)
class DigestFacts:
    due_at: datetime
    outcome: Outcome
    is_overtaken: bool  # a later window of the same mailbox has a digest already


@dataclass(frozen=True, slots=True)
class Past:
    """A mail that was, or may have been, handed to the same recipient."""

    kind: OutgoingKind
    at: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """``wait`` names ``until``; a dropped digest's window ends in ``outcome``, None leaves it as it is."""

    action: Literal["send", "wait", "drop"]
    reason: str = ""
    until: datetime | None = None
    outcome: Outcome | None = Outcome.SUPPRESSED


SEND = Decision("send")


def decide(
    mail: DueMail, to: Addressee | None, digest: DigestFacts | None, past: Sequence[Past], limits: Limits, now: datetime
) -> Decision:
    """What to do with ``mail``. ``past`` reaches back a day, for digests at least the spacing, and may hold more."""
    if to is None:
        return Decision("drop", "whoever this was for is gone")
    if to.disabled_at is not None:
        return Decision("drop", "this person's access was ended")
    if mail.kind == OutgoingKind.LOGIN:
        return _login(mail, to, past, limits, now)
    if to.suppressed_at is not None:
        return Decision("drop", "this address bounced or complained")
    if mail.kind == OutgoingKind.CORRECTION and to.reminders_off_at is not None:
        return Decision("drop", "reminders are switched off for this mailbox")
    if mail.kind == OutgoingKind.DIGEST:
        decision = _digest(to, digest, past, limits, now)
        if decision is not SEND:
            return decision
    return _daily_brake(mail, past, limits, now)


def _login(mail: DueMail, to: Addressee, past: Sequence[Past], limits: Limits, now: datetime) -> Decision:
    """A sign-in link goes once and at once, or not at all: the person can ask again."""
    expires_at = to.expires_at or mail.created_at + timedelta(minutes=limits.login_minutes)
    if now >= expires_at:
        return Decision("drop", "the sign-in link had run out before it could leave")
    recent = [each for each in past if each.kind == OutgoingKind.LOGIN and each.at > now - _HOUR]
    if len(recent) >= limits.logins_per_hour:
        return Decision("drop", f"{limits.logins_per_hour} sign-in mails within the hour")
    return SEND


def _digest(to: Addressee, digest: DigestFacts | None, past: Sequence[Past], limits: Limits, now: datetime) -> Decision:
    if digest is None or digest.outcome != Outcome.QUEUED:
        return Decision(
            "drop", "its window was settled otherwise", outcome=digest.outcome if digest else Outcome.FAILED
        )
    if to.reminders_off_at is not None:
        return Decision("drop", "reminders are switched off for this mailbox")
    if to.paused_until is not None and to.paused_until > now:
        return Decision("drop", "this mailbox has paused its reminders", outcome=Outcome.PAUSED)
    if digest.is_overtaken:
        return Decision("drop", "a newer window took its place", outcome=Outcome.MISSED)
    if now - digest.due_at > timedelta(hours=limits.catch_up_hours):
        reason = f"more than {limits.catch_up_hours} hours late: its lines wait for the next window"
        return Decision("drop", reason, outcome=Outcome.MISSED)
    handed = [each.at for each in past if each.kind == OutgoingKind.DIGEST]
    last = max([*handed, *([to.last_digest_at] if to.last_digest_at else [])], default=None)
    if last is not None and now < (free_at := last + timedelta(hours=limits.spacing_hours)):
        return Decision("wait", f"the last digest left less than {limits.spacing_hours} hours ago", until=free_at)
    return SEND


def _daily_brake(mail: DueMail, past: Sequence[Past], limits: Limits, now: datetime) -> Decision:
    """At most so many mails to one mailbox in 24 hours (S5). A vendor's people are no mailbox: a question reaches them
    at once however many there are (DESIGN.md section 1); what customers may ask is limited where they ask it."""
    if mail.mailbox_id is None:
        return SEND
    recent = sorted(each.at for each in past if each.kind != OutgoingKind.LOGIN and each.at > now - _DAY)
    if len(recent) < limits.mails_per_day:
        return SEND
    until = recent[-limits.mails_per_day] + _DAY
    return Decision("wait", f"{limits.mails_per_day} mails within 24 hours", until=until)
