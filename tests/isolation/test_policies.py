"""What PostgreSQL itself holds against the mixins of the models, and who may sign in at all."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.db import Base, Database
from app.narrow import all_tables
from app.row_level import WrongRole, admit, rules
from app.scope import ROLES, PersonScope
from app.tables import upgrade
from tests.isolation.conftest import filled
from tests.isolation.rules import MIGRATION
from tests.support.postgres import Server
from tests.support.world import EVERYTHING

_POLICIES = "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies"
_CLOSED = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relrowsecurity AND relforcerowsecurity"
_RIGHTS = """
    SELECT table_name, grantee, lower(privilege_type) FROM information_schema.role_table_grants
    WHERE grantee LIKE 'sheaf%' AND table_name <> 'alembic_version'
"""


@pytest.fixture
def owner(postgresql_server: Server, postgresql_url: str) -> Iterator[Engine]:
    """The database as its owner sees it."""
    engine = create_engine(postgresql_server.owner_url(make_url(postgresql_url).database or ""), poolclass=NullPool)
    yield engine
    engine.dispose()


def test_every_table_is_closed_even_to_its_owner(owner: Engine) -> None:
    """[inv-I3]"""
    with owner.connect() as connection:
        assert set(connection.scalars(text(_CLOSED))) == set(Base.metadata.tables)


def test_the_policies_are_those_of_the_mixins(owner: Engine) -> None:
    """[inv-I3 inv-I4] Made once more, from the models as they are now, they read as those of the migrations do."""
    with owner.connect() as connection, connection.begin() as begun:
        as_migrated = sorted(map(tuple, connection.execute(text(_POLICIES))))
        for table, policy, *_ in as_migrated:
            connection.execute(text(f"DROP POLICY {policy} ON {table}"))
        migration = _migration()
        for rule in rules():
            for statement in migration["policies_of"](rule.table, rule.own, rule.known):
                connection.exec_driver_sql(statement)
        assert sorted(map(tuple, connection.execute(text(_POLICIES)))) == as_migrated, "python -m tests.isolation.rules"
        begun.rollback()


def test_the_roles_may_do_what_the_mixins_say_and_no_more(owner: Engine) -> None:
    """[inv-I3 inv-Q1 inv-F2] Narrow scopes do not touch sign-ins and the outbox; nobody rewrites what is on record."""
    wanted = {
        (rule.table, ROLES[type(EVERYTHING)], right)
        for rule in rules()
        for right in re.sub(r", update \(.*", "", rule.worker_rights).split(", ")
    }
    narrow = [role for kind, role in ROLES.items() if kind is not type(EVERYTHING)]
    wanted |= {
        (rule.table, role, right)
        for rule in rules()
        for role in narrow
        for right in rule.narrow_rights.split(", ")
        if right
    }
    with owner.connect() as connection:
        assert set(map(tuple, connection.execute(text(_RIGHTS)))) == wanted
    for table in ("login_token", "web_session", "outgoing", "attempt", "inbound_mail", "provider_event", "job_run"):
        assert not [found for found in wanted if found[0] == table and found[1] in narrow]
    for table in ("audit_entry", "message", "invoice_change"):
        assert not [found for found in wanted if found[0] == table and found[2] in ("update", "delete")]


def test_a_transaction_without_a_scope_may_not_even_ask(postgresql: Database) -> None:
    """[inv-I1 inv-I3] As the user the process signs in with, before it has said who asks."""
    filled(postgresql)
    for table in Base.metadata.tables:
        with postgresql.engine.connect() as connection, pytest.raises(DBAPIError, match="permission denied"):
            connection.exec_driver_sql(f"SELECT 1 FROM {table}")


def test_a_scope_ends_with_its_transaction(postgresql: Database) -> None:
    """[inv-I3] Whoever uses the connection next starts from nothing: a pooler may sit in between."""
    rows = filled(postgresql)
    person = PersonScope(rows.first("person"))
    with postgresql.transaction(person) as session:
        backend = session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar()
    with postgresql.engine.connect() as connection:
        asked = "SELECT pg_backend_pid(), current_user, current_setting('sheaf.person', true)"
        assert connection.exec_driver_sql(asked).one() == (backend, "sheaf_test", "")


def test_it_refuses_users_the_policies_do_not_hold(
    postgresql_server: Server, postgresql_url: str, owner: Engine
) -> None:
    """[inv-I3]"""
    name = make_url(postgresql_url).database or ""
    made = {
        "is a superuser": "superuser",
        "bypasses row-level security": "bypassrls",
        "is not a member of": "noinherit",
    }
    for fault, kind in made.items():
        user = f"wrong_{kind}_{name}"
        with owner.begin() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {user} LOGIN {kind} PASSWORD 'wrong'")
        try:
            _refused(make_url(postgresql_url).set(username=user, password="wrong"), fault)
        finally:
            with owner.begin() as connection:
                connection.exec_driver_sql(f"DROP ROLE {user}")


def test_it_refuses_the_owner_and_lets_the_owner_migrate(postgresql_server: Server, postgresql_url: str) -> None:
    """[inv-I3] A user that may neither make roles nor is superuser, as hosted databases have them."""
    name = f"{make_url(postgresql_url).database}_own"
    postgresql_server.execute("create role {} login password 'own'", name)
    postgresql_server.execute("create database {} owner {}", name, name)
    try:
        own = make_url(postgresql_server.owner_url(name)).set(username=name, password="own")
        upgrade(own.render_as_string(hide_password=False))
        _refused(own, "owns tables")
        plain = postgresql_server.url(name)
        admit(own.render_as_string(hide_password=False), plain)  # it is in already
        database = Database(plain)
        filled(database)
        database.dispose()
    finally:
        postgresql_server.execute("drop database {} with (force)", name)
        postgresql_server.execute("drop role {}", name)


def test_a_workers_own_user_need_not_say_everything(postgresql_url: str, owner: Engine) -> None:
    """[inv-I3] One that inherits: no round trip for it, and a narrower scope narrows it all the same."""
    user = f"worker_{make_url(postgresql_url).database}"
    with owner.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE ROLE {user} LOGIN INHERIT PASSWORD 'own' IN ROLE {', '.join(ROLES.values())}"
        )
    database = Database(
        make_url(postgresql_url).set(username=user, password="own").render_as_string(hide_password=False)
    )
    try:
        rows = filled(database)
        with database.reading(EVERYTHING) as session:
            assert session.connection().exec_driver_sql("SELECT current_user").scalar() == user
            assert session.connection().exec_driver_sql("SELECT count(*) FROM thread").scalar() == 4
        with database.reading(PersonScope(rows.first("person"))) as session:
            assert session.connection().exec_driver_sql("SELECT count(*) FROM thread").scalar() == 0
            assert session.connection().exec_driver_sql("SELECT count(*) FROM person").scalar() == 1
    finally:
        database.dispose()
        with owner.begin() as connection:
            connection.exec_driver_sql(f"DROP ROLE {user}")


def test_every_table_is_known_by_its_class() -> None:
    """[inv-I3]"""
    assert {table.__tablename__ for table in all_tables()} == set(Base.metadata.tables)


def _refused(url: Any, fault: str) -> None:
    database = Database(url.render_as_string(hide_password=False))
    try:
        with pytest.raises(WrongRole, match=fault) as refusal, database.reading(EVERYTHING) as session:
            session.connection()
        assert "flask --app wsgi db upgrade" in str(refusal.value)
    finally:
        database.dispose()


def _migration() -> dict[str, Any]:
    """The names of the migration's file."""
    names: dict[str, Any] = {}
    exec(compile(MIGRATION.read_text(), str(MIGRATION), "exec"), names)
    return names
