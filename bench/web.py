"""Web servers as they run in production, and a load on them from a process of its own (wrk)."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

import requests

from app.settings import ROOT
from bench.measure import Contender, Meter, Take, family_cpu, process_cpu
from tests.support.server import free_port

CONNECTIONS = 2  # as PERFORMANCE.md section 4.2: both workers busy, nobody queueing
_TRIES = 8
_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


class CannotRun(RuntimeError):
    """Something the bench needs is not here."""


@dataclass(frozen=True, slots=True)
class Server:
    """One running gunicorn."""

    base: str
    master: int

    def pids(self) -> list[int]:
        """The master and its workers."""
        children = Path(f"/proc/{self.master}/task/{self.master}/children").read_text().split()
        return [self.master, *map(int, children)]


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk said: requests answered, and milliseconds."""

    n: int
    p50: float
    p99: float


@contextmanager
def served(app: str, **environment: str) -> Iterator[Server]:
    """``app`` under gunicorn with our own configuration and the README's numbers: two workers of four threads."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", "4", app]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = subprocess.Popen(command, cwd=ROOT, env=kept | environment, stderr=subprocess.PIPE, text=True)
    try:
        base = f"http://127.0.0.1:{port}"
        _await(process, base)
        yield Server(base, process.pid)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _await(process: "subprocess.Popen[str]", base: str) -> None:
    for _ in range(600):
        try:
            requests.get(f"{base}/health", timeout=10)
            return
        except (requests.ConnectionError, requests.Timeout):  # not yet, or not soon on a busy machine
            if process.poll() is not None:
                raise CannotRun(f"gunicorn did not start: {process.communicate()[1][-2000:]}") from None
            time.sleep(0.1)
    raise CannotRun("gunicorn does not answer")


def load(url: str, seconds: float, script: str, connections: int = CONNECTIONS) -> Load:
    """Ask for ``url`` again and again; ``script`` is Lua of wrk's own. Raises CannotRun when any answer is an error."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise CannotRun("wrk is not here: apt-get install wrk")
    with NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(script)
        lua.flush()
        options = ["-t1", f"-c{connections}", f"-d{max(2, round(seconds))}s", "--latency", "--timeout", "10s"]
        command = [wrk, *options, "-s", lua.name, url]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if wrong := re.search(r"Non-2xx or 3xx responses: \d+|Socket errors: .*", said):
        raise CannotRun(f"{url}: {wrong[0]}")
    took = {each[1]: float(each[2]) * _MS[each[3]] for each in re.finditer(r"\s(50|99)%\s+([\d.]+)(us|ms|s)\b", said)}
    answered = re.search(r"(\d+) requests in", said)
    if answered is None or answered[1] == "0":
        raise CannotRun(f"{url}: wrk said {said[-500:]}")
    return Load(int(answered[1]), took["50"], took["99"])


def get_as(cookies: Sequence[str]) -> str:
    """Lua: each request with the cookie of the next visitor."""
    listed = ", ".join(f'"{cookie}"' for cookie in cookies)
    return f"""
        local cookies, n = {{{listed}}}, 0
        function request()
          n = n % #cookies + 1
          return wrk.format("GET", nil, {{Cookie = cookies[n]}})
        end
    """


def visits(name: str, server: Server, path: str, seconds: float, script: str = "") -> Contender:
    """Requests for ``path``, after a second of warming up."""

    def run() -> tuple[int, Mapping[str, float]]:
        seen = load(server.base + path, seconds, script)
        return seen.n, {"p50": seen.p50, "p99": seen.p99}

    return Contender(name, run, lambda: load(server.base + path, 1, script))


class RequestMeter(Meter):
    """Only what servers and database spend is the cost of a request: the load's own CPU is not.

    Who gets a connection is chance, and two in one worker wait for each other: such a repeat is taken again."""

    def __init__(self, database: str, servers: Sequence[Server]) -> None:
        super().__init__(database, lambda: [pid for server in servers for pid in server.pids()])
        self._servers = servers

    def take(self, contender: Contender) -> Take:
        for _ in range(_TRIES):
            before = self._spent()
            take = super().take(contender)
            spent = [[b - a for a, b in zip(*each, strict=True)] for each in zip(before, self._spent(), strict=True)]
            busiest = max(spent, key=sum)
            if min(busiest) * 2 > max(busiest):
                break
        return take

    def _spent(self) -> list[list[float]]:
        """CPU seconds of each server's workers."""
        return [[process_cpu(pid) for pid in server.pids()[1:]] for server in self._servers]

    def _now(self) -> tuple[float, float, float]:
        client = sum(map(process_cpu, self._pids()))
        return time.perf_counter(), client, family_cpu(self._server) if self._server else 0.0
