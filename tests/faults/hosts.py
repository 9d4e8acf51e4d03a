"""Workers on four hosts over one database with a standby: every due mailbox in the sink once, whoever dies.

    python -m tests.faults.hosts [--mailboxes N] [--pooled] [--seed N]

The hosts are network namespaces of this machine, made and removed by the run: it needs root and Debian's iproute2.
PostgreSQL, each commit of which waits for its standby's disk, the sink and the pages run outside of them. One answer in
fifty is a 503, and when a third of the mails is out one host's worker is ended by kill -9 and replaced. A mail in doubt
to the end, with no later one to prove that events come, is held for the next window (S7): that is played, too.
``--pooled`` puts PgBouncer in transaction mode before the database: all hosts share eight connections (perf-B4).
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from app import clock
from app.models import Cadence
from tests.faults.carry import carry_on
from tests.faults.cluster import Pair, pair
from tests.faults.count import settled, tally_words
from tests.faults.network import Network, network, refusal
from tests.faults.showing import harness, show
from tests.faults.sink import Manners
from tests.faults.stage import Stage, options_of, staged
from tests.faults.stock import due_now
from tests.support.pooler import pooler
from tests.support.workers import Fleet

_CONNECTIONS = 8  # the pooler's to the server


def main() -> int:
    made = options_of(__doc__, mailboxes=10_000, database="postgresql")
    made.add_argument("--pooled", action="store_true", help="behind PgBouncer in transaction mode")
    options = made.parse_args()
    if why := refusal():
        print(f"cannot run: {why}", file=sys.stderr)
        return 2
    with harness():
        row, violations = run(options)
    title = f"{options.mailboxes} digests by {options.workers} hosts{', behind PgBouncer' if options.pooled else ''}"
    return show(title, [{"what": name, "came to": value} for name, value in row.items()], violations, options.json)


def run(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """One run: the figures by their names, and what was broken."""
    habits = [due_now(clock.now(), Cadence.WEEKLY)] * options.mailboxes
    with ExitStack() as stack:
        net = stack.enter_context(network(options.workers))
        servers = stack.enter_context(pair(with_standby=True, address=net.address))
        url = stack.enter_context(_door(servers, net, is_pooled=options.pooled))
        manners = Manners(faults=0.02, fault="503", address="0.0.0.0", seed=options.seed)
        stage = stack.enter_context(staged(url, habits, ["web"], manners))
        stack.enter_context(net.relayed(stage.sink.port))
        with ExitStack() as hosts:  # they end before the next window is played: theirs is today's clock
            fleets = [hosts.enter_context(_workers(net, host, stage, options)) for host in net.hosts]
            _kill_one(stage, fleets, options)
            found, figures = settled(stage, hasty=options.hasty)
        stage.sink.behave_well()
        held, _ = carry_on(stage)
        mails = Counter(line.to for line in stage.sink.taken())
    row = {"hosts": options.workers, "killed": sum(fleet.killed for fleet in fleets), **figures}
    row["held, for the next window"] = held
    row["answers"] = tally_words(Counter(stage.sink.tally))
    wrong = [address for address in stage.addresses if mails[address] != 1]
    return row, [*found.violations(), *(f"{address} was due and has {mails[address]} mails" for address in wrong)]


@contextmanager
def _door(servers: Pair, net: Network, *, is_pooled: bool) -> Iterator[str]:
    """The URL by which everybody reaches the database."""
    if not is_pooled:
        yield servers.url
        return
    with pooler(servers.first.admin(), connections=_CONNECTIONS, address=net.address) as through:
        yield through(servers.url)


@contextmanager
def _workers(net: Network, host: str, stage: Stage, options: argparse.Namespace) -> Iterator[Fleet]:
    role = "hasty-worker" if options.hasty else "worker"
    fleet = Fleet(
        [role],
        stage.environment,
        inside=net.inside(host),
    )
    try:
        yield fleet
    finally:
        fleet.stop()


def _kill_one(stage: Stage, fleets: Sequence[Fleet], options: argparse.Namespace) -> None:
    ends = time.monotonic() + 300
    while len(stage.sink.taken()) < options.mailboxes // 3 and time.monotonic() < ends:
        time.sleep(0.02)
    fleets[0].kill(0)


if __name__ == "__main__":
    sys.exit(main())
