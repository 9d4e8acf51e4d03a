"""The record of who did what: searched, taken along as CSV; and what is thrown away in time."""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from uuid import UUID

from flask import Blueprint, Response, render_template, request
from werkzeug.datastructures import MultiDict

from app import clock
from app.access import operator_only
from app.address import canonical
from app.db import database
from app.headers import streamed
from app.house import the_house
from app.ops.audit_queries import AuditSearch, actions, all_of, audit, kept
from app.ops.queries import PAGE
from app.ops.rules import read_place, write_place
from app.scope import Everything
from app.statements.sheets import Echo, harmless

blueprint = Blueprint("audit", __name__, url_prefix="/ops")

ACTORS = ("person", "link", "mail", "worker", "provider", "operator")
LATELY = timedelta(days=90)
_EXPORT = Everything("the operator takes the record along")
_COLUMNS = ("at", "action", "actor", "person", "vendor", "customer", "subject", "detail")


@blueprint.get("/audit")
@operator_only
def index() -> str:
    search = read_search(request.args)
    with database().reading() as session:
        rows = audit(session, search, read_place(request.args.get("before")))
        known = actions(session, clock.now() - LATELY)
    shown = rows[:PAGE]
    older = write_place(shown[-1].entry.at, shown[-1].entry.id) if len(rows) > PAGE else ""
    asked = {name: value for name, value in request.args.items() if name != "before" and value}
    return render_template(
        "ops/audit.html", rows=shown, older=older, search=search, asked=asked, actions=known, actors=ACTORS
    )


@blueprint.get("/audit/csv")
@operator_only
def as_csv() -> Response:
    """What the search finds, all of it, sent while it is read."""
    lines = _lines(read_search(request.args))
    return streamed(f"audit-{clock.now().date().isoformat()}.csv", "text/csv", lines)


@blueprint.get("/retention")
@operator_only
def retention() -> str:
    """How long rows that grow with every mail are kept, and what went when."""
    with database().reading() as session:
        return render_template("ops/retention.html", kinds=kept(session, the_house().limits))


def _lines(search: AuditSearch) -> Iterator[str]:
    write = csv.writer(Echo()).writerow
    yield write(_COLUMNS)
    with database().reading(_EXPORT) as session:
        for row in all_of(session, search):
            entry = row.entry
            detail = "; ".join(f"{name}={value}" for name, value in entry.detail.items())
            said = (row.person or "", row.vendor or "", row.customer or "", str(entry.subject_id or ""), detail)
            yield write((entry.at.isoformat(), entry.action, entry.actor, *map(harmless, said)))


def read_search(args: MultiDict[str, str]) -> AuditSearch:
    """What was asked for in an address; what cannot be read narrows nothing."""
    words = {name: " ".join(args.get(name, "").split())[:80] for name in ("action", "vendor", "customer")}
    person, actor = args.get("person", "").strip()[:254], args.get("actor", "")
    return AuditSearch(
        **words,
        actor=actor if actor in ACTORS else "",
        person=canonical(person) or person,
        subject_id=_uuid(args.get("subject", "")),
        since=_date(args.get("since", "")),
        until=_date(args.get("until", "")),
    )


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text.strip())
    except ValueError:
        return None


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 9000 else None
