"""What each scope may see and write: one table of rules. Every session keeps to it, on either database, and
PostgreSQL's policies (app/row_level.py) are written from it, so that there are never two truths.

A session in a narrow scope meets it three times: each ORM statement is narrowed to its rows; statements that cannot be
narrowed are refused; and rows of others are not written.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, cast
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    Executable,
    TableClause,
    TextClause,
    Uuid,
    and_,
    bindparam,
    event,
    exists,
    false,
    func,
    literal,
    or_,
    true,
)
from sqlalchemy.orm import LoaderCriteriaOption, Mapper, ORMExecuteState, Session, UOWTransaction
from sqlalchemy.orm.interfaces import CriteriaOption
from sqlalchemy.sql import visitors

from app.scope import (
    SETTINGS,
    CustomerScope,
    Everything,
    Freshness,
    LinkScope,
    NamesPerson,
    NoScope,
    PersonItself,
    PersonScope,
    ReadOnly,
    Scope,
    VendorItself,
    WriteOnly,
    is_own,
    narrowings,
    owners,
)

Value = Callable[[str], ColumnElement[Any]]  # what a setting of app/scope.py says: a parameter, or PostgreSQL's own


class Foreign(RuntimeError):
    """A session was asked for what its scope cannot hold: a bug, never a user's fault."""


_TABLES: list[Any] = []  # every table's class, noted as it is made


def own(table: type, kind: type[Scope], value: Value) -> ColumnElement[bool] | None:
    """Which rows of ``table`` are a ``kind`` of scope's own, to read and to write; None where none ever is."""
    whole: Any = table
    terms = [getattr(whole, column) == value(setting) for column, setting in owners(table, kind)]
    if not terms:
        return None
    narrowed = (getattr(whole, column) for column in narrowings(table, kind))
    return and_(*terms, *(column == func.coalesce(value("sheaf.thread"), column) for column in narrowed))


def known(table: type, kind: type[Scope], value: Value) -> ColumnElement[bool] | None:
    """Which other rows of ``table`` such a scope may look at; None where there are none."""
    whole: Any = table
    if issubclass(table, VendorItself | Freshness) and kind in (CustomerScope, LinkScope):
        return true()  # who their vendors are, and how old what they know of them is
    if issubclass(table, PersonItself) and kind is not PersonScope:
        naming = ((each, own(each, kind, value)) for each in all_tables() if issubclass(each, NamesPerson))
        return or_(*(_names(each, whole, seen) for each, seen in naming if seen is not None))
    return None


