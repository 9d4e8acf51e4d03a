"""How to ask Xero. What its answers mean is in mapping.py; the facts are FACTS.md section 2."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.answers import data, known, pdf, provider_time, understood
from connectors.base import (
    Account,
    Batch,
    Connector,
    Context,
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
    Tokens,
)
from connectors.books import Books
from connectors.fields import BadField, Fields, known_zone, parse_json
from connectors.paging import Page, Record, chunks
from connectors.signing import header, is_signed_base64
from connectors.xero import mapping
from connectors.xero.zones import ZONES

TITLE = "Xero"
API = "/api.xro/2.0"
PAGE_SIZE = 1000  # asked for; what was granted is read from the answer, because some endpoints may stop at 100 [P]
USUAL_PAGE = 100
IDS_AT_ONCE = 40  # GUIDs in one address
RECENT = timedelta(days=90)  # payments of a first pull
NOTE_LENGTH = 2000  # characters of a history record [R]
ROUNDING = timedelta(seconds=1)  # If-Modified-Since has whole seconds, and may or may not mean "at or after"
SALES = {"where": 'Type=="ACCREC"', "summaryOnly": "true"}
RECEIVED = {"where": 'PaymentType=="ACCRECPAYMENT"'}
ALSO_ARCHIVED = {"includeArchived": "true"}
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Mapper = Callable[[Any], Record | None]


class Xero(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="xero",
        title=TITLE,
        authorize_url="https://login.xero.com/identity/connect/authorize",
        token_url="https://identity.xero.com/connect/token",  # noqa: S106  an address
        revoke_url="https://identity.xero.com/connect/revocation",
        api_url="https://api.xero.com",
        scopes="openid profile email offline_access accounting.invoices accounting.payments "
        "accounting.contacts.read accounting.settings.read",
        pkce=True,
        feed_days=36_500,  # If-Modified-Since reaches back to the first day
        calls_per_minute=60,
        idle_days=60,
        reminders_help="In Xero: Business, Invoices, Invoice reminders.",  # [R]
        reminders_url="https://go.xero.com/InvoiceReminders/Settings",  # [R]
        pay_hosts=("in.xero.com",),
        writes=frozenset({"payment", "note"}),
    )

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        """The organisations of this consent; one person may have allowed several."""
        consent = mapping.auth_event_id(ctx.tokens.access_token if ctx.tokens else "")
        url = f"{ctx.endpoints.api_url}/connections"
        rows = data(TITLE, ctx.http.get(url, params={"authEventId": consent} if consent else None), list)
        return [account for row in rows if (account := _account(ctx, row))]

    def revoke(self, ctx: Context) -> None:
        if ctx.tokens and ctx.tokens.refresh_token:
            client = (ctx.endpoints.client_id, ctx.endpoints.client_secret)
            ctx.http.post(ctx.endpoints.revoke_url, data={"token": ctx.tokens.refresh_token}, auth=client)

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Books(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Books(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        try:
            body = _Books(ctx).get(f"Invoices/{_guid(invoice_external_id)}/OnlineInvoice")
        except GiveUp:  # a draft has none
            return None
        rows = body.get("OnlineInvoices")
        first = rows[0] if isinstance(rows, list) and rows else None
        url = first.get("OnlineInvoiceUrl") if isinstance(first, dict) else None
        return PayLink(url) if isinstance(url, str) and url else None

    def document(self, ctx: Context, invoice_external_id: str) -> bytes | None:
        return _Books(ctx).pdf(_guid(invoice_external_id))

    def post_payment(self, ctx: Context, payment: OutsidePayment) -> str:
        books = _Books(ctx)
        entry = {
            "Invoice": {"InvoiceID": _guid(payment.invoice_external_id)},
            "Account": {"AccountID": books.bank_account(payment.amount.currency)},
            "Date": payment.paid_on.isoformat(),
            "Amount": payment.amount.amount,
            "Reference": payment.reference,
        }
        return books.put("Payments", entry, payment.key, "PaymentID")

    def add_note(self, ctx: Context, invoice_external_id: str, text: str, key: str) -> str:
        note = {"HistoryRecords": [{"Details": text[:NOTE_LENGTH]}]}
        return _Books(ctx).put(f"Invoices/{_guid(invoice_external_id)}/History", note, key, "DateUTC")

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime, url: str) -> bool:
        return is_signed_base64(header(headers, "x-xero-signature"), body, secret)

    def events(self, headers: Mapping[str, str], body: bytes) -> list[Event]:
        return mapping.events(parse_json(body))

    def parse_token(self, answer: Json, now: datetime) -> Tokens:
        return mapping.tokens(answer, now)


class _Books(Books):
    """One organisation's books during one piece of work; remembers the provider's clock of the first answer."""

    walked = frozenset({"Invoices", "CreditNotes", "Overpayments", "Prepayments", "Payments"})

    def __init__(self, ctx: Context, tenant: str = "") -> None:
        super().__init__(ctx, Xero.spec)
        tenant = tenant or (ctx.account.external_id if ctx.account else "")
        if not _GUID.fullmatch(tenant):
            raise GiveUp("This connection names no Xero organisation.")
        self._tenant = tenant

    # --- asking ---

    def get(self, path: str, params: Mapping[str, Any] | None = None, since: datetime | None = None) -> Json:
        headers = {"Xero-tenant-id": self._tenant, "Accept": "application/json"}
        if since is not None:
            headers["If-Modified-Since"] = (since - ROUNDING).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        response = self._ctx.http.get(f"{self._ctx.endpoints.api_url}{API}/{path}", params=params, headers=headers)
        body = data(TITLE, response, dict)
        self.begin(mapping.answered_at(body) or provider_time(response))
        return body

    def pdf(self, invoice_id: str) -> bytes:
        url = f"{self._ctx.endpoints.api_url}{API}/Invoices/{invoice_id}"
        headers = {"Xero-tenant-id": self._tenant, "Accept": "application/pdf"}
        return pdf(TITLE, self._ctx.http.get(url, headers=headers))

    def put(self, path: str, entry: Json, key: str, id_field: str) -> str:
        """One new object, the same for the same key; its id, by the name it has in the answer's only list."""
        headers = {"Xero-tenant-id": self._tenant, "Idempotency-Key": key}
        url = f"{self._ctx.endpoints.api_url}{API}/{path}"
        body = data(TITLE, self._ctx.http.send("PUT", url, headers=headers, json=entry), dict)
        rows = body.get(path.rpartition("/")[2], body.get("HistoryRecords"))
        with understood(TITLE, "answered"):
            return Fields(rows[0] if isinstance(rows, list) and rows else None).id(id_field)

    def bank_account(self, currency: str) -> str:
        """Where a payment is booked: only the vendor could choose between two."""
        rows = self.get("Accounts", {"where": 'Type=="BANK" AND Status=="ACTIVE"'}).get("Accounts")  # [R]
        found = [row for row in rows or [] if isinstance(row, dict) and row.get("CurrencyCode") == currency]
        if len(found) != 1:
            raise GiveUp(
                f"{TITLE} has {len(found) or 'no'} bank accounts in {currency}: please enter the payment there."
            )
        return str(found[0].get("AccountID", ""))

    def rows(self, name: str, params: Mapping[str, Any], since: datetime | None = None) -> Iterator[Any]:
        """All pages of a list, in the order of their last change."""

        def page(after: datetime | None, number: int) -> Page:
            asked = {"order": "UpdatedDateUTC ASC", "pageSize": PAGE_SIZE, "page": number} | dict(params)
            body = self.get(name, asked, after)
            found = body.get(name)
            rows = found if isinstance(found, list) else []
            return Page(rows, is_last=_is_last(body, number, len(rows)))

        return self.by_time(name, page, since, mapping.changed_at)

    # --- what to ask for ---

    def everything(self) -> Iterator[Record]:
        yield from self.open_items()
        yield from _mapped(self.rows("Payments", RECEIVED, self._ctx.now - RECENT), mapping.payment)

    def open_items(self) -> Iterator[Record]:
        yield from _mapped(self.rows("Invoices", SALES | {"Statuses": "AUTHORISED"}), mapping.invoice)
        for name, mapper in CREDITS.items():
            yield from _mapped(self.rows(name, {"where": 'Status=="AUTHORISED"'}), mapper)

    def changes(self, since: datetime) -> Iterator[Record]:
        """Without a filter on the status, or what was paid or voided would never reach us. Nor one on who is a
        customer: of large organisations Xero refuses that."""
        yield from _mapped(self.rows("Contacts", ALSO_ARCHIVED, since), mapping.customer)
        yield from _mapped(self.rows("Invoices", SALES, since), mapping.invoice)
        for name, mapper in CREDITS.items():
            yield from _mapped(self.rows(name, {}, since), mapper)
        yield from _mapped(self.rows("Payments", RECEIVED, since), mapping.payment)

    def bill_tos(self, ids: list[str]) -> Iterator[Record]:
        """Lists of invoices name their contacts without an address; this is where it is."""
        return _mapped(self._named("Contacts", ids, ALSO_ARCHIVED), mapping.contact)

    def found(self, kind: Kind, ids: list[str]) -> Iterator[tuple[str, Record | None]]:
        """The vendor's own bills and suppliers are there, but none of ours."""
        if kind in LISTS:
            name, id_field, mapper, params = LISTS[kind]
            for row in self._named(name, ids, params):
                yield (str(row.get(id_field)) if isinstance(row, dict) else ""), mapper(row)
        for each in ids if kind in PLACES else ():
            if _GUID.fullmatch(each):
                yield from self._first(each, PLACES[kind])

    def _named(self, name: str, ids: Iterable[str], params: Mapping[str, Any]) -> Iterator[Any]:
        for some in chunks([each for each in ids if _GUID.fullmatch(each)], IDS_AT_ONCE):
            yield from self.rows(name, {"IDs": ",".join(some)} | dict(params))

    def _first(self, object_id: str, places: Mapping[str, Mapper]) -> Iterator[tuple[str, Record | None]]:
        """From the first of the places that has it."""
        for name, mapper in places.items():
            try:
                rows = self.get(f"{name}/{object_id}").get(name)
            except NotFound:
                continue
            if isinstance(rows, list) and rows:
                yield object_id, mapper(rows[0])
                return


