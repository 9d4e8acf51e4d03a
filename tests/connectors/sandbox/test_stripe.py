"""Stripe's API over HTTP."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.connectors.sandbox.wire import Api, Wire


@pytest.fixture
def cedar(wire: Wire) -> Api:
    return wire.api("stripe", "Cedar Studio")


def everything(api: Api, path: str, **query: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while True:
        body = api.get(path, **query, **({"starting_after": rows[-1]["id"]} if rows else {})).json()
        rows += body["data"]
        if not body["has_more"]:
            return rows


def test_open_invoices_count_in_minor_units(wire: Wire, cedar: Api) -> None:
    got = {
        row["id"]: (row["currency"], row["amount_remaining"]) for row in everything(cedar, "/invoices", status="open")
    }
    books = wire.control.invoices("Cedar Studio", only_open=True)
    assert got == {
        row["id"]: (row["currency"].lower(), int(float(row["balance"]) * (1 if row["currency"] == "JPY" else 100)))
        for row in books
    }


def test_a_thousand_yen_is_a_thousand(wire: Wire, cedar: Api) -> None:
    yen = wire.invoice("Cedar Studio", currency="JPY", total="1000")
    shaped = cedar.get(f"/invoices/{yen['id']}").json()
    assert (shaped["amount_due"], shaped["amount_remaining"], shaped["total"]) == (1000, 1000, 1000)
    assert shaped["lines"]["data"][0]["amount"] == 1000


def test_every_status_is_on_show(wire: Wire, cedar: Api) -> None:
    wire.control.act("Cedar Studio", "write_off")
    rows = everything(cedar, "/invoices", limit=100)
    assert {row["status"] for row in rows} == {"draft", "open", "paid", "void", "uncollectible"}
    assert any(row["due_date"] is None for row in rows)
    drafts = [row for row in rows if row["status"] == "draft"]
    assert [(row["number"], row["hosted_invoice_url"]) for row in drafts] == [(None, None)]
    assert any(row["pre_payment_credit_notes_amount"] and row["amount_due"] == 0 for row in rows)


@pytest.mark.parametrize("size", [3, 9, 10, 100])
def test_pages_end_exactly_at_their_size(cedar: Api, size: int) -> None:
    rows = everything(cedar, "/invoices", status="open", limit=size)
    assert len(rows) == len({row["id"] for row in rows}) == 9
    created = [row["created"] for row in rows]
    assert created == sorted(created, reverse=True)


def test_it_pages_backwards_too(cedar: Api) -> None:
    ids = [row["id"] for row in everything(cedar, "/invoices", limit=100)]
    before = cedar.get("/invoices", limit=2, ending_before=ids[4]).json()
    assert [row["id"] for row in before["data"]] == ids[2:4]


def test_customers_are_ids_unless_expanded(cedar: Api) -> None:
    plain = cedar.get("/invoices", limit=1).json()["data"][0]
    wide = cedar.get("/invoices", limit=1, **{"expand[]": "data.customer"}).json()["data"][0]
    single = cedar.get(f"/invoices/{plain['id']}", **{"expand[]": ["customer", "payments"]}).json()
    assert plain["customer"].startswith("cus_")
    assert wide["customer"]["id"] == single["customer"]["id"] == plain["customer"]
    assert "payments" not in plain
    assert single["payments"]["object"] == "list"
    assert cedar.get("/invoices", **{"expand[]": "data.secrets"}).status_code == 400


def test_it_filters_by_time_and_customer(wire: Wire, cedar: Api) -> None:
    rows = everything(cedar, "/invoices", limit=100)
    newest, middle = rows[0], rows[5]
    later = everything(cedar, "/invoices", **{"created[gte]": middle["created"]})
    hers = everything(cedar, "/invoices", customer=newest["customer"], limit=100)
    due = everything(cedar, "/invoices", limit=100, **{"due_date[lte]": int(newest["created"])})
    assert {row["id"] for row in later} == {row["id"] for row in rows if row["created"] >= middle["created"]}
    assert {row["customer"] for row in hers} == {newest["customer"]}
    assert all(row["due_date"] <= newest["created"] for row in due)
    assert cedar.get("/invoices", **{"created[gte]": "yesterday"}).status_code == 400


def test_events_tell_what_happened(wire: Wire, cedar: Api) -> None:
    start = everything(cedar, "/events")
    paid = wire.control.act("Cedar Studio", "pay")["invoice_id"]
    made = wire.control.act("Cedar Studio", "new_invoice", amount="12.00")["invoice_id"]
    events = everything(cedar, "/events", limit=3)
    chosen = everything(cedar, "/events", **{"types[]": ["invoice.paid", "invoice.finalized"]})
    assert start == []
    assert {one["type"] for one in events} >= {"invoice.paid", "invoice.created", "invoice_payment.paid"}
    assert [(one["type"], one["data"]["object"]["id"]) for one in chosen] == [
        ("invoice.finalized", made),
        ("invoice.paid", paid),
    ]
    created = next(one for one in events if one["type"] == "invoice.created")
    assert (created["data"]["object"]["status"], created["data"]["object"]["number"]) == ("draft", None)
    assert "account" not in chosen[0]
    assert cedar.get(f"/events/{chosen[0]['id']}").json() == chosen[0]


def test_events_are_kept_for_thirty_days(wire: Wire, cedar: Api) -> None:
    wire.control.act("Cedar Studio", "pay")
    wire.control.advance(31 * 86_400)
    assert everything(cedar, "/events") == []


def test_it_is_paid_out_of_band_once(wire: Wire, cedar: Api) -> None:
    number = wire.invoice("Cedar Studio")["id"]
    no_card = cedar.call("POST", f"/invoices/{number}/pay")
    paid = cedar.call("POST", f"/invoices/{number}/pay", {"Idempotency-Key": "k"}, data={"paid_out_of_band": "true"})
    again = cedar.call("POST", f"/invoices/{number}/pay", {"Idempotency-Key": "k"}, data={"paid_out_of_band": "true"})
    third = cedar.call("POST", f"/invoices/{number}/pay", data={"paid_out_of_band": "true"})
    assert no_card.status_code == 400
    assert (paid.json()["status"], paid.json()["amount_remaining"]) == ("paid", 0)
    assert paid.json()["status_transitions"]["paid_at"]
    assert again.json() == paid.json()
    assert third.status_code == 400


def test_credit_notes_lower_what_is_due(wire: Wire, cedar: Api) -> None:
    number = wire.invoice("Cedar Studio")["id"]
    wire.control.act("Cedar Studio", "credit", invoice=number, amount="40.00")
    shaped = cedar.get(f"/invoices/{number}").json()
    notes = everything(cedar, "/credit_notes", invoice=number)
    assert shaped["amount_due"] == shaped["total"] - 4000 == shaped["amount_remaining"]
    assert shaped["pre_payment_credit_notes_amount"] == 4000
    assert [(note["amount"], note["status"]) for note in notes] == [(4000, "issued")]


def test_a_finalized_invoice_keeps_the_address_it_went_to(wire: Wire, cedar: Api) -> None:
    number = wire.invoice("Cedar Studio", email="ap@cobalt.example")["id"]
    customer = wire.control.act("Cedar Studio", "change_email", customer="Cobalt", email="new@cobalt.example")
    assert cedar.get(f"/customers/{customer['customer_id']}").json()["email"] == "new@cobalt.example"
    assert cedar.get(f"/invoices/{number}").json()["customer_email"] == "ap@cobalt.example"


def test_what_is_not_there_is_named(cedar: Api) -> None:
    answer = cedar.get("/invoices/in_nobody")
    cursor = cedar.get("/invoices", starting_after="in_nobody")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")
    assert answer.json()["error"]["message"] == "No such invoice: 'in_nobody'"
    assert cursor.status_code == 400
    assert answer.headers["Request-Id"].startswith("req_")


def platform(wire: Wire, path: str, account: str | None, key: str = "sk_test_sandbox") -> requests.Response:
    headers = {"Authorization": f"Bearer {key}"} | ({"Stripe-Account": account} if account else {})
    return wire.http.get(f"{wire.base}/stripe/v1{path}", headers=headers, timeout=10)


def test_the_platform_key_reads_connected_accounts_only(wire: Wire) -> None:
    account = wire.control.company("Cedar Studio")["external_id"]
    before = platform(wire, "/invoices", account)
    wire.connect("stripe", "Cedar Studio")
    after = platform(wire, "/invoices", account)
    assert (before.status_code, before.json()["error"]["code"]) == (403, "account_invalid")
    assert after.json()["data"]
    assert platform(wire, "/account", account).json()["id"] == account
    assert platform(wire, f"/accounts/{account}", None).json()["business_profile"]["name"] == "Cedar Studio"
    assert platform(wire, "/invoices", None).json()["data"] == []
    assert platform(wire, "/invoices", account, "sk_test_wrong").status_code == 401


OBJECTS = {
    "invoice": "/invoices",
    "customer": "/customers",
    "credit_note": "/credit_notes",
    "invoice_payment": "/invoice_payments",
    "event": "/events",
}


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_every_key_of_the_published_sample_is_there(shared: Path, wire: Wire, cedar: Api, name: str) -> None:
    wire.control.act("Cedar Studio", "pay")
    seen = {key for row in everything(cedar, OBJECTS[name], limit=100) for key in row}
    sample = json.loads((shared / f"connectors/samples/stripe/{name}.json").read_text())
    # the fixture's invoice still has `subscription`, which API 2025-03-31 removed (FACTS 3)
    assert set(sample) - seen - {"subscription"} == set()


def test_the_account_has_the_keys_of_the_sample(shared: Path, cedar: Api) -> None:
    sample = json.loads((shared / "connectors/samples/stripe/account.json").read_text())
    assert set(sample) - set(cedar.get("/account").json()) - {"requirements", "future_requirements"} == set()
