"""Fifty thousand broken calls to every route, as everybody: no error page of ours, and none that takes a second.

    python -m tests.faults.fuzz_routes [--calls 50000] [--seed N] [--database sqlite|postgresql] [--processes 2]

The calls are made from the routes themselves and from the forms on their pages: methods, ids of this world and of none,
huge and negative numbers, doubled fields, broken encodings, wrong types of content, odd headers, signed and unsigned
webhooks. The one 5xx that is meant is the inbound mail hook's 503 for a bad signature (INVARIANTS N2).
"""

import gc
import io
import itertools
import json
import multiprocessing
import os
import random
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote_from_bytes, quote_plus
from uuid import uuid4

from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from app import errors, logs
from app.access import Who
from app.scheduler import settle_down
from connectors import registry
from tests.access_matrix import Route
from tests.faults import parsers
from tests.faults.callers import SECRET, Form, Ground, ground
from tests.faults.mutate import BYTES, LETTERS, Mutator
from tests.faults.showing import Progress, harness, parser, show
from tests.faults.stage import database

_SHARE = 2500  # calls on one world: many change it
_SLOW = 1.0  # seconds of CPU
_LONGEST_LINE = 8000  # twice what gunicorn lets through
_METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "BREW")
_TYPES = (
    "application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "multipart/form-data",
    "text/plain; charset=utf-16", "application/x-www-form-urlencoded; charset=utf-7",
    "application/json; charset=no-such", "image/png", "", "a/b/c;;;", "application/cloudevents+json",
)  # fmt: skip
_HEADERS = {
    "Accept-Language": "de;q=0.9", "Range": "bytes=0-1", "If-None-Match": '"x"', "User-Agent": "Mozilla/5.0 Firefox/1",
    "If-Modified-Since": "Mon, 23 Nov 2026 09:00:00 GMT", "X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "https",
    "Host": "sheaf.example", "Cookie": "sheaf=eyJ.x.y; theme=dark", "HX-Request": "true", "Referer": "http://localhost/",
    "HX-Current-URL": "http://localhost/inbox?page=2", "Sec-Fetch-Site": "same-origin", "Content-Encoding": "gzip",
    "Authorization": "Bearer x", "Origin": "null", "Expect": "100-continue", "Accept": "*/*;q=x",
}  # fmt: skip
_WORDS = ("", "1", "0", "-1", "yes", "2026-11-30", "09:00", "weekly", "1250.00", "ap@cobalt.example", "all", "next")


