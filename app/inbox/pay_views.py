"""The customer pays: one invoice on its live page, several of one supplier in one go, and transfers it says it sent."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, current_app, flash, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import customer_member
from app.db import database
from app.house import the_house
from app.inbox.forms import read_uuid
from app.inbox.views import ACTS
from app.paying.actions import CannotSend, Paid, PayDesk, advise, press_pay, take_back
from app.paying.forms import chosen, read_press, read_sending
from app.paying.queries import PaySheet, open_rows, pay_sheet, sheets
from app.paying.told import advice_of, advices
from app.receivables.queries import Row, find_row, find_rows_by_id
from app.trust.queries import PayTerms
from app.words import _

blueprint = Blueprint("paying", __name__, url_prefix="/inbox")


@blueprint.context_processor
def _allowed() -> dict[str, Any]:
    return {"may_act": g.role in ACTS}


@blueprint.get("/invoices/<uuid:invoice_id>/pay")
@customer_member(*ACTS)
def pay(invoice_id: UUID) -> str:
    """Names vendor, amount and host; changes nothing."""
    with database().reading() as session:
        row = find_row(session, invoice_id, clock.now()) or abort(404)
    return _pay_page(invoice_id, row, _pay_desk().host(invoice_id))


@blueprint.post("/invoices/<uuid:invoice_id>/pay")
@customer_member(*ACTS)
def go(invoice_id: UUID) -> Response | str:
    """Looks again at the provider and goes to its live pay page."""
    with database().reading() as session:
        if find_row(session, invoice_id, clock.now()) is None:
            abort(404)
    outcome = press_pay(the_house(), _pay_desk(), invoice_id, read_press(request.form, g.person), clock.now())
    if outcome.what == Paid.GO:
        return redirect(outcome.url, 303)
    return _pay_page(invoice_id, outcome.row, outcome.host, outcome.what)


def _pay_page(invoice_id: UUID, row: Row | None, host: str, outcome: Paid | None = None) -> str:
    sheet = None
    with database().reading() as session:
        if row and row.is_open:
            sheet = pay_sheet(session, [row], host, clock.now(), clock.today(g.zone))
        others = len(open_rows(session, row.vendor_id, clock.now(), 3)) - 1 if row else 0
    return render_template(
        "inbox/pay.html",
        invoice_id=invoice_id,
        row=row,
        host=host,
        outcome=outcome,
        sheet=sheet,
        others=others,
        terms=sheet.terms if sheet else PayTerms(),
    )


# --- several at once ------------------------------------------------------------------------------------------------


@blueprint.get("/suppliers/<uuid:vendor_id>/pay")
@customer_member(*ACTS)
def together(vendor_id: UUID) -> str:
    """All that is open of one supplier: what is overdue is chosen, unless the address says what."""
    return _together_page(vendor_id)


@blueprint.post("/suppliers/<uuid:vendor_id>/sent")
@customer_member(*ACTS)
def send(vendor_id: UUID) -> Response | tuple[str, int]:
    """ "I have sent it": the supplier gets the list of what is covered, and it rests."""
    now, today = clock.now(), clock.today(g.zone)
    try:
        with database().transaction() as session:
            sheet = _sheet_of(session, vendor_id, request.form.getlist("i"))
            sending = read_sending(request.form, sheet.currency, g.person)
            sent = advise(session, the_house(), sheet, sending, customer_id=g.customer_id, now=now, today=today)
    except CannotSend as problem:
        return _together_page(vendor_id, str(problem)), 422
    flash(_("%(vendor)s is told. What you named rests until the money has arrived.", vendor=sheet.vendor_name), "ok")
    return redirect(url_for("paying.receipts", _anchor=f"sent-{sent.id}"), 303)


def _sheet_of(session: Session, vendor_id: UUID, keys: Sequence[str]) -> PaySheet:
    """Of the invoices a form names: open, of that vendor, in one currency. Else it is none of ours."""
    now, today = clock.now(), clock.today(g.zone)
    rows = find_rows_by_id(session, _ids(keys), now)
    picked = [row for row in rows.values() if row.is_open and row.vendor_id == vendor_id]
    if len({row.currency for row in picked}) != 1:
        raise CannotSend(_("None of these is open any more. Look at what is left."))
    return pay_sheet(session, sorted(picked, key=lambda row: (row.due_on or date.max, row.id)), "", now, today)


def _together_page(vendor_id: UUID, error: str = "") -> str:
    now, today = clock.now(), clock.today(g.zone)
    with database().reading() as session:
        rows = open_rows(session, vendor_id, now)
        picked = _ids(request.values.getlist("i"))
        known = find_rows_by_id(session, picked, now)
        if not rows and not known:
            abort(404)
        wanted = chosen(rows, [row for row in known.values() if row.vendor_id == vendor_id], today)
        found = sheets(session, [row for row in wanted if row.is_open], now, today)
    return render_template(
        "inbox/together.html",
        vendor_id=vendor_id,
        vendor_name=(rows or wanted)[0].vendor_name,
        rows=rows,
        wanted=wanted,
        sheets=found,
        error=error,
    )


def _ids(keys: Sequence[str]) -> list[UUID]:
    return [found for key in keys[:200] if (found := read_uuid(key))]


# --- what was sent --------------------------------------------------------------------------------------------------


@blueprint.get("/sent")
@customer_member()
def receipts() -> str:
    """What this customer says to have sent, line by line, and to whom."""
    with database().reading() as session:
        return render_template("inbox/sent.html", advices=advices(session))


@blueprint.post("/sent/<uuid:remittance_id>/take-back")
@customer_member(*ACTS)
def not_sent(remittance_id: UUID) -> Response:
    with database().transaction() as session:
        take_back(session, advice_of(session, remittance_id) or abort(404), clock.now())
    flash(_("Taken back. The invoices are asked for again."), "ok")
    return redirect(url_for("paying.receipts"), 303)


def _pay_desk() -> PayDesk:
    desk: PayDesk = current_app.extensions["pay_desk"]
    return desk
