"""The verbs: what people do in their books. Each changes the records and returns the changes for World.emit.

`at` is the moment it happens; seeds pass moments of the past and throw the changes away.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from . import ids
from .plays import PLAYS
from .world import Address, Applied, Change, Company, CreditNote, Customer, Invoice, Line, Noun, Payment, Record, World


class NotPossible(Exception):
    """The provider would not allow this."""


def changed(company: Company, noun: Noun, op: str, record: Record | None, at: datetime) -> Change:
    if record is not None and op not in ("created", "finalized", "sent"):
        record.updated_at = at
        record.version += 1
    return Change(company, noun, op, record, at)


def local_day(company: Company, at: datetime) -> date:
    return at.astimezone(ZoneInfo(company.timezone)).date()


def invoice_prefix(customer: Customer) -> str:
    return hashlib.sha256(customer.id.encode()).hexdigest()[:8].upper()


def next_invoice_number(company: Company, customer: Customer) -> str:
    if company.provider == "stripe":
        customer.sequence += 1
        return f"{invoice_prefix(customer)}-{customer.sequence:04d}"
    if company.provider == "xero":
        return f"INV-{company.next_number('invoice', 1):04d}"
    return str(company.next_number("invoice", 1001))


def lines_for(
    company: Company, net: int, what: Sequence[tuple[str, str]] = (("Services", "Services as agreed"),)
) -> list[Line]:
    """Lines of one piece each that sum to exactly `net`."""
    part, rest = divmod(net, len(what))
    return [
        Line(company.new_id("line"), item, text, 1, part + (rest if n == 0 else 0))
        for n, (item, text) in enumerate(what)
    ]


def net_and_tax(company: Company, total: int) -> tuple[int, int]:
    net = int((Decimal(total) * 100 / (100 + company.tax_percent)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return net, total - net


def add_customer(
    company: Company,
    name: str,
    email: str | None,
    at: datetime,
    *,
    contact: str = "",
    phone: str = "",
    address: Address | None = None,
    currency: str | None = None,
) -> tuple[Customer, list[Change]]:
    customer = Customer(
        company.new_id("customer"),
        name,
        email,
        at,
        at,
        currency or company.currency,
        contact,
        phone,
        address or Address(),
    )
    company.customers[customer.id] = customer
    return customer, [changed(company, "customer", "created", customer, at)]


def add_invoice(
    world: World,
    company: Company,
    customer: Customer,
    lines: list[Line],
    tax: int,
    at: datetime,
    *,
    issued_on: date,
    due_on: date | None,
    currency: str | None = None,
    number: str | None = "next",
    draft: bool = False,
    reference: str = "",
    memo: str = "",
) -> tuple[Invoice, list[Change]]:
    """`number` "next" continues the company's series; None leaves it empty, as QuickBooks allows."""
    if draft and company.provider == "quickbooks":
        raise NotPossible("QuickBooks has no drafts")
    unnumbered, named = draft and company.provider == "stripe", company.new_id("invoice")
    if PLAYS[company.provider].names_are_numbers:
        number = named
    invoice = Invoice(
        named,
        None if unnumbered else next_invoice_number(company, customer) if number == "next" else number,
        customer.id,
        currency or customer.currency,
        issued_on,
        due_on,
        lines,
        tax,
        at,
        at,
        ids.word(company.source, 40),
        status="draft" if draft else "open",
        reference=reference,
        memo=memo,
        email=customer.email,
        sent=not draft,
        online=bool(customer.email),
        finalized_at=None if draft else at,
    )
    company.invoices[invoice.id] = invoice
    world.pay_tokens[invoice.pay_token] = (company, invoice.id)
    ops = ("created", "finalized", "sent") if company.provider == "stripe" and not draft else ("created",)
    return invoice, [changed(company, "invoice", op, invoice, at) for op in ops]


def pay_invoice(
    company: Company, invoice: Invoice, at: datetime, amount: int | None = None, reference: str = ""
) -> tuple[Payment, list[Change]]:
    """In full when no amount is given. What is more than owed stays with the customer, unapplied."""
    if not invoice.is_open:
        raise NotPossible(f"invoice {invoice.number or invoice.id} is not open")
    owed = invoice.balance
    received = owed if amount is None else amount
    if received <= 0 or (received > owed and company.provider == "stripe"):
        raise NotPossible("amount must be above zero and, at Stripe, not above what is owed")
    part = Applied(invoice.id, min(received, owed), local_day(company, at), company.new_id("payment"))
    changes = []
    payment = Payment(
        company.new_id("payment"),
        invoice.customer_id,
        invoice.currency,
        received,
        part.on,
        [part],
        at,
        at,
        reference=reference,
    )
    if company.provider == "xero" and received > owed:
        payment.amount = owed
        changes += receive_unapplied(
            company,
            company.customers[invoice.customer_id],
            received - owed,
            invoice.currency,
            at,
            "overpayment",
            reference,
        )[1]
    company.payments[payment.id] = payment
    invoice.paid += part.amount
    changes.append(changed(company, "payment", "created", payment, at))
    return payment, [*changes, settle(company, invoice, at)]


