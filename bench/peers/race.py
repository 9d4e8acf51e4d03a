"""The same file of invoices merged into PostgreSQL on their ids by us and by others, twice: all of it new, then nothing
changed (A3, A4). Everybody is a program of its own, its start included."""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from app.settings import ROOT
from bench import books
from bench.ground import Ground
from bench.measure import Contender, Meter, Result, Take, progress
from bench.peers import program_of
from bench.report import Found
from bench.writing import Writing

OURS = "Sheaf"
SCHEMAS = ("peer_dlt", "peer_dlt_staging", "peer_singer")


@dataclass(frozen=True, slots=True)
class Loader:
    """``load`` is given a folder that is new with each first load and kept for the second."""

    name: str
    peer: str
    load: Callable[[Path], object]


def race_peers(ground: Ground, work: Writing, repeats: int, against: Iterable[str], found: Found) -> None:
    file = ground.folder / "invoices.jsonl"
    n = _write_file(file, work.n)
    url = work.house.settings.database_url
    parsed = make_url(ground.owner_url(url)).set(drivername="postgresql")
    owner = parsed.set(password=parsed.password or "none").render_as_string(hide_password=False)  # dlt wants one
    loaders = [Loader(OURS, OURS, lambda _: _call(sys.executable, "-m", "bench.peers.load_ours", file, url))]
    for peer in against:
        loaders += PEERS[peer](file, owner)
    first, again = _run(loaders, work, Meter(url), n, repeats)
    for words, results, goal in (("first load", first, "A3"), ("the same again", again, "A4")):
        found.add({f"{words}: {name}": _named(result, f"{words}: {name}") for name, result in results.items()})
        for peer in against:
            best = min(results[each.name].cpu_us for each in loaders if each.peer == peer)
            found.goals[f"{goal}-{peer}"] = best / results[OURS].cpu_us


def _write_file(file: Path, n: int) -> int:
    with file.open("w") as to:
        for number in range(n):
            one = books.invoice(number)
            line: dict[str, Any] = {
                "external_id": one.external_id, "version": one.version, "bill_to": one.bill_to_external_id,
                "name": f"Customer {one.bill_to_external_id}", "number": one.number,
                "issued_on": str(one.issued_on), "due_on": str(one.due_on), "currency": one.total.currency,
                "total_minor": one.total.minor, "balance_minor": one.balance.minor, "state": one.state,
                "address": one.address_text, "can_pay_online": one.can_pay_online, "terms": one.details["terms"],
            }  # fmt: skip
            to.write(json.dumps(line) + "\n")
    return n


def _run(
    loaders: Sequence[Loader], work: Writing, meter: Meter, n: int, repeats: int
) -> tuple[dict[str, Result], dict[str, Result]]:
    first: dict[str, list[Take]] = {each.name: [] for each in loaders}
    again: dict[str, list[Take]] = {each.name: [] for each in loaders}
    dice = random.Random(1)
    for round_ in range(repeats):
        for each in dice.sample(loaders, len(loaders)):
            work.empty()
            with work.as_owner() as owner:
                for schema in SCHEMAS:
                    owner.exec_driver_sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
            with tempfile.TemporaryDirectory(dir=work.ground.folder) as folder:
                loading = Contender(each.name, partial(_load, each, Path(folder), n))
                for takes in (first, again):
                    take = meter.take(loading)
                    takes[each.name].append(take)
                    progress(f"  {each.name}, {round_ + 1} of {repeats}: {take.rate:,.0f}/s, {take.cpu_us:,.1f} us CPU")
    return tuple({name: Result(name, "invoices", takes) for name, takes in all_.items()} for all_ in (first, again))  # type: ignore[return-value]


def _load(loader: Loader, folder: Path, n: int) -> int:
    loader.load(folder)
    return n


def _named(result: Result, name: str) -> Result:
    return Result(name, result.unit, result.takes)


def _dlt(file: Path, owner: str) -> list[Loader]:
    python, script = program_of("dlt", "python"), Path(__file__).with_name("load_dlt.py")

    def loader(strategy: str) -> Loader:
        return Loader(f"dlt, {strategy}", "dlt", lambda folder: _call(python, script, file, owner, folder, strategy))

    return [loader("upsert"), loader("delete-insert")]


def _singer(file: Path, owner: str) -> list[Loader]:
    target = program_of("singer", "target-postgres")
    settings = {
        "sqlalchemy_url": make_url(owner).set(drivername="postgresql+psycopg").render_as_string(hide_password=False),
        "default_target_schema": "peer_singer", "load_method": "upsert", "use_copy": True,
        "add_record_metadata": False, "activate_version": False, "batch_size_rows": 10_000,
    }  # fmt: skip

    def load(folder: Path) -> None:
        config = folder / "target.json"
        config.write_text(json.dumps(settings))
        feed = [sys.executable, str(Path(__file__).with_name("feed_singer.py")), str(file)]
        with subprocess.Popen(feed, stdout=subprocess.PIPE) as feeding:
            _call(target, "--config", config, stdin=feeding.stdout)

    return [Loader("Singer target-postgres", "singer", load)]


PEERS = {"dlt": _dlt, "singer": _singer}


def _call(*words: object, stdin: Any = None) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        list(map(str, words)), stdin=stdin, capture_output=True, text=True, cwd=ROOT, env=environment, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{words[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
