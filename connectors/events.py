"""Webhooks: stored raw before they are acknowledged, handled later. An event only says where to look (N1 N3)."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import Connection as DatabaseConnection
from sqlalchemy import or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app import clock
from app.db import database_now
from app.house import House
from app.ids import new_id
from app.models import Connection, ConnectionState, ProviderEvent, SyncRun
from connectors import registry
from connectors.actions import end_from_outside, lose_permission, pull_soon
from connectors.asking import WORKER, fetch
from connectors.base import REVOKED, Event, Kind, MustReconnect, ProviderError, RetryLater
from connectors.ingest import Counts
from connectors.rules import retry_at

log = structlog.get_logger()

BATCH = 500  # events a drain claims at once
TOO_MANY = 100  # objects of one connection: a pull is cheaper than reading them singly
TRIES = 8  # then an event is parked, visibly
THREADS = 8
KINDS: tuple[Kind, ...] = ("customer", "invoice", "payment", "credit")
_UNKEPT = {"cookie", "authorization"}


# --- storing --------------------------------------------------------------------------------------------------------


def store_event(
    connection: DatabaseConnection,
    provider: str,
    headers: Mapping[str, str],
    body: bytes,
    events: Sequence[Event],
    now: datetime,
    connection_id: UUID | None = None,
) -> None:
    """One row a delivery; a delivery repeated is no second row. One that points at nothing is stored as handled.
    ``connection_id``: whose own address it came to."""
    row = {
        "id": new_id(),
        "provider": provider,
        "event_key": _key(body, events, connection_id),
        "connection_id": connection_id,
        "headers": {name.lower(): value for name, value in headers.items() if name.lower() not in _UNKEPT},
        "body": body,
        "received_at": now,
        "due_at": now,
        "handled_at": None if events else now,
        "outcome": "" if events else "points at nothing we follow",
    }
    connection.execute(_KEEP[connection.dialect.name], {"tries": 0, **row})


# Put together once: that would be a sixteenth of what each webhook costs.
_KEEP = {
    each.dialect.name: each.insert(ProviderEvent.__table__).on_conflict_do_nothing(
        index_elements=["provider", "event_key"]
    )
    for each in (sqlite, postgresql)
}


def _key(body: bytes, events: Sequence[Event], connection_id: UUID | None) -> str:
    """The provider's ids where it gives some (a repeated delivery may differ in other words), else the body itself.
    Two vendors' own servers may say the same, so theirs are told apart."""
    ids = sorted({event.event_id for event in events})
    said = "\n".join(ids).encode() if ids and all(ids) else b"body\0" + body
    return blake2b(said, digest_size=24, salt=connection_id.bytes if connection_id else b"").hexdigest()


# --- handling -------------------------------------------------------------------------------------------------------


_Whose = UUID | tuple[str, str]  # a connection, or all those to an account of a provider


class _Pointer(NamedTuple):
    """Where an event says to look."""

    provider: str
    event: Event
    received_at: datetime
    connection_id: UUID | None

    @property
    def whose(self) -> _Whose:
        """At a connection's own address only that connection is meant, whatever account the body names."""
        return self.connection_id or (self.provider, self.event.account_id)


@dataclass(slots=True)
class _Errand:
    """What the events of one batch want to have read of one connection, since when, and what became of it."""

    connection: Connection
    told_at: datetime | None = None
    wanted: dict[Kind, set[str]] = field(default_factory=dict)
    wants_pull: bool = False
    revoked_at: datetime | None = None
    outcome: str = ""
    problem: ProviderError | None = None


def drain_events(house: House) -> int:
    """Claim a batch, merge it by connection, read each named object once. Returns how many events were claimed."""
    claimed = _claim(house)
    if not claimed:
        return 0
    pointed = {event.id: _read(event) for event in claimed}
    errands = _errands(house, [one for found in pointed.values() if not isinstance(found, str) for one in found])
    unique = list({id(errand): errand for group in errands.values() for errand in group}.values())
    with ThreadPoolExecutor(min(THREADS, len(unique) or 1)) as pool:
        list(pool.map(partial(_run, house), unique))
    with house.database.transaction(WORKER) as session:
        now = database_now(session)
        alike: dict[_Fate, list[UUID]] = {}
        for event in claimed:
            alike.setdefault(_fate(event, pointed[event.id], errands, now), []).append(event.id)
        for fate, ids in alike.items():
            _conclude(session, ids, fate)
    return len(claimed)


def _claim(house: House) -> Sequence[ProviderEvent]:
    """The due time is the lease: a worker that dies leaves them to the next one."""
    with house.database.transaction(WORKER) as session:
        now = database_now(session)
        query = select(ProviderEvent.id).where(ProviderEvent.handled_at.is_(None), ProviderEvent.due_at <= now)
        query = query.order_by(ProviderEvent.due_at).limit(BATCH).with_for_update(skip_locked=True)
        ids = session.scalars(query).all()
        if not ids:
            return []
        leased = {"due_at": now + timedelta(seconds=house.limits.lease_seconds), "tries": ProviderEvent.tries + 1}
        taking = update(ProviderEvent).where(ProviderEvent.id.in_(ids)).values(leased).returning(ProviderEvent)
        return session.scalars(taking.execution_options(synchronize_session=False)).all()


