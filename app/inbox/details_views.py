"""Tell all suppliers at once: a new address, a contact, a rule, a form; and see who has put it into their books."""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from app import clock
from app.access import customer_member
from app.conversations.rules import CannotSay, File
from app.db import database
from app.details.actions import TooManyChanges, tell_suppliers
from app.details.queries import told
from app.details.rules import HINTS, KINDS, WORDS
from app.forms import FILES_ACCEPTED, allow_files, sent_files
from app.house import the_house
from app.inbox.queries import suppliers
from app.inbox.views import ACTS
from app.models import DetailKind
from app.words import _, ngettext

blueprint = Blueprint("details", __name__, url_prefix="/inbox/details")
allow_files(blueprint, "tell")


@blueprint.get("")
@customer_member()
def index() -> str:
    return _page()


@blueprint.post("")
@customer_member(*ACTS)
def tell() -> Response | tuple[str, int]:
    kind, words = request.form.get("kind", ""), " ".join(request.form.get("words", "").split())
    limits, now = the_house().limits, clock.now()
    try:
        file = _checked(kind, words)
        with database().transaction() as session:
            known = [each.id for each in suppliers(session, now) if each.is_known and not each.blocked_at]
            tell_suppliers(
                session, customer_id=g.customer_id, vendor_ids=known, kind=DetailKind(kind), words=words, file=file,
                person=g.person, most_a_day=limits.details_per_day, now=now,
            )  # fmt: skip
    except CannotSay as problem:
        return _page(str(problem)), 422
    except TooManyChanges:
        return _page(_("That was enough for a day: every supplier has to read each of them. Go on tomorrow.")), 422
    said = ngettext("%(num)s supplier has it as a task now.", "%(num)s suppliers have it as a task now.", len(known))
    flash(said, "ok")
    return redirect(url_for("details.index"), 303)


def _checked(kind: str, words: str) -> File | None:
    """The file, if there is one. Raises CannotSay with what is wrong."""
    if kind not in set(DetailKind):
        raise CannotSay(_("Choose what is new."))
    if not words:
        raise CannotSay(_("Say what is new, in a sentence."))
    if len(words) > WORDS:
        raise CannotSay(_("At most %(num)s characters, please.", num=WORDS))
    files = sent_files(the_house().limits)
    if len(files) > 1:
        raise CannotSay(_("One file, please."))
    return files[0] if files else None


def _page(error: str = "") -> str:
    with database().reading() as session:
        found = told(session)
        known = [each for each in suppliers(session, clock.now()) if each.is_known and not each.blocked_at]
    return render_template(
        "inbox/details.html",
        told=found,
        suppliers=len(known),
        kinds=KINDS,
        hints=HINTS,
        accepted=FILES_ACCEPTED,
        most=WORDS,
        error=error,
        may_act=g.role in ACTS,
    )
