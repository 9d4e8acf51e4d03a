"""Every kind of mail, as short and as long as it gets: found by its folder, so that a new one is looked at or named."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jinja2 import UndefinedError

from app.outbox.rendering import Mail, mail_template
from app.settings import ROOT
from digest.compose import compose
from digest.render import render
from tests.digest.books import MOMENT, TODAY
from tests.digest.test_compose import crowd
from tests.digest.test_render import everything, one, reader
from tests.shots.plenty import RTL_VENDOR

_AMOUNTS = ("USD\u00a01,250.00", "EUR\u00a018.40", "JPY\u00a01,234,567", "KWD\u00a099.999")
_SAID = ["Which delivery was this for?", "", "Our purchase order says twelve pallets, the delivery note says ten."]
_LINK = "https://sheaf.example/m/here-belongs-the-token-of-this-one-mail-now"
# What mails are made of, by the names their templates have for it; ``lines`` differ from one to another.
_FACTS: dict[str, Any] = {
    "account": "Acme & Sons Ltd", "address": "ap@cobalt.example", "amount": _AMOUNTS[3], "author": "Cora Cobalt",
    "by": "Ada of Acme", "code": "042 117", "count": 1, "credit": _AMOUNTS[1], "customer": "Cobalt & Co. KG",
    "customer_name": "Cobalt & Co. KG", "days": 60, "device": "Firefox on Linux", "domain": "acme.example",
    "due": "27 Nov 2026", "files": "order.pdf, photo of the pallets.jpg", "first": "16 Nov 2026", "giver": "Cora",
    "happened": "The card has expired.", "headline": "Ada mentioned you beside a question of Cobalt & Co. KG",
    "host": "pay.acme.example", "inbox": "https://sheaf.example/inbox", "is_capability": True, "is_chargeback": True,
    "is_claimed": True, "is_house": False, "is_open": True, "is_ours": False, "last": "22 Nov 2026",
    "least": "USD 1,000.00", "line": "Call us if that surprises you.", "link": _LINK, "method": "Bank transfer",
    "minutes": 10, "more": 0, "next_step": "Pay again with another card.", "number": "A-1047", "pays_on": "27 Nov 2026",
    "place": "Cobalt & Co. KG", "postal_address": "Sheaf, 1 Example Street, Example Town",
    "prevention": "A direct debit does not expire.", "question": _SAID[0], "reference": "RF18 5390 0754 7034",
    "result": "answered", "rhythm": "https://sheaf.example/inbox/rhythm", "said": _SAID, "sent_on": "16 Nov 2026",
    "several": False, "side": "The payer's side.", "subject": "Invoice A-1047", "takes_replies": True,
    "title": "QuickBooks", "total": _AMOUNTS[0], "until": "30 Nov 2026", "vendor": RTL_VENDOR,
    "vendor_name": RTL_VENDOR, "wants_answer": True, "what": "the desk", "why": "You get this because Ada named you.",
    "words": "Mail is accepted and no event has come back for an hour.",
}  # fmt: skip
_LINES: dict[str, Any] = {
    "answer": lambda n: _standing(n),
    "question": lambda n: _standing(n),
    "correction": lambda n: [(RTL_VENDOR, f"A-{i}", _AMOUNTS[i % 4], "settled on 15 Nov 2026") for i in range(n)],
    "new_invoices": lambda n: [(RTL_VENDOR, f"A-{i}", _AMOUNTS[i % 4], "27 Nov 2026") for i in range(n)],
    "remittance": lambda n: [(f"A-{i}", _AMOUNTS[i % 4], _AMOUNTS[1]) for i in range(n)],
    "report": lambda _: [("First answer, median", "2 h", "1 d"), *(("Open", amount, "") for amount in _AMOUNTS)],
}
_OTHERWISE: dict[str, dict[str, Any]] = {"which": {"said": " ".join(_SAID)}}


@dataclass(frozen=True)
class Written:
    name: str
    rows: int
    mail: Mail


def mails() -> Iterator[Written]:
    """Raises LookupError for a folder whose mail this cannot write: say above what its new words stand for."""
    full = everything()
    full.owes(RTL_VENDOR, "N-1", 99999, due=TODAY, currency="KWD")
    shelves = {1: one(), 12: full, 300: crowd(60, 5)}
    for rows, shelf in shelves.items():
        digest = compose(shelf.book, MOMENT)
        yield Written("digest", rows, render(digest, reader(), MOMENT.now))
        yield Written("discreet", rows, render(digest, reader(is_private=True), MOMENT.now))
    parts = ("app", "connectors", "digest")
    folders = {file.parent for part in parts for file in (ROOT / part).glob("templates/**/subject.txt")}
    for folder in sorted(folder for folder in folders if folder.name not in ("digest", "discreet")):
        lines = _LINES.get(folder.name)
        for rows in (1, 300) if lines else (1,):
            facts = _FACTS | _OTHERWISE.get(folder.name, {}) | {"lines": lines(rows) if lines else [], "count": rows}
            try:
                mail = mail_template(folder).render(**facts)
            except UndefinedError as missing:
                raise LookupError(f"the mail of {folder.relative_to(ROOT)}: {missing}") from missing
            yield Written(folder.name, rows, mail)


def _standing(rows: int) -> list[dict[str, str]]:
    """Invoices beside a conversation: a dozen at most."""
    return [
        {"number": f"A-{i}", "owed": _AMOUNTS[i % 4], "due": "due 27 Nov 2026", "state": "due in 4 days"}
        for i in range(min(rows, 12))
    ]
