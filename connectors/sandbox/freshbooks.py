"""FreshBooks: OAuth, identity, accounting and callbacks, under /freshbooks."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, Literal
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from . import freshbooks_shapes as shapes
from . import oauth_web
from .errors import Denied, with_status
from .faults import Fault
from .guard import page_of
from .oauth import CLIENTS, Access, Refused
from .state import here, link, locked
from .world import Change, Company, Invoice

ID: Literal["freshbooks"] = "freshbooks"
bp = Blueprint("sandbox_freshbooks", __name__, url_prefix=f"/{ID}")
BOOKS = "/accounting/account/<account>"
HOOKS = "/events/account/<account>/events/callbacks"
MOST = 100  # whatever is asked for
Json = dict[str, Any]
Shape = Callable[[Company, Any], Json]
NOUNS = {"customer": "client", "invoice": "invoice", "payment": "payment", "credit_note": "credit_note"}
OPS = {"created": "create", "deleted": "delete"}


def no(status: int, number: int, message: str) -> Response:
    """The accounting side's old way, which may come with any status."""
    error = {"errno": number, "field": "", "message": message, "object": "", "value": ""}
    return with_status(jsonify(response={"errors": [error]}), status)


def unauthenticated() -> Response:
    body = jsonify(error="unauthenticated", error_description="This action requires authentication to continue.")
    return with_status(body, 401)


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


def asked_company() -> Company | None:
    return here().world.by_external_id(ID, str((request.view_args or {}).get("account", "")))


def struck(fault: Fault) -> Response:
    if fault.kind == "401":
        return with_status(
            jsonify(error="unauthenticated", error_description="This action requires authentication."), 401
        )
    if fault.kind == "403":
        return no(403, 1010, "The server understood the request but refuses to fulfil it.")
    if fault.kind == "429":
        return with_status(jsonify(code=8, message="Too many requests", details=[]), 429)
    return no(200 if fault.kind == "200error" else 500, 1004, "Something went wrong on our side.")


# --- OAuth ----------------------------------------------------------------------------------------------------------


@bp.route("/oauth/authorize", methods=["GET", "POST"])
@locked
def authorize() -> ResponseReturnValue:
    return oauth_web.authorize(ID)


@bp.post("/auth/oauth/token")
@locked
def token() -> ResponseReturnValue:
    """The client's secret and the redirect address are asked for on every call, also on a refresh."""
    form = request.form
    if (form.get("client_id"), form.get("client_secret")) != (CLIENTS[ID].id, CLIENTS[ID].secret):
        return jsonify(error="invalid_client", error_description="Client authentication failed"), 401
    if form.get("redirect_uri") not in here().ledger.redirects.get(ID, {form.get("redirect_uri")} - {None}):
        return jsonify(error="invalid_grant", error_description="The redirect URI does not match"), 401
    tokens = oauth_web.redeem(ID)
    assert tokens.refresh is not None
    return jsonify(
        access_token=tokens.access.value, refresh_token=tokens.refresh.value, token_type="Bearer",
        expires_in=tokens.seconds, scope=tokens.grant.scope, created_at=here().clock.epoch(),
    )  # fmt: skip


@bp.errorhandler(Refused)
def refused(error: Refused) -> ResponseReturnValue:
    return jsonify(error=error.error, error_description=error.description), 401


@bp.post("/auth/oauth/revoke")
@locked
def revoke() -> ResponseReturnValue:
    form = request.form
    if (form.get("client_id"), form.get("client_secret")) != (CLIENTS[ID].id, CLIENTS[ID].secret):
        return jsonify(error="invalid_client"), 401
    here().ledger.revoke_token(ID, form.get("token", ""))
    return jsonify({})


# --- the API --------------------------------------------------------------------------------------------------------


def signed_in() -> Access:
    bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
    held, state = here().ledger.look(ID, bearer)
    if held is None or state != "good":
        raise Denied(unauthenticated())
    return held


