"""Whose mail is whose in a customer's house: routes to people, a mail of one's own, leaving."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.house import House
from app.links import digest_of
from app.mailboxes.people import (
    LEFT,
    MailError,
    Wish,
    add_route,
    drop_route,
    end_mail_of,
    get_own_mail,
    own_mailbox,
    replace_mailbox,
    routes_of,
    try_earlier,
    welcome_back,
)
from app.models import BillTo, Digest, Invoice, Mailbox, Route
from app.scope import CustomerScope
from tests.support.world import EVERYTHING, NOW, World, bill_to, customer_member, digest, invoice, person

pytestmark = pytest.mark.usefixtures("fixed_clock")


def scope(world: World) -> CustomerScope:
    return CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)


def ben_of(house: House, world: World) -> Mailbox:
    """A second, proven mailbox of Cobalt's."""
    with house.database.transaction(EVERYTHING) as session:
        ben = person(session, "ben@cobalt.example", name="Ben")
        customer_member(session, world.cobalt.customer, ben)
    with house.database.transaction(CustomerScope(world.cobalt.customer.id, ben.id)) as session:
        return own_mailbox(session, world.cobalt.customer.id, ben, now=NOW, spacing_hours=20)


def where_is(house: House, owed: Invoice) -> object:
    with house.database.reading(EVERYTHING) as session:
        return session.get_one(Invoice, owed.id).mailbox_id


@pytest.mark.parametrize(
    ("wish", "is_taken"),
    [
        ({"po_number": "po-1%"}, True),
        ({"po_number": "po-2%"}, False),
        ({"po_number": "po!_1%"}, False),
        ({"least_minor": 100_00, "currency": "USD"}, True),
        ({"least_minor": 100_01, "currency": "USD"}, False),
        ({"least_minor": 1, "currency": "EUR"}, False),
        ({"billed_to": "%cobalt north%"}, True),
        ({"billed_to": "%south%"}, False),
        ({}, True),
    ],
)
def test_a_route_takes_what_all_of_it_is_true_of(
    house: House, world: World, wish: dict[str, object], is_taken: bool
) -> None:
    """[H9] Order, amount in its currency, whom it bills; in the customer's own scope."""
    ben = ben_of(house, world)
    with house.database.transaction(EVERYTHING) as session:
        north = bill_to(session, world.acme, world.cobalt, name="Cobalt North")
        owed = invoice(session, world.acme, world.cobalt, number="A-2", po_number="PO-17", bill_to_id=north.id)
    with house.database.transaction(scope(world)) as session:
        facts = Wish(ben.id, is_copy=False, **wish)  # type: ignore[arg-type]
        add_route(session, world.cobalt.customer.id, facts, now=NOW, person_id=world.cobalt.person.id)
    assert where_is(house, owed) == (ben.id if is_taken else world.cobalt.mailbox.id)


def test_the_first_route_wins_and_what_is_dropped_goes_home(house: House, world: World) -> None:
    """[H9] The last route may take everything else; without any, the address in the books counts."""
    ben = ben_of(house, world)
    whose = (world.cobalt.customer.id,)
    by: dict[str, Any] = {"now": NOW, "person_id": world.cobalt.person.id}
    with house.database.transaction(scope(world)) as session:
        add_route(session, *whose, Wish(world.cobalt.mailbox.id, is_copy=False, vendor_id=world.acme.vendor.id), **by)
        add_route(session, *whose, Wish(ben.id, is_copy=False), **by)
    assert where_is(house, world.acme_invoice) == world.cobalt.mailbox.id
    assert where_is(house, world.birch_invoice) == ben.id
    with house.database.transaction(scope(world)) as session:
        try_earlier(session, routes_of(session)[1], **by)
    assert where_is(house, world.acme_invoice) == ben.id
    with house.database.transaction(scope(world)) as session:
        drop_route(session, routes_of(session)[0], **by)
    assert where_is(house, world.birch_invoice) == world.cobalt.mailbox.id


def test_an_address_of_another_customer_gets_no_mail_here(house: House, world: World) -> None:
    """[D16 B6 inv-D2] One mailbox, one customer: reading along does not join two."""
    with house.database.transaction(EVERYTHING) as session:
        customer_member(session, world.cobalt.customer, world.outsider.person)
    with house.database.transaction(scope(world)) as session, pytest.raises(MailError):
        get_own_mail(session, world.cobalt.customer.id, world.outsider.person, now=NOW, spacing_hours=20)


def test_whoever_leaves_leaves_no_link_that_opens_and_no_way_back(house: House, world: World) -> None:
    """[B4 inv-S10] The mails in their hands are dead at once; what came to them goes to somebody proven."""
    ben = ben_of(house, world)
    with house.database.transaction(EVERYTHING) as session:
        invoice(session, world.acme, world.cobalt, number="A-2")
        box = session.get_one(Mailbox, ben.id)
        made = digest(session, world.cobalt, [world.acme_invoice], token="t" * 43, mailbox_id=box.id)
        who = person(session, "ben@cobalt.example")
        add_route(
            session, world.cobalt.customer.id, Wish(ben.id, is_copy=False), now=NOW, person_id=world.cobalt.person.id
        )
        end_mail_of(session, world.cobalt.customer.id, who, now=NOW + timedelta(minutes=1))
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Digest, made.id).token_hash == digest_of("t" * 43)
        assert session.get_one(Digest, made.id).token_revoked_at
        gone = session.get_one(Mailbox, ben.id)
        assert (gone.suppressed_reason, gone.stand_in_id) == (LEFT, world.cobalt.mailbox.id)
        assert gone.left_at
        assert session.scalars(select(Route)).all() == []
        assert {each.mailbox_id for each in session.scalars(select(Invoice))} == {world.cobalt.mailbox.id}
    with house.database.transaction(scope(world)) as session:
        welcome_back(session, world.cobalt.customer.id, "ben@cobalt.example")
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Mailbox, ben.id).left_at is session.get_one(Mailbox, ben.id).suppressed_at is None


def test_the_only_address_that_the_books_know_goes_on_getting_mail(house: House, world: World) -> None:
    """[B4 inv-S2] Its old links are dead all the same."""
    with house.database.transaction(EVERYTHING) as session:
        end_mail_of(session, world.cobalt.customer.id, world.cobalt.person, now=NOW)
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        assert box.suppressed_at is None
        assert box.left_at == NOW


def test_a_bounced_address_is_replaced_by_any_that_somebody_proved(house: House, world: World) -> None:
    """[B5] Without the vendor: its books stay as they are."""
    ben = ben_of(house, world)
    with house.database.transaction(scope(world)) as session:
        old, new = (session.get_one(Mailbox, each) for each in (world.cobalt.mailbox.id, ben.id))
        with pytest.raises(MailError):
            replace_mailbox(session, old, new, now=NOW, person_id=world.cobalt.person.id)
        old.suppressed_at = NOW
        session.flush()
        replace_mailbox(session, old, new, now=NOW, person_id=world.cobalt.person.id)
    assert where_is(house, world.acme_invoice) == ben.id
    with house.database.reading(EVERYTHING) as session:
        assert {each.mailbox_id for each in session.scalars(select(BillTo))} == {ben.id}
        assert {each.address for each in session.scalars(select(BillTo))} == {"ap@cobalt.example"}
