"""What ERPNext's JSON means: its published shapes, the facts, and anything at all."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, Event, InvoiceRecord, PaymentRecord
from connectors.erpnext import mapping
from tests.connectors.foreign import ANYTHING, check, load, spoiled

DOCUMENTS = load(Path(__file__).with_name("documents.json"))
OWED, FOREIGN, RETURN = DOCUMENTS["Sales Invoice"]
(PAYMENT,) = DOCUMENTS["Payment Entry"]
REFERENCES = DOCUMENTS["Payment Entry Reference"]
ZONE = "Asia/Kolkata"


def test_it_reads_an_invoice() -> None:
    """[M4 A16 inv-M1] The rounded total where there is one; the order of facts is that in which we asked."""
    assert mapping.invoice(OWED, 7, ZONE) == InvoiceRecord(
        external_id="ACC-SINV-2026-00017",
        version=7,
        bill_to_external_id="Cobalt Ltd",
        number="ACC-SINV-2026-00017",
        issued_on=date(2026, 5, 1),
        due_on=date(2026, 5, 31),
        total=Money(118000, "USD"),
        balance=Money(78000, "USD"),
        state="open",
        raw_state="Partly Paid",
        address_text="ap@cobalt.example",
        po_number="PO-7795",
    )


def test_what_is_owed_is_in_the_currency_of_the_receivable_account() -> None:
    """[M4 inv-M2] So the total is, too: the two are never mixed."""
    found = mapping.invoice(FOREIGN, 7, ZONE)
    assert isinstance(found, InvoiceRecord)
    assert (found.total, found.balance, found.due_on) == (Money(833050, "INR"), Money(833050, "INR"), None)


def test_a_return_is_a_credit_note() -> None:
    """[M4 C2] All its amounts are negative; what is outstanding is what is left of it."""
    found = mapping.invoice(RETURN, 7, ZONE)
    assert isinstance(found, CreditRecord)
    assert (found.total, found.remaining) == (Money(50000, "INR"), Money(12025, "INR"))
    cancelled = mapping.invoice(RETURN | {"docstatus": 2}, 7, ZONE)
    assert isinstance(cancelled, CreditRecord)
    assert cancelled.remaining == Money(0, "INR")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"docstatus": 0, "status": "Draft"}, "draft"), ({"docstatus": 2, "status": "Cancelled"}, "void"),
        ({"status": "Paid", "outstanding_amount": 0}, "paid"), ({"status": "Unpaid"}, "open"),
        ({"status": "Overdue and Discounted"}, "open"), ({"status": "Credit Note Issued"}, "paid"),
        ({"status": "Unpaid", "outstanding_amount": 0}, "paid"), ({"status": "Internal Transfer"}, "unknown"),
        ({"status": "Something new"}, "unknown"), ({"docstatus": 9}, "unknown"),
    ],
)  # fmt: skip
def test_a_status_we_do_not_know_is_never_owed(changes: dict[str, Any], state: str) -> None:
    """[M4 inv-S3] The document's own status decides before its word does."""
    found = mapping.invoice(OWED | changes, 7, ZONE)
    assert isinstance(found, InvoiceRecord)
    assert found.state == state
    assert found.state == "open" or state in ("draft", "unknown") or not found.balance.minor


def test_it_reads_customers() -> None:
    """[M4 A5] One without an address, and one that is switched off."""
    known, other = (mapping.customer(row, 7) for row in DOCUMENTS["Customer"])
    assert known == BillToRecord("Cobalt Ltd", 7, "Cobalt Ltd", "ap@cobalt.example", True)
    assert other == BillToRecord("CUST-2026-00003", 7, "Lotus Spa", "", False)


