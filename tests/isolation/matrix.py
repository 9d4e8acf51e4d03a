"""Every route x everybody who may ask x ids that are not theirs: does a byte of somebody else's come back?

Routes come from the URL map and ids from every table, so that a new route or table is asked without a line here. Each
question is put twice, with a foreign id and with one that belongs to nothing: the two answers must be the same. No
answer may hold a word (tests/isolation/markers.py) of a row that is not the asker's to read.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from werkzeug.test import TestResponse

from app.access import Who
from tests.access_matrix import Route, routes
from tests.isolation.markers import words_in
from tests.isolation.stage import Asker, Stage

_MALFORMED = (
    "0", "-1", "x", "%", "..", "' OR 1=1 --", "1e9", "null", "a" * 300, "\N{EAR OF RICE}", "0" * 32, "{}", "\x00",
    "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "0x7fffffffffffffff", " ", "[]",
)  # fmt: skip
_PLAIN = {"number": 1, "line": 1, "provider": "quickbooks", "name": "x"}
# Names under which forms and addresses of this product take an id, or might.
_FIELDS = (
    "id", "vendor", "vendor_id", "customer_id", "mailbox_id", "person_id", "invoice_id", "thread_id", "connection_id",
    "digest_id", "company", "before", "after", "to", "choose",
)  # fmt: skip
_FORM = {"act": "mute", "body": "Which order is this for?", "result": "answered", "choice": "block", "role": "reader"}


@dataclass
class Report:
    """What a run showed; ``faults`` are in words."""

    asked: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    routes: set[str] = field(default_factory=set)
    foreign_words: int = 0
    told_apart: int = 0
    broke: int = 0
    faults: list[str] = field(default_factory=list)


def run(stage: Stage, ids: int, seed: int) -> Report:
    """Ask with ``ids`` foreign ids; each round asks every route once, as somebody drawn by ``seed``."""
    dice, report = random.Random(seed), Report()
    known = routes(stage.app)
    foreign = {asker.name: stage.foreign_ids(asker) for asker in stage.askers}
    while report.asked < ids:
        for route in known:
            for method in route.methods:
                asker = _asker(stage, route, dice)
                kind = dice.choice(("foreign", "foreign", "foreign", "random", "malformed"))
                _ask_twice(stage, asker, route, method, kind, _id(foreign[asker.name], kind, dice), report)
    return report


def _asker(stage: Stage, route: Route, dice: random.Random) -> Asker:
    """More often than not somebody whom the route lets in: the others hardly get past the gate."""
    let_in = [asker for asker in stage.askers if route.access and asker.side is route.access.who]
    return dice.choice(let_in if let_in and dice.random() < 0.7 else stage.askers)


def _id(foreign: list[UUID], kind: str, dice: random.Random) -> str:
    if kind == "foreign" and foreign:
        return str(dice.choice(foreign))
    return dice.choice(_MALFORMED) if kind == "malformed" else str(uuid4())


def _ask_twice(stage: Stage, asker: Asker, route: Route, method: str, kind: str, key: str, report: Report) -> None:
    browser = asker.browser()
    nothing = str(uuid4())
    first = _ask(browser, asker, route, method, key)
    second = _ask(browser, asker, route, method, nothing)
    report.asked += 1
    report.answers[first.status_code] += 1
    report.kinds[kind] += 1
    report.routes.add(f"{method} {route.rule}")
    where = f"{asker.name}: {method} {route.rule} with {kind} {key[:40]!r}"
    if first.status_code >= 500 and not (route.access and route.access.who is Who.SIGNED):  # 503: bring it again
        report.broke += 1
        report.faults.append(f"{where} broke: {first.status}")
    for word in words_in(_whole(first)):
        if not asker.may_read(row := stage.planted[word]):
            report.foreign_words += 1
            report.faults.append(f"{where} showed a word of {row.table} {row.values.get('id')}")
    is_named = kind == "foreign" and any(name.endswith("_id") for name in route.arguments)
    is_told_apart = _seen(first, key) != _seen(second, nothing)
    if is_named and is_told_apart and asker.side is not Who.OPERATOR:
        report.told_apart += 1
        report.faults.append(f"{where}: {first.status} and not {second.status}, or another page")


def _ask(browser: Any, asker: Asker, route: Route, method: str, key: str) -> TestResponse:
    fields = dict.fromkeys(_FIELDS, key)
    answer: TestResponse = browser.open(
        _path(route, asker, key),
        method=method,
        query_string=fields if method == "GET" else None,
        data=fields | _FORM if method == "POST" else None,
    )
    answer.get_data()  # what is sent while it is written holds its request open until it is read
    return answer


def _path(route: Route, asker: Asker, key: str) -> str:
    """The route's address: the id asked about where one is named, the asker's own token, plain words elsewhere."""
    named = (name for name in route.arguments if not name.endswith("_id"))
    plain = {name: asker.own.get(name, _PLAIN.get(name, key)) for name in named}
    return route.path(dict.fromkeys(route.arguments, key) | plain)


def _seen(answer: TestResponse, key: str) -> tuple[int, str]:
    """What the asker sees: where it is sent to sign in, its own question stands in the address."""
    return answer.status_code, f"{answer.location}\n{_body(answer)}".replace(key, "")


def _whole(answer: TestResponse) -> str:
    """Body, headers and where it sends the browser."""
    return _body(answer) + str(answer.headers)


def _body(answer: TestResponse) -> str:
    """Of a PDF, too: what of it is no text says nothing."""
    return answer.get_data().decode(errors="replace")
