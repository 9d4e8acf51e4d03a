"""All lines of one digest as a file, for whoever holds its link: also what the mail has no room for (FEATURES C7)."""

import csv
import io

from flask import Blueprint, abort, g, make_response
from werkzeug.wrappers import Response

from app import clock
from app.access import link_holder
from app.db import database
from app.mailboxes.queries import lines_of
from app.money import exponent
from app.names import inert_cell
from app.receivables.queries import find_rows_by_id
from digest.links import is_shut, opened

blueprint = Blueprint("listing", __name__)

_HEAD = ("supplier", "invoice", "order", "issued", "due", "currency", "amount", "state now")


@blueprint.get("/lines.csv")
@link_holder
@opened
def lines() -> Response:
    """As it stands now: amounts in plain numbers, dates as 2026-11-23. What is over says so and has no amount."""
    with database().reading() as session:
        found = lines_of(session, g.scope.digest_id or abort(404))
        wanted = [line.invoice_id for line in found if line.invoice_id and not is_shut(line)]
        rows = find_rows_by_id(session, wanted, clock.now())
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_HEAD)
    for line in found:
        row = rows.get(line.invoice_id) if line.invoice_id else None
        if row is None:
            continue
        amount = _plain(row.due_minor, row.currency) if row.is_open else ""
        state = ("on hold" if row.is_resting else "open") if row.is_open else str(row.state).replace("_", " ")
        words = (row.vendor_name, row.number, row.po_number, row.issued_on or "", row.due_on or "")
        writer.writerow([*(inert_cell(str(word)) for word in words), row.currency, amount, state])
    page = make_response("\ufeff" + out.getvalue())  # a spreadsheet takes it for UTF-8 by this mark alone
    page.headers["Content-Type"] = "text/csv; charset=utf-8"
    page.headers["Content-Disposition"] = 'attachment; filename="sheaf-invoices.csv"'
    return page


def _plain(minor: int, currency: str) -> str:
    digits = exponent(currency)
    whole, part = divmod(abs(minor), 10**digits)
    return f"{'-' if minor < 0 else ''}{whole}{f'.{part:0{digits}}' if digits else ''}"
