"""The pages behind a mail's links. GET shows, POST acts: a robot may open every one of them three times first."""

from datetime import timedelta
from uuid import UUID

from flask import Blueprint, abort, current_app, g, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import link_holder
from app.claims.queries import claims_about, claims_in
from app.conversations import actions as talk
from app.conversations.queries import file_of, invoices_of, messages_of, thread_of
from app.conversations.rules import QUICK_QUESTIONS, RESULTS, ConversationError
from app.db import database
from app.forms import allow_files, sent_files
from app.headers import download, pdf
from app.house import the_house
from app.mailboxes.actions import accept_vendor, relation_with
from app.mailboxes.queries import lines_of
from app.models import DigestLine, Invoice, Thread
from app.paying.queries import pay_sheet
from app.receivables.actions import disown_invoice, own_invoice
from app.receivables.direct import report_direct, said_at
from app.receivables.queries import Row, find_rows_by_id
from app.receivables.said import said_of
from app.receivables.timeline import timeline
from app.trust.queries import is_suspended, names_known
from app.trust.rules import looks_like
from app.words import _
from digest import choices, claim_views, listing, pay_views, rating, which
from digest.links import here, invoice_line, is_shut, line_of, live_row, opened, parts_of, paused_vendors, vendor_name

blueprint = Blueprint("links", __name__, url_prefix="/m/<token>", template_folder="templates")
allow_files(blueprint, "send_question", "send_vendor_question", "reply")
blueprint.register_blueprint(choices.blueprint)
blueprint.register_blueprint(claim_views.blueprint)
blueprint.register_blueprint(listing.blueprint)
blueprint.register_blueprint(pay_views.blueprint)
blueprint.register_blueprint(rating.blueprint)
blueprint.register_blueprint(which.blueprint)


@blueprint.context_processor
def _link() -> dict[str, object]:
    """``token`` for the page's own links and forms; ``here()`` for the address bar."""
    return {"token": g.get("token", ""), "box": g.get("box"), "here": here}


@blueprint.get("")
@link_holder
@opened
def digest() -> str:
    """The whole digest with every line as it stands now, the ones beyond the mail's cap included."""
    now = clock.now()
    with database().reading() as session:
        lines = lines_of(session, g.scope.digest_id or abort(404))
        wanted = [line.invoice_id for line in lines if line.invoice_id and not is_shut(line)]
        rows = find_rows_by_id(session, wanted, now)
        paused = paused_vendors(session, lines)
    soon_until = clock.today(g.zone) + timedelta(days=the_house().limits.later_days)
    return render_template("links/digest.html", parts=parts_of(lines, rows, soon_until, paused))


@blueprint.get("/<int:number>")
@link_holder
@opened
def line(number: int) -> str:
    """One line: what is owed now, what happened, what can be done."""
    now = clock.now()
    with database().reading() as session:
        found = _line_or_404(session, number)
        row = live_row(session, found, now)
        moments = timeline(session, row.id) if row else []
        is_new = is_shut(found)
        known = names_known(session, g.scope.customer_id, found.vendor_id) if is_new else ()
        return render_template(
            "links/line.html",
            line=found,
            row=row,
            said=said_of(session, row.id) if row else None,
            moments=moments,
            results=RESULTS,
            claims=claims_about(session, [row.id], now, the_house().limits) if row else [],
            say_url=lambda kind: url_for("links.claims.say", token=g.token, number=number, kind=kind),
            claim_url=lambda claim: url_for("links.claims.change", token=g.token, number=number, hold_id=claim.id),
            done=request.args.get("done", ""),
            is_shut=is_new,
            is_paused=is_suspended(session, found.vendor_id),
            direct_at=said_at(session, found.vendor_id),
            sheet=pay_sheet(session, [row], "", now, clock.today(g.zone)) if row and row.is_open else None,
            alike=[name for name in known if looks_like(name, found.vendor_name)],
        )


