"""A sync that finds little new: nothing changed (A5, A8), one page of it among few or many (A6), part payments (A7)."""

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import text

from app.house import House
from app.models import Connection
from bench import books
from bench.ground import Ground, Size, as_owner
from bench.measure import Contender, Meter, cpu_ratio, progress, race, ratio
from bench.report import Found
from bench.stock import Stock, fill, key
from bench.writing import write, writing
from connectors.base import Batch

AGAIN, FLOOR_AGAIN, FIRST = "resync, nothing changed", "floor: the same rows again", "backfill"
_PAGE, _TIMES = 1_000, 20
_PAID = 20_000
_AMONG = 1_000_000  # part payments are judged among so many invoices


def run(ground: Ground, size: Size, repeats: int, against: Sequence[str]) -> Found:  # noqa: ARG001  no peer does this
    found = Found("resync")
    _unchanged(ground, size, repeats, found)
    if ground.is_sqlite:
        return found
    with ExitStack() as stack:
        sizes = sorted({size.small, min(size.large, _AMONG), size.large})
        filled = [stack.enter_context(_filled(ground, n)) for n in sizes]
        _one_page(filled[0], filled[-1], repeats, found)
        _pay_in_part(ground, filled[1], found)
    return found


def _unchanged(ground: Ground, size: Size, repeats: int, found: Found) -> None:
    """Each finds everything as the first sync left it."""
    with writing(ground, size.invoices) as work:
        meter = Meter(work.house.settings.database_url)
        first = race([Contender(FIRST, work.write, work.empty)], max(1, repeats // 2), meter, "invoices")
        work.fill()
        again, floor = Contender(AGAIN, work.write), Contender(FLOOR_AGAIN, work.write_floor)
        noop = race([again, floor], repeats, meter, "invoices")
        found.add(noop | first, FLOOR_AGAIN)
        found.floors.pop(FIRST)
        if ground.is_sqlite:
            found.goals["A8-noop"] = cpu_ratio(noop[AGAIN], noop[FLOOR_AGAIN])
            return
        with counting(ground, work.house) as seen:
            work.write()
        found.goals["A5-wal"] = seen["wal_bytes"] / work.n
        found.goals["A5-rows"] = seen["written"]
        found.goals["A5-rate"] = first[FIRST].cpu_us / noop[AGAIN].cpu_us


# --- the product's rows, already there in numbers --------------------------------------------------------------------


class Filled(NamedTuple):
    """``n`` open invoices of one connection, numbered as bench/books.py has them."""

    house: House
    connection: Connection
    n: int


@contextmanager
def _filled(ground: Ground, n: int) -> Iterator[Filled]:
    with ground.house() as house:
        progress(f"  filling in {n:,} invoices")
        fill(ground.owner_url(house.settings.database_url), Stock(max(1, n // books.PER_CUSTOMER), 1, n, each=1))
        with house.database.reading(books.EVERYTHING) as session:
            connection = session.get_one(Connection, key("connection", 0))
        yield Filled(house, connection, n)


def _one_page(few: Filled, many: Filled, repeats: int, found: Found) -> None:
    """A page of invoices from all over the table, again and again."""
    contenders = []
    for house, connection, n in (few, many):
        page = _page(n)
        write(house, connection, page)
        contenders.append(Contender(f"a page again, among {n:,}", partial(write, house, connection, page * _TIMES)))
    results = race(contenders, repeats, Meter(many.house.settings.database_url), "invoices")
    found.add(results)
    among_few, among_many = results.values()
    found.goals["A6"] = ratio(among_few, among_many, lambda take: take.cpu_us)


def _page(n: int) -> list[Batch]:
    return [Batch(invoices=[books.invoice(each) for each in random.Random(1).sample(range(n), min(n, _PAGE))])]


def _pay_in_part(ground: Ground, filled: Filled, found: Found) -> None:
    """Invoices from all over the table, each paid for the first time, a commit every 1,000."""
    house, connection, n = filled
    paid = random.Random(2).sample(range(n), min(n // 50, _PAID))
    open_ = [books.invoice(each) for each in paid]
    write(house, connection, [Batch(invoices=open_)])
    with as_owner(ground.owner_url(house.settings.database_url)) as owner:
        owner.exec_driver_sql("VACUUM invoice")
    parts = [paid[at : at + _PAGE] for at in range(0, len(paid), _PAGE)]
    batches = [Batch(invoices=[books.invoice(each, paid_minor=1000) for each in part]) for part in parts]
    with counting(ground, house) as seen:
        write(house, connection, batches)
    found.counts[f"WAL bytes each, part payments among {n:,}"] = seen["wal_bytes"] / len(paid)
    found.goals["A7-hot"] = seen["hot"] / seen["updated"]
    found.goals["A7-wal"] = seen["wal_bytes"] / len(paid) / 1000


# --- what the database counts ---------------------------------------------------------------------------------------

_COUNTED = """SELECT pg_current_wal_insert_lsn() - '0/0' AS wal_bytes,
    sum(n_tup_ins + n_tup_upd + n_tup_del) AS written,
    sum(n_tup_upd) FILTER (WHERE relname = 'invoice') AS updated,
    sum(n_tup_hot_upd) FILTER (WHERE relname = 'invoice') AS hot
    FROM pg_stat_user_tables WHERE schemaname = 'public'"""


@contextmanager
def counting(ground: Ground, house: House) -> Iterator[dict[str, float]]:
    """What the block wrote on PostgreSQL: bytes of WAL, versions of rows, and of the invoices' how many were updates in
    place."""
    seen: dict[str, float] = {}
    before = _counted(ground, house)
    yield seen
    after = _counted(ground, house)
    seen |= {name: float(after[name] - before[name]) for name in after}


def _counted(ground: Ground, house: House) -> dict[str, Any]:
    with house.database.transaction(books.EVERYTHING) as session:  # on the one connection that has counted
        session.execute(text("SELECT pg_stat_force_next_flush()"))
    with as_owner(ground.owner_url(house.settings.database_url)) as owner:
        return dict(owner.exec_driver_sql(_COUNTED).mappings().one())
