"""How to ask Square for its invoices. What its answers mean is in mapping.py; the facts are FACTS.md section 4.

Its lists know no time of change and no open ones, so every pull walks through all invoices of all locations."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NoReturn

from connectors.answers import data, known, provider_time, retry_after, understood
from connectors.base import (
    AccessExpired,
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
    PayLink,
    ProviderSpec,
    RateLimited,
    Response,
    RetryLater,
    Tokens,
)
from connectors.books import Books
from connectors.fields import Fields, known_zone, micros, parse_json
from connectors.paging import Record, look_up
from connectors.signing import header, is_signed_base64
from connectors.square import mapping

TITLE = "Square"
VERSION = "2025-08-20"  # pinned: what mapping.py was written for
PAGE_SIZE = 200
PEOPLE_A_PAGE = 100  # of customers and of payments
SINGLY = 30  # customers asked for one by one; for more of them the list is walked through
RECENT = timedelta(days=30)  # payments of a first pull: a till takes many that belong to no invoice
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9:_-]{1,119}", re.ASCII)


class Square(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="square",
        title=TITLE,
        authorize_url="https://connect.squareup.com/oauth2/authorize?session=false",
        token_url="https://connect.squareup.com/oauth2/token",  # noqa: S106  an address
        revoke_url="https://connect.squareup.com/oauth2/revoke",
        api_url="https://connect.squareup.com",
        scopes="INVOICES_READ CUSTOMERS_READ MERCHANT_PROFILE_READ PAYMENTS_READ ORDERS_READ",
        client_auth="client_secret_json",
        rotates_refresh_token=False,
        feed_days=36_500,  # every pull sees all of it
        calls_per_minute=300,  # unpublished [R]
        reminders_help="In Square: Invoices, Settings, Communications, Reminders.",  # [R]
        reminders_url="https://app.squareup.com/dashboard/invoices/settings",  # [R]
        pay_hosts=("squareup.com", "app.squareup.com"),  # [R]
    )

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        merchant = str((ctx.tokens.extra if ctx.tokens else {}).get("merchant_id", ""))
        till = _Till(ctx)
        about, places = till.object("merchants", merchant, "merchant"), till.locations()
        with understood(TITLE, "described the business"):
            named = Fields(about)
            main = next((each for each in places if each.get("id") == about.get("main_location_id")), {})
            return [
                Account(
                    external_id=named.id("id"),
                    name=named.text("business_name"),
                    currency=named.text("currency", most=3),
                    zone=known_zone(Fields(main).text("timezone", most=64)),
                    country=named.text("country", most=2),
                )
            ]

    def revoke(self, ctx: Context) -> None:
        if ctx.tokens:
            asked = {"client_id": ctx.endpoints.client_id, "access_token": ctx.tokens.access_token}
            headers = {"Authorization": f"Client {ctx.endpoints.client_secret}", "Square-Version": VERSION}
            ctx.http.post(ctx.endpoints.revoke_url, json=asked, headers=headers)

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Till(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Till(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        """Read afresh: the address is there once the invoice is published, and may be replaced."""
        url = _Till(ctx).object("invoices", invoice_external_id, "invoice").get("public_url")
        return PayLink(url) if isinstance(url, str) and url else None

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime, url: str) -> bool:
        """They sign our address as it is registered there, and then the body."""
        signed = url.encode("utf-8", "surrogatepass") + body
        return is_signed_base64(header(headers, "x-square-hmacsha256-signature"), signed, secret)

    def events(self, headers: Mapping[str, str], body: bytes) -> list[Event]:
        return mapping.events(parse_json(body))

    def parse_token(self, answer: Json, now: datetime) -> Tokens:
        return mapping.tokens(answer)


class _Till(Books):
    """One merchant during one piece of work; remembers the provider's clock of the first answer."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx, Square.spec)
        self._version = micros(ctx.now)
        self._orders: dict[str, tuple[str, str]] = {}  # order id -> the invoice for it, and whom that is for

    # --- asking ---

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        url = f"{self._ctx.endpoints.api_url}/v2/{path}"
        return self._heard(self._ctx.http.get(url, params=params, headers={"Square-Version": VERSION}))

    def search(self, path: str, query: Json) -> Json:
        url = f"{self._ctx.endpoints.api_url}/v2/{path}/search"
        return self._heard(self._ctx.http.post(url, json=query, headers={"Square-Version": VERSION}))

    def _heard(self, response: Response) -> Json:
        body = _checked(response)
        self.begin(provider_time(response))
        return body

    def object(self, path: str, object_id: str, name: str) -> Json:
        found = self.get(f"{path}/{known(TITLE, _ID, object_id)}").get(name)
        return found if isinstance(found, dict) else {}

    def rows(self, path: str, asked: Mapping[str, Any], size: int, *, by_search: bool = False) -> Iterator[Any]:
        """All pages of a list. A cursor leads from one to the next; a page shown again would hide another."""
        cursor: dict[str, str] = {}
        before: list[Any] = []
        while True:
            query = {"limit": size, **asked, **cursor}
            body = self.search(path, query) if by_search else self.get(path, query)
            rows = body.get(path)
            rows = rows if isinstance(rows, list) else []  # an empty list is left out
            if rows and rows == before:
                raise RetryLater(f"{TITLE} showed the same page twice.")
            yield from rows
            following = body.get("cursor")
            if not isinstance(following, str) or not following:
                return
            cursor, before = {"cursor": following}, rows

    def locations(self) -> list[Json]:
        rows = self.get("locations").get("locations")
        return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []

    # --- what to ask for ---

    def everything(self) -> Iterator[Record]:
        yield from self.open_items()
        yield from self._payments({"begin_time": _moment(self._ctx.now - RECENT)})

    def open_items(self) -> Iterator[Record]:
        """What we do not understand comes along: it may be owed."""
        for row in self._invoices():
            record = mapping.invoice(row)
            if getattr(record, "state", "open") == "open":
                yield record

    def changes(self, since: datetime) -> Iterator[Record]:
        recent = {"updated_at": {"start_at": _moment(since)}}
        for row in self.rows("customers", {"query": {"filter": recent}}, PEOPLE_A_PAGE, by_search=True):
            yield mapping.customer(row)
        for row in self._invoices():
            changed = mapping.changed_at(row)
            if changed is None or changed >= since:
                yield mapping.invoice(row)
        yield from self._payments({"updated_at_begin_time": _moment(since), "sort_field": "UPDATED_AT"})

    def _invoices(self) -> Iterator[Any]:
        for place in self.locations():
            for row in self.rows("invoices", {"location_id": str(place.get("id", ""))}, PAGE_SIZE):
                if (order := mapping.ordered(row)) is not None:
                    self._orders[order[0]] = order[1:]
                yield row

    def _payments(self, asked: Mapping[str, str]) -> Iterator[Record]:
        """Those on the invoices just walked through; what else a till takes is not ours."""
        for row in self.rows("payments", asked, PEOPLE_A_PAGE):
            found = self._orders.get(str(row.get("order_id", ""))) if isinstance(row, dict) else None
            if found:
                yield mapping.payment(row, *found)
                if failed := mapping.setback(row, found[0]):
                    yield failed

    def singly(self, kind: Kind, external_ids: Iterable[str]) -> Iterator[Record]:
        """Each as it is now; whatever is not there any more is gone. For an account: raises when it has left us."""
        if kind == "account":
            self.locations()
            return
        for object_id in dict.fromkeys(external_ids):
            try:
                if kind == "invoice":
                    yield mapping.invoice(self.object("invoices", object_id, "invoice"))
                elif kind == "customer":
                    yield mapping.customer(self.object("customers", object_id, "customer"))
            except NotFound:
                yield Gone(kind, object_id, self._version)

    def bill_tos(self, ids: list[str]) -> Iterator[Record]:
        """Invoices remember whom they were for; what holds now is the customer's own record."""
        return look_up(ids, SINGLY, lambda few: self.singly("customer", few), self._everybody)

    def _everybody(self) -> Iterator[Record]:
        return (mapping.customer(row) for row in self.rows("customers", {}, PEOPLE_A_PAGE))


