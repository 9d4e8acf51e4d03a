"""The operator's page about how our mail is received: what receivers look up, and a sample to look at (D19)."""

from flask import Blueprint, current_app, flash, g, redirect, render_template, url_for
from werkzeug.wrappers import Response

from app import clock
from app.access import operator_only
from app.address import canonical
from app.db import database
from app.house import the_house
from app.settings import listed
from app.words import ngettext
from digest.deliverability import check_all
from digest.seeds import samples_of, send_samples

blueprint = Blueprint("deliverability", __name__, url_prefix="/ops/deliverability", template_folder="templates")


@blueprint.get("")
@operator_only
def index() -> str:
    """Asks the public DNS while the page loads; no transaction is open meanwhile."""
    settings = the_house().settings
    checks = check_all(settings, current_app.extensions["txt_records"])
    with database().reading() as session:
        sent = samples_of(session, _seeds())
    return render_template("deliverability/index.html", checks=checks, sent=sent, seeds=_seeds(), settings=settings)


@blueprint.post("/samples")
@operator_only
def send() -> Response:
    with database().transaction() as session:
        count = send_samples(session, the_house(), _seeds(), clock.now())
    flash(ngettext("%(num)s sample is on its way.", "%(num)s samples are on their way.", count), "ok")
    return redirect(url_for("deliverability.index"), 303)


def _seeds() -> list[str]:
    """The seed addresses, canonical, and the operator's own; what is no address is not among them."""
    seeds = map(canonical, listed(the_house().settings.seed_addresses))
    return list(dict.fromkeys([*filter(None, seeds), g.person.address]))
