"""Several people of one customer: a mail each, with its own link; and a mailbox that wants no names in its mail."""

import re

import pytest
from sqlalchemy import delete

from app.house import House
from app.mailboxes.people import Wish, add_route, get_own_mail
from app.models import CustomerRole, Invoice, Mailbox, Person, Route
from digest.plan import plan_batch
from digest.stale import stale_digests
from tests.digest.rows import change, digests, lines, mails
from tests.support.house import without_tokens
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, TODAY, World, customer_member, invoice, person


@pytest.fixture
def world(due_world: World) -> World:
    return due_world


@pytest.fixture
def ana(house: House, world: World) -> Person:
    with house.database.transaction(EVERYTHING) as session:
        found = person(session, "ana@cobalt.example", name="Ana")
        customer_member(session, world.cobalt.customer, found, CustomerRole.PAYER)
        return found


def own_mail(house: House, world: World, who: Person) -> Mailbox:
    """A mail of their own, due this minute."""
    with house.database.transaction(EVERYTHING) as session:
        box = get_own_mail(session, world.cobalt.customer.id, who, now=NOW, spacing_hours=20)
        box.next_digest_at = NOW
        return box


def test_a_colleague_gets_the_same_lines_in_a_mail_of_their_own(house: House, world: World, ana: Person) -> None:
    """[D16 B4 inv-S1 inv-S9 inv-L2] One mail and one token each; both say to whom else it went."""
    box = own_mail(house, world, ana)
    assert plan_batch(house) == 2
    by_box = {digest.mailbox_id: digest for digest in digests(house)}
    assert set(by_box) == {box.id, world.cobalt.mailbox.id}
    assert len({digest.token_hash for digest in by_box.values()}) == 2
    told = {mail.address: mail for mail in mails(house)}
    assert "Also sent to ap" in told["ana@cobalt.example"].text
    assert "Also sent to Ana" in told["ap@cobalt.example"].text
    shown = [(line.digest_id, line.number) for line in lines(house)]
    assert sorted(shown) == sorted((each.id, number) for each in by_box.values() for number in ("A-1", "B-1"))
    with house.database.reading(EVERYTHING) as session:
        assert stale_digests(session, [each.id for each in by_box.values()], (), (), NOW) == set()


def test_a_copy_is_stale_once_its_lines_are_not_the_customers_any_more(house: House, world: World, ana: Person) -> None:
    """[D16 inv-S3]"""
    box = own_mail(house, world, ana)
    plan_batch(house)
    change(house, world.acme_invoice, customer_id=world.outsider.customer.id, mailbox_id=world.outsider.mailbox.id)
    with house.database.reading(EVERYTHING) as session:
        found = stale_digests(session, [each.id for each in digests(house)], (), (), NOW)
    assert found == {each.id for each in digests(house)}
    assert box.customer_id == world.cobalt.customer.id


def test_a_copy_may_be_of_some_invoices_only(house: House, world: World, ana: Person) -> None:
    """[D16 H9] Whoever reads along with one order's invoices reads no others."""
    box = own_mail(house, world, ana)
    with house.database.transaction(EVERYTHING) as session:
        session.execute(delete(Route))
        invoice(session, world.acme, world.cobalt, number="A-2", po_number="P-77", due_on=TODAY, amount="20.00")
        wish = Wish(box.id, is_copy=True, po_number="p-7%")
        add_route(session, world.cobalt.customer.id, wish, now=NOW, person_id=ana.id)
    plan_batch(house)
    (mine,) = (digest for digest in digests(house) if digest.mailbox_id == box.id)
    assert [line.number for line in lines(house) if line.digest_id == mine.id] == ["A-2"]


def test_reading_along_costs_no_further_statement(house: House, world: World, ana: Person) -> None:
    """[D16 perf-B7] As many for two readers as for one."""
    with statements(house.database) as alone:
        plan_batch(house)
    own_mail(house, world, ana)
    with statements(house.database) as both:
        plan_batch(house)
    assert len(both) <= len(alone)


def test_an_invoice_that_a_route_moved_stands_in_one_mail_only(house: House, world: World, ana: Person) -> None:
    """[H9] The rule moves it; what no rule takes stays with the address in the vendor's books."""
    box = own_mail(house, world, ana)
    with house.database.transaction(EVERYTHING) as session:
        session.execute(delete(Route))
        wish = Wish(box.id, is_copy=False, vendor_id=world.birch.vendor.id)
        add_route(session, world.cobalt.customer.id, wish, now=NOW, person_id=ana.id)
        assert session.get_one(Invoice, world.birch_invoice.id).mailbox_id == box.id
    plan_batch(house)
    of = {digest.id: digest.mailbox_id for digest in digests(house)}
    assert {(of[line.digest_id], line.number) for line in lines(house)} == {
        (box.id, "B-1"),
        (world.cobalt.mailbox.id, "A-1"),
    }
    assert all("Also sent" not in mail.text for mail in mails(house))


def test_a_private_mail_says_how_many_and_no_more(house: House, world: World) -> None:
    """[C13 000-7] No names, no amounts, and every way out still there."""
    change(house, world.cobalt.mailbox, is_private=True)
    plan_batch(house)
    (mail,) = mails(house)
    everything = mail.subject + mail.text + mail.html
    for name in ("Acme", "Birch", "A-1", "B-1", "USD", "JPY", "1,250", "80,000"):
        assert name not in without_tokens(everything), name
    assert re.search(r"1 overdue", mail.subject)
    for way in ("/unsubscribe", "/report", "/rhythm"):
        assert way in mail.text
        assert way in mail.html or way == "/report"
    assert len(lines(house)) == 2  # the page behind the link has them
