"""What Xero's JSON means. Pure: FACTS.md section 2."""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from app.money import Money
from connectors.base import (
    BadRecord,
    BillToRecord,
    CreditRecord,
    Event,
    InvoiceRecord,
    Json,
    Kind,
    PaymentRecord,
    Tokens,
)
from connectors.books import usual_tokens
from connectors.fields import EPOCH, BadField, Fields, micros, parse_instant, read

ACCESS_SECONDS = 1800  # life of an access token that does not say
STATES = {
    "DRAFT": "draft",
    "SUBMITTED": "draft",
    "AUTHORISED": "open",
    "PAID": "paid",
    "VOIDED": "void",
    "DELETED": "gone",
}
CATEGORIES: dict[str, Kind] = {"INVOICE": "invoice", "CONTACT": "customer", "CREDITNOTE": "credit"}
CASH_TYPES = ("RECEIVE-OVERPAYMENT", "AROVERPAYMENT", "RECEIVE-PREPAYMENT", "ARPREPAYMENT")
_MILLIS = re.compile(r"/Date\((-?\d{1,18})([+-]\d{4})?\)/", re.ASCII)


def invoice(raw: Any) -> InvoiceRecord | BadRecord | None:
    """None for what is not a sales invoice."""
    return read("invoice", "InvoiceID", raw, _invoice)


def contact(raw: Any) -> BillToRecord | BadRecord:
    return read("customer", "ContactID", raw, _contact)


def customer(raw: Any) -> BillToRecord | BadRecord | None:
    """None for who was never sent an invoice: suppliers are contacts, too."""
    return read("customer", "ContactID", raw, _customer)


def credit_note(raw: Any) -> CreditRecord | BadRecord | None:
    """None for what is not a credit note to a customer."""
    return read("credit", "CreditNoteID", raw, _credit_note)


def overpayment(raw: Any) -> CreditRecord | BadRecord | None:
    return read("credit", "OverpaymentID", raw, lambda fields: _cash(fields, "OverpaymentID"))


def prepayment(raw: Any) -> CreditRecord | BadRecord | None:
    return read("credit", "PrepaymentID", raw, lambda fields: _cash(fields, "PrepaymentID"))


def payment(raw: Any) -> PaymentRecord | BadRecord | None:
    """None for what is not a payment of a sales invoice."""
    return read("payment", "PaymentID", raw, _payment)


def changed_at(raw: Any) -> datetime | None:
    """When a row last changed, or None when it does not say."""
    try:
        return _instant(Fields(raw), "UpdatedDateUTC")
    except BadField:
        return None


def answered_at(body: Json) -> datetime | None:
    """Xero's clock, as every answer tells it."""
    try:
        return _instant(Fields(body), "DateTimeUTC")
    except BadField:
        return None


def auth_event_id(access_token: str) -> str:
    """The claim of the access token that names this consent; empty when it cannot be read. Only a filter, so nothing is
    trusted here and no signature is checked."""
    parts = access_token.split(".")
    try:
        body = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claim = json.loads(body).get("authentication_event_id")
    except (IndexError, binascii.Error, ValueError, AttributeError, RecursionError):
        return ""
    return claim if isinstance(claim, str) else ""


def _invoice(fields: Fields) -> InvoiceRecord | None:
    if fields.text("Type") != "ACCREC":
        return None
    currency, raw_state = fields.currency("CurrencyCode"), fields.text("Status", most=40)
    state = STATES.get(raw_state, "unknown")
    balance = Money(0, currency) if state in ("void", "gone") else fields.money(currency, "AmountDue")
    return InvoiceRecord(
        external_id=fields.id("InvoiceID"),
        version=_version(fields),
        bill_to_external_id=fields.id("Contact", "ContactID"),
        number=fields.text("InvoiceNumber", most=80),
        issued_on=_day(fields, "Date"),
        due_on=_day(fields, "DueDate"),
        total=fields.money(currency, "Total"),
        balance=balance,
        state=state,
        raw_state=raw_state,
        po_number=fields.text("Reference", most=80),
        can_pay_online=state == "open",
        settled_at=_instant(fields, "UpdatedDateUTC") if state in ("paid", "void") else None,  # FullyPaidOnDate: a day
    )


