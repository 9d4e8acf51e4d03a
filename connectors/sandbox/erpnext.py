"""ERPNext on Frappe: the site of a vendor, under /erpnext."""

import base64
import fnmatch
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from . import books as verbs
from . import erpnext_shapes as shapes
from .amounts import to_minor
from .errors import HTML, Denied, with_status
from .faults import Fault
from .guard import page_of
from .plays import PLAYS
from .state import happened, here, link, locked
from .world import Change, Company
from .xero import pdf

ID = "erpnext"
bp = Blueprint("sandbox_erpnext", __name__, url_prefix=f"/{ID}/api")
Json = dict[str, Any]
USUAL = 20
TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda mine, wanted: mine == wanted,
    "!=": lambda mine, wanted: mine != wanted,
    ">": lambda mine, wanted: mine is not None and mine > wanted,
    ">=": lambda mine, wanted: mine is not None and mine >= wanted,
    "in": lambda mine, wanted: mine in wanted,
    "like": lambda mine, wanted: fnmatch.fnmatchcase(str(mine).lower(), str(wanted).lower().replace("%", "*")),
}
KEPT = ("Comment", "Webhook")  # documents that are stored as they come
TOLD = {
    "invoice": ("Sales Invoice", "on_change"),
    "credit_note": ("Sales Invoice", "on_change"),
    "payment": ("Payment Entry", "on_change"),
    "customer": ("Customer", "on_update"),
}


def no(status: int, kind: str, message: str) -> Response:
    said = json.dumps([json.dumps({"message": message, "indicator": "red"})])
    return with_status(jsonify(exception=f"frappe.exceptions.{kind}: {message}", exc_type=kind, _server_messages=said),
                       status)  # fmt: skip


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


def asked_company() -> Company | None:
    held, _ = here().ledger.look(ID, key_given()[1])
    return held.grant.companies[0] if held else None


def struck(fault: Fault) -> Response:
    if fault.kind == "401":
        return no(401, "AuthenticationError", "Invalid API key or secret")
    if fault.kind == "403":
        return no(403, "PermissionError", "Insufficient Permission for Sales Invoice")
    if fault.kind == "429":
        headers = {"Retry-After": str(int(fault.seconds)), "X-RateLimit-Remaining": "0"}
        return with_status(no(429, "TooManyRequestsError", "Too Many Requests"), 429, headers)
    if fault.kind == "200error":
        return Response(HTML, 200, {"Content-Type": "text/html; charset=utf-8"})
    return no(500, "OperationalError", "Lost connection to the database")


def key_given() -> tuple[str, str]:
    scheme, _, pair = request.headers.get("Authorization", "").partition(" ")
    key, _, secret = pair.partition(":")
    return (key, secret) if scheme.lower() == "token" else ("", "")


def enter() -> Company:
    key, secret = key_given()
    held, state = here().ledger.look(ID, secret)
    if held is None or state != "good" or key != PLAYS[ID].client_id:
        raise Denied(no(401, "AuthenticationError", "Invalid API key or secret"))
    return held.grant.companies[0]


# --- documents ------------------------------------------------------------------------------------------------------


def documents(company: Company, doctype: str) -> list[Json]:
    today = here().clock.today(company.timezone)
    notes, sent = company.credit_notes.values(), company.invoices.values()
    rows: dict[str, Callable[[], list[Json]]] = {
        "Company": lambda: [shapes.company_row(company)],
        "Customer": lambda: [shapes.customer(company, one) for one in company.customers.values()],
        "Sales Invoice": lambda: (
            [shapes.invoice(company, one, today) for one in sent if one.status != "deleted"]
            + [shapes.credit_note(company, one) for one in notes]
        ),
        "Sales Invoice Item": lambda: [row for one in sent for row in shapes.items(one)],
        "Payment Entry": lambda: [shapes.payment(company, one) for one in company.payments.values()],
        "Payment Entry Reference": lambda: [row for one in company.payments.values() for row in shapes.references(one)],
        "Payment Request": lambda: [
            shapes.payment_request(company, one, link(f"/pay/{one.pay_token}")) for one in sent if one.status != "draft"
        ],
    }
    if doctype in KEPT:
        return kept(company, doctype)
    if doctype not in rows:
        raise Denied(no(404, "DoesNotExistError", f"DocType {doctype} not found"))
    return rows[doctype]()


def kept(company: Company, doctype: str) -> list[Json]:
    held = here().remembered.setdefault((f"{ID} {doctype}", company.external_id), [])
    assert isinstance(held, list)
    return held


@bp.get("/resource/<doctype>")
@locked
def listed(doctype: str) -> Response:
    company = enter()
    if doctype.endswith((" Reference", " Item")) and request.args.get("parent") is None:
        raise Denied(no(403, "PermissionError", "Parent DocType required to read a child table"))
    rows = [row for row in documents(company, doctype) if all(fits(row, one) for one in given("filters"))]
    field, _, way = request.args.get("order_by", "modified desc").partition(" ")
    rows.sort(key=lambda row: (str(row.get(field, "")), str(row.get("name", ""))), reverse=way.strip() == "desc")
    start, size = int(request.args.get("limit_start", 0)), int(request.args.get("limit_page_length", USUAL))
    shown = page_of(rows, start, size or len(rows)) if size else rows
    fields = given("fields") or ["name"]
    return jsonify(data=[row if fields == ["*"] else {name: row.get(name) for name in fields} for row in shown])


