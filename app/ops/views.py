"""The operator's pages, and what machines ask about our health."""

import hmac
from collections.abc import Sequence
from datetime import UTC, timedelta
from typing import TypeVar
from uuid import UUID

import structlog
from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.access import anybody, operator_only, signed_machine
from app.address import canonical
from app.db import database, database_now
from app.house import the_house
from app.models import AttemptResult, Digest, Outcome, Outgoing
from app.ops import actions, board, queries, roles
from app.ops.figures import read_figures
from app.ops.forms import StopForm, is_switch, read_day, read_outcome
from app.ops.rules import SENDING, STOPPABLE, Place, exposition, read_place, vendor_of, vendor_switch, write_place
from app.outbox.queries import (
    attempts_of,
    counts_since,
    deliveries,
    held,
    recent_failures,
    stop_switches,
    strays,
    waiting,
)
from app.scope import Everything
from app.settings import Settings
from app.tables import are_newest
from app.words import _

log = structlog.get_logger()

blueprint = Blueprint("ops", __name__)

_HEALTH = Everything("figures over all rows, no row itself")
_PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
Row = TypeVar("Row")


@blueprint.get("/healthz")
@anybody
def healthz() -> ResponseReturnValue:
    """This process answers; nothing else is asked."""
    return "ok\n", 200, _PLAIN


@blueprint.get("/readyz")
@anybody
def readyz() -> ResponseReturnValue:
    """The database answers and has our tables: traffic may come."""
    try:
        with database().reading(_HEALTH) as session:
            ready = are_newest(session.connection())
    except SQLAlchemyError as problem:
        log.warning("not ready", problem=type(problem).__name__)
        return "the database does not answer\n", 503, _PLAIN
    return ("ready\n", 200, _PLAIN) if ready else ("the tables are not those of this version\n", 503, _PLAIN)


@blueprint.get("/metrics")
@signed_machine
def metrics() -> ResponseReturnValue:
    """For Prometheus, with METRICS_TOKEN as its bearer token; on a laptop without one it is open."""
    wanted = _settings().metrics_token.get_secret_value()
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    is_open = not wanted and _settings().environment == "local"
    if not is_open and not (wanted and hmac.compare_digest(given.encode(), wanted.encode())):
        abort(404)
    with database().reading(_HEALTH) as session:
        figures = read_figures(session, database_now(session))
    return exposition(figures), 200, {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}


@blueprint.get("/ops")
@operator_only
def overview() -> ResponseReturnValue:
    return _overview(StopForm())


@blueprint.post("/ops/stop")
@operator_only
def stop() -> ResponseReturnValue:
    form = StopForm.read(request.form, _stoppable())
    if form.errors:
        return _overview(form), 422
    with database().transaction() as session:
        vendor_id = vendor_of(form.name)
        if vendor_id and not queries.vendor_names(session, [vendor_id]):
            abort(404)
        actions.stop(session, form.name, reason=form.reason, operator=g.person, now=clock.now())
    flash(_("Stopped. Nothing of it is claimed any more; what is being handed over this second may still go."), "warn")
    return redirect(_back(form.name), 303)


@blueprint.post("/ops/resume")
@operator_only
def resume() -> ResponseReturnValue:
    name = request.form.get("name", "")
    if not is_switch(name, _stoppable()):
        abort(404)
    with database().transaction() as session:
        was_stopped = actions.resume(session, name, operator=g.person, now=clock.now())
    flash(_("It goes on.") if was_stopped else _("It was not stopped."), "ok")
    return redirect(_back(name), 303)


def _overview(form: StopForm) -> str:
    now, stoppable = clock.now(), _stoppable()
    with database().reading() as session:
        alarms = queries.alarms(session)
        figures = read_figures(session, now)
        switches = stop_switches(session)
        names = queries.vendor_names(session, [found for s in switches if (found := vendor_of(s.name))])
        failed = queries.job_runs(session, "", True, None)[:5]
        days = queries.board(session, now.date())
        troubled = len(queries.troubled_connections(session, now))
        fares = roles.fares(session, now)
    return render_template(
        "ops/overview.html",
        figures=figures,
        switches=[(s, stoppable.get(s.name) or names.get(vendor_of(s.name) or UUID(int=0), s.name)) for s in switches],
        sending=next((s for s in switches if s.name == SENDING), None),
        stoppable=stoppable,
        form=form,
        failed=failed,
        days=days,
        outcomes=list(Outcome),
        troubled=troubled,
        alarms=alarms,
        fares=fares,
    )


