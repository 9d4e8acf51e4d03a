"""An access token dies a thousand times under 32 workers: one refresh each time, none refused (INVARIANTS K4).

    python -m tests.faults.token_expiries [--expiries 1000] [--workers 32] [--database sqlite|postgresql]

The token server is npm's oidc-provider (tests/faults/oidc), set to revoke the whole family when a refresh token is used
twice: one refresh too many, and every later one is refused. The workers are threads in four processes on one database.
Meanwhile the keys that seal the tokens are changed all the time, as `flask keys rotate` does it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import requests
from sqlalchemy import select
from werkzeug.wrappers import Request

from app import clock, logs
from app.house import House
from app.keys import KeyRing
from app.models import Connection, ConnectionState
from app.rekeying import rotate
from app.scope import Everything
from app.settings import ROOT, Settings
from connectors.base import Tokens
from connectors.oauth import seal, tokens_for
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.stage import database, environment_of
from tests.support.server import free_port, live_server
from tests.support.strict import Strict
from tests.support.world import vendor

OIDC = Path(__file__).parent / "oidc"
INSTALLED = Path(tempfile.gettempdir()) / "sheaf-faults-oidc"
PROCESSES = 4
_ALL = Everything("the token run makes a connection, and looks at it")
_KEYS = ("k1:" + "A" * 43, "k2:" + "B" * 43)


@dataclass(frozen=True)
class TokenServer:
    """Where to refresh, what to begin with, and what was said there: (given, refused)."""

    environment: dict[str, str]
    first: str
    url: str
    strict: Strict | None = None

    def count(self) -> tuple[int, int]:
        if self.strict:
            return self.strict.calls, int(self.strict.is_dead)
        said = requests.get(f"{self.url}/count", timeout=30).json()
        return said["given"], said["refused"]


@dataclass
class Seen:
    expiries: int
    calls: tuple[int, int] = (0, 0)
    torn: list[int] = field(
        default_factory=list
    )  # expiries after which the workers held different tokens, or an old one
    state: str = ""
    rotations: int = 0
    seconds: float = 0.0

    def violations(self) -> list[str]:
        return [
            f"{words}: {found}, not {wanted}"
            for words, found, wanted in (
                ("refreshes given and refused", self.calls, (self.expiries, 0)),
                ("expiries with different or old tokens", self.torn[:9], []),
                ("the connection", self.state, ConnectionState.ACTIVE),
            )
            if found != wanted
        ]


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--expiries", type=int, default=1000)
    made.add_argument("--workers", type=int, default=32)
    made.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    options = made.parse_args()
    with harness(), database(options.database) as url, tempfile.TemporaryDirectory() as folder, oidc_server() as server:
        seen = run(url, Path(folder), server, options)
    row = {
        "expiries": seen.expiries,
        "refreshes given": seen.calls[0],
        "refused": seen.calls[1],
        "key rotations meanwhile": seen.rotations,
        "seconds": f"{seen.seconds:.0f}",
    }
    return show(f"{options.workers} workers, {options.database}, oidc-provider", [row], seen.violations(), options.json)


def run(url: str, folder: Path, server: TokenServer, options: argparse.Namespace) -> Seen:
    settings = Settings(DATABASE_URL=url, SHEAF_INSTANCE=folder, ENCRYPTION_KEYS=",".join(_KEYS))  # type: ignore[call-arg]
    house, seen, start = House.open(settings), Seen(options.expiries), clock.now()
    connection_id = _connected(house, server.first)
    environment = {**os.environ, **environment_of(house), **server.environment}
    progress, before = Progress("expiries", options.expiries), ""
    with ExitStack() as stack:
        stack.callback(house.database.dispose)
        workers = [
            stack.enter_context(_worker(connection_id, options.workers // PROCESSES, environment))
            for _ in range(PROCESSES)
        ]
        stack.callback(clock.set_to, None)
        stack.enter_context(_keys_changing(house, seen))
        began = time.monotonic()
        for number in range(options.expiries):
            clock.set_to(start + timedelta(hours=2 * number + 2))
            held = _ask(workers, clock.now())
            if len(held) != 1 or held == {before}:
                seen.torn.append(number)
            before = next(iter(held))
            progress.step()
        seen.seconds = time.monotonic() - began
    seen.calls = server.count()
    with house.database.reading(_ALL) as session:
        seen.state = session.execute(select(Connection.state)).scalar_one()
    return seen


def _connected(house: House, refresh_token: str) -> UUID:
    with house.database.transaction(_ALL) as session:
        made = vendor(session, "Acme", address="owner@acme.example", provider="xero")
        dead = Tokens("the first", refresh_token, clock.now())
        made.connection.tokens = seal(house, dead, made.connection.id, made.vendor.id)
        return made.connection.id


def _ask(workers: Sequence["subprocess.Popen[str]"], now: datetime) -> set[str]:
    """Every thread of every process asks for the tokens at ``now``; what they got."""
    for worker in workers:
        assert worker.stdin
        worker.stdin.write(now.isoformat() + "\n")
        worker.stdin.flush()
    return {token for worker in workers if worker.stdout for token in json.loads(worker.stdout.readline())}


@contextmanager
def _keys_changing(house: House, seen: Seen) -> Iterator[None]:
    """Seal everything under one key, then under the other, again and again."""
    over = threading.Event()

    def change() -> None:
        while not over.wait(0.05):
            ring = _KEYS if seen.rotations % 2 else _KEYS[::-1]
            rotate(replace(house, keys=KeyRing(",".join(ring))), lambda _: None, lambda _: over.wait(0.01))
            seen.rotations += 1

    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


# --- workers --------------------------------------------------------------------------------------------------------


@contextmanager
def _worker(connection_id: UUID, threads: int, environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "tests.faults.token_expiries", "worker", str(connection_id), str(threads)]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()


def work(connection_id: UUID, threads: int) -> None:
    """One process of workers: reads an instant a line, answers with the access tokens its threads got then."""
    logs.configure(Path(os.devnull))  # what is printed is the answer
    house = House.open(Settings())
    with ThreadPoolExecutor(threads) as pool:
        for line in sys.stdin:
            clock.set_to(datetime.fromisoformat(line.strip()))
            asked = [pool.submit(tokens_for, house, connection_id) for _ in range(threads)]
            print(json.dumps([_got(one.result) for one in asked]), flush=True)
    house.database.dispose()


def _got(result: Callable[[], Tokens]) -> str:
    try:
        return result().access_token
    except Exception as problem:  # noqa: BLE001  # the run goes on and shows it
        return f"{type(problem).__name__}: {problem}"


# --- token servers --------------------------------------------------------------------------------------------------


@contextmanager
def oidc_server() -> Iterator[TokenServer]:
    """npm's oidc-provider, installed under the system's temp folder the first time."""
    INSTALLED.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json", "server.js"):
        shutil.copyfile(OIDC / name, INSTALLED / name)
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=INSTALLED, check=True)
    port = free_port()
    with subprocess.Popen(
        ["node", "server.js", str(port)], cwd=INSTALLED, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as node:
        url = f"http://127.0.0.1:{port}"
        try:
            yield TokenServer(_pointing(f"{url}/token", "sheaf", "sheaf-at-oidc"), _first_token(url, node), url)
        finally:
            node.terminate()


@contextmanager
def strict_server() -> Iterator[TokenServer]:
    """Our own, as strict, for machines without Node."""
    strict = Strict()
    with live_server(Request.application(strict)) as url:
        yield TokenServer(_pointing(url, "us", "a secret"), strict.good, url, strict)


def _pointing(url: str, client: str, secret: str) -> dict[str, str]:
    return {"XERO_CLIENT_ID": client, "XERO_CLIENT_SECRET": secret, "XERO_TOKEN_URL": url}


def _first_token(url: str, node: "subprocess.Popen[bytes]") -> str:
    ends = time.monotonic() + 30
    while time.monotonic() < ends and node.poll() is None:
        try:
            return requests.get(f"{url}/grant", timeout=30).text
        except requests.RequestException:
            time.sleep(0.1)
    raise RuntimeError("oidc-provider did not come up")


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        work(UUID(sys.argv[2]), int(sys.argv[3]))
    else:
        raise SystemExit(main())
