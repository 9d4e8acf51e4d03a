"""What the holder of a mail's link says of one of its lines: promised, disputed, paid already, wanted later.

Nested in the pages of digest/views.py.
"""

from uuid import UUID

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import link_holder
from app.claims import actions as claims
from app.claims.actions import Claimant
from app.claims.forms import KINDS, ClaimForm, read_claim
from app.claims.queries import Asked, asked_about, claim_of
from app.conversations.rules import ConversationError
from app.db import database
from app.forms import allow_files, sent_files
from app.house import the_house
from app.models import Hold, HoldKind
from app.receivables.queries import Row
from digest.links import invoice_line, opened

blueprint = Blueprint("claims", __name__)
allow_files(blueprint, "send")


@blueprint.get("/<int:number>/say/<kind>")
@link_holder
@opened
def say(number: int, kind: str) -> str:
    with database().reading() as session:
        return _page(number, ClaimForm(_kind(kind), _asked(session, number)))


@blueprint.post("/<int:number>/say/<kind>")
@link_holder
@opened
def send(number: int, kind: str) -> Response | tuple[str, int]:
    """Claim, thread and the vendor's notice in one commit."""
    house = the_house()
    with database().reading() as session:
        form = read_claim(_kind(kind), request.form, _asked(session, number))
    if form.said is None:
        return _page(number, form), 422
    try:
        with database().transaction() as session:
            claims.claim(
                session, house=house, by=_by(), invoice_id=form.asked.row.id, said=form.said, now=clock.now(),
                words=form.words, files=sent_files(house.limits),
            )  # fmt: skip
    except ConversationError as problem:
        return _page(number, form.refused(str(problem))), 422
    return redirect(url_for("links.line", token=g.token, number=number, done=kind), 303)


@blueprint.post("/<int:number>/claims/<uuid:hold_id>")
@link_holder
@opened
def change(number: int, hold_id: UUID) -> Response:
    """Take a claim about this line back, or take it up again."""
    with database().transaction() as session:
        row = _row(session, number)
        hold = claim_of(session, hold_id) or abort(404)
        done = _change(session, hold) if hold.invoice_id == row.id else abort(404)
    return redirect(url_for("links.line", token=g.token, number=number, done=done), 303)


@blueprint.post("/thread/claims/<uuid:hold_id>")
@link_holder
@opened
def change_in_thread(hold_id: UUID) -> Response:
    """The same for a claim that the conversation of an answer's link is about."""
    with database().transaction() as session:
        hold = claim_of(session, hold_id) or abort(404)
        done = _change(session, hold) if hold.thread_id and hold.thread_id == g.scope.thread_id else abort(404)
    return redirect(url_for("links.thread", token=g.token, done=done), 303)


def _change(session: Session, hold: Hold) -> str:
    """What was done, for the page that is shown next."""
    act = request.form.get("act", "")
    if act not in ("withdraw", "reopen"):
        abort(400)
    try:
        if act == "withdraw":
            claims.withdraw(session, house=the_house(), by=_by(), hold=hold, now=clock.now())
        else:
            words = request.form.get("words", "")
            claims.reopen(session, house=the_house(), by=_by(), hold=hold, words=words, now=clock.now())
    except ConversationError:
        session.rollback()
        return "refused"
    return act


def _kind(name: str) -> HoldKind:
    return KINDS.get(name) or abort(404)


def _row(session: Session, number: int) -> Row:
    """The line's invoice, while it is open."""
    _, row = invoice_line(session, number)
    if row is None or not row.is_open:
        abort(404)
    return row


def _asked(session: Session, number: int) -> Asked:
    today = clock.today(g.zone)
    return asked_about(session, _row(session, number), today, the_house().limits, g.box.quiet_country)


def _page(number: int, form: ClaimForm) -> str:
    return render_template("links/claim.html", form=form, row=form.asked.row, number=number)


def _by() -> Claimant:
    return Claimant(g.scope.customer_id, g.scope.mailbox_id, "link", said_by=request.form.get("said_by", ""))
