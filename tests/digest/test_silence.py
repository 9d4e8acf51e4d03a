"""What bounces, blocks and complaints stop, who hears of it, and who gets the mail instead."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app import clock
from app.house import House
from app.models import (
    Attempt,
    AuditEntry,
    BillTo,
    DeliveryEvent,
    Invoice,
    Mailbox,
    Person,
    VendorTask,
)
from digest.deliver import deliver_batch
from digest.events import handle_events
from digest.plan import plan_batch
from tests.digest.mails import answer_mail, cobalts_digest, question_mail
from tests.support.sinks import MemoryChannel
from tests.support.statements import statements
from tests.support.time import MONDAY_MORNING
from tests.support.world import EVERYTHING, World, invoice, mailbox

BOUNCE = b'{"type": "bounce", "reason": "550 5.1.1 unknown user"}'


@pytest.fixture
def sent(house: House, world: World, travel: Any) -> World:
    """Cobalt's digest is out."""
    travel(MONDAY_MORNING)
    cobalts_digest(house, world)
    deliver_batch(house, MemoryChannel())
    return world


def report(house: House, kind: str, body: bytes = b"{}", minutes: int = 0) -> None:
    """SendGrid says this of the newest attempt."""
    with house.database.transaction(EVERYTHING) as session:
        newest = session.scalar(select(Attempt.id).order_by(Attempt.id.desc()).limit(1))
        at = clock.now() + timedelta(minutes=minutes)
        session.add(DeliveryEvent(attempt_id=newest, kind=kind, happened_at=at, received_at=at, body=body))
    handle_events(house)


def box(house: House, world: World) -> Mailbox:
    with house.database.reading(EVERYTHING) as session:
        return session.get_one(Mailbox, world.cobalt.mailbox.id)


def tasks(house: House) -> list[VendorTask]:
    with house.database.reading(EVERYTHING) as session:
        return sorted(session.scalars(select(VendorTask)), key=lambda task: (task.words, task.vendor_id))


@pytest.mark.parametrize(("kind", "body"), [("bounce", BOUNCE), ("spamreport", b"{}")])
def test_every_vendor_it_owes_hears_that_mail_does_not_arrive_and_no_more(
    house: House, sent: World, kind: str, body: bytes
) -> None:
    """[D14 inv-I2] Acme's line was on the mail and Birch's was not: the same words for both, for bounce and complaint
    alike, with the address their own books have; nothing about who else, when, or why."""
    report(house, kind, body)
    raised = tasks(house)
    assert {task.vendor_id for task in raised} == {sent.acme.vendor.id, sent.birch.vendor.id}
    assert {task.words for task in raised} == {"Mail to ap@cobalt.example does not arrive (Cobalt)."}
    assert len({task.remedy for task in raised}) == 1
    report(house, kind, body, minutes=1)
    assert len(tasks(house)) == 2


def test_of_two_that_speak_of_one_mail_the_stronger_counts(house: House, sent: World) -> None:
    """[D14 inv-S10] Complaint and unsubscribe in one delivery, in either order."""
    with house.database.transaction(EVERYTHING) as session:
        attempt_id, now = session.scalar(select(Attempt.id)), clock.now()
        for kind in ("spamreport", "unsubscribe"):
            facts = {"attempt_id": attempt_id, "kind": kind, "happened_at": now, "received_at": now}
            session.add(DeliveryEvent(**facts, body=b"{}"))
    handle_events(house)
    assert box(house, sent).suppressed_at


def test_blocked_mails_are_counted_and_escalated(house: House, sent: World, travel: Any) -> None:
    """[D14] A server's mood: twice is nothing, a delivery in between begins anew, three in a row are a bounce."""
    for day, kind in enumerate(("blocked", "blocked", "delivered", "blocked", "blocked", "deferred")):
        report(house, kind)
        assert box(house, sent).suppressed_at is None, day
        travel(MONDAY_MORNING + timedelta(days=day + 1))
        with house.database.transaction(EVERYTHING) as session:
            answer_mail(session, house, sent.acme, sent.cobalt, key=f"answer:{day}")
        deliver_batch(house, MemoryChannel())
    report(house, "blocked")
    assert box(house, sent).suppressed_reason == "refused 3 mails in a row"
    assert len(tasks(house)) == 2


