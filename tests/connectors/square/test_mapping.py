"""What Square's published samples mean."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.money import Money
from connectors.base import BadRecord, BillToRecord, Event, Instalment, InvoiceRecord, MustReconnect, PaymentRecord
from connectors.fields import parse_json
from connectors.sandbox.square import signature
from connectors.square import mapping
from connectors.square.connector import Square
from tests.connectors.foreign import ANYTHING, check, load

WHEN = {"id": "inv:0-1", "updated_at": "2026-05-04T10:00:00Z", "created_at": "2026-05-01T04:30:00Z"}
PAYER = {"customer_id": "JDKYHBWT", "email_address": "ap@cobalt.example"}


def usd(minor: int) -> dict[str, Any]:
    return {"amount": minor, "currency": "USD"}


def request(due: str, asked: int, done: int, **rest: Any) -> dict[str, Any]:
    return {"due_date": due, "computed_amount_money": usd(asked), "total_completed_amount_money": usd(done)} | rest


def invoice(*requests: dict[str, Any], status: str = "UNPAID", **rest: Any) -> InvoiceRecord:
    found = mapping.invoice(
        WHEN | {"status": status, "primary_recipient": PAYER, "payment_requests": list(requests)} | rest
    )
    assert isinstance(found, InvoiceRecord), found
    return found


def test_the_published_invoices_are_read(shared: Path) -> None:
    """[M4 A16] A draft, and one with a deposit paid and its balance owed."""
    draft, owed = (
        mapping.invoice(row) for row in load(shared / "connectors/samples/square/list_invoices.json")["invoices"]
    )
    assert isinstance(draft, InvoiceRecord)
    assert isinstance(owed, InvoiceRecord)
    assert (draft.state, draft.number, draft.bill_to_external_id) == ("draft", "inv-100", "JDKYHBWT1D4F8MFH63DBMEN8Y4")
    assert draft.address_text == "Amelia.Earhart@example.com"
    assert draft.issued_on == date(2030, 1, 13)
    assert (owed.total, owed.balance) == (Money(4000, "USD"), Money(3000, "USD"))
    assert owed.due_on == date(2021, 6, 15)
    assert owed.is_autopay
    assert owed.instalments == (
        Instalment(date(2021, 1, 23), 1000, 0), Instalment(date(2021, 6, 15), 3000, 3000),
    )  # fmt: skip


def test_three_requests_partly_paid_owe_the_earliest_first() -> None:
    """[M4 A10 facts-7] The invoice's due date is that of the first part that is still owed."""
    found = invoice(
        request("2026-05-01", 30_000, 30_000), request("2026-06-01", 30_000, 12_000), request("2026-07-01", 30_000, 0),
        status="PARTIALLY_PAID",
    )  # fmt: skip
    assert (found.total.minor, found.balance.minor, found.due_on) == (90_000, 48_000, date(2026, 6, 1))
    assert [part.balance_minor for part in found.instalments] == [0, 18_000, 30_000]
    assert found.state == "open"


def test_an_invoice_without_a_page_cannot_be_paid_online() -> None:
    """[M4 E1 facts-7] The address comes with publishing."""
    assert not invoice(request("2026-05-01", 100, 0)).can_pay_online
    assert invoice(request("2026-05-01", 100, 0), public_url="https://squareup.com/pay-invoice/x").can_pay_online


@pytest.mark.parametrize(
    ("status", "state", "balance"),
    [
        ("DRAFT", "draft", 100), ("SCHEDULED", "draft", 100), ("UNPAID", "open", 100), ("PARTIALLY_PAID", "open", 100),
        ("PAID", "paid", 0), ("REFUNDED", "paid", 0), ("PARTIALLY_REFUNDED", "paid", 0), ("CANCELED", "void", 0),
        ("PAYMENT_PENDING", "unknown", 100), ("FAILED", "unknown", 100), ("", "unknown", 100), ("NEW", "unknown", 100),
    ],
)  # fmt: skip
def test_only_what_is_surely_owed_is_open(status: str, state: str, balance: int) -> None:
    """[M4 inv-S3] A payment that is under way, and a word we do not know, are nobody's to remind of."""
    found = invoice(request("2026-05-01", 100, 0), status=status)
    assert (found.state, found.balance.minor, found.raw_state) == (state, balance, status)