def settle(company: Company, invoice: Invoice, at: datetime) -> Change:
    """After paid or credited moved: closed when nothing is owed any more, open otherwise."""
    settled = invoice.paid + invoice.credited
    for due_on, amount in invoice.schedule:
        invoice.due_on, settled = due_on, settled - amount
        if settled < 0:
            break
    if invoice.balance <= 0:
        invoice.status, invoice.closed_at = "paid", at
        return changed(company, "invoice", "paid", invoice, at)
    if invoice.status == "paid":
        invoice.status, invoice.closed_at = "open", None
    return changed(company, "invoice", "updated", invoice, at)


def receive_unapplied(
    company: Company,
    customer: Customer,
    amount: int,
    currency: str,
    at: datetime,
    kind: str = "payment",
    reference: str = "",
) -> tuple[Payment, list[Change]]:
    """Cash on account: an overpayment or prepayment at Xero, an unapplied payment at QuickBooks."""
    if company.provider == "stripe":
        raise NotPossible("Stripe has no cash on account without an invoice")
    payment = Payment(
        company.new_id("payment"),
        customer.id,
        currency,
        amount,
        local_day(company, at),
        [],
        at,
        at,
        reference=reference,
    )
    if company.provider == "xero":
        payment.kind = "prepayment" if kind == "prepayment" else "overpayment"
    company.payments[payment.id] = payment
    return payment, [changed(company, "payment", "created", payment, at)]


def issue_credit(
    company: Company,
    customer: Customer,
    lines: list[Line],
    tax: int,
    currency: str,
    at: datetime,
    invoice: Invoice | None = None,
    reference: str = "",
) -> tuple[CreditNote, list[Change]]:
    """A credit note; applied at once to `invoice` where one is given, else left to be used."""
    if company.provider == "stripe" and invoice is None:
        raise NotPossible("a Stripe credit note belongs to an invoice")
    note = CreditNote(
        company.new_id("credit_note"),
        credit_number(company, invoice),
        customer.id,
        currency,
        local_day(company, at),
        lines,
        tax,
        [],
        at,
        at,
        reference,
    )
    if invoice is not None and not 0 < note.total <= invoice.balance:
        raise NotPossible("the credit must be above zero and not above what is owed")
    company.credit_notes[note.id] = note
    changes = [changed(company, "credit_note", "created", note, at)]
    return note, changes + (apply_credit(company, note, invoice, note.total, at) if invoice else [])


def credit_number(company: Company, invoice: Invoice | None) -> str:
    count = company.next_number("credit_note", 1)
    if company.provider == "stripe":
        return f"{invoice.number if invoice else 'X'}-CN-{count:02d}"
    return f"CN-{count:04d}" if company.provider == "xero" else f"CM-{1000 + count}"


def apply_credit(company: Company, note: CreditNote, invoice: Invoice, amount: int, at: datetime) -> list[Change]:
    part = Applied(invoice.id, amount, local_day(company, at), company.new_id("payment"))
    note.applied.append(part)
    note.updated_at = at
    note.status = "used" if note.remaining <= 0 else "open"
    invoice.credited += amount
    changes = [settle(company, invoice, at)]
    if company.provider == "quickbooks":
        link = Payment(
            company.new_id("payment"),
            invoice.customer_id,
            invoice.currency,
            0,
            part.on,
            [part],
            at,
            at,
            kind="credit",
            credit_note_id=note.id,
        )
        company.payments[link.id] = link
        changes.append(changed(company, "payment", "created", link, at))
    return changes


def void_invoice(company: Company, invoice: Invoice, at: datetime) -> list[Change]:
    if invoice.status in ("void", "deleted"):
        raise NotPossible("already void")
    if invoice.paid and not PLAYS[company.provider].voids_paid:
        raise NotPossible("an invoice with payments cannot be voided here")
    if invoice.status == "draft":
        return delete_invoice(company, invoice, at)
    changes = release_payments(company, invoice, at)
    invoice.status, invoice.closed_at = "void", at
    return [*changes, changed(company, "invoice", "voided", invoice, at)]


