"""What leaves in the weeks ahead, as a plot and a table, and how that looks if some of it is paid on another day."""

from datetime import date
from uuid import UUID

from flask import Blueprint, g, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.access import customer_member
from app.db import database
from app.inbox import queries
from app.inbox.forms import read_key, read_uuid, write_key
from app.inbox.queries import Search
from app.models import Customer
from app.payruns import next_runs
from app.statements.cash import STAGES, Stage, plans
from app.statements.cash_queries import dues, dues_of

blueprint = Blueprint("cash", __name__, url_prefix="/inbox/cash")

ROWS = 50
RUNS = 4
MOST = 500  # rows moved at once: addresses have an end


@blueprint.get("")
@customer_member()
def index() -> str:
    """Nothing is decided here: what is moved stands in the address, and nowhere else."""
    now, today = clock.now(), clock.today(g.zone)
    moved = _moved()
    with database().reading() as session:
        runs = _runs(session, today)
        to = _to(runs, today)
        found = plans(dues(session, now), today, dues_of(session, moved, now), to)
        page = queries.find_page(session, Search(limit=ROWS, after=read_key(request.args.get("after", ""))), now, today)
    return render_template(
        "inbox/cash.html",
        plans=found,
        stages=STAGES,
        Stage=Stage,
        rows=page.rows,
        after=write_key(page.after),
        runs=runs,
        to=to,
        moved=moved,
        elsewhere=[each for each in moved if each not in {row.id for row in page.rows}],
        today=today,
    )


def _moved() -> list[UUID]:
    asked = (read_uuid(text) for text in request.args.getlist("row")[:MOST])
    return [row for row in asked if row]


def _to(runs: list[date], today: date) -> date | None:
    """The day to which rows are moved: the next pay run unless another day ahead is named."""
    try:
        named = date.fromisoformat(request.args.get("to", ""))
    except ValueError:
        named = None
    if named and named >= today:
        return named
    return runs[0] if runs else None


def _runs(session: Session, today: date) -> list[date]:
    customer = session.scalars(select(Customer).where(Customer.id == g.customer_id)).one()
    return next_runs(customer.pay_days, customer.pay_cutoff, today, RUNS)
