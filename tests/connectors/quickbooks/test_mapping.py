"""What QuickBooks Online's JSON means: published samples, the facts, and anything at all."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, Event, Gone, InvoiceRecord, PaymentRecord
from connectors.quickbooks import mapping
from tests.connectors.foreign import ANYTHING, check, load, spoiled

INVOICE: dict[str, Any] = {
    "Id": "145", "SyncToken": "3", "MetaData": {"LastUpdatedTime": "2026-05-04T10:00:00-07:00"}, "DocNumber": "1037",
    "TxnDate": "2026-04-01", "DueDate": "2026-05-01", "CurrencyRef": {"value": "USD"}, "CustomerRef": {"value": "24"},
    "TotalAmt": Decimal("362.07"), "Balance": Decimal("62.07"), "BillEmail": {"Address": "a@cobalt.example"},
    "AllowOnlineACHPayment": True, "CustomerMemo": {"value": "Thank you"}, "SalesTermRef": {"name": "Net 30"},
    "CustomField": [{"Name": "P.O. Number", "StringValue": "PO-9"}],
}  # fmt: skip
PAYMENT: dict[str, Any] = {
    "Id": "147", "SyncToken": "0", "MetaData": {"LastUpdatedTime": "2026-05-04T10:00:00Z"}, "TxnDate": "2026-05-04",
    "CustomerRef": {"value": "24"}, "TotalAmt": 100, "UnappliedAmt": Decimal("40.5"), "CurrencyRef": {"value": "USD"},
    "Line": [{"Amount": Decimal("59.50"), "LinkedTxn": [{"TxnId": "145", "TxnType": "Invoice"}]}],
}  # fmt: skip


@pytest.fixture(scope="module")
def samples(shared: Path) -> Path:
    return shared / "connectors" / "samples" / "quickbooks"


def invoice(**changes: Any) -> Any:
    return mapping.invoice({name: value for name, value in (INVOICE | changes).items() if value is not ...}, "USD")


def test_it_reads_an_invoice() -> None:
    """[M4 A16 inv-M1] Every field that matters."""
    found = invoice()
    assert found == InvoiceRecord(
        external_id="145",
        version=int(datetime(2026, 5, 4, 17, 0, tzinfo=UTC).timestamp()) * 1_000_000 + 3,
        bill_to_external_id="24",
        number="1037",
        issued_on=date(2026, 4, 1),
        due_on=date(2026, 5, 1),
        total=Money(36207, "USD"),
        balance=Money(6207, "USD"),
        state="open",
        raw_state="partial",
        address_text="a@cobalt.example",
        po_number="PO-9",
        can_pay_online=True,
        details={"memo": "Thank you", "terms": "Net 30"},
    )


def test_it_reads_the_published_invoices(samples: Path) -> None:
    """[M4] As captured from the real service: with a currency and without, sent, changed."""
    sent = mapping.invoice(load(samples / "invoice_sent.converted.json")["Invoice"], "USD")
    assert isinstance(sent, InvoiceRecord)
    assert (sent.number, sent.total, sent.state, sent.due_on) == ("1001", Money(5000, "USD"), "open", date(2015, 3, 30))
    assert (sent.address_text, sent.can_pay_online) == ("test@intuit.com", False)
    queried = mapping.invoice(load(samples / "query_invoice.converted.json")["QueryResponse"]["Invoice"][0], "")
    assert isinstance(queried, InvoiceRecord)
    assert (queried.bill_to_external_id, queried.balance) == ("2", Money(5000, "USD"))


def test_a_void_invoice_owes_nothing_whatever_it_says(samples: Path) -> None:
    """[M4 A8] The captured answer still shows the amounts; the private note tells."""
    found = mapping.invoice(load(samples / "invoice_voided.converted.json")["Invoice"], "USD")
    assert isinstance(found, InvoiceRecord)
    assert (found.state, found.balance.minor, found.total.minor) == ("void", 0, 5000)


def test_it_reads_the_published_change_feed(samples: Path) -> None:
    """[M4 A8] Whole objects, deleted ones that are an id and a time, and entities without change."""
    parts = load(samples / "cdc_response.converted.json")["CDCResponse"][0]["QueryResponse"]
    rows = [row for part in parts for name in ("Invoice", "Payment") for row in part.get(name, [])]
    found = [mapping.invoice(row, "USD") for row in rows]
    assert all(isinstance(each, InvoiceRecord | Gone | BadRecord) for each in found)
    assert any(isinstance(each, InvoiceRecord) and each.number == "1033" for each in found)


def test_a_deleted_object_is_newer_than_all_of_its_second() -> None:
    """[M4 inv-N3 facts-5] Its answer has no SyncToken to order it by."""
    gone = mapping.invoice({"Id": "145", "status": "Deleted", "MetaData": INVOICE["MetaData"]}, "USD")
    assert gone == Gone("invoice", "145", invoice(SyncToken="999999").version + 1)


def test_the_change_token_orders_what_happened_within_a_second() -> None:
    """[M4 inv-N3] LastUpdatedTime has whole seconds."""
    assert invoice(SyncToken="4").version > invoice(SyncToken="3").version
    later = {"LastUpdatedTime": "2026-05-04T10:00:01-07:00"}
    assert invoice(SyncToken="0", MetaData=later).version > invoice(SyncToken="900000").version


@pytest.mark.parametrize(
    ("total", "balance", "note", "state"),
    [
        ("100", "100", ..., "open"),
        ("100", "0.01", ..., "open"),
        ("100", "0", ..., "paid"),
        ("0", "0", "Voided", "void"),
        ("0", "0", "Annulé", "void"),
        ("100", "100", "Voided the first try, this one is right", "open"),
        ("100", "101", ..., "unknown"),
        ("-5", "-5", ..., "unknown"),
    ],
)
def test_amounts_and_a_note_tell_the_state(total: str, balance: str, note: Any, state: str) -> None:
    """[M4 A8] There is no status field."""
    assert invoice(TotalAmt=Decimal(total), Balance=Decimal(balance), PrivateNote=note).state == state


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"CurrencyRef": {"value": "ZZZ"}}, "ZZZ"),
        ({"CurrencyRef": {"value": "XAU"}}, "minor unit"),
        ({"TotalAmt": ...}, "TotalAmt is missing"),
        ({"Balance": None}, "Balance is missing"),
        ({"Balance": Decimal("1.001")}, "more digits"),
        ({"Balance": 1.5}, "not a number"),
        ({"Balance": True}, "not a number"),
        ({"TotalAmt": Decimal("1E+40")}, "beyond all measure"),
        ({"TotalAmt": Decimal("NaN")}, "beyond all measure"),
        ({"CustomerRef": ...}, "CustomerRef.value is missing"),
        ({"CustomerRef": "24"}, "not inside an object"),
        ({"MetaData": ...}, "LastUpdatedTime is missing"),
        ({"MetaData": {"LastUpdatedTime": "soon"}}, "not a point in time"),
        ({"DueDate": "next week"}, "DueDate is not a date"),
        ({"DueDate": "2026-02-30"}, "DueDate is not a date"),
        ({"Id": ...}, "Id is missing"),
        ({"Id": "9" * 200}, "Id is too long"),
    ],
)
def test_what_cannot_be_understood_is_set_aside_with_a_reason(changes: dict[str, Any], said: str) -> None:
    """[M4 inv-M1] Unknown currency, missing amounts, too many digits: quarantine, never a guess."""
    found = invoice(**changes)
    assert isinstance(found, BadRecord)
    assert said in found.reason
    check(found)


def test_what_may_be_missing_may_be_missing() -> None:
    """[M4 A16 facts-5] No number, no dates, no addresses, no currency in books that have one."""
    found = invoice(DocNumber=..., DueDate=..., TxnDate=..., BillEmail=..., CurrencyRef=..., CustomField=...)
    assert isinstance(found, InvoiceRecord)
    assert (found.number, found.due_on, found.issued_on, found.address_text, found.po_number) == (
        "",
        None,
        None,
        "",
        "",
    )
    assert found.total.currency == "USD"
    assert not found.can_pay_online  # a pay link needs an address


def test_it_reads_customers(samples: Path) -> None:
    """[M4 A5] With and without address, and inactive ones."""
    rows = load(samples / "query_customers.converted.json")["QueryResponse"]["Customer"]
    found = [mapping.customer(row) for row in rows]
    assert all(isinstance(each, BillToRecord) for each in found)
    assert {each.name for each in found if isinstance(each, BillToRecord)} >= {"Acme Enterprises", "Sunset Bakery"}
    inactive = mapping.customer(
        rows[0] | {"Active": False, "PrimaryEmailAddr": {"Address": "a@b.example, c@d.example"}}
    )
    assert isinstance(inactive, BillToRecord)
    assert (inactive.is_active, inactive.address_text) == (False, "a@b.example, c@d.example")


def test_it_reads_payments_and_their_unapplied_part(samples: Path) -> None:
    """[M4 A9] Money that no invoice has taken lowers what is owed."""
    found, cash = mapping.payment(PAYMENT, ""), mapping.unapplied_cash(PAYMENT, "")
    assert isinstance(found, PaymentRecord)
    assert (found.amount, found.applied, found.paid_on) == (Money(10000, "USD"), (("145", 5950),), date(2026, 5, 4))
    assert isinstance(cash, CreditRecord)
    assert (cash.kind, cash.remaining, cash.bill_to_external_id) == ("unapplied_cash", Money(4050, "USD"), "24")
    published = load(samples / "query_payments.converted.json")["QueryResponse"]["Payment"][0]
    assert isinstance(mapping.payment(published, "USD"), PaymentRecord)
    assert isinstance(mapping.payment(published, ""), BadRecord)  # no currency anywhere


def test_it_reads_credit_memos(samples: Path) -> None:
    """[M4 A9] What is left of one; nothing of a void one."""
    raw = load(samples / "credit_memo.converted.json")["CreditMemo"]
    found = mapping.credit_memo(raw, "USD")
    assert isinstance(found, CreditRecord)
    assert (found.kind, found.number, found.remaining) == ("credit_note", "R3454653464", Money(1000, "BRL"))
    void = mapping.credit_memo(raw | {"PrivateNote": "Voided"}, "USD")
    assert isinstance(void, CreditRecord)
    assert void.remaining.minor == 0


def test_it_understands_both_forms_of_webhook(samples: Path) -> None:
    """[M4 inv-N3 facts-5] One delivery may mix several companies."""
    found = mapping.events(load(samples / "webhook_cloudevents.json"))
    assert [(event.account_id[-1], event.kind, event.external_id, event.op) for event in found] == [
        ("1", "invoice", "1033", "update"), ("2", "payment", "147", "create"),
    ]  # fmt: skip
    assert found[0].event_id
    assert found[0].at == datetime(2026, 6, 2, 10, 15, 30, tzinfo=UTC)
    older = mapping.events(load(samples / "webhook_legacy.json"))
    assert [(event.kind, event.external_id, event.op) for event in older] == [
        ("invoice", "1033", "update"), ("payment", "147", "create"), ("invoice", "65", "delete"),
    ]  # fmt: skip


def test_a_merge_ends_the_other_customer() -> None:
    """[M4 A8] Both are looked at again."""
    entity = {
        "name": "Customer",
        "id": "5",
        "operation": "Merge",
        "deletedId": "7",
        "lastUpdated": "2026-03-02T10:15:30Z",
    }
    body = {"eventNotifications": [{"realmId": "1", "dataChangeEvent": {"entities": [entity]}}]}
    at = datetime(2026, 3, 2, 10, 15, 30, tzinfo=UTC)
    assert mapping.events(body) == [
        Event("1", "customer", "5", "merge", "", at), Event("1", "customer", "7", "delete", "", at),
    ]  # fmt: skip


def test_a_token_answer_gives_both_ends_of_the_grant() -> None:
    """[M4 inv-K4] The hour of the access token, the days of the refresh token, the years of the grant."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    answer = {"access_token": "a", "refresh_token": "r", "expires_in": 3600, "x_refresh_token_expires_in": 8_726_400}
    found = mapping.tokens(answer | {"x_refresh_token_hard_expires_in": "157680000"}, now)
    assert (found.access_token, found.refresh_token, found.expires_at) == ("a", "r", now + timedelta(hours=1))
    assert found.extra["refresh_expires_at"] == (now + timedelta(days=101)).isoformat()
    assert found.extra["grant_ends_at"] == (now + timedelta(days=1825)).isoformat()
    strange: Any
    for strange in ("soon", None, -5, "1e99", float("nan"), [], "²"):
        found = mapping.tokens({"access_token": "a", "expires_in": strange}, now)
        assert found.expires_at == now + timedelta(hours=1)


