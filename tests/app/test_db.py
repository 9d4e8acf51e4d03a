"""Connections that are kept: what they remember, and what happens when they died at rest."""

import itertools
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import OperationalError

from app import db
from app.db import Database
from app.models import Customer
from tests.support.postgres import Server
from tests.support.world import EVERYTHING


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    made = Database(postgresql_url, pool_size=1)
    yield made
    made.dispose()


def test_a_connection_that_died_at_rest_is_replaced(
    database: Database, postgresql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[inv-F1] Nobody's page is the one to find out."""
    monkeypatch.setattr(db, "RESTED_SECONDS", -1.0)
    with database.reading(EVERYTHING) as session:
        before = session.scalar(text("SELECT pg_backend_pid()"))
    _kill(postgresql_server, database, before)
    with database.reading(EVERYTHING) as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) != before


def test_one_that_died_in_use_is_found_out_as_it_begins(
    database: Database, postgresql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[inv-F1] In SQLAlchemy's words, which is how it is replaced; whoever comes next has another."""
    monkeypatch.setattr(db, "RESTED_SECONDS", math.inf)
    with database.reading(EVERYTHING) as session:
        before = session.scalar(text("SELECT pg_backend_pid()"))
    _kill(postgresql_server, database, before)
    with pytest.raises(OperationalError), database.reading(EVERYTHING) as session:
        session.scalar(text("SELECT 1"))
    with database.reading(EVERYTHING) as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) != before


def _kill(server: Server, database: Database, backend: int | None) -> None:
    plain = make_url(server.owner_url(database.engine.url.database or "")).set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as owner:
        owner.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])


def test_what_a_page_asks_often_stays_prepared(database: Database) -> None:
    """[perf-C1] psycopg forgets it all at a rollback, which is how a session that only looks would end."""
    for _ in range(7):
        with database.reading(EVERYTHING) as session:
            session.execute(select(Customer.name).where(Customer.name == "Cobalt"))
    with database.reading(EVERYTHING) as session:
        known = session.scalars(text("SELECT statement FROM pg_prepared_statements")).all()
    assert any("customer.name" in statement for statement in known)


def test_what_is_changed_while_reading_is_not_written(database: Database) -> None:
    """[inv-I1]"""
    with database.transaction(EVERYTHING) as session:
        session.add(Customer(name="Cobalt"))
    with database.reading(EVERYTHING) as session:
        session.scalars(select(Customer)).one().name = "Other"
        session.add(Customer(name="New"))
    with database.reading(EVERYTHING) as session:
        assert session.scalars(select(Customer.name)).all() == ["Cobalt"]


def test_who_writes_on_sqlite_waits_for_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[inv-F1] It comes in as soon as the writer before it is done, and is told when its time is up."""
    made = Database(f"sqlite:///{tmp_path / 'turns.db'}")
    other = sqlite3.connect(tmp_path / "turns.db", isolation_level=None)
    looks: list[float] = []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            other.rollback()

    monkeypatch.setattr(db, "time", SimpleNamespace(sleep=sleep, monotonic=itertools.count().__next__))
    with made.reading(EVERYTHING) as session:
        session.execute(text("PRAGMA busy_timeout=10000"))
    other.execute("BEGIN IMMEDIATE")
    with made.transaction(EVERYTHING) as session:
        session.execute(text("CREATE TABLE told (id int)"))
    assert len(looks) == 3

    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked"), made.transaction(EVERYTHING) as session:
        session.execute(text("DROP TABLE told"))
    assert len(looks) == 3 + 9  # a clock that counts: ten seconds
    other.close()
    made.dispose()
