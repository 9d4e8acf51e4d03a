"""The customer's inbox: every open invoice of every vendor in one place, to pay or to ask about."""

from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, current_app, flash, g, make_response, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import customer_member
from app.claims.queries import claims_about, others_to_read
from app.conversations import actions as talk
from app.conversations.queries import threads_about
from app.conversations.rules import QUICK_QUESTIONS, RESULTS, ConversationError
from app.db import database
from app.filters import moment
from app.forms import allow_files, sent_files
from app.headers import FRAMED_MAIL, content_policy, pdf
from app.house import the_house
from app.inbox import queries
from app.inbox.forms import read_moment, read_search, write_key, write_moment
from app.inbox.queries import Mark, Tab
from app.mailboxes import actions as mailboxes
from app.mailboxes.besttime import proposed
from app.mailboxes.forms import CADENCES, PAUSES, RhythmForm, countries, read_pause, zones_by_region
from app.mailboxes.house_forms import MannerForm
from app.mailboxes.instant import CannotChoose, read_instant
from app.mailboxes.queries import (
    WEEKDAYS,
    cadence_words,
    digest_of,
    digests_of,
    lines_of,
    mail_of,
    mailbox_of,
    mailboxes_of,
    next_word_of,
)
from app.mailboxes.rules import without_links
from app.models import CustomerRole, Invoice, Mailbox
from app.paying.queries import pay_sheet
from app.receivables.actions import disown_invoice, own_invoice
from app.receivables.direct import report_direct, said_at
from app.receivables.queries import Row, credits_of, find_row, instalments_and_payments
from app.receivables.said import said_of
from app.receivables.timeline import timeline
from app.words import LANGUAGE_NAMES, _

blueprint = Blueprint("inbox", __name__, url_prefix="/inbox")
allow_files(blueprint, "send_question")

ACTS = (CustomerRole.ADMIN, CustomerRole.PAYER, CustomerRole.APPROVER)
LIST = 25


@blueprint.context_processor
def _allowed() -> dict[str, Any]:
    """What this person may do here, for the templates: what is not allowed is not offered."""
    return {"may_act": g.role in ACTS}


@blueprint.get("")
@customer_member()
def index() -> str:
    """Open invoices over all vendors, by tab, state, text and vendor."""
    search, now = read_search(request.args), clock.now()
    today = clock.today(g.zone)
    with database().reading() as session:
        found = queries.find_page(session, search, now, today)
        page = {"rows": found.rows, "after": write_key(found.after), "search": search, "today": today}
        if request.headers.get("HX-Request") and search.after:
            return render_template("inbox/rows.html", **page)
        summary = queries.summary(session, now, today)
        is_settled = search.tab == Tab.SETTLED
        vendors = queries.vendors_with_history(session, now) if is_settled else summary.vendors
    return render_template(
        "inbox/index.html",
        **page,
        counts=summary.counts(search.vendor_id),
        newcomers=summary.newcomers,
        vendors=vendors,
        Mark=Mark,
    )


@blueprint.get("/invoices/<uuid:invoice_id>")
@customer_member()
def invoice(invoice_id: UUID) -> str:
    """One invoice: what is owed, what happened, what was said."""
    with database().reading() as session:
        row = _row_or_404(find_row(session, invoice_id, now := clock.now()))
        instalments, payments = instalments_and_payments(session, row)
        return render_template(
            "inbox/invoice.html",
            row=row,
            next_word=next_word_of(session, invoice_id, now, the_house().limits),
            said=said_of(session, invoice_id),
            instalments=instalments,
            payments=payments,
            moments=timeline(session, invoice_id),
            results=RESULTS,
            thread_url="talks.thread",
            credits=credits_of(session, row.vendor_id),
            threads=threads_about(session, invoice_id),
            claims=claims_about(session, [invoice_id], now, the_house().limits),
            say_url=lambda kind: url_for("claims.say", invoice_id=invoice_id, kind=kind),
            claim_url=lambda claim: url_for("claims.change", hold_id=claim.id),
            others=others_to_read(session, invoice_id),
            direct_at=said_at(session, row.vendor_id),
            sheet=pay_sheet(session, [row], "", now, clock.today(g.zone)) if row.is_open else None,
        )


@blueprint.get("/invoices/<uuid:invoice_id>/pdf")
@customer_member()
def document(invoice_id: UUID) -> Response | str:
    """The provider's own file; where it makes none, what we know of the invoice, to be printed."""
    with database().reading() as session:
        row = _row_or_404(find_row(session, invoice_id, clock.now()))
        instalments, _payments = instalments_and_payments(session, row)
        said = said_of(session, invoice_id)
    if found := current_app.extensions["invoice_pdf"](row.id):
        return pdf(row.number, found)
    return render_template("inbox/document.html", row=row, instalments=instalments, said=said)


