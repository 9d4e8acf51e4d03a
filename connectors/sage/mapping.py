"""What Sage Accounting's JSON means. Pure: FACTS.md section 7."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from app.money import Money
from connectors.base import (
    BadRecord,
    BillToRecord,
    CreditRecord,
    Gone,
    InvoiceRecord,
    Kind,
    PaymentRecord,
    Tokens,
)
from connectors.books import usual_tokens
from connectors.fields import BadField, Fields, micros, read

ACCESS_SECONDS = 300  # life of an access token that does not say
STATES = {  # [R] the ids of statuses
    "DRAFT": "draft",
    "UNPAID": "open",
    "PART_PAID": "open",
    "PAID": "paid",
    "VOID": "void",
}
OPEN_STATUSES = ("UNPAID", "PART_PAID")  # [R]
CUSTOMER, RECEIPT = "CUSTOMER", "CUSTOMER_RECEIPT"  # [R] among contact_types, and as transaction_type


def invoice(raw: Any) -> InvoiceRecord | BadRecord:
    return read("invoice", "id", raw, _invoice)


def contact(raw: Any) -> BillToRecord | BadRecord | None:
    """None for what is not a customer."""
    return read("customer", "id", raw, _contact)


def credit_note(raw: Any) -> CreditRecord | BadRecord:
    return read("credit", "id", raw, _credit_note)


def payment(raw: Any) -> PaymentRecord | BadRecord | None:
    """None for money that went to a supplier."""
    return read("payment", "id", raw, _payment)


def on_account(raw: Any) -> CreditRecord | BadRecord | None:
    """What of a customer's payment is left on account."""
    return read("credit", "id", raw, _on_account)


def deletion(kind: Kind, raw: Any, now: datetime) -> Gone | BadRecord:
    """A row of a list that was asked for with deleted_since."""
    return read(kind, "id", raw, lambda fields: Gone(kind, fields.id("id"), micros(_deleted_at(fields) or now)))


def _invoice(fields: Fields) -> InvoiceRecord:
    currency, raw_state = fields.currency("currency", "id"), fields.text("status", "id", most=40)
    state = STATES.get(raw_state, "unknown")
    return InvoiceRecord(
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=fields.id("contact", "id"),
        number=fields.text("invoice_number", most=80) or fields.text("displayed_as", most=80),
        issued_on=fields.day("date"),
        due_on=fields.day("due_date"),
        total=fields.money(currency, "total_amount"),
        balance=Money(0, currency) if state == "void" else fields.money(currency, "outstanding_amount"),
        state=state,
        raw_state=raw_state,
        po_number=fields.text("reference", most=80),
        settled_at=fields.instant("updated_at") if state in ("paid", "void") else None,
    )


def _contact(fields: Fields) -> BillToRecord | None:
    types = [Fields(each).text("id") for each in fields.items("contact_types")]
    if types and CUSTOMER not in types:
        return None
    return BillToRecord(
        external_id=fields.id("id"),
        version=_version(fields),
        name=fields.text("name") or fields.text("displayed_as"),
        address_text=fields.text("main_contact_person", "email", most=500),
        is_active=_deleted_at(fields) is None,
    )


def _credit_note(fields: Fields) -> CreditRecord:
    currency = fields.currency("currency", "id")
    is_usable = fields.text("status", "id") in OPEN_STATUSES
    return CreditRecord(
        kind="credit_note",
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=fields.id("contact", "id"),
        number=fields.text("credit_note_number", most=80) or fields.text("displayed_as", most=80),
        issued_on=fields.day("date"),
        total=fields.money(currency, "total_amount"),
        remaining=fields.money(currency, "outstanding_amount") if is_usable else Money(0, currency),
    )


def _is_receipt(fields: Fields) -> bool:
    return fields.text("transaction_type", "id") in ("", RECEIPT)


def _payment(fields: Fields) -> PaymentRecord | None:
    """[R] throughout: the facts name no fields of payments."""
    if not _is_receipt(fields):
        return None
    currency = fields.currency("currency", "id")
    return PaymentRecord(
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=fields.id("contact", "id"),
        paid_on=fields.day("date"),
        amount=fields.money(currency, "total_amount"),
        applied=tuple(_part(Fields(part), currency) for part in fields.items("allocated_artefacts")),
    )


def _part(fields: Fields, currency: str) -> tuple[str, int]:
    return fields.id("artefact", "id"), fields.money(currency, "amount").minor


def _on_account(fields: Fields) -> CreditRecord | None:
    if not _is_receipt(fields):
        return None
    currency, left = fields.currency("currency", "id"), ("payment_on_account", "outstanding_amount")
    return CreditRecord(
        kind="unapplied_cash",
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=fields.id("contact", "id"),
        number=fields.text("reference", most=80),
        issued_on=fields.day("date"),
        total=fields.money(currency, "total_amount"),
        remaining=fields.money(currency, *left) if fields.get(*left) is not None else Money(0, currency),
    )


def _deleted_at(fields: Fields) -> datetime | None:
    return fields.instant("deleted_at")  # [R]


def _version(fields: Fields) -> int:
    changed = fields.instant("updated_at")
    if changed is None:
        raise BadField("updated_at is missing")
    return micros(changed)


def tokens(answer: Mapping[str, Any], now: datetime) -> Tokens:
    """Raises MustReconnect."""
    return usual_tokens("Sage Accounting", answer, now, ACCESS_SECONDS)
