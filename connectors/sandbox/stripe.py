"""Stripe's API, under /stripe/v1: platform key with Stripe-Account, or the key of a connected account."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from fnmatch import fnmatch
from typing import Any

from flask import Blueprint, Response, jsonify, request

from . import books as verbs
from . import stripe_shapes as shapes
from .errors import Denied, stripe_error
from .guard import page_of
from .oauth import CLIENTS
from .oauth_web import basic_auth
from .state import happened, here, link, locked
from .world import Address, Company, CreditNote, Invoice

bp = Blueprint("sandbox_stripe", __name__, url_prefix="/stripe/v1")
Json = dict[str, Any]
EVENTS_KEPT = timedelta(days=30)
CREDIT_FILTERS: dict[str, Callable[[CreditNote], str]] = {
    "invoice": lambda one: one.applied[0].invoice_id,
    "customer": lambda one: one.customer_id,
}
SINGLE = frozenset({"customer", "payments", "payments.data.payment.payment_intent"})
MANY = frozenset({"data.customer", "data.payments"})


@bp.errorhandler(Denied)
def denied(problem: Denied) -> Response:
    return problem.answer


@bp.after_request
def headers(answer: Response) -> Response:
    answer.headers["Stripe-Version"] = request.headers.get("Stripe-Version", shapes.API_VERSION)
    answer.headers.setdefault("Request-Id", "req_" + secrets.token_hex(7))
    return answer


def enter() -> Company:
    """The account a call is about."""
    company = account_of(given_key())
    if company is None:
        return platform()
    return company


def given_key() -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    key = value if scheme.lower() == "bearer" else (basic_auth() or ("",))[0]
    if not key:
        raise Denied(
            stripe_error(
                401,
                "You did not provide an API key. You need to provide your API key in the Authorization "
                "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            )
        )
    return key


def account_of(key: str) -> Company | None:
    sandbox, wanted = here(), request.headers.get("Stripe-Account")
    if key == CLIENTS["stripe"].secret:
        company = sandbox.world.by_external_id("stripe", wanted) if wanted else None
        if wanted and (company is None or not sandbox.ledger.is_connected(company)):
            raise Denied(no_access(wanted))
        return company
    held, state = sandbox.ledger.look("stripe", key)
    if held is None:
        raise Denied(stripe_error(401, f"Invalid API Key provided: {key[:8]}{'*' * 8}{key[-4:]}"))
    if state != "good":
        raise Denied(
            stripe_error(401, f"Expired API Key provided: {key[:8]}{'*' * 8}{key[-4:]}", code="api_key_expired")
        )
    company = held.grant.companies[0]
    if wanted not in (None, company.external_id):
        raise Denied(no_access(str(wanted)))
    return company


def no_access(account: str) -> Response:
    return stripe_error(
        403,
        f"The provided key 'sk_test_***box' does not have access to account '{account}' (or that account "
        "does not exist). Application access may have been revoked.",
        code="account_invalid",
    )


def platform() -> Company:
    """The platform's own account: no invoices of its own."""
    world = here().world
    return Company(
        "stripe",
        "Sheaf",
        "acct_1SandboxPlatform",
        "USD",
        "UTC",
        "US",
        "platform@sheaf.example",
        world.clock.now(),
        world.source,
        address=Address(),
    )


def books_of(company: Company) -> shapes.Books:
    return shapes.Books(company, link(""))


def expanded(allowed: frozenset[str]) -> frozenset[str]:
    wanted = given_list("expand")
    for one in wanted:
        if one not in allowed:
            raise Denied(stripe_error(400, f"This property cannot be expanded ({one})."))
    return frozenset(one.removeprefix("data.") for one in wanted)


def given_list(name: str) -> list[str]:
    """name[]=a&name[]=b or name[0]=a&name[1]=b."""
    both = [*request.args.items(multi=True), *request.form.items(multi=True)]
    return [str(value) for key, value in both if key.startswith(f"{name}[")]


def missing(kind: str, number: str, status: int = 404) -> Denied:
    return Denied(
        stripe_error(
            status,
            f"No such {kind}: '{number}'",
            code="resource_missing",
            param="id" if status == 404 else "starting_after",
        )
    )