def enter(account: str, scope: str) -> Company:
    held = signed_in()
    company = next((one for one in held.grant.companies if one.external_id == account), None)
    if company is None or f"user:{scope}" not in held.grant.scope.split():
        raise Denied(no(403, 1010, "The server understood the request but refuses to fulfil it."))
    return company


def result(**parts: Any) -> Response:
    return jsonify(response={"result": parts})


def not_found(noun: str) -> Denied:
    return Denied(no(404, 1012, f"{noun} not found."))


@bp.get("/auth/api/v1/users/me")
@locked
def me() -> Response:
    held = signed_in()
    rows = [shapes.membership(one, number) for number, one in enumerate(held.grant.companies, 439000)]
    return jsonify(response={"id": 12345, "identity_id": 12345, "email": held.grant.user, "business_memberships": rows})


def listed(name: str, company: Company, rows: list[Any], shape: Shape) -> Response:
    """Changes are known by the day, in New York. What is deleted shows only where it is asked for."""
    asked = request.args
    if "search[updated_min]" in asked:
        first = date.fromisoformat(asked["search[updated_min]"])
        rows = [one for one in rows if one.updated_at.astimezone(shapes.ZONE).date() >= first]
    if asked.get("sort") == "updated_asc":
        rows = sorted(rows, key=lambda one: one.updated_at)
    shown = [shape(company, one) for one in rows]
    state = int(asked.get("search[vis_state]", 0))
    shown = [one for one in shown if one["vis_state"] == state]
    if "search[v3_status]" in asked:
        shown = [one for one in shown if one["v3_status"] == asked["search[v3_status]"]]
    page, size = int(asked.get("page", 1)), min(int(asked.get("per_page", 15)), MOST)
    part = page_of(shown, (page - 1) * size, size)
    pages = -(-len(shown) // size)
    return result(**{name: part, "page": page, "pages": pages, "per_page": size, "total": len(shown)})


def found(rows: dict[str, Any], number: str, noun: str) -> Any:
    if number not in rows:
        raise not_found(noun)
    return rows[number]


def invoice_shape() -> Shape:
    return shapes.with_lines if "lines" in request.args.getlist("include[]") else shapes.invoice


@bp.get(f"{BOOKS}/invoices/invoices")
@locked
def invoices(account: str) -> Response:
    company = enter(account, "invoices:read")
    return listed("invoices", company, list(company.invoices.values()), invoice_shape())


@bp.get(f"{BOOKS}/invoices/invoices/<number>")
@locked
def read_invoice(account: str, number: str) -> Response:
    company = enter(account, "invoices:read")
    return result(invoice=invoice_shape()(company, found(company.invoices, number, "Invoice")))


@bp.get(f"{BOOKS}/invoices/invoices/<number>/share_link")
@locked
def share_link(account: str, number: str) -> Response:
    company = enter(account, "invoices:read")
    one: Invoice = found(company.invoices, number, "Invoice")
    if one.status == "draft" or request.args.get("share_method") != "share_link":
        raise Denied(no(422, 2001, "Drafts have no share link."))
    address = link(f"/pay/{one.pay_token}")
    return result(share_link={
        "clientid": int(one.customer_id), "resource_type": "invoice", "resourceid": int(one.id),
        "share_link": address, "share_method": "share_link",
    })  # fmt: skip


@bp.get(f"{BOOKS}/users/clients")
@locked
def clients(account: str) -> Response:
    company = enter(account, "clients:read")
    return listed("clients", company, list(company.customers.values()), shapes.client)


@bp.get(f"{BOOKS}/users/clients/<number>")
@locked
def read_client(account: str, number: str) -> Response:
    company = enter(account, "clients:read")
    return result(client=shapes.client(company, found(company.customers, number, "Client")))


@bp.get(f"{BOOKS}/payments/payments")
@locked
def payments(account: str) -> Response:
    company = enter(account, "payments:read")
    rows = [one for one in company.payments.values() if one.kind == "payment"]
    return listed("payments", company, rows, shapes.payment)


@bp.get(f"{BOOKS}/payments/payments/<number>")
@locked
def read_payment(account: str, number: str) -> Response:
    company = enter(account, "payments:read")
    return result(payment=shapes.payment(company, found(company.payments, number, "Payment")))


@bp.get(f"{BOOKS}/credit_notes/credit_notes")
@locked
def credit_notes(account: str) -> Response:
    company = enter(account, "credit_notes:read")
    return listed("credit_notes", company, list(company.credit_notes.values()), shapes.credit_note)


@bp.get(f"{BOOKS}/credit_notes/credit_notes/<number>")
@locked
def read_credit_note(account: str, number: str) -> Response:
    company = enter(account, "credit_notes:read")
    return result(credit_notes=shapes.credit_note(company, found(company.credit_notes, number, "Credit note")))


# --- callbacks ------------------------------------------------------------------------------------------------------


def callbacks(account: str) -> dict[str, Json]:
    kept = here().remembered.setdefault((ID, account), {})
    assert isinstance(kept, dict)
    return kept


def ask_back(account: str, one: Json) -> None:
    """The receiver proves that it is there by showing the verifier to us."""
    form = {
        "name": "callback.verify",
        "object_id": one["callbackid"],
        "account_id": account,
        "verifier": one["verifier"],
    }
    here().courier.send(ID, one["uri"], urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})


