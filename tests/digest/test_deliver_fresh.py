"""From planning to the sink with the real composer: what changes on the way is true in the mail, or not in it."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, update

from app import clock
from app.house import House
from app.models import (
    BillTo,
    Connection,
    ConnectionState,
    Credit,
    Digest,
    Hold,
    HoldKind,
    Invoice,
    InvoiceState,
    Mailbox,
    Message,
    Outcome,
    Outgoing,
    Relation,
    StopSwitch,
    Trust,
    Vendor,
)
from digest.channels.base import Channel, Envelope, Result
from digest.claim import Claim
from digest.deliver import _hand_over, deliver_batch
from digest.documents import GetPdf
from digest.plan import plan_batch
from digest.recompose import recompose
from tests.support import world as make
from tests.support.house import without_tokens
from tests.support.postgres import as_owner
from tests.support.sinks import MemoryChannel
from tests.support.world import EVERYTHING, World


@pytest.fixture
def planned(house: House, world: World, fixed_clock: datetime) -> World:
    """Cobalt's digest with an invoice of Acme and one of Birch, composed and in the outbox."""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = fixed_clock
    assert plan_batch(house) == 1
    return world


def deliver(house: House) -> list[Envelope]:
    channel = MemoryChannel()
    while deliver_batch(house, channel, partial(recompose, house)):
        pass
    return channel.taken


def settle_invoice(house: House, invoice: Invoice) -> None:
    with house.database.transaction(EVERYTHING) as session:
        kept = session.get_one(Invoice, invoice.id)
        kept.state, kept.balance_minor, kept.due_minor = InvoiceState.PAID, 0, 0


def test_a_payment_between_the_claim_and_the_call_is_in_no_mail(
    house: House, planned: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """[D7 inv-S3 inv-S6 facts-12] The last look before the calls sees it: the mail is composed anew, then leaves."""
    paid_in_time: list[int] = []

    def pay_first(house: House, channel: Channel, claim: Claim, kept_pdf: GetPdf) -> list[Result]:
        if not paid_in_time:
            paid_in_time.append(len(claim.parcels))
            settle_invoice(house, planned.acme_invoice)
        return _hand_over(house, channel, claim, kept_pdf)

    monkeypatch.setattr("digest.deliver._hand_over", pay_first)
    (mail,) = deliver(house)
    assert paid_in_time == [1]
    assert planned.acme_invoice.number not in without_tokens(mail.text.partition("SETTLED")[0])
    assert planned.birch_invoice.number in mail.text


def test_an_introduction_falls_with_its_provider(house: House, world: World, fixed_clock: datetime) -> None:
    """[B8 L1 inv-S3 inv-A1] All that a new supplier is owed came through a provider that is stopped on the way."""
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Vendor, world.acme.vendor.id).trust = Trust.NEW
        session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = fixed_clock
    assert plan_batch(house) == 1
    with house.database.transaction(EVERYTHING) as session:
        assert "NEW: Acme" in session.execute(select(Outgoing.text)).scalar_one()
        session.add(StopSwitch(name="provider:quickbooks", reason="why", by="me", since=clock.now()))
    (mail,) = deliver(house)
    assert "Acme" not in without_tokens(mail.text)
    assert "B-1" in mail.text


def outcome(house: House) -> tuple[Outcome, str]:
    with house.database.reading(EVERYTHING) as session:
        digest = session.execute(select(Digest)).scalar_one()
    return digest.outcome, digest.reason


def test_what_was_planned_is_what_is_sent(house: House, planned: World) -> None:
    """[D5 D8] Nothing changed: both invoices, one mail, and the token in its links."""
    (mail,) = deliver(house)
    assert "A-1" in mail.text
    assert "B-1" in mail.text
    assert f"/m/{mail.headers['List-Unsubscribe'].split('/m/')[1][:43]}" in mail.html
    assert outcome(house) == (Outcome.ACCEPTED, "")


def test_an_invoice_paid_on_the_way_is_not_in_the_mail(house: House, planned: World) -> None:
    """[D7 inv-S3 facts-12] Paid after composing, before sending: the mail names only the other one, in all parts."""
    settle_invoice(house, planned.acme_invoice)
    (mail,) = deliver(house)
    assert "B-1" in mail.text
    assert "A-1" not in mail.subject + without_tokens(mail.text.split("settled")[0])
    assert "1,250" not in mail.text


