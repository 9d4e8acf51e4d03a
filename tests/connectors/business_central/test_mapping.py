"""What Business Central's JSON means: published samples, the facts, and anything at all."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, Event, InvoiceRecord
from connectors.business_central import mapping
from tests.connectors.foreign import ANYTHING, check, load, spoiled

INVOICE: dict[str, Any] = {
    "id": "9E0F5C9C-44e3-ea11-bb43-000d3a2feca1", "number": "PS-INV103001", "externalDocumentNumber": "",
    "customerPurchaseOrderReference": "PO-9", "invoiceDate": "2026-01-15", "dueDate": "2026-02-14",
    "customerId": "f3a5738a-44e3-ea11-bb43-000d3a2feca1", "billToCustomerId": "f3a5738a-44e3-ea11-bb43-000d3a2feca1",
    "currencyCode": "", "totalAmountIncludingTax": Decimal("172.94"), "remainingAmount": Decimal("72.94"),
    "status": "Open", "lastModifiedDateTime": "2026-01-16T00:25:58.337Z", "email": "helen.ray@contoso.com",
}  # fmt: skip
MEMO: dict[str, Any] = {
    "id": "8e0f5c9c-44e3-ea11-bb43-000d3a2feca1", "number": "1009", "creditMemoDate": "2026-01-20",
    "customerId": INVOICE["customerId"], "currencyCode": "GBP", "totalAmountIncludingTax": Decimal("7508.16"),
    "status": "Open", "lastModifiedDateTime": "2026-01-21T19:02:22.043Z",
}  # fmt: skip
CUSTOMER: dict[str, Any] = {
    "id": "f2a5738a-44e3-ea11-bb43-000d3a2feca1", "displayName": "Adatum Corporation", "blocked": " ",
    "email": "robert.townes@contoso.com", "lastModifiedDateTime": "2026-01-21T07:38:44.293Z",
}  # fmt: skip


@pytest.fixture(scope="module")
def samples(shared: Path) -> Path:
    return shared / "connectors" / "samples" / "business_central"


def invoice(**changes: Any) -> Any:
    return mapping.invoice({name: value for name, value in (INVOICE | changes).items() if value is not ...}, "DKK")


def test_it_reads_an_invoice() -> None:
    """[M4 A16 inv-M1] Every field that matters; without a currency it is in the company's own."""
    assert invoice() == InvoiceRecord(
        external_id=INVOICE["id"].lower(),
        version=1768523158337000,
        bill_to_external_id=INVOICE["customerId"],
        number="PS-INV103001",
        issued_on=date(2026, 1, 15),
        due_on=date(2026, 2, 14),
        total=Money(17294, "DKK"),
        balance=Money(7294, "DKK"),
        state="open",
        raw_state="Open",
        address_text="helen.ray@contoso.com",
        po_number="PO-9",
    )


def test_it_reads_what_was_published(samples: Path) -> None:
    """[M4 A16] An invoice, a customer and a credit memo as their handbook shows them."""
    paid = mapping.invoice(load(samples / "salesInvoice.json"), "USD")
    assert isinstance(paid, InvoiceRecord)
    assert (paid.state, paid.total, paid.balance) == ("paid", Money(17294, "USD"), Money(0, "USD"))
    customer = mapping.customer(load(samples / "customer.json"))
    assert isinstance(customer, BillToRecord)
    assert (customer.name, customer.address_text, customer.is_active) == (
        "Adatum Corporation", "robert.townes@contoso.com", True,
    )  # fmt: skip
    draft = mapping.credit_memo(load(samples / "salesCreditMemo.json"), "USD")
    assert isinstance(draft, CreditRecord)
    assert (draft.total, draft.remaining) == (Money(750816, "GBP"), Money(0, "GBP"))


@pytest.mark.parametrize(
    ("raw", "state"),
    [
        ("Draft", "draft"), ("In Review", "draft"), ("In_x0020_Review", "draft"), ("Open", "open"), ("Paid", "paid"),
        ("Canceled", "void"), ("Corrective", "unknown"), (" ", "unknown"), ("Something new", "unknown"),
    ],
)  # fmt: skip
def test_a_status_we_do_not_know_is_never_owed(raw: str, state: str) -> None:
    """[M4 inv-S3] Whatever amount stands beside it."""
    assert invoice(status=raw).state == state


