"""FreshBooks' JSON: amounts as text, times without a zone and meant in New York, deletion as a visible state."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from .amounts import to_decimal
from .world import Company, CreditNote, Customer, Invoice, Payment

Json = dict[str, Any]
ZONE = ZoneInfo("America/New_York")


def stamp(at: datetime) -> str:
    return at.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")


def money(minor: int, currency: str) -> Json:
    return {"amount": str(to_decimal(minor, currency)), "code": currency}


def membership(company: Company, number: int) -> Json:
    place = company.address
    return {
        "id": number, "role": "owner", "unacknowledged_change": False,
        "business": {
            "id": number, "business_uuid": f"uuid-{company.external_id}", "name": company.name,
            "account_id": company.external_id, "date_format": "mm/dd/yyyy", "business_clients": [],
            "address": {
                "id": number, "street": place.street, "city": place.city, "province": place.region,
                "country": place.country, "postal_code": place.postcode},
        },
    }  # fmt: skip


def status(one: Invoice) -> str:
    if one.status == "paid":
        return "paid"
    return "draft" if one.status == "draft" else "partial" if one.paid or one.credited else "sent"


def invoice(company: Company, one: Invoice) -> Json:
    person = company.customers[one.customer_id]
    word = status(one)
    first, _, last = person.contact.partition(" ")
    return {
        "id": int(one.id), "invoiceid": int(one.id), "accountid": company.external_id,
        "accounting_systemid": company.external_id, "invoice_number": one.number or "",
        "customerid": int(person.id), "ownerid": 1, "sentid": 1, "estimateid": 0, "parent": 0, "ext_archive": 0,
        "fname": first, "lname": last, "organization": person.name, "current_organization": person.name,
        "email": person.email or "", "create_date": one.issued_on.isoformat(),
        "created_at": stamp(one.created_at), "updated": stamp(one.updated_at),
        "due_date": one.due_on and one.due_on.isoformat(), "currency_code": one.currency,
        "amount": money(one.total, one.currency), "paid": money(one.paid + one.credited, one.currency),
        "outstanding": money(max(0, one.total - one.paid - one.credited), one.currency), "v3_status": word,
        "display_status": "draft" if word == "draft" else "sent", "dispute_status": None, "auto_bill": False,
        "payment_status": {"paid": "paid", "partial": "partial"}.get(word, "unpaid"), "last_order_status": None,
        "po_number": one.reference or None, "description": one.lines[0].description, "notes": one.memo,
        "terms": one.terms or None, "deposit_status": "none", "date_paid": None, "language": "en",
        "vis_state": 1 if one.status == "deleted" else 0,
    }  # fmt: skip


def with_lines(company: Company, one: Invoice) -> Json:
    return invoice(company, one) | {"lines": [line(one, place) for place in range(len(one.lines))]}


def line(one: Invoice, place: int) -> Json:
    row = one.lines[place]
    return {
        "lineid": place + 1, "invoiceid": int(one.id), "type": 0, "name": row.item, "description": row.description,
        "qty": str(row.quantity), "unit_cost": money(row.unit, one.currency),
        "amount": money(row.amount, one.currency), "taxName1": None, "taxAmount1": None, "taxName2": None,
        "taxAmount2": None, "compounded_tax": False, "expenseid": 0, "updated": stamp(one.updated_at),
    }  # fmt: skip


def client(company: Company, one: Customer) -> Json:
    first, _, last = one.contact.partition(" ")
    return {
        "id": int(one.id), "userid": int(one.id), "accounting_systemid": company.external_id, "fname": first,
        "lname": last, "organization": one.name, "email": one.email or "", "currency_code": one.currency,
        "language": "en", "role": "client", "p_city": one.address.city, "p_street": one.address.street,
        "updated": stamp(one.updated_at), "signup_date": stamp(one.created_at), "vis_state": 0 if one.active else 1,
    }  # fmt: skip


def payment(company: Company, one: Payment) -> Json:
    return {
        "id": int(one.id), "logid": int(one.id), "accounting_systemid": company.external_id,
        "invoiceid": int(one.applied[0].invoice_id) if one.applied else None, "clientid": int(one.customer_id),
        "amount": money(one.amount, one.currency), "date": one.received_on.isoformat(), "type": "Bank",
        "note": one.reference, "creditid": None, "from_credit": False, "gateway": None, "orderid": None,
        "overpaymentid": None, "transactionid": None, "updated": stamp(one.updated_at),
        "vis_state": 1 if one.deleted else 0,
    }  # fmt: skip


def credit_note(company: Company, one: CreditNote) -> Json:
    person, used = company.customers[one.customer_id], one.total - one.remaining
    return {
        "id": int(one.id), "creditid": int(one.id), "accounting_systemid": company.external_id,
        "clientid": int(one.customer_id), "credit_number": one.number, "credit_type": "goodwill",
        "create_date": one.issued_on.isoformat(), "currency_code": one.currency,
        "amount": money(one.total, one.currency), "paid": money(used, one.currency),
        "payment_status": "paid" if not one.remaining else "partial" if used else "unpaid", "status": "created",
        "display_status": "created", "dispute_status": None, "organization": person.name,
        "current_organization": person.name, "description": one.reference, "language": "en", "ext_archive": 0,
        "vis_state": 1 if one.status == "void" else 0,
    }  # fmt: skip


def callback(one: Json) -> Json:
    return {name: one[name] for name in ("callbackid", "event", "uri", "verified", "updated_at")}
