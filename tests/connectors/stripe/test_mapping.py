"""What Stripe's JSON means: published samples, the facts, and anything at all."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.money import Money
from connectors.base import (
    BadRecord,
    BillToRecord,
    CreditRecord,
    Event,
    Gone,
    InvoiceRecord,
    MustReconnect,
    PaymentRecord,
)
from connectors.stripe import mapping
from tests.connectors.foreign import ANYTHING, check, load, spoiled

CUSTOMER: dict[str, Any] = {"id": "cus_1", "object": "customer", "name": "Cobalt", "email": "ap@cobalt.example"}
PAID: dict[str, Any] = {
    "id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "amount_paid": 10000, "currency": "usd",
    "status": "paid", "status_transitions": {"paid_at": 1770100000}, "payment": {"type": "payment_intent"},
}  # fmt: skip
INVOICE: dict[str, Any] = {
    "id": "in_1", "object": "invoice", "number": "7FE1103-0001", "status": "open", "currency": "usd", "total": 36207,
    "amount_due": 36207, "amount_paid": 10000, "amount_remaining": 26207, "collection_method": "send_invoice",
    "due_date": 1772956799, "effective_at": 1770100000, "created": 1770000000, "customer": CUSTOMER,
    "customer_email": "old@cobalt.example", "customer_name": "Cobalt Ltd",
    "hosted_invoice_url": "https://invoice.stripe.com/i/1", "custom_fields": [{"name": "PO number", "value": "PO-9"}],
    "description": "Thanks", "payments": {"object": "list", "data": [PAID]},
}  # fmt: skip
TRIED: dict[str, Any] = INVOICE | {
    "payments": {"data": [PAID | {"status": "open", "amount_requested": 36207, "payment": {"payment_intent": {
        "status": "processing", "created": 1770100000, "last_payment_error": {"charge": "ch_1", "code": "declined"},
    }}}]},
}  # fmt: skip
NOTE: dict[str, Any] = {
    "id": "cn_1", "object": "credit_note", "number": "X-CN-01", "currency": "usd", "amount": 1690, "customer": "cus_1",
    "invoice": "in_1", "created": 1770000000, "status": "issued",
}  # fmt: skip
VERSION = 42


@pytest.fixture(scope="module")
def samples(shared: Path) -> Path:
    return shared / "connectors" / "samples" / "stripe"


def invoice(zone: str = "", **changes: Any) -> Any:
    return mapping.invoice(
        {key: value for key, value in (INVOICE | changes).items() if value is not ...}, VERSION, zone
    )


def test_it_reads_an_invoice() -> None:
    """[M4 A16 inv-M1] Every field that matters; the version is the time it was asked for."""
    assert invoice(zone="America/Los_Angeles") == InvoiceRecord(
        external_id="in_1",
        version=VERSION,
        bill_to_external_id="cus_1",
        number="7FE1103-0001",
        issued_on=date(2026, 2, 2),
        due_on=date(2026, 3, 7),
        total=Money(36207, "USD"),
        balance=Money(26207, "USD"),
        state="open",
        raw_state="open",
        po_number="PO-9",
        can_pay_online=True,
        details={"memo": "Thanks"},
    )


def test_it_reads_the_published_objects(samples: Path) -> None:
    """[M4] Generated fixtures: a draft, a customer with no name, a credit note with random amounts."""
    draft = mapping.invoice(load(samples / "invoice.json"), VERSION)
    assert isinstance(draft, InvoiceRecord)
    assert (draft.state, draft.number, draft.total, draft.is_autopay) == ("draft", "", Money(1000, "USD"), True)
    nobody = mapping.customer(load(samples / "customer.json"), VERSION)
    assert nobody == BillToRecord("cus_QXg1o8vcGmoR32", VERSION, "", "")
    note = mapping.credit_note(load(samples / "credit_note.json"), VERSION)
    assert isinstance(note, CreditRecord)
    assert (note.total, note.remaining) == (Money(1690, "USD"), Money(0, "USD"))


@pytest.mark.parametrize(
    ("currency", "stripe", "minor"),
    [
        ("jpy", 1000, 1000),  # a thousand yen, not ten
        ("krw", 1000, 1000),
        ("usd", 1000, 1000),
        ("kwd", 12340, 12340),
        ("mga", 1000, 100000),  # two decimals by ISO, none at Stripe
        ("isk", 100000, 1000),  # none by ISO, two at Stripe
    ],
)
def test_its_minor_units_become_ours(currency: str, stripe: int, minor: int) -> None:
    """[M4 C2 inv-M1 facts-6] Stripe's table of decimals is not ISO's."""
    assert invoice(currency=currency, total=stripe, amount_remaining=stripe).balance == Money(minor, currency.upper())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"currency": "ugx"}, "two ways"),
        ({"currency": "isk", "amount_remaining": 12345}, "more digits"),
        ({"currency": "zzz"}, "ZZZ"),
        ({"currency": ...}, "currency is missing"),
        ({"total": ...}, "total is missing"),
        ({"amount_remaining": Decimal("1.5")}, "whole minor units"),
        ({"amount_remaining": 1.0}, "not a number"),
        ({"customer": None}, "customer is missing"),
        ({"customer": {"id": ""}}, "customer is missing"),
        ({"due_date": 10**14}, "not a point in time"),
        ({"due_date": "soon"}, "due_date is not a number"),
        ({"id": ...}, "id is missing"),
    ],
)
def test_what_cannot_be_understood_is_set_aside_with_a_reason(changes: dict[str, Any], said: str) -> None:
    """[M4 inv-M1] Quarantine, never a guess."""
    found = invoice(**changes)
    assert isinstance(found, BadRecord)
    assert said in found.reason
    check(found)


@pytest.mark.parametrize(
    ("status", "state", "balance"),
    [("draft", "draft", 26207), ("open", "open", 26207), ("paid", "paid", 0), ("void", "void", 0),
     ("uncollectible", "written_off", 26207), ("frozen", "unknown", 26207), (None, "unknown", 26207)],
)  # fmt: skip
def test_unknown_states_are_never_open(status: Any, state: str, balance: int) -> None:
    """[M4 A8 inv-S3] A void invoice keeps its amounts at Stripe, and owes nothing all the same."""
    found = invoice(status=status)
    assert (found.state, found.balance.minor) == (state, balance)


def test_a_due_date_is_the_day_the_vendor_sees() -> None:
    """[M4 inv-C5 facts-6] An instant at Stripe; no day at all when it charges by itself."""
    assert invoice(zone="Pacific/Auckland").due_on == date(2026, 3, 8)
    assert invoice(zone="").due_on == date(2026, 3, 8)
    assert invoice(zone="Not/AZone").due_on == date(2026, 3, 8)
    by_itself = invoice(due_date=None, collection_method="charge_automatically")
    assert (by_itself.due_on, by_itself.is_autopay) == (None, True)


def test_a_charge_that_failed_is_asked_for_like_anything_else() -> None:
    """[J3 M4] Tried, and still open."""
    assert invoice(collection_method="charge_automatically", attempted=False).is_autopay
    assert not invoice(collection_method="charge_automatically", attempted=True).is_autopay


def test_a_deleted_object_is_gone() -> None:
    """[M4 A8] Stripe still shows its id."""
    assert mapping.invoice({"id": "in_1", "deleted": True}, VERSION) == Gone("invoice", "in_1", VERSION)
    assert mapping.customer({"id": "cus_1", "deleted": True}, VERSION) == Gone("customer", "cus_1", VERSION)


def test_the_customer_comes_with_its_invoice() -> None:
    """[M4 A5] As it is now; one that was deleted meanwhile as the invoice remembers it; a bare id is nothing."""
    assert mapping.bill_to(INVOICE, VERSION) == BillToRecord("cus_1", VERSION, "Cobalt", "ap@cobalt.example")
    nameless = INVOICE | {"customer": {"id": "cus_1", "name": None, "email": None}}
    assert mapping.bill_to(nameless, VERSION) == BillToRecord("cus_1", VERSION, "Cobalt Ltd", "old@cobalt.example")
    deleted = INVOICE | {"customer": {"id": "cus_1", "deleted": True}}
    assert mapping.bill_to(deleted, VERSION) == BillToRecord(
        "cus_1", VERSION, "Cobalt Ltd", "old@cobalt.example", False
    )
    assert mapping.bill_to(INVOICE | {"customer": "cus_1"}, VERSION) is None


def test_the_payments_come_with_their_invoice() -> None:
    """[M4 A8] Those that were made; not those that were only asked for."""
    assert mapping.payments(INVOICE, VERSION) == [
        PaymentRecord(
            "inpay_1", VERSION, "cus_1", date(2026, 2, 3), Money(10000, "USD"), "payment_intent", (("in_1", 10000),)
        )
    ]
    rows = [PAID | {"status": "open"}, PAID | {"status": "canceled"}, PAID | {"amount_paid": None}, "rubbish"]
    found = mapping.payments(INVOICE | {"payments": {"data": rows}}, VERSION)
    assert [type(each) for each in found] == [PaymentRecord, BadRecord, BadRecord]
    assert isinstance(found[0], PaymentRecord)
    assert (found[0].amount.minor, found[0].applied) == (0, ())


def test_a_credit_note_leaves_nothing_to_use() -> None:
    """[M4 A9] Its invoice's amount fell when it was issued: netting it again would count it twice."""
    found = mapping.credit_note(NOTE, VERSION)
    assert isinstance(found, CreditRecord)
    assert (found.total, found.remaining, found.bill_to_external_id) == (Money(1690, "USD"), Money(0, "USD"), "cus_1")