@pytest.mark.parametrize(
    ("changes", "field", "wanted"),
    [
        ({"dueDate": "0001-01-01"}, "due_on", None),
        ({"billToCustomerId": mapping.NOBODY}, "bill_to_external_id", INVOICE["customerId"]),
        ({"billToCustomerId": "AA" + "0" * 34}, "bill_to_external_id", "aa" + "0" * 34),
        ({"currencyCode": "JPY", "totalAmountIncludingTax": 1000}, "total", Money(1000, "JPY")),
        ({"customerPurchaseOrderReference": "", "externalDocumentNumber": "X-1"}, "po_number", "X-1"),
        ({"status": "Canceled"}, "balance", Money(0, "DKK")),
        ({"status": "Paid"}, "settled_at", datetime(2026, 1, 16, 0, 25, 58, 337000, tzinfo=UTC)),
    ],
)
def test_its_ways_of_saying_nothing_are_understood(changes: dict[str, Any], field: str, wanted: Any) -> None:
    """[M4 A16] The first day of the year 1, a number of zeros, an empty currency."""
    if changes.get("currencyCode") == "JPY":
        changes = changes | {"remainingAmount": 10}
    assert getattr(invoice(**changes), field) == wanted


@pytest.mark.parametrize("name", ["id", "lastModifiedDateTime", "remainingAmount", "totalAmountIncludingTax"])
def test_what_cannot_be_done_without_is_quarantine(name: str) -> None:
    """[M4 inv-M1] Named, never guessed."""
    found = invoice(**{name: ...})
    assert isinstance(found, BadRecord)
    assert name in found.reason


def test_notifications_name_their_object_or_only_say_look(samples: Path) -> None:
    """[M4 inv-N3 facts-9] With and without a leading slash; a collection stands for a thousand."""
    found = mapping.events(load(samples / "webhook_notification.json"))
    company = "b18aed47-c385-49d2-b954-dbdf8ad71780"
    at = datetime(2018, 10, 26, 12, 54, 26, 57000, tzinfo=UTC)
    assert found[0] == Event(company, "customer", "130bbd17-dbb9-4790-9b12-2b0e9c9d22c3", "created", "", at)
    assert [(event.kind, event.op) for event in found] == [
        ("customer", "created"), ("customer", "deleted"), ("account", "collection"),
    ]  # fmt: skip
    assert found[2].external_id == ""


@pytest.mark.parametrize("state", ["another", "", None, 7, "\ud800"])
def test_one_wrong_client_state_refuses_the_whole_body(state: Any) -> None:
    """[M4 inv-N4] Nothing else proves that it comes from them."""
    good = {"clientState": "ours", "resource": "x"}
    assert mapping.is_ours({"value": [good, good]}, "ours")
    assert not mapping.is_ours({"value": [good, good | {"clientState": state}]}, "ours")
    assert not mapping.is_ours({"value": []}, "ours")
    assert not mapping.is_ours({"value": [good | {"clientState": ""}]}, "")


@given(raw=ANYTHING | spoiled([INVOICE, MEMO, CUSTOMER]))
def test_any_json_is_a_record_or_a_reason(raw: Any) -> None:
    """[M4 inv-M1] Never an exception, never a float, never what a database cannot hold."""
    check(mapping.invoice(raw, "DKK"))
    check(mapping.credit_memo(raw, "DKK"))
    check(mapping.customer(raw))


@given(raw=ANYTHING)
def test_any_webhook_is_events_or_a_value_error(raw: Any) -> None:
    """[M4 inv-N4] Also what nobody would send."""
    for body in (raw, {"value": raw}, {"value": [raw]}, {"value": [{"resource": raw, "clientState": raw}]}):
        assert mapping.is_ours(body, "ours") in (True, False)
        try:
            found = mapping.events(body)
        except ValueError:
            continue
        assert all(isinstance(event, Event) for event in found)
