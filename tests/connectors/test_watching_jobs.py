"""Jobs that look after what nobody tells us of: payments that were started, and books that grew old."""

from datetime import timedelta

from sqlalchemy import select

from app import clock
from app.house import House
from app.models import Connection, Hold, HoldKind, Invoice, InvoiceState, Settlement, TaskKind, VendorTask
from connectors.jobs import look_at_payments, pull_due, tell_of_old_books
from connectors.sandbox.client import SandboxControl
from tests.support.books import connected
from tests.support.world import EVERYTHING, Selling


def open_invoices(house: House) -> list[Invoice]:
    with house.database.reading(EVERYTHING) as session:
        query = select(Invoice).where(Invoice.state == InvoiceState.OPEN, Invoice.number != "")
        return list(session.scalars(query.order_by(Invoice.number)))


def test_what_somebody_went_to_pay_is_looked_at_again_without_any_webhook(house: House, books: SandboxControl) -> None:
    """[I1 E7 I3 002-15] Within the minute it is settled here, with the provider's own word for when."""
    by = connected(house, books, "Cedar Studio")
    assert pull_due(house) == 1
    books.fault("lost_webhooks", by.connection.provider, times=None)
    paid, untouched = open_invoices(house)[:2]
    books.act("Cedar Studio", "pay", invoice=paid.external_id)
    with house.database.transaction(EVERYTHING) as session:
        owned = {"vendor_id": by.vendor.id, "invoice_id": paid.id, "kind": HoldKind.PAYING}
        session.add(Hold(**owned, ends_at=clock.now() + timedelta(minutes=30)))
    assert look_at_payments(house) == 0
    assert paid.id not in {each.id for each in open_invoices(house)}
    assert untouched.id in {each.id for each in open_invoices(house)}
    with house.database.reading(EVERYTHING) as session:
        settled = session.scalars(select(Settlement)).one()
    assert (settled.invoice_id, settled.state, settled.told_at) == (paid.id, InvoiceState.PAID, None)
    assert settled.settled_at
    assert settled.settled_at <= settled.seen_at


def tasks(house: House) -> list[VendorTask]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(VendorTask)))


def age(house: House, of: Selling, hours: int) -> None:
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Connection, of.connection.id).as_of = clock.now() - timedelta(hours=hours)


def test_a_vendor_is_told_once_that_its_books_are_old(house: House, books: SandboxControl) -> None:
    """[D9 inv-S3] And no more once they are fresh; what its people ticked off stays so."""
    by = connected(house, books, "Cedar Studio")
    with clock.travel(clock.now()):
        age(house, by, 23)
        tell_of_old_books(house)
        assert tasks(house) == []
        age(house, by, 25)
        for _ in range(3):
            tell_of_old_books(house)
        (task,) = tasks(house)
        assert (task.vendor_id, task.kind, task.done_at) == (by.vendor.id, TaskKind.BOOKS, None)
        with house.database.transaction(EVERYTHING) as session:
            session.get_one(VendorTask, task.id).done_at = clock.now()
        tell_of_old_books(house)
        assert tasks(house)[0].done_at
        age(house, by, 30)
        tell_of_old_books(house)
        assert len(tasks(house)) == 2
        age(house, by, 0)
        tell_of_old_books(house)
        assert all(each.done_at for each in tasks(house))
