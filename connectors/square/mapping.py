"""What Square's JSON means. Pure: FACTS.md section 4.

An invoice has no balance and no single due date: it is a list of payment requests, each with its own."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.money import Money
from connectors.base import (
    REVOKED,
    BadRecord,
    BillToRecord,
    Event,
    Instalment,
    InvoiceRecord,
    Json,
    Kind,
    MustReconnect,
    PaymentRecord,
    RateLimited,
    SetbackRecord,
    Tokens,
)
from connectors.fields import BadField, Fields, from_micros, is_po_label, known_zone, micros, parse_instant, read
from connectors.said import shown

# A scheduled one has not been sent yet. One whose payment is on its way, or failed, is nobody's to remind of.
STATES = {
    "DRAFT": "draft", "SCHEDULED": "draft", "UNPAID": "open", "PARTIALLY_PAID": "open", "PAID": "paid",
    "PARTIALLY_REFUNDED": "paid", "REFUNDED": "paid", "CANCELED": "void",
}  # fmt: skip
COMPLETED = "COMPLETED"
FOLLOWED: dict[str, Kind] = {"invoice": "invoice", "customer": "customer"}


def invoice(raw: Any) -> InvoiceRecord | BadRecord:
    return read("invoice", "id", raw, _invoice)


def customer(raw: Any) -> BillToRecord | BadRecord:
    return read("customer", "id", raw, _customer)


def payment(raw: Any, invoice_id: str, payer: str) -> PaymentRecord | BadRecord:
    """``invoice_id``: the invoice whose order it pays; ``payer``: whom that is for, which a payment need not say."""
    return read("payment", "id", raw, lambda fields: _payment(fields, invoice_id, payer))


# What stands at a failed payment, and what it means for whoever pays [R].
_REASONS = {
    "CARD_EXPIRED": "expired_card",
    "INVALID_EXPIRATION": "expired_card",
    "INSUFFICIENT_FUNDS": "no_funds",
    "CARD_DECLINED_VERIFICATION_REQUIRED": "authentication",
    "CVV_FAILURE": "authentication",
    "TEMPORARY_ERROR": "network",
    "GATEWAY_TIMEOUT": "network",
}


def setback(raw: Any, invoice_id: str) -> SetbackRecord | None:
    """A payment that failed, with the first of its reasons; None for one that did not."""
    found = read("payment", "id", raw, lambda fields: _setback(fields, invoice_id))
    return found if isinstance(found, SetbackRecord) else None


def _setback(fields: Fields, invoice_id: str) -> SetbackRecord | None:
    if fields.text("status") != "FAILED":
        return None
    errors = [each for each in fields.items("card_details", "errors") if isinstance(each, dict)]
    code = Fields(errors[0]).text("code", most=80) if errors else ""
    currency, version = fields.currency("amount_money", "currency"), _version(fields)
    return SetbackRecord(
        external_id=f"failed:{fields.id('id')}",
        version=version,
        kind="failed",
        invoice_external_id=invoice_id,
        amount=Money(_minor(fields, "amount_money"), currency),
        happened_at=from_micros(version),
        reason=_REASONS.get(code, "refused" if code else "unknown"),
        code=code,
    )


def ordered(raw: Any) -> tuple[str, str, str] | None:
    """The order an invoice is for, its own id and whom it is for, as far as it says so."""
    try:
        fields = Fields(raw)
        return fields.id("order_id"), fields.id("id"), fields.id("primary_recipient", "customer_id")
    except BadField:
        return None


def changed_at(raw: Any) -> datetime | None:
    found = raw.get("updated_at") if isinstance(raw, dict) else None
    return parse_instant(found) if isinstance(found, str) else None


def _invoice(fields: Fields) -> InvoiceRecord:
    raw_state = fields.text("status", most=40)
    state = STATES.get(raw_state, "unknown")
    parts = [_Part(each) for each in fields.items("payment_requests")]
    if not parts or len({part.currency for part in parts}) > 1:
        raise BadField("payment_requests are missing, or not in one currency")
    total, left = sum(part.asked for part in parts), sum(part.left for part in parts)
    currency, updated = parts[0].currency, fields.instant("updated_at")
    is_open = state == "open"
    return InvoiceRecord(
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=_payer(fields, state),
        number=fields.text("invoice_number", most=80),
        issued_on=_issued_on(fields),
        due_on=_due_on(parts),
        total=Money(total, currency),
        balance=Money(0 if state in ("paid", "void") else left, currency),
        state=state,
        raw_state=raw_state,
        address_text=fields.text("primary_recipient", "email_address", most=500),
        po_number=_po_number(fields),
        instalments=_instalments(parts) if len(parts) > 1 else (),
        is_autopay=any(part.is_automatic for part in parts if part.left),
        can_pay_online=is_open and bool(fields.text("public_url", most=2000)),
        details=_details(fields),
        settled_at=updated if state in ("paid", "void") else None,
    )


def _details(fields: Fields) -> Json:
    """What is sold stands in the order, which is another object."""
    memo = "\n".join(filter(None, (fields.text("title", most=255), fields.text("description", most=1000))))
    own = [Fields(item) for item in fields.items("custom_fields") if isinstance(item, dict)]
    return shown(memo=memo, own=((one.text("label", most=40), one.text("value", most=1000)) for one in own))


class _Part:
    """One payment request, in minor units."""

    def __init__(self, raw: Any) -> None:
        fields = Fields(raw)
        self.currency = fields.currency("computed_amount_money", "currency")
        self.asked = _minor(fields, "computed_amount_money")
        self.left = max(0, self.asked - _minor(fields, "total_completed_amount_money"))
        self.due_on = fields.day("due_date")
        self.is_automatic = fields.text("automatic_payment_source") not in ("", "NONE")


def _minor(fields: Fields, name: str) -> int:
    """Whole minor units; the amount of nothing is left out."""
    found = fields.number(name, "amount")
    if found is None:
        return 0
    if found != found.to_integral_value():
        raise BadField(f"{name} is not in whole minor units")
    return int(found)


def _due_on(parts: list[_Part]) -> date | None:
    """The earliest day on which something is still owed; of a settled one, the last."""
    owed = [part.due_on for part in parts if part.left and part.due_on]
    return min(owed) if owed else max((part.due_on for part in parts if part.due_on), default=None)


def _instalments(parts: list[_Part]) -> tuple[Instalment, ...]:
    return tuple(Instalment(part.due_on, part.asked, part.left) for part in parts if part.due_on)


def _payer(fields: Fields, state: str) -> str:
    """A draft may not know yet whom it is for."""
    if state == "draft" and not fields.text("primary_recipient", "customer_id"):
        return ""
    return fields.id("primary_recipient", "customer_id")


def _issued_on(fields: Fields) -> date | None:
    """When it went out, or is to go out, as the vendor's calendar has it."""
    moment = fields.instant("scheduled_at") or fields.instant("created_at")
    zone = known_zone(fields.text("timezone", most=64))
    return moment.astimezone(ZoneInfo(zone) if zone else UTC).date() if moment else None


