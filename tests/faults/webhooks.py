"""Floods the product with the providers' webhooks, tripled, shuffled, some broken, some forged, its processes killed.

    python -m tests.faults.webhooks [--webhooks 100000] [--kills 20] [--database sqlite|postgresql] [--json FILE]

The sandbox's books of forty vendors at three providers change all the while; each change is told as its provider would.
At the end every invoice we hold is held against those books, and every acknowledged body is looked for in the database.
"""

import hashlib
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import requests
from sqlalchemy import func, select

from app import clock
from app.house import House
from app.models import Connection, Invoice, ProviderEvent
from app.money import Money
from app.scope import Everything
from app.settings import Settings
from connectors.jobs import pull_due
from connectors.sandbox.app import create_sandbox
from connectors.sandbox.client import SandboxControl
from connectors.sandbox.plays import PLAYS
from connectors.sandbox.webhooks import quickbooks_body, signature, xero_body
from connectors.sandbox.world import Provider
from tests.faults.ground import DATABASES, environment
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.stage import database, environment_of
from tests.support.books import connected
from tests.support.server import free_port, live_server
from tests.support.workers import Fleet

_LOOK = Everything("the flood is counted")
ROUND = 200  # changes of the books between two bursts of webhooks
ACTS = ("pay", "part_pay", "part_pay", "void", "credit", "new_invoice", "new_invoice", "new_invoice")
AMOUNTS = {"part_pay": "0.01", "new_invoice": "75.00"}
WAITS = {"LIMIT_LEASE_SECONDS": "6", "SCHEDULER": "off", "MAIL_CHANNEL": "file", "LOG_FILE": os.devnull}
BROKEN, FORGED = "broken", "forged"

PLAYED = ("quickbooks", "xero", "stripe")  # whose webhooks are made and signed here


@dataclass(frozen=True)
class Hook:
    """One delivery: its body, how it is signed, and what must be answered."""

    provider: Provider
    raw: bytes
    manner: str = ""

    @property
    def headers(self) -> dict[str, str]:
        secret = "wrong" if self.manner == FORGED else PLAYS[self.provider].webhook_secret
        said = signature(self.provider, secret, self.raw, int(clock.now().timestamp()))
        return {"Content-Type": "application/json", **said}


@dataclass
class Flood:
    """What was sent and what was answered."""

    target: str
    dice: random.Random
    answers: Counter[str] = field(default_factory=Counter)
    acknowledged: set[bytes] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, hook: Hook) -> None:
        """Again and again until somebody answers, as providers do."""
        status = 0
        for _ in range(200):
            try:
                answer = requests.post(
                    f"{self.target}/webhooks/{hook.provider}", data=hook.raw, headers=hook.headers, timeout=20
                )
                status = answer.status_code
            except requests.RequestException:
                status = 0  # killed in the middle
            if 0 < status < 500:
                break
            time.sleep(0.2)
        wanted = {BROKEN: 400, FORGED: 401}.get(hook.manner, 200)
        with self.lock:
            self.answers[f"{hook.manner or 'good'}: {status}"] += 1
            if status != wanted:
                self.wrong.append(f"a {hook.manner or 'good'} webhook of {hook.provider} was answered {status}")
            if status == 200:
                self.acknowledged.add(hashlib.sha256(hook.raw).digest())


