"""What leaves, what stays and what becomes of it: delivery over a double of SendGrid that counts."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from app import clock
from app.house import House
from app.models import (
    AttemptResult,
    AuditEntry,
    Digest,
    DigestLine,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingState,
    Relation,
    StopSwitch,
)
from digest.channels.base import Envelope, Result, accepted
from digest.channels.sendgrid import SendGridChannel
from digest.deliver import deliver_batch
from digest.gate import look
from tests.digest.mails import (
    all_mails,
    attempts,
    cobalts_digest,
    digest_mail,
    digest_row,
    login_mail,
    many_digest_mails,
    row,
)
from tests.support.sinks import REFUSALS, Answer, MemoryChannel, SendGridDouble, sendgrid_double
from tests.support.statements import statements
from tests.support.world import EVERYTHING, World, mailbox

KEY = "SG.not-a-key"


def test_an_accepted_digest_is_done_and_its_token_destroyed(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[D5 K1 inv-S6 inv-S7] 202 is accepted: mail, attempt, window, mailbox say so; the token is gone."""
    mail = cobalts_digest(house, world)
    assert deliver_batch(house, channel) == 1
    assert deliver_batch(house, channel) == 0
    assert [taken.to for taken in sink.taken] == ["ap@cobalt.example"]
    kept, digest, (attempt,) = row(house, mail), digest_row(house, mail), attempts(house, mail)
    assert (kept.state, kept.sealed_token, kept.lease_owner) == (OutgoingState.ACCEPTED, None, None)
    assert (attempt.result, attempt.provider_message_id) == (AttemptResult.ACCEPTED, f"double.{attempt.id}")
    assert digest.outcome == Outcome.ACCEPTED
    assert digest.accepted_at is not None
    with house.database.reading(EVERYTHING) as session:
        assert session.get_one(Mailbox, world.cobalt.mailbox.id).last_digest_at == digest.accepted_at


def test_a_vendor_is_new_to_a_customer_until_a_mail_has_named_it(
    house: House, world: World, channel: SendGridChannel
) -> None:
    """[inv-A1] Kept when the mail is accepted, for shown lines; a decision made before stays, and the first date."""
    first = clock.now() - timedelta(days=30)
    with house.database.transaction(EVERYTHING) as session:
        for mailed, box in ((None, world.cobalt), (first, world.outsider)):
            facts = {"customer_id": box.customer.id, "vendor_id": world.acme.vendor.id, "first_mailed_at": mailed}
            session.add(Relation(accepted_at=first, **facts))
        digest_mail(session, house, world.cobalt.mailbox, invoices=[world.acme_invoice, world.birch_invoice])
        shown_elsewhere = digest_mail(session, house, world.outsider.mailbox, invoices=[])
        session.execute(update(DigestLine).where(DigestLine.line == 2).values(is_shown=False))
        assert shown_elsewhere.digest_id
    deliver_batch(house, channel)
    with house.database.reading(EVERYTHING) as session:
        relations = {row.customer_id: row for row in session.execute(select(Relation)).scalars()}
    assert len(relations) == 2  # Birch was not shown
    assert relations[world.cobalt.customer.id].first_mailed_at is not None
    assert relations[world.cobalt.customer.id].accepted_at == first
    assert relations[world.outsider.customer.id].first_mailed_at == first


