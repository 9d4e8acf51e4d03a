"""What mail servers report by mail, where the channel has no events of its own: SMTP.

Each mail names an address of its own as its sender, which names the attempt and is signed. A report that comes there
becomes an event like a mail service's: whoever silences an address on one silences it on the other (FEATURES D14 D18).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.keys import KeyRing
from digest import events
from digest.channels.smtp import is_hard_bounce
from digest.inbound.request import Received
from digest.replies import attempt_of
from digest.silence import BLOCKED

_KINDS = {"delayed": "deferred", "delivered": "delivered"}


def attempt_reported(keys: KeyRing, received: Received, host: str) -> UUID | None:
    """The attempt whose return address this came to."""
    return next((found for each in received.recipients if (found := attempt_of(keys, each, host))), None)


def file_report(session: Session, attempt_id: UUID, received: Received, at: datetime) -> str:
    """Keep a server's report as an event of its attempt; returns what it is, in words."""
    report = received.mail.report
    kind, status = _kind(report), report.get("status", "")
    if not kind:
        return "mail to a return address that reports nothing"
    fact = {
        "attempt": str(attempt_id),
        "event": kind,
        "timestamp": int(at.timestamp()),
        "reason": f"{status} {report.get('diagnostic-code', '').partition(';')[2]}".strip(),
    }
    events.store(session, json.dumps([fact]).encode(), {}, at)
    return f"a mail server reports: {kind}"


def _kind(report: Mapping[str, str]) -> str:
    """The event's kind; nothing when it is not one that tells us anything."""
    action = report.get("action", "").strip().lower()
    if action != "failed":
        return _KINDS.get(action, "")
    return "bounce" if is_hard_bounce(550, report.get("status", "").encode()) else BLOCKED
