"""Delivery events: signed, stored before they are acknowledged, and harmless however often and in whatever order."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from app import clock
from app.db import Database
from app.house import House
from app.models import (
    AttemptResult,
    AuditEntry,
    DeliveryEvent,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingState,
    Person,
)
from digest.channels.sendgrid import SendGridChannel
from digest.deliver import deliver_batch
from digest.events import SIGNATURE, TIMESTAMP, handle_events, is_signed
from digest.silence import silence_of
from tests.digest.mails import answer_mail, attempts, cobalts_digest, digest_row, question_mail, row
from tests.support.sinks import Answer, SendGridDouble
from tests.support.world import EVERYTHING, World


@pytest.fixture
def hook(whole_app: Flask, house: House, sink: SendGridDouble) -> FlaskClient:
    """Our door for SendGrid, which knows the double's key beside an older one."""
    house.settings.sendgrid_event_public_key = f"{OTHER_KEY}, {sink.public_key}"
    return whole_app.test_client()


OTHER_KEY = SendGridDouble().public_key


def deliver_events(hook: FlaskClient, sink: SendGridDouble, events: Any, at: float | None = None) -> int:
    raw, headers = sink.signed(events, at)
    return hook.post("/webhooks/sendgrid/events", data=raw, headers=headers).status_code


def stored(house: House) -> list[DeliveryEvent]:
    with house.database.reading(EVERYTHING) as session:
        return list(
            session.execute(select(DeliveryEvent).order_by(DeliveryEvent.happened_at, DeliveryEvent.kind)).scalars()
        )


def an_unknown_digest(house: House, world: World, sink: SendGridDouble, channel: SendGridChannel) -> Outgoing:
    """A mail the double took and answered 500."""
    sink.behave = lambda mail: Answer(500)
    mail = cobalts_digest(house, world)
    deliver_batch(house, channel)
    assert row(house, mail).state == OutgoingState.HELD
    return mail


# --- intake ---------------------------------------------------------------------------------------------------------


def test_a_signed_delivery_is_stored_raw_before_it_is_acknowledged(
    hook: FlaskClient, house: House, sink: SendGridDouble, world: World, channel: SendGridChannel
) -> None:
    """[D15 D18 inv-N1] Each event with its own bytes, the headers that brought it, its time; nothing decided."""
    mail = an_unknown_digest(house, world, sink, channel)
    event = sink.event(sink.taken[0], "processed")
    raw = b'[ {"odd"  : 1.50, "event":"delivered","attempt":"%s","timestamp":7}, %s\n]' % (
        sink.taken[0].attempt.encode(),
        json.dumps(event).encode(),
    )
    assert deliver_events(hook, sink, raw) == 200
    first, second = stored(house)
    assert first.body == raw[2 : raw.index(b"}") + 1]
    assert json.loads(second.body) == event
    assert (first.kind, first.happened_at, first.handled_at) == ("delivered", datetime.fromtimestamp(7, UTC), None)
    assert first.headers["User-Agent"] == "SendGrid Event API"
    assert row(house, mail).state == OutgoingState.HELD


def test_the_same_event_again_is_stored_once(
    hook: FlaskClient, house: House, sink: SendGridDouble, world: World, channel: SendGridChannel
) -> None:
    """[D18 inv-N4 inv-N3] By attempt, kind and time: SendGrid's own event id may change when it sends again."""
    an_unknown_digest(house, world, sink, channel)
    event = sink.event(sink.taken[0])
    assert deliver_events(hook, sink, [event, event]) == 200
    assert (
        deliver_events(hook, sink, [{**event, "sg_event_id": "another"}, sink.event(sink.taken[0], "delivered")]) == 200
    )
    assert [each.kind for each in stored(house)] == ["delivered", "processed"]


