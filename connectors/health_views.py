"""What is connected: the first pull and going live, the health of each, and what the vendor decides of it."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import structlog
from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.db import database
from app.house import the_house
from app.models import BillTo, Connection, ConnectionState
from app.words import _
from connectors import actions, hooks, oauth, queries, registry
from connectors.actions import MANAGING
from connectors.asking import context
from connectors.base import Context, ProviderError, ProviderSpec

log = structlog.get_logger()

blueprint = Blueprint("connections", __name__)


@blueprint.context_processor
def _shown() -> dict[str, object]:
    return {"may_manage": g.get("role") in MANAGING, "spec_of": _spec_of}


@blueprint.app_template_global("title_of")
def _title_of(provider: str) -> str:
    return _spec_of(provider).title


def _spec_of(provider: str) -> ProviderSpec:
    return registry.get(provider).spec


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
            doubled=[each for each in queries.doubled(reading) if each[0].id == connection_id] if is_done else [],
            run=queries.running(reading, connection_id),
            found=queries.found(reading, connection_id) if is_done else None,
            invoices=invoices,
            customers=customers,
        )


@blueprint.post("/desk/connections/live")
@vendor_member(*MANAGING)
def go_live() -> Response:
    with database().transaction() as writing:
        if not any(one.connection.first_synced_at for one in queries.health_of(writing, clock.now())):
            flash(_("The first sync has not finished yet. Going live is possible right after it."), "warn")
            return redirect(url_for("connections.health"), 303)
        actions.go_live(writing, queries.vendor_of(writing), person=g.person, now=clock.now())
    flash(_("You are live. Your open invoices go into your customers' next digests."), "ok")
    return redirect(url_for("connections.health"), 303)


# --- health ---------------------------------------------------------------------------------------------------------


@blueprint.get("/desk/connections")
@vendor_member()
def health() -> str:
    return _health_page()


def _health_page(wrong: Mapping[UUID, str] | None = None) -> str:
    with database().reading() as reading:
        healths = queries.health_of(reading, clock.now())
        return render_template(
            "connectors/health.html",
            vendor=queries.vendor_of(reading),
            healths=healths,
            doubled=queries.doubled(reading),
            unreached=queries.unreached(reading),
            chosen=queries.chosen(reading),
            quarantined=queries.quarantined(reading),
            differing=queries.differing_count(reading) if len(healths) > 1 else 0,  # one alone tells nothing twice
            offered=registry.offered(),
            wrong=wrong or {},
        )


@blueprint.get("/desk/connections/<uuid:connection_id>")
@vendor_member()
def connection(connection_id: UUID) -> str:
    """One connection with its history."""
    before = _instant(request.args.get("before", ""))
    with database().reading() as reading:
        found = _connection_or_404(reading, connection_id)
        runs = queries.history_of(reading, connection_id, before)
        return render_template(
            "connectors/connection.html",
            vendor=queries.vendor_of(reading),
            connection=found,
            is_heard=found.state == ConnectionState.ACTIVE and hooks.is_heard(found, clock.now()),
            runs=runs[: queries.HISTORY],
            before=runs[queries.HISTORY - 1].started_at.isoformat() if len(runs) > queries.HISTORY else "",
        )


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


@blueprint.post("/desk/connections/<uuid:connection_id>/reminders")
@vendor_member(*MANAGING)
def answer_reminders(connection_id: UUID) -> Response:
    """Whether the provider's own reminders are off (FEATURES A3)."""
    answer = request.form.get("own", "")
    with database().transaction() as writing:
        found, vendor = _connection_or_404(writing, connection_id), queries.vendor_of(writing)
        if answer not in ("off", "on"):
            abort(400)
        actions.answer_reminders(writing, vendor, found, is_off=answer == "off", person=g.person, now=clock.now())
    title = _title_of(found.provider)
    off = _("Noted: %(title)s sends no reminders.", title=title)
    on = _("Noted. Your customers are reminded twice until %(title)s stops.", title=title)
    flash(off if answer == "off" else on, "ok" if answer == "off" else "warn")
    page = "connections.connection" if vendor.live_at else "connections.progress"
    return redirect(url_for(page, connection_id=connection_id), 303)


@blueprint.post("/desk/connections/<uuid:connection_id>/sync")
@vendor_member(*MANAGING)
def sync_now(connection_id: UUID) -> Response:
    with database().transaction() as writing:
        actions.pull_soon(_connection_or_404(writing, connection_id), clock.now())
    flash(_("On its way: the next sync begins within seconds."), "ok")
    return redirect(url_for("connections.health"), 303)


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
    flash(
        _("%(title)s is disconnected, its permission destroyed, its lines out of every later digest.", title=title),
        "ok",
    )
    if not is_told:
        flash(_("We could not tell %(title)s; you can remove Sheaf from its list of apps there.", title=title), "warn")
    return redirect(url_for("connections.health"), 303)


def _revoked(connection: Connection) -> bool:
    if connection.state != ConnectionState.ACTIVE:
        return True
    try:
        permission = oauth.Permission(the_house(), connection.id)
        ctx = context(the_house(), connection, permission, clock.now(), seconds=5.0)
        _without_webhooks(connection, ctx)
        registry.get(connection.provider).revoke(ctx)
    except ProviderError as problem:
        log.info("not revoked at the provider", connection=str(connection.id), problem=type(problem).__name__)
        return False
    return True


def _without_webhooks(connection: Connection, ctx: Context) -> None:
    try:
        hooks.give_up(the_house(), connection, ctx)
    except ProviderError as problem:  # they end with the permission, or find nobody at their address
        log.info("webhooks not given up", connection=str(connection.id), problem=type(problem).__name__)


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
        _("Saved. It stays so whatever your books say.")
        if written.strip()
        else _("Back to the address in your books."),
        "ok",
    )
    return redirect(url_for("connections.health", _anchor="addresses"), 303)


@blueprint.get("/desk/connections/twins")
@vendor_member()
def twins() -> str:
    """Invoices that two of the vendor's connections tell differently: which of them is right?"""
    with database().reading() as reading:
        pairs = queries.differing(reading)
        count = queries.differing_count(reading)
        vendor = queries.vendor_of(reading)
        return render_template("connectors/twins.html", vendor=vendor, pairs=pairs, count=count)


@blueprint.post("/desk/connections/twins/<uuid:invoice_id>")
@vendor_member(*MANAGING)
def rule(invoice_id: UUID) -> Response:
    answer = request.form.get("answer", "")
    with database().transaction() as writing:
        if not queries.has_invoice(writing, invoice_id):
            abort(404)
        if answer not in actions.ANSWERS:
            abort(400)
        pairs = queries.differing(writing, invoice_id)
        for pair in pairs:
            actions.rule_twins(writing, pair, answer, person=g.person, now=clock.now())
    saved = _("Saved. It stays so until those books say something new of it.")
    flash(saved if pairs else _("That is decided already."), "ok")
    return redirect(url_for("connections.twins"), 303)


def _connection_or_404(reading: Session, connection_id: UUID) -> Connection:
    return queries.connection_of(reading, connection_id) or abort(404)


def _bill_to_or_404(reading: Session, bill_to_id: UUID) -> BillTo:
    return queries.bill_to_of(reading, bill_to_id) or abort(404)
