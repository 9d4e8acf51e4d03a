"""Paying from a mail's link, without an account: the lines of that mail, one at a time or several of one supplier.

Nested in the pages of digest/views.py.
"""

from collections.abc import Sequence
from datetime import date

from flask import Blueprint, current_app, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import link_holder
from app.db import database
from app.house import the_house
from app.mailboxes.queries import lines_of
from app.models import DigestLine
from app.paying.actions import CannotSend, Paid, PayDesk, advise, press_pay
from app.paying.forms import chosen, read_press, read_sending
from app.paying.queries import PaySheet, pay_sheet, sheets
from app.receivables.queries import Row, find_rows_by_id
from app.trust.queries import pay_terms
from app.words import _
from digest.links import invoice_line, is_shut, opened

blueprint = Blueprint("paying", __name__)


@blueprint.get("/<int:number>/pay")
@link_holder
@opened
def pay(number: int) -> str:
    """Names vendor, amount and host. Only the button acts."""
    with database().reading() as session:
        found, row = invoice_line(session, number)
    return _pay_page(found, row, _pay_desk().host(row.id) if row else "")


@blueprint.post("/<int:number>/pay")
@link_holder
@opened
def go(number: int) -> Response | str:
    """Looks again at the provider, then goes to its live pay page."""
    with database().reading() as session:
        found, row = invoice_line(session, number)
    if row is None:
        return _pay_page(found, None, "", Paid.SETTLED)
    outcome = press_pay(the_house(), _pay_desk(), row.id, read_press(request.form), clock.now())
    if outcome.what == Paid.GO:
        return redirect(outcome.url, 303)
    return _pay_page(found, outcome.row, outcome.host, outcome.what)


def _pay_page(line: DigestLine, row: Row | None, host: str, outcome: Paid | None = None) -> str:
    now = clock.now()
    with database().reading() as session:
        is_open = row is not None and row.is_open
        sheet = pay_sheet(session, [row], host, now, clock.today(g.zone)) if row and is_open else None
        terms = sheet.terms if sheet else pay_terms(session, line.vendor_id, host, now)
        others = sum(each.is_open for each in _rows(session, line).values()) - 1
    return render_template(
        "links/pay.html", line=line, row=row, host=host, outcome=outcome, sheet=sheet, terms=terms, others=others
    )


# --- several at once ------------------------------------------------------------------------------------------------


@blueprint.get("/<int:number>/together")
@link_holder
@opened
def together(number: int) -> str:
    """The lines that this mail has of the line's supplier."""
    return _together_page(number)


@blueprint.post("/<int:number>/sent")
@link_holder
@opened
def send(number: int) -> Response | tuple[str, int]:
    """ "I have sent it": the supplier gets the list of what is covered, and it rests."""
    now, today = clock.now(), clock.today(g.zone)
    try:
        with database().transaction() as session:
            line, _row = invoice_line(session, number)
            sheet = _sheet_of(session, line, today)
            sending = read_sending(request.form, sheet.currency)
            advise(session, the_house(), sheet, sending, customer_id=g.scope.customer_id, now=now, today=today)
    except CannotSend as problem:
        return _together_page(number, str(problem)), 422
    return redirect(url_for("links.paying.together", token=g.token, number=number, i=_numbers(), sent=1), 303)


def _sheet_of(session: Session, line: DigestLine, today: date) -> PaySheet:
    rows = _rows(session, line)
    picked = [rows[number] for number in _numbers() if number in rows and rows[number].is_open]
    if len({row.currency for row in picked}) != 1:
        raise CannotSend(_("None of these is open any more. Look at what is left."))
    return pay_sheet(session, picked, "", clock.now(), today)


def _together_page(number: int, error: str = "") -> str:
    now, today = clock.now(), clock.today(g.zone)
    with database().reading() as session:
        line, _row = invoice_line(session, number)
        rows = _rows(session, line)
        still_open = [row for row in rows.values() if row.is_open]
        named = [rows[each] for each in _numbers() if each in rows]
        wanted = chosen(still_open, named, today)
        found = sheets(session, [row for row in wanted if row.is_open], now, today)
    keys = {row.id: key for key, row in rows.items()}
    return render_template(
        "links/together.html",
        line=line,
        keys=keys,
        named=[keys[row.id] for row in wanted],
        vendor_name=line.vendor_name,
        rows=still_open,
        wanted=wanted,
        sheets=found,
        error=error,
        is_sent=request.args.get("sent") == "1" and not error,
    )


def _rows(session: Session, line: DigestLine) -> dict[int, Row]:
    """By line number: what this mail has of the line's supplier, as it stands now."""
    lines = [each for each in lines_of(session, line.digest_id) if each.vendor_id == line.vendor_id]
    numbers = {each.invoice_id: each.line for each in lines if each.invoice_id and not is_shut(each)}
    found = find_rows_by_id(session, list(numbers), clock.now())
    return {numbers[row.id]: row for row in sorted(found.values(), key=lambda row: (row.due_on or date.max, row.id))}


def _numbers() -> Sequence[int]:
    return request.values.getlist("i", type=int)[:200]


def _pay_desk() -> PayDesk:
    desk: PayDesk = current_app.extensions["pay_desk"]
    return desk
