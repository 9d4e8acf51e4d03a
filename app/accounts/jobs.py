"""What the door forgets: sign-ins asked for and sessions long over, with the addresses in them."""

from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, or_

from app import clock
from app.house import House
from app.models import LoginToken, WebSession
from app.scheduler import Job
from app.scope import Everything

_KEPT = timedelta(days=1)  # longer than any limit that counts them
_SESSIONS_KEPT = timedelta(days=30)  # after their end
_WORKER = Everything("forgetting old sign-ins of everybody")


def forget(house: House) -> int:
    """Delete what is no longer of use to anybody; the audit keeps who signed in when."""
    now = clock.now()
    over = now - timedelta(days=house.limits.session_absolute_days) - _SESSIONS_KEPT
    with house.database.transaction(_WORKER) as session:
        asked = session.execute(delete(LoginToken).where(LoginToken.created_at < now - _KEPT))
        ended = session.execute(
            delete(WebSession).where(or_(WebSession.ended_at < now - _SESSIONS_KEPT, WebSession.seen_at < over))
        )
    return sum(cast("CursorResult[Any]", done).rowcount for done in (asked, ended))


JOBS = (Job("forget sign-ins", 3600.0, forget),)
