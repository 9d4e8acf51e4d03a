"""What a long run of senders stands on: a stocked database, a sink in a process of its own, and a fleet to torment."""

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Select, delete, func, select

from app import clock
from app.house import House
from app.models import Attempt, AttemptResult, DeliveryEvent, Mailbox, Outgoing, OutgoingState, StopSwitch
from app.scope import Everything
from app.settings import Settings
from app.tables import upgrade
from tests.faults.showing import parser
from tests.faults.sink import Manners, Sink, open_sink
from tests.faults.stock import Habit, stock
from tests.support.postgres import shared_server
from tests.support.server import free_port
from tests.support.sinks import SendGridDouble
from tests.support.workers import Fleet

_LOOK = Everything("a long run watches")
_OPERATOR = Everything("a long run plays the operator")

# Leases and waits in seconds instead of minutes, so that what must wait for them ends today; no brake on how many mails
# are usual, because here all are due at once; books that are never asked for news, because nobody stands behind them.
WAITS = {
    "LIMIT_LEASE_SECONDS": "8",
    "LIMIT_HTTP_SECONDS": "3",
    "LIMIT_RELEASE_MINUTES": "0.2",
    "LIMIT_RELEASE_PROOF": "1",
    "LIMIT_CIRCUIT_SECONDS": "1",
    "LIMIT_USUAL_AT_LEAST": "1000000",
    "LIMIT_MAILS_PER_SECOND": "100000",
    "LIMIT_MAILS_BURST": "100000",
    "LIMIT_BATCH_MAILBOXES": "100",
    "LIMIT_FRESH_MINUTES": "1000000",
}


@dataclass(frozen=True)
class Stage:
    """One run's house, sink and processes, with their environment. ``addresses`` are those of the stocked mailboxes."""

    house: House
    sink: Sink
    fleet: Fleet
    environment: Mapping[str, str]
    addresses: Sequence[str]

    def still_open(self) -> dict[str, int]:
        """What is not at its end yet, by words. Held mails are: they wait for nothing that must come."""
        now = clock.now()
        counts: dict[str, Select[int]] = {
            "due": select(func.count()).select_from(Mailbox).where(Mailbox.next_digest_at <= now),
            "in the outbox": _mails(OutgoingState.QUEUED, OutgoingState.CLAIMED),
            "begun": select(func.count()).select_from(Attempt).where(Attempt.result == AttemptResult.STARTED),
            "events": select(func.count()).select_from(DeliveryEvent).where(DeliveryEvent.handled_at.is_(None)),
        }
        with self.house.database.reading(_LOOK) as session:
            return {words: session.execute(query).scalar_one() for words, query in counts.items()}

    def held(self) -> int:
        with self.house.database.reading(_LOOK) as session:
            return session.execute(_mails(OutgoingState.HELD)).scalar_one()

    def oldest_begun(self) -> float:
        """Seconds since the oldest attempt began that nobody has given a result yet; 0 when there is none."""
        query = select(func.min(Attempt.started_at)).where(Attempt.result == AttemptResult.STARTED)
        with self.house.database.reading(_LOOK) as session:
            since: datetime | None = session.execute(query).scalar_one()
        return (clock.now() - since).total_seconds() if since is not None else 0.0

    def stopped(self) -> str:
        """Why all sending is stopped, or nothing."""
        with self.house.database.reading(_LOOK) as session:
            return session.execute(select(StopSwitch.reason)).scalar() or ""

    def lift_stops(self) -> int:
        """What an operator does after the alarm of a refused key: look, and let sending go on."""
        with self.house.database.transaction(_OPERATOR) as session:
            return len(session.execute(delete(StopSwitch).returning(StopSwitch.name)).all())

    def wait_for_quiet(self, seconds: float, at_most: float, *, lifting: bool = False) -> None:
        """Until nothing is open and nothing has changed for ``seconds``, or all is stopped and nobody is there for
        ``lifting`` it. Raises TimeoutError."""
        ends, quiet_since, last = time.monotonic() + at_most, time.monotonic(), (-1, -1)
        while time.monotonic() < ends:
            if lifting:
                self.lift_stops()
            elif self.stopped():
                return
            seen = (len(self.sink.taken()), self.held())
            if seen != last or any(self.still_open().values()):
                last, quiet_since = seen, time.monotonic()
            if time.monotonic() - quiet_since >= seconds:
                return
            time.sleep(0.5)
        raise TimeoutError(f"no rest after {at_most:.0f} s: {self.still_open()}")


