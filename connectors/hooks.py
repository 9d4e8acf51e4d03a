"""Webhooks of one connection alone (ProviderSpec.webhooks: "connection"): asked for when it is made, renewed ahead of
their end, asked for anew when they died while we were down, given up with the connection.

What is kept of them, a secret of ours and what renewing them needs, lies sealed in the connection's row.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.db import database_now
from app.house import House
from app.keys import CannotOpen, Place
from app.models import Connection, ConnectionState
from connectors import registry
from connectors.actions import lose_permission, pull_soon
from connectors.asking import WORKER, with_access
from connectors.base import Context, Json, MustReconnect, NotFound, ProviderError, RetryLater, Subscription
from connectors.rules import retry_at

log = structlog.get_logger()

AT_ONCE = 20  # subscriptions a run asks for
LEASE = timedelta(minutes=5)
RENEW_AFTER = 2 / 3  # of a subscription's life
TROUBLE, REFUSED = 5, 12  # as if so many attempts had failed: a quarter of an hour, six hours


@dataclass(frozen=True, slots=True)
class Hook:
    """``secret`` proves what arrives; ``held`` is the connector's, and empty before anything was asked for."""

    secret: str = field(repr=False)
    held: Json = field(default_factory=dict, repr=False)


def address(house: House, provider: str, connection_id: UUID) -> str:
    """Where that connection's webhooks come to: what is registered at the provider, and what signatures cover."""
    return f"{house.settings.public_url}/webhooks/{provider}/{connection_id}"


def opened(house: House, connection: Connection) -> Hook | None:
    """None when there is none, or its key is lost: then a new one is asked for."""
    if connection.hook is None:
        return None
    try:
        said = json.loads(
            house.keys.open(connection.hook, place=Place.HOOK, row=connection.id, tenant=connection.vendor_id)
        )
    except CannotOpen:
        log.error("stored webhook does not open", connection=str(connection.id))
        return None
    return Hook(said["secret"], said["held"])


def _keep(house: House, connection: Connection, hook: Hook) -> None:
    said = json.dumps({"secret": hook.secret, "held": hook.held})
    connection.hook = house.keys.seal(said, place=Place.HOOK, row=connection.id, tenant=connection.vendor_id)


def heed(session: Session, house: House, connection_id: UUID, held: Json) -> None:
    """The provider told us something that asking for webhooks must show back: do so at once."""
    query = select(Connection).where(Connection.id == connection_id).with_for_update(key_share=True)
    connection = session.execute(query).scalar_one()
    hook = opened(house, connection)
    if hook is not None:
        _keep(house, connection, replace(hook, held={**hook.held, **held}))
        connection.hook_due_at = database_now(session)


# --- asking for them ------------------------------------------------------------------------------------------------


def keep_hooks(house: House) -> int:
    """Ask for, or renew, what is due; returns how many were looked at."""
    claimed = _claim(house)
    for connection in claimed:
        try:
            _subscribe(house, connection)
        except ProviderError as problem:
            _put_off(house, connection.id, problem)
        except Exception:  # one provider's bug must not cost the others their webhooks
            log.exception("webhooks broke", connection=str(connection.id))
    return len(claimed)


def _claim(house: House) -> list[Connection]:
    """The due time is the lease. A secret is stored before it is told to anybody: what it signs may come at once."""
    with house.database.transaction(WORKER) as session:
        now = database_now(session)
        query = select(Connection).where(Connection.hook_due_at <= now, Connection.state == ConnectionState.ACTIVE)
        query = query.order_by(Connection.hook_due_at).limit(AT_ONCE).with_for_update(skip_locked=True)
        claimed = list(session.execute(query).scalars())
        for connection in claimed:
            connection.hook_due_at = now + LEASE
            if opened(house, connection) is None:
                _keep(house, connection, Hook(secrets.token_urlsafe(32)))
                connection.hook_expires_at = None
    return claimed


def _subscribe(house: House, connection: Connection) -> None:
    connector, now = registry.get(connection.provider), clock.now()
    hook = opened(house, connection)
    assert hook is not None
    url = address(house, connection.provider, connection.id)

    def ask(held: Json) -> Subscription:
        return with_access(house, connection, lambda ctx: connector.subscribe(ctx, url, hook.secret, held))

    was_deaf = connection.hook_expires_at is not None and connection.hook_expires_at <= now
    try:
        made = ask(hook.held)
    except NotFound:
        if not hook.held:
            raise
        was_deaf, made = True, ask({})
    _store(house, connection, hook, made, was_deaf=was_deaf)


def _store(house: House, claimed: Connection, hook: Hook, made: Subscription, *, was_deaf: bool) -> None:
    """``was_deaf``: it had died, so what happened meanwhile is pulled. What the provider told us while we asked stays,
    and is answered at once."""
    with house.database.transaction(WORKER) as session:
        query = select(Connection).where(Connection.id == claimed.id, Connection.state == ConnectionState.ACTIVE)
        connection = session.execute(query.with_for_update(key_share=True)).scalar_one_or_none()
        if connection is None:
            return
        now = database_now(session)
        told = opened(house, connection) if connection.hook != claimed.hook else None
        _keep(house, connection, Hook(made.secret or hook.secret, {**made.held, **_news(hook.held, told)}))
        connection.hook_expires_at = made.expires_at
        connection.hook_due_at = now if told else _renewal(now, made.expires_at)
        if was_deaf:
            pull_soon(connection, now)
    log.info("webhooks asked for", connection=str(claimed.id), provider=claimed.provider, again=was_deaf)


def _news(before: Mapping[str, object], told: Hook | None) -> Json:
    held = told.held if told else {}
    return {name: value for name, value in held.items() if before.get(name) != value}


def _renewal(now: datetime, expires_at: datetime | None) -> datetime | None:
    return now + (expires_at - now) * RENEW_AFTER if expires_at else None


def _put_off(house: House, connection_id: UUID, problem: ProviderError) -> None:
    """Until it works, the connection is pulled as often as one without webhooks."""
    log.info("no webhooks", connection=str(connection_id), problem=type(problem).__name__)
    with house.database.transaction(WORKER) as session:
        if isinstance(problem, MustReconnect):
            lose_permission(session, house, connection_id, str(problem), clock.now())
            return
        connection = session.get_one(Connection, connection_id)
        is_passing = isinstance(problem, RetryLater)
        after = problem.after if isinstance(problem, RetryLater) else None
        connection.hook_due_at = retry_at(database_now(session), TROUBLE if is_passing else REFUSED, after)


def is_heard(connection: Connection, now: datetime) -> bool:
    """Whether that connection's webhooks reach us, as far as we know."""
    if registry.get(connection.provider).spec.webhooks != "connection":
        return bool(registry.endpoints(connection.provider).webhook_secret)
    if connection.hook is None:
        return False
    is_pending = connection.hook_due_at is not None and connection.hook_expires_at is None
    return not is_pending and (connection.hook_expires_at is None or connection.hook_expires_at > now)


def give_up(house: House, connection: Connection, ctx: Context) -> None:
    """Best effort, before the permission ends. Raises ProviderError."""
    hook = opened(house, connection)
    if hook is not None and hook.held:
        registry.get(connection.provider).unsubscribe(ctx, hook.held)
