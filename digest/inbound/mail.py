"""An Internet message, from whoever it may be, as the few things we want to know of it.

read_mail() is pure, raises nothing but Unreadable, and is linear in what it is given: the parts are found by us, within
bounds, and only single heads and bodies are shown to Python's email package, whose parser of whole messages takes
minutes for some that are made to hurt it. Its older policy reads heads, because the newer one's reader of addresses
raises on many that people's programs write.
"""

import binascii
import codecs
import hashlib
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.parser import HeaderParser
from email.policy import compat32
from email.utils import getaddresses, parseaddr

from app.address import canonical
from app.conversations.rules import file_name
from digest.inbound.text import TEXT_LIMIT, said_in, text_of_html

_DEPTH = 6
_PARTS = 200
_HEAD_BYTES = 64_000  # of one part; a head that is longer is nobody's
_HEADER_BYTES = 4_000
_HEADERS = 300
_LOOKS = 20_000  # at places where a boundary might be
_REST_OF_LINE = re.compile(rb"[ \t]{0,80}(?:\r\n|\r|\n|\Z)")
_LINE_BREAK = re.compile(rb"\r\n|\r|\n")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n|\r\r")
_NEW_HEADER = re.compile(rb"\n(?![ \t])")
_IDS = re.compile(r"<([^<>\s]{1,200})>")
_IN_BRACKETS = re.compile(r"<([^<>\s]{3,254})>")
_NO_CHARSETS = frozenset({"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "utf_7"})


class Unreadable(ValueError):
    """No message we can make anything of; the words say why, and repeat nothing of it."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file as it came. ``name`` is cleaned, ``data`` is decoded."""

    name: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadMail:
    """``headers``: the first of each name, in lower case, decoded and on one line. Ids stand without their brackets.

    ``said`` is what the writer wrote without what is quoted; ``text`` all of it. ``kinds``: the content types within.
    """

    message_id: str
    subject: str
    from_name: str
    from_address: str  # canonical; nothing when it is none
    answers: tuple[str, ...]  # the ids in In-Reply-To and References
    recipients: tuple[str, ...]  # every address it says it is for, as written
    headers: Mapping[str, str] = field(repr=False)
    kinds: frozenset[str]
    report: Mapping[str, str] = field(repr=False)  # of a mail server (RFC 3464) on one recipient: names in lower case
    text: str = field(repr=False)
    said: str = field(repr=False)
    attachments: tuple[Attachment, ...]
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class _Part:
    head: "Message[str, str]"
    body: bytes


def read_mail(raw: bytes) -> ReadMail:
    """Raises Unreadable, and nothing else."""
    try:
        parts = list(_parts(raw, 0, [_PARTS]))
        return _gathered(parts)
    except Unreadable:
        raise
    except Exception as problem:  # noqa: BLE001 - whatever a library throws over a stranger's bytes
        raise Unreadable(f"cannot be read ({type(problem).__name__})") from None


def _parts(raw: bytes, depth: int, left: list[int]) -> Iterator[_Part]:
    """The message itself, then everything in it, outermost first. ``left`` counts down what may still come."""
    left[0] -= 1
    if depth > _DEPTH or left[0] < 0:
        raise Unreadable("has too many parts, or parts too deep in each other")
    part = _split(raw)
    yield part
    boundary = part.head.get_boundary()
    if part.head.get_content_maintype() == "multipart" and boundary:
        for piece in _pieces(part.body, boundary):
            yield from _parts(piece, depth + 1, left)


def _split(raw: bytes) -> _Part:
    """Head and body. Each header is cut to what any real one needs."""
    starts_with_body = _LINE_BREAK.match(raw)
    end = _END_OF_HEAD.search(raw, 0, _HEAD_BYTES)
    if starts_with_body:
        head, body = b"", raw[starts_with_body.end() :]
    elif end:
        head, body = raw[: end.start()], raw[end.end() :]
    elif len(raw) <= _HEAD_BYTES:
        head, body = raw, b""
    else:
        raise Unreadable("has a head that does not end")
    lines = _NEW_HEADER.split(_LINE_BREAK.sub(b"\n", head))[:_HEADERS]
    cut = b"\n".join(line[:_HEADER_BYTES] for line in lines)
    return _Part(HeaderParser(policy=compat32).parsestr(cut.decode("utf-8", "surrogateescape") + "\n\n"), body)


def _pieces(body: bytes, boundary: str) -> list[bytes]:
    """What stands between the boundary's lines; a missing last one ends with the body."""
    mark = b"--" + boundary.encode("utf-8", "surrogateescape")
    pieces: list[bytes] = []
    start, at, looks = -1, body.find(mark), 0
    while at >= 0 and len(pieces) <= _PARTS:
        looks += 1
        if looks > _LOOKS:
            raise Unreadable("has a boundary that is everywhere")
        end = at + len(mark)
        is_last = body[end : end + 2] == b"--"
        line_end = _REST_OF_LINE.match(body, end + 2 * is_last)
        if line_end and (at == 0 or body[at - 1] in b"\r\n"):
            if start >= 0:
                pieces.append(body[start : at - (2 if body[at - 2 : at] == b"\r\n" else 1)])
            start = -1 if is_last else line_end.end()
            if is_last:
                break
        at = body.find(mark, end)
    return [*pieces, body[start:]] if start >= 0 else pieces


# --- what we want to know -------------------------------------------------------------------------------------------


def _gathered(parts: list[_Part]) -> ReadMail:
    top = parts[0].head
    headers: dict[str, str] = {}
    for name in top:
        headers.setdefault(name.lower(), _header(top, name))
    name, address = _sender(headers.get("from", ""))
    text, attachments = _content(parts[1:] if top.get_content_maintype() == "multipart" else parts)
    ids = _IDS.findall(f"{headers.get('in-reply-to', '')} {headers.get('references', '')}")
    return ReadMail(
        message_id=next(iter(_IDS.findall(headers.get("message-id", ""))), ""),
        subject=headers.get("subject", "")[:300],
        from_name=name,
        from_address=address,
        answers=tuple(dict.fromkeys(ids)),
        recipients=_recipients(top),
        headers=headers,
        kinds=frozenset(part.head.get_content_type() for part in parts),
        report=_report(parts),
        text=text,
        said=said_in(text),
        attachments=attachments,
        content_hash=hashlib.sha256(b"".join([text.encode(), *(_hash(file) for file in attachments)])).digest(),
    )


def _report(parts: list[_Part]) -> dict[str, str]:
    """What it says of its first recipient; the blocks before are about the message."""
    for part in parts:
        if part.head.get_content_type() == "message/delivery-status":
            for block in _END_OF_HEAD.split(_data(part)[:_HEAD_BYTES]):
                said = _split(block.strip() + b"\n\n").head
                if "action" in said:
                    return {name.lower(): _header(said, name) for name in said}
    return {}


def _hash(file: Attachment) -> bytes:
    return hashlib.sha256(file.data).digest()


def _header(head: "Message[str, str]", name: str) -> str:
    """A header's words on one line, whatever they are encoded in; nothing invisible stays."""
    raw = next((value for key, value in head.raw_items() if key.lower() == name.lower()), "")
    flat = " ".join(str(raw).encode("utf-8", "surrogateescape").decode("utf-8", "replace").split())
    try:
        pieces = decode_header(flat)
        words = "".join(
            piece if isinstance(piece, str) else _decoded(piece, charset or "utf-8") for piece, charset in pieces
        )
    except (HeaderParseError, ValueError):
        words = flat
    return _printable(words)


def _printable(words: str) -> str:
    return "".join(c if c.isprintable() else " " for c in words).strip()


def _sender(words: str) -> tuple[str, str]:
    """Name and canonical address of a From; of several, the first, and where that is none, the last in brackets."""
    try:
        name, address = parseaddr(words[:1000])
    except (ValueError, IndexError, RecursionError):
        return "", ""
    in_brackets = _IN_BRACKETS.findall(words[:1000])
    found = canonical(address) or (canonical(in_brackets[-1]) if in_brackets else None)
    return _printable(name)[:80], found or ""


def _recipients(head: "Message[str, str]") -> tuple[str, ...]:
    named = ("delivered-to", "x-original-to", "x-forwarded-to", "to", "cc")
    written = [_header(head, name)[:2000] for name in named if name in head]
    return tuple(dict.fromkeys(address for _, address in getaddresses(written) if "@" in address))[:50]


def _content(parts: list[_Part]) -> tuple[str, tuple[Attachment, ...]]:
    """The text, plain where there is a plain one, and the files."""
    plain: list[str] = []
    html: list[str] = []
    files: list[Attachment] = []
    for part in parts:
        kind = part.head.get_content_type()
        if part.head.get_content_maintype() == "multipart":
            continue
        is_file = part.head.get_content_disposition() == "attachment" or bool(part.head.get_filename())
        if kind in ("text/plain", "text/html") and not is_file:
            (plain if kind == "text/plain" else html).append(_words(part))
        elif kind not in ("message/delivery-status", "text/rfc822-headers"):
            files.append(Attachment(_file_name(part), _data(part)))
    text = "\n\n".join(words for words in plain if words.strip())
    if not text:
        text = "\n\n".join(text_of_html(words) for words in html[:2])
    return text.replace("\0", "")[:TEXT_LIMIT], tuple(files)


def _words(part: _Part) -> str:
    bounded = _Part(part.head, part.body[: 8 * TEXT_LIMIT])
    return _decoded(_data(bounded), part.head.get_content_charset() or "utf-8")


def _data(part: _Part) -> bytes:
    """The body, decoded as its head says; what cannot be decoded stays as it came, and so does uuencode."""
    encoding = str(part.head.get("content-transfer-encoding", "")).strip().lower()
    if encoding == "quoted-printable":
        return binascii.a2b_qp(part.body)
    for padding in (b"", b"==") if encoding == "base64" else ():
        try:
            return binascii.a2b_base64(part.body + padding)
        except binascii.Error:
            continue
    return part.body


def _decoded(data: bytes, charset: str) -> str:
    """In the charset it names, where that is one and fits; else in the two that nearly all mail is in."""
    try:
        known = codecs.lookup(charset.strip()[:40]).name.replace("-", "_")
    except (LookupError, ValueError, UnicodeError):
        known = "utf_8"
    for name in ["utf_8"] if known in ("ascii", "us_ascii", *_NO_CHARSETS) else [known, "utf_8"]:
        try:
            return data.decode(name)
        except (LookupError, ValueError):
            continue
    return data.decode("cp1252", "replace")


def _file_name(part: _Part) -> str:
    try:
        given = part.head.get_filename() or ""
    except (ValueError, LookupError, TypeError):
        given = ""
    if not given:
        kind = part.head.get_content_type()
        given = f"file{'.eml' if kind == 'message/rfc822' else mimetypes.guess_extension(kind) or ''}"
    holder: Message[str, str] = Message(policy=compat32)
    holder["name"] = given.replace("\r", " ").replace("\n", " ")[:1000]
    return file_name(_header(holder, "name"))
