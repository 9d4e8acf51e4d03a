"""Statements, payments, the calendar and the weeks of cash, as their pages show them."""

import csv
from datetime import date, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any

import icalendar
import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.house import House
from app.models import AuditEntry, CreditKind, CustomerMember, HoldKind, Invoice, InvoiceChange, InvoiceState, Relation
from app.scope import CustomerScope
from app.statements.queries import entries
from app.statements.rules import Kind, statement
from tests.support.house import signed_in, without_tokens
from tests.support.links import credit, hold, payment
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, TODAY, World, invoice, vendor

pytestmark = pytest.mark.usefixtures("fixed_clock")
ARABIC = "شركة النور للتجارة"


@pytest.fixture
def cobalt(app: Flask, world: World) -> FlaskClient:
    return signed_in(app, world.cobalt.person)


@pytest.fixture
def paid(house: House, world: World) -> Invoice:
    """Acme's A-0 over 400.00, paid a week ago by card; besides, credit, and what Birch's books settled in silence."""
    with house.database.transaction(EVERYTHING) as session:
        gone: dict[str, Any] = {
            "state": InvoiceState.PAID,
            "balance_minor": 0,
            "due_minor": 0,
            "settled_at": NOW - timedelta(days=3),
        }
        settled = invoice(session, world.acme, world.cobalt, number="A-0", amount="400.00", **gone)
        payment(session, world.acme, world.cobalt, {settled: "400.00"})
        credit(session, world.acme, world.cobalt, "110.00", issued_on=date(2026, 11, 3))
        credit(session, world.acme, world.cobalt, "40.00", kind=CreditKind.UNAPPLIED_CASH, number="")
        invoice(session, world.birch, world.cobalt, number="B-0", amount="500", **gone)
        arabic = vendor(session, ARABIC, address="owner@nur.example", currency="EUR")
        invoice(session, arabic, world.cobalt, number="=1+1", amount="20.00", issued_on=date(2026, 10, 12))
        return settled


def test_a_statement_closes_on_what_the_inbox_says_is_open(house: House, world: World, paid: Invoice) -> None:
    """[H2 inv-M2] Over all suppliers, per currency: open invoices less the credit that is left; in three statements."""
    scope = CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)
    with house.database.reading(scope) as session, statements(house.database) as said:
        found = entries(session, NOW, "UTC")
    assert len(said) == 3
    closing = {sums.currency: sums.closing.minor for sums in statement(found, date.min, TODAY).totals}
    assert closing == {"USD": 125000 - 11000 - 4000, "JPY": 80000, "EUR": 2000}
    kinds = {(entry.vendor_name, entry.kind) for entry in found}
    assert ("Birch", Kind.SETTLED) in kinds
    assert ("Acme", Kind.SETTLED) not in kinds
    november = statement(found, date(2026, 11, 1), TODAY).totals
    assert [(sums.currency, sums.opening.minor) for sums in november] == [
        ("EUR", 2000),
        ("JPY", 80500),
        ("USD", 165000),
    ]


