"""The suite every provider passes against its sandbox (FEATURES M4). A provider's test file subclasses Contract."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from types import ModuleType
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

from connectors import registry
from connectors.base import (
    AccessExpired,
    Account,
    BadRecord,
    Batch,
    BillToRecord,
    Connector,
    Context,
    CreditRecord,
    CursorExpired,
    Forbidden,
    Gone,
    InvoiceRecord,
    Json,
    MustReconnect,
    NotFound,
    PaymentRecord,
    ProviderError,
    RateLimited,
    RetryLater,
    Tokens,
)
from connectors.http import HttpClient
from connectors.sandbox.app import create_sandbox
from connectors.sandbox.client import SandboxControl
from tests.support.server import live_server


@dataclass
class Mirror:
    """What a careful engine would hold after these batches: newer facts win, what is gone goes."""

    bill_tos: dict[str, BillToRecord] = field(default_factory=dict)
    invoices: dict[str, InvoiceRecord] = field(default_factory=dict)
    payments: dict[str, PaymentRecord] = field(default_factory=dict)
    credits: dict[str, CreditRecord] = field(default_factory=dict)
    gone: set[tuple[str, str]] = field(default_factory=set)
    bad: list[BadRecord] = field(default_factory=list)
    cursor: Json | None = None
    last: Batch = field(default_factory=Batch)

    def take(self, batches: Iterator[Batch]) -> "Mirror":
        for batch in batches:
            self._newest(self.bill_tos, batch.bill_tos)
            self._newest(self.invoices, batch.invoices)
            self._newest(self.payments, batch.payments)
            self._newest(self.credits, batch.credits)
            for invoice in batch.invoices:
                assert invoice.bill_to_external_id in self.bill_tos, "an invoice comes after its bill_to, or with it"
            for each in batch.gone:
                self._drop(each)
            self.bad += batch.bad
            self.cursor = batch.next_cursor or self.cursor
            self.last = batch
        return self

    @staticmethod
    def _newest(held: Any, records: list[Any]) -> None:
        for record in records:
            before = held.get(record.external_id)
            if before is None or record.version >= before.version:
                held[record.external_id] = record

    def _drop(self, gone: Gone) -> None:
        self.gone.add((gone.kind, gone.external_id))
        places: dict[str, Any] = {
            "customer": self.bill_tos,
            "invoice": self.invoices,
            "payment": self.payments,
            "credit": self.credits,
        }
        held = places[gone.kind]
        if gone.external_id in held and gone.version >= held[gone.external_id].version:
            del held[gone.external_id]

    @property
    def open(self) -> set[tuple[Any, ...]]:
        return {
            (each.external_id, each.number, each.bill_to_external_id, each.due_on, each.balance.currency,
             each.balance.amount, each.total.amount)
            for each in self.invoices.values()
            if each.state == "open"
        }  # fmt: skip

    @property
    def credit_left(self) -> dict[str, Decimal]:
        return {name: each.remaining.amount for name, each in self.credits.items() if each.remaining.minor}


@dataclass
class Bench:
    """One sandboxed company, and the connector set up to read it."""

    control: SandboxControl
    connector: Connector
    company: str
    grant: Json
    tokens: Tokens
    account: Account

    def context(self, *, seconds: float = 10.0, account: Account | None = None) -> Context:
        name = self.connector.spec.id
        endpoints, bearer = registry.endpoints(name), f"Bearer {self.tokens.access_token}"
        http = HttpClient(endpoints, self.connector.spec.title, authorization=lambda: bearer, seconds=seconds)
        return Context(http, endpoints, datetime.now(UTC), self.tokens, account or self.account)

    def pull(self, mode: Any, cursor: Json | None = None, into: Mirror | None = None) -> Mirror:
        return (into or Mirror()).take(self.connector.pull(self.context(), cursor or {}, mode))

    def fetch(self, kind: Any, *ids: str, into: Mirror | None = None) -> Mirror:
        return (into or Mirror()).take(self.connector.fetch(self.context(), kind, ids))

    def truth(self) -> set[tuple[Any, ...]]:
        """What the books say is open, in the words of Mirror.open."""
        return {
            (row["id"], row["number"] or "", row["customer_id"], row["due_on"] and date.fromisoformat(row["due_on"]),
             row["currency"], Decimal(row["balance"]), Decimal(row["total"]))
            for row in self.control.invoices(self.company, only_open=True)
        }  # fmt: skip

    def act(self, do: str, **rest: Any) -> Json:
        return self.control.act(self.company, do, **rest)


class Catcher:
    """A web server that keeps what is posted to it, and answers as a product should."""

    def __init__(self, connector: Connector, secret: str) -> None:
        self.connector, self.secret = connector, secret
        self.url = ""
        self.caught: list[tuple[dict[str, str], bytes]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        headers = {key[5:].replace("_", "-"): value for key, value in environ.items() if key.startswith("HTTP_")}
        self.url = f"http://{environ['HTTP_HOST']}{environ['PATH_INFO']}"
        is_good = self.connector.verify(headers, body, self.secret, datetime.now(UTC), self.url)
        if is_good and environ["PATH_INFO"].endswith(self.connector.spec.id):
            self.caught.append((headers, body))
        start_response("200 OK" if is_good else "401 Unauthorized", [("Content-Length", "0")])
        return []


LONG_AGO = "2001-02-03T04:05:06+00:00"


class Sandboxed:
    """One provider's company in a sandbox of its own, for each test anew. A provider fills in what stands below."""

    provider: ClassVar[str]
    company: ClassVar[str]
    expected_account: ClassVar[Account]

    def callback(self, bench: Bench) -> Mapping[str, str]:
        """What the provider adds to the callback besides code and state."""
        return {}

    def token_answer(self, grant: Json) -> Json:
        """The token endpoint's answer in this provider's words."""
        return {name: grant[name] for name in ("access_token", "refresh_token", "expires_in")}

    @pytest.fixture
    def control(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxControl]:
        with live_server(create_sandbox("small")) as base, SandboxControl(base) as control:
            for name, value in control.settings().items():
                monkeypatch.setenv(name, value)
            yield control

    @pytest.fixture
    def bench(self, control: SandboxControl) -> Bench:
        grant = control.grant(self.company)
        connector = registry.get(self.provider)
        tokens = connector.parse_token(self.token_answer(grant), datetime.now(UTC))
        account = replace(self.expected_account, external_id=grant["external_id"])
        return Bench(control, connector, self.company, grant, tokens, account)

    @contextmanager
    def caught(self, bench: Bench) -> Iterator[Catcher]:
        catcher = Catcher(bench.connector, registry.endpoints(self.provider).webhook_secret)
        with live_server(catcher) as target:
            bench.control.set_webhooks(target, batch_seconds=0.0)
            yield catcher
            bench.control.set_webhooks(retry_seconds=[])