def _stoppable() -> dict[str, str]:
    """What can be stopped beside single suppliers: the lines of a provider too, for the providers we know."""
    offered = current_app.extensions.get("offered_providers", list)()
    return STOPPABLE | {f"provider:{each.spec.id}": f"Lines from {each.spec.title}" for each in offered}


@blueprint.get("/ops/windows")
@operator_only
def windows() -> ResponseReturnValue:
    """The run board: how the windows of a day ended, and why."""
    today = clock.now().astimezone(UTC).date()
    day, outcome = read_day(request.args.get("day"), today), read_outcome(request.args.get("outcome"))
    with database().reading() as session:
        days = queries.board(session, today)
        rows = queries.windows_on(session, day, outcome, _before())
    shown, older = _cut(rows)
    return render_template(
        "ops/windows.html",
        days=days,
        day=day,
        outcome=outcome,
        outcomes=list(Outcome),
        rows=shown,
        older=write_place(shown[-1].digest.created_at, shown[-1].digest.id) if older else "",
    )


@blueprint.get("/ops/mailboxes")
@operator_only
def find_mailbox() -> ResponseReturnValue:
    address = canonical(request.args.get("address", ""))
    with database().reading() as session:
        found = queries.mailbox_by_address(session, address) if address else None
    if found is None:
        flash(_("No mailbox has that address."), "warn")
        return redirect(url_for("ops.windows"), 303)
    return redirect(url_for("ops.mailbox", mailbox_id=found), 303)


@blueprint.get("/ops/mailboxes/<uuid:mailbox_id>")
@operator_only
def mailbox(mailbox_id: UUID) -> ResponseReturnValue:
    """One mailbox: its rhythm, every window with its reason, its newest mails."""
    with database().reading() as session:
        found = queries.mailbox_with_customer(session, mailbox_id)
        if found is None:
            abort(404)
        rows = queries.windows_of(session, mailbox_id, _before())
        mails = queries.mails_to(session, mailbox_id)
        delivered = deliveries(session, [mail.id for mail in mails])
    shown, older = _cut(rows)
    place = write_place(shown[-1].created_at, shown[-1].id) if older else ""
    return render_template(
        "ops/mailbox.html",
        mailbox=found[0],
        customer=found[1],
        digests=shown,
        mails=mails,
        delivered=delivered,
        older=place,
    )


@blueprint.get("/ops/digests/<uuid:digest_id>")
@operator_only
def digest(digest_id: UUID) -> ResponseReturnValue:
    """One window: what it said, what it left out and why, and what became of its mail."""
    with database().reading() as session:
        found = queries.digest_with_mailbox(session, digest_id)
        if found is None:
            abort(404)
        left = queries.left_out(session, found[0])
        mails = queries.mails_of_digest(session, digest_id)
        delivered = deliveries(session, [mail.id for mail in mails])
    return render_template(
        "ops/digest.html", digest=found[0], mailbox=found[1], left_out=left, mails=mails, delivered=delivered
    )


@blueprint.post("/ops/digests/<uuid:digest_id>/plan-again")
@operator_only
def plan_again(digest_id: UUID) -> ResponseReturnValue:
    now = clock.now()
    try:
        with database().transaction() as session:
            mailbox_id = (session.get(Digest, digest_id) or abort(404)).mailbox_id
            actions.plan_again(session, digest_id, operator=g.person, now=now)
    except actions.CannotBeDone as problem:
        flash(str(problem), "warn")
        return redirect(url_for("ops.digest", digest_id=digest_id), 303)
    flash(_("The planner looks at this window again within seconds; all its brakes hold."), "ok")
    return redirect(url_for("ops.mailbox", mailbox_id=mailbox_id), 303)


@blueprint.get("/ops/outbox")
@operator_only
def outbox() -> ResponseReturnValue:
    now = clock.now()
    with database().reading() as session:
        return render_template(
            "ops/outbox.html",
            waiting=waiting(session, now),
            counts=counts_since(session, now - timedelta(days=1)),
            held=held(session),
            failures=recent_failures(session),
            figures=read_figures(session, now),
        )


