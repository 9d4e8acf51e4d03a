"""How to ask ERPNext, on Frappe. What its answers mean is in mapping.py; the facts are FACTS.md section 11.

Each vendor has a site of its own, and each site would know Sheaf by another client id; so a key of one of its users is
asked for, which any user there makes with two clicks.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from connectors.answers import data, pdf, provider_time, understood
from connectors.base import (
    Account,
    Asked,
    Batch,
    Connector,
    Context,
    Endpoints,
    Event,
    Forbidden,
    GiveUp,
    Json,
    Kind,
    Mode,
    NotFound,
    OutsidePayment,
    PayLink,
    ProviderSpec,
    Response,
    RetryLater,
    Subscription,
    Tokens,
)
from connectors.books import Books, by_id
from connectors.erpnext import mapping
from connectors.fields import Fields, known_zone, micros, parse_json
from connectors.paging import Page, Record, by_time, chunks, groups
from connectors.signing import header, is_signed_base64
from connectors.sites import account_at, at_site

TITLE = "ERPNext"
PAGE_SIZE = 500  # there is no upper limit; twenty come to those who name none
NAMES_AT_ONCE = 50
RECENT = timedelta(days=90)  # payments of a first pull
INVOICES, CUSTOMERS, PAYMENTS = mapping.DOCTYPES
EVENTS = {"on_change": (INVOICES, PAYMENTS), "on_update": (CUSTOMERS,), "on_trash": (INVOICES, CUSTOMERS)}  # [R]
TOLD = (
    '{"doctype": {{ doc.doctype | tojson }}, "name": {{ doc.name | tojson }}, "modified": "{{ doc.modified }}"}'  # [R]
)
MAKE_PAYMENT = "erpnext.accounts.doctype.payment_entry.payment_entry.get_payment_entry"  # [R]
RECEIVED = [["payment_type", "=", "Receive"], ["party_type", "=", "Customer"]]

Mapper = Callable[[Any], Record]


class ErpNext(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="erpnext",
        title=TITLE,
        feed_days=36_500,  # modified reaches back to the first day
        calls_per_minute=120,  # a site's own machine, and its people are at work on it
        reminders_help="In ERPNext: Dunning, and the Auto Repeat or Notification that sends it.",  # [R]
        kind="key",
        asks=(
            Asked("site", "Address of your site", "As in your browser, such as https://books.example.com"),
            Asked("user", "API key", "In ERPNext: your user, Settings, API Access, Generate Keys."),
            Asked("key", "API secret", "Shown once, when the keys are made.", is_secret=True),
        ),
        webhooks="connection",
        writes=frozenset({"payment", "note"}),
    )

    def settle(self, ends: Endpoints, said: Mapping[str, Any]) -> Endpoints:
        return at_site(ends, said)

    def authorization(self, tokens: Tokens) -> str:
        return f"token {tokens.extra.get('user', '')}:{tokens.access_token}"

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        """The companies of the site that this user may see."""
        books = _Site(ctx)
        rows = books.get("resource/Company", _asked(("name", "default_currency", "country"), [], 0)).get("data")
        return [_account(ctx, row, books.zone) for row in rows or []]

    def revoke(self, ctx: Context) -> None:
        """A key ends where it was made; what we held is destroyed here."""

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Company(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Company(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        """That of the newest payment request; pages on other hosts than the site are not followed."""
        books = _Company(ctx)
        books.must_have(invoice_external_id)
        wanted = [["reference_doctype", "=", INVOICES], ["reference_name", "=", invoice_external_id]]
        asked = _asked(("payment_url",), [*wanted, ["docstatus", "=", 1], ["status", "!=", "Paid"]], 1)
        found = books.get("resource/Payment Request", asked | {"order_by": "creation desc"}).get("data")
        url = found[0].get("payment_url") if isinstance(found, list) and found and isinstance(found[0], dict) else None
        is_there = isinstance(url, str) and urlsplit(url).hostname == urlsplit(ctx.endpoints.api_url).hostname
        return PayLink(str(url)) if is_there else None

    def document(self, ctx: Context, invoice_external_id: str) -> bytes | None:
        return _Company(ctx).pdf(invoice_external_id)

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime, url: str) -> bool:
        return is_signed_base64(header(headers, "x-frappe-webhook-signature"), body, secret)

    def events(self, headers: Mapping[str, str], body: bytes) -> list[Event]:
        return mapping.events(parse_json(body))

    def subscribe(self, ctx: Context, url: str, secret: str, held: Json) -> Subscription:
        """One webhook a document type and event; they live until they are deleted, so those held are only looked at."""
        return Subscription(None, secret, {"names": _Company(ctx).subscribe(url, secret, held.get("names") or [])})

    def unsubscribe(self, ctx: Context, held: Json) -> None:
        for name in held.get("names") or []:
            ctx.http.send("DELETE", f"{ctx.endpoints.api_url}/api/resource/Webhook/{quote(str(name), safe='')}")

    def post_payment(self, ctx: Context, payment: OutsidePayment) -> str:
        return _Company(ctx).enter_payment(payment)

    def add_note(self, ctx: Context, invoice_external_id: str, text: str, key: str) -> str:
        """A comment on the invoice; what makes it recognisable stands in its last line."""
        books = _Company(ctx)
        books.must_have(invoice_external_id)
        on = {"reference_doctype": INVOICES, "reference_name": invoice_external_id}
        wanted = [[name, "=", value] for name, value in on.items()] + [["content", "like", f"%Sheaf {key}%"]]
        note = {"comment_type": "Comment", **on, "content": f"{text}\nSheaf {key}"}
        return books.once("Comment", wanted, note)


class _Site(Books):
    """A site during one piece of work; remembers its clock of the first answer."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx, ErpNext.spec)

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Json:
        response = self._ctx.http.get(f"{self._ctx.endpoints.api_url}/api/{path}", params=params)
        self.begin(provider_time(response))
        return _checked(response)

    def post(self, path: str, body: Json) -> Json:
        return _checked(self._ctx.http.post(f"{self._ctx.endpoints.api_url}/api/{path}", json=body))

    @cached_property
    def zone(self) -> str:
        """The time zone that the site writes its times in."""
        told = self.get("method/frappe.client.get_time_zone").get("message")
        return known_zone(str(told.get("time_zone", ""))) if isinstance(told, dict) else ""


