"""The hosted pay page every provider's pay link points to. Looking changes nothing; the button settles the books."""

from decimal import InvalidOperation

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from . import books
from .amounts import exponent, to_decimal, to_minor, written
from .pdf import write_pdf
from .plays import PLAYS
from .state import happened, here, locked
from .world import Company, Invoice

bp = Blueprint("sandbox_pay", __name__, url_prefix="/pay")


def find(token: str) -> tuple[Company, Invoice] | None:
    held = here().world.pay_tokens.get(token)
    if held is None:
        return None
    company, number = held
    invoice = company.invoices[number]
    return None if invoice.status in ("draft", "deleted") else (company, invoice)


@bp.get("/<token>")
@locked
def show(token: str) -> ResponseReturnValue:
    found = find(token)
    return pay_page(*found) if found else (render_template("sandbox/pay_gone.html"), 404)


@bp.post("/<token>")
@locked
def pay(token: str) -> ResponseReturnValue:
    found = find(token)
    if not found:
        return render_template("sandbox/pay_gone.html"), 404
    company, invoice = found
    try:
        text = request.form.get("amount", "").strip().replace(",", "")
        amount = to_minor(text, invoice.currency) if text else invoice.balance
        if amount > invoice.balance:
            return pay_page(company, invoice, "That is more than is owed."), 422
        payment, changes = books.pay_invoice(company, invoice, here().clock.now(), amount, "Online payment")
    except InvalidOperation:
        return pay_page(company, invoice, "Please give an amount in figures."), 422
    except books.NotPossible:
        return pay_page(company, invoice, "Nothing is owed on this invoice any more."), 409
    happened(changes)
    return pay_page(company, invoice, paid_now=written(payment.amount, invoice.currency))


def pay_page(company: Company, invoice: Invoice, problem: str = "", paid_now: str = "") -> str:
    return render_template(
        "sandbox/pay.html",
        company=company,
        invoice=invoice,
        customer=company.customers[invoice.customer_id],
        problem=problem,
        paid_now=paid_now,
        written=lambda minor: written(minor, invoice.currency),
        step=f"{10 ** -exponent(invoice.currency):f}",
        balance=to_decimal(invoice.balance, invoice.currency),
        title=PLAYS[company.provider].title,
    )


@bp.get("/<token>/pdf")
@locked
def pdf(token: str) -> ResponseReturnValue:
    found = find(token)
    if not found:
        return render_template("sandbox/pay_gone.html"), 404
    company, invoice = found
    return Response(
        write_pdf([company.name, f"Invoice {invoice.number or ''}", written(invoice.balance, invoice.currency)]),
        content_type="application/pdf",
    )
