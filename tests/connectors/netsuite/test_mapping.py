"""What NetSuite's rows mean: the facts, and anything at all. No samples are published: FACTS.md section 9."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, InvoiceRecord, PaymentRecord
from connectors.netsuite import mapping
from tests.connectors.foreign import ANYTHING, check, spoiled

INVOICE: dict[str, Any] = {
    "links": [], "id": "4711", "type": "CustInvc", "tranid": "INV1007", "entity": "12", "issued": "2026-05-01",
    "due": "2026-05-31", "currency": "USD", "foreigntotal": "40.6", "foreignamountunpaid": "12", "status": "A",
    "voided": "F", "otherrefnum": "PO-9",
}  # fmt: skip
PAYMENT: dict[str, Any] = {
    "id": "4712", "type": "CustPymt", "tranid": "PYMT12", "entity": "12", "issued": "2026-05-09", "currency": "USD",
    "foreigntotal": "-30", "foreignpaymentamountunused": "1.4", "status": "C", "voided": "F",
}  # fmt: skip
CREDIT: dict[str, Any] = PAYMENT | {"id": "4713", "type": "CustCred", "tranid": "CM9"}
CUSTOMER: dict[str, Any] = {"id": "12", "entityid": "12 Bowman", "companyname": "Bowman", "email": "ap@bowman.example"}
PART = {"payment": "4712", "invoice": "4711", "amount": "28.6"}
NOW = datetime(2026, 6, 2, tzinfo=UTC)


def invoice(**changes: Any) -> Any:
    return mapping.invoice({name: value for name, value in (INVOICE | changes).items() if value is not ...}, 9)


def test_it_reads_an_invoice() -> None:
    """[M4 A16 inv-M1] Every field that matters, all of them text; the version is the moment we asked."""
    assert invoice() == InvoiceRecord(
        external_id="4711",
        version=9,
        bill_to_external_id="12",
        number="INV1007",
        issued_on=date(2026, 5, 1),
        due_on=date(2026, 5, 31),
        total=Money(4060, "USD"),
        balance=Money(1200, "USD"),
        state="open",
        raw_state="A",
        po_number="PO-9",
    )
    assert invoice(due=..., otherrefnum=...).due_on is None  # what has no value is left out


@pytest.mark.parametrize(
    ("status", "voided", "state"),
    [("A", "F", "open"), ("CustInvc:A", "F", "open"), ("B", "F", "paid"), ("V", "F", "void"), ("A", "T", "void"),
     ("D", "F", "unknown"), (..., "F", "unknown")],
)  # fmt: skip
def test_unknown_states_are_never_open(status: Any, voided: str, state: str) -> None:
    """[M4 inv-S3] The letters are recalled, not read: what is not known is not dunned."""
    found = invoice(status=status, voided=voided)
    assert found.state == state
    assert found.balance.minor == (0 if state == "void" else 1200)


def test_it_reads_the_rest() -> None:
    """[M4 A5 A10] Customers, credits, payments; totals below zero are what they lower the ledger by."""
    customer, credit = mapping.customer(CUSTOMER, 9), mapping.credit(CREDIT, 9)
    assert isinstance(customer, BillToRecord)
    assert (customer.name, customer.address_text, customer.is_active) == ("Bowman", "ap@bowman.example", True)
    assert isinstance(credit, CreditRecord)
    assert (credit.kind, credit.total, credit.remaining) == ("credit_note", Money(3000, "USD"), Money(140, "USD"))
    unused, payment = mapping.credit(PAYMENT, 9), mapping.payment(PAYMENT, 9, [PART])
    assert isinstance(unused, CreditRecord)
    assert unused.kind == "unapplied_cash"
    assert isinstance(payment, PaymentRecord)
    assert (payment.amount, payment.applied) == (Money(3000, "USD"), (("4711", 2860),))
    void = mapping.payment(PAYMENT | {"voided": "T"}, 9, [PART])
    assert isinstance(void, PaymentRecord)
    assert (void.amount.minor, void.applied) == (0, ())


@pytest.mark.parametrize("field", ["currency", "foreigntotal", "foreignamountunpaid", "entity", "id"])
def test_what_cannot_be_understood_is_set_aside_with_a_reason(field: str) -> None:
    """[M4 inv-M1] Quarantine, never a guess."""
    found = invoice(**{field: ...})
    assert isinstance(found, BadRecord)
    assert field in found.reason


def test_an_access_token_lasts_as_long_as_it_says_in_text() -> None:
    """[M4 inv-K4] Sixty minutes otherwise; a renewal need not bring a new refresh token."""
    assert mapping.tokens({"access_token": "a", "expires_in": "60"}, NOW).expires_at == NOW + timedelta(minutes=1)
    assert mapping.tokens({"access_token": "a"}, NOW).expires_at == NOW + timedelta(hours=1)


@given(raw=ANYTHING | spoiled([INVOICE, PAYMENT, CREDIT, CUSTOMER]), parts=ANYTHING | spoiled([[PART]]))
def test_any_json_is_a_record_or_a_reason(raw: Any, parts: Any) -> None:
    """[M4 inv-M1] Never an exception, never a float, never what a database cannot hold."""
    for mapper in (mapping.invoice, mapping.customer, mapping.credit):
        check(mapper(raw, 9))
    check(mapping.payment(raw, 9, parts if isinstance(parts, list) else [parts]))