def delete_invoice(company: Company, invoice: Invoice, at: datetime) -> list[Change]:
    """Where only drafts can be deleted, as at Xero and Stripe, an issued one is voided."""
    if invoice.status == "deleted":
        raise NotPossible("already deleted")
    if invoice.status != "draft" and not PLAYS[company.provider].deletes_issued:
        return void_invoice(company, invoice, at)
    changes = release_payments(company, invoice, at)
    invoice.status, invoice.closed_at = "deleted", at
    return [*changes, changed(company, "invoice", "deleted", invoice, at)]


def release_payments(company: Company, invoice: Invoice, at: datetime) -> list[Change]:
    """Money that was on the invoice becomes unapplied."""
    changes = []
    for payment in company.payments.values():
        if not payment.deleted and any(part.invoice_id == invoice.id for part in payment.applied):
            payment.applied = [part for part in payment.applied if part.invoice_id != invoice.id]
            changes.append(changed(company, "payment", "updated", payment, at))
    invoice.paid = 0
    return changes


def reopen_invoice(company: Company, invoice: Invoice, at: datetime) -> list[Change]:
    """The payment is taken back: the invoice is owed again. Stripe's paid invoices stay paid, whatever is refunded."""
    if company.provider == "stripe":
        raise NotPossible("a paid Stripe invoice stays paid")
    if not invoice.paid or invoice.status not in ("paid", "open"):
        raise NotPossible("no payment to take back")
    changes = []
    for payment in company.payments.values():
        if not payment.deleted and any(part.invoice_id == invoice.id for part in payment.applied):
            payment.deleted = True
            changes.append(changed(company, "payment", "deleted", payment, at))
    invoice.paid, invoice.status, invoice.closed_at = 0, "open", None
    return [*changes, changed(company, "invoice", "updated", invoice, at)]


def write_off(company: Company, invoice: Invoice, at: datetime) -> list[Change]:
    """Stripe calls it uncollectible; the books of the others credit it away."""
    if company.provider != "stripe":
        customer = company.customers[invoice.customer_id]
        return issue_credit(
            company,
            customer,
            lines_for(company, invoice.balance, (("Bad debt", "Written off"),)),
            0,
            invoice.currency,
            at,
            invoice,
        )[1]
    if invoice.status != "open":
        raise NotPossible("only an open invoice can be written off")
    invoice.status = "uncollectible"
    return [changed(company, "invoice", "marked_uncollectible", invoice, at)]


def finalize(company: Company, invoice: Invoice, at: datetime) -> list[Change]:
    if invoice.status != "draft":
        raise NotPossible("not a draft")
    invoice.number = invoice.number or next_invoice_number(company, company.customers[invoice.customer_id])
    invoice.status, invoice.finalized_at, invoice.sent, invoice.updated_at = "open", at, True, at
    return [changed(company, "invoice", "finalized", invoice, at)]


def change_due(company: Company, invoice: Invoice, due_on: date | None, at: datetime) -> list[Change]:
    invoice.due_on = due_on
    return [changed(company, "invoice", "updated", invoice, at)]


def change_amount(company: Company, invoice: Invoice, total: int, at: datetime) -> list[Change]:
    if company.provider == "stripe" and invoice.status != "draft":
        raise NotPossible("Stripe keeps the amounts of a finalized invoice")
    if total < invoice.paid + invoice.credited:
        raise NotPossible("below what is already paid or credited")
    net, invoice.tax = net_and_tax(company, total)
    invoice.lines = lines_for(company, net, [(line.item, line.description) for line in invoice.lines])
    return [settle(company, invoice, at)]


def reassign(company: Company, invoice: Invoice, customer: Customer, at: datetime) -> list[Change]:
    if company.provider == "stripe" and invoice.status != "draft":
        raise NotPossible("Stripe keeps the customer of a finalized invoice")
    invoice.customer_id, invoice.email = customer.id, customer.email
    return [changed(company, "invoice", "updated", invoice, at)]


def change_email(
    company: Company, customer: Customer, email: str | None, at: datetime, invoices_too: bool
) -> list[Change]:
    """An issued invoice keeps its own address at QuickBooks (until edited: `invoices_too`) and at Stripe (for good)."""
    customer.email = email
    changes = [changed(company, "customer", "updated", customer, at)]
    for invoice in company.invoices.values():
        edited = invoices_too and company.provider == "quickbooks" and invoice.is_open
        if invoice.customer_id == customer.id and (edited or invoice.status == "draft"):
            invoice.email = email
            changes.append(changed(company, "invoice", "updated", invoice, at))
    return changes


def deactivate_customer(company: Company, customer: Customer, at: datetime) -> list[Change]:
    customer.active = False
    if company.provider == "quickbooks":
        customer.name = f"{customer.name} (deleted)"
    return [changed(company, "customer", "deleted" if company.provider == "stripe" else "updated", customer, at)]