def event(kind: str, target: Any, **changes: Any) -> dict[str, Any]:
    body = {"id": "evt_1", "object": "event", "account": "acct_1", "type": kind, "created": 1770000000}
    return body | {"data": {"object": target}} | changes


@pytest.mark.parametrize(
    ("kind", "target", "pointed"),
    [
        ("invoice.paid", INVOICE, [("invoice", "in_1")]),
        ("invoice.deleted", {"id": "in_9"}, [("invoice", "in_9")]),
        ("invoice_payment.paid", PAID, [("invoice", "in_1")]),
        ("invoice_payment.paid", PAID | {"invoice": INVOICE}, [("invoice", "in_1")]),
        ("credit_note.created", NOTE, [("credit", "cn_1"), ("invoice", "in_1")]),
        ("customer.updated", CUSTOMER, [("customer", "cus_1")]),
        ("charge.refunded", {"id": "ch_1"}, []),
        ("plan.created", {"id": "price_1"}, []),
        ("invoice.paid", {"id": "in_" + "1" * 200}, []),
        ("account.application.deauthorized", {"id": "ca_1"}, [("account", "acct_1")]),
    ],
)
def test_an_event_says_where_to_look(kind: str, target: Any, pointed: list[tuple[str, str]]) -> None:
    """[M4 inv-N3] And which account it is about."""
    found = mapping.events(event(kind, target))
    assert [(each.kind, each.external_id) for each in found] == pointed
    assert all(each.account_id == "acct_1" and each.event_id == "evt_1" for each in found)
    assert all(each.at == datetime(2026, 2, 2, 2, 40, tzinfo=UTC) for each in found)


