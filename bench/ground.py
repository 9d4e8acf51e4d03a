"""What a bench stands on: a scratch database of its own, migrated, with the product's own user, and a house on it."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.pool import NullPool

from app.house import House
from app.settings import Settings
from app.tables import upgrade
from tests.faults.cluster import Node
from tests.support.postgres import Server

# As PERFORMANCE.md section 1 has it; a bench must not measure a cache that is too small, nor checkpoints every minute.
_ROOMY = "-c shared_buffers=2GB -c max_wal_size=8GB -c checkpoint_timeout=15min"


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is. ``invoices`` to write, ``due`` digests to send, ``seconds`` for each route, ``large`` the
    number of open invoices in the tables that stand for size (their small twin has ``small``)."""

    name: str
    invoices: int
    due: int
    seconds: float
    large: int
    small: int = 10_000


SIZES = {
    "small": Size("small", 20_000, 500, 1.0, 40_000),
    "medium": Size("medium", 200_000, 5_000, 4.0, 1_000_000),
    "full": Size("full", 1_000_000, 50_000, 4.0, 10_000_000),
}


@dataclass(frozen=True, slots=True)
class Ground:
    """Where scratch databases come from. ``server`` is None on SQLite."""

    folder: Path
    server: Server | None

    @property
    def is_sqlite(self) -> bool:
        return self.server is None

    @contextmanager
    def scratch(self) -> Iterator[str]:
        """The URL of a fresh, migrated, empty database, as the product signs in; dropped afterwards."""
        if self.server:
            name = f"bench_{secrets.token_hex(6)}"
            self.server.execute("create database {}", name)
            try:
                self.server.migrate(name)
                yield self.server.url(name)
            finally:
                self.server.execute("drop database if exists {} with (force)", name)
        else:
            folder = Path(tempfile.mkdtemp(dir=self.folder))
            url = f"sqlite:///{folder / 'sheaf.db'}"
            upgrade(url)
            yield url
            shutil.rmtree(folder)

    @contextmanager
    def house(self) -> Iterator[House]:
        """A house on a scratch database."""
        with self.scratch() as url:
            opened = House.open(Settings(DATABASE_URL=url, SHEAF_INSTANCE=self.folder / "instance"))  # type: ignore[call-arg]
            try:
                yield opened
            finally:
                opened.database.dispose()

    def settle(self) -> None:
        """Write out what filling has left in memory, or its checkpoint falls into somebody's repeat: a claim of 50
        mailboxes cost five times its CPU in two of three. Not where we may not ask for it."""
        if self.server:
            with suppress(psycopg.errors.InsufficientPrivilege):
                self.server.execute("checkpoint")

    def owner_url(self, url: str) -> str:
        """The same database as whoever made its tables, for what the product's user may not do (VACUUM, statistics)."""
        return self.server.owner_url(make_url(url).database or "") if self.server else url


@contextmanager
def as_owner(owner_url: str) -> Iterator[Connection]:
    """A connection that may do what the product's user may not; each statement is its own transaction."""
    engine = create_engine(owner_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@contextmanager
def opened(database: str) -> Iterator[Ground]:
    """``database``: nothing for SQLite in a temporary folder, ``postgresql`` for a server of our own, durable and
    thrown away at the end, or the URL of a server where we may make databases and roles."""
    with tempfile.TemporaryDirectory(prefix="sheaf-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # the server may run as another user
        if not database:
            yield Ground(folder, None)
        elif database != "postgresql":
            yield Ground(folder, Server(make_url(database).set(drivername="postgresql+psycopg"), ""))
        else:
            node = Node(folder / "pg", _ROOMY)
            node.create()
            try:
                yield Ground(folder, Server(node.admin(), ""))
            finally:
                node.stop(check=False)
