"""How to ask Odoo. What its answers mean is in mapping.py; the facts are FACTS.md section 10.

From version 19 on over its JSON-2 interface; up to 18, and then a login name is needed beside the key, over JSON-RPC.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, ClassVar

from connectors.answers import pdf, provider_time, refuse, understood
from connectors.base import (
    AccessExpired,
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
    NotFound,
    OutsidePayment,
    PayLink,
    ProviderError,
    ProviderSpec,
    Response,
    RetryLater,
    Tokens,
)
from connectors.books import Books, by_id
from connectors.fields import Fields
from connectors.odoo import mapping
from connectors.paging import Page, Record, by_time, chunks, groups
from connectors.sites import account_at, at_site

TITLE = "Odoo"
PAGE_SIZE = 500
IDS_AT_ONCE = 200
RECENT = timedelta(days=90)  # payments of a first pull
SALES = ["move_type", "in", ["out_invoice", "out_refund"]]
RECEIVED = [["partner_type", "=", "customer"], ["payment_type", "=", "inbound"]]
CUSTOMERS = ["customer_rank", ">", 0]  # whoever was ever sent an invoice [R]; suppliers are partners, too
ALSO_ARCHIVED = {"active_test": False}
_NUMBER = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


class Odoo(Connector):
    spec: ClassVar[ProviderSpec] = ProviderSpec(
        id="odoo",
        title=TITLE,
        feed_days=36_500,  # write_date reaches back to the first day
        calls_per_minute=120,  # nothing is published; it is the vendor's own machine
        reminders_help="In Odoo: Accounting, Configuration, Follow-up Levels.",  # [R]
        kind="key",
        asks=(
            Asked("site", "Address of your Odoo", "As in your browser, such as https://mycompany.odoo.com"),
            Asked("database", "Database", "Mostly the first word of that address. Empty where there is only one."),
            Asked("user", "Login name", "Only for Odoo 18 and older; from 19 on leave it empty."),
            Asked(
                "key", "API key",
                "In Odoo: Preferences, Account Security, New API Key. Give it the longest life: it must be renewed when"
                " that ends, after three months at most.",
                is_secret=True,
            ),
        ),
        webhooks="none",
        writes=frozenset({"payment", "note"}),
    )  # fmt: skip

    def settle(self, ends: Endpoints, said: Mapping[str, Any]) -> Endpoints:
        return at_site(ends, said)

    def authorization(self, tokens: Tokens) -> str:
        return f"bearer {tokens.access_token}"

    def accounts(self, ctx: Context, callback: Mapping[str, str]) -> list[Account]:
        """The companies that this user may open."""
        server = _Server(ctx)
        rows = server.read("res.company", [], ("id", "name", "currency_id", "country_code"))
        return [_account(server, row) for row in rows]

    def revoke(self, ctx: Context) -> None:
        """Not every user may end a key this way; then it ends with its time."""
        key = ctx.tokens.access_token if ctx.tokens else ""
        try:
            _Server(ctx).call("res.users.apikeys", "revoke", is_read=False, key=key)
        except ProviderError:
            return

    def pull(self, ctx: Context, cursor: Json, mode: Mode) -> Iterator[Batch]:
        yield from _Company(ctx).pull(cursor, mode)

    def fetch(self, ctx: Context, kind: Kind, external_ids: Iterable[str]) -> Iterator[Batch]:
        yield from _Company(ctx).fetch(kind, external_ids)

    def pay_link(self, ctx: Context, invoice_external_id: str) -> PayLink | None:
        """The invoice's page in the portal, once somebody there has shared it: only then it has a token."""
        shared = _Company(ctx).shared_page(invoice_external_id)
        return PayLink(shared) if shared else None

    def document(self, ctx: Context, invoice_external_id: str) -> bytes | None:
        """From the same page, so of a shared invoice only."""
        shared = _Company(ctx).shared_page(invoice_external_id)
        return pdf(TITLE, ctx.http.get(f"{shared}&report_type=pdf&download=true")) if shared else None  # [R]

    def post_payment(self, ctx: Context, payment: OutsidePayment) -> str:
        return _Company(ctx).enter_payment(payment)

    def add_note(self, ctx: Context, invoice_external_id: str, text: str, key: str) -> str:
        return _Company(ctx).note(invoice_external_id, text, key)


