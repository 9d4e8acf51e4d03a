"""The home page, signing in and out, and a person's own account."""

from typing import Any
from uuid import UUID

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from app import clock
from app.access import anybody, person_signed_in
from app.accounts import gate
from app.accounts.actions import (
    AskedTooOften,
    Browser,
    ask_for_sign_in,
    change_profile,
    sign_in,
    sign_out,
    sign_out_everywhere,
    use_code,
    use_link,
)
from app.accounts.forms import AskForm, ProfileForm, read_code
from app.accounts.queries import SignedIn, asked_by_id, asked_by_token, memberships_of, sessions_of
from app.accounts.rules import device_of, zone_or, zones
from app.db import database
from app.house import the_house
from app.links import digest_of, new_token, own_path, same
from app.models import LoginToken
from app.scope import Everything
from app.words import LANGUAGE_NAMES, _, in_language, language, speak

blueprint = Blueprint("accounts", __name__)

_DOOR = Everything("at the door nobody is known yet")
_OWN = Everything("a person's own sessions and memberships")


@blueprint.get("/")
@anybody
def home() -> ResponseReturnValue:
    """What Sheaf is; where to sign in; which books can be connected, as the wing that connects them says."""
    offered = current_app.extensions.get("offered_providers", list)
    return render_template("accounts/home.html", providers=[provider.spec for provider in offered()])


@blueprint.get("/sign-in")
@anybody
def ask() -> ResponseReturnValue:
    if g.person:
        return redirect(_landing(request.args.get("next")))
    return render_template("accounts/ask.html", form=AskForm(), next=own_path(request.args.get("next"), ""))


@blueprint.post("/sign-in")
@anybody
def send() -> ResponseReturnValue:
    """Mail a link and a code. Known and unknown addresses see the same page (INVARIANTS L3)."""
    form, target = AskForm.read(request.form), own_path(request.form.get("next"), "")
    if form.errors:
        return render_template("accounts/ask.html", form=form, next=target), 422
    return _mail_link(form.address, target)


def _mail_link(address: str, target: str) -> ResponseReturnValue:
    browser = this_browser()
    try:
        with database().transaction(_DOOR) as writing:
            asked = ask_for_sign_in(
                writing, the_house(), address=address, browser=browser, next_path=target, now=clock.now()
            )
    except AskedTooOften as refused:
        page = render_template("accounts/too_often.html", again_at=refused.again_at)
        return page, 429, {"Retry-After": str(max(60, int((refused.again_at - clock.now()).total_seconds())))}
    session["asked"], session["browser"] = str(asked.id), browser.mark
    return redirect(url_for("accounts.code"), 303)


@blueprint.get("/sign-in/code")
@anybody
def code() -> ResponseReturnValue:
    """Check your mail: the link is there, and a code that can be typed here."""
    return _code_page("")


@blueprint.post("/sign-in/code")
@anybody
def try_code() -> ResponseReturnValue:
    asked_id = _asked_id()
    typed = read_code(request.form)
    if asked_id is None:
        return redirect(url_for("accounts.ask"), 303)
    if len(typed) != 6:
        return make_response(_code_page(_("The code has six digits.")), 422)
    secret, mark = the_house().settings.secret_key.get_secret_value(), session.get("browser", "")
    with database().transaction(_DOOR) as writing:
        asked = use_code(writing, secret, asked_id, mark, typed, clock.now())
        entered = _begin(writing, asked) if asked else None
    if asked is None:
        return make_response(_code_page(_("That code is wrong, was used already, or is too old.")), 422)
    return _welcome(asked, entered)


def _code_page(error: str) -> str:
    asked_id = _asked_id()
    with database().reading(_DOOR) as reading:
        asked = asked_by_id(reading, asked_id) if asked_id else None
    settings = the_house().settings
    on_laptop = settings.environment == "local" and settings.mail_channel == "file"
    return render_template(
        "accounts/code.html", asked=asked, error=error, minutes=settings.limits.login_minutes, on_laptop=on_laptop
    )


@blueprint.get("/sign-in/<token>")
@anybody
def link(token: str) -> ResponseReturnValue:
    """The page behind the mail's link: says what Continue would do, and does nothing (INVARIANTS L1)."""
    asked = _waiting(token)
    if asked is None:
        return render_template("accounts/expired.html", token=token), 410
    return render_template("accounts/link.html", token=token, asked=asked, is_same=_is_same_browser(asked))


@blueprint.post("/sign-in/<token>")
@anybody
def use(token: str) -> ResponseReturnValue:
    asked = _waiting(token)
    if asked is None:
        return render_template("accounts/expired.html", token=token), 410
    if not _is_same_browser(asked) and request.form.get("here") != "yes":
        page = render_template("accounts/link.html", token=token, asked=asked, is_same=False, unsaid=True)
        return page, 422
    with database().transaction(_DOOR) as writing:
        spent = use_link(writing, token, clock.now())
        entered = _begin(writing, spent) if spent else None
    if spent is None:
        return render_template("accounts/expired.html", token=token), 410
    return _welcome(spent, entered)


