"""Whose turn is it: claiming mailboxes whose digest is due, and which of their windows that means.

A claim is one statement that wins once, by lease (INVARIANTS C2). Letting go is one statement for the whole batch: it
moves each mailbox to its next window only where the lease still is ours and nobody moved it meanwhile.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import takewhile
from typing import Any, NamedTuple, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, String, Table, TextualSelect, bindparam, column, text

from app import clock
from app.db import UtcDateTime
from app.house import House
from app.models import Cadence, Mailbox
from app.settings import Limits
from app.windows import Window, is_quiet_day, next_due, opening, spaced_from, window_of, windows

_MAILBOX = cast("Table", Mailbox.__table__)
_LONGEST_QUIET = 31  # days in a row looked through for one on which people read
_MOST_MISSED = 31  # rows written for one mailbox after an outage; the oldest says how many came before it

_FACTS = (
    "id", "customer_id", "address", "locale", "zone", "cadence", "weekday", "month_day", "pay_days", "send_at",
    "spread_seconds", "quiet_country", "closed_from", "closed_until", "most_digests", "most_mentions", "asked_at",
    "amounts_in_subject", "is_private", "next_digest_at", "last_digest_at", "paused_until", "reminders_off_at",
    "suppressed_at", "suppressed_reason", "instant_minor", "instant_currency", "attaches_pdfs",
)  # fmt: skip


class Box(NamedTuple):
    """A mailbox as the planner needs it: a Rhythm, and the facts a verdict asks for."""

    id: UUID
    customer_id: UUID
    address: str
    locale: str
    zone: str
    cadence: str
    weekday: int
    month_day: int
    pay_days: str
    send_at: time
    spread_seconds: int
    quiet_country: str
    closed_from: date | None
    closed_until: date | None
    most_digests: int | None
    most_mentions: int | None
    asked_at: datetime | None
    amounts_in_subject: bool
    is_private: bool
    next_digest_at: datetime | None
    last_digest_at: datetime | None
    paused_until: datetime | None
    reminders_off_at: datetime | None
    suppressed_at: datetime | None
    suppressed_reason: str
    instant_minor: int | None = None
    instant_currency: str = ""
    attaches_pdfs: bool = False


COLUMNS = tuple(_MAILBOX.c[name] for name in _FACTS)
_RETURNED = ", ".join(f"mailbox.{name}" for name in _FACTS)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A batch of due mailboxes under one lease. ``feeds``: the connections their open invoices came through, where they
    were not read just now."""

    owner: str
    now: datetime
    boxes: list[Box]
    feeds: list[UUID]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one due mailbox comes to: the window to plan now, if any, those missed, and when it is due next."""

    window: Window | None
    missed: tuple[tuple[Window, str], ...]
    next_at: datetime | None


# --- which window ---------------------------------------------------------------------------------------------------


def turn(box: Box, now: datetime, limits: Limits) -> Turn:
    """Only the newest window that has opened is planned, and not when it is found too late, at night or on a quiet day
    (INVARIANTS C4, FEATURES D4 D10). Where it can wait within its own period, for the morning or for the distance to
    the last digest, it does; else it is missed, its lines fold into the next."""
    assert box.next_digest_at is not None
    opened = _opened(box, box.next_digest_at, now)
    if not opened:
        return Turn(_asked(box.next_digest_at), (), next_due(box, now))
    newest, older = opened[-1], opened[:-1]
    later = (window.opens_at for window in windows(box, now) if window.key != newest.key)
    next_at = next(later, None)
    missed = _missed(older)
    if now - newest.opens_at > timedelta(hours=limits.catch_up_hours):
        words = f"found more than {limits.catch_up_hours} hours late"
        return Turn(None, (*missed, (newest, words)), next_at)
    ready_at = _ready_at(box, newest, now, limits)
    if ready_at <= now:
        return Turn(newest, missed, next_at)
    if window_of(box.cadence, box.zone, ready_at, box.pay_days) == newest.key and (
        next_at is None or ready_at < next_at
    ):
        return Turn(None, missed, ready_at)
    if now - newest.opens_at > timedelta(minutes=limits.late_minutes):
        if is_night(now, box.zone, limits):
            return Turn(None, (*missed, (newest, "found late and at night, its day over")), next_at)
        if is_quiet_day(box, _local_date(now, box.zone)):
            return Turn(None, (*missed, (newest, "found late and on a day without mail")), next_at)
    return Turn(newest, missed, next_at)


def is_night(now: datetime, zone: str, limits: Limits) -> bool:
    hour = now.astimezone(ZoneInfo(zone)).hour
    return hour >= limits.night_from or hour < limits.night_to


def _is_asked(box: Box) -> bool:
    """What is due was asked for in between: it uses up no window, and moves none (FEATURES D20)."""
    return box.cadence != Cadence.ON_DEMAND and box.asked_at is not None and box.asked_at == box.next_digest_at


def _asked(at: datetime) -> Window:
    return Window(f"ask-{at:%y%m%dT%H%M}", at)


def _local_date(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()


def _opened(box: Box, due_at: datetime, now: datetime) -> list[Window]:
    """The windows from the one that was due up to now; of two in one period the later opening counts. None where a
    digest was asked for and no window has opened since."""
    found = {} if _is_asked(box) else {window_of(box.cadence, box.zone, due_at, box.pay_days): due_at}
    for window in takewhile(lambda window: window.opens_at <= now, windows(box, due_at)):
        found[window.key] = window.opens_at
    return [Window(key, opens_at) for key, opens_at in found.items()]


def _missed(older: Sequence[Window]) -> tuple[tuple[Window, str], ...]:
    told = older[-_MOST_MISSED:]
    words = "nothing ran while it was open; its lines went into a later window"
    missed = [(window, words) for window in told]
    if len(older) > len(told):
        missed[0] = (told[0], f"{words}; so did {len(older) - len(told)} windows before it")
    return tuple(missed)


def _ready_at(box: Box, window: Window, now: datetime, limits: Limits) -> datetime:
    """When this window's digest may go: far enough from the last one, and when it is late by day and when people
    read."""
    ready_at = max(now, spaced_from(box.last_digest_at, limits.spacing_hours) if box.last_digest_at else now)
    if ready_at - window.opens_at <= timedelta(minutes=limits.late_minutes):
        return ready_at
    if is_night(ready_at, box.zone, limits):
        ready_at = _morning(ready_at, box.zone, limits)
    for _ in range(_LONGEST_QUIET):
        if not is_quiet_day(box, _local_date(ready_at, box.zone)):
            break
        ready_at = _morning(ready_at, box.zone, limits, days=1)
    return ready_at


def _morning(night: datetime, zone: str, limits: Limits, days: int = 0) -> datetime:
    """The first one after ``night``, or ``days`` later."""
    local = night.astimezone(ZoneInfo(zone))
    day = local.date() + timedelta(days=days or (1 if local.hour >= limits.night_from else 0))
    morning = opening("daily", day, time(limits.night_to), ZoneInfo(zone))
    return morning if morning and morning > night else night + timedelta(hours=12)


# --- claiming and letting go ----------------------------------------------------------------------------------------


def claim(connection: Connection, house: House, limit: int) -> Claimed:
    """Lease up to ``limit`` mailboxes that are due, the longest waiting first. None while sending is stopped."""
    is_sqlite = connection.dialect.name == "sqlite"
    # The database's clock decides what is due (INVARIANTS C1), in the claim itself; a moved clock wins over it. The
    # statement's own instant: by clock_timestamp(), which moves on while it runs, no index finds anything.
    now = ":now" if is_sqlite or clock.is_moved() else "statement_timestamp()"
    until = ":until" if is_sqlite else f"{now} + make_interval(secs => :lease)"
    lease = house.limits.lease_seconds
    values: dict[str, Any] = {"owner": f"{house.worker}-{secrets.token_hex(4)}"[-64:], "limit": limit}
    values["fresh"] = clock.now() - timedelta(minutes=house.limits.fresh_minutes)
    if is_sqlite:
        values |= {"now": clock.now(), "until": clock.now() + timedelta(seconds=lease)}
    else:
        values |= {"lease": lease} | ({"now": clock.now()} if now == ":now" else {})
    statement = _claim(is_sqlite, now, until)
    rows = connection.execute(statement, values).all()
    feeds = {UUID(each) for row in rows for each in filter(None, (row[-2] or "").split(","))}
    return Claimed(
        values["owner"], rows[0][-1] if rows else clock.now(), [Box(*row[:-2]) for row in rows], sorted(feeds)
    )


# Of one mailbox, where it reads others of its customer their invoices too (FEATURES D16).
_READ = """
    SELECT connection_id FROM invoice WHERE invoice.mailbox_id = mailbox.id AND invoice.state = 'open'
    UNION ALL SELECT invoice.connection_id FROM route JOIN invoice ON invoice.customer_id = route.customer_id
    WHERE route.mailbox_id = mailbox.id AND route.is_copy AND invoice.state = 'open'"""

# Each looked up by its key: joined, while few are old, PostgreSQL reads every connection there is for every mailbox.
_OLD = """(SELECT id FROM connection
    WHERE id = through.connection_id AND as_of <= :fresh AND files_since IS NULL)"""


@cache
def _claim(is_sqlite: bool, now: str, until: str) -> TextualSelect:
    """Besides the facts, the connections behind a mailbox's open invoices that may have news, as one text (a second
    statement would be one more a batch), and the instant."""
    named = [name for name in ("now", "until") if f":{name}" in now + until]
    instants = [bindparam(name, type_=UtcDateTime()) for name in (*named, "fresh")]
    return (
        text(f"""
