"""What Odoo's JSON means. Pure: FACTS.md section 10.

What is empty is ``false`` there, whatever the field; one record that refers to another says ``[id, "its name"]``.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.money import Money
from connectors.base import BadRecord, BillToRecord, CreditRecord, Instalment, InvoiceRecord, Json, PaymentRecord
from connectors.fields import BadField, Fields, micros, parse_instant, read
from connectors.said import Line, lines, shown

STATES = {"not_paid": "open", "partial": "open", "paid": "paid", "in_payment": "paid", "reversed": "paid"}
MOVE = (
    "id", "name", "ref", "partner_id", "invoice_date", "invoice_date_due", "currency_id", "amount_total",
    "amount_residual", "payment_state", "state", "move_type", "access_token", "write_date", "invoice_payment_term_id",
)  # fmt: skip
PARTNER = ("id", "name", "email", "active", "write_date")
PAYMENT = ("id", "name", "partner_id", "date", "amount", "currency_id", "state", "write_date")
TERM = ("move_id", "date_maturity", "amount_currency", "amount_residual_currency")
ROW = (*TERM, "display_type", "name", "quantity", "price_unit", "price_subtotal")
SOLD = "product"  # the display_type of what is sold
LINE = Line((("name",),), ("quantity",), ("price_unit",), ("price_subtotal",))
RECEIVED = frozenset(
    {"in_process", "paid", "posted", "sent", "reconciled"}
)  # of a payment; the words differ by version
STAMP = "%Y-%m-%d %H:%M:%S"


def move(raw: Any, rows: Sequence[Json] = ()) -> InvoiceRecord | CreditRecord | BadRecord:
    """A customer's invoice, or what it was refunded. ``rows``: what was sold, and the lines in which it falls due."""
    row = without_false(raw)
    if isinstance(row, dict) and row.get("move_type") == "out_refund":
        return read("credit", "id", row, _refund)
    return read("invoice", "id", row, lambda fields: _invoice(fields, rows))


def partner(raw: Any) -> BillToRecord | BadRecord:
    return read("customer", "id", without_false(raw), _partner)


def payment(raw: Any, applied: Sequence[tuple[str, Any]], left: Any) -> list[Any]:
    """The payment, and what of it is not used yet as cash on account. ``applied``: invoices and amounts."""
    row = without_false(raw)
    return [
        read("payment", "id", row, lambda fields: _payment(fields, applied)),
        read("credit", "id", row, lambda fields: _unused(fields, left)),
    ]


def _invoice(fields: Fields, rows: Sequence[Json]) -> InvoiceRecord:
    terms = [row for row in rows if not _is_sold(row)]
    sold = (without_false(row) for row in rows if _is_sold(row))
    currency, owed = _currency(fields), fields.money(_currency(fields), "amount_residual")
    state, raw_state = _state(fields), f"{fields.text('state', most=20)}/{fields.text('payment_state', most=30)}"
    return InvoiceRecord(
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=reference(fields, "partner_id"),
        number=fields.text("name", most=80).strip("/"),  # a draft's is a slash
        issued_on=fields.day("invoice_date"),
        due_on=fields.day("invoice_date_due"),
        total=fields.money(currency, "amount_total"),
        balance=Money(0, currency) if state in ("paid", "void") else owed,
        state=state,
        raw_state=raw_state,
        po_number=fields.text("ref", most=80),
        instalments=_instalments(terms, currency) if state == "open" else (),
        details=shown(terms=_label(fields, "invoice_payment_term_id"), lines=lines(sold, LINE, currency)),
        settled_at=fields.instant("write_date") if state in ("paid", "void") else None,
    )


def _state(fields: Fields) -> str:
    state = fields.text("state", most=20)
    if state == "posted":
        return STATES.get(fields.text("payment_state", most=30), "unknown")  # blocked, or of an older system
    return {"draft": "draft", "cancel": "void"}.get(state, "unknown")


