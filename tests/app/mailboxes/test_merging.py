"""Two inboxes that one owner has proven become one, and two again."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.house import House
from app.mailboxes.merging import merge, merges_to_undo, split
from app.mailboxes.people import MailError
from app.models import (
    Base,
    Customer,
    CustomerMember,
    CustomerRole,
    Digest,
    Invoice,
    Mailbox,
    Merge,
    Message,
    Relation,
    Thread,
)
from app.scope import CustomerScope
from tests.support.world import (
    EVERYTHING,
    NOW,
    Owing,
    World,
    connection,
    customer,
    customer_member,
    digest,
    invoice,
    person,
    thread,
)

pytestmark = pytest.mark.usefixtures("fixed_clock")


@pytest.fixture
def dune(house: House, world: World) -> Owing:
    """The same firm's other address, with a life of its own."""
    with house.database.transaction(EVERYTHING) as session:
        made = customer(session, "Cobalt Nord", address="nord@cobalt.example")
        owed = invoice(session, world.acme, made, number="A-9")
        thread(session, world.acme, made, owed)
        digest(session, made, [owed], token="d" * 43)
        session.add(Relation(customer_id=made.customer.id, vendor_id=world.acme.vendor.id, muted_at=NOW))
        session.add(Relation(customer_id=made.customer.id, vendor_id=world.birch.vendor.id, accepted_at=NOW))
        session.add(Relation(customer_id=world.cobalt.customer.id, vendor_id=world.acme.vendor.id, accepted_at=NOW))
        return made


def together(house: House, world: World, dune: Owing) -> Merge:
    with house.database.transaction(CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)) as session:
        return merge(
            session, world.cobalt.customer.id, dune.person, by=world.cobalt.person, now=NOW, limits=house.limits
        )


def rows_by_customer(house: House) -> dict[Any, dict[str, int]]:
    """How many rows each customer has, table by table."""
    found: dict[Any, dict[str, int]] = {}
    with house.database.reading(EVERYTHING) as session:
        for name, table in Base.metadata.tables.items():
            if "customer_id" in table.c and name not in ("audit_entry", "merge"):
                counted = select(table.c.customer_id, func.count()).group_by(table.c.customer_id)
                for customer_id, count in session.execute(counted):
                    found.setdefault(customer_id, {})[name] = count
    return found


def test_two_inboxes_become_one_with_all_that_is_theirs(house: House, world: World, dune: Owing) -> None:
    """[B5 inv-D2 inv-F2] One inbox over both addresses; each keeps its own mail, rhythm and distance."""
    done = together(house, world, dune)
    assert dune.customer.id not in {
        key for key, tables in rows_by_customer(house).items() if set(tables) - {"relation"}
    }
    with house.database.reading(CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)) as session:
        assert {each.number for each in session.scalars(select(Invoice))} == {"A-1", "B-1", "A-9"}
        assert {each.address for each in session.scalars(select(Mailbox))} == {
            "ap@cobalt.example",
            "nord@cobalt.example",
        }
        assert len(session.scalars(select(Message)).all()) == len(session.scalars(select(Thread)).all()) == 1
        assert len(session.scalars(select(Digest)).all()) == 1
        acme = session.scalars(select(Relation).where(Relation.vendor_id == world.acme.vendor.id)).one()
        assert acme.muted_at
        assert acme.accepted_at
        assert merges_to_undo(session, NOW)[0].id == done.id
    with house.database.reading(EVERYTHING) as session:
        roles = {
            each.person_id: each.role
            for each in session.scalars(select(CustomerMember))
            if each.customer_id == world.cobalt.customer.id
        }
    assert roles == {world.cobalt.person.id: CustomerRole.ADMIN, dune.person.id: CustomerRole.ADMIN}


