"""What QuickBooks Online's JSON means. Pure: FACTS.md section 1."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

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
    PaymentRecord,
    Tokens,
)
from connectors.books import usual_tokens
from connectors.fields import BadField, Fields, is_po_label, micros, parse_instant, read, whole_seconds
from connectors.said import Line, lines, shown

ONE_SECOND = 1_000_000  # of a version: LastUpdatedTime has whole seconds, SyncToken orders the changes inside one
_ITEM = "SalesItemLineDetail"
LINE = Line((("Description",), (_ITEM, "ItemRef", "name")), (_ITEM, "Qty"), (_ITEM, "UnitPrice"), ("Amount",))
ACCESS_SECONDS = 3600  # life of an access token that does not say
VOIDED = "voided"  # PrivateNote of a void invoice in English books [R: other languages write their own word]
KINDS: dict[str, Kind] = {"invoice": "invoice", "customer": "customer", "payment": "payment", "creditmemo": "credit"}
PAST = {
    "created": "create", "updated": "update", "deleted": "delete", "merged": "merge", "voided": "void",
    "emailed": "email",
}  # fmt: skip


def invoice(raw: Any, home: str) -> InvoiceRecord | Gone | BadRecord:
    """``home`` is the company's currency: books with one currency leave CurrencyRef out."""
    return read("invoice", "Id", raw, lambda fields: _gone("invoice", fields) or _invoice(fields, home))


def customer(raw: Any) -> BillToRecord | Gone | BadRecord:
    return read("customer", "Id", raw, lambda fields: _gone("customer", fields) or _customer(fields))


def payment(raw: Any, home: str) -> PaymentRecord | Gone | BadRecord:
    return read("payment", "Id", raw, lambda fields: _gone("payment", fields) or _payment(fields, home))


def unapplied_cash(raw: Any, home: str) -> CreditRecord | BadRecord | None:
    """The part of a payment that no invoice has taken. None where the payment never had one, or is gone altogether."""
    return read("credit", "Id", raw, lambda fields: _unapplied(fields, home))


def credit_memo(raw: Any, home: str) -> CreditRecord | Gone | BadRecord:
    return read("credit", "Id", raw, lambda fields: _gone("credit", fields) or _credit_memo(fields, home))


def changed_at(raw: Any) -> datetime | None:
    """When a row last changed, or None when it does not say."""
    stamp = raw.get("MetaData") if isinstance(raw, dict) else None
    text = stamp.get("LastUpdatedTime") if isinstance(stamp, dict) else None
    return parse_instant(text) if isinstance(text, str) else None


def _gone(kind: Kind, fields: Fields) -> Gone | None:
    """A deleted object is an Id, a time and the word. Nothing in the same second is newer than its end."""
    if fields.text("status").lower() != "deleted":
        return None
    changed = fields.instant("MetaData", "LastUpdatedTime")
    if changed is None:
        raise BadField("MetaData.LastUpdatedTime is missing")
    return Gone(kind, fields.id("Id"), micros(changed) + ONE_SECOND - 1)


def _version(fields: Fields) -> int:
    changed = fields.instant("MetaData", "LastUpdatedTime")
    if changed is None:
        raise BadField("MetaData.LastUpdatedTime is missing")
    token = fields.number("SyncToken") or Decimal(0)
    step = max(0, min(int(token), ONE_SECOND - 2))
    return micros(changed.replace(microsecond=0)) + step


