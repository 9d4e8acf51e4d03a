"""The customer's inbox: every open invoice of every vendor in one place, to pay or to ask about."""

from typing import Any
from uuid import UUID

from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import clock
from app.access import customer_member
from app.conversations import actions as talk
from app.conversations.queries import customer_threads, invoices_of, messages_of, thread_of, threads_about
from app.conversations.rules import QUICK_QUESTIONS, ConversationError
from app.db import database
from app.house import House
from app.inbox.forms import next_key, read_search
from app.mailboxes.actions import BadRhythm, change_rhythm, read_rhythm, resume, stop_reminders
from app.mailboxes.queries import cadence_words, digest_of, digests_of, mailbox_of, mailboxes_of
from app.models import CustomerRole, Vendor
from app.receivables.actions import Paid, PayDesk, PayOutcome, press_pay
from app.receivables.queries import (
    Filter,
    Row,
    count_open,
    credits_of,
    find_row,
    find_rows,
    payments_of,
    timeline,
    vendors_owed,
)

blueprint = Blueprint("inbox", __name__, url_prefix="/inbox")

ACTS = (CustomerRole.ADMIN, CustomerRole.PAYER, CustomerRole.APPROVER)


@blueprint.get("")
@customer_member()
def index() -> str:
    """Open invoices over all vendors, by tab, text and vendor."""
    search, now = read_search(request.args), clock.now()
    today = clock.today(g.person.zone)
    with database().reading() as session:
        rows = find_rows(session, search, now, today)
        counts = count_open(session, today)
        vendors = vendors_owed(session)
    page = {"rows": rows, "search": search, "after": next_key(rows, search), "Filter": Filter, "today": today}
    if request.headers.get("HX-Request") and search.after:
        return render_template("inbox/rows.html", **page)
    return render_template("inbox/index.html", counts=counts, vendors=vendors, **page)


@blueprint.get("/invoices/<uuid:invoice_id>")
@customer_member()
def invoice(invoice_id: UUID) -> str:
    """One invoice: what is owed, what happened, what was said."""
    now = clock.now()
    with database().reading() as session:
        row = _row_or_404(find_row(session, invoice_id, now))
        return render_template(
            "inbox/invoice.html",
            row=row,
            today=clock.today(g.person.zone),
            moments=timeline(session, invoice_id),
            payments=payments_of(session, row),
            credits=credits_of(session, row.vendor_id),
            threads=threads_about(session, invoice_id),
        )


@blueprint.get("/invoices/<uuid:invoice_id>/pay")
@customer_member(*ACTS)
def pay(invoice_id: UUID) -> str:
    """Names vendor, amount and host; changes nothing."""
    with database().reading() as session:
        row = _row_or_404(find_row(session, invoice_id, clock.now()))
    return _pay_page(row, None)


@blueprint.post("/invoices/<uuid:invoice_id>/pay")
@customer_member(*ACTS)
def go_pay(invoice_id: UUID) -> Response | str:
    """Looks again at the provider and goes to its live pay page."""
    with database().reading() as session:
        _row_or_404(find_row(session, invoice_id, clock.now()))
    house: House = current_app.extensions["house"]
    outcome = press_pay(
        house.database,
        _pay_desk(),
        invoice_id=invoice_id,
        shown_minor=request.form.get("shown", -1, type=int),
        is_sure=request.form.get("sure") == "yes",
        now=clock.now(),
        limits=house.limits,
        person_id=g.person.id,
    )
    if outcome.what == Paid.GO:
        return redirect(outcome.url, 303)
    return _pay_page(outcome.row, outcome)


def _pay_page(row: Row | None, outcome: PayOutcome | None) -> str:
    return render_template(
        "inbox/pay.html",
        row=row,
        outcome=outcome.what if outcome else None,
        host=_pay_desk().host(row.id) if row else "",
        today=clock.today(g.person.zone),
    )


def _pay_desk() -> PayDesk:
    desk: PayDesk = current_app.extensions["pay_desk"]
    return desk


@blueprint.get("/invoices/<uuid:invoice_id>/ask")
@customer_member()
def ask(invoice_id: UUID) -> str:
    with database().reading() as session:
        row = _row_or_404(find_row(session, invoice_id, clock.now()))
    return render_template("inbox/ask.html", row=row, quick=QUICK_QUESTIONS, error="", body="")


