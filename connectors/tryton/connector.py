"""How to ask Tryton. What its answers mean is in mapping.py; the facts, measured on 8.2, are FACTS.md section 12.

A list is walked by number: each page asks for what follows the last one seen, so nothing that changes meanwhile pushes
another over a page's edge.
"""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.answers import provider_time, refuse, understood
from connectors.base import (
    Account,
    Asked,
    Batch,
    Connector,
    Context,
    Endpoints,
    GiveUp,
    Json,
    Kind,
    Mode,
    NotFound,
    ProviderSpec,
    Response,
    RetryLater,
    Tokens,
)
from connectors.books import Books, by_id
from connectors.fields import Fields, known_zone
from connectors.paging import Record, chunks
from connectors.sites import account_at, at_site
from connectors.tryton import mapping

TITLE = "Tryton"
PAGE_SIZE = 500
IDS_AT_ONCE = 100
RECENT = timedelta(days=90)  # invoices whose payments a first pull brings along
OPEN = [["state", "=", "posted"]]
COMPANY = ("party.name", "currency.code", "timezone")
ALSO_INACTIVE = ["active", "in", [True, False]]
ANYTHING = {"Accept": "*/*"}  # of a report; as JSON there is none
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


class Tryton(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="tryton",
        title=TITLE,
        feed_days=36_500,  # write_date reaches back to the first day
        calls_per_minute=120,  # nothing is published; it is the vendor's own machine
        reminders_help="In Tryton: Financial, Dunnings, and the scheduled task that processes them.",
        kind="key",
        asks=(
            Asked("site", "Address of your Tryton server", "Such as https://tryton.example.com"),
            Asked("database", "Database", "The name that is chosen when signing in."),
            Asked(
                "key", "Application key",
                "In Tryton: preferences, user applications, a new key for REST; an administrator then validates it.",
                is_secret=True,
            ),
        ),
        webhooks="none",
        writes=frozenset({"note"}),
    )  # fmt: skip

    def settle(self, ends: Endpoints, said: Mapping[str, Any]) -> Endpoints:
        return at_site(ends, said)

    def authorization(self, tokens: Tokens) -> str:
        return f"bearer {tokens.access_token}"

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        """The companies that the key's user belongs to."""
        server = _Server(ctx)
        return [_account(server, row) for row in server.rows("company.company", COMPANY, [])]

    def revoke(self, ctx: Context) -> None:
        """A key ends where it was made; what we held is destroyed here."""

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Company(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Company(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> None:
        """None has a page to pay on."""

    def document(self, ctx: Context, invoice_external_id: str) -> bytes | None:
        """Where the server makes PDFs of its reports; others make texts to be edited."""
        books = _Company(ctx)
        books.must_have(invoice_external_id)
        response = ctx.http.get(f"{books.base}/rest/report/account.invoice/{invoice_external_id}", headers=ANYTHING)
        if not 200 <= response.status < 300:
            refuse(TITLE, response)
        return response.body if response.body.startswith(b"%PDF-") else None

    def add_note(self, ctx: Context, invoice_external_id: str, text: str, key: str) -> str:
        """Among the notes of the invoice; what makes it recognisable stands at its end."""
        books = _Company(ctx)
        books.must_have(invoice_external_id)
        return books.note(f"account.invoice,{invoice_external_id}", f"{text} (Sheaf {key})", f"%(Sheaf {key})")


class _Server(Books):
    """One database during one piece of work."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx, Tryton.spec)
        database = str(ctx.tokens.extra.get("database", "")) if ctx.tokens else ""
        if not database:
            raise GiveUp(f"{TITLE} wants to know the name of the database.")
        self.base = f"{ctx.endpoints.api_url}/{quote(database, safe='')}"

    def rows(self, model: str, fields: Iterable[str], domain: list[Any]) -> Iterator[Any]:
        """All records of a model, in the order of their numbers."""
        last = 0
        while True:
            found = self._page(model, fields, [*domain, ["id", ">", last]])
            yield from found
            if len(found) < PAGE_SIZE:
                return
            before, last = last, _number(found[-1])
            if last <= before:
                raise RetryLater(f"{TITLE} showed the same page twice.")

    def _page(self, model: str, fields: Iterable[str], domain: list[Any]) -> list[Any]:
        asked = {"d": _packed(domain), "o": _packed([["id", "ASC"]]), "s": PAGE_SIZE, "f": list(fields)}
        response = self._ctx.http.get(f"{self.base}/rest/model/{model}", params=asked)
        self.begin(provider_time(response))
        found = _checked(response)
        if not isinstance(found, list):
            raise RetryLater(f"{TITLE} sent something other than a list.")
        return found

    def create(self, model: str, values: Json) -> Any:
        return _checked(self._ctx.http.post(f"{self.base}/rest/model/{model}", json=values))


class _Company(_Server):
    """One company's books during one piece of work."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        company = (ctx.account.external_id if ctx.account else "").rpartition("|")[2]
        if not _NUMBER.fullmatch(company):
            raise GiveUp(f"This connection names no company of {TITLE}.")
        self._sales: list[Any] = [["type", "=", "out"], ["company", "=", int(company)]]

    # --- what to ask for ---

    def everything(self) -> Iterator[Record]:
        yield from self.open_items()
        yield from self.invoices([["state", "=", "paid"], _changed(self._ctx.now - RECENT)])

    def open_items(self) -> Iterator[Record]:
        return self.invoices(OPEN)

    def changes(self, since: datetime) -> Iterator[Record]:
        """An address is a record of its own: a new one does not move its party's write_date."""
        moved = [*_changed(since), *_changed(since, "contact_mechanisms.")[1:]]
        parties = self.rows("party.party", mapping.PARTY, [moved, ALSO_INACTIVE])
        yield from map(mapping.party, self._who_owe(parties))
        yield from self.invoices([_changed(since)])

    def _who_owe(self, parties: Iterable[Any]) -> Iterator[Any]:
        """Suppliers and colleagues are parties, too, and none of our business."""
        changed = {str(row.get("id")): row for row in parties if isinstance(row, dict)}
        for some in chunks(changed, IDS_AT_ONCE):
            owed = [*self._sales, *OPEN, ["party", "in", [changed[each].get("id") for each in some]]]
            owing = {mapping.party_of(row) for row in self.rows("account.invoice", ("party.id",), owed)}
            yield from (changed[each] for each in some if each in owing)

    def invoices(self, where: list[Any]) -> Iterator[Record]:
        for row in self.rows("account.invoice", mapping.INVOICE, [*self._sales, *where]):
            yield from mapping.invoice(row)

    def bill_tos(self, ids: list[str]) -> Iterator[Record]:
        for some in chunks(filter(_NUMBER.fullmatch, ids), IDS_AT_ONCE):
            wanted = [["id", "in", list(map(int, some))], ALSO_INACTIVE]
            yield from map(mapping.party, self.rows("party.party", mapping.PARTY, wanted))

    def found(self, kind: Kind, ids: list[str]) -> Iterator[tuple[str, Record]]:
        if kind == "customer":
            yield from by_id(self.bill_tos(ids))
        field = {"invoice": "id", "credit": "id", "payment": "payment_lines"}.get(kind)
        for some in chunks(filter(_NUMBER.fullmatch, ids), IDS_AT_ONCE) if field else ():
            yield from by_id(self.invoices([[field, "in", list(map(int, some))]]))

    # --- one invoice ---

    def must_have(self, invoice: str) -> None:
        """Raises NotFound for what is no invoice of this company."""
        wanted = [*self._sales, ["id", "=", int(invoice)]] if _NUMBER.fullmatch(invoice) else None
        if wanted is None or not self._page("account.invoice", ("number",), wanted):
            raise NotFound(f"{TITLE} does not have this.")

    def note(self, resource: str, message: str, known_by: str) -> str:
        found = self._page("ir.note", ("message",), [["resource", "=", resource], ["message", "like", known_by]])
        made = found[0] if found else self.create("ir.note", {"resource": resource, "message": message})
        return Fields(made).id("id")


def _changed(since: datetime, of: str = "") -> list[Any]:
    """The condition that something was written, or made and never written since."""
    at = mapping.stamp(since.astimezone(UTC))
    return ["OR", [f"{of}write_date", ">=", at], [f"{of}create_date", ">=", at]]


def _packed(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


def _number(row: Any) -> int:
    try:
        return int(Fields(row).id("id"))
    except ValueError as problem:
        raise RetryLater(f"{TITLE} sent a record without its number.") from problem


def _account(server: _Server, row: Any) -> Account:
    with understood(TITLE, "described the company"):
        company = Fields(row)
        found = account_at(server.base, company.id("id"))
        code = company.text("currency", "code", most=3)
        return Account(found, company.text("party", "name"), code, known_zone(company.text("timezone")))


def _checked(response: Response) -> Any:
    """The body; errors come as pages of HTML."""
    if not 200 <= response.status < 300:
        refuse(TITLE, response)
    if response.json is None:
        raise RetryLater(f"{TITLE} sent something other than data.")
    return response.json
