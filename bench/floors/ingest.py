"""Invoices into a table of the real one's shape and indexes, by the cheapest road each database has: no customers, no
history, no foreign keys, no row-level security. And provider pages into such rows by hand."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import make_url

from app.ids import new_id
from connectors.base import Batch
from connectors.rows import INVOICE, Row, rows_of

TABLE = "floor_invoice"
_CHUNK = 5_000
_CHUNK_SQLITE = 1_000
_BEFORE = ("id", "created_at", "vendor_id", "connection_id", "bill_to_id", "customer_id", "mailbox_id")
_STAGED = [name for name in INVOICE.columns if name not in ("bill_to", *INVOICE.beside)]
_COLUMNS = [*_BEFORE, *_STAGED]
_KINDS = {
    "uuid": "uuid", "text": "text", "int": "int4", "bigint": "int8", "bool": "bool", "date": "date", "json": "json",
    "moment": "timestamptz",
}  # fmt: skip
_TYPES = ["uuid", "timestamptz", *["uuid"] * 5, *(_KINDS[INVOICE.columns[name]] for name in _STAGED)]
_SETS = ", ".join(f"{name} = excluded.{name}" for name in _STAGED[1:])
_UPSERT = f"""ON CONFLICT (connection_id, external_id) DO UPDATE SET {_SETS}
    WHERE {TABLE}.content_hash <> excluded.content_hash"""


def prepared(batches: Iterable[Batch], now: datetime) -> Iterator[Row]:
    """The product's own rows, with keys of their own, ready to be written."""
    vendor, connection = new_id(), new_id()
    people: dict[str, tuple[Any, ...]] = {}
    places = [place for place, name in enumerate(INVOICE.columns) if name in _STAGED]
    bill_to = list(INVOICE.columns).index("bill_to")
    for batch in batches:
        for row in rows_of(batch).tables[INVOICE.table]:
            keys = people.setdefault(row[bill_to], (new_id(), new_id(), new_id()))
            yield (new_id(), now, vendor, connection, *keys, *(row[place] for place in places))


def native(row: Row) -> Row:
    """As SQLite keeps them."""
    return tuple(
        each.hex if isinstance(each, UUID) else each.isoformat(" ") if isinstance(each, datetime)
        else each.isoformat() if isinstance(each, date) else each
        for each in row
    )  # fmt: skip


class CopyFloor:
    """PostgreSQL: binary COPY into a stage, then one upsert where the hash differs; a commit every 5,000."""

    def __init__(self, owner_url: str) -> None:
        plain = make_url(owner_url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(plain)
        like = "LIKE invoice INCLUDING INDEXES INCLUDING DEFAULTS"
        self._connection.execute(f"CREATE TABLE {TABLE} ({like}) WITH (fillfactor = 90)")
        for name in ("instalments", "details"):
            self._connection.execute(f"ALTER TABLE {TABLE} ALTER {name} SET STORAGE EXTENDED")
        self._connection.execute(f"CREATE TEMP TABLE stage AS SELECT {', '.join(_COLUMNS)} FROM {TABLE} LIMIT 0")
        self._connection.commit()

    def empty(self) -> None:
        self._connection.execute(f"TRUNCATE {TABLE}")
        self._connection.commit()

    def write(self, rows: Sequence[Row]) -> int:
        named = ", ".join(_COLUMNS)
        for start in range(0, len(rows), _CHUNK):
            self._connection.execute("TRUNCATE stage")
            with (
                self._connection.cursor() as cursor,
                cursor.copy(f"COPY stage ({named}) FROM STDIN (FORMAT BINARY)") as to,
            ):
                to.set_types(_TYPES)
                for row in rows[start : start + _CHUNK]:
                    to.write_row(row)
            self._connection.execute(f"INSERT INTO {TABLE} ({named}) SELECT {named} FROM stage {_UPSERT}")
            self._connection.commit()
        return len(rows)

    def close(self) -> None:
        self._connection.close()


class LiteFloor:
    """SQLite: executemany of one upsert where the hash differs; a commit every 1,000. Foreign keys are off."""

    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(make_url(url).database or "", isolation_level=None)
        self._connection.execute("PRAGMA synchronous = NORMAL")
        ours = "FROM sqlite_master WHERE tbl_name = 'invoice' AND type <> 'trigger' AND sql IS NOT NULL"
        made = self._connection.execute(f"SELECT sql {ours}")
        for (sql,) in made.fetchall():
            renamed = sql.replace("TABLE invoice", f"TABLE {TABLE}").replace("ON invoice", f"ON {TABLE}")
            self._connection.execute(renamed.replace("INDEX ix_invoice", "INDEX ix_floor"))

    def empty(self) -> None:
        self._connection.execute(f"DELETE FROM {TABLE}")

    def write(self, rows: Sequence[Row]) -> int:
        marks = ", ".join("?" * len(_COLUMNS))
        statement = f"INSERT INTO {TABLE} ({', '.join(_COLUMNS)}) VALUES ({marks}) {_UPSERT}"
        for start in range(0, len(rows), _CHUNK_SQLITE):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, rows[start : start + _CHUNK_SQLITE])
            self._connection.execute("COMMIT")
        return len(rows)

    def close(self) -> None:
        self._connection.close()


# --- from the provider's pages --------------------------------------------------------------------------------------


def read_pages(answers: Iterable[bytes], now: datetime) -> Iterator[Row]:
    """QuickBooks' invoices as prepared() has them, with no check of anything."""
    vendor, connection = new_id(), new_id()
    people: dict[str, tuple[Any, ...]] = {}
    for answer in answers:
        for raw in json.loads(answer)["QueryResponse"]["Invoice"]:
            keys = people.setdefault(raw["CustomerRef"]["value"], (new_id(), new_id(), new_id()))
            yield (new_id(), now, vendor, connection, *keys, *_normalised(raw))


def _normalised(raw: dict[str, Any]) -> Row:
    """In the order of INVOICE.columns."""
    stamp = datetime.fromisoformat(raw["MetaData"]["LastUpdatedTime"])
    version = int(stamp.timestamp()) * 1_000_000 + int(raw["SyncToken"])
    balance = round(raw["Balance"] * 100)
    said = {"memo": raw["CustomerMemo"]["value"], "terms": raw["SalesTermRef"]["name"], "lines": _lines(raw["Line"])}
    details = json.dumps(said, ensure_ascii=False)
    values = (
        raw["DocNumber"], raw["CustomField"][0].get("StringValue", ""), date.fromisoformat(raw["TxnDate"]),
        date.fromisoformat(raw["DueDate"]), False, raw["CurrencyRef"]["value"], 2, round(raw["TotalAmt"] * 100),
        balance, balance, "[]", "open", "open", raw["BillEmail"]["Address"].lower(), False,
        raw["AllowOnlinePayment"], details, None, None, None,
    )  # fmt: skip
    words = "\x1f".join(map(str, values)).encode()
    content = int.from_bytes(blake2b(words, digest_size=8).digest(), "big", signed=True)
    return (raw["Id"], version, content, *values)


def _lines(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "text": row["Description"], "quantity": str(sold["Qty"]), "each": round(sold["UnitPrice"] * 100),
            "minor": round(row["Amount"] * 100),
        }
        for row in rows if (sold := row.get("SalesItemLineDetail"))
    ]  # fmt: skip
