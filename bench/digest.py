"""The digest run: what is due is claimed, composed, rendered, put on record and handed over (goals B1 to B3, B5 to B9).

Ours are the jobs of ``flask work`` with everything on: the look at the books, eligibility, frozen lines, attempts, the
gate, row-level security. Every mailbox had a digest a week ago, owes 8 vendors 20 invoices, and gets its next one.
"""

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from app.scope import Everything
from bench import posting
from bench.floors import digest as floor
from bench.ground import Ground, Size
from bench.measure import Contender, Meter, Take, race
from bench.report import Found
from bench.sending import Helper, environment_of, helpers, together
from bench.sink import Sink, open_sink
from bench.town import Town
from digest.channels.base import THREADS
from digest.deliver import deliver_batch
from digest.plan import plan_batch
from digest.schedule import claim
from tests.support.sinks import MemoryChannel
from tests.support.statements import statements

_UNIT = "digests"
_FLOOR_BATCH = 100
_LATENCY = 0.08
_MIDDLING = 400_000  # open invoices of 20,000 mailboxes
_WORKER = Everything("a bench claims as the planner does")


def run(ground: Ground, size: Size, repeats: int, against: Sequence[str]) -> Found:
    found = Found("digest")
    with ground.scratch() as url, open_sink(ground.folder) as sink:
        town = Town(ground, url, size.due)
        _workers_and_floor(found, town, sink, repeats)
        _statements(found, town)
    _slow_service(found, ground, min(size.due, 2_000))
    _small_and_large(found, ground, size, repeats)
    if "post_office" in against:
        posting.race_peer(found, ground, repeats)
    return found


def _workers_and_floor(found: Found, town: Town, sink: Sink, repeats: int) -> None:
    """B1 and B3."""
    with ExitStack() as stack:
        ours = stack.enter_context(helpers("bench.sending", [environment_of(town, sink)] * 2))
        together(ours, sink, town.due)  # the digests of a week ago
        contenders = [
            Contender("1 worker", lambda: together(ours[:1], sink, town.due), town.week_passes),
            Contender("2 workers", lambda: together(ours, sink, town.due), town.week_passes),
        ]
        floors: list[Helper] = []
        if not town.ground.is_sqlite:
            words = (town.dsn, sink.url, str(_FLOOR_BATCH))
            floors = stack.enter_context(helpers("bench.floors.digest", [os.environ], *words))
            contenders.append(Contender("floor", lambda: together(floors, sink, town.due), lambda: _floor_again(town)))
        results = race(contenders, repeats, _meter(town, [*ours, *floors]), _UNIT)
        found.add(results, "floor" if floors else "")
        found.clocked("B3", results["2 workers"], results["1 worker"], _rate)
        if floors:
            found.clocked("B1", results["1 worker"], results["floor"], _rate)
        found.counts["peak memory of a worker, MB"] = max(each.peak_memory() for each in ours)


def _floor_again(town: Town) -> None:
    town.week_passes()
    floor.prepare(town.dsn)


def _rate(take: Take) -> float:
    return take.rate


def _statements(found: Found, town: Town) -> None:
    """B7: what SQLAlchemy is asked for a batch; not what begins and ends transactions."""
    channel = MemoryChannel()
    with town.house() as house:
        planned, carried = [], []
        for size in (10, 500):
            town.week_passes()
            with statements(house.database) as said:
                plan_batch(house, limit=min(size, town.due))
            planned.append(len([each for each in said if "new_digest_line" not in each or "SELECT" in each]))
            with statements(house.database) as said:
                deliver_batch(house, channel, limit=min(size, 128))
            carried.append(len(said))
            while plan_batch(house) or deliver_batch(house, channel):
                pass
    found.goals["B7"] = max(planned)
    found.goals["B7-equal"] = planned[1] - planned[0]
    found.counts["statements to hand over a batch of 10"], found.counts["of 128"] = carried


def _slow_service(found: Found, ground: Ground, due: int) -> None:
    """B6: every answer takes 80 ms, over TLS."""
    with ground.scratch() as url, open_sink(ground.folder, seconds=_LATENCY, tls=True) as sink:
        town = Town(ground, url, due)
        with helpers("bench.sending", [environment_of(town, sink)]) as ours, town.house() as house:
            while plan_batch(house):  # so that only what is handed over is timed
                pass
            take = _meter(town, ours).take(Contender("a slow service", lambda: together(ours, sink, due)))
        connections = take.counts["connections"]
    found.counts["80 ms over TLS: digests/s"] = take.rate
    found.goals["B6-rate"] = take.rate / (THREADS / _LATENCY)
    found.goals["B6-lines"] = connections - THREADS


def _small_and_large(found: Found, ground: Ground, size: Size, repeats: int) -> None:
    """B5 and B9: the same number is due among few and among many. Claiming is held against a middling number: among the
    least everybody is due, and lies side by side."""
    middling = min(_MIDDLING, size.large // 4)
    due, cost, claimed = min(size.due, size.small // 20), {}, {}
    with open_sink(ground.folder) as sink:
        for open_invoices in sorted({size.small, middling, size.large}):
            name = f"{due:,} due, {open_invoices:,} open invoices"
            with ground.scratch() as url:
                town = Town(ground, url, due, open_invoices)
                with helpers("bench.sending", [environment_of(town, sink)]) as ours:
                    together(ours, sink, due)
                    work = Contender(name, partial(together, ours, sink, due), town.week_passes)
                    results = race([work], repeats, _meter(town, ours), _UNIT)
                found.add(results)
                cost[open_invoices], claimed[open_invoices] = results[name], _claiming(town)
    found.goals["B5"] = cost[size.large].cpu_us / cost[size.small].cpu_us
    found.goals["B9-share"] = claimed[size.large] * cost[size.large].rate * 100
    found.goals["B9-flat"] = claimed[middling] / claimed[size.large]


def _claiming(town: Town) -> float:
    """Seconds it takes to find and claim one mailbox that is due, in batches; the best of three."""
    found = []
    with town.house() as house:
        for _ in range(3):
            town.week_passes()
            began, done = time.perf_counter(), 0
            while done < town.due:
                with house.database.transaction(_WORKER) as session:
                    done += len(claim(session.connection(), house, house.limits.batch_mailboxes).boxes)
            found.append((time.perf_counter() - began) / town.due)
            town.let_go()
    return min(found)


def _meter(town: Town, processes: Sequence[Helper]) -> Meter:
    return Meter(town.url, lambda: [each.pid for each in processes])
