"""The same books written by the product and by its floor (bench/floors/ingest.py), on one scratch database."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any

from app.house import House
from app.models import Connection
from bench import books
from bench.floors.ingest import CopyFloor, LiteFloor, native, prepared
from bench.ground import Ground, as_owner
from connectors.base import Batch
from connectors.ingest import AT_ONCE, AT_ONCE_SQLITE, ingest
from connectors.rows import Row, rows_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_FILLED = ("customer", "mailbox", "bill_to", "invoice", "invoice_change", "settlement")


class Writing:
    """``n`` invoices, ready as records for us and as rows for the floor."""

    def __init__(self, ground: Ground, house: House, n: int) -> None:
        self.ground, self.house, self.n = ground, house, n
        self.batch_size = AT_ONCE_SQLITE if ground.is_sqlite else AT_ONCE
        self.connection: Connection = books.connected(house.database)
        self.batches: list[Batch] = list(books.batches(n, self.batch_size))
        self.rows: list[Row] = list(prepared(self.batches, NOW))
        url = house.settings.database_url
        self.floor: CopyFloor | LiteFloor = LiteFloor(url) if ground.is_sqlite else CopyFloor(ground.owner_url(url))
        if ground.is_sqlite:
            self.rows = list(map(native, self.rows))

    def write(self) -> int:
        return write(self.house, self.connection, self.batches)

    def write_floor(self) -> int:
        return self.floor.write(self.rows)

    def empty(self) -> None:
        """No customers, no invoices; the vendor and its connection stay."""
        with self.as_owner() as owner:
            if not self.ground.is_sqlite:
                owner.exec_driver_sql(f"TRUNCATE {', '.join(_FILLED)} CASCADE")
                return
            for table in _FILLED:
                owner.exec_driver_sql(f"DELETE FROM {table}")

    def fill(self) -> None:
        """Everything is there already, on both sides, and nothing is left over from making it so."""
        self.empty()
        self.write()
        self.floor.empty()
        self.write_floor()
        self.tidy()

    def tidy(self) -> None:
        with self.as_owner() as owner:
            for table in _FILLED:
                owner.exec_driver_sql(f"ANALYZE {table}" if self.ground.is_sqlite else f"VACUUM ANALYZE {table}")

    def as_owner(self) -> AbstractContextManager[Any]:
        return as_owner(self.ground.owner_url(self.house.settings.database_url))


def write(house: House, connection: Connection, batches: Iterable[Batch]) -> int:
    """As a pull does it, a transaction a batch; returns how many invoices there were."""
    written = 0
    for batch in batches:
        rows = rows_of(batch)
        with house.database.transaction(books.EVERYTHING) as session:
            ingest(session, connection, rows, NOW)
        written += len(batch.invoices)
    return written


@contextmanager
def writing(ground: Ground, n: int) -> Iterator[Writing]:
    with ground.house() as house:
        made = Writing(ground, house, n)
        try:
            yield made
        finally:
            made.floor.close()