@blueprint.get("/<int:number>/pdf")
@link_holder
@opened
def document(number: int) -> Response | str:
    """The provider's own file; where it makes none, what we know of the invoice, to be printed."""
    with database().reading() as session:
        found, row = invoice_line(session, number)
        if row is None or is_suspended(session, found.vendor_id):
            abort(404)
        said = said_of(session, row.id)
    if file := current_app.extensions["invoice_pdf"](row.id):
        return pdf(row.number, file)
    return render_template("links/document.html", line=found, row=row, said=said)


@blueprint.post("/<int:number>/accept")
@link_holder
@opened
def accept(number: int) -> Response:
    """The mailbox says yes to a vendor it did not know: full lines from the next digest on (INVARIANTS A1)."""
    now = clock.now()
    with database().transaction() as session:
        found = _line_or_404(session, number)
        if not is_shut(found):
            abort(404)
        accept_vendor(session, relation_with(session, g.scope.customer_id, found.vendor_id, now), now)
    return redirect(url_for("links.line", token=g.token, number=number, done="accepted"), 303)


@blueprint.post("/<int:number>/not-mine")
@link_holder
@opened
def disown(number: int) -> Response:
    """ "Not mine": the invoice rests at once, and its vendor is asked whose it is."""
    house = the_house()
    with database().transaction() as session:
        found, row = invoice_line(session, number)
        if row is None or not row.is_open:
            abort(404)
        words = request.form.get("words", "")
        disown_invoice(session, invoice=_invoice(session, row), words=words, now=clock.now(), limits=house.limits)
    return redirect(url_for("links.line", token=g.token, number=found.line), 303)


@blueprint.post("/<int:number>/mine")
@link_holder
@opened
def own(number: int) -> Response:
    """Takes "not mine" back."""
    with database().transaction() as session:
        found, row = invoice_line(session, number)
        own_invoice(session, invoice=_invoice(session, row or abort(404)), now=clock.now())
    return redirect(url_for("links.line", token=g.token, number=found.line), 303)


@blueprint.post("/<int:number>/direct")
@link_holder
@opened
def got_directly(number: int) -> Response:
    """The supplier's own system reminded, too: it is told so."""
    with database().transaction() as session:
        found, row = invoice_line(session, number)
        if row is None:
            abort(404)
        report_direct(session, vendor_id=row.vendor_id, customer_id=g.scope.customer_id, now=clock.now())
    return redirect(url_for("links.line", token=g.token, number=found.line), 303)


def _invoice(session: Session, row: Row) -> Invoice:
    return session.execute(select(Invoice).where(Invoice.id == row.id)).scalar_one()


# --- ask ------------------------------------------------------------------------------------------------------------


@blueprint.get("/<int:number>/ask")
@link_holder
@opened
def ask(number: int) -> str:
    """A question about one line. What was said before is not shown: a link grants the line, not its conversation."""
    return _ask_page(number, whole_vendor=False)


@blueprint.post("/<int:number>/ask")
@link_holder
@opened
def send_question(number: int) -> Response | tuple[str, int]:
    """Once the person reads "sent", question and notice are stored (INVARIANTS Q1)."""
    return _send(number, whole_vendor=False)


@blueprint.get("/vendor/<int:number>/ask")
@link_holder
@opened
def ask_vendor(number: int) -> str:
    """A question to the vendor of a line, about nothing in particular."""
    return _ask_page(number, whole_vendor=True)


@blueprint.post("/vendor/<int:number>/ask")
@link_holder
@opened
def send_vendor_question(number: int) -> Response | tuple[str, int]:
    return _send(number, whole_vendor=True)