def test_the_token_is_in_the_mail_and_only_there(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[inv-K2 inv-L2] The kept snapshot opens nothing; the mail that left does."""
    mail = cobalts_digest(house, world)
    deliver_batch(house, channel)
    (taken,) = sink.taken
    text = taken.body["content"][0]["value"]
    token = text.partition("/m/")[2].strip()
    assert len(token) == 43
    assert token in taken.headers["List-Unsubscribe"]
    assert token not in row(house, mail).text


BEHAVIOURS = {
    "202": (Answer(202), AttemptResult.ACCEPTED, OutgoingState.ACCEPTED),
    "200": (Answer(200), AttemptResult.UNKNOWN, OutgoingState.HELD),
    "302": (Answer(302, headers={"Location": "/elsewhere"}), AttemptResult.UNKNOWN, OutgoingState.HELD),
    "400": (REFUSALS[400], AttemptResult.REJECTED, OutgoingState.FAILED),
    "401": (REFUSALS[401], AttemptResult.REFUSED, OutgoingState.QUEUED),
    "403": (REFUSALS[403], AttemptResult.REFUSED, OutgoingState.QUEUED),
    "413": (REFUSALS[413], AttemptResult.REJECTED, OutgoingState.FAILED),
    "429": (REFUSALS[429], AttemptResult.REFUSED, OutgoingState.QUEUED),
    "500 before": (REFUSALS[500], AttemptResult.UNKNOWN, OutgoingState.HELD),
    "500 after": (Answer(500), AttemptResult.UNKNOWN, OutgoingState.HELD),
    "silence": (Answer(then="silence"), AttemptResult.UNKNOWN, OutgoingState.HELD),
    "cut before": (Answer(takes=False, then="cut"), AttemptResult.UNKNOWN, OutgoingState.HELD),
    "cut after": (Answer(then="cut"), AttemptResult.UNKNOWN, OutgoingState.HELD),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_every_answer_of_the_sink_has_its_meaning(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel, behaviour: str
) -> None:
    """[D5 inv-S7 inv-S8 inv-S13] and a digest whose fate is unknown is never called for again."""
    answer, result, state = BEHAVIOURS[behaviour]
    sink.behave = lambda mail: answer
    mail = cobalts_digest(house, world)
    deliver_batch(house, channel)
    (attempt,) = attempts(house, mail)
    assert (attempt.result, row(house, mail).state) == (result, state), attempt.detail
    deliver_batch(house, channel)
    assert len(sink.requests) == 1


def test_a_line_nobody_answers_is_a_certain_no(house: House, world: World) -> None:
    """[inv-S8] Connection refused before any byte: the mail is back in the queue, and the channel is left alone."""
    with sendgrid_double() as gone:
        nowhere = gone.url
    channel = SendGridChannel(KEY, nowhere, seconds=1.0)
    mail = cobalts_digest(house, world)
    deliver_batch(house, channel)
    assert [attempt.result for attempt in attempts(house, mail)] == [AttemptResult.REFUSED]
    kept = row(house, mail)
    assert kept.state == OutgoingState.QUEUED
    assert kept.due_at > clock.now()
    assert deliver_batch(house, MemoryChannel()) == 0
    with house.database.reading(EVERYTHING) as session:
        assert look(session, "sendgrid", house.limits, clock.now()) == 0  # for every process


def test_a_429_is_waited_for_as_long_as_it_says(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel, travel: Any
) -> None:
    """[inv-S8] The whole process leaves the service alone for the time it named, then the mail goes, once."""
    start = clock.now()
    travel(start)
    sink.behave = lambda mail: Answer(429, takes=False, headers={"Retry-After": "120"})
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, 40)
    deliver_batch(house, channel)
    called = len(sink.requests)
    assert called <= 16  # those in the air when the first answer came
    assert deliver_batch(house, channel) == 0
    travel(start + timedelta(seconds=119))
    assert deliver_batch(house, channel) == 0
    assert len(sink.requests) == called
    sink.behave = lambda mail: Answer()
    travel(start + timedelta(seconds=121))
    while deliver_batch(house, channel):
        pass
    assert sorted(sink.count_by("to").values()) == [1] * 40


def test_refused_credentials_stop_all_sending_and_ring(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[L1 inv-S8 inv-F2] 401: the switch is on, the audit says why, nothing is lost, and resuming is enough."""
    sink.behave = lambda mail: REFUSALS[401]
    mail = cobalts_digest(house, world)
    deliver_batch(house, channel)
    with house.database.transaction(EVERYTHING) as session:
        switch = session.get_one(StopSwitch, "sending")
        assert "401" in switch.reason
        assert session.execute(select(AuditEntry.action)).scalars().all() == ["sending.stopped"]
        session.execute(update(Outgoing).values(due_at=clock.now()))
    assert deliver_batch(house, channel) == 0
    with house.database.transaction(EVERYTHING) as session:
        session.delete(session.get_one(StopSwitch, "sending"))
    sink.behave = lambda mail: Answer()
    deliver_batch(house, channel)
    assert row(house, mail).state == OutgoingState.ACCEPTED
    assert sink.count_by("to") == {"ap@cobalt.example": 1}


def test_the_key_never_follows_a_redirect(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[inv-K6] 302 to elsewhere: one request, nothing more."""
    sink.behave = lambda mail: Answer(302, takes=False, headers={"Location": f"{sink.url}/stolen"})
    cobalts_digest(house, world)
    deliver_batch(house, channel)
    assert [path for path, _ in sink.requests] == ["/v3/mail/send"]


def test_connections_are_kept_and_used_again(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel
) -> None:
    """[K1 perf-B6] One connection a thread, however many mails."""
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, 64)
    while deliver_batch(house, channel):
        pass
    assert len(sink.taken) == 64
    assert sink.connections <= 18


def test_the_mail_says_what_it_is(house: House, world: World, sink: SendGridDouble, channel: SendGridChannel) -> None:
    """[K1 D13 inv-S11 inv-K2] Automatic, a list, one-click unsubscribe, untracked; SendGrid learns one id."""
    mail = cobalts_digest(house, world)
    with house.database.transaction(EVERYTHING) as session:
        login_mail(session, house, "new@somewhere.example")
    deliver_batch(house, channel)
    digest = next(taken for taken in sink.taken if taken.to == "ap@cobalt.example")
    login = next(taken for taken in sink.taken if taken.to == "new@somewhere.example")
    assert digest.headers["Auto-Submitted"] == "auto-generated"
    assert digest.headers["List-Id"] == "Sheaf reminders <reminders.sheaf.example>"
    assert digest.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert digest.headers["List-Unsubscribe"].endswith("/unsubscribe/one-click>")
    assert digest.headers["Message-ID"] == f"<{mail.id}@sheaf.example>"
    assert digest.body["from"] == {"email": "digest@sheaf.example", "name": "Sheaf"}
    assert login.body["from"] == {"email": "sign-in@sheaf.example", "name": "Sheaf sign-in"}
    assert "List-Unsubscribe" not in login.headers
    for taken in (digest, login):
        tracking = taken.body["tracking_settings"]
        assert tracking["click_tracking"] == {"enable": False, "enable_text": False}
        assert tracking["open_tracking"]["enable"] is False
        assert taken.body["personalizations"][0]["custom_args"] == {"attempt": taken.attempt}
        assert str(UUID(taken.attempt)) == taken.attempt
        assert not {"categories", "custom_args", "template_id"} & set(taken.body)


def test_a_sender_whose_lease_was_taken_does_not_call(house: House, world: World) -> None:
    """[inv-S6] Frozen before the call until somebody else settled its mails: it looks again first."""
    mail = cobalts_digest(house, world)
    channel = MemoryChannel()

    def somebody_else(_claimed: Session) -> None:
        with house.database.transaction(EVERYTHING) as session:
            session.execute(update(Outgoing).values(state=OutgoingState.HELD, lease_owner=None))

    event.listen(Session, "after_commit", somebody_else, once=True)
    deliver_batch(house, channel)
    assert channel.taken == []
    assert [attempt.result for attempt in attempts(house, mail)] == [AttemptResult.REFUSED]


def test_a_sender_frozen_past_its_lease_does_not_call(house: House, world: World, travel: Any) -> None:
    """[inv-S6] It wakes up after the lease with mails in hand: the first call held it up, the others are not made."""
    start = clock.now()
    travel(start)
    with house.database.transaction(EVERYTHING) as session:
        many_digest_mails(session, house, 30)

    def freeze(envelope: Envelope) -> Result | None:
        travel(start + timedelta(seconds=house.limits.lease_seconds + 1))
        return None

    channel = MemoryChannel(freeze)
    deliver_batch(house, channel)
    assert len(channel.taken) <= 16
    assert sum(each.state == OutgoingState.QUEUED for each in all_mails(house)) == 30 - len(channel.taken)


@pytest.mark.parametrize("what", ["address", "content", "link", "seal"])
def test_a_mail_whose_owners_differ_never_leaves(
    house: House, world: World, sink: SendGridDouble, channel: SendGridChannel, what: str
) -> None:
    """[inv-S9 inv-D3 inv-K1] Recipient, content and link must be one party's, by the stored rows."""
    mail = cobalts_digest(house, world)
    with house.database.transaction(EVERYTHING) as session:
        stranger = mailbox(session, world.outsider.customer, "second@outsider.example")
        other = digest_mail(session, house, stranger)
        kept, others = session.get_one(Outgoing, mail.id), session.get_one(Outgoing, other.id)
        if what == "address":
            kept.address = "ap@outsider.example"
        elif what == "content":
            kept.digest_id = other.digest_id
        elif what == "link":
            session.get_one(Digest, mail.digest_id).token_hash = b"another"
        else:
            kept.sealed_token = others.sealed_token
    deliver_batch(house, channel)
    assert "ap@cobalt.example" not in sink.count_by("to")
    assert "ap@outsider.example" not in sink.count_by("to")
    assert row(house, mail).state == OutgoingState.FAILED
    with house.database.reading(EVERYTHING) as session:
        assert "mail.failed" in session.execute(select(AuditEntry.action)).scalars().all()


def test_a_batch_costs_the_same_number_of_statements_however_large(house: House, world: World) -> None:
    """[D5] Bodies, brakes, owners, attempts and results are read and written for all of a batch at once."""
    counts = []
    for size in (1, 2, 30):  # the first one makes the gate
        with house.database.transaction(EVERYTHING) as session:
            session.execute(update(Outgoing).values(state=OutgoingState.CANCELLED))
            for number in range(size):
                box = mailbox(session, world.cobalt.customer, f"size-{size}-{number}@cobalt.example")
                digest_mail(session, house, box)
        channel = MemoryChannel(lambda envelope: accepted())
        with statements(house.database) as said:
            assert deliver_batch(house, channel) == size
        assert len(channel.taken) == size
        counts.append(len(said))
    assert counts[1] == counts[2]
    assert counts[1] <= 28
