"""What was claimed, as the mail has it; and claiming from the mail's link, without an account."""

from datetime import date, datetime, timedelta
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from app.claims import decisions
from app.house import House
from app.models import (
    AuditEntry,
    DigestLine,
    Hold,
    HoldKind,
    HoldResult,
    Invoice,
    Mailbox,
    MessageAttachment,
    Outgoing,
    OutgoingKind,
    Person,
    Thread,
)
from digest.channels.base import Envelope
from digest.deliver import deliver_batch
from digest.plan import plan_batch
from digest.recompose import recompose
from tests.support.links import hold, sent_digest, thread_link, with_wings
from tests.support.sinks import MemoryChannel
from tests.support.world import EVERYTHING, NOW, World


def plan(house: House, world: World, now: datetime) -> None:
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = now
    assert plan_batch(house) == 1


def deliver(house: House) -> list[Envelope]:
    channel = MemoryChannel()
    while deliver_batch(house, channel, partial(recompose, house)):
        pass
    return channel.taken


def dispute(house: House, invoice: Invoice, minor: int, **facts: object) -> Hold:
    with house.database.transaction(EVERYTHING) as session:
        return hold(session, invoice, HoldKind.DISPUTE, amount_minor=minor, reason="price", **facts)


def test_the_mail_asks_for_what_nobody_disputes(house: House, world: World, fixed_clock: datetime) -> None:
    """[F2 C11 inv-S3 inv-M2] Composed so, it is still true when it leaves; the same line says what is disputed."""
    dispute(house, world.acme_invoice, 55_000)
    plan(house, world, fixed_clock)
    (mail,) = deliver(house)
    assert "A-1: USD 700.00" in mail.text.replace("\xa0", " ")
    assert "USD 550.00 disputed, and not asked for" in mail.text.replace("\xa0", " ")
    with house.database.reading(EVERYTHING) as session:
        amounts = session.execute(select(DigestLine.amount_minor).where(DigestLine.number == "A-1"))
        assert amounts.scalar_one() == 70_000


def test_a_part_disputed_on_the_way_is_not_asked_for(house: House, world: World, fixed_clock: datetime) -> None:
    """[F2 F3 inv-S3]"""
    plan(house, world, fixed_clock)
    dispute(house, world.acme_invoice, 55_000)
    (mail,) = deliver(house)
    assert "USD 700.00" in mail.text.replace("\xa0", " ")
    assert "USD 1,250.00," not in mail.text.replace("\xa0", " ")


def test_a_whole_dispute_is_on_hold_and_a_broken_promise_comes_back_softly(
    house: House, world: World, fixed_clock: datetime
) -> None:
    """[F3 F4 C11 000-5]"""
    dispute(house, world.acme_invoice, 125_000)
    with house.database.transaction(EVERYTHING) as session:
        owed = update(Invoice).where(Invoice.id == world.birch_invoice.id)
        session.execute(owed.values(due_on=date(2026, 11, 16)))
        broken = {"result": HoldResult.BROKEN, "ended_at": NOW - timedelta(hours=1), "promised_on": date(2026, 11, 18)}
        hold(session, world.birch_invoice, HoldKind.PROMISE, **broken)
    plan(house, world, fixed_clock)
    (mail,) = deliver(house)
    assert "B-1: JPY 80,000, 7 days late, promised for 18 Nov 2026" in mail.text.replace("\xa0", " ")
    assert "disputed" in mail.text.partition("NOTHING TO DO")[2]


