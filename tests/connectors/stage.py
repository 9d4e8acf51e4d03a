"""One provider's company in a sandbox, the connector set up to read it, and a receiver for its webhooks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar, cast
from urllib.parse import parse_qsl

import pytest
from flask import Flask

from connectors import registry
from connectors.base import (
    Account,
    BadRecord,
    Batch,
    BillToRecord,
    Connector,
    Context,
    CreditRecord,
    CursorExpired,
    Event,
    Gone,
    InvoiceRecord,
    Json,
    PaymentRecord,
    Subscription,
    Tokens,
)
from connectors.http import HttpClient, RateGate
from connectors.sandbox.app import furnish
from connectors.sandbox.client import SandboxControl
from tests.support.server import live_server

SECRET = "made-by-us-for-this-connection"


@dataclass
class Mirror:
    """What a careful engine would hold after these batches: newer facts win, what is gone goes."""

    bill_tos: dict[str, BillToRecord] = field(default_factory=dict)
    invoices: dict[str, InvoiceRecord] = field(default_factory=dict)
    payments: dict[str, PaymentRecord] = field(default_factory=dict)
    credits: dict[str, CreditRecord] = field(default_factory=dict)
    gone: set[tuple[str, str]] = field(default_factory=set)
    bad: list[BadRecord] = field(default_factory=list)
    cursor: Json | None = None
    last: Batch = field(default_factory=Batch)

    def take(self, batches: Iterator[Batch]) -> "Mirror":
        for batch in batches:
            self._newest(self.bill_tos, batch.bill_tos)
            self._newest(self.invoices, batch.invoices)
            self._newest(self.payments, batch.payments)
            self._newest(self.credits, batch.credits)
            for invoice in batch.invoices:
                assert invoice.bill_to_external_id in self.bill_tos, "an invoice comes after its bill_to, or with it"
            for each in batch.gone:
                self._drop(each)
            self.bad += batch.bad
            self.cursor = batch.next_cursor or self.cursor
            self.last = batch
        return self

    @staticmethod
    def _newest(held: Any, records: list[Any]) -> None:
        for record in records:
            before = held.get(record.external_id)
            if before is None or record.version >= before.version:
                held[record.external_id] = record

    def _drop(self, gone: Gone) -> None:
        self.gone.add((gone.kind, gone.external_id))
        places: dict[str, Any] = {
            "customer": self.bill_tos,
            "invoice": self.invoices,
            "payment": self.payments,
            "credit": self.credits,
        }
        held = places[gone.kind]
        if gone.external_id in held and gone.version >= held[gone.external_id].version:
            del held[gone.external_id]

    @property
    def whole(self) -> Batch:
        """All of it again, as one batch."""
        return Batch(
            list(self.bill_tos.values()),
            list(self.invoices.values()),
            list(self.payments.values()),
            list(self.credits.values()),
            bad=self.bad,
        )

    @property
    def open(self) -> set[tuple[Any, ...]]:
        return {
            (each.external_id, each.number, each.bill_to_external_id, each.due_on, each.balance.currency,
             each.balance.amount, each.total.amount)
            for each in self.invoices.values()
            if each.state == "open"
        }  # fmt: skip

    @property
    def credit_left(self) -> dict[str, Decimal]:
        return {name: each.remaining.amount for name, each in self.credits.items() if each.remaining.minor}


@dataclass
class Bench:
    """One sandboxed company, and the connector set up to read it."""

    control: SandboxControl
    connector: Connector
    company: str
    grant: Json
    tokens: Tokens
    account: Account

    def context(
        self,
        *,
        seconds: float = 10.0,
        account: Account | None = None,
        tokens: Tokens | None = None,
        gate: RateGate | None = None,
    ) -> Context:
        """As connectors/asking.py makes it, for the given tokens and account or for the bench's own."""
        name, held = self.connector.spec.id, tokens or self.tokens
        ends, header = registry.endpoints(name, held.extra), self.connector.authorization(held)
        http = HttpClient(ends, self.connector.spec.title, gate=gate, authorization=lambda: header, seconds=seconds)
        return Context(http, ends, datetime.now(UTC), held, account or self.account)

    def pull(self, mode: Any, cursor: Json | None = None, into: Mirror | None = None, **given: Any) -> Mirror:
        return (into or Mirror()).take(self.connector.pull(self.context(**given), cursor or {}, mode))

    def changes(self, held: Mirror) -> Mirror:
        """What moved since, as the engine learns it: by the feed, or without one by a sweep."""
        try:
            return self.pull("changes", held.cursor, into=held)
        except CursorExpired:
            return self.sweep(held)

    def sweep(self, held: Mirror) -> Mirror:
        """What is open now; what we hold open and did not see is asked for singly (connectors/sync.py)."""
        seen = self.pull("reconcile")
        before = [name for name, each in held.invoices.items() if each.state == "open"]
        held.take(iter([seen.whole]))
        lost = [name for name in before if name not in seen.invoices]
        return self.fetch("invoice", *lost, into=held) if lost else held

    def fetch(self, kind: Any, *ids: str, into: Mirror | None = None) -> Mirror:
        return (into or Mirror()).take(self.connector.fetch(self.context(), kind, ids))

    def truth(self, company: str | None = None) -> set[tuple[Any, ...]]:
        """What the books say is open, in the words of Mirror.open."""
        return {
            (row["id"], row["number"] or "", row["customer_id"], row["due_on"] and date.fromisoformat(row["due_on"]),
             row["currency"], Decimal(row["balance"]), Decimal(row["total"]))
            for row in self.control.invoices(company or self.company, only_open=True)
        }  # fmt: skip

    def row(self, invoice_id: str | None = None) -> Json:
        """One invoice as the books have it: the first that is open, or the one named."""
        rows = self.control.invoices(self.company, only_open=invoice_id is None)
        return next(row for row in rows if invoice_id in (None, row["id"]))

    @property
    def today(self) -> date:
        return datetime.now(UTC).date()

    def act(self, do: str, **rest: Any) -> Json:
        return self.control.act(self.company, do, **rest)


