"""One invoice's timeline, as its customer, its vendor and the holder of a mail's link read it."""

from datetime import timedelta

import pytest

from app.house import House
from app.models import HoldKind, Mailbox
from app.receivables.timeline import Event, Moment, timeline
from app.scope import CustomerScope, LinkScope, Scope, VendorScope
from tests.support.links import hold, payment
from tests.support.world import EVERYTHING, NOW, World, digest, thread

pytestmark = pytest.mark.usefixtures("fixed_clock")


@pytest.fixture
def told(house: House, world: World) -> World:
    """A1 stood in two mails, one to a colleague; was asked about, promised, held in secret, and partly paid."""
    with house.database.transaction(EVERYTHING) as session:
        colleague = Mailbox(customer_id=world.cobalt.customer.id, address="ana@cobalt.example", proven_at=NOW)
        session.add(colleague)
        session.flush()
        digest(session, world.cobalt, [world.acme_invoice], accepted_at=NOW - timedelta(days=2))
        digest(
            session, world.cobalt, [world.acme_invoice], accepted_at=NOW - timedelta(days=1), mailbox_id=colleague.id
        )
        digest(session, world.cobalt, [world.birch_invoice])
        thread(session, world.acme, world.cobalt, world.acme_invoice)
        hold(session, world.acme_invoice, HoldKind.PROMISE, promised_on=NOW.date(), note="After the audit")
        hold(session, world.acme_invoice, HoldKind.VENDOR, is_hidden=True, note="They are friends")
        bill = world.acme_invoice.bill_to_id
        payment(session, world.acme, world.cobalt, {world.acme_invoice: "50.00"}, bill_to_id=bill)
    return world


def read(house: House, scope: Scope, world: World) -> list[Moment]:
    with house.database.reading(scope) as session:
        return timeline(session, world.acme_invoice.id)


def test_both_sides_read_the_same_but_for_what_each_keeps_to_itself(house: House, told: World) -> None:
    """[B14 000-3 001-1 002-23 003-3 004-24 inv-I2] The vendor's secret hold is the vendor's; who of the customer's
    people reads along is the customer's."""
    customers = read(house, CustomerScope(told.cobalt.customer.id, told.cobalt.person.id), told)
    vendors = read(house, VendorScope(told.acme.vendor.id, told.acme.person.id), told)
    assert [each.at for each in customers] == sorted((each.at for each in customers), reverse=True)
    shared = {Event.ARRIVED, Event.MAILED, Event.ASKED, Event.HELD, Event.PAID}
    assert {each.event for each in customers} == {each.event for each in vendors} == shared
    assert [each.note for each in customers if each.event == Event.HELD] == ["After the audit"]
    assert {each.note for each in vendors if each.event == Event.HELD} == {"After the audit", "They are friends"}
    to = {side: {each.who for each in told_to if each.event == Event.MAILED} for side, told_to in
          (("customer", customers), ("vendor", vendors))}  # fmt: skip
    assert to == {"customer": {"ap@cobalt.example", "ana@cobalt.example"}, "vendor": {"ap@cobalt.example", ""}}


def test_a_link_shows_its_own_mail_and_no_conversation(house: House, told: World) -> None:
    """[B14 inv-L2] Somebody may have forwarded it."""
    with house.database.transaction(EVERYTHING) as session:
        mine = digest(session, told.cobalt, [told.acme_invoice], accepted_at=NOW - timedelta(hours=1))
    scope = LinkScope(told.cobalt.customer.id, told.cobalt.mailbox.id, digest_id=mine.id)
    found = read(house, scope, told)
    assert [each.at for each in found if each.event == Event.MAILED] == [NOW - timedelta(hours=1)]
    asked = [each for each in found if each.event == Event.ASKED]
    assert [(each.who, each.thread_id) for each in asked] == [("", None)]


def test_an_outsider_reads_nothing(house: House, told: World) -> None:
    """[B14 inv-I1]"""
    assert read(house, CustomerScope(told.outsider.customer.id, told.outsider.person.id), told) == []
    assert read(house, VendorScope(told.birch.vendor.id, told.birch.person.id), told) == []
