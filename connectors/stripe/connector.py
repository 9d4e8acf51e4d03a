"""How to ask Stripe, always with the platform's own key and the account in a header: no vendor's key is ever used.
What its answers mean is in mapping.py; the facts are FACTS.md section 3."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, NoReturn

from connectors.answers import known, pdf, provider_time, refuse, retry_after, understood
from connectors.base import (
    Account,
    Batch,
    Connector,
    Context,
    Event,
    Forbidden,
    GiveUp,
    Gone,
    Json,
    Kind,
    Mode,
    MustReconnect,
    NotFound,
    OutsidePayment,
    PayLink,
    ProviderSpec,
    RateLimited,
    Response,
    RetryLater,
    Tokens,
)
from connectors.books import Books
from connectors.fields import Fields, known_zone, micros, parse_json
from connectors.paging import Record
from connectors.signing import header, is_signed_hex
from connectors.stripe import mapping

TITLE = "Stripe"
VERSION = "2026-10-28.endive"  # pinned: what mapping.py was written for
PAGE_SIZE = 100
RECENT = timedelta(days=90)  # credit notes of a first pull
SIGNATURE_SECONDS = 300  # an older webhook is a replay
KEY_TROUBLE_SECONDS = 300.0
FOLLOWED = (
    "invoice.*",
    "invoice_payment.*",
    "credit_note.*",
    "charge.dispute.created",
    "customer.created",
    "customer.updated",
    "customer.deleted",
)
EXPANDED = ("customer", "payments")
SINGLY = ("customer", "payments", "payments.data.payment.payment_intent")  # too deep for a list: four steps at most [R]
DISPUTES = ("dp_", "du_")  # how the ids of disputes begin [R]
_ID = re.compile(r"[A-Za-z]{2,10}_[A-Za-z0-9]{1,100}")


class Stripe(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="stripe",
        title=TITLE,
        authorize_url="https://connect.stripe.com/oauth/authorize",
        token_url="https://connect.stripe.com/oauth/token",  # noqa: S106  an address
        revoke_url="https://connect.stripe.com/oauth/deauthorize",
        api_url="https://api.stripe.com",
        scopes="read_write",
        client_auth="client_secret_post",
        feed_days=30,  # [R]
        calls_per_minute=1200,  # below the 25 a second of test mode
        reminders_help="In Stripe: Settings, Billing, Invoices, Reminders.",  # [R]
        reminders_url="https://dashboard.stripe.com/settings/billing/invoice",  # [R]
        pay_hosts=("invoice.stripe.com", "pay.stripe.com"),  # [R]
        writes=frozenset({"payment"}),
    )

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        named = str((ctx.tokens.extra if ctx.tokens else {}).get("stripe_user_id", ""))
        found = _Ledger(ctx, named).get("account")
        with understood(TITLE, "described the account"):
            about = Fields(found)
            name = about.text("business_profile", "name") or about.text("settings", "dashboard", "display_name")
            return [
                Account(
                    external_id=named,
                    name=name or about.text("email"),
                    currency=about.text("default_currency", most=3).upper(),
                    zone=known_zone(about.text("settings", "dashboard", "timezone", most=64)),
                    country=about.text("country", most=2),
                )
            ]

    def revoke(self, ctx: Context) -> None:
        account = ctx.account.external_id if ctx.account else ""
        account = account or str((ctx.tokens.extra if ctx.tokens else {}).get("stripe_user_id", ""))
        if account:
            form = {"client_id": ctx.endpoints.client_id, "stripe_user_id": account}
            ctx.http.post(ctx.endpoints.revoke_url, data=form, headers=_key(ctx))

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Ledger(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Ledger(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        """Read afresh: a hosted page stops working some time after the due date."""
        url = _Ledger(ctx).object("invoices", invoice_external_id).get("hosted_invoice_url")
        return PayLink(url) if isinstance(url, str) and url else None

    def document(self, ctx: Context, invoice_external_id: str) -> bytes | None:
        """On a page of its own, which needs no key."""
        url = _Ledger(ctx).object("invoices", invoice_external_id).get("invoice_pdf")
        if not isinstance(url, str) or not url:
            return None
        return pdf(TITLE, ctx.http.get(url, headers={"Accept": "application/pdf"}))

    def post_payment(self, ctx: Context, payment: OutsidePayment) -> str:
        return _Ledger(ctx).pay_outside(payment)

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime, url: str) -> bool:
        """``t=seconds,v1=hex,v1=hex``: several v1 while a secret is being changed."""
        parts = [part.strip().partition("=") for part in header(headers, "stripe-signature").split(",")]
        stamps = [value for name, _, value in parts if name == "t"]
        if len(stamps) != 1 or not re.fullmatch(r"[0-9]{1,12}", stamps[0]):
            return False
        if int(stamps[0]) < now.timestamp() - SIGNATURE_SECONDS:
            return False
        signed = stamps[0].encode() + b"." + body
        return any(is_signed_hex(value, signed, secret) for name, _, value in parts if name == "v1")

    def events(self, headers: Mapping[str, str], body: bytes) -> list[Event]:
        return mapping.events(parse_json(body))

    def parse_token(self, answer: Json, now: datetime) -> Tokens:
        return mapping.tokens(answer)


class _Ledger(Books):
    """One connected account during one piece of work; remembers the provider's clock of the first answer."""

    def __init__(self, ctx: Context, account: str = "") -> None:
        super().__init__(ctx, Stripe.spec)
        account = account or (ctx.account.external_id if ctx.account else "")
        if not _ID.fullmatch(account):
            raise GiveUp("This connection names no Stripe account.")
        self._headers = {"Stripe-Account": account, "Stripe-Version": VERSION} | _key(ctx)
        self._zone = ctx.account.zone if ctx.account else ""
        self._version = micros(ctx.now)

    # --- asking ---

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        response = self._ctx.http.get(f"{self._ctx.endpoints.api_url}/v1/{path}", params=params, headers=self._headers)
        body = _checked(response)
        self.begin(provider_time(response))
        return body

    def object(self, path: str, object_id: str, expand: Iterable[str] = ()) -> Json:
        return self.get(f"{path}/{known(TITLE, _ID, object_id)}", {"expand[]": list(expand)} if expand else None)

    def pay_outside(self, payment: OutsidePayment) -> str:
        """Stripe takes the whole of what is owed or nothing. The same key gives its first answer again, so an invoice
        that is paid by now is not asked about."""
        invoice = self.object("invoices", payment.invoice_external_id)
        if invoice.get("status") == "open" and invoice.get("amount_remaining") != payment.amount.minor:
            raise GiveUp(f"{TITLE} takes only payments of all that is owed: please enter this one there.")
        response = self._ctx.http.post(
            f"{self._ctx.endpoints.api_url}/v1/invoices/{payment.invoice_external_id}/pay",
            data={"paid_out_of_band": "true"},
            headers=self._headers | {"Idempotency-Key": payment.key},
        )
        return mapping.id_of(_checked(response).get("id"))

    def rows(self, path: str, params: Mapping[str, Any]) -> Iterator[Any]:
        """All pages of a list, newest first: what is new meanwhile comes before the first page and moves no other."""
        seen: set[str] = set()
        after: dict[str, str] = {}
        while True:
            body = self.get(path, {"limit": PAGE_SIZE, **params, **after})
            rows = body.get("data")
            if not isinstance(rows, list):
                raise RetryLater(f"{TITLE} sent something other than a list.")
            yield from rows
            if body.get("has_more") is not True or not rows:
                return
            last = mapping.id_of(rows[-1])
            if not last or last in seen:
                raise RetryLater(f"{TITLE} showed the same page twice.")
            seen.add(last)
            after = {"starting_after": last}

    # --- what to ask for ---

    def everything(self) -> Iterator[Record]:
        yield from self.open_items()
        since = int((self._ctx.now - RECENT).timestamp())
        for row in self.rows("credit_notes", {"created[gte]": since}):
            yield mapping.credit_note(row, self._version, self._zone)

    def open_items(self) -> Iterator[Record]:
        expand = [f"data.{name}" for name in EXPANDED]
        for row in self.rows("invoices", {"status": "open", "expand[]": expand}):
            yield from self._invoice(row)

    def changes(self, since: datetime) -> Iterator[Record]:
        """Events only say where to look; each object they name is read once, as it is now."""
        asked = {"types[]": list(FOLLOWED), "created[gte]": int(since.timestamp())}
        touched = dict.fromkeys(where for event in self.rows("events", asked) for where in mapping.touched(event))
        for kind, object_id in touched:
            yield from self._one(kind, object_id)

    def singly(self, kind: Kind, external_ids: Iterable[str]) -> Iterator[Record]:
        """Each as it is now; whatever is not there any more is gone. For an account: raises when it has left us."""
        if kind == "account":
            self.get("account")
            return
        for object_id in dict.fromkeys(external_ids):
            yield from self._one(kind, object_id)

    def bill_tos(self, ids: list[str]) -> Iterator[Record]:
        for object_id in ids:
            yield from self._one("customer", object_id)

    def _one(self, kind: Kind, object_id: str) -> Iterator[Record]:
        try:
            if kind == "invoice":
                yield from self._invoice(self.object("invoices", object_id, SINGLY))
            elif kind == "customer":
                yield mapping.customer(self.object("customers", object_id), self._version)
            elif kind == "credit":
                yield mapping.credit_note(self.object("credit_notes", object_id), self._version, self._zone)
            elif kind == "payment" and object_id.startswith(DISPUTES):
                yield from self._disputed(self.object("disputes", object_id))
            elif kind == "payment":  # its invoice knows what it paid, and for whom
                found = self.object("invoice_payments", object_id)
                yield from self._one("invoice", mapping.id_of(found.get("invoice")))
        except NotFound:
            yield Gone(kind, object_id, self._version)

    def _disputed(self, dispute: Json) -> Iterator[Record]:
        """The invoices that the disputed payment paid; it names only its intent."""
        asked = {
            "payment[type]": "payment_intent",
            "payment[payment_intent]": mapping.id_of(dispute.get("payment_intent")),
        }
        for row in self.rows("invoice_payments", asked):
            invoice_id = mapping.id_of(row.get("invoice")) if isinstance(row, dict) else ""
            if invoice_id and (found := mapping.chargeback(dispute, invoice_id, self._version)):
                yield from self._one("invoice", invoice_id)
                yield found

    def _invoice(self, row: Any) -> Iterator[Record]:
        payer = mapping.bill_to(row, self._version)
        if payer:
            yield payer
        yield mapping.invoice(row, self._version, self._zone)
        yield from mapping.payments(row, self._version, self._zone)
        yield from mapping.setbacks(row, self._version)


