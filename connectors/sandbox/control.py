"""The control plane, under /_control: what a test or a demo tells the sandbox to do. Plain JSON, no keys."""

from collections import Counter
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, NotFound

from .acts import Act, perform
from .amounts import to_decimal
from .bookkeeper import Bookkeeper, add_company
from .books import NotPossible
from .clock import parse_moment
from .oauth_web import disconnect
from .plays import PLAYS
from .state import happened, here, link, locked
from .world import Company, Invoice

bp = Blueprint("sandbox_control", __name__, url_prefix="/_control")
Json = dict[str, Any]


def body() -> Json:
    given = request.get_json(silent=True)
    return given if isinstance(given, dict) else {}


def find_company(name: object) -> Company:
    company = here().world.by_name(str(name))
    if company is None:
        raise NotFound(f"no company {name}")
    return company


@bp.errorhandler(NotPossible)
@bp.errorhandler(BadRequest)
@bp.errorhandler(NotFound)
def refused(problem: Exception) -> ResponseReturnValue:
    status = problem.code or 400 if isinstance(problem, BadRequest | NotFound) else 409
    return jsonify(error=getattr(problem, "description", None) or str(problem)), status


@bp.get("/companies")
@locked
def companies() -> ResponseReturnValue:
    return jsonify([company_summary(one) for one in here().world.companies])


def company_summary(company: Company) -> Json:
    rows = list(company.invoices.values())
    still_open = [one for one in rows if one.is_open]
    owed: dict[str, int] = {}
    open_of = Counter(one.customer_id for one in still_open)
    for one in still_open:
        owed[one.currency] = owed.get(one.currency, 0) + one.balance
    return {
        "name": company.name,
        "provider": company.provider,
        "external_id": company.external_id,
        "owner": company.owner,
        "currency": company.currency,
        "timezone": company.timezone,
        "connected": here().ledger.is_connected(company),
        "counts": {
            "customers": len(company.customers),
            "invoices": len(rows),
            "open": len(still_open),
            "payments": len(company.payments),
            "credit_notes": len(company.credit_notes),
        },
        "open_balance": {currency: str(to_decimal(amount, currency)) for currency, amount in owed.items()},
        "customers": [
            {
                "id": one.id,
                "name": one.name,
                "email": one.email,
                "active": one.active,
                "open_invoices": open_of[one.id],
            }
            for one in company.customers.values()
        ],
    }


@bp.get("/invoices")
@locked
def invoices() -> ResponseReturnValue:
    """?company=NAME[&open=1]: the truth in the books, provider-neutral, for comparing."""
    company = find_company(request.args.get("company"))
    rows = [one for one in company.invoices.values() if one.is_open or "open" not in request.args]
    return jsonify([invoice_truth(company, one) for one in rows])


def invoice_truth(company: Company, one: Invoice) -> Json:
    person = company.customers[one.customer_id]
    return {
        "id": one.id,
        "number": one.number,
        "customer_id": person.id,
        "customer": person.name,
        "email": person.email,
        "sent_to": person.email if company.provider == "xero" else one.email,
        "currency": one.currency,
        "total": str(to_decimal(one.total, one.currency)),
        "balance": str(to_decimal(one.balance, one.currency)),
        "issued_on": one.issued_on.isoformat(),
        "due_on": one.due_on and one.due_on.isoformat(),
        "status": one.status,
        "open": one.is_open,
        "pay_url": link(f"/pay/{one.pay_token}"),
        "updated_at": one.updated_at.isoformat(),
        "notes": one.notes,
        "reference": one.reference,
        "terms": one.terms,
        "lines": [
            {"item": line.item, "text": line.description, "quantity": line.quantity, "each": line.unit,
             "amount": line.amount}
            for line in one.lines
        ],
    }  # fmt: skip


@bp.get("/clients")
def clients() -> ResponseReturnValue:
    return jsonify(
        {
            name: {
                "client_id": one.client_id,
                "client_secret": one.client_secret,
                "webhook_secret": one.webhook_secret,
                "paths": one.paths,
            }
            for name, one in PLAYS.items()
        }
    )


@bp.get("/faults")
def faults() -> ResponseReturnValue:
    return jsonify(here().faults.report())


@bp.post("/faults")
def add_fault() -> ResponseReturnValue:
    order = body()
    if order.get("company"):
        company = find_company(order["company"])
        order |= {"company": company.name, "provider": order.get("provider") or company.provider}
    try:
        return jsonify(id=here().faults.add(**order).id), 201
    except (TypeError, ValueError) as problem:
        raise BadRequest(str(problem)) from problem


@bp.delete("/faults")
def clear_faults() -> ResponseReturnValue:
    here().faults.clear()
    return "", 204


@bp.get("/clock")
def read_clock() -> ResponseReturnValue:
    return jsonify(now=here().clock.now().isoformat())


