"""Odoo's records: false for whatever is empty, [id, name] for a reference, UTC in whole seconds without saying so."""

from datetime import UTC, date, datetime
from typing import Any

from .amounts import to_float
from .world import Company, CreditNote, Customer, Invoice, Payment

Json = dict[str, Any]
CURRENCIES = {"EUR": 125, "USD": 1, "GBP": 142, "JPY": 25, "KWD": 95}


def stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def day(value: date | None) -> Any:
    return value.isoformat() if value else False


def currency(code: str) -> list[Any]:
    return [CURRENCIES.get(code, 200 + sum(map(ord, code))), code]


def common(company: Company, one: Any) -> Json:
    return {"id": int(one.id), "company_id": [1, company.name], "write_date": stamp(one.updated_at),
            "create_date": stamp(one.created_at)}  # fmt: skip


def company_row(one: Company) -> Json:
    return {"id": 1, "name": one.name, "currency_id": currency(one.currency), "country_code": one.country,
            "write_date": stamp(one.created_at)}  # fmt: skip


def partner(one: Customer) -> Json:
    return {
        "id": int(one.id),
        "name": one.name,
        "email": one.email or False,
        "active": one.active,
        "customer_rank": 1,
        "write_date": stamp(one.updated_at),
    }


def partner_of(company: Company, number: str) -> list[Any]:
    return [int(number), company.customers[number].name]


def invoice(company: Company, one: Invoice) -> Json:
    return common(company, one) | {
        "name": one.number if one.status != "draft" and one.number else "/",
        "ref": one.reference or False,
        "partner_id": partner_of(company, one.customer_id),
        "move_type": "out_invoice",
        "invoice_date": day(one.issued_on),
        "invoice_date_due": day(one.due_on),
        "currency_id": currency(one.currency),
        "amount_untaxed": to_float(one.subtotal, one.currency),
        "amount_tax": to_float(one.tax, one.currency),
        "amount_total": to_float(one.total, one.currency),
        "amount_residual": to_float(one.balance if one.status == "open" else 0, one.currency),
        "payment_state": paid_how(one),
        "state": {"draft": "draft", "void": "cancel"}.get(one.status, "posted"),
        "access_token": one.pay_token if "shared" in one.memo else False,
        "invoice_payment_term_id": [30, one.terms] if one.terms else False,
    }


def paid_how(one: Invoice) -> str:
    if one.status == "paid":
        return "paid" if one.paid else "reversed"
    return "partial" if one.paid or one.credited else "not_paid"


def refund(company: Company, one: CreditNote) -> Json:
    return common(company, one) | {
        "name": f"R{one.number}",
        "ref": one.reference or False,
        "partner_id": partner_of(company, one.customer_id),
        "move_type": "out_refund",
        "invoice_date": day(one.issued_on),
        "invoice_date_due": day(one.issued_on),
        "currency_id": currency(one.currency),
        "amount_untaxed": to_float(one.subtotal, one.currency),
        "amount_tax": to_float(one.tax, one.currency),
        "amount_total": to_float(one.total, one.currency),
        "amount_residual": to_float(one.remaining, one.currency),
        "payment_state": "paid" if one.status == "used" else "not_paid",
        "state": "cancel" if one.status == "void" else "posted",
        "access_token": False,
        "invoice_payment_term_id": False,
    }


def payment(company: Company, one: Payment) -> Json:
    return common(company, one) | {
        "name": f"PBNK1/{one.received_on.year}/{int(one.id):05d}",
        "partner_type": "customer",
        "payment_type": "inbound",
        "partner_id": partner_of(company, one.customer_id),
        "date": day(one.received_on),
        "amount": to_float(one.amount, one.currency),
        "currency_id": currency(one.currency),
        "memo": one.reference or False,
        "state": "canceled" if one.deleted else "paid",
        "is_reconciled": not one.deleted and not one.unapplied,
    }


NOTHING_SOLD: Json = {"name": False, "quantity": 0.0, "price_unit": 0.0, "price_subtotal": 0.0}


def sold_lines(one: Invoice) -> list[Json]:
    return [
        {
            "id": int(one.id) * 1000 + place, "move_id": [int(one.id), one.number or "/"], "payment_id": False,
            "display_type": "product", "account_type": "income", "date_maturity": False,
            "name": f"[{row.item}] {row.description}", "quantity": float(row.quantity),
            "price_unit": to_float(row.unit, one.currency), "price_subtotal": to_float(row.amount, one.currency),
            "amount_currency": to_float(-row.amount, one.currency), "amount_residual_currency": 0.0,
            "write_date": stamp(one.updated_at),
        }
        for place, row in enumerate(one.lines, 1)
    ]  # fmt: skip


def owed_lines(one: Invoice) -> list[Json]:
    """The lines an invoice falls due in: two halves where its terms say so, a month apart."""
    common_part = {
        "move_id": [int(one.id), one.number or "/"], "payment_id": False, "display_type": "payment_term",
        "account_type": "asset_receivable", "write_date": stamp(one.updated_at), **NOTHING_SOLD,
    }  # fmt: skip
    owed = one.balance if one.status == "open" else 0
    if "halves" not in one.memo or one.due_on is None:
        parts = [(one.due_on, one.total, owed)]
    else:
        first = one.total // 2
        left = max(0, first - (one.total - owed))
        parts = [(one.issued_on, first, left), (one.due_on, one.total - first, owed - left)]
    return [
        common_part
        | {
            "id": int(one.id) * 10 + place,
            "date_maturity": day(due),
            "amount_currency": to_float(total, one.currency),
            "amount_residual_currency": to_float(left, one.currency),
        }
        for place, (due, total, left) in enumerate(parts, 1)
    ]


def received_line(one: Payment) -> Json:
    return {
        "id": int(one.id) * 10 + 5,
        "move_id": [int(one.id) * 10, "PBNK1"],
        "payment_id": [int(one.id), "PBNK1"],
        "display_type": "product",
        "account_type": "asset_receivable",
        "date_maturity": day(one.received_on),
        "amount_currency": to_float(-one.amount, one.currency),
        "amount_residual_currency": to_float(0 if one.deleted else -one.unapplied, one.currency),
        "write_date": stamp(one.updated_at),
        **NOTHING_SOLD,
    }


def matches(one: Payment) -> list[Json]:
    """What of the payment went to which line of an invoice."""
    return [
        {
            "id": int(part.id),
            "debit_move_id": [int(part.invoice_id) * 10 + 1, "INV"],
            "credit_move_id": [int(one.id) * 10 + 5, "PBNK1"],
            "credit_amount_currency": to_float(part.amount, one.currency),
            "write_date": stamp(one.updated_at),
        }
        for part in one.applied
        if not one.deleted
    ]
