"""Paying from the inbox: what a pay page says before anything is pressed, several at once, and "I have sent it"."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.house import House
from app.models import (
    BankAccount,
    Hold,
    HoldKind,
    Invoice,
    InvoiceState,
    Outgoing,
    PayMethod,
    PayRule,
    Remittance,
    Trust,
    Vendor,
)
from tests.support.house import signed_in
from tests.support.links import FakePayDesk, credit, hold, with_wings
from tests.support.world import EVERYTHING, NOW, TODAY, Selling, World, customer_member, invoice, person, vendor

pytestmark = pytest.mark.usefixtures("fixed_clock")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough for what pages say."""
    return sqlite_url


class Shop:
    """A supplier of Cobalt's that is paid in euros, by transfer or online, and Cobalt's people."""

    def __init__(self, app: Flask, house: House, world: World) -> None:
        self.house, self.world, self.provider = house, world, with_wings(app)
        with house.database.transaction(EVERYTHING) as session:
            self.sells: Selling = vendor(session, "Holz", address="owner@holz.example", currency="EUR")
            facts: dict[str, Any] = {"issued_on": TODAY - timedelta(days=5)}
            self.late = invoice(
                session, self.sells, world.cobalt, number="H-1", due_on=date(2026, 11, 2), amount="1000.00", **facts
            )
            self.later = invoice(session, self.sells, world.cobalt, number="H-2", due_on=date(2026, 12, 2), **facts)
            colleague = person(session, "bo@cobalt.example", name="Bo")
            customer_member(session, world.cobalt.customer, colleague)
        self.ana, self.bo = signed_in(app, world.cobalt.person), signed_in(app, colleague)
        self.stranger = signed_in(app, world.outsider.person)

    def give(self, *rows: Any) -> None:
        with self.house.database.transaction(EVERYTHING) as session:
            session.add_all(rows)

    def account(self, **facts: Any) -> None:
        usual = {"iban": "DE89370400440532013000", "approved_at": NOW, "counts_from": NOW - timedelta(days=90)}
        self.give(
            BankAccount(
                vendor_id=self.sells.vendor.id, beneficiary="Holz GmbH", **{**usual, **facts},
            )
        )  # fmt: skip

    def rule(self, **facts: Any) -> None:
        self.give(PayRule(vendor_id=self.sells.vendor.id, **facts))

    def page(self, who: FlaskClient | None = None) -> str:
        return (who or self.ana).get(f"/inbox/invoices/{self.late.id}/pay").text

    def send(self, *bills: Invoice, who: FlaskClient | None = None, **said: Any) -> Any:
        form = {"i": [str(bill.id) for bill in bills or (self.late,)], "pays_on": TODAY.isoformat(), **said}
        return (who or self.ana).post(f"/inbox/suppliers/{self.sells.vendor.id}/sent", data=form)

    def rows(self, table: type[Any]) -> list[Any]:
        with self.house.database.reading(EVERYTHING) as session:
            return list(session.scalars(select(table)))


@pytest.fixture
def shop(app: Flask, house: House, world: World) -> Shop:
    return Shop(app, house, world)


# --- before anything is pressed -----------------------------------------------------------------------------------


def test_the_transfer_card_has_all_that_a_bank_asks_for(shop: Shop) -> None:
    """[E6 000-4 003-5]"""
    assert "By bank transfer" not in shop.page()
    shop.account()
    page = shop.page()
    for words in ("Holz GmbH", "DE89 3704 0044 0532 0130 00", 'data-copy="DE89370400440532013000"', "H-1",
                  'data-copy="1000.00"', "unchanged since", "<svg"):  # fmt: skip
        assert words in page


def test_a_changed_account_is_not_shown_while_it_is_frozen(shop: Shop) -> None:
    """[E6 B10 inv-L7]"""
    shop.account()
    frozen = {"counts_from": None, "approved_at": None, "frozen_until": NOW + timedelta(days=3)}
    shop.account(iban="DE75512108001245126199", **frozen)
    page = shop.page()
    assert "DE75" not in page
    assert "announced other bank details" in page


