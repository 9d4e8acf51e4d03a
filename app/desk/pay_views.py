"""The desk's page of payments: what customers say they have sent, what went wrong, and how the vendor is paid."""

from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.db import database
from app.desk.pay_forms import MethodForm, RuleForm
from app.desk.views import ANSWERING, MANAGING
from app.house import the_house
from app.models import PayRule, Vendor
from app.paying import failures
from app.paying.actions import decide_short, keep_rule
from app.paying.queries import LOOKED_AT, without_a_way
from app.paying.rules import PLACES
from app.paying.told import advices_for_vendor, setback_of, setbacks
from app.trust.payees import propose_method
from app.trust.queries import methods_of
from app.trust.rules import counts, is_pending
from app.words import _

blueprint = Blueprint("payments", __name__, url_prefix="/desk/payments")


@blueprint.context_processor
def _allowed() -> dict[str, object]:
    return {"may_manage": g.role in MANAGING, "may_answer": g.role in ANSWERING, "failures": failures}


@blueprint.get("")
@vendor_member()
def index() -> str:
    with database().reading() as session:
        helpless, of_all = without_a_way(session, g.vendor_id, clock.now())
        return render_template(
            "desk/payments.html",
            setbacks=setbacks(session),
            advices=advices_for_vendor(session),
            helpless=helpless,
            looked_at=0 if of_all else LOOKED_AT,
        )


@blueprint.post("/short/<uuid:setback_id>")
@vendor_member(*ANSWERING)
def decide(setback_id: UUID) -> Response:
    """Less came than was asked for: let the rest be, or ask for it."""
    act = request.form.get("act")
    with database().transaction() as session:
        found = setback_of(session, setback_id) or abort(404)
        if act not in ("accept", "ask"):
            abort(400)
        decide_short(session, the_house(), found, is_accepted=act == "accept", person_id=g.person.id, now=clock.now())
    flash(
        _("It rests. Take the rest out of your books, so that it does not come back.")
        if act == "accept"
        else _("The rest is asked for; your customer reads by how much it came short."),
        "ok",
    )
    return redirect(url_for("payments.index"), 303)


# --- how we are paid ------------------------------------------------------------------------------------------------


@blueprint.get("/rules")
@vendor_member()
def rules() -> str:
    return _rules_page()


@blueprint.post("/rules")
@vendor_member(*MANAGING)
def set_rules() -> Response | tuple[str, int]:
    form = RuleForm.read(request.form)
    if form.errors:
        return _rules_page(form=form), 422
    with database().transaction() as session:
        keep_rule(session, g.vendor_id, form.values, g.person.id, clock.now())
    flash(_("Saved. Your customers' pay pages say so from now on."), "ok")
    return redirect(url_for("payments.rules"), 303)


@blueprint.post("/methods")
@vendor_member(*MANAGING)
def give_method() -> Response | tuple[str, int]:
    """A way to pay of the vendor's own; like new bank details it waits, unless it is the very first."""
    form, house = MethodForm.read(request.form), the_house()
    if form.errors:
        return _rules_page(method=form), 422
    with database().transaction() as session:
        said = {"name": form.name, "instructions": form.instructions, "reference": form.reference}
        made = propose_method(session, _vendor(session), g.person, clock.now(), house.limits, **said)
    if made.frozen_until:
        flash(_("Kept. It waits three days and for a second person: see under Trust."), "warn")
    else:
        flash(_("Kept. Your customers see it on their pay pages once you are verified."), "ok")
    return redirect(url_for("payments.rules"), 303)


def _rules_page(form: RuleForm | None = None, method: MethodForm | None = None) -> str:
    now = clock.now()
    with database().reading() as session:
        known = methods_of(session, g.vendor_id)
        return render_template(
            "desk/pay_rules.html",
            vendor=_vendor(session),
            form=form or RuleForm.of(session.get(PayRule, g.vendor_id)),
            method=method or MethodForm(),
            methods=[each for each in known if counts(each, now)],
            waiting=[each for each in known if is_pending(each, now)],
            places=PLACES,
        )


def _vendor(session: Session) -> Vendor:
    return session.get_one(Vendor, g.vendor_id)
