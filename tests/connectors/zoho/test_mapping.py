"""What Zoho Books' JSON means: the facts, and anything at all. No samples are published: FACTS.md section 6."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, InvoiceRecord, PaymentRecord
from connectors.zoho import mapping
from tests.connectors.foreign import ANYTHING, check, spoiled

INVOICE: dict[str, Any] = {
    "invoice_id": "982000000567114", "invoice_number": "INV-00003", "reference_number": "PO-9", "status": "overdue",
    "customer_id": "982000000567001", "customer_name": "Bowman & Co", "email": "ap@bowman.example",
    "date": "2026-05-01", "due_date": "2026-05-31", "currency_code": "EUR", "total": Decimal("40.60"), "balance": 12,
    "invoice_url": "https://books.zoho.eu/portal/x/secure?CInvoiceID=2-1",
    "last_modified_time": "2026-06-01T10:20:30-0700",
}  # fmt: skip
PAYMENT: dict[str, Any] = {
    "payment_id": "982000000567190", "payment_number": "7", "customer_id": INVOICE["customer_id"], "date": "2026-05-09",
    "payment_mode": "banktransfer", "currency_code": "EUR", "amount": Decimal("30.00"), "unused_amount": Decimal("1.4"),
    "invoices": [{"invoice_id": INVOICE["invoice_id"], "amount_applied": Decimal("28.6")}],
    "last_modified_time": "2026-05-09T08:00:00+0200",
}  # fmt: skip
CREDIT: dict[str, Any] = {
    "creditnote_id": "982000000567200", "creditnote_number": "CN-1", "status": "open", "date": "2026-05-02",
    "customer_id": INVOICE["customer_id"], "currency_code": "EUR", "total": 10, "balance": Decimal("4.5"),
    "last_modified_time": "2026-05-03T00:00:00Z",
}  # fmt: skip
CONTACT: dict[str, Any] = {
    "contact_id": INVOICE["customer_id"], "contact_name": "Bowman & Co", "contact_type": "customer", "status": "active",
    "email": "ap@bowman.example", "last_modified_time": "2026-05-03T00:00:00Z",
}  # fmt: skip
NOW = datetime(2026, 6, 2, tzinfo=UTC)


def invoice(**changes: Any) -> Any:
    return mapping.invoice({name: value for name, value in (INVOICE | changes).items() if value is not ...})


def test_it_reads_an_invoice() -> None:
    """[M4 A16 inv-M1] Every field that matters; the version is the change in microseconds, whatever its offset."""
    assert invoice() == InvoiceRecord(
        external_id="982000000567114",
        version=1780334430000000,
        bill_to_external_id="982000000567001",
        number="INV-00003",
        issued_on=date(2026, 5, 1),
        due_on=date(2026, 5, 31),
        total=Money(4060, "EUR"),
        balance=Money(1200, "EUR"),
        state="open",
        raw_state="overdue",
        po_number="PO-9",
        can_pay_online=True,
    )


@pytest.mark.parametrize(
    ("status", "state"),
    [("draft", "draft"), ("sent", "open"), ("viewed", "open"), ("unpaid", "open"), ("partially_paid", "open"),
     ("overdue", "open"), ("paid", "paid"), ("void", "void"), ("Sent", "unknown"), (..., "unknown")],
)  # fmt: skip
def test_unknown_states_are_never_open(status: Any, state: str) -> None:
    """[M4 inv-S3] The raw word stays beside it; what is void owes nothing."""
    found = invoice(status=status)
    assert found.state == state
    assert found.balance.minor == (0 if state == "void" else 1200)
    assert bool(found.settled_at) is (state in ("paid", "void"))


def test_it_reads_the_rest() -> None:
    """[M4 A5 A10] Contacts, credit notes, payments, and what of a payment is left on account."""
    contact, credit = mapping.contact(CONTACT), mapping.credit_note(CREDIT)
    assert isinstance(contact, BillToRecord)
    assert (contact.name, contact.address_text, contact.is_active) == ("Bowman & Co", "ap@bowman.example", True)
    assert mapping.contact(CONTACT | {"contact_type": "vendor"}) is None
    assert isinstance(credit, CreditRecord)
    assert (credit.total, credit.remaining) == (Money(1000, "EUR"), Money(450, "EUR"))
    for status in ("draft", "closed", "void"):
        assert mapping.credit_note(CREDIT | {"status": status}).remaining.minor == 0  # type: ignore[union-attr]
    payment, unused = mapping.payment(PAYMENT), mapping.unused(PAYMENT)
    assert isinstance(payment, PaymentRecord)
    assert (payment.amount, payment.applied) == (Money(3000, "EUR"), ((INVOICE["invoice_id"], 2860),))
    assert isinstance(unused, CreditRecord)
    assert (unused.kind, unused.remaining) == ("unapplied_cash", Money(140, "EUR"))


@pytest.mark.parametrize("field", ["currency_code", "balance", "total", "customer_id", "last_modified_time"])
def test_what_cannot_be_understood_is_set_aside_with_a_reason(field: str) -> None:
    """[M4 inv-M1] Quarantine, never a guess."""
    found = invoice(**{field: ...})
    assert isinstance(found, BadRecord)
    assert field in found.reason


def test_a_token_answer_says_where_the_books_are() -> None:
    """[M4 inv-K4] The data centre stays with the grant; an hour unless it says."""
    found = mapping.tokens({"access_token": "a", "refresh_token": "r", "api_domain": "https://www.zohoapis.eu"}, NOW)
    assert found.extra == {"api_domain": "https://www.zohoapis.eu"}
    assert found.expires_at == NOW + timedelta(hours=1)


@given(raw=ANYTHING | spoiled([INVOICE, PAYMENT, CREDIT, CONTACT]))
def test_any_json_is_a_record_or_a_reason(raw: Any) -> None:
    """[M4 inv-M1] Never an exception, never a float, never what a database cannot hold."""
    mapping.changed_at(raw)
    for mapper in (mapping.invoice, mapping.contact, mapping.credit_note, mapping.payment, mapping.unused):
        check(mapper(raw))
