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
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app import clock
from app.db import database_now
from app.house import House
from app.models import AttemptResult, AuditEntry
from app.outbox.ledger import Verdict, settle
from app.scope import Everything
from digest.channels import open_channel
from digest.channels.base import THREADS, Attachment, Channel, Concern, Result, refused, rejected, unknown
from digest.claim import Claim, Parcel, Recompose, claim_mails, still_ours
from digest.documents import NO_DOCUMENTS, GetPdf, attached
from digest.envelope import envelope_of
from digest.gate import is_good, is_trouble, report
from digest.owners import WrongRecipient, check_one_recipient
from digest.silence import hard_bounce, silence
from digest.stops import stop_sending

log = structlog.get_logger()

BATCH = 4 * THREADS  # what a killed sender leaves in doubt is at most one batch in each of its two lanes
_WORKER = Everything("the sender carries everybody's mail")
_LOOK_AGAIN_SECONDS = 1.0


def deliver_batch(
    house: House,
    channel: Channel | None = None,
    recompose: Recompose | None = None,
    limit: int = BATCH,
    kept_pdf: GetPdf = NO_DOCUMENTS.kept,
) -> int:
    """Hand over up to ``limit`` due mails; returns how many were due and are dealt with, 0 when there is nothing to do.

    ``recompose`` composes digests anew whose lines changed since (INVARIANTS S3); without it those do not go. Without a
    ``channel`` the one of the settings is opened for this batch alone. ``kept_pdf``: see digest/documents.py.
    """
    if channel is None:
        with closing(open_channel(house.settings)) as opened:
            return deliver_batch(house, opened, recompose, limit, kept_pdf)
    with house.database.transaction(_WORKER) as session:
        claim = claim_mails(session, house, channel.name, recompose, min(limit, _most(house, channel)))
    if claim.parcels:
        _record(house, channel, claim, _hand_over(house, channel, claim, kept_pdf))
    return claim.seen


def _most(house: House, channel: Channel) -> int:
    """As many as the mail service takes within half of a lease, as quickly as it lately did: when it slows, we claim
    less, and what is in the air stays bounded."""
    rounds = _usable(house) / 2 / channel.round_lasts if channel.round_lasts else BATCH
    return max(1, int(rounds)) * THREADS


def _usable(house: House) -> timedelta:
    """So long after a claim a call may begin: it must end within the lease."""
    lease, call = timedelta(seconds=house.limits.lease_seconds), timedelta(seconds=house.limits.http_seconds)
    return lease - min(call, lease / 2)


