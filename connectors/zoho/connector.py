"""How to ask Zoho Books. What its answers mean is in mapping.py; the facts are FACTS.md section 6."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, NoReturn
from urllib.parse import urlsplit

from connectors.answers import data, known, provider_time, refuse, retry_after, understood
from connectors.base import (
    AccessExpired,
    Account,
    Batch,
    Connector,
    Context,
    Endpoints,
    Forbidden,
    GiveUp,
    Json,
    Kind,
    Mode,
    NotFound,
    OutsidePayment,
    PayLink,
    ProviderSpec,
    RateLimited,
    Response,
    RetryLater,
    Tokens,
)
from connectors.books import Books, first_there
from connectors.fields import BadField, Fields, known_zone
from connectors.paging import Page, Record
from connectors.zoho import mapping

TITLE = "Zoho Books"
API = "/books/v3"
PAGE_SIZE = 200
RECENT = timedelta(days=90)  # payments of a first pull
OFFLINE = "access_type=offline&prompt=consent"  # or there is no refresh token
# By the callback's `location`: where permissions are given, and where the books are. One consent lives in one of them.
CENTRES = {
    "us": ("https://accounts.zoho.com", "https://www.zohoapis.com"),
    "eu": ("https://accounts.zoho.eu", "https://www.zohoapis.eu"),
    "in": ("https://accounts.zoho.in", "https://www.zohoapis.in"),
    "au": ("https://accounts.zoho.com.au", "https://www.zohoapis.com.au"),
    "jp": ("https://accounts.zoho.jp", "https://www.zohoapis.jp"),
    "ca": ("https://accounts.zohocloud.ca", "https://www.zohoapis.ca"),
    "sa": ("https://accounts.zoho.sa", "https://www.zohoapis.sa"),
    "cn": ("https://accounts.zoho.com.cn", "https://www.zohoapis.com.cn"),
    "uk": ("https://accounts.zoho.uk", "https://www.zohoapis.uk"),
}
PAY_PAGES = ("books.zoho", "zohosecurepay")  # [R] where invoice_url leads, under each centre's ending
OPEN_FILTERS = ("Status.Unpaid", "Status.PartiallyPaid", "Status.OverDue")  # they may overlap, which costs nothing
NOT_FOUND, BUSY, NOT_ALLOWED = {5, 1002}, {43, 44, 45}, {57, 6041}  # [R] codes in bodies
OLDEST_FIRST = {"sort_column": "last_modified_time", "sort_order": "A"}  # [R] the letter
_NUMBER = re.compile(r"[0-9]{1,25}", re.ASCII)

Mapper = Callable[[Any], Record | None]


class Zoho(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="zoho",
        title=TITLE,
        authorize_url=f"https://accounts.zoho.com/oauth/v2/auth?{OFFLINE}",
        token_url="https://accounts.zoho.com/oauth/v2/token",  # noqa: S106  an address
        revoke_url="https://accounts.zoho.com/oauth/v2/token/revoke",
        api_url="https://www.zohoapis.com",
        scopes="ZohoBooks.invoices.READ,ZohoBooks.contacts.READ,ZohoBooks.customerpayments.READ,"
        "ZohoBooks.creditnotes.READ,ZohoBooks.settings.READ,ZohoBooks.customerpayments.CREATE,"
        "ZohoBooks.invoices.CREATE",  # the last two [R]: for what the vendor lets us write back
        client_auth="client_secret_post",
        rotates_refresh_token=False,
        dead_grant=frozenset({"invalid_grant", "invalid_code"}),
        feed_days=36_500,  # [R] last_modified_time reaches back to the first day
        calls_per_minute=100,
        reminders_help="In Zoho Books: Settings, Reminders, Automated reminders.",  # [R]
        pay_hosts=tuple(
            f"{page}{api.removeprefix('https://www.zohoapis')}" for page in PAY_PAGES for _, api in CENTRES.values()
        ),
        webhooks="none",  # vendors would have to build them by hand in workflow rules
        writes=frozenset({"payment", "note"}),
    )

    def settle(self, ends: Endpoints, said: Mapping[str, Any]) -> Endpoints:
        """The data centre this consent lives in: nothing of it is ever sent to another."""
        named = str(said.get("api_domain") or said.get("accounts-server") or "").rstrip("/")
        accounts, api = _centre(named, ends) if named else CENTRES.get(str(said.get("location", "")), ("", ""))
        if not accounts:
            return ends
        return replace(
            ends,
            authorize_url=f"{accounts}/oauth/v2/auth?{OFFLINE}",
            token_url=f"{accounts}/oauth/v2/token",
            revoke_url=f"{accounts}/oauth/v2/token/revoke",
            api_url=api,
        )

    def authorization(self, tokens: Tokens) -> str:
        return f"Zoho-oauthtoken {tokens.access_token}"

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        """The organisations of the person who allowed us."""
        body = _checked(ctx.http.get(f"{ctx.endpoints.api_url}{API}/organizations"))
        with understood(TITLE, "described the organisation"):
            return [_account(Fields(row)) for row in Fields(body).items("organizations")]

    def revoke(self, ctx: Context) -> None:
        if ctx.tokens and ctx.tokens.refresh_token:
            ctx.http.post(ctx.endpoints.revoke_url, data={"token": ctx.tokens.refresh_token})

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Books(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Books(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        url = _Books(ctx).one("invoices", "invoice", invoice_external_id).get("invoice_url")
        return PayLink(url) if isinstance(url, str) and url else None

    def document(self, ctx: Context, invoice_external_id: str) -> bytes | None:
        return _Books(ctx).pdf(invoice_external_id)

    def post_payment(self, ctx: Context, payment: OutsidePayment) -> str:
        """Zoho knows no idempotency key: ours stands in the reference, and is looked for before anything is made. [R]
        throughout, as is add_note: the facts name no way back."""
        books = _Books(ctx)
        held = _rows(books.get("customerpayments", {"reference_number": payment.key}), "customerpayments")
        if known := [row for row in held if isinstance(row, dict) and row.get("reference_number") == payment.key]:
            return Fields(known[0]).id("payment_id")
        amount = payment.amount.amount
        made = books.post(
            "customerpayments",
            {
                "customer_id": payment.bill_to_external_id,
                "payment_mode": "others",  # [R]
                "amount": amount,
                "date": payment.paid_on.isoformat(),
                "reference_number": payment.key,
                "description": payment.reference,
                "invoices": [{"invoice_id": payment.invoice_external_id, "amount_applied": amount}],
            },
        )
        return Fields(made).id("payment", "payment_id")

    def add_note(self, ctx: Context, invoice_external_id: str, text: str, key: str) -> str:
        """A comment that only the vendor's staff sees; our key stands in it, so that it is made once."""
        path, mark = f"invoices/{known(TITLE, _NUMBER, invoice_external_id)}/comments", f"[Sheaf {key}]"
        books = _Books(ctx)
        for row in _rows(books.get(path), "comments"):
            if mark in str(row.get("description", "") if isinstance(row, dict) else ""):
                return Fields(row).id("comment_id")
        made = books.post(path, {"description": f"{text} {mark}", "show_comment_to_clients": False})
        return Fields(made).id("comment", "comment_id")

    def parse_token(self, answer: Json, now: datetime) -> Tokens:
        return mapping.tokens(answer, now)


