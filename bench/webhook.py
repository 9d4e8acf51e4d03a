"""A provider's webhook beside a hello and a reference route on the same server (D1); what it asks of the database (D2);
the drain of what was stored (D3); and on SQLite both of its readers beside a first sync (A9)."""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from statistics import median
from subprocess import Popen
from typing import Any
from unittest import mock

from sqlalchemy import delete, func, insert, select

import wsgi
from app import clock
from app.house import House
from app.ids import new_id
from app.models import ProviderEvent
from app.settings import Settings
from bench import books
from bench.floors import web as floor
from bench.ground import Ground, Size, as_owner
from bench.inbox import filled, heard
from bench.measure import Contender, Meter, cpu_ratio, race
from bench.report import Found
from bench.web import CannotRun, RequestMeter, Server, get_as, load, served, visits
from bench.writing import writing
from connectors.events import drain_events
from connectors.ingest import AT_ONCE_SQLITE, ingest
from connectors.rows import rows_of
from connectors.sync import SQLITE_PAUSE

HELLO, REFERENCE, OURS = "hello", "reference hook: one INSERT", "webhook"
DRAINED, WRITTEN = "drain of stored events, and their pull's write", "write stage alone"
_SECRET = "a bench signs its own webhooks"
_PROVIDER = {"QUICKBOOKS_CLIENT_ID": "bench", "QUICKBOOKS_WEBHOOK_SECRET": _SECRET}
_MOST_A_SECOND = 2500
_EVENTS = 20_000
_number = count()


def run(ground: Ground, size: Size, repeats: int, _against: Sequence[str]) -> Found:
    found = Found("webhook")
    _requests(found, ground, size, repeats)
    with ground.house() as house:
        found.goals |= hook_statements(house)
    _drain(found, ground, min(size.invoices, _EVENTS), repeats)
    if ground.is_sqlite:
        _beside_backfill(found, ground, size, repeats)
    return found


# --- the request ----------------------------------------------------------------------------------------------------


def body(external_ids: Sequence[str], realm: str = "realm-0") -> bytes:
    """As QuickBooks posts it, padded to what a delivery weighs."""
    entities = [
        {"name": "Invoice", "id": each, "operation": "Update", "lastUpdated": f"{next(_number)}"}
        for each in external_ids
    ]
    told = [{"realmId": realm, "dataChangeEvent": {"entities": entities}}]
    return json.dumps({"eventNotifications": told, "pad": "x" * 1400}).encode()


def signature(raw: bytes) -> str:
    return base64.b64encode(hmac.digest(_SECRET.encode(), raw, hashlib.sha256)).decode()


def post_each(bodies: Sequence[bytes]) -> str:
    """Lua: every body once, signed; then no more."""
    listed = ",\n".join(f'{{[==[{raw.decode()}]==], "{signature(raw)}"}}' for raw in bodies)
    return f"""
        local posts, n = {{{listed}}}, 0
        function request()
          n = n + 1
          local post = posts[n] or {{"", ""}}
          local headers = {{["intuit-signature"] = post[2], ["Content-Type"] = "application/json"}}
          return wrk.format("POST", nil, headers, post[1])
        end
    """


def posts(name: str, server: Server, path: str, seconds: float) -> Contender:
    """Deliveries nobody saw before."""

    def some(long: float) -> str:
        return post_each([body([str(each)]) for each in range(round(long * _MOST_A_SECOND))])

    def run_() -> tuple[int, Mapping[str, float]]:
        seen = load(server.base + path, seconds, scripts.pop())
        return seen.n, {"p50": seen.p50, "p99": seen.p99}

    def prepare() -> None:
        load(server.base + path, 1, some(2.5))
        scripts.append(some(max(2, seconds) + 0.5))

    scripts: list[str] = []
    return Contender(name, run_, prepare)


def _requests(found: Found, ground: Ground, size: Size, repeats: int) -> None:
    with (
        filled(ground, size.small) as books_,
        _floor(ground, books_.url) as reference,
        served("wsgi:app", **books_.environment, **_PROVIDER) as ours,
    ):
        contenders = [
            visits(HELLO, reference, "/hello", size.seconds),
            posts(REFERENCE, reference, "/hook", size.seconds),
            posts(OURS, ours, "/webhooks/quickbooks", size.seconds),
        ]
        results = race(contenders, repeats, RequestMeter(books_.url, [reference, ours]), "requests")
    found.add(results, HELLO)
    found.goals["D1-cpu"] = 1 / cpu_ratio(results[OURS], results[HELLO])
    found.clocked("D1-rate", results[OURS], results[REFERENCE], lambda take: take.rate)


