"""``python -m tests.isolation [--ids 10000] [--seed N]``: the whole access matrix, on SQLite and on PostgreSQL."""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flask import Flask

from app.house import House
from app.settings import Settings
from app.tables import upgrade
from tests.access_matrix import whole
from tests.isolation.matrix import Report, run
from tests.isolation.stage import build
from tests.support.postgres import shared_server, stop_shared_server
from tests.support.run import close_run, open_run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, default=10_000, help="foreign ids, on each database")
    parser.add_argument("--seed", type=int, default=20261123)
    options = parser.parse_args()
    open_run()
    try:
        reports = [(name, *_run(url, options.ids, options.seed)) for name, url in _databases()]
    finally:
        stop_shared_server()
        close_run()
    for name, report, seconds in reports:
        _show(name, report, seconds)
    return 1 if any(report.faults for _, report, _ in reports) else 0


def _databases() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/sheaf.db"
        upgrade(url)
        yield "SQLite", url
    with shared_server().fresh_database() as url:
        yield "PostgreSQL", url


def _run(url: str, ids: int, seed: int) -> tuple[Report, float]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SHEAF_INSTANCE"] = folder
        settings = Settings(database_url=url, log_file=Path(folder) / "log")
        house, began = House.open(settings), time.monotonic()
        report = run(build(house, _open_to_tests(house)), ids, seed)
        house.database.dispose()
        return report, time.monotonic() - began


def _open_to_tests(house: House) -> Flask:
    app = whole(house)
    app.config["WTF_CSRF_ENABLED"] = False  # an answer is about the id, not about a missing token
    return app


def _show(name: str, report: Report, seconds: float) -> None:
    for key, value in {
        "database": name,
        "routes asked": len(report.routes),
        "foreign ids": f"{report.asked} ({', '.join(f'{count} {kind}' for kind, count in report.kinds.items())})",
        "answers": ", ".join(f"{count} x {status}" for status, count in sorted(report.answers.items())),
        "foreign words shown": report.foreign_words,
        "told apart from a missing id": report.told_apart,
        "broke": report.broke,
        "seconds": f"{seconds:.0f}",
    }.items():
        sys.stdout.write(f"{key:30} {value}\n")
    for fault in report.faults[:40]:
        sys.stdout.write(f"  {fault}\n")


if __name__ == "__main__":
    raise SystemExit(main())
