"""A virtual environment for each peer we race against, made when it is first asked for and kept for the next run."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_KEPT = Path(tempfile.gettempdir()) / "sheaf-bench-peers"


def python_of(peer: str, packages: Sequence[str]) -> str:
    """The Python that has ``packages``, from the package index this machine uses."""
    folder = _KEPT / peer
    python, ready = folder / "bin" / "python", folder / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *packages], check=True)
        ready.touch()
    return str(python)
