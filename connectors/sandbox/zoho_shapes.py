"""Zoho Books' JSON: plain numbers for money, times in the organisation's zone with whole seconds."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from .amounts import to_float
from .state import here, link
from .world import Company, CreditNote, Customer, Invoice, Payment

Json = dict[str, Any]


def stamp(company: Company, at: datetime) -> str:
    return at.astimezone(ZoneInfo(company.timezone)).strftime("%Y-%m-%dT%H:%M:%S%z")


def organization(company: Company) -> Json:
    return {
        "organization_id": company.external_id,
        "name": company.name,
        "contact_name": company.owner,
        "email": company.owner,
        "is_default_org": False,
        "currency_code": company.currency,
        "time_zone": company.timezone,
        "country": company.address.country or company.country,
        "country_code": company.country,
    }


def invoice(company: Company, one: Invoice) -> Json:
    person = company.customers[one.customer_id]
    return {
        "invoice_id": one.id,
        "invoice_number": one.number or "",
        "reference_number": one.reference,
        "customer_id": person.id,
        "customer_name": person.name,
        "email": person.email or "",
        "status": invoice_status(company, one),
        "date": one.issued_on.isoformat(),
        "due_date": one.due_on.isoformat() if one.due_on else "",
        "currency_code": one.currency,
        "total": to_float(one.total, one.currency),
        "balance": to_float(one.balance, one.currency),
        "is_emailed": one.sent,
        "has_attachment": False,
        "invoice_url": "" if one.status == "draft" else link(f"/pay/{one.pay_token}"),
        "created_time": stamp(company, one.created_at),
        "last_modified_time": stamp(company, one.updated_at),
    }


def invoice_status(company: Company, one: Invoice) -> str:
    if one.status != "open":
        return one.status
    if one.due_on and one.due_on < here().clock.today(company.timezone):
        return "overdue"
    return "partially_paid" if one.balance < one.total else "sent"


def contact(company: Company, one: Customer) -> Json:
    return {
        "contact_id": one.id,
        "contact_name": one.name,
        "company_name": one.name,
        "contact_type": "customer",
        "status": "active" if one.active else "inactive",
        "email": one.email or "",
        "phone": one.phone,
        "currency_code": one.currency,
        "created_time": stamp(company, one.created_at),
        "last_modified_time": stamp(company, one.updated_at),
    }


def credit_note(company: Company, one: CreditNote) -> Json:
    return {
        "creditnote_id": one.id,
        "creditnote_number": one.number,
        "reference_number": one.reference,
        "customer_id": one.customer_id,
        "customer_name": company.customers[one.customer_id].name,
        "status": {"used": "closed"}.get(one.status, one.status),
        "date": one.issued_on.isoformat(),
        "currency_code": one.currency,
        "total": to_float(one.total, one.currency),
        "balance": to_float(one.remaining, one.currency),
        "created_time": stamp(company, one.created_at),
        "last_modified_time": stamp(company, one.updated_at),
    }


def payment(company: Company, one: Payment) -> Json:
    return {
        "payment_id": one.id,
        "payment_number": one.id[-5:],
        "customer_id": one.customer_id,
        "customer_name": company.customers[one.customer_id].name,
        "payment_mode": "banktransfer",
        "reference_number": one.reference,
        "date": one.received_on.isoformat(),
        "currency_code": one.currency,
        "amount": to_float(one.amount, one.currency),
        "unused_amount": to_float(one.unapplied, one.currency),
        "invoices": [
            {"invoice_id": part.invoice_id, "amount_applied": to_float(part.amount, one.currency)}
            for part in one.applied
        ],
        "created_time": stamp(company, one.created_at),
        "last_modified_time": stamp(company, one.updated_at),
    }


def comment(place: int, text: str) -> Json:
    return {"comment_id": str(9000 + place), "description": text, "comment_type": "internal"}
