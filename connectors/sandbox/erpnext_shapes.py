"""ERPNext's documents: amounts as numbers, times in the site's own zone without saying so, flags as 0 and 1."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from .amounts import to_float
from .world import Company, CreditNote, Customer, Invoice, Payment

Json = dict[str, Any]
STATUS = {"draft": "Draft", "paid": "Paid", "void": "Cancelled"}
DOCSTATUS = {"draft": 0, "void": 2}


def site_time(company: Company, at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(company.timezone)):%Y-%m-%d %H:%M:%S.%f}"


def common(company: Company, doctype: str, one: Any) -> Json:
    return {
        "doctype": doctype,
        "name": one.id,
        "creation": site_time(company, one.created_at),
        "modified": site_time(company, one.updated_at),
        "owner": company.owner,
    }


def company_row(one: Company) -> Json:
    return {"doctype": "Company", "name": one.name, "company_name": one.name, "default_currency": one.currency,
            "country": one.country}  # fmt: skip


def customer(company: Company, one: Customer) -> Json:
    return common(company, "Customer", one) | {
        "customer_name": one.name,
        "customer_type": "Company",
        "email_id": one.email,
        "disabled": int(not one.active),
        "default_currency": one.currency,
    }


def invoice(company: Company, one: Invoice, today: Any) -> Json:
    """The outstanding amount is in the currency of the receivable account, which here is the invoice's own."""
    person = company.customers[one.customer_id]
    return (
        common(company, "Sales Invoice", one)
        | sums(company, one, 1)
        | {
            "customer": person.id,
            "customer_name": person.name,
            "contact_email": one.email,
            "posting_date": one.issued_on.isoformat(),
            "due_date": one.due_on and one.due_on.isoformat(),
            "outstanding_amount": to_float(one.balance if one.status == "open" else 0, one.currency),
            "status": STATUS.get(one.status) or owed_status(one, today),
            "docstatus": DOCSTATUS.get(one.status, 1),
            "is_return": 0,
            "return_against": None,
            "po_no": one.reference or None,
            "payment_terms_template": one.terms or None,
        }
    )


def items(one: Invoice) -> list[Json]:
    """Rows within the invoice."""
    return [
        {
            "parent": one.id,
            "parenttype": "Sales Invoice",
            "idx": place,
            "item_code": row.item.upper(),
            "item_name": row.item,
            "description": f"<div><p>{row.description}</p></div>",
            "qty": float(row.quantity),
            "rate": to_float(row.unit, one.currency),
            "amount": to_float(row.amount, one.currency),
            "base_rate": to_float(row.unit, one.currency),
            "base_amount": to_float(row.amount, one.currency),
        }
        for place, row in enumerate(one.lines, 1)
    ]


def owed_status(one: Invoice, today: Any) -> str:
    if one.due_on and one.due_on < today:
        return "Overdue"
    return "Partly Paid" if one.paid or one.credited else "Unpaid"


def credit_note(company: Company, one: CreditNote) -> Json:
    """An invoice that is a return: all its amounts are negative."""
    person = company.customers[one.customer_id]
    return (
        common(company, "Sales Invoice", one)
        | sums(company, one, -1)
        | {
            "customer": person.id,
            "customer_name": person.name,
            "contact_email": person.email,
            "posting_date": one.issued_on.isoformat(),
            "due_date": one.issued_on.isoformat(),
            "outstanding_amount": to_float(-one.remaining, one.currency),
            "status": "Cancelled" if one.status == "void" else "Return",
            "docstatus": 2 if one.status == "void" else 1,
            "is_return": 1,
            "return_against": one.applied[0].invoice_id if one.applied else None,
            "po_no": None,
        }
    )


def sums(company: Company, one: Invoice | CreditNote, sign: int) -> Json:
    total = to_float(sign * one.total, one.currency)
    return {
        "company": company.name,
        "currency": one.currency,
        "grand_total": total,
        "rounded_total": total,
        "base_grand_total": total,
        "base_rounded_total": total,
        "net_total": to_float(sign * one.subtotal, one.currency),
        "party_account_currency": one.currency,
    }


def payment(company: Company, one: Payment) -> Json:
    return common(company, "Payment Entry", one) | {
        "payment_type": "Receive",
        "party_type": "Customer",
        "party": one.customer_id,
        "company": company.name,
        "posting_date": one.received_on.isoformat(),
        "paid_amount": to_float(one.amount, one.currency),
        "unallocated_amount": to_float(0 if one.deleted else one.unapplied, one.currency),
        "paid_from_account_currency": one.currency,
        "mode_of_payment": "Wire Transfer",
        "reference_no": one.reference,
        "docstatus": 2 if one.deleted else 1,
    }


def references(one: Payment) -> list[Json]:
    return [
        {
            "parent": one.id,
            "parenttype": "Payment Entry",
            "reference_doctype": "Sales Invoice",
            "reference_name": part.invoice_id,
            "allocated_amount": to_float(part.amount, one.currency),
        }
        for part in one.applied
    ]


def payment_request(company: Company, one: Invoice, url: str) -> Json:
    return common(company, "Payment Request", one) | {
        "name": f"ACC-PRQ-{one.id[-8:]}",
        "reference_doctype": "Sales Invoice",
        "reference_name": one.id,
        "payment_url": url,
        "status": "Requested" if one.status == "open" else "Paid",
        "docstatus": 1,
    }