def ranged(rows: list[Any], name: str, get: Callable[[Any], int | None]) -> list[Any]:
    """name=, name[gt]=, name[gte]=, name[lt]=, name[lte]= in epochs."""
    tests: dict[str, Callable[[int, int], bool]] = {
        "": lambda a, b: a == b,
        "[gt]": lambda a, b: a > b,
        "[gte]": lambda a, b: a >= b,
        "[lt]": lambda a, b: a < b,
        "[lte]": lambda a, b: a <= b,
    }
    for suffix, test in tests.items():
        text = request.args.get(name + suffix)
        if text is None:
            continue
        if not text.isdigit():
            raise Denied(stripe_error(400, f"Invalid integer: {text}", param=name, code="parameter_invalid_integer"))
        rows = [one for one in rows if (value := get(one)) is not None and test(value, int(text))]
    return rows


def listed(
    kind: str, rows: list[Any], shape: Callable[[Any], Json], get_id: Callable[[Any], str] = lambda one: one.id
) -> Response:
    """Newest first; `rows` come oldest first. Cursors are ids."""
    text = request.args.get("limit", "10")
    if not text.isdigit() or not 1 <= int(text) <= 100:
        raise Denied(stripe_error(400, "Invalid integer: limit must be between 1 and 100", param="limit"))
    rows, size = rows[::-1], int(text)
    places = {get_id(one): place for place, one in enumerate(rows)}
    start = 0
    for name in ("starting_after", "ending_before"):
        number = request.args.get(name)
        if number is not None and number not in places:
            raise missing(kind, number, 400)
    if "starting_after" in request.args:
        start = places[request.args["starting_after"]] + 1
    elif "ending_before" in request.args:
        end = places[request.args["ending_before"]]
        start, size = max(0, end - size), min(size, end)
    shown = page_of(rows, start, size) if size else []
    return jsonify(
        shapes.listing(
            request.path.removeprefix("/stripe"), [shape(one) for one in shown], start + len(shown) < len(rows)
        )
    )


def oldest_first(rows: list[Any]) -> list[Any]:
    return sorted(rows, key=lambda one: one.created_at)


@bp.get("/account")
@locked
def read_account() -> Response:
    return jsonify(shapes.account(enter()))


@bp.get("/accounts/<number>")
@locked
def read_accounts(number: str) -> Response:
    company = enter()
    if company.external_id != number:
        asked = here().world.by_external_id("stripe", number)
        if asked is None or not here().ledger.is_connected(asked):
            raise Denied(no_access(number))
        company = asked
    return jsonify(shapes.account(company))


@bp.get("/invoices")
@locked
def invoices() -> Response:
    company = enter()
    rows = oldest_first([one for one in company.invoices.values() if one.status != "deleted"])
    for name, get in (
        ("status", lambda one: one.status),
        ("customer", lambda one: one.customer_id),
        ("collection_method", lambda one: "send_invoice"),
    ):
        wanted = request.args.get(name)
        if wanted is not None:
            rows = [one for one in rows if get(one) == wanted]
    if request.args.get("status", "open") not in ("draft", "open", "paid", "uncollectible", "void"):
        raise Denied(
            stripe_error(
                400, "Invalid status: must be one of draft, open, paid, uncollectible, or void", param="status"
            )
        )
    rows = ranged(rows, "created", lambda one: shapes.epoch(one.created_at))
    rows = ranged(rows, "due_date", lambda one: shapes.end_of_day(company, one.due_on))
    books, expand = books_of(company), expanded(MANY)
    return listed("invoice", rows, lambda one: shapes.invoice(books, one, expand))


def find_invoice(company: Company, number: str) -> Invoice:
    invoice = company.invoices.get(number)
    if invoice is None or invoice.status == "deleted":
        raise missing("invoice", number)
    return invoice


@bp.get("/invoices/<number>")
@locked
def read_invoice(number: str) -> Response:
    company = enter()
    return jsonify(shapes.invoice(books_of(company), find_invoice(company, number), expanded(SINGLE)))


