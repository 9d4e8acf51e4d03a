"""A row in every table for each of two vendors with each of two customers, made from the columns alone: a new table is
filled without a line here."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from functools import cache
from itertools import count, product
from typing import Any, get_args, get_type_hints
from uuid import UUID, uuid4

from sqlalchemy import JSON, Column, PrimaryKeyConstraint, Table, UniqueConstraint, insert
from sqlalchemy.orm import Session

from app.db import Base, UtcDateTime
from app.narrow import all_tables
from app.scope import CustomerScope, LinkScope, PersonScope, Scope, VendorScope

_PLAIN: dict[type, Any] = {
    bool: False,
    int: 1,
    float: 1.0,
    date: date(2026, 11, 23),
    UtcDateTime: datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
    time: time(9, 0),
    JSON: {},
}
_WORDS = {
    "currency": "USD", "account_currency": "USD", "zone": "UTC", "locale": "en", "colour": "#336699", "pay_days": "10",
}  # fmt: skip
_number = count(1)


@dataclass
class Tenants:
    """Rows by table, each as the values that were stored; and the scopes of the first vendor and the first customer."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def first(self, table: str) -> UUID:
        found: UUID = self.rows[table][0]["id"]
        return found

    def scopes(self) -> list[Scope]:
        vendor, customer, person = (self.first(name) for name in ("vendor", "customer", "person"))
        mailbox, digest, thread = (self.first(name) for name in ("mailbox", "digest", "thread"))
        return [
            VendorScope(vendor, person),
            CustomerScope(customer, person),
            LinkScope(customer, mailbox, digest_id=digest),
            LinkScope(customer, mailbox, thread_id=thread),
            PersonScope(person),
        ]


def fill(session: Session) -> Tenants:
    """Write the rows; the session sees everything."""
    made = Tenants()
    owners = {name: [_write(session, made, name, {}) for _ in range(2)] for name in ("vendor", "customer")}
    for vendor, customer in product(range(2), range(2)):
        known = {"vendor": owners["vendor"][vendor], "customer": owners["customer"][customer]}
        for table in Base.metadata.sorted_tables:
            if table.name not in owners:
                known[table.name] = _write(session, made, table.name, known)
    return made


def _write(session: Session, made: Tenants, name: str, known: dict[str, Any]) -> Any:
    table = Base.metadata.tables[name]
    values = {column.name: _value(column, known) for column in table.columns}
    unique = (PrimaryKeyConstraint, UniqueConstraint)
    keys = [each.columns.keys() for each in table.constraints if isinstance(each, unique)]
    for row in made.rows.get(name, ()):
        if any(all(row[column] == values[column] is not None for column in key) for key in keys):
            return row.get("id")  # one row a vendor, or a customer, whomever else it deals with
    session.connection().execute(insert(table).values(values))
    made.rows.setdefault(name, []).append(values)
    return values.get("id")


def _value(column: Column[Any], known: dict[str, Any]) -> Any:
    for key in column.foreign_keys:
        return known.get(key.column.table.name)
    kind: Any = type(column.type) if isinstance(column.type, UtcDateTime | JSON) else column.type.python_type
    if kind is UUID:
        return known.get(column.name.removesuffix("_id")) or uuid4()
    if kind is bytes:
        return b"%d" % next(_number)
    if kind is str:
        meant = _words_of(column.table.name).get(column.name, f"{next(_number)}")
        return meant[: getattr(column.type, "length", None)]
    return _PLAIN[int if kind is Decimal else kind]


@cache
def _words_of(table: str) -> dict[str, str]:
    """What columns hold that take certain words only: the first of each StrEnum, and ours."""
    model = next(each for each in all_tables() if each.__tablename__ == table)
    hints = get_type_hints(model).items()
    return _WORDS | {name: next(iter(choice)) for name, hint in hints if (choice := choice_of(hint)) is not None}


def choice_of(hint: Any) -> type[StrEnum] | None:
    """The StrEnum in a column's annotation, if there is one."""
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    return next((found for each in get_args(hint) if (found := choice_of(each)) is not None), None)


def copied(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """The row once more, under another key."""
    fresh = {column.name: _value(column, {}) for column in table.columns if not column.foreign_keys}
    unique = {column.name for column in table.columns if column.primary_key or column.unique}
    return row | {name: value for name, value in fresh.items() if name in unique}
