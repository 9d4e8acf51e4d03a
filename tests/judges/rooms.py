"""Throw-away places for what the judges need and the product does not: a Python environment and a Node folder."""

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
    "setuptools<81",
)  # fmt: skip
PRISM = "@stoplight/prism-cli@5.14.2"
MAIL_NODE = Path("/tmp/sheaf-judges-mail")
MAIL_PACKAGES = ("caniemail@1.0.5", "htmlhint@1.9.2", "axe-core@4.14.1", "playwright-core@1.65.1")
WANTED = "xero_python, quickbooks, intuitlib, stripe, yaml, jsonschema"


class NotHere(Exception):
    """The reason why a judge is skipped."""


@dataclass(frozen=True)
class Room:
    python: Path


@dataclass(frozen=True)
class Node:
    prism: Path


def python_room() -> Room:
    python = VENV / "bin/python"
    if not works([str(python), "-W", "ignore", "-c", f"import {WANTED}"]):
        if not works([sys.executable, "-m", "venv", str(VENV)]):
            raise NotHere(f"no environment at {VENV}")
        done = subprocess.run(
            [str(python), "-m", "pip", "-q", "install", *PACKAGES], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotHere("pip: " + (done.stderr.strip().splitlines() or ["failed"])[-1])
    return Room(python)


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
