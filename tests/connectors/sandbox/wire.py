"""What the sandbox tests speak with: plain HTTP, none of our connector code."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from connectors.sandbox.client import SandboxControl

SCOPES = {
    "quickbooks": "com.intuit.quickbooks.accounting",
    "xero": "openid offline_access accounting.transactions accounting.contacts.read accounting.settings.read",
    "stripe": "read_write",
}


@dataclass
class Wire:
    """One sandbox as a client sees it."""

    base: str
    control: SandboxControl
    http: requests.Session

    def authorize_url(self, provider: str, **changes: str | None) -> str:
        settings = self.control.settings()
        asked: dict[str, str | None] = {
            "client_id": settings[f"{provider.upper()}_CLIENT_ID"],
            "redirect_uri": f"http://127.0.0.1:8000/connect/{provider}/callback",
            "response_type": "code",
            "scope": SCOPES[provider],
            "state": "a state",
        }
        asked |= changes
        kept = {key: value for key, value in asked.items() if value is not None}
        return settings[f"{provider.upper()}_AUTHORIZE_URL"] + "?" + urlencode(kept)

    def code(self, provider: str, companies: str | list[str], **changes: str | None) -> str:
        return callback(self.control.approve(self.authorize_url(provider, **changes), companies))["code"]

    def token(self, provider: str, auth: tuple[str, str] | None = None, /, **form: str) -> requests.Response:
        settings = self.control.settings()
        stem = provider.upper()
        client = auth or (settings[f"{stem}_CLIENT_ID"], settings[f"{stem}_CLIENT_SECRET"])
        if provider == "stripe":
            return self.http.post(settings["STRIPE_TOKEN_URL"], data=form | {"client_secret": client[1]}, timeout=10)
        return self.http.post(settings[f"{stem}_TOKEN_URL"], data=form, auth=client, timeout=10)

    def redeem(self, provider: str, code: str, **more: str) -> requests.Response:
        uri = f"http://127.0.0.1:8000/connect/{provider}/callback"
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": uri} | more
        return self.token(provider, None, **form)

    def refresh(self, provider: str, refresh_token: str) -> requests.Response:
        return self.token(provider, grant_type="refresh_token", refresh_token=refresh_token)

    def connect(self, provider: str, companies: str | list[str]) -> dict[str, Any]:
        """The whole dance; the token answer."""
        answer = self.redeem(provider, self.code(provider, companies))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def api(self, provider: str, company: str, **more: str) -> "Api":
        return Api(self, provider, self.control.grant(company, **more))

    def invoice(self, company: str, *, currency: str | None = None, **wanted: Any) -> dict[str, Any]:
        """An open invoice of the books with these properties."""
        wanted |= {"currency": currency} if currency else {}
        rows = self.control.invoices(company, only_open=True)
        return next(row for row in rows if all(row[key] == value for key, value in wanted.items()))


@dataclass
class Api:
    """Calls to one company with tokens given by the control plane."""

    wire: Wire
    provider: str
    grant: dict[str, Any]

    def get(self, path: str, headers: dict[str, str] | None = None, /, **query: Any) -> requests.Response:
        return self.call("GET", path, headers, params=query)

    def call(self, method: str, path: str, headers: dict[str, str] | None = None, /, **more: Any) -> requests.Response:
        root = {
            "quickbooks": f"/quickbooks/v3/company/{self.grant['external_id']}",
            "xero": "/xero/api.xro/2.0",
            "stripe": "/stripe/v1",
        }[self.provider]
        given = {"Authorization": f"Bearer {self.grant['access_token']}", "Accept": "application/json"}
        if self.provider == "xero":
            given["Xero-tenant-id"] = self.grant["external_id"]
        if self.provider == "quickbooks":
            more["params"] = {"minorversion": "75"} | (more.get("params") or {})
        return self.wire.http.request(
            method, f"{self.wire.base}{root}{path}", headers=given | (headers or {}), timeout=10, **more
        )

    def query(self, text: str) -> requests.Response:
        return self.get("/query", query=text)


def callback(location: str) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(location).query).items()}


@dataclass
class Inbox:
    """What arrived at the product's address."""

    url: str = ""
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    reply: Callable[[str, bytes, dict[str, str]], int] | None = None

    def of(self, provider: str) -> list[tuple[dict[str, str], bytes]]:
        return [(headers, body) for path, headers, body in self.seen if path == f"/webhooks/{provider}"]


def xero_signature(body: bytes) -> str:
    return base64.b64encode(hmac.new(b"sandbox-xero-key", body, hashlib.sha256).digest()).decode()