def _moment(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _checked(response: Response) -> Json:
    """The body, unless it holds errors, whatever the status."""
    body = response.json if isinstance(response.json, dict) else None
    errors = body.get("errors") if body else None
    if isinstance(errors, list) and errors:
        _raise_error(errors[0] if isinstance(errors[0], dict) else {}, response)
    return data(TITLE, response, dict)


def _raise_error(error: Json, response: Response) -> NoReturn:
    code, category = str(error.get("code", "")), str(error.get("category", ""))
    if category == "RATE_LIMIT_ERROR":
        raise RateLimited(f"{TITLE} asks us to slow down.", retry_after(response))
    if code == "ACCESS_TOKEN_REVOKED":
        raise MustReconnect("Sheaf no longer has access to this Square account. Please connect again.")
    if code in ("FORBIDDEN", "INSUFFICIENT_SCOPES"):
        raise Forbidden(f"{TITLE} does not let us see this business.")
    if code in ("UNAUTHORIZED", "ACCESS_TOKEN_EXPIRED"):
        raise AccessExpired(f"{TITLE} wants a fresh access token.")
    if code == "NOT_FOUND":
        raise NotFound(f"{TITLE} does not have this.")
    if category == "API_ERROR" or response.status >= 500:
        raise RetryLater(f"{TITLE} has trouble on its side.", retry_after(response))
    if code == "INVALID_CURSOR":
        raise RetryLater(f"{TITLE} changed its list while we were reading it.")
    raise GiveUp(f"{TITLE} refused the request ({code[:40]}).")
