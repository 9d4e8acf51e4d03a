"""Odoo: one vendor's server, under /odoo. JSON-2 as from version 19 on, JSON-RPC as before it."""

import itertools
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from . import books as verbs
from . import odoo_shapes as shapes
from .amounts import to_minor
from .errors import HTML, Denied, with_status
from .faults import Fault
from .guard import page_of
from .state import happened, here, locked
from .world import Company
from .xero import pdf

ID = "odoo"
bp = Blueprint("sandbox_odoo", __name__, url_prefix=f"/{ID}")
DATABASE, LOGIN = "willow", "owner@willow.example"
Json = dict[str, Any]
TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda mine, wanted: mine == wanted,
    "!=": lambda mine, wanted: mine != wanted,
    ">": lambda mine, wanted: mine is not False and mine > wanted,
    ">=": lambda mine, wanted: mine is not False and mine >= wanted,
    "in": lambda mine, wanted: mine in wanted,
    "ilike": lambda mine, wanted: str(wanted).lower() in str(mine).lower(),
}


class Trouble(Exception):
    """An exception of the server's: a status for JSON-2, a name for both."""

    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status, self.name = status, name


def asked_company() -> Company | None:
    held, _ = here().ledger.look(ID, key_given())
    return held.grant.companies[0] if held else None


def key_given() -> str:
    if request.path.endswith("/jsonrpc"):
        args = (request.get_json(silent=True) or {}).get("params", {}).get("args") or []
        return str(args[2]) if len(args) > 2 else ""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else ""


