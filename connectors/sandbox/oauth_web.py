"""The OAuth pages and endpoints of the three providers: consent, tokens, revocation."""

import base64
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from .oauth import CLIENTS, QBO_HARD_CAP, Refused, Tokens, new_guid
from .plays import PLAYS
from .state import happened, here, locked
from .world import Change, Company, Provider

bp = Blueprint("sandbox_oauth", __name__)
Callback = Callable[[list[Company]], dict[str, str]]


@bp.route("/quickbooks/connect/oauth2", methods=["GET", "POST"])
@locked
def authorize_quickbooks() -> ResponseReturnValue:
    return authorize("quickbooks")


@bp.route("/xero/identity/connect/authorize", methods=["GET", "POST"])
@locked
def authorize_xero() -> ResponseReturnValue:
    return authorize("xero")


@bp.route("/stripe/oauth/authorize", methods=["GET", "POST"])
@locked
def authorize_stripe() -> ResponseReturnValue:
    return authorize("stripe")


def authorize(provider: Provider, more: Callback | None = None) -> ResponseReturnValue:
    """GET shows the consent page, its form POSTs to the same address with the decision. `more`: what the provider
    adds to the callback."""
    asked = request.args
    problem = untrusted(provider, asked)
    if problem:
        return render_template(
            "sandbox/oauth_error.html", provider=provider, title=PLAYS[provider].title, problem=problem
        ), 400
    fault = refusal(provider, asked)
    if fault:
        return send_back(asked, {"error": fault})
    if request.method == "GET":
        return consent_page(provider)
    if request.form.get("decision") != "allow":
        return send_back(asked, {"error": "access_denied", **denial(provider)})
    companies = chosen(provider, request.form.getlist("company"))
    if not companies:
        return consent_page(provider, "Choose which company to connect."), 422
    if len({company.owner for company in companies}) > 1:
        return consent_page(provider, "Choose organisations of one user only."), 422
    return send_back(asked, approved(provider, companies, asked, more))


def untrusted(provider: Provider, asked: Mapping[str, str]) -> str | None:
    """What must not be sent back to a redirect_uri that nobody has vouched for."""
    if asked.get("client_id") != CLIENTS[provider].id:
        return "unknown client_id"
    if not asked.get("redirect_uri") or not here().ledger.may_redirect(provider, asked["redirect_uri"]):
        return "redirect_uri is missing or is not one of the app's registered addresses"
    return None


def refusal(provider: Provider, asked: Mapping[str, str]) -> str | None:
    scopes = split_scopes(provider, asked.get("scope", "read_write" if provider == "stripe" else ""))
    if asked.get("response_type") != "code":
        return "unsupported_response_type"
    if not scopes or not set(scopes) <= PLAYS[provider].scopes:
        return "invalid_scope"
    if provider == "quickbooks" and not asked.get("state"):
        return "invalid_request"
    if "code_challenge" in asked and asked.get("code_challenge_method") != "S256":
        return "invalid_request"
    return None


def split_scopes(provider: Provider, text: str) -> list[str]:
    return [one for one in text.split(PLAYS[provider].scope_separator) if one]


def consent_page(provider: Provider, problem: str = "") -> str:
    companies = here().world.of_provider(provider)
    owners: dict[str, list[Company]] = {}
    for company in companies:
        owners.setdefault(company.owner, []).append(company)
    return render_template(
        "sandbox/consent.html",
        provider=provider,
        title=PLAYS[provider].title,
        client=CLIENTS[provider],
        owners=owners,
        many=PLAYS[provider].many_companies,
        problem=problem,
        scopes=split_scopes(provider, request.args.get("scope", "")),
        action=request.full_path,
        host=request.args["redirect_uri"],
    )


def chosen(provider: Provider, picked: list[str]) -> list[Company]:
    found = [here().world.by_external_id(provider, one) for one in picked]
    companies = [one for one in found if one is not None]
    return companies if PLAYS[provider].many_companies else companies[:1]


def approved(
    provider: Provider, companies: list[Company], asked: Mapping[str, str], more: Callback | None = None
) -> dict[str, str]:
    scope = asked.get("scope", "read_write")
    challenge = asked.get("code_challenge") if PLAYS[provider].pkce else None
    code = here().ledger.consent(provider, companies, scope, asked["redirect_uri"], challenge)
    extra = {
        "quickbooks": {"realmId": companies[0].external_id},
        "xero": {"scope": scope, "session_state": new_guid()},
        "stripe": {"scope": scope},
    }
    return {"code": code.value, **extra.get(provider, {}), **(more(companies) if more else {})}


def denial(provider: Provider) -> dict[str, str]:
    return {"error_description": "The user denied your request"} if provider == "stripe" else {}


def send_back(asked: Mapping[str, str], answer: dict[str, str]) -> Response:
    if "state" in asked:
        answer["state"] = asked["state"]
    uri = asked["redirect_uri"]
    return redirect(uri + ("&" if "?" in uri else "?") + urlencode(answer), 302)  # type: ignore[return-value]


