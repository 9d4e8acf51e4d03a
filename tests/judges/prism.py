"""Prism as a proxy, a second opinion on the same requests. It is silent where a schema wraps a reference in anyOf."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.judges.rooms import Node, free_port, wait_for
from tests.judges.stage import Stage
from tests.judges.table import Verdict
from tests.judges.visits import Visit, stripe_visits, xero_visits

CASES = {
    "xero accounting": ("xero", "xero_accounting.openapi.json", "/xero/api.xro/2.0", xero_visits),
    "stripe": ("stripe", "stripe.openapi.json", "/stripe", stripe_visits),
}
# Known faults of a description, not of the sandbox; each with its reason.
TOLERATED = {
    r"if-modified-since must match format": "Xero documents it without a zone (FACTS 2)",
}


def judge(shared: Path, node: Node, stage: Stage) -> list[Verdict]:
    return [one_case(shared, node, stage, name) for name in CASES]


def one_case(shared: Path, node: Node, stage: Stage, name: str) -> Verdict:
    provider, spec, prefix, make = CASES[name]
    found: list[str] = []
    visits = [visit for visit in make(stage) if visit.status == 200]
    with proxy(node, shared / "connectors/specs" / spec, stage.base + prefix) as port:
        for visit in visits:
            found += look(port, prefix, visit, stage.headers(provider))
    return Verdict("prism", name, "violations" if found else "clean", f"{len(visits)} requests", sorted(set(found)))


@contextmanager
def proxy(node: Node, spec: Path, upstream: str) -> Iterator[int]:
    port = free_port()
    command = [str(node.prism), "proxy", "-h", "127.0.0.1", "-p", str(port), str(spec), upstream]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def look(port: int, prefix: str, visit: Visit, headers: dict[str, str]) -> list[str]:
    """Prism writes what it objects to into the header sl-violations."""
    given = {key: value for key, value in {**headers, **visit.headers}.items() if value is not None}
    path = visit.path.removeprefix(prefix)
    answer = requests.request(
        visit.method, f"http://127.0.0.1:{port}{path}", headers=given, json=visit.json, data=visit.form, timeout=30
    )
    if answer.status_code != visit.status:
        return [f"{visit.method} {path}: {answer.status_code} {answer.text[:200]}"]
    said = complaints(answer.headers.get("sl-violations", "[]"))
    where = f"{visit.method} {path.partition('?')[0]}"
    lines = [f"{where} {'.'.join(map(str, one.get('location', [])))} {one['message']}" for one in said]
    return [re.sub(r"\.\d+", ".N", line) for line in lines if not any(re.search(known, line) for known in TOLERATED)]


def complaints(header: str) -> list[dict[str, Any]]:
    """Prism puts a remark before a list that was too long for it."""
    return list(json.loads(header[header.index("[") :]))
