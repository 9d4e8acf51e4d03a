"""What ERPNext's JSON means. Pure: FACTS.md section 11.

``modified`` is written in the site's own time without its offset, and one hour a year is written twice: it serves for
asking, never for deciding which of two facts is newer. Their order is that in which we asked (``version``).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, Event, InvoiceRecord, Kind, PaymentRecord
from connectors.fields import BadField, Fields, parse_instant, read
from connectors.said import Line, lines, shown

DOCTYPES: dict[str, Kind] = {"Sales Invoice": "invoice", "Customer": "customer", "Payment Entry": "payment"}
OWED = frozenset(
    {"Unpaid", "Overdue", "Partly Paid", "Submitted"}
    | {f"{status} and Discounted" for status in ("Unpaid", "Overdue", "Partly Paid")}
)
SETTLED = frozenset({"Paid", "Credit Note Issued", "Return"})
LISTED = "%Y-%m-%d %H:%M:%S.%f"
INVOICE = (
    "name", "customer", "customer_name", "contact_email", "posting_date", "due_date", "currency", "grand_total",
    "rounded_total", "base_grand_total", "base_rounded_total", "outstanding_amount", "party_account_currency", "status",
    "docstatus", "is_return", "po_no", "payment_terms_template", "modified",
)  # fmt: skip
CUSTOMER = ("name", "customer_name", "email_id", "disabled", "modified")
PAYMENT = (
    "name", "party", "posting_date", "paid_amount", "unallocated_amount", "paid_from_account_currency",
    "mode_of_payment", "docstatus", "modified",
)  # fmt: skip
REFERENCE = ("parent", "reference_doctype", "reference_name", "allocated_amount")
ITEM = ("parent", "item_name", "item_code", "qty", "rate", "amount", "base_rate", "base_amount")


def invoice(
    raw: Any, version: int, zone: str, items: Sequence[Mapping[str, Any]] = ()
) -> InvoiceRecord | CreditRecord | BadRecord:
    """A credit note is an invoice that is a return. ``items``: rows of what was sold."""
    if isinstance(raw, dict) and raw.get("is_return"):
        return read("credit", "name", raw, lambda fields: _return(fields, version))
    return read("invoice", "name", raw, lambda fields: _invoice(fields, version, zone, items))


def customer(raw: Any, version: int) -> BillToRecord | BadRecord:
    return read("customer", "name", raw, lambda fields: _customer(fields, version))


def payment(raw: Any, version: int, references: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The payment, and what of it is not allocated yet as cash on account. ``references``: rows of what it paid."""
    return [
        read("payment", "name", raw, lambda fields: _payment(fields, version, references)),
        read("credit", "name", raw, lambda fields: _unallocated(fields, version)),
    ]


def _invoice(fields: Fields, version: int, zone: str, items: Sequence[Mapping[str, Any]]) -> InvoiceRecord:
    raw_state, total = fields.text("status", most=60), _total(fields)
    owed = Money.of(_exact(fields, "outstanding_amount"), total.currency)
    state = _state(fields, raw_state, owed.minor)
    changed = changed_at(fields.get("modified"), zone)
    return InvoiceRecord(
        external_id=fields.id("name"),
        version=version,
        bill_to_external_id=fields.id("customer"),
        number=fields.text("name", most=80),
        issued_on=fields.day("posting_date"),
        due_on=fields.day("due_date"),
        total=total,
        balance=Money(0, total.currency) if state in ("paid", "void") else owed,
        state=state,
        raw_state=raw_state,
        address_text=fields.text("contact_email", most=500),
        po_number=fields.text("po_no", most=80),
        details=shown(
            terms=fields.text("payment_terms_template"),
            lines=lines(items, _line(_prefix(fields)), total.currency),
        ),
        settled_at=changed if state in ("paid", "void") else None,
    )


def _state(fields: Fields, raw_state: str, owed: int) -> str:
    docstatus = fields.number("docstatus")
    if docstatus == 2:
        return "void"
    if docstatus != 1:
        return "draft" if docstatus == 0 else "unknown"
    if raw_state in SETTLED:
        return "paid"
    return ("open" if owed else "paid") if raw_state in OWED else "unknown"


def _total(fields: Fields) -> Money:
    """In the currency of the receivable account, which is the one that the outstanding amount is in."""
    prefix, owed_in = _prefix(fields), fields.currency("party_account_currency", home=fields.currency("currency"))
    rounded = fields.number(f"{prefix}rounded_total")  # 0 where rounding is switched off
    return Money.of(rounded or _exact(fields, f"{prefix}grand_total"), owed_in)


