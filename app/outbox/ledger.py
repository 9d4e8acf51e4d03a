"""What became of attempts, written down: the one place where an attempt's end moves its mail, digest and mailbox.

Senders, sweeps and delivery events all come through settle(). It locks mails in the order of their ids, before anything
else of theirs, so that any number of them may settle at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Table, and_, bindparam, func, null, or_, select, update
from sqlalchemy.orm import Session

from app.among import among
from app.db import insert_into
from app.ids import new_id
from app.models import (
    Attempt,
    AttemptResult,
    Digest,
    DigestLine,
    LineKind,
    Mailbox,
    Mention,
    Outcome,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    Relation,
)

_OPEN = (AttemptResult.STARTED, AttemptResult.UNKNOWN)
_LIVE = (*_OPEN, AttemptResult.ACCEPTED)
_SETTLED = (OutgoingState.ACCEPTED, OutgoingState.CANCELLED)
_LONGEST_CALL = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one attempt ended, as far as its bearer knows. ``at``: when, as an event told it later, right or wrong."""

    attempt_id: UUID
    result: AttemptResult
    detail: str = ""
    provider_message_id: str = ""
    retry_after: timedelta = timedelta(0)
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """An attempt as it stands, with its mail."""

    attempt_id: UUID
    result: AttemptResult
    started_at: datetime
    outgoing_id: UUID
    state: OutgoingState
    kind: OutgoingKind
    digest_id: UUID | None
    mailbox_id: UUID | None


_Ended = Sequence[tuple[_Case, Verdict]]


def settle(session: Session, verdicts: Sequence[Verdict], now: datetime) -> set[UUID]:
    """Write the verdicts that still say something new; returns the ids of their attempts.

    An open attempt (started, unknown) takes any verdict. A closed one only learns that it was accepted after all, when
    no other attempt of its mail lives. Accepted is final. The number of statements does not grow with the verdicts.
    """
    if not verdicts:
        return set()
    ended = _that_apply(session, verdicts)
    if not ended:
        return set()
    session.execute(
        _attempt,
        [
            {
                "key": case.attempt_id,
                "result": verdict.result,
                "finished_at": now,
                "detail": verdict.detail,
                "provider_message_id": verdict.provider_message_id,
            }
            for case, verdict in ended
        ],
    )
    _accept(session, _those(ended, AttemptResult.ACCEPTED), now)
    _queue_again(session, _those(ended, AttemptResult.REFUSED), now)
    _give_up(session, _those(ended, AttemptResult.REJECTED), now)
    _hold(session, _those(ended, AttemptResult.UNKNOWN))
    return {case.attempt_id for case, _ in ended}


def _that_apply(session: Session, verdicts: Sequence[Verdict]) -> list[tuple[_Case, Verdict]]:
    cases = _lock(session, [verdict.attempt_id for verdict in verdicts])
    late = [case.outgoing_id for case in cases.values() if case.result not in _LIVE]
    living = _with_live_attempt(session, late) if late else set()
    ended: dict[UUID, tuple[_Case, Verdict]] = {}
    for verdict in verdicts:
        case = cases.get(verdict.attempt_id)
        if case is None or case.attempt_id in ended:
            continue
        if case.result in _OPEN and verdict.result != case.result:
            ended[case.attempt_id] = case, verdict
        elif case.result not in _LIVE and verdict.result == AttemptResult.ACCEPTED and case.outgoing_id not in living:
            ended[case.attempt_id] = case, verdict
            living.add(case.outgoing_id)
    return list(ended.values())


def _lock(session: Session, attempt_ids: Sequence[UUID]) -> dict[UUID, _Case]:
    """The cases as they are now. Both rows of each are locked: after a wait PostgreSQL reads the newest version of what
    it locks, but of what merely stands beside it in the join the version from before."""
    return {row[0]: _Case(*row) for row in session.execute(_CASES, {"ids": attempt_ids})}


def _with_live_attempt(session: Session, outgoing_ids: Sequence[UUID]) -> set[UUID]:
    query = select(Attempt.outgoing_id).where(among(Attempt.outgoing_id, outgoing_ids), Attempt.result.in_(_LIVE))
    return set(session.execute(query).scalars())


