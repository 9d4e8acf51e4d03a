"""The page of a reply that names no single supplier: its writer chooses one. GET shows, POST sends, once.

Nested in the pages of digest/views.py.
"""

from uuid import UUID

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import link_holder
from app.conversations import actions as talk
from app.conversations import rules
from app.db import database
from app.house import House, the_house
from app.models import HeldReply, Person
from app.scope import widened
from app.words import _
from digest.held import askable_vendors, held_of, take
from digest.inbound.intake import reread
from digest.links import opened

blueprint = Blueprint("which", __name__)


@blueprint.get("/which")
@link_holder
@opened
def choose() -> str:
    return _page()


@blueprint.post("/which")
@link_holder
@opened
def send() -> Response | tuple[str, int]:
    """Once the person reads "sent", question and notice are stored (INVARIANTS Q1); a second press sends nothing."""
    house, now = the_house(), clock.now()
    try:
        with house.database.transaction() as session:
            held = _held(session)
            wanted = request.form.get("vendor", "")
            vendor_id = next((key for key, _ in askable_vendors(session, held.digest_id) if str(key) == wanted), None)
            if vendor_id is None:
                return _page(error=_("Choose one of your suppliers.")), 422
            if take(session, held, now):
                held.thread_id = _ask(session, house, held, vendor_id)
    except talk.NotYours:
        return _page(error=_("There is nothing between you and that supplier any more.")), 422
    return redirect(url_for(".choose", token=g.token), 303)


def _ask(session: Session, house: House, held: HeldReply, vendor_id: UUID) -> UUID:
    with widened(session, "the mail as it came, for its files; the person its sender proved to be"):
        attachments = reread(session, house, held.inbound_id).mail.attachments
        person = session.get(Person, held.person_id) if held.person_id else None
    files = [rules.File(file.name, file.data) for file in attachments]
    limits = house.limits
    _words, kept = rules.fitted(held.body, files, count=limits.attachments, size=limits.attachment_bytes)
    thread = talk.ask_question(
        session,
        house=house,
        vendor_id=vendor_id,
        customer_id=held.customer_id,
        mailbox_id=held.mailbox_id,
        invoice_ids=[],
        body=held.body,
        now=clock.now(),
        via="mail",
        person=person,
        said_by=held.said_by,
        by_mail=rules.ByMail(held.sender_address, is_verified=not held.is_unverified, files=kept),
    )
    return thread.id


def _page(error: str = "") -> str:
    with database().reading() as session:
        held = _held(session)
        vendors = askable_vendors(session, held.digest_id)
    return render_template("links/which.html", held=held, vendors=vendors, error=error)


def _held(session: Session) -> HeldReply:
    return held_of(session, g.token, clock.now()) or abort(404)
