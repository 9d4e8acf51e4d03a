"""E-invoices before libraries that others wrote: what drafthorse reads from a CII, and the XML that factur-x takes out
of a PDF, is what we read. Neither knows UBL or ZUGFeRD 1: those stand on the samples' expected.json."""

import json
import subprocess
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from connectors.files.brought import read
from connectors.files.einvoice import EInvoice, read_xml
from tests.judges.rooms import Room
from tests.judges.table import Verdict

# Runs in the judges' own environment: a JSON object a file, {} where the library cannot read it.
_READER = """
import json, sys
import facturx
from drafthorse.models.document import Document

def bare(element):
    for name in ("_value", "_text", "_amount"):
        if getattr(element, name, None) not in (None, ""):
            return str(getattr(element, name))
    return ""

for path in sys.argv[1:]:
    data, said = open(path, "rb").read(), {}
    if data.startswith(b"%PDF"):
        try:
            said["inside"] = facturx.get_xml_from_pdf(data, check_xsd=False)[1].decode()
            data = said["inside"].encode()
        except Exception as problem:
            said["problem"] = type(problem).__name__
    try:
        deal = Document.parse(data, strict=False)
        paid = deal.trade.settlement
        said |= {
            "number": bare(deal.header.id), "type_code": bare(deal.header.type_code),
            "issue_date": bare(deal.header.issue_date_time)[:10], "currency": bare(paid.currency_code),
            "payable": bare(paid.monetary_summation.due_amount),
            "buyer_name": bare(deal.trade.agreement.buyer.name),
            "seller_name": bare(deal.trade.agreement.seller.name),
        }
    except Exception as problem:
        said["problem"] = type(problem).__name__
    print(json.dumps(said))
"""


def judge(shared: Path, room: Room) -> list[Verdict]:
    folder = shared / "connectors/samples/einvoice"
    paths = sorted([*folder.glob("*.pdf"), *folder.glob("*.xml")])
    done = subprocess.run(
        [str(room.python), "-W", "ignore", "-c", _READER, *map(str, paths)],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    theirs = dict(zip(paths, said, strict=True))
    inside = {path: one for path, one in theirs.items() if "inside" in one}
    read_by_them = {path: one for path, one in theirs.items() if "number" in one}
    return [
        _verdict("factur-x", len(inside), [wrong for each in inside.items() for wrong in _other_inside(*each)]),
        _verdict(
            "drafthorse", len(read_by_them), [wrong for each in read_by_them.items() for wrong in _differs(*each)]
        ),
    ]


def _verdict(judge: str, count: int, wrong: list[str]) -> Verdict:
    note = f"{count} files read by both" if count else "it reads none of the samples"
    return Verdict(judge, "e-invoices", "violations" if wrong or not count else "ok", note, wrong)


def _other_inside(path: Path, said: dict[str, Any]) -> list[str]:
    is_same = read(path.read_bytes()) == read_xml(said["inside"].encode())
    return [] if is_same else [f"{path.name}: another invoice inside"]


def _differs(path: Path, said: dict[str, Any]) -> list[str]:
    ours = read(path.read_bytes())
    if not isinstance(ours, EInvoice):
        return [f"{path.name}: no invoice to us"]
    names = ("number", "type_code", "issue_date", "currency", "payable", "buyer_name", "seller_name")
    return [
        f"{path.name}, {name}: we {getattr(ours, name)!s}, they {said[name]}"
        for name in names
        if said[name] and _plain(said[name]) != _plain(str(getattr(ours, name)))
    ]


def _plain(said: str) -> str | Decimal:
    try:
        return Decimal(said)
    except InvalidOperation:
        return " ".join(said.split())
