"""Square: its OAuth, in JSON, and its invoices, customers and payments, under /square."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Literal, cast

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from . import oauth_web
from . import square_shapes as shapes
from .clock import parse_moment
from .errors import Denied, with_status
from .faults import Fault
from .guard import page_of
from .oauth import CLIENTS, Access, Refused
from .plays import PLAYS
from .state import here, locked
from .world import Change, Company, Invoice

ID: Literal["square"] = "square"
bp = Blueprint("sandbox_square", __name__, url_prefix=f"/{ID}")
Json = dict[str, Any]
MOST = 200
TOLD = {
    "created": "invoice.created", "finalized": "invoice.published", "updated": "invoice.updated",
    "paid": "invoice.payment_made", "voided": "invoice.canceled", "deleted": "invoice.deleted",
}  # fmt: skip


def no(status: int, category: str, code: str, detail: str) -> Response:
    return with_status(jsonify(errors=[{"category": category, "code": code, "detail": detail}]), status)


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


def asked_company() -> Company | None:
    held, _ = here().ledger.look(ID, bearer())
    return held.grant.companies[0] if held else None


def struck(fault: Fault) -> Response:
    if fault.kind == "401":
        return no(401, "AUTHENTICATION_ERROR", "ACCESS_TOKEN_EXPIRED", "The access token has expired.")
    if fault.kind == "403":
        return no(403, "AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES", "The merchant has not allowed this.")
    if fault.kind == "429":
        return no(429, "RATE_LIMIT_ERROR", "RATE_LIMITED", "Your request rate is too high.")
    status = 200 if fault.kind == "200error" else 500
    return no(status, "API_ERROR", "INTERNAL_SERVER_ERROR", "An internal error has occurred.")


# --- OAuth ----------------------------------------------------------------------------------------------------------


@bp.route("/oauth2/authorize", methods=["GET", "POST"])
@locked
def authorize() -> ResponseReturnValue:
    return oauth_web.authorize(ID)


@bp.post("/oauth2/token")
@locked
def token() -> ResponseReturnValue:
    """JSON in, JSON out, with the end as an instant and no number of seconds."""
    asked = request.get_json(silent=True) or {}
    if (asked.get("client_id"), asked.get("client_secret")) != (CLIENTS[ID].id, CLIENTS[ID].secret):
        return no(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", "Not authorized: unknown application or secret")
    ledger = here().ledger
    try:
        if asked.get("grant_type") == "authorization_code":
            tokens = ledger.exchange(ID, str(asked.get("code")), asked.get("redirect_uri"), asked.get("code_verifier"))
        else:
            tokens = ledger.renew(ID, str(asked.get("refresh_token")))
    except Refused as problem:
        return no(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", problem.description)
    assert tokens.refresh is not None
    assert tokens.access.expires_at is not None
    return jsonify(
        access_token=tokens.access.value, token_type="bearer", merchant_id=tokens.grant.companies[0].external_id,
        expires_at=tokens.access.expires_at.replace(microsecond=0).isoformat().replace("+00:00", "Z"),
        refresh_token=tokens.refresh.value, short_lived=False,
    )  # fmt: skip


@bp.post("/oauth2/revoke")
@locked
def revoke() -> ResponseReturnValue:
    asked = request.get_json(silent=True) or {}
    if (
        request.headers.get("Authorization") != f"Client {CLIENTS[ID].secret}"
        or asked.get("client_id") != CLIENTS[ID].id
    ):
        return no(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", "Not authorized")
    grant = here().ledger.revoke_token(ID, str(asked.get("access_token", "")))
    if grant is None:
        return no(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", "access token not found")
    return jsonify(success=True)


# --- the API --------------------------------------------------------------------------------------------------------


def bearer() -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def signed_in() -> Access:
    held, state = here().ledger.look(ID, bearer())
    if held is None or state != "good":
        code = {"revoked": "ACCESS_TOKEN_REVOKED", "expired": "ACCESS_TOKEN_EXPIRED"}.get(state, "UNAUTHORIZED")
        raise Denied(no(401, "AUTHENTICATION_ERROR", code, "This request could not be authorized."))
    return held


def enter(scope: str) -> Company:
    held = signed_in()
    if scope not in held.grant.scope.split():
        raise Denied(no(403, "AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES", f"Required scope: {scope}"))
    return held.grant.companies[0]


def not_found(noun: str) -> Denied:
    return Denied(no(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", f"{noun} not found."))


def bad(detail: str, code: str = "BAD_REQUEST") -> Denied:
    return Denied(no(400, "INVALID_REQUEST_ERROR", code, detail))


def listed(name: str, rows: list[Any], shape: Callable[[Any], Json], asked: Json, most: int = 100) -> Response:
    """A page, and where the next one begins as an opaque word; an empty list is left out."""
    size = int(asked.get("limit", most))
    if not 1 <= size <= most:
        raise bad(f"limit must be between 1 and {most}", "VALUE_TOO_HIGH")
    start = 0
    if asked.get("cursor"):
        try:
            start = json.loads(base64.urlsafe_b64decode(str(asked["cursor"])))["at"]
        except (ValueError, KeyError, TypeError):
            raise bad("The cursor is not one of ours.", "INVALID_CURSOR") from None
    shown = [shape(one) for one in page_of(rows, start, size)]
    body: Json = {name: shown} if shown else {}
    if start + size < len(rows):
        body["cursor"] = base64.urlsafe_b64encode(json.dumps({"at": start + size}).encode()).decode()
    return jsonify(body)


@bp.get("/v2/merchants/<number>")
@locked
def read_merchant(number: str) -> Response:
    company = enter("MERCHANT_PROFILE_READ")
    if number not in ("me", company.external_id):
        raise not_found("Merchant")
    return jsonify(merchant=shapes.merchant(company))


@bp.get("/v2/locations")
@locked
def locations() -> Response:
    return jsonify(locations=shapes.locations(enter("MERCHANT_PROFILE_READ")))


@bp.get("/v2/invoices")
@locked
def invoices() -> Response:
    """Of one location, newest first; there is no other filter."""
    company, place = enter("INVOICES_READ"), request.args.get("location_id", "")
    if place not in shapes.location_ids(company):
        raise bad("Invalid or missing location_id", "MISSING_REQUIRED_PARAMETER")
    found = [one for one in company.invoices.values() if shapes.place_of(company, one) == place]
    rows = sorted((one for one in found if one.status != "deleted"), key=lambda one: one.created_at, reverse=True)
    return listed("invoices", rows, lambda one: shapes.invoice(company, one), dict(request.args), MOST)


@bp.get("/v2/invoices/<number>")
@locked
def read_invoice(number: str) -> Response:
    company = enter("INVOICES_READ")
    found = company.invoices.get(number)
    if found is None or found.status == "deleted":
        raise not_found("Invoice")
    return jsonify(invoice=shapes.invoice(company, found))


@bp.get("/v2/customers")
@locked
def customers() -> Response:
    company = enter("CUSTOMERS_READ")
    return listed("customers", list(company.customers.values()), shapes.customer, dict(request.args))


@bp.post("/v2/customers/search")
@locked
def search_customers() -> Response:
    company, asked = enter("CUSTOMERS_READ"), request.get_json(silent=True) or {}
    since = asked.get("query", {}).get("filter", {}).get("updated_at", {}).get("start_at")
    rows = [one for one in company.customers.values() if since is None or one.updated_at >= parse_moment(since)]
    return listed("customers", rows, shapes.customer, asked)


@bp.get("/v2/customers/<number>")
@locked
def read_customer(number: str) -> Response:
    company = enter("CUSTOMERS_READ")
    if number not in company.customers:
        raise not_found("Customer")
    return jsonify(customer=shapes.customer(company.customers[number]))


@bp.get("/v2/payments")
@locked
def payments() -> Response:
    """Of the last year, unless a time is named."""
    company, asked = enter("PAYMENTS_READ"), request.args
    rows = [one for one in company.payments.values() if one.applied and not one.deleted]
    begin = parse_moment(asked["begin_time"]) if "begin_time" in asked else here().clock.now() - timedelta(days=365)
    rows = [one for one in rows if one.created_at >= begin]
    if "updated_at_begin_time" in asked:
        if asked.get("sort_field") != "UPDATED_AT":
            raise bad("updated_at_begin_time needs sort_field UPDATED_AT")
        rows = [one for one in rows if one.updated_at >= parse_moment(asked["updated_at_begin_time"])]
    return listed("payments", rows, lambda one: shapes.payment(company, one), dict(asked))


# --- webhooks -------------------------------------------------------------------------------------------------------


def told(change: Change) -> Iterator[tuple[str, str, dict[str, str]]]:
    """To the one address the app has registered, signed together with that address."""
    target, company = here().courier.settings.target, change.company
    event = shown(change)
    if target is None or event is None:
        return
    url = f"{target}/webhooks/{ID}"
    body = json.dumps({
        "merchant_id": company.external_id, "event_id": secrets.token_hex(16),
        "created_at": shapes.moment(change.at), **event,
    })  # fmt: skip
    yield url, body, {"x-square-hmacsha256-signature": signature(url, body, PLAYS[ID].webhook_secret)}


def signature(url: str, body: str, secret: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), (url + body).encode(), hashlib.sha256).digest()).decode()


def shown(change: Change) -> Json | None:
    """Type and data of what is told; None for what nobody hears of."""
    record, company = change.record, change.company
    if change.noun == "application":
        data: Json = {"type": "revocation", "id": secrets.token_hex(8), "object": {"revocation": {}}}
        return {"type": "oauth.authorization.revoked", "data": data}
    if change.noun == "customer" and record is not None:
        return {"type": f"customer.{change.op}", "data": {"type": "customer", "id": record.id}}
    if change.noun != "invoice" or change.op not in TOLD:
        return None
    found = cast(Invoice, record)
    data = {"type": "invoice", "id": found.id, "object": {"invoice": shapes.invoice(company, found)}}
    return {"type": TOLD[change.op], "location_id": shapes.place_of(company, found), "data": data}
