"""A provider as small as the contract allows, with what QuickBooks, Xero and Stripe have not: a key, a typed site,
webhooks of each connection, documents and write-back. It remembers what it was asked; ``wrong`` is raised next."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest

from connectors import registry
from connectors.base import (
    REVOKED,
    AccessExpired,
    Account,
    Asked,
    Batch,
    Connector,
    Context,
    Endpoints,
    Event,
    Handshake,
    Json,
    Kind,
    Mode,
    NotFound,
    OutsidePayment,
    ProviderError,
    ProviderSpec,
    Subscription,
)
from connectors.sites import site

GOOD_KEY = "a-good-key-of-the-toy"
LIFE = timedelta(days=3)


@dataclass
class Toy(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="toy",
        title="Toybooks",
        authorize_url="",
        token_url="",
        revoke_url="",
        api_url="",
        scopes="",
        kind="key",
        asks=(Asked("site", "Address", "Like https://books.example.com"), Asked("key", "Key", is_secret=True)),
        webhooks="connection",
        writes=frozenset({"payment", "note"}),
        reminders_help="In Toybooks: Settings, Mails.",
        pay_hosts=("pay.toy.example",),
    )
    companies: list[Account] = field(
        default_factory=lambda: [Account("books.example/1", "Toy Works", "USD", "UTC", "US")]
    )
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    wrong: list[ProviderError] = field(default_factory=list)
    lives: bool = True  # the subscription we hold is still there
    pdf: bytes | None = b"%PDF-1.7 toy"

    def _note(self, *what: Any) -> None:
        self.asked.append(what)
        if self.wrong:
            raise self.wrong.pop(0)

    def settle(self, ends: Endpoints, said: Mapping[str, Any]) -> Endpoints:
        return replace(ends, api_url=site(said.get("site", "")))

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        self._note("accounts", ctx.endpoints.api_url)
        if ctx.tokens is None or ctx.tokens.access_token != GOOD_KEY:
            raise AccessExpired("Toybooks wants another key.")
        return self.companies

    def revoke(self, ctx: Context) -> None:
        self._note("revoke")

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        self._note("pull", mode)
        yield Batch(next_cursor={"at": ctx.now.isoformat()}, as_of=ctx.now)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        self._note("fetch", kind, *external_ids)
        yield Batch()

    def pay_link(self, ctx: Context, invoice_external_id: str) -> None:
        return None

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime, url: str) -> bool:
        return headers.get("X-Toy") == f"{secret} {url}"

    def events(self, headers: Mapping[str, str], body: bytes) -> list[Event]:
        if body == b"ended":
            return [Event("", "account", "", REVOKED)]
        return [Event("", "invoice", body.decode(), "updated")]

    def handshake(self, headers: Mapping[str, str], params: Mapping[str, str], body: bytes) -> Handshake | None:
        if "verifier" in params:
            return Handshake(200, "", {"verifier": params["verifier"]})
        return Handshake(200, params["hello"]) if "hello" in params else None

    def subscribe(self, ctx: Context, url: str, secret: str, held: Json) -> Subscription:
        self._note("subscribe", url, dict(held))
        if held.get("id") and not self.lives:
            self.lives = True
            raise NotFound("No such subscription.")
        return Subscription(ctx.now + LIFE, held={**held, "id": "sub-1"})

    def unsubscribe(self, ctx: Context, held: Json) -> None:
        self._note("unsubscribe", held["id"])

    def document(self, ctx: Context, invoice_external_id: str) -> bytes | None:
        self._note("document", invoice_external_id)
        return self.pdf

    def post_payment(self, ctx: Context, payment: OutsidePayment) -> str:
        self._note("payment", payment)
        return f"payment-{payment.key}"

    def add_note(self, ctx: Context, invoice_external_id: str, text: str, key: str) -> str:
        self._note("note", invoice_external_id, text, key)
        return f"note-{key}"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    made = Toy()
    monkeypatch.setitem(registry.PROVIDERS, "toy", made)
    return made
