"""A word of its own in every text of every row, so that a page tells whose rows it was made of."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_type_hints

from sqlalchemy import JSON, String, Text, insert, select, update
from sqlalchemy.orm import Session

from app.narrow import all_tables
from app.scope import AppendOnly
from tests.isolation.rows import choice_of, copied

MARK = re.compile(r"qz\d{6}q")
# Words that mean something to the product: changed, a row would no longer be what it is. An entity is the one word of
# a connection that customers read.
_MEANT = {
    "account_currency", "account_id", "account_zone", "action", "actor", "cadence", "channel", "colour", "country",
    "currency", "dedupe_key", "domain", "entity", "event_key", "external_id", "holidays", "host", "kind", "lease_owner",
    "locale", "mode", "name_key", "pay_days", "provider", "rate_key", "raw_state", "result", "sealed_key",
    "sealed_token", "side", "state", "subject_key", "template", "tokens", "via", "wanted", "window", "zone",
}  # fmt: skip
_OPEN_JSON = {"details", "record", "detail"}  # where a reader expects no certain keys


@dataclass(frozen=True)
class Row:
    """Where a word stands."""

    table: str
    values: dict[str, Any]


def plant(session: Session) -> dict[str, Row]:
    """Write a word into every text of every row; returns which word stands where."""
    planted: dict[str, Row] = {}
    for model in all_tables():
        table = model.__table__
        keys = [column for column in table.columns if column.primary_key]
        for found in session.execute(select(table)).mappings().all():
            word = f"qz{len(planted):06d}q"
            values = {**found, **_said(model, dict(found), word)}
            if issubclass(model, AppendOnly):  # no row of it changes; there is one more
                values = copied(table, values)
                session.connection().execute(insert(table).values(values))
            else:
                which = [key == found[key.name] for key in keys]
                session.connection().execute(update(table).where(*which).values(values))
            planted[word] = Row(table.name, values)
    return planted


def _said(model: Any, row: dict[str, Any], word: str) -> dict[str, Any]:
    return dict(_words(model, row, word))


def _words(model: Any, row: dict[str, Any], word: str) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(model)
    for column in model.__table__.columns:
        if column.primary_key or column.foreign_keys or column.name in _MEANT:
            continue
        if isinstance(column.type, JSON) and column.name in _OPEN_JSON:
            yield column.name, {"memo": word, "note": word}
        elif isinstance(column.type, String | Text) and choice_of(hints.get(column.name)) is None:
            length = column.type.length or 200
            if length < len(word):
                continue
            is_address = column.name in (
                "address",
                "address_text",
                "chosen_address",
                "sender_address",
                "support_address",
            )
            yield (
                column.name,
                f"{word}@words.example" if is_address else _longer(word, str(row[column.name] or ""), length),
            )


def _longer(word: str, said: str, length: int) -> str:
    return f"{word} {said}"[:length].rstrip()


def words_in(answer: str) -> set[str]:
    return set(MARK.findall(answer))
