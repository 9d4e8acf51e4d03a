"""The pages behind a mail's links. GET shows, POST acts: a robot may open every one of them three times first.

The token in the address is replaced in the browser's address bar by ``here`` (app/static/sheaf.js) and kept in the
signed session cookie, so that a reload still works and a shoulder sees nothing (INVARIANTS L6).
"""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from flask import Blueprint, abort, current_app, g, redirect, render_template, request, url_for
from flask import session as cookie
from werkzeug.wrappers import Response

from app import clock
from app import scope as scopes
from app.access import link_holder, signed_machine
from app.conversations import actions as talk
from app.conversations.queries import invoices_of, messages_of, thread_of
from app.conversations.rules import QUICK_QUESTIONS, ConversationError
from app.db import database
from app.house import House
from app.mailboxes.actions import (
    BadRhythm,
    accept_vendor,
    block_vendor,
    change_rhythm,
    mute_vendor,
    pause,
    read_rhythm,
    report_vendor,
    stop_reminders,
)
from app.mailboxes.queries import cadence_words, lines_of
from app.models import DigestLine
from app.receivables.actions import Paid, PayDesk, PayOutcome, press_pay
from app.receivables.queries import Row, find_rows_by_id, timeline
from app.scope import LinkScope
from digest.links import line_of, live_row, mailbox_of, relation_with, resolve, vendor_name, vendors_of

blueprint = Blueprint("links", __name__, url_prefix="/m/<token>", template_folder="templates")

HERE = "here"
View = TypeVar("View", bound=Callable[..., Any])


def _resolved(view: View) -> View:
    """Turn the token into its scope, or say that the link no longer works."""

    @wraps(view)
    def wrapped(token: str, **args: Any) -> Any:
        token = str(cookie.get("link", "")) if token == HERE else token
        scope = resolve(database(), token, clock.now())
        if scope is None:
            return render_template("links/expired.html"), 404
        if cookie.get("link") != token and request.method == "GET":
            cookie["link"] = token
        g.scope, g.token = scope, token
        scopes.enter(scope)
        return view(**args)

    return wrapped  # type: ignore[return-value]


@blueprint.context_processor
def _token() -> dict[str, str]:
    return {"token": g.get("token", "")}


@blueprint.get("")
@link_holder
@_resolved
def digest() -> str:
    """The whole digest with every line as it stands now, the ones beyond the mail's cap included."""
    now = clock.now()
    with database().reading() as session:
        box = mailbox_of(session, g.scope)
        lines = lines_of(session, g.scope.digest_id or abort(404))
        rows = find_rows_by_id(session, [line.invoice_id for line in lines if line.invoice_id], now)
    return render_template("links/digest.html", lines=lines, rows=rows, box=box, today=clock.today(box.zone))


@blueprint.get("/<int:number>")
@link_holder
@_resolved
def line(number: int) -> str:
    """One line: what is owed now, what happened, what can be done."""
    now = clock.now()
    with database().reading() as session:
        found = line_of(session, number) or abort(404)
        row = live_row(session, found, now)
        moments = timeline(session, found.invoice_id) if row and found.invoice_id else []
        box = mailbox_of(session, g.scope)
    return render_template("links/line.html", line=found, row=row, moments=moments, today=clock.today(box.zone))


@blueprint.get("/<int:number>/pay")
@link_holder
@_resolved
def pay(number: int) -> str:
    """Names vendor, amount and host. Only the button acts."""
    found, row = _payable(number)
    return _pay_page(found, row, None)


@blueprint.post("/<int:number>/pay")
@link_holder
@_resolved
def go_pay(number: int) -> Response | str:
    """Looks again at the provider, then goes to its live pay page."""
    found, row = _payable(number)
    house = _house()
    outcome = press_pay(
        house.database,
        _pay_desk(),
        invoice_id=row.id,
        shown_minor=request.form.get("shown", -1, type=int),
        is_sure=request.form.get("sure") == "yes",
        now=clock.now(),
        limits=house.limits,
    )
    if outcome.what == Paid.GO:
        return redirect(outcome.url, 303)
    return _pay_page(found, outcome.row, outcome)