def test_an_event_of_a_mail_we_do_not_know_is_kept_and_changes_nothing(
    hook: FlaskClient, house: House, sink: SendGridDouble
) -> None:
    """[D18 inv-N1] Unknown attempt, no attempt, no time, not even an event: kept, handled, nothing else."""
    unknown = {
        "event": "bounce",
        "timestamp": 1,
        "attempt": "7d0c2f7e-2f57-7cc1-a08e-36d67b3b4f2a",
        "email": "x@y.example",
    }
    odd = [{"event": "processed"}, {"event": "a\u0000b", "timestamp": "soon"}, 7, None, {"timestamp": 10**15}]
    assert deliver_events(hook, sink, [unknown, *odd]) == 200
    assert len(stored(house)) == 6
    assert handle_events(house) == 6
    assert handle_events(house) == 0


@pytest.mark.parametrize("raw", [b"", b"[", b"{}", b"[1,,2]", b"null", b'[{"event":"processed"} x]', b"[" * 5000])
def test_a_signed_delivery_that_cannot_be_read_is_kept_as_it_came(
    hook: FlaskClient, house: House, sink: SendGridDouble, raw: bytes
) -> None:
    """[inv-N1 inv-N4] Acknowledged because it is stored; somebody can look at it."""
    assert deliver_events(hook, sink, raw) == 200
    assert [(each.kind, each.body) for each in stored(house)] == [("unreadable", raw)]


def test_a_wrong_signature_stores_nothing(hook: FlaskClient, house: House, sink: SendGridDouble) -> None:
    """[D18 inv-N4] Missing, malformed, another key's, another body's, another time's: refused, no error page."""
    raw, headers = sink.signed([{"event": "processed"}])
    signature = headers[SIGNATURE]
    wrong: list[dict[str, str]] = [
        {},
        {TIMESTAMP: headers[TIMESTAMP]},
        {SIGNATURE: signature},
        *(
            {**headers, SIGNATURE: each}
            for each in ("x", "=", "Zm9v", "é", signature[:-4], "AAAA" + signature, "A" * 9000)
        ),
        *({**headers, TIMESTAMP: each} for each in ("", "now", "-1", "1e9", "9" * 11, "9" * 400, "١٢٣", "0")),
        SendGridDouble().signed(raw)[1],
    ]
    for each in wrong:
        answer = hook.post("/webhooks/sendgrid/events", data=raw, headers=each)
        assert answer.status_code == 403, each
    assert hook.post("/webhooks/sendgrid/events", data=raw + b" ", headers=headers).status_code == 403
    assert hook.post("/webhooks/sendgrid/events", data=b"\xff\xfe", headers=headers).status_code == 403
    assert hook.get("/webhooks/sendgrid/events").status_code == 405
    assert stored(house) == []


def test_what_is_too_large_or_not_even_text_is_refused(hook: FlaskClient, house: House, sink: SendGridDouble) -> None:
    """[inv-N4 inv-N1] Signed or not: a refusal, no error page, nothing stored."""
    raw, headers = sink.signed(b"[" + b" " * 2_000_000 + b"]")
    assert hook.post("/webhooks/sendgrid/events", data=raw, headers=headers).status_code == 413
    raw, headers = sink.signed(b"\xff\xfe[]")
    assert hook.post("/webhooks/sendgrid/events", data=raw, headers=headers).status_code in (200, 403)
    assert {each.kind for each in stored(house)} <= {"unreadable"}


@given(signature=st.text(max_size=200), timestamp=st.text(max_size=30), raw=st.binary(max_size=200))
def test_no_malformed_input_is_more_than_a_no(signature: str, timestamp: str, raw: bytes) -> None:
    """[inv-N4] The check is total: whatever it is given, it answers."""
    assert is_signed(OTHER_KEY, raw, signature, timestamp, clock.now()) is False
    assert is_signed("not a key, ,AAAA", raw, signature, timestamp, clock.now()) is False


