"""One connection's books, brought here: full at first, then what changed, once a day held against what is open there.

A pull runs under a lease on its connection. No transaction is open while the provider is asked; each batch and the
cursor that follows it are one transaction, which also proves that the lease is still ours.
"""

import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, case, or_, select, update
from sqlalchemy.orm import Session

from app import clock
from app.db import database_now
from app.house import House
from app.models import IN_BOOKS_OPEN, Connection, Credit, Invoice, SyncRun
from app.models.connection import IS_PULLED
from connectors import registry
from connectors.actions import lose_permission
from connectors.asking import WORKER, context, parts, timed, together
from connectors.base import (
    AccessExpired,
    BadRecord,
    Batch,
    Context,
    CursorExpired,
    Forbidden,
    Gone,
    Json,
    Kind,
    Mode,
    MustReconnect,
    ProviderError,
    RetryLater,
)
from connectors.fields import parse_instant
from connectors.hooks import is_heard
from connectors.ingest import AT_ONCE, AT_ONCE_SQLITE, Counts, ingest
from connectors.oauth import Permission
from connectors.rows import rows_of
from connectors.rules import retry_at, spread

log = structlog.get_logger()

OFTEN = timedelta(minutes=5)  # without webhooks
SELDOM = timedelta(minutes=15)  # webhooks tell the rest
RECONCILE = timedelta(hours=24)
FORBIDDEN_TIMES = 2  # in a row: then only the vendor can mend it
FORBIDDEN_AGAIN = timedelta(seconds=30)
SQLITE_PAUSE = 0.005  # seconds between batches, so that a webhook gets its turn to write
HELD_SECONDS = 5.0  # the longest a record waits for others, and the counter of a first sync stands still


class Stopping(Exception):
    """This worker is to leave: what is written is written, another one pulls the rest."""


class LostLease(Exception):
    """Somebody else pulls this connection now, or it was disconnected: nothing more may be written by us."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A connection as it was when we won its lease; ``owner`` is what the lease is signed with."""

    connection: Connection
    owner: str


# --- claiming -------------------------------------------------------------------------------------------------------


def claim_due(house: House, most: int) -> list[Claimed]:
    """Lease up to ``most`` connections whose pull is due; any number of workers may ask at once (INVARIANTS C2)."""
    with house.database.transaction(WORKER) as session:
        now = database_now(session)
        query = select(Connection).where(_is_free(now), Connection.next_pull_at <= now)
        query = query.order_by(Connection.next_pull_at).limit(most).with_for_update(skip_locked=True)
        return [_lease(house, one, now) for one in session.execute(query).scalars()]


def claim(house: House, connection_id: UUID) -> Claimed | None:
    """Lease this connection now, due or not; None when somebody else has it or it is not active."""
    with house.database.transaction(WORKER) as session:
        now = database_now(session)
        query = select(Connection).where(_is_free(now), Connection.id == connection_id)
        found = session.execute(query.with_for_update(skip_locked=True)).scalar_one_or_none()
        return _lease(house, found, now) if found else None


def _is_free(now: datetime) -> ColumnElement[bool]:
    is_unleased = or_(Connection.lease_until.is_(None), Connection.lease_until < now)
    return is_unleased & IS_PULLED


def _lease(house: House, connection: Connection, now: datetime) -> Claimed:
    connection.lease_owner = f"{house.worker}-{secrets.token_hex(4)}"
    connection.lease_until = now + timedelta(seconds=house.limits.lease_seconds)
    return Claimed(connection, connection.lease_owner)


# --- one pull -------------------------------------------------------------------------------------------------------


def sync(house: House, claimed: Claimed, *, is_quick: bool = False) -> Counts:
    """Pull what is due for a claimed connection, and let go of it. Trouble is recorded, never raised.

    ``is_quick``: somebody waits, so leave the daily reconcile to the next pull.
    """
    pull = _Pull(house, claimed)
    started = clock.now()
    problem: ProviderError | None = None
    try:
        pull.begin(_mode(claimed.connection), started)
        done = pull.run(started, is_quick)
    except ProviderError as found:
        problem = found
    except Stopping:
        pull.put_back()
        return pull.counts
    except LostLease:
        log.info("lease lost", connection=str(claimed.connection.id))
        pull.end_run("Another worker took over, or the connection ended.")
        return pull.counts
    except Exception:
        log.exception("pull broke", connection=str(claimed.connection.id))
        problem = RetryLater("Something broke on our side. We will try again.")
    if problem is None:
        pull.succeed(started, done)
    else:
        pull.fail(problem)
    return pull.counts


def _mode(connection: Connection) -> Mode:
    return "changes" if connection.first_synced_at and connection.cursor else "full"


