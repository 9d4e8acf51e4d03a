"""The engine, the base of all tables, and the two ways to talk to the database: reading() and transaction().

SQLite and PostgreSQL are both first-class. On SQLite a writer begins IMMEDIATE (the driver would otherwise open no
transaction before a SELECT and lose updates silently); a reader begins plainly and never waits. On PostgreSQL nothing
outlives its transaction, so that a pooler may stand before it.
"""

import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import current_app
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    create_engine,
    event,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from app import clock, row_level
from app.scope import Everything, Scope, begin_in, current

BigInt = BigInteger().with_variant(Integer, "sqlite")


RESTED_SECONDS = 1.0
_BUSY_SECONDS = 15.0  # the longest somebody waits for SQLite's one writer
_LOOK_AGAIN_SECONDS = 0.0005
# SQLite holds 2 MB of a database and moves what was written to its place every 4 MB: a first sync wrote and read the
# same pages again and again, and took a third longer.
_PRAGMAS = (
    "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-16000",
    "wal_autocheckpoint=8000",
)  # fmt: skip


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware on both sides, UTC in the database. SQLite would drop the offset silently (INVARIANTS C5)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is UTC:
            return value
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Every table. Names of constraints follow one convention so that migrations can name them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: UtcDateTime(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


class Database:
    """One engine and its sessions. A session always carries a scope (app/scope.py)."""

    def __init__(self, url: str, **options: Any) -> None:
        self.engine = make_engine(url, **options)
        self._reading = self.engine.execution_options(read_only=True)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self, scope: Scope | None = None) -> Iterator[Session]:
        """A session that looks and never writes; the scope of the request or job unless one is given."""
        with Session(self._reading, autoflush=False, info={"scope": scope or current()}) as session:
            yield session
            session.expunge_all()  # nothing of it is written, whatever was done to it
            session.commit()  # at a rollback psycopg forgets what it has prepared: every page would be planned anew

    @contextmanager
    def transaction(self, scope: Scope | None = None) -> Iterator[Session]:
        """The place that commits: all of the block, or none of it."""
        info = {"scope": scope or current()}
        with Session(self.engine, expire_on_commit=False, info=info) as session, session.begin():
            yield session

    @contextmanager
    def bare_transaction(self, scope: Everything) -> Iterator[Connection]:
        """The same without a session, which a webhook's one statement would pay more for than for itself."""
        with self.engine.begin() as connection:
            begin_in(scope, connection)
            yield connection

    def look_at_sizes(self) -> int:
        """Let SQLite count what its indexes tell apart, by samples. PostgreSQL does that by itself; without it SQLite
        takes one index for as good as another, and found one customer's invoices among all of its vendor's. 0: there is
        no more to do."""
        if self.is_sqlite:
            with self.engine.begin() as connection:
                connection.exec_driver_sql("PRAGMA analysis_limit = 1000")
                connection.exec_driver_sql("ANALYZE")
        return 0

    def dispose(self) -> None:
        self.engine.dispose()


def database() -> Database:
    """The database of the current Flask application."""
    found = current_app.extensions["database"]
    assert isinstance(found, Database)
    return found


def database_now(session: Session) -> datetime:
    """The instant by the database's clock, which decides what is due (INVARIANTS C1); a moved clock wins over it."""
    if clock.is_moved() or session.get_bind().dialect.name == "sqlite":
        return clock.now()
    moment: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return moment.astimezone(UTC)


def insert_into(session: Session, table: Any) -> Any:
    """An INSERT that may say what happens ON CONFLICT, as this session's database spells it."""
    return (sqlite if session.get_bind().dialect.name == "sqlite" else postgresql).insert(table)


def make_engine(url: str, **options: Any) -> Engine:
    """An engine with the pragmas or pool this house relies on."""
    parsed = make_url(url)
    options = {"hide_parameters": True, **options}  # an error's words name no address and no secret (INVARIANTS K2)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS}, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = create_engine(parsed, **{"pool_size": 10, "max_overflow": 20, **options})
    event.listen(engine, "checkin", _note_rest)
    event.listen(engine, "checkout", partial(_wake, engine.dialect))
    event.listen(engine, "connect", _mind_poolers)
    event.listen(engine, "connect", row_level.meet)
    return engine


def _note_rest(_connection: DBAPIConnection | None, entry: ConnectionPoolEntry) -> None:
    entry.info["rests_since"] = time.monotonic()


def _wake(dialect: Dialect, connection: DBAPIConnection, entry: ConnectionPoolEntry, _: Any) -> None:
    """A connection that was not used for a while may have died since: it is asked, and replaced. One in steady use is
    not: that was a tenth of the cost of a page."""
    if time.monotonic() - entry.info.get("rests_since", math.inf) > RESTED_SECONDS:
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as problem:
            raise InvalidatePoolError from problem


def _mind_poolers(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Behind a pooler (PgBouncer in transaction mode) each transaction may run on another of its connections, where
    what we prepared is unknown or, worse, another process's statement of the same name: there nothing is prepared. A
    pooler gives itself away, for the number it greets us with is not that of the process that answers."""
    driver: Any = connection
    with driver.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        is_direct = cursor.fetchone()[0] == driver.info.backend_pid
    driver.rollback()
    if not is_direct:
        driver.prepare_threshold = None


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get("read_only"):
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.driver_connection
    waits = driver.execute("PRAGMA busy_timeout").fetchone()[0]  # in milliseconds
    driver.execute("PRAGMA busy_timeout=0")
    try:
        _await_turn(driver, waits / 1000)
        if not driver.in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # says in SQLAlchemy's words why not
    finally:
        driver.execute(f"PRAGMA busy_timeout={waits}")


def _await_turn(driver: sqlite3.Connection, seconds: float) -> None:
    """Begin as the one writer there is. SQLite's own waiting looks less and less often, in the end ten times a second,
    and so misses the moments between the commits of a first sync: a webhook waited for three of them."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            driver.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # its lower byte: the others say why it is busy
                return
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return
