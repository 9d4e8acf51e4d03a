"""Ordered faults: what each provider says on a bad day, how often and at whom; and the rest of the control plane."""

import time
from datetime import datetime
from typing import Any

import pytest
import requests

from tests.connectors.sandbox.wire import Api, Wire

COMPANY = {"quickbooks": "Acme Supply", "xero": "Birch & Sons", "stripe": "Cedar Studio"}


def look(api: Api) -> requests.Response:
    if api.provider == "quickbooks":
        return api.query("SELECT * FROM Invoice")
    return api.get("/Invoices", page=1) if api.provider == "xero" else api.get("/invoices")


@pytest.fixture(params=sorted(COMPANY))
def api(request: pytest.FixtureRequest, wire: Wire) -> Api:
    return wire.api(request.param, COMPANY[request.param])


@pytest.mark.parametrize("kind", ["401", "403", "429", "500"])
def test_a_fault_strikes_once_and_is_over(wire: Wire, api: Api, kind: str) -> None:
    wire.control.fault(kind, api.provider, seconds=7)
    answers = [look(api).status_code for _ in range(2)]
    assert answers == [int(kind), 200]


def test_throttling_is_told_in_each_ones_words(wire: Wire, api: Api) -> None:
    wire.control.fault("429", api.provider, seconds=7)
    answer = look(api)
    if api.provider == "quickbooks":
        assert answer.json()["Fault"]["Error"][0]["code"] == "3001"
        assert answer.json()["Fault"]["type"] == "SERVICE"
    else:
        assert answer.headers["Retry-After"] == "7"
    if api.provider == "stripe":
        assert answer.headers["Stripe-Should-Retry"] == "true"
    if api.provider == "xero":
        assert answer.headers["X-Rate-Limit-Problem"] == "minute"


def test_the_day_limit_is_told_by_zero(wire: Wire) -> None:
    birch = wire.api("xero", "Birch & Sons")
    wire.control.fault("429", "xero", problem="day", seconds=3600)
    answer = look(birch)
    assert (answer.headers["X-Rate-Limit-Problem"], answer.headers["X-DayLimit-Remaining"]) == ("day", "0")


def test_an_outage_comes_as_html(wire: Wire, api: Api) -> None:
    wire.control.fault("503html", api.provider)
    answer = look(api)
    assert answer.status_code == 503
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_error_may_hide_in_a_200(wire: Wire, api: Api) -> None:
    wire.control.fault("200error", api.provider)
    answer = look(api)
    assert answer.status_code == 200
    assert "QueryResponse" not in answer.text
    assert "pagination" not in answer.text
    assert '"data"' not in answer.text
    if api.provider == "quickbooks":
        assert answer.json()["Fault"]["type"] == "SystemFault"


def test_an_answer_may_be_cut(wire: Wire, api: Api) -> None:
    wire.control.fault("cut", api.provider)
    with pytest.raises(requests.RequestException):
        look(api)
    assert look(api).status_code == 200


def test_an_answer_may_be_slow(wire: Wire, api: Api) -> None:
    wire.control.fault("slow", api.provider, seconds=0.3)
    started = time.perf_counter()
    look(api)
    assert time.perf_counter() - started > 0.29


def test_a_fault_may_wait_last_and_be_taken_back(wire: Wire, api: Api) -> None:
    wire.control.fault("500", api.provider, after=2, times=None)
    answers = [look(api).status_code for _ in range(4)]
    wire.control.clear_faults()
    assert answers == [200, 200, 500, 500]
    assert look(api).status_code == 200


def test_a_fault_may_be_of_one_company_one_path_or_the_token_endpoint(make_wire: Any) -> None:
    wire = make_wire("demo")
    acme, drake = (wire.api("quickbooks", name) for name in ("Acme Supply", "Drake Logistics"))
    wire.control.fault("500", company="Acme Supply", path="/preferences", times=None)
    wire.control.fault("500", provider="quickbooks", where="token")
    assert acme.get("/preferences").status_code == 500
    assert look(acme).status_code == 200
    assert drake.get("/preferences").status_code == 200
    assert wire.refresh("quickbooks", acme.grant["refresh_token"]).status_code == 500
    assert wire.refresh("quickbooks", acme.grant["refresh_token"]).status_code == 200


def pages(api: Api, size: int) -> list[list[str]]:
    found: list[list[str]] = []
    for number in range(1, 9):
        if api.provider == "quickbooks":
            start = (number - 1) * size + 1
            body = api.query(f"SELECT * FROM Invoice STARTPOSITION {start} MAXRESULTS {size}").json()
            rows = [row["Id"] for row in body["QueryResponse"].get("Invoice", [])]
        elif api.provider == "xero":
            body = api.get("/Invoices", page=number, pageSize=size).json()
            rows = [row["InvoiceID"] for row in body["Invoices"]]
        else:
            after = {"starting_after": found[-1][-1]} if found else {}
            rows = [row["id"] for row in api.get("/invoices", limit=size, **after).json()["data"]]
        if not rows:
            break
        found.append(rows)
    return found


