"""What is peculiar to asking QuickBooks Online."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors import registry
from connectors.base import (
    AccessExpired,
    Account,
    Context,
    CursorExpired,
    Forbidden,
    GiveUp,
    NotFound,
    ProviderError,
    RateLimited,
    Response,
    RetryLater,
)
from connectors.quickbooks import connector
from connectors.quickbooks.connector import QuickBooks
from connectors.sandbox import quickbooks as sandbox
from tests.connectors.contract import Acme, Bench, Mirror
from tests.connectors.foreign import load

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Answers:
    """An Http that gives what it is told to, and remembers what it was asked."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], Any]) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def get(self, url: str, *, params: Any = None, headers: Any = None) -> Response:
        self.asked.append((url, dict(params or {})))
        found = self.answer(url, dict(params or {}))
        return found if isinstance(found, Response) else Response(200, {}, b"", found)

    def send(self, method: str, url: str, **_: Any) -> Response:
        raise AssertionError("nothing is changed here")

    def post(self, url: str, **_: Any) -> Response:
        raise AssertionError("nothing is posted here")


def context(http: Answers) -> Context:
    return Context(http, registry.endpoints("quickbooks"), NOW, None, Account("4620816365000000001", "Acme", "USD"))


def row(number: int) -> dict[str, Any]:
    changed = NOW - timedelta(days=20) + timedelta(seconds=number)
    return {
        "Id": str(number), "SyncToken": "0", "MetaData": {"LastUpdatedTime": changed.isoformat()},
        "CustomerRef": {"value": "1"}, "TotalAmt": Decimal("10.00"), "Balance": Decimal("10.00"),
    }  # fmt: skip


def books(count: int) -> Callable[[str, dict[str, Any]], Any]:
    """A company with so many open invoices, asked in QuickBooks' language."""
    rows = [row(number) for number in range(1, count + 1)]

    def answer(url: str, params: dict[str, Any]) -> Any:
        query = params["query"]
        if "FROM Invoice" not in query:
            return {"QueryResponse": {}, "time": NOW.isoformat()}
        since = query.partition("LastUpdatedTime >= '")[2].partition("'")[0].replace("Z", "+00:00")
        found = [each for each in rows if each["MetaData"]["LastUpdatedTime"] >= since]
        return {"QueryResponse": {"Invoice": found[:1000]} if found else {}, "time": NOW.isoformat()}

    return answer


@pytest.mark.parametrize("count", [0, 999, 1000, 1001, 2000, 2500])
def test_a_thousand_rows_a_page_are_read_to_the_end(count: int) -> None:
    """[M4 A8 facts-5] Exactly 1000 rows; an empty QueryResponse; more."""
    http = Answers(books(count))
    found = Mirror()
    for batch in QuickBooks().pull(context(http), {}, "reconcile"):
        found.invoices |= {each.external_id: each for each in batch.invoices}
    assert len(found.invoices) == count
    queries = [params["query"] for _, params in http.asked if "FROM Invoice" in params["query"]]
    assert queries[0] == (
        "SELECT * FROM Invoice WHERE Balance > '0' ORDERBY MetaData.LastUpdatedTime STARTPOSITION 1 MAXRESULTS 1000"
    )
    assert len(queries) <= count // 1000 + 2


def test_every_call_names_company_and_minor_version() -> None:
    """[M4] Older ones are not answered any more."""
    http = Answers(books(1))
    list(QuickBooks().pull(context(http), {}, "full"))
    assert all(
        url.startswith("https://quickbooks.api.intuit.com/v3/company/4620816365000000001/") for url, _ in http.asked
    )
    assert all(params["minorversion"] == "75" for _, params in http.asked)


def test_an_empty_change_feed_moves_the_cursor(shared: Path) -> None:
    """[M4 A8] From the provider's clock, less an overlap."""
    sample = load(shared / "connectors" / "samples" / "quickbooks" / "cdc_empty.json") | {
        "time": "2026-05-04T04:59:00-07:00"
    }
    http = Answers(lambda url, params: sample)
    since = (NOW - timedelta(days=29)).isoformat()
    (batch,) = QuickBooks().pull(context(http), {"since": since}, "changes")
    assert len(batch) == 0
    assert batch.next_cursor == {"since": "2026-05-04T11:57:00+00:00"}
    assert http.asked[0][1]["entities"] == "Customer,Invoice,Payment,CreditMemo"
    assert http.asked[0][1]["changedSince"] == "2026-04-05T12:00:00Z"


