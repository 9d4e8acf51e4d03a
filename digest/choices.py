"""What the holder of a digest's link may choose for its mailbox: when we write, less, nothing at all, not this vendor.

Nested in the pages of digest/views.py; only the link of a digest opens them, not that of an answer.
"""

from datetime import datetime
from functools import wraps
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import link_holder, signed_machine
from app.db import database
from app.house import the_house
from app.mailboxes import actions as mailboxes
from app.mailboxes.besttime import proposed
from app.mailboxes.forms import CADENCES, PAUSES, RhythmForm, countries, read_pause, zones_by_region
from app.mailboxes.house_forms import MannerForm
from app.mailboxes.instant import CannotChoose, read_instant
from app.mailboxes.queries import WEEKDAYS, cadence_words, mailbox_of
from app.models import Mailbox, Relation
from app.words import LANGUAGE_NAMES
from digest.links import View, opened, vendors_of

blueprint = Blueprint("choices", __name__)


def _of_digest(view: View) -> View:
    """An answer's link opens its thread and nothing else (INVARIANTS L2)."""

    @wraps(view)
    def wrapped(**args: Any) -> Any:
        return view(**args) if g.scope.digest_id else abort(404)

    return wrapped  # type: ignore[return-value]


@blueprint.get("/rhythm")
@link_holder
@opened
@_of_digest
def rhythm() -> str:
    """The mailbox's own rhythm, without an account."""
    return _rhythm_page(RhythmForm.of(g.box))


@blueprint.post("/rhythm")
@link_holder
@opened
@_of_digest
def set_rhythm() -> Response | tuple[str, int]:
    house = the_house()
    with database().transaction() as session:
        box = _box(session)
        form = RhythmForm.read(request.form, box)
        if form.rhythm:
            spacing = house.limits.spacing_hours
            mailboxes.change_rhythm(session, box, form.rhythm, now=clock.now(), spacing_hours=spacing, person_id=None)
    if form.errors:
        return _rhythm_page(form), 422
    return redirect(url_for(".rhythm", token=g.token, done=1), 303)


@blueprint.post("/manner")
@link_holder
@opened
@_of_digest
def set_manner() -> Response:
    """In which language the mails speak, and whether they name names and amounts."""
    with database().transaction() as session:
        box = _box(session)
        form = MannerForm.read(request.form, box)
        if form.errors:
            abort(400)  # a list offers only languages there are
        mailboxes.change_manner(session, box, form, now=clock.now())
    return redirect(url_for(".rhythm", token=g.token, done=1), 303)


@blueprint.post("/instant")
@link_holder
@opened
@_of_digest
def set_instant() -> Response | tuple[str, int]:
    """From which amount on a new invoice is told at once."""
    try:
        with database().transaction() as session:
            mailboxes.choose_instant(session, _box(session), read_instant(request.form), clock.now())
    except CannotChoose as problem:
        return _rhythm_page(RhythmForm.of(g.box), str(problem)), 422
    return redirect(url_for(".rhythm", token=g.token, done=1), 303)


def _rhythm_page(form: RhythmForm, problem: str = "") -> str:
    with database().reading() as session:
        habits = {g.box.id: proposed(session, g.box, clock.now())}
        suppliers = [(key, name, key in muted) for muted in (_muted(session),) for key, name in vendors_of(session)]
    return render_template(
        "links/rhythm.html",
        form=form,
        habits=habits,
        manner=MannerForm.of(g.box),
        languages=LANGUAGE_NAMES,
        pauses=PAUSES,
        suppliers=suppliers,
        cadence_words=cadence_words,
        cadences=CADENCES,
        weekdays=WEEKDAYS,
        zones=zones_by_region(),
        countries=countries(),
        is_done=request.args.get("done") == "1" and not form.errors,
        problem=problem,
    )


@blueprint.get("/unsubscribe")
@link_holder
@opened
@_of_digest
def unsubscribe() -> str:
    """Fewer, a pause, one vendor less, or none at all: the person chooses."""
    return _unsubscribe_page()


