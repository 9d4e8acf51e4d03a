"""PostgreSQL's own isolation, beneath that of app/narrow.py and made from the same rules (INVARIANTS I3).

A role for each kind of scope holds all rights: ``sheaf_worker`` sees everything, each of the others what the settings
of a transaction name. None of them signs in: a process signs in as a member of all that owns nothing, and each
transaction says first which of them it is (app/scope.py). A member that inherits nothing has no row without a scope;
one that inherits ``sheaf_worker`` is a worker's, which need not say so.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, create_engine, literal_column, make_url, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool
from sqlalchemy.sql.elements import True_

from app.narrow import all_tables, known, own
from app.scope import MAY_ALL, ROLES, SETTINGS, AppendOnly, Everything, ReadOnly, Removable, WriteOnly


@dataclass(frozen=True, slots=True)
class TableRules:
    """What the roles may do with one table. ``own`` says as SQL, by role, which rows it may read and write, ``known``
    which others it may look at; "[setting]" stands for what the setting says."""

    table: str
    narrow_rights: str
    worker_rights: str
    own: dict[str, str]
    known: dict[str, str]


def rules() -> list[TableRules]:
    """The rules of app/narrow.py for every table, in PostgreSQL's words; migrations/ keeps a copy."""
    return [_rules_of(table) for table in all_tables()]


def _rules_of(table: Any) -> TableRules:
    own_rows, known_rows = _by_role(own, table), _by_role(known, table)
    append_only, read_only = issubclass(table, AppendOnly), issubclass(table, ReadOnly)
    rights = [
        ("select", (own_rows or known_rows) and not issubclass(table, WriteOnly)),
        ("insert", own_rows and not read_only),
        ("update", own_rows and not read_only and not append_only),
        ("delete", own_rows and issubclass(table, Removable)),
    ]
    return TableRules(
        table=table.__tablename__,
        narrow_rights=", ".join(right for right, given in rights if given),
        worker_rights=f"select, insert{_handing_over(table)}" if append_only else "select, insert, update, delete",
        own=own_rows,
        known=known_rows,
    )


def _handing_over(table: Any) -> str:
    """A row that nobody changes may still go to another owner, with the invoice or the mailbox it is about, and lose
    what names a person."""
    owners = [name for name in ("customer_id", "vendor_id") if name in table.__table__.columns]
    owners += table.personal
    return f", update ({', '.join(owners)})" if owners else ""


def _by_role(rule: Any, table: Any) -> dict[str, str]:
    found = {ROLES[kind]: rule(table, kind, lambda name: literal_column(f"[{name}]")) for kind in SETTINGS}
    return {role: _sql(table, said) for role, said in found.items() if said is not None}


def _sql(table: Any, rule: ColumnElement[bool]) -> str:
    """The rule as it stands in a query of its table."""
    query: Any = select(literal_column("1")).select_from(table.__table__).where(rule)
    dialect: Any = postgresql.dialect
    compiled = query.compile(dialect=dialect(), compile_kwargs={"literal_binds": True})
    return " ".join(str(compiled).split()).split(" WHERE ", 1)[1] if not isinstance(rule, True_) else "true"


# --- who may sign in -------------------------------------------------------------------------------------------------


class WrongRole(RuntimeError):
    """The database user of this process could see past the isolation, or has no part in it."""


_LOOK = f"""
    SELECT current_user, bool_or(mine.rolsuper), bool_or(mine.rolbypassrls),
           EXISTS (SELECT FROM pg_class WHERE relkind IN ('r', 'p') AND relpersistence <> 't'
                   AND relnamespace = current_schema()::regnamespace
                   AND pg_has_role(relowner, 'MEMBER')),
           count(*) FILTER (WHERE mine.rolname = ANY (ARRAY{list(ROLES.values())})),
           bool_or(mine.rolname = '{ROLES[Everything]}' AND pg_has_role(mine.oid, 'USAGE'))
    FROM pg_roles AS mine WHERE pg_has_role(mine.oid, 'MEMBER')
"""  # noqa: S608
_REMEDY = (
    "Sheaf signs in to PostgreSQL as a user that owns nothing. Let DATABASE_URL name one, set MIGRATION_DATABASE_URL to"
    " the owner's address and run: flask --app wsgi db upgrade (it makes the user if there is none, and lets it in)"
)


def meet(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    """For each new connection. Raises WrongRole for one whose user is not held by the policies."""
    cursor = connection.cursor()
    cursor.execute(_LOOK)
    user, is_super, bypasses, owns, roles, may_all = cursor.fetchone() or ("?",) * 6
    cursor.close()
    connection.rollback()
    faults = {"is a superuser": is_super, "bypasses row-level security": bypasses, "owns tables": owns}
    found = [fault for fault, is_so in faults.items() if is_so] or (
        [f"is not a member of {', '.join(ROLES.values())}"] if roles != len(ROLES) else []
    )
    if found:
        raise WrongRole(f'The database user "{user}" {" and ".join(found[:1])}. {_REMEDY}.')
    if may_all:
        entry.info[MAY_ALL] = True


_KNOWS_LZ4 = "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"


def admit(owner_url: str, url: str) -> None:
    """Let the user of ``url`` in: made if there is none, a member of both roles. ``owner_url`` may make roles, or
    everything is as it should be already."""
    wanted, engine = make_url(url), create_engine(owner_url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    name, password = wanted.username, wanted.password
    with engine.connect() as connection:
        if name is None or name == connection.scalar(text("SELECT current_user")):
            return  # meet() says what is wrong with that
        if connection.scalar(text("SELECT count(*) FROM pg_roles WHERE rolname = :name"), {"name": name}) == 0:
            _run(connection, "create role %I login noinherit password %L", name, password)
            if connection.scalar(
                text(_KNOWS_LZ4)
            ):  # mails are most of what is stored, and go in at a third of the cost
                _run(connection, "alter role %I set default_toast_compression = lz4", name)
        for role in ROLES.values():
            if not connection.scalar(text("SELECT pg_has_role(:name, :role, 'MEMBER')"), {"name": name, "role": role}):
                _run(connection, f"grant {role} to %I", name)


def _run(connection: Connection, statement: str, *names: str | None) -> None:
    marks = {f"name{number}": name for number, name in enumerate(names)}
    each = "".join(f", CAST(:{mark} AS text)" for mark in marks)
    composed: str = connection.execute(text(f"SELECT format('{statement}'{each})"), marks).scalar_one()
    connection.exec_driver_sql(composed.replace("%", "%%"))
