"""Was anything lost, was anything doubled: what the sink took against what the database says of every window."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.house import House
from app.models import Attempt, AttemptResult, DeliveryEvent, Digest, Mailbox, Outcome, Outgoing
from app.scope import Everything
from tests.faults.sink import Line, Sink
from tests.faults.stage import Stage

_LOOK = Everything("a long run counts")

# How a window may end without a mail in the sink: each is a row with a reason that a human can read (INVARIANTS S2).
_WITHOUT_MAIL = frozenset({Outcome.HELD, Outcome.FAILED, Outcome.MISSED, Outcome.NOTHING_DUE})


@dataclass
class Count:
    """What one run came to."""

    due: int = 0
    windows: int = 0
    mails: int = 0
    lasted: float = 0.0  # seconds from the first mail to the last
    outcomes: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    held_and_taken: int = 0
    doubled: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    unstored: list[str] = field(default_factory=list)
    stopped: str = ""

    def violations(self, *, events_came: bool = True) -> list[str]:
        """What was broken, in words. Where all events have come, no window may stay held whose mail is out."""
        found = [*self.doubled, *self.lost, *self.strangers, *self.unstored]
        if events_came and self.held_and_taken:
            found.append(f"{self.held_and_taken} windows are held though an event named their mail")
        if self.stopped:
            found.append(f"sending is stopped: {self.stopped}")
        return found

    def figures(self) -> dict[str, Any]:
        """What every run of senders tells."""
        return {
            "mailboxes due": self.due,
            "mails in the sink": self.mails,
            "windows with two": len(self.doubled),
            "windows lost": len(self.lost),
            "windows ended": tally_words(self.outcomes),
            "attempts": tally_words(self.attempts),
            "first to last mail": f"{self.lasted:.0f} s, {self.mails / max(self.lasted, 1):.0f} mails/s",
        }


def tally_words(tally: Counter[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(tally.items()))


def settled(stage: Stage, *, hasty: bool, lifting: bool = False) -> tuple[Count, dict[str, Any]]:
    """Wait until all has come to rest, then count: the count, and its figures with the time that took. Raises
    TimeoutError when there is no rest. A worker sweeps twice a minute: only after that nothing more can come."""
    began = time.monotonic()
    stage.wait_for_quiet(4 if hasty else 45, at_most=90 if hasty else 900, lifting=lifting)
    found = count(stage.house, stage.sink, stage.addresses)
    found.stopped = stage.stopped()
    return found, {**found.figures(), "rest after the last fault": f"{time.monotonic() - began:.0f} s"}


@dataclass(frozen=True, slots=True)
class _Window:
    mailbox_id: UUID
    address: str
    key: str
    outcome: Outcome
    reason: str


def count(house: House, sink: Sink, addresses: Sequence[str]) -> Count:
    """Every stocked mailbox had something due in every window it has had."""
    windows, attempts = _windows(house), _attempts(house)
    times = [line.at for line in sink.taken()] or [0.0]
    found = Count(len(addresses), len(windows), len(sink.taken()), max(times) - min(times))
    found.outcomes = Counter(str(window.outcome) for window in windows.values())
    found.attempts = Counter(str(result) for result, _ in attempts.values())
    mails: defaultdict[UUID, list[Line]] = defaultdict(list)  # by digest
    for line in sink.taken():
        _, digest_id = attempts.get(UUID(line.attempt), (None, None))
        window = windows.get(digest_id) if digest_id else None
        if digest_id is None or window is None:
            found.strangers.append(f"{line.to} got a mail of an attempt that is on no record")
        elif window.address != line.to:
            found.strangers.append(f"{line.to} got the mail of {window.address}")
        else:
            mails[digest_id].append(line)
    for digest_id, window in windows.items():
        _judge(found, window, mails[digest_id])
    planned = {window.address for window in windows.values()}
    found.lost += [f"{address} was due, and no window of it has an end" for address in set(addresses) - planned]
    found.unstored += _unstored(house, sink)
    return found


def _judge(found: Count, window: _Window, mails: Sequence[Line]) -> None:
    name = f"{window.address} {window.key}"
    if len(mails) > 1:
        found.doubled.append(f"{name} went out {len(mails)} times: {', '.join(line.answer for line in mails)}")
    if mails and window.outcome == Outcome.HELD:
        found.held_and_taken += 1
    elif mails and window.outcome != Outcome.ACCEPTED:
        found.lost.append(f"{name} went out, but is {window.outcome}: {window.reason}")
    elif not mails and (window.outcome not in _WITHOUT_MAIL or not window.reason):
        found.lost.append(f"{name} never went out, but is {window.outcome}: {window.reason}")


def _windows(house: House) -> dict[UUID, _Window]:
    """By the digest's id."""
    query = select(Digest.id, Mailbox.id, Mailbox.address, Digest.window, Digest.outcome, Digest.reason)
    with house.database.reading(_LOOK) as session:
        rows = session.execute(query.join(Mailbox, Mailbox.id == Digest.mailbox_id)).all()
    return {row[0]: _Window(row[1], row[2], row[3], Outcome(row[4]), row[5]) for row in rows}


def _attempts(house: House) -> dict[UUID, tuple[AttemptResult, UUID | None]]:
    query = select(Attempt.id, Attempt.result, Outgoing.digest_id).join(Outgoing, Outgoing.id == Attempt.outgoing_id)
    with house.database.reading(_LOOK) as session:
        return {row[0]: (AttemptResult(row[1]), row[2]) for row in session.execute(query)}


def _unstored(house: House, sink: Sink) -> Iterator[str]:
    """Events our webhook said yes to that are not in the database (INVARIANTS N1)."""
    with house.database.reading(_LOOK) as session:
        rows = session.execute(select(DeliveryEvent.attempt_id, DeliveryEvent.kind)).all()
    stored = {(str(row[0]), row[1]) for row in rows}
    for attempt, kind in set(sink.acknowledged()) - stored:
        yield f"the event '{kind}' of attempt {attempt} was acknowledged and not stored"