def _ask_page(number: int, *, whole_vendor: bool, error: str = "") -> str:
    with database().reading() as session:
        found, row = _askable(session, number, whole_vendor=whole_vendor)
    filled = next((_(quick.body) for quick in QUICK_QUESTIONS if quick.key == request.args.get("quick")), "")
    return render_template(
        "links/ask.html",
        line=found,
        row=row,
        action=url_for(request.endpoint or "", token=g.token, number=number),
        quick=QUICK_QUESTIONS if row else (),
        error=error,
        body=request.form.get("body", filled),
        said_by=request.form.get("said_by", ""),
        is_sent=request.args.get("sent") == "1" and not error,
    )


def _send(number: int, *, whole_vendor: bool) -> Response | tuple[str, int]:
    house, now = the_house(), clock.now()
    try:
        with house.database.transaction() as session:
            found, row = _askable(session, number, whole_vendor=whole_vendor)
            talk.ask_question(
                session,
                house=house,
                vendor_id=found.vendor_id,
                customer_id=g.scope.customer_id,
                mailbox_id=g.scope.mailbox_id,
                invoice_ids=[row.id] if row else [],
                body=request.form.get("body", ""),
                now=now,
                via="link",
                said_by=request.form.get("said_by", ""),
                topic=request.form.get("topic", ""),
                files=sent_files(house.limits),
            )
    except talk.NotYours:
        abort(404)
    except ConversationError as problem:
        return _ask_page(number, whole_vendor=whole_vendor, error=str(problem)), 422
    return redirect(url_for(request.endpoint or "", token=g.token, number=number, sent=1), 303)


def _askable(session: Session, number: int, *, whole_vendor: bool) -> tuple[DigestLine, Row | None]:
    found = _line_or_404(session, number)
    if is_shut(found):
        abort(404)
    return found, None if whole_vendor else live_row(session, found, clock.now()) or abort(404)


# --- the thread of an answer's link ---------------------------------------------------------------------------------


@blueprint.get("/thread")
@link_holder
@opened
def thread() -> str:
    return _thread_page()


@blueprint.post("/thread")
@link_holder
@opened
def reply() -> Response | tuple[str, int]:
    """The asker writes on, from the link in the answer's mail."""
    house = the_house()
    try:
        with house.database.transaction() as session:
            talk.follow_up(
                session,
                house=house,
                thread=_own_thread(session),
                body=request.form.get("body", ""),
                now=clock.now(),
                via="link",
                mailbox_id=g.scope.mailbox_id,
                said_by=request.form.get("said_by", ""),
                files=sent_files(house.limits),
            )
    except ConversationError as problem:
        return _thread_page(error=str(problem)), 422
    return redirect(url_for("links.thread", token=g.token, sent=1), 303)


@blueprint.get("/thread/files/<uuid:file>")
@link_holder
@opened
def thread_file(file: UUID) -> Response:
    """A file of the conversation, to be kept."""
    with database().reading() as session:
        found = file_of(session, _own_thread(session).id, file) or abort(404)
        return download(found.name, found.kind, found.data)


def _own_thread(session: Session) -> Thread:
    return (thread_of(session, g.scope.thread_id) if g.scope.thread_id else None) or abort(404)


def _thread_page(error: str = "") -> str:
    with database().reading() as session:
        found = _own_thread(session)
        return render_template(
            "links/thread.html",
            thread=found,
            vendor_name=vendor_name(session, found.vendor_id),
            messages=messages_of(session, found.id),
            invoices=invoices_of(session, [found.id])[found.id],
            results=RESULTS,
            claims=claims_in(session, found.id, clock.now(), the_house().limits),
            claim_url=lambda claim: url_for("links.claims.change_in_thread", token=g.token, hold_id=claim.id),
            file_url=lambda file: url_for("links.thread_file", token=g.token, file=file.id),
            action=url_for("links.thread", token=g.token),
            error=error,
            body=request.form.get("body", ""),
            said_by=request.form.get("said_by", ""),
            is_sent=request.args.get("sent") == "1" and not error,
        )


def _line_or_404(session: Session, number: int) -> DigestLine:
    return line_of(session, number) or abort(404)
