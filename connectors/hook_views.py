"""The intake of webhooks: stored raw before they are acknowledged, nothing is decided here (INVARIANTS N1 N4)."""

from uuid import UUID

import structlog
from flask import Blueprint, abort, request
from werkzeug.wrappers import Response

from app import clock
from app.access import signed_machine
from app.db import database
from app.house import the_house
from app.scope import Everything
from connectors import hooks, queries, registry
from connectors.base import Connector, Handshake
from connectors.events import store_event

log = structlog.get_logger()

blueprint = Blueprint("webhooks", __name__, url_prefix="/webhooks")

BODY_LIMIT = 1_000_000  # bytes
_INTAKE = Everything("a webhook names its account inside")
_WRONG = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)  # what reading a stranger's body may raise


@blueprint.post("/<provider>")
@signed_machine
def of_all(provider: str) -> Response:
    """The one address of a provider that knows one for all its companies. An account unknown here is acknowledged: an
    error would get the address disabled for everybody."""
    connector = _known(provider)
    return _take_in(connector, registry.endpoints(provider).webhook_secret)


@blueprint.post("/<provider>/<uuid:connection_id>")
@signed_machine
def of_one(provider: str, connection_id: UUID) -> Response:
    """The address of one connection. Once that has ended it is not there: the provider may forget it."""
    connector, house = _known(provider), the_house()
    with database().reading(_INTAKE) as reading:
        connection = queries.heard_connection(reading, provider, connection_id)
        hook = connection and hooks.opened(house, connection)
    return _take_in(connector, (hook or abort(404)).secret, connection_id)


def _take_in(connector: Connector, secret: str, connection_id: UUID | None = None) -> Response:
    request.max_content_length = BODY_LIMIT
    body, headers, now, provider = request.get_data(), dict(request.headers), clock.now(), connector.spec.id
    greeting = _greeting(connector, headers, body)
    if greeting is not None:
        return _greet(greeting, connection_id)
    url = the_house().settings.public_url + request.path
    if not connector.verify(headers, body, secret, now, url):
        log.warning("webhook refused", provider=provider)
        return Response(status=401)
    try:
        events = connector.events(headers, body)
    except _WRONG:
        log.warning("webhook not understood", provider=provider)
        return Response(status=400)
    with database().bare_transaction(_INTAKE) as writing:
        store_event(writing, provider, headers, body, events, now, connection_id)
    return Response(status=200)


def _greeting(connector: Connector, headers: dict[str, str], body: bytes) -> Handshake | None:
    try:
        return connector.handshake(headers, request.args, body)
    except _WRONG:
        return None


def _greet(greeting: Handshake, connection_id: UUID | None) -> Response:
    """Plain text: whoever asks may have us say anything back."""
    if greeting.held and connection_id:
        with database().transaction(_INTAKE) as writing:
            hooks.heed(writing, the_house(), connection_id, greeting.held)
    return Response(greeting.body, greeting.status, mimetype="text/plain")


def _known(provider: str) -> Connector:
    return registry.offered_one(provider) or abort(404)
