"""Invoices of suppliers who are not here: brought by mail or by hand, looked at, counted, and paid elsewhere."""

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import customer_member
from app.conversations.rules import FILE_KINDS, file_kind, file_name
from app.db import database
from app.forwarded import actions
from app.forwarded.queries import forwarded_of, shelf_of
from app.forwarded.rules import Draft, read_confirmed
from app.headers import download
from app.house import the_house
from app.inbox.views import ACTS
from app.intake import Intake
from app.mailboxes.queries import mailboxes_of
from app.models import ForwardedInvoice
from app.words import _, marked

blueprint = Blueprint("forwarded", __name__, url_prefix="/inbox/forwarded")

LARGEST = 10_000_000  # bytes of one file


@blueprint.context_processor
def _allowed() -> dict[str, Any]:
    """What this person may do here, for the templates: what is not allowed is not offered."""
    return {"may_act": g.role in ACTS}


@blueprint.get("")
@customer_member()
def index() -> str:
    """What waits to be looked at, what is owed, what its supplier now sends itself, what is settled."""
    return _shelf_page()


@blueprint.post("")
@customer_member(*ACTS)
def bring() -> Response | tuple[str, int]:
    """A file from this computer; read as one that came by mail."""
    given = request.files.get("file")
    name = file_name(given.filename) if given and given.filename else ""
    data = given.read(LARGEST + 1) if given else b""
    if not name or not data or file_kind(name) is None or len(data) > LARGEST:
        kinds = ", ".join(sorted(FILE_KINDS))
        return _shelf_page(_("Please choose a file of up to 10 MB of one of these kinds: %(kinds)s.", kinds=kinds)), 422
    draft: Draft = current_app.extensions["read_draft"](data)
    try:
        with database().transaction() as session:
            actions.keep_draft(
                session, customer_id=g.customer_id, name=name, data=data, draft=draft, brought_by=g.person.address,
                now=clock.now(),
            )  # fmt: skip
    except actions.TooManyWait:
        return _shelf_page(_("Please look first at those that wait already.")), 409
    return redirect(url_for("forwarded.index"), 303)


def _shelf_page(error: str = "") -> str:
    address = current_app.extensions["files_address"]
    with database().reading() as session:
        shelf = shelf_of(session, g.customer_id)
        boxes = mailboxes_of(session)
    own = [box for box in boxes if box.address == g.person.address] or boxes
    mailed_to = address(own[0].id, intake=Intake.FORWARDED) if own else ""
    return render_template("inbox/forwarded.html", shelf=shelf, error=error, mailed_to=mailed_to)


@blueprint.get("/<uuid:forwarded_id>")
@customer_member()
def show(forwarded_id: UUID) -> str:
    """One of them, to be confirmed or corrected."""
    with database().reading() as session:
        return _page(_found_or_404(session, forwarded_id))


@blueprint.post("/<uuid:forwarded_id>")
@customer_member(*ACTS)
def save(forwarded_id: UUID) -> Response | tuple[str, int]:
    """Confirm what it says, say that it is paid, take that back, or throw it away."""
    now, act = clock.now(), request.form.get("act", "confirm")
    with database().transaction() as session:
        found = _found_or_404(session, forwarded_id)
        if act == "confirm":
            said = read_confirmed(request.form)
            if said.wrong:
                return _page(found, said.wrong), 422
            actions.confirm(found, said.draft, now)
        elif act == "paid" and found.confirmed_at:
            actions.settle(found, now)
        elif act == "open":
            actions.reopen(found)
        elif act == "remove":
            session.delete(found)
        else:
            abort(400)
    flash(_(_SAID[act]), "ok")
    return redirect(url_for("forwarded.index"), 303)


@blueprint.get("/<uuid:forwarded_id>/file")
@customer_member()
def file(forwarded_id: UUID) -> Response:
    """As it came, to be kept."""
    with database().reading() as session:
        found = forwarded_of(session, forwarded_id, with_file=True) or abort(404)
        kind = file_kind(found.file_name) or "application/octet-stream"
        return download(found.file_name, kind, found.data)


def _page(found: ForwardedInvoice, wrong: Any = None) -> str:
    said = request.form if wrong else _as_form(found)
    invite = f"{the_house().settings.public_url}{url_for('accounts.home')}"
    return render_template("inbox/forwarded_one.html", found=found, said=said, wrong=wrong or {}, invite=invite)


def _as_form(found: ForwardedInvoice) -> dict[str, str]:
    return {
        "supplier": found.supplier,
        "supplier_address": found.supplier_address,
        "number": found.number,
        "amount": str(found.total.amount) if found.total_minor is not None else "",
        "currency": found.currency,
        "issued_on": found.issued_on.isoformat() if found.issued_on else "",
        "due_on": found.due_on.isoformat() if found.due_on else "",
    }


def _found_or_404(session: Session, forwarded_id: UUID) -> ForwardedInvoice:
    return forwarded_of(session, forwarded_id) or abort(404)


_SAID = {
    "confirm": marked("It is in your list now."),
    "paid": marked("It is settled."),
    "open": marked("It is open again."),
    "remove": marked("It is gone."),
}