class _Company(_Site):
    """One company's books during one piece of work."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self._company = ctx.account.external_id.partition("|")[2] if ctx.account else ""
        if not self._company:
            raise GiveUp(f"This connection names no company of {TITLE}.")
        self._now = micros(ctx.now)
        self._in_books = [["company", "=", self._company]]
        if ctx.account and ctx.account.zone:
            self.zone = ctx.account.zone

    # --- what to ask for ---

    def everything(self) -> Iterator[Record]:
        yield from self.open_items()
        yield from self.payments([["docstatus", "=", 1]], self._ctx.now - RECENT)

    def open_items(self) -> Iterator[Record]:
        """Invoices that are owed, returns that are not used up, money that is not allocated yet."""
        yield from self.invoices([["docstatus", "=", 1], ["outstanding_amount", "!=", 0], *self._in_books])
        yield from self.payments([["docstatus", "=", 1], ["unallocated_amount", ">", 0]])

    def changes(self, since: datetime) -> Iterator[Record]:
        """Cancelled ones, too; deleted ones leave no trace and are found by reconciling."""
        yield from map(self._customer, self.rows(CUSTOMERS, mapping.CUSTOMER, [], since))
        yield from self.invoices(self._in_books, since)
        yield from self.payments([["docstatus", "!=", 0]], since)

    def invoices(self, where: list[Any], since: datetime | None = None) -> Iterator[Record]:
        """What was sold stands in rows of its own, asked for many invoices at a time."""
        for some in groups(self.rows(INVOICES, mapping.INVOICE, where, since), NAMES_AT_ONCE):
            items = self._inside(INVOICES, "Sales Invoice Item", mapping.ITEM, some)
            for row in some:
                yield mapping.invoice(row, self._now, self.zone, items.get(_name(row), []))

    def payments(self, where: list[Any], since: datetime | None = None) -> Iterator[Record]:
        """What they paid stands in rows of its own, asked for many payments at a time."""
        rows = self.rows(PAYMENTS, mapping.PAYMENT, [*where, *RECEIVED, *self._in_books], since)
        for some in groups(rows, NAMES_AT_ONCE):
            paid = self._inside(PAYMENTS, "Payment Entry Reference", mapping.REFERENCE, some)
            for row in some:
                yield from mapping.payment(row, self._now, paid.get(_name(row), []))

    def bill_tos(self, ids: list[str]) -> Iterator[Record]:
        return self._named(CUSTOMERS, mapping.CUSTOMER, ids, self._customer)

    def found(self, kind: Kind, ids: list[str]) -> Iterator[tuple[str, Record]]:
        """A name is only ever a value, never an address."""
        names = [each for each in ids if each.isprintable() and 0 < len(each) <= 140]
        if kind == "customer":
            yield from by_id(self.bill_tos(names))
        for some in chunks(names, NAMES_AT_ONCE):
            if kind in ("invoice", "credit"):
                yield from by_id(self.invoices([["name", "in", some], *self._in_books]))
            if kind in ("payment", "credit"):
                yield from by_id(self.payments([["name", "in", some]]))

    def _named(self, doctype: str, fields: Sequence[str], ids: list[str], mapper: Mapper) -> Iterator[Record]:
        for some in chunks(ids, NAMES_AT_ONCE):
            yield from map(mapper, self.rows(doctype, fields, [["name", "in", some]]))

    def _customer(self, row: Any) -> Record:
        return mapping.customer(row, self._now)

    def _inside(self, outer: str, inner: str, fields: Sequence[str], rows: Iterable[Any]) -> dict[str, list[Json]]:
        """The rows within these documents, by the document's name; it wants to know within what [R]."""
        wanted = [["parent", "in", [*map(_name, rows)]], ["parenttype", "=", outer]]
        asked = _asked(fields, wanted, 0) | {"parent": outer, "order_by": "idx asc"}
        found: dict[str, list[Json]] = {}
        for row in self._data(inner, asked):
            if isinstance(row, dict):
                found.setdefault(str(row.get("parent")), []).append(row)
        return found

    def rows(
        self, doctype: str, fields: Sequence[str], where: list[Any], since: datetime | None = None
    ) -> Iterator[Any]:
        """All pages of a list, in the order of their last change by the site's clock."""

        def page(after: datetime | None, number: int) -> Page:
            at = [["modified", ">=", after.strftime(mapping.LISTED)]] if after else []
            asked = _asked(fields, [*where, *at], PAGE_SIZE) | {"limit_start": (number - 1) * PAGE_SIZE}
            found = self._data(doctype, asked | {"order_by": "modified asc"})
            return Page(found, is_last=len(found) < PAGE_SIZE)

        return by_time(page, mapping.site_time(since, self.zone) if since else None, mapping.listed_at)

    def _data(self, doctype: str, asked: Json) -> list[Any]:
        found = self.get(f"resource/{quote(doctype)}", asked).get("data")
        if not isinstance(found, list):
            raise RetryLater(f"{TITLE} sent something other than a list.")
        return found

    def must_have(self, invoice: str) -> None:
        """Raises NotFound for what is no invoice of this company."""
        if not self._data(INVOICES, _asked(("name",), [["name", "=", invoice], *self._in_books], 1)):
            raise NotFound(f"{TITLE} does not have this.")

    def pdf(self, invoice: str) -> bytes:
        self.must_have(invoice)
        url = f"{self._ctx.endpoints.api_url}/api/method/frappe.utils.print_format.download_pdf"
        return pdf(TITLE, self._ctx.http.get(url, params={"doctype": INVOICES, "name": invoice}))

    # --- writing ---

    def once(self, doctype: str, wanted: list[Any], body: Json) -> str:
        """The name of the document that is wanted: there already, or made now."""
        found = self._data(doctype, _asked(("name",), wanted, 1))
        made = found[0] if found else self.post(f"resource/{quote(doctype)}", body).get("data")
        return Fields(made).id("name")

    def enter_payment(self, payment: OutsidePayment) -> str:
        """As its own button at the invoice would: it knows the accounts. The reference number is our key."""
        self.must_have(payment.invoice_external_id)
        of = {"dt": INVOICES, "dn": payment.invoice_external_id, "party_amount": payment.amount.amount}
        wanted = [["reference_no", "=", payment.key], ["docstatus", "!=", 2], *self._in_books]
        found = self._data(PAYMENTS, _asked(("name",), wanted, 1))
        if found:
            return Fields(found[0]).id("name")
        entry = self.post(f"method/{MAKE_PAYMENT}", of).get("message")
        if not isinstance(entry, dict):
            raise RetryLater(f"{TITLE} sent something other than a payment.")
        day = payment.paid_on.isoformat()
        ours = {"reference_no": payment.key, "reference_date": day, "posting_date": day, "docstatus": 1}
        return Fields(self.post(f"resource/{quote(PAYMENTS)}", entry | ours).get("data")).id("name")

    def subscribe(self, url: str, secret: str, held: Sequence[str]) -> list[str]:
        if held and len(self._data("Webhook", _asked(("name",), [["name", "in", list(held)]], 0))) == len(held):
            return list(held)
        common = {
            "request_url": url,
            "request_method": "POST",
            "request_structure": "JSON",
            "webhook_json": TOLD,
            "enable_security": 1,
            "webhook_secret": secret,
            "webhook_headers": [{"key": "Content-Type", "value": "application/json"}],
        }
        return [
            self.once(
                "Webhook",
                [["request_url", "=", url], ["webhook_doctype", "=", doctype], ["webhook_docevent", "=", event]],
                common | {"webhook_doctype": doctype, "webhook_docevent": event},
            )
            for event, doctypes in EVENTS.items()
            for doctype in doctypes
        ]


def _name(row: Any) -> str:
    return str(row.get("name")) if isinstance(row, dict) else ""


def _asked(fields: Sequence[str], where: list[Any], most: int) -> Json:
    """The parameters of a list; ``most`` 0 is all of it."""
    return {"fields": json.dumps(fields), "filters": json.dumps(where), "limit_page_length": most}


def _account(ctx: Context, row: Any, zone: str) -> Account:
    with understood(TITLE, "described the company"):
        company = Fields(row)
        found = account_at(ctx.endpoints.api_url, company.id("name"))
        return Account(found, company.id("name"), company.text("default_currency", most=3), zone)


def _checked(response: Response) -> Json:
    """The body, unless a good status holds an error."""
    if response.status == 403 and isinstance(response.json, dict):
        raise Forbidden(f"{TITLE} does not let this user do that. Another role there, or another user's key, would.")
    body = data(TITLE, response, dict)
    if body.get("exc"):
        raise RetryLater(f"{TITLE} sent something other than data.")
    return body
