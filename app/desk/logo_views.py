"""A vendor's logo: brought by the vendor, shown to everybody who reads of a verified one."""

from flask import Blueprint, Response, abort, flash, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.access import anybody, vendor_member
from app.db import database
from app.desk import queries
from app.desk.actions import change_logo
from app.desk.views import MANAGING
from app.logos import MOST_BYTES, LogoError, made_of
from app.models import Vendor
from app.scope import Everything
from app.words import _

blueprint = Blueprint("logos", __name__)

_SHOWN = Everything("a verified vendor's logo is public, and its address names nobody who reads it")


@blueprint.get("/logo/<key>.png")
@anybody
def show(key: str) -> Response:
    """In mail programs and on our pages. A day in caches, so that it is gone a day after the vendor's good standing."""
    with database().reading(_SHOWN) as session:
        data = queries.logo(session, key) or abort(404)
    answer = Response(data, mimetype="image/png")
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # a mail is read elsewhere
    answer.headers["Cache-Control"] = "public, max-age=86400"
    return answer


@blueprint.post("/desk/profile/logo")
@vendor_member(*MANAGING)
def bring() -> AnyResponse:
    """A picture in place of the one before; none, and there is no logo."""
    brought = request.files.get("logo")
    data = brought.read(MOST_BYTES + 1) if brought and brought.filename else b""
    if not data and request.form.get("act") != "remove":
        return _back(_("Choose a picture first."), "bad")
    try:
        key, kept = made_of(data) if data else ("", None)
    except LogoError as problem:
        return _back(str(problem), "bad")
    with database().transaction() as session:
        change_logo(session, session.get_one(Vendor, g.vendor_id), key, kept, person=g.person, now=clock.now())
    return _back(_("Saved."), "ok")


def _back(words: str, kind: str) -> AnyResponse:
    flash(words, kind)
    return redirect(url_for("desk.profile", _anchor="logo"), 303)
