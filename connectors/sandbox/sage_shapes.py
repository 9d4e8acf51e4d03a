"""Sage Accounting's JSON: what belongs elsewhere is {id, displayed_as}, amounts are text, times end in Z."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from .amounts import to_decimal
from .world import Company, CreditNote, Customer, Invoice, Payment

Json = dict[str, Any]
STATUSES = {"draft": "DRAFT", "paid": "PAID", "void": "VOID", "used": "PAID", "deleted": "VOID"}


def stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def owner_id(user: str) -> str:
    return hashlib.sha256(user.encode()).hexdigest()[:32]


def ref(number: str, label: str) -> Json:
    return {"id": number, "displayed_as": label}


def amount(minor: int, currency: str) -> str:
    return str(to_decimal(minor, currency))


def times(one: Any) -> Json:
    return {"created_at": stamp(one.created_at), "updated_at": stamp(one.updated_at)}


def status(one: Invoice | CreditNote, left: int) -> Json:
    name = STATUSES.get(one.status) or ("PART_PAID" if left < one.total else "UNPAID")
    return ref(name, name.replace("_", " ").title())


def invoice(company: Company, one: Invoice) -> Json:
    person = company.customers[one.customer_id]
    shaped: Json = {
        "id": one.id,
        "displayed_as": one.number or "",
        "$path": f"/sales_invoices/{one.id}",
        "invoice_number": one.number or "",
        "contact": ref(person.id, person.name),
        "contact_name": person.name,
        "date": one.issued_on.isoformat(),
        "due_date": one.due_on and one.due_on.isoformat(),
        "reference": one.reference,
        "currency": ref(one.currency, one.currency),
        "total_amount": amount(one.total, one.currency),
        "outstanding_amount": amount(one.balance, one.currency),
        "status": status(one, one.balance),
        **times(one),
    }
    return shaped | ({"deleted_at": stamp(one.updated_at)} if one.status == "deleted" else {})


def contact(company: Company, one: Customer, *, whole: bool = False) -> Json:  # noqa: ARG001  as the other shapes
    """Only a single read shows the main contact person's address."""
    person = ref(owner_id(one.id), one.contact or "Main Contact")
    return {
        "id": one.id,
        "displayed_as": one.name,
        "$path": f"/contacts/{one.id}",
        "name": one.name,
        "contact_types": [ref("CUSTOMER", "Customer")],
        "currency": ref(one.currency, one.currency),
        "main_contact_person": person | ({"name": one.contact, "email": one.email} if whole else {}),
        "deleted_at": None if one.active else stamp(one.updated_at),
        **times(one),
    }


def credit_note(company: Company, one: CreditNote) -> Json:
    person = company.customers[one.customer_id]
    return {
        "id": one.id,
        "displayed_as": one.number,
        "credit_note_number": one.number,
        "contact": ref(person.id, person.name),
        "date": one.issued_on.isoformat(),
        "reference": one.reference,
        "currency": ref(one.currency, one.currency),
        "total_amount": amount(one.total, one.currency),
        "outstanding_amount": amount(one.remaining, one.currency),
        "status": status(one, one.remaining),
        **times(one),
    }


def payment(company: Company, one: Payment) -> Json:
    person = company.customers[one.customer_id]
    left = {"payment_on_account": {"outstanding_amount": amount(one.unapplied, one.currency)}}
    return {
        "id": one.id,
        "displayed_as": one.reference,
        "transaction_type": ref("CUSTOMER_RECEIPT", "Customer Receipt"),
        "contact": ref(person.id, person.name),
        "date": one.received_on.isoformat(),
        "reference": one.reference,
        "currency": ref(one.currency, one.currency),
        "total_amount": amount(one.amount, one.currency),
        "allocated_artefacts": [
            {"artefact": ref(part.invoice_id, company.invoices[part.invoice_id].number or ""),
             "amount": amount(part.amount, one.currency)}
            for part in one.applied
        ],
        **(left if one.unapplied or not one.applied else {}),
        "deleted_at": stamp(one.updated_at) if one.deleted else None,
        **times(one),
    }  # fmt: skip