def test_a_digest_with_nothing_left_to_ask_is_not_sent(house: House, planned: World) -> None:
    """[D6 D7 inv-S2 inv-S3] Both paid: no mail, and the window says why."""
    settle_invoice(house, planned.acme_invoice)
    settle_invoice(house, planned.birch_invoice)
    assert deliver(house) == []
    ended, reason = outcome(house)
    assert ended == Outcome.NOTHING_DUE
    assert reason


def test_a_promise_made_on_the_way_is_kept_out_of_the_demand(house: House, planned: World, travel: Any) -> None:
    """[F4 C11 inv-S3] Promised while the mail waited: its row moves to where nothing is to be done."""
    with house.database.transaction(EVERYTHING) as session:
        session.add(
            Hold(
                vendor_id=planned.acme.vendor.id,
                customer_id=planned.cobalt.customer.id,
                invoice_id=planned.acme_invoice.id,
                kind=HoldKind.PROMISE,
                ends_at=clock.now() + timedelta(days=5),
                promised_on=(clock.now() + timedelta(days=3)).date(),
            )
        )
    (mail,) = deliver(house)
    assert "1 overdue" not in mail.subject
    assert "26 Nov 2026" in mail.text


def credit(house: House, world: World, minor: int, **facts: Any) -> Credit:
    owned = {"vendor_id": world.acme.vendor.id, "connection_id": world.acme.connection.id}
    held = {"customer_id": world.cobalt.customer.id, "mailbox_id": world.cobalt.mailbox.id, "kind": "credit_note"}
    record = {"external_id": f"credit-{minor}", "version": 1, "content_hash": 0, "currency": "USD", "exponent": 2}
    with house.database.transaction(EVERYTHING) as session:
        made = Credit(**owned, **held, **record, total_minor=minor, remaining_minor=minor, **facts)
        session.add(made)
    return made


def test_credit_used_up_on_the_way_lowers_nothing(house: House, world: World, fixed_clock: datetime) -> None:
    """[A9 inv-S3 inv-M2] Shown when it was composed, gone when it left: so are the words and the sum."""
    used = credit(house, world, 50_000)
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = fixed_clock
    assert plan_batch(house) == 1
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Credit, used.id).remaining_minor = 0
    (mail,) = deliver(house)
    assert "USD 1,250.00: USD 1,250.00 overdue" in mail.text
    assert "credit" not in mail.text.lower()


def test_credit_that_came_on_the_way_and_covers_all_asks_for_nothing(house: House, planned: World) -> None:
    """[A9 inv-S3] The vendor owes as much as it is owed."""
    credit(house, planned, 125_000)
    (mail,) = deliver(house)
    assert "1 overdue" not in mail.subject
    assert "covered by your credit" in mail.text


def test_a_conversation_begun_on_the_way_is_not_talked_over(house: House, planned: World, travel: Any) -> None:
    """[D12 C11 inv-S3] Somebody has just asked about it."""
    travel(clock.now() + timedelta(minutes=1))
    with house.database.transaction(EVERYTHING) as session:
        asked = make.thread(session, planned.acme, planned.cobalt, planned.acme_invoice)
    with as_owner(house.settings.database_url) as connection:  # what is said stays as it was said
        connection.execute(update(Message).where(Message.thread_id == asked.id).values(created_at=clock.now()))
    (mail,) = deliver(house)
    assert "1 overdue" not in mail.subject
    assert "you are talking about it" in mail.text


@pytest.mark.parametrize("what", ["muted", "blocked", "held with all", "doubted", "disconnected"])
def test_what_customer_vendor_and_operator_say_on_the_way_holds(house: House, planned: World, what: str) -> None:
    """[A11 B9 K5 inv-S3 inv-S10 inv-A1] The line, and its amount, are out of the mail that leaves."""
    pair = {"customer_id": planned.cobalt.customer.id, "vendor_id": planned.acme.vendor.id}
    with house.database.transaction(EVERYTHING) as session:
        if what in ("muted", "blocked"):
            session.add(Relation(**pair, **{f"{what}_at": clock.now()}))
        elif what == "held with all":
            session.get_one(BillTo, planned.acme_invoice.bill_to_id).held_until = clock.now() + timedelta(days=3)
        elif what == "doubted":
            session.get_one(Vendor, planned.acme.vendor.id).trust = Trust.NEW
        else:
            session.get_one(Connection, planned.acme.connection.id).state = ConnectionState.DISCONNECTED
    (mail,) = deliver(house)
    assert "1 overdue" not in mail.subject
    assert "B-1" in mail.text
    assert ("1,250" in mail.text) is (what == "held with all")
