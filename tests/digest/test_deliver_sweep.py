"""What time decides: lapsed leases, notices that go again, weekly digests that may go once more, what never does."""

import threading
import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from app import clock
from app.house import House
from app.ids import new_id
from app.models import (
    Attempt,
    AttemptResult,
    Cadence,
    DeliveryEvent,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingState,
)
from app.outbox.ledger import Verdict, settle
from digest.channels.base import Envelope, Result, unknown
from digest.claim import claim_mails
from digest.deliver import deliver_batch
from digest.sweep import resolve_unknown
from tests.digest.mails import (
    answer_mail,
    attempts,
    cobalts_digest,
    digest_mail,
    digest_row,
    login_mail,
    question_mail,
    row,
)
from tests.support.postgres import as_owner
from tests.support.sinks import MemoryChannel
from tests.support.world import EVERYTHING, World


def nobody_knows() -> MemoryChannel:
    """A channel that takes every mail and loses every answer."""
    return MemoryChannel(lambda envelope: unknown("silence"))


@pytest.fixture(autouse=True)
def one_later_mail_is_proof(house: House) -> None:
    house.limits.release_proof = 1


def an_event_for(house: House, attempt: Attempt) -> None:
    now = clock.now()
    with house.database.transaction(EVERYTHING) as session:
        facts = {"happened_at": now, "received_at": now, "headers": {}, "body": b"{}", "handled_at": now}
        session.add(DeliveryEvent(attempt_id=attempt.id, kind="processed", **facts))


def test_a_crash_between_claim_and_record_counts_as_unknown(house: House, world: World, travel: Any) -> None:
    """[D5 inv-S7] The attempt stays started; once the lease has run out the mail is held, and not called for again."""
    start = clock.now()
    travel(start)
    mail = cobalts_digest(house, world)
    with house.database.transaction(EVERYTHING) as session:
        assert len(claim_mails(session, house, "memory", None, 10).parcels) == 1
    channel = MemoryChannel()
    assert deliver_batch(house, channel) == 0
    assert resolve_unknown(house) == 0
    travel(start + timedelta(seconds=house.limits.lease_seconds + 1))
    assert resolve_unknown(house) == 1
    assert deliver_batch(house, channel) == 0
    assert (row(house, mail).state, digest_row(house, mail).outcome) == (OutgoingState.HELD, Outcome.HELD)
    assert digest_row(house, mail).reason
    assert [attempt.result for attempt in attempts(house, mail)] == [AttemptResult.UNKNOWN]


def test_a_sender_that_comes_back_late_still_settles_its_mail(house: House, world: World, travel: Any) -> None:
    """[D5 inv-F1] The sweep called it unknown, then its sender records the yes: accepted, once."""
    start = clock.now()
    travel(start)
    mail = cobalts_digest(house, world)

    def slow(_envelope: Any) -> Result | None:
        travel(start + timedelta(seconds=house.limits.lease_seconds + 1))
        assert resolve_unknown(house) == 1
        return None

    deliver_batch(house, MemoryChannel(slow))
    assert row(house, mail).state == OutgoingState.ACCEPTED
    assert digest_row(house, mail).outcome == Outcome.ACCEPTED


def test_an_event_and_the_senders_word_at_the_same_moment_end_in_accepted(house: House, world: World) -> None:
    """[D18 inv-S7] The event's transaction is open while the sender records "unknown": accepted is final."""
    mail = cobalts_digest(house, world)
    with house.database.transaction(EVERYTHING) as session:
        (parcel,) = claim_mails(session, house, "memory", None, 10).parcels

    def record() -> None:
        with house.database.transaction(EVERYTHING) as session:
            settle(session, [Verdict(parcel.attempt_id, AttemptResult.UNKNOWN, "cut line")], clock.now())

    sender = threading.Thread(target=record)
    with house.database.transaction(EVERYTHING) as session:
        settle(session, [Verdict(parcel.attempt_id, AttemptResult.ACCEPTED)], clock.now())
        sender.start()
        if not house.database.is_sqlite:
            wait_until_somebody_waits(house)
    sender.join()
    assert row(house, mail).state == OutgoingState.ACCEPTED
    assert [attempt.result for attempt in attempts(house, mail)] == [AttemptResult.ACCEPTED]


