"""The gate: before any view runs, its mark of app/access.py decides who comes in, and which rows exist for them.

A view without a mark is closed. Whoever does not belong here finds nothing here: 404, the same as a missing page.

Views find in ``g``: person, memberships, vendor and customer (the chosen ones, with vendor_id and customer_id), role
(in the one the view is about), is_operator, zone, scope and access.
"""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from flask import Flask, Response, abort, current_app, g, make_response, redirect, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFProtect
from itsdangerous import URLSafeTimedSerializer

from app import clock
from app.access import Access, Who, access_of
from app.accounts.actions import stay
from app.accounts.queries import Membership, SignedIn, signed_in_by
from app.db import database
from app.house import the_house
from app.links import own_path
from app.models import Person, WebSession
from app.scope import CustomerScope, Everything, PersonScope, VendorScope, enter
from app.settings import Settings, listed
from app.words import LANGUAGES, speak

log = structlog.get_logger()

csrf = CSRFProtect()
login_manager = LoginManager()
login_manager.session_protection = None  # would mark a session that moved as not fresh, which nothing here asks for

_READER = Everything("the gate asks who is there")
_AWAKE_FOR = timedelta(minutes=5)
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


class _Cookies(SecureCookieSessionInterface):
    """The session's cookie. Its signer is made once; Flask makes it anew twice for each request."""

    def __init__(self, app: Flask) -> None:
        self._signer = super().get_signing_serializer(app)

    def get_signing_serializer(self, _app: Flask) -> URLSafeTimedSerializer | None:
        return self._signer


def install(app: Flask) -> None:
    app.session_interface = _Cookies(app)
    csrf.init_app(app)
    login_manager.init_app(app)
    app.before_request(_come_in)
    app.teardown_request(_leave)


@login_manager.user_loader  # type: ignore[untyped-decorator]
def _load(token: str) -> SignedIn | None:
    with database().reading(_READER) as reading:
        return signed_in_by(reading, token, clock.now(), _settings().limits)


def _come_in() -> ResponseReturnValue | None:
    enter(None)
    g.person = g.vendor = g.customer = g.vendor_id = g.customer_id = g.scope = g.role = None
    g.memberships, g.is_operator, g.zone = [], False, "UTC"
    speak(_asked_language())
    if request.url_rule is None or request.endpoint is None or request.endpoint.rpartition(".")[2] == "static":
        return None
    access = access_of(current_app.view_functions[request.endpoint])
    if access is None:
        log.error("route without an access mark is closed", endpoint=request.endpoint)
        abort(404)
    g.access = access
    if access.who is Who.SIGNED:
        return None
    _refuse_other_sites(access)
    _refuse_nul()
    _recognise()
    return _ADMIT[access.who](access)


def _asked_language() -> str:
    """The first of the browser's languages that we speak, with its country; else English."""
    asked = (str(wanted) for wanted in request.accept_languages.values())
    return next((wanted for wanted in asked if wanted[:2].lower() in LANGUAGES), "en")


def _leave(_error: BaseException | None) -> None:
    enter(None)


def _refuse_other_sites(access: Access) -> None:
    """Only our own pages may post. An address with a link's token is proof enough by itself: no cookie speaks for it,
    and a mail provider's one-click unsubscribe has neither (INVARIANTS L4)."""
    if request.method in _SAFE_METHODS or (access.who is Who.LINK and _names_token()):
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(400)
    if current_app.config["WTF_CSRF_ENABLED"]:
        csrf.protect()


def _refuse_nul() -> None:
    """No database takes this character, no person types it, and no view need think of it."""
    sent = (value for given in (request.args, request.form) for _, values in given.lists() for value in values)
    if any("\x00" in str(value) for value in (*sent, *(request.view_args or {}).values())):
        abort(400)


def _names_token() -> bool:
    return request.url_rule is not None and "token" in request.url_rule.arguments


