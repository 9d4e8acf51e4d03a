"""What Xero's JSON means: published samples, the facts, and anything at all."""

import base64
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, Event, InvoiceRecord, PaymentRecord
from connectors.xero import mapping
from connectors.xero.zones import ZONES
from tests.connectors.foreign import ANYTHING, check, load, spoiled

INVOICE: dict[str, Any] = {
    "Type": "ACCREC", "InvoiceID": "046d8a6d-1ae1-4b4d-9340-5601bdf41b87", "InvoiceNumber": "INV-0002",
    "Reference": "PO-9", "AmountDue": Decimal("16.00"), "Total": Decimal("46.00"), "CurrencyCode": "NZD",
    "Status": "AUTHORISED",
    "Contact": {"ContactID": "a3675fc4-f8dd-4f03-ba5b-f1870566bcd7", "Name": "Barney"},
    "DateString": "2018-10-20T00:00:00", "Date": "/Date(1539993600000+0000)/",
    "DueDateString": "2018-12-30T00:00:00", "DueDate": "/Date(1546128000000+0000)/",
    "UpdatedDateUTC": "/Date(1541176592690+0000)/",
}  # fmt: skip
PAYMENT: dict[str, Any] = {
    "PaymentID": "99ea7f6b-c513-4066-bc27-b7c65dcd76c2", "PaymentType": "ACCRECPAYMENT", "Status": "AUTHORISED",
    "Date": "/Date(1543449600000+0000)/", "Amount": 46, "UpdatedDateUTC": "/Date(1541176592690+0000)/",
    "Invoice": {"InvoiceID": INVOICE["InvoiceID"], "CurrencyCode": "NZD", "Contact": INVOICE["Contact"]},
}  # fmt: skip
CREDIT: dict[str, Any] = {
    "CreditNoteID": "249f15fa-f2a7-4acc-8769-0984103f2225", "CreditNoteNumber": "CN-0005", "Type": "ACCRECCREDIT",
    "RemainingCredit": Decimal("32.5"), "Total": Decimal("34.5"), "CurrencyCode": "NZD", "Status": "AUTHORISED",
    "Contact": INVOICE["Contact"], "UpdatedDateUTC": "/Date(1551812346157+0000)/",
}  # fmt: skip


@pytest.fixture(scope="module")
def samples(shared: Path) -> Path:
    return shared / "connectors" / "samples" / "xero"


def invoice(**changes: Any) -> Any:
    return mapping.invoice({name: value for name, value in (INVOICE | changes).items() if value is not ...})


def test_it_reads_an_invoice() -> None:
    """[M4 A16 inv-M1] Every field that matters; the version is the change in microseconds."""
    assert invoice() == InvoiceRecord(
        external_id=INVOICE["InvoiceID"],
        version=1541176592690000,
        bill_to_external_id=INVOICE["Contact"]["ContactID"],
        number="INV-0002",
        issued_on=date(2018, 10, 20),
        due_on=date(2018, 12, 30),
        total=Money(4600, "NZD"),
        balance=Money(1600, "NZD"),
        state="open",
        raw_state="AUTHORISED",
        po_number="PO-9",
        can_pay_online=True,
    )


def test_it_reads_the_published_invoices(samples: Path) -> None:
    """[M4 A8] Void, paid and authorised in one list; a single one with everything."""
    found = [mapping.invoice(row) for row in load(samples / "invoices_list.json")["Invoices"]]
    states = [each.state for each in found if isinstance(each, InvoiceRecord)]
    assert len(states) == len(found)
    assert states[:2] == ["void", "paid"]
    single = mapping.invoice(load(samples / "invoice_single.json")["Invoices"][0])
    assert isinstance(single, InvoiceRecord)
    assert (single.number, single.balance, single.state) == ("INV-0006", Money(0, single.total.currency), "paid")


