"""The same books written by the product and by its floor (bench/floors/ingest.py), on one scratch database."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from app.house import House
from app.models import Connection
from bench import books
from bench.floors.ingest import CopyFloor, LiteFloor, native, prepared
from bench.ground import Ground
from connectors.base import Batch
from connectors.ingest import Counts, ingest
from connectors.rows import Row

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BATCH, BATCH_SQLITE = 5_000, 1_000
_FILLED = ("customer", "mailbox", "bill_to", "invoice", "invoice_change", "settlement")


class Writing:
    """``n`` invoices, ready as records for us and as rows for the floor."""

    def __init__(self, ground: Ground, house: House, n: int) -> None:
        self.ground, self.house, self.n = ground, house, n
        self.batch_size = BATCH_SQLITE if ground.is_sqlite else BATCH
        self.connection: Connection = books.connected(house.database)
        self.batches: list[Batch] = list(books.batches(n, self.batch_size))
        self.rows: list[Row] = list(prepared(self.batches, NOW))
        url = house.settings.database_url
        self.owner_url = ground.owner_url(url)
        if ground.is_sqlite:
            self.rows = list(map(native, self.rows))
        self.floor: CopyFloor | LiteFloor = LiteFloor(url) if ground.is_sqlite else CopyFloor(self.owner_url)

    def write(self, batches: Iterable[Batch] | None = None) -> int:
        """As a pull does: a transaction a batch."""
        done = Counts()
        for batch in self.batches if batches is None else batches:
            with self.house.database.transaction(books.EVERYTHING) as session:
                done += ingest(session, self.connection, batch, NOW)
        return done.received

    def write_floor(self, rows: Sequence[Row] | None = None) -> int:
        return self.floor.write(self.rows if rows is None else rows)

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

    @contextmanager
    def as_owner(self) -> Iterator[Any]:
        """A connection that may do what the product's user may not; each statement is its own transaction."""
        engine = create_engine(self.owner_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            yield connection
        engine.dispose()


@contextmanager
def writing(ground: Ground, n: int) -> Iterator[Writing]:
    with ground.house() as house:
        made = Writing(ground, house, n)
        try:
            yield made
        finally:
            made.floor.close()
