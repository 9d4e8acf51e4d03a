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
from tests.faults.carry import carry_on
from tests.faults.count import settled
from tests.faults.showing import Progress, harness, show
from tests.faults.sink import Manners
from tests.faults.stage import WAITS, Stage, database, options_of, roles_of, staged
from tests.faults.stock import due_now

_LEASE = float(WAITS["LIMIT_LEASE_SECONDS"])
_STANDSTILL = 120.0  # seconds without a mail: nothing will come any more


def main() -> int:
    made = options_of(__doc__, mailboxes=20_000)
    made.add_argument("--kills", type=int, default=1000)
    made.add_argument("--freezes", type=int, default=20)
    options = made.parse_args()
    with harness():
        row, violations = run(options)
    title = f"{options.mailboxes} digests on {options.database}, killed at random"
    return show(title, [{"what": name, "came to": value} for name, value in row.items()], violations, options.json)


def run(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """One run: the figures by their names, and what was broken."""
    habits = [due_now(clock.now(), Cadence.WEEKLY)] * options.mailboxes
    roles, manners = roles_of(options), Manners(seed=options.seed)
    with database(options.database) as url, staged(url, habits, roles, manners) as stage:
        _torment(stage, options)
        found, figures = settled(stage, hasty=options.hasty)
        killed, frozen = stage.fleet.killed, stage.fleet.frozen
        held, carried = carry_on(stage)
    row = {"processes": ", ".join(roles), "killed": killed, "frozen": frozen, **figures}
    row["held, mailed in the next window"] = f"{carried} of {held}"
    violations = found.violations()
    if killed < options.kills:
        violations.append(f"only {killed} kills: the mails stood still")
    if carried < held:
        violations.append(f"{held - carried} held windows were not carried by the next")
    return row, violations


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