@given(raw=ANYTHING | spoiled([INVOICE, PAYMENT]), home=st.sampled_from(["", "USD", "JPY", "ZZZ"]))
def test_any_json_is_a_record_or_a_reason(raw: Any, home: str) -> None:
    """[M4 inv-M1] Never an exception, never a float, never what a database cannot hold."""
    mapping.changed_at(raw)
    for mapper in (mapping.invoice, mapping.payment, mapping.unapplied_cash, mapping.credit_memo):
        check(mapper(raw, home))
    check(mapping.customer(raw))


@given(raw=ANYTHING)
def test_any_webhook_is_events_or_a_value_error(raw: Any) -> None:
    """[M4 inv-N4] A signed body may still be nonsense."""
    for body in (
        raw,
        {"eventNotifications": raw},
        [raw],
        {"eventNotifications": [{"realmId": "1", "dataChangeEvent": raw}]},
    ):
        try:
            found = mapping.events(body)
        except ValueError:
            continue
        assert all(isinstance(event, Event) for event in found)


def test_it_keeps_lines_and_the_vendors_own_fields_to_be_shown() -> None:
    """[A16 B13 003-4] Customs codes and shipments stand where the vendor put them; a line nobody can read is no reason
    to lose the invoice."""
    item = {"DetailType": "SalesItemLineDetail", "Description": "Pallets, HS 4415.20", "Amount": Decimal("50.00")}
    found = invoice(
        Line=[
            {**item, "SalesItemLineDetail": {"Qty": 4, "UnitPrice": Decimal("12.5")}},
            {"DetailType": "GroupLineDetail", "GroupLineDetail": {"Line": [{**item, "Amount": "a lot"}]}},
            {"DetailType": "SubTotalLineDetail", "Amount": Decimal("59.50")},
            "not a line",
        ],
        CustomField=[
            {"Name": "P.O. Number", "StringValue": "PO-9"},
            {"Name": "Shipment", "StringValue": "S-77"},
            {"Name": "Empty"},
        ],
    )
    assert isinstance(found, InvoiceRecord)
    assert found.details["fields"] == {"Shipment": "S-77"}
    assert found.details["lines"] == [
        {"text": "Pallets, HS 4415.20", "quantity": "4", "each": 1250, "minor": 5000},
        {"text": "Pallets, HS 4415.20"},
    ]