class _Books(Books):
    """One organisation's books during one piece of work; remembers the provider's clock of the first answer."""

    walked = frozenset({*(f"invoices {each}" for each in OPEN_FILTERS), "creditnotes Status.Open", "customerpayments "})

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx, Zoho.spec)
        self._organisation = ctx.account.external_id if ctx.account else ""
        if not _NUMBER.fullmatch(self._organisation):
            raise GiveUp(f"This connection names no {TITLE} organisation.")

    # --- asking ---

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        asked = {"organization_id": self._organisation} | dict(params or {})
        response = self._ctx.http.get(f"{self._ctx.endpoints.api_url}{API}/{path}", params=asked)
        body = _checked(response)
        self.begin(provider_time(response))
        return body

    def post(self, path: str, body: Json) -> Json:
        url = f"{self._ctx.endpoints.api_url}{API}/{path}"
        return _checked(self._ctx.http.post(url, params={"organization_id": self._organisation}, json=body))

    def pdf(self, invoice_id: str) -> bytes | None:
        url = f"{self._ctx.endpoints.api_url}{API}/invoices/{known(TITLE, _NUMBER, invoice_id)}"
        asked = {"organization_id": self._organisation, "accept": "pdf"}  # [R]
        response = self._ctx.http.get(url, params=asked, headers={"Accept": "application/pdf"})
        if response.body.startswith(b"%PDF-") and response.status == 200:
            return response.body
        _checked(response)
        return None

    def rows(self, name: str, params: Mapping[str, Any], since: datetime | None = None) -> Iterator[Any]:
        """All pages of a list, in the order of their last change."""

        def page(after: datetime | None, number: int) -> Page:
            asked: Json = OLDEST_FIRST | {"per_page": PAGE_SIZE, "page": number}
            if after is not None:
                asked["last_modified_time"] = after.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S%z")
            body = self.get(name, asked | dict(params))
            return Page(_rows(body, name), is_last=not Fields(body.get("page_context", {})).flag("has_more_page"))

        return self.by_time(f"{name} {params.get('filter_by', '')}", page, since, mapping.changed_at)

    def one(self, name: str, noun: str, object_id: str) -> Json:
        """The object, whole. Raises NotFound."""
        found = self.get(f"{name}/{known(TITLE, _NUMBER, object_id)}").get(noun)
        if not isinstance(found, dict):
            raise RetryLater(f"{TITLE} sent something other than data.")
        return found

    # --- what to ask for ---

    def everything(self) -> Iterator[Record]:
        yield from self.open_items()
        for row in self.rows("customerpayments", {}, self._ctx.now - RECENT):
            yield mapping.payment(row)
            yield mapping.unused(row)

    def open_items(self) -> Iterator[Record]:
        for wanted in OPEN_FILTERS:
            yield from map(mapping.invoice, self.rows("invoices", {"filter_by": wanted}))
        yield from map(mapping.credit_note, self.rows("creditnotes", {"filter_by": "Status.Open"}))  # [R]

    def changes(self, since: datetime) -> Iterator[Record]:
        """Without a filter on the status, or what was paid or voided would never reach us. What was deleted does not:
        reconciling finds that."""
        yield from _some(map(mapping.contact, self.rows("contacts", {}, since)))
        yield from map(mapping.invoice, self.rows("invoices", {}, since))
        yield from map(mapping.credit_note, self.rows("creditnotes", {}, since))
        for row in self.rows("customerpayments", {}, since):
            yield from self._payment(row)

    def _payment(self, row: Any) -> Iterator[Record]:
        """Lists leave out which invoices a payment was for: read singly, unless it has gone meanwhile."""
        try:
            whole = row | self.one("customerpayments", "payment", Fields(row).id("payment_id"))
        except (BadField, NotFound):
            whole = row
        yield mapping.payment(whole)
        yield mapping.unused(row)

    def found(self, kind: Kind, ids: list[str]) -> Iterator[tuple[str, Record | None]]:
        readers = [partial(self._read, *place) for place in PLACES.get(kind, ())]
        return (pair for each in ids for pair in first_there(each, readers))

    def _read(self, name: str, noun: str, mapper: Mapper, object_id: str) -> Record | None:
        return mapper(self.one(name, noun, object_id))


