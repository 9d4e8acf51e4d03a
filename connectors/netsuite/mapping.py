"""What NetSuite's rows mean. Pure: FACTS.md section 9.

Columns are named in queries.py; a column without a value is left out of its row. The names of columns and the letters
of states are recalled [R]. Times of change come in the account's own zone, which no answer names, so facts are ordered
by the moment we asked (``version``).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from app.money import Money
from connectors.base import (
    BadRecord,
    BillToRecord,
    CreditRecord,
    InvoiceRecord,
    PaymentRecord,
    Tokens,
)
from connectors.books import usual_tokens
from connectors.fields import Fields, read

ACCESS_SECONDS = 3600  # life of an access token that does not say
STATES = {"A": "open", "B": "paid", "V": "void"}  # [R] of an invoice; the letter may come as "CustInvc:A"
CREDIT_KINDS: dict[str, Literal["credit_note", "unapplied_cash"]] = {
    "CustCred": "credit_note",
    "CustPymt": "unapplied_cash",
}


def invoice(raw: Any, version: int) -> InvoiceRecord | BadRecord:
    return read("invoice", "id", raw, lambda fields: _invoice(fields, version))


def customer(raw: Any, version: int) -> BillToRecord | BadRecord:
    return read("customer", "id", raw, lambda fields: _customer(fields, version))


def credit(raw: Any, version: int) -> CreditRecord | BadRecord:
    """A credit memo, or what of a payment is not applied."""
    return read("credit", "id", raw, lambda fields: _credit(fields, version))


def payment(raw: Any, version: int, parts: list[Any]) -> PaymentRecord | BadRecord:
    """``parts``: the rows that link it to invoices."""
    return read("payment", "id", raw, lambda fields: _payment(fields, version, parts))


def _invoice(fields: Fields, version: int) -> InvoiceRecord:
    currency, raw_state = fields.currency("currency"), fields.text("status", most=40)
    letter = raw_state.rpartition(":")[2]
    state = "void" if fields.text("voided") == "T" else STATES.get(letter, "unknown")
    return InvoiceRecord(
        external_id=fields.id("id"),
        version=version,
        bill_to_external_id=fields.id("entity"),
        number=fields.text("tranid", most=80),
        issued_on=fields.day("issued"),
        due_on=fields.day("due"),
        total=fields.money(currency, "foreigntotal"),
        balance=Money(0, currency) if state == "void" else fields.money(currency, "foreignamountunpaid"),
        state=state,
        raw_state=raw_state,
        po_number=fields.text("otherrefnum", most=80),
    )


def _customer(fields: Fields, version: int) -> BillToRecord:
    return BillToRecord(
        external_id=fields.id("id"),
        version=version,
        name=fields.text("companyname") or fields.text("entityid"),
        address_text=fields.text("email", most=500),
        is_active=fields.text("isinactive") != "T",
    )


def _credit(fields: Fields, version: int) -> CreditRecord:
    currency = fields.currency("currency")
    is_void = fields.text("voided") == "T"
    return CreditRecord(
        kind=CREDIT_KINDS.get(fields.text("type"), "credit_note"),
        external_id=fields.id("id"),
        version=version,
        bill_to_external_id=fields.id("entity"),
        number=fields.text("tranid", most=80),
        issued_on=fields.day("issued"),
        total=_unsigned(fields, currency),
        remaining=Money(0, currency) if is_void else fields.money(currency, "foreignpaymentamountunused"),
    )


def _payment(fields: Fields, version: int, parts: list[Any]) -> PaymentRecord:
    currency = fields.currency("currency")
    is_void = fields.text("voided") == "T"
    return PaymentRecord(
        external_id=fields.id("id"),
        version=version,
        bill_to_external_id=fields.id("entity"),
        paid_on=fields.day("issued"),
        amount=Money(0, currency) if is_void else _unsigned(fields, currency),
        applied=() if is_void else tuple(_part(Fields(part), currency) for part in parts),
    )


def _part(fields: Fields, currency: str) -> tuple[str, int]:
    return fields.id("invoice"), abs(fields.money(currency, "amount").minor)


def _unsigned(fields: Fields, currency: str) -> Money:
    """Credits lower the ledger, so their totals may come below zero [R]."""
    found = fields.money(currency, "foreigntotal")
    return Money(abs(found.minor), currency)


def tokens(answer: Mapping[str, Any], now: datetime) -> Tokens:
    """Raises MustReconnect."""
    return usual_tokens("NetSuite", answer, now, ACCESS_SECONDS)