@blueprint.post("/unsubscribe")
@link_holder
@opened
@_of_digest
def choose_less() -> Response:
    now, choice = clock.now(), request.form.get("choice", "")
    with database().transaction() as session:
        if choice == "pause":
            mailboxes.pause(session, _box(session), now + read_pause(request.form), now)
        elif choice == "resume":
            spacing = the_house().limits.spacing_hours
            mailboxes.resume(session, _box(session), now=now, spacing_hours=spacing)
        elif choice == "off":
            mailboxes.stop_reminders(session, _box(session), now)
        elif choice in ("mute", "unmute"):
            act = mailboxes.mute_vendor if choice == "mute" else mailboxes.unmute_vendor
            act(session, _relation(session, now), now)
        else:
            abort(400)
    if request.form.get("back") == "preferences":
        return redirect(url_for(".rhythm", token=g.token, done=1), 303)
    vendor = request.form.get("vendor") if choice == "mute" else None
    return redirect(url_for(".unsubscribe", token=g.token, done=choice, vendor=vendor), 303)


@blueprint.get("/unsubscribe/one-click")
@link_holder
@opened
@_of_digest
def one_click_page() -> str:
    """The address in List-Unsubscribe, opened by a program that knows no one-click: the person chooses."""
    return _unsubscribe_page()


@blueprint.post("/unsubscribe/one-click")
@signed_machine
@opened
@_of_digest
def one_click() -> tuple[str, int]:
    """RFC 8058: the mail program's own button. No cookie, no redirect, idempotent (INVARIANTS L4)."""
    with database().transaction() as session:
        mailboxes.stop_reminders(session, _box(session), clock.now())
    return "", 200


def _unsubscribe_page() -> str:
    with database().reading() as session:
        vendors = vendors_of(session)
    done = request.args.get("done", "")
    return render_template(
        "links/unsubscribe.html",
        vendors=vendors,
        chosen=request.args.get("vendor", ""),
        pauses=PAUSES,
        cadence_words=cadence_words,
        done=done,
    )


@blueprint.get("/report")
@link_holder
@opened
@_of_digest
def report() -> str:
    """Not me, or not this vendor."""
    with database().reading() as session:
        vendors = vendors_of(session)
    return render_template(
        "links/report.html",
        vendors=vendors,
        chosen=request.args.get("vendor", ""),
        done=request.args.get("done", ""),
    )


@blueprint.post("/report")
@link_holder
@opened
@_of_digest
def send_report() -> Response:
    """ "Not me", "block" and "report" (INVARIANTS A1 S10), and each of them taken back: for the next mail."""
    now, choice, limits = clock.now(), request.form.get("choice", ""), the_house().limits
    with database().transaction() as session:
        if choice == "not_me":
            mailboxes.disown_mailbox(session, _box(session), now)
        elif choice == "me":
            mailboxes.resume(session, _box(session), now=now, spacing_hours=limits.spacing_hours)
        elif choice == "report":
            mailboxes.report_vendor(session, _relation(session, now), now, request.form.get("note", ""), limits)
        elif choice == "block":
            mailboxes.block_vendor(session, _relation(session, now), now)
        elif choice == "unblock":
            mailboxes.unblock_vendor(session, _relation(session, now), now)
        else:
            abort(400)
    vendor = request.form.get("vendor") if choice in ("block", "report") else None
    return redirect(url_for(".report", token=g.token, done=choice, vendor=vendor), 303)


def _muted(session: Session) -> set[UUID]:
    return set(session.execute(select(Relation.vendor_id).where(Relation.muted_at.is_not(None))).scalars())


def _box(session: Session) -> Mailbox:
    return mailbox_of(session, g.scope.mailbox_id) or abort(404)


def _relation(session: Session, now: datetime) -> Relation:
    return mailboxes.relation_with(session, g.scope.customer_id, _chosen_vendor(session), now)


def _chosen_vendor(session: Session) -> UUID:
    """The vendor named in the form, if this digest speaks of it."""
    wanted = request.form.get("vendor", "")
    return next((vendor_id for vendor_id, _ in vendors_of(session) if str(vendor_id) == wanted), None) or abort(400)
