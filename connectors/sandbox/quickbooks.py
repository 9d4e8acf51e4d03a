"""QuickBooks Online's accounting API, version 3, under /quickbooks."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from . import books as verbs
from . import qbo_shapes as shapes
from .amounts import to_decimal, to_minor, written
from .clock import parse_moment
from .errors import PACIFIC, Denied, qbo_fault, qbo_gate_fault, qbo_time
from .guard import page_of
from .pdf import write_pdf
from .qbo_query import BadQuery, Query, holds, parse
from .qbo_shapes import Books
from .state import happened, here, link, locked
from .world import Applied, Change, Company, CreditNote, Customer, Invoice, Payment

bp = Blueprint("sandbox_quickbooks", __name__, url_prefix="/quickbooks/v3/company/<realm>")
CDC_REACH = timedelta(days=30)
CDC_MOST = 1000

Getter = Callable[[Any], Any]


def updated(one: Any) -> datetime:
    return one.updated_at.replace(microsecond=0).astimezone(PACIFIC)  # type: ignore[no-any-return]


COMMON: dict[str, Getter] = {
    "Id": lambda one: Decimal(one.id),
    "SyncToken": lambda one: str(one.version),
    "MetaData.LastUpdatedTime": updated,
    "MetaData.CreateTime": lambda one: one.created_at.replace(microsecond=0).astimezone(PACIFIC),
}
FIELDS: dict[str, dict[str, Getter]] = {
    "Invoice": COMMON
    | {
        "Balance": lambda one: to_decimal(one.balance, one.currency),
        "DocNumber": lambda one: one.number,
        "TotalAmt": lambda one: to_decimal(0 if one.status == "void" else one.total, one.currency),
        "CustomerRef": lambda one: one.customer_id,
        "TxnDate": lambda one: one.issued_on.isoformat(),
        "DueDate": lambda one: one.due_on.isoformat() if one.due_on else None,
    },
    "Customer": COMMON
    | {
        "Active": lambda one: one.active,
        "DisplayName": lambda one: one.name,
        "CompanyName": lambda one: one.name,
        "FullyQualifiedName": lambda one: one.name,
        "PrimaryEmailAddr": lambda one: one.email,
    },
    "Payment": COMMON
    | {
        "TotalAmt": lambda one: to_decimal(one.amount, one.currency),
        "CustomerRef": lambda one: one.customer_id,
        "UnappliedAmt": lambda one: to_decimal(one.unapplied, one.currency),
        "TxnDate": lambda one: one.received_on.isoformat(),
    },
    "CreditMemo": COMMON
    | {
        "Balance": lambda one: to_decimal(one.remaining, one.currency),
        "DocNumber": lambda one: one.number,
        "TotalAmt": lambda one: to_decimal(one.total, one.currency),
        "CustomerRef": lambda one: one.customer_id,
        "TxnDate": lambda one: one.issued_on.isoformat(),
    },
}


def rows_of(company: Company, entity: str) -> Iterable[Any]:
    if entity == "Invoice":
        return (one for one in company.invoices.values() if one.status != "deleted")
    if entity == "Payment":
        return (one for one in company.payments.values() if not one.deleted)
    return company.customers.values() if entity == "Customer" else company.credit_notes.values()


def shape_of(entity: str, books: Books, one: Any) -> shapes.Json:
    make: dict[str, Callable[[Books, Any], shapes.Json]] = {
        "Invoice": shapes.invoice,
        "Customer": shapes.customer,
        "Payment": shapes.payment,
        "CreditMemo": shapes.credit_memo,
    }
    return make[entity](books, one)


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


@bp.errorhandler(BadQuery)
def bad_query(problem: BadQuery) -> Response:
    return qbo_fault(400, "4001" if problem.message == "Invalid query" else "4000", problem.message, problem.detail)


def enter(realm: str) -> Company:
    """Who is calling, for which company, in which minor version."""
    sandbox = here()
    held, state = sandbox.ledger.look("quickbooks", request.headers.get("Authorization", "").removeprefix("Bearer "))
    if held is None or state != "good":
        detail = {"expired": "Token expired", "revoked": "Token revoked"}.get(state, "Malformed bearer token")
        raise Denied(qbo_gate_fault(401, "3200", "AuthenticationFailed", detail))
    company = next((one for one in held.grant.companies if one.external_id == realm), None)
    if company is None:
        raise Denied(qbo_gate_fault(403, "3100", "ApplicationAuthorizationFailed", "", "AuthorizationFault"))
    version = request.args.get("minorversion", "")
    if not version.isdigit() or int(version) < 75:
        raise Denied(
            qbo_fault(400, "2100", "Unsupported minorversion", f"minorversion {version or 'missing'}: 75 is the lowest")
        )
    return company


def answer(body: shapes.Json) -> Response:
    if "application/json" not in request.headers.get("Accept", ""):
        xml = '<?xml version="1.0" encoding="UTF-8"?><IntuitResponse xmlns="http://schema.intuit.com/finance/v3"/>'
        return Response(xml, content_type="application/xml;charset=UTF-8")
    return jsonify(body | {"time": qbo_time(here().clock.now())})


@bp.route("/query", methods=["GET", "POST"])
@locked
def query(realm: str) -> Response:
    company = enter(realm)
    if request.method == "POST" and request.mimetype != "application/text":
        raise Denied(
            qbo_fault(415, "0", "Unsupported media type", "the query must be sent as application/text", "SystemFault")
        )
    asked = parse(request.get_data(as_text=True) if request.method == "POST" else request.args.get("query", ""))
    if asked.entity == "CompanyInfo":
        return answer({"QueryResponse": {"CompanyInfo": [shapes.company_info(company)], "maxResults": 1}})
    if asked.entity not in FIELDS:
        raise BadQuery(f"QueryValidationError: Metadata not found for Entity: {asked.entity}", "Invalid query")
    found = select(company, asked)
    if asked.count:
        return answer({"QueryResponse": {"totalCount": len(found)}})
    page = page_of(found, asked.start - 1, asked.size)
    if not page:
        return answer({"QueryResponse": {}})
    books = Books(company)
    rows = [project(shape_of(asked.entity, books, one), asked.fields) for one in page]
    return answer(
        {
            "QueryResponse": {
                asked.entity: rows,
                "startPosition": asked.start,
                "maxResults": len(rows),
                "totalCount": len(rows),
            }
        }
    )


def select(company: Company, asked: Query) -> list[Any]:
    getters = FIELDS[asked.entity]
    for name in [one.field for one in asked.where] + [name for name, _ in asked.order]:
        if name not in getters:
            raise BadQuery(
                f"QueryValidationError: Property {name} not found for Entity {asked.entity}", "Invalid query"
            )
    rows = list(rows_of(company, asked.entity))
    if asked.entity == "Customer" and not any(one.field == "Active" for one in asked.where):
        rows = [one for one in rows if one.active]
    for condition in asked.where:
        get = getters[condition.field]
        rows = [one for one in rows if holds(condition, get(one))]
    rows.sort(key=lambda one: int(one.id))
    for name, backwards in reversed(asked.order):
        rows.sort(key=_in_order_of(getters[name]), reverse=backwards)
    return rows


def _in_order_of(get: Getter) -> Getter:
    def placed(one: Any) -> tuple[bool, Any]:
        found = get(one)
        return found is not None, found

    return placed


def project(row: shapes.Json, fields: tuple[str, ...]) -> shapes.Json:
    kept = {name.partition(".")[0] for name in fields} | {"domain", "sparse"}
    return {key: value for key, value in row.items() if key in kept} if fields else row


@bp.get("/cdc")
@locked
def changed_entities(realm: str) -> Response:
    company = enter(realm)
    try:
        since = parse_moment(request.args["changedSince"])
    except (KeyError, ValueError):
        raise Denied(qbo_fault(400, "4001", "Invalid query", "changedSince is missing or not a date")) from None
    if since < here().clock.now() - CDC_REACH:
        raise Denied(qbo_fault(400, "4001", "Invalid query", "changedSince must be within the last 30 days"))
    books, parts, left = Books(company), [], CDC_MOST
    for entity in request.args.get("entities", "").split(","):
        if entity not in FIELDS:
            raise Denied(qbo_fault(400, "4001", "Invalid query", f"Metadata not found for Entity: {entity}"))
        rows = changes_of(books, entity, since)[:left]
        left -= len(rows)
        parts.append(
            {entity: rows, "startPosition": 1, "maxResults": len(rows), "totalCount": len(rows)} if rows else {}
        )
    return answer({"CDCResponse": [{"QueryResponse": parts}]})


def changes_of(books: Books, entity: str, since: datetime) -> list[shapes.Json]:
    company = books.company
    table: dict[str, dict[str, Any]] = {
        "Invoice": company.invoices,
        "Customer": company.customers,
        "Payment": company.payments,
        "CreditMemo": company.credit_notes,
    }
    rows = sorted(
        (one for one in table[entity].values() if updated(one) >= since), key=lambda one: (updated(one), int(one.id))
    )
    return [shapes.gone(one.id, one.updated_at) if is_gone(one) else shape_of(entity, books, one) for one in rows]


def is_gone(one: Invoice | Customer | Payment | CreditNote) -> bool:
    return (isinstance(one, Payment) and one.deleted) or (isinstance(one, Invoice) and one.status == "deleted")


def not_found() -> Denied:
    return Denied(
        qbo_fault(
            400,
            "610",
            "Object Not Found",
            "Object Not Found : Something you're trying to use has been made "
            "inactive. Check the fields with accounts, customers, items, vendors or employees.",
        )
    )


def find_invoice(company: Company, number: str) -> Invoice:
    invoice = company.invoices.get(number)
    if invoice is None or invoice.status == "deleted":
        raise not_found()
    return invoice


@bp.get("/invoice/<number>")
@locked
def read_invoice(realm: str, number: str) -> Response:
    company = enter(realm)
    invoice = find_invoice(company, number)
    shaped = shapes.invoice(Books(company), invoice)
    if "invoiceLink" in request.args.get("include", ""):
        shaped["InvoiceLink"] = link(f"/pay/{invoice.pay_token}") if invoice.online and invoice.email else ""
    return answer({"Invoice": shaped})


@bp.get("/invoice/<number>/pdf")
@locked
def invoice_pdf(realm: str, number: str) -> Response:
    company = enter(realm)
    invoice = find_invoice(company, number)
    rows = [
        company.name,
        f"Invoice {invoice.number or ''}",
        company.customers[invoice.customer_id].name,
        f"Balance due {written(invoice.balance, invoice.currency)}",
        f"Due {invoice.due_on or 'on receipt'}",
    ]
    return Response(write_pdf(rows), content_type="application/pdf")


@bp.get("/customer/<number>")
@locked
def read_customer(realm: str, number: str) -> Response:
    company = enter(realm)
    if number not in company.customers:
        raise not_found()
    return answer({"Customer": shapes.customer(Books(company), company.customers[number])})


@bp.get("/payment/<number>")
@locked
def read_payment(realm: str, number: str) -> Response:
    company = enter(realm)
    if number not in company.payments or company.payments[number].deleted:
        raise not_found()
    return answer({"Payment": shapes.payment(Books(company), company.payments[number])})


@bp.get("/companyinfo/<number>")
@locked
def read_company(realm: str, number: str) -> Response:  # noqa: ARG001 - the realm again
    return answer({"CompanyInfo": shapes.company_info(enter(realm))})


@bp.get("/preferences")
@locked
def read_preferences(realm: str) -> Response:
    return answer({"Preferences": shapes.preferences(enter(realm))})


@bp.post("/payment")
@locked
def create_payment(realm: str) -> ResponseReturnValue:
    """The same requestid again gives the first answer again."""
    company, sandbox = enter(realm), here()
    key = (realm, request.args.get("requestid", ""))
    if not (key[1] and key in sandbox.remembered):
        payment, changes = enter_payment(company, request.get_json(silent=True) or {}, sandbox.clock.now())
        sandbox.remembered[key] = payment
        happened(changes)
    kept = sandbox.remembered[key]
    assert isinstance(kept, Payment)
    return answer({"Payment": shapes.payment(Books(company), kept)})


def enter_payment(company: Company, body: shapes.Json, at: datetime) -> tuple[Payment, list[Change]]:
    """Checks everything before the first record changes."""
    customer = company.customers.get(str(body.get("CustomerRef", {}).get("value", "")))
    if customer is None:
        raise Denied(
            qbo_fault(
                400,
                "2020",
                "Required param missing, need to supply the required value for the API",
                "Required parameter CustomerRef is missing in the request",
            )
        )
    wanted = [linked_invoice(company, row) for row in body.get("Line", [])]
    total = to_minor(body.get("TotalAmt", 0), customer.currency)
    if total <= 0 or sum(amount for _, amount in wanted) > total:
        raise Denied(
            qbo_fault(
                400,
                "6000",
                "A business validation error has occurred while processing your request",
                "Business Validation Error: The amount applied is more than the payment received",
            )
        )
    day = verbs.local_day(company, at)
    payment = Payment(
        company.new_id("payment"),
        customer.id,
        customer.currency,
        total,
        day,
        [],
        at,
        at,
        reference=str(body.get("PrivateNote", "")),
    )
    company.payments[payment.id] = payment
    changes = [verbs.changed(company, "payment", "created", payment, at)]
    for invoice, amount in wanted:
        payment.applied.append(Applied(invoice.id, amount, day, invoice.id))
        invoice.paid += amount
        changes.append(verbs.settle(company, invoice, at))
    return payment, changes


def linked_invoice(company: Company, row: shapes.Json) -> tuple[Invoice, int]:
    links = [one for one in row.get("LinkedTxn", []) if one.get("TxnType") == "Invoice"]
    invoice = company.invoices.get(str(links[0].get("TxnId"))) if links else None
    amount = to_minor(row.get("Amount", 0), invoice.currency) if invoice else 0
    if invoice is None or not 0 < amount <= invoice.balance:
        raise Denied(
            qbo_fault(
                400, "2500", "Invalid Reference Id", "Invalid Reference Id : TxnId is missing, settled or too small"
            )
        )
    return invoice, amount
