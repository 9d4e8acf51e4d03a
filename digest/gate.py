"""The gate every mail of one channel passes, whichever process carries it (INVARIANTS S5 S8, FEATURES D17).

It lets through so many mails a second, shuts when the mail service asks for it or answers nothing but trouble, and then
opens for one mail at a time until one is taken: a dead or lying service costs a few mails in doubt, not the backlog.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from app.db import insert_into
from app.models import AttemptResult, Digest, Outgoing, SendGate
from app.settings import Limits
from digest.channels.base import Concern, Result

_LONGEST_WAIT = timedelta(hours=1)  # whoever shuts us for longer is a clock that stepped back


@dataclass(frozen=True, slots=True)
class Gate:
    """The row's columns, as app/models/gate.py explains them."""

    tokens: float
    filled_at: datetime
    strikes: int
    trips: int
    shut_until: datetime | None
    prober: str
    reason: str
    hour: datetime
    handed: int
    bound: int


# --- rules ----------------------------------------------------------------------------------------------------------


def fresh(limits: Limits, now: datetime) -> Gate:
    """Open, with all its tokens."""
    return Gate(limits.mails_burst, now, 0, 0, None, "", "", _hour(now), 0, limits.usual_at_least)


def room(gate: Gate, limits: Limits, now: datetime) -> int:
    """How many mails may pass now."""
    if gate.shut_until is not None and now < gate.shut_until <= now + _LONGEST_WAIT:
        return 0
    return 1 if gate.trips else int(_tokens(gate, limits, now))


def admit(gate: Gate, wanted: int, owner: str, limits: Limits, now: datetime) -> tuple[int, Gate]:
    """How many of ``wanted`` pass, and the gate behind them. A half-open one lets one mail through as a probe, and
    nobody else until it is known what became of it, or its bearer's lease is over."""
    granted = min(wanted, room(gate, limits, now))
    after = replace(gate, tokens=_tokens(gate, limits, now) - granted, filled_at=now)
    if granted and gate.trips:
        after = replace(after, prober=owner, shut_until=now + timedelta(seconds=limits.lease_seconds))
    return granted, after


def after(gate: Gate, results: Sequence[Result], owner: str, limits: Limits, now: datetime) -> Gate:
    """The gate once a batch has come back. While it is half open only its probe's word counts, and a wait asked for."""
    gate = counting(gate, limits, now)
    gate = replace(gate, handed=gate.handed + sum(result.kind in _TAKEN for result in results))
    asked = [result for result in results if result.concerns is Concern.CHANNEL]
    if asked:
        longest = max(asked, key=lambda result: result.retry_after)
        until = max(gate.shut_until or now, now + longest.retry_after)
        return replace(gate, trips=max(1, gate.trips), strikes=0, shut_until=until, prober="", reason=longest.detail)
    is_probe = gate.trips > 0 and gate.prober == owner
    if gate.trips and not is_probe:
        return gate
    strikes, last = _strikes(gate, results)
    if strikes >= (1 if is_probe else limits.circuit_strikes):
        wait = min(limits.circuit_seconds * 2 ** min(gate.trips, 20), limits.circuit_longest_seconds)
        until = now + timedelta(seconds=wait)
        return replace(gate, trips=gate.trips + 1, strikes=0, shut_until=until, prober="", reason=last)
    if is_probe and any(is_good(result) for result in results):
        return replace(gate, trips=0, strikes=0, shut_until=None, prober="", reason="")
    return replace(gate, strikes=strikes)


def counting(gate: Gate, limits: Limits, now: datetime) -> Gate:
    """Counting the mails of this hour."""
    if gate.hour == _hour(now):
        return gate
    return replace(gate, hour=_hour(now), handed=0, bound=limits.usual_at_least)


def is_good(result: Result) -> bool:
    """The service does its work: it took a mail, or said that one address takes none."""
    return result.kind == AttemptResult.ACCEPTED or result.concerns is Concern.ADDRESS


