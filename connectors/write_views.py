"""The vendor decides what is written back into its books, having seen it, and says of what came by another road."""

from datetime import date, timedelta
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from app import clock
from app.access import vendor_member
from app.db import database
from app.models import Connection, Invoice, VendorRole
from app.money import Money, MoneyError
from app.receivables.actions import hold_invoice
from app.scope import widened
from app.words import _
from connectors import queries, registry, write_back
from connectors.actions import MANAGING
from connectors.write_back import NOTE, PAYMENT

blueprint = Blueprint("write_back", __name__, url_prefix="/desk")

ENTERING = (*MANAGING, VendorRole.AGENT)
RESTS = timedelta(days=3)  # an invoice said to be paid, until the books say so


@blueprint.get("/connections/<uuid:connection_id>/write-back")
@vendor_member()
def show(connection_id: UUID) -> str:
    """Exactly what would be written, and where; what was written, and what became of it."""
    with database().reading() as reading:
        found = _connection_or_404(reading, connection_id)
        return render_template(
            "connectors/write_back.html",
            connection=found,
            spec=registry.get(found.provider).spec,
            kinds=write_back.kinds(found),
            planned=write_back.planned(reading, found, clock.now() - write_back.REACH, most=10),
            written=write_back.written(reading, connection_id),
            may_manage=g.role in MANAGING,
        )


@blueprint.post("/connections/<uuid:connection_id>/write-back")
@vendor_member(*MANAGING)
def switch(connection_id: UUID) -> Response:
    kind, is_on = request.form.get("kind", ""), request.form.get("act") == "on"
    with database().transaction() as writing:
        found = _connection_or_404(writing, connection_id)
        if kind not in write_back.kinds(found):
            abort(400)
        write_back.switch(writing, found, kind, is_on=is_on, person=g.person, now=clock.now())
    flash(_("Switched on: what happens from now on is written.") if is_on else _("Switched off."), "ok")
    return redirect(url_for("write_back.show", connection_id=connection_id), 303)


@blueprint.get("/invoices/<uuid:invoice_id>/paid")
@vendor_member(*ENTERING)
def paid(invoice_id: UUID) -> str:
    return _paid_page(invoice_id)


@blueprint.post("/invoices/<uuid:invoice_id>/paid")
@vendor_member(*ENTERING)
def enter_payment(invoice_id: UUID) -> Response | tuple[str, int]:
    """Money that came by another road goes into the books; until they say so, the invoice rests."""
    now = clock.now()
    with database().transaction() as writing:
        invoice, found = _invoice_or_404(writing, invoice_id)
        amount, paid_on, wrong = _read_payment(invoice)
        if found.payments_since is None:
            abort(400)
        if amount is not None and paid_on is not None and not wrong:
            reference = " ".join(request.form.get("reference", "").split())
            hold_invoice(writing, invoice=invoice, until=now + RESTS, note="", now=now, person_id=g.person.id)
            with widened(writing, "what is written back is a worker's to write; the invoice was found in scope"):
                write_back.add_payment(writing, found, invoice, amount, paid_on, reference, now)
    if wrong:
        return _paid_page(invoice_id, wrong), 422
    flash(_("It goes into your books within a minute. Until they say so, nobody is reminded of it."), "ok")
    return redirect(url_for("desk.invoice", invoice_id=invoice_id), 303)


def _read_payment(invoice: Invoice) -> tuple[Money | None, date | None, dict[str, str]]:
    amount, paid_on, wrong = None, None, {}
    try:
        amount = Money.of(request.form.get("amount", "").strip(), invoice.currency)
    except (MoneyError, ValueError):
        wrong["amount"] = _("This is not an amount.")
    if amount is not None and not 0 < amount.minor <= invoice.balance_minor:
        wrong["amount"] = _("More than nothing, and no more than is owed.")
    try:
        paid_on = date.fromisoformat(request.form.get("paid_on", ""))
    except ValueError:
        wrong["paid_on"] = _("This is not a day.")
    if paid_on is not None and paid_on > clock.today(g.zone):
        wrong["paid_on"] = _("That day is still to come.")
    return amount, paid_on, wrong


def _paid_page(invoice_id: UUID, wrong: dict[str, str] | None = None) -> str:
    with database().reading() as reading:
        invoice, found = _invoice_or_404(reading, invoice_id)
        return render_template(
            "connectors/paid.html",
            invoice=invoice,
            connection=found,
            spec=registry.get(found.provider).spec,
            takes_payments=PAYMENT in write_back.kinds(found),
            wrong=wrong or {},
        )


def _invoice_or_404(session: Session, invoice_id: UUID) -> tuple[Invoice, Connection]:
    query = select(Invoice, Connection).join(Connection, Connection.id == Invoice.connection_id)
    row = session.execute(query.where(Invoice.id == invoice_id)).one_or_none() or abort(404)
    return row[0], row[1]


def _connection_or_404(session: Session, connection_id: UUID) -> Connection:
    return queries.connection_of(session, connection_id) or abort(404)


@blueprint.context_processor
def _kinds() -> dict[str, object]:
    return {"NOTE": NOTE, "PAYMENT": PAYMENT}