def test_a_payment_says_what_it_paid_and_what_is_left() -> None:
    """[M4 C2] What it paid of other documents is not ours to say."""
    payment, left = mapping.payment(PAYMENT, 7, REFERENCES)
    assert isinstance(payment, PaymentRecord)
    assert (payment.amount, payment.applied) == (Money(45000, "USD"), (("ACC-SINV-2026-00017", 40000),))
    assert isinstance(left, CreditRecord)
    assert left.remaining == Money(5000, "USD")
    payment, left = mapping.payment(PAYMENT | {"docstatus": 2}, 7, REFERENCES)
    assert (payment.amount.minor, payment.applied, left.remaining.minor) == (0, (), 0)


@pytest.mark.parametrize("name", ["name", "customer", "currency", "grand_total", "outstanding_amount"])
def test_what_cannot_be_done_without_is_quarantine(name: str) -> None:
    """[M4 inv-M1] Named, never guessed."""
    found = mapping.invoice(
        {key: value for key, value in FOREIGN.items() if key not in (name, "base_" + name)}, 7, ZONE
    )
    assert isinstance(found, BadRecord)
    assert name in found.reason


def test_no_change_is_lost_in_the_hour_that_is_written_twice() -> None:
    """[M4 A8 inv-N3] At 03:00 on 25 October 2026 Berlin went back to 02:00: a change at 02:10 of the second time
    is later than one at 02:50 of the first, and its time reads earlier."""
    berlin, since = "Europe/Berlin", datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # 02:45, the first time
    second_time = "2026-10-25 02:10:00.000000"  # 01:10 UTC
    assert mapping.site_time(since, berlin).strftime(mapping.LISTED) <= second_time
    for month in range(1, 13):  # and on no other day is more asked for than need be
        usual = datetime(2026, month, 10, 12, 0, tzinfo=UTC)
        assert mapping.site_time(usual, berlin).replace(tzinfo=None) == usual.replace(tzinfo=None) + timedelta(
            hours=2 if 4 <= month <= 10 else 1
        )


def test_times_of_the_site_become_times_of_the_world() -> None:
    """[M4 inv-C5] Whose they are, the site's zone says."""
    assert mapping.changed_at("2026-05-20 10:11:12.131415", ZONE) == datetime(
        2026, 5, 20, 4, 41, 12, 131415, tzinfo=UTC
    )
    assert mapping.changed_at("", ZONE) is None
    assert mapping.changed_at(None, ZONE) is None


def test_a_webhook_says_what_to_look_at() -> None:
    """[M4 inv-N3] Whose books it is about, the address says."""
    assert mapping.events({"doctype": "Sales Invoice", "name": "ACC-SINV-2026-00017"}) == [
        Event("", "invoice", "ACC-SINV-2026-00017", "changed")
    ]
    assert mapping.events({"doctype": "Lead", "name": "L-1"}) == []


@given(raw=ANYTHING | spoiled([OWED, RETURN, PAYMENT, DOCUMENTS["Customer"][0]]))
def test_any_json_is_a_record_or_a_reason(raw: Any) -> None:
    """[M4 inv-M1] Never an exception, never a float, never what a database cannot hold."""
    mapping.listed_at(raw)
    check(mapping.invoice(raw, 7, ZONE))
    check(mapping.customer(raw, 7))
    for references in (REFERENCES, [raw]):
        for record in mapping.payment(raw, 7, references):
            check(record)
    for record in mapping.payment(PAYMENT, 7, [raw]):
        check(record)


@given(raw=ANYTHING)
def test_any_webhook_is_events_or_a_value_error(raw: Any) -> None:
    """[M4 inv-N4] Also what nobody would send."""
    for body in (raw, {"doctype": raw, "name": raw}, {"doctype": "Customer", "name": raw}):
        try:
            found = mapping.events(body)
        except ValueError:
            continue
        assert all(isinstance(event, Event) for event in found)


def test_amounts_are_exact() -> None:
    """[inv-M1] Also where JSON has a number with many digits."""
    found = mapping.invoice(OWED | {"outstanding_amount": Decimal("780.005")}, 7, ZONE)
    assert isinstance(found, BadRecord)
    assert "more digits" in found.reason
