"""Two thousand mailboxes due at once, everything running, workers killed: is there exactly one mail for each?

    python -m tests.load.two_thousand [--mailboxes 2000] [--workers 4] [--kills 6] [--db URL] [--seed N]

The whole product as it runs in production, each part its own process: ``flask run`` with the embedded ticker, which
also takes the delivery events by signed webhook, and ``flask work`` as often as --workers says (none on SQLite). The
mail service is a double of SendGrid that counts and takes its time. While mails are in the air processes are killed
with kill -9, the web process among them, sometimes after the double has taken the mail and sometimes before.

Without --db it runs on SQLite and on a PostgreSQL of its own. --db names an empty scratch database instead.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import func, select

from app import clock
from app.db import upgrade
from app.house import House
from app.models import Attempt, Digest, Outcome
from app.scope import Everything
from app.settings import Settings
from tests.load.stock import stock
from tests.support.postgres import shared_server, stop_shared_server
from tests.support.run import close_run, open_run
from tests.support.server import free_port
from tests.support.sinks import YES, Answer, SendGridDouble, Taken, sendgrid_double
from tests.support.workers import Workers

_LOOK = Everything("the load test counts")
_WAITS = {"LIMIT_LEASE_SECONDS": "6", "LIMIT_HTTP_SECONDS": "3", "LIMIT_RELEASE_MINUTES": "0.1"}
_SERVICE_TAKES = 0.03  # seconds a mail: so that a kill finds some in the air


@dataclass
class Report:
    """What one run showed."""

    database: str
    processes: str
    killed: int
    mailboxes: int
    mails: int
    doubled: int
    missing: int
    strangers: int
    attempts: Counter[str]
    outcomes: Counter[str]
    first_to_last: float
    all_settled: float

    @property
    def is_exact(self) -> bool:
        return (self.mails, self.doubled, self.missing, self.strangers) == (self.mailboxes, 0, 0, 0)

    def rows(self) -> list[tuple[str, str]]:
        tally = ", ".join(f"{count} {word}" for word, count in sorted(self.attempts.items()))
        ended = ", ".join(f"{count} {word}" for word, count in sorted(self.outcomes.items()))
        return [
            ("database", self.database),
            ("processes", self.processes),
            ("killed with kill -9", str(self.killed)),
            ("mailboxes due", str(self.mailboxes)),
            ("mails in the sink", str(self.mails)),
            ("mailboxes with two", str(self.doubled)),
            ("mailboxes with none", str(self.missing)),
            ("attempts", tally),
            ("windows", ended),
            ("first to last mail", f"{self.first_to_last:.1f} s"),
            ("until all was settled", f"{self.all_settled:.1f} s"),
            ("exactly one each", "yes" if self.is_exact else "NO"),
        ]


def main() -> int:
    options = _options()
    open_run()
    try:
        reports = [_run(url, workers, options) for url, workers in _databases(options)]
    finally:
        stop_shared_server()
        close_run()
    _print(reports)
    return 0 if all(report.is_exact for report in reports) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--db", help="an empty scratch database; default: SQLite, then PostgreSQL")
    parser.add_argument("--seed", type=int, default=20261123)
    return parser.parse_args()


def _databases(options: argparse.Namespace) -> Iterator[tuple[str, int]]:
    """URLs with the number of worker processes beside the embedded ticker."""
    if options.db:
        upgrade(options.db)
        yield options.db, 0 if options.db.startswith("sqlite") else options.workers
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/sheaf.db"
        upgrade(url)
        yield url, 0
    with shared_server().fresh_database() as url:
        yield url, options.workers


def _run(url: str, workers: int, options: argparse.Namespace) -> Report:
    dice = random.Random(options.seed)
    with ExitStack() as stack:
        sink = stack.enter_context(sendgrid_double())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        house = _house(url, folder)
        stack.callback(house.database.dispose)
        addresses = stock(house, options.mailboxes, 4, clock.now())
        port = free_port()
        environment = _environment(house, sink)
        web = ("-m", "flask", "--app", "wsgi", "run", "--port", str(port))
        fleet = [Workers(1, environment | {"SCHEDULER": "embedded"}, web)]
        stack.callback(fleet[0].stop)
        if workers:
            fleet.append(Workers(workers, environment | {"SCHEDULER": "off"}, ("-m", "flask", "--app", "wsgi", "work")))
            stack.callback(fleet[1].stop)
        sink.behave = _Killer(fleet, options, dice)
        began = time.monotonic()
        with _reporting(sink, f"http://127.0.0.1:{port}/webhooks/sendgrid/events"):
            _wait(house, options.mailboxes)
            settled = time.monotonic() - began
            time.sleep(8)  # longer than a lease and a release: a double would come now
        processes = "1 web with embedded ticker" + (f" + {workers} workers" if workers else "")
        return _report(house, sink, addresses, processes, sum(each.killed for each in fleet), settled)


class _Killer:
    """The double's manner: it takes its time, and at moments drawn beforehand a process dies while it does."""

    def __init__(self, fleet: list[Workers], options: argparse.Namespace, dice: random.Random) -> None:
        self._victims = [(workers, index) for workers in fleet for index in range(len(workers.running))]
        self._dice, self._count, self._lock = dice, 0, threading.Lock()
        self._moments = set(dice.sample(range(50, max(51, options.mailboxes * 3 // 4)), options.kills))

    def __call__(self, _mail: Taken) -> Answer:
        time.sleep(_SERVICE_TAKES)
        with self._lock:
            self._count += 1
            if self._count not in self._moments:
                return YES
            workers, index = self._dice.choice(self._victims)
            takes = self._dice.random() < 0.5
        workers.kill(index)
        return Answer(takes=takes, then="cut")


def _house(url: str, folder: Path) -> House:
    settings = Settings(DATABASE_URL=url, SHEAF_INSTANCE=folder)  # type: ignore[call-arg]
    return House.open(settings)


def _environment(house: House, sink: SendGridDouble) -> dict[str, str]:
    settings = house.settings
    return {
        "DATABASE_URL": settings.database_url,
        "SHEAF_INSTANCE": str(settings.instance),
        "ENCRYPTION_KEYS": settings.encryption_keys.get_secret_value(),
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "MAIL_CHANNEL": "sendgrid",
        "SENDGRID_API_HOST": sink.url,
        "SENDGRID_API_KEY": "SG.not-a-key",
        "SENDGRID_EVENT_PUBLIC_KEY": sink.public_key,
        **_WAITS,
    }


@contextmanager
def _reporting(sink: SendGridDouble, hook: str) -> Iterator[None]:
    """The double's events, by signed webhook, tried again until they are acknowledged: as SendGrid does."""
    over = threading.Event()

    def report() -> None:
        told = 0
        while not over.wait(0.2):
            taken = sink.taken[told : told + 200]
            if not taken:
                continue
            raw, headers = sink.signed([sink.event(mail) for mail in taken])
            try:
                if requests.post(hook, data=raw, headers=headers, timeout=10).status_code == 200:
                    told += len(taken)
            except requests.RequestException:
                pass  # the web process has just been killed; again

    thread = threading.Thread(target=report)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _wait(house: House, mailboxes: int, seconds: float = 300) -> None:
    """Until every window is accepted, with a line of progress; or the time is up, and the table says what misses."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        outcomes = _tally(house, Digest.outcome)
        accepted = outcomes.get(Outcome.ACCEPTED, 0)
        if sys.stderr.isatty():
            print(f"\r{accepted} of {mailboxes} accepted", end="", file=sys.stderr, flush=True)
        if accepted >= mailboxes:
            break
        time.sleep(0.5)


def _tally(house: House, column: Any) -> Counter[str]:
    with house.database.reading(_LOOK) as session:
        rows = session.execute(select(column, func.count()).group_by(column)).all()
    return Counter({str(word): count for word, count in rows})


def _report(
    house: House, sink: SendGridDouble, addresses: list[str], processes: str, killed: int, settled: float
) -> Report:
    got = sink.count_by("to")
    times = [mail.at for mail in sink.taken] or [0.0]
    return Report(
        database=house.database.engine.dialect.name,
        processes=processes,
        killed=killed,
        mailboxes=len(addresses),
        mails=len(sink.taken),
        doubled=sum(count > 1 for count in got.values()),
        missing=len(set(addresses) - set(got)),
        strangers=len(set(got) - set(addresses)),
        attempts=_tally(house, Attempt.result),
        outcomes=_tally(house, Digest.outcome),
        first_to_last=max(times) - min(times),
        all_settled=settled,
    )


def _print(reports: list[Report]) -> None:
    columns = [[name for name, _ in reports[0].rows()], *([value for _, value in report.rows()] for report in reports)]
    widths = [max(map(len, column)) for column in columns]
    print()
    for row in zip(*columns, strict=True):
        print("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