class Contract(Sandboxed):
    module: ClassVar[ModuleType]
    impossible: ClassVar[frozenset[str]] = frozenset()
    on_401: ClassVar[type[ProviderError]] = AccessExpired
    on_revoked: ClassVar[type[ProviderError]] = AccessExpired
    errors: ClassVar[dict[str, type[ProviderError]]] = {}

    # --- accounts ---

    def test_it_learns_name_currency_and_zone_of_the_company(self, bench: Bench) -> None:
        """[M4 A1] Connecting is signing up: the provider says who the vendor is."""
        found = bench.connector.accounts(bench.context(), self.callback(bench))
        assert [each.external_id for each in found] == [bench.grant["external_id"]]
        wanted = self.expected_account
        assert (found[0].name, found[0].currency, found[0].zone) == (wanted.name, wanted.currency, wanted.zone)

    # --- pulling ---

    def test_it_pulls_all_that_is_open(self, bench: Bench) -> None:
        """[M4 A8 inv-M1] The open invoices of the books, exactly, with their bill_tos, a cursor and a time."""
        found = bench.pull("full")
        assert found.open == bench.truth()
        assert not found.bad
        assert found.last.next_cursor
        assert found.last.as_of
        assert abs(found.last.as_of - datetime.now(UTC)) < timedelta(minutes=1)

    def test_a_bill_to_has_the_address_of_the_books(self, bench: Bench) -> None:
        """[M4 A5] One that has none is there all the same, with an empty address."""
        books = {row["id"]: row["email"] or "" for row in bench.control.company(self.company)["customers"]}
        found = bench.pull("full").bill_tos
        assert {name: each.address_text for name, each in found.items()} == {name: books[name] for name in found}
        assert "" in books.values()

    @pytest.mark.parametrize("more", [-1, 0, 1])
    def test_a_page_may_end_exactly_where_the_list_does(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, more: int
    ) -> None:
        """[M4] One row less than a page, a full page, one row more: nothing is lost and nothing waits for ever."""
        monkeypatch.setattr(self.module, "PAGE_SIZE", len(bench.truth()) + more)
        assert bench.pull("full").open == bench.truth()

    def test_many_pages_hold_the_same_as_one(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """[M4] Also when every row is a page of its own."""
        monkeypatch.setattr(self.module, "PAGE_SIZE", 1)
        assert bench.pull("full").open == bench.truth()

    def test_a_repeated_page_is_noticed(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """[M4] A page shown twice costs nothing or ends the pull for now; it never hides the page it replaced."""
        monkeypatch.setattr(self.module, "PAGE_SIZE", 2)
        bench.control.fault("repeat_page", company=self.company)
        try:
            found = bench.pull("full")
        except RetryLater:
            found = bench.pull("full")
        assert found.open == bench.truth()

    def test_a_missing_row_comes_with_the_next_reconcile(self, bench: Bench) -> None:
        """[M4 A8] Rows that shift while we read can hide one; the next sweep finds it."""
        bench.control.fault("skip_row", company=self.company)
        found = bench.pull("full")
        bench.control.clear_faults()
        bench.pull("reconcile", into=found)
        assert found.open == bench.truth()

    def test_it_reconciles_without_moving_the_cursor(self, bench: Bench) -> None:
        """[M4 A8] The invoices open now, so that what we hold and did not see can be asked for singly."""
        found = bench.pull("reconcile")
        assert found.open == bench.truth()
        assert found.cursor is None
        assert found.last.as_of

    @pytest.mark.parametrize(
        ("do", "rest"),
        [
            ("pay", {}),
            ("part_pay", {"amount": "10"}),
            ("void", {}),
            ("delete", {}),
            ("credit", {}),
            ("credit", {"amount": "5"}),
            ("write_off", {}),
            ("reopen", {}),
            ("change_due", {"due": 90}),
            ("change_due", {"due": None}),
            ("change_amount", {"amount": "4321.09"}),
            ("reassign", {"to": "DUNE"}),
            ("new_invoice", {"amount": "77.70"}),
            ("new_invoice", {"amount": "1000", "currency": "JPY"}),
            ("new_invoice", {"amount": "12.345", "currency": "KWD"}),
            ("new_invoice", {"amount": "55.50", "currency": "EUR"}),
        ],
    )
    def test_what_changes_reaches_us(self, bench: Bench, do: str, rest: Json) -> None:
        """[M4 A8 C2] Paid, part-paid, void, deleted, credited, reopened, changed, moved, new, in any currency."""
        held = bench.pull("full")
        if do in self.impossible:
            with pytest.raises(RuntimeError, match="409"):  # their books refuse it
                bench.act(do, **rest)
            return
        if do == "reassign":
            rest = {"to": next(row["id"] for row in bench.control.company(self.company)["customers"][1:])}
        bench.act(do, **rest)
        bench.pull("changes", held.cursor, into=held)
        assert held.open == bench.truth()
        assert not held.bad

    def test_an_invoice_that_is_settled_says_so(self, bench: Bench) -> None:
        """[M4 A8 inv-S3] State, balance and the payment behind it."""
        held = bench.pull("full")
        done = bench.act("pay")
        bench.pull("changes", held.cursor, into=held)
        invoice = held.invoices[done["invoice_id"]]
        assert (invoice.state, invoice.balance.minor) == ("paid", 0)
        payment = next(
            each for each in held.payments.values() if any(part[0] == invoice.external_id for part in each.applied)
        )
        assert payment.amount == invoice.total
        assert payment.bill_to_external_id == invoice.bill_to_external_id

    def test_a_void_invoice_owes_nothing(self, bench: Bench) -> None:
        """[M4 A8] Whatever amounts the provider leaves on it."""
        held = bench.pull("full")
        done = bench.act("void")
        bench.pull("changes", held.cursor, into=held)
        invoice = held.invoices[done["invoice_id"]]
        assert (invoice.state, invoice.balance.minor) == ("void", 0)

    def test_a_customers_new_address_reaches_us(self, bench: Bench) -> None:
        """[M4 A5] By the change feed alone."""
        held = bench.pull("full")
        customer = bench.act("change_email", email="new@cobalt.example", invoices_too=False)["customer_id"]
        bench.pull("changes", held.cursor, into=held)
        assert held.bill_tos[customer].address_text == "new@cobalt.example"

    def test_the_same_changes_twice_are_the_same(self, bench: Bench) -> None:
        """[M4 inv-N3] The feed overlaps on purpose."""
        held = bench.pull("full")
        bench.act("part_pay")
        bench.pull("changes", held.cursor, into=held)
        before = dict(held.invoices)
        bench.pull("changes", held.cursor, into=held)
        assert {name: each.balance for name, each in held.invoices.items()} == {
            name: each.balance for name, each in before.items()
        }

    @pytest.mark.parametrize("cursor", [{"since": LONG_AGO}, {}, {"since": "yesterday"}, {"since": None}])
    def test_a_cursor_the_feed_does_not_reach_asks_for_a_full_pull(self, bench: Bench, cursor: Json) -> None:
        """[M4 A8] Changes older than the feed are not guessed."""
        if cursor == {"since": LONG_AGO} and bench.connector.spec.feed_days > 10_000:
            assert bench.pull("changes", cursor).open == bench.truth()  # this feed has no end
            return
        with pytest.raises(CursorExpired):
            bench.pull("changes", cursor)

    # --- singly ---

    def test_it_fetches_what_an_event_names(self, bench: Bench) -> None:
        """[M4 I1] Invoice and customer, as they are now; what is not there is gone."""
        row = bench.control.invoices(self.company, only_open=True)[0]
        found = bench.fetch("invoice", row["id"], self.absent_id(row["id"]))
        assert found.invoices[row["id"]].balance.amount == Decimal(row["balance"])
        assert ("invoice", self.absent_id(row["id"])) in found.gone
        found = bench.fetch("customer", row["customer_id"], self.absent_id(row["customer_id"]))
        assert found.bill_tos[row["customer_id"]].name == row["customer"]
        assert ("customer", self.absent_id(row["customer_id"])) in found.gone

    def test_a_hostile_id_is_gone_rather_than_asked_for(self, bench: Bench) -> None:
        """[M4 inv-K6] Ids become parts of addresses: none leads elsewhere."""
        hostile = ("../../oauth", "a/b?c=d", "1' OR '1'='1", "", "\u0661\u0662", "x" * 500)
        bench.control.reset_calls()
        assert {name for _, name in bench.fetch("invoice", *hostile).gone} == set(hostile)
        assert bench.control.calls(self.company) == 0

    def absent_id(self, like: str) -> str:
        """An id of the same form that nobody has."""
        prefix, _, rest = like.rpartition("_")
        return (f"{prefix}_" if prefix else "") + re.sub(r"\w", "9", rest) + ("999" if rest.isdigit() else "")

    # --- bad days ---

    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            ("403", Forbidden),
            ("429", RateLimited),
            ("500", RetryLater),
            ("503html", RetryLater),
            ("200error", RetryLater),
        ],
    )
    def test_a_bad_answer_is_named_by_what_to_do_next(
        self, bench: Bench, kind: str, error: type[ProviderError]
    ) -> None:
        """[M4 inv-K2] And the pull ends without a cursor, so that nothing is skipped."""
        bench.control.fault(kind, company=self.company, seconds=7)
        error = self.errors.get(kind, error)
        with pytest.raises(error) as caught:
            bench.pull("full")
        self.assert_quiet(bench, caught.value)
        bench.control.clear_faults()
        assert bench.pull("full").open == bench.truth()

    def test_the_wait_a_provider_names_is_kept(self, bench: Bench) -> None:
        """[M4] A page of HTML with 503 and Retry-After."""
        bench.control.fault("503html", company=self.company, seconds=7)
        with pytest.raises(RetryLater) as caught:
            bench.pull("full")
        assert caught.value.after == 7

    def test_an_expired_token_asks_for_a_fresh_one(self, bench: Bench) -> None:
        """[M4 inv-K4] 401, also in the middle of a pull."""
        bench.control.fault("401", company=self.company, after=1)
        with pytest.raises(self.on_401) as caught:
            bench.pull("full")
        self.assert_quiet(bench, caught.value)

    def test_a_withdrawn_consent_is_told_apart_from_trouble(self, bench: Bench) -> None:
        """[M4 A2] Revoked by us, or removed by the vendor at the provider."""
        bench.control.revoke(self.company)
        with pytest.raises(self.on_revoked):
            bench.pull("full")

    def test_a_line_cut_for_good_means_try_later(self, bench: Bench) -> None:
        """[M4] A kept connection that drops once is repeated in silence; one that keeps dropping is reported."""
        bench.control.fault("cut", company=self.company, times=1)
        assert bench.pull("full").open == bench.truth()
        bench.control.fault("cut", company=self.company, times=None)
        with pytest.raises(RetryLater) as caught:
            bench.pull("full")
        self.assert_quiet(bench, caught.value)

    def test_a_slow_line_is_not_waited_for(self, bench: Bench) -> None:
        """[M4 inv-K6] Every call ends."""
        bench.control.fault("slow", company=self.company, seconds=1.5)
        with pytest.raises(RetryLater) as caught:
            list(bench.connector.pull(bench.context(seconds=0.3), {}, "full"))
        self.assert_quiet(bench, caught.value)

    def assert_quiet(self, bench: Bench, problem: ProviderError) -> None:
        """No token, no key and no address with a query in what may be shown or logged, nor chained to it."""
        secrets = (bench.tokens.access_token, bench.tokens.refresh_token, bench.context().endpoints.client_secret)
        shown = f"{problem!s} {problem!r} {vars(problem)} {problem.__context__!r}"
        assert not any(secret and secret in shown for secret in secrets)
        assert "?" not in str(problem)

    # --- the grant ---

    def test_revoking_ends_the_grant(self, bench: Bench) -> None:
        """[M4 inv-K5] Disconnect revokes at the provider."""
        bench.connector.revoke(bench.context())
        assert not bench.control.company(self.company)["connected"]
        with pytest.raises((AccessExpired, MustReconnect)):
            bench.pull("full")

    @pytest.mark.parametrize(
        "answer", [{}, {"error": "invalid_grant"}, {"access_token": None}, {"access_token": 7}, {"access_token": ""}]
    )
    def test_an_answer_without_a_token_means_reconnect(self, answer: Json) -> None:
        """[M4 inv-K4] Also with status 200."""
        with pytest.raises(MustReconnect):
            registry.get(self.provider).parse_token(answer, datetime.now(UTC))

    # --- paying ---

    def test_the_pay_link_leads_to_the_providers_page(self, bench: Bench) -> None:
        """[M4 E1 inv-L7] Asked for now, on a host of the provider."""
        row = bench.control.invoices(self.company, only_open=True)[0]
        link = bench.connector.pay_link(bench.context(), row["id"])
        assert link is not None
        assert link.url == row["pay_url"]
        assert urlsplit(link.url).hostname in registry.pay_hosts(self.provider)

    def test_there_is_no_pay_link_to_what_is_not_there(self, bench: Bench) -> None:
        """[M4 E1] Not an error page in the customer's face, but an answer we understand."""
        row = bench.control.invoices(self.company, only_open=True)[0]
        for absent in (self.absent_id(row["id"]), "../connections"):
            with pytest.raises(NotFound):
                bench.connector.pay_link(bench.context(), absent)

    # --- webhooks ---

    def test_a_webhook_names_account_and_object(self, bench: Bench) -> None:
        """[M4 inv-N3 inv-N4] As signed and sent by the provider itself; it only says: look."""
        with self.caught(bench) as catcher:
            done = bench.act("part_pay")
            assert bench.control.wait_webhooks(10)
        events = [event for headers, body in catcher.caught for event in bench.connector.events(headers, body)]
        assert (bench.account.external_id, "invoice", done["invoice_id"]) in {
            (event.account_id, event.kind, event.external_id) for event in events
        }
        assert all(event.at and abs(event.at - datetime.now(UTC)) < timedelta(minutes=5) for event in events)

    def test_a_webhook_that_was_touched_is_refused(self, bench: Bench) -> None:
        """[M4 inv-N4] Another byte, another secret, no secret, no signature, rubbish: False, and never an exception."""
        with self.caught(bench) as catcher:
            bench.act("part_pay")
            assert bench.control.wait_webhooks(10)
        headers, body = catcher.caught[-1]
        now, verify = datetime.now(UTC), partial(bench.connector.verify, url=catcher.url)
        name = next(key for key in headers if "signature" in key.lower())
        assert verify(headers, body, catcher.secret, now)
        assert not verify(headers, body + b" ", catcher.secret, now)
        assert not verify(headers, b"", catcher.secret, now)
        assert not verify(headers, body, "another secret", now)
        assert not verify(headers, body, "", now)
        assert not verify({}, body, catcher.secret, now)
        for rubbish in ("", "=", "t=,v1=", "\u00e9\u212a", "\ud800", "t=1,v1=x,t=2", headers[name][:-2], "a" * 100_000):
            assert not verify({name: rubbish}, body, catcher.secret, now)

    @pytest.mark.parametrize("body", [b"", b"null", b"[1]", b"{}", b'"x"', b"\xff\xfe", b'{"events": 3}', b"[" * 5_000])
    def test_a_body_that_is_no_webhook_is_a_value_error(self, body: bytes) -> None:
        """[M4 inv-N4] Or points at nothing."""
        try:
            found = registry.get(self.provider).events({}, body)
        except ValueError:
            return
        assert found == []


# --- who is who ---


class Acme(Sandboxed):
    provider = "quickbooks"
    company = "Acme Supply"
    expected_account = Account("", "Acme Supply", "USD", "America/New_York")

    def callback(self, bench: Bench) -> Mapping[str, str]:
        return {"realmId": bench.grant["external_id"]}


class Birch(Sandboxed):
    provider = "xero"
    company = "Birch & Sons"
    expected_account = Account("", "Birch & Sons", "EUR", "Europe/Berlin")


class Cedar(Sandboxed):
    provider = "stripe"
    company = "Cedar Studio"
    expected_account = Account("", "Cedar Studio", "USD", "America/Los_Angeles")

    def token_answer(self, grant: Json) -> Json:
        return super().token_answer(grant) | {"stripe_user_id": grant["external_id"], "livemode": False}
