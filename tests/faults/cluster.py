"""PostgreSQL as in production: durable, restarted in the middle of everything, with a standby that takes over.

Servers on ports of this machine. A commit waits for the disk, and for the standby's disk where there is one.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

from tests.support.need import unavailable
from tests.support.postgres import Server, as_postgres, binaries, make_cluster, make_folder
from tests.support.server import free_port

_DURABLE = "-c fsync=on -c full_page_writes=on -c max_connections=200"
_HERE = "127.0.0.1"
_WAITS_FOR_STANDBY = "-c synchronous_commit=on -c synchronous_standby_names=*"
_NAME = "sheaf"


class Node:
    """One server: a data folder and a port. ``more`` are options of PostgreSQL's own; on ``address`` it lets anybody
    in."""

    def __init__(self, folder: Path, more: str = "", address: str = _HERE) -> None:
        make_folder(folder)
        self._programs = binaries() or unavailable("no PostgreSQL server here (initdb, pg_ctl)")
        self._data, self._log = folder / "data", folder / "log"
        self._address = address
        self.port = free_port()
        addresses = ",".join({_HERE, address})
        self._options = (
            f"{_DURABLE} -c listen_addresses={addresses} -c port={self.port} -c unix_socket_directories={folder} {more}"
        )

    def create(self) -> None:
        make_cluster(self._programs, self._data)
        if self._address != _HERE:
            with (self._data / "pg_hba.conf").open("a") as file:
                file.write(f"host all all {self._address}/24 trust\n")
        self._start()

    def follow(self, other: "Node") -> None:
        """Become the standby of ``other`` from a backup of it; from then on its commits wait for us."""
        source = ["-h", "127.0.0.1", "-p", other.port, "-U", "postgres"]
        self._run("pg_basebackup", *source, "-D", self._data, "-R", "-X", "stream", "-c", "fast")
        self._start()
        other.restart(_WAITS_FOR_STANDBY, mode="fast")

    def restart(self, more: str = "", *, mode: str = "immediate") -> None:
        """``immediate`` as after a power cut: nothing is flushed, nobody is told."""
        self._control("restart", "-m", mode, "-l", self._log, "-o", f"{self._options} {more}")

    def promote(self) -> None:
        self._control("promote")

    def stop(self, *, check: bool = True) -> None:
        """At once, as a machine that dies."""
        as_postgres([self._programs / "pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop"], check=check)

    def admin(self) -> URL:
        return URL.create("postgresql+psycopg", "postgres", host="127.0.0.1", port=self.port, database="postgres")

    def _start(self) -> None:
        self._control("start", "-l", self._log, "-o", self._options)

    def _control(self, *words: Any) -> None:
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "120", *words)

    def _run(self, program: str, *words: Any) -> None:
        as_postgres([self._programs / program, *words])


class Pair:
    """A server with a migrated database, and on demand its standby. ``url`` finds whichever of them takes writes."""

    def __init__(self, folder: Path, *, with_standby: bool, address: str = _HERE) -> None:
        self.first = Node(folder / "first", address=address)
        self.second = Node(folder / "second", address=address) if with_standby else None
        self.first.create()
        server = Server(self.first.admin(), _NAME)
        server.execute("create database {}", _NAME)
        server.migrate(_NAME)
        hosts = [f"{address}:{node.port}" for node in (self.first, self.second) if node]
        where = {"host": hosts, "target_session_attrs": "read-write"}
        plain = make_url(server.url(_NAME)).set(host="", port=None)
        self.url = plain.update_query_dict(where).render_as_string(hide_password=False)
        if self.second:
            self.second.follow(self.first)

    def fail_over(self) -> None:
        """The first machine dies; the second takes its place."""
        assert self.second
        self.first.stop()
        self.second.promote()

    def stop(self) -> None:
        for node in (self.first, self.second):
            if node:
                node.stop(check=False)


@contextmanager
def pair(*, with_standby: bool, address: str = _HERE) -> Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="sheaf-pg-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # the server may run as another user
        made = Pair(Path(folder), with_standby=with_standby, address=address)
        try:
            yield made
        finally:
            made.stop()
