"""PostgreSQL cut off again and again, then lost for good and replaced by its standby, while digests go out.

    python -m tests.faults.failover [--mailboxes N] [--restarts N] [--seconds-between N] [--seed N]

Two runs, both with everything durable. In the first the server is restarted at once (`pg_ctl -m immediate`: as after a
power cut), again and again. In the second every commit waits for a standby; in the middle the first server dies and the
standby is promoted; the senders' URL names both. Measured from the sink's arrivals: how long until mails leave as fast
as before.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from app import clock
from app.models import Cadence
from tests.faults.cluster import Pair, pair
from tests.faults.count import settled
from tests.faults.showing import Progress, harness, show
from tests.faults.sink import Manners
from tests.faults.stage import Stage, options_of, roles_of, staged
from tests.faults.stock import due_now

_FULL = 0.8  # of the rate before the cut, over so many seconds
_OVER = 3.0
_BACK_WITHIN = 30.0


def main() -> int:
    made = options_of(__doc__, mailboxes=10_000, database="postgresql")
    made.add_argument("--restarts", type=int, default=20)
    made.add_argument("--seconds-between", type=float, default=10.0)
    options = made.parse_args()
    with harness():
        restarted = run(options, restart_often, with_standby=False)
        replaced = run(options, fail_over_once, with_standby=True)
    names = list(restarted[0])
    table = [{"what": name, "restarts": restarted[0][name], "failover": replaced[0][name]} for name in names]
    title = f"{options.mailboxes} digests, PostgreSQL {options.restarts} times restarted at once; then lost for good"
    return show(title, table, [*restarted[1], *replaced[1]], options.json)


Cuts = list[tuple[float, float]]  # when the database went away and when it was back, by the wall clock


def run(
    options: argparse.Namespace, cut: Callable[[Pair, Stage, argparse.Namespace], Cuts], *, with_standby: bool
) -> tuple[dict[str, Any], list[str]]:
    habits = [due_now(clock.now(), Cadence.WEEKLY)] * options.mailboxes
    manners = Manners(seed=options.seed)
    with (
        pair(with_standby=with_standby) as servers,
        staged(servers.url, habits, roles_of(options), manners) as stage,
    ):
        cuts = cut(servers, stage, options)
        found, figures = settled(stage, hasty=options.hasty)
        times = sorted(line.at for line in stage.sink.taken())
    gaps = [recovery(times, *each) for each in cuts]
    known = [gap for gap in gaps if gap is not None]
    row = {"cuts": len(cuts), **figures}
    row["database away (median, longest)"] = _spread([back - gone for gone, back in cuts])
    row["until full rate again (median, longest)"] = _spread(known)
    violations = found.violations()
    late = [gap for gap in known if gap > _BACK_WITHIN]
    violations += [f"full rate only after {gap:.0f} s" for gap in late]
    if not known:
        violations.append("the mails were out too soon: no cut could be measured")
    return row, violations


def recovery(times: Sequence[float], gone: float, back: float) -> float | None:
    """Seconds from the cut until the rate was as before; None when the mails were all out before that."""
    before = sum(gone - 3 * _OVER <= at < gone for at in times) / (3 * _OVER)
    start = back
    while start + _OVER <= times[-1]:
        if sum(start <= at < start + _OVER for at in times) / _OVER >= _FULL * before:
            return start - gone
        start += 0.25
    return None


def _spread(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.1f} s, {max(seconds):.1f} s" if seconds else "-"


def restart_often(servers: Pair, stage: Stage, options: argparse.Namespace) -> Cuts:
    dice, cuts = random.Random(options.seed), []
    progress = Progress("restarted", options.restarts)
    time.sleep(options.seconds_between)
    for _ in range(options.restarts):
        gone = time.time()
        servers.first.restart()
        cuts.append((gone, time.time()))
        progress.step()
        time.sleep(options.seconds_between * dice.uniform(0.7, 1.3))
    return cuts


def fail_over_once(servers: Pair, stage: Stage, options: argparse.Namespace) -> Cuts:
    while len(stage.sink.taken()) < options.mailboxes // 3:
        time.sleep(0.1)
    gone = time.time()
    servers.fail_over()
    return [(gone, time.time())]


if __name__ == "__main__":
    sys.exit(main())