def _those(ended: _Ended, result: AttemptResult) -> list[tuple[_Case, Verdict]]:
    return [(case, verdict) for case, verdict in ended if verdict.result == result]


def _accept(session: Session, ended: _Ended, now: datetime) -> None:
    """Handed over: the token is destroyed, the window is done, the mailbox has had its digest."""
    if not ended:
        return
    session.execute(_ACCEPTED, {"ids": _mails(ended), "now": now})
    digests = [(case, _handed_at(case, verdict, now)) for case, verdict in ended if case.kind == OutgoingKind.DIGEST]
    handed = {case.digest_id: at for case, at in digests if case.digest_id}
    if handed:
        session.execute(_digests_accepted, _in_turn(handed))
        _remember_first_mails(session, sorted(handed), now)
        _count_mentions(session, sorted(handed))
    reached = {case.mailbox_id: at for case, at in digests if case.mailbox_id}
    if reached:
        session.execute(_newest_digest, _in_turn(reached))


def _in_turn(handed: Mapping[UUID, datetime]) -> list[dict[str, Any]]:
    """In the order of the ids, together where their moments are the same: a sender's all are, only events tell of
    several."""
    return [{"ids": list(ids), "handed": at} for at, ids in groupby(sorted(handed), handed.__getitem__)]


def _handed_at(case: _Case, verdict: Verdict, now: datetime) -> datetime:
    """When the mail was handed over: an event may come days later, or name a year that is not."""
    if verdict.at is None:
        return now
    return min(max(verdict.at, case.started_at), case.started_at + _LONGEST_CALL)


def _remember_first_mails(session: Session, digest_ids: Sequence[UUID], now: datetime) -> None:
    """From now on these vendors are not new to these customers: a mail that names them has gone out (INVARIANTS A1)."""
    met = sorted((row[0], row[1]) for row in session.execute(_UNHEARD_OF, {"ids": digest_ids}))
    if not met:
        return
    rows = [
        {"id": new_id(), "customer_id": each, "vendor_id": vendor, "created_at": now, "first_mailed_at": now}
        for each, vendor in met
    ]
    statement = insert_into(session, cast("Table", Relation.__table__))
    earlier = func.coalesce(Relation.first_mailed_at, statement.excluded.first_mailed_at)
    keys = [Relation.customer_id, Relation.vendor_id]
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_={"first_mailed_at": earlier}), rows)


def _count_mentions(session: Session, digest_ids: Sequence[UUID]) -> None:
    """Each line that was shown as due has asked for its invoice once more (FEATURES D11). Two digests of one mailbox
    may be settled together, when their events come late."""
    columns = ["mailbox_id", "invoice_id", "vendor_id", "customer_id", "count", "last_at"]
    statement = insert_into(session, cast("Table", Mention.__table__)).from_select(columns, _SHOWN)
    again = {"count": Mention.count + statement.excluded["count"], "last_at": statement.excluded.last_at}
    session.execute(statement.on_conflict_do_update(index_elements=columns[:2], set_=again), {"ids": digest_ids})


def _queue_again(session: Session, ended: _Ended, now: datetime) -> None:
    """Certainly not taken: back into the queue, to be claimed again when the wait is over."""
    again = [(case, verdict) for case, verdict in ended if case.state not in _SETTLED]
    if not again:
        return
    session.execute(
        update(Outgoing),
        [
            {
                "id": case.outgoing_id,
                "state": OutgoingState.QUEUED,
                "due_at": now + verdict.retry_after,
                "reason": verdict.detail,
                **_FREE,
            }
            for case, verdict in again
        ],
    )
    _set(session, Digest, _digests(again), outcome=Outcome.QUEUED, reason="")


def _give_up(session: Session, ended: _Ended, now: datetime) -> None:
    over = [(case, verdict) for case, verdict in ended if case.state not in _SETTLED]
    if not over:
        return
    session.execute(
        update(Outgoing),
        [
            {
                "id": case.outgoing_id,
                "state": OutgoingState.FAILED,
                "finished_at": now,
                "reason": verdict.detail,
                **_FREE,
                "sealed_token": None,
            }
            for case, verdict in over
        ],
    )
    _set(session, Digest, _digests(over), outcome=Outcome.FAILED, reason="The mail service refused this mail.")


