"""Claiming a batch of the outbox: one transaction that looks at every brake and begins an attempt for what goes.

After its commit the mails are this worker's until the lease ends, and every attempt is on record before anybody is
called (INVARIANTS S6). The number of statements does not depend on the size of the batch.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast
from uuid import UUID

import structlog
from sqlalchemy import (
    Integer,
    Select,
    Table,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from app.among import among
from app.bulk import Bulk
from app.db import UtcDateTime, database_now, insert_into
from app.house import House
from app.keys import CannotOpen
from app.models import (
    Attempt,
    AttemptResult,
    DeliveryEvent,
    Digest,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    StopSwitch,
)
from app.outbox.actions import open_token
from app.outbox.ledger import Verdict, settle
from digest.brakes import SEND, Addressee, Decision, DueMail, Past, decide
from digest.gate import look, pass_through
from digest.known import addressees, counted_as, digest_facts, handed_lately
from digest.owners import Owners, load_owners
from digest.stale import stale_digests, untrue_by_now
from digest.stops import SENDING, Stops, is_operators_own, stop_sending

log = structlog.get_logger()

Recompose = Callable[[Session, Sequence[UUID]], object]  # composes these digests anew, or takes their mails back

_WAITING = text("outgoing.state IN ('queued', 'claimed') AND outgoing.state = 'queued'")  # as the partial index says it
_URGENT = text("outgoing.state IN ('queued', 'claimed') AND outgoing.kind <> 'digest' AND outgoing.state = 'queued'")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A claimed mail with its attempt, and what the rows say about whose it is."""

    mail: DueMail
    attempt_id: UUID
    owners: Owners
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    token: str | None = field(repr=False)
    attaches_pdfs: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What one look at the queue brought: ``seen`` mails were due, ``parcels`` of them may go, until the lease ends."""

    seen: int
    parcels: list[Parcel]
    owner: str
    lease: timedelta


def claim_mails(session: Session, house: House, channel: str, recompose: Recompose | None, limit: int) -> Claim:
    """Take up to ``limit`` due mails. Those that may not go are put off or cancelled here, each with its reason."""
    now = database_now(session)
    lease = timedelta(seconds=house.limits.lease_seconds)
    owner = f"{house.worker}-{secrets.token_hex(3)}"[:64]
    stops = Stops.read(session)
    may_pass = min(limit, look(session, channel, house.limits, now))
    due = _due(session, house, stops, now, may_pass) if may_pass else []
    if not due:
        return Claim(0, [], owner, lease)
    out = _already_out(session, due, now)
    mails = [mail for mail in due if mail.id not in out]
    to = addressees(session, mails)
    decisions = _decide(session, house, mails, to, now)
    _refresh(session, mails, decisions, stops, recompose, now)
    _put_off(session, mails, decisions)
    _drop(session, mails, decisions, now)
    going = _let_through(session, house, channel, owner, [mail for mail in mails if decisions[mail.id] is SEND], now)
    taken = _take(session, going, owner, now + lease, now) if going else {}
    begun = _begin(session, [mail for mail in going if mail.id in taken], channel, now)
    parcels = _parcels(session, house, [mail for mail in going if mail.id in begun], to, begun, taken)
    return Claim(len(due), parcels, owner, lease)


def _let_through(
    session: Session, house: House, channel: str, owner: str, wanted: Sequence[DueMail], now: datetime
) -> Sequence[DueMail]:
    """Those the gate lets pass, the first ones first; more than is usual stops everything (INVARIANTS S5)."""
    if not wanted:
        return []
    granted, anomaly = pass_through(session, channel, len(wanted), owner, house.limits, now)
    if anomaly:
        stop_sending(session, anomaly, "the anomaly stop", now)
    return wanted[:granted]


def _already_out(session: Session, mails: Sequence[DueMail], now: datetime) -> set[UUID]:
    """Queued again, and yet an event has named an earlier attempt since: accepted, and never handed over again."""
    named = session.execute(_NAMED, {"ids": [mail.id for mail in mails]}).all()
    verdicts = [Verdict(row[0], AttemptResult.ACCEPTED, "named by an event", at=row[2]) for row in named]
    settle(session, verdicts, now)
    return {row[1] for row in named}


def _due(session: Session, house: House, stops: Stops, now: datetime, limit: int) -> list[DueMail]:
    """Locked: mails somebody waits for first, then digests, each the longest due first."""
    if stops.everything:
        own = _DUE.where(_URGENT, is_operators_own(house.settings.operators))
        return _locked(session, own, {"now": now, "most": limit})
    asked = {"now": now, "most": limit, "stopped": list(stops.kinds)}
    urgent = _locked(session, _URGENT_DUE, asked)
    if len(urgent) == limit:
        return urgent
    return urgent + _locked(session, _DIGESTS_DUE, asked | {"most": limit - len(urgent)})


def _locked(session: Session, query: Select[Any], asked: Mapping[str, Any]) -> list[DueMail]:
    return [DueMail(row[0], OutgoingKind(row[1]), *row[2:]) for row in session.execute(query, asked)]


def _decide(
    session: Session, house: House, mails: Sequence[DueMail], to: dict[UUID, Addressee], now: datetime
) -> dict[UUID, Decision]:
    """One decision a mail, in their order: what goes counts against what comes after it in the same batch."""
    past = handed_lately(session, mails, to, now)
    digests = digest_facts(session, [mail.window_id for mail in mails if mail.window_id], now)
    decisions: dict[UUID, Decision] = {}
    for mail in mails:
        stored = to.get(mail.recipient_id) if mail.recipient_id else None
        before = past.setdefault(counted_as(mail, stored) or mail.id, [])
        facts = digests.get(mail.window_id) if mail.window_id else None
        decision = decide(mail, stored, facts, before, house.limits, now)
        if decision is SEND:
            before.append(Past(mail.kind, now))
        decisions[mail.id] = decision
    return decisions


def _refresh(
    session: Session,
    mails: Sequence[DueMail],
    decisions: dict[UUID, Decision],
    stops: Stops,
    recompose: Recompose | None,
    now: datetime,
) -> None:
    """Digests that no longer tell the truth are composed anew in this very transaction, or stay (INVARIANTS S3)."""
    going = {mail.window_id: mail for mail in mails if mail.window_id and decisions[mail.id] is SEND}
    stale = sorted(stale_digests(session, list(going), stops.vendors, stops.providers, now))
    if not stale:
        return
    if recompose is not None:
        recompose(session, stale)
        session.flush()
        return
    for digest_id in stale:
        reason = "an invoice on it changed before it could leave"
        decisions[going[digest_id].id] = Decision("drop", reason, outcome=Outcome.HELD)


def _put_off(session: Session, mails: Sequence[DueMail], decisions: dict[UUID, Decision]) -> None:
    waiting = [(mail, decisions[mail.id]) for mail in mails if decisions[mail.id].action == "wait"]
    if waiting:
        session.execute(
            update(Outgoing),
            [{"id": mail.id, "due_at": decision.until, "reason": decision.reason} for mail, decision in waiting],
        )


def _drop(session: Session, mails: Sequence[DueMail], decisions: dict[UUID, Decision], now: datetime) -> None:
    dropped = [(mail, decisions[mail.id]) for mail in mails if decisions[mail.id].action == "drop"]
    if not dropped:
        return
    gone = {"state": OutgoingState.CANCELLED, "finished_at": now, "sealed_token": None}
    session.execute(update(Outgoing), [{"id": mail.id, "reason": said.reason, **gone} for mail, said in dropped])
    ended = {mail.window_id: said for mail, said in dropped if mail.window_id and said.outcome}
    if ended:
        session.execute(
            update(Digest),
            [{"id": each, "outcome": ended[each].outcome, "reason": ended[each].reason} for each in sorted(ended)],
        )


def _take(session: Session, going: Sequence[DueMail], owner: str, until: datetime, now: datetime) -> dict[UUID, Any]:
    """The claim itself (INVARIANTS C2): one worker wins. Gives the mails' words, as composed anew."""
    asked = {"ids": [mail.id for mail in going], "now": now, "owner": owner, "until": until}
    return {row[0]: row for row in session.execute(_TAKE, asked)}