class Books:
    """The sandbox's books and the webhooks their changes make."""

    def __init__(self, control: SandboxControl, app: Any, dice: random.Random) -> None:
        self.control, self.dice = control, dice
        self.companies = [one["name"] for one in control.companies() if one["provider"] in PLAYED]
        self._waiting: list[tuple[Provider, dict[str, Any]]] = []
        app.extensions["sandbox"].courier.post = lambda provider, event: self._waiting.append((provider, event))

    def change(self, times: int) -> None:
        for _ in range(times):
            do = self.dice.choice(ACTS)
            amount = AMOUNTS.get(do)
            more = {"amount": amount} if amount else {}
            try:
                self.control.act(self.dice.choice(self.companies), do, **more)
            except RuntimeError:  # nothing open there, or money on it: as in life
                continue
        assert self._waiting, "the books stand still: nothing is told any more"

    def hooks(self) -> list[Hook]:
        """What has happened since, in bodies of one to three events: thrice, shuffled, and some broken or forged."""
        made, self._waiting = self._bodies(self._waiting), []
        bad = [Hook(one.provider, one.raw[: len(one.raw) // 2], BROKEN) for one in made if self.dice.random() < 0.15]
        bad += [Hook(one.provider, one.raw, FORGED) for one in made if self.dice.random() < 0.15]
        found = made * 3 + bad
        self.dice.shuffle(found)
        return found

    def _bodies(self, waiting: Sequence[tuple[Provider, dict[str, Any]]]) -> list[Hook]:
        made = []
        for provider in ("quickbooks", "xero", "stripe"):
            events = [event for whose, event in waiting if whose == provider]
            while events:
                some, events = events[: (size := 1 if provider == "stripe" else self.dice.randint(1, 3))], events[size:]
                body: Any = some[0]
                if provider == "quickbooks":
                    body = quickbooks_body(some, "cloudevents")
                elif provider == "xero":
                    body = xero_body(some, 1, len(some))
                made.append(Hook(provider, json.dumps(body).encode()))
        return made


def flood(url: str, count: int, kills: int, seed: int, world: str = "forty") -> tuple[dict[str, object], list[str]]:
    """The row of figures, and what was broken."""
    dice, began = random.Random(seed), time.monotonic()
    with ExitStack() as stack:
        app = create_sandbox(world)
        control = stack.enter_context(SandboxControl(stack.enter_context(live_server(app))))
        many = {f"{name.upper()}_CALLS_PER_MINUTE": "100000000" for name in PLAYED}
        folder = stack.enter_context(TemporaryDirectory(prefix="sheaf-faults-"))
        stack.enter_context(environment({**control.settings(), **many, **WAITS, "SHEAF_INSTANCE": folder}))
        house = House.open(Settings(DATABASE_URL=url))  # type: ignore[call-arg]
        stack.callback(house.database.dispose)
        books = Books(control, app, dice)
        for company in books.companies:
            connected(house, control, company)
        while pull_due(house):
            pass
        port = free_port()
        roles = [f"web-and-worker {port}"] if house.database.is_sqlite else [f"web {port}", "worker", "worker"]
        fleet = Fleet(roles, {**environment_of(house), **control.settings(), **many, **WAITS}, Path(folder) / "log")
        stack.callback(fleet.stop)
        sent = Flood(f"http://127.0.0.1:{port}", dice)
        _pour(books, sent, fleet, count, kills, dice)
        _until_handled(house)
        broken = [*sent.wrong, *_unstored(house, sent), *_disagreements(house, books)]
        row = {
            "database": house.database.engine.dialect.name, "webhooks": sum(sent.answers.values()),
            **{name: sent.answers[name] for name in ("good: 200", "broken: 400", "forged: 401")},
            "kills": fleet.killed, "invoices": _count(house, Invoice), "stored": _count(house, ProviderEvent),
            "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip
    return row, broken


def _pour(books: Books, sent: Flood, fleet: Fleet, count: int, kills: int, dice: random.Random) -> None:
    progress, done = Progress("webhooks", count), 0
    moments = sorted(dice.sample(range(count), min(kills, count)))
    with ThreadPoolExecutor(8) as pool:
        while done < count:
            books.change(ROUND)
            hooks = books.hooks()
            futures = [pool.submit(sent.send, hook) for hook in hooks]
            done += len(hooks)
            while moments and moments[0] < done:
                moments.pop(0)
                fleet.kill(dice.randrange(len(fleet.running)))
            for future in futures:
                future.result()
            progress.step(len(hooks))


def _until_handled(house: House, patience: float = 600) -> None:
    """Until every stored event is handled and no pull is asked for: the workers do it, killed ones' leases lapse."""
    ends = time.monotonic() + patience
    while time.monotonic() < ends:
        waiting = select(func.count()).where(ProviderEvent.handled_at.is_(None))
        asked = select(func.count()).where(Connection.next_pull_at <= clock.now() + timedelta(seconds=1))
        with house.database.reading(_LOOK) as session:
            if not session.execute(waiting).scalar_one() and not session.execute(asked).scalar_one():
                return
        time.sleep(0.5)


def _unstored(house: House, sent: Flood) -> list[str]:
    with house.database.reading(_LOOK) as session:
        stored = {hashlib.sha256(body).digest() for body in session.scalars(select(ProviderEvent.body))}
    lost = sent.acknowledged - stored
    return [f"N1 {len(lost)} webhooks were acknowledged and not stored"] if lost else []


def _disagreements(house: House, books: Books) -> list[str]:
    """N3: every invoice against the provider's books."""
    ours: dict[UUID, dict[str, tuple[bool, int]]] = {}
    with house.database.reading(_LOOK) as session:
        names = {row.account_name: row.id for row in session.scalars(select(Connection))}
        for row in session.scalars(select(Invoice)):
            ours.setdefault(row.connection_id, {})[row.external_id] = (
                row.is_open,
                row.balance_minor if row.is_open else 0,
            )
    broken = []
    for company in books.companies:
        held = ours.get(names[company], {})
        for said in books.control.invoices(company):
            truth = (bool(said["open"]), Money.of(said["balance"], said["currency"]).minor if said["open"] else 0)
            if held.get(said["id"], (False, 0)) != truth:
                broken.append(f"N3 {company} {said['number']}: the books say {truth}, we {held.get(said['id'])}")
    return broken


def _count(house: House, table: Any) -> int:
    with house.database.reading(_LOOK) as session:
        return int(session.execute(select(func.count()).select_from(table)).scalar_one())


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--database", choices=DATABASES, help="default: both")
    options.add_argument("--webhooks", type=int, default=100_000)
    options.add_argument("--kills", type=int, default=20)
    given = options.parse_args()
    rows, broken = [], []
    with harness():
        for kind in [given.database] if given.database else DATABASES:
            with database(kind) as url:
                row, found = flood(url, given.webhooks, given.kills, given.seed)
            rows.append(row)
            broken += [f"{kind}: {words}" for words in found]
    return show(f"flood of webhooks, seed {given.seed}", rows, broken, given.json)


if __name__ == "__main__":
    sys.exit(main())
