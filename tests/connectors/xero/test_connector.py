"""What is peculiar to asking Xero."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.money import Money
from connectors import registry
from connectors.base import (
    Account,
    Context,
    Forbidden,
    GiveUp,
    NotFound,
    OutsidePayment,
    ProviderError,
    RateLimited,
    Response,
    RetryLater,
)
from connectors.http import HttpClient, RateGate
from connectors.sandbox.app import create_sandbox
from connectors.sandbox.client import SandboxControl
from connectors.xero.connector import Xero
from tests.connectors.contract import Bench, Birch
from tests.connectors.foreign import load
from tests.support.server import live_server

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
TENANT = "fe79f7dd-b6d4-4a92-ba7b-538af6289c58"


class Answers:
    """An Http that gives each path its answer, and remembers what it was asked."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any], dict[str, str]]] = []

    def get(self, url: str, *, params: Any = None, headers: Any = None) -> Response:
        path = url.rpartition("/api.xro/2.0/")[2]
        self.asked.append((path, dict(params or {}), dict(headers or {})))
        found = self.answers.get(path, {})
        return found if isinstance(found, Response) else Response(200, {}, b"", found)

    def send(self, method: str, url: str, **_: Any) -> Response:
        raise AssertionError("nothing is changed here")

    def post(self, url: str, **_: Any) -> Response:
        raise AssertionError("nothing is posted here")


def context(http: Answers) -> Context:
    return Context(http, registry.endpoints("xero"), NOW, None, Account(TENANT, "Demo", "NZD"))


def test_it_replays_the_published_lists(shared: Path) -> None:
    """[M4 A8 A9] Invoices, contacts, credits and payments, as Xero's own examples show them."""
    samples = shared / "connectors" / "samples" / "xero"
    names = {
        "Invoices": "invoices", "Contacts": "contacts", "CreditNotes": "credit_notes", "Payments": "payments",
        "Overpayments": "overpayments", "Prepayments": "prepayments",
    }  # fmt: skip
    http = Answers({path: load(samples / f"{name}_list.json") for path, name in names.items()})
    (batch,) = Xero().pull(context(http), {}, "full")
    assert batch.invoices
    assert batch.payments
    assert {each.kind for each in batch.credits} == {"credit_note", "unapplied_cash"}
    assert {each.address_text for each in batch.bill_tos} == {"kat.warren@clampett.com", "lparker@parkerandco.com"}
    assert not batch.bad
    for path, params, headers in http.asked:
        assert headers["Xero-tenant-id"] == TENANT
        assert headers["Accept"] == "application/json"
        if path == "Invoices":
            assert (params["Statuses"], params["where"], params["page"]) == ("AUTHORISED", 'Type=="ACCREC"', 1)


def test_changes_are_asked_for_without_a_filter_on_the_status() -> None:
    """[M4 A8] Or what was paid or voided would never reach us."""
    http = Answers({})
    (batch,) = Xero().pull(context(http), {"since": "2026-05-01T08:00:00+02:00"}, "changes")
    assert batch.next_cursor == {"since": (NOW - timedelta(minutes=5)).isoformat()}
    assert all("Statuses" not in params for _, params, _ in http.asked)
    assert {headers["If-Modified-Since"] for _, _, headers in http.asked} == {"2026-05-01T05:59:59"}


def test_a_smaller_page_than_asked_for_is_read_on() -> None:
    """[M4] The answer says what page size was granted; without it, a page is a hundred."""

    def invoice(number: int) -> dict[str, Any]:
        return {
            "Type": "ACCREC", "InvoiceID": f"{number:08d}-0000-4000-8000-000000000000", "Status": "AUTHORISED",
            "AmountDue": 1, "Total": 1, "CurrencyCode": "NZD", "Contact": {"ContactID": TENANT},
            "UpdatedDateUTC": f"/Date({number}000+0000)/",
        }  # fmt: skip

    class Small(Answers):
        pagination = True

        def get(self, url: str, *, params: Any = None, headers: Any = None) -> Response:
            response = super().get(url, params=params, headers=headers)
            if not url.endswith("/Invoices"):
                return response
            since = (headers or {}).get("If-Modified-Since")
            first = int(datetime.fromisoformat(since + "+00:00").timestamp()) if since else 0
            rows = [invoice(number) for number in range(1, 251) if number > first]
            page = rows[(params["page"] - 1) * 100 : params["page"] * 100]
            about = {"page": params["page"], "pageSize": 100, "pageCount": -(-len(rows) // 100), "itemCount": len(rows)}
            return Response(200, {}, b"", {"Invoices": page} | ({"pagination": about} if self.pagination else {}))

    for pagination in (True, False):
        http = Small({})
        http.pagination = pagination
        (batch,) = Xero().pull(context(http), {}, "reconcile")
        assert len(batch.invoices) == 250


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (Response(200, {}, b"<html>", None), RetryLater),
        (Response(200, {}, b"[]", []), RetryLater),
        (Response(400, {}, b"", {"ErrorNumber": 10, "Type": "ValidationException", "Message": "no"}), GiveUp),
        (Response(403, {}, b"", {"Title": "Forbidden", "Detail": "AuthenticationUnsuccessful"}), Forbidden),
        (Response(404, {}, b"The resource you're looking for cannot be found", None), NotFound),
        (Response(412, {}, b"", None), GiveUp),
    ],
)
def test_an_error_is_named_by_what_to_do_next(response: Response, error: type[ProviderError]) -> None:
    """[M4] JSON, plain text, or a page of HTML with a good status."""
    with pytest.raises(error):
        list(Xero().pull(context(Answers({"Invoices": response})), {}, "full"))