@blueprint.post("/invoices/<uuid:invoice_id>/whose")
@customer_member(*ACTS)
def say_whose(invoice_id: UUID) -> Response:
    """ "Not mine" rests one invoice and asks its vendor whose it is; "mine" takes that back."""
    now, act = clock.now(), request.form.get("act", "")
    with database().transaction() as session:
        row = _row_or_404(find_row(session, invoice_id, now))
        found = session.execute(select(Invoice).where(Invoice.id == row.id)).scalar_one()
        if act == "not_mine" and row.is_open:
            words = request.form.get("words", "")
            disown_invoice(
                session, invoice=found, words=words, now=now, limits=the_house().limits, person_id=g.person.id
            )
        elif act == "mine":
            own_invoice(session, invoice=found, now=now, person_id=g.person.id)
        else:
            abort(400)
    flash(_("It rests, and the supplier is asked whose it is.") if act == "not_mine" else _("It is yours again."), "ok")
    return redirect(url_for("inbox.invoice", invoice_id=invoice_id), 303)


@blueprint.post("/invoices/<uuid:invoice_id>/direct")
@customer_member(*ACTS)
def got_directly(invoice_id: UUID) -> Response:
    """The supplier's own system reminded, too: it is told so."""
    with database().transaction() as session:
        row = _row_or_404(find_row(session, invoice_id, now := clock.now()))
        report_direct(session, vendor_id=row.vendor_id, customer_id=g.customer_id, now=now, person_id=g.person.id)
    flash(_("Thank you. %(vendor_name)s is asked to switch its own reminders off.", vendor_name=row.vendor_name), "ok")
    return redirect(url_for("inbox.invoice", invoice_id=invoice_id), 303)


# --- ask ----------------------------------------------------------------------------------------------------


@blueprint.get("/invoices/<uuid:invoice_id>/ask")
@customer_member()
def ask(invoice_id: UUID) -> str:
    return _ask_page(invoice_id)


@blueprint.post("/invoices/<uuid:invoice_id>/ask")
@customer_member()
def send_question(invoice_id: UUID) -> Response | tuple[str, int]:
    """Stores the question and queues the vendor's notice in one commit (INVARIANTS Q1)."""
    now = clock.now()
    try:
        with database().transaction() as session:
            row = _row_or_404(find_row(session, invoice_id, now))
            thread = talk.ask_question(
                session,
                house=the_house(),
                vendor_id=row.vendor_id,
                customer_id=g.customer_id,
                mailbox_id=answer_box(session),
                invoice_ids=[invoice_id],
                body=request.form.get("body", ""),
                now=now,
                via="page",
                person=g.person,
                topic=request.form.get("topic", ""),
                files=sent_files(the_house().limits),
            )
    except ConversationError as problem:
        return _ask_page(invoice_id, error=str(problem)), 422
    flash(
        _("Sent to %(vendor_name)s. The answer comes to your mail and stands here.", vendor_name=row.vendor_name), "ok"
    )
    return redirect(url_for("talks.thread", thread_id=thread.id), 303)


def _ask_page(invoice_id: UUID, error: str = "") -> str:
    with database().reading() as session:
        row = _row_or_404(find_row(session, invoice_id, clock.now()))
    filled = next((_(quick.body) for quick in QUICK_QUESTIONS if quick.key == request.args.get("quick")), "")
    body = request.form.get("body", filled)
    return render_template("inbox/ask.html", row=row, quick=QUICK_QUESTIONS, error=error, body=body)


def answer_box(session: Session) -> UUID | None:
    """The signed-in person's own mailbox where it is one of the customer's, else the first."""
    boxes = mailboxes_of(session)
    own = [box.id for box in boxes if box.address == g.person.address]
    return own[0] if own else (boxes[0].id if boxes else None)


# --- digests --------------------------------------------------------------------------------------------------------


@blueprint.get("/digests")
@customer_member()
def digests() -> str:
    """The mails as they were sent, and what was not sent and why."""
    before = read_moment(request.args.get("before", ""))
    with database().reading() as session:
        found = digests_of(session, LIST + 1, before)
        boxes = mailboxes_of(session)
    rows = found[:LIST]
    after = write_moment((rows[-1][0].created_at, rows[-1][0].id)) if len(found) > LIST else ""
    part = "digest_rows" if request.headers.get("HX-Request") and before else "digests"
    return render_template(f"inbox/{part}.html", digests=rows, boxes=boxes, after=after, before=before)


