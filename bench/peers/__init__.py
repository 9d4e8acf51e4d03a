"""What people would use instead, each from a virtual environment of its own, made when it is first asked for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.measure import progress

_PACKAGES = {"dlt": ["dlt[postgres]"], "singer": ["meltanolabs-target-postgres"]}
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sheaf-bench"


def program_of(peer: str, name: str) -> Path:
    """A program in the peer's environment (PyPI is asked once; delete ~/.cache/sheaf-bench for newer ones)."""
    folder = _CACHE / peer
    made = folder / ".made"
    if not made.exists():
        progress(f"  installing {', '.join(_PACKAGES[peer])} into {folder}")
        python = folder / "bin" / "python"
        if uv := shutil.which("uv"):
            _run(uv, "venv", "--quiet", "--clear", folder)
            _run(uv, "pip", "install", "--quiet", "--python", python, *_PACKAGES[peer])
        else:
            _run(sys.executable, "-m", "venv", "--clear", folder)
            _run(python, "-m", "pip", "install", "--quiet", *_PACKAGES[peer])
        made.touch()
    return folder / "bin" / name


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True)
