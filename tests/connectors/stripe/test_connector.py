"""What is peculiar to asking Stripe."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.money import Money
from connectors import registry
from connectors.base import (
    Account,
    Context,
    Forbidden,
    GiveUp,
    MustReconnect,
    NotFound,
    ProviderError,
    RateLimited,
    Response,
    RetryLater,
    Tokens,
)
from connectors.stripe import mapping
from connectors.stripe.connector import VERSION, Stripe
from tests.connectors.contract import Bench, Cedar
from tests.connectors.stripe.test_mapping import INVOICE

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
BODY = b'{"id": "evt_1"}'


class Answers:
    """An Http that answers everything alike, and remembers what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []

    def get(self, url: str, *, params: Any = None, headers: Any = None) -> Response:
        self.asked.append((url, dict(params or {}), dict(headers or {})))
        return self.answer if isinstance(self.answer, Response) else Response(200, {}, b"", self.answer)

    def send(self, method: str, url: str, **_: Any) -> Response:
        raise AssertionError("nothing is changed here")

    def post(self, url: str, **_: Any) -> Response:
        raise AssertionError("nothing is posted here")


def context(http: Answers) -> Context:
    return Context(http, registry.endpoints("stripe"), NOW, None, Account("acct_1abc", "Cedar", "USD", "Asia/Tokyo"))


def signed(secret: str, at: int, body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize(
    ("header", "is_good"),
    [
        ("t={now},v1={new}", True),
        ("t={now},v1={old},v1={new}", True),  # while the secret is being changed
        ("t={now},v1={new},v0=abc", True),
        (" t={now} , v1={new} ", True),
        ("v1={new},t={now}", True),
        ("t={now},v1={old}", False),
        ("t={now},v0={new}", False),
        ("t={now}", False),
        ("v1={new}", False),
        ("t={now},t={now},v1={new}", False),
        ("t=-1,v1={new}", False),
        ("t=\u0661,v1={new}", False),
        ("t=9999999999999999,v1={new}", False),
    ],
)
def test_one_good_signature_of_several_is_enough(header: str, is_good: bool) -> None:
    """[M4 inv-N4 facts-6] Stripe signs with both secrets for a while."""
    at = int(NOW.timestamp())
    text = header.format(now=at, new=signed("new", at), old=signed("old", at))
    assert Stripe().verify({"Stripe-Signature": text}, BODY, "new", NOW, "") is is_good


@pytest.mark.parametrize(("seconds", "is_good"), [(0, True), (299, True), (301, False), (86_400, False)])
def test_an_old_webhook_is_a_replay(seconds: int, is_good: bool) -> None:
    """[M4 inv-N4 facts-6] Three hundred seconds, and its signature is worth nothing."""
    at = int((NOW - timedelta(seconds=seconds)).timestamp())
    header = {"stripe-signature": f"t={at},v1={signed('s', at)}"}
    assert Stripe().verify(header, BODY, "s", NOW, "") is is_good


def test_every_call_names_the_account_and_uses_the_platforms_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """[M4 inv-K1] A stolen database would hold no merchant's key that we use; the version is pinned."""
    monkeypatch.setenv("STRIPE_CLIENT_SECRET", "sk_platform")
    http = Answers({"object": "list", "data": [], "has_more": False})
    list(Stripe().pull(context(http), {}, "full"))
    list(Stripe().pull(context(http), {"since": NOW.isoformat()}, "changes"))
    assert {path.rpartition("/")[2] for path, _, _ in http.asked} == {"invoices", "credit_notes", "events"}
    for _, _, headers in http.asked:
        assert headers["Stripe-Account"] == "acct_1abc"
        assert headers["Stripe-Version"] == VERSION
        assert headers["Authorization"] == "Bearer sk_platform"


@pytest.mark.parametrize("account", ["", "acct_", "cus 1", "acct_1/../../x", "acct_\u0661"])
def test_a_connection_without_an_account_asks_nothing(account: str) -> None:
    """[M4 inv-I1] Without the header the answer would be the platform's own books."""
    http = Answers({})
    nobody = Context(http, registry.endpoints("stripe"), NOW, Tokens("sk"), Account(account, "x"))
    with pytest.raises(GiveUp):
        list(Stripe().pull(nobody, {}, "full"))
    with pytest.raises(GiveUp):
        Stripe().accounts(nobody, {})
    assert http.asked == []


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, {"type": "invalid_request_error", "code": "parameter_unknown"}, GiveUp),
        (400, {"code": "resource_missing", "param": "starting_after"}, RetryLater),
        (402, {"type": "card_error"}, GiveUp),
        (404, {"code": "resource_missing"}, NotFound),
        (409, {"type": "idempotency_error"}, RetryLater),
        (401, {"type": "invalid_request_error"}, RetryLater),
        (403, {"code": "account_invalid"}, MustReconnect),
        (403, {"type": "invalid_request_error"}, Forbidden),
        (400, {"code": "rate_limit"}, RateLimited),
        (200, {"type": "api_error"}, RetryLater),
        (200, {"type": "invalid_request_error"}, GiveUp),
        (302, None, GiveUp),
        (200, None, RetryLater),
    ],
)
def test_an_error_is_named_by_what_to_do_next(
    status: int, error: dict[str, str] | None, expected: type[ProviderError]
) -> None:
    """[M4] 401 is our own key's trouble, never the vendor's."""
    body = {"error": {"message": "no", **error}} if error else None
    with pytest.raises(expected) as caught:
        list(Stripe().pull(context(Answers(Response(status, {}, b"", body))), {}, "full"))
    assert type(caught.value) is expected


