"""What holds a mail back: stale lines, brakes, spacing, stop switch, unsubscribe, also in the middle of a run."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select, update

from app import clock
from app.house import House
from app.models import (
    Digest,
    DigestLine,
    Hold,
    HoldKind,
    Invoice,
    InvoiceState,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingState,
    Relation,
    StopSwitch,
)
from digest.channels.sendgrid import SendGridChannel
from digest.deliver import deliver_batch
from tests.digest.mails import (
    all_mails,
    answer_mail,
    cobalts_digest,
    digest_mail,
    digest_row,
    login_mail,
    many_digest_mails,
    question_mail,
    row,
)
from tests.support.sinks import Answer, MemoryChannel, SendGridDouble, once
from tests.support.world import EVERYTHING, World


def test_a_paid_invoice_never_leaves(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[D7 inv-S3] Paid between composing and sending: the digest is composed anew in the claim, and goes without it."""
    with house.database.transaction(EVERYTHING) as session:
        mail = digest_mail(session, house, world.cobalt.mailbox, invoices=[world.acme_invoice, world.birch_invoice])
        session.get_one(Invoice, world.acme_invoice.id).state = InvoiceState.PAID
    asked: list[list[UUID]] = []

    def recompose(session: Any, digest_ids: Any) -> None:
        asked.append(list(digest_ids))
        session.execute(delete(DigestLine).where(DigestLine.line == 1))
        session.get_one(Outgoing, mail.id).subject = "1 invoice from Birch"

    deliver_batch(house, channel, recompose)
    assert asked == [[mail.digest_id]]
    assert [taken.subject for taken in sink.taken] == ["1 invoice from Birch"]


CHANGES = {
    "paid": lambda session, world: _change(session, world, state=InvoiceState.PAID, balance_minor=0),
    "void": lambda session, world: _change(session, world, state=InvoiceState.VOID),
    "part-paid": lambda session, world: _change(session, world, due_minor=1, balance_minor=1),
    "due later": lambda session, world: _change(session, world, due_on=datetime(2027, 1, 1, tzinfo=UTC).date()),
    "promised": lambda session, world: session.add(_hold(world)),
    "muted": lambda session, world: session.add(_relation(world, muted_at=clock.now())),
    "blocked": lambda session, world: session.add(_relation(world, blocked_at=clock.now())),
    "provider stopped": lambda session, world: session.add(
        StopSwitch(name="provider:quickbooks", reason="why", by="me", since=clock.now())
    ),
    "vendor stopped": lambda session, world: session.add(
        StopSwitch(name=f"vendor:{world.acme.vendor.id}", reason="why", by="me", since=clock.now())
    ),
}


def _change(session: Any, world: World, **facts: Any) -> None:
    invoice = session.get_one(Invoice, world.acme_invoice.id)
    for name, value in facts.items():
        setattr(invoice, name, value)


def _hold(world: World) -> Hold:
    return Hold(
        vendor_id=world.acme.vendor.id,
        customer_id=world.cobalt.customer.id,
        invoice_id=world.acme_invoice.id,
        kind=HoldKind.PROMISE,
        ends_at=clock.now() + timedelta(days=3),
    )


def _relation(world: World, **facts: Any) -> Relation:
    return Relation(customer_id=world.cobalt.customer.id, vendor_id=world.acme.vendor.id, **facts)


@pytest.mark.parametrize("change", CHANGES)
def test_a_digest_that_no_longer_tells_the_truth_does_not_go_as_it_is(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel, change: str
) -> None:
    """[D7 L1 inv-S3 inv-S10] Without anybody to compose it anew it does not go at all, and says why."""
    mail = cobalts_digest(house, world)
    with house.database.transaction(EVERYTHING) as session:
        CHANGES[change](session, world)
    deliver_batch(house, channel)
    assert sink.taken == []
    assert row(house, mail).state == OutgoingState.CANCELLED
    assert (digest_row(house, mail).outcome, digest_row(house, mail).reason) == (
        Outcome.HELD,
        "an invoice on it changed before it could leave",
    )