WITH due AS {"" if is_sqlite else "MATERIALIZED"} (
    SELECT id FROM mailbox
    WHERE next_digest_at <= {now} AND (lease_until IS NULL OR lease_until < {now})
      AND NOT EXISTS (SELECT 1 FROM stop_switch WHERE name IN ('sending', 'kind:digest'))
    ORDER BY next_digest_at LIMIT :limit {"" if is_sqlite else "FOR UPDATE SKIP LOCKED"})
UPDATE mailbox SET lease_owner = :owner, lease_until = {until}
FROM due WHERE mailbox.id = due.id
RETURNING {_RETURNED}, (
    SELECT {f"group_concat({_OLD})" if is_sqlite else f"string_agg(CAST({_OLD} AS text), ',')"}
    FROM (SELECT DISTINCT connection_id FROM ({_READ}) AS owed) AS through
) AS feeds, {now} AS claimed_at""")  # noqa: S608 - our own column names
        .bindparams(*instants)
        .columns(*COLUMNS, column("feeds", String), column("claimed_at", UtcDateTime()))
    )


def let_go(connection: Connection, owner: str, moves: Mapping[UUID, tuple[datetime, datetime | None]]) -> list[Box]:
    """Move mailboxes from the due time they were claimed at to their next one and end the lease. Returns those that
    moved, as they are now: the others were taken over, or their owner changed the rhythm meanwhile."""
    is_sqlite = connection.dialect.name == "sqlite"
    rows = [
        {"id": _id(key, is_sqlite), "due": _at(due, is_sqlite), "next": _at(following, is_sqlite)}
        for key, (due, following) in moves.items()
    ]
    statement = text(_LET_GO_SQLITE if is_sqlite else _LET_GO_POSTGRESQL).columns(*COLUMNS)
    return [Box(*row) for row in connection.execute(statement, {"owner": owner, "moves": json.dumps(rows)})]


# Locked in the order of their ids, as those who settle attempts lock them (digest/ledger.py): no deadlock. The due time
# is compared so that no index serves: of thousands due at one instant, that would read all for each. Their ids come as
# an array, which is looked up by key; of ten thousand mailboxes PostgreSQL would join all that are ours instead.
_LET_GO_POSTGRESQL = f"""
WITH moved AS (
    SELECT * FROM json_to_recordset(CAST(:moves AS json)) AS each(id uuid, due timestamptz, next timestamptz)
), locked AS MATERIALIZED (
    SELECT id FROM mailbox
    WHERE id = ANY (ARRAY(SELECT id FROM moved)) AND lease_owner = :owner ORDER BY id FOR UPDATE
)
UPDATE mailbox SET next_digest_at = moved.next, lease_owner = NULL, lease_until = NULL
FROM moved JOIN locked ON locked.id = moved.id
WHERE mailbox.id = moved.id AND mailbox.next_digest_at IS NOT DISTINCT FROM moved.due AND mailbox.lease_owner = :owner
RETURNING {_RETURNED}"""  # noqa: S608 - our own column names
_LET_GO_SQLITE = f"""
UPDATE mailbox SET next_digest_at = moved.next, lease_owner = NULL, lease_until = NULL
FROM (SELECT value ->> 'id' AS id, value ->> 'due' AS due, value ->> 'next' AS next FROM json_each(:moves)) AS moved
WHERE mailbox.id = moved.id AND mailbox.next_digest_at = moved.due AND mailbox.lease_owner = :owner
RETURNING {_RETURNED}"""  # noqa: S608 - our own column names


def _id(key: UUID, is_sqlite: bool) -> str:
    return key.hex if is_sqlite else str(key)


def _at(instant: datetime | None, is_sqlite: bool) -> str | None:
    if instant is None:
        return None
    local = instant.astimezone(UTC)
    return f"{local:%Y-%m-%d %H:%M:%S.%f}" if is_sqlite else local.isoformat()