@bp.get("/invoices/<number>/lines")
@locked
def invoice_lines(number: str) -> Response:
    invoice = find_invoice(enter(), number)
    return listed("line_item", invoice.lines[::-1], lambda one: shapes.line_item(one, invoice))


@bp.post("/invoices/<number>/pay")
@locked
def pay_invoice(number: str) -> Response:
    """Out of band only: the sandbox has no cards on file."""
    company, sandbox = enter(), here()
    invoice, key = find_invoice(company, number), (number, request.headers.get("Idempotency-Key", ""))
    if not (key[1] and key in sandbox.remembered):
        if request.form.get("paid_out_of_band", "").lower() != "true":
            raise Denied(
                stripe_error(
                    400,
                    "This customer has no attached payment source or default payment method.",
                    code="resource_missing",
                    param="payment_method",
                )
            )
        if not invoice.is_open:
            raise Denied(
                stripe_error(
                    400,
                    "Invoice is already paid" if invoice.status == "paid" else "This invoice can no longer be paid",
                    code="invoice_not_editable",
                )
            )
        _, changes = verbs.pay_invoice(company, invoice, sandbox.clock.now(), None, "out of band")
        happened(changes)
        sandbox.remembered[key] = shapes.invoice(books_of(company), invoice, expanded(SINGLE))
    return jsonify(sandbox.remembered[key])


@bp.get("/invoice_payments")
@locked
def invoice_payments() -> Response:
    company = enter()
    rows = [one for one in oldest_first(list(company.payments.values())) if one.applied]
    if "invoice" in request.args:
        rows = [one for one in rows if one.applied[0].invoice_id == request.args["invoice"]]
    rows = ranged(rows, "created", lambda one: shapes.epoch(one.created_at))
    return listed("invoice_payment", rows, lambda one: shapes.invoice_payment(one, one.applied[0]))


@bp.get("/customers")
@locked
def customers() -> Response:
    company = enter()
    rows = oldest_first([one for one in company.customers.values() if one.active])
    if "email" in request.args:
        rows = [one for one in rows if one.email == request.args["email"]]
    rows = ranged(rows, "created", lambda one: shapes.epoch(one.created_at))
    return listed("customer", rows, shapes.customer)


@bp.get("/customers/<number>")
@locked
def read_customer(number: str) -> Response:
    company = enter()
    if number not in company.customers:
        raise missing("customer", number)
    customer = company.customers[number]
    return jsonify(shapes.customer(customer) if customer.active else shapes.deleted_customer(customer))


@bp.get("/credit_notes")
@locked
def credit_notes() -> Response:
    company = enter()
    rows = oldest_first(list(company.credit_notes.values()))
    for name, get in CREDIT_FILTERS.items():
        if name in request.args:
            rows = [one for one in rows if get(one) == request.args[name]]
    rows = ranged(rows, "created", lambda one: shapes.epoch(one.created_at))
    books = books_of(company)
    return listed("credit_note", rows, lambda one: shapes.credit_note(books, one))


@bp.get("/credit_notes/<number>")
@locked
def read_credit_note(number: str) -> Response:
    company = enter()
    if number not in company.credit_notes:
        raise missing("credit_note", number)
    return jsonify(shapes.credit_note(books_of(company), company.credit_notes[number]))


def as_is(event: Json) -> Json:
    return event


def kept_events(company: Company) -> list[Json]:
    oldest = int((here().clock.now() - EVENTS_KEPT).timestamp())
    return [one for one in company.events if one["created"] >= oldest]


@bp.get("/events")
@locked
def events() -> Response:
    rows = kept_events(enter())
    wanted = given_list("types")
    if len(wanted) > 20:
        raise Denied(stripe_error(400, "You may only specify up to 20 event types.", param="types"))
    wanted += request.args.getlist("type")
    if wanted:
        rows = [one for one in rows if any(fnmatch(one["type"], pattern) for pattern in wanted)]
    rows = ranged(rows, "created", lambda one: int(one["created"]))
    return listed("event", rows, as_is, lambda one: str(one["id"]))


@bp.get("/events/<number>")
@locked
def read_event(number: str) -> Response:
    found = next((one for one in kept_events(enter()) if one["id"] == number), None)
    if found is None:
        raise missing("event", number)
    return jsonify(found)