@bp.post(HOOKS)
@locked
def create_callback(account: str) -> Response:
    enter(account, "invoices:read")
    asked = (request.get_json(silent=True) or {}).get("callback", {})
    if asked.get("event") != "all" and str(asked.get("event")).partition(".")[0] not in NOUNS.values():
        problem = {"errno": 422, "message": "The request was well-formed but was unable to be followed.",
                   "details": ["event: Value error, Unrecognized event."]}  # fmt: skip
        raise Denied(with_status(jsonify(problem), 422))
    number = 80_001 + len(callbacks(account))
    one = {
        "callbackid": number, "event": asked["event"], "uri": asked["uri"], "verified": False,
        "updated_at": shapes.stamp(here().clock.now()), "verifier": secrets.token_hex(20),
    }  # fmt: skip
    callbacks(account)[str(number)] = one
    ask_back(account, one)
    return result(callback=shapes.callback(one))


@bp.put(f"{HOOKS}/<number>")
@locked
def verify_callback(account: str, number: str) -> Response:
    enter(account, "invoices:read")
    one = found(callbacks(account), number, "Callback")
    asked = (request.get_json(silent=True) or {}).get("callback", {})
    if asked.get("resend"):
        ask_back(account, one)
    elif not hmac.compare_digest(str(asked.get("verifier", "")), one["verifier"]):
        raise Denied(with_status(jsonify(errno=400, message="The verifier is wrong.", details=[]), 400))
    else:
        one["verified"] = True
    return result(callback=shapes.callback(one))


@bp.delete(f"{HOOKS}/<number>")
@locked
def delete_callback(account: str, number: str) -> Response:
    enter(account, "invoices:read")
    found(callbacks(account), number, "Callback")
    del callbacks(account)[number]
    return result()


def told(change: Change) -> Iterator[tuple[str, str, dict[str, str]]]:
    """A form of ids, signed as the JSON text of its fields with the callback's verifier."""
    if change.record is None or change.noun not in NOUNS:
        return
    account, name = change.company.external_id, f"{NOUNS[change.noun]}.{OPS.get(change.op, 'update')}"
    for one in callbacks(account).values():
        if one["verified"] and one["event"] in ("all", name, name.partition(".")[0]):
            form = {
                "name": name, "object_id": change.record.id, "account_id": account, "business_id": "439000",
                "identity_id": "12345", "user_id": "1",
            }  # fmt: skip
            yield one["uri"], urlencode(form), {
                "Content-Type": "application/x-www-form-urlencoded",
                "X-FreshBooks-Hmac-SHA256": signature(form, one["verifier"]),
            }  # fmt: skip


def signature(form: dict[str, str], verifier: str) -> str:
    signed = hmac.new(verifier.encode(), json.dumps(form).encode(), hashlib.sha256).digest()
    return base64.b64encode(signed).decode()