def _payable(number: int) -> tuple[DigestLine, Row]:
    with database().reading() as session:
        found = line_of(session, number) or abort(404)
        return found, live_row(session, found, clock.now()) or abort(404)


def _pay_page(line: DigestLine, row: Row | None, outcome: PayOutcome | None) -> str:
    with database().reading() as session:
        today = clock.today(mailbox_of(session, g.scope).zone)
    what = outcome.what if outcome else None
    host = _pay_desk().host(row.id) if row else ""
    return render_template("links/pay.html", line=line, row=row, outcome=what, host=host, today=today)


@blueprint.get("/<int:number>/ask")
@link_holder
@_resolved
def ask(number: int) -> str:
    return _ask_page(number, whole_vendor=False)


@blueprint.post("/<int:number>/ask")
@link_holder
@_resolved
def send_question(number: int) -> Response | tuple[str, int]:
    """Once the person reads "sent", question and notice are stored (INVARIANTS Q1)."""
    return _send(number, whole_vendor=False)


@blueprint.get("/vendor/<int:number>/ask")
@link_holder
@_resolved
def ask_vendor(number: int) -> str:
    return _ask_page(number, whole_vendor=True)


@blueprint.post("/vendor/<int:number>/ask")
@link_holder
@_resolved
def send_vendor_question(number: int) -> Response | tuple[str, int]:
    return _send(number, whole_vendor=True)


def _ask_page(number: int, *, whole_vendor: bool, error: str = "") -> str:
    now = clock.now()
    with database().reading() as session:
        found = line_of(session, number) or abort(404)
        row = None if whole_vendor else live_row(session, found, now) or abort(404)
        box = mailbox_of(session, g.scope)
        messages = messages_of(session, row.thread_id) if row and row.thread_id else []
    return render_template(
        "links/ask.html",
        line=found,
        row=row,
        box=box,
        messages=messages,
        quick=QUICK_QUESTIONS,
        error=error,
        body=request.form.get("body", ""),
        said_by=request.form.get("said_by", ""),
        is_sent=request.args.get("sent") == "1",
        today=clock.today(box.zone),
    )


def _send(number: int, *, whole_vendor: bool) -> Response | tuple[str, int]:
    house, now = _house(), clock.now()
    try:
        with house.database.transaction() as session:
            found = line_of(session, number) or abort(404)
            row = None if whole_vendor else live_row(session, found, now) or abort(404)
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
            )
    except ConversationError as problem:
        return _ask_page(number, whole_vendor=whole_vendor, error=str(problem)), 422
    return redirect(url_for(request.endpoint or "", token=g.token, number=number, sent=1), 303)


@blueprint.post("/<int:number>/accept")
@link_holder
@_resolved
def accept(number: int) -> Response:
    """The mailbox says yes to a vendor it did not know: full lines from the next digest on (INVARIANTS A1)."""
    now = clock.now()
    with database().transaction() as session:
        found = line_of(session, number) or abort(404)
        accept_vendor(session, relation_with(session, g.scope, found.vendor_id, now), now)
    return redirect(url_for("links.line", token=g.token, number=number), 303)


@blueprint.get("/rhythm")
@link_holder
@_resolved
def rhythm() -> str:
    return _rhythm_page()


@blueprint.post("/rhythm")
@link_holder
@_resolved
def set_rhythm() -> Response | tuple[str, int]:
    """The mailbox's own rhythm, without an account."""
    try:
        with database().transaction() as session:
            change_rhythm(session, mailbox_of(session, g.scope), read_rhythm(request.form), clock.now(), None)
    except BadRhythm as problem:
        return _rhythm_page(error=str(problem)), 422
    return redirect(url_for("links.rhythm", token=g.token, done=1), 303)


def _rhythm_page(error: str = "") -> str:
    with database().reading() as session:
        box = mailbox_of(session, g.scope)
    done = request.args.get("done") == "1"
    return render_template("links/rhythm.html", box=box, cadence_words=cadence_words, error=error, done=done)