@bp.post("/clock")
@locked
def set_clock() -> ResponseReturnValue:
    clock, order = here().clock, body()
    if "now" in order:
        clock.set(parse_moment(str(order["now"])))
    if "advance_seconds" in order:
        clock.advance(float(order["advance_seconds"]))
    if "freeze" in order:
        clock.freeze(bool(order["freeze"]))
    return read_clock()


@bp.post("/act")
@locked
def act() -> ResponseReturnValue:
    sandbox, asked = here(), body()
    company = find_company(asked.get("company"))
    try:
        answer, changes = perform(Act(sandbox.world, company, asked, sandbox.clock.now()))
    except (KeyError, ValueError, ArithmeticError) as problem:
        raise BadRequest(f"{type(problem).__name__}: {problem}") from problem
    happened(changes)
    return jsonify(answer | {"company": company.name, "external_id": company.external_id, "provider": company.provider})


@bp.post("/revoke")
@locked
def revoke() -> ResponseReturnValue:
    """The vendor removes the app at the provider."""
    company = find_company(body().get("company"))
    disconnect(company)
    return jsonify(company=company.name, connected=here().ledger.is_connected(company))


@bp.post("/companies")
@locked
def new_company() -> ResponseReturnValue:
    """{like, name}: another company of the same owner, with a customer and an open invoice."""
    sandbox, order = here(), body()
    like = find_company(order.get("like"))
    company = add_company(
        sandbox.world, like.provider, str(order["name"]), like.currency, like.timezone, like.country,
        owner=like.owner, quirks=like.quirks,
    )  # fmt: skip
    keeper = Bookkeeper(sandbox.world, company)
    keeper.invoice(keeper.customer("Second Customer", "second@cobalt.example"), "77.70", -40, -10)
    return jsonify(name=company.name, external_id=company.external_id), 201


@bp.post("/grant")
@locked
def grant() -> ResponseReturnValue:
    """Tokens without the dance, for tests about something else; of several companies where one consent opens them."""
    order, ledger = body(), here().ledger
    chosen = [find_company(name) for name in order.get("companies", [order.get("company")])]
    provider, play = chosen[0].provider, PLAYS[chosen[0].provider]
    if len({(one.provider, one.owner) for one in chosen}) != 1 or (len(chosen) > 1 and not play.many_companies):
        raise BadRequest("one company, or several of one user where a consent may open several")
    tokens = ledger.issue(ledger.grant(provider, chosen, str(order.get("scope", play.full_scope))))
    return jsonify(
        provider=provider,
        access_token=tokens.access.value,
        expires_in=tokens.seconds,
        refresh_token=tokens.refresh and tokens.refresh.value,
        external_id=chosen[0].external_id,
        external_ids=[one.external_id for one in chosen],
    )


@bp.get("/calls")
def calls() -> ResponseReturnValue:
    rows = [
        {"company": company, "provider": provider, "path": path, "count": count}
        for (company, provider, path), count in sorted(here().calls.items())
    ]
    return jsonify(calls=rows, total=sum(here().calls.values()))


@bp.post("/calls")
@bp.delete("/calls")
def reset_calls() -> ResponseReturnValue:
    here().calls.clear()
    return "", 204


@bp.get("/webhooks")
def webhooks() -> ResponseReturnValue:
    return jsonify(here().courier.report())


@bp.post("/webhooks")
def set_webhooks() -> ResponseReturnValue:
    """{target, qbo_form: cloudevents|legacy, batch_seconds, retry_seconds, only_connected}"""
    order = body()
    known = {"target", "qbo_form", "batch_seconds", "retry_seconds", "only_connected"}
    if set(order) - known or order.get("qbo_form", "legacy") not in ("cloudevents", "legacy"):
        raise BadRequest(f"settings are {', '.join(sorted(known))}")
    if order.get("target"):
        order["target"] = str(order["target"]).rstrip("/")
    here().courier.configure(**order)
    return webhooks()


@bp.delete("/webhooks")
def forget_webhooks() -> ResponseReturnValue:
    here().courier.forget()
    return "", 204


@bp.post("/webhooks/wait")
def wait_webhooks() -> ResponseReturnValue:
    """Until every delivery has its answer, retries included."""
    return jsonify(idle=here().courier.wait_idle(float(body().get("seconds", 5))))


@bp.post("/limits")
def limits() -> ResponseReturnValue:
    here().limits.enforced = bool(body().get("enforce"))
    here().limits.minute.clear()
    here().limits.day.clear()
    return jsonify(enforced=here().limits.enforced)


@bp.post("/redirects")
@locked
def redirects() -> ResponseReturnValue:
    """{provider, uris}: what the app has registered at the provider."""
    order = body()
    here().ledger.redirects[order["provider"]] = set(order.get("uris", []))
    return "", 204
