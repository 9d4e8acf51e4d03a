"""How to ask Sage Accounting. What its answers mean is in mapping.py; the facts are FACTS.md section 7."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from connectors.answers import data, known, provider_time, understood
from connectors.base import (
    Account,
    Batch,
    Connector,
    Context,
    Forbidden,
    GiveUp,
    Json,
    Kind,
    Mode,
    NotFound,
    PayLink,
    ProviderSpec,
    Response,
    Tokens,
)
from connectors.books import Books, first_there
from connectors.fields import Fields
from connectors.paging import Page, Record, by_number
from connectors.sage import mapping

TITLE = "Sage Accounting"
API = "/v3.1"
PAGE_SIZE = 200
RECENT = timedelta(days=90)  # payments of a first pull
_ID = re.compile(r"[0-9a-fA-F-]{8,64}", re.ASCII)

Mapper = Callable[[Any], Record | None]


class Sage(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="sage",
        title=TITLE,
        authorize_url="https://www.sageone.com/oauth2/auth/central?filter=apiv3.1",
        token_url="https://oauth.accounting.sage.com/token",  # noqa: S106  an address
        revoke_url="https://oauth.accounting.sage.com/revoke",
        api_url="https://api.accounting.sage.com",
        scopes="readonly",
        client_auth="client_secret_post",
        feed_days=36_500,  # [R] updated_or_created_since reaches back to the first day
        calls_per_minute=100,  # [R] sources disagree
        reminders_help="In Sage Accounting: Settings, Sales reminders.",  # [R]
        webhooks="none",
        idle_days=31,
    )

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        """The businesses of the person who allowed us; every later call names one of them."""
        body = _checked(ctx.http.get(f"{ctx.endpoints.api_url}{API}/businesses", params={"attributes": "all"}))
        with understood(TITLE, "described the business"):
            return [_account(ctx, Fields(row), callback.get("country", "")) for row in Fields(body).items("$items")]

    def revoke(self, ctx: Context) -> None:
        if ctx.tokens and ctx.tokens.refresh_token:
            client = {"client_id": ctx.endpoints.client_id, "client_secret": ctx.endpoints.client_secret}
            ctx.http.post(ctx.endpoints.revoke_url, data={**client, "token": ctx.tokens.refresh_token})

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Books(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Books(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        return None  # it has no pay page of its own

    def document(self, ctx: Context, invoice_external_id: str) -> bytes | None:
        return _Books(ctx).pdf(invoice_external_id)

    def parse_token(self, answer: Json, now: datetime) -> Tokens:
        return mapping.tokens(answer, now)


class _Books(Books):
    """One business's books during one piece of work; remembers the provider's clock of the first answer."""

    def __init__(self, ctx: Context, business: str = "") -> None:
        super().__init__(ctx, Sage.spec)
        business = business or (ctx.account.external_id if ctx.account else "")
        if not _ID.fullmatch(business):
            raise GiveUp(f"This connection names no {TITLE} business.")
        self._business = business

    # --- asking ---

    def ask(self, path: str, params: Mapping[str, Any] | None = None, accept: str = "application/json") -> Response:
        headers = {"X-Business": self._business, "Accept": accept}
        return self._ctx.http.get(f"{self._ctx.endpoints.api_url}{API}/{path}", params=params, headers=headers)

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        response = self.ask(path, params)
        body = _checked(response)
        self.begin(provider_time(response))
        return body

    def pdf(self, invoice_id: str) -> bytes | None:
        response = self.ask(f"sales_invoices/{known(TITLE, _ID, invoice_id)}", accept="application/pdf")  # [R]
        if response.body.startswith(b"%PDF-") and response.status == 200:
            return response.body
        _checked(response)
        return None

    def rows(self, name: str, params: Mapping[str, Any]) -> Iterator[Any]:
        """All pages of a list: there is a next one as long as the answer names it."""

        def page(number: int) -> Page:
            asked = {"items_per_page": PAGE_SIZE, "page": number, "attributes": "all"} | dict(params)
            body = self.get(name, asked)
            return Page(Fields(body).items("$items"), is_last=not body.get("$next"))

        return by_number(page)

    def moved(self, name: str, since: datetime) -> Iterator[Any]:
        return self.rows(name, {"updated_or_created_since": _stamp(since)})

    # --- what to ask for ---

    def everything(self) -> Iterator[Record]:
        yield from self.open_items()
        yield from _payments(self.moved("contact_payments", self._ctx.now - RECENT))

    def open_items(self) -> Iterator[Record]:
        for status in mapping.OPEN_STATUSES:
            yield from map(mapping.invoice, self.rows("sales_invoices", {"status_id": status}))
        for status in mapping.OPEN_STATUSES:
            yield from map(mapping.credit_note, self.rows("sales_credit_notes", {"status_id": status}))

    def changes(self, since: datetime) -> Iterator[Record]:
        """Without a filter on the status, or what was paid or voided would never reach us."""
        changed = (row.get("id") for row in self.moved("contacts", since) if isinstance(row, dict))
        yield from self.singly("customer", [each for each in changed if isinstance(each, str)])
        yield from map(mapping.invoice, self.moved("sales_invoices", since))
        yield from map(mapping.credit_note, self.moved("sales_credit_notes", since))
        yield from _payments(self.moved("contact_payments", since))
        for name, kinds in FEEDS.items():
            for row in self.rows(name, {"deleted_since": _stamp(since)}):
                yield from (mapping.deletion(kind, row, self._ctx.now) for kind in kinds)

    def found(self, kind: Kind, ids: list[str]) -> Iterator[tuple[str, Record | None]]:
        """One call each: only a single read shows the main contact person's address."""
        readers = [partial(self._read, *place) for place in PLACES.get(kind, ())]
        return (pair for each in ids for pair in first_there(each, readers))

    def _read(self, name: str, mapper: Mapper, object_id: str) -> Record | None:
        return mapper(self.get(f"{name}/{known(TITLE, _ID, object_id)}"))


FEEDS: dict[str, tuple[Kind, ...]] = {
    "sales_invoices": ("invoice",),
    "sales_credit_notes": ("credit",),
    "contact_payments": ("payment", "credit"),  # [R] its name, and that it takes the same parameters
}
PLACES: dict[Kind, tuple[tuple[str, Mapper], ...]] = {
    "invoice": (("sales_invoices", mapping.invoice),),
    "customer": (("contacts", mapping.contact),),
    "payment": (("contact_payments", mapping.payment),),
    "credit": (("sales_credit_notes", mapping.credit_note), ("contact_payments", mapping.on_account)),
}


def _payments(rows: Iterable[Any]) -> Iterator[Record]:
    for row in rows:
        for record in (mapping.payment(row), mapping.on_account(row)):
            if record is not None:
                yield record


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _account(ctx: Context, fields: Fields, country: str) -> Account:
    business = fields.id("id")
    try:
        settings = _Books(ctx, business).get("financial_settings", {"attributes": "all"})  # [R]
    except (Forbidden, NotFound):  # the business can still be chosen; its currency is then asked for
        settings = {}
    return Account(
        external_id=business,
        name=fields.text("name") or fields.text("displayed_as"),
        currency=Fields(settings).text("base_currency", "id", most=3),  # [R]
        country=country[:2].upper(),
    )


def _checked(response: Response) -> Json:
    """The body, an object. Errors come as a list [R], also where the status is a good one."""
    return data(TITLE, response, dict)
