"""What FreshBooks' JSON means. Pure: FACTS.md section 5.

Its times are written without a zone, and meant in New York."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from app.money import Money
from connectors.base import (
    BadRecord,
    BillToRecord,
    CreditRecord,
    Event,
    Gone,
    InvoiceRecord,
    Json,
    Kind,
    MustReconnect,
    PaymentRecord,
    Tokens,
)
from connectors.fields import EPOCH, BadField, Fields, clean, micros, read, whole_seconds
from connectors.said import Line, lines, shown

ZONE = ZoneInfo("America/New_York")
DELETED, ARCHIVED = "1", "2"  # vis_state
# Words of v3_status for what somebody may still owe; the rest are draft, paid, autopaid and success.
OWED = (
    "created", "sent", "viewed", "failed", "retry", "partial", "disputed", "resolved", "overdue", "declined", "pending",
    "deposit-partial", "deposit-paid",
)  # fmt: skip
SETTLED = ("paid", "autopaid", "success")
CHARGE_FAILED = ("failed", "retry", "declined")  # its customer has to hear of it (FEATURES J3)
ON_ACCOUNT = ("overpayment", "prepayment")  # credits that are money
FOLLOWED: dict[str, Kind] = {
    "invoice": "invoice", "client": "customer", "payment": "payment", "credit_note": "credit",
}  # fmt: skip
LINE = Line((("description",), ("name",)), ("qty",), ("unit_cost", "amount"), ("amount", "amount"))
CLOCKS_APART = 3600  # seconds; a clock further from ours is not believed
FORM_LIMIT = 20_000  # bytes of a webhook


def invoice(raw: Any, now: datetime) -> InvoiceRecord | Gone | BadRecord:
    """``now``: when it was read, which tells the two hours of one name in autumn apart."""
    return read("invoice", "id", raw, lambda fields: _gone("invoice", fields, now) or _invoice(fields, now))


def client(raw: Any, now: datetime) -> BillToRecord | Gone | BadRecord:
    return read("customer", "id", raw, lambda fields: _gone("customer", fields, now) or _client(fields, now))


def payment(raw: Any, now: datetime) -> PaymentRecord | Gone | BadRecord:
    return read("payment", "id", raw, lambda fields: _gone("payment", fields, now) or _payment(fields, now))


def credit_note(raw: Any, now: datetime) -> CreditRecord | Gone | BadRecord:
    """A credit note carries no time of its last change, so its version is the time it was read."""
    version = micros(now)
    return read("credit", "id", raw, lambda fields: _gone("credit", fields, now) or _credit_note(fields, version))


def _gone(kind: Kind, fields: Fields, now: datetime) -> Gone | None:
    if fields.text("vis_state") != DELETED:
        return None
    return Gone(kind, fields.id("id"), _version(fields, now) if fields.get("updated") else micros(now))


def _invoice(fields: Fields, now: datetime) -> InvoiceRecord:
    total, left = _money(fields, "amount"), _money(fields, "outstanding")
    raw_state = fields.text("v3_status", most=40)
    state = _state(raw_state, left, is_archived=fields.text("vis_state") == ARCHIVED)
    return InvoiceRecord(
        external_id=fields.id("id"),
        version=_version(fields, now),
        bill_to_external_id=fields.id("customerid"),
        number=fields.text("invoice_number", most=80),
        issued_on=fields.day("create_date"),
        due_on=fields.day("due_date"),
        total=total,
        balance=Money(0, total.currency) if state == "paid" else left,
        state=state,
        raw_state=raw_state,
        address_text=fields.text("email", most=500),
        po_number=fields.text("po_number", most=80),
        is_autopay=fields.flag("auto_bill") and raw_state not in CHARGE_FAILED,
        can_pay_online=state == "open",
        details=_details(fields, total.currency),
        settled_at=_moment(fields, "updated", now) if state == "paid" else None,
    )


def _details(fields: Fields, currency: str) -> Json:
    dispute = fields.text("dispute_status", most=40)
    memo = "\n".join(filter(None, (fields.text(name, most=1000) for name in ("description", "notes"))))
    kept = shown(memo=memo, terms=fields.text("terms", most=1000), lines=lines(fields.items("lines"), LINE, currency))
    return kept | ({"dispute": dispute} if dispute else {})


def _state(word: str, left: Money, *, is_archived: bool) -> str:
    """Whatever the word: what owes nothing is paid, and what was put away is nobody's to remind of."""
    if word == "draft":
        return "draft"
    if word in SETTLED or (word in OWED and left.minor <= 0):
        return "paid"
    return "open" if word in OWED and not is_archived else "unknown"