def test_the_pages_the_csv_and_the_pdf_say_the_same(cobalt: FlaskClient, world: World, paid: Invoice) -> None:
    """[H2] And a right-to-left name breaks none of them."""
    page = cobalt.get("/inbox/statements?since=2026-10-01&until=2026-11-23").text
    assert "1,100.00" in page
    assert ARABIC in page
    one = cobalt.get(f"/inbox/statements?since=2026-10-01&vendor={world.acme.vendor.id}").text
    assert f"/inbox/invoices/{paid.id}" in one
    assert "Birch</bdi>" not in one
    answer = cobalt.get("/inbox/statements/csv?since=2026-10-01")
    assert answer.mimetype == "text/csv"
    assert answer.is_streamed
    rows = list(csv.reader(StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row[4] for row in rows if row[0] == ARABIC and row[3] == "Invoice"] == ["'=1+1"]
    assert [row[7] for row in rows if row[3] == "Closing balance"] == ["1100.00", "80000", "20.00"]
    pdf = cobalt.get("/inbox/statements/pdf?since=2026-10-01")
    words = "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf.data)).pages)
    assert "USD 1,100.00" in words
    assert "=1+1" in words
    assert "attachment" in pdf.headers["Content-Disposition"]


def test_exports_need_a_sign_in(app: Flask, world: World) -> None:
    """[H2 B3] A mail's link does not reach them."""
    for path in ("/inbox/statements/csv", "/inbox/statements/pdf", "/inbox/payments", "/inbox/cash"):
        assert app.test_client().get(path).location.startswith("/sign-in")


def test_what_was_paid_is_listed_with_its_receipt(cobalt: FlaskClient, world: World, paid: Invoice) -> None:
    """[H4] When, how, how much, and for which invoices."""
    page = cobalt.get("/inbox/payments").text
    assert page.index("Settled in the supplier") < page.index("Card")  # newest first
    path = next(part for part in page.split('"') if part.startswith("/inbox/payments/"))
    receipt = cobalt.get(path).text
    assert "USD\xa0400.00" in receipt
    assert "Invoice A-0" in receipt
    pdf = PdfReader(BytesIO(cobalt.get(f"{path}/pdf").data)).pages[0].extract_text()
    assert "Acme" in pdf
    assert "A-0" in pdf


def test_blocked_suppliers_are_in_no_statement(house: House, cobalt: FlaskClient, world: World, paid: Invoice) -> None:
    """[H2 B9] As they are not in the inbox."""
    with house.database.transaction(EVERYTHING) as session:
        session.add(Relation(customer_id=world.cobalt.customer.id, vendor_id=world.acme.vendor.id, blocked_at=NOW))
    for path in ("statements", "payments", "cash", "calendar"):
        assert "Acme" not in without_tokens(cobalt.get(f"/inbox/{path}").text)


# --- calendar -------------------------------------------------------------------------------------------------------


def _subscribed(browser: FlaskClient, **form: str) -> str:
    page = browser.post("/inbox/calendar", data=form).text
    return page.split("<code>")[1].split("</code>")[0].partition("/calendar/")[2]


def _events(app: Flask, token: str) -> dict[str, Any]:
    answer = app.test_client().get(f"/calendar/{token}")
    assert answer.status_code == 200
    assert answer.mimetype == "text/calendar"
    return {str(event["UID"]): event for event in icalendar.Calendar.from_ical(answer.data).walk("VEVENT")}


def test_a_calendar_follows_what_changes(app: Flask, house: House, cobalt: FlaskClient, world: World) -> None:
    """[H5] The same UID, a higher SEQUENCE when it moves, cancelled when it is settled; promises and pay runs too."""
    token = _subscribed(cobalt)
    owed = world.acme_invoice
    uid = f"due-{owed.id}@sheaf"
    first = _events(app, token)[uid]
    assert (first.start, first["SEQUENCE"], first["STATUS"]) == (date(2026, 11, 9), 0, "CONFIRMED")
    assert "1,250" not in first["SUMMARY"]
    with house.database.transaction(EVERYTHING) as session:
        _change(session, owed, date(2026, 11, 9))
        _change(session, owed, date(2026, 12, 1), due_on=date(2026, 12, 1))
        promise = hold(session, owed, HoldKind.PROMISE, promised_on=date(2026, 12, 1), amount_minor=500)
        session.get_one(type(world.cobalt.customer), world.cobalt.customer.id).pay_days = "10,25"
    events = _events(app, token)
    assert (events[uid].start, events[uid]["SEQUENCE"]) == (date(2026, 12, 1), 1)
    promised = events[f"promise-{promise.id}@sheaf"]
    assert (promised["SEQUENCE"], promised["STATUS"]) == (0, "CONFIRMED")
    assert next(event.start for name, event in events.items() if name.startswith("run-")) == date(2026, 11, 25)
    with house.database.transaction(EVERYTHING) as session:
        _change(session, owed, date(2026, 12, 1), state=InvoiceState.PAID, balance_minor=0, settled_at=NOW)
        session.get_one(type(promise), promise.id).ended_at = NOW
    events = _events(app, token)
    assert (events[uid]["SEQUENCE"], events[uid]["STATUS"]) == (2, "CANCELLED")
    assert (events[f"promise-{promise.id}@sheaf"]["SEQUENCE"], promised["SEQUENCE"]) == (1, 0)


def _change(session: Session, owed: Invoice, then: date, /, **facts: Any) -> None:
    """As the books tell it: the row, and one more entry of its history."""
    session.execute(update(Invoice).where(Invoice.id == owed.id).values(updated_at=NOW, **facts))
    row = InvoiceChange.arrival(owed)
    row.at, row.due_on = NOW, then
    session.add(row)


def test_a_calendars_address_is_private_and_can_be_taken_back(
    app: Flask, house: House, cobalt: FlaskClient, world: World
) -> None:
    """[H5 inv-L2] Only its hash is kept; a newer one, closing it, or leaving the customer ends it."""
    old = _subscribed(cobalt)
    token = _subscribed(cobalt, amounts="yes")
    stranger = app.test_client()
    assert stranger.get(f"/calendar/{old}").status_code == 404
    (due,) = [each for name, each in _events(app, token).items() if str(world.acme_invoice.id) in name]
    assert "USD 1,250.00" in due["SUMMARY"]
    tag = stranger.get(f"/calendar/{token}").headers["ETag"]
    assert stranger.get(f"/calendar/{token}", headers={"If-None-Match": tag}).status_code == 304
    with house.database.transaction(EVERYTHING) as session:
        member = session.scalars(select(CustomerMember).where(CustomerMember.person_id == world.cobalt.person.id)).one()
        session.delete(member)
    assert stranger.get(f"/calendar/{token}").status_code == 404
    with house.database.transaction(EVERYTHING) as session:
        session.add(CustomerMember(customer_id=member.customer_id, person_id=member.person_id, role=member.role))
    cobalt.post("/inbox/calendar/off")
    assert stranger.get(f"/calendar/{token}").status_code == 404
    with house.database.reading(EVERYTHING) as session:
        actions = [entry.action for entry in session.scalars(select(AuditEntry))]
    assert actions.count("calendar.subscribed") == 2
    assert "calendar.unsubscribed" in actions


# --- cash -----------------------------------------------------------------------------------------------------------


def test_the_weeks_ahead_show_what_is_late_due_promised_and_in_payment(
    house: House, cobalt: FlaskClient, world: World
) -> None:
    """[H6] With later instalments in their own weeks; the same number of statements for one row and for many."""
    with house.database.transaction(EVERYTHING) as session:
        parts = [["2026-12-01", 3000, 3000], ["2027-01-05", 7000, 7000]]
        invoice(
            session,
            world.acme,
            world.cobalt,
            amount="100.00",
            due_minor=3000,
            due_on=date(2026, 12, 1),
            instalments=parts,
        )
        promised = invoice(session, world.acme, world.cobalt, amount="55.00")
        hold(session, promised, HoldKind.PROMISE, promised_on=date(2026, 12, 10))
        paying = invoice(session, world.acme, world.cobalt, amount="5.00", due_on=date(2026, 11, 1))
        hold(session, paying, HoldKind.PAYING)
    with statements(house.database) as said:
        page = cobalt.get("/inbox/cash").text
    for amount in ("USD\xa01,250.00", "USD\xa030.00", "USD\xa070.00", "USD\xa055.00", "USD\xa05.00", "JPY\xa080,000"):
        assert amount in page
    assert "<svg" in page
    with house.database.transaction(EVERYTHING) as session:
        for _ in range(60):
            invoice(session, world.acme, world.cobalt)
    with statements(house.database) as more:
        assert "Next 50 invoices" in cobalt.get("/inbox/cash").text
    assert len(more) == len(said)


def test_rows_are_moved_to_a_pay_run_to_see(
    house: House, cobalt: FlaskClient, world: World, fixed_clock: datetime
) -> None:
    """[H6 H11] Nothing is written by it, and what is not one's own moves nothing."""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(type(world.cobalt.customer), world.cobalt.customer.id).pay_days = "10"
        foreign = invoice(session, world.acme, world.outsider, amount="999.00")
    page = cobalt.get(f"/inbox/cash?row={world.acme_invoice.id}&row={foreign.id}&row=x&to=2026-12-10").text
    assert "+USD\xa01,250.00" in page
    assert "-USD\xa01,250.00" in page
    assert "999.00" not in page
    assert "As it is due" in page


def test_an_empty_inbox_has_pages_that_say_so(app: Flask, world: World) -> None:
    """[H2 H4 H5 H6]"""
    outsider = signed_in(app, world.outsider.person)
    assert "Nothing in these days" in outsider.get("/inbox/statements").text
    assert "No payments yet" in outsider.get("/inbox/payments").text
    assert "Nothing leaves" in outsider.get("/inbox/cash").text
    assert "Nothing ahead" in outsider.get("/inbox/calendar").text
    assert PdfReader(BytesIO(outsider.get("/inbox/statements/pdf").data)).pages
