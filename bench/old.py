"""What it costs to throw old rows away, and what is left of the space they took.

    python -m bench.old [--rows N] [--db URL]

Half of the stored notices are past their time and go; then as many new ones come. Says what a row costs to delete and
to vacuum away, and how much the table and its indexes have grown when all is done.
"""

import argparse
import logging
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import text

from app import clock
from app.house import House
from app.retention import forget
from bench.ground import as_owner, opened
from bench.measure import Contender, Meter

_ROWS = """
INSERT INTO provider_event (id, provider, event_key, headers, body, received_at, due_at, tries, handled_at, outcome)
SELECT CAST(lpad(to_hex(CAST(extract(epoch FROM at) * 1000 AS bigint)), 12, '0')
        || '7' || substr(md5('a' || n || :name), 1, 3) || '8' || substr(md5('b' || n || :name), 1, 15) AS uuid),
    'stripe', :name || n, '{"content-type": "application/json"}', convert_to(repeat('x', 300), 'UTF8'),
    at, at, 0, at, 'read'
FROM (SELECT n, CAST(:since AS timestamptz) + n * (CAST(:until AS timestamptz) - :since) / :rows AS at
      FROM generate_series(1, :rows) AS n) AS each
"""


def main() -> int:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--rows", type=int, default=10_000_000)
    made.add_argument("--db", default="postgresql", metavar="URL")
    options = made.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    with opened(options.db) as ground, ground.house() as house:
        for name, value in measure(house, ground.owner_url(house.settings.database_url), options.rows).items():
            print(f"  {name:50s} {value:>12,.2f}")
    return 0


def measure(house: House, owner: str, rows: int) -> dict[str, float]:
    meter, now = Meter(house.settings.database_url), clock.now()
    kept = timedelta(days=house.limits.keep_notice_days)
    found: dict[str, float] = {}
    with as_owner(owner) as connection:

        def fill(name: str, since: Any, until: Any) -> None:
            connection.execute(text(_ROWS), {"name": name, "since": since, "until": until, "rows": rows // 2})

        def vacuum() -> int:
            connection.exec_driver_sql("VACUUM provider_event")
            return rows // 2

        fill("old", now - 2 * kept, now - kept)
        fill("young", now - kept + timedelta(hours=1), now)
        connection.exec_driver_sql("VACUUM ANALYZE provider_event")
        found["MB, table and indexes, full"] = full = _megabytes(connection)
        found["CPU us to delete a row"] = meter.take(Contender("delete", lambda: _all(lambda: forget(house)))).cpu_us
        found["CPU us to vacuum it away"] = meter.take(Contender("vacuum", vacuum)).cpu_us
        fill("new", now, now + kept)
        found["MB after as many new rows, over MB full"] = _megabytes(connection) / full
    return found


def _all(step: Callable[[], int]) -> int:
    done = 0
    while gone := step():
        done += gone
    return done


def _megabytes(connection: Any) -> float:
    size: int = connection.execute(text("SELECT pg_total_relation_size('provider_event')")).scalar_one()
    return size / 1e6


if __name__ == "__main__":
    sys.exit(main())
