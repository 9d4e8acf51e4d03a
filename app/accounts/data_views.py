"""What we know of whoever is signed in, as a file of their own."""

import json
from collections.abc import Iterator

from flask import Blueprint, Response, g

from app import clock
from app.access import person_signed_in
from app.db import database
from app.headers import streamed
from app.models import Person
from app.privacy.queries import what_names
from app.scope import Everything

blueprint = Blueprint("data", __name__)

_OWN = Everything("a person's own rows lie in the tables of all tenants")


@blueprint.get("/account/data")
@person_signed_in
def own() -> Response:
    """Every row that names this person, in whatever table; for the person alone, and sent while it is read (FEATURES
    L6)."""
    return streamed("sheaf-data.json", "application/json", _written(g.person))


def _written(person: Person) -> Iterator[str]:
    """One object, a row a line, of each table that has any."""
    yield f'{{"written_at": "{clock.now().isoformat()}"'
    with database().reading(_OWN) as session:
        for table, rows in what_names(session, person):
            begins = f',\n"{table}": [\n'
            for row in rows:
                yield begins + json.dumps(row, ensure_ascii=False)
                begins = ",\n"
            if begins == ",\n":
                yield "\n]"
    yield "\n}\n"
