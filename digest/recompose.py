"""A digest that stopped being true while it waited is composed anew, in the transaction that claims it (INVARIANTS S3).

Nobody has seen it yet, so its lines may get new numbers; its token stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy import Connection, Table, bindparam, delete, select, update
from sqlalchemy.orm import Session

from app.db import database_now
from app.house import House
from app.models import Digest, DigestLine, Mailbox, Outcome, Outgoing, OutgoingKind, OutgoingState
from digest.contacts import admit
from digest.gather import gather
from digest.plan import Plan, compose_window, content_values, freeze_lines, line_rows
from digest.schedule import COLUMNS, Box

log = structlog.get_logger()


@dataclass(slots=True)
class Recomposed:
    """What became of digests that were looked at again; ``cancelled`` by id with the reason, their mails taken back."""

    rewritten: set[UUID] = field(default_factory=set)
    cancelled: dict[UUID, str] = field(default_factory=dict)


def recompose(house: House, session: Session, digest_ids: Sequence[UUID]) -> Recomposed:
    """Compose the queued digests among ``digest_ids`` from what is stored now. The mail of each is written anew, or
    taken back with its reason where nothing remains to ask for."""
    connection, done = session.connection(), Recomposed()
    waiting = _waiting(connection, digest_ids)
    now = database_now(session)
    found = gather(connection, [box.id for _, _, box in waiting], (), now)
    admit(session, [box for _, _, box in waiting], found, now, house.limits)
    for digest_id, outgoing_id, box in waiting:
        plan = compose_window(house, box, found[box.id], box.next_digest_at, now)
        if plan.mail is None:
            done.cancelled[digest_id] = plan.reason
            _take_back(connection, digest_id, outgoing_id, plan, now)
        else:
            done.rewritten.add(digest_id)
            _rewrite(session, digest_id, outgoing_id, box, plan)
    log.info("digests composed anew", rewritten=len(done.rewritten), cancelled=len(done.cancelled))
    return done


def _waiting(connection: Connection, digest_ids: Sequence[UUID]) -> list[tuple[UUID, UUID, Box]]:
    query = (
        select(_of(Digest).id, _of(Outgoing).id, *COLUMNS)
        .join_from(_table(Digest), _table(Mailbox), _of(Mailbox).id == _of(Digest).mailbox_id)
        .join(_table(Outgoing), _of(Outgoing).digest_id == _of(Digest).id)
        .where(_of(Digest).id.in_(digest_ids), _of(Outgoing).kind == OutgoingKind.DIGEST)
        .where(_of(Outgoing).state == OutgoingState.QUEUED)
        .order_by(_of(Digest).id)
    )
    return [(row[0], row[1], Box(*row[2:])) for row in connection.execute(query)]


def _take_back(connection: Connection, digest_id: UUID, outgoing_id: UUID, plan: Plan, now: datetime) -> None:
    reason = f"settled or changed before it left: {plan.reason}"[:300]
    cancelled = {"state": OutgoingState.CANCELLED, "finished_at": now, "sealed_token": None, "reason": reason}
    connection.execute(_set_mail, [{"key": outgoing_id, **cancelled}])
    _set_digest(connection, digest_id, plan, outcome=Outcome.NOTHING_DUE, reason=reason)


def _rewrite(session: Session, digest_id: UUID, outgoing_id: UUID, box: Box, plan: Plan) -> None:
    connection = session.connection()
    assert plan.mail
    assert plan.digest
    words = {"subject": plan.mail.subject, "text": plan.mail.text, "html": plan.mail.html}
    connection.execute(_set_mail, [{"key": outgoing_id, **words}])
    _set_digest(connection, digest_id, plan)
    connection.execute(delete(_table(DigestLine)).where(_of(DigestLine).digest_id == digest_id))
    freeze_lines(session, line_rows(digest_id, box.customer_id, plan.digest.lines))


def _set_digest(connection: Connection, digest_id: UUID, plan: Plan, **values: Any) -> None:
    reasons = dict(plan.digest.reasons) if plan.digest else {}
    content = content_values(plan.digest if plan.mail else None)
    statement = update(_table(Digest)).where(_of(Digest).id == digest_id)
    connection.execute(statement.values(reasons=reasons, **content, **values))


def _table(model: Any) -> Table:
    return cast("Table", model.__table__)


def _of(model: Any) -> Any:
    return model.__table__.c


_set_mail = update(_table(Outgoing)).where(_of(Outgoing).id == bindparam("key"))
