"""Each of the two layers holds alone: PostgreSQL's policies with the sessions' filters removed one by one, and the
sessions' filters where there are no policies. What is foreign is told by the names of columns, not by the mixins."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import Connection, Executable, Table, and_, delete, func, insert, literal, or_, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, aliased

from app import models, narrow
from app.db import Database
from app.house import House
from app.narrow import Foreign, all_tables
from app.scope import AppendOnly, CustomerScope, LinkScope, PersonScope, Scope, VendorScope, widened
from tests.isolation.conftest import filled
from tests.isolation.rows import Tenants, copied
from tests.support.world import EVERYTHING, World

Found = list[dict[str, Any]]

_OWNERS = {VendorScope: "vendor", CustomerScope: "customer", LinkScope: "customer", PersonScope: "person"}
_OF_THREADS = ("message", "message_attachment", "thread_invoice", "thread_link")
_CUSTOMERS_KNOW = ("vendor", "connection")  # who their vendors are, and how old what they know of them is
_REFUSED = "42501"  # PostgreSQL: permission denied, or a row that its policy does not let in


def foreign(rows: Tenants, scope: Scope, name: str) -> Found:
    """The rows of the table ``name`` that are not the scope's."""
    owner = _OWNERS[type(scope)]
    mine = getattr(scope, f"{owner}_id")
    column = "id" if name == owner else f"{owner}_id"
    others = [row for row in rows.rows[name] if row.get(column) != mine]
    if name == "person" and owner != "person":
        near = [*rows.rows["message"], *rows.rows[f"{owner}_member"]]
        known = {row["person_id"] for row in near if row[column] == mine}
        others = [row for row in others if row["id"] not in known]
    if isinstance(scope, LinkScope):
        if name == "digest_line":
            others = [row for row in rows.rows[name] if row["digest_id"] != scope.digest_id]
        if scope.thread_id and (name == "thread" or name in _OF_THREADS):
            column = "id" if name == "thread" else "thread_id"
            others = [row for row in rows.rows[name] if row[column] != scope.thread_id]
    return others


def may_know(scope: Scope, name: str) -> bool:
    return isinstance(scope, CustomerScope | LinkScope) and name in _CUSTOMERS_KNOW


def named(table: Table, found: Found) -> Any:
    """Those rows, by their keys."""
    keys = [column for column in table.columns if column.primary_key]
    return or_(*(and_(*(key == row[key.name] for key in keys)) for row in found))


def every(rows: Tenants) -> Iterator[tuple[Scope, Any, Table, Found]]:
    """Each kind of scope with each table that holds something foreign to it."""
    for scope in rows.scopes():
        for model in all_tables():
            if found := foreign(rows, scope, model.__tablename__):
                yield scope, model, model.__table__, found


# --- PostgreSQL's policies alone -------------------------------------------------------------------------------------


