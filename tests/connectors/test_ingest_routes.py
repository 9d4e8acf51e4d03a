"""Invoices as they come from the books go straight to whoever the customer's routes name."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from app.house import House
from app.mailboxes.people import Wish, add_route
from app.models import BillTo, Connection, Credit, Invoice, Mailbox
from app.money import Money
from connectors.base import Batch, BillToRecord, CreditRecord, InvoiceRecord
from connectors.ingest import ingest
from connectors.rows import rows_of
from tests.support.world import EVERYTHING, NOW, World, mailbox

pytestmark = pytest.mark.usefixtures("fixed_clock")

COBALT = BillToRecord("C1", 1, "Cobalt", "ap@cobalt.example")
PLAIN = InvoiceRecord(
    external_id="I1",
    version=1,
    bill_to_external_id="C1",
    number="N-1",
    issued_on=date(2026, 10, 1),
    due_on=date(2026, 11, 1),
    total=Money.of("100.00", "USD"),
    balance=Money.of("100.00", "USD"),
    state="open",
    raw_state="open",
    po_number="PO-17",
)


@pytest.fixture
def ben(house: House, world: World) -> Mailbox:
    """Takes Cobalt's orders that begin with PO-1."""
    with house.database.transaction(EVERYTHING) as session:
        box = mailbox(session, world.cobalt.customer, "ben@cobalt.example", proven_at=NOW)
        wish = Wish(box.id, is_copy=False, po_number="po-1%")
        add_route(session, world.cobalt.customer.id, wish, now=NOW, person_id=world.cobalt.person.id)
        return box


def bring(house: House, world: World, *records: object) -> dict[str, object]:
    """What stands where afterwards: mailbox by number."""
    with house.database.transaction(EVERYTHING) as session:
        batch = Batch()
        for record in records:
            kind = {BillToRecord: "bill_tos", InvoiceRecord: "invoices", CreditRecord: "credits"}[type(record)]
            getattr(batch, kind).append(record)
        ingest(session, session.get_one(Connection, world.acme.connection.id), rows_of(batch), NOW)
    with house.database.reading(EVERYTHING) as session:
        return {row[0]: row[1] for row in session.execute(select(Invoice.number, Invoice.mailbox_id))}


def test_a_new_invoice_goes_where_its_route_leads(house: House, world: World, ben: Mailbox) -> None:
    """[H9] And one that no route takes to the address in the books."""
    found = bring(house, world, COBALT, PLAIN, replace(PLAIN, external_id="I2", number="N-2", po_number="X-1"))
    assert (found["N-1"], found["N-2"]) == (ben.id, world.cobalt.mailbox.id)
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(BillTo.mailbox_id).where(BillTo.external_id == "C1")).one() == (
            world.cobalt.mailbox.id
        )


def test_a_change_in_the_books_keeps_the_route_and_follows_it(house: House, world: World, ben: Mailbox) -> None:
    """[H9 000-9] A resync neither forgets the customer's choice nor holds on to what is no longer true."""
    bring(house, world, COBALT, PLAIN)
    assert bring(house, world, replace(PLAIN, version=2, balance=Money.of("60.00", "USD")))["N-1"] == ben.id
    assert bring(house, world, replace(PLAIN, version=3, po_number="X-1"))["N-1"] == world.cobalt.mailbox.id
    moved = replace(COBALT, version=2, address_text="ap@outsider.example")
    assert bring(house, world, replace(PLAIN, version=4), moved)["N-1"] == world.outsider.mailbox.id


def test_whoever_takes_no_mail_is_passed_over(house: House, world: World, ben: Mailbox) -> None:
    """[H9 inv-S10]"""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, ben.id).suppressed_at = NOW
    assert bring(house, world, COBALT, PLAIN)["N-1"] == world.cobalt.mailbox.id


def test_a_suppliers_credit_goes_with_all_its_invoices(house: House, world: World, ben: Mailbox) -> None:
    """[H9 A9] Not where only some orders go."""
    total = Money.of("10.00", "USD")
    credit = CreditRecord(
        external_id="K1", version=1, bill_to_external_id="C1", kind="credit_note", number="K-1",
        issued_on=date(2026, 10, 1), total=total, remaining=total,
    )  # fmt: skip
    bring(house, world, COBALT, PLAIN, credit)
    with house.database.transaction(EVERYTHING) as session:
        kept = select(Credit).where(Credit.external_id == "K1")
        assert session.scalars(kept).one().mailbox_id == world.cobalt.mailbox.id
        wish = Wish(ben.id, is_copy=False, vendor_id=world.acme.vendor.id)
        add_route(session, world.cobalt.customer.id, wish, now=NOW, person_id=world.cobalt.person.id)
    bring(house, world, replace(credit, version=2, remaining=Money.of("5.00", "USD")))
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(kept).one().mailbox_id == ben.id
