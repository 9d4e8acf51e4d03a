"""spec_contract.py in proxy mode: every request and every answer against the provider's own OpenAPI description."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import requests

from tests.judges.rooms import Room, free_port
from tests.judges.stage import Stage
from tests.judges.table import Verdict
from tests.judges.visits import Visit, identity_visits, square_visits, stripe_visits, xero_visits

CASES = {
    "xero accounting": ("xero", "xero_accounting.openapi.json", "/xero/api.xro/2.0", xero_visits),
    "xero identity": ("xero", "xero_identity.openapi.json", "/xero", identity_visits),
    "stripe": ("stripe", "stripe.openapi.json", "/stripe", stripe_visits),
    "square": ("square", "square.openapi.json", "/square", square_visits),
}


def judge(shared: Path, room: Room, stages: Iterable[Stage]) -> list[Verdict]:
    return [
        one_case(shared, room, stage, name) for stage in stages for name in CASES if CASES[name][0] in stage.companies
    ]


def one_case(shared: Path, room: Room, stage: Stage, name: str) -> Verdict:
    provider, spec, strip, make = CASES[name]
    port = free_port()
    command = [room.python, shared / "judges/spec_contract.py", "proxy", shared / "connectors/specs" / spec,
               "--port", str(port), "--upstream", stage.base, "--strip", strip]  # fmt: skip
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        if not first.startswith("ready"):
            return Verdict("contract", name, "skipped", first.strip() or "the judge did not start")
        visits = make(stage)
        asleep = (
            []
            if awake(process, port, strip, stage.headers(provider))
            else ["the judge saw nothing wrong in a wrong request"]
        )
        surprises = asleep + [problem for visit in visits if (problem := call(port, visit, stage.headers(provider)))]
    finally:
        process.terminate()
    found = [line for line in process.communicate(timeout=20)[0].splitlines() if not line.startswith("distinct")]
    return Verdict(
        "contract", name, "violations" if found or surprises else "clean", f"{len(visits)} requests", surprises + found
    )


def awake(process: subprocess.Popen[str], port: int, strip: str, headers: dict[str, str]) -> bool:
    """A request that must be objected to; who lets it pass judges nothing."""
    requests.get(f"http://127.0.0.1:{port}{strip}/NoSuchThing", headers=headers, timeout=30)
    assert process.stdout is not None
    return "not in the description" in process.stdout.readline()


def call(port: int, visit: Visit, headers: dict[str, str]) -> str | None:
    """What was not as expected: the judge reads the shapes, we the status."""
    given = {key: value for key, value in {**headers, **visit.headers}.items() if value is not None}
    answer = requests.request(
        visit.method,
        f"http://127.0.0.1:{port}{visit.path}",
        headers=given,
        json=visit.json,
        data=visit.form,
        timeout=30,
    )
    if answer.status_code == visit.status:
        return None
    return f"{visit.method} {visit.path}: {answer.status_code} instead of {visit.status} {answer.text[:200]}"