class _Pull:
    """The state of one pull: what was counted, the run that shows it, the lease that allows it."""

    def __init__(self, house: House, claimed: Claimed) -> None:
        self.counts = Counts()
        self._house, self._owner = house, claimed.owner
        self._connection, self._id = claimed.connection, claimed.connection.id
        self._permission = Permission(house, self._id)
        self._connector = registry.get(claimed.connection.provider)
        self._cursor: Json = claimed.connection.cursor
        self._began: datetime | None = None  # when the first part of a full pull began that is gone on with
        self._run_id: UUID | None = None
        self._beaten_at = time.monotonic()

    def begin(self, mode: Mode, now: datetime) -> None:
        self._mode: Mode = mode
        with self._house.database.transaction(WORKER) as session:
            vendor_id = self._connection.vendor_id
            run = SyncRun(vendor_id=vendor_id, connection_id=self._id, mode=mode, started_at=now)
            session.add(run)
            session.flush()
            self._run_id = run.id

    def run(self, started: datetime, is_quick: bool) -> Mode:
        """Returns the most thorough thing that was done."""
        mode = self._mode
        try:
            self._with_fresh_access(mode, started)
        except CursorExpired:
            log.info("cursor expired", connection=str(self._id))
            mode = "full"
            self._with_fresh_access(mode, started)
        last = self._connection.reconciled_at
        if mode == "changes" and not is_quick and (last is None or last + RECONCILE <= started):
            mode = "reconcile"
            self._with_fresh_access(mode, started)
        return mode

    def _with_fresh_access(self, mode: Mode, started: datetime) -> None:
        try:
            self._pull(mode, started)
        except (AccessExpired, Forbidden):  # a company that was taken away may show as either
            self._permission.renew()
            self._pull(mode, started)

    def _pull(self, mode: Mode, started: datetime) -> None:
        ctx = context(self._house, self._connection, self._permission, started, beat=self._beat)
        seen: dict[Kind, set[str]] = {"invoice": set(), "credit": set()}
        # Only of a first pull: all that is held came with its earlier part, so nothing of it need be asked for singly.
        may_go_on = mode == "full" and self._connection.first_synced_at is None
        asked_from: Json = self._cursor if mode != "full" or may_go_on else {}
        self._began = parse_instant(str(asked_from.get("began", ""))) if may_go_on else None
        most = 1 if self._house.database.is_sqlite else AT_ONCE
        for batch, read_at in together(timed(self._connector.pull(ctx, asked_from, mode)), most, HELD_SECONDS):
            _note(batch, seen)
            if mode == "reconcile":  # what it lists may be a bare minimum: only the ids count
                continue
            # The cursor of a full pull counts once all of it is here: until then a crash repeats, it never skips.
            kept = batch.next_cursor if mode == "changes" else None
            if may_go_on and batch.reached and not batch.next_cursor:
                kept = {**batch.reached, "began": (self._began or started).isoformat()}
            self._write(batch, kept, read_at)
            self._cursor = kept or batch.next_cursor or self._cursor
        if self._began:
            return
        if mode in ("full", "reconcile"):
            self._settle(ctx, "invoice", seen["invoice"], and_missed=mode == "reconcile")
        if mode == "full":
            self._settle(ctx, "credit", seen["credit"])

    def _settle(self, ctx: Context, kind: Kind, seen: set[str], *, and_missed: bool = False) -> None:
        """Ask singly for what we hold open and a complete list did not show, then close what is not there any more."""
        held = _held_open(self._house, self._id, kind)
        doubtful = held.keys() - seen
        wanted = doubtful | (seen - held.keys() if and_missed else set())
        if not wanted:
            return
        answered: dict[Kind, set[str]] = {kind: set()}
        for batch, read_at in timed(self._connector.fetch(ctx, kind, sorted(wanted))):
            _note(batch, answered)
            self._write(batch, None, read_at)
        silent = sorted(doubtful - answered[kind])
        if silent:
            self._write(Batch(gone=[Gone(kind, name, held[name]) for name in silent]), None, ctx.now)

    def _write(self, batch: Batch, cursor: Json | None, read_at: datetime) -> None:
        *earlier, last = parts(batch, AT_ONCE_SQLITE) if self._house.database.is_sqlite else [batch]
        for part in earlier:
            self._write_part(part, None, read_at)
        self._write_part(last, cursor, read_at)

    def _write_part(self, batch: Batch, cursor: Json | None, read_at: datetime) -> None:
        rows = rows_of(batch)
        with self._house.database.transaction(WORKER) as session:
            connection = self._own(session)
            counts = ingest(session, connection, rows, clock.now(), read_at)
            if cursor is not None:
                connection.cursor = cursor
            connection.lease_until = database_now(session) + timedelta(seconds=self._house.limits.lease_seconds)
            _add_counts(session, self._run_id, counts)
        self.counts += counts
        self._beaten_at = time.monotonic()
        if self._house.database.is_sqlite:
            time.sleep(SQLITE_PAUSE)

    def _own(self, session: Session) -> Connection:
        query = select(Connection).where(Connection.id == self._id, Connection.lease_owner == self._owner)
        found = session.execute(query.with_for_update(key_share=True)).scalar_one_or_none()
        if found is None:
            raise LostLease
        return found

    def _beat(self) -> None:
        """Called before every request: a long silence of the provider must not cost us the lease."""
        if self._house.stopping.is_set():
            raise Stopping
        if time.monotonic() - self._beaten_at < self._house.limits.lease_seconds / 4:
            return
        self._beaten_at = time.monotonic()
        with self._house.database.transaction(WORKER) as session:
            connection = self._own(session)
            connection.lease_until = database_now(session) + timedelta(seconds=self._house.limits.lease_seconds)

    def succeed(self, started: datetime, done: Mode) -> None:
        now = clock.now()
        often = SELDOM if is_heard(self._connection, now) else OFTEN
        values: dict[str, Any] = {
            "as_of": self._began or started,
            "failures": 0,
            "last_error": "",
            "last_error_at": None,
            # somebody may have asked for another pull meanwhile: that stays
            "next_pull_at": case(
                (Connection.next_pull_at > started, Connection.next_pull_at), else_=now + spread(often)
            ),
        }
        if done == "full":
            values["cursor"] = self._cursor
            values["first_synced_at"] = self._connection.first_synced_at or now
        if done in ("full", "reconcile") and not self._began:
            values["reconciled_at"] = started
        self._let_go(values)
        self.end_run("")

    def put_back(self) -> None:
        """Due at once, for the next worker."""
        self._let_go({"next_pull_at": clock.now()})
        self.end_run("The worker was stopped; another one goes on.")
        log.info("pull put back", connection=str(self._id))

    def fail(self, problem: ProviderError) -> None:
        now, failures = clock.now(), self._connection.failures + 1
        if isinstance(problem, MustReconnect) or (isinstance(problem, Forbidden) and failures >= FORBIDDEN_TIMES):
            with self._house.database.transaction(WORKER) as session:
                lose_permission(session, self._house, self._id, str(problem), now)
            self._let_go({})
        else:
            after = problem.after if isinstance(problem, RetryLater) else None
            again = now + FORBIDDEN_AGAIN if isinstance(problem, Forbidden) else retry_at(now, failures, after)
            self._let_go(
                {
                    "failures": failures,
                    "last_error": str(problem)[:300],
                    "last_error_at": now,
                    "next_pull_at": again,
                }
            )
        log.info("pull failed", connection=str(self._id), problem=type(problem).__name__)
        self.end_run(str(problem))

    def _let_go(self, values: Mapping[str, Any]) -> None:
        left = registry.gate(self._connection.provider, self._connection.account_id or "").calls_left
        with self._house.database.transaction(WORKER) as session:
            session.execute(
                update(Connection)
                .where(Connection.id == self._id, Connection.lease_owner == self._owner)
                .values({**values, "calls_left": left, "lease_owner": None, "lease_until": None})
                .execution_options(synchronize_session=False)
            )

    def end_run(self, error: str) -> None:
        if self._run_id is None:
            return
        with self._house.database.transaction(WORKER) as session:
            run = session.get(SyncRun, self._run_id)
            if run is not None:
                run.finished_at, run.error = clock.now(), error[:300]


