"""Mail nobody could file: the operator sees why, tries it again, or lays it aside. Nothing is lost either way."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock
from app.access import operator_only
from app.db import database
from app.ops import actions
from app.ops import inbound_queries as queries
from app.ops.queries import PAGE
from app.ops.rules import read_place, write_place
from app.words import _

blueprint = Blueprint("inbound", __name__, url_prefix="/ops/inbound")


@blueprint.get("")
@operator_only
def index() -> str:
    now = clock.now()
    with database().reading() as session:
        rows = queries.quarantined(session, read_place(request.args.get("before")))
        counts = queries.outcomes_since(session, now - timedelta(days=1))
        refused = queries.refused_lately(session, now)
    shown = rows[:PAGE]
    older = write_place(shown[-1].received_at, shown[-1].id) if len(rows) > PAGE else ""
    return render_template("ops/inbound.html", mails=shown, counts=counts, refused=refused, older=older)


@blueprint.post("/decide")
@operator_only
def decide() -> ResponseReturnValue:
    """Read it again, as if it had come this minute, or lay it aside."""
    act = {"retry": actions.retry_inbound, "dismiss": actions.dismiss_inbound}.get(request.form.get("act", ""))
    if act is None:
        abort(404)
    try:
        inbound_id = UUID(request.form.get("mail", ""))
    except ValueError:
        abort(404)
    with database().transaction() as session:
        is_done = act(session, inbound_id, operator=g.person, now=clock.now())
    flash(_("Done. It is in the audit.") if is_done else _("Somebody else was quicker."), "ok")
    return redirect(url_for("inbound.index"), 303)