def _recognise() -> None:
    """Who sits there, from the session cookie: g.person, what they belong to, and what they chose among it."""
    if "_user_id" not in session or not current_user.is_authenticated:
        return
    person: Person = current_user.person
    _keep_awake(current_user.web_session)
    found = current_user.memberships
    g.person, g.zone, g.memberships = person, person.zone, found
    speak(person.locale)
    g.vendor, g.customer = _chosen(found, "vendor"), _chosen(found, "customer")
    g.vendor_id = g.vendor.id if g.vendor else None
    g.customer_id = g.customer.id if g.customer else None
    g.is_operator = person.address in _operators()


def _keep_awake(web_session: WebSession) -> None:
    """Idle time begins anew with every visit, written down now and then only: pages should cost no write."""
    if clock.now() - web_session.seen_at > _AWAKE_FOR:
        with database().transaction(_READER) as writing:
            stay(writing, web_session.token_hash, clock.now())


def _chosen(found: list[Membership], kind: str) -> Membership | None:
    mine = [membership for membership in found if membership.kind == kind]
    wanted = session.get(f"{kind}_id")
    return next((membership for membership in mine if str(membership.id) == wanted), mine[0] if mine else None)


def _anybody(_access: Access) -> None:
    _enter_as(PersonScope(g.person.id) if g.person else None)


def _link_holder(_access: Access) -> None:
    """The view finds out what the link opens, and enters that LinkScope itself."""


def _person(_access: Access) -> ResponseReturnValue | None:
    if g.person is None:
        return _ask_to_sign_in()
    _enter_as(PersonScope(g.person.id))
    return None


def _vendor_member(access: Access) -> ResponseReturnValue | None:
    if g.person is None:
        return _ask_to_sign_in()
    _need_role(g.vendor, access)
    _enter_as(VendorScope(g.vendor_id, g.person.id))
    return None


def _customer_member(access: Access) -> ResponseReturnValue | None:
    if g.person is None:
        return _ask_to_sign_in()
    _need_role(g.customer, access)
    _enter_as(CustomerScope(g.customer_id, g.person.id))
    return None


def _operator(_access: Access) -> ResponseReturnValue | None:
    if g.person is None:
        return _ask_to_sign_in()
    if not g.is_operator:
        abort(404)
    _enter_as(Everything("the operator sees all"))
    return None


def _laptop(_access: Access) -> None:
    settings = _settings()
    if settings.environment != "local" or settings.mail_channel != "file":
        abort(404)
    _enter_as(PersonScope(g.person.id) if g.person else None)


_ADMIT: dict[Who, Callable[[Access], ResponseReturnValue | None]] = {
    Who.ANYBODY: _anybody,
    Who.LINK: _link_holder,
    Who.PERSON: _person,
    Who.VENDOR: _vendor_member,
    Who.CUSTOMER: _customer_member,
    Who.OPERATOR: _operator,
    Who.LOCAL: _laptop,
}


def _need_role(membership: Membership | None, access: Access) -> None:
    if membership is None:
        abort(404)
    if access.roles and membership.role not in access.roles:
        abort(403)
    g.role = membership.role


def _enter_as(scope: PersonScope | VendorScope | CustomerScope | Everything | None) -> None:
    g.scope = scope
    enter(scope)


def _ask_to_sign_in() -> Response:
    """To the sign-in page, and back here afterwards; htmx is told to go there with the whole page."""
    if request.headers.get("HX-Request") == "true":
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))
        answer = make_response("", 204)
        back = own_path(shown._replace(scheme="", netloc="", fragment="").geturl(), "")
        answer.headers["HX-Redirect"] = url_for("accounts.ask", next=back or None)
        return answer
    asked = request.full_path.rstrip("?") if request.method in _SAFE_METHODS else None
    return make_response(redirect(url_for("accounts.ask", next=asked)))


def _settings() -> Settings:
    return the_house().settings


def _operators() -> set[str]:
    return {address.lower() for address in listed(_settings().operators)}


def choose(kind: str, owner: UUID) -> bool:
    """From now on the desk (``vendor``) or the inbox (``customer``) of ``owner`` is open; False: not a member."""
    if not any(membership.kind == kind and membership.id == owner for membership in g.memberships):
        return False
    session[f"{kind}_id"] = str(owner)
    return True
