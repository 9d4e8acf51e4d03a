"""What a run says: a line a result, a line a goal, one JSON document; and what moved since an earlier one."""

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from app.settings import ROOT
from bench.goals import GOALS
from bench.measure import Result, Take, ratios

VERSION = 1
_MOVED = 0.10


@dataclass(slots=True)
class Found:
    """What one bench found: results, each with its floor where it has one; what was counted once; goals' values."""

    bench: str
    results: list[Result] = field(default_factory=list)
    floors: dict[str, str] = field(default_factory=dict)  # result's name -> its floor's
    counts: dict[str, float] = field(default_factory=dict)
    goals: dict[str, float] = field(default_factory=dict)
    bests: dict[str, float] = field(default_factory=dict)  # of goals by the clock: their best repeat

    def add(self, results: Mapping[str, Result], floor: str = "") -> None:
        self.results += results.values()
        self.floors |= {name: floor for name in results if floor and name != floor}

    def clocked(self, goal: str, of: Result, to: Result, what: Callable[[Take], float]) -> None:
        """A goal by the clock, which whatever else the machine does disturbs: it is missed when the median of the
        repeats and the best of them miss it (the noise rule of PERFORMANCE.md section 7)."""
        found = ratios(of, to, what)
        self.goals[goal] = median(found)
        self.bests[goal] = max(found) if GOALS[goal].is_least else min(found)

    def holds(self, goal: str) -> bool:
        found = (self.goals[goal], self.bests.get(goal, self.goals[goal]))
        return any(map(GOALS[goal].holds, found))

    @property
    def missed(self) -> list[str]:
        return [name for name in self.goals if not self.holds(name)]


def lines(found: Found) -> Iterable[str]:
    """For people: result by result, then goal by goal, ok or MISS."""
    by_name = {each.name: each for each in found.results}
    yield f"\n{found.bench}"
    for each in found.results:
        rates = [take.rate for take in each.takes]
        floor = by_name.get(found.floors.get(each.name, ""))
        beside = f", {floor.cpu_us / each.cpu_us:.2f} of {floor.name}'s CPU" if floor else ""
        yield (
            f"  {each.name:44s} {each.rate:>12,.0f} {each.unit}/s ({min(rates):,.0f}..{max(rates):,.0f})"
            f" {each.cpu_us:>10,.1f} us CPU each{beside}"
        )
    for name, value in found.counts.items():
        yield f"  {name:44s} {value:>12,.2f}"
    for name, value in found.goals.items():
        goal = GOALS[name]
        verdict = "MISS" if not found.holds(name) else "ok, aim met" if goal.is_aimed(value) else "ok"
        if name in found.bests:
            verdict += f", best repeat {found.bests[name]:.3f}"
        sign = ">=" if goal.is_least else "<="
        was = "" if goal.corrected is None else f"once {goal.must:g}, "
        yield f"  {name:10s} {goal.words:70s} {value:>10.3f} {sign} {goal.bar:g} ({was}aim {goal.aim:g})  {verdict}"


def document(found: Sequence[Found], params: Mapping[str, Any], database: str) -> dict[str, Any]:
    """The run as JSON, section 8 of PERFORMANCE.md."""
    return {
        "version": VERSION,
        "revision": _revision(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "db": database,
            "load": [round(each, 2) for each in os.getloadavg()],
            "python_loop_ns": _loop_ns(),
        },
        "params": dict(params),
        "benches": [_bench(each) for each in found],
        "ok": not any(each.missed for each in found),
    }


def moved(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """What cost or counts differ by more than a tenth from an earlier document of the same size."""
    if now["params"]["size"] != before["params"]["size"]:
        return [f"the baseline is of size {before['params']['size']}: not compared"]
    old, new = _figures(before), _figures(now)
    return [
        f"{name}: {old[name]:,.2f} -> {value:,.2f} ({value / old[name] - 1:+.0%})"
        for name, value in new.items()
        if old.get(name) and abs(value / old[name] - 1) > _MOVED
    ]


def _bench(found: Found) -> dict[str, Any]:
    return {
        "bench": found.bench,
        "results": [_result(each, found.floors.get(each.name, "")) for each in found.results],
        "counts": found.counts,
        "goals": [
            {
                "id": name,
                "value": round(value, 4),
                "op": ">=" if GOALS[name].is_least else "<=",
                "must": GOALS[name].must,
                "corrected": GOALS[name].corrected,
                "aim": GOALS[name].aim,
                "best": found.bests.get(name),
                "ok": found.holds(name),
            }
            for name, value in found.goals.items()
        ],
    }


def _result(result: Result, floor: str) -> dict[str, Any]:
    rates = [take.rate for take in result.takes]
    client = [take.client_cpu / take.n * 1e6 for take in result.takes]
    counted = {name: result.count(name) for name in result.takes[0].counts}
    return {
        "name": result.name, "unit": f"{result.unit}/s", "repeats": len(rates), "n": result.takes[0].n,
        "median": round(result.rate, 1), "min": round(min(rates), 1), "max": round(max(rates), 1),
        "cpu_us_each": round(result.cpu_us, 2), "client_us": round(sorted(client)[len(client) // 2], 2),
        "floor": floor, "counts": counted,
    }  # fmt: skip


def _figures(written: Mapping[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for bench in written["benches"]:
        for result in bench["results"]:
            found[f"{bench['bench']}, {result['name']}, CPU us each"] = result["cpu_us_each"]
            found |= {f"{bench['bench']}, {result['name']}, {name}": value for name, value in result["counts"].items()}
        found |= {f"{bench['bench']}, {name}": value for name, value in bench["counts"].items()}
    return found


def _revision() -> str:
    said = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return said.stdout.strip()


def _loop_ns() -> float:
    """How fast this machine is today: one turn of an empty loop."""
    began = time.perf_counter()
    for _ in range(1_000_000):
        pass
    return round((time.perf_counter() - began) * 1000, 1)


def read(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(file.read_text())
    return loaded
