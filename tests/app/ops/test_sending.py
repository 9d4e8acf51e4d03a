"""What the operator sees of sending, and decides: mails in doubt, windows opened once more, gate and alarms."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app import clock
from app.house import House
from app.models import (
    Alarm,
    Attempt,
    AttemptResult,
    AuditEntry,
    DeliveryEvent,
    Digest,
    Mailbox,
    Outcome,
    Outgoing,
    OutgoingState,
    SendGate,
    StopSwitch,
)
from digest.channels.base import rejected, unknown
from digest.deliver import deliver_batch
from digest.plan import plan_batch
from tests.app.ops.test_views import figures_of
from tests.digest.mails import attempts, cobalts_digest, digest_row, row
from tests.digest.rows import digests
from tests.support.house import signed_in
from tests.support.sinks import MemoryChannel
from tests.support.world import EVERYTHING, NOW, World, person


@pytest.fixture
def operator(whole_app: Flask, house: House, fixed_clock: datetime) -> FlaskClient:
    with house.database.transaction(EVERYTHING) as session:
        somebody = person(session, "operator@sheaf.example")
    return signed_in(whole_app, somebody)


def in_doubt(house: House, world: World) -> Outgoing:
    mail = cobalts_digest(house, world)
    deliver_batch(house, MemoryChannel(lambda envelope: unknown("silence")))
    assert row(house, mail).state == OutgoingState.HELD
    return mail


def actions(house: House) -> list[str]:
    with house.database.reading(EVERYTHING) as session:
        return list(session.scalars(select(AuditEntry.action)))


class TestInDoubt:
    def test_it_says_what_may_happen_and_sends_once_more(
        self, operator: FlaskClient, house: House, world: World
    ) -> None:
        """[D5 inv-S7 inv-F2] SMTP tells nothing later: an operator may take the double upon them, once, on record."""
        mail = in_doubt(house, world)
        page = operator.get(f"/ops/outbox/{mail.id}").text
        assert "somebody may get it twice" in page
        answer = operator.post(f"/ops/outbox/{mail.id}/decide", data={"how": "again"})
        assert answer.status_code == 303
        channel = MemoryChannel()
        deliver_batch(house, channel)
        assert len(channel.taken) == 1
        assert row(house, mail).state == OutgoingState.ACCEPTED
        assert actions(house) == ["mail.released"]
        operator.post(f"/ops/outbox/{mail.id}/decide", data={"how": "again"})
        assert deliver_batch(house, channel) == 0
        assert "Nothing is in doubt" in operator.get(f"/ops/outbox/{mail.id}").text

    def test_it_may_be_found_sent(self, operator: FlaskClient, house: House, world: World) -> None:
        """[D5 inv-S2] The mail server's log shows it: the window is done, the token destroyed."""
        mail = in_doubt(house, world)
        operator.post(f"/ops/outbox/{mail.id}/decide", data={"how": "went"})
        assert (row(house, mail).state, row(house, mail).sealed_token) == (OutgoingState.ACCEPTED, None)
        assert digest_row(house, mail).outcome == Outcome.ACCEPTED
        assert [each.result for each in attempts(house, mail)] == [AttemptResult.ACCEPTED]

    def test_it_takes_no_other_word(self, operator: FlaskClient, house: House, world: World) -> None:
        """[inv-N4]"""
        mail = in_doubt(house, world)
        assert operator.post(f"/ops/outbox/{mail.id}/decide", data={"how": "perhaps"}).status_code == 400
        unknown_mail = "01a20549-0000-7000-8000-000000000000"
        operator.post(f"/ops/outbox/{unknown_mail}/decide", data={"how": "again"})
        assert row(house, mail).state == OutgoingState.HELD


