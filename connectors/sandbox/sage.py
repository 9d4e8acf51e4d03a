"""Sage Accounting and its OAuth server, under /sage. Lists show ids and names unless asked for more."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from . import oauth_web
from . import sage_shapes as shapes
from .clock import parse_moment
from .errors import HTML, Denied, with_status
from .faults import Fault
from .guard import page_of
from .oauth import CLIENTS, Access, Refused
from .state import here, locked
from .world import Company, Invoice
from .xero import pdf

ID = "sage"
bp = Blueprint("sandbox_sage", __name__, url_prefix=f"/{ID}")
API = "/v3.1"
USUAL, MOST = 20, 200
REFRESH_SECONDS = 2_678_400
Json = dict[str, Any]
Shape = Callable[[Company, Any], Json]


def no(status: int, code: str, message: str) -> Response:
    problem = [{"$severity": "error", "$dataCode": code, "$message": message, "$source": ""}]
    return with_status(jsonify(problem), status)


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


def asked_company() -> Company | None:
    """The business in the header, else the first that the token opens."""
    named = here().world.by_external_id(ID, request.headers.get("X-Business", ""))
    held, _ = here().ledger.look(ID, bearer())
    return named or (held.grant.companies[0] if held else None)


def struck(fault: Fault) -> Response:
    if fault.kind == "401":
        return no(401, "AuthenticationFailure", "Authentication failed")
    if fault.kind == "403":
        return no(403, "AuthorizationFailure", "You are not authorized to perform that operation")
    if fault.kind == "429":
        return no(429, "RateLimitExceeded", "Rate limit exceeded")
    if fault.kind == "200error":
        return Response(HTML, 200, {"Content-Type": "text/html; charset=utf-8"})
    return no(500, "UnexpectedError", "An unexpected error occurred")


# --- OAuth ----------------------------------------------------------------------------------------------------------


@bp.route("/oauth2/auth/central", methods=["GET", "POST"])
@locked
def authorize() -> ResponseReturnValue:
    return oauth_web.authorize(ID, lambda companies: {"country": companies[0].country})


def is_client() -> bool:
    return (request.form.get("client_id"), request.form.get("client_secret")) == (CLIENTS[ID].id, CLIENTS[ID].secret)


@bp.post("/token")
@locked
def token() -> ResponseReturnValue:
    if not is_client():
        return jsonify(error="invalid_client"), 401
    tokens = oauth_web.redeem(ID)
    assert tokens.refresh is not None
    return jsonify(
        access_token=tokens.access.value,
        expires_in=tokens.seconds,
        token_type="bearer",
        refresh_token=tokens.refresh.value,
        refresh_token_expires_in=REFRESH_SECONDS,
        scope=tokens.grant.scope,
        resource_owner_id=shapes.owner_id(tokens.grant.user),
    )


@bp.errorhandler(Refused)
def refused(error: Refused) -> ResponseReturnValue:
    return jsonify(error=error.error, error_description=error.description), 400


@bp.post("/revoke")
@locked
def revoke() -> ResponseReturnValue:
    if not is_client():
        return jsonify(error="invalid_client"), 401
    here().ledger.revoke_token(ID, request.form.get("token", ""))
    return "", 200


# --- the API --------------------------------------------------------------------------------------------------------


def bearer() -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def signed_in() -> Access:
    held, state = here().ledger.look(ID, bearer())
    if held is None or state != "good":
        raise Denied(no(401, "AuthenticationFailure", "Authentication failed"))
    return held


def enter() -> Company:
    """Without a header the owner's first business is meant."""
    held, wanted = signed_in(), request.headers.get("X-Business")
    companies = held.grant.companies
    found = next((one for one in companies if one.external_id == wanted), None) if wanted else companies[0]
    if found is None:
        raise Denied(no(403, "AuthorizationFailure", "You are not authorized to access this business"))
    return found


def not_found() -> Denied:
    return Denied(no(404, "RecordNotFound", "Requested resource not found"))