@blueprint.get("/ops/outbox/<uuid:outgoing_id>")
@operator_only
def outgoing(outgoing_id: UUID) -> ResponseReturnValue:
    """One mail's tries and what the mail provider said of them; never its words."""
    with database().reading() as session:
        mail = session.get(Outgoing, outgoing_id)
        if mail is None:
            abort(404)
        attempts = attempts_of(session, outgoing_id)
    in_doubt = any(attempt.result == AttemptResult.UNKNOWN for attempt, _ in attempts)
    return render_template("ops/outgoing.html", mail=mail, attempts=attempts, in_doubt=in_doubt)


@blueprint.post("/ops/outbox/<uuid:outgoing_id>/decide")
@operator_only
def decide(outgoing_id: UUID) -> ResponseReturnValue:
    """The operator's word about a mail of which nobody knows whether it went out."""
    how = request.form.get("how")
    try:
        with database().transaction() as session:
            if session.get(Outgoing, outgoing_id) is None:
                abort(404)
            if how not in ("went", "again"):
                abort(400)
            actions.decide_held(session, outgoing_id, went=how == "went", operator=g.person, now=database_now(session))
    except actions.CannotBeDone as problem:
        flash(str(problem), "warn")
    else:
        flash(_("Counted as sent.") if how == "went" else _("It goes once more, if its window still lasts."), "ok")
    return redirect(url_for("ops.outgoing", outgoing_id=outgoing_id), 303)


@blueprint.get("/ops/jobs")
@operator_only
def jobs() -> ResponseReturnValue:
    """The run board: every job with its last run, what waits for it, and below it the runs themselves."""
    job, failed_only = request.args.get("job", "")[:40], request.args.get("failed") == "yes"
    now = clock.now()
    with database().reading() as session:
        states = board.job_states(session, current_app.extensions.get("jobs", ()), now)
        at_work = board.workers(session, now)
        ringing = [alarm for alarm in queries.alarms(session) if not alarm.ended_at]
        gates = read_figures(session, now).gates
        rows = queries.job_runs(session, job, failed_only, _before())
    shown, older = _cut(rows)
    return render_template(
        "ops/jobs.html",
        states=states,
        workers=at_work,
        alarms=ringing,
        gates=gates,
        runs=shown,
        job=job,
        failed_only=failed_only,
        older=write_place(shown[-1].started_at, shown[-1].id) if older else "",
    )


@blueprint.get("/ops/connections")
@operator_only
def connections() -> ResponseReturnValue:
    with database().reading() as session:
        return render_template("ops/connections.html", rows=queries.troubled_connections(session, clock.now()))


@blueprint.get("/ops/events")
@operator_only
def events() -> ResponseReturnValue:
    """Webhooks of providers, stored and not yet worked off."""
    with database().reading() as session:
        rows = queries.parked_events(session, _before())
        unknown = strays(session)
    shown, older = _cut(rows)
    place = write_place(shown[-1].received_at, shown[-1].id) if older else ""
    return render_template("ops/events.html", events=shown, strays=unknown, older=place)


@blueprint.get("/ops/vendors")
@operator_only
def vendors() -> ResponseReturnValue:
    words = request.args.get("q", "").strip()[:50]
    with database().reading() as session:
        rows = queries.vendors(session, words, _before())
        stopped = {switch.name: switch for switch in stop_switches(session)}
    shown, older = _cut(rows)
    place = write_place(shown[-1].created_at, shown[-1].id) if older else ""
    stops = {row.id: stopped.get(vendor_switch(row.id)) for row in shown}
    return render_template("ops/vendors.html", vendors=shown, stops=stops, q=words, older=place)


def _before() -> Place | None:
    return read_place(request.args.get("before"))


def _cut(rows: Sequence[Row]) -> tuple[list[Row], bool]:
    """The rows of this page, and whether there is a next one."""
    return list(rows[: queries.PAGE]), len(rows) > queries.PAGE


def _back(name: str) -> str:
    return url_for("ops.vendors") if vendor_of(name) else url_for("ops.overview")


def _settings() -> Settings:
    return the_house().settings