def struck(fault: Fault) -> Response:
    if fault.kind == "429":
        return Response("Too Many Requests", 429, {"Retry-After": str(int(fault.seconds))})
    if fault.kind == "200error":
        return Response(HTML, 200, {"Content-Type": "text/html; charset=utf-8"})
    return {
        "401": said(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey"),
        "403": said(403, "odoo.exceptions.AccessError", "You are not allowed to access 'Journal Entry' records."),
    }.get(fault.kind) or said(500, "psycopg2.OperationalError", "server closed the connection unexpectedly")


def said(status: int, name: str, message: str) -> Response:
    arguments = [message, status] if name.startswith("werkzeug") else [message]
    return with_status(jsonify(name=name, message=message, arguments=arguments, context={}, debug="..."), status)


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


# --- two ways in ----------------------------------------------------------------------------------------------------


@bp.post("/json/2/<model>/<method>")
@locked
def json_2(model: str, method: str) -> ResponseReturnValue:
    held, state = here().ledger.look(ID, key_given())
    if held is None or state != "good":
        return said(401, "werkzeug.exceptions.Unauthorized", "Invalid apikey")
    if request.headers.get("X-Odoo-Database", DATABASE) != DATABASE:
        return said(404, "werkzeug.exceptions.NotFound", "The database does not exist")
    try:
        return jsonify(called(held.grant.companies[0], model, method, request.get_json(silent=True) or {}))
    except Trouble as problem:
        return said(problem.status, problem.name, str(problem))


@bp.post("/jsonrpc")
@locked
def json_rpc() -> Response:
    asked = request.get_json(silent=True) or {}
    params = asked.get("params", {})
    try:
        result = remote(str(params.get("service")), str(params.get("method")), params.get("args") or [])
    except Trouble as problem:
        data = {"name": problem.name, "message": str(problem), "arguments": [str(problem)], "debug": "..."}
        return jsonify(jsonrpc="2.0", id=asked.get("id"),
                       error={"code": 200, "message": "Odoo Server Error", "data": data})  # fmt: skip
    return jsonify(jsonrpc="2.0", id=asked.get("id"), result=result)


def remote(service: str, method: str, args: list[Any]) -> Any:
    held, state = here().ledger.look(ID, str(args[2]) if len(args) > 2 else "")
    is_good = held is not None and state == "good" and args[0] == DATABASE
    if (service, method) == ("common", "authenticate"):
        return 2 if is_good and args[1] == LOGIN else False
    if held is None or not is_good or args[1] != 2:
        raise Trouble(401, "odoo.exceptions.AccessDenied", "Access Denied")
    model, name, on, given = args[3:7]
    return called(held.grant.companies[0], model, name, {**given, **({"ids": on[0]} if on else {})})


def called(company: Company, model: str, method: str, given: Json) -> Any:
    if method == "search_read":
        return search(company, model, given)
    other = METHODS.get((model, method))
    if other is None:
        raise Trouble(404, "werkzeug.exceptions.NotFound", f"the model or method {model}.{method} does not exist")
    return other(company, given)


# --- reading --------------------------------------------------------------------------------------------------------


def records(company: Company, model: str) -> list[Json]:
    sent = [one for one in company.invoices.values() if one.status != "deleted"]
    received = list(company.payments.values())
    made: dict[str, Callable[[], list[Json]]] = {
        "res.company": lambda: [shapes.company_row(company)],
        "res.partner": lambda: [shapes.partner(one) for one in company.customers.values()],
        "account.move": lambda: (
            [shapes.invoice(company, one) for one in sent]
            + [shapes.refund(company, one) for one in company.credit_notes.values()]
        ),
        "account.payment": lambda: [shapes.payment(company, one) for one in received],
        "account.move.line": lambda: (
            [line for one in sent for line in (*shapes.owed_lines(one), *shapes.sold_lines(one))]
            + [shapes.received_line(one) for one in received]
        ),
        "account.partial.reconcile": lambda: [row for one in received for row in shapes.matches(one)],
        "mail.message": lambda: messages(company),
    }
    if model not in made:
        raise Trouble(404, "werkzeug.exceptions.NotFound", f"the model {model} does not exist")
    return made[model]()


def search(company: Company, model: str, given: Json) -> list[Json]:
    rows = [row for row in records(company, model) if all(fits(row, one) for one in given.get("domain", []))]
    if model == "res.partner" and given.get("context", {}).get("active_test", True):
        rows = [row for row in rows if row["active"]]
    order = [field.strip() for field in str(given.get("order", "id")).split(",")]
    rows.sort(key=lambda row: [row[name] for name in order])
    start, size = int(given.get("offset", 0)), given.get("limit")
    shown = page_of(rows, start, int(size)) if size else rows[start:]
    fields = given.get("fields") or list(rows[0] if rows else {})
    unknown = [name for name in fields if rows and name not in rows[0]]
    if unknown:
        raise Trouble(500, "builtins.ValueError", f"Invalid field {unknown[0]!r} on model {model!r}")
    return [{"id": row["id"], **{name: row[name] for name in fields}} for row in shown]


def fits(row: Json, leaf: Any) -> bool:
    name, test, wanted = leaf
    if name not in row or test not in TESTS:
        raise Trouble(500, "builtins.ValueError", f"Invalid leaf {leaf}")
    mine = row[name]
    return TESTS[test](mine[0] if isinstance(mine, list) and mine else mine, wanted)


# --- writing --------------------------------------------------------------------------------------------------------


def messages(company: Company) -> list[Json]:
    held = here().remembered.setdefault((f"{ID} messages", company.external_id), [])
    assert isinstance(held, list)
    return held


def message_post(company: Company, given: Json) -> list[int]:
    invoice = company.invoices.get(str(given["ids"][0]))
    if invoice is None:
        raise Trouble(404, "odoo.exceptions.MissingError", "Record does not exist or has been deleted.")
    invoice.notes.append(str(given["body"]))
    kept = messages(company)
    kept.append({"id": len(kept) + 1, "model": "account.move", "res_id": int(invoice.id), "body": given["body"]})
    return [len(kept)]


def windows() -> dict[int, Json]:
    held = here().remembered.setdefault((ID, "windows"), {})
    assert isinstance(held, dict)
    return held


_numbers = itertools.count(1)


def open_window(_: Company, given: Json) -> list[int]:
    number = next(_numbers)
    windows()[number] = {**given["vals_list"][0], "move": given["context"]["active_ids"][0]}
    return [number]


def create_payments(company: Company, given: Json) -> Json:
    asked = windows().pop(int(given["ids"][0]))
    invoice = company.invoices.get(str(asked["move"]))
    if invoice is None or not invoice.is_open:
        raise Trouble(422, "odoo.exceptions.UserError", "There is nothing left to pay on this invoice.")
    amount = to_minor(asked["amount"], invoice.currency)
    payment, changes = verbs.pay_invoice(company, invoice, here().clock.now(), amount, str(asked["communication"]))
    happened(changes)
    return {"type": "ir.actions.act_window", "res_model": "account.payment", "res_id": int(payment.id)}


def revoke_key(_: Company, given: Json) -> None:
    if here().ledger.revoke_token(ID, str(given.get("key"))) is None:
        raise Trouble(403, "odoo.exceptions.AccessDenied", "Access Denied")


METHODS: dict[tuple[str, str], Callable[[Company, Json], Any]] = {
    ("account.move", "message_post"): message_post,
    ("account.payment.register", "create"): open_window,
    ("account.payment.register", "action_create_payments"): create_payments,
    ("res.users.apikeys", "revoke"): revoke_key,
}


@bp.get("/my/invoices/<number>")
@locked
def portal(number: str) -> ResponseReturnValue:
    """The page of a shared invoice, for whoever has its token."""
    token = request.args.get("access_token", "")
    company, named = here().world.pay_tokens.get(token, (None, ""))
    if company is None or named != number or "shared" not in company.invoices[number].memo:
        return "Not found", 404
    if request.args.get("report_type") == "pdf":
        return pdf(company, company.invoices[number])
    return f"Invoice {company.invoices[number].number}"
