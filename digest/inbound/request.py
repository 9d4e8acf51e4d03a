"""What a mail service's request, or a mail server's pipe, says: the message, and how it came.

SendGrid posts a form: the message whole (field ``email``) or taken apart (``headers``, ``text``, ``html`` and files),
with the envelope and what it found of SPF and DKIM beside it. A pipe gives the message alone, its envelope in the
headers a mail server puts on top. Nothing here is trusted beyond that the service, or our own mail server, brought it.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from digest.inbound.mail import ReadMail, Unreadable, read_mail

MESSAGE = "message/rfc822"  # the content type of a mail that came by itself
_PARTS = 200
_DKIM = re.compile(r"@([A-Za-z0-9.-]{1,253})\s*:\s*(\w{1,20})")
_OWN_BOUNDARY = "=_as-it-was-taken-apart"


@dataclass(frozen=True, slots=True)
class Received:
    """``recipients``: of the envelope, or of the message's head where that is all there is. ``sender``: of the
    envelope; empty for a bounce, None where nobody said. ``signed_by``: domains whose DKIM signature holds."""

    mail: ReadMail
    recipients: tuple[str, ...]
    sender: str | None
    has_spf: bool = False
    signed_by: frozenset[str] = field(default_factory=frozenset)


def read_request(raw: bytes, content_type: str) -> Received:
    """Raises Unreadable."""
    kind, options = parse_options_header(content_type)
    if kind == MESSAGE:
        return _piped(read_mail(raw))
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise Unreadable("is no form")
    return _posted(_form(raw, options["boundary"]))


def _piped(mail: ReadMail) -> Received:
    path = mail.headers.get("return-path")
    return Received(mail, mail.recipients, None if path is None else path.strip("<> "))


def _posted(form: dict[str, bytes]) -> Received:
    mail = read_mail(form["email"] if "email" in form else _put_together(form))
    envelope = _json(form.get("envelope", b""))
    to, sender = envelope.get("to"), envelope.get("from")
    recipients = tuple(str(each) for each in to[:50]) if isinstance(to, list) else ()
    dkim = form.get("dkim", b"").decode("ascii", "replace")
    return Received(
        mail=mail,
        recipients=recipients or mail.recipients,
        sender=sender if isinstance(sender, str) else None,
        has_spf=form.get("SPF", b"").strip().lower() == b"pass",
        signed_by=frozenset(domain.lower() for domain, said in _DKIM.findall(dkim) if said.lower() == "pass"),
    )


def _form(raw: bytes, boundary: str) -> dict[str, bytes]:
    """The fields of a form as bytes, the first of each name. Raises Unreadable."""
    fields: dict[str, bytes] = {}
    pieces: list[bytes] = []
    try:
        decoder = MultipartDecoder(boundary.encode("latin-1"), max_form_memory_size=None, max_parts=_PARTS)
        decoder.receive_data(raw)
        decoder.receive_data(None)
        name = ""
        while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
            if isinstance(event, Field | File):
                name, pieces = event.name or "", []
            elif isinstance(event, Data):
                pieces.append(event.data)
                if not event.more_data:
                    fields.setdefault(name, b"".join(pieces))
    except (ValueError, HTTPException) as problem:
        raise Unreadable(f"is a broken form ({type(problem).__name__})") from None
    return fields


def _put_together(form: dict[str, bytes]) -> bytes:
    """A message again of one the service took apart, so that one reader reads all."""
    if "headers" not in form and "from" not in form:
        raise Unreadable("is a form without a message")
    charsets = _json(form.get("charsets", b""))
    kept = [line for line in re.split(rb"\r?\n(?![ \t])", form.get("headers", b"")) if not _is_about_body(line)]
    if "headers" not in form:
        kept = [name + b": " + form.get(name.decode(), b"") for name in (b"from", b"to", b"subject")]
    parts = []
    for name, kind in (("text", "plain"), ("html", "html")):
        if name in form:
            charset = re.sub(r"[^\w.:-]", "", str(charsets.get(name) or "utf-8"))[:40]
            parts.append(f'Content-Type: text/{kind}; charset="{charset}"\r\n\r\n'.encode() + form[name])
    about = _json(form.get("attachment-info", b""))
    for name in sorted(form):
        if re.fullmatch(r"attachment\d{1,3}", name):
            parts.append(_file_head(about.get(name)) + form[name])
    mark = f"\r\n--{_OWN_BOUNDARY}"
    body = b"".join(f"{mark}\r\n".encode() + part for part in parts) + f"{mark}--\r\n".encode()
    head = b"\r\n".join([*(line for line in kept if line.strip()), b"MIME-Version: 1.0"])
    kind_line = f'\r\nContent-Type: multipart/mixed; boundary="{_OWN_BOUNDARY}"\r\n\r\n'
    return head + kind_line.encode() + body


def _is_about_body(line: bytes) -> bool:
    return line.lower().startswith((b"content-", b"mime-version"))


def _file_head(about: Any) -> bytes:
    facts = about if isinstance(about, dict) else {}
    name = re.sub(r'[\x00-\x1f"\\]', "", str(facts.get("filename") or facts.get("name") or ""))[:200]
    kind = str(facts.get("type") or "")
    safe = kind if re.fullmatch(r"[\w.+-]{1,60}/[\w.+-]{1,80}", kind) else "application/octet-stream"
    head = f'Content-Type: {safe}\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n'
    return head.encode("utf-8", "replace")


def _json(raw: bytes) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
