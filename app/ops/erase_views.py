"""Erase a person or an organisation, at its request: shown first, then typed out, then done for good."""

from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.access import operator_only
from app.address import canonical
from app.db import database
from app.models import Customer
from app.ops.rules import REASON_LIMIT
from app.privacy.actions import CannotErase, erase
from app.privacy.queries import Subject, organisation_of, subject_of
from app.privacy.rules import ELSEWHERE, GOES, STAYS
from app.words import _

blueprint = Blueprint("erase", __name__, url_prefix="/ops/erase")


@blueprint.get("")
@operator_only
def index() -> ResponseReturnValue:
    """Who stands behind an address, what would go, what would stay and why."""
    address = request.args.get("address", "").strip()[:254]
    with database().reading() as session:
        found = subject_of(session, canonical(address) or "") if address else None
        ids = found.customer_ids if found else []
        organisations = list(session.scalars(select(Customer).where(Customer.id.in_(ids)).order_by(Customer.name)))
    return render_template(
        "ops/erase.html", address=address, found=found, organisations=organisations, goes=GOES, stays=STAYS,
        elsewhere=ELSEWHERE,
    )  # fmt: skip


@blueprint.post("/person")
@operator_only
def person() -> ResponseReturnValue:
    """The address is typed out once more: nobody erases by a slip."""
    address = canonical(request.form.get("address", "")) or ""
    with database().reading() as session:
        found = subject_of(session, address) or abort(404)
    return _erased(found, typed=canonical(request.form.get("typed", "")) == address)


@blueprint.post("/organisations/<uuid:customer_id>")
@operator_only
def organisation(customer_id: UUID) -> ResponseReturnValue:
    """All of its mailboxes, and the people who belong nowhere else; its name is typed out."""
    with database().reading() as session:
        found = organisation_of(session, customer_id) or abort(404)
        name = session.get_one(Customer, customer_id).name
    return _erased(found, typed=request.form.get("typed", "").split() == name.split())


def _erased(found: Subject, *, typed: bool) -> ResponseReturnValue:
    reason = " ".join(request.form.get("reason", "").split())[:REASON_LIMIT]
    back = redirect(url_for("erase.index", address=request.form.get("address", "")), 303)
    if not typed or not reason:
        flash(_("Nothing was erased: type it out as it stands there, and say who asked for it."), "warn")
        return back
    try:
        with database().transaction() as session:
            erase(session, _again(session, found), reason=reason, operator=g.person, now=clock.now())
    except CannotErase as problem:
        flash(str(problem), "warn")
        return back
    flash(_("Erased. Nothing brings it back; the record says who did it, and why."), "ok")
    return redirect(url_for("audit.index", action="organisation.erased" if found.customer_id else "person.erased"), 303)


def _again(session: Session, found: Subject) -> Subject:
    """As it is now, in the transaction that erases it."""
    fresh = (
        organisation_of(session, found.customer_id) if found.customer_id else subject_of(session, found.addresses[0])
    )
    return fresh or abort(404)