class _Server(Books):
    """One database during one piece of work; remembers the server's clock of the first answer."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx, Odoo.spec)
        said = ctx.tokens.extra if ctx.tokens else {}
        self.base, self.database = ctx.endpoints.api_url, str(said.get("database", ""))
        self._login = str(said.get("user", ""))

    def call(self, model: str, method: str, *, ids: list[int] | None = None, is_read: bool = True, **given: Any) -> Any:
        """What the method returns. ``ids``: of the records it is called on."""
        if self._login:
            on = [ids] if ids is not None else []
            key = self._ctx.tokens.access_token if self._ctx.tokens else ""
            return self._rpc("object", "execute_kw", [self.database, self._uid, key, model, method, on, given], is_read)
        headers = {"X-Odoo-Database": self.database} if self.database else {}
        body = given if ids is None else {"ids": ids, **given}
        return self._post(f"json/2/{model}/{method}", body, headers, is_read).json

    def read(self, model: str, domain: list[Any], fields: Iterable[str], **given: Any) -> list[Any]:
        found = self.call(model, "search_read", domain=domain, fields=list(fields), context=ALSO_ARCHIVED, **given)
        if not isinstance(found, list):
            raise RetryLater(f"{TITLE} sent something other than a list.")
        return found

    @cached_property
    def _uid(self) -> int:
        key = self._ctx.tokens.access_token if self._ctx.tokens else ""
        found = self._rpc("common", "authenticate", [self.database, self._login, key, {}], True)
        if not isinstance(found, int) or not found:
            raise AccessExpired(f"{TITLE} does not know this login name with this key.")
        return found

    def _rpc(self, service: str, method: str, args: list[Any], is_read: bool) -> Any:
        asked = {"jsonrpc": "2.0", "method": "call", "params": {"service": service, "method": method, "args": args}}
        answer = self._post("jsonrpc", asked, {}, is_read).json
        problem = answer.get("error") if isinstance(answer, dict) else None
        if problem is not None or not isinstance(answer, dict):
            _refuse_by_name(problem)
        return answer.get("result")

    def _post(self, path: str, body: Json, headers: Mapping[str, str], is_read: bool) -> Response:
        response = self._ctx.http.post(f"{self.base}/{path}", json=body, headers=headers, is_read=is_read)
        self.begin(provider_time(response))
        if not 200 <= response.status < 300:
            refuse(TITLE, response)
        if response.json is None and response.body.strip() != b"null":
            raise RetryLater(f"{TITLE} sent something other than data.")
        return response


class _Company(_Server):
    """One company's books during one piece of work."""

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        company = (ctx.account.external_id if ctx.account else "").rpartition("|")[2]
        if not _NUMBER.fullmatch(company):
            raise GiveUp(f"This connection names no company of {TITLE}.")
        self._in_books = [["company_id", "=", int(company)]]

    # --- what to ask for ---

    def everything(self) -> Iterator[Record]:
        yield from self.open_items()
        yield from self.payments([["is_reconciled", "=", True]], self._ctx.now - RECENT)

    def open_items(self) -> Iterator[Record]:
        yield from self.moves([["state", "=", "posted"], ["amount_residual", "!=", 0]])
        yield from self.payments([["is_reconciled", "=", False], ["state", "in", sorted(mapping.RECEIVED)]])

    def changes(self, since: datetime) -> Iterator[Record]:
        """A payment, a credit and a cancellation move the invoice's own write_date [R]; a deletion leaves no trace."""
        yield from map(mapping.partner, self.rows("res.partner", mapping.PARTNER, [CUSTOMERS], since))
        yield from self.moves([], since)
        yield from self.payments([], since)

    def moves(self, where: list[Any], since: datetime | None = None) -> Iterator[Record]:
        """Invoices and refunds, with what was sold and the lines they fall due in."""
        rows = self.rows("account.move", mapping.MOVE, [SALES, *self._in_books, *where], since)
        for some in groups(rows, IDS_AT_ONCE):
            ids = [row["id"] for row in some if isinstance(row, dict) and "id" in row]
            mine = [["move_id", "in", ids], ["display_type", "in", ["payment_term", mapping.SOLD]]]
            lines = mapping.by_reference(self.read("account.move.line", mine, mapping.ROW, order="id"), "move_id")
            for row in some:
                yield mapping.move(row, lines.get(str(row.get("id")) if isinstance(row, dict) else "", ()))

    def payments(self, where: list[Any], since: datetime | None = None) -> Iterator[Record]:
        rows = self.rows("account.payment", mapping.PAYMENT, [*RECEIVED, *self._in_books, *where], since)
        for some in groups(rows, IDS_AT_ONCE):
            used = self._used([row["id"] for row in some if isinstance(row, dict) and "id" in row])
            for row in some:
                name = str(row.get("id")) if isinstance(row, dict) else ""
                yield from mapping.payment(row, *used.get(name, ((), 0)))

    def _used(self, payments: list[Any]) -> dict[str, tuple[list[tuple[str, Any]], Any]]:
        """Of each payment the invoices it was matched with, by how much, and what is left. The names of these fields
        are from the source of version 16 and later [R]."""
        mine = [["payment_id", "in", payments], ["account_type", "=", "asset_receivable"]]
        lines = self.read("account.move.line", mine, ("id", "payment_id", "amount_residual_currency"))
        matches = self.read(
            "account.partial.reconcile",
            [["credit_move_id", "in", [line.get("id") for line in lines]]],
            ("debit_move_id", "credit_move_id", "credit_amount_currency"),
        )
        debits = [int(each) for each in mapping.by_reference(matches, "debit_move_id")]
        theirs = self.read("account.move.line", [["id", "in", debits]], ("id", "move_id"))
        invoices = {str(line.get("id")): line for line in theirs}
        by_line = mapping.by_reference(matches, "credit_move_id")
        found: dict[str, tuple[list[tuple[str, Any]], Any]] = {}
        for payment, own in mapping.by_reference(lines, "payment_id").items():
            parts = [match for line in own for match in by_line.get(str(line.get("id")), [])]
            applied = [
                (
                    mapping.reference(Fields(invoices[str(part["debit_move_id"][0])]), "move_id"),
                    part["credit_amount_currency"],
                )
                for part in parts
                if str(part["debit_move_id"][0]) in invoices
            ]
            found[payment] = applied, -sum(line.get("amount_residual_currency") or 0 for line in own)
        return found

    def bill_tos(self, ids: list[str]) -> Iterator[Record]:
        for some in chunks(filter(_NUMBER.fullmatch, ids), IDS_AT_ONCE):
            wanted = [["id", "in", [int(each) for each in some]]]
            yield from map(mapping.partner, self.rows("res.partner", mapping.PARTNER, wanted))

    def found(self, kind: Kind, ids: list[str]) -> Iterator[tuple[str, Record]]:
        if kind == "customer":
            yield from by_id(self.bill_tos(ids))
        for some in chunks(filter(_NUMBER.fullmatch, ids), IDS_AT_ONCE):
            wanted = [["id", "in", [int(each) for each in some]]]
            if kind in ("invoice", "credit"):
                yield from by_id(self.moves(wanted))
            if kind == "payment":
                yield from by_id(self.payments(wanted))

    def rows(self, model: str, fields: Iterable[str], where: list[Any], since: datetime | None = None) -> Iterator[Any]:
        """All pages of a search, in the order of their last change."""

        def page(after: datetime | None, number: int) -> Page:
            at = [["write_date", ">=", mapping.stamp(after)]] if after else []
            place = {"limit": PAGE_SIZE, "offset": (number - 1) * PAGE_SIZE, "order": "write_date, id"}
            found = self.read(model, [*where, *at], fields, **place)
            return Page(found, is_last=len(found) < PAGE_SIZE)

        return by_time(page, since, mapping.written_at)

    # --- one invoice ---

    def must_have(self, invoice: str) -> Fields:
        """The invoice, as far as it says whether it is shared. Raises NotFound."""
        wanted = [["id", "=", int(invoice)], SALES, *self._in_books] if _NUMBER.fullmatch(invoice) else None
        found = self.read("account.move", wanted, ("id", "access_token")) if wanted else []
        if not found:
            raise NotFound(f"{TITLE} does not have this.")
        return Fields(mapping.without_false(found[0]))

    def shared_page(self, invoice: str) -> str:
        token = self.must_have(invoice).text("access_token")
        return f"{self.base}/my/invoices/{invoice}?access_token={token}" if re.fullmatch(r"[\w-]{8,}", token) else ""

    def enter_payment(self, payment: OutsidePayment) -> str:
        """As its own window at the invoice would: it knows the accounts. The memo is our key [R]."""
        self.must_have(payment.invoice_external_id)
        mine = [["memo", "=", payment.key], *self._in_books]
        if not self.read("account.payment", mine, ("id",)):
            at = {"active_model": "account.move", "active_ids": [int(payment.invoice_external_id)]}
            asked = {
                "amount": payment.amount.amount,
                "payment_date": payment.paid_on.isoformat(),
                "communication": payment.key,
            }
            window = self.call("account.payment.register", "create", is_read=False, vals_list=[asked], context=at)
            ids = window if isinstance(window, list) else [window]
            self.call("account.payment.register", "action_create_payments", ids=ids, is_read=False, context=at)
        made = self.read("account.payment", mine, ("id",))
        if not made:
            raise RetryLater(f"{TITLE} did not say what became of the payment.")
        return Fields(made[0]).id("id")

    def note(self, invoice: str, text: str, key: str) -> str:
        """In the history under the invoice; what makes it recognisable stands at its end."""
        self.must_have(invoice)
        on = [["model", "=", "account.move"], ["res_id", "=", int(invoice)]]
        found = self.read("mail.message", [*on, ["body", "ilike", f"Sheaf {key}"]], ("id",))
        if found:
            return Fields(found[0]).id("id")
        made = self.call(
            "account.move", "message_post", ids=[int(invoice)], is_read=False, body=f"{text} (Sheaf {key})"
        )
        return Fields({"id": made[0] if isinstance(made, list) and made else made}).id("id")


def _account(server: _Server, row: Any) -> Account:
    with understood(TITLE, "described the company"):
        company = Fields(mapping.without_false(row))
        currency = company.items("currency_id")
        found = account_at(server.base, server.database, company.id("id"))
        code = str(currency[1])[:3] if len(currency) == 2 else ""
        return Account(found, company.text("name"), code, country=company.text("country_code", most=2))


def _refuse_by_name(problem: Any) -> None:
    """An error of JSON-RPC, which comes with status 200: its name says what happened."""
    data = problem.get("data") if isinstance(problem, dict) else None
    name = str(data.get("name", "")).rpartition(".")[2] if isinstance(data, dict) else ""
    if name == "AccessDenied":
        raise AccessExpired(f"{TITLE} does not take this key any more.")
    if name == "AccessError":
        raise Forbidden(f"{TITLE} does not let this user see that.")
    if name == "MissingError":
        raise NotFound(f"{TITLE} does not have this.")
    if name in ("UserError", "ValidationError", "ValueError", "TypeError"):
        raise GiveUp(f"{TITLE} refused the request.")
    raise RetryLater(f"{TITLE} has trouble on its side.")
