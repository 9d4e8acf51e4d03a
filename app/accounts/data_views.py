"""What we know of whoever is signed in, as a file of their own."""

import json

from flask import Blueprint, Response, g

from app import clock
from app.access import person_signed_in
from app.db import database
from app.headers import download
from app.privacy.queries import what_names
from app.scope import Everything

blueprint = Blueprint("data", __name__)


@blueprint.get("/account/data")
@person_signed_in
def own() -> Response:
    """Every row that names this person, in whatever table; for the person alone (FEATURES L6)."""
    with database().reading(Everything("a person's own rows lie in the tables of all tenants")) as session:
        found = what_names(session, g.person)
    written = {"written_at": clock.now().isoformat(), **found}
    return download("sheaf-data.json", "application/json", json.dumps(written, ensure_ascii=False, indent=1).encode())
