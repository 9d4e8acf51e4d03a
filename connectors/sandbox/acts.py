"""POST /_control/act: one verb a function, on a company's books, by a supplier or customer who is not at the screen."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from . import books
from .amounts import to_decimal, to_minor
from .plays import PLAYS
from .world import Change, Company, Customer, Invoice, Payment, World

Json = dict[str, Any]


@dataclass
class Act:
    world: World
    company: Company
    asked: Json
    at: datetime

    def customer(self, key: str = "customer") -> Customer:
        """Named by id, name or address; without a name the first one."""
        wanted = self.asked.get(key)
        found = self.company.find_customer(str(wanted)) if wanted else next(iter(self.company.customers.values()), None)
        if found is None:
            raise books.NotPossible(f"no customer {wanted} at {self.company.name}")
        return found

    def invoice(self, *, untouched: bool = False) -> Invoice:
        """Named by id or number; without a name the open one that is due first, of `customer` if given.

        `untouched` passes over those with money on them, which Xero and Stripe will not void."""
        wanted = self.asked.get("invoice")
        customer = self.customer().id if self.asked.get("customer") else None
        found = (
            self.company.find_invoice(str(wanted)) if wanted else self.company.first_open_invoice(customer, untouched)
        )
        if found is None:
            raise books.NotPossible(f"no invoice {wanted or 'that is open'} at {self.company.name}")
        return found

    def day(self, key: str, default: date | None) -> date | None:
        """A date, a number of days from today, or null for none."""
        value = self.asked.get(key, default)
        if isinstance(value, int):
            return self.world.clock.today(self.company.timezone) + timedelta(days=value)
        return date.fromisoformat(value) if isinstance(value, str) else value


def perform(act: Act) -> tuple[Json, list[Change]]:
    verb = VERBS.get(str(act.asked.get("do")))
    if verb is None:
        raise books.NotPossible(f"do must be one of {', '.join(VERBS)}")
    if act.asked["do"] in PLAYS[act.company.provider].refuses:
        raise books.NotPossible(f"{PLAYS[act.company.provider].title} does not {act.asked['do']}")
    return verb(act)


def told(invoice: Invoice, changes: list[Change], **more: Any) -> tuple[Json, list[Change]]:
    return {
        "invoice_id": invoice.id,
        "number": invoice.number,
        "customer_id": invoice.customer_id,
        "status": invoice.status,
        "currency": invoice.currency,
        "total": str(to_decimal(invoice.total, invoice.currency)),
        "balance": str(to_decimal(invoice.balance, invoice.currency)),
        **more,
    }, changes


def pay(act: Act) -> tuple[Json, list[Change]]:
    invoice = act.invoice()
    amount = act.asked.get("amount")
    payment, changes = books.pay_invoice(
        act.company, invoice, act.at, None if amount is None else to_minor(amount, invoice.currency), "Bank transfer"
    )
    return told(invoice, changes, payment_id=payment.id)


def part_pay(act: Act) -> tuple[Json, list[Change]]:
    """Half, unless an amount is given."""
    invoice = act.invoice()
    amount = act.asked.get("amount")
    minor = invoice.balance // 2 if amount is None else to_minor(amount, invoice.currency)
    payment, changes = books.pay_invoice(act.company, invoice, act.at, minor, "Part payment")
    return told(invoice, changes, payment_id=payment.id)


def refuse(act: Act) -> tuple[Json, list[Change]]:
    """The payer's bank refuses a try to pay, for `reason`, in the provider's own word."""
    if act.company.provider != "stripe":
        raise NotPossible("only Stripe's books tell of a try that failed")
    invoice = act.invoice()
    invoice.refused = str(act.asked.get("reason", "generic_decline"))
    return told(invoice, [books.changed(act.company, "invoice", "payment_failed", invoice, act.at)])


def void(act: Act) -> tuple[Json, list[Change]]:
    invoice = act.invoice(untouched=True)
    return told(invoice, books.void_invoice(act.company, invoice, act.at))


def delete(act: Act) -> tuple[Json, list[Change]]:
    invoice = act.invoice(untouched=True)
    return told(invoice, books.delete_invoice(act.company, invoice, act.at))


def credit(act: Act) -> tuple[Json, list[Change]]:
    """A credit note over the whole balance or `amount`; with apply=false left on the customer's account."""
    applied = act.asked.get("apply", True)
    if not applied:
        customer = act.customer()
        net, tax = books.net_and_tax(act.company, to_minor(act.asked["amount"], customer.currency))
        note, changes = books.issue_credit(
            act.company, customer, books.lines_for(act.company, net), tax, customer.currency, act.at
        )
        return {"credit_note_id": note.id, "customer_id": customer.id}, changes
    invoice = act.invoice()
    amount = to_minor(act.asked["amount"], invoice.currency) if "amount" in act.asked else invoice.balance
    net, tax = books.net_and_tax(act.company, amount)
    customer = act.company.customers[invoice.customer_id]
    note, changes = books.issue_credit(
        act.company,
        customer,
        books.lines_for(act.company, net),
        tax,
        invoice.currency,
        act.at,
        invoice,
        reference=invoice.number or "",
    )
    return told(invoice, changes, credit_note_id=note.id)


