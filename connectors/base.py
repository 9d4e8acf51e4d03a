"""The contract every provider fulfils, and the records every provider is translated into.

A connector is stateless, holds no threads, sleeps or globals, and never sees the database, Flask or another provider.
What it may use comes in its Context. Facts per provider: ../shared/connectors/FACTS.md, contract: its section 14.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Literal, Protocol

from app.money import Money
from connectors.errors import *  # noqa: F403  as much part of the contract as what follows

Json = dict[str, Any]
Mode = Literal["full", "changes", "reconcile"]
Kind = Literal["invoice", "customer", "payment", "credit", "account"]
REVOKED = "revoked"  # Event.op


# --- records --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BillToRecord:
    external_id: str
    version: int  # microseconds of the provider's updated time, or its own version number
    name: str
    address_text: str = ""  # as the books have it: may be empty, or several addresses in one string
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Instalment:
    due_on: date
    amount_minor: int
    balance_minor: int


@dataclass(frozen=True, slots=True)
class InvoiceRecord:
    """``state`` is one of app.models.InvoiceState's values. ``balance`` is what is still owed of ``total``."""

    external_id: str
    version: int
    bill_to_external_id: str
    number: str
    issued_on: date | None
    due_on: date | None
    total: Money
    balance: Money
    state: str
    raw_state: str
    address_text: str = ""  # the invoice's own recipient, where the provider has one
    po_number: str = ""
    instalments: tuple[Instalment, ...] = ()
    is_autopay: bool = False
    can_pay_online: bool = False
    details: Json = field(default_factory=dict)
    awaited_on: date | None = None  # a payment is scheduled, or being processed, and expected by then
    discount_minor: int | None = None  # off what is due, if paid by ``discount_until``, the day included
    discount_until: date | None = None
    settled_at: datetime | None = None  # of one that is paid, void or written off: since when, by the provider's clock


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    external_id: str
    version: int
    bill_to_external_id: str
    paid_on: date | None
    amount: Money  # zero when deleted or void
    method: str = ""
    applied: tuple[tuple[str, int], ...] = ()  # (invoice external id, minor units)


@dataclass(frozen=True, slots=True)
class CreditRecord:
    kind: Literal["credit_note", "unapplied_cash"]
    external_id: str
    version: int
    bill_to_external_id: str
    number: str
    issued_on: date | None
    total: Money
    remaining: Money  # zero once used, void or deleted


@dataclass(frozen=True, slots=True)
class SetbackRecord:
    """A payment on an invoice that was tried and failed, or that the payer's bank was asked to fetch back. ``reason``
    is one of app.models.FailureReason's values, of a failed one. What the books take back by themselves needs no such
    record: it shows in the invoice."""

    external_id: str  # the provider's id of this one event: the same however often it is told
    version: int
    kind: Literal["failed", "charged_back"]
    invoice_external_id: str
    amount: Money
    happened_at: datetime
    reason: str = ""
    code: str = ""  # the provider's own word


@dataclass(frozen=True, slots=True)
class Gone:
    """A deletion the provider told us of."""

    kind: Kind
    external_id: str
    version: int


@dataclass(frozen=True, slots=True)
class BadRecord:
    """What mapping could not understand; goes to quarantine, does not stop the batch."""

    kind: Kind
    external_id: str
    reason: str
    raw: Json


@dataclass(slots=True)
class Batch:
    """One or more pages. The engine writes it and ``next_cursor`` in one transaction."""

    bill_tos: list[BillToRecord] = field(default_factory=list)
    invoices: list[InvoiceRecord] = field(default_factory=list)
    payments: list[PaymentRecord] = field(default_factory=list)
    credits: list[CreditRecord] = field(default_factory=list)
    setbacks: list[SetbackRecord] = field(default_factory=list)
    gone: list[Gone] = field(default_factory=list)
    bad: list[BadRecord] = field(default_factory=list)
    next_cursor: Json | None = None  # set only when everything up to it has been yielded
    as_of: datetime | None = None  # provider's clock at the start of the pull, on the last batch
    reached: Json | None = None  # of a full pull: given back as its cursor, it goes on behind this batch

    @property
    def groups(self) -> tuple[list[Any], ...]:
        """The records by what they are, in the order of the fields."""
        return (self.bill_tos, self.invoices, self.payments, self.credits, self.setbacks, self.gone, self.bad)

    def __len__(self) -> int:
        return sum(map(len, self.groups))


