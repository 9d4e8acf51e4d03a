"""The vendor's pages: who waits for an answer, what is owed, how quickly we answer, who we are."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.care.queries import canned_of, colleagues, notes_of, ready_answers
from app.care.rules import filled
from app.claims.queries import claims_in, suggestions
from app.conversations import actions as talk
from app.conversations.queries import file_of, invoices_of, messages_of, name_in_books, thread_of
from app.conversations.rules import RESULTS, ConversationError
from app.db import database
from app.desk import queries, rules, threads
from app.desk.actions import change_profile
from app.desk.forms import (
    HoldForm,
    ProfileForm,
    countries,
    optional_id,
    queue_page,
    queue_place,
    read_queue,
    read_shelf,
    shelf_page,
)
from app.filters import money
from app.forms import allow_files, sent_files
from app.headers import download, pdf
from app.house import the_house
from app.mailboxes.queries import pay_run_of
from app.models import HoldKind, Invoice, Thread, Vendor, VendorRole
from app.receivables.actions import end_holds, hold_invoice, live_holds
from app.receivables.said import read_said
from app.receivables.timeline import timeline
from app.scorecard.queries import usual
from app.words import _

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
allow_files(blueprint, "answer")

ANSWERING = (VendorRole.OWNER, VendorRole.ADMIN, VendorRole.AGENT)
MANAGING = (VendorRole.OWNER, VendorRole.ADMIN)


@blueprint.context_processor
def _allowed() -> dict[str, Any]:
    """What this person may do here, for the templates: what is not allowed is not offered."""
    return {"may_answer": g.role in ANSWERING, "may_manage": g.role in MANAGING}


@blueprint.get("")
@vendor_member()
def queue() -> str:
    """Who waits, longest first, and how quickly we answer."""
    search, now = read_queue(request.args, g.vendor_id, g.person.id), clock.now()
    with database().reading() as session:
        rows, after = queue_page(threads.find_threads(session, search), search)
        team = colleagues(session, g.vendor_id)
        page = {"rows": rows, "after": after, "search": search, "place": queue_place(search), "rules": rules}
        page["limits"] = the_house().limits
        page["names"] = {one.id: one.name for one in team}
        if request.headers.get("HX-Request") and search.after:
            return render_template("desk/queue_rows.html", **page)
        vendor = _vendor(session)
        return render_template(
            "desk/queue.html",
            **page,
            vendor=vendor,
            Box=threads.Box,
            Whose=threads.Whose,
            waiting=threads.count_waiting(session),
            team=team,
            results=RESULTS,
            usual=usual(session, vendor, now),
        )


@blueprint.get("/threads/<uuid:thread_id>")
@vendor_member()
def thread(thread_id: UUID) -> str:
    return _thread_page(thread_id)


@blueprint.post("/threads/<uuid:thread_id>/answer")
@vendor_member(*ANSWERING)
def answer(thread_id: UUID) -> Response | tuple[str, int]:
    """Store the answer and queue its mail in one commit; then whoever waits next is opened."""
    body = request.form.get("body", "")
    try:
        with database().transaction() as session:
            found = _thread_or_404(session, thread_id)
            since, canned = found.waiting_since, canned_of(session, optional_id(request.form.get("canned", "")))
            talk.answer(
                session, house=the_house(), thread=found, person=g.person, body=body, now=clock.now(),
                canned_id=canned.id if canned else None, files=sent_files(the_house().limits),
            )  # fmt: skip
    except ConversationError as problem:
        return _thread_page(thread_id, error=str(problem), body=body), 422
    flash(_("Sent. Your customer gets it by mail now."), "ok")
    return _go_on(thread_id, since)


@blueprint.post("/threads/<uuid:thread_id>/close")
@vendor_member(*ANSWERING)
def close(thread_id: UUID) -> Response | tuple[str, int]:
    body, result = request.form.get("body", ""), request.form.get("result", "")
    try:
        with database().transaction() as session:
            found = _thread_or_404(session, thread_id)
            since = found.waiting_since
            talk.close_thread(
                session, house=the_house(), thread=found, person=g.person, result=result, body=body, now=clock.now()
            )
    except ConversationError as problem:
        return _thread_page(thread_id, close_error=str(problem), closing_body=body, result=result), 422
    flash(_("Closed. It can be opened again for 30 days by writing in it."), "ok")
    return _go_on(thread_id, since)


def _go_on(thread_id: UUID, since: datetime | None) -> Response:
    """To whoever waits next in the part of the queue somebody works in; when nobody does, to the queue. ``since`` is
    None for a conversation that nobody waited in: there one stays."""
    search = read_queue(request.form, g.vendor_id, g.person.id)
    place = queue_place(search)
    if since is None or request.form.get("then") == "stay":
        return redirect(url_for("desk.thread", thread_id=thread_id, **place), 303)
    with database().reading() as session:
        following = threads.next_waiting(session, search, thread_id, since)
    if following is None:
        return redirect(url_for("desk.queue", **place), 303)
    return redirect(url_for("desk.thread", thread_id=following, **place), 303)


@blueprint.get("/threads/<uuid:thread_id>/files/<uuid:file_id>")
@vendor_member()
def file(thread_id: UUID, file_id: UUID) -> Response:
    """A file of the conversation, to be kept."""
    with database().reading() as session:
        found = file_of(session, thread_id, file_id) or abort(404)
        return download(found.name, found.kind, found.data)


def _thread_page(thread_id: UUID, **form: str) -> str:
    search = read_queue(request.values, g.vendor_id, g.person.id)
    with database().reading() as session:
        found = _thread_or_404(session, thread_id)
        vendor, invoices = _vendor(session), invoices_of(session, [thread_id])[thread_id]
        customer = name_in_books(session, found.vendor_id, found.customer_id)
        canned = canned_of(session, optional_id(request.values.get("canned", "")))
        if canned and "body" not in form:
            known = {"customer": customer, "name": g.person.name, "vendor": vendor.name}
            form["body"] = filled(canned.body, rules.places(known, invoices, money))
        claims = claims_in(session, thread_id, clock.now(), the_house().limits)
        return render_template(
            "desk/thread.html",
            thread=found,
            customer_name=customer,
            bill_to_id=threads.bill_to_id_of(session, found),
            messages=messages_of(session, thread_id),
            claims=claims,
            matches=suggestions(session, claims),
            notes=notes_of(session, thread_id),
            team=colleagues(session, g.vendor_id),
            answers=ready_answers(session),
            canned=canned,
            holds=queries.live_holds_on(session, [invoice.id for invoice in invoices], clock.now()),
            invoices=invoices,
            vendor=vendor,
            place=queue_place(search),
            following=threads.next_waiting(session, search, thread_id, found.waiting_since),
            results=RESULTS,
            file_url=lambda file: url_for("desk.file", thread_id=thread_id, file_id=file.id),
            rules=rules,
            limits=the_house().limits,
            form=form,
        )


@blueprint.get("/invoices")
@vendor_member()
def invoices() -> str:
    """What is owed, by shelf and text."""
    with database().reading() as session:
        vendor = _vendor(session)
        search = read_shelf(request.args, clock.now(), clock.today(vendor.zone))
        rows, after = shelf_page(queries.find_invoices(session, search), search)
        page = {"rows": rows, "after": after, "search": search, "Shelf": queries.Shelf, "rules": rules}
        if request.headers.get("HX-Request") and search.after:
            return render_template("desk/invoice_rows.html", **page)
        standing = queries.standing(session, vendor.id, search.today)
        return render_template("desk/invoices.html", **page, vendor=vendor, standing=standing)


@blueprint.get("/invoices/<uuid:invoice_id>")
@vendor_member()
def invoice(invoice_id: UUID) -> str:
    return _invoice_page(invoice_id)


@blueprint.get("/invoices/<uuid:invoice_id>/pdf")
@vendor_member()
def document(invoice_id: UUID) -> Response:
    """The file as the customer would get it, where the provider makes one."""
    with database().reading() as session:
        found = _invoice_or_404(session, invoice_id)
    if file := current_app.extensions["invoice_pdf"](found.id):
        return pdf(found.number, file)
    flash(_("Your system gives no PDF of this invoice. The customer sees a page with its facts instead."), "warn")
    return redirect(url_for("desk.invoice", invoice_id=invoice_id), 303)


@blueprint.post("/invoices/<uuid:invoice_id>/hold")
@vendor_member(*ANSWERING)
def hold(invoice_id: UUID) -> Response | tuple[str, int]:
    """No reminders of this invoice until the end of a day; the customer sees the reason."""
    now = clock.now()
    with database().transaction() as session:
        found, vendor = _invoice_or_404(session, invoice_id), _vendor(session)
        form = HoldForm.read(request.form, zone=vendor.zone, today=clock.today(vendor.zone))
        if form.until is not None and not form.errors:
            hold_invoice(
                session, invoice=found, until=form.until, note=form.note, now=now, person_id=g.person.id,
                is_hidden=request.form.get("hidden") == "yes",
            )  # fmt: skip
    if form.errors:
        return _invoice_page(invoice_id, form), 422
    flash(_("On hold. It stays out of reminders until then."), "ok")
    if thread_id := optional_id(request.form.get("thread", "")):
        return redirect(url_for("desk.thread", thread_id=thread_id), 303)
    return redirect(url_for("desk.invoice", invoice_id=invoice_id), 303)


@blueprint.post("/invoices/<uuid:invoice_id>/release")
@vendor_member(*ANSWERING)
def release(invoice_id: UUID) -> Response:
    with database().transaction() as session:
        _invoice_or_404(session, invoice_id)
        end_holds(
            session, invoice_ids=[invoice_id], kind=HoldKind.VENDOR, now=clock.now(), reason=_("Ended by the supplier")
        )
    flash(_("The hold is over."), "ok")
    return redirect(url_for("desk.invoice", invoice_id=invoice_id), 303)


def _invoice_page(invoice_id: UUID, form: HoldForm | None = None) -> str:
    now = clock.now()
    with database().reading() as session:
        found, bill_to = queries.invoice_of(session, invoice_id) or abort(404)
        vendor = _vendor(session)
        return render_template(
            "desk/invoice.html",
            invoice=found,
            bill_to=bill_to,
            said=read_said(found.details, found.currency, found.total_minor),
            instalments=[(date.fromisoformat(day), *rest) for day, *rest in found.instalments],
            vendor=vendor,
            reminder=queries.reminder_of(session, vendor, found, now, the_house().limits),
            live=live_holds(session, invoice_id, now),
            moments=timeline(session, invoice_id),
            told_in=queries.told_in(session, found),
            results=RESULTS,
            pay_run=pay_run_of(session, found, vendor.zone, now),
            form=form or HoldForm("", ""),
            rules=rules,
        )


@blueprint.get("/profile")
@vendor_member()
def profile() -> str:
    return _profile_page()


@blueprint.post("/profile")
@vendor_member(*MANAGING)
def save_profile() -> Response | tuple[str, int]:
    form = ProfileForm.read(request.form)
    if form.errors:
        return _profile_page(form), 422
    with database().transaction() as session:
        change_profile(session, vendor=_vendor(session), form=form, person=g.person, now=clock.now())
    flash(_("Saved."), "ok")
    return redirect(url_for("desk.profile"), 303)


def _profile_page(form: ProfileForm | None = None) -> str:
    with database().reading() as session:
        vendor = _vendor(session)
        return render_template(
            "desk/profile.html",
            vendor=vendor,
            form=form or ProfileForm.of(vendor),
            countries=countries(),
        )


def _vendor(session: Session) -> Vendor:
    return session.get_one(Vendor, g.vendor_id)


def _thread_or_404(session: Session, thread_id: UUID) -> Thread:
    return thread_of(session, thread_id) or abort(404)


def _invoice_or_404(session: Session, invoice_id: UUID) -> Invoice:
    found = queries.invoice_of(session, invoice_id)
    return found[0] if found else abort(404)