@pytest.mark.parametrize(
    ("status", "state"),
    [("DRAFT", "draft"), ("SUBMITTED", "draft"), ("AUTHORISED", "open"), ("PAID", "paid"), ("VOIDED", "void"),
     ("DELETED", "gone"), ("HELD", "unknown"), (..., "unknown"), ("authorised", "unknown")],
)  # fmt: skip
def test_unknown_states_are_never_open(status: Any, state: str) -> None:
    """[M4 inv-S3] The raw word stays beside it."""
    found = invoice(Status=status)
    assert found.state == state
    assert found.raw_state == ("" if status is ... else status)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("/Date(1541176592690+0000)/", date(2018, 11, 2)),
        ("/Date(1541176592690)/", date(2018, 11, 2)),
        ("/Date(1541203199000+1300)/", date(2018, 11, 2)),  # the offset is decoration, the millis are UTC
        ("/Date(-62135596800000)/", None),
        ("/Date(-62135596800000+0000)/", None),
        ("2018-11-02T00:00:00", date(2018, 11, 2)),
        ("", None),
        (None, None),
        (..., None),
    ],
)
def test_its_dates_are_read_as_utc(text: Any, day: date | None) -> None:
    """[M4 inv-C5 facts-4] Also without offset, missing, and the year 1 that means missing."""
    assert invoice(DueDateString=..., DueDate=text).due_on == day


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"CurrencyCode": "ZZZ"}, "ZZZ"),
        ({"CurrencyCode": ...}, "CurrencyCode is missing"),
        ({"AmountDue": ...}, "AmountDue is missing"),
        ({"Total": Decimal("1.005")}, "more digits"),
        ({"Contact": {}}, "Contact.ContactID is missing"),
        ({"UpdatedDateUTC": ...}, "UpdatedDateUTC is missing"),
        ({"UpdatedDateUTC": "/Date(99999999999999999)/"}, "not a point in time"),
        ({"DueDateString": "soon"}, "not a date"),
        ({"InvoiceID": ...}, "InvoiceID is missing"),
    ],
)
def test_what_cannot_be_understood_is_set_aside_with_a_reason(changes: dict[str, Any], said: str) -> None:
    """[M4 inv-M1] Quarantine, never a guess."""
    found = invoice(**changes)
    assert isinstance(found, BadRecord)
    assert said in found.reason
    check(found)


@pytest.mark.parametrize("kind", ["ACCPAY", "ACCPAYCREDIT", "ARPREPAYMENT", ""])
def test_what_the_vendor_owes_is_none_of_our_business(kind: str) -> None:
    """[M4] Bills are left where they are."""
    assert invoice(Type=kind) is None


def test_it_reads_contacts_with_their_address(samples: Path) -> None:
    """[M4 A5] And archived ones as inactive."""
    found = [mapping.contact(row) for row in load(samples / "contacts_list.json")["Contacts"]]
    assert [each.address_text for each in found if isinstance(each, BillToRecord)] == [
        "kat.warren@clampett.com", "lparker@parkerandco.com",
    ]  # fmt: skip
    raw = load(samples / "contact_single.json")["Contacts"][0] | {"ContactStatus": "ARCHIVED"}
    archived = mapping.contact(raw)
    assert isinstance(archived, BillToRecord)
    assert (archived.name, archived.address_text, archived.is_active) == ("Acme Parts Co.", "bk@krave.co", False)


def test_only_who_was_sent_an_invoice_is_a_customer(samples: Path) -> None:
    """[M4 A5] By Xero's own word, where it says one."""
    rows = load(samples / "contacts_list.json")["Contacts"]
    assert [row["IsCustomer"] for row in rows] == [True, False]
    assert [mapping.customer(row) for row in rows] == [mapping.contact(rows[0]), None]
    unsaid = {name: value for name, value in rows[1].items() if name != "IsCustomer"}
    assert mapping.customer(unsaid) == mapping.contact(rows[1])


def test_it_reads_what_lowers_a_debt(samples: Path) -> None:
    """[M4 A9] Credit notes to customers, and money received ahead; not those of suppliers."""
    notes = [mapping.credit_note(row) for row in load(samples / "credit_notes_list.json")["CreditNotes"]]
    assert [each and (each.kind, each.remaining) for each in notes if not isinstance(each, BadRecord)] == [
        ("credit_note", Money(3250, "NZD")), None,
    ]  # fmt: skip
    over = [mapping.overpayment(row) for row in load(samples / "overpayments_list.json")["Overpayments"]]
    kept = [each for each in over if isinstance(each, CreditRecord)]
    assert kept
    assert len(kept) < len(over)
    assert {each.kind for each in kept} == {"unapplied_cash"}
    ahead = mapping.prepayment(load(samples / "prepayments_list.json")["Prepayments"][0])
    assert isinstance(ahead, CreditRecord)
    assert (ahead.remaining, ahead.number) == (Money(345000, "NZD"), "INV-0011")


@pytest.mark.parametrize("status", ["PAID", "VOIDED", "DELETED", "DRAFT", "SUBMITTED", "NEWS", ""])
def test_only_an_authorised_credit_can_be_used(status: str) -> None:
    """[M4 A9] Whatever amount still stands on it."""
    found = mapping.credit_note(CREDIT | {"Status": status})
    assert isinstance(found, CreditRecord)
    assert found.remaining.minor == 0


