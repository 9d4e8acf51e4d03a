"""What the vendor says to a claim, from the conversation about it; and what its customers may give as a reason."""

from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.claims import decisions
from app.claims.queries import claim_of
from app.claims.rules import REASONS, reason
from app.conversations.rules import ConversationError
from app.db import database
from app.desk.forms import read_reasons
from app.desk.views import ANSWERING, MANAGING
from app.house import the_house
from app.models import AuditEntry, BillTo, HoldKind, Vendor
from app.words import _

blueprint = Blueprint("decisions", __name__, url_prefix="/desk")

_ACTS = {"accept": decisions.accept, "decline": decisions.decline}
_TOLD = {
    "accept": lambda: _("Agreed. Your customer reads it by mail now."),
    "decline": lambda: _("Declined. Your customer reads why by mail now."),
    "not_found": lambda: _("Asked back. Your customer reads it by mail now."),
}


@blueprint.post("/claims/<uuid:hold_id>")
@vendor_member(*ANSWERING)
def decide(hold_id: UUID) -> Response:
    """Agree, decline with a reason, or ask back for a payment that cannot be found; the customer is told at once."""
    act, words = request.form.get("act", ""), request.form.get("words", "")
    with database().transaction() as session:
        hold = claim_of(session, hold_id) or abort(404)
        thread_id = hold.thread_id or abort(404)
        if act not in _TOLD or (act == "not_found" and hold.kind != HoldKind.ALREADY_PAID):
            abort(400)
        if hold.kind == HoldKind.PROMISE:
            abort(400)  # it is the customer's word, and nobody's to decide
        decision = _ACTS.get(act, decisions.cannot_find)
        try:
            decision(session, house=the_house(), hold=hold, person=g.person, words=words, now=clock.now())
            flash(_TOLD[act](), "ok")
        except ConversationError as problem:
            session.rollback()
            flash(str(problem), "bad")
    return redirect(url_for("desk.thread", thread_id=thread_id), 303)


@blueprint.post("/customers/<uuid:bill_to_id>/terms")
@vendor_member(*MANAGING)
def terms(bill_to_id: UUID) -> Response:
    """Longer terms for one customer than the books have."""
    text, most = request.form.get("days", ""), the_house().limits.extra_days
    days = int(text) if text.isdecimal() and len(text) < 4 else -1
    with database().transaction() as session:
        bill_to = session.execute(select(BillTo).where(BillTo.id == bill_to_id)).scalar_one_or_none() or abort(404)
        if 0 <= days <= most:
            decisions.give_terms(session, bill_to=bill_to, days=days, person=g.person, now=clock.now())
            flash(_("Saved: what is open falls due by these terms from now on."), "ok")
        else:
            flash(_("Between 0 and %(most)s days.", most=most), "bad")
    return redirect(url_for("customers.show", bill_to_id=bill_to_id), 303)


@blueprint.get("/reasons")
@vendor_member()
def reasons() -> str:
    """What a dispute may be about, as customers choose it."""
    with database().reading() as session:
        own = list(session.get_one(Vendor, g.vendor_id).dispute_reasons)
    return _reasons_page([reason(each) for each in own or REASONS if each != "other"])


@blueprint.post("/reasons")
@vendor_member(*MANAGING)
def save_reasons() -> Response | tuple[str, int]:
    lines, errors = read_reasons(request.form.get("reasons", ""))
    if errors:
        return _reasons_page(lines, error=errors), 422
    with database().transaction() as session:
        vendor, now = session.get_one(Vendor, g.vendor_id), clock.now()
        known = {reason(key): key for key in REASONS}  # ours stay ours: customers read them in their own language
        chosen = [known.get(line, line) for line in lines]
        vendor.dispute_reasons = [] if chosen == [key for key in REASONS if key != "other"] else chosen
        session.add(AuditEntry.by(g.person.id, "reasons.changed", now, vendor_id=vendor.id))
    flash(_("Saved: customers choose among these from now on."), "ok")
    return redirect(url_for("decisions.reasons"), 303)


def _reasons_page(lines: list[str], error: str = "") -> str:
    may_manage = g.role in MANAGING
    return render_template("desk/reasons.html", lines=lines, error=error, may_manage=may_manage)
