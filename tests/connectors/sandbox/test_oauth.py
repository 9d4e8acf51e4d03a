"""The three OAuth dances, good and bad, as FACTS.md 0.1 has them."""

import base64
import hashlib
import json
from typing import Any

import pytest

from tests.connectors.sandbox.wire import Wire, callback

COMPANY = {"quickbooks": "Acme Supply", "xero": "Birch & Sons", "stripe": "Cedar Studio"}
PROVIDERS = sorted(COMPANY)
DAY = 86_400


@pytest.mark.parametrize("provider", PROVIDERS)
def test_it_connects_a_company(wire: Wire, provider: str) -> None:
    location = wire.control.approve(wire.authorize_url(provider), COMPANY[provider])
    got = callback(location)
    answer = wire.redeem(provider, got["code"])
    assert location.startswith(f"http://127.0.0.1:8000/connect/{provider}/callback?")
    assert got["state"] == "a state"
    assert answer.status_code == 200
    assert answer.json()["access_token"]
    assert wire.control.company(COMPANY[provider])["connected"]


def test_quickbooks_names_the_company_in_the_callback(wire: Wire) -> None:
    got = callback(wire.control.approve(wire.authorize_url("quickbooks"), "Acme Supply"))
    assert got["realmId"] == wire.control.company("Acme Supply")["external_id"]
    assert len(got["realmId"]) == 16


def test_stripe_names_the_account_in_the_token_answer(wire: Wire) -> None:
    answer = wire.connect("stripe", "Cedar Studio")
    assert answer["stripe_user_id"] == wire.control.company("Cedar Studio")["external_id"]
    assert "expires_in" not in answer


@pytest.mark.parametrize("provider", PROVIDERS)
def test_denying_goes_back_with_access_denied(wire: Wire, provider: str) -> None:
    got = callback(wire.control.deny(wire.authorize_url(provider)))
    assert got["error"] == "access_denied"
    assert got["state"] == "a state"
    assert "code" not in got


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("changes", [{"client_id": "somebody"}, {"client_id": None}, {"redirect_uri": None}])
def test_an_unknown_client_or_no_redirect_is_never_sent_back(
    wire: Wire, provider: str, changes: dict[str, str | None]
) -> None:
    answer = wire.http.get(wire.authorize_url(provider, **changes), allow_redirects=False, timeout=10)
    assert answer.status_code == 400
    assert "Location" not in answer.headers


def test_a_redirect_that_is_not_registered_is_refused(wire: Wire) -> None:
    first = wire.authorize_url("stripe", redirect_uri="https://sheaf.example/connect/stripe/callback")
    other = wire.authorize_url("stripe", redirect_uri="https://evil.example/connect/stripe/callback")
    tricky = wire.authorize_url("stripe", redirect_uri="http://localhost.evil.example/callback")
    answers = [
        wire.http.get(url, allow_redirects=False, timeout=10).status_code for url in (first, other, tricky, first)
    ]
    assert answers == [200, 400, 400, 200]


@pytest.mark.parametrize(
    ("provider", "changes", "error"),
    [
        ("quickbooks", {"response_type": "token"}, "unsupported_response_type"),
        ("xero", {"response_type": None}, "unsupported_response_type"),
        ("quickbooks", {"scope": "everything"}, "invalid_scope"),
        ("xero", {"scope": "accounting.everything"}, "invalid_scope"),
        ("stripe", {"scope": "write"}, "invalid_scope"),
        ("quickbooks", {"state": None}, "invalid_request"),
        ("xero", {"code_challenge": "abc", "code_challenge_method": "plain"}, "invalid_request"),
    ],
)
def test_a_bad_request_goes_back_with_its_error(
    wire: Wire, provider: str, changes: dict[str, str | None], error: str
) -> None:
    answer = wire.http.get(wire.authorize_url(provider, **changes), allow_redirects=False, timeout=10)
    assert callback(answer.headers["Location"])["error"] == error


