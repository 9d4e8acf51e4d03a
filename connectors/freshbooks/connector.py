"""How to ask FreshBooks. What its answers mean is in mapping.py; the facts are FACTS.md section 5."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, NoReturn

from connectors.answers import known, provider_time, refuse, retry_after, understood
from connectors.base import (
    AccessExpired,
    Account,
    Batch,
    Connector,
    Context,
    Event,
    Forbidden,
    GiveUp,
    Handshake,
    Json,
    Kind,
    Mode,
    NotFound,
    PayLink,
    ProviderSpec,
    RateLimited,
    Response,
    RetryLater,
    Subscription,
    Tokens,
)
from connectors.books import Books, first_there
from connectors.fields import Fields
from connectors.freshbooks import mapping
from connectors.paging import Page, Record, by_number, look_up
from connectors.signing import header, is_signed_base64

TITLE = "FreshBooks"
PAGE_SIZE = 100  # more is silently cut to as many
SINGLY = 30  # clients asked for one by one; for more of them the list is walked through
RECENT = timedelta(days=90)  # payments of a first pull
DAY = timedelta(days=1)
EVERYTHING = "all"  # what a callback may be for [R]
UNPROVEN = timedelta(hours=1)  # as long as we wait for a verifier before we ask for it again
_WORD = re.compile(r"[A-Za-z0-9]{1,40}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)

Mapper = Callable[[Any, datetime], Record]
PLACES: dict[Kind, tuple[str, str, str, Mapper]] = {  # where it lies, and how one and many of it are called
    "invoice": ("invoices/invoices", "invoice", "invoices", mapping.invoice),
    "customer": ("users/clients", "client", "clients", mapping.client),
    "payment": ("payments/payments", "payment", "payments", mapping.payment),
    "credit": ("credit_notes/credit_notes", "credit_notes", "credit_notes", mapping.credit_note),
}
WITH: dict[Kind, dict[str, str]] = {"invoice": {"include[]": "lines"}}  # what is left out unless it is asked for


class FreshBooks(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="freshbooks",
        title=TITLE,
        authorize_url="https://auth.freshbooks.com/oauth/authorize",
        token_url="https://api.freshbooks.com/auth/oauth/token",  # noqa: S106  an address
        revoke_url="https://api.freshbooks.com/auth/oauth/revoke",  # [R]
        api_url="https://api.freshbooks.com",
        scopes="user:profile:read user:clients:read user:invoices:read user:payments:read user:credit_notes:read",
        client_auth="client_secret_post",
        refresh_names_callback=True,
        feed_days=36_500,  # asking by day reaches back to the first
        overlap_seconds=86_400,
        calls_per_minute=120,  # unpublished [R]
        reminders_help="In FreshBooks: open the invoice, Settings, Send Reminders.",  # [R]
        pay_hosts=("my.freshbooks.com",),
        webhooks="connection",
    )

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        """The businesses of this person that have books."""
        body = _checked(ctx.http.get(f"{ctx.endpoints.api_url}/auth/api/v1/users/me"))
        with understood(TITLE, "described the business"):
            rows = Fields(body).items("response", "business_memberships")
            found = [Fields(row) for row in rows]
            return [
                Account(external_id=account, name=each.text("business", "name"))
                for each in found
                if (account := each.text("business", "account_id", most=40))
            ]

    def revoke(self, ctx: Context) -> None:
        if ctx.tokens:
            client = {"client_id": ctx.endpoints.client_id, "client_secret": ctx.endpoints.client_secret}
            ctx.http.post(ctx.endpoints.revoke_url, data=client | {"token": ctx.tokens.refresh_token})

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Books(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Books(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        try:
            found = _Books(ctx).object("invoice", invoice_external_id, "/share_link", share_method="share_link")
        except GiveUp:  # a draft has none
            return None
        url = found.get("share_link")
        return PayLink(url) if isinstance(url, str) and url else None

    # --- webhooks ---

    def subscribe(self, ctx: Context, url: str, secret: str, held: Json) -> Subscription:
        """They post a verifier to ``url``, which is shown back to them and then signs what they send. Until that is
        done the subscription counts as one that ends soon."""
        books = _Books(ctx)
        if not held.get("callback"):
            made = books.callback({"event": EVERYTHING, "uri": url})
            return Subscription(ctx.now + UNPROVEN, held={"callback": made})
        callback, verifier = str(held["callback"]), str(held.get("verifier", ""))
        if verifier and held.get("of") == callback:
            try:
                books.callback({"callbackid": callback, "verifier": verifier}, callback)
                return Subscription(None, verifier, {"callback": callback})
            except GiveUp:  # it was not theirs: anybody may have posted it
                pass
        books.callback({"callbackid": callback, "resend": True}, callback)
        return Subscription(ctx.now + UNPROVEN, held={"callback": callback})

    def unsubscribe(self, ctx: Context, held: Json) -> None:
        if held.get("callback"):
            _Books(ctx).forget(str(held["callback"]))

    def handshake(self, headers: Mapping[str, str], params: Mapping[str, str], body: bytes) -> Handshake | None:
        form = mapping.form(body)
        verifier, callback = form.get("verifier", ""), form.get("object_id", "")
        if not verifier or not _NUMBER.fullmatch(callback):
            return None
        return Handshake(200, held={"verifier": verifier[:200], "of": callback})

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime, url: str) -> bool:
        """Their signature covers the form as JSON text, spaced as Python writes it or not at all [R]."""
        given, form = header(headers, "x-freshbooks-hmac-sha256"), mapping.form(body)
        texts = (json.dumps(form), json.dumps(form, separators=(",", ":")))
        return bool(form) and any(is_signed_base64(given, text.encode(), secret) for text in texts)

    def events(self, headers: Mapping[str, str], body: bytes) -> list[Event]:
        return mapping.events(body)

    def parse_token(self, answer: Json, now: datetime) -> Tokens:
        return mapping.tokens(answer, now)


class _Books(Books):
    """One account's books during one piece of work; remembers the provider's clock of the first answer."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx, FreshBooks.spec)
        account = ctx.account.external_id if ctx.account else ""
        if not _WORD.fullmatch(account):
            raise GiveUp("This connection names no FreshBooks account.")
        self._base = f"{ctx.endpoints.api_url}/accounting/account/{account}"
        self._callbacks = f"{ctx.endpoints.api_url}/events/account/{account}/events/callbacks"
        self._now = ctx.now

    # --- asking ---

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        response = self._ctx.http.get(f"{self._base}/{path}", params=params)
        body = _result(response)
        self.begin(provider_time(response))
        return body

    def object(self, kind: Kind, object_id: str, more: str = "", **params: str) -> Json:
        place, name, _, _ = PLACES[kind]
        path = f"{place}/{known(TITLE, _NUMBER, object_id)}{more}"
        found = self.get(path, params or None).get(more.strip("/") or name)
        return found if isinstance(found, dict) else {}

    def rows(self, kind: Kind, asked: Mapping[str, Any]) -> Iterator[Any]:
        place, _, many, _ = PLACES[kind]

        def page(number: int) -> Page:
            body = self.get(place, {"page": number, "per_page": PAGE_SIZE, **WITH.get(kind, {}), **asked})
            rows, pages = body.get(many), body.get("pages")
            if not isinstance(rows, list):
                raise RetryLater(f"{TITLE} sent something other than a list.")
            return Page(rows, is_last=not isinstance(pages, int) or number >= pages)

        return by_number(page)

    def records(self, kind: Kind, asked: Mapping[str, Any]) -> Iterator[Record]:
        mapper = PLACES[kind][3]
        return (mapper(row, self._now) for row in self.rows(kind, asked))

    def callback(self, asked: Json, number: str = "") -> str:
        if number:
            response = self._ctx.http.send("PUT", f"{self._callbacks}/{number}", json={"callback": asked})
        else:
            response = self._ctx.http.post(self._callbacks, json={"callback": asked})
        with understood(TITLE, "answered"):
            return Fields(_result(response)).id("callback", "callbackid")

    def forget(self, number: str) -> None:
        _result(self._ctx.http.send("DELETE", f"{self._callbacks}/{number}"))

    # --- what to ask for ---

    def _ending(self) -> tuple[Json, datetime]:
        """They know changes by the day, in New York: the day before is asked for again."""
        started = self.started or self._now
        return {"since": started.isoformat()}, started

    def everything(self) -> Iterator[Record]:
        yield from self.open_items()
        yield from self.records("credit", {})
        yield from self.records("payment", _since(self._now - RECENT))

    def open_items(self) -> Iterator[Record]:
        for status in mapping.OWED:
            yield from self.records("invoice", {"search[v3_status]": status})

    def changes(self, since: datetime) -> Iterator[Record]:
        """Also what was deleted, which no list shows unless it is asked for [R]."""
        asked = _since(since - DAY)
        for kind in ("customer", "invoice", "payment"):
            yield from self.records(kind, asked | {"sort": "updated_asc"})
            yield from self.records(kind, asked | {"search[vis_state]": mapping.DELETED})
        yield from self.records("credit", {})  # they know no time of change

    def found(self, kind: Kind, ids: list[str]) -> Iterator[tuple[str, Record | None]]:
        readers = [partial(self._read, kind)] if kind in PLACES else []
        return (pair for each in ids for pair in first_there(each, readers))

    def _read(self, kind: Kind, object_id: str) -> Record:
        return PLACES[kind][3](self.object(kind, object_id, **WITH.get(kind, {})), self._now)

    def bill_tos(self, ids: list[str]) -> Iterator[Record]:
        """Invoices remember whom they were for; what holds now is the client's own record."""
        return look_up(ids, SINGLY, lambda few: self.singly("customer", few), lambda: self.records("customer", {}))


