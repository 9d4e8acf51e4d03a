"""Connecting a company's books, the health of what is connected, and the intake of webhooks."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog
from flask import Blueprint, abort, flash, g, redirect, render_template, request, session, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import person_signed_in, signed_machine, vendor_member
from app.db import database
from app.house import the_house
from app.models import BillTo, Connection, ConnectionState
from app.scope import Everything
from connectors import actions, oauth, queries, registry
from connectors.actions import MANAGING
from connectors.asking import context
from connectors.base import (
    Account,
    Connector,
    Context,
    Denied,
    MustReconnect,
    ProviderError,
    RetryLater,
    Tokens,
)
from connectors.events import store_event

log = structlog.get_logger()

blueprint = Blueprint(
    "connectors", __name__, template_folder="templates", static_folder="static", static_url_path="/static/providers"
)

WEBHOOK_LIMIT = 1_000_000  # bytes
_CONNECTING = Everything("connecting is the sign-up: there is no vendor yet whose rows these are")
_INTAKE = Everything("a webhook names its account inside")


@blueprint.context_processor
def _shown() -> dict[str, object]:
    return {"may_manage": g.get("role") in MANAGING, "title_of": _title_of}


def _title_of(provider: str) -> str:
    return registry.get(provider).spec.title


# --- connecting -----------------------------------------------------------------------------------------------------


@blueprint.get("/connect/<provider>")
@person_signed_in
def connect(provider: str) -> str:
    """What we will read, for which company of yours, and the button that begins."""
    connector = _offered(provider)
    wanted = request.args.get("vendor", "")
    mine = _managed()
    current = str(g.vendor_id) if g.vendor_id else ""
    chosen = wanted if wanted in mine else current if current in mine else ""
    return render_template("connectors/connect.html", spec=connector.spec, vendors=mine, chosen=chosen)


@blueprint.post("/connect/<provider>")
@person_signed_in
def begin(provider: str) -> Response:
    connector = _offered(provider)
    vendor = request.form.get("vendor", "")
    if vendor and vendor not in _managed():
        abort(404)
    return redirect(
        oauth.begin(the_house(), connector, session, person_id=g.person.id, vendor=vendor, now=clock.now()), 303
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
        accounts = _accounts(connector, tokens)
        if len(accounts) == 1:
            return _connected(connector, tokens, accounts[0], dance["vendor"])
    except (ProviderError, actions.NotConnected) as problem:
        return _problem(connector, problem)
    with database().transaction(_CONNECTING) as writing:
        pending = actions.keep_choice(writing, person=g.person, provider=provider, accounts=accounts, now=now)
        pending.tokens = oauth.seal(house, tokens, pending.id, None)
        pending.tokens_expire_at = tokens.expires_at
    return redirect(url_for("connectors.company", connection_id=pending.id, vendor=dance["vendor"]), 303)


@blueprint.get("/connect/<uuid:connection_id>/company")
@person_signed_in
def company(connection_id: UUID) -> str:
    """One consent opened several companies: choose one. Another one is connected by connecting again."""
    with database().reading(_CONNECTING) as reading:
        pending = queries.choice_of(reading, connection_id, g.person.id) or abort(404)
    vendor = request.args.get("vendor", "")
    return render_template("connectors/company.html", pending=pending, vendor=vendor if vendor in _managed() else "")


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


def _accounts(connector: Connector, tokens: Tokens) -> Sequence[Account]:
    """The companies the consent opened; at least one."""
    provider = connector.spec.id
    http = registry.client(provider, said=tokens.extra, authorization=lambda: connector.authorization(tokens))
    ctx = Context(http, registry.endpoints(provider, tokens.extra), clock.now(), tokens)
    found = connector.accounts(ctx, request.args)
    if not found:
        raise MustReconnect(f"You allowed no company in {connector.spec.title}. Please choose one there.")
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
    return redirect(url_for("connectors.progress", connection_id=connection.id), 303)


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


# --- the first pull, and going live ---------------------------------------------------------------------------------


@blueprint.get("/connect/<uuid:connection_id>/progress")
@vendor_member()
def progress(connection_id: UUID) -> str:
    """The live counter of the first pull, then what was found and the button to go live."""
    with database().reading() as reading:
        connection = _connection_or_404(reading, connection_id)
        is_done = connection.first_synced_at is not None
        invoices, customers = queries.arrived(reading, connection_id)
        return render_template(
            "connectors/progress.html",
            connection=connection,
            spec=registry.get(connection.provider).spec,
            vendor=queries.vendor_of(reading),
            run=queries.running(reading, connection_id),
            found=queries.found(reading, connection_id) if is_done else None,
            invoices=invoices,
            customers=customers,
        )


@blueprint.post("/desk/connections/live")
@vendor_member(*MANAGING)
def go_live() -> Response:
    with database().transaction() as writing:
        if not any(one.connection.first_synced_at for one in queries.health_of(writing)):
            flash("The first sync has not finished yet. Going live is possible right after it.", "warn")
            return redirect(url_for("connectors.health"), 303)
        actions.go_live(writing, queries.vendor_of(writing), person=g.person, now=clock.now())
    flash("You are live. Your open invoices go into your customers' next digests.", "ok")
    return redirect(url_for("connectors.health"), 303)


# --- health ---------------------------------------------------------------------------------------------------------


@blueprint.get("/desk/connections")
@vendor_member()
def health() -> str:
    return _health_page()


def _health_page(wrong: Mapping[UUID, str] | None = None) -> str:
    with database().reading() as reading:
        return render_template(
            "connectors/health.html",
            vendor=queries.vendor_of(reading),
            healths=queries.health_of(reading),
            unreached=queries.unreached(reading),
            chosen=queries.chosen(reading),
            quarantined=queries.quarantined(reading),
            offered=registry.offered(),
            wrong=wrong or {},
        )


@blueprint.post("/desk/connections/<uuid:connection_id>/sync")
@vendor_member(*MANAGING)
def sync_now(connection_id: UUID) -> Response:
    with database().transaction() as writing:
        actions.pull_soon(_connection_or_404(writing, connection_id), clock.now())
    flash("On its way: the next sync begins within seconds.", "ok")
    return redirect(url_for("connectors.health"), 303)


@blueprint.post("/desk/connections/<uuid:connection_id>/disconnect")
@vendor_member(*MANAGING)
def disconnect(connection_id: UUID) -> Response:
    """Ends the permission at the provider if it can be reached, and here in any case (INVARIANTS K5)."""
    with database().reading() as reading:
        connection = _connection_or_404(reading, connection_id)
    is_told = _revoked(connection)
    with database().transaction() as writing:
        actions.disconnect(writing, _connection_or_404(writing, connection_id), person=g.person, now=clock.now())
    title = _title_of(connection.provider)
    more = "" if is_told else f" We could not tell {title}; you can remove Sheaf from its list of apps there."
    flash(f"{title} is disconnected, its permission destroyed, its lines out of every later digest.{more}", "ok")
    return redirect(url_for("connectors.health"), 303)


def _revoked(connection: Connection) -> bool:
    if connection.state != ConnectionState.ACTIVE:
        return True
    try:
        permission = oauth.Permission(the_house(), connection.id)
        ctx = context(the_house(), connection, permission, clock.now(), seconds=5.0)
        registry.get(connection.provider).revoke(ctx)
    except ProviderError as problem:
        log.info("not revoked at the provider", connection=str(connection.id), problem=type(problem).__name__)
        return False
    return True


@blueprint.post("/desk/bill-tos/<uuid:bill_to_id>/address")
@vendor_member(*MANAGING)
def choose_address(bill_to_id: UUID) -> Response | tuple[str, int]:
    """Where reminders of this customer go, whatever the books say; an empty field goes back to the books."""
    with database().transaction() as writing:
        bill_to = _bill_to_or_404(writing, bill_to_id)
        written = request.form.get("address", "")[:300]
        wrong = actions.choose_address(writing, bill_to, written, person=g.person, now=clock.now())
    if wrong:
        return _health_page({bill_to_id: wrong}), 422
    flash(
        "Saved. It stays so whatever your books say." if written.strip() else "Back to the address in your books.", "ok"
    )
    return redirect(url_for("connectors.health", _anchor="addresses"), 303)


# --- webhooks -------------------------------------------------------------------------------------------------------


@blueprint.post("/webhooks/<provider>")
@signed_machine
def webhook(provider: str) -> Response:
    """Stored raw before it is acknowledged; nothing is decided here (INVARIANTS N1 N4)."""
    connector = _offered(provider)
    request.max_content_length = WEBHOOK_LIMIT
    body, headers, now = request.get_data(), dict(request.headers), clock.now()
    url = the_house().settings.public_url + request.path
    if not connector.verify(headers, body, registry.endpoints(provider).webhook_secret, now, url):
        log.warning("webhook refused", provider=provider)
        return Response(status=401)
    try:
        events = connector.events(headers, body)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        log.warning("webhook not understood", provider=provider)
        return Response(status=400)
    with database().transaction(_INTAKE) as writing:
        store_event(writing, provider, headers, body, events, now)
    return Response(status=200)


# --- shared ---------------------------------------------------------------------------------------------------------


def _offered(provider: str) -> Connector:
    """A provider without a client id is not there (DESIGN.md 4)."""
    return next((one for one in registry.offered() if one.spec.id == provider), None) or abort(404)


def _managed() -> dict[str, str]:
    """Vendors this person may connect books for, by id."""
    roles = {str(role) for role in MANAGING}
    return {str(one.id): one.name for one in g.memberships if one.kind == "vendor" and one.role in roles}


def _connection_or_404(reading: Session, connection_id: UUID) -> Connection:
    return queries.connection_of(reading, connection_id) or abort(404)


def _bill_to_or_404(reading: Session, bill_to_id: UUID) -> BillTo:
    return queries.bill_to_of(reading, bill_to_id) or abort(404)
