"""`flask sync` of a company's whole books, ended by kill -9 again and again: it goes on at the last committed page.

    python -m tests.faults.resume [--invoices 200000] [--kills 3] [--database sqlite|postgresql] [--json FILE]

At the end every invoice is held against the sandbox's books, nothing is there twice, and what was written says how
much was read again: two pages a kill, the one it was at and the one a write ended in.
"""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import request
from sqlalchemy import func, select

from app.house import House
from app.models import BillTo, Invoice, SyncRun
from app.money import Money
from app.scope import Everything
from app.settings import ROOT, Settings
from connectors.quickbooks.connector import PAGE_SIZE
from connectors.sandbox.app import create_sandbox
from connectors.sandbox.client import SandboxControl
from tests.faults.ground import DATABASES, environment
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.stage import database, environment_of
from tests.support.books import connected
from tests.support.server import live_server

_LOOK = Everything("the resumed sync is counted")
_NAME = "Larkspur Wholesale"
_EACH = 40  # invoices of one customer
_AGAIN = 2.1 * PAGE_SIZE  # records a kill: two pages, and whom their invoices are billed to
_AT_EDGES = 0.1  # of all: what changed in the second in which a page ends comes with the next one too
_PATIENCE = 300.0  # seconds, and a second more for each fifty invoices: the sandbox sorts its books for every page


def books_of(folder: Path, invoices: int) -> Path:
    """A world of one company, as the sandbox reads it."""
    owed = [{"total": f"{20 + number}.50"} for number in range(_EACH)]
    customers = [
        {"name": f"Customer {number}", "email": f"ap{number}@customer.example", "invoices": owed}
        for number in range(math.ceil(invoices / _EACH))
    ]
    file = folder / "world.json"
    company = {"provider": "quickbooks", "name": _NAME, "customers": customers}
    file.write_text(json.dumps({"companies": [company]}))
    return file


def run(url: str, invoices: int, kills: int) -> tuple[dict[str, object], list[str]]:
    """The row of figures, and what was broken."""
    began = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="sheaf-faults-")))
        app, barrier = create_sandbox(str(books_of(folder, invoices))), _Barrier()
        app.before_request(barrier.hold)
        control = stack.enter_context(SandboxControl(stack.enter_context(live_server(app)), timeout=300))
        facts = {"QUICKBOOKS_CALLS_PER_MINUTE": "100000000", "SHEAF_INSTANCE": str(folder), "LOG_FILE": os.devnull}
        given = {**control.settings(), **facts, "LIMIT_LEASE_SECONDS": "4", "LIMIT_HTTP_SECONDS": "120"}
        stack.enter_context(environment(given))
        house = House.open(Settings(DATABASE_URL=url))  # type: ignore[call-arg]
        stack.callback(house.database.dispose)
        connected(house, control, _NAME)
        control.reset_calls()
        barrier.held = partial(_held, house)
        killed_at = _pull(house, given, invoices, kills, barrier)
        total = sum(1 for _ in control.invoices(_NAME))
        broken = _disagreements(house, control)
        again = _read_again(house)
        row = {
            "database": house.database.engine.dialect.name, "invoices": total, "held": _held(house),
            "killed at": ", ".join(f"{each:,}" for each in killed_at), "read again": again, "calls": control.calls(),
            "pages": math.ceil(total / PAGE_SIZE), "seconds": round(time.monotonic() - began),
        }  # fmt: skip
    if len(killed_at) < kills:
        broken.append(f"only {len(killed_at)} of {kills} kills came before the end")
    if again > len(killed_at) * _AGAIN + total * _AT_EDGES:
        broken.append(f"{again:,} records were read again: it did not go on where it was")
    return row, broken


@dataclass
class _Barrier:
    """The provider, who keeps a sync waiting that has ``wanted`` invoices: it is always killed before its end."""

    wanted: float = math.inf
    held: Callable[[], int] = lambda: 0

    def hold(self) -> None:
        while request.path.endswith("/query") and self.held() >= self.wanted:
            time.sleep(0.05)


def _pull(house: House, given: dict[str, str], invoices: int, kills: int, barrier: _Barrier) -> list[int]:
    """Let ``flask sync`` run, and end it where so much is there; how many invoices there were each time."""
    killed_at: list[int] = []
    progress, before = Progress("invoices", invoices), 0
    ends = time.monotonic() + _PATIENCE + invoices / 50
    while time.monotonic() < ends:
        wanted = (len(killed_at) + 1) * invoices // (kills + 1) if len(killed_at) < kills else math.inf
        barrier.wanted = wanted
        with _sync(house, given) as process:
            while process.poll() is None and _held(house) < wanted and time.monotonic() < ends:
                time.sleep(0.3)
            held = _held(house)
            progress.step(held - before)
            before = held
            if process.poll() is not None and held >= invoices:
                return killed_at
            if process.poll() is None:
                process.kill()
                killed_at.append(held)
            # else: the one before it still has the lease; ask again until it has lapsed
    return killed_at


def _sync(house: House, given: dict[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "wsgi", "sync"],
        cwd=ROOT,
        env={**os.environ, **environment_of(house), **given},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _held(house: House) -> int:
    with house.database.reading(_LOOK) as session:
        return int(session.execute(select(func.count()).select_from(Invoice)).scalar_one())


def _read_again(house: House) -> int:
    """Records written beyond the first time."""
    with house.database.reading(_LOOK) as session:
        received = session.execute(select(func.sum(SyncRun.received))).scalar_one()
        bill_tos = session.execute(select(func.count()).select_from(BillTo)).scalar_one()
    return int(received - bill_tos) - _held(house)


def _disagreements(house: House, control: SandboxControl) -> list[str]:
    """Every invoice against the provider's books: the same ones, with the same balance, once each."""
    truth = {
        said["id"]: Money.of(said["balance"], said["currency"]).minor if said["open"] else 0
        for said in control.invoices(_NAME)
    }
    ours: dict[str, int] = {}
    broken = []
    with house.database.reading(_LOOK) as session:
        query = select(Invoice.external_id, Invoice.balance_minor, Invoice.state)
        for external_id, balance, state in session.execute(query):
            if external_id in ours:
                broken.append(f"{external_id} is there twice")
            ours[external_id] = balance if state == "open" else 0
    wrong = [each for each, balance in truth.items() if ours.get(each) != balance]
    more = [each for each in ours if each not in truth]
    return [
        *broken,
        *(f"{each}: the books say {truth[each]}, we {ours.get(each)}" for each in wrong[:20]),
        *(f"{each} is in no books" for each in more[:20]),
    ]


def main() -> int:
    options = parser(__doc__)
    options.add_argument("--database", choices=DATABASES, help="default: both")
    options.add_argument("--invoices", type=int, default=200_000)
    options.add_argument("--kills", type=int, default=3)
    given = options.parse_args()
    rows, broken = [], []
    with harness():
        for kind in [given.database] if given.database else DATABASES:
            with database(kind) as url:
                row, found = run(url, given.invoices, given.kills)
            rows.append(row)
            broken += [f"{kind}: {words}" for words in found]
    return show(f"sync of {given.invoices:,} invoices, killed {given.kills} times", rows, broken, given.json)


if __name__ == "__main__":
    sys.exit(main())
