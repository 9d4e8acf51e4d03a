"""How to ask NetSuite. Questions are in queries.py, what answers mean in mapping.py; the facts: FACTS.md section 9."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, ClassVar

from connectors.answers import provider_time, refuse
from connectors.base import (
    Account,
    Asked,
    Batch,
    Connector,
    Context,
    Endpoints,
    Forbidden,
    GiveUp,
    Json,
    Kind,
    Mode,
    OutsidePayment,
    PayLink,
    ProviderSpec,
    Response,
    RetryLater,
    Tokens,
)
from connectors.books import Books, by_id
from connectors.fields import BadField, Fields, micros
from connectors.netsuite import mapping, queries
from connectors.paging import BATCH_SIZE, Record, chunks

TITLE = "NetSuite"
QUERY = "/services/rest/query/v1/suiteql"
RECORDS = "/services/rest/record/v1"  # [R] for payments
PAGE_SIZE = 1000
RECENT = timedelta(days=90)  # payments of a first pull
INVOICE, CREDIT, PAYMENT = "CustInvc", "CustCred", "CustPymt"
_ACCOUNT = re.compile(r"[a-z0-9]{2,20}(-[a-z0-9]{1,10})?", re.ASCII)
_ID = re.compile(r"[0-9]{1,15}", re.ASCII)
_KEY = re.compile(r"[\w.:-]{1,80}", re.ASCII)


class NetSuite(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="netsuite",
        title=TITLE,
        authorize_url="https://{account}.app.netsuite.com/app/login/oauth2/authorize.nl",
        token_url="https://{account}.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token",  # noqa: S106
        revoke_url="https://{account}.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/revoke",  # [R]
        api_url="https://{account}.suitetalk.api.netsuite.com",
        scopes="rest_webservices",
        pkce=True,
        account_param="company",
        rotates_refresh_token=False,  # [R] for clients with a secret
        feed_days=36_500,  # lastmodifieddate reaches back to the first day
        calls_per_minute=60,  # [R] what is limited is how many at once, by the account's tier
        reminders_help="In NetSuite: Setup, Accounting, Dunning.",  # [R]
        asks=(
            Asked(
                "account",
                "NetSuite account ID",
                "In NetSuite: Setup, Company, Company Information. It looks like 1234567 or 1234567_SB1.",
            ),
        ),
        webhooks="none",
        idle_days=7,
        writes=frozenset({"payment"}),
    )

    def settle(self, ends: Endpoints, said: Mapping[str, Any]) -> Endpoints:
        """Every account has hosts of its own."""
        named = str(said.get("account", ""))
        account = _host_form(named)
        if not _ACCOUNT.fullmatch(account):
            raise GiveUp("That is not a NetSuite account ID. It looks like 1234567 or 1234567_SB1.")
        return replace(
            ends,
            authorize_url=ends.authorize_url.replace("{account}", account),
            token_url=ends.token_url.replace("{account}", account),
            revoke_url=ends.revoke_url.replace("{account}", account),
            api_url=ends.api_url.replace("{account}", account),
        )

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        """The one account; the callback names it again, and another one's permission is not taken for it."""
        said = _host_form(str(ctx.tokens.extra.get("account", ""))) if ctx.tokens else ""
        if _host_form(callback.get("company", said)) != said:
            raise GiveUp("You allowed another NetSuite account than the one you named. Please begin again.")
        try:
            about = Fields(next(iter(_Books(ctx).ask(queries.COMPANY, 0)[0]), {}))
            name, currency = about.text("name"), about.text("currency", most=3)
        except (GiveUp, Forbidden, BadField):  # an account without subsidiaries, or a role that may not see them
            name = currency = ""
        return [Account(said, name or f"{TITLE} {said}", currency)]

    def revoke(self, ctx: Context) -> None:
        if ctx.tokens and ctx.tokens.refresh_token:
            client = (ctx.endpoints.client_id, ctx.endpoints.client_secret)
            ctx.http.post(ctx.endpoints.revoke_url, data={"token": ctx.tokens.refresh_token}, auth=client)

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Books(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Books(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        return None  # it has no pay page of its own

    def post_payment(self, ctx: Context, payment: OutsidePayment) -> str:
        """Our key is the record's external id, which NetSuite takes once [R]; it is looked for first all the same."""
        books = _Books(ctx)
        if not _KEY.fullmatch(payment.key) or not all(
            map(_ID.fullmatch, (payment.invoice_external_id, payment.bill_to_external_id))
        ):
            raise GiveUp(f"{TITLE} does not have this.")
        if known := books.payment_of(payment.key):
            return known
        amount = payment.amount.amount
        books.create(
            "customerPayment",
            {
                "externalId": payment.key,
                "customer": {"id": payment.bill_to_external_id},
                "tranDate": payment.paid_on.isoformat(),
                "memo": payment.reference,
                "payment": amount,
                "apply": {"items": [{"doc": {"id": payment.invoice_external_id}, "apply": True, "amount": amount}]},
            },
        )
        made = books.payment_of(payment.key)
        if not made:
            raise RetryLater(f"{TITLE} does not show the payment yet.")
        return made

    def parse_token(self, answer: Json, now: datetime) -> Tokens:
        return mapping.tokens(answer, now)


class _Books(Books):
    """One account's books during one piece of work; remembers the provider's clock of the first answer."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx, NetSuite.spec)
        self._version = micros(ctx.now)

    # --- asking ---

    def ask(self, query: str, offset: int) -> tuple[list[Any], bool]:
        """The rows of one page, and whether there are more."""
        url = f"{self._ctx.endpoints.api_url}{QUERY}"
        response = self._ctx.http.post(
            url,
            params={"limit": PAGE_SIZE, "offset": offset},
            headers={"Prefer": "transient"},
            json={"q": query},
            is_read=True,
        )
        body = _checked(response)
        if not isinstance(body, dict) or not isinstance(body.get("items"), list):
            raise RetryLater(f"{TITLE} sent something other than data.")
        self.begin(provider_time(response))
        return body["items"], body.get("hasMore") is True

    def rows(self, query: str) -> Iterator[Any]:
        """All pages, each behind the last id of the one before."""
        after, has_more = 0, True
        while has_more:
            found, has_more = self.ask(queries.page(query, after), 0)
            yield from found
            last = int(_number(found[-1]) or 0) if found else 0
            if has_more and last <= after:
                raise RetryLater(f"{TITLE} showed a page that does not go on.")
            after = last

    def create(self, noun: str, body: Json) -> None:
        _checked(self._ctx.http.post(f"{self._ctx.endpoints.api_url}{RECORDS}/{noun}", json=body))

    def payment_of(self, key: str) -> str:
        """The id of the payment that carries our key; empty when there is none."""
        found, _ = self.ask(queries.payment_of(key), 0)
        return Fields(found[0]).id("id") if found else ""

    # --- what to ask for ---

    def everything(self) -> Iterator[Record]:
        yield from self.open_items()
        recent = queries.changed_since(self._ctx.now - RECENT)
        yield from self._payments(self.rows(queries.transactions(PAYMENT, recent)))

    def open_items(self) -> Iterator[Record]:
        yield from self._invoices(queries.OPEN)
        yield from self._credits(CREDIT, queries.UNUSED)
        yield from self._credits(PAYMENT, queries.UNUSED)

    def changes(self, since: datetime) -> Iterator[Record]:
        """Paid and void ones, too. What was deleted is not among them: reconciling finds that. Whether a payment moves
        its invoice's time of change is unsure [R], so the invoices it was for are read as well."""
        changed = queries.changed_since(since)
        yield from (mapping.customer(row, self._version) for row in self.rows(queries.customers(changed)))
        yield from self._invoices(changed)
        yield from self._credits(CREDIT, changed)
        touched: dict[str, None] = {}
        for record in self._payments(self.rows(queries.transactions(PAYMENT, changed))):
            touched |= {invoice: None for invoice, _ in getattr(record, "applied", ())}
            yield record
        yield from self.singly("invoice", touched)

    def found(self, kind: Kind, ids: list[str]) -> Iterator[tuple[str, Record]]:
        for some in chunks(filter(_ID.fullmatch, ids), BATCH_SIZE):
            yield from by_id(self._where(kind, queries.among(some)))

    def _where(self, kind: Kind, condition: str) -> Iterator[Record]:
        if kind == "invoice":
            yield from self._invoices(condition)
        elif kind == "customer":
            yield from (mapping.customer(row, self._version) for row in self.rows(queries.customers(condition)))
        elif kind == "credit":
            yield from self._credits(CREDIT, condition)
            yield from self._credits(PAYMENT, condition)
        elif kind == "payment":
            rows = self.rows(queries.transactions(PAYMENT, condition))
            yield from (each for each in self._payments(rows) if getattr(each, "kind", "") != "unapplied_cash")

    def _invoices(self, condition: str) -> Iterator[Record]:
        rows = self.rows(queries.transactions(INVOICE, condition))
        return (mapping.invoice(row, self._version) for row in rows)

    def _credits(self, kind: str, condition: str) -> Iterator[Record]:
        rows = self.rows(queries.transactions(kind, condition))
        return (mapping.credit(row, self._version) for row in rows)

    def _payments(self, rows: Iterable[Any]) -> Iterator[Record]:
        """Payments with what each was for, and what is left of them."""
        stream = iter(rows)
        while some := list(islice(stream, BATCH_SIZE)):
            parts: defaultdict[str, list[Any]] = defaultdict(list)
            for link in self._links([_number(row) for row in some if _number(row)]):
                if isinstance(link, dict):
                    parts[str(link.get("payment"))].append(link)
            for row in some:
                yield mapping.payment(row, self._version, parts[_number(row)])
                yield mapping.credit(row, self._version)

    def _links(self, payments: list[str]) -> Iterator[Any]:
        """Links have no id of their own to go on from: by offset, in one order."""
        offset, has_more = 0, bool(payments)
        while has_more:
            query = f"{queries.links(payments)} ORDER BY t.nextdoc, t.previousdoc"
            found, has_more = self.ask(query, offset)
            yield from found
            offset += PAGE_SIZE


def _host_form(account: str) -> str:
    """1234567_SB1 is 1234567-sb1 in host names."""
    return account.strip().replace("_", "-").lower()


def _number(row: Any) -> str:
    """A row's id, where it is one, else nothing."""
    found = str(row.get("id", "")) if isinstance(row, dict) else ""
    return found if _ID.fullmatch(found) else ""


def _checked(response: Response) -> Any:
    if not 200 <= response.status < 300:
        refuse(TITLE, response)
    return response.json
