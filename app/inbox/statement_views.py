"""Statements of what was owed and settled, and every payment we saw: as pages, PDF and CSV."""

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, g, render_template, request
from sqlalchemy.orm import Session

from app import clock
from app.access import customer_member
from app.db import database
from app.headers import download, streamed
from app.inbox.forms import read_uuid
from app.statements.periods import read_period, usual_periods
from app.statements.queries import entries, receipt_of
from app.statements.rules import KINDS, RECEIPT_NOTE, Account, Receipt, Statement, settlements, statement
from app.statements.sheets import statement_csv
from app.words import _

blueprint = Blueprint("statements", __name__, url_prefix="/inbox")

LINES = 200  # of one account on the page; the files have them all
PAYMENTS = 50


@blueprint.get("/statements")
@customer_member()
def index() -> str:
    """Over all suppliers, or line by line with one of them."""
    found, vendor_id = _asked(), _vendor()
    return render_template(
        "inbox/statements.html",
        statement=found.of(vendor_id),
        vendors=sorted({(account.vendor_name, account.vendor_id) for account in found.accounts}),
        vendor_id=vendor_id,
        periods=usual_periods(clock.today(g.zone)),
        kinds=KINDS,
        most=LINES,
    )


@blueprint.get("/statements/pdf")
@customer_member()
def as_pdf() -> Response:
    found = _asked().of(_vendor())
    return download(_name(found, "pdf"), "application/pdf", _paper().statement_pdf(found, _head(found.accounts)))


@blueprint.get("/statements/csv")
@customer_member()
def as_csv() -> Response:
    """Sent while it is written."""
    found = _asked().of(_vendor())
    return streamed(_name(found, "csv"), "text/csv", statement_csv(found))


@blueprint.get("/payments")
@customer_member()
def payments() -> str:
    """What we saw settled, when and how, newest first (FEATURES H4)."""
    vendor_id = _vendor()
    place = max(0, request.args.get("from", 0, type=int))
    with database().reading() as session:
        found = settlements(entries(session, clock.now(), g.zone))
    shown = [entry for entry in found if vendor_id in (None, entry.vendor_id)]
    return render_template(
        "inbox/payments.html",
        rows=shown[place : place + PAYMENTS],
        place=place,
        older=place + PAYMENTS if len(shown) > place + PAYMENTS else None,
        count=len(shown),
        vendors=sorted({(entry.vendor_name, entry.vendor_id) for entry in found}),
        vendor_id=vendor_id,
        kinds=KINDS,
    )


@blueprint.get("/payments/<uuid:payment_id>")
@customer_member()
def receipt(payment_id: UUID) -> str:
    with database().reading() as session:
        return render_template("inbox/receipt.html", receipt=_receipt(session, payment_id), note=RECEIPT_NOTE)


@blueprint.get("/payments/<uuid:payment_id>/pdf")
@customer_member()
def receipt_pdf(payment_id: UUID) -> Response:
    with database().reading() as session:
        found = _receipt(session, payment_id)
    paper = _paper()
    head = paper.Head(g.customer.name, clock.today(g.zone), found.entry.vendor_name)
    data = paper.receipt_pdf(found, head)
    return download(f"receipt-{found.entry.on.isoformat()}.pdf", "application/pdf", data)


def _asked() -> Statement:
    """The statement over all suppliers for the days in the address."""
    period = read_period(request.args.get("since", ""), request.args.get("until", ""), clock.today(g.zone))
    with database().reading() as session:
        return statement(entries(session, clock.now(), g.zone), period.since, period.until)


def _vendor() -> UUID | None:
    """The one supplier asked for, or None: all of them."""
    return read_uuid(request.args.get("vendor", ""))


def _head(accounts: list[Account]) -> Any:
    names = {account.vendor_name for account in accounts}
    vendor = names.pop() if len(names) == 1 else ""
    return _paper().Head(g.customer.name, clock.today(g.zone), vendor)


def _name(found: Statement, ending: str) -> str:
    return f"{_('statement')}-{found.since.isoformat()}-{found.until.isoformat()}.{ending}"


def _receipt(session: Session, payment_id: UUID) -> Receipt:
    return receipt_of(session, payment_id, clock.now(), g.zone) or abort(404)


def _paper() -> Any:
    from app.statements import paper  # noqa: PLC0415  0.2 s and 20 MB, for those processes only that make a PDF

    return paper
