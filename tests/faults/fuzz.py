"""Millions of broken inputs for every parser: no crash, no broken promise, none that takes a second.

    python -m tests.faults.fuzz all|PARSER ... [--inputs 1000000] [--seed N] [--processes 2]

The parsers and what must hold of each are in tests/faults/parsers.py. A finding is shown with its input, and with what
to run to see it again.
"""

import itertools
import multiprocessing
import os
import random
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app import logs
from tests.faults.mutate import BYTES, LETTERS, Mutator
from tests.faults.parsers import PARSERS
from tests.faults.showing import Progress, parser, show

_SHARE = 10_000  # inputs drawn from one seed: a share can be repeated alone
_SLOW = 1.0  # seconds of CPU


@dataclass
class Found:
    """What one share, or all of them, showed."""

    inputs: int = 0
    slowest: float = 0.0
    findings: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        self.inputs += other.inputs
        self.slowest = max(self.slowest, other.slowest)
        self.findings += other.findings
        self.slow += other.slow


def main() -> int:
    made = parser(__doc__)
    made.add_argument("parsers", nargs="+", choices=["all", *PARSERS])
    made.add_argument("--inputs", type=int, default=1_000_000)
    made.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = made.parse_args()
    names = list(PARSERS) if "all" in options.parsers else options.parsers
    rows, violations = [], []
    with multiprocessing.get_context("forkserver").Pool(options.processes, _be_quiet) as pool:
        for name in names:
            found, began, progress = Found(), time.monotonic(), Progress(name, options.inputs)
            for share in pool.imap_unordered(feed_share, shares(name, options.inputs, options.seed)):
                found.add(share)
                progress.step(share.inputs)
            took = time.monotonic() - began
            rows.append({
                "parser": name, "inputs": found.inputs, "findings": len(found.findings),
                "slowest": f"{1000 * found.slowest:.0f} ms", "seconds": f"{took:.0f}",
            })  # fmt: skip
            violations += [f"{name}: {words}" for words in (*found.findings[:20], *found.slow[:20])]
    return show(f"fuzz, seed {options.seed}", rows, violations, options.json)


def shares(name: str, inputs: int, seed: int) -> Iterator[tuple[str, int, str]]:
    """Each parser's inputs in shares: name, how many, and the seed of each."""
    for number in itertools.count():
        left = inputs - number * _SHARE
        if left <= 0:
            return
        yield name, min(left, _SHARE), f"{seed}/{name}/{number}"


def _be_quiet() -> None:
    logs.configure(Path(os.devnull))


def feed_share(share: tuple[str, int, str]) -> Found:
    name, inputs, seed = share
    return feed(name, inputs, random.Random(seed))


def feed(name: str, inputs: int, dice: random.Random) -> Found:
    """Read ``inputs`` inputs drawn by ``dice``."""
    chosen, found = PARSERS[name], Found()
    pieces: Any = LETTERS if isinstance(chosen.seeds[0], str) else BYTES
    draw: Mutator[Any] = Mutator(chosen.seeds, pieces, dice)
    for _ in range(inputs):
        given = draw()
        began = time.process_time()
        try:
            chosen.check(given)
        except Exception as problem:  # noqa: BLE001  # whatever it is, it is a finding
            found.findings.append(f"{_where(problem)} of {given[:300]!r}")
        took = time.process_time() - began
        found.inputs += 1
        found.slowest = max(found.slowest, took)
        if took > _SLOW:
            found.slow.append(f"{took:.1f} s for {len(given)} of {given[:300]!r}")
    return found


def _where(problem: Exception) -> str:
    frame = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{type(problem).__name__}: {str(problem)[:200]} ({frame.filename.rpartition('/')[2]}:{frame.lineno})"


if __name__ == "__main__":
    raise SystemExit(main())
