"""python -m tests.judges: the sandbox before the providers' descriptions, their own libraries and Prism; connecting,
renewing and ending before npm's oidc-provider; pulls before a real Tryton; our mails before SpamAssassin, the RFCs and
what mail programs understand; e-invoices before factur-x and drafthorse.

Exits 1 on a violation; what cannot be installed is skipped, with the reason in the table.
"""

import logging
import os
import sys
from pathlib import Path

from tests.judges import contract, files, mail, oidc, prism, sdk, tryton, webhook
from tests.judges.rooms import NotHere, files_room, node_room, python_room, tryton_room
from tests.judges.stage import COMPANIES, SMALL, Stage, running_sandbox
from tests.judges.table import Verdict, show
from tests.judges.visits import stir

SHARED = Path(os.environ.get("SHEAF_SHARED", Path(__file__).resolve().parents[3] / "shared"))


def main() -> int:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    if not (SHARED / "judges/spec_contract.py").exists():
        print(f"judges skipped: no {SHARED}/judges; SHEAF_SHARED may name another place")
        return 0
    with running_sandbox("demo", COMPANIES) as stage, running_sandbox("small", SMALL) as small:
        stir(stage)
        verdicts = [*with_python(stage, small), *with_node(stage), *of_oauth(), *of_mails(), *of_tryton(), *of_files()]
    print(show(verdicts))
    return 1 if any(one.result == "violations" for one in verdicts) else 0


def with_python(stage: Stage, small: Stage) -> list[Verdict]:
    try:
        room = python_room()
    except NotHere as reason:
        return [Verdict(name, "all", "skipped", str(reason)) for name in ("sdk", "webhook", "contract")]
    both = (stage, small)
    return [*sdk.judge(SHARED, room, stage), *webhook.judge(room, both), *contract.judge(SHARED, room, both)]


def with_node(stage: Stage) -> list[Verdict]:
    try:
        return prism.judge(SHARED, node_room(), stage)
    except NotHere as reason:
        return [Verdict("prism", "all", "skipped", str(reason))]


def of_oauth() -> list[Verdict]:
    try:
        return oidc.judge()
    except NotHere as reason:
        return [Verdict("oidc", "oidc-provider", "skipped", str(reason))]


def of_mails() -> list[Verdict]:
    try:
        return mail.judge(SHARED)
    except NotHere as reason:
        return [Verdict("mail", "all", "skipped", str(reason))]


def of_tryton() -> list[Verdict]:
    try:
        return tryton.judge(tryton_room())
    except NotHere as reason:
        return [Verdict("tryton", "8.2", "skipped", str(reason))]


def of_files() -> list[Verdict]:
    try:
        return files.judge(SHARED, files_room())
    except NotHere as reason:
        return [Verdict("files", "e-invoices", "skipped", str(reason))]


if __name__ == "__main__":
    sys.exit(main())