class Catcher:
    """A web server that keeps what is posted to it, and answers as a product should."""

    def __init__(self, connector: Connector, secret: str) -> None:
        self.connector, self.secret, self.url = connector, secret, ""
        self.caught: list[tuple[dict[str, str], bytes]] = []
        self.shaken: list[Json] = []  # what handshakes held out
        self.asked_at, self.held = "", cast(Json, {})  # of a subscription

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {key[5:].replace("_", "-"): value for key, value in environ.items() if key.startswith("HTTP_")}
        headers["CONTENT-TYPE"] = environ.get("CONTENT_TYPE", "")
        asked = dict(parse_qsl(environ.get("QUERY_STRING", "")))
        shake = self.connector.handshake(headers, asked, body)
        if shake:
            self.shaken += [shake.held] if shake.held else []
            return self._answer(start_response, shake.status, shake.body.encode())
        self.url = f"http://{environ['HTTP_HOST']}{environ['PATH_INFO']}"
        is_good = self.connector.verify(headers, body, self.secret, datetime.now(UTC), self.url)
        if is_good and f"/webhooks/{self.connector.spec.id}" in environ["PATH_INFO"]:
            self.caught.append((headers, body))
        return self._answer(start_response, 200 if is_good else 401, b"")

    @staticmethod
    def _answer(start_response: Any, status: int, body: bytes) -> list[bytes]:
        head = [("Content-Length", str(len(body))), ("Content-Type", "text/plain")]
        start_response(f"{status} {'OK' if status == 200 else 'No'}", head)
        return [body]

    @property
    def events(self) -> list[Event]:
        return [event for headers, body in self.caught for event in self.connector.events(headers, body)]


class Sandboxed:
    """One provider's company in a world made anew for each test. A provider fills in what stands below."""

    provider: ClassVar[str]
    company: ClassVar[str]
    expected_account: ClassVar[Account]
    said: ClassVar[Json] = {}  # what the vendor answers to spec.asks

    def callback(self, bench: Bench) -> Mapping[str, str]:
        """What the provider adds to the callback besides code and state."""
        return {}

    def token_answer(self, grant: Json) -> Json:
        """The token endpoint's answer in this provider's words."""
        return {name: grant[name] for name in ("access_token", "refresh_token", "expires_in")}

    def tokens(self, grant: Json) -> Tokens:
        """As the product holds them: of a provider with a key, the key is the access token."""
        connector = registry.get(self.provider)
        if connector.spec.kind == "key":
            return Tokens(grant["access_token"], extra=dict(self.said))
        found = connector.parse_token(self.token_answer(grant), datetime.now(UTC))
        return replace(found, extra=self.said | found.extra)

    @pytest.fixture
    def control(
        self, sandbox: tuple[Flask, SandboxControl, dict[str, str]], monkeypatch: pytest.MonkeyPatch
    ) -> SandboxControl:
        app, control, settings = sandbox
        furnish(app)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        return control

    def account_id(self, grant: Json) -> str:
        """On a server of the vendor's own, where it is, and what the company is called there."""
        return str(grant["external_id"])

    @pytest.fixture
    def bench(self, control: SandboxControl) -> Bench:
        grant = control.grant(self.company)
        grant["external_id"] = self.account_id(grant)
        account = replace(self.expected_account, external_id=grant["external_id"])
        return Bench(control, registry.get(self.provider), self.company, grant, self.tokens(grant), account)

    @contextmanager
    def caught(self, bench: Bench) -> Iterator[Catcher]:
        """A receiver that this company's webhooks go to."""
        connector = bench.connector
        catcher = Catcher(connector, registry.endpoints(self.provider).webhook_secret)
        with live_server(catcher) as target:
            bench.control.set_webhooks(target, batch_seconds=0.0)
            if connector.spec.webhooks == "connection":
                self.subscribe(bench, catcher, f"{target}/webhooks/{self.provider}/of-this-connection")
            yield catcher
            bench.control.set_webhooks(retry_seconds=[])

    def subscribe(self, bench: Bench, catcher: Catcher, url: str, held: Json | None = None) -> Subscription:
        """As the engine does: ask, and when a handshake held something out, ask again with that."""
        catcher.secret, catcher.asked_at = SECRET, url
        made = bench.connector.subscribe(bench.context(), url, SECRET, held or {})
        bench.control.wait_webhooks(10)
        if catcher.shaken:
            made = bench.connector.subscribe(bench.context(), url, SECRET, made.held | catcher.shaken.pop())
        catcher.secret, catcher.held = made.secret or SECRET, made.held
        return made


# --- who is who -----------------------------------------------------------------------------------------------------


class Acme(Sandboxed):
    provider = "quickbooks"
    company = "Acme Supply"
    expected_account = Account("", "Acme Supply", "USD", "America/New_York")

    def callback(self, bench: Bench) -> Mapping[str, str]:
        return {"realmId": bench.grant["external_id"]}


class Birch(Sandboxed):
    provider = "xero"
    company = "Birch & Sons"
    expected_account = Account("", "Birch & Sons", "EUR", "Europe/Berlin")


class Cedar(Sandboxed):
    provider = "stripe"
    company = "Cedar Studio"
    expected_account = Account("", "Cedar Studio", "USD", "America/Los_Angeles")

    def token_answer(self, grant: Json) -> Json:
        return super().token_answer(grant) | {"stripe_user_id": grant["external_id"], "livemode": False}
