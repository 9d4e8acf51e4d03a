"""A first sync of a vendor's books: the write alone (A1, A8), and from the provider's pages (A2); its memory (A10); and
beside dlt and a Singer target (A3, A4)."""

import os
from collections.abc import Sequence

from bench import pages
from bench.floors.ingest import CopyFloor, read_pages
from bench.ground import Ground, Size
from bench.measure import Contender, Meter, cpu_ratio, process_peak_mb, race
from bench.peers.race import PEERS, race_peers
from bench.report import Found
from bench.sending import helpers
from bench.writing import NOW, Writing, write, writing
from connectors import registry

OURS, FLOOR = "backfill", "floor: rows into a bare table"
PAGED, PAGED_FLOOR = "backfill from provider pages", "floor: pages into a bare table"
_MOST_PAGED = 50_000  # invoices that lie ready as JSON, 2 kB each


def run(ground: Ground, size: Size, repeats: int, against: Sequence[str]) -> Found:
    found = Found("ingest")
    with writing(ground, size.invoices) as work:
        meter = Meter(work.house.settings.database_url)
        ours = Contender(OURS, work.write, work.empty)
        floor = Contender(FLOOR, work.write_floor, work.floor.empty)
        results = race([ours, floor], repeats, meter, "invoices")
        found.add(results, FLOOR)
        found.goals["A8-first" if ground.is_sqlite else "A1"] = cpu_ratio(results[OURS], results[FLOOR])
        if isinstance(work.floor, CopyFloor):
            results = race(_paged(work, work.floor, min(size.invoices, _MOST_PAGED)), repeats, meter, "invoices")
            found.add(results, PAGED_FLOOR)
            found.goals["A2"] = cpu_ratio(results[PAGED], results[PAGED_FLOOR])
        if named := [peer for peer in against if peer in PEERS]:
            race_peers(ground, work, repeats, named, found)
        _weigh(work, size, found)
    return found


def _paged(work: Writing, floor: CopyFloor, n: int) -> list[Contender]:
    answers, people = pages.invoice_pages(n), pages.customers(n)
    connector = registry.get("quickbooks")

    def ours() -> int:
        context = pages.context(pages.Provider(answers, people))
        return write(work.house, work.connection, connector.pull(context, {}, "full"))

    return [
        Contender(PAGED, ours, work.empty),
        Contender(PAGED_FLOOR, lambda: floor.write(list(read_pages(answers, NOW))), floor.empty),
    ]


def _weigh(work: Writing, size: Size, found: Found) -> None:
    """Books that are streamed, as a pull has them, by a process of its own: nobody holds them all."""
    environment = os.environ | {
        "DATABASE_URL": work.house.settings.database_url,
        "SHEAF_INSTANCE": str(work.ground.folder / "instance"),
        "LOG_FILE": os.devnull,
    }
    peaks = []
    for n in (size.small, size.invoices):
        work.empty()
        with helpers("bench.importing", [environment], str(n)) as (worker,):
            worker.begin()
            worker.end()
            peaks.append(process_peak_mb(worker.pid))
        found.counts[f"MB at most, taking in {n:,} invoices"] = peaks[-1]
    found.goals["A10"] = peaks[1] - peaks[0]