@dataclass(frozen=True, slots=True)
class Account:
    """A company at the provider."""

    external_id: str
    name: str
    currency: str = ""
    zone: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    access_token: str
    refresh_token: str = ""
    expires_at: datetime | None = None  # None: never expires
    extra: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PayLink:
    url: str
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutsidePayment:
    """Money that reached the vendor by another road than this provider's own pay page, to be recorded in the books.

    ``key`` is the same for every attempt to record it: the books hold it once.
    """

    key: str
    invoice_external_id: str
    bill_to_external_id: str
    amount: Money
    paid_on: date
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Webhooks asked for by us, for one connection. ``held`` is what renewing and ending it needs."""

    expires_at: datetime | None  # None: never
    secret: str = field(default="", repr=False)  # what their signatures are made with; "" where the caller's is used
    held: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Handshake:
    """What to answer a provider that first asks whether the address is ours."""

    status: int
    body: str = ""
    held: Json = field(default_factory=dict)  # not empty: what subscribe() is to be told, at once, beside what it held


@dataclass(frozen=True, slots=True)
class Event:
    """A webhook says: look at this object of that account. ``event_id`` is "" where the provider gives none.

    At an address of one connection the account need not be named. Of kind "account", ``op`` REVOKED says that the
    vendor has ended our permission there.
    """

    account_id: str
    kind: Kind
    external_id: str
    op: str
    event_id: str = ""
    at: datetime | None = None


# --- what a provider is ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """Something only the vendor can tell us before connecting: the address of its own server, an account id, a key."""

    name: str  # "site", "database", "user", "key" (the secret itself) ...
    label: str
    hint: str = ""
    is_secret: bool = False


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """Facts, not code. Addresses are defaults; settings override them."""

    id: str
    title: str
    authorize_url: str = ""  # of these five, a provider with a key has none
    token_url: str = ""
    revoke_url: str = ""
    api_url: str = ""
    scopes: str = ""
    client_auth: Literal["client_secret_basic", "client_secret_post", "client_secret_json"] = "client_secret_basic"
    pkce: bool = False
    account_param: str = ""  # callback parameter that names the company (QuickBooks: realmId)
    rotates_refresh_token: bool = True
    refresh_names_callback: bool = False  # the redirect address is asked for on every refresh, too
    dead_grant: frozenset[str] = frozenset(
        {"invalid_grant"}
    )  # errors of the token address: only the vendor can mend it
    feed_days: int = 30  # how far back the change feed reaches
    overlap_seconds: int = 300
    calls_per_minute: int = 60
    reminders_help: str = ""  # where the vendor switches the provider's own reminders off
    reminders_url: str = ""  # that very page, where it has an address of its own
    pay_hosts: tuple[str, ...] = ()  # hosts a pay link may have; settings' api host is added for sandboxes
    # "key": no dance, ``asks`` holds a field named "key"; "file": nobody is asked for anything, somebody brings it
    kind: Literal["oauth", "key", "file"] = "oauth"
    asks: tuple[Asked, ...] = ()  # asked on the connect page; the answers are kept, sealed, in Tokens.extra
    webhooks: Literal["app", "connection", "none"] = "app"  # registered once, subscribed for each connection, polled
    idle_days: int | None = None  # a refresh token that is not used for so long dies
    writes: frozenset[Literal["payment", "note"]] = frozenset()


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Resolved addresses and client of one provider: spec defaults under settings' overrides."""

    client_id: str
    client_secret: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    authorize_url: str
    token_url: str
    revoke_url: str
    api_url: str
    scopes: str


@dataclass(frozen=True, slots=True)
class Response:
    """An answer, read whole. ``json`` has parsed numbers as Decimal, never float."""

    status: int
    headers: Mapping[str, str]  # case-insensitive
    body: bytes
    json: Any = None  # None when the body is not JSON


