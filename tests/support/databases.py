"""The database_url fixture: a fresh, migrated, empty database on SQLite and on PostgreSQL."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.tables import upgrade
from tests.support.pooler import Through, pooler
from tests.support.postgres import Server, shared_server
from tests.support.run import locked, run_folder


@pytest.fixture(scope="session")
def postgresql_server() -> Server:
    """The PostgreSQL server all workers share."""
    return shared_server()


@pytest.fixture(scope="session")
def sqlite_template() -> Path:
    """A migrated SQLite file to copy."""
    template = run_folder() / "template.db"
    with locked("sqlite"):
        if not template.exists():
            draft = template.with_suffix(".draft")
            upgrade(f"sqlite:///{draft}")
            with sqlite3.connect(draft) as connection:  # what still lies in the log must be in the file we copy
                connection.execute("pragma wal_checkpoint(truncate)")
            connection.close()
            draft.rename(template)
    return template


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """SQLite only, for what is about SQLite."""
    return f"sqlite:///{shutil.copyfile(sqlite_template, tmp_path / 'sheaf.db')}"


@pytest.fixture(scope="session")
def through_pooler(postgresql_server: Server) -> Iterator[Through]:
    """What turns a database's URL into the same behind PgBouncer, where all share two connections."""
    with pooler(postgresql_server.admin, connections=2) as through:
        yield through


@pytest.fixture
def postgresql_url(
    postgresql_server: Server, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[str]:
    """PostgreSQL only, for what is about PostgreSQL. TEST_BEHIND_POOLER=1 puts PgBouncer before it (`make pooled`)."""
    with postgresql_server.fresh_database() as url:
        monkeypatch.setenv("MIGRATION_DATABASE_URL", postgresql_server.owner_url(make_url(url).database or ""))
        yield request.getfixturevalue("through_pooler")(url) if os.environ.get("TEST_BEHIND_POOLER") else url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database at the newest migration; the test runs once on each of our two databases."""
    url = request.getfixturevalue(f"{request.param}_url")
    assert isinstance(url, str)
    return url
