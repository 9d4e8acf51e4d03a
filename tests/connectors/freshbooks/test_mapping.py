"""What FreshBooks' published samples mean, and its times without a zone."""

import base64
import hmac
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, Gone, InvoiceRecord, PaymentRecord
from connectors.fields import micros
from connectors.freshbooks import mapping
from connectors.freshbooks.connector import FreshBooks
from tests.connectors.foreign import ANYTHING, check, load

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
FORM = b"name=invoice.update&object_id=217506&account_id=ABC123&business_id=439000&identity_id=1&user_id=1"


def rows(shared: Path, name: str, many: str) -> list[Any]:
    found: list[Any] = load(shared / f"connectors/samples/freshbooks/{name}.json")["response"]["result"][many]
    return found


def sample(shared: Path, **changes: Any) -> Any:
    (row,) = rows(shared, "invoices_list", "invoices")
    return row | changes


def test_the_published_invoice_is_read(shared: Path) -> None:
    """[M4 A16] A draft, until its state says otherwise."""
    draft = mapping.invoice(sample(shared), NOW)
    assert isinstance(draft, InvoiceRecord)
    assert (draft.external_id, draft.number, draft.bill_to_external_id) == ("217506", "SS007", "217572")
    assert (draft.state, draft.total, draft.address_text) == ("draft", Money(122_200, "USD"), "gavin.belson@domain.com")
    assert (draft.issued_on, draft.due_on) == (date(2019, 11, 14), date(2019, 11, 14))
    sent = mapping.invoice(sample(shared, v3_status="sent", dispute_status="disputed"), NOW)
    assert isinstance(sent, InvoiceRecord)
    assert (sent.state, sent.balance, sent.details["dispute"]) == ("open", Money(122_200, "USD"), "disputed")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"v3_status": "overdue"}, "open"), ({"v3_status": "partial"}, "open"), ({"v3_status": "disputed"}, "open"),
        ({"v3_status": "paid"}, "paid"), ({"v3_status": "autopaid"}, "paid"), ({"v3_status": "success"}, "paid"),
        ({"v3_status": "sent", "outstanding": {"amount": "0.00", "code": "USD"}}, "paid"),
        ({"v3_status": "sent", "vis_state": 2}, "unknown"), ({"v3_status": "new word"}, "unknown"),
        ({"v3_status": None}, "unknown"),
    ],
)  # fmt: skip
def test_only_what_is_surely_owed_is_open(shared: Path, changes: Any, state: str) -> None:
    """[M4 inv-S3] What was put away, and a word we do not know, are nobody's to remind of."""
    found = mapping.invoice(sample(shared, **changes), NOW)
    assert isinstance(found, InvoiceRecord)
    assert found.state == state


@pytest.mark.parametrize(("status", "is_autopay"), [("sent", True), ("declined", False), ("retry", False)])
def test_a_charge_that_failed_is_asked_for_like_anything_else(shared: Path, status: str, is_autopay: bool) -> None:
    """[J3 M4]"""
    found = mapping.invoice(sample(shared, auto_bill=True, v3_status=status), NOW)
    assert isinstance(found, InvoiceRecord)
    assert found.is_autopay == is_autopay


def test_what_is_deleted_is_gone(shared: Path) -> None:
    """[M4 A8] vis_state 1."""
    assert isinstance(mapping.invoice(sample(shared, vis_state=1), NOW), Gone)


def test_clients_payments_and_credits_are_read(shared: Path) -> None:
    """[M4 A5] By the name of the organisation; a prepayment is money, and what is used of it does not remain."""
    client = mapping.client(rows(shared, "list_clients_response", "clients")[0], NOW)
    assert isinstance(client, BillToRecord)
    assert (client.name, client.address_text) == ("American Cyanamid", "gordon.shumway@AmericanCyanamid.com")
    paid = mapping.payment(rows(shared, "payments_list", "payments")[0], NOW)
    assert isinstance(paid, PaymentRecord)
    assert (paid.amount, paid.applied, paid.paid_on) == (
        Money(10_000, "USD"),
        (("197902", 10_000),),
        date(2019, 10, 22),
    )
    (row,) = rows(shared, "credit_notes_list", "credit_notes")
    credit = mapping.credit_note(row, NOW)
    assert isinstance(credit, CreditRecord)
    assert (credit.kind, credit.total.minor, credit.remaining.minor) == ("credit_note", 30_000, 20_000)
    prepaid = mapping.credit_note(row | {"credit_type": "prepayment"}, NOW)
    assert isinstance(prepaid, CreditRecord)
    assert prepaid.kind == "unapplied_cash"


