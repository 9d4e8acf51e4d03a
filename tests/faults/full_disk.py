"""The disk runs full while digests go out and events come in: what was acknowledged is there, nothing goes out twice.

    python -m tests.faults.full_disk [--mailboxes N] [--times N] [--seed N]

On SQLite, where the disk is the database. Again and again no file of our processes may grow any more (a limit of the
system on them, RLIMIT_FSIZE): every write fails in the middle of whatever it was. Then there is room again.
"""

import argparse
import random
import resource
import sys
import time
from typing import Any

from app import clock
from app.models import Cadence
from tests.faults.count import settled
from tests.faults.showing import Progress, harness, show
from tests.faults.sink import Manners
from tests.faults.stage import Stage, database, options_of, roles_of, staged
from tests.faults.stock import due_now

_UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
_FULL_FOR = 3.0


def main() -> int:
    made = options_of(__doc__, mailboxes=3000, workers=2, database="sqlite")
    made.add_argument("--times", type=int, default=10)
    options = made.parse_args()
    with harness():
        row, violations = run(options)
    title = f"{options.mailboxes} digests on SQLite, the disk full {options.times} times"
    return show(title, [{"what": name, "came to": value} for name, value in row.items()], violations, options.json)


def run(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """One run: the figures by their names, and what was broken."""
    habits = [due_now(clock.now(), Cadence.WEEKLY)] * options.mailboxes
    manners = Manners(seed=options.seed)
    with database(options.database) as url, staged(url, habits, roles_of(options), manners) as stage:
        times = _fill(stage, options)
        found, figures = settled(stage, hasty=options.hasty)
        row = {"disk full": f"{times} times, {_FULL_FOR:.0f} s each", **figures}
        log = (stage.house.settings.instance / "processes.log").read_text().splitlines()
    row |= {"failures in the log": sum("disk" in line for line in log)}
    row |= {name: stage.sink.tally.get(name, 0) for name in ("events acknowledged", "posts tried again")}
    violations = found.violations()
    # A page that cannot write answers 503 and logs nothing, and senders may have been done before: either will do.
    if not (row["failures in the log"] or row["posts tried again"]):
        violations.append("no write failed: the disk was never full")
    return row, violations


def _fill(stage: Stage, options: argparse.Namespace) -> int:
    """Take the room away at numbers of mails drawn beforehand; returns how often."""
    dice, progress = random.Random(options.seed), Progress("disk full", options.times)
    moments = sorted(dice.sample(range(options.mailboxes * 3 // 4), options.times))
    ends = time.monotonic() + 60 + options.mailboxes / 5
    for moment in moments:
        while len(stage.sink.taken()) < moment and time.monotonic() < ends:
            time.sleep(0.05)
        _limit(stage, (1, resource.RLIM_INFINITY))
        time.sleep(_FULL_FOR)
        _limit(stage, _UNLIMITED)
        progress.step()
    return len(moments)


def _limit(stage: Stage, limits: tuple[int, int]) -> None:
    """How long a file these processes write to may be or become; a write beyond fails, as where no room is left."""
    for process in stage.fleet.running:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)


if __name__ == "__main__":
    sys.exit(main())
