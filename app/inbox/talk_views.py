"""The customer's conversations with its vendors: all of them, and each with what was said."""

from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from app import clock
from app.access import customer_member
from app.claims.queries import claims_in
from app.conversations import actions as talk
from app.conversations.queries import customer_threads, file_of, invoices_of, messages_of, thread_of
from app.conversations.rules import RESULTS, RESULTS_OF, ConversationError
from app.db import database
from app.forms import allow_files, sent_files
from app.headers import download
from app.house import the_house
from app.inbox.forms import read_moment, write_moment
from app.inbox.views import ACTS, LIST
from app.models import Side, Vendor
from app.words import _

blueprint = Blueprint("talks", __name__, url_prefix="/inbox/threads")
allow_files(blueprint, "reply")


@blueprint.get("")
@customer_member()
def index() -> str:
    before = read_moment(request.args.get("before", ""))
    with database().reading() as session:
        found = customer_threads(session, before=before, limit=LIST + 1)
    rows = found[:LIST]
    after = write_moment((rows[-1].begun_at, rows[-1].id)) if len(found) > LIST else ""
    part = "thread_rows" if request.headers.get("HX-Request") and before else "threads"
    return render_template(f"inbox/{part}.html", threads=rows, after=after, before=before)


@blueprint.get("/<uuid:thread_id>")
@customer_member()
def thread(thread_id: UUID) -> str:
    return _thread_page(thread_id)


@blueprint.post("/<uuid:thread_id>")
@customer_member()
def reply(thread_id: UUID) -> Response | tuple[str, int]:
    """The customer writes on."""
    body = request.form.get("body", "")
    try:
        with database().transaction() as session:
            found = thread_of(session, thread_id) or abort(404)
            talk.follow_up(
                session, house=the_house(), thread=found, body=body, now=clock.now(), via="page", person=g.person,
                files=sent_files(the_house().limits),
            )  # fmt: skip
    except ConversationError as problem:
        return _thread_page(thread_id, error=str(problem), body=body), 422
    flash(_("Sent."), "ok")
    return redirect(url_for("talks.thread", thread_id=thread_id), 303)


@blueprint.post("/<uuid:thread_id>/close")
@customer_member()
def close(thread_id: UUID) -> Response | tuple[str, int]:
    """The customer needs no answer any more, or has one."""
    result, body = request.form.get("result", ""), request.form.get("body", "")
    try:
        with database().transaction() as session:
            found = thread_of(session, thread_id) or abort(404)
            talk.close_thread(
                session,
                house=the_house(),
                thread=found,
                person=g.person,
                result=result,
                body=body,
                now=clock.now(),
                side=Side.CUSTOMER,
            )
    except ConversationError as problem:
        return _thread_page(thread_id, close_error=str(problem)), 422
    flash(_("Closed. It can be opened again for 30 days by writing in it."), "ok")
    return redirect(url_for("talks.thread", thread_id=thread_id), 303)


@blueprint.get("/<uuid:thread_id>/files/<uuid:file_id>")
@customer_member()
def file(thread_id: UUID, file_id: UUID) -> Response:
    """A file of the conversation, to be kept."""
    with database().reading() as session:
        found = file_of(session, thread_id, file_id) or abort(404)
        return download(found.name, found.kind, found.data)


def _thread_page(thread_id: UUID, error: str = "", body: str = "", close_error: str = "") -> str:
    with database().reading() as session:
        found = thread_of(session, thread_id) or abort(404)
        vendor = session.execute(select(Vendor.name).where(Vendor.id == found.vendor_id)).scalar_one()
        return render_template(
            "inbox/thread.html",
            thread=found,
            vendor_name=vendor,
            messages=messages_of(session, thread_id),
            invoices=invoices_of(session, [thread_id])[thread_id],
            results=RESULTS,
            endings=RESULTS_OF[Side.CUSTOMER],
            close_error=close_error,
            may_act=g.role in ACTS,
            claims=claims_in(session, thread_id, clock.now(), the_house().limits),
            claim_url=lambda claim: url_for("claims.change", hold_id=claim.id),
            file_url=lambda file: url_for("talks.file", thread_id=thread_id, file_id=file.id),
            error=error,
            body=body,
        )
