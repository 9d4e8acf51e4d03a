"""Counts what is asked of the database, so that a page's number of queries can be asserted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from app.db import Database


@contextmanager
def statements(database: Database) -> Iterator[list[str]]:
    """The SQL run inside the block, in order, without what only opens and ends transactions, or on PostgreSQL tells it
    its scope: one more round trip a transaction, the same whatever the transaction does."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "SELECT set_config('role'")):
            said.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
