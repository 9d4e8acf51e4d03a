"""What both sides agreed on outlives every sync."""

from datetime import date, timedelta

from sqlalchemy import select, update

from app.house import House
from app.models import BillTo, Connection, Invoice
from connectors.base import Batch
from connectors.ingest import ingest
from connectors.rows import rows_of
from tests.connectors.test_ingest import bill_to, invoice
from tests.support.world import EVERYTHING, NOW, vendor


def test_agreed_dues_and_longer_terms_are_kept_when_the_books_say_something_new(house: House) -> None:
    """[F12 A10 J2 003-16 003-19]"""
    with house.database.transaction(EVERYTHING) as session:
        acme = vendor(session, "Acme", address="owner@acme.example")
    plan = [["2026-12-10", 6_000], ["2027-01-10", 4_000]]

    def take_in(*invoices: object, at: int) -> None:
        with house.database.transaction(EVERYTHING) as session:
            books = session.get_one(Connection, acme.connection.id)
            batch = Batch(bill_tos=[bill_to(version=at)], invoices=list(invoices))  # type: ignore[arg-type]
            ingest(session, books, rows_of(batch), NOW + timedelta(hours=at))

    take_in(invoice("I1"), invoice("I2"), at=1)
    with house.database.transaction(EVERYTHING) as session:
        agreed = {"agreed_at": NOW, "agreed_dues": plan}
        session.execute(update(Invoice).where(Invoice.external_id == "I1").values(**agreed))
        session.execute(update(BillTo).values(extra_days=30))
    take_in(invoice("I1", 2, balance="35.00"), invoice("I2", 2, number="new"), invoice("I3", 2), at=2)
    with house.database.reading(EVERYTHING) as session:
        rows = {row.external_id: row for row in session.execute(select(Invoice)).scalars()}
    # what was paid lowered the first part, and all of it: the second is next
    assert (rows["I1"].due_on, rows["I1"].due_minor) == (date(2027, 1, 10), 3_500)
    assert rows["I1"].instalments == [["2026-12-10", 6_000, 0], ["2027-01-10", 4_000, 3_500]]
    assert rows["I2"].due_on == rows["I3"].due_on == date(2026, 12, 1)  # the books say 1 November
