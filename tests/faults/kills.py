"""Senders killed at random while mails are in the air: every window one mail, none two, whoever dies when.

    python -m tests.faults.kills [--database postgresql|sqlite] [--mailboxes N] [--kills N] [--workers N] [--seed N]

The product as it runs in production, each part its own process: the pages with the events' webhook, and worker
processes (on SQLite one process that does both, and workers beside it). Again and again one of them, drawn by dice, is
ended by kill -9 and replaced; some are frozen instead until their lease has long run out, and then go on.
"""

import argparse
import random
import sys
import time
from typing import Any

from app import clock
from app.models import Cadence
from tests.faults.count import Count, count
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.sink import Manners
from tests.faults.stage import WAITS, Stage, database, staged
from tests.faults.stock import due_now

_LEASE = float(WAITS["LIMIT_LEASE_SECONDS"])
_STANDSTILL = 120.0  # seconds without a mail: nothing will come any more


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    made.add_argument("--mailboxes", type=int, default=20_000)
    made.add_argument("--kills", type=int, default=1000)
    made.add_argument("--freezes", type=int, default=20)
    made.add_argument("--workers", type=int, default=4)
    options = made.parse_args()
    with harness():
        row, violations = run(options)
    title = f"{options.mailboxes} digests on {options.database}, killed at random"
    return show(title, [{"what": name, "came to": value} for name, value in row.items()], violations, options.json)


def run(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """One run: the figures by their names, and what was broken."""
    web = "web-and-worker" if options.database == "sqlite" else "web"
    roles = [web, *["worker"] * options.workers]
    habits = [due_now(clock.now(), Cadence.WEEKLY)] * options.mailboxes
    manners = Manners(seed=options.seed)
    with database(options.database) as url, staged(url, habits, roles, manners) as stage:
        began = time.monotonic()
        _torment(stage, options)
        is_quiet = stage.wait_for_quiet(45, at_most=900)
        seconds = time.monotonic() - began
        found = count(stage.house, stage.sink, stage.addresses)
        row = {"processes": ", ".join(roles), "killed": stage.fleet.killed, "frozen": stage.fleet.frozen}
        row |= figures(found, stage, seconds)
    violations = found.violations()
    if stage.fleet.killed < options.kills:
        violations.append(f"only {stage.fleet.killed} kills: the mails were out too soon, or stood still")
    if found.held_and_taken:
        violations.append(f"{found.held_and_taken} windows are held though an event named their mail")
    if not is_quiet:
        violations.append("it did not come to rest")
    return row, violations


def figures(found: Count, stage: Stage, seconds: float) -> dict[str, Any]:
    """What every run of senders tells."""
    times = sorted(line.at for line in stage.sink.taken()) or [0.0]
    lasted = times[-1] - times[0]
    return {
        "windows due": len(stage.addresses),
        "mails in the sink": found.mails,
        "windows with two": len(found.doubled),
        "windows lost": len(found.lost),
        "windows ended": _words(found.outcomes),
        "attempts": _words(found.attempts),
        "first to last mail": f"{lasted:.0f} s, {found.mails / max(lasted, 1):.0f} mails/s",
        "until all was settled": f"{seconds:.0f} s",
    }


def _words(tally: Any) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(tally.items()))


def _torment(stage: Stage, options: argparse.Namespace) -> None:
    """Kills spread evenly over the mails: each falls at a number of mails drawn beforehand."""
    dice = random.Random(options.seed)
    moments = sorted(dice.choices(range(options.mailboxes * 9 // 10), k=options.kills))
    freezes = set(dice.sample(range(options.kills), min(options.freezes, options.kills)))
    progress = Progress("killed", options.kills)
    last, since = 0, time.monotonic()
    for number, moment in enumerate(moments):
        while (taken := len(stage.sink.taken())) < moment:
            if taken != last:
                last, since = taken, time.monotonic()
            if time.monotonic() - since > _STANDSTILL:
                return
            time.sleep(0.02)
        if number in freezes:
            stage.fleet.freeze(dice.randrange(1, len(stage.fleet.running)), 1.5 * _LEASE)
        stage.fleet.kill(dice.randrange(len(stage.fleet.running)))
        progress.step()


if __name__ == "__main__":
    sys.exit(main())
