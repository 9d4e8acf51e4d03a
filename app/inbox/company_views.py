"""Everything a person pays for several organisations: an accountant's clients, each by itself (FEATURES B6)."""

from flask import Blueprint, g, render_template

from app import clock
from app.access import person_signed_in
from app.db import database
from app.inbox import queries

blueprint = Blueprint("companies", __name__, url_prefix="/inbox/companies")


@blueprint.get("")
@person_signed_in
def index() -> str:
    """One line for each, what is late first; open one to see its invoices."""
    mine = {each.id: each for each in g.memberships if each.kind == "customer"}
    with database().reading() as session:
        found = queries.companies(session, list(mine), clock.now(), clock.today(g.zone))
    found.sort(key=lambda company: (-company.overdue, -company.open, mine[company.id].name.casefold()))
    return render_template("inbox/companies.html", companies=found, mine=mine)