@blueprint.post("/sign-in/<token>/again")
@anybody
def again(token: str) -> ResponseReturnValue:
    """A new link for an old one, to the address it was made for."""
    with database().reading(_DOOR) as reading:
        asked = asked_by_token(reading, digest_of(token))
    if asked is None:
        abort(404)
    return _mail_link(asked.address, asked.next_path)


@blueprint.post("/sign-out")
@person_signed_in
def leave() -> ResponseReturnValue:
    with database().transaction(_OWN) as writing:
        sign_out(writing, g.person, digest_of(current_user.token), clock.now())
    return _gone(_("You are signed out."))


@blueprint.post("/sign-out/everywhere")
@person_signed_in
def leave_everywhere() -> ResponseReturnValue:
    with database().transaction(_OWN) as writing:
        sign_out_everywhere(writing, g.person, clock.now())
    return _gone(_("You are signed out in every browser."))


@blueprint.post("/switch")
@person_signed_in
def switch() -> ResponseReturnValue:
    """Open another of your desks or inboxes."""
    kind, _sep, owner = request.form.get("to", "").partition(":")
    try:
        chosen = kind in _ROOMS and gate.choose(kind, UUID(owner))
    except ValueError:
        chosen = False
    if not chosen:
        abort(404)
    return redirect(_ROOMS[kind], 303)


@blueprint.get("/account")
@person_signed_in
def account() -> ResponseReturnValue:
    return _account_page(ProfileForm(g.person.name, g.person.zone, language()))


@blueprint.post("/account")
@person_signed_in
def save_account() -> ResponseReturnValue:
    form = ProfileForm.read(request.form)
    if form.errors:
        return _account_page(form), 422
    with database().transaction(_OWN) as writing:
        spoken = in_language(g.person.locale, form.language)
        change_profile(writing, g.person.id, name=form.name, zone=form.zone, locale=spoken)
    speak(spoken)
    flash(_("Saved."), "ok")
    return redirect(url_for("accounts.account"), 303)


def _account_page(form: ProfileForm) -> str:
    with database().reading(_OWN) as reading:
        open_sessions = sessions_of(reading, g.person.id, clock.now(), the_house().limits)
    here = current_user.web_session.token_hash
    return render_template(
        "accounts/account.html",
        form=form,
        zones=zones(),
        languages=LANGUAGE_NAMES,
        sessions=open_sessions,
        here=here,
    )


_ROOMS = {"vendor": "/desk", "customer": "/inbox"}


def _waiting(token: str) -> LoginToken | None:
    """The sign-in this link stands for, while it can still be used."""
    with database().reading(_DOOR) as reading:
        asked = asked_by_token(reading, digest_of(token))
    if asked is None or asked.used_at is not None or asked.expires_at <= clock.now():
        return None
    return asked


def _begin(writing: Any, asked: LoginToken) -> tuple[SignedIn, str] | None:
    """Begin the session in the database, and say where to go; the cookie follows after the commit."""
    zone = zone_or(request.form.get("zone", ""), "UTC")
    entered = sign_in(writing, asked, device=device_of(request.user_agent.string), zone=zone, now=clock.now())
    if entered is None:
        return None
    person, token = entered
    places = [found.kind for found in memberships_of(writing, person.id)]
    return SignedIn(person, token=token), _first_place(places)


def _welcome(asked: LoginToken, entered: tuple[SignedIn, str] | None) -> ResponseReturnValue:
    if entered is None:
        return render_template("accounts/closed.html"), 403
    user, place = entered
    session.clear()  # nothing of before the sign-in lives on, the CSRF secret included
    login_user(user, remember=False)
    return redirect(own_path(asked.next_path, place), 303)


def _landing(target: str | None) -> str:
    return own_path(target, _first_place([found.kind for found in g.memberships]))


def _first_place(kinds: list[str]) -> str:
    return _ROOMS["vendor"] if "vendor" in kinds else _ROOMS["customer"] if "customer" in kinds else "/"


def _gone(words: str) -> ResponseReturnValue:
    logout_user()
    session.clear()
    flash(words, "ok")
    return redirect(url_for("accounts.home"), 303)


def this_browser() -> Browser:
    """This browser, with a mark it keeps from the first sign-in it asks for."""
    mark = session.get("browser") or new_token()
    return Browser(mark, device_of(request.user_agent.string), request.remote_addr)


def _is_same_browser(asked: LoginToken) -> bool:
    return same(asked.browser_hash, digest_of(session.get("browser", "")))


def _asked_id() -> UUID | None:
    try:
        return UUID(session.get("asked", ""))
    except ValueError:
        return None
