"""Xero's payments and bank accounts; and what may be put into its books: payments, notes in a history."""

from typing import Any
from uuid import NAMESPACE_URL, uuid5

from flask import Blueprint, Response, jsonify, request

from . import books as verbs
from . import xero_shapes as shapes
from .amounts import to_minor
from .errors import Denied, xero_validation
from .state import happened, here, locked
from .world import Company, Payment
from .xero import API, PAYMENT_FIELDS, books_of, denied, enter, envelope, find_invoice, listed, not_found, rate_headers

bp = Blueprint("sandbox_xero_payments", __name__, url_prefix="/xero")
bp.register_error_handler(Denied, denied)
bp.after_request(rate_headers)
Json = dict[str, Any]


def payments_of(company: Company, kind: str) -> list[Any]:
    return [one for one in company.payments.values() if one.kind == kind]


@bp.get(f"{API}/Payments")
@locked
def payments() -> Response:
    company = enter("Payments")
    books = books_of(company)
    return listed(
        "Payments", payments_of(company, "payment"), PAYMENT_FIELDS, lambda one, _: shapes.payment(books, one)
    )


@bp.get(f"{API}/Payments/<number>")
@locked
def read_payment(number: str) -> Response:
    company = enter("Payments")
    if number not in company.payments:
        raise not_found()
    return envelope(Payments=[shapes.payment(books_of(company), company.payments[number])])


@bp.get(f"{API}/Overpayments")
@locked
def overpayments() -> Response:
    company = enter("Overpayments")
    books = books_of(company)
    return listed(
        "Overpayments",
        payments_of(company, "overpayment"),
        PAYMENT_FIELDS,
        lambda one, _: shapes.on_account(books, one),
    )


@bp.get(f"{API}/Prepayments")
@locked
def prepayments() -> Response:
    company = enter("Prepayments")
    books = books_of(company)
    return listed(
        "Prepayments", payments_of(company, "prepayment"), PAYMENT_FIELDS, lambda one, _: shapes.on_account(books, one)
    )


@bp.get(f"{API}/Accounts")
@locked
def accounts() -> Response:
    """The bank accounts: one for each currency that somebody is asked to pay in."""
    company = enter("Accounts")
    currencies = sorted({company.currency, *(one.currency for one in company.invoices.values())})
    rows = [
        {"AccountID": str(uuid5(NAMESPACE_URL, f"{company.external_id} {currency}")), "Code": f"09{place}",
         "Name": f"Business account {currency}", "Type": "BANK", "Status": "ACTIVE", "CurrencyCode": currency}
        for place, currency in enumerate(currencies)
    ]  # fmt: skip
    return envelope(Accounts=rows)


@bp.put(f"{API}/Invoices/<number>/History")
@locked
def add_history(number: str) -> Response:
    company = enter("Invoices", write=True)
    invoice, key = find_invoice(company, number), ("noted", request.headers.get("Idempotency-Key", ""))
    if key[1] and key in here().remembered:
        return envelope(HistoryRecords=here().remembered[key])
    now = here().clock.now()
    notes = [
        {"Details": str(one.get("Details", "")), "Changes": "Note", "User": "Sheaf", "DateUTC": shapes.ms_time(now)}
        for one in (request.get_json(silent=True) or {}).get("HistoryRecords", [])
    ]
    kept = here().remembered.setdefault(("history", invoice.id), [])
    assert isinstance(kept, list)
    kept[:0] = notes
    invoice.notes += [note["Details"] for note in notes]
    here().remembered[key] = notes
    return envelope(HistoryRecords=notes)


@bp.put(f"{API}/Payments")
@locked
def create_payment() -> Response:
    """One payment, or a list of them; the same Idempotency-Key gives the first answer again."""
    company, body = enter("Payments", write=True), request.get_json(silent=True) or {}
    key = (company.external_id, request.headers.get("Idempotency-Key", ""))
    if not key[1] or key not in here().remembered:
        here().remembered[key] = [enter_payment(company, one) for one in body.get("Payments", [body])]
    kept = here().remembered[key]
    assert isinstance(kept, list)
    books = books_of(company)
    return envelope(Payments=[shapes.payment(books, one) for one in kept])


def enter_payment(company: Company, body: Json) -> Payment:
    asked = body.get("Invoice", {})
    invoice = company.find_invoice(
        str(asked.get("InvoiceID") or asked.get("InvoiceNumber") or body.get("InvoiceNumber", ""))
    )
    amount = to_minor(body.get("Amount", 0), invoice.currency) if invoice else 0
    if invoice is None or not body.get("Account") or not 0 < amount <= invoice.balance or not invoice.is_open:
        answer = xero_validation(10, "ValidationException", "A validation exception occurred")
        problem = {"ValidationErrors": [{"Message": "Payment amount exceeds the amount outstanding on this document"}]}
        answer.set_data(
            jsonify(
                ErrorNumber=10,
                Type="ValidationException",
                Message="A validation exception occurred",
                Elements=[problem],
            ).get_data()
        )
        raise Denied(answer)
    payment, changes = verbs.pay_invoice(company, invoice, here().clock.now(), amount, str(body.get("Reference", "")))
    happened(changes)
    return payment