@dataclass
class Found:
    calls: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    slowest: float = 0.0
    slowest_of: str = ""
    findings: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)  # apart: what a busy machine adds is no finding of a test's

    def add(self, other: "Found") -> None:
        self.calls += other.calls
        self.statuses += other.statuses
        self.findings += other.findings
        self.slow += other.slow
        if other.slowest > self.slowest:
            self.slowest, self.slowest_of = other.slowest, other.slowest_of


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--calls", type=int, default=50_000)
    made.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    made.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = made.parse_args()
    found, progress, began = Found(), Progress("calls", options.calls), time.monotonic()
    with harness(), multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for share in pool.imap_unordered(_call_share, _shares(options.database, options.calls, options.seed)):
            found.add(share)
            progress.step(share.calls)
    kinds = {
        f"{kind}xx": sum(n for status, n in found.statuses.items() if status // 100 == kind) for kind in range(2, 6)
    }
    row = {
        "calls": found.calls, **kinds, "slowest": f"{1000 * found.slowest:.0f} ms", "of": found.slowest_of,
        "seconds": f"{time.monotonic() - began:.0f}",
    }  # fmt: skip
    return show(f"routes on {options.database}, seed {options.seed}", [row], found.findings + found.slow, options.json)


def _shares(kind: str, calls: int, seed: int) -> Iterator[tuple[str, int, str]]:
    for number in itertools.count():
        left = calls - number * _SHARE
        if left <= 0:
            return
        yield kind, min(left, _SHARE), f"{seed}/{number}"


def _call_share(share: tuple[str, int, str]) -> Found:
    kind, calls, seed = share
    with database(kind) as url, tempfile.TemporaryDirectory() as folder:
        return call(url, Path(folder), calls, random.Random(seed))


def call(url: str, folder: Path, calls: int, dice: random.Random) -> Found:
    """Make ``calls`` calls drawn by ``dice`` to a product of their own."""
    found, broken = Found(), _Broken()
    with ground(url, folder) as on, patch.object(errors, "log", broken):
        logs.configure(folder / "log")
        caller = Caller(on, dice)
        gc.collect()  # the worlds before this one; else some call pays for looking through all of them
        settle_down()
        for number in range(calls):
            if number % 100 == 0:
                on.sign_in_again()
            who, browser, request = caller.draw()
            _judge(found, broken, who, browser, request)
            if request["path"].startswith("/sign-out"):
                on.sign_in_again()
        logs.configure(None)
    return found


class _Broken:
    """Stands for the log of app/errors.py: what the last call died of."""

    last = ""

    def error(self, _words: str, *, exc_info: BaseException, **_about: object) -> None:
        frames = [
            f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
            for frame in traceback.extract_tb(exc_info.__traceback__)
        ]
        self.last = f"{type(exc_info).__name__}: {str(exc_info)[:200]} ({' '.join(frames[-4:])})"


def _judge(found: Found, broken: _Broken, who: Who, browser: Any, request: dict[str, Any]) -> None:
    size = len(str(request.get("data", ""))) + len(str(request.get("query_string", "")))
    words = f"{request['method']} {request['path'][:200]!r} as {who} with {size} characters"
    broken.last = ""
    began = time.thread_time()
    try:
        answer: TestResponse = browser.open(**request)
        status = answer.status_code
        answer.close()
    except Exception as problem:  # noqa: BLE001  # what no error page caught
        status, broken.last = 599, f"{type(problem).__name__}: {str(problem)[:200]} {traceback.format_exc()[-300:]}"
        if isinstance(problem, UnicodeError) and "IDNA" in str(problem):
            status = 400  # the app has answered; Werkzeug's client cannot spell the address that such a Host makes
    took = time.thread_time() - began
    found.calls += 1
    found.statuses[status] += 1
    if took > found.slowest:
        found.slowest, found.slowest_of = took, words
    if took > _SLOW:
        found.slow.append(f"{took:.1f} s: {words}")
    if status >= 500 and not (status == 503 and "/inbound" in request["path"] and not broken.last):
        found.findings.append(f"{status}: {words} {str(request.get('data'))[:300]}: {broken.last}")


# --- drawing calls --------------------------------------------------------------------------------------------------


class Caller:
    """Draws one call after another: a principal with a browser, and what it asks."""

    def __init__(self, on: Ground, dice: random.Random) -> None:
        self._on, self._dice = on, dice
        words = [
            value
            for forms in on.forms.values()
            for form in forms
            for values in form.fields.values()
            for value in values
        ]
        self._text: Mutator[str] = Mutator([*_WORDS, *sorted(set(words))], LETTERS, dice)
        self._bytes: Mutator[bytes] = Mutator(
            [seed for each in parsers.PARSERS.values() for seed in each.seeds if isinstance(seed, bytes)], BYTES, dice
        )
        self._names = sorted({name for forms in on.forms.values() for form in forms for name in form.fields})

    def draw(self) -> tuple[Who, Any, dict[str, Any]]:
        kind = self._dice.random()
        who = self._dice.choice(list(self._on.browsers))
        if kind < 0.45 and self._on.forms[who]:
            request = self._form(self._dice.choice(self._on.forms[who]))
        elif kind < 0.55:
            request = self._webhook()
        else:
            who, request = self._route(self._dice.choice(self._on.routes), who)
        browser = self._on.browsers[who]
        if self._dice.random() < 0.3:
            request["headers"] = self._headers(request.get("headers", {}))
            if "Host" in request["headers"]:  # the client reads it too, for its jar, and some of these break it
                cookie = browser.get_cookie("sheaf")
                request["headers"]["Cookie"] = f"sheaf={cookie.value}" if cookie else ""
                browser = self._on.app.test_client(use_cookies=False)
        return who, browser, request

    def _route(self, route: Route, who: Who) -> tuple[Who, dict[str, Any]]:
        """Mostly as it is meant to be called, by whom it is meant for."""
        meant = route.access.who if route.access else who
        if meant in self._on.browsers and self._dice.random() < 0.7:
            who = meant
        method = self._dice.choice(route.methods if self._dice.random() < 0.8 else _METHODS)
        query = self._encoded(self._fields())[:_LONGEST_LINE] if self._dice.random() < 0.4 else ""
        request: dict[str, Any] = {"method": method, "path": self._path(route), "query_string": query}
        if method not in ("GET", "HEAD", "OPTIONS"):
            request |= self._body(self._fields())
        return who, request

    def _path(self, route: Route) -> str:
        path = route.rule
        for name in route.arguments:
            for kind in ("uuid:", "int:", ""):
                path = path.replace(f"<{kind}{name}>", self._argument(name))
        return path

    def _argument(self, name: str) -> str:
        known = self._on.ids.get(name.removesuffix("_id"), [])
        roll = self._dice.random()
        if name.endswith("_id") and roll < 0.85:
            return self._dice.choice(known) if known and roll < 0.7 else str(uuid4())
        if name == "number" and roll < 0.9:
            return self._dice.choice(("1", "2", "3", "0", "9" * 10, "9" * 19, "9" * 40, "9" * 5000, "-1", "1.0", "٣"))
        if name == "provider" and roll < 0.9:
            return self._dice.choice((*registry.PROVIDERS, "sendgrid", "none"))
        if name == "token" and roll < 0.8:
            return self._dice.choice(self._on.tokens)
        return quote_from_bytes(
            self._dice.choice((self._bytes()[:200], self._text().encode("utf-8", "replace"))), safe=""
        )

    def _form(self, form: Form) -> dict[str, Any]:
        """A page's own form, filled in from what it offers, with something wrong in a field or two."""
        fields = [(name, self._dice.choice(values)) for name, values in form.fields.items()]
        for _ in range(self._dice.choice((0, 1, 1, 2, 4))):
            if fields:
                at = self._dice.randrange(len(fields))
                fields[at] = (fields[at][0], self._text())
        if self._dice.random() < 0.2:
            fields += self._fields()
        return {"method": "POST", "path": form.action, **self._body(fields)}

    def _fields(self) -> list[tuple[str, str]]:
        names = [self._dice.choice(self._names) if self._names else "x" for _ in range(self._dice.randint(0, 6))]
        return [(name, self._text() if self._dice.random() < 0.9 else self._text() * 200) for name in names]

    def _body(self, fields: list[tuple[str, str]]) -> dict[str, Any]:
        roll = self._dice.random()
        if roll < 0.6:
            return {"data": self._encoded(fields), "content_type": "application/x-www-form-urlencoded"}
        if roll < 0.75:
            files = {"file": (io.BytesIO(self._bytes()), self._text().encode("utf-8", "replace").decode())}
            return {"data": {name: value.encode("utf-8", "replace") for name, value in fields} | files}
        if roll < 0.85:
            return {"data": json.dumps(dict(fields)), "content_type": "application/json"}
        return {"data": self._bytes(), "content_type": self._dice.choice(_TYPES)}

    def _encoded(self, fields: list[tuple[str, str]]) -> str:
        """As browsers write it, and now and then as nobody does: broken UTF-8, bare bytes, missing signs."""
        pairs = [f"{quote_plus(name)}={quote_plus(value, errors='replace')}" for name, value in fields]
        if self._dice.random() < 0.15:
            pairs.append(
                self._dice.choice(("a=%ff%fe", "b=%00", "%", "=", "&&&", "c=%ed%a0%80", "d[]=1&d[]=2", "=" * 3000))
            )
        return "&".join(pairs)

    def _webhook(self) -> dict[str, Any]:
        """Signed over whatever it carries, so that what follows the check is met too; sometimes not signed."""
        provider = self._dice.choice((*parsers.SIGNING, "sendgrid"))
        body = self._bytes()
        if provider == "sendgrid":
            raw, headers = self._on.sendgrid.signed(body)
            hooks = [route.rule for route in self._on.routes if route.rule.startswith("/webhooks/sendgrid/")]
            path = self._dice.choice(hooks).replace("<token>", "x")
        else:
            seed: bytes = parsers.PARSERS[f"{provider}-webhook"].seeds[0].partition(parsers.GAP)[2]
            raw = Mutator([seed], BYTES, self._dice)()
            headers = {**parsers.SIGNING[provider](raw, SECRET), "Content-Type": "application/json"}
            path = f"/webhooks/{provider}"
        if self._dice.random() < 0.15:
            headers[self._dice.choice(list(headers))] = "junk"
        return {"method": "POST", "path": path, "data": raw, "headers": headers}

    def _headers(self, given: dict[str, str]) -> Headers:
        made = Headers(given)
        for _ in range(self._dice.randint(1, 3)):
            name = self._dice.choice(list(_HEADERS))
            value = Mutator([_HEADERS[name]], LETTERS, self._dice)()
            made[name] = "".join(c for c in value.replace("\r", "").replace("\n", "") if ord(c) < 256)[:4000]
        return made


if __name__ == "__main__":
    raise SystemExit(main())