def _prefix(fields: Fields) -> str:
    """Of the names of amounts in the currency of the receivable account."""
    currency = fields.currency("currency")
    return "" if fields.currency("party_account_currency", home=currency) == currency else "base_"


def _line(prefix: str) -> Line:
    """Its description is HTML; the item's name is not."""
    return Line((("item_name",), ("item_code",)), ("qty",), (f"{prefix}rate",), (f"{prefix}amount",))


def _exact(fields: Fields, name: str) -> Any:
    found = fields.number(name)
    if found is None:
        raise BadField(f"{name} is missing")
    return found


def _return(fields: Fields, version: int) -> CreditRecord:
    """Its amounts are negative; what is left of it is the negative amount outstanding."""
    total = _total(fields)
    left = (
        Money.of(_exact(fields, "outstanding_amount"), total.currency).minor if fields.number("docstatus") == 1 else 0
    )
    return CreditRecord(
        kind="credit_note",
        external_id=fields.id("name"),
        version=version,
        bill_to_external_id=fields.id("customer"),
        number=fields.text("name", most=80),
        issued_on=fields.day("posting_date"),
        total=Money(-total.minor, total.currency),
        remaining=Money(max(-left, 0), total.currency),
    )


def _customer(fields: Fields, version: int) -> BillToRecord:
    return BillToRecord(
        external_id=fields.id("name"),
        version=version,
        name=fields.text("customer_name") or fields.text("name"),
        address_text=fields.text("email_id", most=500),
        is_active=not fields.number("disabled"),
    )


def _payment(fields: Fields, version: int, references: Sequence[Mapping[str, Any]]) -> PaymentRecord:
    currency = fields.currency("paid_from_account_currency")
    is_valid = fields.number("docstatus") == 1
    parts = [Fields(one) for one in references] if is_valid else []
    return PaymentRecord(
        external_id=fields.id("name"),
        version=version,
        bill_to_external_id=fields.id("party"),
        paid_on=fields.day("posting_date"),
        amount=fields.money(currency, "paid_amount") if is_valid else Money(0, currency),
        method=fields.text("mode_of_payment", most=40),
        applied=tuple(
            (one.id("reference_name"), one.money(currency, "allocated_amount").minor)
            for one in parts
            if one.text("reference_doctype") == "Sales Invoice"
        ),
    )


def _unallocated(fields: Fields, version: int) -> CreditRecord:
    currency = fields.currency("paid_from_account_currency")
    left = fields.number("unallocated_amount") if fields.number("docstatus") == 1 else None
    return CreditRecord(
        kind="unapplied_cash",
        external_id=fields.id("name"),
        version=version,
        bill_to_external_id=fields.id("party"),
        number=fields.text("name", most=80),
        issued_on=fields.day("posting_date"),
        total=fields.money(currency, "paid_amount"),
        remaining=Money.of(left or 0, currency),
    )


def listed_at(raw: Any) -> datetime | None:
    """``modified`` as it stands there, good for the order of a list only."""
    text = raw.get("modified") if isinstance(raw, dict) else None
    return parse_instant(text) if isinstance(text, str) else None


def changed_at(text: Any, zone: str) -> datetime | None:
    """``modified`` as a point in time: of an hour that is written twice, the first."""
    naive = parse_instant(text) if isinstance(text, str) else None
    return naive.replace(tzinfo=ZoneInfo(zone or "UTC")).astimezone(UTC) if naive else None


def site_time(since: datetime, zone: str) -> datetime:
    """``since`` as the site's clock writes it, and labelled UTC; on the day on which its clock goes back an hour, the
    earlier reading, or what changed in the hour that is written twice would be passed over."""
    there = ZoneInfo(zone or "UTC")
    offsets = [(since + later).astimezone(there).utcoffset() for later in (timedelta(0), timedelta(days=1))]
    return since.astimezone(UTC) + min(offset for offset in offsets if offset is not None)


def events(body: Any) -> list[Event]:
    """``body`` is what our own subscription asked for: doctype and name. Raises ValueError for another. Whose books it
    is about, the address says that it came to."""
    fields = Fields(body)
    kind = DOCTYPES.get(fields.text("doctype"))
    return [Event("", kind, fields.id("name"), "changed")] if kind else []
