"""What every answer tells the browser: a strict content policy, no sniffing, no framing, nothing kept of private pages.

A view that needs more sets the header itself; what is already there stays.
"""

from collections.abc import Iterator
from functools import cache
from io import BytesIO

from flask import Flask, Response, g, request, send_file, stream_with_context

from app.access import Access, Who
from app.house import the_house

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
# A file to be kept: were it shown after all, nothing in it would run.
_KEPT = "default-src 'none'; sandbox"
# A mail in a frame of our page: no scripts, no forms, nothing from elsewhere, no origin of its own.
FRAMED_MAIL = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"
_PERMISSIONS = "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()"
_PRIVATE = {Who.LINK, Who.PERSON, Who.VENDOR, Who.CUSTOMER, Who.OPERATOR}


def install(app: Flask) -> None:
    app.after_request(_add)


def content_policy(**more: str) -> str:
    """The house's Content-Security-Policy, with directives replaced or added: content_policy(frame_src="'self'").

    Forms may lead to https hosts: Pay and Connect post to us and are sent on to a provider, and browsers hold the whole
    way of a form against form-action.
    """
    return _policy(the_house().settings.is_secure, **more)


def _policy(is_secure: bool, **more: str) -> str:
    forms = "'self' https:" if is_secure else "'self' https: http:"
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return "; ".join(f"{name} {value}" for name, value in ({**_POLICY, "form-action": forms} | named).items())


def download(name: str, kind: str, data: bytes) -> Response:
    """A stranger's file, to be kept and never shown: nothing in it runs at our address."""
    answer = send_file(BytesIO(data), mimetype=kind, as_attachment=True, download_name=name, etag=False)
    answer.headers["Content-Security-Policy"] = _KEPT
    return answer


def streamed(name: str, kind: str, pieces: Iterator[str]) -> Response:
    """The same for what is sent while it is read."""
    answer = Response(stream_with_context(pieces), mimetype=kind)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    answer.headers["Content-Security-Policy"] = _KEPT
    return answer


def pdf(number: str, data: bytes) -> Response:
    """An invoice's own file, named by its number."""
    name = "".join(each if each.isalnum() or each in "-_." else "-" for each in number).strip(".-") or "invoice"
    return download(f"{name[:80]}.pdf", "application/pdf", data)


def _add(response: Response) -> Response:
    headers = response.headers
    there = {name.lower() for name, _ in headers}
    for name, value in _on_all(the_house().settings.is_secure, _is_link()):
        if name.lower() not in there:
            headers.add(name, value)
    if _is_private():
        headers["Cache-Control"] = "no-store"
    return response


@cache
def _on_all(is_secure: bool, is_link: bool) -> tuple[tuple[str, str], ...]:
    """What every answer says, put together once."""
    transport = {"Strict-Transport-Security": "max-age=63072000; includeSubDomains"} if is_secure else {}
    return (
        ("Content-Security-Policy", _policy(is_secure)),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer" if is_link else "same-origin"),
        ("Permissions-Policy", _PERMISSIONS),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        *transport.items(),
    )


def _is_link() -> bool:
    access: Access | None = g.get("access")
    return (access is not None and access.who is Who.LINK) or (
        request.url_rule is not None and "token" in request.url_rule.arguments
    )


def _is_private() -> bool:
    access: Access | None = g.get("access")
    return (access is not None and access.who in _PRIVATE) or _is_link() or g.get("person") is not None
