"""What a customer says of one invoice: promised, disputed, paid already, wanted later. Each rests that invoice only."""

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import customer_member
from app.claims import actions as claims
from app.claims.actions import Claimant
from app.claims.forms import KINDS, ClaimForm, read_claim
from app.claims.queries import Asked, asked_about, claim_of, others_to_read
from app.claims.rules import told
from app.conversations.rules import ConversationError
from app.db import database
from app.forms import allow_files, sent_files
from app.house import the_house
from app.inbox.views import ACTS, answer_box
from app.models import HoldKind
from app.receivables.queries import find_row
from app.words import _

blueprint = Blueprint("claims", __name__, url_prefix="/inbox")
allow_files(blueprint, "send")


@blueprint.get("/invoices/<uuid:invoice_id>/say/<kind>")
@customer_member(*ACTS)
def say(invoice_id: UUID, kind: str) -> str:
    with database().reading() as session:
        return _page(ClaimForm(_kind(kind), _asked(session, invoice_id)))


@blueprint.post("/invoices/<uuid:invoice_id>/say/<kind>")
@customer_member(*ACTS)
def send(invoice_id: UUID, kind: str) -> Response | tuple[str, int]:
    """Claim, thread and the vendor's notice in one commit."""
    house = the_house()
    with database().reading() as session:
        form = read_claim(_kind(kind), request.form, _asked(session, invoice_id))
    if form.said is None:
        return _page(form), 422
    try:
        with database().transaction() as session:
            claims.claim(
                session, house=house, by=_by(session), invoice_id=invoice_id, said=form.said, now=clock.now(),
                words=form.words, files=sent_files(house.limits),
            )  # fmt: skip
    except ConversationError as problem:
        return _page(form.refused(str(problem))), 422
    flash(told(form.asked.row.vendor_name, form.said), "ok")
    return redirect(url_for("inbox.invoice", invoice_id=invoice_id), 303)


@blueprint.post("/claims/<uuid:hold_id>")
@customer_member(*ACTS)
def change(hold_id: UUID) -> Response:
    """Take a claim back, or take it up again."""
    with database().transaction() as session:
        hold = claim_of(session, hold_id) or abort(404)
        invoice_id, act = hold.invoice_id, request.form.get("act")
        about: dict[str, Any] = {"house": the_house(), "by": _by(session), "hold": hold, "now": clock.now()}
        try:
            if act == "withdraw":
                claims.withdraw(session, **about)
            elif act == "reopen":
                claims.reopen(session, words=request.form.get("words", ""), **about)
            else:
                abort(400)
            flash(_("Taken back: the supplier has been told.") if act == "withdraw" else _("Opened again."), "ok")
        except ConversationError as problem:
            session.rollback()
            flash(str(problem), "bad")
    return redirect(url_for("inbox.invoice", invoice_id=invoice_id), 303)


@blueprint.post("/invoices/<uuid:invoice_id>/hand-over")
@customer_member(*ACTS)
def hand_over(invoice_id: UUID) -> Response:
    """Another mailbox of this customer is asked for it from now on."""
    with database().transaction() as session:
        if find_row(session, invoice_id, clock.now()) is None:
            abort(404)
        wanted = request.form.get("to") or abort(400)
        found = [box for box in others_to_read(session, invoice_id) if str(box.id) == wanted]
        to = found[0] if found else abort(404)
        by, now, address = _by(session), clock.now(), to.address
        claims.hand_over(session, house=the_house(), by=by, invoice_id=invoice_id, to=to, now=now)
    flash(_("Handed over: %(address)s gets its reminders from now on.", address=address), "ok")
    return redirect(url_for("inbox.invoice", invoice_id=invoice_id), 303)


def _kind(name: str) -> HoldKind:
    return KINDS.get(name) or abort(404)


def _asked(session: Session, invoice_id: UUID) -> Asked:
    """The invoice, while it is open."""
    row = find_row(session, invoice_id, clock.now())
    if row is None or not row.is_open:
        abort(404)
    return asked_about(session, row, clock.today(g.zone), the_house().limits)


def _page(form: ClaimForm) -> str:
    return render_template("inbox/claim.html", form=form, row=form.asked.row)


def _by(session: Session) -> Claimant:
    return Claimant(g.customer_id, answer_box(session), "page", g.person)