def _key(ctx: Context) -> dict[str, str]:
    return {"Authorization": f"Bearer {ctx.endpoints.client_secret}"}


def _checked(response: Response) -> Json:
    """The body, unless it holds an error, whatever the status."""
    body = response.json if isinstance(response.json, dict) else {}
    error = body.get("error")
    if isinstance(error, dict) or not 200 <= response.status < 300:
        _raise_error(error if isinstance(error, dict) else {}, response)
    if not body:
        raise RetryLater(f"{TITLE} sent something other than data.")
    return body


def _raise_error(error: Json, response: Response) -> NoReturn:
    code, kind = str(error.get("code", "")), str(error.get("type", ""))
    if code == "rate_limit":
        raise RateLimited(f"{TITLE} asks us to slow down.", retry_after(response))
    if kind == "api_error" or response.headers.get("Stripe-Should-Retry") == "true":
        raise RetryLater(f"{TITLE} has trouble on its side.", retry_after(response))
    if response.status == 401:  # the key is ours, not the vendor's: nothing the vendor could mend
        raise RetryLater(f"{TITLE} does not accept Sheaf's key. We are looking into it.", KEY_TROUBLE_SECONDS)
    if response.status == 403 and code in ("account_invalid", "platform_account_required"):
        raise MustReconnect("Sheaf no longer has access to this Stripe account. Please connect again.")
    if response.status == 403:
        raise Forbidden(f"{TITLE} does not let us see this account.")
    if code == "resource_missing" and error.get("param") == "starting_after":
        raise RetryLater(f"{TITLE} changed its list while we were reading it.")
    if code == "resource_missing":
        raise NotFound(f"{TITLE} does not have this.")
    if 200 <= response.status < 300:
        raise GiveUp(f"{TITLE} refused the request ({kind[:40]}).")
    refuse(TITLE, response)