@blueprint.get("/digests/<uuid:digest_id>")
@customer_member()
def digest(digest_id: UUID) -> Response:
    """One mail: its lines, and itself in a frame."""
    with database().reading() as session:
        found, address = digest_of(session, digest_id) or abort(404)
        lines, mail = lines_of(session, digest_id), mail_of(session, found)
    page = make_response(
        render_template("inbox/digest.html", digest=found, address=address, lines=lines, has_mail=mail is not None)
    )
    page.headers["Content-Security-Policy"] = content_policy(frame_src="'self'")
    return page


@blueprint.get("/digests/<uuid:digest_id>/mail")
@customer_member()
def digest_mail(digest_id: UUID) -> Response:
    """The mail as it was written, for the frame of digest(): its links are taken out, for they would open nothing."""
    with database().reading() as session:
        found, _address = digest_of(session, digest_id) or abort(404)
        mail = mail_of(session, found) or abort(404)
    page = make_response(without_links(mail.html))
    page.headers["Content-Security-Policy"] = FRAMED_MAIL
    return page


# --- when we write, and who may -------------------------------------------------------------------------------------


@blueprint.get("/rhythm")
@customer_member()
def rhythm() -> str:
    return _rhythm_page()


@blueprint.post("/rhythm/<uuid:mailbox_id>")
@customer_member()
def set_rhythm(mailbox_id: UUID) -> Response | tuple[str, int]:
    """A new rhythm or manner, a pause, a stop, a new start or a digest on demand, for one mailbox of this customer; of
    one's own mail everybody has the say."""
    act, form, due_at = request.form.get("act", "rhythm"), None, None
    try:
        with database().transaction() as session:
            box = mailbox_of(session, mailbox_id) or abort(404)
            if g.role not in ACTS and box.address != g.person.address:
                abort(403)
            if act == "rhythm":
                form = RhythmForm.read(request.form, box)
                if form.rhythm:
                    mailboxes.change_rhythm(session, box, form.rhythm, **_by_person())
            elif act in _SIMPLE:
                _SIMPLE[act](session, box)
            elif act == "now" and box.reminders_off_at is None:
                due_at = mailboxes.ask_for_digest(session, box, **_by_person())
            else:
                abort(400)
    except CannotChoose as problem:
        flash(str(problem), "bad")
        return redirect(url_for("inbox.rhythm"), 303)
    if form and form.errors:
        return _rhythm_page(box, form), 422
    flash(_("Saved.") if due_at is None else _on_its_way(due_at), "ok")
    return redirect(url_for("inbox.rhythm"), 303)


def _change_manner(session: Session, box: Mailbox) -> None:
    form = MannerForm.read(request.form, box)
    if form.errors:
        abort(400)  # a list offers only languages there are
    mailboxes.change_manner(session, box, form, now=clock.now(), person_id=g.person.id)


def _pause(session: Session, box: Mailbox) -> None:
    mailboxes.pause(session, box, clock.now() + read_pause(request.form), clock.now(), g.person.id)


def _stop(session: Session, box: Mailbox) -> None:
    mailboxes.stop_reminders(session, box, clock.now(), g.person.id)


def _resume(session: Session, box: Mailbox) -> None:
    mailboxes.resume(session, box, **_by_person())


def _choose_instant(session: Session, box: Mailbox) -> None:
    mailboxes.choose_instant(session, box, read_instant(request.form), clock.now(), g.person.id)


_SIMPLE = {"manner": _change_manner, "instant": _choose_instant, "pause": _pause, "stop": _stop, "resume": _resume}


def _on_its_way(due_at: datetime) -> str:
    if due_at <= clock.now():
        return _("Your digest is on its way, if there is something to say.")
    hours = the_house().limits.spacing_hours
    return _(
        "Two digests are at least %(hours)s hours apart: the next one leaves at %(moment)s.",
        hours=hours,
        moment=moment(due_at),
    )


def _by_person() -> dict[str, Any]:
    return {"now": clock.now(), "spacing_hours": the_house().limits.spacing_hours, "person_id": g.person.id}


def _rhythm_page(wrong: Mailbox | None = None, form: RhythmForm | None = None) -> str:
    with database().reading() as session:
        boxes = mailboxes_of(session)
        habits = {box.id: proposed(session, box, clock.now()) for box in boxes}
    forms = {box.id: form if form and wrong and box.id == wrong.id else RhythmForm.of(box) for box in boxes}
    return render_template(
        "inbox/rhythm.html",
        boxes=boxes,
        forms=forms,
        habits=habits,
        manners={box.id: MannerForm.of(box) for box in boxes},
        languages=LANGUAGE_NAMES,
        pauses=PAUSES,
        cadence_words=cadence_words,
        cadences=CADENCES,
        weekdays=WEEKDAYS,
        zones=zones_by_region(),
        countries=countries(),
    )


def _row_or_404(row: Row | None) -> Row:
    return row or abort(404)