def test_a_bill_that_an_event_names_is_neither_ours_nor_gone() -> None:
    """[M4 A8] Xero tells of the vendor's own bills as well."""
    bill = {"Type": "ACCPAY", "InvoiceID": TENANT}
    note = {"Type": "ACCPAYCREDIT", "CreditNoteID": TENANT}
    http = Answers({"Invoices": {"Invoices": [bill]}, f"CreditNotes/{TENANT}": {"CreditNotes": [note]}})
    for kind in ("invoice", "credit", "account"):
        (batch,) = Xero().fetch(context(http), kind, [TENANT])
        assert len(batch) == 0
    (batch,) = Xero().fetch(context(Answers({})), "invoice", [TENANT])
    assert len(batch.gone) == 1


def test_the_organisation_of_the_samples_is_an_account(shared: Path) -> None:
    """[M4 A1] Name, currency and country from its own answer; other kinds of tenants are left out."""
    samples = shared / "connectors" / "samples" / "xero"
    rows = load(samples / "connections.json")
    practice = rows[0] | {"tenantType": "PRACTICEMANAGER", "tenantId": "00000000-0000-4000-8000-000000000000"}
    answers = {
        "https://api.xero.com/connections": [*rows, practice],
        "Organisation": load(samples / "organisation.json"),
    }
    (found,) = Xero().accounts(context(Answers(answers)), {})
    assert found == Account(TENANT, "Dev Evangelist - Sid Test 3 (NZ-2016-02)", "NZD", "Pacific/Auckland", "NZ")


