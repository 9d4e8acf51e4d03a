"""A mail service that answers badly three times in ten: nothing lost, nothing doubled, every doubt listed.

    python -m tests.faults.faulty [--database postgresql|sqlite] [--mailboxes N] [--faults 0.3] [--seed N]

Every way to answer that tests/support/sinks.py knows, mixed by dice: 200, 302, 400, 401, 413, 429 with either way to
name a wait, 500, silence and a cut line, each of the last three before and after the mail was taken. Three times over:
with all delivery events coming in the end (late, twice, out of order), with those of one mail in ten lost for good, and
with none at all. Half of the mailboxes are daily, half weekly: the rule for what stays unknown differs.
"""

import argparse
import sys
import time
from typing import Any

from app import clock
from app.models import Cadence
from tests.faults.carry import carry_on
from tests.faults.count import settled
from tests.faults.postman import Post
from tests.faults.showing import Progress, harness, show
from tests.faults.sink import Manners
from tests.faults.stage import WAITS, Stage, database, options_of, roles_of, staged
from tests.faults.stock import due_now

_WITHIN = 60.0  # seconds in which whatever is unknown must be listed as held
# The lease as in life, because it decides when a doubt is listed. The circuit would save most of the mails from such a
# service; this run measures what becomes of them.
_LIMITS = {**WAITS, "LIMIT_LEASE_SECONDS": "45", "LIMIT_HTTP_SECONDS": "2", "LIMIT_CIRCUIT_STRIKES": "1000"}


def main() -> int:
    made = options_of(__doc__, mailboxes=10_000)
    made.add_argument("--faults", type=float, default=0.3)
    made.add_argument("--lost", type=float, nargs="*", default=[0.0, 0.1, 1.0], help="shares of mails without events")
    options = made.parse_args()
    with harness():
        runs = [run(options, lost) for lost in options.lost]
    names = list(runs[0][0])
    table = [{"what": name, **{f"run {n}": row[name] for n, (row, _) in enumerate(runs, 1)}} for name in names]
    violations = [words for _, broken in runs for words in broken]
    title = f"{options.mailboxes} digests on {options.database}, {options.faults:.0%} of answers bad"
    return show(title, table, violations, options.json)


def run(options: argparse.Namespace, lost: float) -> tuple[dict[str, Any], list[str]]:
    """One run in which the events of a share of the mails never come: figures, and what was broken."""
    habits = [due_now(clock.now(), (Cadence.DAILY, Cadence.WEEKLY)[n % 2]) for n in range(options.mailboxes)]
    manners = Manners(faults=options.faults, seed=options.seed, post=Post(lost=lost))
    with database(options.database) as url, staged(url, habits, roles_of(options), manners, _LIMITS) as stage:
        lifted, oldest = _watch(stage, options.mailboxes)
        found, figures = settled(stage, hasty=options.hasty, lifting=True)
        stage.sink.behave_well()
        held, carried = carry_on(stage)
    tally = stage.sink.tally
    row = {"mails without any event": f"{lost:.0%}", **figures}
    row["held, mailed in the next window"] = f"{carried} of {held}"
    row |= {"held, and out": found.held_and_taken, "longest in doubt and not listed": f"{oldest:.1f} s"}
    row |= {"alarms answered by the operator": lifted}
    row |= {name: tally.get(name, 0) for name in ("events acknowledged", "events sent twice", "forged posts refused")}
    violations = found.violations(events_came=not lost)
    if carried < held:
        violations.append(f"{held - carried} held windows were not carried by the next")
    if oldest > _WITHIN:
        violations.append(f"an attempt was in doubt for {oldest:.0f} s before it was listed")
    if tally.get("forged posts believed"):
        violations.append("a forged event was believed")
    return row, violations


def _watch(stage: Stage, mailboxes: int) -> tuple[int, float]:
    """Until nothing is open: how often the operator let sending go on, and the longest an attempt had no result."""
    progress, lifted, oldest, done = Progress("through", mailboxes), 0, 0.0, 0
    ends = time.monotonic() + 60 + mailboxes / 5
    while time.monotonic() < ends:
        waiting = stage.still_open()
        if not waiting["due"] and not waiting["in the outbox"]:
            break
        lifted += stage.lift_stops()
        oldest = max(oldest, stage.oldest_begun())
        taken = len(stage.sink.taken())
        progress.step(taken - done)
        done = taken
        time.sleep(1)
    return lifted, oldest


if __name__ == "__main__":
    sys.exit(main())