def _read(event: ProviderEvent) -> list[_Pointer] | str:
    """What the event points at, or why nothing is done with it."""
    try:
        found = registry.get(event.provider).events(event.headers, event.body)
    except KeyError:
        return "of a provider we do not have"
    except (ValueError, LookupError, TypeError, AttributeError):
        return "not understood"
    return [_Pointer(event.provider, one, event.received_at, event.connection_id) for one in found] or (
        "points at nothing we follow"
    )


def _errands(house: House, pointed: Sequence[_Pointer]) -> dict[_Whose, list[_Errand]]:
    """By whose they are: every active connection that is meant, each with one errand."""
    accounts = sorted(each.whose for each in pointed if isinstance(each.whose, tuple))
    own = {each.whose for each in pointed if isinstance(each.whose, UUID)}
    if not accounts and not own:
        return {}
    is_meant = or_(tuple_(Connection.provider, Connection.account_id).in_(accounts), Connection.id.in_(own))
    query = select(Connection).where(is_meant, Connection.state == ConnectionState.ACTIVE)
    errands: dict[_Whose, list[_Errand]] = {}
    with house.database.reading(WORKER) as session:
        for connection in session.execute(query).scalars():
            errand = _Errand(connection)
            errands[connection.id] = [errand]
            errands.setdefault((connection.provider, connection.account_id or ""), []).append(errand)
    for pointer in pointed:
        for errand in errands.get(pointer.whose, []):
            _note(errand, pointer)
    return errands


def _note(errand: _Errand, pointer: _Pointer) -> None:
    event = pointer.event
    errand.told_at = min(errand.told_at or pointer.received_at, pointer.received_at)
    if event.kind in KINDS:
        errand.wanted.setdefault(event.kind, set()).add(event.external_id)
        return
    errand.wants_pull = True
    if event.op == REVOKED:
        errand.revoked_at = event.at or pointer.received_at


def _run(house: House, errand: _Errand) -> None:
    if errand.revoked_at and _is_over(house, errand.connection.id, errand.revoked_at):
        errand.outcome = "the permission was ended there"
        return
    if errand.wants_pull or sum(map(len, errand.wanted.values())) > TOO_MANY:
        _leave_to_pull(house, errand.connection.id)
        errand.outcome = "left to the next pull"
        return
    started = clock.now()
    try:
        counts = fetch(house, errand.connection, errand.wanted, told_at=errand.told_at)
    except ProviderError as problem:
        errand.problem = problem
        if isinstance(problem, MustReconnect):
            with house.database.transaction(WORKER) as session:
                lose_permission(session, house, errand.connection.id, str(problem), clock.now())
        return
    except Exception:
        log.exception("event broke", connection=str(errand.connection.id))
        errand.problem = RetryLater("Something broke on our side.")
        return
    errand.outcome = f"read {counts.received}, changed {counts.changed}"
    _note_run(house, errand.connection, counts, started)


def _is_over(house: House, connection_id: UUID, revoked_at: datetime) -> bool:
    """End what the vendor ended at the provider. Not when we were given tokens since: then it was connected again, the
    event is an old one, and the next pull tells."""
    with house.database.transaction(WORKER) as session:
        connection = session.get_one(Connection, connection_id, with_for_update=True)
        given_at = connection.renewed_at or connection.created_at
        if connection.state != ConnectionState.ACTIVE or given_at >= revoked_at:
            return False
        end_from_outside(session, house, connection, clock.now())
    return True


def _leave_to_pull(house: House, connection_id: UUID) -> None:
    with house.database.transaction(WORKER) as session:
        pull_soon(session.get_one(Connection, connection_id), database_now(session))


def _note_run(house: House, connection: Connection, counts: Counts, started: datetime) -> None:
    with house.database.transaction(WORKER) as session:
        session.add(
            SyncRun(
                vendor_id=connection.vendor_id,
                connection_id=connection.id,
                mode="fetch",
                started_at=started,
                finished_at=clock.now(),
                received=counts.received,
                changed=counts.changed,
                gone=counts.gone,
                quarantined=counts.quarantined,
            )
        )


class _Fate(NamedTuple):
    """What becomes of an event: handled, or due again."""

    outcome: str
    handled_at: datetime | None = None
    due_at: datetime | None = None


def _fate(
    event: ProviderEvent,
    pointed: list[_Pointer] | str,
    errands: Mapping[_Whose, list[_Errand]],
    now: datetime,
) -> _Fate:
    """Handled, to be tried again, or parked."""
    if isinstance(pointed, str):
        return _Fate(pointed, now)
    mine = [errand for pointer in pointed for errand in errands.get(pointer.whose, [])]
    problem = next((errand.problem for errand in mine if errand.problem), None)
    if isinstance(problem, RetryLater) and event.tries < TRIES:
        due = retry_at(now, event.tries, problem.after)
        return _Fate(f"will be tried again: {problem}"[:300], due_at=due)
    if problem is not None:
        log.warning("event parked", provider_event=str(event.id), problem=type(problem).__name__)
        return _Fate(f"parked: {problem}"[:300], now)
    words = ", ".join(dict.fromkeys(errand.outcome for errand in mine)) or "of an account that is not connected"
    return _Fate(words[:300], now)


def _conclude(session: Session, ids: Sequence[UUID], fate: _Fate) -> None:
    """One statement for all that end alike."""
    values = {name: value for name, value in fate._asdict().items() if value is not None}
    session.execute(
        update(ProviderEvent)
        .where(ProviderEvent.id.in_(ids), ProviderEvent.handled_at.is_(None))
        .values(values)
        .execution_options(synchronize_session=False)
    )
