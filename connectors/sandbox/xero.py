"""Xero's identity and accounting APIs, under /xero."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from xml.sax.saxutils import escape

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from . import xero_shapes as shapes
from .amounts import to_decimal, written
from .clock import parse_moment
from .errors import Denied, xero_limited, xero_problem, xero_validation
from .guard import page_of
from .oauth import Access, Connection, new_guid
from .pdf import write_pdf
from .state import here, link, locked
from .world import Company, Invoice
from .xero_where import BadWhere, order_rows, where_filter

bp = Blueprint("sandbox_xero", __name__, url_prefix="/xero")
API = "/api.xro/2.0"
PAGE_SIZE, MOST = 100, 1000
A_MINUTE, A_DAY, APP_A_MINUTE = 60, 5000, 10_000
Json = dict[str, Any]
Getter = Callable[[Any], Any]
NEEDS: dict[str, tuple[str, ...]] = {
    "Invoices": ("transactions", "invoices"),
    "CreditNotes": ("transactions", "invoices"),
    "Contacts": ("contacts",),
    "Payments": ("transactions", "payments"),
    "Overpayments": ("transactions", "invoices", "payments"),
    "Prepayments": ("transactions", "invoices", "payments"),
    "Organisation": ("settings",),
    "Accounts": ("settings",),
}
COMMON: dict[str, Getter] = {
    "UpdatedDateUTC": lambda one: one.updated_at,
    "Contact.ContactID": lambda one: one.customer_id,
    "Reference": lambda one: one.reference,
}
INVOICE_FIELDS: dict[str, Getter] = COMMON | {
    "InvoiceID": lambda one: one.id,
    "InvoiceNumber": lambda one: one.number or "",
    "Type": lambda one: "ACCREC",
    "Status": lambda one: shapes.STATUS[one.status],
    "Date": lambda one: one.issued_on,
    "DueDate": lambda one: one.due_on,
    "AmountDue": lambda one: to_decimal(one.balance, one.currency),
    "AmountPaid": lambda one: to_decimal(one.paid, one.currency),
    "Total": lambda one: to_decimal(one.total, one.currency),
    "CurrencyCode": lambda one: one.currency,
}
NOTE_FIELDS: dict[str, Getter] = COMMON | {
    "CreditNoteID": lambda one: one.id,
    "CreditNoteNumber": lambda one: one.number,
    "Type": lambda one: "ACCRECCREDIT",
    "Status": lambda one: "VOIDED" if one.status == "void" else shapes.STATUS[one.status],
    "Date": lambda one: one.issued_on,
    "Total": lambda one: to_decimal(one.total, one.currency),
    "CurrencyCode": lambda one: one.currency,
    "RemainingCredit": lambda one: to_decimal(one.remaining, one.currency),
}
PAYMENT_FIELDS: dict[str, Getter] = COMMON | {
    "PaymentID": lambda one: one.id,
    "Status": lambda one: "DELETED" if one.deleted else "AUTHORISED",
    "PaymentType": lambda one: "ACCRECPAYMENT",
    "Date": lambda one: one.received_on,
    "Type": lambda one: f"RECEIVE-{one.kind.upper()}",
    "Amount": lambda one: to_decimal(one.amount, one.currency),
    "Invoice.InvoiceID": lambda one: one.applied[0].invoice_id if one.applied else None,
}
CONTACT_FIELDS: dict[str, Getter] = {
    "ContactID": lambda one: one.id,
    "Name": lambda one: one.name,
    "EmailAddress": lambda one: one.email or "",
    "ContactStatus": lambda one: "ACTIVE" if one.active else "ARCHIVED",
    "UpdatedDateUTC": lambda one: one.updated_at,
}


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


@bp.errorhandler(BadWhere)
def bad_where(problem: BadWhere) -> Response:
    return xero_validation(16, "QueryParseException", str(problem))


def signed_in() -> Access:
    sandbox = here()
    held, state = sandbox.ledger.look("xero", request.headers.get("Authorization", "").removeprefix("Bearer "))
    if held is None or state != "good":
        when = f"{sandbox.clock.now():%m/%d/%Y %H:%M:%S}"
        detail = f"TokenExpired: token expired at {when}" if state == "expired" else "AuthenticationUnsuccessful"
        raise Denied(xero_problem(401, "Unauthorized", detail))
    return held


def enter(endpoint: str, write: bool = False) -> Company:
    """Token, scope, tenant, limits: in that order."""
    held, tenant = signed_in(), request.headers.get("Xero-tenant-id", "")
    scopes = set(held.grant.scope.split())
    modes = ("",) if write else ("", ".read")
    if not scopes & {f"accounting.{area}{mode}" for area in NEEDS[endpoint] for mode in modes}:
        raise Denied(xero_problem(401, "Unauthorized", "AuthorizationUnsuccessful"))
    connection = next(
        (
            one
            for one in here().ledger.connections.values()
            if one.user == held.grant.user and one.company.external_id == tenant
        ),
        None,
    )
    if connection is None:
        raise Denied(xero_problem(403, "Forbidden", "AuthenticationUnsuccessful"))
    count_call(connection.company)
    return connection.company


def count_call(company: Company) -> None:
    limits, now = here().limits, here().clock.now()
    limits.minute[f"{company.external_id} {now:%Y%m%d%H%M}"] += 1
    limits.day[f"{company.external_id} {now:%Y%m%d}"] += 1
    left_minute = A_MINUTE - limits.minute[f"{company.external_id} {now:%Y%m%d%H%M}"]
    left_day = A_DAY - limits.day[f"{company.external_id} {now:%Y%m%d}"]
    if limits.enforced and left_day < 0:
        midnight = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), tzinfo=UTC)
        raise Denied(xero_limited("day", (midnight - now).total_seconds()))
    if limits.enforced and left_minute < 0:
        raise Denied(xero_limited("minute", 60 - now.second))
    g.xero_left = (max(left_day, 0 if limits.enforced else 1), max(left_minute, 0 if limits.enforced else 1))


@bp.after_request
def rate_headers(answer: Response) -> Response:
    if "xero_left" in g:
        answer.headers["X-DayLimit-Remaining"], answer.headers["X-MinLimit-Remaining"] = map(str, g.xero_left)
        answer.headers["X-AppMinLimit-Remaining"] = str(APP_A_MINUTE - 1)
    answer.headers["Xero-Correlation-Id"] = new_guid()
    return answer


def books_of(company: Company) -> shapes.Books:
    return shapes.Books(company, here().clock.today(company.timezone))


def wants_json() -> bool:
    return "application/json" in request.headers.get("Accept", "")


def envelope(**parts: Any) -> Response:
    body = {
        "Id": new_guid(),
        "Status": "OK",
        "ProviderName": "Sheaf",
        "DateTimeUTC": f"/Date({int(here().clock.now().timestamp() * 1000)})/",
        **parts,
    }
    if wants_json():
        return jsonify(body)
    return Response(f"<Response>{as_xml(body)}</Response>", content_type="text/xml; charset=utf-8")


def as_xml(value: Any) -> str:
    """What a caller gets who forgot to ask for JSON."""
    if isinstance(value, dict):
        return "".join(f"<{key}>{as_xml(inner)}</{key}>" for key, inner in value.items())
    if isinstance(value, list):
        return "".join(f"<Item>{as_xml(inner)}</Item>" for inner in value)
    return escape(str(value))


def not_found() -> Denied:
    return Denied(
        Response("The resource you're looking for cannot be found", 404, content_type="text/html; charset=utf-8")
    )


@bp.get("/connections")
@bp.get("/Connections")
@locked
def connections() -> Response:
    held, wanted = signed_in(), request.args.get("authEventId")
    return jsonify(
        [
            connection(one)
            for one in here().ledger.connections.values()
            if one.user == held.grant.user and wanted in (None, one.auth_event_id)
        ]
    )


def connection(one: Connection) -> Json:
    return {
        "id": one.id,
        "authEventId": one.auth_event_id,
        "tenantId": one.company.external_id,
        "tenantType": "ORGANISATION",
        "tenantName": one.company.name,
        "createdDateUtc": f"{one.created_at:%Y-%m-%dT%H:%M:%S.%f}0",
        "updatedDateUtc": f"{one.updated_at:%Y-%m-%dT%H:%M:%S.%f}0",
    }


@bp.delete("/connections/<uuid:number>")
@bp.delete("/Connections/<uuid:number>")
@locked
def drop_connection(number: object) -> ResponseReturnValue:
    held, known = signed_in(), here().ledger.connections
    if str(number) not in known or known[str(number)].user != held.grant.user:
        raise not_found()
    del known[str(number)]
    return "", 204


def listed(name: str, rows: list[Any], fields: Mapping[str, Getter], shape: Callable[[Any, bool], Json]) -> Response:
    """Filter, order and page; without `page` everything comes at once, as a summary without lines."""
    since = request.headers.get("If-Modified-Since")
    if since:
        moment = moment_of(since)
        rows = [one for one in rows if one.updated_at > moment]
    if request.args.get("where"):
        test = where_filter(request.args["where"], fields)
        rows = [one for one in rows if test(one)]
    rows = order_rows(rows, request.args.get("order") or "UpdatedDateUTC ASC", fields)
    if "page" not in request.args:
        return envelope(**{name: [shape(one, False) for one in rows]})
    page, size = number_of("page", 1, 10**9), number_of("pageSize", PAGE_SIZE, MOST)
    shown = page_of(rows, (page - 1) * size, size)
    pagination = {"page": page, "pageSize": size, "pageCount": -(-len(rows) // size), "itemCount": len(rows)}
    return envelope(**{"pagination": pagination, name: [shape(one, True) for one in shown]})


def moment_of(text: str) -> datetime:
    try:
        return parse_moment(text)
    except ValueError:
        try:
            return parsedate_to_datetime(text)
        except ValueError:
            raise Denied(xero_validation(17, "NoDataProcessedException", "If-Modified-Since is not a date")) from None


def number_of(name: str, default: int, most: int) -> int:
    text = request.args.get(name, str(default))
    if not text.isdigit() or not int(text) >= 1:
        raise Denied(xero_validation(16, "QueryParseException", f"The value '{text}' is not valid for {name}"))
    return min(int(text), most)


def asked_for(name: str) -> set[str]:
    return {part.strip() for part in request.args.get(name, "").split(",") if part.strip()}


@bp.get(f"{API}/Organisation")
@locked
def organisation() -> Response:
    return envelope(Organisations=[shapes.organisation(enter("Organisation"))])


@bp.get(f"{API}/Invoices")
@locked
def invoices() -> Response:
    company = enter("Invoices")
    rows = list(company.invoices.values())
    for parameter, get in (
        ("IDs", lambda one: one.id),
        ("Statuses", lambda one: shapes.STATUS[one.status]),
        ("InvoiceNumbers", lambda one: one.number),
        ("ContactIDs", lambda one: one.customer_id),
    ):
        wanted = asked_for(parameter)
        if wanted:
            rows = [one for one in rows if get(one) in wanted]
    books, summary = books_of(company), request.args.get("summaryOnly", "").lower() == "true"
    return listed(
        "Invoices",
        rows,
        INVOICE_FIELDS,
        lambda one, paged: shapes.invoice(books, one, whole=paged and not summary, summary=summary),
    )


def find_invoice(company: Company, number: str) -> Invoice:
    invoice = company.find_invoice(number)
    if invoice is None:
        raise not_found()
    return invoice


@bp.get(f"{API}/Invoices/<number>")
@locked
def read_invoice(number: str) -> Response:
    company = enter("Invoices")
    invoice = find_invoice(company, number)
    if request.headers.get("Accept") == "application/pdf":
        return pdf(company, invoice)
    return envelope(Invoices=[shapes.invoice(books_of(company), invoice, whole=True, with_mail=True)])


@bp.get(f"{API}/Invoices/<number>/pdf")
@locked
def invoice_pdf(number: str) -> Response:
    company = enter("Invoices")
    return pdf(company, find_invoice(company, number))


def pdf(company: Company, invoice: Invoice) -> Response:
    rows = [
        company.name,
        f"Invoice {invoice.number}",
        company.customers[invoice.customer_id].name,
        f"Amount due {written(invoice.balance, invoice.currency)}",
        f"Due {invoice.due_on or 'on receipt'}",
    ]
    return Response(write_pdf(rows), content_type="application/pdf")


@bp.get(f"{API}/Invoices/<number>/OnlineInvoice")
@locked
def online_invoice(number: str) -> Response:
    """Sales invoices that are not drafts have one."""
    invoice = find_invoice(enter("Invoices"), number)
    if invoice.status in ("draft", "deleted"):
        raise Denied(xero_validation(10, "ValidationException", "Online invoice is not available for this invoice"))
    return envelope(OnlineInvoices=[{"OnlineInvoiceUrl": link(f"/pay/{invoice.pay_token}")}])


@bp.get(f"{API}/Invoices/<number>/History")
@locked
def history(number: str) -> Response:
    invoice = find_invoice(enter("Invoices"), number)
    return envelope(HistoryRecords=here().remembered.get(("history", invoice.id), []))


@bp.get(f"{API}/Contacts")
@locked
def contacts() -> Response:
    company = enter("Contacts")
    wanted, archived = asked_for("IDs"), request.args.get("includeArchived", "").lower() == "true"
    rows = [
        one
        for one in company.customers.values()
        if (not wanted or one.id in wanted) and (one.active or archived or wanted)
    ]
    books = books_of(company)
    return listed("Contacts", rows, CONTACT_FIELDS, lambda one, _: shapes.contact(books, one))


@bp.get(f"{API}/Contacts/<number>")
@locked
def read_contact(number: str) -> Response:
    company = enter("Contacts")
    if number not in company.customers:
        raise not_found()
    return envelope(Contacts=[shapes.contact(books_of(company), company.customers[number])])


@bp.get(f"{API}/CreditNotes")
@locked
def credit_notes() -> Response:
    company = enter("CreditNotes")
    books = books_of(company)
    return listed(
        "CreditNotes",
        list(company.credit_notes.values()),
        NOTE_FIELDS,
        lambda one, paged: shapes.credit_note(books, one, whole=False),
    )


@bp.get(f"{API}/CreditNotes/<number>")
@locked
def read_credit_note(number: str) -> Response:
    company = enter("CreditNotes")
    if number not in company.credit_notes:
        raise not_found()
    return envelope(CreditNotes=[shapes.credit_note(books_of(company), company.credit_notes[number], whole=True)])