def _contact(fields: Fields) -> BillToRecord:
    return BillToRecord(
        external_id=fields.id("ContactID"),
        version=_version(fields),
        name=fields.text("Name"),
        address_text=fields.text("EmailAddress", most=500),
        is_active=fields.text("ContactStatus") in ("", "ACTIVE"),
    )


def _customer(fields: Fields) -> BillToRecord | None:
    return None if fields.get("IsCustomer") is False else _contact(fields)


def _credit_note(fields: Fields) -> CreditRecord | None:
    if fields.text("Type") != "ACCRECCREDIT":
        return None
    return _credit(fields, "credit_note", "CreditNoteID", fields.text("CreditNoteNumber", most=80))


def _cash(fields: Fields, id_field: str) -> CreditRecord | None:
    if fields.text("Type") not in CASH_TYPES:
        return None
    return _credit(fields, "unapplied_cash", id_field, fields.text("Reference", most=80))


def _credit(fields: Fields, kind: Any, id_field: str, number: str) -> CreditRecord:
    currency = fields.currency("CurrencyCode")
    is_usable = fields.text("Status") == "AUTHORISED"  # a draft does not lower anything yet, the others no longer do
    return CreditRecord(
        kind=kind,
        external_id=fields.id(id_field),
        version=_version(fields),
        bill_to_external_id=fields.id("Contact", "ContactID"),
        number=number,
        issued_on=_day(fields, "Date"),
        total=fields.money(currency, "Total"),
        remaining=fields.money(currency, "RemainingCredit") if is_usable else Money(0, currency),
    )


def _payment(fields: Fields) -> PaymentRecord | None:
    if fields.text("PaymentType") != "ACCRECPAYMENT":
        return None
    currency = fields.currency("Invoice", "CurrencyCode")
    paid = fields.money(currency, "Amount")
    is_deleted = fields.text("Status") == "DELETED"
    return PaymentRecord(
        external_id=fields.id("PaymentID"),
        version=_version(fields),
        bill_to_external_id=fields.text("Invoice", "Contact", "ContactID", most=120),
        paid_on=_day(fields, "Date"),
        amount=Money(0, currency) if is_deleted else paid,
        applied=() if is_deleted else ((fields.id("Invoice", "InvoiceID"), paid.minor),),
    )


def _version(fields: Fields) -> int:
    changed = _instant(fields, "UpdatedDateUTC")
    if changed is None:
        raise BadField("UpdatedDateUTC is missing")
    return micros(changed)


def _instant(fields: Fields, name: str) -> datetime | None:
    """/Date(millis+0000)/ is UTC whatever the offset says; the year 1 means that there is no date."""
    text = fields.text(name, most=60)
    if not text:
        return None
    match = _MILLIS.fullmatch(text)
    try:
        found = EPOCH + timedelta(milliseconds=int(match[1])) if match else parse_instant(text)
    except OverflowError:
        found = None
    if found is None:
        raise BadField(f"{name} is not a point in time")
    return found if found.year > 1 else None


def _day(fields: Fields, name: str) -> date | None:
    """The plain text form where it is given (DateString), else the date in UTC."""
    if fields.get(f"{name}String") is not None:
        return fields.day(f"{name}String")
    found = _instant(fields, name)
    return found.date() if found else None


def tokens(answer: Json, now: datetime) -> Tokens:
    """Raises MustReconnect."""
    return usual_tokens("Xero", answer, now, ACCESS_SECONDS)


def events(body: Any) -> list[Event]:
    """One body may hold several organisations; an empty list is Xero asking whether we check signatures."""
    found = body.get("events") if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise ValueError("no list of events")
    return [event for item in found for event in _event(item)]


def _event(item: Any) -> Iterable[Event]:
    try:
        fields = Fields(item)
        kind = CATEGORIES.get(fields.text("eventCategory"))
        if kind and fields.text("tenantType") in ("", "ORGANISATION"):
            account, object_id = fields.id("tenantId"), fields.id("resourceId")
            yield Event(
                account, kind, object_id, fields.text("eventType", most=20).lower(), "", fields.instant("eventDateUtc")
            )
    except BadField:
        return  # points at nothing; the next pull sees what it meant