# --- what a list showed, what we hold -------------------------------------------------------------------------------


def _note(batch: Batch, seen: dict[Kind, set[str]]) -> None:
    groups: tuple[tuple[Kind, Iterable[Any]], ...] = (("invoice", batch.invoices), ("credit", batch.credits))
    for kind, records in groups:
        if kind in seen:
            seen[kind].update(record.external_id for record in records)
    ended: list[Gone | BadRecord] = [*batch.gone, *batch.bad]
    for record in ended:
        if record.kind in seen:
            seen[record.kind].add(record.external_id)


def _held_open(house: House, connection_id: UUID, kind: Kind) -> dict[str, int]:
    """External ids we believe open, with their versions."""
    if kind == "invoice":
        query = select(Invoice.external_id, Invoice.version).where(IN_BOOKS_OPEN)
        query = query.where(Invoice.connection_id == connection_id)
    else:
        query = select(Credit.external_id, Credit.version).where(Credit.remaining_minor != 0)
        query = query.where(Credit.connection_id == connection_id)
    with house.database.reading(WORKER) as session:
        return {row.external_id: row.version for row in session.execute(query)}


def _add_counts(session: Session, run_id: UUID | None, counts: Counts) -> None:
    session.execute(
        update(SyncRun)
        .where(SyncRun.id == run_id)
        .values(
            received=SyncRun.received + counts.received,
            changed=SyncRun.changed + counts.changed,
            gone=SyncRun.gone + counts.gone,
            quarantined=SyncRun.quarantined + counts.quarantined,
        )
        .execution_options(synchronize_session=False)
    )