def cash_on_account(act: Act) -> tuple[Json, list[Change]]:
    customer = act.customer()
    payment, changes = books.receive_unapplied(
        act.company,
        customer,
        to_minor(act.asked["amount"], customer.currency),
        customer.currency,
        act.at,
        str(act.asked.get("kind", "payment")),
    )
    return {"payment_id": payment.id, "customer_id": customer.id}, changes


def reopen(act: Act) -> tuple[Json, list[Change]]:
    """Without a name, the invoice paid last."""
    if "invoice" in act.asked:
        invoice = act.invoice()
    else:
        paid = [one for one in act.company.invoices.values() if one.status == "paid" and one.paid]
        if not paid:
            raise books.NotPossible("nothing is paid")
        invoice = max(paid, key=lambda one: one.updated_at)
    return told(invoice, books.reopen_invoice(act.company, invoice, act.at))


def write_off(act: Act) -> tuple[Json, list[Change]]:
    invoice = act.invoice()
    return told(invoice, books.write_off(act.company, invoice, act.at))


def finalize(act: Act) -> tuple[Json, list[Change]]:
    drafts = (one for one in act.company.invoices.values() if one.status == "draft")
    invoice = act.invoice() if "invoice" in act.asked else next(drafts, None)
    if invoice is None:
        raise books.NotPossible("no draft")
    return told(invoice, books.finalize(act.company, invoice, act.at))


def change_due(act: Act) -> tuple[Json, list[Change]]:
    invoice = act.invoice()
    if act.asked.get("due") is None and "no due date" in PLAYS[act.company.provider].refuses:
        raise books.NotPossible("every invoice has a due date here")
    return told(invoice, books.change_due(act.company, invoice, act.day("due", None), act.at), due=str(invoice.due_on))


def change_amount(act: Act) -> tuple[Json, list[Change]]:
    invoice = act.invoice()
    return told(
        invoice, books.change_amount(act.company, invoice, to_minor(act.asked["amount"], invoice.currency), act.at)
    )


def new_invoice(act: Act) -> tuple[Json, list[Change]]:
    company, customer, today = act.company, act.customer(), act.world.clock.today(act.company.timezone)
    currency = str(act.asked.get("currency", customer.currency))
    if currency != company.currency and "currencies" in PLAYS[company.provider].refuses:
        raise books.NotPossible("every invoice is in the company's currency here")
    net, tax = books.net_and_tax(company, to_minor(act.asked.get("amount", "100"), currency))
    issued = act.day("issued", today) or today
    what = [(item, text) for item, text in act.asked.get("lines", [])]
    invoice, changes = books.add_invoice(
        act.world,
        company,
        customer,
        books.lines_for(company, net, what) if what else books.lines_for(company, net),
        tax,
        act.at,
        issued_on=issued,
        due_on=act.day("due", issued + timedelta(days=30)),
        currency=currency,
        number=act.asked.get("number", "next"),
        draft=bool(act.asked.get("draft")),
        reference=str(act.asked.get("reference", "")),
    )
    return told(invoice, changes)


def new_customer(act: Act) -> tuple[Json, list[Change]]:
    customer, changes = books.add_customer(
        act.company, str(act.asked["name"]), act.asked.get("email"), act.at, currency=act.asked.get("currency")
    )
    return {"customer_id": customer.id, "name": customer.name, "email": customer.email}, changes


def reassign(act: Act) -> tuple[Json, list[Change]]:
    """`to` names the new customer."""
    invoice = act.invoice()
    return told(invoice, books.reassign(act.company, invoice, act.customer("to"), act.at))


def change_email(act: Act) -> tuple[Json, list[Change]]:
    customer = act.customer()
    changes = books.change_email(
        act.company, customer, act.asked.get("email"), act.at, bool(act.asked.get("invoices_too", True))
    )
    return {"customer_id": customer.id, "email": customer.email}, changes


def rename_customer(act: Act) -> tuple[Json, list[Change]]:
    customer = act.customer()
    customer.name = str(act.asked["name"])
    return {"customer_id": customer.id, "name": customer.name}, [
        books.changed(act.company, "customer", "updated", customer, act.at)
    ]


def deactivate_customer(act: Act) -> tuple[Json, list[Change]]:
    customer = act.customer()
    return {"customer_id": customer.id}, books.deactivate_customer(act.company, customer, act.at)


def bounce(act: Act) -> tuple[Json, list[Change]]:
    """An unapplied payment is deleted again."""
    payment: Payment | None = act.company.payments.get(str(act.asked.get("payment", "")))
    if payment is None or payment.applied:
        raise NotPossible("only a payment on account can be deleted here")
    payment.deleted = True
    return {"payment_id": payment.id}, [books.changed(act.company, "payment", "deleted", payment, act.at)]


NotPossible = books.NotPossible
VERBS: dict[str, Callable[[Act], tuple[Json, list[Change]]]] = {
    one.__name__: one
    for one in (
        pay,
        part_pay,
        refuse,
        void,
        delete,
        credit,
        cash_on_account,
        reopen,
        write_off,
        finalize,
        change_due,
        change_amount,
        new_invoice,
        new_customer,
        reassign,
        change_email,
        rename_customer,
        deactivate_customer,
        bounce,
    )
}