@pytest.mark.parametrize(
    ("written", "read_at", "meant"),
    [
        ("2026-07-01 12:00:00", NOW, datetime(2026, 7, 1, 16, 0, tzinfo=UTC)),
        ("2026-01-15 12:00:00", NOW, datetime(2026, 1, 15, 17, 0, tzinfo=UTC)),
        ("2026-11-01 01:30:00", datetime(2026, 11, 1, 5, 31, tzinfo=UTC), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("2026-11-01 01:30:00", datetime(2026, 11, 1, 6, 31, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)),
        ("2026-10-25 23:59:00", NOW, datetime(2026, 10, 26, 3, 59, tzinfo=UTC)),
    ],
)
def test_times_are_new_yorks(shared: Path, written: str, read_at: datetime, meant: datetime) -> None:
    """[M4 inv-N3 inv-C5 facts-8] Also in the hour that comes twice: the later change is the newer fact."""
    found = mapping.invoice(sample(shared, updated=written), read_at)
    assert isinstance(found, InvoiceRecord)
    assert found.version == micros(meant)


@pytest.mark.parametrize("updated", [None, "", "yesterday", "2026-02-30 10:00:00", 7, "0001-01-01 00:00:00"])
def test_a_time_that_is_none_goes_into_quarantine(shared: Path, updated: Any) -> None:
    """[M4] With words, not an exception."""
    found = mapping.invoice(sample(shared, updated=updated), NOW)
    assert isinstance(found, BadRecord | InvoiceRecord)
    check(found)


def test_the_token_lives_from_when_it_was_made(shared: Path) -> None:
    """[M4 inv-K4] Unless their clock is not to be believed."""
    answer = load(shared / "connectors/samples/freshbooks/auth_token_response.json")
    assert mapping.tokens(answer, datetime.fromtimestamp(1287273510, UTC)).expires_at == datetime.fromtimestamp(
        1287273600, UTC
    )
    assert mapping.tokens(answer, NOW).expires_at == datetime(2026, 11, 23, 9, 1, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "number"),
    [("accounting_old", "1012"), ("accounting_new", "1012"), ("auth_token_info", "invalid_token"),
     ("auth_me_unauthenticated", "unauthenticated")],
)  # fmt: skip
def test_every_way_of_saying_no_is_understood(shared: Path, name: str, number: str) -> None:
    """[M4] Four of them, one with a good status."""
    assert mapping.error_number(load(shared / "connectors/samples/freshbooks/errors.json")[name]) == number


@pytest.mark.parametrize("spaced", [True, False])
def test_the_signature_covers_the_form_as_json(spaced: bool) -> None:
    """[M4 inv-N4] In the order of its fields; spaced as Python writes it, or not at all."""
    text = json.dumps(mapping.form(FORM), separators=None if spaced else (",", ":"))
    good = base64.b64encode(hmac.digest(b"verifier", text.encode(), "sha256")).decode()
    headers, verify = {"X-FreshBooks-Hmac-SHA256": good}, FreshBooks().verify
    assert verify(headers, FORM, "verifier", NOW, "")
    assert not verify(headers, FORM + b"&x=1", "verifier", NOW, "")
    assert not verify(headers, FORM, "", NOW, "")
    (event,) = FreshBooks().events(headers, FORM)
    assert (event.account_id, event.kind, event.external_id, event.op) == ("ABC123", "invoice", "217506", "update")


def test_a_verifier_is_held_out_for_the_subscription() -> None:
    """[M4 I1] It proves nothing by itself: FreshBooks must know it when it is shown back."""
    asked = FreshBooks().handshake({}, {}, b"name=callback.verify&object_id=80001&verifier=abc")
    assert asked is not None
    assert (asked.status, asked.held) == (200, {"verifier": "abc", "of": "80001"})
    assert FreshBooks().handshake({}, {}, FORM) is None


@given(raw=ANYTHING | st.fixed_dictionaries({"id": ANYTHING, "updated": ANYTHING, "amount": ANYTHING}))
@settings(max_examples=80)
def test_anything_at_all_is_a_record_or_quarantined(raw: Any) -> None:
    """[M4 inv-N4] Never an exception."""
    for mapper in (mapping.invoice, mapping.client, mapping.payment, mapping.credit_note):
        check(mapper(raw, NOW))


@given(body=st.binary(max_size=200))
@settings(max_examples=80)
def test_any_bytes_are_a_form_or_none(body: bytes) -> None:
    """[M4 inv-N4] And never an exception."""
    assert isinstance(mapping.form(body), dict)