def test_more_than_asked_for_is_not_owed_back() -> None:
    """[M4 inv-M1] A tip or rounding on top leaves nothing below zero."""
    assert invoice(request("2026-05-01", 100, 115), status="PARTIALLY_PAID").balance.minor == 0


@pytest.mark.parametrize(
    "requests",
    [[], [request("2026-05-01", 100, 0), {"computed_amount_money": {"amount": 1, "currency": "EUR"}}], ["x"], [{}]],
)
def test_what_cannot_be_summed_goes_into_quarantine(requests: list[Any]) -> None:
    """[M4 inv-M2] No requests, or of two currencies."""
    raw = WHEN | {"status": "UNPAID", "primary_recipient": PAYER, "payment_requests": requests}
    assert isinstance(mapping.invoice(raw), BadRecord)


def test_customer_and_payment_are_read(shared: Path) -> None:
    """[M4 A5] A person without a company has a name all the same; only what is completed was paid."""
    samples = shared / "connectors/samples/square"
    found = mapping.customer(load(samples / "list_customers.json")["customers"][0])
    assert isinstance(found, BillToRecord)
    assert (found.name, found.address_text) == ("Amelia Earhart", "Amelia.Earhart@example.com")
    row = load(samples / "list_payments.json")["payments"][0]
    paid = mapping.payment(row, "inv:0-1", "JDK")
    assert isinstance(paid, PaymentRecord)
    assert (paid.amount, paid.method, paid.applied) == (Money(555, "USD"), "card", (("inv:0-1", 555),))
    gone = mapping.payment(row | {"status": "CANCELED"}, "inv:0-1", "JDK")
    assert isinstance(gone, PaymentRecord)
    assert (gone.amount.minor, gone.applied) == (0, ())


def test_the_token_ends_at_an_instant(shared: Path) -> None:
    """[M4 inv-K4] Square names no number of seconds."""
    found = mapping.tokens(load(shared / "connectors/samples/square/obtain_token.json"))
    assert found.expires_at == datetime(2025, 4, 3, 18, 31, 6, tzinfo=UTC)
    assert found.extra == {"merchant_id": "MLQW2MYBY81PZ"}
    with pytest.raises(MustReconnect):
        mapping.tokens({"errors": [{"category": "AUTHENTICATION_ERROR", "code": "UNAUTHORIZED"}]})


@pytest.mark.parametrize(
    ("name", "op"),
    [("canceled", "canceled"), ("charge_failed", "scheduled_charge_failed"), ("payment_made", "payment_made"),
     ("published", "published"), ("refunded", "refunded"), ("updated", "updated")],
)  # fmt: skip
def test_the_published_events_point_at_their_invoice(shared: Path, name: str, op: str) -> None:
    """[M4 inv-N3] Merchant, invoice and the id that repeats with a redelivery."""
    body = (shared / f"connectors/samples/square/webhook_invoice_{name}.json").read_bytes()
    (event,) = mapping.events(parse_json(body))
    assert isinstance(event, Event)
    assert (event.account_id, event.kind, event.op) == ("031FEV2Q6VMPK", "invoice", op)
    assert event.external_id == "inv:0-ChCHu2mZEabLeeHahQnXDjZQECY"
    assert len(event.event_id) == 36


def test_a_signature_holds_for_its_own_address_only() -> None:
    """[M4 inv-N4 facts-7] What a proxy made of the host is not what Square signed."""
    registered, now = "https://sheaf.example/webhooks/square", datetime.now(UTC)
    headers = {"X-Square-HmacSha256-Signature": signature(registered, "{}", "key")}
    assert Square().verify(headers, b"{}", "key", now, registered)
    assert not Square().verify(headers, b"{}", "key", now, "http://10.0.0.7:8000/webhooks/square")
    assert not Square().verify(headers, b"{}", "key", now, registered + "/")


@given(raw=ANYTHING | st.fixed_dictionaries({"id": ANYTHING, "payment_requests": ANYTHING, "status": ANYTHING}))
@settings(max_examples=80)
def test_anything_at_all_is_a_record_or_quarantined(raw: Any) -> None:
    """[M4 inv-N4] Never an exception."""
    for record in (mapping.invoice(raw), mapping.customer(raw), mapping.payment(raw, "inv", "payer")):
        check(record)
    mapping.ordered(raw)
    mapping.changed_at(raw)
    try:
        mapping.events(raw)
    except ValueError:
        return
