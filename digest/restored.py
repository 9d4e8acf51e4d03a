"""After a backup was put back: what may have gone out since it was made must not go out again (FEATURES L9, S1).

The database has forgotten the mails of that time, and so nothing in it keeps them from being sent twice. Digests would
rather be missed than doubled: what is queued and every window that opened since is held, with its reason. Sending stays
stopped until an operator lets it go on, when the mail service's events have been read: those of forgotten mails keep
the next digest at its distance, and stand on /ops/events.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db import database_now
from app.house import House
from app.models import AuditEntry, Digest, Mailbox, Outcome, Outgoing, OutgoingKind, OutgoingState
from app.scope import Everything
from app.windows import Window, next_due, window_of, windows
from digest.stops import stop_sending

_OPERATOR = Everything("an operator has put a backup back")
_REASON = "A backup was put back: this may have gone out before. Its lines come with the next window."


@dataclass(frozen=True, slots=True)
class Held:
    """How many queued digests, and how many windows, were held."""

    mails: int
    windows: int


def hold_after_restore(house: House, backup_at: datetime) -> Held:
    """Stop all sending and hold what may have gone out after ``backup_at``. Run again, it holds nothing more."""
    with house.database.transaction(_OPERATOR) as session:
        now = database_now(session)
        stop_sending(session, f"A backup of {backup_at:%Y-%m-%d %H:%M} UTC was put back.", "the restore", now)
        held = Held(_hold_mails(session, now), _hold_windows(session, now))
        detail = {"backup": backup_at.isoformat(), "mails": held.mails, "windows": held.windows}
        session.add(AuditEntry(at=now, actor="operator", action="database.restored", detail=detail))
    return held


def _hold_mails(session: Session, now: datetime) -> int:
    """Queued digests. Questions and answers stay: those would rather come twice than not at all. What a sender held at
    the time of the backup becomes unknown when its lease is over, as after any crash."""
    waiting = select(Outgoing.id, Outgoing.digest_id).where(
        Outgoing.kind == OutgoingKind.DIGEST, Outgoing.state == OutgoingState.QUEUED
    )
    rows = session.execute(waiting.with_for_update()).all()
    gone = {"state": OutgoingState.CANCELLED, "finished_at": now, "sealed_token": None, "reason": _REASON}
    if rows:
        session.execute(update(Outgoing), [{"id": row[0], **gone} for row in rows])
        session.execute(update(Digest), [{"id": row[1], "outcome": Outcome.HELD, "reason": _REASON} for row in rows])
    return len(rows)


def _hold_windows(session: Session, now: datetime) -> int:
    """The newest window that opened and was not planned by then is recorded as held, and the next one planned."""
    opened = select(Mailbox).where(Mailbox.next_digest_at.is_not(None), Mailbox.next_digest_at <= now)
    boxes = list(session.scalars(opened.order_by(Mailbox.id).with_for_update(key_share=True)))
    ended = select(Digest.mailbox_id, Digest.window).where(Digest.mailbox_id.in_([box.id for box in boxes]))
    known = {(row[0], row[1]) for row in session.execute(ended)}
    held = 0
    for box in boxes:
        window = _newest_opened(box, now)
        if (box.id, window.key) not in known:
            facts = {"window": window.key, "due_at": window.opens_at, "created_at": now}
            outcome = {"outcome": Outcome.HELD, "reason": _REASON}
            session.add(Digest(customer_id=box.customer_id, mailbox_id=box.id, **facts, **outcome))
            held += 1
        box.next_digest_at, box.lease_owner, box.lease_until = next_due(box, now), None, None
    return held


def _newest_opened(box: Mailbox, now: datetime) -> Window:
    due_at = box.next_digest_at or now
    first = Window(window_of(box.cadence, box.zone, due_at, box.pay_days), due_at)
    return [first, *takewhile(lambda window: window.opens_at <= now, windows(box, due_at))][-1]
