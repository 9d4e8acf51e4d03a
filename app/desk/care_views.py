"""The desk's pages of working together: who answers, notes, ready answers, letters by hand, and who is away."""

from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.care import actions as care
from app.care.queries import canned_of, colleagues, ready_answers
from app.care.rules import PLACES, CareError
from app.conversations.actions import close_thread
from app.conversations.queries import thread_of
from app.conversations.rules import ConversationError
from app.db import database
from app.desk.actions import write_by_hand
from app.desk.forms import LetterForm, optional_id, queue_place, read_queue
from app.desk.queries import invoice_of
from app.desk.threads import threads_of
from app.desk.views import ANSWERING, MANAGING
from app.house import the_house
from app.models import Thread, Vendor
from app.words import _, ngettext

blueprint = Blueprint("care", __name__, url_prefix="/desk")
LONGEST_AWAY = timedelta(days=366)


@blueprint.context_processor
def _allowed() -> dict[str, bool]:
    return {"may_answer": g.role in ANSWERING, "may_manage": g.role in MANAGING}


@blueprint.post("/threads/<uuid:thread_id>/assign")
@vendor_member(*ANSWERING)
def assign(thread_id: UUID) -> Response:
    """One of us answers this customer, or everybody may again."""
    with database().transaction() as session:
        found = thread_of(session, thread_id) or abort(404)
        refused = _try(lambda: _assign(session, [found]))
    _say(refused, _("Assigned."))
    return _thread(thread_id)


@blueprint.post("/threads/<uuid:thread_id>/notes")
@vendor_member()
def note(thread_id: UUID) -> Response:
    """A word among colleagues; whoever is named reads it by mail. Everybody may, readers too."""
    with database().transaction() as session:
        found = thread_of(session, thread_id) or abort(404)
        refused = _try(
            lambda: care.add_note(
                session, house=the_house(), thread=found, body=request.form.get("body", ""),
                mentioned=_chosen("mentioned"), by=g.person, now=clock.now(),
            )
        )  # fmt: skip
    _say(refused, _("Kept. Your customer does not see it."))
    return _thread(thread_id)


@blueprint.post("/threads")
@vendor_member(*ANSWERING)
def bulk() -> Response:
    """Assign or close all that were ticked in the queue."""
    wanted = [key for text in request.form.getlist("thread")[:200] if (key := optional_id(text))]
    act, result = request.form.get("act", ""), request.form.get("result", "")
    refused = "" if wanted else _("Tick at least one conversation.")
    with database().transaction() as session:
        found = threads_of(session, wanted)
        if act == "assign":
            refused = refused or _try(lambda: _assign(session, found))
        elif act == "close":
            refused = refused or _try(lambda: _close(session, found, result))
        else:
            abort(400)
    _say(refused, ngettext("Done with %(num)s conversation.", "Done with %(num)s conversations.", len(found)))
    search = read_queue(request.form, g.vendor_id, g.person.id)
    return redirect(url_for("desk.queue", box=search.box.value, **queue_place(search)), 303)


@blueprint.get("/invoices/<uuid:invoice_id>/letter")
@vendor_member(*ANSWERING)
def letter(invoice_id: UUID) -> str:
    """Write by hand what the next digest would have asked for."""
    return _letter_page(invoice_id, LetterForm("", ""))


@blueprint.post("/invoices/<uuid:invoice_id>/letter")
@vendor_member(*ANSWERING)
def send_letter(invoice_id: UUID) -> Response | tuple[str, int]:
    now = clock.now()
    with database().reading() as session:
        zone = session.get_one(Vendor, g.vendor_id).zone
    form = LetterForm.read(request.form, zone=zone, today=clock.today(zone))
    if form.until is not None and not form.errors:
        try:
            with database().transaction() as session:
                invoice, _bill_to = invoice_of(session, invoice_id) or abort(404)
                thread = write_by_hand(
                    session, house=the_house(), invoice=invoice, person=g.person, body=form.body, until=form.until,
                    now=now,
                )  # fmt: skip
        except ConversationError as problem:
            form.errors["body"] = str(problem)
        else:
            flash(_("Sent. The invoice stays out of reminders until the day you chose."), "ok")
            return redirect(url_for("desk.thread", thread_id=thread.id), 303)
    return _letter_page(invoice_id, form), 422


