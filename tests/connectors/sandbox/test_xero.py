"""Xero's API over HTTP."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.sandbox.wire import Api, Wire

SALES = {"page": 1, "Statuses": "AUTHORISED", "where": 'Type=="ACCREC"'}


@pytest.fixture
def birch(wire: Wire) -> Api:
    return wire.api("xero", "Birch & Sons")


def numbers(answer: Any) -> list[str]:
    return [row["InvoiceNumber"] for row in answer.json()["Invoices"]]


def test_open_invoices_are_the_authorised_ones(wire: Wire, birch: Api) -> None:
    got = {row["InvoiceID"]: row["AmountDue"] for row in birch.get("/Invoices", **SALES).json()["Invoices"]}
    assert got == {row["id"]: float(row["balance"]) for row in wire.control.invoices("Birch & Sons", only_open=True)}


def test_every_status_is_on_show(birch: Api) -> None:
    rows = birch.get("/Invoices", page=1).json()["Invoices"]
    assert {row["Status"] for row in rows} == {"AUTHORISED", "PAID", "VOIDED", "DRAFT"}
    assert {row["CurrencyCode"] for row in rows} == {"EUR", "GBP"}
    assert any("DueDate" not in row for row in rows)
    assert any(0 < row["AmountCredited"] == row["Total"] for row in rows)
    assert any(row["AmountPaid"] and row["AmountDue"] for row in rows)


def test_pages_end_exactly_at_their_size(birch: Api) -> None:
    first = birch.get("/Invoices", page=1, pageSize=7)
    second = birch.get("/Invoices", page=2, pageSize=7)
    third = birch.get("/Invoices", page=3, pageSize=7)
    assert first.json()["pagination"] == {"page": 1, "pageSize": 7, "pageCount": 2, "itemCount": 14}
    assert len(set(numbers(first)) | set(numbers(second))) == 14
    assert third.json()["Invoices"] == []


def test_without_a_page_comes_one_long_summary(birch: Api) -> None:
    body = birch.get("/Invoices").json()
    assert "pagination" not in body
    assert len(body["Invoices"]) == 14
    assert all(row["LineItems"] == [] for row in body["Invoices"])
    assert all(row["LineItems"] for row in birch.get("/Invoices", page=1).json()["Invoices"])


def test_a_summary_leaves_out_lines_and_links(birch: Api) -> None:
    rows = birch.get("/Invoices", page=1, summaryOnly="true").json()["Invoices"]
    assert all(row["LineItems"] == [] and "Payments" not in row and "CreditNotes" not in row for row in rows)


def test_changes_come_by_header(wire: Wire, birch: Api) -> None:
    wire.control.advance(60)
    since = wire.control.now()[:19]
    wire.control.advance(60)
    paid = wire.control.act("Birch & Sons", "pay")
    voided = wire.control.act("Birch & Sons", "void", invoice="INV-0003")
    rows = birch.get("/Invoices", {"If-Modified-Since": since}, page=1).json()["Invoices"]
    filtered = birch.get("/Invoices", {"If-Modified-Since": since}, **SALES).json()["Invoices"]
    assert {row["InvoiceID"]: row["Status"] for row in rows} == {
        paid["invoice_id"]: "PAID",
        voided["invoice_id"]: "VOIDED",
    }
    assert filtered == []


def test_dates_are_in_xeros_own_hand(birch: Api) -> None:
    row = birch.get("/Invoices", page=1, order="InvoiceNumber ASC").json()["Invoices"][0]
    assert re.fullmatch(r"/Date\(\d+\+0000\)/", row["Date"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00", row["DueDateString"])
    assert row["Date"] == "/Date(1774569600000+0000)/"
    assert row["DateString"] == "2026-03-27T00:00:00"


def test_addresses_are_only_on_single_reads_and_contacts(wire: Wire, birch: Api) -> None:
    invoice = wire.invoice("Birch & Sons")
    listed = birch.get("/Invoices", page=1).json()["Invoices"]
    single = birch.get(f"/Invoices/{invoice['id']}").json()["Invoices"][0]
    contacts = birch.get("/Contacts", IDs=invoice["customer_id"]).json()["Contacts"]
    assert all("EmailAddress" not in row["Contact"] for row in listed)
    assert single["Contact"]["EmailAddress"] == "ap@cobalt.example"
    assert [one["EmailAddress"] for one in contacts] == ["ap@cobalt.example"]


def test_the_pay_link_is_one_call_and_not_for_drafts(wire: Wire, birch: Api) -> None:
    invoice = wire.invoice("Birch & Sons")
    draft = next(row for row in wire.control.invoices("Birch & Sons") if row["status"] == "draft")
    got = birch.get(f"/Invoices/{invoice['id']}/OnlineInvoice").json()["OnlineInvoices"]
    assert got == [{"OnlineInvoiceUrl": invoice["pay_url"]}]
    assert birch.get(f"/Invoices/{draft['id']}/OnlineInvoice").status_code == 400


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('Type=="ACCREC" AND Status=="PAID"', 2),
        ('Status=="VOIDED" OR Status=="DRAFT"', 2),
        ("AmountDue > 1000 && Total<=1190.00", 1),
        ('InvoiceNumber=="INV-0002"', 1),
        ('Reference.Contains("po-77")', 2),
        ("Date >= DateTime(2026, 06, 06)", 3),
        ('DueDate == null AND Status == "AUTHORISED"', 1),
        ('(CurrencyCode=="GBP")', 1),
    ],
)
def test_where_is_understood(birch: Api, where: str, expected: int) -> None:
    answer = birch.get("/Invoices", page=1, where=where)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["Invoices"]) == expected


@pytest.mark.parametrize("where", ['Nonsense=="x"', "Type==", 'Type=="x" Status', "Total > Date", '"ACCREC"'])
def test_a_where_it_cannot_read_is_a_query_parse_exception(birch: Api, where: str) -> None:
    answer = birch.get("/Invoices", page=1, where=where)
    assert (answer.status_code, answer.json()["Type"]) == (400, "QueryParseException")


def test_guids_may_be_compared(wire: Wire, birch: Api) -> None:
    contact = wire.invoice("Birch & Sons")["customer_id"]
    rows = birch.get("/Invoices", page=1, where=f'Contact.ContactID==guid("{contact}")').json()["Invoices"]
    assert {row["Contact"]["ContactID"] for row in rows} == {contact}


def test_credit_and_cash_nobody_used_is_shown(birch: Api) -> None:
    notes = birch.get("/CreditNotes", page=1).json()["CreditNotes"]
    over = birch.get("/Overpayments", page=1).json()["Overpayments"]
    pre = birch.get("/Prepayments", page=1).json()["Prepayments"]
    payments = birch.get("/Payments", page=1).json()["Payments"]
    assert [note["RemainingCredit"] for note in notes if note["RemainingCredit"]] == [59.5]
    assert (over[0]["RemainingCredit"], pre[0]["RemainingCredit"]) == (40.0, 75.0)
    assert {one["Status"] for one in payments} == {"AUTHORISED"}
    assert all(one["Invoice"]["InvoiceID"] for one in payments)


def test_a_payment_is_entered_once_for_one_key(wire: Wire, birch: Api) -> None:
    invoice = wire.invoice("Birch & Sons")
    body = {"Invoice": {"InvoiceID": invoice["id"]}, "Account": {"Code": "970"}, "Amount": 190.0}
    first = birch.call("PUT", "/Payments", {"Idempotency-Key": "k-1"}, json=body).json()["Payments"]
    again = birch.call("PUT", "/Payments", {"Idempotency-Key": "k-1"}, json=body).json()["Payments"]
    left = birch.get(f"/Invoices/{invoice['id']}").json()["Invoices"][0]
    assert first == again
    assert (left["AmountDue"], left["AmountPaid"]) == (1000.0, 190.0)
    assert left["Payments"][0]["PaymentID"] == first[0]["PaymentID"]


def test_a_payment_above_the_balance_is_a_validation_exception(wire: Wire, birch: Api) -> None:
    body = {"Invoice": {"InvoiceID": wire.invoice("Birch & Sons")["id"]}, "Account": {"Code": "970"}, "Amount": 1e6}
    answer = birch.call("PUT", "/Payments", json=body)
    assert answer.status_code == 400
    assert answer.json()["Elements"][0]["ValidationErrors"][0]["Message"]


def test_a_note_lands_in_the_history(wire: Wire, birch: Api) -> None:
    number = wire.invoice("Birch & Sons")["id"]
    birch.call("PUT", f"/Invoices/{number}/History", json={"HistoryRecords": [{"Details": "A question was asked"}]})
    records = birch.get(f"/Invoices/{number}/History").json()["HistoryRecords"]
    assert records[0]["Details"] == "A question was asked"


def test_who_forgets_to_ask_for_json_gets_xml(birch: Api) -> None:
    answer = birch.get("/Invoices", {"Accept": "*/*"}, page=1)
    assert answer.headers["Content-Type"].startswith("text/xml")
    assert answer.text.startswith("<Response>")


def test_the_tenant_must_be_connected(wire: Wire, birch: Api) -> None:
    other = birch.get("/Invoices", {"Xero-tenant-id": "11111111-1111-4111-8111-111111111111"}, page=1)
    assert (other.status_code, other.json()["Detail"]) == (403, "AuthenticationUnsuccessful")
    wire.control.advance(1801)
    late = birch.get("/Invoices", page=1)
    assert late.status_code == 401
    assert late.json()["Detail"].startswith("TokenExpired")


def test_a_scope_that_was_not_given_is_missed(wire: Wire) -> None:
    birch = wire.api("xero", "Birch & Sons", scope="offline_access accounting.invoices.read")
    assert birch.get("/Invoices", page=1).status_code == 200
    assert birch.get("/Contacts").json()["Detail"] == "AuthorizationUnsuccessful"
    assert birch.call("PUT", "/Payments", json={}).status_code == 401


def test_limits_are_told_always_and_enforced_when_switched_on(wire: Wire, birch: Api) -> None:
    left = int(birch.get("/Organisation").headers["X-MinLimit-Remaining"])
    wire.control.enforce_limits()
    answers = [birch.get("/Organisation") for _ in range(61)]
    assert left == 59
    assert answers[59].headers["X-DayLimit-Remaining"] == "4940"
    assert answers[60].status_code == 429
    assert answers[60].headers["X-Rate-Limit-Problem"] == "minute"
    assert int(answers[60].headers["Retry-After"]) <= 60


def test_what_is_not_there_is_404_in_plain_words(birch: Api) -> None:
    answer = birch.get("/Invoices/11111111-1111-4111-8111-111111111111")
    assert answer.status_code == 404
    assert not answer.headers["Content-Type"].startswith("application/json")


# Oddities of the one published example, not of every invoice.
ODD = {"RepeatingInvoiceID", "Attachments", "StatusAttributeString", "ValidationErrors"}
LISTS = {
    "Invoices": ("/Invoices", "invoices_list", {"page": 1}),
    "CreditNotes": ("/CreditNotes", "credit_notes_list", {"page": 1}),
    "Payments": ("/Payments", "payments_list", {"page": 1}),
    "Overpayments": ("/Overpayments", "overpayments_list", {"page": 1}),
    "Prepayments": ("/Prepayments", "prepayments_list", {"page": 1}),
    "Organisations": ("/Organisation", "organisation", {}),
}
ODD_ELSEWHERE = {
    "Payments": {"BatchPaymentID", "BatchPayment"},
    "Prepayments": {"InvoiceNumber"},
    "Organisations": {"APIKey", "TaxNumber", "PeriodLockDate", "EndOfYearLockDate"},
}


@pytest.mark.parametrize("name", sorted(LISTS))
def test_every_key_of_the_published_sample_is_there(shared: Path, make_wire: Any, name: str) -> None:
    path, file, query = LISTS[name]
    birch = make_wire("demo").api("xero", "Birch & Sons")
    body = birch.get(path, **query).json()
    sample = json.loads((shared / f"connectors/samples/xero/{file}.json").read_text())
    assert set(sample) <= set(body)
    seen = {key for row in body[name] for key in row}
    published = {key for row in sample[name] for key in row}
    assert published - seen - ODD - ODD_ELSEWHERE.get(name, set()) == set()


def test_a_single_invoice_has_the_keys_of_the_sample(shared: Path, make_wire: Any) -> None:
    wire = make_wire("demo")
    birch = wire.api("xero", "Birch & Sons")
    paid = next(row for row in wire.control.invoices("Birch & Sons") if row["status"] == "paid")
    got = birch.get(f"/Invoices/{paid['id']}").json()["Invoices"][0]
    sample = json.loads((shared / "connectors/samples/xero/invoice_single.json").read_text())["Invoices"][0]
    assert set(sample) - set(got) - ODD == set()
    assert set(sample["Contact"]) <= set(got["Contact"])