def test_a_vendors_own_way_to_pay_has_the_reference_of_this_invoice(shop: Shop) -> None:
    """[003-5 E6] A virtual account for each invoice, as the books have it."""
    facts = {"instructions": "Pay into this account.", "reference": "VA {reference} for {invoice}"}
    counting = {"counts_from": NOW - timedelta(days=9), "approved_at": NOW}
    shop.give(
        PayMethod(vendor_id=shop.sells.vendor.id, name="Virtual account", **facts, **counting),
        PayMethod(vendor_id=shop.sells.vendor.id, name="Waits", frozen_until=NOW + timedelta(days=3), **facts),
    )
    with shop.house.database.transaction(EVERYTHING) as session:
        session.get_one(Invoice, shop.late.id).details = {"payment_reference": "9920 1144"}
    page = shop.page()
    assert "VA 9920 1144 for H-1" in page
    assert "Waits" not in page


def test_discount_late_fee_fee_and_credit_are_said_before_the_click(shop: Shop) -> None:
    """[C17 E9 E10 E14 000-10 003-7]"""
    shop.account()
    shop.rule(
        discount_share=200, discount_days=10, late_share=100, late_days=30, fee_share=150, fee_words="Cards only.",
        nets_credits=True, credit_words="Oldest first.",
    )  # fmt: skip
    with shop.house.database.transaction(EVERYTHING) as session:
        credit(session, shop.sells, shop.world.cobalt, "50.00")
    page = shop.page().replace("\u00a0", " ")
    for words in (
        "EUR 20.00 less if paid by 28 Nov 2026: EUR 980.00 by bank transfer",
        "The payment page cannot take the discount off: it asks for the whole EUR 1,000.00",
        "EUR 10.00 may be added from 3 Dec 2026",
        "Paying online costs EUR 15.00 more",
        "Cards only.",
        "You have EUR 50.00 with this supplier",
        "Oldest first.",
        'data-copy="930.00"',
    ):
        assert words in page


def test_credit_is_only_netted_where_the_supplier_says_so(shop: Shop) -> None:
    """[E9]"""
    shop.account()
    with shop.house.database.transaction(EVERYTHING) as session:
        credit(session, shop.sells, shop.world.cobalt, "50.00")
    page = shop.page()
    assert 'data-copy="1000.00"' in page
    assert "The amounts here are before it." in page


@pytest.mark.parametrize(("days", "is_given"), [(9, True), (0, True), (-1, False)])
def test_a_discount_is_given_up_to_its_last_day_and_not_after(shop: Shop, days: int, is_given: bool) -> None:
    """[000-10 000-14 E10]"""
    shop.account()
    with shop.house.database.transaction(EVERYTHING) as session:
        kept = session.get_one(Invoice, shop.late.id)
        kept.discount_minor, kept.discount_until = 3000, TODAY + timedelta(days=days)
    assert ('data-copy="970.00"' in shop.page()) is is_given
    answer = shop.send(shown=97000)
    assert (answer.status_code == 303) is is_given
    assert [sent.lines for sent in shop.rows(Remittance)] == (
        [[[str(shop.late.id), "H-1", 97000, 3000]]] if is_given else []
    )


def test_scheduled_processed_and_automatic_payments_say_that_nothing_needs_doing(shop: Shop) -> None:
    """[E11 E7 000-6]"""
    with shop.house.database.transaction(EVERYTHING) as session:
        session.get_one(Invoice, shop.late.id).awaited_on = TODAY + timedelta(days=4)
        session.get_one(Invoice, shop.later.id).is_autopay = True
    assert "A payment is expected by 27 Nov 2026" in shop.page()
    assert "collected automatically" in shop.ana.get(f"/inbox/invoices/{shop.later.id}/pay").text


