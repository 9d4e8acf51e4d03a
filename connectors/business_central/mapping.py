"""What Business Central's JSON means. Pure: FACTS.md section 8."""

import hmac
import re
from datetime import datetime
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
    Tokens,
)
from connectors.books import usual_tokens
from connectors.fields import BadField, Fields, micros, read
from connectors.said import Line, lines, shown

ACCESS_SECONDS = 3600  # life of an access token that does not say
# How an answer writes "In Review": with the space, or as OData encodes it [R].
STATES = {"Draft": "draft", "In Review": "draft", "Open": "open", "Paid": "paid", "Canceled": "void"}
ENTITIES: dict[str, Kind] = {"salesInvoices": "invoice", "salesCreditMemos": "credit", "customers": "customer"}
EXPANDED = {"salesInvoices": {"$expand": "salesInvoiceLines,paymentTerm"}}  # they come with the same call
LINE = Line((("description",), ("lineObjectNumber",)), ("quantity",), ("unitPrice",), ("amountExcludingTax",))
NOBODY = "00000000-0000-0000-0000-000000000000"
GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_RESOURCE = re.compile(rf"/?api/v2\.0/companies\(({GUID})\)/(\w+)(?:\(({GUID})\))?(?:\?.*)?", re.ASCII)


def invoice(raw: Any, home: str) -> InvoiceRecord | BadRecord:
    """``home``: the company's own currency, meant where an invoice names none."""
    return read("invoice", "id", raw, lambda fields: _invoice(fields, home))


def customer(raw: Any) -> BillToRecord | BadRecord:
    return read("customer", "id", raw, _customer)


def credit_memo(raw: Any, home: str) -> CreditRecord | BadRecord:
    return read("credit", "id", raw, lambda fields: _credit_memo(fields, home))


def _invoice(fields: Fields, home: str) -> InvoiceRecord:
    currency, raw_state = fields.currency("currencyCode", home=home), _status(fields)
    state = STATES.get(raw_state, "unknown")
    changed = fields.instant("lastModifiedDateTime")
    return InvoiceRecord(
        external_id=fields.id("id").lower(),
        version=_version(fields),
        bill_to_external_id=_debtor(fields),
        number=fields.text("number", most=80),
        issued_on=fields.day("invoiceDate") or fields.day("postingDate"),
        due_on=fields.day("dueDate"),
        total=fields.money(currency, "totalAmountIncludingTax"),
        balance=Money(0, currency) if state in ("paid", "void") else fields.money(currency, "remainingAmount"),
        state=state,
        raw_state=raw_state,
        address_text=fields.text("email", most=500),
        po_number=fields.text("customerPurchaseOrderReference", most=80)
        or fields.text("externalDocumentNumber", most=80),
        details=shown(
            terms=fields.text("paymentTerm", "displayName") or fields.text("paymentTerm", "code"),
            lines=lines(fields.items("salesInvoiceLines"), LINE, currency),
        ),
        settled_at=changed if state in ("paid", "void") else None,
    )


def _customer(fields: Fields) -> BillToRecord:
    return BillToRecord(
        external_id=fields.id("id").lower(),
        version=_version(fields),
        name=fields.text("displayName"),
        address_text=fields.text("email", most=500),
        is_active=fields.text("blocked").replace("_x0020_", "") in ("", "Ship", "Invoice"),  # only "All" ends business
    )


def _credit_memo(fields: Fields, home: str) -> CreditRecord:
    """Their API names no remaining amount: one that is Open counts whole, every other no more [R]."""
    currency = fields.currency("currencyCode", home=home)
    total = fields.money(currency, "totalAmountIncludingTax")
    return CreditRecord(
        kind="credit_note",
        external_id=fields.id("id").lower(),
        version=_version(fields),
        bill_to_external_id=_debtor(fields),
        number=fields.text("number", most=80),
        issued_on=fields.day("creditMemoDate") or fields.day("postingDate"),
        total=total,
        remaining=total if _status(fields) == "Open" else Money(0, currency),
    )


def _status(fields: Fields) -> str:
    return fields.text("status", most=40).replace("_x0020_", " ").strip()


def _debtor(fields: Fields) -> str:
    """Who owes: the customer that is billed, who may be another than the one that bought."""
    billed = fields.text("billToCustomerId", most=120).lower()
    return billed if billed and billed != NOBODY else fields.id("customerId").lower()


def _version(fields: Fields) -> int:
    changed = fields.instant("lastModifiedDateTime")
    if changed is None:
        raise BadField("lastModifiedDateTime is missing")
    return micros(changed)


def tokens(answer: Json, now: datetime) -> Tokens:
    """Raises MustReconnect."""
    return usual_tokens("Business Central", answer, now, ACCESS_SECONDS)


def is_ours(body: Any, secret: str) -> bool:
    """Whether every notification repeats the client state that our subscription was made with."""
    found = body.get("value") if isinstance(body, dict) else None
    if not secret or not isinstance(found, list) or not found:
        return False
    states = [one.get("clientState") if isinstance(one, dict) else None for one in found]
    return all(isinstance(one, str) and hmac.compare_digest(_bytes(one), _bytes(secret)) for one in states)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def events(body: Any) -> list[Event]:
    """A notification names one object; a ``collection`` (more than a thousand changes) only says: look at all."""
    found = body.get("value") if isinstance(body, dict) else None
    if not isinstance(found, list):
        raise ValueError("no list of notifications")
    return [event for item in found if (event := _event(item))]


def _event(item: Any) -> Event | None:
    try:
        fields = Fields(item)
        named = _RESOURCE.fullmatch(fields.text("resource", most=2000))
        kind = ENTITIES.get(named[2]) if named else None
        if named is None or kind is None:
            return None
        op, at = fields.text("changeType", most=20), fields.instant("lastModifiedDateTime")
        if named[3] is None:
            return Event(named[1].lower(), "account", "", op, "", at)
        return Event(named[1].lower(), kind, named[3].lower(), op, "", at)
    except BadField:
        return None  # points at nothing; the next pull sees what it meant
