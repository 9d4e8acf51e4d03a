"""Tryton's records: numbers, days and moments as objects that name their class."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from .amounts import to_decimal
from .world import Applied, Company, CreditNote, Customer, Invoice, Payment

Json = dict[str, Any]
STATES = {"open": "posted", "void": "cancelled", "used": "paid"}


def number(minor: int, currency: str) -> Json:
    return {"__class__": "Decimal", "decimal": str(to_decimal(minor, currency))}


def day(value: date | None) -> Json | None:
    return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day} if value else None


def moment(at: datetime) -> Json:
    at = at.astimezone(UTC)
    names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime", **{name: getattr(at, name) for name in names}}


def common(model: str, one: Any) -> Json:
    """Nothing is written on what was only created."""
    written = None if one.updated_at == one.created_at else moment(one.updated_at)
    return {"__name__": model, "id": int(one.id), "write_date": written, "create_date": moment(one.created_at)}


def company_row(one: Company) -> Json:
    return {
        "__name__": "company.company",
        "id": 1,
        "party": {"__name__": "party.party", "id": 1_000_000, "name": one.name},
        "currency": currency(one.currency),
        "timezone": one.timezone,
    }


def currency(code: str) -> Json:
    return {"__name__": "currency.currency", "id": sum(map(ord, code)), "code": code}


def party(one: Customer) -> Json:
    mechanism = common("party.contact_mechanism", one) | {"type": "email", "value": one.email}
    return common("party.party", one) | {
        "name": one.name,
        "code": one.id,
        "email": one.email or "",
        "active": one.active,
        "contact_mechanisms": [mechanism] if one.email else [],
    }


def invoice(company: Company, one: Invoice, paid: list[tuple[Payment, Applied]]) -> Json:
    return common("account.invoice", one) | {
        "number": one.number if one.status != "draft" else None,
        "reference": one.reference or None,
        "type": "out",
        "state": STATES.get(one.status, one.status),
        "invoice_date": day(one.issued_on),
        "total_amount": number(one.total, one.currency),
        "amount_to_pay": number(one.balance if one.status == "open" else 0, one.currency),
        "party": party(company.customers[one.customer_id]),
        "currency": currency(one.currency),
        "company": {"__name__": "company.company", "id": 1},
        "lines_to_pay": [owed(one, due, part) for due, part in terms(one)],
        "payment_lines": [received(each, part) for each, part in paid],
        "payment_term": {"__name__": "account.invoice.payment_term", "id": 1, "name": one.terms} if one.terms else None,
        "lines": [sold(one, place) for place in range(len(one.lines))],
    }


def terms(one: Invoice) -> list[tuple[date | None, int]]:
    """Whole, or in two halves a month apart where its terms say so."""
    if one.status == "draft":
        return []
    if "halves" not in one.memo or one.due_on is None:
        return [(one.due_on, one.total)]
    return [(one.due_on - timedelta(days=30), one.total // 2), (one.due_on, one.total - one.total // 2)]


def sold(one: Invoice, place: int) -> Json:
    row = one.lines[place]
    return {
        "__name__": "account.invoice.line",
        "id": int(one.id) * 1000 + place,
        "description": row.description,
        "product": {"__name__": "product.product", "id": 1 + sum(map(ord, row.item)), "name": row.item},
        "quantity": float(row.quantity),
        "unit_price": number(row.unit, one.currency),
        "amount": number(row.amount, one.currency),
    }


def owed(one: Invoice, due: date | None, part: int) -> Json:
    return {
        "__name__": "account.move.line",
        "id": int(one.id) * 10 + (due == one.due_on),
        "maturity_date": day(due),
        "amount": number(part, one.currency),
        "reconciliation": None if one.is_open else {"__name__": "account.move.reconciliation", "id": int(one.id)},
    }


def received(one: Payment, part: Applied) -> Json:
    return {
        "__name__": "account.move.line",
        "id": int(part.id),
        "date": day(part.on),
        "amount": number(-part.amount, one.currency),
        "amount_currency": currency(one.currency),
    }


def credit_note(company: Company, one: CreditNote) -> Json:
    """An invoice with a negative total."""
    return common("account.invoice", one) | {
        "number": one.number,
        "reference": one.reference or None,
        "type": "out",
        "state": STATES[one.status],
        "invoice_date": day(one.issued_on),
        "total_amount": number(-one.total, one.currency),
        "amount_to_pay": number(-one.remaining, one.currency),
        "party": party(company.customers[one.customer_id]),
        "currency": currency(one.currency),
        "company": {"__name__": "company.company", "id": 1},
        "lines_to_pay": [],
        "payment_lines": [],
        "payment_term": None,
        "lines": [],
    }