def _names(naming: Any, person: Any, seen: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(naming.person_id == person.id, seen).correlate_except(naming)


def all_tables() -> list[Any]:
    return sorted(_TABLES, key=attrgetter("__tablename__"))


@event.listens_for(Mapper, "instrument_class")
def _note(mapper: Mapper[Any], _class: type) -> None:
    _TABLES.append(mapper.class_)


# --- reading ---------------------------------------------------------------------------------------------------------


@event.listens_for(Session, "do_orm_execute")
def _read(state: ORMExecuteState) -> None:
    scope: Scope | None = state.session.info.get("scope")
    if scope is None:
        raise NoScope("a session was opened without a scope")
    if isinstance(scope, Everything):
        return
    if not state.is_orm_statement or state.is_insert:
        _refuse(state.statement, scope)
    if state.is_column_load:  # the rest of a row that was found in scope
        return
    if state.is_update or state.is_delete:
        target: Any = state.bind_mapper.class_ if state.bind_mapper else None
        state.statement = state.statement.options(*_criteria(scope, target))
    elif type(scope) in SETTINGS:
        state.statement = _narrowed(state.statement, type(scope))
        state.parameters = {**cast(dict[str, Any], state.parameters or {}), **_told(scope)}
    else:
        raise NoScope(f"{scope!r} has no rows")


def _refuse(statement: Executable, scope: Scope) -> None:
    """What cannot be narrowed is not run: SQL as text, tables in place of classes, INSERTs. What names no table may."""
    for part in visitors.iterate(cast(ClauseElement, statement)):
        if isinstance(part, TableClause | TextClause):
            raise Foreign(f"no {type(scope).__name__} can narrow this: use classes, session.add() or widened(): {part}")


class _Rule(LoaderCriteriaOption):
    """One table's criterion. SQLAlchemy gives it to a joined alias as it is, and then it would ask the table's rows."""

    inherit_cache = True
    _cache_key_traversal = LoaderCriteriaOption._traverse_internals  # an UPDATE asks each option by itself

    def _resolve_where_criteria(self, ext_info: Any) -> ColumnElement[bool]:
        found = super()._resolve_where_criteria(ext_info)
        if not ext_info.is_aliased_class:
            return found
        adapted: ColumnElement[bool] = ext_info._adapter.traverse(found)
        return adapted


class _Criteria(CriteriaOption):
    """All criteria of a kind of scope as one option. A statement is looked up among those compiled before by what it is
    made of, options included: with sixty of them, that took longer than to run it."""

    inherit_cache = False

    def __init__(self, criteria: tuple[Any, ...]) -> None:
        self.each = criteria

    def _gen_cache_key(self, _anon_map: Any, _bindparams: Any) -> tuple[Any, ...]:
        return (self,)  # there is one for each kind of scope, and it does not change

    def process_compile_state(self, compile_state: Any) -> None:
        self.get_global_criteria(compile_state.global_attributes)

    def get_global_criteria(self, attributes: dict[Any, Any]) -> None:
        for one in self.each:
            one.get_global_criteria(attributes)


@cache
def _all_of(kind: type[Scope]) -> _Criteria:
    """What a ``kind`` of scope may see; its values are parameters, which _told() fills in."""
    return _Criteria(_criteria(cast(Any, kind), None))


def _narrowed(statement: Any, kind: type[Scope]) -> Any:
    """``statement`` for that kind of scope; of one that is kept, the same object each time. SQLAlchemy works out once
    what an object is made of, and for a page's statement that took longer than to run it."""
    kept = _KEPT.setdefault(statement, {})
    if kind not in kept:
        kept[kind] = statement.options(_all_of(cast(Any, kind)))
    return kept[kind]


_KEPT: WeakKeyDictionary[Executable, dict[type[Scope], Any]] = WeakKeyDictionary()


def _told(scope: Scope) -> dict[str, Any]:
    return {_parameter(setting): getattr(scope, field) for setting, field in SETTINGS[type(scope)].items()}


def _parameter(setting: str) -> str:
    return setting.replace(".", "_")


@lru_cache(maxsize=1024)
def _criteria(whose: Scope | type[Scope], target: Any) -> tuple[Any, ...]:
    """One criterion for every table: the rows the scope may see, of the ``target`` of a change those it may write, and
    none where it has no say. Of a kind of scope: with parameters in place of values."""
    kind = whose if isinstance(whose, type) else type(whose)
    if kind not in SETTINGS:
        raise NoScope(f"{whose!r} has no rows")

    def value(setting: str) -> ColumnElement[Any]:
        if isinstance(whose, type):
            return bindparam(_parameter(setting), type_=Uuid())
        return literal(getattr(whose, SETTINGS[kind][setting]), Uuid())

    rules = ((table, written if table is target else seen) for table in all_tables())
    return tuple(_Rule(table, rule(table, kind, value), include_aliases=True) for table, rule in rules)


def seen(table: type, kind: type[Scope], value: Value) -> ColumnElement[bool]:
    """All a ``kind`` of scope may see of ``table``."""
    whose = None if issubclass(table, WriteOnly) else own(table, kind, value)
    return or_(false(), *(rule for rule in (whose, known(table, kind, value)) if rule is not None))


def written(table: type, kind: type[Scope], value: Value) -> ColumnElement[bool]:
    """All a ``kind`` of scope may change of ``table``."""
    mine = None if issubclass(table, ReadOnly) else own(table, kind, value)
    return false() if mine is None else mine


# --- writing ---------------------------------------------------------------------------------------------------------


@event.listens_for(Session, "before_flush")
def _write(session: Session, _context: UOWTransaction, _instances: Any) -> None:
    scope: Scope | None = session.info.get("scope")
    if scope is None or isinstance(scope, Everything):
        return
    changed = (row for row in session.dirty if session.is_modified(row))
    for row in (*session.new, *changed, *session.deleted):
        if isinstance(row, ReadOnly) or not is_own(row, scope):
            raise Foreign(f"{type(scope).__name__} does not write this {type(row).__name__}")
