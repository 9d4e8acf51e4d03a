"""Turns changes in the books into what each provider tells: webhook events, and Stripe's event list."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC

from . import stripe_shapes
from .oauth import CLIENTS
from .state import Sandbox
from .world import Change, CreditNote, Invoice, Payment
from .xero_shapes import STATUS

QBO_NAMES = {"customer": "Customer", "invoice": "Invoice", "payment": "Payment", "credit_note": "CreditMemo"}
QBO_OPS = {
    "created": "Create",
    "updated": "Update",
    "paid": "Update",
    "deleted": "Delete",
    "voided": "Void",
    "sent": "Emailed",
}
XERO_CATEGORIES = {"invoice": "INVOICE", "customer": "CONTACT", "credit_note": "CREDITNOTE"}
XERO_FOLDERS = {"invoice": "Invoices", "customer": "Contacts", "credit_note": "CreditNotes"}
STRIPE_TYPES: dict[tuple[str, str], tuple[str, ...]] = {
    ("invoice", "created"): ("invoice.created",),
    ("invoice", "finalized"): ("invoice.finalized",),
    ("invoice", "sent"): ("invoice.sent",),
    ("invoice", "updated"): ("invoice.updated",),
    ("invoice", "paid"): ("invoice.updated", "invoice.paid", "invoice.payment_succeeded"),
    ("invoice", "payment_failed"): ("invoice.updated", "invoice.payment_failed"),
    ("invoice", "voided"): ("invoice.updated", "invoice.voided"),
    ("invoice", "deleted"): ("invoice.deleted",),
    ("invoice", "marked_uncollectible"): ("invoice.updated", "invoice.marked_uncollectible"),
    ("payment", "created"): ("invoice_payment.paid",),
    ("customer", "created"): ("customer.created",),
    ("customer", "updated"): ("customer.updated",),
    ("customer", "deleted"): ("customer.deleted",),
    ("credit_note", "created"): ("credit_note.created",),
    ("credit_note", "updated"): ("credit_note.updated",),
    ("application", "deauthorized"): ("account.application.deauthorized",),
}


def listen(sandbox: Sandbox, base_url: Callable[[], str]) -> None:
    def on_changes(changes: list[Change]) -> None:
        for change in changes:
            tell(sandbox, change, base_url)

    sandbox.world.listeners.append(on_changes)


def tell(sandbox: Sandbox, change: Change, base_url: Callable[[], str]) -> None:
    company, courier = change.company, sandbox.courier
    heard = sandbox.ledger.is_connected(company) or not courier.settings.only_connected
    if not heard:
        courier.counts["not connected"] += 1
    if company.provider == "stripe":
        tell_stripe(sandbox, change, base_url(), heard)
    elif heard and company.provider == "quickbooks" and change.record and change.op in QBO_OPS:
        courier.post(
            "quickbooks",
            {
                "realm": company.external_id,
                "name": QBO_NAMES[change.noun],
                "id": change.record.id,
                "operation": QBO_OPS[change.op],
                "at": f"{change.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}",
                "event_id": str(uuid.uuid4()),
            },
        )
    elif heard and company.provider == "xero" and change.record and change.noun in XERO_CATEGORIES:
        courier.post("xero", xero_event(change, base_url()))
    elif heard and company.provider in sandbox.parts:
        told = getattr(sandbox.parts[company.provider], "told", None)  # those that must be polled have none
        for url, body, headers in told(change) if told else ():
            courier.send(company.provider, url, body, headers)


def xero_event(change: Change, base_url: str) -> dict[str, object]:
    assert change.record is not None
    event: dict[str, object] = {
        "resourceUrl": f"{base_url}/xero/api.xro/2.0/{XERO_FOLDERS[change.noun]}/{change.record.id}",
        "resourceId": change.record.id,
        "tenantId": change.company.external_id,
        "tenantType": "ORGANISATION",
        "eventCategory": XERO_CATEGORIES[change.noun],
        "eventType": "CREATE" if change.op == "created" else "UPDATE",
        "eventDateUtc": f"{change.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3],
    }
    if isinstance(change.record, CreditNote):
        event["data"] = {"Type": "ACCRECCREDIT", "Status": STATUS[change.record.status]}
    return event


def tell_stripe(sandbox: Sandbox, change: Change, base_url: str, heard: bool) -> None:
    company = change.company
    shown = stripe_object(change, base_url)
    for kind in STRIPE_TYPES.get((change.noun, change.op), ()):
        number = company.new_id("event")
        company.events.append(stripe_shapes.event(company, number, kind, shown, change.at, with_account=False))
        if heard:
            sandbox.courier.post(
                "stripe", stripe_shapes.event(company, number, kind, shown, change.at, with_account=True)
            )


def stripe_object(change: Change, base_url: str) -> stripe_shapes.Json:
    record, books = change.record, stripe_shapes.Books(change.company, base_url)
    if record is None:
        return {"id": CLIENTS["stripe"].id, "object": "application", "name": CLIENTS["stripe"].name}
    if isinstance(record, Invoice):
        return stripe_shapes.invoice(books, as_draft(record) if change.op == "created" else record)
    if isinstance(record, Payment):
        return stripe_shapes.invoice_payment(record, record.applied[0])
    if isinstance(record, CreditNote):
        return stripe_shapes.credit_note(books, record)
    return stripe_shapes.customer(record)


def as_draft(invoice: Invoice) -> Invoice:
    """Every Stripe invoice begins as a draft, so that is what invoice.created shows."""
    return replace(invoice, status="draft", finalized_at=None)