def _begin(session: Session, taken: Sequence[DueMail], channel: str, now: datetime) -> dict[UUID, UUID]:
    """Attempts by mail, started. A mail that has a live one already gets none: it is held instead (INVARIANTS S1)."""
    if not taken:
        return {}
    bulk = Bulk(session)  # which makes the ids, too: one statement, where a row each was a tenth of carrying
    columns = ("id", "outgoing_id", "channel", "started_at", "result", "detail", "provider_message_id")
    started = select(
        text(bulk.new_id), _mails.c.id, bindparam("through", channel), bindparam("begun", now, UtcDateTime())
    )
    started = started.add_columns(literal(AttemptResult.STARTED), literal(""), literal(""))
    statement = insert_into(session, _attempts).from_select(columns, started.where(among(_mails.c.id, "ids")))
    statement = statement.on_conflict_do_nothing().returning(_attempts.c.outgoing_id, _attempts.c.id)
    asked = {"ids": [mail.id for mail in taken], "born": bulk.born}
    begun = {row[0]: row[1] for row in session.execute(statement, asked)}
    doubled = [mail.id for mail in taken if mail.id not in begun]
    if doubled:
        log.error("mail has a live attempt already", outgoing=[str(each) for each in doubled])
        held = {"state": OutgoingState.HELD, "lease_owner": None, "lease_until": None}
        session.execute(
            update(Outgoing), [{"id": each, "reason": "it may have gone out before", **held} for each in doubled]
        )
    return begun