def _hand_over(house: House, channel: Channel, claim: Claim, kept_pdf: GetPdf) -> list[Result]:
    watch, brake, began = _Watch(house, claim), _Brake(house.limits.circuit_strikes), time.monotonic()
    results = list(channel.threads.map(partial(_send, house, channel, watch, brake, kept_pdf), claim.parcels))
    channel.round_lasts = timedelta(seconds=time.monotonic() - began) / -(-len(results) // THREADS)
    return results


def _send(house: House, channel: Channel, watch: "_Watch", brake: "_Brake", kept_pdf: GetPdf, parcel: Parcel) -> Result:
    """One call. Whatever stops us before it is a certain refusal; whatever breaks inside it leaves the fate unknown."""
    if brake.on_for is not None:
        return not_called("the mail service is left alone for now", brake.on_for)
    files = _files(house, parcel, kept_pdf)
    if not watch.allows(parcel.mail.id):
        return not_called("stopped, unsubscribed or too late", timedelta(0))
    try:
        check_one_recipient(parcel.owners, parcel.mail.address)
        envelope = envelope_of(parcel, house.settings, house.keys, files)
    except (WrongRecipient, ValueError) as problem:
        log.error("mail refused by us", outgoing=str(parcel.mail.id), reason=str(problem))
        return replace(rejected(f"not called: {problem}"), called=False)
    try:
        result = channel.send(envelope)
    except Exception as problem:  # noqa: BLE001 - whatever a library throws, the mail may be out
        log.error("hand-over broke", outgoing=str(parcel.mail.id), error=type(problem).__name__)
        result = unknown(f"{type(problem).__name__} in the channel")
    brake.learn(result)
    return result


def _files(house: House, parcel: Parcel, kept_pdf: GetPdf) -> tuple[Attachment, ...]:
    """A mail goes without its PDFs rather than not at all."""
    if not parcel.attaches_pdfs or parcel.mail.digest_id is None:
        return ()
    try:
        return attached(house, parcel.mail.digest_id, kept_pdf)
    except SQLAlchemyError as problem:
        log.error("no PDFs for a mail", outgoing=str(parcel.mail.id), error=type(problem).__name__)
        return ()


def not_called(why: str, wait: timedelta) -> Result:
    return replace(refused(f"not called: {why}", wait), called=False)


class _Brake:
    """Ends a batch that meets nothing but trouble: what the gate is for all processes, this is for the calls of one."""

    def __init__(self, strikes: int) -> None:
        self._lock = threading.Lock()
        self._strikes = strikes
        self._row = 0
        self.on_for: timedelta | None = None  # how long the mails that were not called for are put off

    def learn(self, result: Result) -> None:
        with self._lock:
            if is_good(result):
                self._row = 0
            elif is_trouble(result):
                self._row += 1
            if result.concerns in (Concern.CHANNEL, Concern.EVERYTHING) or self._row >= self._strikes:
                self.on_for = max(self.on_for or timedelta(0), result.retry_after)


class _Watch:
    """Says of each mail, just before its call, whether it may still go. Asks the database first and, while calls take
    long, every second again, for the whole batch at once: a fast batch costs one look."""

    def __init__(self, house: House, claim: Claim) -> None:
        self._house, self._claim = house, claim
        usable = _usable(house)
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
                return still_ours(session, self._house, self._claim)
        except SQLAlchemyError as problem:
            log.error("cannot look at the lease", error=type(problem).__name__)
            return set()


def _record(house: House, channel: Channel, claim: Claim, results: Sequence[Result]) -> None:
    """Write down what became of each. The mails are out, so a database that is away for a moment is waited for; is it
    away longer, the attempts stay started and the sweep calls them unknown."""
    for pause in (0.2, 1.0, 5.0):
        try:
            return _record_once(house, channel, claim, results)
        except OperationalError as problem:
            log.error("results not recorded yet", error=type(problem).__name__, count=len(results))
            time.sleep(pause)
    return _record_once(house, channel, claim, results)


def _record_once(house: House, channel: Channel, claim: Claim, results: Sequence[Result]) -> None:
    """Mails first, then mailboxes and people, the gate last: everybody locks in this order."""
    ended = list(zip(claim.parcels, results, strict=True))
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        settle(session, [_verdict(parcel, result) for parcel, result in ended], now)
        session.add_all(_failure(parcel, result, now) for parcel, result in ended if result.kind == _REJECTED)
        bounced = {p.attempt_id: hard_bounce(r.detail) for p, r in ended if r.concerns is Concern.ADDRESS}
        silence(session, bounced, now)
        alarming = next((result for result in results if result.concerns is Concern.EVERYTHING), None)
        if alarming:  # every further call would be refused too, so nobody calls until a human has looked (S8)
            stop_sending(session, f"The mail service refuses our credentials ({alarming.detail}).", "the sender", now)
        report(session, channel.name, results, claim.owner, house.limits, now)
    log.info("batch delivered", **{str(kind): count for kind, count in Counter(each.kind for each in results).items()})


_REJECTED = AttemptResult.REJECTED


def _verdict(parcel: Parcel, result: Result) -> Verdict:
    return Verdict(
        attempt_id=parcel.attempt_id,
        result=result.kind,
        detail=result.detail,
        provider_message_id=result.provider_message_id,
        retry_after=result.retry_after,
    )


def _failure(parcel: Parcel, result: Result, now: datetime) -> AuditEntry:
    detail = {"reason": result.detail, "kind": str(parcel.mail.kind)}
    return AuditEntry(at=now, actor="worker", action="mail.failed", subject_id=parcel.mail.id, detail=detail)
