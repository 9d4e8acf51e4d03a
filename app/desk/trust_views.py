"""The desk's page about trust: what is proven, what is missing, where customers send money, and what waits."""

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import anybody, vendor_member
from app.db import database
from app.desk.views import MANAGING
from app.dns import DnsAway
from app.house import the_house
from app.models import DomainProof, Vendor
from app.scope import Everything
from app.trust.actions import claim_domain, mail_proof, note_dns, proof_of_link, prove_by_mail
from app.trust.payees import AnyPayee, NotApproved, WhyNot, approve_payee, payee_of, propose_account, refuse_payee
from app.trust.queries import accounts_of, evidence_of, hosts_of, methods_of, proofs_of
from app.trust.rules import (
    PROOF_BOXES,
    PROOF_PLACE,
    AccountRefused,
    DomainRefused,
    bank_account,
    company_domain,
    counts,
    is_pending,
    newest_that_counts,
)
from app.trust.watch import is_there
from app.words import _, marked

blueprint = Blueprint("trust", __name__)

_PROVING = Everything("the link in a domain's mail names its vendor before anybody is known")
_WHY_NOT = {
    WhyNot.OWN: marked("Somebody else of your team has to approve what you have changed yourself, or our people."),
    WhyNot.OLD_LOGIN: marked(
        "For this you must have signed in just now: sign out, sign in again, and come back within a quarter of an hour."
    ),
}


@blueprint.context_processor
def _allowed() -> dict[str, Any]:
    return {"may_manage": g.role in MANAGING}


@blueprint.get("/desk/trust")
@vendor_member()
def index() -> str:
    return _page()


@blueprint.post("/desk/trust/domains")
@vendor_member(*MANAGING)
def claim() -> Response | tuple[str, int]:
    """Name a domain; what to do to prove it stands on the page then."""
    text = request.form.get("domain", "")[:300]
    try:
        with database().transaction() as session:
            proof = claim_domain(session, _vendor(session), company_domain(text), g.person, clock.now())
    except DomainRefused as problem:
        return _page(errors={"domain": str(problem)}, domain=text), 422
    flash(_("Now prove that %(domain)s is yours, in one of the two ways below.", domain=proof.domain), "ok")
    return _back()


@blueprint.post("/desk/trust/domains/<uuid:proof_id>/dns")
@vendor_member(*MANAGING)
def look(proof_id: UUID) -> Response:
    """Look into the DNS now; no transaction is open meanwhile."""
    with database().reading() as session:
        proof = _proof_or_404(session, proof_id)
    try:
        found = is_there(current_app.extensions["txt_records"], proof)
    except DnsAway:
        flash(_("The domain's name servers did not answer just now. Please try again in a few minutes."), "warn")
        return _back()
    with database().transaction() as session:
        note_dns(session, _proof_or_404(session, proof_id), found, clock.now(), the_house().limits)
    if found:
        flash(_("%(domain)s is proven to be yours.", domain=proof.domain), "ok")
    else:
        flash(_("The record is not there yet. New records can take an hour to be seen; then look again."), "warn")
    return _back()


@blueprint.post("/desk/trust/domains/<uuid:proof_id>/mail")
@vendor_member(*MANAGING)
def write(proof_id: UUID) -> Response:
    """Write to a mailbox of the domain that only who runs it can read."""
    box = request.form.get("box", "")
    with database().transaction() as session:
        proof = _proof_or_404(session, proof_id)
        if box not in PROOF_BOXES:
            abort(400)
        is_new = mail_proof(session, the_house(), _vendor(session), proof, box, g.person, clock.now())
    if is_new:
        flash(_("A mail with a link is on its way to %(box)s@%(domain)s.", box=box, domain=proof.domain), "ok")
    else:
        flash(
            _("We wrote there within the last day already. Please look for that mail, or try again tomorrow."), "warn"
        )
    return _back()


@blueprint.get("/proof/<token>")
@anybody
def proof(token: str) -> tuple[str, int]:
    """What the link in a domain's mail asks. Only the button proves anything."""
    with database().reading(_PROVING) as session:
        found = proof_of_link(session, token, clock.now())
        page = render_template("desk/proof.html", token=token, found=found)
    return page, 200 if found else 404


@blueprint.post("/proof/<token>")
@anybody
def prove(token: str) -> tuple[str, int]:
    with database().transaction(_PROVING) as session:
        found = proof_of_link(session, token, clock.now())
        if found:
            prove_by_mail(session, *found, clock.now())
        page = render_template("desk/proof.html", token=token, found=found)
    return page, 200 if found else 404


@blueprint.post("/desk/trust/account")
@vendor_member(*MANAGING)
def give_account() -> Response | tuple[str, int]:
    """Bank details for the customers' pay pages. The beneficiary is the vendor's own legal name, never typed."""
    house, said = the_house(), {name: request.form.get(name, "")[:60] for name in ("number", "routing")}
    try:
        with database().transaction() as session:
            vendor = _vendor(session)
            checked = bank_account(vendor.legal_name or vendor.name, said["number"], said["routing"])
            made = propose_account(session, vendor, checked, g.person, clock.now(), house.limits)
    except AccountRefused as problem:
        return _page(errors={"number": str(problem)}, **said), 422
    if made.frozen_until:
        flash(_("Kept. It waits: see below when it counts, and who still has to agree."), "warn")
    else:
        flash(_("Kept. Your customers see it on their pay pages once you are verified."), "ok")
    return _back()


@blueprint.post("/desk/trust/payees/<uuid:payee_id>")
@vendor_member(*MANAGING)
def decide(payee_id: UUID) -> Response:
    """Approve what waits, or give it up."""
    act, now = request.form.get("act"), clock.now()
    try:
        with database().transaction() as session:
            payee = _payee_or_404(session, payee_id)
            if act == "approve":
                approve_payee(session, payee, g.person, current_user.web_session.created_at, now, the_house().limits)
            elif act == "refuse" and is_pending(payee, now):
                refuse_payee(session, payee, g.person, now)
            else:
                abort(400)
    except NotApproved as problem:
        flash(_(_WHY_NOT[problem.why]), "warn")
        return _back()
    flash(_("Approved.") if act == "approve" else _("Given up."), "ok")
    return _back()


def _page(errors: dict[str, str] | None = None, **said: str) -> str:
    now = clock.now()
    with database().reading() as session:
        vendor = _vendor(session)
        hosts, accounts = hosts_of(session, vendor.id), accounts_of(session, vendor.id)
        payees: list[AnyPayee] = [*hosts, *accounts, *methods_of(session, vendor.id)]
        return render_template(
            "desk/trust.html",
            vendor=vendor,
            seen=evidence_of(session, vendor),
            proofs=proofs_of(session, vendor.id),
            place=PROOF_PLACE,
            boxes=PROOF_BOXES,
            hosts=[host for host in hosts if counts(host, now)],
            account=newest_that_counts(accounts, now),
            pending=[each for each in payees if is_pending(each, now)],
            me=g.person.id,
            errors=errors or {},
            said=said,
        )


def _back() -> Response:
    return redirect(url_for("trust.index"), 303)


def _vendor(session: Session) -> Vendor:
    return session.get_one(Vendor, g.vendor_id)


def _proof_or_404(session: Session, proof_id: UUID) -> DomainProof:
    return session.execute(select(DomainProof).where(DomainProof.id == proof_id)).scalar_one_or_none() or abort(404)


def _payee_or_404(session: Session, payee_id: UUID) -> AnyPayee:
    return payee_of(session, payee_id) or abort(404)
