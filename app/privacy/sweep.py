"""Takes names and addresses out of the texts of all tables: whatever table is added later is swept too."""

import json
import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    LargeBinary,
    String,
    Table,
    Text,
    cast,
    delete,
    false,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.models import BillTo, Invoice, Thread
from app.narrow import all_tables
from app.privacy.queries import Subject
from app.privacy.rules import SHORTEST_NAME, cleaned, pattern_of
from app.scope import AppendOnly

_WORDS_FROM = 20  # columns of so many letters or fewer hold states and codes
_RAW = {"provider_event": "body", "delivery_event": "body"}  # as it came: whole rows go


def sweep(session: Session, subject: Subject) -> dict[str, int]:
    """Rows changed or gone, by table. Addresses are looked for everywhere; names where a row is tied to the subject,
    for others have them too. Each table is read through once: an erasure takes as long as that."""
    names = [name for name in subject.names if len(name) >= SHORTEST_NAME]
    pattern = pattern_of([*subject.addresses, *names])
    by_address = pattern_of(subject.addresses)
    found = {}
    for model in all_tables():
        table: Table = model.__table__
        columns = _columns(model)
        tie = _tied(table, subject)
        swept = _clean(session, table, columns, _holding(columns, subject.addresses), by_address)
        if names and tie is not None:
            swept += _clean(session, table, columns, _holding(columns, names) & tie, pattern)
        if table.name in _RAW:
            swept += _drop_raw(session, table, subject.addresses)
        if swept:
            found[table.name] = swept
    return found


def _columns(model: Any) -> list[Any]:
    """Those that hold words; of rows nobody changes, those that may lose a name."""
    words = words_of(model)
    return [column for column in words if column.name in model.personal] if issubclass(model, AppendOnly) else words


def words_of(model: Any) -> list[Any]:
    """The columns in which somebody may be named."""
    return [
        column
        for column in model.__table__.columns
        if isinstance(column.type, JSON)
        or (isinstance(column.type, String) and (column.type.length or _WORDS_FROM + 1) > _WORDS_FROM)
    ]


def _holding(columns: list[Any], needles: Iterable[str]) -> ColumnElement[bool]:
    """Any of them in any column; in JSON, as JSON may spell it."""
    return or_(
        false(),
        *(
            cast(column, Text).icontains(spelled, autoescape=True)
            for column in columns
            for needle in needles
            for spelled in {needle, *([json.dumps(needle)[1:-1]] if isinstance(column.type, JSON) else [])}
        ),
    )


def _tied(table: Table, subject: Subject) -> ColumnElement[bool] | None:
    """Rows that are about the subject; None for tables whose rows are about nobody."""
    customers = subject.customer_ids
    ties: dict[str, Any] = {
        "person_id": subject.person_ids,
        "mailbox_id": subject.mailbox_ids,
        "customer_id": customers,
        "bill_to_id": select(BillTo.id).where(BillTo.customer_id.in_(customers)),
        "invoice_id": select(Invoice.id).where(Invoice.customer_id.in_(customers)),
        "thread_id": select(Thread.id).where(Thread.customer_id.in_(customers)),
        "vendor_id": subject.vendor_ids,
    }
    found = [table.columns[name].in_(ids) for name, ids in ties.items() if name in table.columns]
    if f"{table.name}_id" in ties:
        found.append(table.columns["id"].in_(ties[f"{table.name}_id"]))
    return or_(*found) if found else None


def _clean(
    session: Session, table: Table, columns: list[Any], which: ColumnElement[bool], pattern: re.Pattern[str]
) -> int:
    if not columns:
        return 0
    keys = list(table.primary_key)
    swept = 0
    for row in session.execute(select(*keys, *columns).where(which)).mappings().all():
        changes = {each.name: _fitting(each, cleaned(row[each], pattern)) for each in columns}
        changes = {name: value for name, value in changes.items() if value != row[table.columns[name]]}
        if changes:
            session.execute(update(table).where(*(key == row[key] for key in keys)).values(changes))
            swept += 1
    return swept


def _fitting(column: Any, value: Any) -> Any:
    return value[: column.type.length] if isinstance(value, str) and column.type.length else value


def _drop_raw(session: Session, table: Table, addresses: list[str]) -> int:
    """What came from outside is kept byte by byte; a row of it that names the address is dropped whole."""
    column = table.columns[_RAW[table.name]]
    assert isinstance(column.type, LargeBinary)
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    words = cast(column, Text) if is_sqlite else func.encode(column, "escape")
    which = or_(*(words.icontains(address, autoescape=True) for address in addresses))
    return int(getattr(session.execute(delete(table).where(which)), "rowcount", 0))
