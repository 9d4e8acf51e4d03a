"""Consents, codes and tokens of the three providers, with each one's lifetimes and rotation. No HTTP here."""

import base64
import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

from .plays import PLAYS
from .world import Company, Provider, World

CODE_LIFE = timedelta(minutes=5)
QBO_ROTATES_AFTER = timedelta(hours=24)
QBO_HARD_CAP = timedelta(days=5 * 365)


@dataclass(frozen=True)
class Client:
    provider: Provider
    id: str
    secret: str
    name: str = "Sheaf"


CLIENTS: dict[Provider, Client] = {
    name: Client(name, play.client_id, play.client_secret) for name, play in PLAYS.items()
}


class Refused(Exception):
    """An OAuth error answer."""

    def __init__(self, error: str, description: str = "") -> None:
        super().__init__(error)
        self.error, self.description = error, description


@dataclass
class Grant:
    """What one person allowed once."""

    id: str
    provider: Provider
    user: str
    scope: str
    companies: list[Company]
    at: datetime
    auth_event_id: str
    used: bool = False
    revoked: bool = False
    offline: bool = True  # asked for in a way that gives a refresh token


@dataclass
class Code:
    value: str
    grant: Grant
    redirect_uri: str
    challenge: str | None
    expires_at: datetime
    used: bool = False


@dataclass
class Access:
    value: str
    grant: Grant
    expires_at: datetime | None


@dataclass
class Refresh:
    value: str
    grant: Grant
    issued_at: datetime
    expires_at: datetime | None
    usable_until: datetime | None = None


@dataclass
class Connection:
    """Xero's word for one organisation a user has connected to the app."""

    id: str
    user: str
    company: Company
    auth_event_id: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Tokens:
    grant: Grant
    access: Access
    refresh: Refresh | None
    seconds: int | None