def _invoice(fields: Fields, home: str) -> InvoiceRecord:
    currency = fields.currency("CurrencyRef", "value", home=home)
    total, balance = fields.money(currency, "TotalAmt"), fields.money(currency, "Balance")
    state, raw_state = _state(fields, total, balance)
    address = _addresses(fields)
    return InvoiceRecord(
        external_id=fields.id("Id"),
        version=_version(fields),
        bill_to_external_id=fields.id("CustomerRef", "value"),
        number=fields.text("DocNumber", most=80),
        issued_on=fields.day("TxnDate"),
        due_on=fields.day("DueDate"),
        total=total,
        balance=Money(0, currency) if state == "void" else balance,
        state=state,
        raw_state=raw_state,
        address_text=address,
        po_number=_po_number(fields),
        can_pay_online=bool(address) and _allows_online_payment(fields),
        details=_details(fields, currency),
        # Only a date says when it was paid; the change of the balance is the last one of the invoice, as a rule.
        settled_at=fields.instant("MetaData", "LastUpdatedTime") if state in ("paid", "void") else None,
    )


def _state(fields: Fields, total: Money, balance: Money) -> tuple[str, str]:
    """QuickBooks has no status: amounts tell, and a private note tells void from free of charge."""
    if fields.text("PrivateNote").lower() == VOIDED or (total.minor == 0 and balance.minor == 0):
        return "void", "voided"
    if balance.minor < 0 or total.minor < 0 or balance.minor > total.minor:
        return "unknown", "balance outside total"
    if balance.minor == 0:
        return "paid", "paid"
    return "open", "partial" if balance.minor < total.minor else "open"


def _addresses(fields: Fields) -> str:
    """BillEmail alone: Cc and Bcc are copies, not the payer. One string may hold several [R]."""
    return fields.text("BillEmail", "Address", most=500)


def _allows_online_payment(fields: Fields) -> bool:
    return any(
        fields.flag(name) for name in ("AllowOnlinePayment", "AllowOnlineCreditCardPayment", "AllowOnlineACHPayment")
    )


def _po_number(fields: Fields) -> str:
    """A custom field of the vendor's, by its usual names [R]."""
    for custom in _parts(fields, "CustomField"):
        if is_po_label(custom.text("Name")):
            return custom.text("StringValue", most=80)
    return ""


def _details(fields: Fields, currency: str) -> Json:
    """What the customer may read of it besides: memo, terms, the vendor's own fields, the items sold."""
    return shown(
        memo=fields.text("CustomerMemo", "value", most=1000),
        terms=fields.text("SalesTermRef", "name"),
        own=((one.text("Name", most=40), one.text("StringValue", most=120)) for one in _parts(fields, "CustomField")),
        lines=lines(_sold(fields.items("Line")), LINE, currency),
    )


def _sold(rows: Iterable[Any]) -> Iterable[Any]:
    """Items, and those inside of bundles; sub-totals and discounts are none."""
    for row in rows:
        kind = row.get("DetailType") if isinstance(row, dict) else ""
        if kind == "SalesItemLineDetail":
            yield row
        elif kind == "GroupLineDetail" and isinstance(bundle := row.get(kind), dict):
            yield from bundle.get("Line") or ()


def _parts(fields: Fields, name: str) -> list[Fields]:
    return [Fields(item) for item in fields.items(name) if isinstance(item, dict)]


def _customer(fields: Fields) -> BillToRecord:
    names = (fields.text(name) for name in ("DisplayName", "CompanyName", "FullyQualifiedName"))
    return BillToRecord(
        external_id=fields.id("Id"),
        version=_version(fields),
        name=next(filter(None, names), ""),
        address_text=fields.text("PrimaryEmailAddr", "Address", most=500),
        is_active=fields.get("Active") is not False,
    )


def _payment(fields: Fields, home: str) -> PaymentRecord:
    currency = fields.currency("CurrencyRef", "value", home=home)
    return PaymentRecord(
        external_id=fields.id("Id"),
        version=_version(fields),
        bill_to_external_id=fields.text("CustomerRef", "value", most=120),
        paid_on=fields.day("TxnDate"),
        amount=fields.money(currency, "TotalAmt"),
        method=fields.text("PaymentMethodRef", "name", most=40),
        applied=tuple(_applied(fields.items("Line"), currency)),
    )