def _parcels(
    session: Session,
    house: House,
    mails: Sequence[DueMail],
    to: dict[UUID, Addressee],
    begun: dict[UUID, UUID],
    taken: dict[UUID, Any],
) -> list[Parcel]:
    tokens = {}
    for mail in mails:
        try:
            token = open_token(taken[mail.id].sealed_token, house.keys, mail.id, mail.recipient_id)
        except CannotOpen:
            token = ""  # opens nothing, so the look at its owner stops the mail
        if token is not None:
            tokens[mail.id] = token
    owners = load_owners(session, mails, to, tokens)
    return [
        Parcel(
            mail=mail,
            attempt_id=begun[mail.id],
            owners=owners[mail.id],
            subject=taken[mail.id].subject,
            text=taken[mail.id].text,
            html=taken[mail.id].html,
            headers=dict(taken[mail.id].headers),
            token=tokens.get(mail.id),
            attaches_pdfs=mail.window_id is not None and _attaches(mail, to),
        )
        for mail in mails
    ]


def _attaches(mail: DueMail, to: dict[UUID, Addressee]) -> bool:
    return mail.mailbox_id in to and to[mail.mailbox_id].attaches_pdfs


def still_ours(session: Session, house: House, claim: Claim) -> set[UUID]:
    """Which of the claimed mails may still go: the lease is ours and runs, nothing was stopped, nobody unsubscribed, no
    invoice on a digest was paid, no vendor suspended or sent away.

    One statement (and PostgreSQL's clock): asked just before the calls, and again while they take long.
    """
    ids = [parcel.mail.id for parcel in claim.parcels]
    asked = {"ids": ids, "owner": claim.owner, "now": database_now(session)}
    return set(session.execute(_may_still_go(house.settings.operators), asked).scalars())


@cache
def _may_still_go(operators: str) -> Select[Any]:
    now = bindparam("now", type_=UtcDateTime())
    stopped = select(StopSwitch.name).where(
        or_(
            and_(StopSwitch.name == SENDING, Outgoing.kind != OutgoingKind.LOGIN, ~is_operators_own(operators)),
            StopSwitch.name == literal_column("'kind:'").concat(Outgoing.kind),
        )
    )
    silenced = select(Mailbox.id).where(
        Mailbox.id == Outgoing.mailbox_id,
        Outgoing.kind != OutgoingKind.LOGIN,
        or_(
            Mailbox.suppressed_at.is_not(None),
            and_(
                Outgoing.kind == OutgoingKind.DIGEST,
                or_(Mailbox.reminders_off_at.is_not(None), Mailbox.paused_until > now),
            ),
        ),
    )
    return select(Outgoing.id).where(
        among(Outgoing.id, "ids"),
        Outgoing.state == OutgoingState.CLAIMED,
        Outgoing.lease_owner == bindparam("owner"),
        Outgoing.lease_until > now,
        ~stopped.exists(),
        ~silenced.exists(),
        or_(Outgoing.kind != OutgoingKind.DIGEST, ~untrue_by_now(Outgoing.digest_id)),  # a correction names one, too
    )


# What is asked for every batch is put together once: that took longer than asking.
_DUE = (
    select(Outgoing.id, Outgoing.kind, Outgoing.address, Outgoing.created_at, Outgoing.mailbox_id, Outgoing.person_id)
    .add_columns(Outgoing.login_token_id, Outgoing.digest_id, Outgoing.thread_id)
    .where(Outgoing.due_at <= bindparam("now"))
    .order_by(Outgoing.due_at)
    .limit(bindparam("most", type_=Integer()))
    .with_for_update(skip_locked=True)
)
_NOT_STOPPED = Outgoing.kind.not_in(bindparam("stopped", expanding=True))
_URGENT_DUE = _DUE.where(_URGENT, _NOT_STOPPED)
_DIGESTS_DUE = _DUE.where(_WAITING, _NOT_STOPPED, Outgoing.kind == OutgoingKind.DIGEST)
_NAMED = (
    select(Attempt.id, Attempt.outgoing_id, func.min(DeliveryEvent.happened_at))
    .join(DeliveryEvent, DeliveryEvent.attempt_id == Attempt.id)
    .where(among(Attempt.outgoing_id, "ids"))
    .group_by(Attempt.id, Attempt.outgoing_id)
)
_mails, _attempts = (cast("Table", model.__table__) for model in (Outgoing, Attempt))
_TAKE = (
    update(_mails)
    .where(among(_mails.c.id, "ids"), _mails.c.state == OutgoingState.QUEUED, _mails.c.due_at <= bindparam("now"))
    .values(state=OutgoingState.CLAIMED, lease_owner=bindparam("owner"), lease_until=bindparam("until"), reason="")
    .returning(*(_mails.c[name] for name in ("id", "subject", "text", "html", "headers", "sealed_token")))
)
