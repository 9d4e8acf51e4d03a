"""The vendor's scorecard: how its customers fare with it beside how its money comes in, and the rows behind each."""

from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.db import database
from app.desk import plots, rules
from app.desk.views import MANAGING
from app.house import the_house
from app.models import LateRisk, Vendor
from app.scorecard import accuracy as right
from app.scorecard import experiences, reports
from app.scorecard.card import scorecard
from app.scorecard.periods import NAMES, Period, period
from app.scorecard.rules import duration, usual_answer
from app.scorecard.satisfaction import SCORES
from app.words import _, marked

blueprint = Blueprint("scorecard", __name__, url_prefix="/desk/scorecard")
blueprint.add_app_template_filter(duration, "duration")
blueprint.add_app_template_filter(usual_answer, "usual_answer")

AGES = (marked("Not due yet"), marked("1–30 days"), marked("31–60 days"), marked("61–90 days"), marked("Over 90 days"))
GRADES = {
    LateRisk.UNKNOWN: (marked("Not known yet"), "later"),
    LateRisk.LOW: (marked("Likely in time"), "ok"),
    LateRisk.RAISED: (marked("May be late"), "soon"),
    LateRisk.HIGH: (marked("Likely late"), "overdue"),
}


@blueprint.context_processor
def _words() -> dict[str, Any]:
    return {
        "ages": AGES,
        "grades": GRADES,
        "periods": NAMES,
        "scores": SCORES,
        "bad": experiences.WORDS,
        "reason_words": right.reason_words,
        "topics": rules.TOPICS,
        "plots": plots,
        "may_manage": g.role in MANAGING,
    }


@blueprint.get("")
@vendor_member()
def index() -> str:
    now = clock.now()
    with database().reading() as session:
        vendor = session.get_one(Vendor, g.vendor_id)
        about = _period(vendor)
        card = scorecard(session, vendor, about, now, the_house().limits)
        return render_template(
            "desk/scorecard.html",
            vendor=vendor,
            card=card,
            agents=[one for one in card.times.agents if g.role in MANAGING or one.person_id == g.person.id],
            readers=reports.members(session),
        )


@blueprint.get("/accuracy")
@vendor_member()
def accuracy() -> str:
    """Every invoice that counts against the accuracy of the period, and why."""
    with database().reading() as session:
        vendor = session.get_one(Vendor, g.vendor_id)
        about = _period(vendor)
        return render_template(
            "desk/accuracy.html", vendor=vendor, about=about, found=right.accuracy(session, vendor.id, about)
        )


@blueprint.post("/report")
@vendor_member(*MANAGING)
def report() -> Response:
    """Who of the team gets the weekly report."""
    wanted = set(request.form.getlist("person"))
    with database().transaction() as session:
        vendor = session.get_one(Vendor, g.vendor_id)
        reports.choose_readers(session, vendor, wanted, g.person, clock.now())
    flash(_("Saved. The report goes out on Monday mornings."), "ok")
    return redirect(url_for("scorecard.index", _anchor="report"), 303)


def _period(vendor: Vendor) -> Period:
    return period(request.args.get("period", ""), clock.today(vendor.zone), vendor.zone)