@pytest.fixture
def link(app: Flask, house: House, world: World, fixed_clock: datetime) -> str:
    with_wings(app)
    with house.database.transaction(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        return sent_digest(session, box, [world.acme_invoice, world.birch_invoice]).token


def test_a_dispute_is_filed_from_the_mail_without_an_account(app: Flask, house: House, link: str) -> None:
    """[F2 F1 B3 004-4 001-6 inv-L1 inv-L2]"""
    browser = app.test_client()
    page = browser.get(f"/m/{link}/1")
    assert "Dispute it" in page.text
    assert "Already paid" in page.text
    form = browser.get(f"/m/{link}/1/say/dispute")
    assert "Wrong price" in form.text
    assert form.status_code == 200
    said = {"reason": "order", "wanted": "corrected", "part": "part", "amount": "550", "words": "PO 77 is missing",
            "said_by": "Kim", "files": (BytesIO(b"%PDF-1.7"), "order.pdf")}  # fmt: skip
    done = browser.post(f"/m/{link}/1/say/dispute", data=said, follow_redirects=True)
    assert "has been told" in done.text
    assert "Purchase order number wrong or missing" in done.text
    with house.database.reading(EVERYTHING) as session:
        found, thread = session.execute(select(Hold)).scalar_one(), session.execute(select(Thread)).scalar_one()
        assert (found.amount_minor, found.said_by, found.person_id) == (55_000, "Kim", None)
        assert thread.topic == "dispute"
        assert session.execute(select(MessageAttachment.name)).scalar_one() == "order.pdf"
        assert session.execute(select(Outgoing.kind)).scalars().all() == [OutgoingKind.QUESTION]
        assert "claim.dispute" in session.execute(select(AuditEntry.action)).scalars().all()
    taken_back = browser.post(f"/m/{link}/1/claims/{found.id}", data={"act": "withdraw"}, follow_redirects=True)
    assert "Taken back" in taken_back.text
    assert browser.post(f"/m/{link}/2/claims/{found.id}", data={"act": "withdraw"}).status_code == 404


def test_wrong_words_are_named_by_field_and_change_nothing(app: Flask, house: House, link: str) -> None:
    """[F2 F4 F5 F12 F1]"""
    browser = app.test_client()
    wrong = [
        ("dispute", {"reason": "none of ours", "wanted": ""}, "Choose what is wrong."),
        ("dispute", {"reason": "price", "wanted": "credit", "part": "part", "amount": "9999"}, "An amount of at most"),
        ("promise", {"day": "2026-11-01"}, "Choose a day from"),
        ("promise", {"day": "soon"}, "Choose a day."),
        ("paid", {"day": "2026-11-20", "method": "shells"}, "Choose how you paid."),
        ("paid", {"day": "2026-11-20", "method": "card", "files": (BytesIO(b"x"), "virus.exe")}, "no file we can"),
        ("later", {"day": "2026-12-10", "parts": "99"}, "Between 1 and 12 instalments."),
    ]
    for kind, given, words in wrong:
        answer = browser.post(f"/m/{link}/1/say/{kind}", data=given)
        assert (answer.status_code, words in answer.text) == (422, True), (kind, given)
    assert browser.get(f"/m/{link}/1/say/nonsense").status_code == 404
    with house.database.reading(EVERYTHING) as session:
        assert not session.execute(select(Hold)).all()


def test_a_plan_is_asked_for_in_equal_parts(app: Flask, house: House, link: str) -> None:
    """[F12]"""
    given = {"day": "2026-12-10", "parts": "3"}
    assert app.test_client().post(f"/m/{link}/1/say/later", data=given).status_code == 303
    with house.database.reading(EVERYTHING) as session:
        facts = session.execute(select(Hold.facts)).scalar_one()
    assert facts["dues"] == [["2026-12-10", 41_668], ["2027-01-10", 41_666], ["2027-02-10", 41_666]]


def test_a_declined_dispute_is_opened_again_from_the_link_in_its_answer(
    app: Flask, house: House, world: World, link: str
) -> None:
    """[F11 F3 B3 inv-L2] That link knows its conversation and the claims in it, and no other."""
    browser = app.test_client()
    for number in (1, 2):
        said = {"reason": "price", "wanted": "credit", "words": "Too much."}
        assert browser.post(f"/m/{link}/{number}/say/dispute", data=said).status_code == 303
    with house.database.transaction(EVERYTHING) as session:
        mine, other = session.execute(select(Hold).order_by(Hold.created_at)).scalars().all()
        decline: dict[str, Any] = {"person": session.get_one(Person, world.acme.person.id), "words": "No.", "now": NOW}
        decisions.decline(session, house=house, hold=mine, **decline)
        thread = session.get_one(Thread, mine.thread_id)
        token = thread_link(session, thread, session.get_one(Mailbox, world.cobalt.mailbox.id))
    assert "Open it again" in browser.get(f"/m/{token}/thread").text
    again = {"act": "reopen", "words": "Line 2 is wrong."}
    assert browser.post(f"/m/{token}/thread/claims/{other.id}", data=again).status_code == 404
    assert browser.post(f"/m/{token}/thread/claims/{mine.id}", data=again).status_code == 303
    with house.database.reading(EVERYTHING) as session:
        live = session.execute(select(Hold.invoice_id).where(Hold.ended_at.is_(None))).scalars().all()
    assert sorted(live) == sorted([mine.invoice_id, other.invoice_id])
