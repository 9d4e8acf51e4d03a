"""The days on which money leaves, in the calendar one uses anyway: a private address that can be taken back."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from app import clock
from app.access import customer_member, signed_machine
from app.db import database
from app.house import the_house
from app.scope import CustomerScope, Everything
from app.statements import feeds
from app.statements.appointments import Appointment, appointments
from app.words import _, speaking

blueprint = Blueprint("calendars", __name__)

SHOWN = 25
_RESOLVE = Everything("a calendar's address has no scope before it is resolved")


@blueprint.get("/inbox/calendar")
@customer_member()
def index() -> str:
    return _page()


@blueprint.post("/inbox/calendar")
@customer_member()
def subscribe() -> str:
    """A new address, shown once; the one before it opens nothing any more."""
    with database().transaction() as session:
        amounts = request.form.get("amounts") == "yes"
        token = feeds.make_feed(session, g.customer_id, g.person.id, shows_amounts=amounts, now=clock.now())
    path = url_for("calendars.feed", token=token)
    return _page(f"{the_house().settings.public_url}{path}")


@blueprint.post("/inbox/calendar/off")
@customer_member()
def unsubscribe() -> Answer:
    with database().transaction() as session:
        feeds.drop_feed(session, g.customer_id, g.person.id, clock.now())
    flash(_("The calendar's address opens nothing any more."), "ok")
    return redirect(url_for("calendars.index"), 303)


@blueprint.get("/calendar/<token>.ics")
@signed_machine
def feed(token: str) -> Answer:
    """For calendar programs, which bring nothing but the address."""
    with database().reading(_RESOLVE) as session:
        found = feeds.feed_by(session, token) or abort(404)
    scope, now = CustomerScope(found.customer_id, found.person_id), clock.now()
    with speaking(found.locale), database().reading(scope) as session:
        listed = appointments(
            session, now, clock.today(found.zone), shows_amounts=found.shows_amounts, url_of=_public_url
        )
        name = _("What %(customer)s owes", customer=found.customer_name)
    answer = Response(_calendar().calendar_file(listed, name), mimetype="text/calendar")
    answer.add_etag()
    return answer.make_conditional(request)


def _page(address: str = "") -> str:
    now, today = clock.now(), clock.today(g.zone)
    with database().reading() as session:
        own = feeds.feed_of(session, g.customer_id, g.person.id)
        listed = appointments(session, now, today, shows_amounts=True, url_of=_public_url)
    ahead: list[Appointment] = [each for each in listed if each.on >= today and not each.is_cancelled]
    return render_template(
        "inbox/calendar.html", feed=own, address=address, ahead=ahead[:SHOWN], more=max(0, len(ahead) - SHOWN)
    )


def _public_url(invoice_id: UUID) -> str:
    return the_house().settings.public_url + url_for("inbox.invoice", invoice_id=invoice_id)


def _calendar() -> Any:
    from app.statements import calendar  # noqa: PLC0415  0.1 s, for those processes only that make a calendar

    return calendar
