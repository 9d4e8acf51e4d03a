"""Who may write to the customer: every vendor that sent an invoice, to accept, mute, block, report, and let back in."""

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import customer_member
from app.db import database
from app.house import the_house
from app.inbox import queries
from app.inbox.queries import Supplier
from app.inbox.views import ACTS
from app.mailboxes import actions as mailboxes
from app.trust.rules import looks_like
from app.words import _, marked

blueprint = Blueprint("suppliers", __name__, url_prefix="/inbox/suppliers")


@blueprint.context_processor
def _allowed() -> dict[str, Any]:
    """What this person may do here, for the templates: what is not allowed is not offered."""
    return {"may_act": g.role in ACTS}


@blueprint.get("")
@customer_member()
def index() -> str:
    """Every vendor that sent an invoice: new ones to say yes or no to, muted and blocked ones to let back in."""
    with database().reading() as session:
        found = queries.suppliers(session, clock.now())
    known = [supplier.name for supplier in found if supplier.is_known and not supplier.blocked_at]
    alike = {
        supplier.id: [name for name in known if looks_like(name, supplier.name)]
        for supplier in found
        if not supplier.is_known
    }
    return render_template("inbox/suppliers.html", suppliers=found, alike=alike)


@blueprint.post("/<uuid:vendor_id>")
@customer_member(*ACTS)
def decide(vendor_id: UUID) -> Response:
    """Accept, mute, block or report one of them, or take that back."""
    now, act = clock.now(), request.form.get("act", "")
    said = _SAID.get(act) or abort(400)
    with database().transaction() as session:
        found = _supplier_or_404(session, vendor_id)
        relation = mailboxes.relation_with(session, g.customer_id, vendor_id, now)
        if act == "report":
            words = request.form.get("note", "")
            mailboxes.report_vendor(session, relation, now, words, the_house().limits, g.person.id)
        else:
            _DECIDE[act](session, relation, now, g.person.id)
    flash(_(said, supplier=found.name), "ok")
    return redirect(url_for("suppliers.index"), 303)


_SAID = {
    "accept": marked("%(supplier)s may write to you from now on."),
    "mute": marked("%(supplier)s is out of your mail. Its invoices stay in your inbox."),
    "unmute": marked("%(supplier)s is in your mail again."),
    "block": marked("%(supplier)s is blocked: out of your mail and out of your inbox."),
    "unblock": marked("%(supplier)s is no longer blocked."),
    "report": marked("Thank you. %(supplier)s is blocked, and our people look at your report."),
}
_DECIDE = {
    "accept": mailboxes.accept_vendor,
    "mute": mailboxes.mute_vendor,
    "unmute": mailboxes.unmute_vendor,
    "block": mailboxes.block_vendor,
    "unblock": mailboxes.unblock_vendor,
}


def _supplier_or_404(session: Session, vendor_id: UUID) -> Supplier:
    found = queries.suppliers(session, clock.now())
    return next((supplier for supplier in found if supplier.id == vendor_id), None) or abort(404)
