"""What Sage Accounting's JSON means: the facts, and anything at all. No samples are published: FACTS.md section 7."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, Gone, InvoiceRecord, PaymentRecord
from connectors.sage import mapping
from tests.connectors.foreign import ANYTHING, check, spoiled

INVOICE: dict[str, Any] = {
    "id": "6c1d1e9c5a0b4c6f8f2e1d3b5a7c9e0f", "displayed_as": "SI-7", "invoice_number": "SI-7", "reference": "PO-9",
    "contact": {"id": "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "displayed_as": "Bowman"}, "date": "2026-05-01",
    "due_date": "2026-05-31", "currency": {"id": "GBP"}, "total_amount": Decimal("40.60"), "outstanding_amount": "12.0",
    "status": {"id": "PART_PAID"}, "updated_at": "2026-06-01T10:20:30Z",
}  # fmt: skip
PAYMENT: dict[str, Any] = {
    "id": "7c1d1e9c5a0b4c6f8f2e1d3b5a7c9e0f", "transaction_type": {"id": "CUSTOMER_RECEIPT"}, "date": "2026-05-09",
    "contact": INVOICE["contact"], "currency": {"id": "GBP"}, "total_amount": "30.0",
    "updated_at": "2026-05-09T08:00:00Z",
    "allocated_artefacts": [{"artefact": {"id": INVOICE["id"]}, "amount": "28.6"}],
    "payment_on_account": {"outstanding_amount": "1.4"},
}  # fmt: skip
CREDIT: dict[str, Any] = INVOICE | {"credit_note_number": "CN-1", "total_amount": "10", "outstanding_amount": "4.5"}
CONTACT: dict[str, Any] = {
    "id": INVOICE["contact"]["id"], "name": "Bowman", "contact_types": [{"id": "CUSTOMER"}], "deleted_at": None,
    "main_contact_person": {"email": "ap@bowman.example"}, "updated_at": "2026-05-03T00:00:00Z",
}  # fmt: skip
NOW = datetime(2026, 6, 2, tzinfo=UTC)


def invoice(**changes: Any) -> Any:
    return mapping.invoice({name: value for name, value in (INVOICE | changes).items() if value is not ...})


def test_it_reads_an_invoice() -> None:
    """[M4 A16 inv-M1] Every field that matters; amounts written as text are as exact as numbers."""
    assert invoice() == InvoiceRecord(
        external_id=INVOICE["id"],
        version=1780309230000000,
        bill_to_external_id=INVOICE["contact"]["id"],
        number="SI-7",
        issued_on=date(2026, 5, 1),
        due_on=date(2026, 5, 31),
        total=Money(4060, "GBP"),
        balance=Money(1200, "GBP"),
        state="open",
        raw_state="PART_PAID",
        po_number="PO-9",
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [("DRAFT", "draft"), ("UNPAID", "open"), ("PART_PAID", "open"), ("PAID", "paid"), ("VOID", "void"),
     ("Unpaid", "unknown"), (None, "unknown")],
)  # fmt: skip
def test_unknown_states_are_never_open(status: Any, state: str) -> None:
    """[M4 inv-S3] The ids of statuses are recalled, not read: what is not known is not dunned."""
    found = invoice(status={"id": status})
    assert found.state == state
    assert found.balance.minor == (0 if state == "void" else 1200)


def test_it_reads_the_rest() -> None:
    """[M4 A5 A10] Contacts, credit notes, receipts, and what of a receipt is left on account."""
    contact, credit = mapping.contact(CONTACT), mapping.credit_note(CREDIT)
    assert isinstance(contact, BillToRecord)
    assert (contact.address_text, contact.is_active) == ("ap@bowman.example", True)
    assert mapping.contact(CONTACT | {"contact_types": [{"id": "VENDOR"}]}) is None
    assert isinstance(credit, CreditRecord)
    assert (credit.number, credit.remaining) == ("CN-1", Money(450, "GBP"))
    assert mapping.credit_note(CREDIT | {"status": {"id": "VOID"}}).remaining.minor == 0  # type: ignore[union-attr]
    payment, left = mapping.payment(PAYMENT), mapping.on_account(PAYMENT)
    assert isinstance(payment, PaymentRecord)
    assert (payment.amount, payment.applied) == (Money(3000, "GBP"), ((INVOICE["id"], 2860),))
    assert isinstance(left, CreditRecord)
    assert (left.kind, left.remaining) == ("unapplied_cash", Money(140, "GBP"))
    used_up = mapping.on_account(PAYMENT | {"payment_on_account": None})
    assert isinstance(used_up, CreditRecord)
    assert used_up.remaining.minor == 0
    assert mapping.payment(PAYMENT | {"transaction_type": {"id": "VENDOR_PAYMENT"}}) is None


def test_what_was_deleted_is_newer_than_what_it_was() -> None:
    """[M4 inv-N3] By the time it names, else by ours."""
    row = {"id": INVOICE["id"], "deleted_at": "2026-06-01T11:00:00Z"}
    assert mapping.deletion("invoice", row, NOW) == Gone("invoice", INVOICE["id"], 1780311600000000)
    assert mapping.deletion("invoice", {"id": INVOICE["id"]}, NOW).version == 1780358400000000  # type: ignore[union-attr]
    assert isinstance(mapping.deletion("invoice", {}, NOW), BadRecord)


def test_an_access_token_lasts_five_minutes_unless_it_says() -> None:
    """[M4 inv-K4] And brings a new refresh token every time."""
    found = mapping.tokens({"access_token": "a", "refresh_token": "r2"}, NOW)
    assert (found.refresh_token, found.expires_at) == ("r2", NOW + timedelta(minutes=5))


@given(raw=ANYTHING | spoiled([INVOICE, PAYMENT, CREDIT, CONTACT]))
def test_any_json_is_a_record_or_a_reason(raw: Any) -> None:
    """[M4 inv-M1] Never an exception, never a float, never what a database cannot hold."""
    for mapper in (mapping.invoice, mapping.contact, mapping.credit_note, mapping.payment, mapping.on_account):
        check(mapper(raw))
    check(mapping.deletion("invoice", raw, NOW))
