"""The hosted pay page behind every provider's pay link."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.connectors.sandbox.wire import Wire

COMPANIES = ["Acme Supply", "Birch & Sons", "Cedar Studio"]


@pytest.mark.parametrize("company", COMPANIES)
def test_looking_shows_payee_number_and_amount_and_changes_nothing(wire: Wire, company: str) -> None:
    invoice = wire.invoice(company)
    for _ in range(3):
        page = wire.http.get(invoice["pay_url"], timeout=10)
    assert page.status_code == 200
    assert company.replace("&", "&amp;") in page.text
    assert invoice["number"] in page.text
    assert f"{float(invoice['balance']):,.2f} {invoice['currency']}" in page.text
    assert wire.invoice(company, id=invoice["id"]) == invoice


@pytest.mark.parametrize("company", COMPANIES)
def test_paying_settles_the_books(wire: Wire, company: str) -> None:
    invoice = wire.invoice(company)
    assert wire.control.pay_online(invoice["pay_url"]) == 200
    after = next(row for row in wire.control.invoices(company) if row["id"] == invoice["id"])
    assert (after["status"], float(after["balance"])) == ("paid", 0)
    assert after["updated_at"] > invoice["updated_at"]
    assert wire.control.pay_online(invoice["pay_url"]) == 409
    assert "Nothing is owed" in wire.http.get(invoice["pay_url"], timeout=10).text


@pytest.mark.parametrize("company", COMPANIES)
def test_a_part_may_be_paid(wire: Wire, company: str) -> None:
    invoice = wire.invoice(company)
    assert wire.control.pay_online(invoice["pay_url"], "100.25") == 200
    left = wire.invoice(company, id=invoice["id"])["balance"]
    assert float(left) == pytest.approx(float(invoice["balance"]) - 100.25)


@pytest.mark.parametrize("amount", ["1000000", "0", "-5", "much"])
def test_a_senseless_amount_is_refused(wire: Wire, amount: str) -> None:
    invoice = wire.invoice("Acme Supply")
    assert wire.control.pay_online(invoice["pay_url"], amount) in (409, 422)
    assert wire.invoice("Acme Supply", id=invoice["id"]) == invoice


def test_yen_have_no_cents(wire: Wire) -> None:
    invoice = wire.invoice("Cedar Studio", currency="JPY", total="120000")
    assert "120,000 JPY" in wire.http.get(invoice["pay_url"], timeout=10).text
    assert wire.control.pay_online(invoice["pay_url"], "20,000") == 200
    assert wire.invoice("Cedar Studio", id=invoice["id"])["balance"] == "100000"


def test_void_and_unknown_invoices_cannot_be_paid(wire: Wire) -> None:
    invoice = wire.invoice("Acme Supply")
    wire.control.act("Acme Supply", "void", invoice=invoice["id"])
    assert "withdrawn" in wire.http.get(invoice["pay_url"], timeout=10).text
    assert wire.control.pay_online(invoice["pay_url"]) == 409
    assert wire.control.pay_online(f"{wire.base}/pay/nothing") == 404


def test_two_who_pay_at_once_pay_once(wire: Wire) -> None:
    invoice = wire.invoice("Acme Supply")
    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(lambda _: wire.control.pay_online(invoice["pay_url"]), range(8)))
    assert answers == [200] + [409] * 7