@blueprint.post("/invoices/<uuid:invoice_id>/ask")
@customer_member()
def send_question(invoice_id: UUID) -> Response | tuple[str, int]:
    """Stores the question and queues the vendor's notice in one commit."""
    now, body = clock.now(), request.form.get("body", "")
    with database().reading() as session:
        row = _row_or_404(find_row(session, invoice_id, now))
    try:
        thread_id = _ask(row.vendor_id, [invoice_id], body)
    except ConversationError as problem:
        page = render_template("inbox/ask.html", row=row, quick=QUICK_QUESTIONS, error=str(problem), body=body)
        return page, 422
    flash(f"Sent to {row.vendor_name}. The answer comes to your mail and stands here.")
    return redirect(url_for("inbox.thread", thread_id=thread_id), 303)


def _ask(vendor_id: UUID, invoice_ids: list[UUID], body: str) -> UUID:
    house: House = current_app.extensions["house"]
    with house.database.transaction() as session:
        boxes = mailboxes_of(session)
        thread = talk.ask_question(
            session,
            house=house,
            vendor_id=vendor_id,
            customer_id=g.customer_id,
            mailbox_id=_answer_box(boxes),
            invoice_ids=invoice_ids,
            body=body,
            now=clock.now(),
            via="page",
            person=g.person,
        )
        return thread.id


def _answer_box(boxes: list[Any]) -> UUID | None:
    """The signed-in person's own mailbox where it is one of the customer's, else the first."""
    own = [box.id for box in boxes if box.address == g.person.address]
    return own[0] if own else (boxes[0].id if boxes else None)


@blueprint.get("/threads")
@customer_member()
def threads() -> str:
    with database().reading() as session:
        return render_template("inbox/threads.html", threads=customer_threads(session, limit=100))


@blueprint.get("/threads/<uuid:thread_id>")
@customer_member()
def thread(thread_id: UUID) -> str:
    return _thread_page(thread_id)


@blueprint.post("/threads/<uuid:thread_id>")
@customer_member()
def reply(thread_id: UUID) -> Response | tuple[str, int]:
    """The customer writes on."""
    house: House = current_app.extensions["house"]
    body = request.form.get("body", "")
    try:
        with house.database.transaction() as session:
            found = thread_of(session, thread_id) or abort(404)
            talk.follow_up(session, house=house, thread=found, body=body, now=clock.now(), via="page", person=g.person)
    except ConversationError as problem:
        return _thread_page(thread_id, error=str(problem), body=body), 422
    flash("Sent.")
    return redirect(url_for("inbox.thread", thread_id=thread_id), 303)


def _thread_page(thread_id: UUID, error: str = "", body: str = "") -> str:
    with database().reading() as session:
        found = thread_of(session, thread_id) or abort(404)
        vendor = session.execute(select(Vendor.name).where(Vendor.id == found.vendor_id)).scalar_one()
        return render_template(
            "inbox/thread.html",
            thread=found,
            vendor_name=vendor,
            messages=messages_of(session, thread_id),
            invoices=invoices_of(session, [thread_id])[thread_id],
            error=error,
            body=body,
        )


@blueprint.get("/digests")
@customer_member()
def digests() -> str:
    """The mails as they were sent, and what was not sent and why."""
    with database().reading() as session:
        return render_template("inbox/digests.html", digests=digests_of(session), boxes=mailboxes_of(session))


@blueprint.get("/digests/<uuid:digest_id>")
@customer_member()
def digest(digest_id: UUID) -> str:
    with database().reading() as session:
        found, lines = digest_of(session, digest_id) or abort(404)
        return render_template("inbox/digest.html", digest=found, lines=lines)


@blueprint.get("/rhythm")
@customer_member()
def rhythm() -> str:
    with database().reading() as session:
        return render_template(
            "inbox/rhythm.html", boxes=mailboxes_of(session), cadence_words=cadence_words, error="", wrong=None
        )


@blueprint.post("/rhythm/<uuid:mailbox_id>")
@customer_member(*ACTS)
def set_rhythm(mailbox_id: UUID) -> Response | tuple[str, int]:
    """A new rhythm, a stop or a new start, for one mailbox of this customer."""
    now, act = clock.now(), request.form.get("act", "rhythm")
    try:
        with database().transaction() as session:
            box = mailbox_of(session, mailbox_id) or abort(404)
            if act == "stop":
                stop_reminders(session, box, now, g.person.id)
            elif act == "resume":
                resume(session, box, now, g.person.id)
            else:
                change_rhythm(session, box, read_rhythm(request.form), now, g.person.id)
    except BadRhythm as problem:
        with database().reading() as session:
            page = render_template(
                "inbox/rhythm.html",
                boxes=mailboxes_of(session),
                cadence_words=cadence_words,
                error=str(problem),
                wrong=mailbox_id,
            )
        return page, 422
    flash("Saved.")
    return redirect(url_for("inbox.rhythm"), 303)


def _row_or_404(row: Row | None) -> Row:
    return row or abort(404)
