"""Time and CPU of one piece of work, and two of them in turn: A B A B, so that a loud hour hits both."""

import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Take:
    """One repeat: ``n`` units in ``seconds``, with the CPU seconds of us (and our children) and of the database."""

    n: int
    seconds: float
    client_cpu: float
    database_cpu: float = 0.0
    counts: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return self.n / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU for each unit, client and database together."""
        return (self.client_cpu + self.database_cpu) / self.n * 1e6


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the work. ``run`` does it and returns how many units it did, or those and what it counted;
    ``prepare`` comes before each repeat and is not measured."""

    name: str
    run: Callable[[], int | tuple[int, Mapping[str, float]]]
    prepare: Callable[[], object] = lambda: None


@dataclass(frozen=True, slots=True)
class Result:
    """All repeats of one contender."""

    name: str
    unit: str
    takes: Sequence[Take]

    @property
    def rate(self) -> float:
        return statistics.median(take.rate for take in self.takes)

    @property
    def best(self) -> float:
        return max(take.rate for take in self.takes)

    @property
    def cpu_us(self) -> float:
        return statistics.median(take.cpu_us for take in self.takes)

    def count(self, name: str) -> float:
        """The median of what was counted under that name."""
        return statistics.median(take.counts[name] for take in self.takes)


class Meter:
    """The clocks of one bench: wall, our own CPU with that of ``pids`` (servers and workers, never sinks), and the
    CPU of the PostgreSQL server at ``database`` where it runs on this machine."""

    def __init__(self, database: str = "", pids: Callable[[], Sequence[int]] = tuple) -> None:
        self._server = _postmaster(database) if database.startswith("postgresql") else 0
        self._pids = pids

    def take(self, contender: Contender) -> Take:
        contender.prepare()
        before = self._now()
        done = contender.run()
        after = self._now()
        n, counts = done if isinstance(done, tuple) else (done, {})
        seconds, client, database = (b - a for a, b in zip(before, after, strict=True))
        return Take(n, seconds, client, database, counts)

    def _now(self) -> tuple[float, float, float]:
        own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        client = sum(one.ru_utime + one.ru_stime for one in own) + sum(map(process_cpu, self._pids()))
        return time.perf_counter(), client, family_cpu(self._server) if self._server else 0.0


def race(
    contenders: Sequence[Contender], repeats: int, meter: Meter, unit: str, said: Callable[[str], object] | None = None
) -> dict[str, Result]:
    """Every contender ``repeats`` times, in an order drawn anew for each round; ``said`` hears of progress."""
    said = said or progress
    takes: dict[str, list[Take]] = {each.name: [] for each in contenders}
    dice = random.Random(len(contenders))
    for round_ in range(repeats):
        for each in dice.sample(contenders, len(contenders)):
            take = meter.take(each)
            takes[each.name].append(take)
            said(f"  {each.name}, {round_ + 1} of {repeats}: {take.rate:,.0f} {unit}/s, {take.cpu_us:,.1f} us CPU each")
    return {name: Result(name, unit, tuple(each)) for name, each in takes.items()}


def progress(words: str) -> None:
    """For whoever waits; the results go to the standard output."""
    print(words, file=sys.stderr, flush=True)


def counted(name: str) -> Callable[[Take], float]:
    """What a take counted under that name, for a ratio of it."""
    return lambda take: take.counts[name]


def ratio(of: Result, to: Result, what: Callable[[Take], float]) -> float:
    """The median of the paired ratios."""
    return statistics.median(ratios(of, to, what))


def ratios(of: Result, to: Result, what: Callable[[Take], float]) -> list[float]:
    """Repeat by repeat."""
    return [what(one) / what(other) for one, other in zip(of.takes, to.takes, strict=True)]


def cpu_ratio(ours: Result, floor: Result) -> float:
    """CPU of the floor over ours: 1 is as good as the floor, 0.5 costs twice as much."""
    return floor.cpu_us / ours.cpu_us


def process_peak_mb(pid: int) -> float:
    """The most memory a living process has ever held."""
    return _status("VmHWM", str(pid)) / 1024


def _status(name: str, pid: str = "self") -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


# --- CPU of other processes -----------------------------------------------------------------------------------------


def process_cpu(pid: int) -> float:
    """CPU seconds of a living process; 0 when it is gone."""
    found = _stat(pid)
    return (int(found[11]) + int(found[12])) / _TICK if found else 0.0


def family_cpu(pid: int) -> float:
    """CPU seconds of a process and its children, living or waited for."""
    own = _stat(pid)
    total = sum(map(int, own[11:15])) if own else 0
    for entry in Path("/proc").iterdir():
        found = _stat(int(entry.name)) if entry.name.isdigit() else []
        if found and found[1] == str(pid):
            total += int(found[11]) + int(found[12])
    return total / _TICK


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the name: state, parent's pid, ..."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _postmaster(database: str) -> int:
    """The process every backend of that server is a child of; 0 when it runs elsewhere."""
    with psycopg.connect(database.replace("+psycopg", "")) as connection:
        row: Any = connection.execute("SELECT pg_backend_pid()").fetchone()
        found = _stat(row[0])
    return int(found[1]) if found else 0