@bp.post("/quickbooks/oauth2/v1/tokens/bearer")
@locked
def token_quickbooks() -> ResponseReturnValue:
    if basic_auth() != (CLIENTS["quickbooks"].id, CLIENTS["quickbooks"].secret):
        return jsonify(error="invalid_client"), 401
    tokens = redeem("quickbooks")
    refresh = tokens.refresh
    assert refresh is not None
    assert refresh.expires_at is not None
    answer: dict[str, object] = {
        "token_type": "bearer",
        "expires_in": tokens.seconds,
        "access_token": tokens.access.value,
        "refresh_token": refresh.value,
        "x_refresh_token_expires_in": int((refresh.expires_at - here().clock.now()).total_seconds()),
    }
    if request.headers.get("x-include-refresh-token-hard-expires-in") == "true":
        left = tokens.grant.at + QBO_HARD_CAP - here().clock.now()
        answer["x_refresh_token_hard_expires_in"] = int(left.total_seconds())
    return jsonify(answer)


@bp.post("/xero/connect/token")
@locked
def token_xero() -> ResponseReturnValue:
    if basic_auth() != (CLIENTS["xero"].id, CLIENTS["xero"].secret):
        return jsonify(error="invalid_client"), 400
    tokens = redeem("xero")
    answer: dict[str, object] = {
        "access_token": tokens.access.value,
        "expires_in": tokens.seconds,
        "token_type": "Bearer",
        "scope": tokens.grant.scope,
    }
    if "openid" in tokens.grant.scope.split():
        answer["id_token"] = tokens.access.value
    if tokens.refresh:
        answer["refresh_token"] = tokens.refresh.value
    return jsonify(answer)


@bp.post("/stripe/oauth/token")
@locked
def token_stripe() -> ResponseReturnValue:
    if not stripe_key_given():
        return jsonify(error="invalid_client", error_description="No valid API key provided."), 401
    tokens = redeem("stripe")
    assert tokens.refresh is not None
    company = tokens.grant.companies[0]
    return jsonify(
        access_token=tokens.access.value,
        livemode=False,
        refresh_token=tokens.refresh.value,
        token_type="bearer",
        stripe_publishable_key="pk_test_" + company.external_id[5:],
        stripe_user_id=company.external_id,
        scope=tokens.grant.scope,
    )


def redeem(provider: Provider) -> Tokens:
    form, ledger = request.form, here().ledger
    if form.get("grant_type") == "authorization_code":
        return ledger.exchange(provider, form.get("code", ""), form.get("redirect_uri"), form.get("code_verifier"))
    if form.get("grant_type") == "refresh_token":
        return ledger.renew(provider, form.get("refresh_token", ""))
    raise Refused("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")


@bp.errorhandler(Refused)
def refused(error: Refused) -> ResponseReturnValue:
    body = {"error": error.error}
    if error.description and not request.path.startswith("/xero"):
        body["error_description"] = error.description
    return jsonify(body), 400


@bp.post("/quickbooks/v2/oauth2/tokens/revoke")
@locked
def revoke_quickbooks() -> ResponseReturnValue:
    if basic_auth() != (CLIENTS["quickbooks"].id, CLIENTS["quickbooks"].secret):
        return jsonify(error="invalid_client"), 401
    body = request.get_json(silent=True) if request.is_json else request.form
    grant = here().ledger.revoke_token("quickbooks", str((body or {}).get("token", "")))
    return ("", 200) if grant else (jsonify(error="invalid_request", error_description="Token is invalid"), 400)


@bp.post("/xero/connect/revocation")
@locked
def revoke_xero() -> ResponseReturnValue:
    if basic_auth() != (CLIENTS["xero"].id, CLIENTS["xero"].secret):
        return jsonify(error="invalid_client"), 400
    here().ledger.revoke_token("xero", request.form.get("token", ""))
    return "", 200


@bp.post("/stripe/oauth/deauthorize")
@locked
def deauthorize_stripe() -> ResponseReturnValue:
    sandbox = here()
    if not stripe_key_given() or request.form.get("client_id") != CLIENTS["stripe"].id:
        return jsonify(error="invalid_client", error_description="The client or its key is not valid."), 401
    company = sandbox.world.by_external_id("stripe", request.form.get("stripe_user_id", ""))
    if company is None or not sandbox.ledger.is_connected(company):
        return jsonify(
            error="invalid_client",
            error_description="This application is not connected to stripe account "
            f"{request.form.get('stripe_user_id')}, or that account does not exist.",
        ), 400
    disconnect(company)
    return jsonify(stripe_user_id=company.external_id)


def disconnect(company: Company) -> None:
    """Stripe and Square tell the app, the others stay silent."""
    sandbox = here()
    if company.provider in ("stripe", "square"):
        happened([Change(company, "application", "deauthorized", None, sandbox.clock.now())])
    sandbox.ledger.disconnect(company)


def basic_auth() -> tuple[str, str] | None:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return None
    return user, secret


def stripe_key_given() -> bool:
    """As the client_secret field, as Bearer, or as the user of Basic."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    given = {
        request.form.get("client_secret"),
        value if scheme.lower() == "bearer" else None,
        (basic_auth() or ("",))[0],
    }
    return CLIENTS["stripe"].secret in given
