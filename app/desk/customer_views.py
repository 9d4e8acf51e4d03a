"""The desk's pages of its customers: the list, everything about one of them, and the inbox as that one sees it."""

from datetime import datetime
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.care import actions as care
from app.care.queries import colleagues, contacts_of, notes_about
from app.care.rules import CONTACT_WORDS, FIELD_WORDS, CareError
from app.claims.rules import REASONS
from app.db import database
from app.desk import customers, rules
from app.desk.actions import log_contact
from app.desk.forms import ContactForm, optional_id, read_customers, write_name_key
from app.desk.queries import invoice_of
from app.desk.story import story
from app.desk.views import ANSWERING, MANAGING
from app.house import the_house
from app.models import BillTo, FactField, Vendor
from app.receivables.queries import find_rows_by_id
from app.words import _

blueprint = Blueprint("customers", __name__, url_prefix="/desk/customers")


@blueprint.context_processor
def _allowed() -> dict[str, bool]:
    return {"may_answer": g.role in ANSWERING, "may_manage": g.role in MANAGING}


@blueprint.get("")
@vendor_member()
def index() -> str:
    """All customers of the books, by name, with what they owe."""
    text, after = read_customers(request.args)
    with database().reading() as session:
        vendor = session.get_one(Vendor, g.vendor_id)
        rows = customers.find_customers(session, text, after, clock.today(vendor.zone))
        page = {"rows": rows[: customers.PAGE], "after": write_name_key(rows), "text": text, "is_first": not after}
        return render_template("desk/customers.html", **page)


@blueprint.get("/<uuid:bill_to_id>")
@vendor_member()
def show(bill_to_id: UUID) -> str:
    return _page(bill_to_id)


@blueprint.post("/<uuid:bill_to_id>/contacts")
@vendor_member(*ANSWERING)
def contact(bill_to_id: UUID) -> Response | tuple[str, int]:
    """What the customer said on the telephone (FEATURES G9)."""
    now = clock.now()
    with database().transaction() as session:
        bill_to, vendor = _found(session, bill_to_id), session.get_one(Vendor, g.vendor_id)
        form = ContactForm.read(request.form, today=clock.today(vendor.zone))
        found = invoice_of(session, form.invoice_id) if form.invoice_id else None
        invoice = found[0] if found and found[0].bill_to_id == bill_to_id else None
        if form.told is not None:
            try:
                log_contact(
                    session, bill_to=bill_to, invoice=invoice, told=form.told, person=g.person, now=now,
                    limits=the_house().limits, zone=vendor.zone,
                )  # fmt: skip
            except CareError as refused:
                form.errors["kind"] = str(refused)
    if form.errors:
        return _page(bill_to_id, form.errors["kind"]), 422
    flash(_("Written down."), "ok")
    return redirect(url_for("customers.show", bill_to_id=bill_to_id), 303)


@blueprint.post("/<uuid:bill_to_id>/facts")
@vendor_member(*ANSWERING)
def describe(bill_to_id: UUID) -> Response:
    """One field of the profile; empty takes it away."""
    field, value = request.form.get("field", ""), request.form.get("value", "")
    with database().transaction() as session:
        bill_to = _found(session, bill_to_id)
        if field not in set(FactField):
            abort(400)
        care.note_fact(session, bill_to=bill_to, field=FactField(field), value=value, by=g.person, now=clock.now())
    flash(_("Saved."), "ok")
    return redirect(url_for("customers.show", bill_to_id=bill_to_id, _anchor="profile"), 303)


@blueprint.post("/<uuid:bill_to_id>/owner")
@vendor_member(*ANSWERING)
def give_owner(bill_to_id: UUID) -> Response:
    """Who looks after this customer, and is copied when it matters (FEATURES J8)."""
    refused = ""
    with database().transaction() as session:
        bill_to, to = _found(session, bill_to_id), optional_id(request.form.get("owner", ""))
        try:
            care.give_owner(session, bill_to=bill_to, to=to, by=g.person, now=clock.now())
        except CareError as problem:
            refused = str(problem)
    flash(refused or _("Saved."), "bad" if refused else "ok")
    return redirect(url_for("customers.show", bill_to_id=bill_to_id), 303)


@blueprint.post("/<uuid:bill_to_id>/seen")
@vendor_member()
def as_seen(bill_to_id: UUID) -> str:
    """This vendor's part of the inbox as the customer sees it; looked at only, and on record (FEATURES B12)."""
    now = clock.now()
    with database().transaction() as session:
        bill_to = _found(session, bill_to_id)
        care.record_look(session, bill_to=bill_to, by=g.person, now=now)
    return _as_seen(bill_to, now)


def _as_seen(bill_to: BillTo, now: datetime) -> str:
    with database().reading() as session:
        vendor = session.get_one(Vendor, g.vendor_id)
        open_now = [one.id for one in customers.open_invoices(session, bill_to)]
        found = find_rows_by_id(session, open_now, now)
        rows = [found[key] for key in open_now if key in found]
        return render_template("desk/as_seen.html", bill_to=bill_to, vendor=vendor, rows=rows)


def _page(bill_to_id: UUID, wrong: str = "") -> str:
    with database().reading() as session:
        bill_to, vendor = _found(session, bill_to_id), session.get_one(Vendor, g.vendor_id)
        page = customers.customer_page(session, bill_to, clock.today(vendor.zone))
        contacts = contacts_of(session, bill_to_id)
        notes = notes_about(session, bill_to.vendor_id, bill_to.customer_id) if bill_to.customer_id else []
        return render_template(
            "desk/customer.html",
            bill_to=bill_to,
            page=page,
            contacts=contacts,
            events=story(page, customers.messages_with(session, bill_to), contacts, notes),
            team=colleagues(session, g.vendor_id),
            fields=FIELD_WORDS,
            kinds=CONTACT_WORDS,
            reasons=REASONS,
            rules=rules,
            limits=the_house().limits,
            wrong=wrong,
            said=request.form,
        )


def _found(session: Session, bill_to_id: UUID) -> BillTo:
    return customers.bill_to_of(session, bill_to_id) or abort(404)