def test_unsubscribed_stops_digests_and_nothing_else(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[D13 inv-S10] Reminders off: the answer and the sign-in still arrive."""
    mail = cobalts_digest(house, world)
    with house.database.transaction(EVERYTHING) as session:
        answer_mail(session, house, world.acme, world.cobalt)
        login_mail(session, house, world.cobalt.mailbox.address)
        session.get_one(Mailbox, world.cobalt.mailbox.id).reminders_off_at = clock.now()
    deliver_batch(house, channel)
    assert sorted(taken.subject for taken in sink.taken) == ["Acme answered", "Sign in"]
    assert (row(house, mail).state, digest_row(house, mail).outcome) == (OutgoingState.CANCELLED, Outcome.SUPPRESSED)


def test_a_bounced_address_gets_sign_in_mail_only(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[D14 inv-S10] Suppressed stops digests and notices, for mailboxes and for a vendor's people alike."""
    cobalts_digest(house, world)
    with house.database.transaction(EVERYTHING) as session:
        answer_mail(session, house, world.acme, world.cobalt)
        question_mail(session, world.acme, world.cobalt)
        login_mail(session, house, world.cobalt.mailbox.address)
        session.get_one(Mailbox, world.cobalt.mailbox.id).suppressed_at = clock.now()
        session.merge(world.acme.person).suppressed_at = clock.now()
    deliver_batch(house, channel)
    assert [taken.subject for taken in sink.taken] == ["Sign in"]


def test_a_pause_is_kept_and_recorded(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[D13 inv-S2] Paused after composing: no mail, and the window says paused."""
    mail = cobalts_digest(house, world)
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, world.cobalt.mailbox.id).paused_until = clock.now() + timedelta(days=1)
    deliver_batch(house, channel)
    assert sink.taken == []
    assert digest_row(house, mail).outcome == Outcome.PAUSED


def test_two_digests_to_a_mailbox_are_twenty_hours_apart(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel, travel: Any
) -> None:
    """[inv-S4] Even in one batch, and even while the first one's fate is unknown."""
    start = clock.now()
    travel(start)
    sink.behave = lambda mail: Answer(500)
    with house.database.transaction(EVERYTHING) as session:
        digest_mail(session, house, world.cobalt.mailbox, window="2026-W48", due_at=start)
        second = digest_mail(session, house, world.cobalt.mailbox, window="2026-manual", due_at=start)
    deliver_batch(house, channel)
    assert len(sink.taken) == 1
    kept = [each for each in all_mails(house) if each.state == OutgoingState.QUEUED]
    assert [each.due_at for each in kept] == [start + timedelta(hours=20)]
    sink.behave = lambda mail: Answer()
    travel(start + timedelta(hours=20, seconds=1))
    deliver_batch(house, channel)
    assert len(sink.taken) == 2
    assert second.id in {each.id for each in all_mails(house)}


def test_a_mailbox_gets_six_mails_a_day_and_sign_in_apart(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel, travel: Any
) -> None:
    """[inv-S5] The seventh waits until the first is a day old; sign-in mails: five an hour, apart."""
    start = clock.now()
    travel(start)
    with house.database.transaction(EVERYTHING) as session:
        for number in range(8):
            answer_mail(session, house, world.acme, world.cobalt, key=f"answer:{number}")
            login_mail(session, house, world.cobalt.mailbox.address)
    while deliver_batch(house, channel):
        pass
    subjects = [taken.subject for taken in sink.taken]
    assert (subjects.count("Acme answered"), subjects.count("Sign in")) == (6, 5)
    travel(start + timedelta(hours=24, seconds=1))
    while deliver_batch(house, channel):
        pass
    assert [taken.subject for taken in sink.taken].count("Acme answered") == 8


def test_questions_reach_the_vendor_however_many_there_are(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[F8] The brake belongs to the mailbox; a vendor's people are none."""
    with house.database.transaction(EVERYTHING) as session:
        for number in range(9):
            question_mail(session, world.acme, world.cobalt, key=f"question:{number}")
    deliver_batch(house, channel)
    assert sink.count_by("to") == {"owner@acme.example": 9}


def test_after_a_stop_windows_fold_and_nothing_floods(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel, travel: Any
) -> None:
    """[L1 D4 inv-C4 inv-S2] Stopped for three days: then only the newest goes, the others are missed."""
    start = clock.now()
    travel(start)
    with house.database.transaction(EVERYTHING) as session:
        session.add(StopSwitch(name="sending", reason="look", by="me", since=start))
    mails = []
    for day in range(4):
        travel(start + timedelta(days=day))
        mails.append(cobalts_digest(house, world, window=f"2026-11-{23 + day}"))
        assert deliver_batch(house, channel) == 0
    with house.database.transaction(EVERYTHING) as session:
        session.delete(session.get_one(StopSwitch, "sending"))
    while deliver_batch(house, channel):
        pass
    assert len(sink.taken) == 1
    outcomes = [digest_row(house, mail).outcome for mail in mails]
    assert outcomes == [Outcome.MISSED, Outcome.MISSED, Outcome.MISSED, Outcome.ACCEPTED]
    assert digest_row(house, mails[0]).reason


def test_whoever_stopped_everything_can_still_sign_in(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[L1] The stop holds everything but the operator's own sign-in mail, or nobody could lift it."""
    cobalts_digest(house, world)
    with house.database.transaction(EVERYTHING) as session:
        session.add(StopSwitch(name="sending", reason="look", by="me", since=clock.now()))
        login_mail(session, house, "operator@sheaf.example")
        login_mail(session, house, "somebody@else.example")
    deliver_batch(house, channel)
    assert [taken.to for taken in sink.taken] == ["operator@sheaf.example"]


def test_one_kind_can_be_stopped_alone(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[L1] kind:digest stops digests; answers go on."""
    mail = cobalts_digest(house, world)
    with house.database.transaction(EVERYTHING) as session:
        answer_mail(session, house, world.acme, world.cobalt)
        session.add(StopSwitch(name="kind:digest", reason="look", by="me", since=clock.now()))
    deliver_batch(house, channel)
    assert [taken.subject for taken in sink.taken] == ["Acme answered"]
    assert row(house, mail).state == OutgoingState.QUEUED


def test_the_stop_switch_stops_in_the_middle_of_a_run(house: House, world: World) -> None:
    """[L1 inv-S5] Thrown while mails are leaving: no further batch begins, and all goes after resuming."""
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, 96)

    def stop() -> None:
        with house.database.transaction(EVERYTHING) as session:
            session.add(StopSwitch(name="sending", reason="look", by="me", since=clock.now()))

    channel = MemoryChannel()
    channel.behave = once(lambda: len(channel.taken) >= 10, stop)
    while deliver_batch(house, channel, limit=32):
        pass
    stopped_at = len(channel.taken)
    assert 10 <= stopped_at <= 32  # the batch that was in the air
    with house.database.transaction(EVERYTHING) as session:
        session.delete(session.get_one(StopSwitch, "sending"))
    channel.behave = lambda envelope: None
    while deliver_batch(house, channel, limit=32):
        pass
    assert len({envelope.recipient for envelope in channel.taken}) == len(channel.taken) == 96


def test_an_unsubscribe_takes_effect_in_the_middle_of_a_run(house: House, world: World) -> None:
    """[D13 inv-S10] Everybody not yet in the batch in the air unsubscribes: none of them gets the mail."""
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, 80)

    def all_leave() -> None:
        with house.database.transaction(EVERYTHING) as session:
            session.execute(update(Mailbox).values(reminders_off_at=clock.now()))

    channel = MemoryChannel()
    channel.behave = once(lambda: len(channel.taken) >= 5, all_leave)
    while deliver_batch(house, channel, limit=32):
        pass
    assert len(channel.taken) <= 32
    with house.database.reading(EVERYTHING) as session:
        outcomes = list(session.execute(select(Digest.outcome)).scalars())
    assert outcomes.count(Outcome.ACCEPTED) == len(channel.taken)
    assert outcomes.count(Outcome.SUPPRESSED) == 80 - len(channel.taken)
