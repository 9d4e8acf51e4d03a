"""What Odoo's JSON means: its published shapes, the facts, and anything at all."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, Instalment, InvoiceRecord, PaymentRecord
from connectors.odoo import mapping
from tests.connectors.foreign import ANYTHING, check, load, spoiled

RECORDS = load(Path(__file__).with_name("records.json"))
OWED, DRAFT, REFUND = RECORDS["account.move"]
TERMS = RECORDS["account.move.line"]
(PAYMENT,) = RECORDS["account.payment"]


def test_it_reads_an_invoice_and_the_parts_it_falls_due_in() -> None:
    """[M4 A16 inv-M1] Parts in the order of their days; their balances are what is owed."""
    assert mapping.move(OWED, TERMS) == InvoiceRecord(
        external_id="41",
        version=1779271872000000,
        bill_to_external_id="14",
        number="INV/2026/00041",
        issued_on=date(2026, 5, 1),
        due_on=date(2026, 5, 31),
        total=Money(181500, "USD"),
        balance=Money(151550, "USD"),
        state="open",
        raw_state="posted/partial",
        po_number="PO-7797",
        instalments=(Instalment(date(2026, 5, 11), 90750, 60800), Instalment(date(2026, 5, 31), 90750, 90750)),
    )
    whole = mapping.move(OWED, TERMS[:1])
    assert isinstance(whole, InvoiceRecord)
    assert whole.instalments == ()


def test_false_is_nothing() -> None:
    """[M4 A16] A draft has no number, no days and no reference."""
    found = mapping.move(DRAFT)
    assert isinstance(found, InvoiceRecord)
    assert (found.number, found.issued_on, found.due_on, found.po_number, found.state) == ("", None, None, "", "draft")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "open"), ({"payment_state": "not_paid"}, "open"), ({"payment_state": "paid"}, "paid"),
        ({"payment_state": "in_payment"}, "paid"), ({"payment_state": "reversed"}, "paid"),
        ({"payment_state": "blocked"}, "unknown"), ({"payment_state": "invoicing_legacy"}, "unknown"),
        ({"payment_state": False}, "unknown"), ({"state": "cancel"}, "void"), ({"state": "new"}, "unknown"),
    ],
)  # fmt: skip
def test_a_state_we_do_not_know_is_never_owed(changes: dict[str, Any], state: str) -> None:
    """[M4 inv-S3] One that is blocked, too: somebody there decided so."""
    found = mapping.move(OWED | changes)
    assert isinstance(found, InvoiceRecord)
    assert found.state == state
    assert (found.settled_at is not None) == (state in ("paid", "void"))


def test_a_refund_is_a_credit_note() -> None:
    """[M4 C2] Its amounts are positive there."""
    found = mapping.move(REFUND)
    assert isinstance(found, CreditRecord)
    assert (found.number, found.total, found.remaining) == ("RINV/2026/00003", Money(3630, "EUR"), Money(3000, "EUR"))


def test_it_reads_partners() -> None:
    """[M4 A5] One without an address, archived."""
    known, other = map(mapping.partner, RECORDS["res.partner"])
    assert isinstance(known, BillToRecord)
    assert (known.external_id, known.address_text, known.is_active) == ("14", "ap@cobalt.example", True)
    assert isinstance(other, BillToRecord)
    assert (other.address_text, other.is_active) == ("", False)


def test_a_payment_says_what_it_paid_and_what_is_left() -> None:
    """[M4 C2 inv-M1] In its own currency, exactly."""
    payment, left = mapping.payment(PAYMENT, [("41", Decimal("299.5"))], Decimal("50.5"))
    assert isinstance(payment, PaymentRecord)
    assert (payment.amount, payment.applied, payment.paid_on) == (
        Money(35000, "USD"),
        (("41", 29950),),
        date(2026, 5, 19),
    )
    assert isinstance(left, CreditRecord)
    assert left.remaining == Money(5050, "USD")
    payment, left = mapping.payment(PAYMENT | {"state": "canceled"}, [("41", Decimal("299.5"))], Decimal(0))
    assert (payment.amount.minor, payment.applied, left.remaining.minor) == (0, (), 0)


@pytest.mark.parametrize("name", ["id", "partner_id", "currency_id", "write_date", "amount_total", "amount_residual"])
def test_what_cannot_be_done_without_is_quarantine(name: str) -> None:
    """[M4 inv-M1] Also where it is there and says false."""
    for found in (mapping.move(OWED | {name: False}), mapping.move({k: v for k, v in OWED.items() if k != name})):
        assert isinstance(found, BadRecord)
        assert name in found.reason or found.reason.startswith("id")


def test_its_times_are_of_the_world() -> None:
    """[M4 inv-C5] UTC, without saying so, there and back."""
    at = datetime(2026, 5, 20, 10, 11, 12, tzinfo=UTC)
    assert mapping.written_at(OWED) == at
    assert mapping.stamp(at) == OWED["write_date"]
    assert mapping.written_at({"write_date": False}) is None


@given(raw=ANYTHING | spoiled([OWED, DRAFT, REFUND, PAYMENT, RECORDS["res.partner"][0]]))
def test_any_json_is_a_record_or_a_reason(raw: Any) -> None:
    """[M4 inv-M1] Never an exception, never a float, never what a database cannot hold."""
    mapping.written_at(raw)
    check(mapping.move(raw))
    check(mapping.move(OWED, [raw, raw]))
    check(mapping.partner(raw))
    for record in mapping.payment(raw, [("41", Decimal("1.5"))], Decimal(0)):
        check(record)


@given(rows=spoiled([TERMS]))
def test_any_lines_become_parts_or_a_reason(rows: Any) -> None:
    """[M4 inv-M1] And are found by what they refer to, where they say so."""
    check(mapping.move(OWED, rows if isinstance(rows, list) else []))
    mapping.by_reference(rows if isinstance(rows, list) else [rows], "move_id")