def _hold(session: Session, ended: _Ended) -> None:
    """Perhaps taken: nobody touches it until an event names the attempt, or its kind's policy says otherwise (S13)."""
    unsure = [(case, verdict) for case, verdict in ended if case.state not in _SETTLED]
    if not unsure:
        return
    session.execute(
        update(Outgoing),
        [
            {"id": case.outgoing_id, "state": OutgoingState.HELD, "reason": verdict.detail, **_FREE}
            for case, verdict in unsure
        ],
    )
    _set(
        session, Digest, _digests(unsure), outcome=Outcome.HELD, reason="We do not know yet whether this mail went out."
    )


# For many rows at once, each with its own values: Core's statements cost a third of the ORM's.
_outgoings, _table_of_attempts, _table_of_digests, _boxes = (
    cast("Table", model.__table__) for model in (Outgoing, Attempt, Digest, Mailbox)
)
_attempt = update(_table_of_attempts).where(_table_of_attempts.c.id == bindparam("key"))
_handed = bindparam("handed", type_=_boxes.c.last_digest_at.type)
_digests_accepted = (
    update(_table_of_digests)
    .where(among(_table_of_digests.c.id, "ids"))
    .values(outcome=Outcome.ACCEPTED, accepted_at=_handed, reason="")
)
_in_order = (  # as all who lock mailboxes
    select(_boxes.c.id).where(among(_boxes.c.id, "ids")).order_by(_boxes.c.id).with_for_update(key_share=True)
).cte("in_order")
_newest_digest = (
    update(_boxes)
    .where(_boxes.c.id == _in_order.c.id)
    .where(or_(_boxes.c.last_digest_at.is_(None), _boxes.c.last_digest_at < _handed))
    .values(last_digest_at=_handed)
)
_FREE: dict[str, Any] = {"lease_owner": None, "lease_until": None}
_ACCEPTED = (
    update(_outgoings)
    .where(among(_outgoings.c.id, "ids"))
    .values(state=OutgoingState.ACCEPTED, finished_at=bindparam("now"), reason="", sealed_token=null(), **_FREE)
)
_CASES = (
    select(Attempt.id, Attempt.result, Attempt.started_at, Outgoing.id, Outgoing.state, Outgoing.kind)
    .add_columns(Outgoing.digest_id, Outgoing.mailbox_id)
    .join(Outgoing, Outgoing.id == Attempt.outgoing_id)
    .where(among(Attempt.id, "ids"))
    .order_by(Outgoing.id)
    .with_for_update(of=[Outgoing, Attempt], key_share=True)
)
_known = and_(Relation.customer_id == DigestLine.customer_id, Relation.vendor_id == DigestLine.vendor_id)
_UNHEARD_OF = (
    select(DigestLine.customer_id, DigestLine.vendor_id)
    .outerjoin(Relation, _known)
    .where(among(DigestLine.digest_id, "ids"), DigestLine.is_shown, Relation.first_mailed_at.is_(None))
    .distinct()
)
_SHOWN = (
    select(Digest.mailbox_id, DigestLine.invoice_id, DigestLine.vendor_id, Mailbox.customer_id)
    .add_columns(func.count(), func.max(Digest.accepted_at))
    .join(Digest, Digest.id == DigestLine.digest_id)
    .join(Mailbox, Mailbox.id == Digest.mailbox_id)
    .where(among(DigestLine.digest_id, "ids"), DigestLine.is_shown, DigestLine.kind == LineKind.DUE)
    .where(DigestLine.invoice_id.is_not(None))
    .group_by(Digest.mailbox_id, DigestLine.invoice_id, DigestLine.vendor_id, Mailbox.customer_id)
    .order_by(Digest.mailbox_id, DigestLine.invoice_id)
)


def _mails(ended: _Ended) -> list[UUID]:
    return [case.outgoing_id for case, _ in ended]


def _digests(ended: _Ended) -> list[UUID]:
    return [case.digest_id for case, _ in ended if case.digest_id and case.kind == OutgoingKind.DIGEST]


def _set(session: Session, table: Any, ids: Iterable[UUID], **values: Any) -> None:
    """The same values into several rows."""
    wanted = list(ids)
    if wanted:
        statement = update(table).where(among(table.id, wanted)).values(**values)
        session.execute(statement.execution_options(synchronize_session=False))
