"""A word at once about a new invoice of an amount the mailbox chose, and of no other."""

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from app.conversations.actions import answer, ask_question
from app.house import House
from app.mailboxes.actions import AtOnce, choose_instant
from app.mailboxes.instant import tell_new_invoices
from app.models import HoldKind, Invoice, InvoiceState, Mailbox, Outgoing, OutgoingKind, Relation
from app.money import Money
from tests.support.house import signed_in
from tests.support.links import hold, sent_digest, with_wings
from tests.support.world import EVERYTHING, NOW, World, invoice

pytestmark = pytest.mark.usefixtures("fixed_clock")
ISSUED = date(2026, 11, 20)


A_THOUSAND = Money(100000, "USD")


def choose(house: House, world: World, least: Money | None = A_THOUSAND) -> None:
    """Cobalt chose it an hour ago; Acme's first invoice was there before."""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Invoice, world.acme_invoice.id).created_at = NOW - timedelta(hours=2)
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        choose_instant(session, box, AtOnce(least), NOW - timedelta(hours=1))


def comes(house: House, world: World, amount: str, **facts: Any) -> None:
    with house.database.transaction(EVERYTHING) as session:
        said = {"issued_on": ISSUED, "created_at": NOW, "number": f"A-{amount}", **facts}
        invoice(session, world.acme, world.cobalt, amount=amount, **said)


def mails(house: House) -> list[Outgoing]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(Outgoing)))


def test_what_is_as_big_as_chosen_is_told_at_once_and_once(database_url: str, house: House, world: World) -> None:
    """[D21 003-1]"""
    choose(house, world)
    comes(house, world, "1000.00")
    comes(house, world, "999.99")
    assert (tell_new_invoices(house), tell_new_invoices(house)) == (1, 0)
    [mail] = mails(house)
    assert mail.mailbox_id == world.cobalt.mailbox.id
    assert "A-1000.00" in mail.text
    assert "A-999.99" not in mail.text
    assert "A-1:" not in mail.text  # what was there when it was chosen is not new
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, world.cobalt.mailbox.id).instant_due_at = NOW
    tell_new_invoices(house)
    assert len(mails(house)) == 1


@pytest.mark.parametrize("why", ["never chosen", "given up", "other currency", "old", "muted", "suppressed", "off"])
def test_nothing_is_told_that_was_not_asked_for(house: House, world: World, why: str) -> None:
    """[D21 inv-S10]"""
    if why != "never chosen":
        choose(house, world, Money(100000, "EUR" if why == "other currency" else "USD"))
    if why == "given up":
        choose(house, world, None)
    comes(house, world, "5000.00", **({"issued_on": date(2026, 9, 1)} if why == "old" else {}))
    with house.database.transaction(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        if why == "suppressed":
            box.suppressed_at = NOW
        elif why == "off":
            box.reminders_off_at = NOW
        elif why == "muted":
            session.add(Relation(vendor_id=world.acme.vendor.id, customer_id=world.cobalt.customer.id, muted_at=NOW))
    tell_new_invoices(house)
    assert mails(house) == []


def test_it_is_chosen_in_the_inbox_and_from_the_mails_link(app: Flask, house: House, world: World) -> None:
    """[D21 B3]"""
    with_wings(app)
    with house.database.transaction(EVERYTHING) as session:
        sent = sent_digest(session, world.cobalt.mailbox, [world.acme_invoice])
    ana, where = signed_in(app, world.cobalt.person), f"/inbox/rhythm/{world.cobalt.mailbox.id}"
    ana.post(where, data={"act": "instant", "instant": "1.000,00", "instant_currency": "eur"})
    assert _box(house, world).instant == Money(100000, "EUR")
    assert "Write an amount" in ana.post(where, data={"act": "instant", "instant": "much"}, follow_redirects=True).text
    link = app.test_client()
    assert link.post(sent.at("instant"), data={"instant": "a lot", "instant_currency": "USD"}).status_code == 422
    assert _box(house, world).instant == Money(100000, "EUR")
    assert link.post(sent.at("instant"), data={"instant": ""}).status_code == 303
    assert _box(house, world).instant is None
    ticked = link.post(sent.at("instant"), data={"answers": "yes"})
    box = _box(house, world)
    assert (ticked.status_code, box.answers_at_once, box.failures_at_once) == (303, True, False)


@pytest.mark.parametrize(
    "why", ["it waits", "wanted at once", "about no invoice", "paid", "it rests", "due much later", "no more digests"]
)
def test_an_answer_waits_for_the_digest_where_that_will_tell_it(house: House, world: World, why: str) -> None:
    """[D21 F9] It never gets lost: where no digest will speak of it, it comes at once."""
    asked = [] if why == "about no invoice" else [world.acme_invoice.id]
    people: dict[str, Any] = {"vendor_id": world.acme.vendor.id, "customer_id": world.cobalt.customer.id}
    with house.database.transaction(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        box.next_digest_at = NOW + timedelta(days=3)
        choose_instant(session, box, AtOnce(None, answers=why == "wanted at once"), NOW)
        if why == "no more digests":
            box.reminders_off_at = NOW
        bill = session.get_one(Invoice, world.acme_invoice.id)
        if why == "paid":
            bill.state = InvoiceState.PAID
        elif why == "it rests":
            hold(session, bill, HoldKind.PROMISE)
        elif why == "due much later":
            bill.due_on = date(2026, 12, 24)
        thread = ask_question(
            session, house=house, **people, mailbox_id=box.id, invoice_ids=asked, body="Which?", now=NOW, via="link"
        )
        answer(session, house=house, thread=thread, person=world.acme.person, body="Order 7.", now=NOW)
    told = [mail.mailbox_id for mail in mails(house) if mail.kind == OutgoingKind.ANSWER]
    assert told == ([] if why == "it waits" else [world.cobalt.mailbox.id])


def _box(house: House, world: World) -> Mailbox:
    with house.database.reading(EVERYTHING) as session:
        return session.get_one(Mailbox, world.cobalt.mailbox.id)
