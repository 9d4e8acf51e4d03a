"""What Tryton's JSON means. Pure: FACTS.md section 12, measured on version 8.2.

Numbers, days and moments come as objects that name their class; a reference comes as the object it leads to.
"""

from datetime import UTC, date, datetime
from typing import Any

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, Instalment, InvoiceRecord, PaymentRecord
from connectors.fields import BadField, Fields, micros, read
from connectors.said import Line, lines, shown

STATES = {"draft": "draft", "validated": "draft", "posted": "open", "paid": "paid", "cancelled": "void"}
INVOICE = (
    "number", "reference", "type", "state", "invoice_date", "total_amount", "amount_to_pay", "party.id",
    "currency.code", "write_date", "create_date", "lines_to_pay.maturity_date", "lines_to_pay.amount",
    "lines_to_pay.reconciliation", "payment_lines.amount", "payment_lines.date", "payment_lines.amount_currency.code",
    "payment_term.name", "lines.description", "lines.product.name", "lines.quantity", "lines.unit_price",
    "lines.amount",
)  # fmt: skip
LINE = Line((("description",), ("product", "name")), ("quantity",), ("unit_price",), ("amount",))
PARTY = ("name", "email", "active", "write_date", "create_date")
DAY = ("year", "month", "day")
MOMENT = (*DAY, "hour", "minute", "second", "microsecond")
DEEP = 4  # objects within objects of what we ask for


def invoice(raw: Any) -> list[InvoiceRecord | CreditRecord | PaymentRecord | BadRecord]:
    """The invoice, or with a negative total the credit note, and the payments that were put on it."""
    row = plain(raw)
    if isinstance(row, dict) and str(row.get("total_amount") or "").startswith("-"):
        return [read("credit", "id", row, _credit)]
    return [read("invoice", "id", row, _invoice), *_payments(row)]


def party(raw: Any) -> BillToRecord | BadRecord:
    return read("customer", "id", plain(raw), _party)


def party_of(raw: Any) -> str:
    """Whose invoice this is; "" where it does not say."""
    try:
        return Fields(raw).id("party", "id")
    except BadField:
        return ""


def _invoice(fields: Fields) -> InvoiceRecord:
    currency, raw_state = fields.currency("currency", "code"), fields.text("state", most=20)
    state = STATES.get(raw_state, "unknown")
    owed = fields.money(currency, "amount_to_pay") if state == "open" else Money(0, currency)
    parts = _instalments(fields, owed) if state == "open" else ()
    return InvoiceRecord(
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=fields.id("party", "id"),
        number=fields.text("number", most=80),
        issued_on=fields.day("invoice_date"),
        due_on=_due(fields),
        total=fields.money(currency, "total_amount"),
        balance=owed,
        state=state,
        raw_state=raw_state,
        po_number=fields.text("reference", most=80),
        instalments=parts if len(parts) > 1 else (),
        details=shown(terms=fields.text("payment_term", "name"), lines=lines(fields.items("lines"), LINE, currency)),
        settled_at=fields.instant("write_date") if state in ("paid", "void") else None,
    )


def _due(fields: Fields) -> Any:
    """The last of the days it falls due on."""
    days = [Fields(line).day("maturity_date") for line in fields.items("lines_to_pay")]
    return max((day for day in days if day), default=None)


def _instalments(fields: Fields, owed: Money) -> tuple[Instalment, ...]:
    """The lines it falls due in. What was paid in part is on none of them: it lowers the earliest first."""
    lines = []
    for line in map(Fields, fields.items("lines_to_pay")):
        due_on = line.day("maturity_date")
        if due_on is None:
            return ()
        lines.append((due_on, line.money(owed.currency, "amount").minor, not line.get("reconciliation")))
    paid, made = sum(amount for _, amount, is_open in lines if is_open) - owed.minor, []
    for due_on, amount, is_open in sorted(lines):
        off = min(max(paid, 0), amount) if is_open else amount
        paid -= off if is_open else 0
        made.append(Instalment(due_on, amount, amount - off))
    return tuple(made)


def _payments(row: Any) -> list[PaymentRecord | BadRecord]:
    try:
        whole = Fields(row)
        return [
            read("payment", "id", line, lambda fields: _payment(fields, whole)) for line in whole.items("payment_lines")
        ]
    except BadField:
        return []  # the invoice itself says why


def _payment(fields: Fields, invoice: Fields) -> PaymentRecord:
    """A line on the customer's account: what was received is negative there."""
    paid = fields.money(fields.currency("amount_currency", "code"), "amount")
    is_of_invoice = paid.currency == invoice.currency("currency", "code")
    return PaymentRecord(
        external_id=fields.id("id"),
        version=_version(invoice),
        bill_to_external_id=invoice.id("party", "id"),
        paid_on=fields.day("date"),
        amount=Money(-paid.minor, paid.currency),
        applied=((invoice.id("id"), -paid.minor),) if is_of_invoice else (),
    )


def _credit(fields: Fields) -> CreditRecord:
    currency = fields.currency("currency", "code")
    left = fields.money(currency, "amount_to_pay").minor if fields.text("state") == "posted" else 0
    return CreditRecord(
        kind="credit_note",
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=fields.id("party", "id"),
        number=fields.text("number", most=80),
        issued_on=fields.day("invoice_date"),
        total=Money(-fields.money(currency, "total_amount").minor, currency),
        remaining=Money(max(-left, 0), currency),
    )


def _party(fields: Fields) -> BillToRecord:
    return BillToRecord(
        external_id=fields.id("id"),
        version=_version(fields),
        name=fields.text("name"),
        address_text=fields.text("email", most=500),
        is_active=fields.flag("active"),
    )


def _version(fields: Fields) -> int:
    """Nothing is written on what was only created."""
    changed = fields.instant("write_date") or fields.instant("create_date")
    if changed is None:
        raise BadField("write_date is missing")
    return micros(changed)


def plain(value: Any, deep: int = DEEP) -> Any:
    """Numbers as text, days and moments as ISO 8601 writes them; what names another class stays as it is."""
    if isinstance(value, list) and deep:
        return [plain(one, deep - 1) for one in value]
    if not isinstance(value, dict) or not deep:
        return value
    if "__class__" not in value:
        return {name: plain(one, deep - 1) for name, one in value.items()}
    if value["__class__"] == "Decimal":
        return value.get("decimal")
    names = {"date": DAY, "datetime": MOMENT}.get(str(value["__class__"]), ())
    parts = [part for name in names if type(part := value.get(name)) is int]
    try:
        if len(parts) == len(MOMENT):
            return datetime(*parts, tzinfo=UTC).isoformat()  # type: ignore[misc,arg-type]  # UTC, without saying so
        return date(*parts).isoformat()
    except (TypeError, ValueError, OverflowError):
        return value


def stamp(moment: datetime) -> dict[str, Any]:
    """A moment (UTC) as the server reads it."""
    return {"__class__": "datetime", **{name: getattr(moment, name) for name in MOMENT}}