def wait_until_somebody_waits(house: House) -> None:
    """Until a connection to this PostgreSQL database stands before a lock; only the owner may see what others do."""
    waiting = text(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        with as_owner(house.settings.database_url) as owner:
            if owner.execute(waiting).scalar_one():
                return
    raise TimeoutError("nobody waits for a lock")


def test_notices_rather_come_twice_than_not_at_all(house: House, world: World, travel: Any) -> None:
    """[inv-S13] A question and an answer of unknown fate go again after a while, three times at most."""
    start = clock.now()
    travel(start)
    with house.database.transaction(EVERYTHING) as session:
        mails = [
            question_mail(session, world.acme, world.cobalt),
            answer_mail(session, house, world.acme, world.cobalt),
        ]
    calls: list[str] = []

    def silence(envelope: Envelope) -> Result:
        calls.append(envelope.subject)
        return unknown("silence")

    channel = MemoryChannel(silence)
    for minutes in range(0, 120, 5):
        travel(start + timedelta(minutes=minutes))
        resolve_unknown(house)
        deliver_batch(house, channel)
    assert sorted(calls) == ["Acme answered"] * 4 + ["Cobalt asks"] * 4
    assert {row(house, mail).state for mail in mails} == {OutgoingState.HELD}


def test_a_sign_in_mail_goes_once(house: House, world: World, travel: Any) -> None:
    """[inv-S13] Of unknown fate it stays so: the person can ask again."""
    start = clock.now()
    travel(start)
    with house.database.transaction(EVERYTHING) as session:
        login_mail(session, house, world.cobalt.mailbox.address)
    channel = nobody_knows()
    deliver_batch(house, channel)
    travel(start + timedelta(hours=2))
    assert resolve_unknown(house) == 0
    assert deliver_batch(house, channel) == 0


def a_doubtful_digest(house: House, world: World, travel: Any, start: datetime, cadence: Cadence) -> Outgoing:
    """Unknown since ``start``; half an hour later another mail went out, and it is that later hour now."""
    travel(start)
    with house.database.transaction(EVERYTHING) as session:
        session.get_one(Mailbox, world.cobalt.mailbox.id).cadence = cadence
        session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = start + timedelta(days=7)
    mail = cobalts_digest(house, world)
    deliver_batch(house, nobody_knows())
    travel(start + timedelta(minutes=31))
    return mail


def a_later_mail(house: House, world: World) -> Attempt:
    with house.database.transaction(EVERYTHING) as session:
        later = digest_mail(session, house, world.outsider.mailbox)
    deliver_batch(house, MemoryChannel())
    return attempts(house, later)[0]


@pytest.mark.parametrize("cadence", [Cadence.WEEKLY, Cadence.SEMIMONTHLY, Cadence.MONTHLY])
def test_a_weekly_digest_goes_once_more_when_the_events_of_later_mails_have_come(
    house: House, world: World, travel: Any, cadence: Cadence
) -> None:
    """[D5 inv-S7] No event named it, the event channel is proven alive, its window lasts: once more, and then never."""
    start = clock.now()
    mail = a_doubtful_digest(house, world, travel, start, cadence)
    assert resolve_unknown(house) == 0
    an_event_for(house, a_later_mail(house, world))
    assert resolve_unknown(house) == 1
    assert row(house, mail).state == OutgoingState.QUEUED
    channel = nobody_knows()
    travel(start + timedelta(minutes=32))
    deliver_batch(house, channel)
    assert [attempt.result for attempt in attempts(house, mail)] == [AttemptResult.REFUSED, AttemptResult.UNKNOWN]
    travel(start + timedelta(minutes=90))
    an_event_for(house, a_later_mail_again(house, world))
    assert resolve_unknown(house) == 0


def a_later_mail_again(house: House, world: World) -> Attempt:
    with house.database.transaction(EVERYTHING) as session:
        mail = answer_mail(session, house, world.acme, world.outsider, key=f"answer:{new_id()}")
    deliver_batch(house, MemoryChannel())
    return attempts(house, mail)[0]


@pytest.mark.parametrize(
    "because", ["daily", "named", "window over", "too soon", "earlier mail", "one lost", "few", "slow"]
)
def test_a_doubtful_digest_stays_where_it_is(house: House, world: World, travel: Any, because: str) -> None:
    """[D5 inv-S7 inv-S13] Daily, or named by an event, or its window over, or the event channel not proven since, or by
    too few mails, or one of them was never named: where one event got lost, so may ours; or late, then so may ours."""
    start = clock.now()
    travel(start)
    earlier = a_later_mail(house, world)
    cadence = Cadence.DAILY if because == "daily" else Cadence.WEEKLY
    mail = a_doubtful_digest(house, world, travel, start + timedelta(minutes=1), cadence)
    travel(start + timedelta(minutes=10 if because == "too soon" else 40))
    an_event_for(house, earlier if because == "earlier mail" else a_later_mail_again(house, world))
    if because == "named":
        an_event_for(house, attempts(house, mail)[0])
    if because == "slow":
        an_event_for(house, earlier)
    if because == "few":
        house.limits.release_proof = 2
    if because == "one lost":
        travel(start + timedelta(minutes=5))
        a_later_mail_again(house, world)
        travel(start + timedelta(minutes=80))
    if because == "window over":
        with house.database.transaction(EVERYTHING) as session:
            session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = clock.now()
    assert resolve_unknown(house) == 0
    assert row(house, mail).state == OutgoingState.HELD
    travel(start + timedelta(minutes=82))
    assert resolve_unknown(house) == (1 if because == "slow" else 0)


def test_an_event_after_the_release_still_prevents_the_double(house: House, world: World, travel: Any) -> None:
    """[D5 D18 inv-S1] Released but not yet sent again, the event comes at last: accepted, and the queue forgets it."""
    from digest.events import handle_events

    start = clock.now()
    mail = a_doubtful_digest(house, world, travel, start, Cadence.WEEKLY)
    an_event_for(house, a_later_mail(house, world))
    resolve_unknown(house)
    (attempt,) = attempts(house, mail)
    with house.database.transaction(EVERYTHING) as session:
        now = clock.now()
        session.add(
            DeliveryEvent(
                attempt_id=attempt.id, kind="delivered", happened_at=now, received_at=now, headers={}, body=b"{}"
            )
        )
    handle_events(house)
    channel = MemoryChannel()
    deliver_batch(house, channel)
    assert channel.taken == []
    assert row(house, mail).state == OutgoingState.ACCEPTED
    with house.database.reading(EVERYTHING) as session:
        assert session.execute(select(Attempt.result).where(Attempt.outgoing_id == mail.id)).scalars().all() == [
            "accepted"
        ]