CREDITS: dict[str, Mapper] = {
    "CreditNotes": mapping.credit_note,
    "Overpayments": mapping.overpayment,
    "Prepayments": mapping.prepayment,
}
PLACES: dict[Kind, dict[str, Mapper]] = {"credit": CREDITS, "payment": {"Payments": mapping.payment}}
LISTS: dict[Kind, tuple[str, str, Mapper, dict[str, str]]] = {
    "invoice": ("Invoices", "InvoiceID", mapping.invoice, {}),
    "customer": ("Contacts", "ContactID", mapping.customer, ALSO_ARCHIVED),
}


def _guid(object_id: str) -> str:
    return known(TITLE, _GUID, object_id)


def _mapped(rows: Iterable[Any], mapper: Mapper) -> Iterator[Record]:
    return (record for row in rows if (record := mapper(row)) is not None)


def _is_last(body: Json, number: int, count: int) -> bool:
    """By the answer's own pagination; without one, by the page size that Xero keeps to when it is told nothing."""
    try:
        size, pages = (Fields(body).number("pagination", name) for name in ("pageSize", "pageCount"))
    except BadField:
        size = pages = None
    return count < (size or USUAL_PAGE) or (pages is not None and number >= pages)


def _account(ctx: Context, row: Any) -> Account | None:
    with understood(TITLE, "described the organisation"):
        tenant = Fields(row)
        if tenant.text("tenantType") != "ORGANISATION":
            return None
        found = tenant.id("tenantId")
        about = _organisation(ctx, found)
        return Account(
            external_id=found,
            name=about.text("Name") or tenant.text("tenantName"),
            currency=about.text("BaseCurrency", most=3),
            zone=known_zone(ZONES.get(about.text("Timezone"), "")),
            country=about.text("CountryCode", most=2),
        )


def _organisation(ctx: Context, tenant: str) -> Fields:
    try:
        rows = _Books(ctx, tenant).get("Organisation").get("Organisations")
    except Forbidden:  # the organisation can still be chosen; its currency is then asked for
        rows = None
    return Fields(rows[0] if isinstance(rows, list) and rows else {})
