"""Sent mail on a laptop: what the file channel kept, as a reader would see it (DESIGN.md section 4)."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.access import laptop_only
from app.address import canonical
from app.headers import content_policy
from app.house import the_house
from digest.channels.file import kept_eml, kept_mail, kept_mails

dev_mail = Blueprint("dev_mail", __name__, url_prefix="/dev/mail", template_folder="templates")

_SHOWN = 200
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
# The mail in its frame: no scripts, no forms, nothing from elsewhere, no origin of its own; links open in a new tab.
_FRAME = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
)


@dev_mail.get("")
@laptop_only
def index() -> ResponseReturnValue:
    """The newest mails, of one recipient when ``to`` names it."""
    to = canonical(request.args.get("to", "")) or ""
    mails = [_with_time(mail) for mail in kept_mails(_folder(), _SHOWN)]
    shown = [mail for mail in mails if not to or mail["to"] == to]
    return render_template(
        "dev_mail/index.html", mails=shown, to=to, limit=_SHOWN, recipients=sorted({m["to"] for m in mails})
    )


@dev_mail.get("/<name>")
@laptop_only
def show(name: str) -> ResponseReturnValue:
    mail = _with_time(_mail(name))
    headers = {"Date": mail["sent_at"].isoformat(), **mail["headers"]}
    page = make_response(render_template("dev_mail/show.html", mail=mail, headers=headers))
    page.headers["Content-Security-Policy"] = content_policy(frame_src="'self'")
    return page


@dev_mail.get("/<name>/html")
@laptop_only
def html(name: str) -> ResponseReturnValue:
    """The HTML part alone, for the frame of show()."""
    mail = _mail(name)
    body = _HEAD.sub(lambda found: f'{found.group()}<base target="_blank">', mail["html"], count=1)
    page = Response(body, mimetype="text/html")
    page.headers["Content-Security-Policy"] = f"{_FRAME}; frame-ancestors 'self'"
    page.headers["Cache-Control"] = "no-store"
    return page


@dev_mail.get("/<name>.eml")
@laptop_only
def eml(name: str) -> ResponseReturnValue:
    """The message as it went out, for a mail program."""
    raw = kept_eml(_folder(), name)
    if raw is None:
        abort(404)
    page = Response(raw, mimetype="message/rfc822")
    page.headers["Content-Disposition"] = f'attachment; filename="{name}.eml"'
    return page


def _folder() -> Path:
    """Where the mails lie; with any other channel there is nothing here."""
    house = the_house()
    if house.settings.mail_channel != "file":
        abort(404)
    return house.settings.mail_folder


def _mail(name: str) -> Mapping[str, Any]:
    mail = kept_mail(_folder(), name)
    if mail is None:
        abort(404)
    return mail


def _with_time(mail: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **mail,
        "sent_at": datetime.fromisoformat(mail["sent_at"]),
        "url": url_for("dev_mail.show", name=mail["id"]),
    }
