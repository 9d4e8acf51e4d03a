"""The desk's pages of policies: who is told what and when, who is in which segment, and the vendor's own line."""

from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.db import database
from app.desk.forms import countries
from app.desk.outlook import bill_to_of
from app.desk.policy_forms import SegmentForm, TermsForm, TraitsForm, read_note
from app.desk.views import ANSWERING, MANAGING
from app.models import Policy, Trust, Vendor
from app.policies import actions, words
from app.policies.queries import default_of, member_counts, members, policies_of, policy_found
from app.policies.rules import SUGGESTED, TONES, Segment, Terms
from app.words import _

blueprint = Blueprint("policies", __name__, url_prefix="/desk/policies")


@blueprint.context_processor
def _known() -> dict[str, object]:
    return {"may_manage": g.role in MANAGING, "may_answer": g.role in ANSWERING, "words": words, "TONES": TONES}


@blueprint.get("")
@vendor_member()
def index() -> str:
    return _index_page()


def _index_page(note: str | None = None, wrong_note: str = "") -> str:
    with database().reading() as session:
        vendor = session.get_one(Vendor, g.vendor_id)
        found = policies_of(session, vendor.id)
        return render_template(
            "desk/policies.html",
            vendor=vendor,
            policies=[(each, Segment.of(each.rules), Terms.of(each.terms)) for each in found if not each.is_default],
            default=next((Terms.of(each.terms) for each in found if each.is_default), Terms()),
            counts=member_counts(session, vendor.id),
            most=actions.MOST,
            note=vendor.note if note is None else note,
            wrong_note=wrong_note,
            is_verified=vendor.trust == Trust.VERIFIED,
        )


@blueprint.get("/new")
@vendor_member(*MANAGING)
def new() -> str:
    return _form_page(None, SegmentForm.of("", Segment()), TermsForm.of(SUGGESTED))


@blueprint.post("/new")
@vendor_member(*MANAGING)
def create() -> Response | tuple[str, int]:
    return _save(None)


@blueprint.get("/default")
@vendor_member(*MANAGING)
def default() -> str:
    """What holds for everybody no segment has."""
    with database().reading() as session:
        found = default_of(session, g.vendor_id)
        terms = Terms.of(found.terms) if found else Terms()
    return render_template("desk/policy.html", policy=None, segment=None, form=TermsForm.of(terms), looked=None)


@blueprint.post("/default")
@vendor_member(*MANAGING)
def save_default() -> Response | tuple[str, int]:
    form = TermsForm.read(request.form)
    if form.errors:
        return render_template("desk/policy.html", policy=None, segment=None, form=form, looked=None), 422
    with database().transaction() as session:
        actions.save_default(session, session.get_one(Vendor, g.vendor_id), form.terms, g.person, clock.now())
    flash(_("Saved. It holds from the next digest on."), "ok")
    return redirect(url_for("policies.index"), 303)


@blueprint.get("/<uuid:policy_id>")
@vendor_member(*MANAGING)
def edit(policy_id: UUID) -> str:
    with database().reading() as session:
        policy = _policy_or_404(session, policy_id)
        segment = SegmentForm.of(policy.name, Segment.of(policy.rules))
    return _form_page(policy, segment, TermsForm.of(Terms.of(policy.terms)))


@blueprint.post("/<uuid:policy_id>")
@vendor_member(*MANAGING)
def save(policy_id: UUID) -> Response | tuple[str, int]:
    return _save(policy_id)


