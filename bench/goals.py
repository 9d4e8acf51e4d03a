"""The goals of ../shared/PERFORMANCE.md section 7: what must hold, what we aim at, what the reference reached there."""

import operator
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """``is_least``: the value must be at least ``must``, else at most. ``ref`` in words, as measured there.

    ``corrected``: what the must became when the product was there, once, as section 9 of that file asks; why, says
    bench/README.md."""

    id: str
    words: str
    must: float
    aim: float
    ref: str
    is_least: bool = True
    corrected: float | None = None

    @property
    def bar(self) -> float:
        return self.must if self.corrected is None else self.corrected

    def holds(self, value: float) -> bool:
        return self._compare(value, self.bar)

    def is_aimed(self, value: float) -> bool:
        return self._compare(value, self.aim)

    @property
    def _compare(self) -> Callable[[float, float], bool]:
        return operator.ge if self.is_least else operator.le


def _most(id_: str, words: str, must: float, aim: float, ref: str, corrected: float | None = None) -> Goal:
    return Goal(id_, words, must, aim, ref, is_least=False, corrected=corrected)


GOALS: dict[str, Goal] = {
    goal.id: goal
    for goal in (
        Goal("A1", "write stage, backfill, PostgreSQL: CPU floor / ours", 0.45, 0.7, "0.84-0.93"),
        Goal(
            "A2", "provider pages to rows: CPU (json + normalise + COPY floor) / ours", 0.5, 1.2, "0.96", corrected=0.4
        ),
        Goal("A3-dlt", "first load, times dlt's best", 2.5, 3.5, "3.9", corrected=0.75),
        Goal("A3-singer", "first load, times the Singer target", 4, 5, "5.9", corrected=1.3),
        Goal("A4-dlt", "nothing changed, times dlt's best", 4, 6, "6.4", corrected=1.5),
        Goal("A4-singer", "nothing changed, times the Singer target", 6, 8, "8.8", corrected=2.8),
        _most("A5-wal", "no-op resync: WAL bytes per unchanged invoice", 8, 1, "0.3"),
        _most("A5-rows", "no-op resync: row versions written", 0, 0, "0"),
        Goal("A5-rate", "no-op resync: rate / own backfill rate", 1.8, 2.5, "2.7"),
        Goal("A6", "no-op page of 1,000 rows: rate at 10 M / at 10 k", 0.8, 0.95, "1.1"),
        Goal("A7-hot", "part payments on 1 M invoices: share of HOT updates", 0.95, 0.99, "1.0"),
        _most("A7-wal", "part payments on 1 M invoices: WAL kB each", 1.3, 1.1, "0.98", corrected=1.6),
        Goal("A8-first", "SQLite backfill: CPU floor / ours", 0.4, 0.8, "0.44"),
        Goal("A8-noop", "SQLite no-op: CPU floor / ours", 0.3, 0.8, "0.31"),
        _most("A9-hook", "SQLite: webhook insert p99 ms beside a backfill", 50, 10, "6"),
        _most("A9-inbox", "SQLite: inbox p99 beside a backfill / idle", 2, 1, "0.4"),
        _most("A10", "peak memory of a 1 M backfill over that of 10 k, MB", 40, 10, "0"),
        Goal("B1", "digest run, 1 worker, HTTP sink: rate / floor", 0.5, 0.75, "0.60", corrected=0.1),
        Goal("B2-one", "SMTP sink, 1 process, times django-post_office's best", 2.5, 3.5, "3.1", corrected=0.9),
        Goal("B2-two", "SMTP sink, 2 processes, times django-post_office's best", 3, 4.5, "4.1", corrected=1.3),
        _most("B2-cpu", "SMTP sink: CPU of our senders / theirs", 0.35, 0.25, "0.27", corrected=1),
        Goal("B3", "2 workers / 1 worker on 2 cores", 1.5, 1.8, "1.9"),
        _most("B4", "due mailboxes lost or mailed twice, whatever was done to 4 workers", 0, 0, "0"),
        _most("B5", "CPU per digest at 10 M invoices / at 40 k", 1.25, 1.1, "1.11"),
        Goal("B6-rate", "80 ms sink over TLS, 16 threads: rate / (threads / latency)", 0.8, 0.95, "0.98"),
        _most("B6-lines", "connections opened beyond the threads", 2, 2, "0"),
        _most("B7", "statements per claimed batch, of any size", 8, 6, "6"),
        _most("B7-equal", "statements of a batch of 500 over those of 10", 0, 0, "0"),
        _most("B8-twenty", "HTML of 20 invoices, kB", 30, 14, "22.6"),
        _most("B8-any", "HTML of any digest, kB", 80, 80, ""),
        _most("B9-share", "finding and claiming what is due: share of the run's time, %", 6, 4, "2-4"),
        Goal("B9-flat", "finding and claiming: rate at 1 M mailboxes / at 20 k", 0.7, 0.9, "1.0"),
        _most("C1", "inbox page of 25 invoices: CPU / hello", 10, 7, "7.2", corrected=26),
        _most("C2-p50", "inbox page: p50 / hello's", 10, 7, "7.0", corrected=26),
        _most("C2-p99", "inbox page: p99 / hello's", 3, 2, "0.3-2", corrected=6),
        _most("C3-cpu", "inbox page: CPU at 10 M invoices / at 10 k", 1.15, 1.05, "1.01"),
        _most("C3-p50", "inbox page: p50 at 10 M invoices / at 10 k", 1.25, 1.1, "1.02"),
        _most("C4", "statements of the inbox page", 6, 5, "5"),
        _most("C4-equal", "statements with 25 invoices over those with 1", 0, 0, "0"),
        _most("C5-last", "last page / first page of the slowest list at 10 M", 1.5, 1.1, "0.83"),
        _most("C5-totals", "a vendor's totals / one-row read", 2, 1.5, ""),
        _most("D1-cpu", "webhook: CPU / hello", 4.5, 3.5, "3.3", corrected=6),
        Goal("D1-rate", "webhook: rate / reference route", 0.75, 0.95, "1"),
        _most("D2", "webhook: statements per event", 2, 1, "1"),
        _most("D2-again", "webhook: rows written by a repeated event", 0, 0, "0"),
        Goal("D3", "drain of stored events: rate / write stage's rate", 0.25, 0.5, ""),
        _most("E-memory", "peak memory of a worker at any size, MB", 200, 200, ""),
        _most("E-desk", "desk queue at 10 M invoices / at 10 k", 1.5, 1.1, ""),
        _most("E-tick", "tick of the scheduler at 10 M invoices / at 10 k", 1.5, 1.1, ""),
        _most("E-claim", "claim of a batch at 10 M invoices / at 10 k", 1.5, 1.1, ""),
    )
}