def _client(fields: Fields, now: datetime) -> BillToRecord:
    person = " ".join(filter(None, (fields.text("fname"), fields.text("lname"))))
    return BillToRecord(
        fields.id("id"), _version(fields, now), fields.text("organization") or person, fields.text("email", most=500),
        is_active=fields.text("vis_state") != ARCHIVED,
    )  # fmt: skip


def _payment(fields: Fields, now: datetime) -> PaymentRecord:
    """What comes out of a credit is no new money, but it is what paid."""
    amount, target = _money(fields, "amount"), fields.text("invoiceid", most=120)
    return PaymentRecord(
        external_id=fields.id("id"),
        version=_version(fields, now),
        bill_to_external_id=fields.text("clientid", most=120),
        paid_on=fields.day("date"),
        amount=amount,
        method=fields.text("type", most=40),
        applied=((target, amount.minor),) if target and amount.minor else (),
    )


def _credit_note(fields: Fields, version: int) -> CreditRecord:
    total, used = _money(fields, "amount"), _money(fields, "paid")
    return CreditRecord(
        kind="unapplied_cash" if fields.text("credit_type") in ON_ACCOUNT else "credit_note",
        external_id=fields.id("id"),
        version=version,
        bill_to_external_id=fields.id("clientid"),
        number=fields.text("credit_number", most=80),
        issued_on=fields.day("create_date"),
        total=total,
        remaining=Money(max(0, total.minor - used.minor), total.currency),
    )


def _money(fields: Fields, name: str) -> Money:
    currency = fields.currency(name, "code")
    return fields.money(currency, name, "amount")


def _version(fields: Fields, now: datetime) -> int:
    return micros(_moment(fields, "updated", now))


def _moment(fields: Fields, name: str, now: datetime) -> datetime:
    """Of the two hours that have one name in autumn, the later one that is not still to come: so of two changes in
    those hours the later one counts."""
    text = fields.text(name, most=40)
    try:
        named = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=ZONE)
        first, second = named.astimezone(UTC), named.replace(fold=1).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadField(f"{name} is not a point in time") from None
    return max(first, second) if max(first, second) <= now else min(first, second)


def error_number(body: Mapping[str, Any]) -> str:
    """What FreshBooks calls what went wrong, in any of its four ways of saying so; "" when nothing did."""
    inner = body.get("response")
    errors = inner.get("errors") if isinstance(inner, dict) else None
    if isinstance(errors, list) and errors:
        return str(errors[0].get("errno", "?")) if isinstance(errors[0], dict) else "?"
    details = body.get("details")
    if isinstance(details, list) and body.get("code"):
        return next((str(each["reason"]) for each in details if isinstance(each, dict) and each.get("reason")), "?")
    return str(body.get("error") or body.get("errno") or "")


def tokens(answer: Json, now: datetime) -> Tokens:
    """The life counts from ``created_at``. Raises MustReconnect for an answer without a token."""
    access, refresh = answer.get("access_token"), answer.get("refresh_token")
    if answer.get("error") or not isinstance(access, str) or not access:
        raise MustReconnect("FreshBooks did not give access. Please connect again.")
    made, life = answer.get("created_at"), whole_seconds(answer.get("expires_in")) or 0
    begun = now
    if isinstance(made, int) and abs(made - int(now.timestamp())) < CLOCKS_APART:
        begun = EPOCH + timedelta(seconds=made)
    return Tokens(access, refresh if isinstance(refresh, str) else "", begun + timedelta(seconds=life))


def form(body: bytes) -> dict[str, str]:
    """A webhook's fields in their order; empty for what is no form."""
    try:
        return dict(
            parse_qsl(body[:FORM_LIMIT].decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=50)
        )
    except ValueError:
        return {}


def events(body: bytes) -> list[Event]:
    """One event of one account, without an id or a time of its own."""
    found = form(body)
    account, name, object_id = (found.get(field, "") for field in ("account_id", "name", "object_id"))
    if not account or not object_id or not name:
        raise ValueError("not an event of FreshBooks")
    noun, _, op = name.rpartition(".")
    kind = FOLLOWED.get(noun)
    if kind is None:
        return []
    return [Event(clean(account)[:120], kind, clean(object_id)[:120], op[:20])]