def test_an_old_delivery_is_refused_and_a_late_one_taken(hook: FlaskClient, sink: SendGridDouble, house: House) -> None:
    """[D18 inv-N4] SendGrid tries for a day, so a day is not too old; older, or from the future, is a replay."""
    now = clock.now().timestamp()
    assert deliver_events(hook, sink, [], at=now - 24 * 3600) == 200
    assert deliver_events(hook, sink, [], at=now - 26 * 3600) == 403
    assert deliver_events(hook, sink, [], at=now + 3600) == 403


def test_without_a_key_nothing_is_believed(hook: FlaskClient, sink: SendGridDouble, house: House) -> None:
    """[inv-N4] An unset key is not an open door."""
    house.settings.sendgrid_event_public_key = ""
    assert deliver_events(hook, sink, []) == 403


def test_with_the_database_away_the_service_is_told_to_come_back(
    hook: FlaskClient, sink: SendGridDouble, whole_app: Flask, tmp_path: Any
) -> None:
    """[inv-N1 inv-F1] 503, so that nothing acknowledged is lost."""
    whole_app.extensions["database"] = Database(f"sqlite:///{tmp_path}/nowhere/sheaf.db")
    assert deliver_events(hook, sink, [{"event": "processed"}]) == 503


# --- what events mean -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["processed", "delivered", "deferred", "bounce", "dropped", "open", "spamreport"])
def test_any_event_that_names_an_attempt_proves_it_was_taken(
    hook: FlaskClient, house: House, sink: SendGridDouble, world: World, channel: SendGridChannel, kind: str
) -> None:
    """[D5 D15 inv-S7] The unknown mail is accepted, its window too, and its token destroyed; it is never sent again."""
    mail = an_unknown_digest(house, world, sink, channel)
    deliver_events(hook, sink, [sink.event(sink.taken[0], kind)])
    handle_events(house)
    (attempt,) = attempts(house, mail)
    assert (attempt.result, attempt.provider_message_id) == (AttemptResult.ACCEPTED, f"double.{attempt.id}")
    kept = row(house, mail)
    assert (kept.state, kept.sealed_token) == (OutgoingState.ACCEPTED, None)
    digest = digest_row(house, mail)
    assert digest.outcome == Outcome.ACCEPTED
    assert digest.accepted_at
    assert timedelta(0) <= digest.accepted_at - attempt.started_at <= timedelta(minutes=1)
    deliver_batch(house, channel)
    assert len(sink.taken) == 1


def test_events_in_any_order_and_number_end_the_same(
    hook: FlaskClient, house: House, sink: SendGridDouble, world: World, channel: SendGridChannel
) -> None:
    """[D18 inv-N3] Delivered before processed, all of it three times, with handling in between."""
    mail = an_unknown_digest(house, world, sink, channel)
    for kind in ("delivered", "processed", "delivered", "deferred", "processed", "delivered"):
        deliver_events(hook, sink, [sink.event(sink.taken[0], kind)])
        handle_events(house)
    assert row(house, mail).state == OutgoingState.ACCEPTED
    assert len(stored(house)) == 3
    with house.database.reading(EVERYTHING) as session:
        assert session.execute(select(AuditEntry)).all() == []


SILENCES = {
    "hard bounce": ({"kind": "bounce", "type": "bounce", "reason": "550 no such user"}, "everything"),
    "complaint": ({"kind": "spamreport"}, "everything"),
    "dropped: bounced": ({"kind": "dropped", "reason": "Bounced Address"}, "everything"),
    "dropped: complained": ({"kind": "dropped", "reason": "Spam Reporting Address"}, "everything"),
    "dropped: no address": ({"kind": "dropped", "reason": "Invalid"}, "everything"),
    "unsubscribed": ({"kind": "unsubscribe"}, "reminders"),
    "dropped: unsubscribed": ({"kind": "dropped", "reason": "Unsubscribed Address"}, "reminders"),
    "blocked": ({"kind": "bounce", "type": "blocked", "reason": "421 try later"}, None),
    "deferred": ({"kind": "deferred"}, None),
    "dropped: our content": ({"kind": "dropped", "reason": "Spam Content"}, None),
}


