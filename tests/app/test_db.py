"""Connections that are kept: what they remember, and what happens when they died at rest."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url, select, text

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
    name = make_url(database.engine.url).database or ""
    plain = make_url(postgresql_server.owner_url(name)).set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as owner:
        owner.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
    with database.reading(EVERYTHING) as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) != before


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
