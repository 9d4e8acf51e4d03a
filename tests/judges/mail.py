"""Every kind of mail we send, before SpamAssassin, the RFCs, caniemail, htmlhint, axe and an HTML parser."""

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import html5lib
from sqlalchemy import select

from app import clock
from app.models import DigestLine, Invoice, InvoiceState, LineKind, Mailbox, Outgoing, OutgoingKind, Settlement
from app.scope import Everything
from demo.people import answer, ask_by_mail, connect, open_for_business, owner_of, wait_for_first_sync
from demo.show import CUSTOMER, send_now
from demo.stage import Stage, staged
from digest.channels.base import Envelope
from digest.channels.file import kept_mails
from digest.channels.mime import message_bytes
from tests.judges.rooms import NotHere, free_port, mail_room
from tests.judges.table import Verdict
from wsgi import build

_ALL = Everything("the judges look at every mail")
_EACH = 2  # mails of a kind
_PUBLIC = "https://app.sheaf.example"  # what a reader would see in place of the stage's own address
_TOO_MUCH = 0.5  # points of one SpamAssassin rule


def judge(shared: Path) -> list[Verdict]:
    if shutil.which("spamassassin") is None:
        raise NotHere("no spamassassin on this machine")
    node = mail_room()
    with tempfile.TemporaryDirectory() as folder:
        written = _mails(Path(folder))
        command = [sys.executable, str(shared / "judges/mail_judge.py"), *map(str, written)]
        command += ["--node", str(node), "--out", f"{folder}/out"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
        if done.returncode:
            raise NotHere("mail_judge: " + (done.stderr.strip().splitlines() or ["failed"])[-1])
        verdicts = [_verdict(found, Path(folder)) for found in _objects(done.stdout)]
    seen = {verdict.subject.rpartition("-")[0] for verdict in verdicts}
    missing = [Verdict("mail", kind, "violations", "the play sent none") for kind in OutgoingKind if kind not in seen]
    return [*verdicts, *missing]


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder, at = json.JSONDecoder(), 0
    while at < len(text.rstrip()):
        found, at = decoder.raw_decode(text, at)
        at += len(text[at:]) - len(text[at:].lstrip())
        yield found


def _verdict(found: dict[str, Any], folder: Path) -> Verdict:
    rules = found["spamassassin"]["rules"]
    render = found.get("render", {})
    wrong = [
        *(f"RFC: {words}" for words in found["rfc"] if not words.startswith("note:")),
        *(f"SpamAssassin: {points} {rule}" for points, rule in rules if float(points) > _TOO_MUCH),
        *(f"link: {link}" for link in found.get("bad_links", [])),
        *(
            f"amount in one part only: {amount}"
            for one in ("html", "text")
            for amount in found.get(f"amounts_only_in_{one}", [])
        ),
        *(f"axe: {each['id']} {each['eg']}" for each in render.get("axe", [])),
        *(
            f"wider than the {width} screen by {pixels}"
            for width, pixels in render.get("overflow", {}).items()
            if pixels > 0
        ),
        *(f"htmlhint: {each}" for each in found.get("htmlhint", [])),
        *(f"HTML: {error}" for error in _parse_errors(folder / "out" / f"{Path(found['file']).stem}.html")),
        *([f"asks for {render['remote'][0]}"] if render.get("remote") else []),
    ]
    points = ", ".join(f"{rule} {points}" for points, rule in rules if float(points) > 0) or "no rule"
    note = f"SpamAssassin {found['spamassassin']['score']}: {points}; {found.get('html_bytes', 0) / 1000:.0f} kB"
    return Verdict("mail", Path(found["file"]).stem, "violations" if wrong else "clean", note, wrong)


def _parse_errors(file: Path) -> list[str]:
    parser = html5lib.HTMLParser()
    if file.exists():
        parser.parse(file.read_text())
    return sorted({str(code) for _, code, _ in parser.errors})


# --- the mails ------------------------------------------------------------------------------------------------------


def _mails(folder: Path) -> list[Path]:
    """A few days of two vendors and their customers, and one that is new to them; a few mails of each kind."""
    with staged(
        build, instance=folder, world="demo", seed=7, port=free_port(), sandbox_port=free_port(), fast=True
    ) as stage:
        stage.wait = stage.run_jobs
        _play(stage)
        chosen = _by_kind(stage)
        return [
            _write(folder, kind, number, mail, stage.url)
            for kind, mails in chosen.items()
            for number, mail in enumerate(mails, 1)
        ]


def _play(stage: Stage) -> None:
    stage.house.limits.correction_wait_minutes = 0
    acme = open_for_business(stage, "quickbooks", "Acme Supply")
    open_for_business(stage, "xero", "Birch & Sons")
    newcomer = stage.visitor()
    newcomer.sign_in(owner_of("Cedar Studio"))
    connect(stage, newcomer, "stripe", "Cedar Studio")
    wait_for_first_sync(newcomer)
    newcomer.submit("live")
    for address in _addresses(stage):
        send_now(stage, address)
    stage.run_jobs()
    asked = ask_by_mail(stage, CUSTOMER, random.Random(7), lambda _: "copy")
    stage.run_jobs()
    answer(stage, asked[0].company, asked)
    _was_paid_before(stage)
    stage.sandbox.revoke("Acme Supply")
    acme.open("/desk/connections")
    acme.submit("sync")
    stage.run_jobs()


def _was_paid_before(stage: Stage) -> None:
    """We learn that what the digest asked for had been paid the day before."""
    with stage.house.database.transaction(_ALL) as session:
        line = session.execute(select(DigestLine).where(DigestLine.kind == LineKind.DUE).limit(1)).scalar_one()
        paid = session.get_one(Invoice, line.invoice_id)
        paid.state, paid.balance_minor, paid.due_minor = InvoiceState.PAID, 0, 0
        session.add(
            Settlement(
                vendor_id=paid.vendor_id,
                customer_id=line.customer_id,
                invoice_id=paid.id,
                connection_id=paid.connection_id,
                state=InvoiceState.PAID,
                settled_at=clock.now() - timedelta(days=1),
                seen_at=clock.now(),
            )
        )


def _addresses(stage: Stage) -> Sequence[str]:
    with stage.house.database.reading(_ALL) as session:
        return list(session.execute(select(Mailbox.address)).scalars())


def _by_kind(stage: Stage) -> dict[str, list[Any]]:
    """The shortest and the longest of each kind, as they lie in the file channel's folder."""
    with stage.house.database.reading(_ALL) as session:
        kinds = {row.address + row.subject: str(row.kind) for row in session.execute(select(Outgoing)).scalars()}
    found: dict[str, list[Any]] = defaultdict(list)
    for mail in kept_mails(stage.house.settings.mail_folder, 1000):
        found[kinds.get(mail["to"] + mail["subject"], "other")].append(mail)
    return {kind: _ends(sorted(mails, key=lambda mail: len(mail["html"]))) for kind, mails in found.items()}


def _ends(mails: list[Any]) -> list[Any]:
    return mails if len(mails) <= _EACH else [mails[0], mails[-1]]


def _write(folder: Path, kind: str, number: int, mail: Any, url: str) -> Path:
    def public(text: str) -> str:
        return text.replace(url, _PUBLIC)

    envelope = Envelope(
        attempt_id=UUID(mail["attempt"]),
        sender_name=mail["from_name"],
        sender=mail["from"],
        recipient=mail["to"],
        subject=mail["subject"],
        text=public(mail["text"]),
        html=public(mail["html"]),
        headers={name: public(value) for name, value in mail["headers"].items()},
        reply_to=mail["reply_to"],
    )
    file = folder / f"{kind}-{number}.eml"
    file.write_bytes(message_bytes(envelope, datetime.fromisoformat(mail["sent_at"])))
    return file
