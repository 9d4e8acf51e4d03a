"""What must not grow with the tables: the desk's queue, a tick of the scheduler, a claim; and how much memory a worker
needs for a run and for an import (goals E).

Each is done at two sizes in turn, warm: on a small database and on a large one, by the product's own functions.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlalchemy import update

import wsgi
from app import clock
from app.desk.threads import Box, QueueSearch, count_waiting, find_threads
from app.house import House
from app.models import Mailbox
from app.scheduler import Job, drain
from app.scope import Everything, VendorScope
from bench.ground import Ground, Size, as_owner
from bench.measure import Contender, Meter, process_peak_mb, race, ratio
from bench.report import Found
from bench.sending import UNUSUAL, helpers
from bench.sink import open_sink
from bench.stock import Stock, fill, key
from digest.schedule import claim, let_go

_WORKER = Everything("a bench claims what is due")
_DUE = 500
_DESKS, _TICKS, _CLAIMS = 200, 10, 10  # as often in one repeat


@dataclass(frozen=True, slots=True)
class Filled:
    """A house over so many open invoices, its jobs, and what it was stocked with."""

    owner: str
    house: House
    jobs: Sequence[Job]
    stock: Stock

    def desks(self) -> int:
        """Vendors in turn look who waits for an answer: the first page of the queue, and how many there are."""
        for number in range(_DESKS):
            vendor, person = key("vendor", number % self.stock.vendors), key("person", 0)
            with self.house.database.reading(VendorScope(vendor, person)) as session:
                find_threads(session, QueueSearch(Box.WAITING, "", vendor, person))
                count_waiting(session)
        return _DESKS

    def ticks(self) -> int:
        """Every job looks whether something is due, and nothing is."""
        with clock.travel(self.stock.now - timedelta(seconds=1)):
            for _ in range(_TICKS):
                for job in self.jobs:
                    drain(self.house, job)
        return _TICKS

    def claims(self) -> int:
        """All that is due, in batches, each claimed and moved on; each mailbox once, as in life."""
        batch, now = _DUE // _CLAIMS, self.stock.now
        with clock.travel(now):
            for _ in range(_CLAIMS):
                with self.house.database.transaction(_WORKER) as session:
                    claimed = claim(session.connection(), self.house, batch)
                    moves = {box.id: (now, now + timedelta(days=7)) for box in claimed.boxes}
                    if len(let_go(session.connection(), claimed.owner, moves)) != batch:
                        raise RuntimeError(f"{batch} mailboxes are due, and {len(moves)} came")
        return _CLAIMS

    def week_passes(self) -> None:
        """Those that were moved on are due again, and nothing is left over from when they were not."""
        with as_owner(self.owner) as connection:
            moved = update(Mailbox).where(Mailbox.next_digest_at == self.stock.now + timedelta(days=7))
            connection.execute(moved.values(next_digest_at=self.stock.now))
            if not self.house.database.is_sqlite:
                connection.exec_driver_sql("VACUUM ANALYZE mailbox")


_WORK: dict[str, tuple[str, Callable[[Filled], int]]] = {
    "E-desk": ("desk queue", Filled.desks),
    "E-tick": ("tick with nothing due", Filled.ticks),
    "E-claim": (f"claim of {_DUE // _CLAIMS}", Filled.claims),
}


def run(ground: Ground, size: Size, repeats: int, against: Sequence[str]) -> Found:  # noqa: ARG001 - nobody to race
    found = Found("size")
    with filled(ground, size.small, _DUE) as small, filled(ground, size.large, size.due) as large:
        ground.settle()
        meter = Meter(large.house.settings.database_url)
        for goal, (words, work) in _WORK.items():
            both = {f"{words}, {each.stock.open:,} open invoices": each for each in (small, large)}
            contenders = [Contender(name, partial(work, each), each.week_passes) for name, each in both.items()]
            names = list(both)
            for each in contenders:
                each.prepare()
                each.run()  # warm
            results = race(contenders, repeats, meter, words.split()[0] + "s")
            found.add(results)
            found.goals[goal] = ratio(results[names[1]], results[names[0]], lambda take: take.cpu_us)
        _weigh(ground, large, size, found)
    return found


@contextmanager
def filled(ground: Ground, n: int, due: int) -> Iterator[Filled]:
    """Questions about every fourth invoice, every twentieth of which waits; an odd number of customers, so that they
    are of all vendors."""
    with ground.house() as house:
        customers, vendors = max(_DUE, n // 20) + 1, n // 1000 + 1
        stock = Stock(customers, vendors, n, due=due, threads=n // 4, now=clock.now().replace(minute=0, microsecond=0))
        owner = ground.owner_url(house.settings.database_url)
        fill(owner, stock)
        _, jobs = wsgi.build(house)
        yield Filled(owner, house, jobs, stock)


def _weigh(ground: Ground, large: Filled, size: Size, found: Found) -> None:
    """The most a worker ever held: sending what is due on the large database, taking a vendor's books in."""
    url = large.house.settings.database_url
    with open_sink(ground.folder) as sink:
        environment = os.environ | UNUSUAL | {
            "DATABASE_URL": url, "SHEAF_INSTANCE": str(ground.folder / "instance"), "LOG_FILE": os.devnull,
            "MAIL_CHANNEL": "sendgrid", "SENDGRID_API_HOST": sink.url, "SENDGRID_API_KEY": "SG.not-a-key",
        }  # fmt: skip
        for words, module, said in (
            (f"MB at most, a worker sending {size.due:,} digests", "bench.sending", ()),
            (f"MB at most, a worker taking in {size.invoices:,} invoices", "bench.importing", (str(size.invoices),)),
        ):
            with helpers(module, [environment], *said) as (worker,):
                worker.begin()
                worker.end()
                found.counts[words] = process_peak_mb(worker.pid)
    found.goals["E-memory"] = max(found.counts.values())
