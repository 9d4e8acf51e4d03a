"""How to ask QuickBooks Online. What its answers mean is in mapping.py; the facts are FACTS.md section 1."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NoReturn
from uuid import NAMESPACE_URL, uuid5

from connectors.answers import known, pdf, refuse, retry_after, understood
from connectors.base import (
    AccessExpired,
    Account,
    Batch,
    Connector,
    Context,
    CreditRecord,
    CursorExpired,
    Event,
    Forbidden,
    GiveUp,
    Gone,
    Json,
    Kind,
    Mode,
    NotFound,
    OutsidePayment,
    PayLink,
    ProviderError,
    ProviderSpec,
    RateLimited,
    Response,
    RetryLater,
    Tokens,
)
from connectors.books import Books
from connectors.fields import Fields, known_zone, micros, parse_instant, parse_json
from connectors.paging import Page, Record, chunks
from connectors.quickbooks import mapping
from connectors.signing import header, is_signed_base64

TITLE = "QuickBooks"
MINOR_VERSION = "75"
PAGE_SIZE = 1000
CDC_LIMIT = 1000  # objects in one answer, all entities together
IDS_AT_ONCE = 100  # in one IN (...): keeps the address far below 8 kB
RECENT_PAYMENTS = timedelta(days=90)
UNAPPLIED_REACH = timedelta(days=365)  # UnappliedAmt cannot be asked for [R], so payments of a year are looked through
THROTTLED_SECONDS = 60.0  # QuickBooks names no wait
_REALM = re.compile(r"[0-9]{1,20}")
_ID = re.compile(r"[0-9A-Za-z]{1,64}", re.ASCII)
ENTITIES: dict[Kind, tuple[str, ...]] = {
    "invoice": ("Invoice",),
    "customer": ("Customer",),
    "payment": ("Payment",),
    "credit": ("CreditMemo", "Payment"),  # cash on account is a payment's unapplied part
}


class QuickBooks(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="quickbooks",
        title=TITLE,
        authorize_url="https://appcenter.intuit.com/connect/oauth2",
        token_url="https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer",  # noqa: S106  an address
        revoke_url="https://developer.api.intuit.com/v2/oauth2/tokens/revoke",
        api_url="https://quickbooks.api.intuit.com",
        scopes="com.intuit.quickbooks.accounting",
        account_param="realmId",
        overlap_seconds=120,
        calls_per_minute=500,
        idle_days=100,
        reminders_help="In QuickBooks: Account and settings, Sales, Reminders.",  # [R]
        reminders_url="https://app.qbo.intuit.com/app/settings?p=Sales",  # [R]
        pay_hosts=("connect.intuit.com",),  # [R]
        writes=frozenset({"payment"}),
    )

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        realm = callback.get("realmId", "")
        if not _REALM.fullmatch(realm):
            raise GiveUp("QuickBooks did not say which company was connected. Please try again.")
        books = _Books(ctx, realm)
        info, preferences = books.object("companyinfo", realm, "CompanyInfo"), books.preferences()
        with understood(TITLE, "described the company"):
            company, wishes = Fields(info), Fields(preferences)
            return [
                Account(
                    external_id=realm,
                    name=company.text("CompanyName") or company.text("LegalName"),
                    currency=wishes.text("CurrencyPrefs", "HomeCurrency", "value", most=3).upper(),
                    zone=known_zone(company.text("DefaultTimeZone", most=64)),  # [R]
                    country=company.text("Country", most=2),
                )
            ]

    def revoke(self, ctx: Context) -> None:
        token = ctx.tokens and (ctx.tokens.refresh_token or ctx.tokens.access_token)
        if token:
            client = (ctx.endpoints.client_id, ctx.endpoints.client_secret)
            ctx.http.post(ctx.endpoints.revoke_url, data={"token": token}, auth=client)

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Books(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Books(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        found = _Books(ctx).object("invoice", invoice_external_id, "Invoice", include="invoiceLink")
        url = found.get("InvoiceLink")
        return PayLink(url) if isinstance(url, str) and url else None

    def document(self, ctx: Context, invoice_external_id: str) -> bytes | None:
        return _Books(ctx).pdf(invoice_external_id)

    def post_payment(self, ctx: Context, payment: OutsidePayment) -> str:
        return _Books(ctx).enter_payment(payment)

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime, url: str) -> bool:
        return is_signed_base64(header(headers, "intuit-signature"), body, secret)

    def events(self, headers: Mapping[str, str], body: bytes) -> list[Event]:
        return mapping.events(parse_json(body))

    def parse_token(self, answer: Json, now: datetime) -> Tokens:
        return mapping.tokens(answer, now)


class _Books(Books):
    """One company's books during one piece of work; remembers the provider's clock of the first answer."""

    walked = frozenset({"Invoice", "CreditMemo", "Payment"})

    def __init__(self, ctx: Context, realm: str = "") -> None:
        super().__init__(ctx, QuickBooks.spec)
        self._home = ctx.account.currency if ctx.account else ""
        realm = realm or (ctx.account.external_id if ctx.account else "")
        if not _REALM.fullmatch(realm):
            raise GiveUp("This connection names no QuickBooks company.")
        self._base = f"{ctx.endpoints.api_url}/v3/company/{realm}"

    # --- asking ---

    def get(self, path: str, **params: str) -> Json:
        asked = {"minorversion": MINOR_VERSION} | params
        response = self._ctx.http.get(f"{self._base}/{path}", params=asked)
        body = _checked(response)
        self.begin(parse_instant(str(body.get("time", ""))))
        return body

    def object(self, path: str, object_id: str, name: str, **params: str) -> Json:
        found = self.get(f"{path}/{known(TITLE, _ID, object_id)}", **params).get(name)
        return found if isinstance(found, dict) else {}

    def pdf(self, invoice_id: str) -> bytes:
        response = self._ctx.http.get(
            f"{self._base}/invoice/{known(TITLE, _ID, invoice_id)}/pdf",
            params={"minorversion": MINOR_VERSION},
            headers={"Accept": "application/pdf"},
        )
        if response.status >= 400:
            _checked(response)  # says no in its own words
        return pdf(TITLE, response)

    def enter_payment(self, payment: OutsidePayment) -> str:
        """``requestid`` makes QuickBooks give its first answer again."""
        amount = payment.amount.amount
        line = {"Amount": amount, "LinkedTxn": [{"TxnId": payment.invoice_external_id, "TxnType": "Invoice"}]}
        entry = {
            "CustomerRef": {"value": payment.bill_to_external_id},
            "CurrencyRef": {"value": payment.amount.currency},
            "TotalAmt": amount,
            "TxnDate": payment.paid_on.isoformat(),
            "PrivateNote": payment.reference,
            "Line": [line],
        }
        asked = {"minorversion": MINOR_VERSION, "requestid": str(uuid5(NAMESPACE_URL, payment.key))}
        found = _checked(self._ctx.http.post(f"{self._base}/payment", params=asked, json=entry)).get("Payment")
        with understood(TITLE, "answered"):
            return Fields(found).id("Id")

    def preferences(self) -> Json:
        found = self.get("preferences").get("Preferences")
        return found if isinstance(found, dict) else {}

    def query(self, entity: str, where: str, paging: str) -> list[Any]:
        statement = f"SELECT * FROM {entity} WHERE {where} {paging}"  # noqa: S608  theirs, and nothing in it is typed by anyone
        answer = self.get("query", query=statement).get("QueryResponse")
        rows = answer.get(entity) if isinstance(answer, dict) else None
        return rows if isinstance(rows, list) else []

    # --- what to ask for ---

    def everything(self) -> Iterator[Record]:
        yield from self.open_items()
        for row in self._walk("Payment", "", self._ctx.now - UNAPPLIED_REACH):
            yield from self._payment(row, is_change=False)

    def open_items(self) -> Iterator[Record]:
        for row in self._walk("Invoice", "Balance > '0'", None):
            yield mapping.invoice(row, self._home)
        for row in self._walk("CreditMemo", "Balance > '0'", None):
            yield mapping.credit_memo(row, self._home)

    def changes(self, since: datetime) -> Iterator[Record]:
        found = self._changed(since)
        is_cut = sum(map(len, found.values())) >= CDC_LIMIT
        for entity, rows in found.items():
            for row in rows:
                yield from self._records(entity, row)
            if is_cut:  # what did not fit is asked for by time; deletions that did not fit show in the next reconcile
                for row in self._walk(entity, "Active IN (true, false)" if entity == "Customer" else "", since):
                    yield from self._records(entity, row)

    def singly(self, kind: Kind, external_ids: Iterable[str]) -> Iterator[Record]:
        """Each as it is now; whatever is not there any more is gone."""
        if kind not in ENTITIES:
            return
        for ids in chunks(external_ids, IDS_AT_ONCE):
            missing = dict.fromkeys(ids)
            for entity in ENTITIES[kind]:
                for row in self._by_ids(entity, [each for each in missing if each.isascii() and each.isdigit()]):
                    if isinstance(row, dict):
                        missing.pop(str(row.get("Id")), None)
                    yield from self._records(entity, row)
            for each in missing:
                yield Gone(kind, each, micros(self._ctx.now))
                if kind == "payment":
                    yield Gone("credit", each, micros(self._ctx.now))

    def bill_tos(self, ids: list[str]) -> Iterator[Record]:
        for some in chunks(ids, IDS_AT_ONCE):
            for row in self._by_ids("Customer", [each for each in some if each.isascii() and each.isdigit()]):
                yield mapping.customer(row)

    def _changed(self, since: datetime) -> dict[str, list[Any]]:
        entities = ("Customer", "Invoice", "Payment", "CreditMemo")
        try:
            answer = self.get("cdc", entities=",".join(entities), changedSince=_moment(since))
        except GiveUp as problem:  # a time the feed does not reach is refused as an invalid query
            raise CursorExpired("The list of changes does not reach back that far.") from problem
        found: dict[str, list[Any]] = {entity: [] for entity in entities}
        for part in _parts(answer):
            for entity in entities:
                rows = part.get(entity)
                found[entity] += rows if isinstance(rows, list) else []
        return found

    def _walk(self, entity: str, where: str, since: datetime | None) -> Iterator[Any]:
        def page(after: datetime | None, number: int) -> Page:
            changed = f"MetaData.LastUpdatedTime >= '{_moment(after)}'" if after else ""
            start = (number - 1) * PAGE_SIZE + 1
            paging = f"ORDERBY MetaData.LastUpdatedTime STARTPOSITION {start} MAXRESULTS {PAGE_SIZE}"
            rows = self.query(entity, " AND ".join(filter(None, (where, changed))), paging)
            return Page(rows, is_last=len(rows) < PAGE_SIZE)

        return self.by_time(entity, page, since, mapping.changed_at)

    def _by_ids(self, entity: str, ids: list[str]) -> list[Any]:
        if not ids:
            return []
        where = "Id IN ('{}')".format("', '".join(ids))
        if entity == "Customer":
            where += " AND Active IN (true, false)"
        return self.query(entity, where, f"MAXRESULTS {len(ids)}")

    def _records(self, entity: str, row: Any) -> Iterator[Record]:
        if entity == "Invoice":
            yield mapping.invoice(row, self._home)
        elif entity == "Customer":
            yield mapping.customer(row)
        elif entity == "CreditMemo":
            yield mapping.credit_memo(row, self._home)
        else:
            yield from self._payment(row, is_change=True)

    def _payment(self, row: Any, *, is_change: bool) -> Iterator[Record]:
        """The payment if it is recent, and its part that no invoice has taken: always when that may have changed."""
        payment = mapping.payment(row, self._home)
        changed = mapping.changed_at(row)
        if is_change or changed is None or changed >= self._ctx.now - RECENT_PAYMENTS:
            yield payment
        if isinstance(payment, Gone):
            yield Gone("credit", payment.external_id, payment.version)
            return
        cash = mapping.unapplied_cash(row, self._home)
        if isinstance(cash, CreditRecord) and (is_change or cash.remaining.minor):
            yield cash


def _parts(answer: Json) -> Iterator[Json]:
    """CDCResponse is a list of lists, with an empty object for an entity without changes."""
    for outer in answer.get("CDCResponse") or []:
        for part in (outer.get("QueryResponse") or []) if isinstance(outer, dict) else []:
            if isinstance(part, dict):
                yield part


def _moment(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _checked(response: Response) -> Json:
    """The body, unless it holds a Fault: one may come with status 200, and auth faults are in lower case."""
    body = response.json if isinstance(response.json, dict) else {}
    fault = body.get("Fault") or body.get("fault")
    if isinstance(fault, dict):
        _raise_fault(fault, response)
    if not 200 <= response.status < 300:
        refuse(TITLE, response)
    if not body:
        raise RetryLater(f"{TITLE} sent something other than data.")
    return body


def _raise_fault(fault: Json, response: Response) -> NoReturn:
    errors = fault.get("Error") or fault.get("error")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = str(first.get("code", "")).lstrip("0")
    kind = str(fault.get("type", "")).lower()
    raise _fault_error(code, kind, response)


def _fault_error(code: str, kind: str, response: Response) -> ProviderError:
    if code == "3001":
        return RateLimited(f"{TITLE} asks us to slow down.", retry_after(response) or THROTTLED_SECONDS)
    if code == "3100" or kind == "authorizationfault" or (response.status == 403 and code != "3200"):
        return Forbidden(f"{TITLE} does not let us see this company.")
    if code == "3200" or response.status == 401 or kind in ("authentication", "authenticationfault"):
        return AccessExpired(f"{TITLE} wants a fresh access token.")
    if code == "610":  # [R]
        return NotFound(f"{TITLE} does not have this.")
    if kind in ("service", "systemfault"):
        return RetryLater(f"{TITLE} has trouble on its side.", retry_after(response))
    return GiveUp(f"{TITLE} refused the request (fault {code[:10]}).")
