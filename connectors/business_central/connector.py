"""How to ask Business Central. What its answers mean is in mapping.py; the facts are FACTS.md section 8."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.answers import data, known, pdf, provider_time, understood
from connectors.base import (
    Account,
    Asked,
    Batch,
    Connector,
    Context,
    Endpoints,
    Event,
    GiveUp,
    Handshake,
    Json,
    Kind,
    Mode,
    NotFound,
    OutsidePayment,
    ProviderSpec,
    Response,
    RetryLater,
    Subscription,
    Tokens,
)
from connectors.books import Books, by_id
from connectors.business_central import mapping
from connectors.fields import Fields, parse_json
from connectors.paging import Record, chunks

TITLE = "Business Central"
ENVIRONMENT = "production"  # what Microsoft calls the first one
PAGE_SIZE = 1000  # asked for; at most 20,000
IDS_AT_ONCE = 20  # GUIDs in one filter
RESOURCES = ("salesInvoices", "salesCreditMemos", "customers")
JOURNAL = "SHEAF"  # where payments wait for a person to post them: they are never mixed with the vendor's own
REFERENCE = 35  # characters of an external document number
SUBSCRIBED = timedelta(days=3)  # life of a subscription that does not say
_GUID = re.compile(mapping.GUID, re.ASCII)
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,29}", re.ASCII)

Mapper = Callable[[Any], Record]


class BusinessCentral(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="business_central",
        title=TITLE,
        authorize_url="https://login.microsoftonline.com/organizations/oauth2/v2.0/authorize",
        token_url="https://login.microsoftonline.com/organizations/oauth2/v2.0/token",  # noqa: S106  an address
        revoke_url="",  # Entra has none: the vendor's administrator removes the application
        api_url="https://api.businesscentral.dynamics.com",
        scopes="https://api.businesscentral.dynamics.com/.default offline_access",
        client_auth="client_secret_post",
        pkce=True,
        feed_days=36_500,  # lastModifiedDateTime reaches back to the first day
        calls_per_minute=600,  # half of what a user may ask: others work there too
        reminders_help="In Business Central: Reminders, and the job queue entry that sends them.",  # [R]
        asks=(Asked("environment", "Environment", f"As the administrator named it; mostly {ENVIRONMENT}."),),
        webhooks="connection",
        idle_days=90,  # [R]
        writes=frozenset({"payment"}),
    )

    def settle(self, ends: Endpoints, said: Mapping[str, Any]) -> Endpoints:
        _environment(said)
        return ends

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        """The companies of the environment that this person may open."""
        books = _Books(ctx)
        return [_account(books, row) for row in books.rows("companies", {})]

    def revoke(self, ctx: Context) -> None:
        """There is nobody to tell; what we held is destroyed here."""

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Company(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Company(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> None:
        """None has a page to pay on."""

    def document(self, ctx: Context, invoice_external_id: str) -> bytes | None:
        return _Company(ctx).pdf(known(TITLE, _GUID, invoice_external_id))

    def handshake(self, headers: Mapping[str, str], params: Mapping[str, str], body: bytes) -> Handshake | None:
        """At every subscription and at every renewal they want their word back."""
        token = params.get("validationToken", "")
        return Handshake(200, token) if token else None

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str, now: datetime, url: str) -> bool:
        try:
            return mapping.is_ours(parse_json(body), secret)
        except ValueError:
            return False

    def events(self, headers: Mapping[str, str], body: bytes) -> list[Event]:
        return mapping.events(parse_json(body))

    def subscribe(self, ctx: Context, url: str, secret: str, held: Json) -> Subscription:
        books = _Company(ctx)
        ends, kept = [], {}
        for resource in RESOURCES:
            subscribed = books.subscribe(resource, url, secret, str(held.get(resource, "")))
            kept[resource] = subscribed.id("subscriptionId")
            ends.append(subscribed.instant("expirationDateTime") or ctx.now + SUBSCRIBED)
        return Subscription(min(ends), secret, kept)

    def unsubscribe(self, ctx: Context, held: Json) -> None:
        for resource in RESOURCES:
            if held.get(resource):
                _Company(ctx).unsubscribe(str(held[resource]))

    def post_payment(self, ctx: Context, payment: OutsidePayment) -> str:
        """A line in a journal of its own, which a person there looks at and posts."""
        return _Company(ctx).enter_payment(payment)

    def parse_token(self, answer: Json, now: datetime) -> Tokens:
        return mapping.tokens(answer, now)


class _Books(Books):
    """One environment during one piece of work; remembers the provider's clock of the first answer."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx, BusinessCentral.spec)
        environment = _environment(ctx.tokens.extra if ctx.tokens else {})
        self.api = f"{ctx.endpoints.api_url}/v2.0/{environment}/api/v2.0"

    def get(self, url: str, params: Mapping[str, str] | None = None) -> Json:
        headers = {"Prefer": f"odata.maxpagesize={PAGE_SIZE}", "Data-Access-Intent": "ReadOnly"}
        response = self._ctx.http.get(url, params=params, headers=headers)
        self.begin(provider_time(response))
        return _checked(response)

    def rows(self, path: str, params: Mapping[str, str]) -> Iterator[Any]:
        """All pages of a list. Each names the next, which goes on behind its last row whatever changed meanwhile."""
        body, before = self.get(f"{self.api}/{path}", params), None
        while True:
            rows = body.get("value")
            if not isinstance(rows, list):
                raise RetryLater(f"{TITLE} sent something other than a list.")
            if rows and rows == before:
                raise RetryLater(f"{TITLE} showed the same page twice.")
            yield from rows
            further, before = body.get("@odata.nextLink"), rows
            if not isinstance(further, str) or not further:
                return
            body = self.get(further)


