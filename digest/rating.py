"""One question after a settlement, answered from the mail's link (FEATURES C16). GET shows, POST acts."""

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import link_holder
from app.db import database
from app.house import the_house
from app.models import DigestLine, LineKind, Rating
from app.scorecard.actions import answer_rating, comment_rating
from app.scorecard.satisfaction import SCORES, asked_in
from digest.links import opened

blueprint = Blueprint("rating", __name__)


@blueprint.get("/<int:number>/rate")
@link_holder
@opened
def rate(number: int) -> str:
    """Five buttons; once one was pressed, a place for words."""
    with database().reading() as session:
        line, asked = _asked(session, number)
        return render_template(
            "links/rate.html",
            line=line,
            asked=asked,
            scores=SCORES,
            at_least=the_house().limits.rating_answers,
            has_said="said" in request.args,
        )


@blueprint.post("/<int:number>/rate")
@link_holder
@opened
def say(number: int) -> Response:
    """A score, or words beside it. Pressed again, the newer one counts."""
    score = request.form.get("score", "")
    with database().transaction() as session:
        _line, asked = _asked(session, number)
        if score in map(str, SCORES):
            answer_rating(asked, int(score), clock.now())
        elif asked.score is not None:
            comment_rating(asked, request.form.get("comment", ""))
    said = 1 if asked.comment else None
    return redirect(url_for("links.rating.rate", token=g.token, number=number, said=said), 303)


def _asked(session: Session, number: int) -> tuple[DigestLine, Rating]:
    """The line of this digest that asks, and what is asked."""
    digest_id = g.scope.digest_id or abort(404)
    line = session.execute(
        select(DigestLine).where(
            DigestLine.digest_id == digest_id, DigestLine.line == number, DigestLine.kind == LineKind.RATING
        )
    ).scalar_one_or_none()
    asked = asked_in(session, digest_id)
    if line is None or asked is None or asked.vendor_id != line.vendor_id:
        abort(404)
    return line, asked
