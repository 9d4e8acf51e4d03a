"""An accountant with several clients: one mail, each client counted by itself, and no line of anybody's."""

from datetime import date

import pytest
from sqlalchemy import delete

from app.house import House
from app.models import CustomerMember, CustomerRole, HoldKind, Outcome
from digest.plan import plan_batch
from tests.digest.rows import change, digests, lines, mails
from tests.support.house import without_tokens
from tests.support.links import hold
from tests.support.world import EVERYTHING, NOW, Owing, World, customer, customer_member, invoice, small_world

WAS_DUE = date(2026, 11, 2)


@pytest.fixture
def world(house: House, fixed_clock: object) -> World:
    with house.database.transaction(EVERYTHING) as session:
        return small_world(session)


@pytest.fixture
def office(house: House, world: World) -> Owing:
    """Fern's own mailbox, due now, with nothing open; Fern works for Cobalt and for Dune, whose one late line rests."""
    with house.database.transaction(EVERYTHING) as session:
        fern = customer(session, "Fern & Co", address="fern@office.example", next_digest_at=NOW)
        dune = customer(session, "Dune GmbH", address="ap@dune.example")
        for client in (world.cobalt, dune):
            customer_member(session, client.customer, fern.person, CustomerRole.PAYER)
        for number in ("D-1", "D-2"):
            late = invoice(session, world.acme, dune, number=number, due_on=WAS_DUE, amount="77.00")
        hold(session, late, HoldKind.DISPUTE)
        invoice(session, world.acme, world.outsider, number="O-1", due_on=WAS_DUE)
        return fern


def test_one_mail_counts_each_client_by_itself(house: House, world: World, office: Owing) -> None:
    """[B6 inv-I1 inv-L2] Late ones make it worth sending; nobody's number, amount or supplier stands in it."""
    assert plan_batch(house) == 1
    (mail,), (digest,) = mails(house), digests(house)
    assert (mail.address, digest.customer_id) == ("fern@office.example", office.customer.id)
    assert "2 overdue at your companies" in mail.subject
    assert "Cobalt: 2 open, 1 overdue" in mail.text
    assert "Dune GmbH: 1 open, 1 overdue" in mail.text
    assert "/inbox/companies" in mail.text
    assert lines(house) == []
    for foreign in ("A-1", "B-1", "D-1", "O-1", "Acme", "Birch", "Outsider", "77.00"):
        assert foreign not in without_tokens(mail.text + mail.html), foreign


def test_nothing_late_anywhere_is_nothing_to_say(house: House, world: World, office: Owing) -> None:
    """[B6 inv-S2]"""
    change(house, world.acme_invoice, due_on=date(2026, 12, 24))
    with house.database.transaction(EVERYTHING) as session:
        elsewhere = CustomerMember.customer_id.not_in((office.customer.id, world.cobalt.customer.id))
        session.execute(delete(CustomerMember).where(CustomerMember.person_id == office.person.id, elsewhere))
    plan_batch(house)
    assert [each.outcome for each in digests(house)] == [Outcome.NOTHING_DUE]


def test_a_private_mail_names_no_client(house: House, world: World, office: Owing) -> None:
    """[B6 C13]"""
    change(house, office.mailbox, is_private=True)
    plan_batch(house)
    (mail,) = mails(house)
    assert "2 overdue at your companies" in mail.subject
    assert "Cobalt" not in without_tokens(mail.subject + mail.text + mail.html)
    assert "Dune" not in without_tokens(mail.subject + mail.text + mail.html)
