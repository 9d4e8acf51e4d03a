"""Dynamics 365 Business Central and its part of Entra, under /business_central."""

import base64
import json
import operator
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import requests
from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from . import business_central_shapes as shapes
from . import oauth_web
from .clock import parse_moment
from .errors import HTML, Denied, with_status
from .faults import Fault
from .guard import page_of
from .oauth import CLIENTS, Access, Refused
from .state import here, link, locked
from .world import Change, Company
from .xero import pdf

ID = "business_central"
bp = Blueprint("sandbox_business_central", __name__, url_prefix=f"/{ID}")
API = "/v2.0/<environment>/api/v2.0"
ENVIRONMENT = "production"
PAGE, MOST = 20_000, 20_000
SUBSCRIBED = timedelta(days=3)
WORD = re.compile(r"\s*(\w+) (eq|ge|gt|le|lt) ('(?:[^']|'')*'|[\w:.-]+)\s*")
RESOURCES = {"invoice": "salesInvoices", "customer": "customers", "credit_note": "salesCreditMemos"}
COMPARISONS = {"eq": operator.eq, "ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
Json = dict[str, Any]
Shape = Callable[[Company, Any], Json]


def no(status: int, code: str, message: str) -> Response:
    return with_status(jsonify(error={"code": code, "message": f"{message}  CorrelationId:  {uuid4()}."}), status)


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


def asked_company() -> Company | None:
    """The one in the address; for the list of companies, the first that the token opens."""
    named = (request.view_args or {}).get("company")
    if named:
        return here().world.by_external_id(ID, named)
    held, _ = here().ledger.look(ID, bearer())
    return held.grant.companies[0] if held else None


def struck(fault: Fault) -> Response:
    if fault.kind == "401":
        return no(401, "Authentication_InvalidCredentials", "The server has rejected the client credentials.")
    if fault.kind == "403":
        return no(403, "Internal_CompanyNotFound", "You do not have access to the company.")
    if fault.kind == "429":
        answer = no(429, "Application_TooManyRequests", "Too many requests reached. Actual (6001). Maximum (6000).")
        return with_status(answer, 429, {"Retry-After": str(int(fault.seconds))})
    if fault.kind == "200error":
        return Response(HTML, 200, {"Content-Type": "text/html; charset=utf-8"})
    return no(500, "Internal_ServerError", "An internal server error occurred.")


# --- Entra ----------------------------------------------------------------------------------------------------------


@bp.route("/organizations/oauth2/v2.0/authorize", methods=["GET", "POST"])
@locked
def authorize() -> ResponseReturnValue:
    return oauth_web.authorize(ID, lambda companies: {"session_state": str(uuid4())})


@bp.post("/organizations/oauth2/v2.0/token")
@locked
def token() -> ResponseReturnValue:
    client = CLIENTS[ID]
    given = oauth_web.basic_auth() or (request.form.get("client_id"), request.form.get("client_secret"))
    if given != (client.id, client.secret):
        return jsonify(error="invalid_client", error_description="AADSTS7000215: Invalid client secret provided."), 401
    tokens = oauth_web.redeem(ID)
    answer: Json = {
        "token_type": "Bearer",
        "scope": "https://api.businesscentral.dynamics.com/Financials.ReadWrite.All",
        "expires_in": tokens.seconds,
        "ext_expires_in": tokens.seconds,
        "access_token": tokens.access.value,
    }
    if tokens.refresh:
        answer["refresh_token"] = tokens.refresh.value
    return jsonify(answer)


@bp.errorhandler(Refused)
def refused(error: Refused) -> ResponseReturnValue:
    return jsonify(error=error.error, error_description=f"AADSTS70000: {error.description}"), 400


# --- the API --------------------------------------------------------------------------------------------------------


def bearer() -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def signed_in(environment: str) -> Access:
    held, state = here().ledger.look(ID, bearer())
    if held is None or state != "good":
        raise Denied(no(401, "Authentication_InvalidCredentials", "The server has rejected the client credentials."))
    if environment.lower() != ENVIRONMENT:
        raise Denied(no(404, "NoEnvironment", "Environment does not exist."))
    return held


def enter(environment: str, company: str) -> Company:
    held = signed_in(environment)
    found = next((one for one in held.grant.companies if one.external_id == company.lower()), None)
    if found is None:
        raise Denied(no(404, "Internal_CompanyNotFound", "Cannot find company."))
    return found


def listed(company: Company, rows: list[Any], shape: Shape) -> Response:
    """Filtered, in order of the last change, and paged: the next page begins behind the last row of this one."""
    test = condition(request.args.get("$filter", ""))
    order = request.args.get("$orderby")
    if order not in (None, "lastModifiedDateTime", "lastModifiedDateTime asc"):
        raise Denied(no(400, "BadRequest", f"Could not find a property named '{order}'."))
    kept = sorted((one for one in rows if test(shape(company, one))), key=keyed)
    after = base64.urlsafe_b64decode(request.args.get("$skiptoken", "")).decode().partition(" ")
    start = next((n for n, one in enumerate(kept) if keyed(one) > (after[0], after[2])), len(kept))
    size = page_size()
    shown = page_of(kept, start, size)
    body: Json = {"@odata.context": link(f"/{ID}/$metadata"), "value": [shape(company, one) for one in shown]}
    if start + size < len(kept):
        where = base64.urlsafe_b64encode(" ".join(keyed(kept[start + size - 1])).encode()).decode()
        given = {name: value for name, value in request.args.items() if name != "$skiptoken"} | {"$skiptoken": where}
        body["@odata.nextLink"] = requests.Request("GET", link(request.path), params=given).prepare().url
    return jsonify(body)


def keyed(one: Any) -> tuple[str, str]:
    return shapes.moment(one.updated_at), one.id


def page_size() -> int:
    found = re.search(r"odata\.maxpagesize=(\d+)", request.headers.get("Prefer", ""))
    return max(1, min(int(found[1]), MOST)) if found else PAGE


def condition(text: str) -> Callable[[Json], bool]:
    """`a eq 1 and b gt 2`, or `a eq 1 or a eq 2` over one field."""
    for word, whole in ((" and ", all), (" or ", any)):
        parts = [WORD.fullmatch(part) for part in text.split(word)] if text else []
        if all(parts):
            names = {part[1] for part in parts if part}
            if word == " or " and len(names) > 1:
                break
            wanted = [(part[1], part[2], part[3]) for part in parts if part]
            return lambda row, whole=whole: whole(holds(row, *one) for one in wanted) if wanted else True  # type: ignore[misc]
    raise Denied(no(400, "BadRequest", "Syntax error in the filter, or an 'or' over more than one field."))


def holds(row: Json, name: str, test: str, text: str) -> bool:
    if name not in row:
        raise Denied(no(400, "BadRequest", f"Could not find a property named '{name}'."))
    mine: Any = row[name]
    theirs: Any = text[1:-1].replace("''", "'") if text.startswith("'") else text
    if name.endswith("DateTime"):
        mine, theirs = parse_moment(mine), parse_moment(theirs)
    return bool(COMPARISONS[test](mine, theirs))


@bp.get(f"{API}/companies")
@locked
def companies(environment: str) -> Response:
    return jsonify(value=[shapes.company_row(one) for one in signed_in(environment).grant.companies])


@bp.get(f"{API}/companies(<company>)/companyInformation")
@locked
def information(environment: str, company: str) -> Response:
    return jsonify(value=[shapes.information(enter(environment, company))])


@bp.get(f"{API}/companies(<company>)/salesInvoices")
@locked
def invoices(environment: str, company: str) -> Response:
    books = enter(environment, company)
    names = [name for name in request.args.get("$expand", "").split(",") if name]
    if unknown := next((name for name in names if name not in shapes.LEADS_TO), ""):
        raise Denied(no(400, "BadRequest", f"Could not find a property named '{unknown}'."))
    shape = shapes.expanded(names)
    return listed(books, [one for one in books.invoices.values() if one.status != "deleted"], shape)


@bp.get(f"{API}/companies(<company>)/salesCreditMemos")
@locked
def credit_memos(environment: str, company: str) -> Response:
    books = enter(environment, company)
    return listed(books, list(books.credit_notes.values()), shapes.credit_memo)


@bp.get(f"{API}/companies(<company>)/customers")
@locked
def customers(environment: str, company: str) -> Response:
    books = enter(environment, company)
    return listed(books, list(books.customers.values()), shapes.customer)


@bp.get(f"{API}/companies(<company>)/salesInvoices(<number>)/pdfDocument/pdfDocumentContent")
@locked
def document(environment: str, company: str, number: str) -> Response:
    books = enter(environment, company)
    if number not in books.invoices:
        raise Denied(no(404, "BadRequest_NotFound", "Bad Request - Error in query syntax."))
    return pdf(books, books.invoices[number])


# --- payments that wait for a person --------------------------------------------------------------------------------


def journals_of(company: Company) -> dict[str, Json]:
    """By id; the lines of each are under `lines`, by id."""
    kept = here().remembered.setdefault((ID, company.external_id), {})
    assert isinstance(kept, dict)
    return kept


def bare(rows: list[Json]) -> Response:
    test = condition(request.args.get("$filter", ""))
    return jsonify(value=[row for row in rows if test(row)])


@bp.get(f"{API}/companies(<company>)/customerPaymentJournals")
@locked
def journals(environment: str, company: str) -> Response:
    rows = journals_of(enter(environment, company)).values()
    return bare([{name: value for name, value in row.items() if name != "lines"} for row in rows])


@bp.post(f"{API}/companies(<company>)/customerPaymentJournals")
@locked
def add_journal(environment: str, company: str) -> ResponseReturnValue:
    asked, number = request.get_json(silent=True) or {}, str(uuid4())
    books, code = enter(environment, company), str(asked.get("code", ""))
    if not code or any(one["code"] == code for one in journals_of(books).values()):
        return no(400, "Internal_EntityWithSameKeyExists", "The record already exists.")
    journals_of(books)[number] = {
        "id": number, "code": code, "displayName": str(asked.get("displayName", code)), "lines": {},
        "lastModifiedDateTime": shapes.moment(here().clock.now()), "balancingAccountId": shapes.NOBODY,
        "balancingAccountNumber": "",
    }  # fmt: skip
    return jsonify({name: value for name, value in journals_of(books)[number].items() if name != "lines"}), 201


@bp.route(f"{API}/companies(<company>)/customerPaymentJournals(<journal>)/customerPayments", methods=["GET", "POST"])
@locked
def journal_lines(environment: str, company: str, journal: str) -> ResponseReturnValue:
    books = enter(environment, company)
    held = journals_of(books).get(journal)
    if held is None:
        return no(404, "BadRequest_ResourceNotFound", "Resource not found for the segment 'customerPaymentJournals'.")
    if request.method == "GET":
        return bare(list(held["lines"].values()))
    asked, number = request.get_json(silent=True) or {}, str(uuid4())
    invoice = books.invoices.get(str(asked.get("appliesToInvoiceId")))
    if asked.get("customerId") not in books.customers or invoice is None:
        return no(400, "Application_DialogException", "The customer or the invoice does not exist.")
    held["lines"][number] = {
        "id": number, "journalId": journal, "lineNumber": 10_000 * (len(held["lines"]) + 1),
        "appliesToInvoiceNumber": invoice.number, "comment": "",
        "lastModifiedDateTime": shapes.moment(here().clock.now()),
        **{name: asked.get(name, "") for name in PAYMENT_FIELDS},
    }  # fmt: skip
    return jsonify(held["lines"][number]), 201


PAYMENT_FIELDS = (
    "customerId", "postingDate", "documentNumber", "externalDocumentNumber", "amount", "appliesToInvoiceId",
    "description",
)  # fmt: skip


# --- subscriptions --------------------------------------------------------------------------------------------------


def subscriptions() -> dict[str, Json]:
    kept = here().remembered.setdefault((ID, "subscriptions"), {})
    assert isinstance(kept, dict)
    return kept


@bp.post(f"{API}/subscriptions")
def subscribe(environment: str) -> ResponseReturnValue:
    """Not under the world's lock: the receiver is asked for our word before we go on."""
    signed_in(environment)
    number = uuid4().hex
    return keep(number, request.get_json(silent=True) or {}), 201


@bp.get(f"{API}/subscriptions('<number>')")
@locked
def subscription(environment: str, number: str) -> Response:
    signed_in(environment)
    return jsonify(standing(number))


@bp.patch(f"{API}/subscriptions('<number>')")
def renew(environment: str, number: str) -> Response:
    signed_in(environment)
    held, match = standing(number), request.headers.get("If-Match")
    if match is None or match not in ("*", held["@odata.etag"]):
        raise Denied(no(409, "Request_EntityChanged", "Another user has already changed the record."))
    return keep(number, {**held, **(request.get_json(silent=True) or {})})


@bp.delete(f"{API}/subscriptions('<number>')")
@locked
def unsubscribe(environment: str, number: str) -> ResponseReturnValue:
    signed_in(environment)
    standing(number)
    del subscriptions()[number]
    return "", 204


def standing(number: str) -> Json:
    held = subscriptions().get(number)
    if held is None or parse_moment(held["expirationDateTime"]) < here().clock.now():
        subscriptions().pop(number, None)
        raise Denied(no(404, "BadRequest_NotFound", "The subscription does not exist."))
    return held


def keep(number: str, asked: Json) -> Response:
    """Only for a receiver that gives our word back."""
    word, now = str(uuid4()), here().clock.now()
    try:
        answer = requests.post(str(asked.get("notificationUrl")), params={"validationToken": word}, timeout=10)
        is_there = answer.status_code == 200 and answer.text == word
    except requests.RequestException:
        is_there = False
    if not is_there:
        raise Denied(no(400, "Application_SubscriptionValidationFailed", "The handshake with the receiver failed."))
    with here().world.lock:
        subscriptions()[number] = {
            "@odata.etag": shapes.etag(now, number),
            "subscriptionId": number,
            "notificationUrl": asked["notificationUrl"],
            "resource": asked["resource"],
            "userId": shapes.NOBODY,
            "lastModifiedDateTime": shapes.moment(now),
            "clientState": str(asked.get("clientState", ""))[:2048],
            "expirationDateTime": shapes.moment(now + SUBSCRIBED),
        }
    return jsonify(subscriptions()[number])


def told(change: Change) -> list[tuple[str, str, dict[str, str]]]:
    """The requests that a change is worth: address, body, headers."""
    name, now = RESOURCES.get(change.noun), here().clock.now()
    if name is None or change.record is None:
        return []
    folder = f"api/v2.0/companies({change.company.external_id})/{name}"
    return [
        (held["notificationUrl"], json.dumps({"value": [notification(held, folder, change)]}), {})
        for held in subscriptions().values()
        if held["resource"].strip("/") == folder and parse_moment(held["expirationDateTime"]) > now
    ]


def notification(held: Json, folder: str, change: Change) -> Json:
    assert change.record is not None
    return {
        "subscriptionId": held["subscriptionId"],
        "clientState": held["clientState"],
        "expirationDateTime": held["expirationDateTime"],
        "resource": f"{folder}({change.record.id})",
        "changeType": change.op if change.op in ("created", "deleted") else "updated",
        "lastModifiedDateTime": shapes.moment(change.at),
    }