def _instalments(terms: Sequence[Json], currency: str) -> tuple[Instalment, ...]:
    """None when it is due as a whole."""
    parts = [Fields(without_false(one)) for one in terms] if len(terms) > 1 else []
    made = [
        Instalment(due_on, *(part.money(currency, name).minor for name in TERM[2:]))
        for part in parts
        if (due_on := part.day("date_maturity"))
    ]
    return tuple(sorted(made, key=lambda one: one.due_on)) if len(made) == len(parts) else ()


def _refund(fields: Fields) -> CreditRecord:
    currency = _currency(fields)
    is_usable = fields.text("state") == "posted"
    return CreditRecord(
        kind="credit_note",
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=reference(fields, "partner_id"),
        number=fields.text("name", most=80).strip("/"),
        issued_on=fields.day("invoice_date"),
        total=fields.money(currency, "amount_total"),
        remaining=fields.money(currency, "amount_residual") if is_usable else Money(0, currency),
    )


def _partner(fields: Fields) -> BillToRecord:
    return BillToRecord(
        external_id=fields.id("id"),
        version=_version(fields),
        name=fields.text("name"),
        address_text=fields.text("email", most=500),
        is_active=fields.flag("active"),
    )


def _payment(fields: Fields, applied: Sequence[tuple[str, Any]]) -> PaymentRecord:
    currency, is_received = _currency(fields), fields.text("state") in RECEIVED
    paid = fields.money(currency, "amount")
    return PaymentRecord(
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=reference(fields, "partner_id"),
        paid_on=fields.day("date"),
        amount=paid if is_received else Money(0, currency),
        applied=tuple((name, Money.of(amount, currency).minor) for name, amount in applied) if is_received else (),
    )


def _unused(fields: Fields, left: Any) -> CreditRecord:
    currency, is_received = _currency(fields), fields.text("state") in RECEIVED
    return CreditRecord(
        kind="unapplied_cash",
        external_id=fields.id("id"),
        version=_version(fields),
        bill_to_external_id=reference(fields, "partner_id"),
        number=fields.text("name", most=80),
        issued_on=fields.day("date"),
        total=fields.money(currency, "amount"),
        remaining=Money.of(left, currency) if is_received else Money(0, currency),
    )


def without_false(raw: Any) -> Any:
    """Fields that are empty as missing ones; only ``active`` is truly a yes or no."""
    if not isinstance(raw, dict):
        return raw
    return {name: None if value is False and name != "active" else value for name, value in raw.items()}


def reference(fields: Fields, name: str) -> str:
    """The id of the record that a field refers to."""
    found = fields.items(name)
    return Fields({"id": found[0] if found else None}).id("id")


def _is_sold(row: Any) -> bool:
    return isinstance(row, dict) and row.get("display_type") == SOLD


def _label(fields: Fields, name: str) -> str:
    """The name of the record that a field refers to."""
    found = fields.items(name)
    return Fields({"label": found[1] if len(found) == 2 else None}).text("label")


def _currency(fields: Fields) -> str:
    """Its name is the ISO code."""
    found = fields.items("currency_id")
    return Fields({"currency_id": found[1] if len(found) == 2 else None}).currency("currency_id")


def _version(fields: Fields) -> int:
    changed = fields.instant("write_date")
    if changed is None:
        raise BadField("write_date is missing")
    return micros(changed)


def written_at(raw: Any) -> datetime | None:
    """UTC without saying so, in whole seconds."""
    text = raw.get("write_date") if isinstance(raw, dict) else None
    return parse_instant(text) if isinstance(text, str) else None


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(STAMP)


def by_reference(rows: Iterable[Any], name: str) -> Mapping[str, list[Json]]:
    """The rows by the record that their field ``name`` refers to; those that refer to none are left out."""
    found: dict[str, list[Json]] = {}
    for row in rows:
        place = row.get(name) if isinstance(row, dict) else None
        if isinstance(place, list) and place:
            found.setdefault(str(place[0]), []).append(row)
    return found