def test_what_stripe_says_to_retry_is_retried() -> None:
    """[M4] Whatever the status."""
    answer = Response(400, {"Stripe-Should-Retry": "true", "Retry-After": "4"}, b"", {"error": {"type": "odd"}})
    with pytest.raises(RetryLater) as caught:
        list(Stripe().pull(context(Answers(answer)), {}, "full"))
    assert caught.value.after == 4


def test_a_list_that_repeats_itself_ends() -> None:
    """[M4 facts-6] has_more for ever, and the same page."""
    row = {"id": "in_1", "object": "invoice"}
    with pytest.raises(RetryLater, match="same page"):
        list(Stripe().pull(context(Answers({"data": [row], "has_more": True})), {}, "full"))
    with pytest.raises(RetryLater, match="other than a list"):
        list(Stripe().pull(context(Answers({"data": {}, "has_more": True})), {}, "full"))


class TestInTheSandbox(Cedar):
    """The books of Cedar Studio."""

    def test_a_thousand_yen_are_a_thousand(self, bench: Bench) -> None:
        """[M4 C2 inv-M1 facts-6] Not ten."""
        yen = {each.total.amount for each in bench.pull("full").invoices.values() if each.total.currency == "JPY"}
        assert yen == {Decimal(120000), Decimal(1000)}

    def test_a_credit_note_lowers_its_invoice_and_nothing_else(self, bench: Bench) -> None:
        """[M4 A9] It is in the amount that remains already."""
        held = bench.pull("full")
        done = bench.act("credit", amount="25")
        bench.pull("changes", held.cursor, into=held)
        assert held.invoices[done["invoice_id"]].balance.amount == Decimal(done["balance"])
        assert held.credits[done["credit_note_id"]].total.amount == Decimal(25)
        assert held.credit_left == {}

    def test_a_part_payment_comes_with_its_invoice(self, bench: Bench) -> None:
        """[M4 A8] Who paid, how much, for what."""
        held = bench.pull("full")
        done = bench.act("part_pay", amount="20")
        bench.pull("changes", held.cursor, into=held)
        payment = next(each for each in held.payments.values() if each.applied == ((done["invoice_id"], 2000),))
        assert payment.bill_to_external_id == done["customer_id"]

    def test_a_draft_becomes_an_invoice_when_it_is_finalized(self, bench: Bench) -> None:
        """[M4 A8] Before, it is nobody's business; deleted, it is gone."""
        held = bench.pull("full")
        done = bench.act("finalize")
        bench.pull("changes", held.cursor, into=held)
        assert held.invoices[done["invoice_id"]].state == "open"
        assert held.open == bench.truth()
        draft = bench.act("new_invoice", draft=True)["invoice_id"]
        bench.act("delete", invoice=draft)
        bench.pull("changes", held.cursor, into=held)
        assert ("invoice", draft) in held.gone

    def test_a_written_off_invoice_is_kept_but_not_open(self, bench: Bench) -> None:
        """[M4 A8] Stripe calls it uncollectible."""
        held = bench.pull("full")
        done = bench.act("write_off")
        bench.pull("changes", held.cursor, into=held)
        assert held.invoices[done["invoice_id"]].state == "written_off"

    def test_a_deleted_customer_still_owes(self, bench: Bench) -> None:
        """[M4 A5] The customer is gone, the invoice remembers it."""
        held = bench.pull("full")
        customer = bench.act("deactivate_customer", customer="ap@cobalt.example")["customer_id"]
        bench.pull("changes", held.cursor, into=held)
        assert ("customer", customer) in held.gone
        assert held.open == bench.truth()

    def test_an_account_that_left_says_so_when_looked_at(self, bench: Bench) -> None:
        """[M4 A2] The webhook names the account; looking at it raises what to do next."""
        assert bench.fetch("account", bench.account.external_id).last is not None
        with self.caught(bench) as catcher:
            bench.control.revoke(bench.company)
            assert bench.control.wait_webhooks(10)
        (event,) = [event for headers, body in catcher.caught for event in bench.connector.events(headers, body)]
        assert (event.kind, event.op, event.account_id) == ("account", "revoked", bench.account.external_id)
        with pytest.raises(MustReconnect):
            bench.fetch("account", event.account_id)


class Ledger(Answers):
    """Each path has its own answer."""

    def get(self, url: str, *, params: Any = None, headers: Any = None) -> Response:
        path = url.partition("/v1/")[2]
        return Response(200, {}, b"", self.answer[path])


def test_a_dispute_is_followed_to_the_invoice_it_is_about() -> None:
    """[I6] It names a payment intent; what that paid is looked up."""
    dispute = {"id": "dp_1", "payment_intent": "pi_1", "amount": 10000, "currency": "usd", "reason": "fraudulent",
               "created": 1770200000}  # fmt: skip
    paid = {"object": "list", "has_more": False, "data": [{"id": "inpay_1", "invoice": "in_1"}]}
    http = Ledger({"disputes/dp_1": dispute, "invoice_payments": paid, "invoices/in_1": INVOICE})
    [batch] = Stripe().fetch(context(http), "payment", ["dp_1"])
    [told] = batch.setbacks
    assert (told.kind, told.invoice_external_id, told.code) == ("charged_back", "in_1", "fraudulent")
    assert told.amount == Money(10000, "USD")
    assert [each.external_id for each in batch.invoices] == ["in_1"]
    event = {"id": "evt_1", "account": "acct_1", "created": 1770200000, "type": "charge.dispute.created",
             "data": {"object": dispute}}  # fmt: skip
    assert [(each.kind, each.external_id) for each in mapping.events(event)] == [("payment", "dp_1")]
