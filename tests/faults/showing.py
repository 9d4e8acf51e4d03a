"""What every long run has in common: a line of progress while it goes, a table at the end, and the same as JSON."""

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.postgres import stop_shared_server
from tests.support.run import close_run, open_run


def parser(words: str | None, *, seed: int = 20261123) -> argparse.ArgumentParser:
    """The options every run has; ``words`` is the module's docstring."""
    made = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--seed", type=int, default=seed)
    made.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    return made


@contextmanager
def harness() -> Iterator[None]:
    """A folder for this run, and whatever servers were started in it stopped at its end."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    open_run()
    try:
        yield
    finally:
        stop_shared_server()
        close_run()


class Progress:
    """``12 of 400`` on standard error: five times a second and in place on a terminal, a line a minute in a log."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total, self._done, self._shown = what, total, 0, 0.0

    def step(self, by: int = 1) -> None:
        self._done += by
        is_watched, is_done = sys.stderr.isatty(), self._done >= self._total
        if is_done or time.monotonic() - self._shown > (0.2 if is_watched else 60):
            self._shown = time.monotonic()
            start, end = "\r" if is_watched else "", "\n" if is_done or not is_watched else ""
            print(f"{start}{self._what}: {self._done} of {self._total}", end=end, file=sys.stderr, flush=True)


def show(title: str, rows: Sequence[Mapping[str, Any]], violations: Sequence[str], file: Path | None) -> int:
    """The table and what was broken, on standard output; returns the exit status: 0 only when nothing was."""
    print(title)
    if rows:
        names = list(rows[0])
        table = [names, *([str(row.get(name, "")) for name in names] for row in rows)]
        widths = [max(len(line[column]) for line in table) for column in range(len(names))]
        for line in table:
            print("  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    for words in violations[:50]:
        print(f"  BROKEN: {words}")
    print(f"  {len(violations)} violations" if violations else "  0 violations")
    if file:
        file.write_text(json.dumps({"title": title, "rows": list(rows), "violations": list(violations)}, indent=1))
    return 1 if violations else 0