def test_a_page_may_come_twice(wire: Wire, api: Api) -> None:
    good = pages(api, 5)
    wire.control.fault("repeat_page", api.provider)
    bad = pages(api, 5)
    assert bad[1] == bad[0] == good[0]


def test_a_row_may_slip_between_two_pages(wire: Wire, api: Api) -> None:
    good = {row for page in pages(api, 5) for row in page}
    wire.control.fault("skip_row", api.provider, after=1)
    bad = {row for page in pages(api, 5) for row in page}
    assert len(good - bad) == 1


def test_an_unknown_fault_is_refused(wire: Wire) -> None:
    with pytest.raises(RuntimeError, match="unknown kind"):
        wire.control.fault("locusts")


def test_calls_are_counted_by_company_and_path(wire: Wire, api: Api) -> None:
    wire.control.reset_calls()
    for _ in range(3):
        look(api)
    assert wire.control.calls(COMPANY[api.provider]) == 3
    assert wire.control.calls("Nobody") == 0
    wire.control.reset_calls()
    assert wire.control.calls() == 0


def test_the_clock_moves_and_stops(wire: Wire) -> None:
    wire.control.set_clock("2027-01-01T00:00:00Z")
    later = datetime.fromisoformat(wire.control.advance(3600))
    assert later.isoformat()[:16] == "2027-01-01T01:00"


@pytest.mark.parametrize("company", COMPANY.values())
def test_every_verb_leaves_its_mark(wire: Wire, company: str) -> None:
    act = wire.control.act
    made = act(company, "new_customer", name="New Customer", email="new@customer.example")
    invoice = act(company, "new_invoice", customer="New Customer", amount="120.00", due=14, reference="PO-1")
    due = act(company, "change_due", invoice=invoice["invoice_id"], due="2026-09-01")
    half = act(company, "part_pay", invoice=invoice["invoice_id"])
    credit = act(company, "credit", invoice=invoice["invoice_id"], amount="10.00")
    mail = act(company, "change_email", customer="New Customer", email="other@customer.example")
    paid = act(company, "pay", customer="New Customer")
    assert made["customer_id"] == invoice["customer_id"] == mail["customer_id"]
    assert (invoice["status"], invoice["balance"], due["due"]) == ("open", "120.00", "2026-09-01")
    assert (half["balance"], credit["balance"]) == ("60.00", "50.00")
    assert (paid["status"], paid["balance"]) == ("paid", "0.00")
    assert paid["payment_id"] != half["payment_id"]


def test_what_a_provider_does_not_allow_is_refused_with_a_reason(wire: Wire) -> None:
    with pytest.raises(RuntimeError, match=r"409.*Stripe keeps the amounts"):
        wire.control.act("Cedar Studio", "change_amount", amount="5.00")
    with pytest.raises(RuntimeError, match=r"409.*paid Stripe invoice"):
        wire.control.act("Cedar Studio", "reopen")
    with pytest.raises(RuntimeError, match=r"409.*no drafts"):
        wire.control.act("Acme Supply", "new_invoice", draft=True)
    with pytest.raises(RuntimeError, match=r"404.*no company"):
        wire.control.act("Nobody", "pay")
    with pytest.raises(RuntimeError, match=r"409.*do must be one of"):
        wire.control.act("Acme Supply", "dance")


@pytest.mark.parametrize("company", ["Acme Supply", "Birch & Sons"])
def test_a_payment_may_bounce_an_amount_change_and_an_invoice_move(wire: Wire, company: str) -> None:
    invoice = wire.invoice(company)
    wire.control.act(company, "pay", invoice=invoice["id"])
    again = wire.control.act(company, "reopen")
    changed = wire.control.act(company, "change_amount", invoice=invoice["id"], amount="777.77")
    moved = wire.control.act(company, "reassign", invoice=invoice["id"], to="Dune GmbH")
    assert (again["invoice_id"], again["status"], again["balance"]) == (invoice["id"], "open", invoice["balance"])
    assert changed["balance"] == "777.77"
    assert moved["customer_id"] != invoice["customer_id"]


def test_deleting_means_what_it_means_at_each_provider(wire: Wire) -> None:
    assert {name: wire.control.act(name, "delete")["status"] for name in COMPANY.values()} == {
        "Acme Supply": "deleted",
        "Birch & Sons": "void",
        "Cedar Studio": "void",
    }


@pytest.mark.parametrize("company", COMPANY.values())
def test_voiding_passes_over_invoices_with_money_on_them(wire: Wire, company: str) -> None:
    first = wire.control.act(company, "part_pay")
    voided = wire.control.act(company, "void")
    assert voided["status"] == "void"
    assert voided["invoice_id"] != first["invoice_id"]
