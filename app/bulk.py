"""Rows by the thousand: one staging write, then a few statements, whatever the number of rows (PERFORMANCE.md 2).

Plain tuples and SQL on both databases: PostgreSQL takes the rows by binary COPY, SQLite by executemany. The SQL handed
to run() is written once, in what both databases share; what they do not share has a name here.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy import Table, text
from sqlalchemy.orm import Session

from app.db import insert_into

Kind = Literal["uuid", "text", "int", "bigint", "bool", "date", "moment", "json"]

_POSTGRESQL: dict[Kind, str] = {
    "uuid": "uuid", "text": "text", "int": "int4", "bigint": "int8",
    "bool": "bool", "date": "date", "moment": "timestamptz", "json": "text",
}  # fmt: skip
_SQLITE: dict[Kind, str] = {
    "uuid": "CHAR(32)", "text": "TEXT", "int": "INTEGER", "bigint": "INTEGER",
    "bool": "BOOLEAN", "date": "DATE", "moment": "DATETIME", "json": "TEXT",
}  # fmt: skip

# A fresh version 7 UUID for every row a statement writes (app/ids.py makes the same in Python). :born is when, in
# milliseconds and hexadecimal.
_NEW_ID_POSTGRESQL = (
    "CAST(overlay(CAST(gen_random_uuid() AS text) PLACING CAST(:born AS text) || '7' FROM 1 FOR 15) AS uuid)"
)
_NEW_ID_SQLITE = "lower(:born || '7' || substr(hex(randomblob(2)), 1, 3) || '8' || substr(hex(randomblob(8)), 1, 15))"


class Bulk:
    """Set-based work inside a session's transaction. Statements here are not narrowed by scope: worker's paths only,
    or rows that were found in scope before."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._connection = session.connection()
        self.is_sqlite = self._connection.dialect.name == "sqlite"
        self.new_id = _NEW_ID_SQLITE if self.is_sqlite else _NEW_ID_POSTGRESQL

    def stage(self, table: str, columns: Mapping[str, Kind], rows: Iterable[Sequence[Any]]) -> None:
        """Fill the temporary ``table`` with ``rows`` and nothing else. It is gone when the transaction ends."""
        self.make(table, columns)
        if self.is_sqlite:
            self._insert_many(f"INSERT INTO {table}", columns, rows)
        else:
            self._copy(table, columns, rows)

    def pour(self, table: str, columns: Mapping[str, Kind], rows: Iterable[Sequence[Any]]) -> None:
        """New rows into a real table, all columns named: nothing has a default here, a repeated key is an error.

        PostgreSQL has no COPY into a table with row-level security, so the rows take a step through a temporary one.
        """
        names = ", ".join(columns)
        if self.is_sqlite:
            self._insert_many(f"INSERT INTO {table} ({names})", columns, rows)
        else:
            self.stage(f"new_{table}", columns, rows)
            read = ", ".join(self.json(name) if kind == "json" else name for name, kind in columns.items())
            self._connection.exec_driver_sql(f"INSERT INTO {table} ({names}) SELECT {read} FROM new_{table}")  # noqa: S608

    def make(self, table: str, columns: Mapping[str, Kind]) -> None:
        """An empty temporary table."""
        types = _SQLITE if self.is_sqlite else _POSTGRESQL
        listed = ", ".join(f"{name} {types[kind]}" for name, kind in columns.items())
        end = "" if self.is_sqlite else " ON COMMIT DELETE ROWS"
        self._connection.exec_driver_sql(f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ({listed}){end}")
        self._connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608

    def run(self, sql: str, **values: Any) -> int:
        """Run one statement; returns how many rows it wrote. ``{new_id}`` in it becomes a fresh key for every row."""
        return int(self._execute(sql, values).rowcount)

    def read(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._execute(sql, values)]

    def insert(self, target: Table, stage: str, columns: Sequence[str], *, unless: Sequence[str] = ()) -> int:
        """The rows of a staged table into a real one whose columns have the same names, all others as by default;
        returns how many were new. Rows that meet one with the same ``unless`` columns are left out."""
        source = sa.table(stage, *map(sa.column, columns))
        statement: Any = insert_into(self._session, target)
        statement = statement.from_select(columns, sa.select(source).where(sa.true()))
        if unless:
            statement = statement.on_conflict_do_nothing(index_elements=unless)
        counted = statement.execution_options(preserve_rowcount=True)  # or SQLAlchemy forgets it, of an INSERT
        return int(self._connection.execute(counted).rowcount)

    def _execute(self, sql: str, values: dict[str, Any]) -> Any:
        if "{new_id}" in sql:
            sql = sql.replace("{new_id}", self.new_id)
            values["born"] = self.born
        return self._connection.execute(_read(sql), {name: self.native(value) for name, value in values.items()})

    @property
    def born(self) -> str:
        """What ``new_id`` wants to be told."""
        return f"{time.time_ns() // 1_000_000:012x}"

    def seek(self, table: str, alias: str, on: str) -> str:
        """A LEFT JOIN of at most one row of ``table``, found by its key for each row before it.

        PostgreSQL would rather read the whole table once it seems small, as all do that fill for the first time."""
        if self.is_sqlite:
            return f"LEFT JOIN {table} {alias} ON {on}"
        return f"LEFT JOIN LATERAL (SELECT * FROM {table} {alias} WHERE {on} LIMIT 1) {alias} ON true"  # noqa: S608

    def native(self, value: Any) -> Any:
        """``value`` as this database's driver stores it in our columns (app/db.py says how)."""
        if not self.is_sqlite or value is None:
            return value
        if isinstance(value, UUID):
            return value.hex
        if isinstance(value, datetime):
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        return value.isoformat() if isinstance(value, date) else value

    def uuid(self, value: Any) -> UUID:
        """A key as read() returned it."""
        return value if isinstance(value, UUID) else UUID(str(value))

    def json(self, column: str) -> str:
        """SQL that turns a staged JSON text into what a JSON column takes."""
        return column if self.is_sqlite else f"CAST({column} AS json)"

    def _insert_many(self, into: str, columns: Mapping[str, Kind], rows: Iterable[Sequence[Any]]) -> None:
        """SQLite's driver takes texts and numbers; it prepares the statement once for all rows."""
        strange = [place for place, kind in enumerate(columns.values()) if kind in ("uuid", "date", "moment")]
        natives = []
        for row in rows:
            values = list(row)
            for place in strange:
                values[place] = self.native(values[place])
            natives.append(tuple(values))
        if natives:
            self._connection.exec_driver_sql(f"{into} VALUES ({', '.join('?' * len(columns))})", natives)

    def _copy(self, table: str, columns: Mapping[str, Kind], rows: Iterable[Sequence[Any]]) -> None:
        driver: Any = self._connection.connection.driver_connection
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([_POSTGRESQL[kind] for kind in columns.values()])
            for row in rows:
                copy.write_row(row)


_read = lru_cache(maxsize=512)(text)  # a clause looks through its words for names each time it is made
_write_json = msgspec.json.Encoder(order="sorted", enc_hook=str).encode


def json_text(value: Any) -> str:
    """The JSON text both databases keep, keys in one order so that equal content is equal text."""
    return _write_json(value).decode()
