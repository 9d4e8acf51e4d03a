"""What is stopped, by whom, and throwing the switch ourselves (FEATURES L1, INVARIANTS S5)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from app.db import insert_into
from app.models import AuditEntry, Outgoing, OutgoingKind, StopSwitch
from app.settings import listed

log = structlog.get_logger()

SENDING = "sending"


@dataclass(frozen=True, slots=True)
class Stops:
    """Everything, or the mails of some kinds; the lines of some vendors, or those that came through some providers."""

    everything: bool
    kinds: frozenset[str]
    vendors: frozenset[UUID]
    providers: frozenset[str]

    @classmethod
    def read(cls, session: Session) -> "Stops":
        names = set(session.execute(select(StopSwitch.name)).scalars())
        return cls(
            everything=SENDING in names,
            kinds=frozenset(_rest(names, "kind:")),
            vendors=frozenset(UUID(each) for each in _rest(names, "vendor:")),
            providers=frozenset(_rest(names, "provider:")),
        )


def is_operators_own(operators: str) -> ColumnElement[bool]:
    """Mails that leave though all is stopped: whoever is to let it go on must be able to sign in, and hear of it.
    ``operators``: as in the settings."""
    kinds = or_(Outgoing.kind == OutgoingKind.LOGIN, Outgoing.kind == OutgoingKind.NOTICE)
    return and_(kinds, Outgoing.address.in_(listed(operators)))


def stop_sending(session: Session, reason: str, by: str, now: datetime) -> bool:
    """Stop all mail until a human has looked; false when it is stopped already."""
    statement = insert_into(session, StopSwitch).values(name=SENDING, reason=reason[:200], by=by, since=now)
    stopped = session.execute(statement.on_conflict_do_nothing().returning(StopSwitch.name)).scalar_one_or_none()
    if stopped is None:
        return False
    detail = {"switch": SENDING, "reason": reason[:200], "by": by}
    session.add(AuditEntry(at=now, actor="worker", action="sending.stopped", detail=detail))
    log.error("sending stopped", reason=reason[:200], by=by)
    return True


def _rest(names: set[str], start: str) -> list[str]:
    return [name.removeprefix(start) for name in names if name.startswith(start)]
