"""Connecting a company's books: by the provider's consent page, or by a key the vendor made there."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog
from flask import Blueprint, abort, g, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from app import clock
from app.access import anybody, person_signed_in
from app.db import database
from app.house import the_house
from app.scope import Everything
from app.words import _
from connectors import actions, oauth, queries, registry
from connectors.actions import MANAGING
from connectors.base import (
    AccessExpired,
    Account,
    Connector,
    Context,
    Denied,
    Forbidden,
    GiveUp,
    MustReconnect,
    ProviderError,
    RetryLater,
    Tokens,
)
from connectors.forms import Answers, read_answers

log = structlog.get_logger()

blueprint = Blueprint(
    "connectors", __name__, template_folder="templates", static_folder="static", static_url_path="/static/providers"
)

_CONNECTING = Everything("connecting is the sign-up: there is no vendor yet whose rows these are")


@blueprint.get("/connect")
@person_signed_in
def providers() -> str:
    """Every system whose books can be connected."""
    return render_template("connectors/providers.html", offered=registry.offered(), vendor=request.args.get("vendor"))


@blueprint.get("/connect/<provider>")
@person_signed_in
def connect(provider: str) -> str:
    """What we will read, for which company of yours, and the button that begins."""
    return _connect_page(_offered(provider), request.args.get("vendor", ""))


@blueprint.post("/connect/<provider>")
@person_signed_in
def begin(provider: str) -> Response | tuple[str, int]:
    """To the consent page; a key is tried at once."""
    connector, house = _offered(provider), the_house()
    vendor, answers = request.form.get("vendor", ""), read_answers(request.form, connector.spec.asks)
    if vendor and vendor not in _managed():
        abort(404)
    if answers.wrong:
        return _connect_page(connector, vendor, answers), 422
    try:
        if connector.spec.kind == "key":
            return _arrived(connector, oauth.by_key(answers.said), vendor, {})
        begun = {"person_id": g.person.id, "vendor": vendor, "now": clock.now(), "said": answers.said}
        return redirect(oauth.begin(house, connector, session, **begun), 303)
    except (AccessExpired, Forbidden):
        answers.problem = f"{connector.spec.title} does not accept this. Please check what you typed."
    except (GiveUp, RetryLater) as problem:
        answers.problem = str(problem)
    except (ProviderError, actions.NotConnected) as problem:
        return _problem(connector, problem)
    log.info("not connected", provider=provider, problem="refused what was typed")
    return _connect_page(connector, vendor, answers), 422


def _connect_page(connector: Connector, wanted: str, answers: Answers | None = None) -> str:
    mine = _managed()
    current = str(g.vendor_id) if g.vendor_id else ""
    chosen = wanted if wanted in mine else current if current in mine else ""
    return render_template(
        "connectors/connect.html", spec=connector.spec, vendors=mine, chosen=chosen, answers=answers or Answers()
    )


@blueprint.get("/connect/<provider>/callback")
@person_signed_in
def callback(provider: str) -> Response | tuple[str, int]:
    """The provider sends the browser back here, once for each dance; a HEAD changes nothing."""
    connector, now, house = _offered(provider), clock.now(), the_house()
    if request.method == "HEAD":
        return Response(status=200)
    try:
        dance = oauth.take_back(house, provider, session, request.args.get("state", ""), person_id=g.person.id, now=now)
        tokens = oauth.finish(house, connector, dance, request.args, now)
        return _arrived(connector, tokens, dance["vendor"], request.args)
    except (ProviderError, actions.NotConnected) as problem:
        return _problem(connector, problem)


def _arrived(connector: Connector, tokens: Tokens, vendor: str, heard: Mapping[str, str]) -> Response:
    """We may read: the only company there is, or the choice among several. Raises ProviderError, NotConnected."""
    accounts, house, now, provider = _accounts(connector, tokens, heard), the_house(), clock.now(), connector.spec.id
    if len(accounts) == 1:
        return _connected(connector, tokens, accounts[0], vendor)
    with database().transaction(_CONNECTING) as writing:
        pending = actions.keep_choice(writing, person=g.person, provider=provider, accounts=accounts, now=now)
        pending.tokens = oauth.seal(house, tokens, pending.id, None)
        pending.tokens_expire_at = tokens.expires_at
    return redirect(url_for("connectors.company", connection_id=pending.id, vendor=vendor), 303)


@blueprint.get("/connect/<uuid:connection_id>/company")
@person_signed_in
def company(connection_id: UUID) -> str:
    """One consent opened several companies: choose one. Another one is connected by connecting again."""
    with database().reading(_CONNECTING) as reading:
        pending = queries.choice_of(reading, connection_id, g.person.id) or abort(404)
    vendor = request.args.get("vendor", "")
    vendor = vendor if vendor in _managed() else ""
    spec = registry.get(pending.provider).spec
    return render_template("connectors/company.html", pending=pending, spec=spec, vendor=vendor)


@blueprint.post("/connect/<uuid:connection_id>/company")
@person_signed_in
def choose_company(connection_id: UUID) -> Response | tuple[str, int]:
    vendor, wanted = request.form.get("vendor", ""), request.form.get("company", "")
    with database().reading(_CONNECTING) as reading:
        pending = queries.choice_of(reading, connection_id, g.person.id) or abort(404)
    choice = next((one for one in pending.choices if one["id"] == wanted), None)
    if choice is None or (vendor and vendor not in _managed()):
        abort(400)
    account = Account(choice["id"], choice["name"], choice["currency"], choice["zone"], choice["country"])
    connector = registry.get(pending.provider)
    try:
        tokens = oauth.unseal(the_house(), pending.tokens, pending.id, None)
        return _connected(connector, tokens, account, vendor, pending_id=pending.id)
    except (ProviderError, actions.NotConnected) as problem:
        return _problem(connector, problem)


def _accounts(connector: Connector, tokens: Tokens, heard: Mapping[str, str]) -> Sequence[Account]:
    """The companies we may read; at least one."""
    provider = connector.spec.id
    http = registry.client(provider, said=tokens.extra, authorization=lambda: connector.authorization(tokens))
    ctx = Context(http, registry.endpoints(provider, tokens.extra), clock.now(), tokens)
    found = connector.accounts(ctx, heard)
    if not found:
        raise MustReconnect(
            _("You allowed no company in %(title)s. Please choose one there.", title=connector.spec.title)
        )
    return found


def _connected(
    connector: Connector, tokens: Tokens, account: Account, vendor: str, pending_id: UUID | None = None
) -> Response:
    """Store the connection and its sealed tokens in one commit, and show its first pull."""
    now, house = clock.now(), the_house()
    with database().transaction(_CONNECTING) as writing:
        pending = queries.choice_of(writing, pending_id, g.person.id) if pending_id else None
        connection = actions.connect_company(
            writing,
            person=g.person,
            provider=connector.spec.id,
            account=account,
            vendor_id=UUID(vendor) if vendor else None,
            now=now,
            limits=house.limits,
            pending=pending,
        )
        connection.tokens = oauth.seal(house, tokens, connection.id, connection.vendor_id)
        connection.tokens_expire_at = tokens.expires_at
    session["vendor_id"] = str(connection.vendor_id)  # the desk that opens now is the one just connected
    return redirect(url_for("connections.progress", connection_id=connection.id), 303)


def _problem(connector: Connector, problem: Exception) -> tuple[str, int]:
    """What went wrong, in words, with a way on. Nothing was connected."""
    log.info("not connected", provider=connector.spec.id, problem=type(problem).__name__)
    status = 400
    if isinstance(problem, Denied):
        status = 200
        with database().transaction(_CONNECTING) as writing:
            actions.note_refusal(writing, person=g.person, provider=connector.spec.id, now=clock.now())
    elif isinstance(problem, RetryLater):
        status = 502
    elif isinstance(problem, actions.NotConnected):
        status = 409
    page = render_template("connectors/problem.html", spec=connector.spec, problem=problem, is_denied=status == 200)
    return page, status


@blueprint.get("/connect/<provider>/ended")
@anybody
def ended(provider: str) -> str:
    """Where a provider sends the browser that has just ended our permission there. Nobody signed this request, so it
    changes nothing: signed news and the next pull do."""
    return render_template("connectors/ended.html", spec=_offered(provider).spec)


# --- shared ---------------------------------------------------------------------------------------------------------


def _offered(provider: str) -> Connector:
    return registry.offered_one(provider) or abort(404)


def _managed() -> dict[str, str]:
    """Vendors this person may connect books for, by id."""
    roles = {str(role) for role in MANAGING}
    return {str(one.id): one.name for one in g.memberships if one.kind == "vendor" and one.role in roles}