def test_the_feed_reaches_back_thirty_days() -> None:
    """[M4 A8 facts-5] On day 31 the whole is pulled; also when QuickBooks refuses the date."""
    refused = Response(400, {}, b"", {"Fault": {"Error": [{"code": "4001"}], "type": "ValidationFault"}})
    http = Answers(lambda url, params: refused)
    for days, calls in ((31, 0), (29, 1)):
        with pytest.raises(CursorExpired):
            list(QuickBooks().pull(context(http), {"since": (NOW - timedelta(days=days)).isoformat()}, "changes"))
        assert len(http.asked) == calls


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("throttle_429", 200, RateLimited),
        ("throttle_403_old", 403, RateLimited),
        ("validation", 400, GiveUp),
        ("validation", 200, GiveUp),
        ("system", 200, RetryLater),
        ("validation_json_captured", 400, GiveUp),
    ],
)
def test_the_published_faults_are_named(shared: Path, name: str, status: int, error: type[ProviderError]) -> None:
    """[M4 facts-5] Also inside a 200."""
    fault = load(shared / "connectors" / "samples" / "quickbooks" / "faults.json")[name]
    with pytest.raises(error) as caught:
        list(QuickBooks().pull(context(Answers(lambda url, params: Response(status, {}, b"", fault))), {}, "full"))
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"fault": {"error": [{"code": "3200"}], "type": "AUTHENTICATION"}}, AccessExpired),
        (200, {"fault": {"error": [{"code": "3200"}], "type": "AUTHENTICATION"}}, AccessExpired),
        (403, {"fault": {"error": [{"code": "3100"}], "type": "AuthorizationFault"}}, Forbidden),
        (400, {"Fault": {"Error": [{"code": "610"}], "type": "ValidationFault"}}, NotFound),
        (400, {"Fault": {"Error": "rubbish", "type": 7}}, GiveUp),
        (401, None, AccessExpired),
        (403, None, Forbidden),
        (404, None, NotFound),
        (302, None, GiveUp),
        (200, None, RetryLater),
        (200, [], RetryLater),
    ],
)
def test_a_fault_is_named_by_what_to_do_next(status: int, body: Any, error: type[ProviderError]) -> None:
    """[M4 facts-5] Upper case, lower case, or no fault at all."""
    http = Answers(lambda url, params: Response(status, {}, b"", body))
    with pytest.raises(error) as caught:
        list(QuickBooks().pull(context(http), {}, "full"))
    assert type(caught.value) is error


@pytest.mark.parametrize("callback", [{}, {"realmId": ""}, {"realmId": "1/../2"}, {"realmId": "9" * 40}])
def test_a_callback_without_a_company_connects_nothing(callback: dict[str, str]) -> None:
    """[M4 inv-K3] The company is known from there alone."""
    http = Answers(books(0))
    with pytest.raises(GiveUp, match="which company"):
        QuickBooks().accounts(context(http), callback)
    assert http.asked == []


def test_a_query_cannot_be_talked_into_more() -> None:
    """[M4] Ids are digits before they come into a query."""
    http = Answers(lambda url, params: {"QueryResponse": {}, "time": ""})
    list(QuickBooks().fetch(context(http), "invoice", ["12", "1') OR ('1'='1", "\u0661"]))
    assert [params["query"] for _, params in http.asked] == ["SELECT * FROM Invoice WHERE Id IN ('12') MAXRESULTS 1"]


class TestInTheSandbox(Acme):
    """The books of Acme Supply."""

    def test_cash_on_account_lowers_what_is_owed(self, bench: Bench) -> None:
        """[M4 A9] The unapplied part of a payment; nothing once the payment is deleted."""
        held = bench.pull("full")
        before = held.credit_left
        assert sorted(before.values()) == [Decimal("25.00"), Decimal("50.00")]
        done = bench.act("cash_on_account", amount="30.10")
        bench.pull("changes", held.cursor, into=held)
        cash = held.credits[done["payment_id"]]
        assert (cash.kind, cash.remaining.amount) == ("unapplied_cash", Decimal("30.10"))
        bench.act("bounce", payment=done["payment_id"])
        bench.pull("changes", held.cursor, into=held)
        assert held.credit_left == before
        assert {("payment", done["payment_id"]), ("credit", done["payment_id"])} <= held.gone
        assert ("credit", done["payment_id"]) in bench.fetch("credit", done["payment_id"]).gone

    def test_a_credit_left_on_account_is_found_again(self, bench: Bench) -> None:
        """[M4 A9] By the feed, by the sweep, and by its id."""
        done = bench.act("credit", amount="12.34", apply=False)["credit_note_id"]
        for found in (bench.pull("full"), bench.pull("reconcile"), bench.fetch("credit", done)):
            assert found.credit_left[done] == Decimal("12.34")

    def test_a_deleted_invoice_comes_as_gone(self, bench: Bench) -> None:
        """[M4 A8] By the change feed, and when asked for."""
        held = bench.pull("full")
        done = bench.act("delete")["invoice_id"]
        bench.pull("changes", held.cursor, into=held)
        assert ("invoice", done) in held.gone
        assert ("invoice", done) in bench.fetch("invoice", done).gone

    def test_a_feed_cut_at_its_limit_is_completed_by_asking(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """[M4 A8] A thousand objects an answer, all entities together."""
        held = bench.pull("full")
        monkeypatch.setattr(sandbox, "CDC_MOST", 3)
        monkeypatch.setattr(connector, "CDC_LIMIT", 3)
        for _ in range(3):
            bench.act("part_pay", amount="1")
            bench.act("new_invoice", amount="5")
        bench.pull("changes", held.cursor, into=held)
        assert held.open == bench.truth()

    def test_an_invoice_without_address_has_no_pay_link(self, bench: Bench) -> None:
        """[M4 E1] QuickBooks makes none."""
        bench.act("change_email", customer="ap@cobalt.example", email=None)
        open_now = bench.control.invoices(bench.company, only_open=True)
        invoice = next(each for each in open_now if each["email"] is None)
        assert not bench.fetch("invoice", invoice["id"]).invoices[invoice["id"]].can_pay_online
        assert bench.connector.pay_link(bench.context(), invoice["id"]) is None

    def test_the_older_webhooks_are_understood_as_well(self, bench: Bench) -> None:
        """[M4 inv-N3 facts-5] Until the last company has moved."""
        bench.control.set_webhooks(qbo_form="legacy")
        with self.caught(bench) as catcher:
            done = bench.act("part_pay")
            assert bench.control.wait_webhooks(10)
        ((headers, body),) = catcher.caught
        assert "eventNotifications" in json.loads(body)
        found = bench.connector.events(headers, body)
        assert (bench.account.external_id, done["invoice_id"]) in {
            (each.account_id, each.external_id) for each in found
        }
