"""Several hosts on one machine: network namespaces of Debian's iproute2, joined by a bridge. Needs root.

``python -m tests.faults.network PORT ADDRESS`` is the relay of one of them, started by Network.relayed().
"""

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from app.settings import ROOT


@dataclass(frozen=True, slots=True)
class Network:
    """``address`` is that of the machine itself; ``hosts`` are the namespaces' names."""

    address: str
    hosts: Sequence[str]

    def inside(self, host: str) -> list[str]:
        """What to write before a command that is to run on ``host``."""
        return ["ip", "netns", "exec", host]

    @contextmanager
    def relayed(self, port: int) -> Iterator[None]:
        """That port of the machine is each host's own too: our mail key goes to no other name than this machine's."""
        relay = [sys.executable, "-m", "tests.faults.network", str(port), self.address]
        running = [
            subprocess.Popen([*self.inside(host), *relay], cwd=ROOT, stdout=subprocess.PIPE) for host in self.hosts
        ]
        try:
            for process in running:
                assert process.stdout
                process.stdout.readline()  # it listens
            yield
        finally:
            for process in running:
                process.kill()
                process.communicate()


def refusal() -> str:
    """Why this machine cannot have such hosts, in words; nothing when it can."""
    if os.geteuid():
        return "only root can make network namespaces"
    return "" if shutil.which("ip") else "no ip here: apt-get install iproute2"


@contextmanager
def network(count: int) -> Iterator[Network]:
    """So many hosts, each with its own interface, addresses and routes, as long as the block lasts."""
    run = secrets.token_hex(2)
    net = f"10.203.{secrets.randbelow(256)}"  # inside this machine only, as long as the run
    bridge, hosts = f"sheaf{run}", [f"sheaf{run}-{number}" for number in range(1, count + 1)]
    with ExitStack() as stack:
        _ip("link", "add", bridge, "type", "bridge")
        stack.callback(_ip, "link", "del", bridge)
        _ip("address", "add", f"{net}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number, host in enumerate(hosts, 1):
            _ip("netns", "add", host)
            stack.callback(_ip, "netns", "del", host)  # and with it its end of the cable
            _plug(host, bridge, f"{bridge}{number}", f"{net}.{10 + number}/24")
        yield Network(f"{net}.1", hosts)


def _plug(host: str, bridge: str, cable: str, address: str) -> None:
    _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", host)
    _ip("link", "set", cable, "master", bridge, "up")
    _ip("-n", host, "address", "add", address, "dev", "eth0")
    for link in ("lo", "eth0"):
        _ip("-n", host, "link", "set", link, "up")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


# --- inside the relay -----------------------------------------------------------------------------------------------


async def _relay(port: int, address: str) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(address, port)
        await asyncio.gather(_pour(reader, back), _pour(there, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", port, backlog=256)
    print("listening", flush=True)
    await server.serve_forever()


async def _pour(source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):  # a worker was killed: its line is cut at the other end, too
        while data := await source.read(65536):
            into.write(data)
            await into.drain()
    into.close()


if __name__ == "__main__":
    asyncio.run(_relay(int(sys.argv[1]), sys.argv[2]))
