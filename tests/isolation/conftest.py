"""Two vendors, two customers, a row of everything for each pair; as each kind of scope would find it."""

from collections.abc import Iterator

import pytest

from app.db import Database
from tests.isolation.rows import Tenants, fill
from tests.support.world import EVERYTHING


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.dispose()


@pytest.fixture
def postgresql(postgresql_url: str) -> Iterator[Database]:
    opened = Database(postgresql_url)
    yield opened
    opened.dispose()


def filled(database: Database) -> Tenants:
    with database.transaction(EVERYTHING) as session:
        return fill(session)
