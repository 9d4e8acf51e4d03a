"""Sent mail on a laptop: what the file channel kept, as a reader would see it (DESIGN.md section 4).

It can be answered there: that mail takes the way every other takes that comes in.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from urllib3.filepost import encode_multipart_formdata

from app import clock
from app.access import laptop_only
from app.address import canonical
from app.headers import FRAMED_MAIL, content_policy
from app.house import the_house
from app.scope import Everything
from digest.channels.file import kept_eml, kept_mail, kept_mails
from digest.inbound.intake import store

dev_mail = Blueprint("dev_mail", __name__, url_prefix="/dev/mail", template_folder="templates")

_IN = Everything("mail that comes in is nobody's until it is read")
_SHOWN = 200
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
# Here its links open, in a new tab.
_FRAMED = FRAMED_MAIL.replace("sandbox", "sandbox allow-popups allow-popups-to-escape-sandbox")


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
    attached = {"Attached": ", ".join(mail["attachments"])} if mail.get("attachments") else {}
    headers = {"Date": mail["sent_at"].isoformat(), **mail["headers"], **attached}
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
    page.headers["Content-Security-Policy"] = _FRAMED
    page.headers["Cache-Control"] = "no-store"
    return page


@dev_mail.post("/<name>/reply")
@laptop_only
def reply(name: str) -> ResponseReturnValue:
    """Answer as the recipient, or as anybody: only the recipient's own address counts as proven."""
    mail, now = _mail(name), clock.now()
    if not mail["reply_to"]:
        abort(404)
    sender = canonical(request.form.get("sender", "")) or mail["to"]
    written = EmailMessage()
    written["From"], written["To"] = sender, mail["reply_to"]
    written["Subject"] = " ".join(f"Re: {mail['subject']}".split())
    written["Message-ID"] = make_msgid(domain="laptop.example")
    written["In-Reply-To"] = mail["headers"].get("Message-ID", "")
    quoted = "\n".join(f"> {line}" for line in mail["text"].splitlines())
    written.set_content(f"{request.form.get('words', '')}\n\nOn {now:%d %b %Y} Sheaf wrote:\n{quoted}\n")
    if (file := request.files.get("file")) and file.filename:
        written.add_attachment(file.read(), "application", "octet-stream", filename=file.filename)
    fields: dict[str, Any] = {
        "email": written.as_bytes(),
        "envelope": json.dumps({"to": [mail["reply_to"]], "from": sender}),
        "SPF": "pass" if sender == mail["to"] else "none",
    }
    body, content_type = encode_multipart_formdata(fields)
    with the_house().database.transaction(_IN) as session:
        store(session, the_house().keys, body, {"Content-Type": content_type}, now)
    flash("Posted, as the mail service would. It is filed when the jobs run next.", "ok")
    return redirect(url_for(".show", name=name), 303)


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
