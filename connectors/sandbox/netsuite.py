"""NetSuite under /netsuite/<account>: its OAuth server, SuiteQL and the one record that can be made. An account's
hosts know that account only."""

from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from . import books as verbs
from . import oauth_web, suiteql
from .amounts import to_minor
from .errors import HTML, Denied, with_status
from .faults import Fault
from .guard import page_of
from .oauth import CLIENTS, Refused
from .state import happened, here, link, locked
from .world import Company, Invoice

ID = "netsuite"
bp = Blueprint("sandbox_netsuite", __name__, url_prefix=f"/{ID}/<account>")
OAUTH, REST = "/services/rest/auth/oauth2/v1", "/services/rest"
MOST = 1000
Json = dict[str, Any]


def no(status: int, title: str, code: str, detail: str) -> Response:
    body = {
        "type": "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html",
        "title": title,
        "status": status,
        "o:errorDetails": [{"detail": detail, "o:errorCode": code}],
    }
    return with_status(jsonify(body), status)


@bp.url_value_preprocessor
def keep_account(_: str | None, values: dict[str, Any] | None) -> None:
    """Views take their own part of the address only."""
    g.account = (values or {}).pop("account", "")


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


def asked_company() -> Company | None:
    return here().world.by_external_id(ID, g.account)


def struck(fault: Fault) -> Response:
    if fault.kind == "401":
        return no(401, "Unauthorized", "INVALID_LOGIN", "Invalid login attempt.")
    if fault.kind == "403":
        return no(403, "Forbidden", "INSUFFICIENT_PERMISSION", "You do not have permission to access this.")
    if fault.kind == "429":
        return no(429, "Too Many Requests", "CONCURRENCY_LIMIT_EXCEEDED", "Concurrent request limit exceeded.")
    if fault.kind == "200error":
        return Response(HTML, 200, {"Content-Type": "text/html; charset=utf-8"})
    return no(500, "Internal Server Error", "UNEXPECTED_ERROR", "An unexpected error occurred.")


# --- OAuth ----------------------------------------------------------------------------------------------------------


@bp.route("/app/login/oauth2/authorize.nl", methods=["GET", "POST"])
@locked
def authorize() -> ResponseReturnValue:
    if not 24 <= len(request.args.get("state", "")) <= 1024:
        return "state must have 24 to 1024 characters", 400
    return oauth_web.authorize(ID, lambda companies: {"company": companies[0].external_id, "role": "3", "entity": "12"})


@bp.post(f"{OAUTH}/token")
@locked
def token() -> ResponseReturnValue:
    """A refresh gives no other refresh token to a client that has a secret; using it makes it live another week."""
    if oauth_web.basic_auth() != (CLIENTS[ID].id, CLIENTS[ID].secret):
        return jsonify(error="invalid_client"), 401
    tokens = oauth_web.redeem(ID)
    if tokens.grant.companies[0] is not asked_company():
        raise Refused("invalid_grant")
    answer: Json = {
        "access_token": tokens.access.value,
        "expires_in": str(tokens.seconds),
        "token_type": "bearer",
    }
    if tokens.refresh and request.form.get("grant_type") == "authorization_code":
        answer["refresh_token"] = tokens.refresh.value
    return jsonify(answer)


@bp.errorhandler(Refused)
def refused(error: Refused) -> ResponseReturnValue:
    return jsonify(error=error.error), 400


@bp.post(f"{OAUTH}/revoke")
@locked
def revoke() -> ResponseReturnValue:
    if oauth_web.basic_auth() != (CLIENTS[ID].id, CLIENTS[ID].secret):
        return jsonify(error="invalid_client"), 401
    here().ledger.revoke_token(ID, request.form.get("token", ""))
    return "", 200


# --- the API --------------------------------------------------------------------------------------------------------


def enter() -> Company:
    held, state = here().ledger.look(ID, request.headers.get("Authorization", "").removeprefix("Bearer "))
    if held is None or state != "good" or held.grant.companies[0] is not asked_company():
        raise Denied(no(401, "Unauthorized", "INVALID_LOGIN", "Invalid login attempt."))
    return held.grant.companies[0]


@bp.post(f"{REST}/query/v1/suiteql")
@locked
def query() -> Response:
    company, asked = enter(), (request.get_json(silent=True) or {}).get("q", "")
    if request.headers.get("Prefer") != "transient":
        raise Denied(no(400, "Bad Request", "INVALID_HEADER", "The Prefer header must be transient."))
    limit, start = min(int(request.args.get("limit", MOST)), MOST), int(request.args.get("offset", 0))
    try:
        rows = suiteql.run(company, str(asked))
    except suiteql.BadQuery as problem:
        raise Denied(no(400, "Bad Request", "INVALID_PARAMETER", str(problem))) from problem
    shown = page_of(rows, start, limit)
    return jsonify(
        links=[{"rel": "self", "href": link(request.path)}],
        count=len(shown),
        hasMore=start + limit < len(rows),
        items=[{"links": [], **row} for row in shown],
        offset=start,
        totalResults=len(rows),
    )


@bp.post(f"{REST}/record/v1/customerPayment")
@locked
def create_payment() -> ResponseReturnValue:
    """An external id is taken once."""
    company, body = enter(), request.get_json(silent=True) or {}
    key = str(body.get("externalId", ""))
    if any(one.reference == key for one in company.payments.values() if key and not one.deleted):
        raise Denied(no(400, "Bad Request", "USER_ERROR", "A record with this external ID already exists."))
    found, amount = target(company, body)
    made, changes = verbs.pay_invoice(company, found, here().clock.now(), amount, key)
    happened(changes)
    where = link(f"/{ID}/{g.account}{REST}/record/v1/customerPayment/{made.id}")
    return Response("", 204, {"Location": where})


def target(company: Company, body: Json) -> tuple[Invoice, int]:
    """The one invoice the payment is applied to, and how much."""
    first = (body.get("apply", {}).get("items") or [{}])[0]
    found = company.invoices.get(str(first.get("doc", {}).get("id", "")))
    if found is None or found.customer_id != str(body.get("customer", {}).get("id")):
        raise Denied(no(400, "Bad Request", "USER_ERROR", "Invalid doc reference key."))
    amount = to_minor(first.get("amount", 0), found.currency)
    if not found.is_open or not 0 < amount <= found.balance or first.get("apply") is not True:
        raise Denied(no(400, "Bad Request", "USER_ERROR", "The amount exceeds what is due."))
    return found, amount