class _Company(_Books):
    """One company's books during one piece of work."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        company = ctx.account.external_id if ctx.account else ""
        if not _GUID.fullmatch(company):
            raise GiveUp(f"This connection names no company of {TITLE}.")
        self._home = ctx.account.currency if ctx.account else ""
        self._company = f"companies({company})"
        self._mappers: dict[str, Mapper] = {
            "salesInvoices": lambda row: mapping.invoice(row, self._home),
            "salesCreditMemos": lambda row: mapping.credit_memo(row, self._home),
            "customers": mapping.customer,
        }

    # --- what to ask for ---

    def listed(self, resource: str, where: str) -> Iterator[Record]:
        params = {"$filter": where, "$orderby": "lastModifiedDateTime"} | mapping.EXPANDED.get(resource, {})
        return map(self._mappers[resource], self.rows(f"{self._company}/{resource}", params))

    def open_items(self) -> Iterator[Record]:
        yield from self.listed("salesInvoices", "status eq 'Open'")
        yield from self.listed("salesCreditMemos", "status eq 'Open'")

    def changes(self, since: datetime) -> Iterator[Record]:
        """Without a filter on the status, or what was paid or cancelled would never reach us. Whether a part payment
        moves lastModifiedDateTime is not written anywhere [R]: where it does not, the daily reconcile brings it."""
        for resource in reversed(RESOURCES):
            yield from self.listed(resource, f"lastModifiedDateTime ge {since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")

    def bill_tos(self, ids: list[str]) -> Iterator[Record]:
        """Those who are billed; an invoice shows another address than theirs."""
        return self._named("customers", ids)

    def found(self, kind: Kind, ids: list[str]) -> Iterator[tuple[str, Record]]:
        resource = next((name for name, its in mapping.ENTITIES.items() if its == kind), "")
        return by_id(self._named(resource, ids) if resource else ())

    def _named(self, resource: str, ids: list[str]) -> Iterator[Record]:
        for some in chunks((each for each in ids if _GUID.fullmatch(each)), IDS_AT_ONCE):
            yield from self.listed(resource, " or ".join(f"id eq {each}" for each in some))

    def pdf(self, invoice: str) -> bytes:
        url = f"{self.api}/{self._company}/salesInvoices({invoice})/pdfDocument/pdfDocumentContent"  # [R]
        return pdf(TITLE, self._ctx.http.get(url, headers={"Accept": "application/pdf"}))

    # --- subscriptions ---

    def subscribe(self, resource: str, url: str, secret: str, held: str) -> Fields:
        """Renewed where it still exists, made where it does not; both make them ask our address for their word."""
        wanted = {"notificationUrl": url, "resource": f"/api/v2.0/{self._company}/{resource}", "clientState": secret}
        place = f"{self.api}/subscriptions"
        if held:
            single = f"{place}('{held}')"
            try:
                etag = str(self.get(single).get("@odata.etag", "*"))
                return Fields(_checked(self._ctx.http.send("PATCH", single, json=wanted, headers={"If-Match": etag})))
            except NotFound:  # it ended while we were down
                pass
        return Fields(_checked(self._ctx.http.post(place, json=wanted)))

    def unsubscribe(self, held: str) -> None:
        self._ctx.http.send("DELETE", f"{self.api}/subscriptions('{held}')", headers={"If-Match": "*"})

    # --- writing back ---

    def enter_payment(self, payment: OutsidePayment) -> str:
        if not _GUID.fullmatch(payment.invoice_external_id) or not _GUID.fullmatch(payment.bill_to_external_id):
            raise NotFound(f"{TITLE} does not have this.")
        reference = re.sub(r"[^A-Za-z0-9]", "", payment.key)[:REFERENCE]
        lines = f"{self._company}/customerPaymentJournals({self._journal()})/customerPayments"
        for row in self.rows(lines, {"$filter": f"externalDocumentNumber eq '{reference}'"}):
            return Fields(row).id("id")
        line = {
            "customerId": payment.bill_to_external_id,
            "postingDate": payment.paid_on.isoformat(),
            "externalDocumentNumber": reference,
            "amount": payment.amount.amount,
            "appliesToInvoiceId": payment.invoice_external_id,
            "description": payment.reference[:100],
        }
        return Fields(_checked(self._ctx.http.post(f"{self.api}/{lines}", json=line))).id("id")

    def _journal(self) -> str:
        journals = f"{self._company}/customerPaymentJournals"
        for row in self.rows(journals, {"$filter": f"code eq '{JOURNAL}'"}):
            return Fields(row).id("id")
        made = _checked(self._ctx.http.post(f"{self.api}/{journals}", json={"code": JOURNAL, "displayName": "Sheaf"}))
        return Fields(made).id("id")


def _environment(said: Mapping[str, Any]) -> str:
    name = str(said.get("environment") or ENVIRONMENT).strip()
    if not _ENVIRONMENT.fullmatch(name):
        raise GiveUp("An environment's name has letters, digits, hyphens and underscores only, at most 30.")
    return name


def _account(books: _Books, row: Any) -> Account:
    with understood(TITLE, "described the company"):
        company = Fields(row)
        found = company.id("id").lower()
        about = next(books.rows(f"companies({found})/companyInformation", {}), None) or {}
        return Account(
            external_id=found,
            name=company.text("displayName") or company.text("name"),
            currency=Fields(about).text("currencyCode", most=3),
            country=Fields(about).text("country", most=2),
        )


def _checked(response: Response) -> Json:
    """The body, unless a good status holds an error."""
    body = data(TITLE, response, dict)
    if "error" in body:
        raise RetryLater(f"{TITLE} sent something other than data.")
    return body
