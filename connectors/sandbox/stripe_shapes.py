"""Stripe's objects: whole minor units, epochs, ids in place of objects unless expanded."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from .books import invoice_prefix
from .world import Address, Applied, Company, CreditNote, Customer, Invoice, Line, Payment

Json = dict[str, Any]
API_VERSION = "2026-10-28.endive"


@dataclass
class Books:
    """One account, its payments by invoice, and where its pay pages are."""

    company: Company
    base_url: str
    payments: dict[str, list[tuple[Payment, Applied]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for payment in self.company.payments.values():
            for part in payment.applied:
                self.payments[part.invoice_id].append((payment, part))


def epoch(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def end_of_day(company: Company, day: date | None) -> int | None:
    if day is None:
        return None
    return int(datetime.combine(day, time(23, 59, 59), tzinfo=ZoneInfo(company.timezone)).timestamp())


def address(one: Address) -> Json | None:
    if one == Address():
        return None
    return {
        "city": one.city or None,
        "country": one.country or None,
        "line1": one.street or None,
        "line2": None,
        "postal_code": one.postcode or None,
        "state": one.region or None,
    }


SHOWN = 10  # lines inside of an invoice [R]


def listing(url: str, rows: list[Json], has_more: bool = False) -> Json:
    return {"object": "list", "data": rows, "has_more": has_more, "url": url}


def customer(one: Customer) -> Json:
    return {
        "id": one.id,
        "object": "customer",
        "address": address(one.address),
        "balance": 0,
        "created": epoch(one.created_at),
        "currency": one.currency.lower(),
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": one.email,
        "invoice_prefix": invoice_prefix(one),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": one.name,
        "next_invoice_sequence": one.sequence + 1,
        "phone": one.phone or None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def deleted_customer(one: Customer) -> Json:
    return {"id": one.id, "object": "customer", "deleted": True}


def line_item(one: Line, invoice: Invoice) -> Json:
    start = epoch(invoice.created_at)
    return {
        "id": one.id,
        "object": "line_item",
        "amount": one.amount,
        "currency": invoice.currency.lower(),
        "description": one.description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice.id,
        "livemode": False,
        "metadata": {},
        "parent": {
            "invoice_item_details": {
                "invoice_item": "ii_" + one.id[3:],
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": None,
            },
            "subscription_item_details": None,
            "type": "invoice_item_details",
        },
        "period": {"end": start, "start": start},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": "price_" + one.id[3:], "product": "prod_" + one.id[3:17]},
            "type": "price_details",
            "unit_amount_decimal": str(one.unit),
        },
        "quantity": one.quantity,
        "quantity_decimal": str(one.quantity),
        "subscription": None,
        "subtotal": one.amount,
        "taxes": [],
    }


# What is the same on every invoice and credit note here: features of Stripe that the sandbox's companies do not use.
PLAIN_INVOICE: Json = {
    "account_tax_ids": None, "amount_overpaid": 0, "amount_shipping": 0, "application": None, "attempt_count": 0,
    "auto_advance": False, "automatic_tax": {
        "disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None},
    "automatically_finalizes_at": None, "billing_reason": "manual", "collection_method": "send_invoice",
    "customer_account": None, "customer_shipping": None, "customer_tax_exempt": "none", "customer_tax_ids": [],
    "default_payment_method": None, "default_source": None, "default_tax_rates": [], "discounts": [], "footer": None,
    "from_invoice": None, "issuer": {"type": "self"}, "last_finalization_error": None, "latest_revision": None,
    "livemode": False, "next_payment_attempt": None, "on_behalf_of": None, "parent": None, "payment_settings": {
        "default_mandate": None, "payment_method_options": None, "payment_method_types": None},
    "post_payment_credit_notes_amount": 0, "receipt_number": None, "rendering": None, "shipping_cost": None,
    "shipping_details": None, "starting_balance": 0, "statement_descriptor": None, "test_clock": None,
    "total_discount_amounts": [], "total_pretax_credit_amounts": [], "total_taxes": [],
}  # fmt: skip
PLAIN_CREDIT_NOTE: Json = {
    "amount_shipping": 0, "customer_account": None, "customer_balance_transaction": None, "discount_amount": 0,
    "discount_amounts": [], "livemode": False, "metadata": {}, "out_of_band_amount": None, "post_payment_amount": 0,
    "pretax_credit_amounts": [], "reason": "order_change", "refunds": [], "shipping_cost": None, "total_taxes": [],
    "type": "pre_payment", "voided_at": None,
}  # fmt: skip


def invoice(books: Books, one: Invoice, expand: frozenset[str] = frozenset()) -> Json:
    person = books.company.customers[one.customer_id]
    shaped: Json = {"id": one.id, "object": "invoice"} | PLAIN_INVOICE | {
        "account_country": books.company.country, "account_name": books.company.name,
        "customer": customer(person) if "customer" in expand else person.id,
        "customer_address": address(person.address),
        "customer_email": one.email, "customer_name": person.name, "customer_phone": person.phone or None,
        "custom_fields": [{"name": "PO number", "value": one.reference}] if one.reference else None,
        "metadata": {"po_number": one.reference} if one.reference else {}, "description": one.memo or None,
        "lines": listing(
            f"/v1/invoices/{one.id}/lines", [line_item(row, one) for row in one.lines[:SHOWN]], len(one.lines) > SHOWN
        ),
        **amounts(one), **moments(books.company, one), **pages(books, one),
    }  # fmt: skip
    if "payments" in expand:
        rows = [invoice_payment(payment, part) for payment, part in books.payments.get(one.id, ())]
        if one.refused and one.is_open:
            rows.append(failed_payment(one, is_expanded="payments.data.payment.payment_intent" in expand))
        shaped["payments"] = listing(f"/v1/invoice_payments?invoice={one.id}", rows)
    return shaped


def amounts(one: Invoice) -> Json:
    """`amount_due`: the total less credit notes issued before payment; `amount_remaining`: what is still owed of it."""
    due = one.total - one.credited
    return {
        "currency": one.currency.lower(), "subtotal": one.subtotal, "subtotal_excluding_tax": one.subtotal,
        "total": one.total, "total_excluding_tax": one.subtotal, "amount_due": due, "amount_paid": one.paid,
        "amount_remaining": max(0, due - one.paid), "pre_payment_credit_notes_amount": one.credited,
        "ending_balance": None if one.status == "draft" else 0,
    }  # fmt: skip


def moments(company: Company, one: Invoice) -> Json:
    created, finalized = epoch(one.created_at), epoch(one.finalized_at)
    return {
        "created": created, "period_start": created, "period_end": created, "effective_at": finalized,
        "due_date": end_of_day(company, one.due_on), "webhooks_delivered_at": finalized, "status": one.status,
        "status_transitions": transitions(one), "attempted": one.status == "paid" and one.paid > 0,
    }  # fmt: skip


def pages(books: Books, one: Invoice) -> Json:
    """A draft has no number and no page yet."""
    page = None if one.status == "draft" else f"{books.base_url}/pay/{one.pay_token}"
    return {"number": page and one.number, "hosted_invoice_url": page, "invoice_pdf": page and page + "/pdf"}


def transitions(one: Invoice) -> Json:
    closed = epoch(one.closed_at)
    return {
        "finalized_at": epoch(one.finalized_at),
        "marked_uncollectible_at": epoch(one.updated_at) if one.status == "uncollectible" else None,
        "paid_at": closed if one.status == "paid" else None,
        "voided_at": closed if one.status == "void" else None,
    }


def invoice_payment(one: Payment, part: Applied) -> Json:
    off_stripe = one.reference == "out of band"
    how = (
        {"type": "payment_record", "payment_record": "pr_" + one.id[6:]}
        if off_stripe
        else {"type": "payment_intent", "payment_intent": "pi_" + one.id[6:]}
    )
    return {
        "id": one.id,
        "object": "invoice_payment",
        "amount_paid": part.amount,
        "amount_requested": part.amount,
        "created": epoch(one.created_at),
        "currency": one.currency.lower(),
        "invoice": part.invoice_id,
        "is_default": True,
        "livemode": False,
        "payment": how,
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": epoch(one.created_at)},
    }


def failed_payment(one: Invoice, *, is_expanded: bool) -> Json:
    """The try to pay that a bank refused: it stays open, and its intent says why."""
    intent = "pi_" + one.id[3:]
    error = {
        "charge": f"ch_{one.id[3:]}_{one.version}", "code": "card_declined", "decline_code": one.refused,
        "message": "Your card was declined.", "type": "card_error",
    }  # fmt: skip
    shown = {"id": intent, "object": "payment_intent", "status": "requires_payment_method", "last_payment_error": error}
    return {
        "id": "inpay_" + one.id[3:], "object": "invoice_payment", "amount_paid": None,
        "amount_requested": one.balance, "created": epoch(one.updated_at), "currency": one.currency.lower(),
        "invoice": one.id, "is_default": True, "livemode": False,
        "payment": {"type": "payment_intent", "payment_intent": shown if is_expanded else intent},
        "status": "open", "status_transitions": {"canceled_at": None, "paid_at": None},
    }  # fmt: skip


def credit_note(books: Books, one: CreditNote) -> Json:
    target = one.applied[0].invoice_id
    rows = [credit_line(line) for line in one.lines]
    return {"id": one.id, "object": "credit_note"} | PLAIN_CREDIT_NOTE | {
        "amount": one.total, "subtotal": one.subtotal, "subtotal_excluding_tax": one.subtotal, "total": one.total,
        "total_excluding_tax": one.subtotal, "pre_payment_amount": one.total, "currency": one.currency.lower(),
        "created": epoch(one.created_at), "effective_at": epoch(one.created_at), "customer": one.customer_id,
        "invoice": target, "number": one.number, "memo": one.reference or None,
        "status": "void" if one.status == "void" else "issued",
        "pdf": f"{books.base_url}/pay/{books.company.invoices[target].pay_token}/pdf",
        "lines": listing(f"/v1/credit_notes/{one.id}/lines", rows),
    }  # fmt: skip


def credit_line(one: Line) -> Json:
    return {
        "id": "cnli_" + one.id[3:], "object": "credit_note_line_item", "amount": one.amount, "quantity": one.quantity,
        "description": one.description, "discount_amount": 0, "discount_amounts": [], "livemode": False,
        "metadata": None, "pretax_credit_amounts": [], "tax_rates": [], "taxes": [], "type": "custom_line_item",
        "unit_amount": one.unit, "unit_amount_decimal": str(one.unit),
    }  # fmt: skip


def account(company: Company) -> Json:
    return {
        "id": company.external_id,
        "object": "account",
        "business_profile": {
            "mcc": None,
            "name": company.name,
            "product_description": None,
            "support_address": address(company.address),
            "support_email": company.owner,
            "support_phone": None,
            "support_url": None,
            "url": None,
        },
        "business_type": "company",
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": company.country,
        "created": epoch(company.created_at),
        "default_currency": company.currency.lower(),
        "details_submitted": True,
        "email": company.owner,
        "external_accounts": listing(f"/v1/accounts/{company.external_id}/external_accounts", []),
        "metadata": {},
        "payouts_enabled": True,
        "settings": {
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "dashboard": {"display_name": company.name, "timezone": company.timezone},
            "payments": {"statement_descriptor": None},
        },
        "tos_acceptance": {"date": epoch(company.created_at)},
        "type": "standard",
    }


def event(company: Company, event_id: str, kind: str, shown: Json, at: datetime, *, with_account: bool) -> Json:
    """`account` stands in what a platform's webhook brings, not in the account's own list."""
    shaped: Json = {"id": event_id, "object": "event"}
    if with_account:
        shaped["account"] = company.external_id
    return shaped | {
        "api_version": API_VERSION,
        "created": epoch(at),
        "data": {"object": shown},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
