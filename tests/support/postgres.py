"""A PostgreSQL server of our own for one test run: started once, migrated once into a template, thrown away at the end.

PostgreSQL refuses to run as root, so under root it runs as the user "postgres". Nothing is made durable: the data dies
with the run. TEST_DATABASE_URL names a server to use instead; its user must be allowed to create databases
and roles.
"""

import os
import pwd
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import URL, Connection, create_engine, make_url
from sqlalchemy.pool import NullPool

from app.row_level import admit
from app.tables import upgrade
from tests.support.need import unavailable
from tests.support.run import abandoned_runs, locked, run_folder

_FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=300 -c listen_addresses="

PLAIN = "sheaf_test"  # the product's user, and its password


class Server:
    """A server and its template: the newest migration and not a row."""

    def __init__(self, admin: URL, template: str) -> None:
        self.admin = admin
        self.template = template

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """The URL of a copy of the template that lives as long as the block."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        # Copying the template's files takes a tenth of writing them through the log, where durability is off.
        self.execute("create database {} template {} strategy file_copy", name, self.template)
        try:
            yield self.url(name)
        finally:
            self.execute("drop database if exists {} with (force)", name)

    def execute(self, statement: str, *names: str) -> None:
        """One statement outside any transaction, with names quoted into its braces."""
        composed = sql.SQL(statement).format(*map(sql.Identifier, names))
        plain = self.admin.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(composed)

    def migrate(self, name: str) -> None:
        """Make the tables of an empty database, and let the product's user in."""
        upgrade(self.owner_url(name))
        admit(self.owner_url(name), self.url(name))

    def url(self, name: str) -> str:
        """As the product signs in, and as the strictest of its processes: a user that inherits nothing."""
        return self.admin.set(username=PLAIN, password=PLAIN, database=name).render_as_string(hide_password=False)

    def owner_url(self, name: str) -> str:
        """As whoever made the tables; it may also stop and drop what it likes."""
        return self.admin.set(database=name).render_as_string(hide_password=False)


def shared_server() -> Server:
    """The server of this test run; the first worker to ask starts and migrates it."""
    folder = run_folder()
    template = f"template_{folder.name.replace('-', '_')}"
    with locked("postgresql"):
        ready = folder / "postgresql.ready"
        if not ready.exists():
            admin = _given() or _start(folder / "pg")
            server = Server(admin, template)
            server.execute("create database {}", template)
            server.migrate(template)
            ready.write_text(admin.render_as_string(hide_password=False))
            return server
        return Server(make_url(ready.read_text()), template)


@contextmanager
def as_owner(url: str) -> Iterator[Connection]:
    """One transaction on the database of ``url`` for what the product's own user may not do."""
    name = make_url(url).database or ""
    engine = create_engine(url if url.startswith("sqlite") else shared_server().owner_url(name), poolclass=NullPool)
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def stop_shared_server() -> None:
    """Stop what this run started, and what killed runs left behind."""
    folder = run_folder()
    ready = folder / "postgresql.ready"
    if ready.exists() and _given():
        template = f"template_{folder.name.replace('-', '_')}"
        Server(make_url(ready.read_text()), template).execute("drop database if exists {} with (force)", template)
    _stop(folder)
    for abandoned in abandoned_runs():
        _stop(abandoned)
        shutil.rmtree(abandoned, ignore_errors=True)


def binaries() -> Path | None:
    """Where initdb and pg_ctl are: on PATH, where pg_config says, or the newest of Debian's versioned folders."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    if shutil.which("pg_config"):
        said = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False).stdout.strip()
        candidates += [Path(said)] if said else []
    versioned = Path("/usr/lib/postgresql").glob("*/bin")
    candidates += sorted(versioned, key=lambda path: float(path.parent.name), reverse=True)
    return next((path for path in candidates if (path / "initdb").exists() and (path / "pg_ctl").exists()), None)


def _given() -> URL | None:
    """The server named by TEST_DATABASE_URL, always through the driver we ship."""
    given = os.environ.get("TEST_DATABASE_URL")
    return make_url(given).set(drivername="postgresql+psycopg") if given else None


def _start(folder: Path) -> URL:
    found = binaries()
    if found is None:
        unavailable("no PostgreSQL server here (initdb, pg_ctl): apt-get install postgresql")
    data, log = folder / "data", folder / "log"
    make_folder(folder)
    make_cluster(found, data)
    options = f"{_FAST} -c unix_socket_directories={folder}"
    as_postgres([found / "pg_ctl", "-D", data, "-l", log, "-o", options, "-w", "start"])
    return URL.create("postgresql+psycopg", username="postgres", database="postgres", query={"host": str(folder)})


def make_folder(folder: Path) -> None:
    """A folder of the user the server runs as."""
    owner = _user()
    folder.mkdir()
    os.chown(folder, owner.pw_uid, owner.pw_gid)


def make_cluster(found: Path, data: Path) -> None:
    as_postgres(
        [found / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
    )


def _user() -> pwd.struct_passwd:
    """Who runs the server: we, or the user postgres when we are root."""
    try:
        return pwd.getpwuid(os.geteuid()) if os.geteuid() else pwd.getpwnam("postgres")
    except KeyError:
        unavailable("PostgreSQL refuses to run as root and there is no user postgres to run it as")


def _stop(folder: Path) -> None:
    found, data = binaries(), folder / "pg" / "data"
    if found and (data / "postmaster.pid").exists():
        as_postgres([found / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop"], check=False)


def as_postgres(command: list[Any], check: bool = True) -> None:
    """Run one of PostgreSQL's programs as the user the server runs as."""
    # No pipe for its output: the server inherits it, and reading would never end.
    subprocess.run(list(map(str, command)), check=check, **other_user())


def other_user() -> dict[str, Any]:
    """How to start a program that refuses to run as root: silent, and as the user the server runs as."""
    silent = {"cwd": "/", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return silent | ({"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {})