def _applied(parts: Iterable[Any], currency: str) -> Iterable[tuple[str, int]]:
    for item in parts:
        line = Fields(item)
        for link in line.items("LinkedTxn"):
            linked = Fields(link)
            if linked.text("TxnType") == "Invoice":
                yield linked.id("TxnId"), line.money(currency, "Amount").minor


def _unapplied(fields: Fields, home: str) -> CreditRecord | None:
    if fields.text("status").lower() == "deleted" or fields.number("UnappliedAmt") is None:
        return None
    currency = fields.currency("CurrencyRef", "value", home=home)
    return CreditRecord(
        kind="unapplied_cash",
        external_id=fields.id("Id"),
        version=_version(fields),
        bill_to_external_id=fields.id("CustomerRef", "value"),
        number=fields.text("PaymentRefNum", most=80),
        issued_on=fields.day("TxnDate"),
        total=fields.money(currency, "TotalAmt"),
        remaining=fields.money(currency, "UnappliedAmt"),
    )


def _credit_memo(fields: Fields, home: str) -> CreditRecord:
    currency = fields.currency("CurrencyRef", "value", home=home)
    left = "RemainingCredit" if fields.get("RemainingCredit") is not None else "Balance"
    is_void = fields.text("PrivateNote").lower() == VOIDED
    return CreditRecord(
        kind="credit_note",
        external_id=fields.id("Id"),
        version=_version(fields),
        bill_to_external_id=fields.id("CustomerRef", "value"),
        number=fields.text("DocNumber", most=80),
        issued_on=fields.day("TxnDate"),
        total=fields.money(currency, "TotalAmt"),
        remaining=Money(0, currency) if is_void else fields.money(currency, left),
    )


def tokens(answer: Json, now: datetime) -> Tokens:
    """Raises MustReconnect. When the grant itself ends is kept beside it, where the answer says."""
    extra: Json = {}
    for name, kept in (
        ("x_refresh_token_expires_in", "refresh_expires_at"),
        ("x_refresh_token_hard_expires_in", "grant_ends_at"),
    ):
        if (seconds := whole_seconds(answer.get(name))) is not None:
            extra[kept] = (now + timedelta(seconds=seconds)).isoformat()
    return replace(usual_tokens("QuickBooks", answer, now, ACCESS_SECONDS), extra=extra)


def events(body: Any) -> list[Event]:
    """Both forms: the older object by company, and the array of CloudEvents. One body may mix several companies."""
    if isinstance(body, list):
        return [event for item in body if isinstance(item, dict) for event in _cloud_event(item)]
    notifications = body.get("eventNotifications") if isinstance(body, dict) else None
    if not isinstance(notifications, list):
        raise ValueError("neither CloudEvents nor eventNotifications")
    return [event for item in notifications if isinstance(item, dict) for event in _company_events(item)]


def _cloud_event(item: Json) -> Iterable[Event]:
    try:
        fields = Fields(item)
        parts = fields.text("type").lower().split(".")  # qbo.invoice.created.v1
        kind = KINDS.get(parts[1]) if len(parts) >= 3 else None
        if kind:
            op = PAST.get(parts[2], parts[2])[:20]
            account, object_id = fields.id("intuitaccountid"), fields.id("intuitentityid")
            yield Event(account, kind, object_id, op, fields.text("id", most=100), fields.instant("time"))
    except BadField:
        return  # an event without its ids points at nothing; the next pull sees what it meant


def _company_events(item: Json) -> Iterable[Event]:
    change = item.get("dataChangeEvent")
    entities = change.get("entities") if isinstance(change, dict) else None
    for entity in entities if isinstance(entities, list) else []:
        try:
            fields, account = Fields(entity), Fields(item).id("realmId")
            kind, at = KINDS.get(fields.text("name").lower()), fields.instant("lastUpdated")
            if kind:
                yield Event(account, kind, fields.id("id"), fields.text("operation", most=20).lower(), "", at)
            if kind and fields.text("deletedId"):  # a merge ends the other object
                yield Event(account, kind, fields.id("deletedId"), "delete", "", at)
        except BadField:
            continue
