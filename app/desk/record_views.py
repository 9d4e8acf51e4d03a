"""The desk's page of its own record: who of the vendor did what, and when."""

from flask import Blueprint, g, render_template, request

from app.access import vendor_member
from app.care.queries import colleagues
from app.db import database
from app.desk.forms import instant_key, optional_id, write_instant_key
from app.desk.record import KINDS, PAGE, recorded
from app.desk.views import MANAGING

blueprint = Blueprint("record", __name__, url_prefix="/desk/record")


@blueprint.get("")
@vendor_member(*MANAGING)
def index() -> str:
    """Newest first; by kind of matter and by colleague."""
    kind, who = request.args.get("kind", ""), optional_id(request.args.get("who", ""))
    after = instant_key(request.args.get("after", ""))
    with database().reading() as session:
        found = recorded(session, g.vendor_id, kind if kind in KINDS else "", who, after)
        team = colleagues(session, g.vendor_id)
    rows, is_cut = found[:PAGE], len(found) > PAGE
    older = write_instant_key(rows[-1].at, rows[-1].id) if is_cut else ""
    return render_template(
        "desk/record.html", rows=rows, older=older, is_first=after is None, team=team, kinds=KINDS, kind=kind, who=who
    )
