"""Payments that did not go as meant: from a provider's words, or from an invoice's own numbers, to rows."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.house import House
from app.models import Connection, Invoice, Setback, SetbackKind
from app.money import Money
from app.paying.telling import tell_setbacks
from connectors.base import Batch, InvoiceRecord, SetbackRecord
from connectors.ingest import ingest
from connectors.rows import rows_of
from connectors.square import mapping as square
from connectors.stripe import mapping as stripe
from tests.connectors.stripe.test_mapping import INVOICE
from tests.connectors.test_ingest import bill_to, invoice
from tests.support.world import EVERYTHING, NOW, vendor

pytestmark = pytest.mark.usefixtures("fixed_clock")


def take(house: House, *batches: Batch) -> list[Setback]:
    """What stands in the books after each of them was read."""
    with house.database.transaction(EVERYTHING) as session:
        acme = vendor(session, "Acme", address="owner@acme.example")
        connection = session.get_one(Connection, acme.connection.id)
        for hours, batch in enumerate(batches):
            ingest(session, connection, rows_of(batch), NOW + timedelta(hours=hours))
        return list(session.scalars(select(Setback).order_by(Setback.seen_at)))


def failed(**facts: Any) -> SetbackRecord:
    plain = SetbackRecord("failed:ch_1", 1, "failed", "I1", Money(10000, "USD"), NOW, "no_funds", "insufficient_funds")
    return replace(plain, **facts)


def test_a_failure_is_kept_once_and_only_of_an_invoice_we_know(database_url: str, house: House) -> None:
    """[I4 002-18 inv-N3]"""
    told = Batch(bill_tos=[bill_to()], invoices=[invoice()], setbacks=[failed(), failed(invoice_external_id="I9")])
    again = Batch(setbacks=[failed(), failed(external_id="failed:ch_2", invoice_external_id="I9")])
    [kept] = take(house, told, again)
    assert (tell_setbacks(house), tell_setbacks(house)) == (1, 0)
    assert (kept.kind, kept.reason, kept.code, kept.amount_minor) == ("failed", "no_funds", "insufficient_funds", 10000)
    assert (kept.happened_at, kept.told_at) == (NOW, None)


@pytest.mark.parametrize(
    ("before", "after", "kind", "minor"),
    [
        ("0.00", "100.00", SetbackKind.REVERSED, 10000),
        ("40.00", "100.00", SetbackKind.REVERSED, 6000),
        ("100.00", "6.00", SetbackKind.SHORT, 9400),
        ("100.00", "0.00", None, 0),
        ("100.00", "100.00", None, 0),
    ],
)
def test_what_is_owed_again_and_what_came_short_shows_in_the_numbers(
    house: House, before: str, after: str, kind: SetbackKind | None, minor: int
) -> None:
    """[I6 I7]"""
    rows = [invoice(balance=before), invoice(version=2, balance=after)]
    found = take(house, *(Batch(bill_tos=[bill_to()], invoices=[row]) for row in rows))
    assert [(each.kind, each.amount_minor) for each in found] == ([(kind, minor)] if kind else [])


def test_what_the_supplier_adds_to_an_invoice_is_no_reversal(house: House) -> None:
    """[I6]"""
    more = replace(invoice(version=2, balance="120.00"), total=Money.of("120.00", "USD"))
    assert take(house, Batch(bill_tos=[bill_to()], invoices=[invoice()]), Batch(invoices=[more])) == []


def test_a_discount_and_an_expected_payment_come_with_the_invoice(house: House) -> None:
    """[C17 E11]"""
    due = invoice().due_on
    take(
        house,
        Batch(
            bill_tos=[bill_to()],
            invoices=[invoice(awaited_on=due, discount_minor=200, discount_until=due)],
        ),
    )
    with house.database.reading(EVERYTHING) as session:
        kept = session.scalars(select(Invoice)).one()
    assert (kept.awaited_on, kept.discount_minor, kept.discount_until) == (due, 200, due)


# --- what providers say -------------------------------------------------------------------------------------------


def stripe_try(code: str, kind: str = "card_error", status: str = "open") -> dict[str, Any]:
    error = {"charge": "ch_1", "code": "card_declined", "decline_code": code, "type": kind}
    intent = {"id": "pi_1", "created": 1770100000, "last_payment_error": error, "status": "requires_payment_method"}
    row = {"id": "inpay_1", "amount_requested": 36207, "currency": "usd", "status": status}
    return {"id": "in_1", "payments": {"data": [{**row, "payment": {"payment_intent": intent}}]}}


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("expired_card", "card_error", "expired_card"),
        ("insufficient_funds", "card_error", "no_funds"),
        ("do_not_honor", "card_error", "refused"),
        ("authentication_required", "card_error", "authentication"),
        ("processing_error", "card_error", "network"),
        ("platform_api_key_expired", "invalid_request_error", "ours"),
        ("something_new", "invalid_request_error", "unknown"),
    ],
)
def test_stripes_words_become_one_of_seven_reasons(code: str, kind: str, reason: str) -> None:
    """[I4 002-18]"""
    [found] = stripe.setbacks(stripe_try(code, kind), 1_770_100_000_000_000)
    assert (found.reason, found.code, found.invoice_external_id) == (reason, code, "in_1")
    assert found.amount == Money(36207, "USD")


def test_a_payment_that_went_through_in_the_end_is_no_failure() -> None:
    """[I4]"""
    assert stripe.setbacks(stripe_try("expired_card", status="paid"), 1) == []
    assert stripe.setbacks({"id": "in_1", "payments": {"data": [{"payment": "pi_1"}, "?"]}}, 1) == []


def test_a_debit_that_is_being_processed_is_awaited() -> None:
    """[E7 E11]"""
    intent = {"id": "pi_1", "created": 1770100000, "status": "processing"}
    row = {"id": "inpay_1", "currency": "usd", "status": "open", "payment": {"payment_intent": intent}}
    found = stripe.invoice({**INVOICE, "payments": {"data": [row]}}, 1)
    assert isinstance(found, InvoiceRecord)
    assert found.awaited_on is not None
    assert found.awaited_on.isoformat() == "2026-02-08"


def test_squares_words_too() -> None:
    """[I4 002-18]"""
    row = {
        "id": "p1", "status": "FAILED", "updated_at": "2026-11-23T09:00:00Z",
        "amount_money": {"amount": 500, "currency": "USD"}, "card_details": {"errors": [{"code": "CARD_EXPIRED"}]},
    }  # fmt: skip
    found = square.setback(row, "inv:1")
    assert found is not None
    assert (found.reason, found.amount, found.happened_at) == ("expired_card", Money(500, "USD"), NOW)
    assert square.setback({**row, "status": "COMPLETED"}, "inv:1") is None
