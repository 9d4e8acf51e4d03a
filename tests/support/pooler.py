"""PgBouncer in transaction mode, as it stands before PostgreSQL where many processes share few connections.

What belongs to a session does not survive a transaction behind it: the next one may run on another connection, and on
this one goes somebody else.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_connection

from sqlalchemy import URL, make_url

from tests.support.need import unavailable
from tests.support.postgres import PLAIN, make_folder, other_user
from tests.support.server import free_port

_SETTINGS = """
[databases]
* = {server}
[pgbouncer]
pool_mode = transaction
listen_addr = {address}
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
auth_user = {admin}
default_pool_size = {connections}
max_client_conn = 1000
query_wait_timeout = 20
logfile = {folder}/log
"""

Through = Callable[[str], str]


@contextmanager
def pooler(server: URL, *, connections: int, address: str = "127.0.0.1") -> Iterator[Through]:
    """A PgBouncer before ``server`` with so many connections for each database; gives what turns the URL of a database
    into that of the same one behind it."""
    program = shutil.which("pgbouncer") or unavailable("no PgBouncer here: apt-get install pgbouncer")
    with tempfile.TemporaryDirectory(prefix="sheaf-pooler-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        folder, port = Path(made) / "pgbouncer", free_port()
        make_folder(folder)
        where = f"host={server.query.get('host') or server.host} port={server.port or 5432}"
        words = _SETTINGS.format(
            server=where, address=address, port=port, folder=folder, connections=connections, admin=server.username
        )
        (folder / "settings.ini").write_text(words)
        users = {server.username: server.password or "", PLAIN: PLAIN}  # it asks the server for others
        (folder / "users").write_text("".join(f'"{name}" "{password}"\n' for name, password in users.items()))
        process = subprocess.Popen([program, "-q", folder / "settings.ini"], **other_user())
        try:
            _wait_for(address, port)
            yield lambda url: _behind(url, address, port)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _behind(url: str, address: str, port: int) -> str:
    plain = make_url(url).set(host=address, port=port).difference_update_query(["host", "target_session_attrs"])
    return plain.render_as_string(hide_password=False)


def _wait_for(address: str, port: int) -> None:
    ends = time.monotonic() + 20
    while True:
        try:
            return create_connection((address, port), timeout=5).close()
        except ConnectionRefusedError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.02)