PLACES: dict[Kind, tuple[tuple[str, str, Mapper], ...]] = {
    "invoice": (("invoices", "invoice", mapping.invoice),),
    "customer": (("contacts", "contact", mapping.contact),),
    "payment": (("customerpayments", "payment", mapping.payment),),
    "credit": (("creditnotes", "creditnote", mapping.credit_note), ("customerpayments", "payment", mapping.unused)),
}


def _centre(named: str, ends: Endpoints) -> tuple[str, str]:
    """The data centre of that address, which the browser or the token endpoint brought. Raises GiveUp for any other."""
    for centre in CENTRES.values():
        if named in centre:
            return centre
    if urlsplit(named)[:2] == urlsplit(ends.api_url)[:2]:  # a sandbox has all its centres on one host
        return named, named
    raise GiveUp(f"{TITLE} named a data centre that we do not know.")


def _some(records: Iterable[Record | None]) -> Iterator[Record]:
    return (record for record in records if record is not None)


def _rows(body: Json, name: str) -> list[Any]:
    found = body.get(name)
    return found if isinstance(found, list) else []


def _account(fields: Fields) -> Account:
    return Account(
        external_id=fields.id("organization_id"),
        name=fields.text("name"),
        currency=fields.text("currency_code", most=3),
        zone=known_zone(fields.text("time_zone", most=60)),
        country=fields.text("country_code", most=2),  # [R]
    )


def _checked(response: Response) -> Json:
    """The body. Zoho says what is wrong by a code of its own, sometimes with a good status."""
    body = response.json
    code = body.get("code") if isinstance(body, dict) else None
    if code and isinstance(code, int):
        _complain(code, response)
    return data(TITLE, response, dict)


def _complain(code: int, response: Response) -> NoReturn:
    if code in NOT_FOUND:
        raise NotFound(f"{TITLE} does not have this.")
    if code in BUSY:
        raise RateLimited(f"{TITLE} asks us to slow down.", retry_after(response))
    if response.status == 401:
        raise AccessExpired(f"{TITLE} wants a fresh access token.")
    if code in NOT_ALLOWED or response.status == 403:
        raise Forbidden(f"{TITLE} does not let us see this organisation.")
    if 200 <= response.status < 300:
        raise RetryLater(f"{TITLE} has trouble on its side.")
    refuse(TITLE, response)
