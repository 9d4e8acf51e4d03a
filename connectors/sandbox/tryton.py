"""Tryton: one vendor's server, under /tryton, as version 8.2 was measured to answer (the real one: tests/judges)."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from . import tryton_shapes as shapes
from .errors import Denied
from .faults import Fault
from .guard import page_of
from .state import here, locked
from .world import Applied, Company, Payment
from .xero import pdf

ID = "tryton"
bp = Blueprint("sandbox_tryton", __name__, url_prefix=f"/{ID}")
DATABASE = "yarrow"
Json = dict[str, Any]
PAGES = {
    401: "The server could not verify that you are authorized to access the URL requested.",
    404: "The requested URL was not found on the server.",
    403: "You don't have the permission to access the requested resource.",
    429: "This user has exceeded an allotted request count. Try again later.",
    500: "'nope.model'",
}
NAMES = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}
TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda mine, wanted: mine == wanted,
    "!=": lambda mine, wanted: mine != wanted,
    ">": lambda mine, wanted: mine is not None and mine > wanted,
    ">=": lambda mine, wanted: mine is not None and mine >= wanted,
    "in": lambda mine, wanted: mine in wanted,
    "like": lambda mine, wanted: str(mine).endswith(str(wanted).removeprefix("%")),
}


def page(status: int, headers: dict[str, str] | None = None) -> Response:
    """Every error is a page of HTML."""
    name = f"{status} {NAMES.get(status, 'Internal Server Error')}"
    text = f"<!doctype html>\n<html lang=en>\n<title>{name}</title>\n<h1>{name[4:]}</h1>\n<p>{PAGES[status]}</p>\n"
    return Response(text, status, headers, content_type="text/html; charset=utf-8")


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


def asked_company() -> Company | None:
    held, _ = here().ledger.look(ID, key_given())
    return held.grant.companies[0] if held else None


def struck(fault: Fault) -> Response:
    if fault.kind == "200error":
        return Response(page(500).get_data(), 200, content_type="text/html; charset=utf-8")
    return page(int(fault.kind), {"Retry-After": str(int(fault.seconds))} if fault.kind == "429" else None)


def key_given() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else ""


def enter(database: str) -> Company:
    if database != DATABASE:
        raise Denied(page(404))
    held, state = here().ledger.look(ID, key_given())
    if held is None or state != "good":
        raise Denied(page(401))
    return held.grant.companies[0]


def records(company: Company, model: str) -> list[Json]:
    paid: dict[str, list[tuple[Payment, Applied]]] = {}
    for payment in company.payments.values():
        for part in payment.applied if not payment.deleted else ():
            paid.setdefault(part.invoice_id, []).append((payment, part))
    made: dict[str, Callable[[], list[Json]]] = {
        "company.company": lambda: [shapes.company_row(company)],
        "party.party": lambda: [shapes.party(one) for one in company.customers.values()],
        "account.invoice": lambda: (
            [
                shapes.invoice(company, one, paid.get(one.id, []))
                for one in company.invoices.values()
                if one.status != "deleted"
            ]
            + [shapes.credit_note(company, one) for one in company.credit_notes.values()]
        ),
        "ir.note": lambda: notes(company),
    }
    if model not in made:
        raise Denied(page(500))
    return made[model]()


@bp.get("/<database>/rest/model/<model>")
@locked
def search(database: str, model: str) -> Response:
    company = enter(database)
    rows = [row for row in records(company, model) if holds(row, packed("d", []))]
    if model == "party.party" and '"active"' not in json.dumps(packed("d", [])):
        rows = [row for row in rows if row["active"]]
    for field, way in reversed(packed("o", [["id", "ASC"]])):
        rows.sort(key=lambda row, name=field: comparable(row[name]), reverse=way == "DESC")  # type: ignore[misc]
    start, size = int(request.args.get("p", 0)), int(request.args.get("s", len(rows) or 1))
    return jsonify([chosen(row, request.args.getlist("f")) for row in page_of(rows, start, size)])


def packed(name: str, usual: list[Any]) -> list[Any]:
    text = request.args.get(name)
    found = json.loads(urlsafe_b64decode(text)) if text else usual
    return found if isinstance(found, list) else usual


def holds(row: Json, domain: list[Any]) -> bool:
    """All of them, or with OR in front any of them; a condition is [field, operator, value]."""
    if len(domain) == 3 and all(isinstance(one, str) for one in domain[:2]) and domain[0] not in ("OR", "AND"):
        return any(TESTS[domain[1]](mine, comparable(domain[2])) for mine in reached(row, domain[0]))
    if domain and domain[0] == "OR":
        return any(holds(row, one) for one in domain[1:])
    return all(holds(row, one) for one in domain if one != "AND")


def reached(row: Any, path: str) -> list[Any]:
    """What a dotted name leads to; through a list, to each."""
    name, _, rest = path.partition(".")
    found = row.get(name)
    if isinstance(found, list):
        return [each for one in found for each in (reached(one, rest) if rest else [one["id"]])]
    if isinstance(found, dict) and "__class__" not in found:
        return reached(found, rest) if rest else [found["id"]]
    return [comparable(found)]


def comparable(value: Any) -> Any:
    if isinstance(value, dict) and value.get("__class__") in ("date", "datetime"):
        return [value.get(name, 0) for name in ("year", "month", "day", "hour", "minute", "second", "microsecond")]
    return value


def chosen(row: Any, fields: list[str]) -> Any:
    """The fields asked for, dotted ones inside what they lead through."""
    if not isinstance(row, dict):
        return row
    wanted: dict[str, list[str]] = {}
    for field in fields:
        name, _, rest = field.partition(".")
        wanted.setdefault(name, []).extend([rest] if rest else [])
    shown = {name: row[name] for name in ("id", "__name__")}
    for name, inner in wanted.items():
        if name not in row:
            raise Denied(page(500))
        found = row[name]
        if isinstance(found, list):
            found = [chosen(one, inner) for one in found] if inner else [one["id"] for one in found]
        elif isinstance(found, dict) and "__class__" not in found:
            found = chosen(found, inner) if inner else found["id"]
        shown[name] = found
    return shown


def notes(company: Company) -> list[Json]:
    held = here().remembered.setdefault((f"{ID} notes", company.external_id), [])
    assert isinstance(held, list)
    return held


@bp.post("/<database>/rest/model/ir.note")
@locked
def add_note(database: str) -> ResponseReturnValue:
    company, asked = enter(database), request.get_json(silent=True) or {}
    named, _, number = str(asked.get("resource", "")).partition(",")
    if named != "account.invoice" or number not in company.invoices:
        return page(500)
    company.invoices[number].notes.append(str(asked.get("message", "")))
    held = notes(company)
    held.append({"__name__": "ir.note", "id": len(held) + 1, **asked})
    return jsonify(held[-1])


@bp.get("/<database>/rest/report/account.invoice/<int:number>")
@locked
def report(database: str, number: int) -> Response:
    company = enter(database)
    if str(number) not in company.invoices:
        return page(404)
    return pdf(company, company.invoices[str(number)])
