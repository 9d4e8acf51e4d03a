"""The holds that silence one invoice."""

from datetime import timedelta

import pytest

from app.house import House
from app.models import HoldKind, Invoice
from app.receivables.actions import end_holds, hold_invoice, live_holds
from tests.support.world import EVERYTHING, NOW, World

pytestmark = pytest.mark.usefixtures("fixed_clock")


def test_a_vendors_hold_replaces_its_last_one_and_ends_by_itself(house: House, world: World) -> None:
    """[A11 C11]"""
    with house.database.transaction(EVERYTHING) as session:
        bill = session.get_one(Invoice, world.acme_invoice.id)
        for days in (3, 5):
            until = NOW + timedelta(days=days)
            hold_invoice(session, invoice=bill, until=until, note="", now=NOW, person_id=world.acme.person.id)
            session.flush()
        [live] = live_holds(session, bill.id, NOW)
        assert live.ends_at == NOW + timedelta(days=5)
        assert live_holds(session, bill.id, NOW + timedelta(days=5)) == []
        end_holds(session, invoice_ids=[bill.id], kind=HoldKind.VENDOR, now=NOW, reason="Over")
        session.expire_all()
        assert live_holds(session, bill.id, NOW) == []
