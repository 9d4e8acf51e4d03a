"""Asking a provider on behalf of one connection: what its connector may use, and reading single objects again."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeVar
from uuid import UUID

from sqlalchemy import select

from app import clock
from app.house import House
from app.models import Connection, ConnectionState, Invoice
from app.scope import Everything
from connectors import registry
from connectors.base import AccessExpired, Account, Batch, Context, Http, Kind, ProviderError, Response
from connectors.ingest import Counts, ingest
from connectors.oauth import Permission
from connectors.rows import rows_of

WORKER = Everything("pulling serves all connections")
Found = TypeVar("Found")


class _Beating:
    """base.Http that tells somebody before every request."""

    def __init__(self, http: Http, beat: Callable[[], None]) -> None:
        self._http, self._beat = http, beat

    def get(self, url: str, **given: Any) -> Response:
        self._beat()
        return self._http.get(url, **given)

    def post(self, url: str, **given: Any) -> Response:
        self._beat()
        return self._http.post(url, **given)

    def send(self, method: Literal["PUT", "PATCH", "DELETE"], url: str, **given: Any) -> Response:
        self._beat()
        return self._http.send(method, url, **given)


def context(
    house: House,
    connection: Connection,
    permission: Permission,
    now: datetime,
    *,
    beat: Callable[[], None] = lambda: None,
    seconds: float | None = None,
) -> Context:
    """What the connector may use for one piece of work. ``seconds``: the most one request may take."""
    account = Account(
        connection.account_id or "", connection.account_name, connection.account_currency, connection.account_zone
    )
    connector, tokens = registry.get(connection.provider), permission.tokens()
    http = registry.client(
        connection.provider,
        account.external_id,
        said=tokens.extra,
        authorization=lambda: connector.authorization(permission.tokens()),
        seconds=min(seconds or house.limits.http_seconds, house.limits.http_seconds),
    )
    ends = registry.endpoints(connection.provider, tokens.extra)
    return Context(_Beating(http, beat), ends, now, tokens, account)


def with_access(
    house: House, connection: Connection, work: Callable[[Context], Found], *, seconds: float | None = None
) -> Found:
    """What ``work`` returns; done once more where the provider first wants a fresh access token. Raises
    ProviderError."""
    permission = Permission(house, connection.id)
    try:
        return work(context(house, connection, permission, clock.now(), seconds=seconds))
    except AccessExpired:
        permission.renew()
        return work(context(house, connection, permission, clock.now(), seconds=seconds))


def connection_of(house: House, invoice_id: UUID) -> tuple[Connection, str] | None:
    """The active connection an invoice came through, and its id there."""
    query = select(Connection, Invoice.external_id).join(Invoice, Invoice.connection_id == Connection.id)
    query = query.where(Invoice.id == invoice_id, Connection.state == ConnectionState.ACTIVE)
    with house.database.reading(WORKER) as session:
        row = session.execute(query).one_or_none()
    return (row[0], row[1]) if row else None


def timed(batches: Iterator[Batch]) -> Iterator[tuple[Batch, datetime]]:
    """Each batch with the moment before its first page was asked for."""
    while True:
        asked_at = clock.now()
        batch = next(batches, None)
        if batch is None:
            return
        yield batch, asked_at


def together(found: Iterator[tuple[Batch, datetime]], most: int, seconds: float) -> Iterator[tuple[Batch, datetime]]:
    """Batches of ``most`` records or more, as far as they come within so many seconds, each with the moment of its
    first: a commit costs the same for many. What came before the provider failed is not lost."""
    held: tuple[Batch, datetime] | None = None
    try:
        for batch, asked_at in found:
            held = (_joined(held[0], batch), held[1]) if held else (batch, asked_at)
            if len(held[0]) >= most or clock.now() - held[1] >= timedelta(seconds=seconds):
                yield held
                held = None
    except ProviderError:
        if held:
            yield held
        raise
    if held:
        yield held


def _joined(first: Batch, second: Batch) -> Batch:
    groups: list[Any] = [one + other for one, other in zip(first.groups, second.groups, strict=True)]
    return replace(
        Batch(*groups),
        next_cursor=second.next_cursor or first.next_cursor,
        as_of=second.as_of or first.as_of,
        reached=second.reached or first.reached,
    )


def parts(batch: Batch, most: int) -> list[Batch]:
    """The same records in the same order, ``most`` at a time; where they lead to stands on the last."""
    if len(batch) <= most:
        return [batch]
    found: list[Batch] = []
    for start in range(0, len(batch), most):
        groups: list[Any] = []
        begin = 0
        for group in batch.groups:
            groups.append(group[max(0, start - begin) : max(0, start + most - begin)])
            begin += len(group)
        found.append(Batch(*groups))
    found[-1] = replace(found[-1], next_cursor=batch.next_cursor, as_of=batch.as_of, reached=batch.reached)
    return found


def fetch(
    house: House,
    connection: Connection,
    wanted: Mapping[Kind, Iterable[str]],
    *,
    seconds: float | None = None,
    told_at: datetime | None = None,
) -> Counts:
    """Read these objects now and write what they are; one that ended meanwhile is left alone. ``told_at``: when a
    webhook asked for it. Raises ProviderError."""
    return with_access(house, connection, lambda ctx: _fetch(house, connection, wanted, ctx, told_at), seconds=seconds)


def _fetch(
    house: House,
    connection: Connection,
    wanted: Mapping[Kind, Iterable[str]],
    ctx: Context,
    told_at: datetime | None,
) -> Counts:
    counts = Counts()
    connector = registry.get(connection.provider)
    for kind, names in wanted.items():
        for batch, read_at in timed(connector.fetch(ctx, kind, sorted(set(names)))):
            rows = rows_of(batch)
            with house.database.transaction(WORKER) as session:
                query = select(Connection).where(Connection.id == connection.id)
                query = query.where(Connection.state == ConnectionState.ACTIVE)
                live = session.execute(query.with_for_update(key_share=True)).scalar_one_or_none()
                if live is None:
                    return counts
                counts += ingest(session, live, rows, clock.now(), read_at, told_at)
    return counts
