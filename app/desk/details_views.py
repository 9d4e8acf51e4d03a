"""What customers have told of themselves: to be put into the books, or declined with a reason."""

from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.conversations.rules import file_kind
from app.db import database
from app.desk.views import ANSWERING
from app.details import actions
from app.details.queries import asked, file_of, proposal_of
from app.details.rules import ANSWER, KINDS
from app.headers import download
from app.words import _

blueprint = Blueprint("proposals", __name__, url_prefix="/desk/details")


@blueprint.get("")
@vendor_member()
def index() -> str:
    with database().reading() as session:
        return render_template(
            "desk/details.html", asked=asked(session), kinds=KINDS, most=ANSWER, may_answer=g.role in ANSWERING
        )


@blueprint.post("/<uuid:proposal_id>")
@vendor_member(*ANSWERING)
def answer(proposal_id: UUID) -> Response:
    """Done, or not, with a word about it that the customer reads."""
    how, words = request.form.get("act", ""), " ".join(request.form.get("words", "").split())[:ANSWER]
    with database().transaction() as session:
        found = proposal_of(session, proposal_id) or abort(404)
        if how not in ("accept", "decline"):
            abort(400)
        if how == "decline" and not words:
            flash(_("Say why not: the customer reads it."), "warn")
            return redirect(url_for("proposals.index"), 303)
        is_first = actions.answer(
            session, found, is_accepted=how == "accept", words=words, person=g.person, now=clock.now()
        )
    flash(_("The customer sees your answer.") if is_first else _("A colleague has answered already."), "ok")
    return redirect(url_for("proposals.index"), 303)


@blueprint.get("/<uuid:proposal_id>/file")
@vendor_member()
def file(proposal_id: UUID) -> Response:
    with database().reading() as session:
        found = proposal_of(session, proposal_id) or abort(404)
        data = file_of(session, found) or abort(404)
    return download(found.file_name, file_kind(found.file_name) or "application/octet-stream", data)
