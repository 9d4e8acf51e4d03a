"""The tables of the database at their newest migration. Alembic, 0.1 s and 4 MB, is loaded by who asks for them."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, make_url

from app import row_level
from app.settings import ROOT, Settings

if TYPE_CHECKING:
    from alembic.config import Config


def migrate(settings: Settings) -> None:
    """Bring the database to the newest migration as MIGRATION_DATABASE_URL, and let DATABASE_URL's user in."""
    owner = settings.migration_database_url or settings.database_url
    upgrade(owner)
    if not settings.is_sqlite:
        row_level.admit(owner, settings.database_url)


def upgrade(url: str) -> None:
    """Bring the database at ``url`` to the newest migration, creating the SQLite file's folder when it is missing."""
    from alembic import command  # noqa: PLC0415

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    config = _config()
    config.attributes["url"] = url
    command.upgrade(config, "head")


def are_newest(connection: Connection) -> bool:
    """Whether the database has the tables this code was written for."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    return MigrationContext.configure(connection).get_current_revision() == _newest()


@cache
def _newest() -> str | None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    return config