def test_policies_hide_what_is_foreign_with_each_filter_removed(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[B7 inv-I1 inv-I2 inv-I3]"""
    rows, checked = filled(postgresql), 0
    for scope, model, table, found in every(rows):
        if may_know(scope, table.name):
            continue
        kind: Any = type(scope)
        whole = narrow._criteria(kind, None)
        kept = narrow._Criteria(tuple(rule for rule in whole if rule.entity.class_ is not model))
        assert len(kept.each) == len(whole) - 1
        monkeypatch.setattr(narrow, "_all_of", lambda _, kept=kept: kept)
        with postgresql.reading(scope) as session:
            assert _answer(session, select(func.count()).select_from(model).where(named(table, found))) in (0, _REFUSED)
        checked += 1
    assert checked > 150


def test_policies_let_nobody_write_what_is_foreign(postgresql: Database) -> None:
    """[B7 inv-I1 inv-I3] Past all filters, in the scope's role: nothing is changed, deleted or added for others, and
    nothing of one's own is handed to them."""
    rows = filled(postgresql)
    before = _everything(postgresql, rows)
    for scope, _, table, found in every(rows):
        with postgresql.transaction(scope) as session:
            connection = session.connection()
            for write in (delete(table), update(table).values(_itself(table))):
                assert _written(connection, write.where(named(table, found))) in (0, _REFUSED), (scope, table.name)
            assert _written(connection, insert(table).values(copied(table, found[0]))) == _REFUSED, (scope, table.name)
            own, key = _OWNERS[type(scope)], f"{_OWNERS[type(scope)]}_id"
            if key in table.columns:
                other = next(row["id"] for row in rows.rows[own] if row["id"] != getattr(scope, key))
                given = update(table).where(table.columns[key] == getattr(scope, key)).values({key: other})
                assert _written(connection, given) in (0, _REFUSED), (scope, table.name)
    assert _everything(postgresql, rows) == before


def test_nobody_rewrites_what_is_on_record(postgresql: Database) -> None:
    """[inv-Q1 inv-F2 L6] Not even a worker, but for what names a person: that goes when the person is erased."""
    filled(postgresql)
    kept = {model.__table__: model.personal for model in all_tables() if issubclass(model, AppendOnly)}
    assert {table.name for table in kept} >= {"audit_entry", "invoice_change", "message"}
    with postgresql.transaction(EVERYTHING) as session:
        for table, personal in kept.items():
            for column in {column.name for column in table.columns} - {"customer_id", "vendor_id", *personal}:
                said = update(table).values({column: table.columns[column]})
                assert _written(session.connection(), said) == _REFUSED, (table.name, column)
            assert _written(session.connection(), delete(table)) == _REFUSED, table.name


def _answer(session: Session, query: Any) -> Any:
    try:
        return session.scalar(query)
    except DBAPIError as refusal:
        return str(refusal.orig.sqlstate)  # type: ignore[union-attr]


def _written(connection: Connection, statement: Any) -> int | str:
    """How many rows, or PostgreSQL's refusal."""
    try:
        with connection.begin_nested():
            return int(connection.execute(statement).rowcount)
    except DBAPIError as refusal:
        return str(refusal.orig.sqlstate)  # type: ignore[union-attr]


def _itself(table: Table) -> dict[str, Any]:
    """A change that changes nothing, so that no rule but that of the owner can refuse it."""
    column = next(column for column in table.columns if not column.primary_key)
    return {column.name: column}


def _everything(database: Database, rows: Tenants) -> dict[str, list[str]]:
    with database.reading(EVERYTHING) as session:
        return {
            table.__tablename__: sorted(repr(tuple(row)) for row in session.execute(select(table.__table__)))
            for table in all_tables()
        }


# --- the sessions' filters alone -------------------------------------------------------------------------------------


def test_filters_hide_what_is_foreign(database: Database) -> None:
    """[B7 inv-I1 inv-I2 inv-I3] And changes by statement do not reach it."""
    rows = filled(database)
    for scope, model, table, found in every(rows):
        if not may_know(scope, table.name):
            with database.reading(scope) as session:
                assert _answer(session, select(func.count()).select_from(model).where(named(table, found))) in (
                    0,
                    _REFUSED,
                )
        for write in (delete(model), update(model).values(_itself(table))):
            with database.transaction(scope) as session:
                asked = write.where(named(table, found)).execution_options(synchronize_session=False)
                assert _written_by(session, asked) in (0, _REFUSED), (scope, table.name)


def test_sessions_do_not_write_what_is_foreign(database: Database) -> None:
    """[B7 inv-I1 inv-I3]"""
    rows = filled(database)
    for scope, model, table, found in every(rows):
        with pytest.raises(Foreign), database.transaction(scope) as session:
            session.add(model(**copied(table, found[0])))


def test_nothing_of_ones_own_is_given_away(database: Database) -> None:
    """[inv-I1]"""
    rows = filled(database)
    scope = rows.scopes()[0]
    assert isinstance(scope, VendorScope)
    other = next(row["id"] for row in rows.rows["vendor"] if row["id"] != scope.vendor_id)
    with pytest.raises(Foreign), database.transaction(scope) as session:
        session.scalars(select(models.Thread)).all()[0].vendor_id = other


def test_filters_reach_into_every_shape_of_query(database: Database) -> None:
    """[inv-I1] A foreign thread is not found by any of these; what cannot be narrowed is refused."""
    rows = filled(database)
    scope, thread, vendor = rows.scopes()[1], models.Thread, models.Vendor
    key = foreign(rows, scope, "thread")[0]["id"]
    other, the_one = aliased(thread), thread.id == key
    inner, listed = select(thread.id).where(the_one).subquery(), select(thread.id).where(the_one).cte()
    shapes: Sequence[Any] = [
        select(other.id).where(other.id == key),
        select(literal(1)).where(the_one),
        select(vendor.id).where(select(thread.id).where(the_one).exists()),
        select(vendor.id).where(the_one, thread.vendor_id == vendor.id),
        select(vendor.id).join(thread, thread.vendor_id == vendor.id).where(the_one),
        select(vendor.id).join(other, other.vendor_id == vendor.id).where(other.id == key),
        select(vendor.id).where(vendor.id.in_(select(thread.vendor_id).where(the_one))),
        select(inner.c.id),
        select(listed.c.id),
        select(thread.id).where(the_one).union_all(select(thread.id).where(the_one)),
        select(aliased(thread, select(thread).where(the_one).subquery()).id),
    ]
    with database.reading(scope) as session:
        for shape in shapes:
            assert session.execute(shape).all() == [], shape
        assert session.execute(select(select(thread.id).where(the_one).exists())).scalar() is False
        assert session.execute(select(func.count(thread.id)).where(the_one)).scalar() == 0
        assert session.get(thread, key) is None
        assert session.execute(select(func.now())).scalar() is not None


def test_what_cannot_be_narrowed_is_refused(database: Database) -> None:
    """[inv-I1]"""
    rows = filled(database)
    table: Any = models.Thread.__table__
    refused: Sequence[Executable] = [
        select(table.c.id),
        text("SELECT id FROM thread"),
        insert(models.Thread).values(subject="x"),
        insert(table).values(subject="x"),
    ]
    for scope in rows.scopes():
        for statement in refused:
            with pytest.raises(Foreign), database.transaction(scope) as session:
                session.execute(statement)


def test_what_was_found_while_wide_is_not_found_afterwards(database: Database) -> None:
    """[inv-I1 inv-I2] Nor when what was done there went wrong."""
    rows = filled(database)
    scope = rows.scopes()[1]
    key = foreign(rows, scope, "thread")[0]["id"]
    with database.transaction(scope) as session:
        with widened(session, "a test"):
            assert session.get(models.Thread, key) is not None
        assert session.get(models.Thread, key) is None
        with suppress(ZeroDivisionError), widened(session, "a test"):
            assert session.get(models.Thread, key) is not None
            raise ZeroDivisionError
        assert session.get(models.Thread, key) is None
        with pytest.raises(DBAPIError), session.begin_nested(), widened(session, "a test"):
            session.execute(text("SELECT 1 FROM nowhere"))
        assert session.get(models.Thread, key) is None
        assert len(session.scalars(select(models.Thread)).all()) == 2


def _written_by(session: Session, statement: Any) -> int | str:
    try:
        return int(session.execute(statement).rowcount)  # type: ignore[attr-defined]
    except DBAPIError as refusal:
        session.rollback()
        return str(refusal.orig.sqlstate)  # type: ignore[union-attr]


def test_an_update_keeps_to_its_scope(house: House, world: World) -> None:
    """[inv-I1] Of a page: each rule is asked for by itself then, and its cache key too."""
    for who in (world.acme, world.birch):
        with house.database.transaction(VendorScope(who.vendor.id, who.person.id)) as session:
            session.execute(update(models.Vendor).values(colour=f"#{who.vendor.name}"))
    with house.database.reading(EVERYTHING) as session:
        colours = session.execute(select(models.Vendor.name, models.Vendor.colour)).all()
    assert {(name, colour) for name, colour in colours} == {("Acme", "#Acme"), ("Birch", "#Birch")}