@dataclass
class Ledger:
    """All of it, in memory. Callers hold the world's lock."""

    world: World
    grants: list[Grant] = field(default_factory=list)
    codes: dict[str, Code] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)
    refresh: dict[str, Refresh] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    redirects: dict[Provider, set[str]] = field(default_factory=dict)

    def now(self) -> datetime:
        return self.world.clock.now()

    def may_redirect(self, provider: Provider, uri: str) -> bool:
        """Exactly a registered one. The first is registered by using it; http on this machine may always be added."""
        known = self.redirects.setdefault(provider, set())
        parts = urlsplit(uri)
        loopback = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
        if not known or loopback:
            known.add(uri)
        return uri in known

    def consent(
        self, provider: Provider, companies: list[Company], scope: str, redirect_uri: str, challenge: str | None = None
    ) -> Code:
        grant = self.grant(provider, companies, scope)
        code = Code(secrets.token_urlsafe(24), grant, redirect_uri, challenge, self.now() + CODE_LIFE)
        self.codes[code.value] = code
        return code

    def grant(self, provider: Provider, companies: list[Company], scope: str) -> Grant:
        grant = Grant(new_guid(), provider, companies[0].owner, scope, companies, self.now(), new_guid())
        self.grants.append(grant)
        if provider == "xero":
            for company in companies:
                self.connect(grant, company)
        return grant

    def connect(self, grant: Grant, company: Company) -> None:
        known = next(
            (one for one in self.connections.values() if one.user == grant.user and one.company is company), None
        )
        if known:
            known.auth_event_id, known.updated_at = grant.auth_event_id, self.now()
        else:
            one = Connection(new_guid(), grant.user, company, grant.auth_event_id, self.now(), self.now())
            self.connections[one.id] = one

    def exchange(self, provider: Provider, code: str, redirect_uri: str | None, verifier: str | None) -> Tokens:
        """A code works once. Shown again, it takes everything issued for it down with it."""
        held = self.codes.get(code)
        if held is None or held.grant.provider != provider:
            raise Refused("invalid_grant", "unknown authorization code")
        if held.used:
            held.grant.revoked = True
            raise Refused("invalid_grant", "authorization code was already used")
        if self.now() > held.expires_at:
            raise Refused("invalid_grant", "authorization code has expired")
        if redirect_uri != held.redirect_uri and not (provider == "stripe" and redirect_uri is None):
            raise Refused("invalid_grant", "redirect_uri differs from the one of the authorization request")
        if held.challenge is not None and s256(verifier or "") != held.challenge:
            raise Refused("invalid_grant", "code_verifier does not match")
        held.used = True
        return self.issue(held.grant)

    def issue(self, grant: Grant, refresh: Refresh | None = None) -> Tokens:
        grant.used = True
        life = PLAYS[grant.provider].access_life
        access = Access(self.access_value(grant), grant, self.now() + life if life else None)
        self.access[access.value] = access
        if refresh is None and (grant.provider != "xero" or "offline_access" in grant.scope.split()):
            refresh = self.new_refresh(grant)
        return Tokens(grant, access, refresh, int(life.total_seconds()) if life else None)

    def new_refresh(self, grant: Grant) -> Refresh:
        life = PLAYS[grant.provider].refresh_life
        prefix = {"quickbooks": "RT1-", "stripe": "rt_"}.get(grant.provider, "")
        token = Refresh(prefix + secrets.token_urlsafe(32), grant, self.now(), self.now() + life if life else None)
        self.refresh[token.value] = token
        most = PLAYS[grant.provider].most_refresh_tokens
        held = [
            one for one in self.refresh.values() if (one.grant.provider, one.grant.user) == (grant.provider, grant.user)
        ]
        if most is not None and len(held) > most:
            del self.refresh[held[0].value]
        return token

    def renew(self, provider: Provider, value: str) -> Tokens:
        token = self.refresh.get(value)
        if token is None or token.grant.provider != provider or token.grant.revoked:
            raise Refused("invalid_grant", "unknown or revoked refresh token")
        if token.expires_at and self.now() > token.expires_at:
            raise Refused("invalid_grant", "refresh token has expired")
        if token.usable_until and self.now() > token.usable_until:
            raise Refused("invalid_grant", "refresh token was replaced")
        if provider == "quickbooks":
            return self.renew_quickbooks(token)
        play = PLAYS[provider]
        if not play.rotates:
            token.expires_at = self.now() + play.refresh_life if play.refresh_life else None
            return self.issue(token.grant, token)
        self.retire(token, play.grace)
        return self.issue(token.grant, self.new_refresh(token.grant))

    def renew_quickbooks(self, token: Refresh) -> Tokens:
        """The value changes about every 24 hours, and then the old one is dead at once."""
        if self.now() > token.grant.at + QBO_HARD_CAP:
            raise Refused("invalid_grant", "the grant has ended")
        if self.now() - token.issued_at < QBO_ROTATES_AFTER:
            token.expires_at = self.now() + (PLAYS["quickbooks"].refresh_life or timedelta(0))
            return self.issue(token.grant, token)
        del self.refresh[token.value]
        return self.issue(token.grant, self.new_refresh(token.grant))

    def retire(self, token: Refresh, grace: timedelta) -> None:
        if not grace:
            del self.refresh[token.value]
        elif token.usable_until is None:
            token.usable_until = self.now() + grace

    def revoke_token(self, provider: Provider, value: str) -> Grant | None:
        held = self.refresh.get(value) or self.access.get(value)
        if held is None or held.grant.provider != provider:
            return None
        held.grant.revoked = True
        if provider == "xero":
            for one in [one for one in self.connections.values() if one.user == held.grant.user]:
                del self.connections[one.id]
        return held.grant

    def disconnect(self, company: Company) -> None:
        """The vendor removes the app at the provider."""
        for one in [one for one in self.connections.values() if one.company is company]:
            del self.connections[one.id]
        for grant in self.grants:
            if company in grant.companies and grant.provider != "xero":
                grant.revoked = True

    def is_connected(self, company: Company) -> bool:
        if company.provider == "xero":
            return any(one.company is company for one in self.connections.values())
        return any(company in grant.companies and grant.used and not grant.revoked for grant in self.grants)

    def look(
        self, provider: Provider, value: str
    ) -> tuple[Access | None, Literal["good", "expired", "revoked", "unknown"]]:
        held = self.access.get(value)
        if held is None or held.grant.provider != provider:
            return None, "unknown"
        if held.grant.revoked:
            return held, "revoked"
        if held.expires_at and self.now() > held.expires_at:
            return held, "expired"
        return held, "good"

    def access_value(self, grant: Grant) -> str:
        if grant.provider == "stripe":
            return "sk_test_" + secrets.token_urlsafe(24)
        if grant.provider != "xero":
            return secrets.token_urlsafe(96)
        moment = int(self.now().timestamp())
        claims = {
            "nbf": moment,
            "exp": moment + 1800,
            "iss": "https://identity.xero.com",
            "iat": moment,
            "aud": "https://identity.xero.com/resources",
            "client_id": CLIENTS["xero"].id,
            "sub": hashlib.md5(grant.user.encode(), usedforsecurity=False).hexdigest(),
            "auth_time": moment,
            "xero_userid": user_guid(grant.user),
            "global_session_id": secrets.token_hex(16),
            "sid": secrets.token_hex(16),
            "authentication_event_id": grant.auth_event_id,
            "jti": secrets.token_hex(16).upper(),
            "scope": grant.scope.split(),
        }
        return jwt_like(claims)


def jwt_like(claims: dict[str, object]) -> str:
    """Three parts that decode; the signature is noise, as no client of Xero checks it."""
    header = {"alg": "RS256", "kid": "SANDBOX", "typ": "JWT", "x5t": "sandbox"}
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in (header, claims)] + [secrets.token_bytes(96)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def user_guid(user: str) -> str:
    digest = hashlib.sha256(user.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"


def new_guid() -> str:
    return str(uuid.uuid4())