def test_an_event_of_the_platform_itself_is_not_a_vendors(samples: Path) -> None:
    """[M4] Without an account there is nobody to look at."""
    assert mapping.events(event("invoice.paid", INVOICE, account=None)) == []
    assert mapping.events(load(samples / "event.json")) == []


def test_a_token_answer_names_the_account() -> None:
    """[M4 A1] Without it we would not know whose books these are."""
    found = mapping.tokens({"access_token": "sk", "refresh_token": "rt", "stripe_user_id": "acct_1", "livemode": True})
    assert (found.expires_at, found.extra) == (None, {"stripe_user_id": "acct_1", "livemode": True})
    with pytest.raises(MustReconnect):
        mapping.tokens({"access_token": "sk"})


@given(
    raw=ANYTHING | spoiled([INVOICE, TRIED, PAID, NOTE, CUSTOMER]),
    zone=st.sampled_from(["", "Asia/Tokyo", "../etc", "\x00"]),
)
def test_any_json_is_a_record_or_a_reason(raw: Any, zone: str) -> None:
    """[M4 inv-M1] Never an exception, never a float, never what a database cannot hold."""
    check(mapping.invoice(raw, VERSION, zone))
    check(mapping.customer(raw, VERSION))
    check(mapping.bill_to(raw, VERSION))
    check(mapping.credit_note(raw, VERSION, zone))
    check(mapping.chargeback(raw, "in_1", VERSION))
    for record in (*mapping.payments(raw, VERSION, zone), *mapping.setbacks(raw, VERSION)):
        check(record)


@given(raw=ANYTHING | spoiled([event("invoice.paid", INVOICE), event("credit_note.created", NOTE)]))
def test_any_webhook_is_events_or_a_value_error(raw: Any) -> None:
    """[M4 inv-N4] A signed body may still be nonsense."""
    try:
        found = mapping.events(raw)
    except ValueError:
        return
    assert all(isinstance(each, Event) for each in found)
