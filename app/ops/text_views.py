"""The words of a failed payment's notice, one reason at a time: the operator changes them, looks at the mail, and has
one sent to itself (FEATURES I4)."""

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app import clock
from app.access import operator_only
from app.db import database
from app.house import the_house
from app.models import FailureReason, FailureText
from app.outbox.rendering import Mail, amounts
from app.paying import failures
from app.paying.actions import keep_text
from app.paying.notices import failure_mail, send_text
from app.paying.told import own_texts, text_of
from app.words import LANGUAGES, _, speaking

blueprint = Blueprint("texts", __name__, url_prefix="/ops/texts")

_PARTS = ("happened", "next_step", "prevention")


@blueprint.get("")
@operator_only
def index() -> str:
    """Every reason, in which languages the words are the operator's own."""
    with database().reading() as session:
        own = {(each.reason, each.language) for each in own_texts(session)}
    reasons = list(FailureReason)
    return render_template("ops/texts.html", reasons=reasons, own=own, languages=LANGUAGES, failures=failures)


@blueprint.get("/<reason>/<language>")
@operator_only
def text(reason: str, language: str) -> str:
    return _page(*_known(reason, language))


@blueprint.post("/<reason>/<language>")
@operator_only
def change(reason: str, language: str) -> ResponseReturnValue:
    """Keep the words, go back to ours, look at the mail, or have it sent."""
    known, act = _known(reason, language), request.form.get("act")
    said = {part: " ".join(request.form.get(part, "").split())[:300] for part in _PARTS}
    if act == "preview":
        return _page(*known, said)
    if act not in ("keep", "ours", "test") or (act != "ours" and not said["happened"]):
        return _page(*known, said, _("Say what happened, at least.")), 422
    with database().transaction() as session:
        if act == "test":
            send_text(session, _mail(known[0], language, said), g.person, clock.now())
        else:
            keep_text(session, *known, said if act == "keep" else None, g.person.id, clock.now())
    flash(_("A mail is on its way to you.") if act == "test" else _("Saved."), "ok")
    return redirect(url_for("texts.text", reason=reason, language=language), 303)


def _known(reason: str, language: str) -> tuple[FailureReason, str]:
    if reason not in set(FailureReason) or language not in LANGUAGES:
        abort(404)
    return FailureReason(reason), language


def _page(reason: FailureReason, language: str, said: dict[str, str] | None = None, error: str = "") -> str:
    with database().reading() as session:
        own = text_of(session, reason, language)
    with speaking(language):
        found = failures.said(reason, own)
    shown = said or {part: getattr(found, part) for part in _PARTS}
    return render_template(
        "ops/text.html",
        reason=reason,
        tongue=language,
        shown=shown,
        own=own,
        error=error,
        mail=_mail(reason, language, shown),
        failures=failures,
    )


def _mail(reason: FailureReason, language: str, said: dict[str, str]) -> Mail:
    """As a customer of a made-up supplier would get it."""
    with speaking(language):
        return failure_mail(
            the_house(),
            reason,
            FailureText(reason=reason, language=language, **said),
            vendor="Acme",
            number="A-1001",
            amount=amounts(language)(125000, "EUR"),
            line="",
            link="/inbox",
        )