@blueprint.get("/unsubscribe")
@link_holder
@_resolved
def unsubscribe() -> str:
    """Fewer, a pause, one vendor less, or none at all: the person chooses."""
    with database().reading() as session:
        box, vendors = mailbox_of(session, g.scope), vendors_of(session)
    return render_template(
        "links/unsubscribe.html",
        box=box,
        vendors=vendors,
        cadence_words=cadence_words,
        done=request.args.get("done", ""),
    )


@blueprint.post("/unsubscribe")
@link_holder
@_resolved
def choose_less() -> Response:
    now, choice = clock.now(), request.form.get("choice", "")
    with database().transaction() as session:
        box = mailbox_of(session, g.scope)
        if choice == "pause":
            pause(session, box, now + timedelta(days=30), now, None)
        elif choice == "off":
            stop_reminders(session, box, now)
        elif choice == "mute":
            mute_vendor(session, relation_with(session, g.scope, _chosen_vendor(session), now), now, None)
        else:
            abort(400)
    return redirect(url_for("links.unsubscribe", token=g.token, done=choice), 303)


@blueprint.post("/unsubscribe/one-click")
@signed_machine
@_resolved
def one_click() -> tuple[str, int]:
    """RFC 8058: the mail program's own button. No cookie, no redirect, idempotent (INVARIANTS L4)."""
    with database().transaction() as session:
        stop_reminders(session, mailbox_of(session, g.scope), clock.now())
    return "", 200


@blueprint.get("/report")
@link_holder
@_resolved
def report() -> str:
    with database().reading() as session:
        vendors, box = vendors_of(session), mailbox_of(session, g.scope)
    return render_template("links/report.html", vendors=vendors, box=box, done=request.args.get("done", ""))


@blueprint.post("/report")
@link_holder
@_resolved
def send_report() -> Response:
    """ "Not me", "block" and "report" (INVARIANTS A1 S10): take effect for the next mail."""
    now, choice = clock.now(), request.form.get("choice", "")
    with database().transaction() as session:
        if choice == "not_me":
            stop_reminders(session, mailbox_of(session, g.scope), now)
        elif choice in ("block", "report"):
            relation = relation_with(session, g.scope, _chosen_vendor(session), now)
            block_vendor(session, relation, now)
            if choice == "report":
                report_vendor(session, relation, now, request.form.get("note", "")[:500])
        else:
            abort(400)
    return redirect(url_for("links.report", token=g.token, done=choice), 303)


def _chosen_vendor(session: Any) -> UUID:
    """The vendor named in the form, if this digest speaks of it."""
    wanted = request.form.get("vendor", "")
    return next((vendor_id for vendor_id, _ in vendors_of(session) if str(vendor_id) == wanted), None) or abort(400)


@blueprint.get("/thread")
@link_holder
@_resolved
def thread() -> str:
    return _thread_page()


@blueprint.post("/thread")
@link_holder
@_resolved
def reply() -> Response | tuple[str, int]:
    """The asker writes on, from the link in the answer's mail."""
    house = _house()
    try:
        with house.database.transaction() as session:
            found = _own_thread(session)
            talk.follow_up(
                session,
                house=house,
                thread=found,
                body=request.form.get("body", ""),
                now=clock.now(),
                via="link",
                mailbox_id=g.scope.mailbox_id,
                said_by=request.form.get("said_by", ""),
            )
    except ConversationError as problem:
        return _thread_page(error=str(problem)), 422
    return redirect(url_for("links.thread", token=g.token, sent=1), 303)


def _own_thread(session: Any) -> Any:
    scope: LinkScope = g.scope
    return (thread_of(session, scope.thread_id) if scope.thread_id else None) or abort(404)


def _thread_page(error: str = "") -> str:
    with database().reading() as session:
        found = _own_thread(session)
        return render_template(
            "links/thread.html",
            thread=found,
            vendor_name=vendor_name(session, found.vendor_id),
            messages=messages_of(session, found.id),
            invoices=invoices_of(session, [found.id])[found.id],
            box=mailbox_of(session, g.scope),
            error=error,
            body=request.form.get("body", "") if error else "",
            is_sent=request.args.get("sent") == "1",
        )


def _house() -> House:
    house: House = current_app.extensions["house"]
    return house


def _pay_desk() -> PayDesk:
    desk: PayDesk = current_app.extensions["pay_desk"]
    return desk
