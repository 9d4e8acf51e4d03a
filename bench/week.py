"""A played week of very many mailboxes: each is planned in its own hour, and no tick reads them all.

    python -m bench.week [--mailboxes N] [--owing SHARE] [--step MINUTES] [--db URL] [--json FILE]

Every mailbox wants its mail once a week, on its own weekday, at its own hour of one of twenty-four zones. One planner
ticks through the week; what it claims, composes and writes is the product's own. Afterwards each mailbox has exactly
one window, and PostgreSQL says what it read for that.
"""

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import text

from app import clock
from app.house import House
from app.scope import Everything
from bench.ground import Ground, as_owner, opened
from bench.measure import Contender, Meter, Take, process_peak_mb, progress
from bench.stock import Stock, fill
from digest.plan import plan_batch

_LOOK = Everything("a bench counts windows")
_BEGINS = datetime(2026, 11, 22, 10, tzinfo=UTC)  # Monday begins somewhere on earth
_WEEK = timedelta(days=7)
_SMALL = 20_000  # rows: PostgreSQL is right to read a smaller table whole
_BIG = ("mailbox", "customer", "relation", "bill_to", "invoice", "digest", "digest_line", "outgoing", "mention")
_SPREAD = """
UPDATE mailbox SET weekday = place.n % 7, send_at = place.at, zone = place.zone, spread_seconds = 0,
    next_digest_at = CASE WHEN opens < '2026-11-29 10:00+00' THEN opens ELSE opens - interval '7 days' END
FROM (
    SELECT id, n, at, zone, (date '2026-11-23' + n % 7 + at) AT TIME ZONE zone AS opens FROM (
    SELECT id, n, make_time(6 + n / 7 % 14, n % 4 * 15, 0) AS at,
        (ARRAY['Pacific/Kiritimati', 'Pacific/Auckland', 'Australia/Sydney', 'Asia/Tokyo', 'Asia/Shanghai',
         'Asia/Kathmandu', 'Asia/Kolkata', 'Asia/Karachi', 'Asia/Dubai', 'Asia/Tehran', 'Europe/Moscow', 'Africa/Cairo',
         'Europe/Berlin', 'Europe/Paris', 'Europe/London', 'Atlantic/Azores', 'America/St_Johns', 'America/Sao_Paulo',
         'America/New_York', 'America/Chicago', 'America/Denver', 'America/Los_Angeles', 'Pacific/Honolulu',
         'Pacific/Pago_Pago'])[1 + n / 98 % 24] AS zone
    FROM (SELECT id, CAST(row_number() OVER (ORDER BY id) AS int) AS n FROM mailbox) AS numbered
    ) AS spread
) AS place WHERE place.id = mailbox.id
"""


def main() -> int:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--mailboxes", type=int, default=1_000_000)
    made.add_argument("--owing", type=float, default=0.05, help="share of them that owes, and so gets a mail")
    made.add_argument("--step", type=int, default=15, metavar="MINUTES")
    made.add_argument("--db", default="postgresql", metavar="URL")
    made.add_argument("--json", type=Path, metavar="FILE")
    options = made.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with opened(options.db) as ground:
        row, violations = run(ground, options.mailboxes, options.owing, timedelta(minutes=options.step))
    for name, value in row.items():
        print(f"  {name:44s} {value:>14,.1f}" if isinstance(value, float) else f"  {name:44s} {value!s:>14}")
    print(*(f"  BROKEN: {words}" for words in violations), f"  {len(violations)} violations", sep="\n")
    if options.json:
        options.json.write_text(json.dumps({"row": row, "violations": violations}, indent=1))
    return 1 if violations else 0


def run(ground: Ground, mailboxes: int, owing: float, step: timedelta) -> tuple[dict[str, Any], list[str]]:
    """One week: the figures by their names, and what was broken. Needs PostgreSQL."""
    with ground.house() as house:
        owner = ground.owner_url(house.settings.database_url)
        fill(owner, Stock(mailboxes, 100, int(mailboxes * owing), each=1, now=_BEGINS))
        _tell(owner, _SPREAD, "VACUUM ANALYZE mailbox", "SELECT pg_stat_reset()")
        idle, take = _play(house, Meter(house.settings.database_url), step)
        read = _read(owner)
        ended = _ended(house)
    row: dict[str, Any] = {
        "mailboxes": mailboxes,
        "windows planned": take.n,
        "windows a second": take.rate,
        "CPU us each, planner and database": take.cpu_us,
        "CPU us each, the planner's": take.client_cpu / take.n * 1e6,
        "ticks": _WEEK // step,
        "CPU ms of a tick with nothing due": idle.cpu_us / 1e3,
        "peak memory of the planner, MB": process_peak_mb(os.getpid()),
        **{f"full scans of {name}": scans for name, (scans, _) in read.items() if scans},
        **{f"rows read by them in {name}": rows for name, (_, rows) in read.items() if rows},
        "windows ended": ", ".join(f"{count} {outcome}" for outcome, count in sorted(ended.items())),
    }
    violations = [] if sum(ended.values()) == take.n == mailboxes else [f"{ended} windows of {mailboxes} mailboxes"]
    violations += [
        f"{scans} full scans read {rows} rows of {name}"
        for name, (scans, rows) in read.items()
        if scans and rows / scans > _SMALL
    ]
    return row, violations


def _play(house: House, meter: Meter, step: timedelta) -> tuple[Take, Take]:
    """What a tick with nothing due costs, then the whole week."""
    with clock.travel(_BEGINS):
        plan_batch(house)  # warm
        idle = meter.take(Contender("idle", lambda: sum(1 + plan_batch(house) for _ in range(200))))
    return idle, meter.take(Contender("week", lambda: _week(house, step)))


def _week(house: House, step: timedelta) -> int:
    done, at, day = 0, _BEGINS, 0
    while at < _BEGINS + _WEEK:
        at += step
        with clock.travel(at):
            while planned := plan_batch(house):
                done += planned
        if (at - _BEGINS).days > day:
            day += 1
            progress(f"  day {day}: {done:,} windows")
    return done


def _read(owner: str) -> Mapping[str, tuple[int, int]]:
    """Full scans of each big table since the statistics began anew, and the rows they read."""
    time.sleep(1.5)  # a backend reports what it did once a second
    with as_owner(owner) as connection:
        rows = connection.execute(text("SELECT relname, seq_scan, seq_tup_read FROM pg_stat_user_tables")).all()
    return {row[0]: (row[1], row[2]) for row in rows if row[0] in _BIG}


def _ended(house: House) -> dict[str, int]:
    """Mailboxes by how their last window ended."""
    query = text(
        "SELECT outcome, count(*) FROM (SELECT DISTINCT ON (mailbox_id) outcome FROM digest ORDER BY mailbox_id)"
        " AS each GROUP BY outcome"
    )
    with house.database.reading(_LOOK) as session:
        return {row[0]: row[1] for row in session.execute(query)}


def _tell(owner: str, *statements: str) -> None:
    with as_owner(owner) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))


if __name__ == "__main__":
    sys.exit(main())
