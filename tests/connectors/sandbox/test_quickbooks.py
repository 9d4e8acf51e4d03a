"""QuickBooks Online's API over HTTP."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.sandbox.wire import Api, Wire

OPEN = "SELECT * FROM Invoice WHERE Balance > '0'"


@pytest.fixture
def acme(wire: Wire) -> Api:
    return wire.api("quickbooks", "Acme Supply")


def rows(answer: Any, entity: str = "Invoice") -> list[dict[str, Any]]:
    return list(answer.json()["QueryResponse"].get(entity, []))


def test_open_invoices_are_those_with_a_balance(wire: Wire, acme: Api) -> None:
    got = {row["Id"]: row["Balance"] for row in rows(acme.query(OPEN))}
    assert got == {row["id"]: float(row["balance"]) for row in wire.control.invoices("Acme Supply", only_open=True)}


def test_a_query_may_be_posted_as_text(acme: Api) -> None:
    posted = acme.call("POST", "/query", {"Content-Type": "application/text"}, data=OPEN)
    as_json = acme.call("POST", "/query", {"Content-Type": "application/json"}, data=OPEN)
    assert rows(posted) == rows(acme.query(OPEN))
    assert as_json.status_code == 415


def test_pages_end_exactly_at_their_size(acme: Api) -> None:
    count = acme.query("SELECT COUNT(*) FROM Invoice WHERE Balance > '0'").json()["QueryResponse"]["totalCount"]
    first = acme.query(f"{OPEN} STARTPOSITION 1 MAXRESULTS {count // 2}")
    second = acme.query(f"{OPEN} STARTPOSITION {count // 2 + 1} MAXRESULTS {count // 2}")
    beyond = acme.query(f"{OPEN} STARTPOSITION {count + 1} MAXRESULTS {count // 2}")
    assert count == 10
    assert len(rows(first)) == len(rows(second)) == 5
    assert {row["Id"] for row in rows(first)}.isdisjoint(row["Id"] for row in rows(second))
    assert second.json()["QueryResponse"]["startPosition"] == 6
    assert beyond.json()["QueryResponse"] == {}
    assert beyond.json()["time"]


def test_position_zero_is_fault_4001(acme: Api) -> None:
    answer = acme.query(f"{OPEN} STARTPOSITION 0")
    fault = answer.json()["Fault"]
    assert answer.status_code == 400
    assert (fault["type"], fault["Error"][0]["code"]) == ("ValidationFault", "4001")
    assert "Min allowed value is 1" in fault["Error"][0]["Detail"]


def test_it_filters_by_id_time_and_order(wire: Wire, acme: Api) -> None:
    before = wire.control.now()
    wire.control.advance(60)
    paid = wire.control.act("Acme Supply", "part_pay")["invoice_id"]
    changed = acme.query(f"SELECT * FROM Invoice WHERE MetaData.LastUpdatedTime >= '{before}'")
    named = acme.query("SELECT * FROM Invoice WHERE Id IN ('101', '103') ORDERBY Id DESC")
    assert [row["Id"] for row in rows(changed)] == [paid]
    assert [row["Id"] for row in rows(named)] == ["103", "101"]


def test_customers_are_the_active_ones_unless_asked(wire: Wire, acme: Api) -> None:
    wire.control.act("Acme Supply", "deactivate_customer", customer="Elm Street Bakery")
    usual = rows(acme.query("SELECT * FROM Customer"), "Customer")
    everyone = rows(acme.query("SELECT * FROM Customer WHERE Active IN (true, false)"), "Customer")
    gone = [one for one in everyone if not one["Active"]]
    assert len(everyone) == len(usual) + 1
    assert gone[0]["DisplayName"] == "Elm Street Bakery (deleted)"
    assert "PrimaryEmailAddr" not in gone[0]


def test_an_address_field_may_hold_two(acme: Api) -> None:
    customers = rows(acme.query("SELECT * FROM Customer WHERE DisplayName LIKE 'Fjord%'"), "Customer")
    assert customers[0]["PrimaryEmailAddr"]["Address"] == "accounts@fjord.example, jonas@fjord.example"


def test_the_small_world_has_every_kind_of_invoice(acme: Api) -> None:
    invoices = rows(acme.query("SELECT * FROM Invoice MAXRESULTS 1000"))
    assert any("DocNumber" not in row for row in invoices)
    assert any("DueDate" not in row for row in invoices)
    assert any(0 < row["Balance"] < row["TotalAmt"] for row in invoices)
    assert any(row["TotalAmt"] == 0 and row["PrivateNote"] == "Voided" for row in invoices)
    assert any(row["Balance"] == 0 < row["TotalAmt"] for row in invoices)
    assert all(isinstance(row["Balance"], int | float) for row in invoices)
    assert all("status" not in row for row in invoices)


def test_the_change_feed_tells_of_deletions(wire: Wire, acme: Api) -> None:
    since = wire.control.now()
    wire.control.advance(5)
    gone = wire.control.act("Acme Supply", "delete")["invoice_id"]
    paid = wire.control.act("Acme Supply", "pay")
    answer = acme.get("/cdc", entities="Invoice,Payment,Customer,CreditMemo", changedSince=since)
    invoices, payments, customers, memos = answer.json()["CDCResponse"][0]["QueryResponse"]
    by_id = {row["Id"]: row for row in invoices["Invoice"]}
    assert by_id[gone]["status"] == "Deleted"
    assert "TotalAmt" not in by_id[gone]
    assert by_id[paid["invoice_id"]]["Balance"] == 0
    assert [row["Id"] for row in payments["Payment"]] == [paid["payment_id"]]
    assert customers == memos == {}
    assert acme.get(f"/invoice/{gone}").json()["Fault"]["Error"][0]["code"] == "610"
    assert gone not in {row["Id"] for row in rows(acme.query("SELECT * FROM Invoice MAXRESULTS 1000"))}


def test_the_change_feed_reaches_thirty_days_back(acme: Api) -> None:
    assert acme.get("/cdc", entities="Invoice", changedSince="2026-05-17T00:00:00Z").status_code == 200
    assert acme.get("/cdc", entities="Invoice", changedSince="2026-05-01T00:00:00Z").status_code == 400


def test_the_pay_link_is_given_only_singly_only_asked_and_only_with_an_address(wire: Wire, acme: Api) -> None:
    with_mail, without = wire.invoice("Acme Supply"), wire.invoice("Acme Supply", email=None)
    asked = acme.get(f"/invoice/{with_mail['id']}", include="invoiceLink").json()["Invoice"]
    plain = acme.get(f"/invoice/{with_mail['id']}").json()["Invoice"]
    nobody = acme.get(f"/invoice/{without['id']}", include="invoiceLink").json()["Invoice"]
    assert asked["InvoiceLink"] == with_mail["pay_url"]
    assert asked["InvoiceLink"].startswith(wire.base + "/pay/")
    assert "InvoiceLink" not in plain
    assert nobody["InvoiceLink"] == ""


def test_a_payment_is_entered_once_for_one_requestid(wire: Wire, acme: Api) -> None:
    invoice = wire.invoice("Acme Supply")
    body = {
        "CustomerRef": {"value": invoice["customer_id"]},
        "TotalAmt": 100.0,
        "Line": [{"Amount": 100.0, "LinkedTxn": [{"TxnId": invoice["id"], "TxnType": "Invoice"}]}],
    }
    first = acme.call("POST", "/payment", json=body, params={"requestid": "r-1"}).json()["Payment"]
    again = acme.call("POST", "/payment", json=body, params={"requestid": "r-1"}).json()["Payment"]
    left = acme.get(f"/invoice/{invoice['id']}").json()["Invoice"]
    assert first == again
    assert left["Balance"] == float(invoice["balance"]) - 100
    assert {"TxnId": first["Id"], "TxnType": "Payment"} in left["LinkedTxn"]
    assert int(left["SyncToken"]) == 1


def test_a_payment_above_the_balance_is_refused_whole(wire: Wire, acme: Api) -> None:
    invoice = wire.invoice("Acme Supply")
    line = {"Amount": 99999.0, "LinkedTxn": [{"TxnId": invoice["id"], "TxnType": "Invoice"}]}
    body = {"CustomerRef": {"value": invoice["customer_id"]}, "TotalAmt": 99999.0, "Line": [line]}
    answer = acme.call("POST", "/payment", json=body)
    assert answer.status_code == 400
    assert wire.invoice("Acme Supply", id=invoice["id"])["balance"] == invoice["balance"]


def test_an_expired_token_gets_the_lower_case_fault(wire: Wire, acme: Api) -> None:
    wire.control.advance(3601)
    answer = acme.query(OPEN)
    assert answer.status_code == 401
    assert answer.json()["fault"]["type"] == "AUTHENTICATION"
    assert answer.json()["fault"]["error"][0]["code"] == "3200"
    assert answer.headers["intuit_tid"]


def test_another_company_is_forbidden(make_wire: Any) -> None:
    wire = make_wire("demo")
    acme, drake = wire.api("quickbooks", "Acme Supply"), wire.control.company("Drake Logistics")["external_id"]
    acme.grant["external_id"] = drake
    assert acme.query(OPEN).status_code == 403


def test_old_minor_versions_are_gone(acme: Api) -> None:
    assert acme.get("/query", query=OPEN, minorversion="74").status_code == 400
    assert acme.get("/query", query=OPEN, minorversion="80").status_code == 200


def test_it_tells_the_company_and_its_currency(acme: Api) -> None:
    realm = acme.grant["external_id"]
    assert acme.get(f"/companyinfo/{realm}").json()["CompanyInfo"]["CompanyName"] == "Acme Supply"
    prefs = acme.get("/preferences").json()["Preferences"]["CurrencyPrefs"]
    assert prefs == {"MultiCurrencyEnabled": False, "HomeCurrency": {"value": "USD"}}


def test_the_pdf_is_a_pdf(wire: Wire, acme: Api) -> None:
    answer = acme.get(f"/invoice/{wire.invoice('Acme Supply')['id']}/pdf", {"Accept": "application/pdf"})
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-1.4")
    assert answer.content.endswith(b"%%EOF\n")


SAMPLES = {
    "Invoice": ("query_invoice", "invoice_sent", "invoice_voided"),
    "Customer": ("query_customers",),
    "Payment": ("query_payments",),
    "CreditMemo": ("credit_memo",),
}
NOT_PLAYED = {"ParentRef", "Level", "Notes", "ResaleNum", "SalesTermRef", "AlternatePhone", "Mobile", "Fax", "WebAddr"}


@pytest.mark.parametrize("entity", sorted(SAMPLES))
def test_every_key_of_the_published_sample_is_there(shared: Path, make_wire: Any, entity: str) -> None:
    acme = make_wire("demo").api("quickbooks", "Acme Supply")
    got = rows(acme.query(f"SELECT * FROM {entity} MAXRESULTS 1000"), entity)
    seen = {key for row in got for key in row}
    for name in SAMPLES[entity]:
        sample = json.loads((shared / f"connectors/samples/quickbooks/{name}.converted.json").read_text())
        published = sample["QueryResponse"][entity] if "QueryResponse" in sample else [sample[entity]]
        keys = {key for row in published for key in row}
        allowed = NOT_PLAYED if entity == "Customer" else set()
        assert keys - seen - allowed == set(), name