def _save(policy_id: UUID | None) -> Response | tuple[str, int]:
    """``act=look`` only shows who would be in the segment."""
    segment, terms = SegmentForm.read(request.form), TermsForm.read(request.form)
    is_look = request.form.get("act") == "look"
    if is_look or segment.errors or terms.errors:
        with database().reading() as session:
            policy = _policy_or_404(session, policy_id) if policy_id else None
        is_known = is_look and not segment.errors
        return _form_page(policy, segment, terms, looks=is_known), 200 if is_known else 422
    with database().transaction() as session:
        vendor = session.get_one(Vendor, g.vendor_id)
        policy = _policy_or_404(session, policy_id) if policy_id else None
        if policy is None and len(policies_of(session, vendor.id)) >= actions.MOST:
            abort(409)
        actions.save_policy(session, vendor, policy, segment.name, segment.segment, terms.terms, g.person, clock.now())
    flash(_("Saved. Its customers are sorted in within a minute."), "ok")
    return redirect(url_for("policies.index"), 303)


def _form_page(policy: Policy | None, segment: SegmentForm, form: TermsForm, *, looks: bool = False) -> str:
    looked = None
    if looks:
        with database().reading() as session:
            looked = members(session, g.vendor_id, policy, segment.segment)
    return render_template("desk/policy.html", policy=policy, segment=segment, form=form, looked=looked)


@blueprint.post("/<uuid:policy_id>/up")
@vendor_member(*MANAGING)
def up(policy_id: UUID) -> Response:
    with database().transaction() as session:
        policy = _policy_or_404(session, policy_id)
        actions.move_up(session, session.get_one(Vendor, g.vendor_id), policy, g.person, clock.now())
    return redirect(url_for("policies.index"), 303)


@blueprint.post("/<uuid:policy_id>/remove")
@vendor_member(*MANAGING)
def remove(policy_id: UUID) -> Response:
    with database().transaction() as session:
        policy = _policy_or_404(session, policy_id)
        actions.remove_policy(session, session.get_one(Vendor, g.vendor_id), policy, g.person, clock.now())
    flash(_("Removed. Its customers are treated like everybody else from now on."), "ok")
    return redirect(url_for("policies.index"), 303)


@blueprint.post("/note")
@vendor_member(*MANAGING)
def note() -> Response | tuple[str, int]:
    """The one line of its own that a verified vendor has in a digest (FEATURES C18)."""
    line, problem = read_note(request.form.get("note", ""))
    if problem:
        return _index_page(line, problem), 422
    with database().transaction() as session:
        actions.write_note(session, session.get_one(Vendor, g.vendor_id), line, g.person, clock.now())
    flash(_("Saved. It stands in your section from the next digest on."), "ok")
    return redirect(url_for("policies.index"), 303)


@blueprint.get("/customers/<uuid:bill_to_id>")
@vendor_member()
def customer(bill_to_id: UUID) -> str:
    """What the vendor knows of a customer beside its books; segments go by it."""
    return _customer_page(bill_to_id)


def _customer_page(bill_to_id: UUID, form: TraitsForm | None = None) -> str:
    with database().reading() as session:
        bill_to = bill_to_of(session, bill_to_id) or abort(404)
        policy = policy_found(session, bill_to.policy_id) if bill_to.policy_id else None
        return render_template(
            "desk/traits.html",
            bill_to=bill_to,
            policy=policy,
            form=form or TraitsForm.of(bill_to),
            countries=countries(),
        )


@blueprint.post("/customers/<uuid:bill_to_id>")
@vendor_member(*ANSWERING)
def describe(bill_to_id: UUID) -> Response | tuple[str, int]:
    form = TraitsForm.read(request.form)
    if form.errors:
        return _customer_page(bill_to_id, form), 422
    with database().transaction() as session:
        bill_to = bill_to_of(session, bill_to_id) or abort(404)
        vendor = session.get_one(Vendor, g.vendor_id)
        actions.describe(session, vendor, bill_to, form.traits, g.person, clock.now())
    flash(_("Saved. It is sorted into its segment within a minute."), "ok")
    return redirect(url_for("policies.customer", bill_to_id=bill_to_id), 303)


def _policy_or_404(session: Session, policy_id: UUID) -> Policy:
    found = policy_found(session, policy_id)
    if found is None or found.is_default:
        abort(404)
    return found