def _po_number(fields: Fields) -> str:
    for item in fields.items("custom_fields"):
        if isinstance(item, dict) and is_po_label(Fields(item).text("label")):
            return Fields(item).text("value", most=80)
    return ""


def _customer(fields: Fields) -> BillToRecord:
    person = " ".join(filter(None, (fields.text("given_name"), fields.text("family_name"))))
    name = fields.text("company_name") or person or fields.text("nickname")
    return BillToRecord(fields.id("id"), _version(fields), name, fields.text("email_address", most=500))


def _payment(fields: Fields, invoice_id: str, payer: str) -> PaymentRecord:
    """A refund takes back what it gives back; only what is completed has been paid."""
    currency = fields.currency("amount_money", "currency")
    taken = _minor(fields, "amount_money") - _minor(fields, "refunded_money")
    minor = max(0, taken) if fields.text("status") == COMPLETED else 0
    created = fields.instant("created_at")
    return PaymentRecord(
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=payer,
        paid_on=created.date() if created else None,
        amount=Money(minor, currency),
        method=fields.text("source_type", most=40).lower(),
        applied=((invoice_id, minor),) if minor else (),
    )


def _version(fields: Fields) -> int:
    updated = fields.instant("updated_at")
    if updated is None:
        raise BadField("updated_at is missing")
    return micros(updated)


def tokens(answer: Json) -> Tokens:
    """The merchant is named in the answer, and the end as an instant. Raises MustReconnect for an answer without a
    token, RateLimited when they only had no time."""
    errors = answer.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    if first.get("category") == "RATE_LIMIT_ERROR":
        raise RateLimited("Square asks us to slow down.")
    access, merchant = answer.get("access_token"), answer.get("merchant_id")
    if not isinstance(access, str) or not access or not isinstance(merchant, str) or not merchant:
        raise MustReconnect("Square did not give access. Please connect again.")
    refresh, ends = answer.get("refresh_token"), answer.get("expires_at")
    expires_at = parse_instant(ends) if isinstance(ends, str) else None
    return Tokens(access, refresh if isinstance(refresh, str) else "", expires_at, {"merchant_id": merchant})


def events(body: Any) -> list[Event]:
    """One event of one merchant. Those of kinds we do not follow are none."""
    try:
        fields = Fields(body)
        merchant, name, event_id = fields.id("merchant_id"), fields.id("type"), fields.id("event_id")
        at = fields.instant("created_at")
        if name == "oauth.authorization.revoked":
            return [Event(merchant, "account", merchant, REVOKED, event_id, at)]
        noun, _, op = name.rpartition(".")
        kind = FOLLOWED.get(noun)
        return [Event(merchant, kind, fields.id("data", "id"), op[:40], event_id, at)] if kind else []
    except BadField as problem:
        raise ValueError(f"not an event of Square: {problem}") from None
