"""sdk_judge.py: can the providers' own Python libraries read the sandbox, and do they find what is in the books?"""

import json
import subprocess
from decimal import Decimal
from pathlib import Path

from connectors.sandbox.amounts import to_minor
from tests.judges.rooms import Room
from tests.judges.stage import COMPANIES, Stage
from tests.judges.table import Verdict


def judge(shared: Path, room: Room, stage: Stage) -> list[Verdict]:
    return [one(shared, room, stage, provider) for provider in COMPANIES]


def one(shared: Path, room: Room, stage: Stage, provider: str) -> Verdict:
    grant = stage.grants[provider]
    vendor = {"quickbooks": "qbo"}.get(provider, provider)
    base = {"quickbooks": "/quickbooks/v3", "xero": "/xero/api.xro/2.0", "stripe": "/stripe"}[provider]
    options = {"--base": stage.base + base, "--token": grant["access_token"], "--tenant": grant["external_id"]}
    command = [room.python, shared / "judges/sdk_judge.py", vendor, "--realm", grant["external_id"]]
    command += [text for pair in options.items() for text in pair]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        return Verdict("sdk", provider, "violations", "the library stumbled", done.stderr.strip().splitlines()[-3:])
    read, books = json.loads(done.stdout.strip().splitlines()[-1]), truth(stage, provider)
    seen = {key: Decimal(value) for key, value in read["open"].items()}
    problems = (
        [] if (read["invoices"], seen) == books else [f"library read {read['invoices']} {seen}, the books hold {books}"]
    )
    return Verdict("sdk", provider, "violations" if problems else "clean",
                   f"{read['invoices']} open invoices, {read['no_mail']} without an address", problems)  # fmt: skip


def truth(stage: Stage, provider: str) -> tuple[int, dict[str, Decimal]]:
    """Count and sums by currency, written as that provider writes them."""
    rows = stage.control.invoices(COMPANIES[provider], only_open=True)
    sums: dict[str, Decimal] = {}
    for one in rows:
        currency = one["currency"].lower() if provider == "stripe" else one["currency"]
        amount = Decimal(to_minor(one["balance"], one["currency"])) if provider == "stripe" else Decimal(one["balance"])
        sums[currency] = sums.get(currency, Decimal(0)) + amount
    return len(rows), sums
