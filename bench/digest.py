"""The digest run: what is due is claimed, composed, rendered, put on record and handed over (goals B1 to B3, B5 to B9).

Ours are the jobs of ``flask work`` with everything on: the look at the books, eligibility, frozen lines, attempts, the
gate, row-level security. Every mailbox had a digest a week ago, owes 8 vendors 20 invoices, and gets its next one.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from app import clock
from bench import stock
from bench.floors import digest as floor
from bench.ground import Ground, Size
from bench.measure import Contender, Meter, race, ratio
from bench.report import Found
from bench.sending import UNUSUAL, Helper, helpers
from bench.sink import Sink, open_sink
from bench.stock import Stock

_UNIT = "digests"
_FLOOR_BATCH = 100


def run(ground: Ground, size: Size, repeats: int, against: Sequence[str]) -> Found:  # noqa: ARG001 - peers next
    found = Found("digest")
    with ground.scratch() as url, open_sink(ground.folder) as sink:
        town = Town(ground, url, size.due)
        _workers_and_floor(found, town, sink, repeats)
    return found


@dataclass(frozen=True, slots=True)
class Town:
    """A stocked database; the first ``due`` mailboxes are due whenever a week has passed."""

    ground: Ground
    url: str
    due: int
    invoices: int = 0

    def __post_init__(self) -> None:
        stock.fill(self.owner, Stock.of(self.invoices or 40 * self.due, due=self.due, ahead=5, now=clock.now()))

    @property
    def owner(self) -> str:
        return self.ground.owner_url(self.url)

    @property
    def dsn(self) -> str:
        """For psycopg, as the owner."""
        return make_url(self.owner).set(drivername="postgresql").render_as_string(hide_password=False)

    def week_passes(self) -> None:
        """What was sent since is a week old, what was sent before it is gone, and the same mailboxes are due again."""
        engine, now = create_engine(self.owner, poolclass=NullPool), clock.now()
        with engine.begin() as connection:
            for statement in _WEEK:
                wanted = {"now": now, "then": now - timedelta(days=7)}
                said = text(statement)
                connection.execute(said, {name: each for name, each in wanted.items() if f":{name}" in statement})
        if not self.ground.is_sqlite:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql(f"VACUUM ANALYZE {_MOVING}")
        engine.dispose()


_MOVING = "mailbox, digest, digest_line, outgoing, attempt, mention"
_OLD = "SELECT id FROM digest WHERE \"window\" = 'before'"
_WEEK = (
    f"DELETE FROM attempt WHERE outgoing_id IN (SELECT id FROM outgoing WHERE digest_id IN ({_OLD}))",
    f"DELETE FROM outgoing WHERE digest_id IN ({_OLD})",
    f"DELETE FROM digest_line WHERE digest_id IN ({_OLD})",
    "DELETE FROM digest WHERE \"window\" = 'before'",
    "UPDATE digest SET \"window\" = 'before', due_at = :then, created_at = :then, accepted_at = :then",
    "UPDATE outgoing SET dedupe_key = 'before:' || digest_id, created_at = :then, due_at = :then, finished_at = :then",
    "UPDATE attempt SET started_at = :then, finished_at = :then",
    "UPDATE mention SET count = 1, last_at = :then",
    "UPDATE mailbox SET last_digest_at = :then, next_digest_at = :now WHERE last_digest_at IS NOT NULL",
    "UPDATE connection SET as_of = :now",
)


def _environment(town: Town, sink: Sink) -> dict[str, str]:
    """Of a worker that sends there."""
    return os.environ | UNUSUAL | {
        "DATABASE_URL": town.url,
        "SHEAF_INSTANCE": str(town.ground.folder / "instance"),
        "LOG_FILE": os.devnull,
        "MAIL_CHANNEL": "sendgrid",
        "SENDGRID_API_HOST": sink.url,
        "SENDGRID_API_KEY": "SG.not-a-key",
        "SSL_CERT_FILE": str(sink.certificate or ""),
    }  # fmt: skip


def _together(several: Sequence[Helper], sink: Sink, due: int) -> tuple[int, Mapping[str, float]]:
    """One run of all of them at once. Raises RuntimeError unless each mailbox got exactly one mail."""
    sink.reset()
    for each in several:
        each.begin()
    for each in several:
        each.end()
    counts = sink.counts()
    if counts["mails"] != due or counts["twice"]:
        raise RuntimeError(f"{due} were due, and the sink counts {counts}")
    return due, {"connections": counts["connections"], "bytes": counts["bytes"] / due}


def _contender(
    name: str, town: Town, sink: Sink, several: Sequence[Helper], prepare: Callable[[], object]
) -> Contender:
    return Contender(name, lambda: _together(several, sink, town.due), prepare)


def _workers_and_floor(found: Found, town: Town, sink: Sink, repeats: int) -> None:
    """B1 and B3."""
    environment = _environment(town, sink)
    with helpers("bench.sending", [environment] * 2) as ours:

        def again() -> None:
            town.week_passes()

        _together(ours, sink, town.due)  # the digests of a week ago
        contenders = [
            _contender("1 worker", town, sink, ours[:1], again),
            _contender("2 workers", town, sink, ours, again),
        ]
        processes = [*ours]
        if town.ground.is_sqlite:
            results = race(contenders, repeats, _meter(town, processes), _UNIT)
            found.add(results)
        else:
            words = (town.dsn, sink.url, str(_FLOOR_BATCH))
            with helpers("bench.floors.digest", [os.environ], *words) as floors:

                def floor_again() -> None:
                    town.week_passes()
                    floor.prepare(town.dsn)

                contenders.append(_contender("floor", town, sink, floors, floor_again))
                results = race(contenders, repeats, _meter(town, [*ours, *floors]), _UNIT)
                found.add(results, "floor")
                found.goals["B1"] = ratio(results["1 worker"], results["floor"], lambda take: take.rate)
        found.goals["B3"] = ratio(results["2 workers"], results["1 worker"], lambda take: take.rate)


def _meter(town: Town, processes: Sequence[Helper]) -> Meter:
    return Meter(town.url, lambda: [each.pid for each in processes])