def is_trouble(result: Result) -> bool:
    """Called, and neither taken nor told to wait. A refusal for good may be one mail's fault; all in a row are not."""
    return result.called and not is_good(result) and result.kind in (AttemptResult.UNKNOWN, AttemptResult.REJECTED)


_TAKEN = (AttemptResult.ACCEPTED, AttemptResult.UNKNOWN)


def _strikes(gate: Gate, results: Sequence[Result]) -> tuple[int, str]:
    """The troubles in a row up to now, and the last one's words."""
    row, words = gate.strikes, ""
    for result in results:
        if is_good(result):
            row = 0
        elif is_trouble(result):
            row, words = row + 1, result.detail
    return row, words


def _tokens(gate: Gate, limits: Limits, now: datetime) -> float:
    earned = max(0.0, (now - gate.filled_at).total_seconds()) * limits.mails_per_second
    return min(float(limits.mails_burst), gate.tokens + earned)


def _hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0)


# --- the row --------------------------------------------------------------------------------------------------------


def look(session: Session, channel: str, limits: Limits, now: datetime) -> int:
    """How many mails could pass now; nobody is held up by the question."""
    row = session.execute(_GATE, {"which": channel}).one_or_none()
    return room(Gate(*row) if row else fresh(limits, now), limits, now)


def pass_through(
    session: Session, channel: str, wanted: int, owner: str, limits: Limits, now: datetime
) -> tuple[int, str]:
    """How many of ``wanted`` may go, and an anomaly in words when none may because there are too many already. Locked
    until the commit, so that all processes together keep the rate."""
    gate = counting(_locked(session, channel, limits, now), limits, now)
    anomaly = ""
    if gate.handed + wanted > gate.bound:
        gate = replace(gate, bound=_bound(session, limits, now))
        if gate.handed >= gate.bound:
            anomaly = f"{gate.handed} mails went out this hour, and more than {gate.bound} are not usual"
    granted, gate = admit(gate, min(wanted, gate.bound - gate.handed), owner, limits, now) if not anomaly else (0, gate)
    _keep(session, channel, gate)
    return granted, anomaly


def report(
    session: Session, channel: str, results: Sequence[Result], owner: str, limits: Limits, now: datetime
) -> None:
    """Let the gate learn what became of a batch. Asked last in a transaction: mails are locked before it."""
    gate = _locked(session, channel, limits, now)
    learned = after(gate, results, owner, limits, now)
    if learned != gate:
        _keep(session, channel, learned)


_gates = cast("Table", SendGate.__table__)
_GATE = select(*(_gates.c[name] for name in Gate.__dataclass_fields__)).where(_gates.c.channel == bindparam("which"))
_HELD = _GATE.with_for_update()
_KEEP = update(_gates).where(_gates.c.channel == bindparam("which"))


def _locked(session: Session, channel: str, limits: Limits, now: datetime) -> Gate:
    row = session.execute(_HELD, {"which": channel}).one_or_none()
    if row is None:
        first = insert_into(session, SendGate).values(channel=channel, **asdict(fresh(limits, now)))
        session.execute(first.on_conflict_do_nothing())
        row = session.execute(_HELD, {"which": channel}).one()
    return Gate(*row)


def _keep(session: Session, channel: str, gate: Gate) -> None:
    session.execute(_KEEP, {"which": channel, **asdict(gate)})


def _bound(session: Session, limits: Limits, now: datetime) -> int:
    """So many mails may go in this hour: some times the windows that can still be open, or the mails of this hour a
    week ago. More mails than windows is what a planner, or two answering machines, gone mad would make."""
    windows = select(func.count()).select_from(Digest)
    windows = windows.where(Digest.created_at > now - timedelta(hours=limits.catch_up_hours))
    week_ago = _hour(now) - timedelta(days=7)
    mails = select(func.count()).select_from(Outgoing)
    mails = mails.where(Outgoing.created_at >= week_ago, Outgoing.created_at < week_ago + timedelta(hours=1))
    usual = max(session.execute(windows).scalar_one(), session.execute(mails).scalar_one())
    return max(limits.usual_at_least, int(limits.usual_times * usual))
