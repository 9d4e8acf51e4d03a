"""What is thrown away, and when: rows that grow with every mail, notice and run, once nobody can want them any more.

Never thrown away: who decided what (audit), what the books said (invoices and their history), questions and answers,
how every window ended. Numbers about vendors, and all that must be proven later, come from those (docs/scaling.md).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Select, delete, select
from sqlalchemy.orm import Session

from app import clock
from app.house import House
from app.ids import first_id
from app.models import (
    Attempt,
    DeliveryEvent,
    Digest,
    DigestLine,
    HeldReply,
    InboundMail,
    InboundOutcome,
    JobRun,
    Outgoing,
    OutgoingState,
    ProviderEvent,
    SyncRun,
)
from app.scheduler import Job
from app.scope import Everything
from app.settings import Limits

log = structlog.get_logger()

AT_ONCE = 2000  # rows a transaction: short locks, and whoever is stopped in the middle goes on there the next time
_WORKER = Everything("everybody's rows grow old")
_WAITING = (OutgoingState.QUEUED, OutgoingState.CLAIMED)
_UNDECIDED = (InboundOutcome.WAITING, InboundOutcome.QUARANTINED)


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of ``table`` go ``days`` after ``ended_at`` where ``also`` holds, and with them the rows that ``hanging``
    columns tie to them."""

    table: Any
    days: int
    ended_at: Any
    also: ColumnElement[bool] | None = None
    hanging: tuple[Any, ...] = ()


def rules(limits: Limits) -> tuple[Rule, ...]:
    held = select(HeldReply.id).where(HeldReply.inbound_id == InboundMail.id)  # its attachments are read from there
    return (
        Rule(ProviderEvent, limits.keep_notice_days, ProviderEvent.handled_at),
        Rule(SyncRun, limits.keep_run_days, SyncRun.finished_at),
        Rule(JobRun, limits.keep_run_days, JobRun.finished_at),
        Rule(
            InboundMail,
            limits.keep_notice_days,
            InboundMail.handled_at,
            InboundMail.outcome.not_in(_UNDECIDED) & ~held.exists(),
        ),
        Rule(DeliveryEvent, limits.keep_mail_days, DeliveryEvent.received_at, DeliveryEvent.handled_at.is_not(None)),
        Rule(
            Outgoing,
            limits.keep_mail_days,
            Outgoing.created_at,
            Outgoing.state.not_in(_WAITING),
            hanging=(Attempt.outgoing_id,),
        ),
    )


def forget(house: House) -> int:
    """One batch of every kind; returns how many rows went, 0 when nothing is old."""
    return sum(forget_kind(table, house) for table in KINDS)


def forget_kind(table: str, house: House) -> int:
    """One batch of the rows of one table: the same, and a job of its own, so that the run board says what went when."""
    rule = next((rule for rule in rules(house.limits) if rule.table.__tablename__ == table), None)
    with house.database.transaction(_WORKER) as session:
        if rule is not None:
            gone = _forget_batch(session, rule, clock.now() - timedelta(days=rule.days))
        else:
            gone = _forget_lines(session, clock.now() - timedelta(days=house.limits.keep_line_days))
    if gone:
        log.info("old rows forgotten", table=table, count=gone)
    return gone


def _forget_batch(session: Session, rule: Rule, before: datetime) -> int:
    table = rule.table
    old = select(table.id).where(table.id < first_id(before), rule.ended_at < before)
    if rule.also is not None:
        old = old.where(rule.also)
    ids = _taken(session, old.order_by(table.id), table)
    for column in rule.hanging:
        _delete(session, column, ids)
    return _delete(session, table.id, ids)


def _forget_lines(session: Session, before: datetime) -> int:
    """Frozen lines, whole digests of them; that there was a digest, and how many lines it had, stays."""
    old = select(DigestLine.digest_id).join(Digest, Digest.id == DigestLine.digest_id)
    old = old.where(DigestLine.digest_id < first_id(before), Digest.created_at < before)
    ids = _taken(session, old.order_by(DigestLine.digest_id), DigestLine)
    return _delete(session, DigestLine.digest_id, sorted(set(ids)))


def _taken(session: Session, old: Select[UUID], table: Any) -> list[UUID]:
    """The oldest of them, by the primary key's own index: ids are made in the order of time, and what somebody else
    holds or is throwing away is left to him."""
    return list(session.execute(old.limit(AT_ONCE).with_for_update(of=table, skip_locked=True)).scalars())


def _delete(session: Session, column: Any, ids: list[UUID]) -> int:
    if not ids:
        return 0
    statement = delete(column.class_).where(column.in_(ids)).execution_options(synchronize_session=False)
    return int(getattr(session.execute(statement), "rowcount", 0))


def job_name(table: str) -> str:
    return f"forget {table}"


KINDS = (*(rule.table.__tablename__ for rule in rules(Limits())), DigestLine.__tablename__)
JOBS = tuple(Job(job_name(table), 3600.0, partial(forget_kind, table)) for table in KINDS)
