"""A real Tryton: invoices are posted, paid, credited and cancelled there by its own library, and after each change our
pull must say the same, to the minor unit, as its invoices and as its ledger."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from connectors.base import AccessExpired, Account, Context, Endpoints, NotFound, Tokens
from connectors.http import HttpClient
from connectors.tryton.connector import Tryton
from tests.connectors.stage import Mirror
from tests.judges.rooms import TrytonRoom
from tests.judges.table import Verdict

BOOKS, PASSWORD = "books", "password-of-the-judge"
COBALT, DUNE, ELM = "Cobalt Ltd", "Dune GmbH", "Elm Street Bakery"
NOWHERE = Endpoints("", "", "", "", "", "", "", "")


def judge(room: TrytonRoom) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as folder, running(room, Path(folder)) as clerk:
        look = Look(clerk)
        steps = list(walk(look))
    found = [f"after {name}: {problem}" for name, problems in steps for problem in problems]
    return [Verdict("tryton", "8.2", "violations" if found else "clean", f"{len(steps)} changes", found)]


class Clerk:
    """Keeps the books over there."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.port = int(self._answer()["port"])

    def do(self, what: str, **given: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **given}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        if "problem" in answer:
            raise RuntimeError(f"{what}: {answer['problem']}")
        return answer

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the clerk is gone")
        return json.loads(line)


class Look:
    """Our side: one connection to that server, and what it has heard so far."""

    def __init__(self, clerk: Clerk) -> None:
        self.clerk, self.connector = clerk, Tryton()
        opened = clerk.do("open")
        self.tokens = Tokens(opened["key"], extra={"site": f"http://127.0.0.1:{clerk.port}", "database": BOOKS})
        (self.account,) = self.connector.accounts(self.context(None), {})
        self.named_wrongly = (self.account.name, self.account.currency) != (opened["name"], "EUR")
        self.held = Mirror()

    def context(self, account: Account | None, tokens: Tokens | None = None) -> Context:
        held = tokens or self.tokens
        ends, header = self.connector.settle(NOWHERE, held.extra), self.connector.authorization(held)
        http = HttpClient(ends, "Tryton", authorization=lambda: header, seconds=60)
        return Context(http, ends, datetime.now(UTC), held, account)

    def pull(self, mode: Any) -> Mirror:
        cursor = self.held.cursor or {}
        return self.held.take(self.connector.pull(self.context(self.account), cursor, mode))

    def differences(self) -> Iterator[str]:
        truth = self.clerk.do("truth")
        theirs = {
            (str(one["id"]), one["number"], str(one["party"]), max(map(date.fromisoformat, one["due"]), default=None),
             one["currency"], Decimal(one["owed"]), Decimal(one["total"]))
            for one in truth["invoices"]
            if one["state"] == "posted" and Decimal(one["total"]) > 0
        }  # fmt: skip
        yield from (f"they have {one}, we have not" for one in theirs - self.held.open)
        yield from (f"we have {one}, they have not" for one in self.held.open - theirs)
        for party, receivable in truth["receivable"].items():
            owed = [each.balance.amount for each in self.held.invoices.values()
                    if each.state == "open" and each.bill_to_external_id == party]  # fmt: skip
            left = [each.remaining.amount for each in self.held.credits.values() if each.bill_to_external_id == party]
            if sum(owed) - sum(left) != Decimal(receivable):
                yield f"party {party} owes {receivable} by the ledger, {sum(owed)} less {sum(left)} by our records"
        for party, address in truth["addresses"].items():
            if party in self.held.bill_tos and self.held.bill_tos[party].address_text != address:
                yield f"party {party} has {address!r}, we have {self.held.bill_tos[party].address_text!r}"
        yield from (f"not understood: {bad.reason}" for bad in self.held.bad)