def test_an_invoice_page_says_when_how_and_for_how_much_it_is_paid(shop: Shop) -> None:
    """[003-7]"""
    shop.account()
    shop.rule(discount_share=200, discount_days=10, late_share=100, late_days=30, part_share=2500)
    page = shop.ana.get(f"/inbox/invoices/{shop.late.id}").text
    for words in ("2 Nov 2026", "How to pay", "Online", "Bank transfer", "Discount", "Late fee", "In parts"):
        assert words in page


# --- two people of one organisation -------------------------------------------------------------------------------


def test_a_colleague_sees_who_began_to_pay_what_and_when_and_is_asked_before_paying_again(shop: Shop) -> None:
    """[E7 E8]"""
    pressed = {"shown": 100000, "host": FakePayDesk.named}
    assert shop.bo.post(f"/inbox/invoices/{shop.late.id}/pay", data=pressed).status_code == 303
    page = shop.page().replace("\u00a0", " ")
    assert "A payment was already started" in page
    assert "by Bo: EUR 1,000.00" in page
    assert "Until 23 Nov 2026, 09:30 it counts as on its way" in page
    again = shop.ana.post(f"/inbox/invoices/{shop.late.id}/pay", data=pressed)
    assert again.status_code == 200  # asked first
    sure = shop.ana.post(f"/inbox/invoices/{shop.late.id}/pay", data={**pressed, "sure": "yes"})
    assert sure.status_code == 303


def test_a_promise_is_no_payment_in_progress(shop: Shop) -> None:
    """[E8]"""
    with shop.house.database.transaction(EVERYTHING) as session:
        hold(session, session.get_one(Invoice, shop.late.id), HoldKind.PROMISE)
    assert "already started" not in shop.page()


# --- several at once ----------------------------------------------------------------------------------------------


def test_all_that_is_overdue_is_chosen_and_one_transfer_pays_what_is_chosen(shop: Shop) -> None:
    """[E3 E6]"""
    shop.account()
    where = f"/inbox/suppliers/{shop.sells.vendor.id}/pay"
    overdue = shop.ana.get(where).text
    assert "1 invoice chosen" in overdue
    assert 'data-copy="1000.00"' in overdue
    both = shop.ana.get(where, query_string={"i": [str(shop.late.id), str(shop.later.id)]}).text
    assert "2 invoices chosen" in both
    assert 'data-copy="1100.00"' in both
    assert 'data-copy="H-1, H-2"' in both


def test_progress_counts_what_is_settled_and_what_is_on_its_way(shop: Shop) -> None:
    """[E3]"""
    with shop.house.database.transaction(EVERYTHING) as session:
        settled = session.get_one(Invoice, shop.late.id)
        settled.state, settled.balance_minor, settled.due_minor = InvoiceState.PAID, 0, 0
        hold(session, session.get_one(Invoice, shop.later.id), HoldKind.PAYING)
    picked = {"i": [str(shop.late.id), str(shop.later.id)]}
    page = shop.ana.get(f"/inbox/suppliers/{shop.sells.vendor.id}/pay", query_string=picked).text
    assert "1 of them is settled, 1 is on its way" in page


def test_nothing_is_added_up_across_suppliers_or_currencies(shop: Shop) -> None:
    """[E3 inv-M2 inv-I1]"""
    shop.account()
    with shop.house.database.transaction(EVERYTHING) as session:
        invoice(session, shop.sells, shop.world.cobalt, number="H-3", due_on=date(2026, 11, 3), currency="USD")
    page = shop.ana.get(f"/inbox/suppliers/{shop.sells.vendor.id}/pay").text
    assert page.count("By bank transfer") == 2
    mixed = shop.send(shop.late, shop.world.acme_invoice, shown=100000)  # Acme's is left out
    assert mixed.status_code == 303
    [sent] = shop.rows(Remittance)
    assert [line[1] for line in sent.lines] == ["H-1"]
    assert shop.stranger.get(f"/inbox/suppliers/{shop.sells.vendor.id}/pay").status_code == 404
    assert shop.send(shown=100000, who=shop.stranger).status_code in (404, 422)


