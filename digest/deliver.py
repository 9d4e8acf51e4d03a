"""Empties the outbox through a channel, one batch at a time, in the order that a crash cannot turn into a double (S6):

1. claim: brakes, freshness and attempts in one transaction, committed;
2. look again, just before the calls: is the lease still ours, has anybody stopped or unsubscribed;
3. call, with no transaction open, several at once;
4. record what became of each in one transaction.

A crash leaves attempts started; the sweep (digest/sweep.py) finds them once their lease has run out.
"""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from app import clock
from app.db import database_now
from app.house import House
from app.models import AttemptResult, AuditEntry, StopSwitch
from app.scope import Everything
from digest.channels import open_channel
from digest.channels.base import THREADS, Channel, Concern, Result, refused, rejected, unknown
from digest.claim import Claim, Parcel, Recompose, claim_mails, still_ours
from digest.envelope import envelope_of
from digest.ledger import Verdict, settle
from digest.owners import WrongRecipient, check_one_recipient

log = structlog.get_logger()

BATCH = 2 * THREADS  # what a killed sender leaves in doubt is at most one batch
_WORKER = Everything("the sender carries everybody's mail")
_LOOK_AGAIN_SECONDS = 1.0


def deliver_batch(
    house: House, channel: Channel | None = None, recompose: Recompose | None = None, limit: int = BATCH
) -> int:
    """Hand over up to ``limit`` due mails; returns how many were due and are dealt with, 0 when there is nothing to do.

    ``recompose`` composes digests anew whose lines changed since (INVARIANTS S3); without it those do not go. Without a
    ``channel`` the one of the settings is opened for this batch alone.
    """
    if channel is None:
        with closing(open_channel(house.settings)) as opened:
            return deliver_batch(house, opened, recompose, limit)
    if channel.pause.left(clock.now()):
        return 0
    with house.database.transaction(_WORKER) as session:
        claim = claim_mails(session, house, channel.name, recompose, limit)
    if claim.parcels:
        _record(house, claim.parcels, _hand_over(house, channel, claim))
    return claim.seen


def _hand_over(house: House, channel: Channel, claim: Claim) -> list[Result]:
    watch = _Watch(house, claim)
    return list(channel.threads.map(partial(_send, house, channel, watch), claim.parcels))


def _send(house: House, channel: Channel, watch: "_Watch", parcel: Parcel) -> Result:
    """One call. Whatever stops us before it is a certain refusal; whatever breaks inside it leaves the fate unknown."""
    pause = channel.pause.left(clock.now())
    if pause:
        return refused("not called: the mail service asked us to wait", pause)
    if not watch.allows(parcel.mail.id):
        return refused("not called: stopped, unsubscribed or too late", timedelta(0))
    try:
        check_one_recipient(parcel.owners, parcel.mail.address)
        envelope = envelope_of(parcel, house.settings)
    except (WrongRecipient, ValueError) as problem:
        log.error("mail refused by us", outgoing=str(parcel.mail.id), reason=str(problem))
        return rejected(f"not called: {problem}")
    try:
        result = channel.send(envelope)
    except Exception as problem:  # noqa: BLE001 - whatever a library throws, the mail may be out
        log.error("hand-over broke", outgoing=str(parcel.mail.id), error=type(problem).__name__)
        return unknown(f"{type(problem).__name__} in the channel")
    if result.concerns is Concern.CHANNEL:
        channel.pause.begin(clock.now() + result.retry_after)
    return result


class _Watch:
    """Says of each mail, just before its call, whether it may still go. Asks the database first and, while calls take
    long, every second again, for the whole batch at once: a fast batch costs one look."""

    def __init__(self, house: House, claim: Claim) -> None:
        self._house, self._claim = house, claim
        call = timedelta(seconds=house.limits.http_seconds)
        usable = claim.lease - min(call, claim.lease / 2)  # a call begun must end within the lease
        self._until = clock.now() + usable
        self._ends = time.monotonic() + usable.total_seconds()
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._ours: set[UUID] = set()

    def allows(self, outgoing_id: UUID) -> bool:
        with self._lock:
            if time.monotonic() - self._looked_at > _LOOK_AGAIN_SECONDS:
                self._ours = self._look()
                self._looked_at = time.monotonic()
            is_ours = outgoing_id in self._ours
        return is_ours and clock.now() < self._until and time.monotonic() < self._ends

    def _look(self) -> set[UUID]:
        try:
            with self._house.database.reading(_WORKER) as session:
                return still_ours(session, self._claim)
        except SQLAlchemyError as problem:
            log.error("cannot look at the lease", error=type(problem).__name__)
            return set()


def _record(house: House, parcels: Sequence[Parcel], results: Sequence[Result]) -> None:
    """Write down what became of each. The mails are out, so a database that is away for a moment is waited for; is it
    away longer, the attempts stay started and the sweep calls them unknown."""
    for pause in (0.2, 1.0, 5.0):
        try:
            return _record_once(house, parcels, results)
        except OperationalError as problem:
            log.error("results not recorded yet", error=type(problem).__name__, count=len(results))
            time.sleep(pause)
    return _record_once(house, parcels, results)


def _record_once(house: House, parcels: Sequence[Parcel], results: Sequence[Result]) -> None:
    verdicts = [
        Verdict(
            attempt_id=parcel.attempt_id,
            result=result.kind,
            detail=result.detail,
            provider_message_id=result.provider_message_id,
            retry_after=result.retry_after,
        )
        for parcel, result in zip(parcels, results, strict=True)
    ]
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        settle(session, verdicts, now)
        for parcel, result in zip(parcels, results, strict=True):
            if result.kind == AttemptResult.REJECTED:
                detail = {"reason": result.detail, "kind": str(parcel.mail.kind)}
                session.add(
                    AuditEntry(at=now, actor="worker", action="mail.failed", subject_id=parcel.mail.id, detail=detail)
                )
        alarming = next((result for result in results if result.concerns is Concern.EVERYTHING), None)
        if alarming:
            _stop_everything(session, alarming.detail)
    log.info("batch delivered", **{str(kind): count for kind, count in Counter(each.kind for each in results).items()})


def _stop_everything(session: Session, detail: str) -> None:
    """Our credentials are refused: every further call would be too, so nobody calls until a human has looked (S8)."""
    now = clock.now()
    reason = f"The mail service refuses our credentials ({detail})."[:200]
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(StopSwitch).values(name="sending", reason=reason, by="the sender", since=now)
    stopped = session.execute(statement.on_conflict_do_nothing().returning(StopSwitch.name)).scalar_one_or_none()
    if stopped:
        session.add(AuditEntry(at=now, actor="worker", action="sending.stopped", detail={"reason": reason}))
        log.error("sending stopped", reason=reason)