@contextmanager
def _floor(ground: Ground, url: str) -> Iterator[Server]:
    owner = ground.owner_url(url)
    with as_owner(owner) as connection:
        connection.exec_driver_sql(floor.TABLE.format(bytes="blob" if ground.is_sqlite else "bytea"))
    with served("bench.floors.web:app", FLOOR_URL=owner, FLOOR_SECRET=_SECRET) as server:
        yield server


def hook_statements(house: House) -> dict[str, float]:
    """Statements for one event, besides BEGIN and COMMIT; and rows that its repetition writes."""
    client, raw, said = wsgi.build(house)[0].test_client(), body(["1"]), list[str]()

    def post() -> None:
        answer = client.post("/webhooks/quickbooks", data=raw, headers={"intuit-signature": signature(raw)})
        assert answer.status_code == 200, answer.status

    def stored() -> int:
        with house.database.reading(books.EVERYTHING) as session:
            return session.scalar(select(func.count()).select_from(ProviderEvent)) or 0

    with mock.patch.dict(os.environ, _PROVIDER):
        with heard(house.database.engine, said.append):
            post()
        once = stored()
        post()
    return {"D2": len(said), "D2-again": stored() - once}


# --- the drain ------------------------------------------------------------------------------------------------------


def _drain(found: Found, ground: Ground, n: int, repeats: int) -> None:
    """One event for each of ``n`` invoices of one account: merged, left to a pull, and written as that pull does."""
    with writing(ground, n) as work:
        realm = work.connection.account_id or ""
        rows = [_row(body([str(each)], realm), each) for each in range(n)]

        def store() -> None:
            work.empty()
            with work.as_owner() as owner:
                owner.execute(delete(ProviderEvent))
                owner.execute(insert(ProviderEvent), rows)

        def drained() -> int:
            while drain_events(work.house):
                pass
            return work.write()

        contenders = [Contender(DRAINED, drained, store), Contender(WRITTEN, work.write, work.empty)]
        results = race(contenders, repeats, Meter(work.house.settings.database_url), "events")
    found.add(results, WRITTEN)
    found.clocked("D3", results[DRAINED], results[WRITTEN], lambda take: take.rate)


def _row(raw: bytes, number: int) -> dict[str, Any]:
    now = clock.now()
    return {
        "id": new_id(), "provider": "quickbooks", "event_key": str(number), "headers": {}, "body": raw,
        "received_at": now, "due_at": now, "tries": 0, "outcome": "",
    }  # fmt: skip


# --- SQLite, one writer ---------------------------------------------------------------------------------------------


def _beside_backfill(found: Found, ground: Ground, size: Size, repeats: int) -> None:
    """Webhooks and inbox pages while another process writes the books of a large vendor, page after page."""
    with filled(ground, size.small) as books_, served("wsgi:app", **books_.environment, **_PROVIDER) as ours:
        page = visits("inbox", ours, "/inbox", size.seconds, get_as(books_.cookies))
        hook = posts("hook", ours, "/webhooks/quickbooks", size.seconds)
        meter = RequestMeter(books_.url, [ours])

        def p99(contender: Contender) -> float:
            return median(meter.take(contender).counts["p99"] for _ in range(repeats))

        p99(page)  # warm
        idle = p99(page)
        with Popen([sys.executable, "-m", "bench.webhook", books_.url]) as backfill:
            try:
                busy, hooked = p99(page), p99(hook)
                if backfill.poll() is not None:
                    raise CannotRun("the backfill ended before it was measured")
            finally:
                backfill.terminate()
    found.counts |= {"inbox p99 ms, idle": idle, "inbox p99 ms, beside a backfill": busy}
    found.goals |= {"A9-hook": hooked, "A9-inbox": busy / idle}


def backfill(url: str) -> None:
    """Write books until somebody ends this process, as a pull does: with its pause between two commits."""
    house = House.open(Settings(database_url=url))
    connection = books.connected(house.database)
    for batch in books.batches(100_000_000, AT_ONCE_SQLITE):
        rows = rows_of(batch)
        with house.database.transaction(books.EVERYTHING) as session:
            ingest(session, connection, rows, clock.now())
        time.sleep(SQLITE_PAUSE)


if __name__ == "__main__":
    backfill(sys.argv[1])