def test_it_reads_payments_of_sales(samples: Path) -> None:
    """[M4 A8] Not refunds of credit notes; a deleted one is worth nothing."""
    rows = load(samples / "payments_list.json")["Payments"]
    paid = mapping.payment(rows[0])
    assert isinstance(paid, PaymentRecord)
    assert (paid.amount, paid.applied) == (Money(4600, "NZD"), (("046d8a6d-1ae1-4b4d-9340-5601bdf41b87", 4600),))
    assert paid.bill_to_external_id == "a3675fc4-f8dd-4f03-ba5b-f1870566bcd7"
    assert mapping.payment(rows[1]) is None
    deleted = mapping.payment(rows[0] | {"Status": "DELETED"})
    assert isinstance(deleted, PaymentRecord)
    assert (deleted.amount.minor, deleted.applied) == (0, ())


def test_it_reads_the_consent_out_of_the_token() -> None:
    """[M4 A1] Only as a filter; a token that cannot be read filters nothing."""
    claims = base64.urlsafe_b64encode(json.dumps({"authentication_event_id": "abc"}).encode()).decode().rstrip("=")
    assert mapping.auth_event_id(f"head.{claims}.tail") == "abc"
    for strange in ("", "opaque", "a.b", "a.%%%.c", "a." + base64.urlsafe_b64encode(b"[1]").decode() + ".c", "é.é.é"):
        assert mapping.auth_event_id(strange) == ""


def test_it_understands_the_published_webhooks(samples: Path) -> None:
    """[M4 inv-N3] Contact, credit note, and the empty one that asks whether we check signatures."""
    contact = mapping.events(load(samples / "webhook_contactUpdate.json"))
    assert contact == [
        Event(
            "c2cc9b6e-9458-4c7d-93cc-f02b81b0594f", "customer", "717f2bfc-c6d4-41fd-b238-3f2f0c0cf777", "update", "",
            datetime(2024, 6, 21, 1, 15, 39, 902000, tzinfo=UTC),
        )
    ]  # fmt: skip
    assert mapping.events(load(samples / "webhook_creditNoteCreate.json"))[0].kind == "credit"
    assert mapping.events(load(samples / "webhook_intent_to_receive.json")) == []


def test_one_webhook_may_speak_of_several_organisations() -> None:
    """[M4 inv-I2] Each event keeps its own; other kinds of tenants and events are left out."""

    def about(tenant: str, resource: str, **changes: str) -> dict[str, str]:
        event = {"eventCategory": "INVOICE", "eventType": "UPDATE", "resourceId": resource, "tenantId": tenant}
        return event | {"tenantType": "ORGANISATION"} | changes

    events = [
        about("t1", "i1"),
        about("t2", "i2", eventType="CREATE"),
        about("t2", "s", eventCategory="SUBSCRIPTION"),
        about("t3", "p", tenantType="PRACTICE"),
        about("t1", ""),
        "rubbish",
    ]
    assert [(each.account_id, each.external_id) for each in mapping.events({"events": events})] == [
        ("t1", "i1"), ("t2", "i2"),
    ]  # fmt: skip


def test_a_token_answer_lasts_half_an_hour_unless_it_says() -> None:
    """[M4 inv-K4] The new refresh token is kept, whatever the old one was."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    found = mapping.tokens({"access_token": "a", "refresh_token": "r2"}, now)
    assert (found.refresh_token, found.expires_at) == ("r2", now + timedelta(minutes=30))
    assert mapping.tokens({"access_token": "a", "expires_in": 60}, now).expires_at == now + timedelta(minutes=1)


def test_its_zones_are_zones(shared: Path) -> None:
    """[M4 A1] Every name on the left is Xero's, every name on the right is IANA's."""
    spec = json.loads((shared / "connectors" / "specs" / "xero_accounting.openapi.json").read_text())
    assert set(ZONES) <= set(spec["components"]["schemas"]["TimeZone"]["enum"])
    assert all(ZoneInfo(zone) for zone in ZONES.values())


@given(raw=ANYTHING | spoiled([INVOICE, PAYMENT, CREDIT]))
def test_any_json_is_a_record_or_a_reason(raw: Any) -> None:
    """[M4 inv-M1] Never an exception, never a float, never what a database cannot hold."""
    mapping.changed_at(raw)
    for mapper in (mapping.invoice, mapping.contact, mapping.customer, mapping.credit_note, mapping.payment):
        check(mapper(raw))
    check(mapping.overpayment(raw | {"Type": "AROVERPAYMENT", "OverpaymentID": "x"} if isinstance(raw, dict) else raw))
    check(mapping.prepayment(raw))


@given(raw=ANYTHING)
def test_any_webhook_is_events_or_a_value_error(raw: Any) -> None:
    """[M4 inv-N4] A signed body may still be nonsense."""
    for body in (raw, {"events": raw}, {"events": [raw]}):
        try:
            found = mapping.events(body)
        except ValueError:
            continue
        assert all(isinstance(event, Event) for event in found)