@pytest.mark.parametrize(("provider", "status"), [("quickbooks", 401), ("xero", 400), ("stripe", 401)])
def test_a_wrong_client_secret_gets_no_token(wire: Wire, provider: str, status: int) -> None:
    code = wire.code(provider, COMPANY[provider])
    answer = wire.token(provider, ("somebody", "wrong"), grant_type="authorization_code", code=code)
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_client")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_code_used_twice_takes_its_tokens_down(wire: Wire, provider: str) -> None:
    code = wire.code(provider, COMPANY[provider])
    first = wire.redeem(provider, code).json()
    again = wire.redeem(provider, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert wire.refresh(provider, first["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_code_dies_after_five_minutes(wire: Wire, provider: str) -> None:
    code = wire.code(provider, COMPANY[provider])
    wire.control.advance(301)
    assert wire.redeem(provider, code).json()["error"] == "invalid_grant"


def test_a_code_is_bound_to_its_redirect(wire: Wire) -> None:
    code = wire.code("xero", "Birch & Sons")
    answer = wire.token("xero", grant_type="authorization_code", code=code, redirect_uri="http://127.0.0.1:8000/other")
    assert answer.json()["error"] == "invalid_grant"


def test_xero_checks_pkce_where_it_was_begun(wire: Wire) -> None:
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked: dict[str, Any] = {"code_challenge": challenge, "code_challenge_method": "S256"}
    without = wire.redeem("xero", wire.code("xero", "Birch & Sons", **asked))
    rightly = wire.redeem("xero", wire.code("xero", "Birch & Sons", **asked), code_verifier=verifier)
    assert without.json()["error"] == "invalid_grant"
    assert rightly.status_code == 200


def test_quickbooks_keeps_its_refresh_token_for_a_day_and_then_kills_it(wire: Wire) -> None:
    first = wire.connect("quickbooks", "Acme Supply")
    same_day = wire.refresh("quickbooks", first["refresh_token"]).json()
    wire.control.advance(25 * 3600)
    next_day = wire.refresh("quickbooks", first["refresh_token"]).json()
    assert first["expires_in"] == 3600
    assert abs(first["x_refresh_token_expires_in"] - 8_726_400) < 5
    assert same_day["refresh_token"] == first["refresh_token"]
    assert same_day["access_token"] != first["access_token"]
    assert next_day["refresh_token"] != first["refresh_token"]
    assert wire.refresh("quickbooks", first["refresh_token"]).json()["error"] == "invalid_grant"


def test_quickbooks_ends_a_grant_after_five_years(wire: Wire) -> None:
    token = wire.connect("quickbooks", "Acme Supply")["refresh_token"]
    for _ in range(19):
        wire.control.advance(96 * DAY)
        token = wire.refresh("quickbooks", token).json()["refresh_token"]
    wire.control.advance(10 * DAY)
    assert wire.refresh("quickbooks", token).json()["error"] == "invalid_grant"


def test_xero_rotates_every_time_and_forgives_for_half_an_hour(wire: Wire) -> None:
    first = wire.connect("xero", "Birch & Sons")["refresh_token"]
    second = wire.refresh("xero", first).json()["refresh_token"]
    wire.control.advance(29 * 60)
    repeated = wire.refresh("xero", first)
    wire.control.advance(2 * 60)
    assert second != first
    assert repeated.status_code == 200
    assert wire.refresh("xero", first).json()["error"] == "invalid_grant"
    assert wire.refresh("xero", second).status_code == 200


def test_xero_refresh_tokens_die_unused_after_sixty_days(wire: Wire) -> None:
    token = wire.connect("xero", "Birch & Sons")["refresh_token"]
    wire.control.advance(61 * DAY)
    assert wire.refresh("xero", token).json()["error"] == "invalid_grant"


def test_xero_gives_no_refresh_token_without_offline_access(wire: Wire) -> None:
    code = wire.code("xero", "Birch & Sons", scope="openid accounting.transactions.read")
    assert "refresh_token" not in wire.redeem("xero", code).json()


def test_stripe_access_never_ends_and_its_refresh_token_rotates(wire: Wire) -> None:
    first = wire.connect("stripe", "Cedar Studio")
    wire.control.advance(700 * DAY)
    second = wire.refresh("stripe", first["refresh_token"]).json()
    headers = {"Authorization": f"Bearer {first['access_token']}"}
    assert wire.http.get(f"{wire.base}/stripe/v1/account", headers=headers, timeout=10).status_code == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert wire.refresh("stripe", first["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_xero_access_token_tells_its_consent_and_connections_lists_it(make_wire: Any) -> None:
    wire = make_wire("demo")
    first = wire.connect("xero", "Birch & Sons")
    second = wire.connect("xero", "Birch Interiors")
    claims = json.loads(base64.urlsafe_b64decode(second["access_token"].split(".")[1] + "=="))
    headers = {"Authorization": f"Bearer {second['access_token']}"}
    url = f"{wire.base}/xero/connections"
    event = {"authEventId": claims["authentication_event_id"]}
    everything = wire.http.get(url, headers=headers, timeout=10).json()
    this_consent = wire.http.get(url, headers=headers, params=event, timeout=10).json()
    assert {one["tenantName"] for one in everything} == {"Birch & Sons", "Birch Interiors"}
    assert [one["tenantName"] for one in this_consent] == ["Birch Interiors"]
    assert first["access_token"] != second["access_token"]
    assert {one["tenantType"] for one in everything} == {"ORGANISATION"}


def test_one_xero_consent_may_hold_several_organisations_and_lose_one(make_wire: Any) -> None:
    wire = make_wire("demo")
    token = wire.connect("xero", ["Birch & Sons", "Birch Interiors"])["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    rows = wire.http.get(f"{wire.base}/xero/connections", headers=headers, timeout=10).json()
    gone = wire.http.delete(f"{wire.base}/xero/connections/{rows[0]['id']}", headers=headers, timeout=10)
    left = wire.http.get(f"{wire.base}/xero/connections", headers=headers, timeout=10).json()
    assert (len(rows), gone.status_code, len(left)) == (2, 204, 1)


def test_revoking_ends_the_grant(wire: Wire) -> None:
    settings = wire.control.settings()
    qbo, xero = wire.connect("quickbooks", "Acme Supply"), wire.connect("xero", "Birch & Sons")
    account = wire.connect("stripe", "Cedar Studio")["stripe_user_id"]
    basic = ("sandbox-qbo", "sandbox-qbo-secret")
    wire.http.post(settings["QUICKBOOKS_REVOKE_URL"], json={"token": qbo["refresh_token"]}, auth=basic, timeout=10)
    xero_basic = ("sandbox-xero", "sandbox-xero-secret")
    wire.http.post(settings["XERO_REVOKE_URL"], data={"token": xero["refresh_token"]}, auth=xero_basic, timeout=10)
    form = {"client_id": "ca_sandbox", "stripe_user_id": account}
    key = {"Authorization": "Bearer sk_test_sandbox"}
    stripe = wire.http.post(settings["STRIPE_REVOKE_URL"], data=form, headers=key, timeout=10)
    assert wire.refresh("quickbooks", qbo["refresh_token"]).json()["error"] == "invalid_grant"
    assert wire.refresh("xero", xero["refresh_token"]).json()["error"] == "invalid_grant"
    assert stripe.json() == {"stripe_user_id": account}
    assert not any(one["connected"] for one in wire.control.companies())


def test_a_vendor_may_disconnect_at_the_provider(wire: Wire) -> None:
    apis = {provider: wire.api(provider, company) for provider, company in COMPANY.items()}
    for company in COMPANY.values():
        wire.control.revoke(company)
    assert apis["quickbooks"].query("SELECT * FROM Invoice").status_code == 401
    assert apis["xero"].get("/Invoices", page=1).json()["Detail"] == "AuthenticationUnsuccessful"
    own_key = apis["stripe"].get("/invoices")
    account = {"Authorization": "Bearer sk_test_sandbox", "Stripe-Account": apis["stripe"].grant["external_id"]}
    platform_key = apis["stripe"].get("/invoices", account)
    assert (own_key.status_code, own_key.json()["error"]["code"]) == (401, "api_key_expired")
    assert (platform_key.status_code, platform_key.json()["error"]["code"]) == (403, "account_invalid")


def test_the_consent_page_shows_who_asks_and_for_what(wire: Wire) -> None:
    page = wire.http.get(wire.authorize_url("xero"), timeout=10).text
    assert "Birch &amp; Sons" in page
    assert "britta@birch.example" in page
    assert "accounting.transactions" in page
    assert 'type="checkbox"' in page
    assert 'type="radio"' in wire.http.get(wire.authorize_url("quickbooks"), timeout=10).text


def test_allowing_without_a_choice_asks_again(wire: Wire) -> None:
    answer = wire.http.post(wire.authorize_url("xero"), data={"decision": "allow"}, allow_redirects=False, timeout=10)
    assert answer.status_code == 422
    assert "Choose which" in answer.text
