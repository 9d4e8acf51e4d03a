"""Zoho Books and the accounts servers of its data centres, under /zoho/<centre>: a centre knows its own people only."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, g, jsonify, request
from flask.typing import ResponseReturnValue

from . import books as verbs
from . import oauth_web
from . import zoho_shapes as shapes
from .amounts import to_minor
from .clock import parse_moment
from .errors import Denied, with_status
from .faults import Fault
from .guard import page_of
from .oauth import CLIENTS, Access, Grant, Refused
from .state import happened, here, link, locked
from .world import Company, Invoice
from .xero import pdf

ID = "zoho"
bp = Blueprint("sandbox_zoho", __name__, url_prefix=f"/{ID}/<centre>")
API = "/books/v3"
MOST, A_MINUTE, A_DAY = 200, 100, 1000
FILTERS = {
    "Status.All": None,
    "Status.Unpaid": ("sent", "viewed", "unpaid"),
    "Status.OverDue": ("overdue",),
    "Status.PartiallyPaid": ("partially_paid",),
    "Status.Paid": ("paid",),
    "Status.Void": ("void",),
    "Status.Draft": ("draft",),
    "Status.Open": ("open",),
}
Json = dict[str, Any]
Shape = Callable[[Company, Any], Json]


def no(status: int, code: int, message: str) -> Response:
    return with_status(jsonify(code=code, message=message), status)


@bp.url_value_preprocessor
def keep_centre(_: str | None, values: dict[str, Any] | None) -> None:
    """Views take their own part of the address only."""
    g.centre = (values or {}).pop("centre", "")


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


def asked_company() -> Company | None:
    named = request.args.get("organization_id", "")
    found = here().world.by_external_id(ID, named)
    if found is None:
        held, _ = here().ledger.look(ID, bearer())
        found = held.grant.companies[0] if held else None
    return found


def struck(fault: Fault) -> Response:
    if fault.kind == "401":
        return no(401, 57, "You are not authorized to perform this operation")
    if fault.kind == "403":
        return no(403, 57, "You are not authorized to perform this operation")
    if fault.kind == "429":
        return no(429, 44, "For security reasons you have been blocked for some time as you have exceeded the limit.")
    return no(200 if fault.kind == "200error" else 500, 1000, "Internal Error")


# --- the accounts servers -------------------------------------------------------------------------------------------


def centre_of(company: Company) -> str:
    return next((quirk.removeprefix("centre:") for quirk in company.quirks if quirk.startswith("centre:")), "com")


@bp.route("/oauth/v2/auth", methods=["GET", "POST"])
@locked
def authorize() -> ResponseReturnValue:
    """The callback says in which data centre the person lives, whichever page was opened."""
    return oauth_web.authorize(ID, in_callback)


def in_callback(companies: list[Company]) -> dict[str, str]:
    centre, asked = centre_of(companies[0]), request.args
    here().ledger.grants[-1].offline = (asked.get("access_type"), asked.get("prompt")) == ("offline", "consent")
    return {"location": {"com": "us"}.get(centre, centre), "accounts-server": link(f"/{ID}/{centre}")}


@bp.post("/oauth/v2/token")
@locked
def token() -> ResponseReturnValue:
    """What is wrong is said with status 200, in the address or in the body alike."""
    asked = request.values
    if (asked.get("client_id"), asked.get("client_secret")) != (CLIENTS[ID].id, CLIENTS[ID].secret):
        return jsonify(error="invalid_client")
    held = here().ledger.codes.get(asked.get("code", "")) or here().ledger.refresh.get(asked.get("refresh_token", ""))
    if held is not None and not lives_here(held.grant):
        return jsonify(error="invalid_code")
    tokens = oauth_web.redeem(ID)
    answer: Json = {
        "access_token": tokens.access.value,
        "scope": tokens.grant.scope.replace(",", " "),
        "api_domain": link(f"/{ID}/{g.centre}"),
        "token_type": "Bearer",
        "expires_in": tokens.seconds,
    }
    if tokens.refresh and tokens.grant.offline and asked.get("grant_type") == "authorization_code":
        answer["refresh_token"] = tokens.refresh.value
    return jsonify(answer)


@bp.errorhandler(Refused)
def refused(error: Refused) -> ResponseReturnValue:
    return jsonify(error={"invalid_grant": "invalid_code"}.get(error.error, error.error))


@bp.post("/oauth/v2/token/revoke")
@locked
def revoke() -> ResponseReturnValue:
    held = here().ledger.refresh.get(request.values.get("token", ""))
    if held is None or not lives_here(held.grant):
        return jsonify(error="invalid_code"), 400
    here().ledger.revoke_token(ID, held.value)
    return jsonify(status="success")


def lives_here(grant: Grant) -> bool:
    return grant.provider == ID and centre_of(grant.companies[0]) == g.centre


# --- the API --------------------------------------------------------------------------------------------------------


def bearer() -> str:
    return request.headers.get("Authorization", "").removeprefix("Zoho-oauthtoken ")


def signed_in() -> Access:
    held, state = here().ledger.look(ID, bearer())
    if held is None or state != "good" or not lives_here(held.grant):
        raise Denied(no(401, 57, "You are not authorized to perform this operation"))
    return held


def enter(scope: str) -> Company:
    """Token, scope, organisation, limits: in that order."""
    held, wanted = signed_in(), request.args.get("organization_id", "")
    if f"ZohoBooks.{scope}" not in held.grant.scope.split(","):
        raise Denied(no(401, 57, "You are not authorized to perform this operation"))
    company = next((one for one in held.grant.companies if one.external_id == wanted), None)
    if company is None:
        raise Denied(no(400, 6041, "This user is not associated with the CompanyID/CompanyName."))
    count_call(company)
    return company


def count_call(company: Company) -> None:
    limits, now = here().limits, here().clock.now()
    minute, day = (f"{company.external_id} {now:{form}}" for form in ("%Y%m%d%H%M", "%Y%m%d"))
    limits.minute[minute] += 1
    limits.day[day] += 1
    if limits.enforced and limits.day[day] > A_DAY:
        raise Denied(no(429, 45, f"You have exceeded your maximum call rate limit of {A_DAY}."))
    if limits.enforced and limits.minute[minute] > A_MINUTE:
        raise Denied(no(429, 44, "For security reasons you have been blocked for some time."))


def not_found() -> Denied:
    return Denied(no(404, 1002, "Resource does not exist."))


def success(**parts: Any) -> Response:
    return jsonify(code=0, message="success", **parts)


def listed(name: str, company: Company, rows: list[Any], shape: Shape, hidden: tuple[str, ...] = ()) -> Response:
    """Filtered, sorted and paged, without what only a single read shows (`hidden`)."""
    since, wanted = request.args.get("last_modified_time"), request.args.get("filter_by", "Status.All")
    if wanted not in FILTERS:
        raise Denied(no(400, 2, f"Invalid value passed for filter_by: {wanted}"))
    if since:
        try:
            moment = parse_moment(since)
        except ValueError:
            raise Denied(no(400, 2, "Invalid value passed for last_modified_time")) from None
        rows = [one for one in rows if one.updated_at.replace(microsecond=0) >= moment]
    shown = [shape(company, one) for one in sorted(rows, key=sort_key(), reverse=descending())]
    states = FILTERS[wanted]
    shown = [one for one in shown if states is None or one["status"] in states]
    page, size = int(request.args.get("page", 1)), min(int(request.args.get("per_page", MOST)), MOST)
    start = (page - 1) * size
    part = [{key: value for key, value in one.items() if key not in hidden} for one in page_of(shown, start, size)]
    about = {"page": page, "per_page": size, "has_more_page": start + size < len(shown), "applied_filter": wanted}
    return success(**{name: part, "page_context": about})


def sort_key() -> Callable[[Any], Any]:
    by = request.args.get("sort_column", "created_time")
    if by not in ("created_time", "last_modified_time"):
        raise Denied(no(400, 2, "Invalid value passed for sort_column"))
    return lambda one: (
        (one.updated_at if by == "last_modified_time" else one.created_at).replace(microsecond=0),
        one.id,
    )


def descending() -> bool:
    return request.args.get("sort_order", "D") == "D"


@bp.get(f"{API}/organizations")
@locked
def organizations() -> Response:
    held = signed_in()
    return success(organizations=[shapes.organization(one) for one in held.grant.companies])


@bp.get(f"{API}/invoices")
@locked
def invoices() -> Response:
    company = enter("invoices.READ")
    rows = [one for one in company.invoices.values() if one.status != "deleted"]
    return listed("invoices", company, rows, shapes.invoice)


@bp.get(f"{API}/invoices/<number>")
@locked
def read_invoice(number: str) -> Response:
    company = enter("invoices.READ")
    found = find_invoice(company, number)
    if request.args.get("accept") == "pdf":
        return pdf(company, found)
    return success(invoice=shapes.invoice(company, found) | {"line_items": [{"name": one.item} for one in found.lines]})


def find_invoice(company: Company, number: str) -> Invoice:
    found = company.invoices.get(number)
    if found is None or found.status == "deleted":
        raise not_found()
    return found


@bp.get(f"{API}/contacts")
@locked
def contacts() -> Response:
    company = enter("contacts.READ")
    return listed("contacts", company, list(company.customers.values()), shapes.contact)


@bp.get(f"{API}/contacts/<number>")
@locked
def read_contact(number: str) -> Response:
    company = enter("contacts.READ")
    if number not in company.customers:
        raise not_found()
    return success(contact=shapes.contact(company, company.customers[number]))


@bp.get(f"{API}/creditnotes")
@locked
def credit_notes() -> Response:
    company = enter("creditnotes.READ")
    return listed("creditnotes", company, list(company.credit_notes.values()), shapes.credit_note)


@bp.get(f"{API}/creditnotes/<number>")
@locked
def read_credit_note(number: str) -> Response:
    company = enter("creditnotes.READ")
    if number not in company.credit_notes:
        raise not_found()
    return success(creditnote=shapes.credit_note(company, company.credit_notes[number]))


@bp.get(f"{API}/customerpayments")
@locked
def payments() -> Response:
    company, wanted = enter("customerpayments.READ"), request.args.get("reference_number")
    rows = [one for one in company.payments.values() if not one.deleted and wanted in (None, one.reference)]
    return listed("customerpayments", company, rows, shapes.payment, hidden=("invoices",))


@bp.get(f"{API}/customerpayments/<number>")
@locked
def read_payment(number: str) -> Response:
    company = enter("customerpayments.READ")
    found = company.payments.get(number)
    if found is None or found.deleted:
        raise not_found()
    return success(payment=shapes.payment(company, found))


@bp.post(f"{API}/customerpayments")
@locked
def create_payment() -> ResponseReturnValue:
    company, body = enter("customerpayments.CREATE"), request.get_json(silent=True) or {}
    found = target(company, body)
    amount = to_minor(body.get("amount", 0), found.currency)
    if not found.is_open or not 0 < amount <= found.balance:
        raise Denied(no(400, 24016, "The amount entered is more than the balance due for the selected invoices."))
    made, changes = verbs.pay_invoice(company, found, here().clock.now(), amount, str(body.get("reference_number", "")))
    happened(changes)
    return success(payment=shapes.payment(company, made)), 201


def target(company: Company, body: Mapping[str, Any]) -> Invoice:
    """The one invoice a payment is for."""
    parts = body.get("invoices") or [{}]
    found = find_invoice(company, str(parts[0].get("invoice_id", "")))
    if found.customer_id != body.get("customer_id"):
        raise Denied(no(400, 24010, "The customer of the payment and of its invoices differ."))
    return found


@bp.get(f"{API}/invoices/<number>/comments")
@locked
def comments(number: str) -> Response:
    found = find_invoice(enter("invoices.READ"), number)
    return success(comments=[shapes.comment(place, text) for place, text in enumerate(found.notes)])


@bp.post(f"{API}/invoices/<number>/comments")
@locked
def add_comment(number: str) -> ResponseReturnValue:
    found = find_invoice(enter("invoices.CREATE"), number)
    found.notes.append(str((request.get_json(silent=True) or {}).get("description", "")))
    return success(comment=shapes.comment(len(found.notes) - 1, found.notes[-1])), 201