def listed(company: Company, rows: list[Any], shape: Shape, gone: list[Any] | None = None) -> Response:
    """Filtered and paged. With `deleted_since` what was removed, else what is there."""
    since, removed = moment_of("updated_or_created_since"), moment_of("deleted_since")
    chosen = rows if removed is None else gone or []
    after = since or removed
    chosen = [one for one in chosen if after is None or one.updated_at.replace(microsecond=0) >= after]
    status = request.args.get("status_id")
    found = [shape(company, one) for one in sorted(chosen, key=lambda one: (one.created_at, one.id), reverse=True)]
    found = [one for one in found if status in (None, one.get("status", {}).get("id"))]
    page, size = int(request.args.get("page", 1)), min(int(request.args.get("items_per_page", USUAL)), MOST)
    start, whole = (page - 1) * size, request.args.get("attributes") == "all"
    kept = {"id", "displayed_as", "$path"} | ({"deleted_at", "updated_at"} if removed else set())
    items = [
        one if whole else {key: value for key, value in one.items() if key in kept}
        for one in page_of(found, start, size)
    ]
    return jsonify(
        {
            "$total": len(found),
            "$page": page,
            "$next": next_path(page + 1) if start + size < len(found) else None,
            "$back": next_path(page - 1) if page > 1 else None,
            "$items_per_page": size,
            "$items": items,
        }
    )


def next_path(page: int) -> str:
    asked = request.args.to_dict() | {"page": str(page)}
    return f"{request.path.removeprefix(f'/{ID}{API}')}?{urlencode(asked)}"


def moment_of(name: str) -> datetime | None:
    given = request.args.get(name)
    try:
        return parse_moment(given).astimezone(UTC) if given else None
    except ValueError:
        raise Denied(no(400, "InvalidParameter", f"{name} is not a date")) from None


@bp.get(f"{API}/businesses")
@locked
def businesses() -> Response:
    rows = signed_in().grant.companies
    items = [{"id": one.external_id, "displayed_as": one.name, "name": one.name} for one in rows]
    return jsonify({"$total": len(items), "$page": 1, "$next": None, "$items_per_page": MOST, "$items": items})


@bp.get(f"{API}/financial_settings")
@locked
def financial_settings() -> Response:
    company = enter()
    return jsonify({"base_currency": {"id": company.currency, "displayed_as": company.currency}})


@bp.get(f"{API}/sales_invoices")
@locked
def invoices() -> Response:
    company = enter()
    rows = list(company.invoices.values())
    gone = [one for one in rows if one.status == "deleted"]
    return listed(company, [one for one in rows if one not in gone], shapes.invoice, gone)


@bp.get(f"{API}/sales_invoices/<number>")
@locked
def read_invoice(number: str) -> Response:
    company = enter()
    found: Invoice | None = company.invoices.get(number)
    if found is None or found.status == "deleted":
        raise not_found()
    if request.headers.get("Accept") == "application/pdf":
        return pdf(company, found)
    return jsonify(shapes.invoice(company, found))


@bp.get(f"{API}/contacts")
@locked
def contacts() -> Response:
    company = enter()
    return listed(company, list(company.customers.values()), shapes.contact)


@bp.get(f"{API}/contacts/<number>")
@locked
def read_contact(number: str) -> Response:
    company = enter()
    if number not in company.customers:
        raise not_found()
    return jsonify(shapes.contact(company, company.customers[number], whole=True))


@bp.get(f"{API}/sales_credit_notes")
@locked
def credit_notes() -> Response:
    company = enter()
    return listed(company, list(company.credit_notes.values()), shapes.credit_note)


@bp.get(f"{API}/sales_credit_notes/<number>")
@locked
def read_credit_note(number: str) -> Response:
    company = enter()
    if number not in company.credit_notes:
        raise not_found()
    return jsonify(shapes.credit_note(company, company.credit_notes[number]))


@bp.get(f"{API}/contact_payments")
@locked
def payments() -> Response:
    company = enter()
    rows = list(company.payments.values())
    there = [one for one in rows if not one.deleted]
    return listed(company, there, shapes.payment, [one for one in rows if one.deleted])


@bp.get(f"{API}/contact_payments/<number>")
@locked
def read_payment(number: str) -> Response:
    company = enter()
    found = company.payments.get(number)
    if found is None or found.deleted:
        raise not_found()
    return jsonify(shapes.payment(company, found))
