"""Square's JSON: whole minor units, instants in UTC, an invoice as a list of payment requests; what is empty is left
out."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from .state import link
from .world import Company, Customer, Invoice, Payment

Json = dict[str, Any]


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def money(minor: int, currency: str) -> Json:
    return {"amount": minor, "currency": currency}


def merchant(company: Company) -> Json:
    return {
        "id": company.external_id, "business_name": company.name, "country": company.country, "language_code": "en-US",
        "currency": company.currency, "status": "ACTIVE", "main_location_id": location_ids(company)[0],
        "created_at": moment(company.created_at),
    }  # fmt: skip


def location_ids(company: Company) -> tuple[str, str]:
    """Every merchant here has a shop and a market stall."""
    return f"L{company.external_id[-10:]}1", f"L{company.external_id[-10:]}2"


def locations(company: Company) -> list[Json]:
    return [
        {
            "id": place, "name": name, "merchant_id": company.external_id, "business_name": company.name,
            "status": "ACTIVE", "currency": company.currency, "country": company.country,
            "timezone": company.timezone, "language_code": "en-US", "created_at": moment(company.created_at),
            "type": kind, "capabilities": ["CREDIT_CARD_PROCESSING"],
        }
        for place, name, kind in zip(
            location_ids(company), ("Shop", "Market stall"), ("PHYSICAL", "MOBILE"), strict=True
        )
    ]  # fmt: skip


def place_of(company: Company, one: Invoice) -> str:
    """The stall sells to every second customer."""
    return location_ids(company)[list(company.customers).index(one.customer_id) % 2]


def order_id(one: Invoice) -> str:
    return "ord" + one.id.removeprefix("inv:0-")


STATUS = {"draft": "DRAFT", "paid": "PAID", "void": "CANCELED", "deleted": "CANCELED"}


def status(one: Invoice) -> str:
    return STATUS.get(one.status) or ("PARTIALLY_PAID" if one.paid else "UNPAID")


def invoice(company: Company, one: Invoice) -> Json:
    person = company.customers[one.customer_id]
    shaped: Json = {
        "id": one.id, "version": one.version, "location_id": place_of(company, one), "order_id": order_id(one),
        "payment_requests": requests(one), "primary_recipient": recipient(person, one), "delivery_method": "EMAIL",
        "invoice_number": one.number, "title": one.lines[0].description, "status": status(one),
        "timezone": company.timezone, "created_at": moment(one.created_at), "updated_at": moment(one.updated_at),
        "accepted_payment_methods": {
            "card": True, "square_gift_card": False, "bank_account": False, "buy_now_pay_later": False,
            "cash_app_pay": False},
        "store_payment_method_enabled": False, "sale_or_service_date": one.issued_on.isoformat(),
    }  # fmt: skip
    if one.reference:
        field = {"label": "PO number", "value": one.reference, "placement": "ABOVE_LINE_ITEMS"}
        shaped["custom_fields"] = [field]
    if one.status != "draft" and one.online:
        shaped["public_url"] = link(f"/pay/{one.pay_token}")
    if one.is_open:
        shaped["next_payment_amount_money"] = money(next_amount(one), one.currency)
    return shaped


def recipient(person: Customer, one: Invoice) -> Json:
    """As it was when the invoice went out."""
    shaped = {"customer_id": person.id, "company_name": person.name}
    return shaped | ({"email_address": one.email} if one.email else {})


def parts(one: Invoice) -> list[tuple[date | None, int, int]]:
    """Day, amount, and what is paid of it: money goes to the earliest."""
    left, found = one.paid, list[tuple[date | None, int, int]]()
    for due_on, amount in (*one.schedule,) or ((one.due_on, one.total),):
        paid = min(left, amount)
        left -= paid
        found.append((due_on, amount, paid))
    return found


def next_amount(one: Invoice) -> int:
    return next((amount - paid for _, amount, paid in parts(one) if paid < amount), 0)


def requests(one: Invoice) -> list[Json]:
    """Several are instalments and a balance."""
    shaped, all_parts = [], parts(one)
    for place, (due_on, amount, paid) in enumerate(all_parts):
        request: Json = {
            "uid": str(uuid5(NAMESPACE_URL, f"{one.id} {place}")),
            "request_type": "BALANCE" if len(all_parts) == 1 else "INSTALLMENT",
            "tipping_enabled": False, "automatic_payment_source": "NONE",
            "computed_amount_money": money(amount, one.currency),
            "total_completed_amount_money": money(paid, one.currency),
        }  # fmt: skip
        shaped.append(request | ({"due_date": due_on.isoformat()} if due_on else {}))
    return shaped


def customer(one: Customer) -> Json:
    shaped: Json = {
        "id": one.id, "company_name": one.name, "version": one.version, "creation_source": "DIRECTORY",
        "created_at": moment(one.created_at), "updated_at": moment(one.updated_at),
        "preferences": {"email_unsubscribed": False},
    }  # fmt: skip
    given, _, family = one.contact.partition(" ")
    more = {"email_address": one.email, "given_name": given, "family_name": family, "phone_number": one.phone}
    return shaped | {name: value for name, value in more.items() if value}


def payment(company: Company, one: Payment) -> Json:
    target = company.invoices[one.applied[0].invoice_id]
    amount = money(one.amount, one.currency)
    return {
        "id": one.id, "status": "COMPLETED", "source_type": "EXTERNAL", "amount_money": amount, "total_money": amount,
        "order_id": order_id(target), "location_id": place_of(company, target),
        "external_details": {"type": "OTHER", "source": one.reference or "Other"},
        "created_at": moment(one.created_at), "updated_at": moment(one.updated_at),
    }  # fmt: skip
