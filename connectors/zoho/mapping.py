"""What Zoho Books' JSON means. Pure: FACTS.md section 6."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.money import Money
from connectors.base import (
    BadRecord,
    BillToRecord,
    CreditRecord,
    InvoiceRecord,
    Json,
    PaymentRecord,
    Tokens,
)
from connectors.books import usual_tokens
from connectors.fields import BadField, Fields, micros, read

ACCESS_SECONDS = 3600  # life of an access token that does not say
OPEN_STATES = ("sent", "viewed", "unpaid", "partially_paid", "overdue")
STATES = {
    "draft": "draft",
    "pending_approval": "draft",  # [R]
    "approved": "draft",  # [R] not sent yet
    "paid": "paid",
    "void": "void",
} | dict.fromkeys(OPEN_STATES, "open")


def invoice(raw: Any) -> InvoiceRecord | BadRecord:
    return read("invoice", "invoice_id", raw, _invoice)


def contact(raw: Any) -> BillToRecord | BadRecord | None:
    """None for what is not a customer."""
    return read("customer", "contact_id", raw, _contact)


def credit_note(raw: Any) -> CreditRecord | BadRecord:
    return read("credit", "creditnote_id", raw, _credit_note)


def payment(raw: Any) -> PaymentRecord | BadRecord:
    return read("payment", "payment_id", raw, _payment)


def unused(raw: Any) -> CreditRecord | BadRecord:
    """What is left of a payment, on the customer's account."""
    return read("credit", "payment_id", raw, _unused)


def changed_at(raw: Any) -> datetime | None:
    try:
        return Fields(raw).instant("last_modified_time")
    except BadField:
        return None


def _invoice(fields: Fields) -> InvoiceRecord:
    currency, raw_state = fields.currency("currency_code"), fields.text("status", most=40)
    state = STATES.get(raw_state, "unknown")
    return InvoiceRecord(
        external_id=fields.id("invoice_id"),
        version=_version(fields),
        bill_to_external_id=fields.id("customer_id"),
        number=fields.text("invoice_number", most=80),
        issued_on=fields.day("date"),
        due_on=fields.day("due_date"),
        total=fields.money(currency, "total"),
        balance=Money(0, currency) if state == "void" else fields.money(currency, "balance"),
        state=state,
        raw_state=raw_state,
        po_number=fields.text("reference_number", most=80),
        can_pay_online=state == "open" and bool(fields.text("invoice_url", most=2000)),
        settled_at=fields.instant("last_modified_time") if state in ("paid", "void") else None,
    )


def _contact(fields: Fields) -> BillToRecord | None:
    if fields.text("contact_type") not in ("", "customer"):
        return None
    return BillToRecord(
        external_id=fields.id("contact_id"),
        version=_version(fields),
        name=fields.text("contact_name"),
        address_text=fields.text("email", most=500),
        is_active=fields.text("status") in ("", "active"),
    )


def _credit_note(fields: Fields) -> CreditRecord:
    currency = fields.currency("currency_code")
    is_usable = fields.text("status") == "open"  # [R] a draft lowers nothing yet; closed and void no longer do
    return CreditRecord(
        kind="credit_note",
        external_id=fields.id("creditnote_id"),
        version=_version(fields),
        bill_to_external_id=fields.id("customer_id"),
        number=fields.text("creditnote_number", most=80),
        issued_on=fields.day("date"),
        total=fields.money(currency, "total"),
        remaining=fields.money(currency, "balance") if is_usable else Money(0, currency),
    )


def _payment(fields: Fields) -> PaymentRecord:
    currency = fields.currency("currency_code")
    return PaymentRecord(
        external_id=fields.id("payment_id"),
        version=_version(fields),
        bill_to_external_id=fields.id("customer_id"),
        paid_on=fields.day("date"),
        amount=fields.money(currency, "amount"),
        method=fields.text("payment_mode", most=40),
        applied=tuple(_part(Fields(part), currency) for part in fields.items("invoices")),
    )


def _part(fields: Fields, currency: str) -> tuple[str, int]:
    return fields.id("invoice_id"), fields.money(currency, "amount_applied").minor


def _unused(fields: Fields) -> CreditRecord:
    currency = fields.currency("currency_code")
    return CreditRecord(
        kind="unapplied_cash",
        external_id=fields.id("payment_id"),
        version=_version(fields),
        bill_to_external_id=fields.id("customer_id"),
        number=fields.text("payment_number", most=80),
        issued_on=fields.day("date"),
        total=fields.money(currency, "amount"),
        remaining=fields.money(currency, "unused_amount"),
    )


def _version(fields: Fields) -> int:
    changed = fields.instant("last_modified_time")
    if changed is None:
        raise BadField("last_modified_time is missing")
    return micros(changed)


def tokens(answer: Mapping[str, Any], now: datetime) -> Tokens:
    """Raises MustReconnect, also for an error that Zoho sends with status 200."""
    where = answer.get("api_domain")
    extra: Json = {"api_domain": where} if isinstance(where, str) and where else {}
    return replace(usual_tokens("Zoho Books", answer, now, ACCESS_SECONDS), extra=extra)