class Http(Protocol):
    """The one careful client (connectors/http.py): timeouts, host allow-list, no redirects, rate gate, size cap,
    retries of what is safe to repeat. Raises RetryLater, RateLimited; leaves all other statuses to the connector."""

    def get(
        self, url: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Response: ...

    def post(
        self,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, Any] | str | bytes | None = None,
        json: Any = None,
        auth: tuple[str, str] | None = None,
        is_read: bool = False,  # it only asks, and may be repeated
    ) -> Response: ...

    def send(
        self,
        method: Literal["PUT", "PATCH", "DELETE"],
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Response: ...


@dataclass(frozen=True, slots=True)
class Context:
    """What a connector may use for one piece of work."""

    http: Http
    endpoints: Endpoints
    now: datetime
    tokens: Tokens | None = None
    account: Account | None = None


class Connector:
    """One provider. Stateless; one instance serves all connections. Methods that read raise the errors above."""

    spec: ClassVar[ProviderSpec]

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        """The companies this consent opened; ``callback`` are the parameters the provider sent back with the code."""
        raise NotImplementedError

    def revoke(self, ctx: Context) -> None:
        """End the grant at the provider; best effort."""
        raise NotImplementedError

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        """``full``: all open invoices with their bill_tos, credits, recent payments; ``cursor`` is empty, or what a
        batch of the same pull said was reached before it broke off. ``changes``: everything that moved since
        ``cursor``, paid and void included; raises CursorExpired. ``reconcile``: the invoices open now, so that the
        engine can ask singly for what it holds open and did not see."""
        raise NotImplementedError

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        """These objects as they are now; what the provider no longer has comes as Gone."""
        raise NotImplementedError

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        """The provider's own page where this invoice is paid, asked for now."""
        raise NotImplementedError

    # What not every provider has: spec says which. The defaults here are those of a provider that has none of it.

    def settle(self, ends: Endpoints, said: Mapping[str, Any]) -> Endpoints:
        """The addresses of one connection. ``said``: what the vendor typed (spec.asks) and what came with the tokens
        (Tokens.extra). Raises GiveUp, in words for the vendor, when that cannot be an address of theirs."""
        return ends

    def authorization(self, tokens: Tokens) -> str:
        """The value of the Authorization header."""
        return f"Bearer {tokens.access_token}"

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime, url: str) -> bool:
        """Whether the webhook is signed by the provider. Total: malformed input is False, never an exception. ``url``:
        our address as registered there, whatever a proxy made of it."""
        return False

    def events(self, headers: Mapping[str, str], body: bytes) -> list[Event]:
        """What a verified webhook points at. Raises ValueError when the body is not what the provider sends."""
        raise ValueError(f"{self.spec.title} sends no webhooks")

    def handshake(self, headers: Mapping[str, str], params: Mapping[str, str], body: bytes) -> Handshake | None:
        """The answer to a request that only asks whether the address is ours; None when it is no such request."""
        return None

    def subscribe(self, ctx: Context, url: str, secret: str, held: Json) -> Subscription:
        """Ask for webhooks of this connection at ``url``, or renew what ``held`` says; ``secret`` is one we made."""
        raise NotImplementedError

    def unsubscribe(self, ctx: Context, held: Json) -> None:
        """Best effort."""
        raise NotImplementedError

    def document(self, ctx: Context, invoice_external_id: str) -> bytes | None:
        """The invoice as the provider's own PDF, asked for now; None when it makes none. Raises NotFound."""
        return None

    def post_payment(self, ctx: Context, payment: OutsidePayment) -> str:
        """Record it on its invoice, once for each key; the provider's id of it."""
        raise NotImplementedError

    def add_note(self, ctx: Context, invoice_external_id: str, text: str, key: str) -> str:
        """Put ``text`` where the vendor's staff sees it at the invoice, once for each key; the provider's id of it."""
        raise NotImplementedError

    def parse_token(self, answer: Json, now: datetime) -> Tokens:
        """The token endpoint's answer, as Tokens. Raises MustReconnect on an error hidden in it."""
        raise NotImplementedError
