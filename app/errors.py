"""What people see when something is not there or went wrong. A foreign id and a missing one give the same page (I1)."""

import sqlite3
from dataclasses import dataclass

import structlog
from flask import Flask, Response, g, make_response, render_template, request
from flask.globals import request_ctx
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError, ServiceUnavailable

from app.access import Access, Who
from app.words import _, marked

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Words:
    title: str
    body: str


_WORDS = {
    400: Words(
        marked("That did not come through"),
        marked("The form was incomplete or had grown old. Reload the page and try again."),
    ),
    403: Words(
        marked("Not with your role"),
        marked("Your role does not allow this. Somebody who manages your team can change that."),
    ),
    404: Words(
        marked("There is nothing here"),
        marked("The address may be mistyped, or what was here is gone or is not yours."),
    ),
    405: Words(
        marked("Not this way"),
        marked("This address cannot be used like that. Go back and use the buttons on the page."),
    ),
    413: Words(
        marked("Too large"), marked("What you sent is larger than we take. Shorten it or choose a smaller file.")
    ),
    429: Words(
        marked("Too often"), marked("That was tried too many times in a short while. Wait a little, then try again.")
    ),
    500: Words(
        marked("Our mistake"),
        marked("Something broke on our side. It has been recorded, and nothing was done by halves."),
    ),
    503: Words(
        marked("Back in a moment"),
        marked("Sheaf cannot reach its database right now. Nothing is lost; try again in a minute."),
    ),
}
_OTHER = {404: (404, 410), 400: (408, 411, 414, 415, 416, 417, 422, 431)}
_SQLITE_AWAY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}
_SQLITE_AWAY |= {sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN}


def install(app: Flask) -> None:
    app.register_error_handler(HTTPException, _answer)
    app.register_error_handler(Exception, _broken)


def _answer(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < 400:  # a redirect, or an answer ready made
        return make_response(error.get_response())
    shown = next((code for code, same in _OTHER.items() if error.code in same), error.code)
    response = _page(shown if shown in _WORDS else 400, error)
    response.status_code = error.code
    return response


def _broken(error: Exception) -> Response:
    """Anything no view expected: recorded, and answered without a word about its inside."""
    away = _is_database_away(error)
    rule = request.url_rule.rule if request.url_rule else ""
    log.error("database away" if away else "request broke", rule=rule, method=request.method, exc_info=error)
    return _answer(ServiceUnavailable(retry_after=30) if away else InternalServerError())


def _is_database_away(error: Exception) -> bool:
    """Whether trying again later may help. SQLite gives wrong statements the same class; its own number tells."""
    if isinstance(error, OperationalError) and isinstance(error.orig, sqlite3.OperationalError):
        return error.orig.sqlite_errorcode & 0xFF in _SQLITE_AWAY
    return isinstance(error, OperationalError | InterfaceError | PoolTimeout)


def _page(code: int, error: HTTPException) -> Response:
    access: Access | None = g.get("access")
    is_lost = request_ctx.url_adapter is None  # a Host that is no host: no page of ours can name an address then
    if is_lost or (access is not None and access.who is Who.SIGNED):
        response = make_response(f"{_(_WORDS[code].title)}\n")
        response.mimetype = "text/plain"
    else:
        response = make_response(render_template("errors/error.html", code=code, words=_WORDS[code]))
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response