class TestPlanAgain:
    @pytest.fixture
    def failed(self, house: House, world: World, fixed_clock: datetime) -> Digest:
        """Cobalt's window of this week was planned, and the mail service refused its mail for good."""
        with house.database.transaction(EVERYTHING) as session:
            session.get_one(Mailbox, world.cobalt.mailbox.id).next_digest_at = NOW
        plan_batch(house)
        deliver_batch(house, MemoryChannel(lambda envelope: rejected("400: no")))
        (found,) = digests(house)
        assert found.outcome == Outcome.FAILED
        return found

    def test_the_planner_decides_anew_and_what_was_stays_on_record(
        self, operator: FlaskClient, house: House, failed: Digest
    ) -> None:
        """[L2 inv-S1 inv-F2] Twice pressed, one mail."""
        assert "Plan it again" in operator.get(f"/ops/digests/{failed.id}").text
        for _ in range(2):
            assert operator.post(f"/ops/digests/{failed.id}/plan-again").status_code == 303
        while plan_batch(house):
            pass
        channel = MemoryChannel()
        while deliver_batch(house, channel):
            pass
        assert len(channel.taken) == 1
        assert {(found.window, found.outcome) for found in digests(house)} == {
            ("2026-W48~0", Outcome.FAILED),
            ("2026-W48", Outcome.ACCEPTED),
        }
        assert actions(house).count("window.planned_again") == 1

    @pytest.mark.parametrize("why", ["accepted", "in doubt", "queued", "over"])
    def test_never_while_a_mail_may_be_out_or_its_period_is_over(
        self, operator: FlaskClient, house: House, failed: Digest, travel: Any, why: str
    ) -> None:
        """[L2 inv-S1 inv-C4]"""
        with house.database.transaction(EVERYTHING) as session:
            if why in ("accepted", "queued"):
                session.execute(update(Digest).values(outcome=why))
            if why == "in doubt":
                session.execute(update(Attempt).values(result=AttemptResult.UNKNOWN))
        if why == "over":
            travel(NOW + timedelta(days=7))
        before = digests(house)[0].window
        operator.post(f"/ops/digests/{failed.id}/plan-again")
        assert [found.window for found in digests(house)] == [before]
        assert "window.planned_again" not in actions(house)


def test_it_shows_what_became_of_each_mail(operator: FlaskClient, house: House, world: World) -> None:
    """[D15 002-3] Delivered, with its time, on the mailbox's page; opens say maybe, and so nothing."""
    mail = cobalts_digest(house, world)
    deliver_batch(house, MemoryChannel())
    path = f"/ops/mailboxes/{world.cobalt.mailbox.id}"
    assert "nothing reported" in operator.get(path).text
    (attempt,) = attempts(house, mail)
    with house.database.transaction(EVERYTHING) as session:
        for number, kind in enumerate(("processed", "deferred", "delivered", "open")):
            at = clock.now() + timedelta(minutes=number)
            facts = {"attempt_id": attempt.id, "kind": kind, "happened_at": at, "received_at": at}
            session.add(DeliveryEvent(**facts, body=b"{}"))
    page = operator.get(path).text
    assert "Delivered</span>" in page
    assert "Deferred" not in page
    timeline = operator.get(f"/ops/outbox/{mail.id}").text
    assert all(f"the mail provider said {kind}" in timeline for kind in ("processed", "deferred", "delivered"))


def test_gate_alarms_doubt_and_strays_are_seen(operator: FlaskClient, house: House, world: World) -> None:
    """[L8 inv-F3 inv-F1] On the pages and in the figures."""
    in_doubt(house, world)
    now = clock.now()
    with house.database.transaction(EVERYTHING) as session:
        shut = {"trips": 1, "shut_until": now + timedelta(minutes=5), "reason": "429: too many"}
        session.execute(update(SendGate).values(**shut))
        session.add(Alarm(name="queue", words="Mails are due and do not leave.", since=now))
        facts = {"attempt_id": world.acme.vendor.id, "kind": "bounce", "happened_at": now, "received_at": now}
        session.add(DeliveryEvent(**facts, body=b"{}", handled_at=now, is_stray=True))
        doubled = {"action": "mail.doubled", "detail": {"kind": "answer"}}
        session.add(AuditEntry(at=now, actor="provider", **doubled))
    assert "Mails are due and do not leave." in operator.get("/ops").text
    assert "429: too many" in operator.get("/ops/outbox").text
    assert "no record of" in operator.get("/ops/events").text
    found = figures_of(operator.get("/metrics").text)
    assert found["sheaf_mails_held"] == found["sheaf_alarm|queue"] == found["sheaf_stray_events_last_day"] == 1
    assert (found["sheaf_gate_state|memory"], found["sheaf_mails_doubled_last_day|answer"]) == (2, 1)


def test_a_provider_is_stopped_by_name(
    operator: FlaskClient, house: House, monkeypatch: pytest.MonkeyPatch, whole_app: Flask
) -> None:
    """[L1] Offered for providers we have; corrections can be stopped alone, sign-in mail cannot."""
    monkeypatch.setenv("QUICKBOOKS_CLIENT_ID", "client")
    page = operator.get("/ops").text
    assert "Lines from QuickBooks" in page
    assert "kind:correction" in page
    assert "kind:login" not in page
    assert operator.post("/ops/stop", data={"name": "provider:quickbooks", "reason": "x"}).status_code == 303
    assert operator.post("/ops/stop", data={"name": "provider:nobody", "reason": "x"}).status_code == 422
    with house.database.reading(EVERYTHING) as session:
        assert session.scalars(select(StopSwitch.name)).all() == ["provider:quickbooks"]
    assert operator.post("/ops/resume", data={"name": "provider:quickbooks"}).status_code == 303