def walk(look: Look) -> Iterator[tuple[str, list[str]]]:
    """Change by change; what is wrong after each."""
    clerk = look.clerk
    made = {name: clerk.do("post", party=party, amount=amount, term=term)["id"] for name, party, amount, term in (
        ("whole", COBALT, "250.00", "30 days"), ("halves", DUNE, "99.99", "Halves"), ("small", ELM, "0.07", "30 days"),
        ("large", COBALT, "1234567.89", "Halves"), ("bad", DUNE, "10.10", "30 days"),
        ("mistake", ELM, "31.31", "30 days"),
    )}  # fmt: skip
    made["draft"] = clerk.do("draft", party=DUNE, amount="5.00")["id"]
    look.pull("full")
    yield "the first pull", [*look.differences(), *(["the company has another name"] if look.named_wrongly else [])]
    changes: tuple[tuple[str, Callable[[], Any]], ...] = (
        ("a part payment", lambda: clerk.do("pay", number=made["whole"], amount="40.00")),
        ("another part payment", lambda: clerk.do("pay", number=made["whole"], amount="0.01")),
        ("the payment of the rest", lambda: clerk.do("pay", number=made["whole"])),
        ("a part payment of an invoice in two halves", lambda: clerk.do("pay", number=made["halves"], amount="60.00")),
        ("a payment in full", lambda: clerk.do("pay", number=made["small"])),
        ("a credit note", lambda: clerk.do("credit", number=made["bad"])),
        ("a cancellation", lambda: clerk.do("cancel", number=made["mistake"])),
        ("a credit note on account", lambda: clerk.do("post", party=DUNE, amount="-15.15")),
        ("a new invoice", lambda: clerk.do("post", party=ELM, amount="77.70")),
        ("another address", lambda: clerk.do("change_email", party=COBALT, address="payables@cobalt.example")),
    )
    for name, change in changes:
        change()
        look.pull("changes")
        yield name, list(look.differences())
    clerk.do("delete", number=made["draft"])
    yield "the deletion of a draft", list(gone(look, made["draft"]))
    yield "all of it", list(details(look, made))
    yield "a note", list(noted(look, made["large"]))
    clerk.do("end_key")
    yield "the end of the key", list(refused(look))


def gone(look: Look, draft: int) -> Iterator[str]:
    look.held.take(look.connector.fetch(look.context(look.account), "invoice", [str(draft)]))
    if ("invoice", str(draft)) not in look.held.gone:
        yield "we still have it"
    yield from look.differences()


def details(look: Look, made: dict[str, int]) -> Iterator[str]:
    whole, halves = (look.held.invoices[str(made[name])] for name in ("whole", "halves"))
    if (whole.state, look.held.invoices[str(made["bad"])].state) != ("paid", "void"):
        yield f"what was paid is {whole.state}, what was credited is {look.held.invoices[str(made['bad'])].state}"
    paid = sorted(each.amount.minor for each in look.held.payments.values() if (whole.external_id, each.amount.minor)
                  in each.applied)  # fmt: skip
    if paid != [1, 4000, 20999]:
        yield f"payments of {paid}"
    if [part.balance_minor for part in halves.instalments] != [0, 3999]:
        yield f"instalments {halves.instalments}"
    said = halves.details
    if said.get("terms") != "Halves" or [line["minor"] for line in said.get("lines", ())] != [halves.total.minor]:
        yield f"what it is for: {said}"
    seen = look.pull("reconcile").last
    if {one.external_id for one in seen.invoices} != {one[0] for one in look.held.open}:
        yield "the sweep sees other invoices than are open"


def noted(look: Look, invoice: int) -> Iterator[str]:
    ctx = look.context(look.account)
    first, again = (look.connector.add_note(ctx, str(invoice), "promised for Monday", "k-1") for _ in range(2))
    notes = look.clerk.do("notes", number=invoice)["notes"]
    if first != again or len(notes) != 1 or "promised for Monday" not in notes[0]:
        yield f"notes {notes}, named {first} and {again}"
    try:
        look.connector.add_note(ctx, "999999", "promised", "k-2")
        yield "a note went to an invoice that is not there"
    except NotFound:
        pass
    if (document := look.connector.document(ctx, str(invoice))) is not None and not document.startswith(b"%PDF-"):
        yield "the document is no PDF"


def refused(look: Look) -> Iterator[str]:
    try:
        look.pull("full")
        yield "it still works"
    except AccessExpired:
        pass


@contextmanager
def running(room: TrytonRoom, folder: Path) -> Iterator[Clerk]:
    """A server with a database of its own, filled from the one that was prepared once."""
    shutil.copy(room.fresh, folder / f"{BOOKS}.sqlite")
    settings = folder / "trytond.conf"
    settings.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n")
    command = [str(room.python), "-W", "ignore", str(Path(__file__).with_name("tryton_books.py")), str(settings), BOOKS]
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True, env=dict(os.environ)
        )
        try:
            yield Clerk(process)
        finally:
            process.terminate()
            process.wait(20)