def _letter_page(invoice_id: UUID, form: LetterForm) -> str:
    with database().reading() as session:
        invoice, bill_to = invoice_of(session, invoice_id) or abort(404)
        return render_template("desk/letter.html", invoice=invoice, bill_to=bill_to, form=form)


@blueprint.get("/answers")
@vendor_member(*ANSWERING)
def answers() -> str:
    """The vendor's ready answers, and how often each was used."""
    return _answers_page()


@blueprint.post("/answers")
@vendor_member(*ANSWERING)
def save_answer() -> Response | tuple[str, int]:
    """A new one, other words for a known one, or one taken away: ``act`` says which."""
    form, key = request.form, _chosen("answer")
    with database().transaction() as session:
        canned = (canned_of(session, key) or abort(404)) if key else None
        if form.get("act") == "retire" and canned is not None:
            care.retire_canned(session, canned=canned, by=g.person, now=clock.now())
            refused = ""
        else:
            refused = _try(
                lambda: care.save_canned(
                    session, vendor_id=g.vendor_id, canned=canned, title=form.get("title", ""),
                    body=form.get("body", ""), by=g.person, now=clock.now(),
                )
            )  # fmt: skip
    if refused:
        return _answers_page(refused=refused, refused_key=key), 422
    flash(_("Saved."), "ok")
    return redirect(url_for("care.answers"), 303)


def _answers_page(refused: str = "", refused_key: UUID | None = None) -> str:
    with database().reading() as session:
        return render_template(
            "desk/answers.html", answers=ready_answers(session), places=PLACES, refused=refused,
            refused_key=refused_key, said=request.form,
        )  # fmt: skip


@blueprint.post("/away")
@vendor_member(*ANSWERING)
def away() -> Response:
    """While somebody is away, what customers write in its conversations goes to the others."""
    text, today = request.form.get("until", "").strip(), clock.today(g.zone)
    try:
        until = date.fromisoformat(text) if text and request.form.get("act") != "back" else None
    except ValueError:
        until = today - timedelta(days=1)
    if until is not None and not today <= until <= today + LONGEST_AWAY:
        flash(_("Choose the last day you are away, within a year."), "bad")
        return redirect(url_for("desk.queue"), 303)
    with database().transaction() as session:
        me = next(one for one in colleagues(session, g.vendor_id) if one.id == g.person.id)
        care.be_away(session, member=me.member, until=until, by=g.person, now=clock.now())
    flash(_("Questions go to your colleagues until then.") if until else _("Questions come to you again."), "ok")
    return redirect(url_for("desk.queue"), 303)


def _assign(session: Session, found: list[Thread]) -> None:
    care.assign(session, vendor_id=g.vendor_id, threads=found, to=_chosen("to"), by=g.person, now=clock.now())


def _close(session: Session, found: list[Thread], result: str) -> None:
    for each in found:
        close_thread(session, house=the_house(), thread=each, person=g.person, result=result, now=clock.now())


def _try(act: Callable[[], object]) -> str:
    """Do it; the words of a refusal, which comes before anything is written, or nothing."""
    try:
        act()
    except (CareError, ConversationError) as refused:
        return str(refused)
    return ""


def _chosen(name: str) -> UUID | None:
    return optional_id(request.form.get(name, ""))


def _say(refused: str, done: str) -> None:
    flash(refused or done, "bad" if refused else "ok")


def _thread(thread_id: UUID) -> Response:
    place = queue_place(read_queue(request.args, g.vendor_id, g.person.id))
    return redirect(url_for("desk.thread", thread_id=thread_id, **place), 303)