@pytest.mark.parametrize("case", SILENCES)
def test_bounces_and_complaints_silence_the_mailbox_by_class(
    hook: FlaskClient, house: House, sink: SendGridDouble, world: World, channel: SendGridChannel, case: str
) -> None:
    """[D13 D14 inv-S10 inv-F2] At once, with an audit entry, and only what the event asks for."""
    facts, stops = SILENCES[case]
    cobalts_digest(house, world)
    deliver_batch(house, channel)
    deliver_events(hook, sink, [sink.event(sink.taken[0], **facts)] * 2)
    handle_events(house)
    with house.database.reading(EVERYTHING) as session:
        box = session.get_one(Mailbox, world.cobalt.mailbox.id)
        audit = list(session.execute(select(AuditEntry.action)).scalars())
    assert (box.suppressed_at is not None) == (stops == "everything")
    assert (box.reminders_off_at is not None) == (stops == "reminders")
    expected = {"everything": ["mailbox.suppressed"], "reminders": ["reminders.stopped"], None: []}
    assert audit == expected[stops]
    with house.database.transaction(EVERYTHING) as session:
        answer_mail(session, house, world.acme, world.cobalt)
    deliver_batch(house, channel)
    assert len(sink.taken) == (1 if stops == "everything" else 2)


def test_a_bounce_silences_a_vendors_person_too(
    hook: FlaskClient, house: House, sink: SendGridDouble, world: World, channel: SendGridChannel
) -> None:
    """[D14] A question to somebody who left: the next one is not mailed there."""
    with house.database.transaction(EVERYTHING) as session:
        question_mail(session, world.acme, world.cobalt)
    deliver_batch(house, channel)
    deliver_events(
        hook, sink, [sink.event(sink.taken[0], "bounce", type="bounce", reason="550 owner@acme.example gone")]
    )
    handle_events(house)
    with house.database.reading(EVERYTHING) as session:
        person = session.get_one(Person, world.acme.person.id)
    assert person.suppressed_at is not None
    assert "owner@acme" not in person.suppressed_reason


@given(
    st.text(max_size=20),
    st.dictionaries(st.sampled_from(["reason", "type", "status"]), st.none() | st.text() | st.integers()),
)
def test_no_event_breaks_the_reading_of_it(kind: str, facts: dict[str, Any]) -> None:
    """[inv-N4] Whatever stands in it."""
    silence_of(kind, facts)


def test_a_double_that_the_events_show_is_put_on_record(
    hook: FlaskClient, house: House, sink: SendGridDouble, world: World, channel: SendGridChannel, travel: Any
) -> None:
    """[L8 inv-S13] A notice given up and sent again, and then both are named: one entry, however many events."""
    from digest.sweep import resolve_unknown

    start = clock.now()
    travel(start)
    sink.behave = lambda mail: Answer(500)
    with house.database.transaction(EVERYTHING) as session:
        mail = answer_mail(session, house, world.acme, world.cobalt)
    deliver_batch(house, channel)
    sink.behave = lambda mail: Answer()
    travel(start + timedelta(minutes=16))
    resolve_unknown(house)
    deliver_batch(house, channel)
    assert [attempt.result for attempt in attempts(house, mail)] == [AttemptResult.REFUSED, AttemptResult.ACCEPTED]
    for kind in ("processed", "delivered"):
        deliver_events(hook, sink, [sink.event(taken, kind) for taken in sink.taken], at=clock.now().timestamp())
        handle_events(house)
    with house.database.reading(EVERYTHING) as session:
        audit = session.execute(select(AuditEntry.action, AuditEntry.subject_id)).all()
    assert [tuple(entry) for entry in audit] == [("mail.doubled", mail.id)]
