"""A mail service that is dead, lies or is in a hurry; events that overtake us; and too many mails."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from app import clock
from app.house import House
from app.models import (
    Attempt,
    AttemptResult,
    AuditEntry,
    DeliveryEvent,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    StopSwitch,
)
from app.outbox.actions import write_mail
from digest.channels.base import Concern, refused, rejected, unknown
from digest.channels.sendgrid import SendGridChannel
from digest.deliver import deliver_batch
from digest.sweep import resolve_unknown
from tests.digest.mails import (
    all_mails,
    answer_mail,
    attempts,
    cobalts_digest,
    digest_mail,
    digest_row,
    many_digest_mails,
    row,
)
from tests.support.sinks import Answer, MemoryChannel, SendGridDouble
from tests.support.world import EVERYTHING, World


def states(house: House) -> list[str]:
    return sorted(str(mail.state) for mail in all_mails(house))


def drain(house: House, channel: Any) -> None:
    while deliver_batch(house, channel):
        pass


def test_a_dead_service_costs_a_few_mails_and_not_the_backlog(house: House, travel: Any) -> None:
    """[inv-S7 inv-F1] Two hours of silence: what was in the air is in doubt, then one a probe; all else goes later."""
    start = clock.now()
    travel(start)
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, 120)
    dead = MemoryChannel(lambda envelope: unknown("silence"))
    for minutes in range(120):
        travel(start + timedelta(minutes=minutes))
        drain(house, dead)
    held = states(house).count("held")
    assert held <= 16 + 8 + 12  # in the air when the eighth came back; then a probe, ever more seldom
    travel(start + timedelta(hours=2, minutes=16))
    well = MemoryChannel()
    drain(house, well)
    assert states(house) == ["accepted"] * (120 - held) + ["held"] * held
    assert len({envelope.recipient for envelope in well.taken}) == 120 - held


def test_a_service_that_refuses_everything_does_not_fail_the_backlog(house: House, travel: Any) -> None:
    """[inv-S8 inv-F1] 400 to all of them is our fault or its: a few fail for good, the others wait."""
    travel(clock.now())
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, 64)
    drain(house, MemoryChannel(lambda envelope: rejected("400: unverified sender")))
    assert states(house).count("failed") <= 16 + 8
    assert states(house).count("queued") >= 40


def test_a_429_is_kept_by_every_process(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel, travel: Any
) -> None:
    """[inv-S8] Another process, which never saw the answer, waits too; then all go, once each."""
    start = clock.now()
    travel(start)
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, 40)
    sink.behave = lambda mail: Answer(429, takes=False, headers={"Retry-After": "90"})
    deliver_batch(house, channel)
    called, other = len(sink.requests), SendGridChannel("SG.not-a-key", sink.url, seconds=1.0)
    sink.behave = lambda mail: Answer()
    for seconds in (1, 89):
        travel(start + timedelta(seconds=seconds))
        assert deliver_batch(house, other) == 0
    assert len(sink.requests) == called
    travel(start + timedelta(seconds=91))
    drain(house, other)
    other.close()
    assert sorted(sink.count_by("to").values()) == [1] * 40


def test_an_event_that_comes_while_the_mail_waits_to_go_again_stops_it(house: House, world: World, travel: Any) -> None:
    """[D18 inv-S1 inv-S7] Given up, sent again, refused with a wait; meanwhile the first try is named: never again. The
    event is stored and nobody has handled it yet."""
    start = clock.now()
    travel(start)
    with house.database.transaction(EVERYTHING) as session:
        mail = answer_mail(session, house, world.acme, world.cobalt)
    deliver_batch(house, MemoryChannel(lambda envelope: unknown("silence")))
    travel(start + timedelta(minutes=16))
    assert resolve_unknown(house) == 1
    deliver_batch(house, MemoryChannel(lambda envelope: refused("451", timedelta(minutes=5))))
    first, second = attempts(house, mail)
    assert (first.result, second.result) == (AttemptResult.REFUSED, AttemptResult.REFUSED)
    with house.database.transaction(EVERYTHING) as session:
        named = {"attempt_id": first.id, "kind": "delivered", "happened_at": start, "received_at": clock.now()}
        session.add(DeliveryEvent(**named, body=b"{}"))
    travel(start + timedelta(minutes=22))
    channel = MemoryChannel()
    assert deliver_batch(house, channel) == 1
    assert channel.taken == []
    assert row(house, mail).state == OutgoingState.ACCEPTED
    assert [each.result for each in attempts(house, mail)] == [AttemptResult.ACCEPTED, AttemptResult.REFUSED]


def test_a_year_that_is_not_does_not_silence_a_mailbox(house: House, world: World, travel: Any) -> None:
    """[D18 inv-N4 inv-S4] An event may name any time: the hand-over counts as of the attempt."""
    from digest.events import handle_events

    travel(clock.now())
    mail = cobalts_digest(house, world)
    deliver_batch(house, MemoryChannel(lambda envelope: unknown("silence")))
    (attempt,) = attempts(house, mail)
    with house.database.transaction(EVERYTHING) as session:
        far = {"attempt_id": attempt.id, "kind": "open", "received_at": clock.now()}
        body = b'{"sg_message_id": "a\\u0000\\ud800b", "reason": "\\ud800"}'
        session.add(DeliveryEvent(**far, happened_at=clock.now() + timedelta(days=900), body=body))
    handle_events(house)
    with house.database.reading(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
    assert box.last_digest_at
    assert box.last_digest_at - attempt.started_at <= timedelta(minutes=1)
    assert attempts(house, mail)[0].provider_message_id == "a b"


def test_more_mails_than_usual_stop_everything_and_resuming_counts_anew(house: House, world: World) -> None:
    """[L1 inv-S5 inv-F2] Notices gone mad: stopped by the anomaly stop with its reason on record, nothing lost."""
    house.limits.usual_at_least = 30
    with house.database.transaction(EVERYTHING) as session:
        for number in range(50):
            write_mail(
                session, kind=OutgoingKind.NOTICE, dedupe_key=f"echo:{number}", person=world.acme.person,
                subject="An echo", text="Echo.", html="", due_at=clock.now(),
            )  # fmt: skip
    channel = MemoryChannel()
    drain(house, channel)
    assert len(channel.taken) == 30
    with house.database.reading(EVERYTHING) as session:
        switch = session.get_one(StopSwitch, "sending")
        assert switch.by == "the anomaly stop"
        assert "not usual" in switch.reason
        assert "sending.stopped" in session.scalars(select(AuditEntry.action)).all()
    assert deliver_batch(house, channel) == 0
    assert states(house).count("queued") == 50 - len(channel.taken)


def test_a_correction_leaves_the_digest_it_names_alone(house: House, world: World) -> None:
    """[I5 inv-S13] Dropped, of unknown fate or refused for good: the window keeps its own outcome."""
    mail = cobalts_digest(house, world)
    deliver_batch(house, MemoryChannel())
    answers = iter([unknown("silence"), rejected("400: no")])
    for number in range(2):
        with house.database.transaction(EVERYTHING) as session:
            box = session.get_one(Mailbox, world.cobalt.mailbox.id)
            write_mail(
                session, kind=OutgoingKind.CORRECTION, dedupe_key=f"correction:{number}", mailbox=box,
                digest_id=mail.digest_id, subject="Settled", text="It is paid.", html="", due_at=clock.now(),
            )  # fmt: skip
        deliver_batch(house, MemoryChannel(lambda envelope: next(answers)))
    assert digest_row(house, mail).outcome == Outcome.ACCEPTED
    assert states(house) == ["accepted", "failed", "held"]


def test_a_hard_bounce_at_the_door_suppresses_at_once(house: House, world: World) -> None:
    """[D14 inv-S10] SMTP says so in the dialogue: this mail has failed, and the mailbox gets no other."""
    mail = cobalts_digest(house, world)
    no_such_user = rejected("550: 5.1.1 no such user ap@cobalt.example", Concern.ADDRESS)
    deliver_batch(house, MemoryChannel(lambda envelope: no_such_user))
    assert row(house, mail).state == OutgoingState.FAILED
    with house.database.reading(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
    assert box.suppressed_at
    assert box.suppressed_reason == "bounced: 550: 5.1.1 no such user [address]"
    with house.database.transaction(EVERYTHING) as session:
        answer_mail(session, house, world.acme, world.cobalt)
    channel = MemoryChannel()
    deliver_batch(house, channel)
    assert channel.taken == []


def test_every_unknown_is_held_within_the_minute(house: House, world: World, travel: Any) -> None:
    """[inv-S7 inv-F1] A sender that vanishes with a mail in hand: its lease and one sweep later, it is listed."""
    from digest.delivery_jobs import jobs

    (sweep,) = (job for job in jobs(None) if job.run is resolve_unknown)
    assert house.limits.lease_seconds + sweep.every_seconds < 60
    calls = house.limits.http_seconds + 5  # to connect
    assert house.limits.lease_seconds - house.limits.http_seconds + calls < 60  # a slow sender records in time, too


def test_the_gate_is_part_of_the_claim(house: House, world: World) -> None:
    """[inv-S6] What the gate keeps back stays queued as it was: no attempt, no lease."""
    house.limits.mails_burst, house.limits.mails_per_second = 1, 0
    with house.database.transaction(EVERYTHING) as session:
        digest_mail(session, house, world.cobalt.mailbox)
        digest_mail(session, house, world.outsider.mailbox)
    drain(house, MemoryChannel())
    with house.database.reading(EVERYTHING) as session:
        left = session.scalars(select(Outgoing).where(Outgoing.state == OutgoingState.QUEUED)).one()
        assert left.lease_owner is None
        assert session.scalars(select(Attempt.id).where(Attempt.outgoing_id == left.id)).all() == []
        assert session.execute(update(Outgoing).values(reason="")).rowcount == 2  # type: ignore[attr-defined]
