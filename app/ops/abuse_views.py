"""The abuse desk: the operator looks at vendors, reports and changes of where money goes, and decides with a reason."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock
from app.access import operator_only
from app.db import database
from app.house import the_house
from app.models import Trust, Vendor
from app.ops import abuse_queries as queries
from app.ops.queries import PAGE
from app.ops.rules import REASON_LIMIT, read_place, write_place
from app.trust import actions
from app.trust.payees import payee_of, refuse_payee, release_payee
from app.trust.queries import evidence_of
from app.words import _

blueprint = Blueprint("abuse", __name__, url_prefix="/ops/abuse")

_NO_REASON = "Say why: whoever looks at this next will want to know."

# what the operator can do to a vendor, and when it makes sense
_ACTS: dict[str, tuple[Callable[..., None], Callable[[Vendor], bool], str]] = {
    "approve": (
        actions.approve_vendor,
        lambda vendor: vendor.approved_at is None and vendor.trust != Trust.SUSPENDED,
        "Approved. With its books connected it is verified now.",
    ),
    "refuse": (
        actions.disapprove_vendor,
        lambda vendor: vendor.trust == Trust.VERIFIED or vendor.doubted_at is None,
        "Refused. It stays unverified until you approve it, and reads your reason.",
    ),
    "suspend": (
        actions.suspend_vendor,
        lambda vendor: vendor.trust != Trust.SUSPENDED,
        "Suspended. Its lines leave every mail that has not gone out.",
    ),
    "reinstate": (
        actions.reinstate_vendor,
        lambda vendor: vendor.trust == Trust.SUSPENDED,
        "Reinstated, to where what is proven puts it.",
    ),
    "unfreeze": (
        actions.unfreeze_vendor,
        lambda vendor: vendor.frozen_at is not None,
        "It may reach new customers again; the reports so far count no more.",
    ),
}


@blueprint.get("")
@operator_only
def index() -> str:
    now, limits = clock.now(), the_house().limits
    with database().reading() as session:
        rows = queries.unverified(session, now, limits, read_place(request.args.get("before")))
        shown = rows[:PAGE]
        last = shown[-1].vendor if len(rows) > PAGE else None
        return render_template(
            "ops/abuse.html",
            urgent=queries.urgent(session, now, limits),
            unverified=shown,
            older=write_place(last.created_at, last.id) if last else "",
            reports=queries.reports(session),
            changes=queries.changes(session, now),
        )


@blueprint.get("/<uuid:vendor_id>")
@operator_only
def vendor(vendor_id: UUID) -> str:
    return _vendor_page(vendor_id)


@blueprint.post("/<uuid:vendor_id>")
@operator_only
def decide(vendor_id: UUID) -> ResponseReturnValue:
    """One step up or down the ladder, with the operator's reason."""
    chosen, reason = request.form.get("act", ""), _reason()
    with database().transaction() as session:
        found = session.get(Vendor, vendor_id, with_for_update={"key_share": True}) or abort(404)
        act, fits, said = _ACTS.get(chosen) or abort(400)
        if not reason:
            return _vendor_page(vendor_id, error=_NO_REASON), 422
        if not fits(found):
            flash(_("Somebody has decided that already."), "warn")
        else:
            act(session, found, g.person, reason, clock.now())
            flash(said, "ok")
    return redirect(url_for("abuse.vendor", vendor_id=vendor_id), 303)


@blueprint.post("/payees/<uuid:payee_id>")
@operator_only
def decide_payee(payee_id: UUID) -> ResponseReturnValue:
    """A change of where money goes: agreed to, or refused for good."""
    chosen, reason, now = request.form.get("act", ""), _reason(), clock.now()
    with database().transaction() as session:
        payee = payee_of(session, payee_id) or abort(404)
        if chosen not in ("approve", "refuse"):
            abort(400)
        vendor_id = payee.vendor_id
        if reason and chosen == "approve":
            release_payee(session, payee, g.person, reason, now)
        elif reason:
            refuse_payee(session, payee, g.person, now, actor="operator", reason=reason)
    if not reason:
        return _vendor_page(vendor_id, error=_NO_REASON), 422
    flash(_("Approved. It counts once its three days are over.") if chosen == "approve" else _("Refused."), "ok")
    return redirect(url_for("abuse.vendor", vendor_id=vendor_id), 303)


def _vendor_page(vendor_id: UUID, error: str = "") -> str:
    now = clock.now()
    with database().reading() as session:
        found = queries.suspect(session, vendor_id, now, the_house().limits) or abort(404)
        return render_template(
            "ops/abuse_vendor.html",
            suspect=found,
            seen=evidence_of(session, found.vendor),
            acts=[name for name, (_, fits, _) in _ACTS.items() if fits(found.vendor)],
            reports=queries.reports(session, vendor_id),
            changes=queries.changes(session, now, vendor_id),
            steps=queries.steps_of(session, vendor_id),
            error=error,
        )


def _reason() -> str:
    return " ".join(request.form.get("reason", "").split())[:REASON_LIMIT]