def given(name: str) -> list[Any]:
    try:
        found = json.loads(request.args.get(name, "[]"))
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise Denied(no(417, "ValidationError", f"{name} is not a list"))
    return found


def fits(row: Json, condition: Any) -> bool:
    field, test, wanted = condition[-3:]
    if test not in TESTS:
        raise Denied(no(417, "ValidationError", f"Operator must be one of {', '.join(TESTS)}"))
    return TESTS[test](row.get(field), wanted)


@bp.post("/resource/<doctype>")
@locked
def create(doctype: str) -> ResponseReturnValue:
    company, body = enter(), request.get_json(silent=True) or {}
    if doctype == "Payment Entry":
        return jsonify(data=enter_payment(company, body))
    if doctype not in KEPT:
        return no(403, "PermissionError", f"No permission to create {doctype}")
    if doctype == "Comment" and body.get("reference_name") in company.invoices:
        company.invoices[body["reference_name"]].notes.append(str(body.get("content", "")))
    made = {"name": uuid4().hex[:10], "modified": shapes.site_time(company, here().clock.now()), **body}
    kept(company, doctype).append(made)
    return jsonify(data=made)


@bp.delete("/resource/<doctype>/<name>")
@locked
def delete(doctype: str, name: str) -> ResponseReturnValue:
    held = kept(enter(), doctype) if doctype in KEPT else []
    if all(one["name"] != name for one in held):
        return no(404, "DoesNotExistError", f"{doctype} {name} not found")
    held[:] = [one for one in held if one["name"] != name]
    return jsonify(data="ok"), 202


def enter_payment(company: Company, body: Json) -> Json:
    paid: Json = next(iter(body.get("references") or []), {})
    invoice = company.invoices.get(str(paid.get("reference_name")))
    if invoice is None or body.get("docstatus") != 1:
        raise Denied(no(417, "ValidationError", "The sandbox takes a submitted payment of one invoice only"))
    amount = to_minor(paid.get("allocated_amount", 0), invoice.currency)
    if not 0 < amount <= invoice.balance:
        raise Denied(no(417, "ValidationError", "Allocated Amount cannot be greater than outstanding amount."))
    reference = str(body.get("reference_no", ""))
    payment, changes = verbs.pay_invoice(company, invoice, here().clock.now(), amount, reference)
    happened(changes)
    return shapes.payment(company, payment)


# --- methods --------------------------------------------------------------------------------------------------------


@bp.get("/method/frappe.client.get_time_zone")
@locked
def time_zone() -> Response:
    return jsonify(message={"time_zone": enter().timezone})


@bp.get("/method/frappe.utils.print_format.download_pdf")
@locked
def download() -> Response:
    company = enter()
    invoice = company.invoices.get(request.args.get("name", ""))
    if invoice is None:
        raise Denied(no(404, "DoesNotExistError", "Sales Invoice not found"))
    return pdf(company, invoice)


@bp.post("/method/erpnext.accounts.doctype.payment_entry.payment_entry.get_payment_entry")
@locked
def draft_payment() -> Response:
    company, asked = enter(), request.get_json(silent=True) or {}
    invoice = company.invoices.get(str(asked.get("dn")))
    if invoice is None:
        raise Denied(no(404, "DoesNotExistError", "Sales Invoice not found"))
    amount = float(asked.get("party_amount") or 0)
    paid = {"reference_doctype": "Sales Invoice", "reference_name": invoice.id, "allocated_amount": amount}
    return jsonify(
        message={
            "doctype": "Payment Entry", "docstatus": 0, "payment_type": "Receive", "party_type": "Customer",
            "party": invoice.customer_id, "company": company.name, "paid_amount": amount, "references": [paid],
        }
    )  # fmt: skip


# --- webhooks -------------------------------------------------------------------------------------------------------


def told(change: Change) -> list[tuple[str, str, dict[str, str]]]:
    """The requests that a change is worth: address, body, headers."""
    doctype, event = TOLD.get(change.noun, ("", ""))
    if change.record is None:
        return []
    data = {
        "doctype": doctype,
        "name": change.record.id,
        "modified": shapes.site_time(change.company, change.at),
    }
    body = json.dumps(data)
    return [
        (one["request_url"], body, headers_of(one, body))
        for one in kept(change.company, "Webhook")
        if (one["webhook_doctype"], one["webhook_docevent"]) == (doctype, event)
    ]


def headers_of(webhook: Json, body: str) -> dict[str, str]:
    made = {one["key"]: one["value"] for one in webhook.get("webhook_headers", [])}
    if webhook.get("enable_security"):
        digest = hmac.new(webhook["webhook_secret"].encode(), body.encode(), hashlib.sha256).digest()
        made["X-Frappe-Webhook-Signature"] = base64.b64encode(digest).decode()
    return made
