"""The vendor looks at the mails its customers would get, before and after going live (FEATURES A7)."""

from datetime import date, datetime, timedelta
from uuid import UUID

from flask import Blueprint, abort, g, make_response, render_template, request
from markupsafe import escape
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.db import database
from app.headers import FRAMED_MAIL, content_policy
from app.house import the_house
from app.mailboxes.rules import without_links
from app.models import BillTo, Vendor
from app.policies.queries import policies_of
from digest.plan import Plan
from digest.vendor_preview import SHOWN, compose_for, customers, outlook

_FURTHEST = timedelta(days=366)

blueprint = Blueprint("vendor_preview", __name__, url_prefix="/desk/preview", template_folder="templates")


@blueprint.get("")
@vendor_member()
def index() -> str:
    """Who would get what on a day of one's choice (FEATURES A7 J2)."""
    text, segment = request.args.get("q", "").replace("\0", "").strip()[:100], request.args.get("segment", "")
    with database().reading() as session:
        vendor = session.get_one(Vendor, g.vendor_id)
        policies = [policy for policy in policies_of(session, vendor.id) if not policy.is_default]
        chosen = next((policy.id for policy in policies if str(policy.id) == segment), None)
        found = customers(session, text, chosen)
    at = _at(vendor)
    return render_template(
        "preview/customers.html",
        vendor=vendor,
        customers=found,
        outlooks=outlook(the_house(), vendor, found, at),
        segments={policy.id: policy.name for policy in policies},
        chosen=chosen,
        day=_day(vendor),
        text=text,
        most=SHOWN,
    )


def _day(vendor: Vendor) -> date:
    """The day that is looked at, the vendor's today unless said otherwise."""
    today = clock.today(vendor.zone)
    try:
        day = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        return today
    return day if abs(day - today) <= _FURTHEST else today


def _at(vendor: Vendor) -> datetime:
    now = clock.now()
    return now + (_day(vendor) - clock.today(vendor.zone))


@blueprint.get("/<uuid:bill_to_id>")
@vendor_member()
def show(bill_to_id: UUID) -> Response:
    """The mail in a frame, or why there would be none."""
    vendor, bill_to, plan = _composed(bill_to_id)
    page = make_response(
        render_template("preview/customer.html", vendor=vendor, bill_to=bill_to, plan=plan, day=_day(vendor))
    )
    page.headers["Content-Security-Policy"] = content_policy(frame_src="'self'")
    return page


@blueprint.get("/<uuid:bill_to_id>/mail")
@vendor_member()
def mail(bill_to_id: UUID) -> Response:
    """The mail itself, for the frame of show(); its links would open nothing and are taken out."""
    _, _, plan = _composed(bill_to_id)
    page = make_response(without_links(plan.mail.html) if plan.mail else escape(f"No mail: {plan.reason}."))
    page.headers["Content-Security-Policy"] = FRAMED_MAIL
    return page


def _composed(bill_to_id: UUID) -> tuple[Vendor, BillTo, Plan]:
    with database().reading() as session:
        vendor = session.get_one(Vendor, g.vendor_id)
        query = select(BillTo).where(BillTo.id == bill_to_id, BillTo.mailbox_id.is_not(None))
        bill_to = session.execute(query).scalar_one_or_none() or abort(404)
    return vendor, bill_to, compose_for(the_house(), vendor, bill_to, _at(vendor))