# --- "I have sent it" ---------------------------------------------------------------------------------------------


def test_what_was_sent_is_told_to_the_supplier_line_by_line_and_rests(shop: Shop) -> None:
    """[E12 E7]"""
    shop.account()
    answer = shop.send(shop.late, shop.later, shown=110000)
    assert answer.status_code == 303
    [sent] = shop.rows(Remittance)
    assert (sent.total_minor, sent.reference) == (110000, "H-1, H-2")
    holds = {each.invoice_id: each for each in shop.rows(Hold)}
    assert {each.kind for each in holds.values()} == {HoldKind.PAYING}
    assert holds[shop.late.id].ends_at > NOW + timedelta(days=shop.house.limits.transfer_days)
    [mail] = shop.rows(Outgoing)
    assert mail.person_id == shop.sells.person.id
    for words in ("H-1", "H-2", "EUR 1,100.00", "Reference: H-1, H-2", "Cobalt"):
        assert words in mail.text.replace("\u00a0", " ")
    receipt = shop.bo.get("/inbox/sent").text
    assert "H-1" in receipt
    assert "EUR\u00a01,100.00" in receipt


def test_a_payment_set_up_for_later_rests_until_then(shop: Shop) -> None:
    """[E11 000-14]"""
    shop.account()
    day = TODAY + timedelta(days=20)
    shop.send(shown=100000, pays_on=day.isoformat())
    [held] = shop.rows(Hold)
    assert held.ends_at.date() > day
    assert "To be sent on 13 Dec 2026" in shop.ana.get("/inbox/sent").text


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"shown": 99999}, "has changed"),
        ({"shown": 100000, "pays_on": "2026-11-22"}, "between today"),
        ({"shown": 100000, "pays_on": "soon"}, "Choose the day"),
        ({"shown": 100000, "part": "300"}, "no part payments"),
        ({"shown": 100000, "part": "a few"}, "as an amount"),
        ({"shown": 100000, "method": "Nothing"}, "no longer takes"),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_nothing_is_written(
    shop: Shop, said: dict[str, Any], words: str
) -> None:
    """[E5 E12]"""
    shop.account()
    answer = shop.send(**said)
    assert answer.status_code == 422
    assert words in answer.text
    assert shop.rows(Remittance) == shop.rows(Hold) == shop.rows(Outgoing) == []


@pytest.mark.parametrize(("part", "is_taken"), [("250", True), ("249,99", False), ("1000", True), ("1000.01", False)])
def test_a_part_from_the_suppliers_least_on_is_taken_and_the_rest_stays_open(
    shop: Shop, part: str, is_taken: bool
) -> None:
    """[E5 000-8]"""
    shop.account()
    shop.rule(part_share=2500)
    answer = shop.send(shown=100000, part=part)
    assert (answer.status_code == 303) is is_taken
    assert [sent.total_minor for sent in shop.rows(Remittance)] == ([int(part) * 100] if is_taken else [])
    with shop.house.database.reading(EVERYTHING) as session:
        assert session.get_one(Invoice, shop.late.id).balance_minor == 100000  # only the books say what is paid


def test_what_was_not_sent_after_all_is_asked_for_again(shop: Shop) -> None:
    """[E12]"""
    shop.account()
    shop.send(shown=100000)
    [sent] = shop.rows(Remittance)
    where = f"/inbox/sent/{sent.id}/take-back"
    assert shop.stranger.post(where).status_code == 404
    assert shop.ana.post(where).status_code == 303
    [held] = shop.rows(Hold)
    assert held.ended_at == NOW


def test_a_suspended_suppliers_account_is_shown_to_nobody(shop: Shop) -> None:
    """[E6 inv-A1]"""
    shop.account()
    with shop.house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, shop.sells.vendor.id).trust = Trust.SUSPENDED
    assert "DE89" not in shop.page()
    assert shop.send(shown=100000).status_code == 404