def test_the_next_person_in_the_organisation_gets_the_lines(house: House, sent: World, travel: Any) -> None:
    """[D14 inv-D2] Cobalt has proven another mailbox: it stands in, at once and after the next pull; the vendors still
    hear of it, and never of the other address."""
    with house.database.transaction(EVERYTHING) as session:
        second = mailbox(session, sent.cobalt.customer, "second@cobalt.example", proven_at=clock.now())
        mailbox(session, sent.cobalt.customer, "claimed@cobalt.example")  # nobody has proven this one
    report(house, "bounce", BOUNCE)
    assert box(house, sent).stand_in_id == second.id
    with house.database.transaction(EVERYTHING) as session:
        assert set(session.scalars(select(Invoice.mailbox_id))) == {second.id}
        assert set(session.scalars(select(BillTo.mailbox_id))) == {second.id}
        session.get_one(Mailbox, second.id).next_digest_at = clock.now()
    plan_batch(house)
    channel = MemoryChannel()
    deliver_batch(house, channel)
    assert [each.recipient for each in channel.taken] == ["second@cobalt.example"]
    assert not any("second" in task.words for task in tasks(house))
    with house.database.reading(EVERYTHING) as session:
        assert "mailbox.stood_in_for" in session.scalars(select(AuditEntry.action)).all()


def test_without_another_proven_mailbox_nothing_moves(house: House, sent: World) -> None:
    """[D14 inv-D2] An address somebody named is not a proof."""
    with house.database.transaction(EVERYTHING) as session:
        mailbox(session, sent.cobalt.customer, "claimed@cobalt.example")
    report(house, "bounce", BOUNCE)
    assert box(house, sent).stand_in_id is None
    with house.database.reading(EVERYTHING) as session:
        assert set(session.scalars(select(Invoice.mailbox_id))) == {sent.cobalt.mailbox.id}


def test_a_vendor_hears_of_a_colleague_who_gets_no_mail(house: House, world: World, travel: Any) -> None:
    """[D14] Questions to somebody who left must not get lost unseen."""
    travel(MONDAY_MORNING)
    with house.database.transaction(EVERYTHING) as session:
        question_mail(session, world.acme, world.cobalt)
    deliver_batch(house, MemoryChannel())
    report(house, "bounce", BOUNCE)
    (task,) = tasks(house)
    assert (task.vendor_id, "owner@acme.example" in task.words) == (world.acme.vendor.id, True)
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Person, world.acme.person.id).suppressed_at


def test_a_batch_of_bounces_costs_the_same_however_many_vendors(house: House, sent: World) -> None:
    """[D14] Tasks, stand-ins and rows are written for all at once."""
    counts = []
    for more in (0, 12):
        with house.database.transaction(EVERYTHING) as session:
            for number in range(more):
                invoice(session, sent.birch, sent.cobalt, number=f"B-{number + 10}", amount="100")
            mine = session.get_one(Mailbox, sent.cobalt.mailbox.id)
            mine.suppressed_at = None
            session.add(_event(session))
        with statements(house.database) as said:
            handle_events(house)
        counts.append(len(said))
    assert counts[0] == counts[1]


def _event(session: Any) -> DeliveryEvent:
    attempt_id = session.scalar(select(Attempt.id))
    at = clock.now() + timedelta(seconds=len(session.scalars(select(DeliveryEvent.id)).all()))
    return DeliveryEvent(attempt_id=attempt_id, kind="bounce", happened_at=at, received_at=at, body=BOUNCE)