class TestInTheSandbox(Birch):
    """The books of Birch & Sons."""

    def test_money_received_ahead_lowers_what_is_owed(self, bench: Bench) -> None:
        """[M4 A9] Credit notes, overpayments and prepayments, by feed and by id."""
        held = bench.pull("full")
        assert sorted(held.credit_left.values()) == [Decimal("40.00"), Decimal("59.50"), Decimal("75.00")]
        done = [
            bench.act("cash_on_account", amount="30", kind=kind)["payment_id"] for kind in ("overpayment", "prepayment")
        ]
        bench.pull("changes", held.cursor, into=held)
        for each in done:
            assert (held.credits[each].kind, held.credit_left[each]) == ("unapplied_cash", Decimal("30"))
        note = next(name for name, each in held.credits.items() if each.kind == "credit_note")
        assert bench.fetch("credit", note).credits[note].kind == "credit_note"

    def test_a_contact_comes_with_its_first_invoice(self, bench: Bench) -> None:
        """[M4 A5] Suppliers are contacts, too, and none of our business, by feed or by event."""
        held = bench.pull("full")
        mill = bench.act("new_customer", name="Paper Mill Ltd", email="sales@mill.example")["customer_id"]
        bench.pull("changes", held.cursor, into=held)
        bench.fetch("customer", mill, into=held)
        assert mill not in held.bill_tos
        assert ("customer", mill) not in held.gone
        bench.act("new_invoice", customer=mill, amount="12.00")
        bench.pull("changes", held.cursor, into=held)
        assert held.bill_tos[mill].address_text == "sales@mill.example"
        assert held.open == bench.truth()

    def test_an_overpaid_invoice_is_paid_and_leaves_the_rest(self, bench: Bench) -> None:
        """[M4 A8 A9] Short, exact, over."""
        held = bench.pull("full")
        invoice = min(held.invoices.values(), key=lambda each: each.balance.minor)
        bench.act("pay", invoice=invoice.external_id, amount=str(invoice.balance.amount + 10))
        before = set(held.credit_left)
        bench.pull("changes", held.cursor, into=held)
        assert held.invoices[invoice.external_id].state == "paid"
        assert [held.credit_left[each] for each in set(held.credit_left) - before] == [Decimal("10")]

    def test_a_payment_that_bounced_is_worth_nothing(self, bench: Bench) -> None:
        """[M4 A8] And its invoice is open again."""
        held = bench.pull("full")
        done = bench.act("pay")
        bench.pull("changes", held.cursor, into=held)
        bench.act("reopen", invoice=done["invoice_id"])
        bench.pull("changes", held.cursor, into=held)
        assert held.invoices[done["invoice_id"]].state == "open"
        payment = held.payments[done["payment_id"]]
        assert (payment.amount.minor, payment.applied) == (0, ())
        assert bench.fetch("payment", done["payment_id"]).payments[done["payment_id"]].amount.minor == 0

    def test_a_draft_has_no_pay_page(self, bench: Bench) -> None:
        """[M4 E1] Xero says so with a 400."""
        drafts = [each for each in bench.control.invoices(bench.company) if each["status"] == "draft"]
        assert bench.connector.pay_link(bench.context(), drafts[0]["id"]) is None

    def test_only_the_vendor_can_choose_between_two_bank_accounts(self, bench: Bench) -> None:
        """[M4 A8] A payment is booked to the one bank account of its currency, and where there is another number of
        them the vendor is told so; nothing is entered."""
        row = bench.row()
        paid = OutsidePayment(
            "k1", row["id"], row["customer_id"], Money(1000, "JPY"), date(2026, 11, 20), "Bank transfer"
        )
        with pytest.raises(GiveUp, match="no bank accounts in JPY"):
            bench.connector.post_payment(bench.context(), paid)
        assert bench.row(row["id"])["balance"] == row["balance"]

    def test_the_minutes_limit_is_kept(self, bench: Bench) -> None:
        """[M4] Sixty calls a minute; then the wait that Xero names, not one call more."""
        bench.control.enforce_limits()
        context = bench.context()
        gate = RateGate(10_000)
        http = HttpClient(
            context.endpoints, "Xero", gate=gate, authorization=lambda: f"Bearer {bench.tokens.access_token}"
        )
        hurried = Context(http, context.endpoints, context.now, context.tokens, context.account)
        invoice = bench.control.invoices(bench.company, only_open=True)[0]["id"]

        def ask_often() -> None:
            for _ in range(80):
                bench.connector.pay_link(hurried, invoice)

        with pytest.raises(RateLimited) as caught:
            ask_often()
        assert caught.value.after
        assert caught.value.after <= 60
        bench.control.reset_calls()
        with pytest.raises(RateLimited):
            ask_often()
        assert bench.control.calls(bench.company, "OnlineInvoice") == 0


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxControl]:
    """Three organisations of one user."""
    names = ("North Ltd", "South Ltd", "West Ltd")
    zones = ("Europe/London", "Pacific/Auckland", "Asia/Ulaanbaatar")
    companies = [
        {"provider": "xero", "name": name, "currency": "GBP", "timezone": zone, "country": "GB", "owner": "o@n.example"}
        for name, zone in zip(names, zones, strict=True)
    ]
    file = tmp_path / "world.json"
    file.write_text(json.dumps({"companies": companies}))
    with live_server(create_sandbox(str(file))) as base, SandboxControl(base) as control:
        for name, value in control.settings().items():
            monkeypatch.setenv(name, value)
        yield control


def test_one_consent_may_open_several_organisations(several: SandboxControl) -> None:
    """[M4 A1] Those of this consent, not those of an earlier one by the same person."""
    several.grant("West Ltd")
    grant = several.grant("North Ltd", "South Ltd")
    connector = registry.get("xero")
    tokens = connector.parse_token({name: grant[name] for name in ("access_token", "refresh_token")}, datetime.now(UTC))
    endpoints = registry.endpoints("xero")
    http = HttpClient(endpoints, "Xero", authorization=lambda: f"Bearer {tokens.access_token}")
    found = connector.accounts(Context(http, endpoints, datetime.now(UTC), tokens), {})
    assert {(each.name, each.currency, each.zone) for each in found} == {
        ("North Ltd", "GBP", "Europe/London"), ("South Ltd", "GBP", "Pacific/Auckland"),
    }  # fmt: skip
