"""From planning to the sink with the real composer: what changes on the way is true in the mail, or not in it."""

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from app import clock
from app.house import House
from app.models import Digest, Hold, HoldKind, Invoice, InvoiceState, Mailbox, Outcome
from digest.channels.base import Envelope
from digest.deliver import deliver_batch
from digest.plan import plan_batch
from digest.recompose import recompose
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
    """[D7 inv-S3] Paid after composing and before sending: the mail names the other one only, in all its parts."""
    settle_invoice(house, planned.acme_invoice)
    (mail,) = deliver(house)
    assert "B-1" in mail.text
    assert not any("A-1" in part for part in (mail.subject, mail.text.split("settled")[0]))
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
