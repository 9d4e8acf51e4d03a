"""Alembic on both databases. Batch mode on SQLite, with foreign keys off: a batch rewrite would cascade deletes."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, create_engine, pool

from app.db import UtcDateTime
from app.models import Base
from app.settings import Settings


def _own_types(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """How our column types are written in a migration."""
    if kind == "type" and isinstance(item, UtcDateTime):
        autogen.imports.add("from app.db import UtcDateTime")
        return "UtcDateTime()"
    return False


def _run(connection: Connection) -> None:
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.commit()
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=is_sqlite and context.config.attributes.get("batch", True),
        render_item=_own_types,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


url = context.config.attributes.get("url") or Settings().database_url
engine = create_engine(url, poolclass=pool.NullPool)
with engine.connect() as opened:
    _run(opened)
    opened.commit()
