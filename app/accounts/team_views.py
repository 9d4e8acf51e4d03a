"""The pages of a team: of the desk that is open, and of the inbox that is open."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock
from app.access import customer_member, vendor_member
from app.accounts import team
from app.accounts.forms import AskForm
from app.accounts.rules import CUSTOMER_TEAM, VENDOR_TEAM
from app.accounts.team import NotAllowed, Place, TeamError
from app.db import database
from app.house import the_house
from app.models import CustomerRole, VendorRole
from app.words import _

blueprint = Blueprint("team", __name__, url_prefix="/team")


@blueprint.get("/desk")
@vendor_member()
def desk() -> ResponseReturnValue:
    return _page(_desk(), AskForm())


@blueprint.post("/desk")
@vendor_member(VendorRole.OWNER, VendorRole.ADMIN)
def invite_to_desk() -> ResponseReturnValue:
    return _invite(_desk())


@blueprint.post("/desk/<uuid:person_id>")
@vendor_member()
def change_at_desk(person_id: UUID) -> ResponseReturnValue:
    return _change(_desk(), person_id)


@blueprint.get("/inbox")
@customer_member()
def inbox() -> ResponseReturnValue:
    return _page(_inbox(), AskForm())


@blueprint.post("/inbox")
@customer_member(CustomerRole.ADMIN)
def invite_to_inbox() -> ResponseReturnValue:
    return _invite(_inbox())


@blueprint.post("/inbox/<uuid:person_id>")
@customer_member()
def change_at_inbox(person_id: UUID) -> ResponseReturnValue:
    return _change(_inbox(), person_id)


def _desk() -> Place:
    return Place(VENDOR_TEAM, g.vendor.id, g.vendor.name)


def _inbox() -> Place:
    return Place(CUSTOMER_TEAM, g.customer.id, g.customer.name)


def _page(place: Place, form: AskForm) -> str:
    with database().reading() as session:
        members = team.members_of(session, place)
    return render_template("accounts/team.html", place=place, members=members, form=form, own=g.role)


def _invite(place: Place) -> ResponseReturnValue:
    form = AskForm.read(request.form)
    if not form.errors:
        house = the_house()
        role = request.form.get("role", "")
        refused = _try(
            lambda session: team.invite(
                session, house, place, by=g.person, own=g.role, address=form.address, role=role, now=clock.now()
            )
        )
        if not refused:
            flash(_("%(address)s is in the team, and has been told by mail.", address=form.address), "ok")
            return _back(place)
        form.errors["address"] = refused
    return _page(place, form), 422


def _change(place: Place, person_id: UUID) -> ResponseReturnValue:
    """Another role, or none: ``act`` says which."""
    act, role, is_me = request.form.get("act", ""), request.form.get("role", ""), person_id == g.person.id
    found: list[bool] = []

    def change(session: Any) -> None:
        common = {"by": g.person, "own": g.role, "person_id": person_id, "now": clock.now()}
        if act == "remove":
            found.append(team.remove(session, place, **common))
        elif act == "hand_over":
            found.append(team.hand_over(session, place, **common))
        else:
            found.append(team.change_role(session, place, role=role, **common))

    refused = _try(change)
    if refused:
        flash(refused, "bad")
        return _back(place)
    if not found[0]:
        abort(404)
    flash(_("Done. It holds from the next page on."), "ok")
    return redirect(url_for("accounts.account"), 303) if is_me and act == "remove" else _back(place)


def _try(change: Callable[[Any], None]) -> str:
    """Do it in one transaction; the words of a refusal, or nothing."""
    try:
        with database().transaction() as session:
            change(session)
    except NotAllowed:
        abort(403)
    except TeamError as refused:
        return str(refused)
    return ""


def _back(place: Place) -> ResponseReturnValue:
    return redirect(url_for("team.desk" if place.team is VENDOR_TEAM else "team.inbox"), 303)
