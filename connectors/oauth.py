"""The OAuth dance, danced by Authlib, and the keeper of the tokens it yields. Tokens are opened here and nowhere else.

The dance (INVARIANTS K3): begin() keeps state, verifier, person and time in the browser's session; finish() takes that
back once, within ten minutes, from the same browser, the same person and the same provider.

The keeper (INVARIANTS K4): tokens_for() renews an access token at most once at a time for a connection. The right to do
so is a lease in the database, won only while the stored pair is still the one that was read; the new pair is stored
before anybody uses it.
"""

import json
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any, NoReturn
from urllib.parse import parse_qsl
from uuid import UUID

import requests
import structlog
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from sqlalchemy import func, or_, select, update

from app import clock, links
from app.db import database_now
from app.house import House
from app.keys import CannotOpen, Place
from app.models import Connection, ConnectionState
from app.scope import Everything
from app.words import _
from connectors import registry
from connectors.actions import lose_permission
from connectors.answers import wait_named
from connectors.base import (
    Connector,
    Denied,
    GiveUp,
    Json,
    MustReconnect,
    ProviderError,
    ProviderSpec,
    RetryLater,
    Tokens,
)
from connectors.sites import NotPublic, PublicAdapter

log = structlog.get_logger()

KEPT = "connecting"  # in the browser's session
DANCES = 3  # at once in one browser: a few tabs
MARGIN = timedelta(seconds=90)  # a token that dies sooner is renewed first
LEASE = timedelta(seconds=60)
PATIENCE = 25.0  # seconds a loser waits for the winner
_OURS = {"invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
_KEEPER = Everything("the token keeper serves all connections")
_dice = SystemRandom()


class Stray(ProviderError):
    """A callback that does not belong to a dance this browser began: nothing is done with it."""


# --- the dance ------------------------------------------------------------------------------------------------------


def begin(
    house: House,
    connector: Connector,
    kept: MutableMapping[str, Any],
    *,
    person_id: UUID,
    vendor: str,
    now: datetime,
    said: Mapping[str, str] | None = None,
) -> str:
    """Where to send the browser. ``kept`` is its session; ``vendor`` is an id, or "" for a company that signs up;
    ``said`` is what the vendor answered to spec.asks. Raises GiveUp when that names no address."""
    spec, ends = connector.spec, registry.endpoints(connector.spec.id, said)
    verifier = generate_token(64) if spec.pkce else ""
    state = links.new_token()
    with _client(house, connector, said or {}, scope=ends.scopes) as client:
        url, _state = client.create_authorization_url(ends.authorize_url, state=state, code_verifier=verifier or None)
    dance = {
        "provider": spec.id,
        "verifier": verifier,
        "person": str(person_id),
        "vendor": vendor,
        "at": now.isoformat(),
        "said": json.dumps(dict(said or {})),
    }
    others = dict(list((kept.get(KEPT) or {}).items())[-(DANCES - 1) :])
    kept[KEPT] = {**others, state: dance}
    return str(url)


def take_back(
    house: House, provider: str, kept: MutableMapping[str, Any], state: str, *, person_id: UUID, now: datetime
) -> Mapping[str, str]:
    """The dance this callback ends; it can be taken once. Raises Stray."""
    dances = dict(kept.get(KEPT) or {})
    dance = dances.pop(state, None)
    kept[KEPT] = dances
    if dance is None:
        raise Stray(_("This browser did not begin this connection, or has already finished it."))
    if dance["provider"] != provider or dance["person"] != str(person_id):
        raise Stray(_("This connection was begun by somebody else or for another system."))
    if now - datetime.fromisoformat(dance["at"]) > timedelta(minutes=house.limits.oauth_minutes):
        raise Stray(
            _(
                "More than %(oauth_minutes)s minutes have passed since you began.",
                oauth_minutes=house.limits.oauth_minutes,
            )
        )
    return {name: str(value) for name, value in dance.items()}


def finish(
    house: House, connector: Connector, dance: Mapping[str, str], args: Mapping[str, str], now: datetime
) -> Tokens:
    """The code of the callback turned into tokens. Raises Denied, or the ProviderError that says what to do."""
    title = connector.spec.title
    if error := args.get("error"):
        if error == "access_denied":
            raise Denied(
                _("You did not allow Sheaf to read your books in %(title)s. Nothing was connected.", title=title)
            )
        raise GiveUp(f"{title} ended the connection before it began. Please try again.")
    if not args.get("code"):
        raise GiveUp(f"{title} sent you back without a code. Please try again.")
    extra = {"code_verifier": dance["verifier"]} if dance["verifier"] else {}
    said = json.loads(dance["said"])
    heard = {**args, **said}  # where to exchange the code may stand in the callback; settle() knows its own hosts
    url = registry.endpoints(connector.spec.id, heard).token_url
    given: dict[str, Any] = {
        "grant_type": "authorization_code",
        "code": args["code"],
        "allow_redirects": False,
        **extra,
    }
    try:
        with _client(house, connector, heard) as client:
            answer = _ask(connector.spec, lambda: client.fetch_token(url, **given))
        tokens = connector.parse_token(answer, now)
    except MustReconnect:  # a code lives for minutes and works once
        raise GiveUp(f"{title} says this attempt was already used or has grown old. Please begin again.") from None
    return replace(tokens, extra={**said, **tokens.extra})


def by_key(said: Mapping[str, str]) -> Tokens:
    """Where there is no dance: the key the vendor made, and what else it was asked."""
    return Tokens(said["key"], extra={name: value for name, value in said.items() if name != "key"})


def callback_url(house: House, provider: str) -> str:
    """One exact address a provider, from PUBLIC_URL: what is registered there."""
    return f"{house.settings.public_url}/connect/{provider}/callback"


def _client(house: House, connector: Connector, said: Mapping[str, Any], scope: str | None = None) -> OAuth2Session:
    ends = registry.endpoints(connector.spec.id, said)
    client = OAuth2Session(
        client_id=ends.client_id,
        client_secret=ends.client_secret,
        token_endpoint_auth_method=connector.spec.client_auth,
        scope=scope,
        redirect_uri=callback_url(house, connector.spec.id),
        code_challenge_method="S256" if connector.spec.pkce else None,
        default_timeout=house.limits.http_seconds,
    )
    client.register_client_auth_method(("client_secret_json", _in_json))
    if registry.public_only(connector.spec.id):
        client.mount("https://", PublicAdapter())
        client.mount("http://", PublicAdapter())
    return client


def _in_json(client: OAuth2Session, _method: str, url: str, headers: Any, body: str) -> tuple[str, Any, bytes]:
    """Client and request as one JSON object: how Square wants to be asked."""
    asked = dict(parse_qsl(body)) | {"client_id": client.client_id, "client_secret": client.client_secret}
    return url, {**headers, "Content-Type": "application/json"}, json.dumps(asked).encode()


def _ask(spec: ProviderSpec, call: Callable[[], Any]) -> Json:
    """The token endpoint's answer. What is raised holds neither request nor body: both are secret."""
    title = spec.title
    try:
        return dict(call())
    except OAuthError as problem:
        word = str(problem.error)[:40]
    except NotPublic:
        raise GiveUp(_("The address you gave is not one on the public internet.")) from None
    except requests.RequestException as problem:
        _later(title, problem)
    except ValueError:
        raise RetryLater(f"{title} sent something other than a permission.") from None
    if word in spec.dead_grant:
        raise MustReconnect(f"{title} no longer honours the permission.")
    if word in _OURS:
        log.error("provider refuses our client", provider=title, error=word)
        raise GiveUp(f"{title} does not accept Sheaf's own registration at the moment.")
    raise RetryLater(f"{title} has trouble giving permissions.")


def _later(title: str, problem: requests.RequestException) -> NoReturn:
    after = wait_named(problem.response.headers) if problem.response is not None else None
    raise RetryLater(f"{title} could not be reached.", after) from None


# --- sealed tokens --------------------------------------------------------------------------------------------------


def seal(house: House, tokens: Tokens, connection_id: UUID, vendor_id: UUID | None) -> str:
    """Authenticated ciphertext, bound to its row and its vendor (None while the company is being chosen)."""
    said = {
        "access": tokens.access_token,
        "refresh": tokens.refresh_token,
        "expires_at": tokens.expires_at.isoformat() if tokens.expires_at else None,
        "extra": tokens.extra,
    }
    return house.keys.seal(json.dumps(said), place=Place.TOKENS, row=connection_id, tenant=vendor_id)


def unseal(house: House, sealed: str | None, connection_id: UUID, vendor_id: UUID | None) -> Tokens:
    """Raises MustReconnect when there is nothing, GiveUp when it does not open (a key is missing, or it was moved)."""
    if sealed is None:
        raise MustReconnect(_("This connection has no permission any more."))
    try:
        said = json.loads(house.keys.open(sealed, place=Place.TOKENS, row=connection_id, tenant=vendor_id))
    except CannotOpen:
        log.error("stored permission does not open", connection=str(connection_id))
        raise GiveUp(_("The stored permission cannot be read. Please reconnect.")) from None
    expires_at = datetime.fromisoformat(said["expires_at"]) if said["expires_at"] else None
    return Tokens(said["access"], said["refresh"], expires_at, said["extra"])


# --- the keeper -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Held:
    """The pair as it lies in the database, and its ciphertext, by which a later write recognises it."""

    connection_id: UUID
    vendor_id: UUID | None
    provider: str
    sealed: str
    tokens: Tokens


def tokens_for(house: House, connection_id: UUID, *, refused: str = "") -> Tokens:
    """Tokens good for the next minute. ``refused``: the access token a provider just answered 401 to.

    Raises MustReconnect when the grant is dead, RetryLater when nobody can renew it now.
    """
    patience = time.monotonic() + PATIENCE
    while True:
        held = _held(house, connection_id)
        if _is_good(held.tokens, refused):
            return held.tokens
        lease = _claim(house, held)
        if lease is not None:
            if renewed := _renew(house, held, lease):
                return renewed
        elif time.monotonic() > patience:
            raise RetryLater(_("Its permission is being renewed. That takes longer than usual."), 5.0)
        else:
            time.sleep(_dice.uniform(0.02, 0.15))


class Permission:
    """One connection's tokens during one piece of work: fresh at every call, however long the work takes."""

    def __init__(self, house: House, connection_id: UUID) -> None:
        self._house, self._connection_id = house, connection_id
        self._tokens: Tokens | None = None

    def tokens(self) -> Tokens:
        if self._tokens is None or not _is_good(self._tokens, ""):
            self._tokens = tokens_for(self._house, self._connection_id)
        return self._tokens

    def renew(self) -> None:
        """The provider has just refused what we have."""
        refused = self._tokens.access_token if self._tokens else ""
        self._tokens = tokens_for(self._house, self._connection_id, refused=refused)


def _held(house: House, connection_id: UUID) -> _Held:
    query = select(Connection.vendor_id, Connection.provider, Connection.tokens, Connection.state)
    with house.database.reading(_KEEPER) as session:
        row = session.execute(query.where(Connection.id == connection_id)).one_or_none()
    if row is None or row.state != ConnectionState.ACTIVE:
        raise MustReconnect(_("This connection is not active."))
    tokens = unseal(house, row.tokens, connection_id, row.vendor_id)
    return _Held(connection_id, row.vendor_id, row.provider, row.tokens, tokens)


def _is_good(tokens: Tokens, refused: str) -> bool:
    if tokens.access_token == refused:
        return False
    return tokens.expires_at is None or tokens.expires_at - MARGIN > clock.now()


def _claim(house: House, held: _Held) -> datetime | None:
    """The lease's end when we won it: only while nobody else has it and the stored pair is the one we read."""
    with house.database.transaction(_KEEPER) as session:
        now = database_now(session)
        statement = (
            update(Connection)
            .where(Connection.id == held.connection_id, Connection.tokens == held.sealed)
            .where(Connection.state == ConnectionState.ACTIVE)
            .where(or_(Connection.refresh_lease_until.is_(None), Connection.refresh_lease_until < now))
            .values(refresh_lease_until=now + LEASE)
            .returning(Connection.refresh_lease_until)
            .execution_options(synchronize_session=False)
        )
        return session.execute(statement).scalar_one_or_none()


def _renew(house: House, held: _Held, lease: datetime) -> Tokens | None:
    """The new pair, stored. None when another pair was stored meanwhile: look again."""
    connector = registry.get(held.provider)
    try:
        fresh = refreshed(house, connector, held.tokens)
    except MustReconnect as problem:
        if _held(house, held.connection_id).sealed != held.sealed:  # the vendor reconnected while we asked
            return None
        _bury(house, held, str(problem))
        raise
    except ProviderError:
        _store(house, held, {"refresh_lease_until": None}, lease)
        raise
    sealed = seal(house, fresh, held.connection_id, held.vendor_id)
    values = {
        "tokens": sealed,
        "tokens_expire_at": fresh.expires_at,
        "renewed_at": clock.now(),
        "refresh_lease_until": None,
    }
    if not _store(house, held, values):
        return None
    log.info("access renewed", connection=str(held.connection_id), provider=held.provider)
    return fresh


def refreshed(house: House, connector: Connector, old: Tokens) -> Tokens:
    if not old.refresh_token:
        raise MustReconnect(f"{connector.spec.title} no longer honours the permission.")
    ends = registry.endpoints(connector.spec.id, old.extra)
    given: dict[str, Any] = {"refresh_token": old.refresh_token, "allow_redirects": False}
    if connector.spec.refresh_names_callback:
        given["redirect_uri"] = callback_url(house, connector.spec.id)
    with _client(house, connector, old.extra) as client:
        answer = _ask(connector.spec, lambda: client.refresh_token(ends.token_url, **given))
    fresh = connector.parse_token(answer, clock.now())
    return replace(fresh, refresh_token=fresh.refresh_token or old.refresh_token, extra={**old.extra, **fresh.extra})


def _store(house: House, held: _Held, values: Mapping[str, Any], lease: datetime | None = None) -> bool:
    """Write only over the pair we read (and, with ``lease``, only while the lease is ours)."""
    statement = update(Connection).where(Connection.id == held.connection_id, Connection.tokens == held.sealed)
    if lease is not None:
        statement = statement.where(Connection.refresh_lease_until == lease)
    with house.database.transaction(_KEEPER) as session:
        done = session.execute(statement.values(values).execution_options(synchronize_session=False))
        return bool(getattr(done, "rowcount", 0))


def _bury(house: House, held: _Held, why: str) -> None:
    with house.database.transaction(_KEEPER) as session:
        lose_permission(session, house, held.connection_id, why, clock.now(), sealed=held.sealed)


def keep_grants(house: House) -> int:
    """Use the permissions that would die of not being used, half-way there; returns how many.

    Pulls use them all day long: this is for those that rest, behind a long refusal or an outage of ours.
    """
    now = clock.now()
    idle: list[UUID] = []
    with house.database.reading(_KEEPER) as session:
        for provider, connector in registry.PROVIDERS.items():
            if days := connector.spec.idle_days:
                query = select(Connection.id).where(
                    Connection.provider == provider,
                    Connection.state == ConnectionState.ACTIVE,
                    func.coalesce(Connection.renewed_at, Connection.created_at) < now - timedelta(days=days / 2),
                )
                idle += session.execute(query).scalars()
    for connection_id in idle:
        try:
            tokens_for(house, connection_id, refused=_held(house, connection_id).tokens.access_token)
        except ProviderError as problem:  # a dead one is told to its owners by the keeper; the others get another hour
            log.warning("idle permission not renewed", connection=str(connection_id), problem=type(problem).__name__)
    return len(idle)
