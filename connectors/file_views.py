"""Files on the desk: bring one, say how it is read, see what it would change, then take it."""

from uuid import UUID

import structlog
from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, session, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import person_signed_in, vendor_member
from app.db import database
from app.house import the_house
from app.intake import Intake
from app.keys import CannotOpen
from app.models import Connection
from app.money import MoneyError, exponent
from app.scope import Everything
from app.words import _
from connectors import queries
from connectors.actions import MANAGING, NotConnected
from connectors.file_intake import keep_refusal, new_account, open_books, ready_books, remembered, take
from connectors.file_plan import NotTaken, Plan, plan
from connectors.file_waiting import forget_upload, keep_waiting, waiting
from connectors.files.brought import Brought, Sent, read_files, under
from connectors.files.questions import answers_in, questions

log = structlog.get_logger()

blueprint = Blueprint("files", __name__)

_SIGN_UP = Everything("bringing files is a sign-up: there is no vendor yet whose rows these are")
MOST_FILES = 500


@blueprint.url_value_preprocessor
def _allow_files(endpoint: str | None, _values: dict[str, object] | None) -> None:
    """Before anything reads the form, which the gate does."""
    if endpoint == "files.upload":
        request.max_content_length = the_house().limits.file_upload_bytes


# --- a company that is not here yet ---------------------------------------------------------------------------------


@blueprint.get("/connect/files")
@person_signed_in
def begin() -> str:
    """What a company without a connector needs to say of itself."""
    return render_template("connectors/files_begin.html", name="", currency="", wrong={})


@blueprint.post("/connect/files")
@person_signed_in
def sign_up() -> Response | tuple[str, int]:
    name, currency = " ".join(request.form.get("name", "").split())[:120], request.form.get("currency", "").strip()
    wrong = {} if name else {"name": _("Please fill this in.")}
    try:
        exponent(currency.upper())
    except MoneyError:
        wrong["currency"] = _("Please give the three letters of a currency, such as EUR.")
    if wrong:
        return render_template("connectors/files_begin.html", name=name, currency=currency, wrong=wrong), 422
    with database().transaction(_SIGN_UP) as writing:
        account = new_account(name, currency.upper())
        books = open_books(writing, the_house(), person=g.person, account=account, vendor_id=None, now=clock.now())
        session["vendor_id"] = str(books.vendor_id)
    return redirect(url_for("files.show"), 303)


# --- bringing -------------------------------------------------------------------------------------------------------


@blueprint.get("/desk/files")
@vendor_member(*MANAGING)
def show() -> str:
    return _upload_page([])


@blueprint.post("/desk/files")
@vendor_member(*MANAGING)
def upload() -> Response | tuple[str, int]:
    """Keep what can be read at all; name what cannot."""
    brought = [one for one in request.files.getlist("files") if one.filename][:MOST_FILES]
    files = [Sent((one.filename or "file")[:120], one.read()) for one in brought]
    if not files:
        return _upload_page([(_("No file"), _("Please choose one."))]), 422
    now = clock.now()
    try:
        with database().transaction() as writing:
            vendor = queries.vendor_of(writing)
            books = ready_books(writing, the_house(), vendor, g.person, now)
            found = read_files(files, remembered(books), now)
            for name, why in found.refused:
                keep_refusal(writing, books, name, why, now)
            refused = {name for name, _ in found.refused}
            readable = [one for one in files if one.name not in refused]
            upload_id = keep_waiting(writing, the_house(), vendor.id, g.person.id, readable, now) if readable else None
    except NotConnected as problem:
        return _upload_page([(_("Not possible"), str(problem))]), 409
    if upload_id is None:
        return _upload_page(found.refused), 422
    for name, why in found.refused[:10]:
        flash(_("%(name)s was left out. %(why)s", name=name, why=why), "warn")
    return redirect(url_for("files.look", upload_id=upload_id), 303)


def _upload_page(refused: list[tuple[str, str]]) -> str:
    address = current_app.extensions["files_address"]
    with database().reading() as reading:
        vendor = queries.vendor_of(reading)
        books = queries.books_of(reading, vendor.id)
        return render_template(
            "connectors/files.html",
            vendor=vendor,
            refused=refused,
            limits=the_house().limits,
            is_known=books is not None and books.as_of is not None,
            some=address(vendor.id, intake=Intake.SOME),
            everything=address(vendor.id, intake=Intake.COMPLETE),
        )


# --- looking and taking ---------------------------------------------------------------------------------------------


@blueprint.get("/desk/files/<uuid:upload_id>")
@vendor_member(*MANAGING)
def look(upload_id: UUID) -> str:
    """What must be said first, and then what would change."""
    with database().reading() as reading:
        return _look_page(reading, upload_id, "")


@blueprint.post("/desk/files/<uuid:upload_id>")
@vendor_member(*MANAGING)
def decide(upload_id: UUID) -> Response | tuple[str, int]:
    """Take it as it was shown, or throw it away."""
    if request.form.get("do") == "drop":
        with database().transaction() as writing:
            if not forget_upload(writing, upload_id):
                abort(404)
        flash(_("Thrown away. Nothing was changed."), "ok")
        return redirect(url_for("files.show"), 303)
    try:
        with database().transaction() as writing:
            done = _take(writing, upload_id)
    except NotTaken as problem:
        with database().reading() as reading:
            return _look_page(reading, upload_id, str(problem)), 409
    flash(_("Taken: %(in_words)s.", in_words=_in_words(done)), "ok")
    return redirect(url_for("connections.health"), 303)


def _take(writing: Session, upload_id: UUID) -> Plan:
    now, vendor = clock.now(), queries.vendor_of(writing)
    files = _files_or_404(writing, upload_id)
    books = ready_books(writing, the_house(), vendor, g.person, now)
    done = take(
        writing,
        books,
        files,
        _read(books, files),
        is_complete="complete" in request.form,
        now=now,
        person=g.person,
        by="person",
        shown=request.form.get("shown", "none"),
    )
    forget_upload(writing, upload_id)
    return done


def _look_page(reading: Session, upload_id: UUID, problem: str) -> str:
    vendor, files = queries.vendor_of(reading), _files_or_404(reading, upload_id)
    books = queries.books_of(reading, vendor.id) or abort(404)
    found, seen = _read(books, files), None
    is_complete = "complete" in request.values
    if not found.asking:
        try:
            seen = plan(reading, books, found, is_complete=is_complete, now=clock.now())
        except NotTaken as why:
            problem = str(why)
    table = next(iter(found.asking or found.tables), None)
    return render_template(
        "connectors/file.html",
        vendor=vendor,
        upload_id=upload_id,
        names=[one.name for one in files],
        asked=questions(table, vendor.currency) if table else [],
        answers=[(name, value) for name, value in request.values.items() if name.startswith(_ANSWERS)],
        brought=found,
        plan=seen,
        is_complete=is_complete,
        problem=problem,
    )


_ANSWERS = ("column-", "dates", "decimal_mark", "currency")


def _read(books: Connection, files: list[Sent]) -> Brought:
    return read_files(files, under(remembered(books), answers_in(request.values)), clock.now())


def _files_or_404(reading: Session, upload_id: UUID) -> list[Sent]:
    try:
        return waiting(reading, the_house(), upload_id, clock.now()) or abort(404)
    except CannotOpen:
        log.error("a waiting file does not open", upload=str(upload_id))
        abort(404)


def _in_words(done: Plan) -> str:
    said = [f"{count} {name}" for name, count in done.counts.items() if count and name != "settled"]
    return ", ".join(said) or "nothing new"