def test_merging_and_parting_leaves_everybody_with_what_was_theirs(house: House, world: World, dune: Owing) -> None:
    """[B5 inv-D2] Row for row; decisions made together hold for both."""
    before = rows_by_customer(house)
    done = together(house, world, dune)
    with house.database.transaction(CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)) as session:
        split(session, session.get_one(Merge, done.id), by=world.cobalt.person, now=NOW + timedelta(days=1))
    after = rows_by_customer(house)
    for tables in (*before.values(), *after.values()):
        tables.pop("relation", None)
    assert after == before
    with house.database.reading(EVERYTHING) as session:
        muted = session.scalars(select(Relation.customer_id).where(Relation.muted_at.is_not(None))).all()
        assert set(muted) == {world.cobalt.customer.id, dune.customer.id}


def test_what_came_meanwhile_parts_by_its_mailbox(house: House, world: World, dune: Owing) -> None:
    """[B5] An invoice that arrived at the merged inbox goes with the address it was sent to."""
    done = together(house, world, dune)
    with house.database.transaction(EVERYTHING) as session:
        joined = Owing(
            session.get_one(Customer, world.cobalt.customer.id), session.get_one(Mailbox, dune.mailbox.id), dune.person
        )
        fresh = invoice(session, world.birch, joined, number="B-9")
        split(session, session.get_one(Merge, done.id), by=world.cobalt.person, now=NOW + timedelta(days=1))
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Invoice, fresh.id).customer_id == dune.customer.id


def test_an_invoice_both_had_from_two_of_a_vendors_books_is_one_while_they_are_one(
    house: House, world: World, dune: Owing
) -> None:
    """[002-5 B5] Who the customer is decides what is the same; parted, each has its own again."""
    with house.database.transaction(EVERYTHING) as session:
        other = connection(session, world.acme.vendor, world.acme.person, provider="stripe")
        facts: Any = {"number": "A-1", "due_on": date(2026, 11, 9), "amount": "1250.00"}
        invoice(session, replace(world.acme, connection=other), dune, **facts)
    done = together(house, world, dune)
    assert states_of_a1(house) == ["open", "twin"]
    with house.database.transaction(CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)) as session:
        split(session, session.get_one(Merge, done.id), by=world.cobalt.person, now=NOW)
    assert states_of_a1(house) == ["open", "open"]


def states_of_a1(house: House) -> list[str]:
    with house.database.reading(EVERYTHING) as session:
        return sorted(session.scalars(select(Invoice.state).where(Invoice.number == "A-1")))


def test_nobody_brings_in_an_inbox_they_do_not_administer(house: House, world: World, dune: Owing) -> None:
    """[B5 B4 inv-D2] Reading one of its addresses is not enough where it has people."""
    with house.database.transaction(EVERYTHING) as session:
        clerk = person(session, "clerk@cobalt.example")
        customer_member(session, dune.customer, clerk, CustomerRole.PAYER)
        session.add(Mailbox(customer_id=dune.customer.id, address="clerk@cobalt.example", proven_at=NOW))
    for who in (clerk, world.cobalt.person, world.birch.person):
        with (
            house.database.transaction(CustomerScope(world.cobalt.customer.id, world.cobalt.person.id)) as session,
            pytest.raises(MailError),
        ):
            merge(session, world.cobalt.customer.id, who, by=world.cobalt.person, now=NOW, limits=house.limits)


def test_a_merge_can_be_taken_back_for_a_month_and_once(house: House, world: World, dune: Owing) -> None:
    """[B5]"""
    done = together(house, world, dune)
    late = NOW + timedelta(days=house.limits.merge_undo_days)
    with house.database.transaction(EVERYTHING) as session:
        found = session.get_one(Merge, done.id)
        assert merges_to_undo(session, late) == []
        with pytest.raises(MailError):
            split(session, found, by=world.cobalt.person, now=late)
        split(session, found, by=world.cobalt.person, now=NOW)
        with pytest.raises(MailError):
            split(session, found, by=world.cobalt.person, now=NOW)