def _since(moment: datetime) -> dict[str, str]:
    return {"search[updated_min]": moment.astimezone(mapping.ZONE).date().isoformat()}


def _result(response: Response) -> Json:
    body = _checked(response)
    inner = body.get("response")
    found = inner.get("result") if isinstance(inner, dict) else None
    return found if isinstance(found, dict) else {}


def _checked(response: Response) -> Json:
    """The body, unless it says no, in one of four ways and with any status."""
    body = response.json if isinstance(response.json, dict) else {}
    number = mapping.error_number(body)
    if number or not 200 <= response.status < 300:
        _raise_error(number, response)
    if not body and response.status != 204:
        raise RetryLater(f"{TITLE} sent something other than data.")
    return body


def _raise_error(number: str, response: Response) -> NoReturn:
    """By what FreshBooks calls the error where we know it [R], else by the status."""
    if number == "1012" or response.status == 404:
        raise NotFound(f"{TITLE} does not have this.")
    if number in ("1003", "unauthenticated", "invalid_token") or response.status == 401:
        raise AccessExpired(f"{TITLE} wants a fresh access token.")
    if number in ("1010", "insufficient_scope") or response.status == 403:
        raise Forbidden(f"{TITLE} does not let us see this business.")
    if response.status == 429:
        raise RateLimited(f"{TITLE} asks us to slow down.", retry_after(response))
    if 200 <= response.status < 300 or response.status >= 500:
        raise RetryLater(f"{TITLE} has trouble on its side.", retry_after(response))
    refuse(TITLE, response)