def _mails(*states: OutgoingState) -> Select[int]:
    return select(func.count()).select_from(Outgoing).where(Outgoing.state.in_(states))


def options_of(words: str | None, *, mailboxes: int, workers: int = 4, database: str = "") -> argparse.ArgumentParser:
    """The options of every run of senders; ``words`` is the module's docstring. A run that is about one database names
    it."""
    made = parser(words)
    made.set_defaults(database=database)
    if not database:
        made.add_argument("--database", choices=["postgresql", "sqlite"], default="postgresql")
    made.add_argument("--mailboxes", type=int, default=mailboxes)
    made.add_argument("--workers", type=int, default=workers)
    made.add_argument("--hasty", action="store_true", help="every job every second: for short runs")
    return made


def roles_of(options: argparse.Namespace) -> list[str]:
    """Workers, and one process for the pages and the events' webhook, which on SQLite works too."""
    worker = "hasty-worker" if options.hasty else "worker"
    web = "web-and-worker" if options.database == "sqlite" else "web"
    return [web, *[worker] * options.workers]


@contextmanager
def database(kind: str) -> Iterator[str]:
    """The URL of a fresh, migrated database of that kind: ``sqlite`` or ``postgresql``."""
    if kind == "postgresql":
        with shared_server().fresh_database() as url:
            yield url
        return
    with tempfile.TemporaryDirectory(prefix="sheaf-faults-") as folder:
        url = f"sqlite:///{folder}/sheaf.db"
        upgrade(url)
        yield url


@contextmanager
def staged(
    url: str,
    habits: Sequence[Habit],
    roles: Sequence[str],
    manners: Manners,
    limits: Mapping[str, str] = WAITS,
) -> Iterator[Stage]:
    """Stock the database, start the sink and the fleet. Of ``roles`` those that serve pages name no port: they get one,
    and the sink reports its events there."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sheaf-faults-")))
        settings = Settings(DATABASE_URL=url, SHEAF_INSTANCE=folder)  # type: ignore[call-arg]
        house = House.open(settings)
        stack.callback(house.database.dispose)
        addresses = stock(house, habits, clock.now())
        port = free_port()
        hook = f"http://127.0.0.1:{port}/webhooks/sendgrid/events" if any("web" in role for role in roles) else ""
        manners = replace(manners, post=replace(manners.post, hook=hook))
        sink = stack.enter_context(open_sink(folder / "sink", manners))
        environment = {**environment_of(house), **sending_to(sink), **limits}
        placed = [f"{role} {port}" if "web" in role else role for role in roles]
        fleet = Fleet(placed, environment, folder / "processes.log")
        stack.callback(fleet.stop)
        yield Stage(house, sink, fleet, environment, addresses)


def environment_of(house: House) -> dict[str, str]:
    """What makes another process one of this house."""
    settings = house.settings
    return {
        "DATABASE_URL": settings.database_url,
        "SHEAF_INSTANCE": str(settings.instance),
        "ENCRYPTION_KEYS": settings.encryption_keys.get_secret_value(),
        "SECRET_KEY": settings.secret_key.get_secret_value(),
    }


def sending_to(sink: Sink | SendGridDouble) -> dict[str, str]:
    return {
        "MAIL_CHANNEL": "sendgrid",
        "SENDGRID_API_HOST": sink.url,
        "SENDGRID_API_KEY": "SG.not-a-key",
        "SENDGRID_EVENT_PUBLIC_KEY": sink.public_key,
    }
