"""One folder for one test run, shared by all its workers, and a lock: only the first of them prepares a thing."""

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "sheaf-tests-"
_VARIABLE = "SHEAF_TEST_RUN"


def open_run() -> None:
    """Make the folder; xdist's workers inherit its name. Directly under the system's temp folder and open to others,
    because PostgreSQL may run as another user and the path of a socket has 107 characters at most."""
    folder = Path(tempfile.gettempdir()) / f"{PREFIX}{os.getpid()}-{uuid.uuid4().hex[:6]}"
    folder.mkdir(mode=0o755)
    os.environ[_VARIABLE] = str(folder)


def run_folder() -> Path:
    return Path(os.environ[_VARIABLE])


def close_run() -> None:
    shutil.rmtree(run_folder(), ignore_errors=True)
    del os.environ[_VARIABLE]


def abandoned_runs() -> Iterator[Path]:
    """Folders of runs whose first process was killed before it could clean up."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*-*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        if pid.isdigit() and not _is_alive(int(pid)):
            yield folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One worker at a time."""
    with (run_folder() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
