"""The desk's page of the companies behind its books: name, colour and bank account of each."""

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.db import database
from app.desk.forms import COLOUR
from app.desk.views import MANAGING
from app.models import Vendor
from app.names import NameRefused
from app.trust.entities import books_of, describe_entity, usable_accounts
from app.words import _

blueprint = Blueprint("entities", __name__, url_prefix="/desk/companies")


@blueprint.get("")
@vendor_member()
def index() -> str:
    return _page()


def _page(wrong: UUID | None = None, error: str = "") -> str:
    with database().reading() as session:
        return render_template(
            "desk/companies.html",
            vendor=session.get_one(Vendor, g.vendor_id),
            books=books_of(session, g.vendor_id),
            accounts=usable_accounts(session, g.vendor_id, clock.now()),
            may_manage=g.role in MANAGING,
            wrong=wrong,
            error=error,
        )


@blueprint.post("/<uuid:connection_id>")
@vendor_member(*MANAGING)
def describe(connection_id: UUID) -> Response | tuple[str, int]:
    form, now = request.form, clock.now()
    try:
        with database().transaction() as session:
            books = next((one for one in books_of(session, g.vendor_id) if one.id == connection_id), None) or abort(404)
            known = usable_accounts(session, g.vendor_id, now)
            account = next((one for one in known if str(one.id) == form.get("account")), None)
            vendor = session.get_one(Vendor, g.vendor_id)
            describe_entity(session, vendor, books, form.get("name", ""), _colour(form), account, g.person, now)
    except NameRefused as problem:
        return _page(connection_id, str(problem)), 422
    flash(_("Saved. Customers read it from now on."), "ok")
    return redirect(url_for("entities.index"), 303)


def _colour(form: Mapping[str, str]) -> str:
    colour = form.get("colour", "").strip().lower()
    if colour and not COLOUR.fullmatch(colour):
        raise NameRefused(_("A colour looks like #1d5a3c."))
    return colour
