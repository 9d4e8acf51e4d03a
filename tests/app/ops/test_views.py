"""The operator's pages."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import select, text

from app import clock
from app.house import House
from app.models import (
    Attempt,
    AttemptResult,
    AuditEntry,
    ConnectionState,
    DeliveryEvent,
    Digest,
    JobRun,
    Outcome,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    ProviderEvent,
    StopSwitch,
)
from tests.support.house import signed_in
from tests.support.postgres import as_owner
from tests.support.world import EVERYTHING, Owing, World, connection, customer, person


@pytest.fixture
def operator(app: Flask, house: House, fixed_clock: datetime) -> FlaskClient:
    with house.database.transaction(EVERYTHING) as session:
        somebody = person(session, "operator@sheaf.example")
    return signed_in(app, somebody)


def window(house: House, to: Owing, name: str, outcome: Outcome, **facts: Any) -> Digest:
    now = clock.now()
    defaults = {"created_at": now, "due_at": now, "reason": "because"}
    with house.database.transaction(EVERYTHING) as session:
        made = Digest(
            customer_id=to.customer.id,
            mailbox_id=to.mailbox.id,
            window=name,
            outcome=outcome,
            **{**defaults, **facts},
        )
        session.add(made)
        return made


def mail(house: House, to: Owing, state: OutgoingState, **facts: Any) -> Outgoing:
    with house.database.transaction(EVERYTHING) as session:
        made = Outgoing(
            kind=OutgoingKind.DIGEST,
            dedupe_key=f"mail-{clock.now()}-{len(facts)}-{state}",
            mailbox_id=to.mailbox.id,
            address=to.mailbox.address,
            subject="secret subject",
            text="secret words",
            state=state,
            created_at=clock.now(),
            due_at=clock.now(),
            **facts,
        )
        session.add(made)
        return made


def figures_of(page: str) -> dict[str, float]:
    """Every sample as ``name{label}`` -> value."""
    return {
        sample.name + "".join(f"|{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


class TestStopSwitch:
    def test_it_stops_and_lets_go_on_with_a_reason_on_record(self, operator: FlaskClient, house: House) -> None:
        """[L1 inv-S5 inv-F2]"""
        answer = operator.post("/ops/stop", data={"name": "sending", "reason": "wrong amounts"})
        assert (answer.status_code, answer.location) == (303, "/ops")
        page = operator.get("/ops").text
        assert "All mail is stopped" in page
        assert "wrong amounts" in page
        operator.post("/ops/resume", data={"name": "sending"})
        assert "All mail is stopped" not in operator.get("/ops").text
        with house.database.reading(EVERYTHING) as session:
            assert session.scalars(select(StopSwitch)).all() == []
            kept = session.execute(select(AuditEntry.action, AuditEntry.detail).order_by(AuditEntry.id)).all()
        assert [action for action, _ in kept] == ["sending.stopped", "sending.resumed"]
        assert kept[0].detail == {"switch": "sending", "reason": "wrong amounts"}

    def test_it_stops_one_supplier_or_one_kind(self, operator: FlaskClient, house: House, world: World) -> None:
        """[L1]"""
        name = f"vendor:{world.acme.vendor.id}"
        assert operator.post("/ops/stop", data={"name": name, "reason": "x"}).location == "/ops/vendors"
        operator.post("/ops/stop", data={"name": "kind:digest", "reason": "y"})
        with house.database.reading(EVERYTHING) as session:
            assert set(session.scalars(select(StopSwitch.name))) == {name, "kind:digest"}
        assert "Stopped" in operator.get("/ops/vendors").text
        assert "Digests" in operator.get("/ops").text

    @pytest.mark.parametrize(
        ("name", "reason", "code"),
        [
            ("sending", "", 422),
            ("sending", "x" * 201, 422),
            ("", "why", 422),
            ("everything", "why", 422),
            ("vendor:nobody", "why", 422),
            ("vendor:01a20549-0000-7000-8000-000000000000", "why", 404),
        ],
    )
    def test_it_wants_a_known_thing_and_a_reason(
        self, operator: FlaskClient, house: House, name: str, reason: str, code: int
    ) -> None:
        """[L1]"""
        assert operator.post("/ops/stop", data={"name": name, "reason": reason}).status_code == code
        with house.database.reading(EVERYTHING) as session:
            assert session.scalars(select(StopSwitch)).all() == []

    def test_it_takes_a_newer_reason_and_a_second_resume_calmly(self, operator: FlaskClient) -> None:
        """[L1]"""
        for reason in ("first", "second"):
            operator.post("/ops/stop", data={"name": "sending", "reason": reason})
        page = operator.get("/ops").text
        assert "second" in page
        assert "first" not in page
        for _ in range(2):
            assert operator.post("/ops/resume", data={"name": "sending"}).status_code == 303
        assert operator.post("/ops/resume", data={"name": "nothing we know"}).status_code == 404


def test_it_shows_how_each_window_ended_and_why(operator: FlaskClient, house: House, world: World) -> None:
    """[L1 L8 inv-S2] From the board, by day and outcome, to one mailbox and one window."""
    sent = window(house, world.cobalt, "2026-W48", Outcome.ACCEPTED, reasons={str(world.acme_invoice.id): "promised"})
    window(house, world.outsider, "2026-W48", Outcome.NOTHING_DUE, reason="nothing is owed")
    yesterday = clock.now() - timedelta(days=1)
    window(house, world.cobalt, "2026-W47", Outcome.MISSED, created_at=yesterday, reason="older than 36 hours")
    board = operator.get("/ops/windows").text
    assert "ap@cobalt.example" in board
    assert "nothing is owed" in board
    assert "older than 36 hours" not in board
    assert "older than 36 hours" in operator.get(f"/ops/windows?day={yesterday.date()}&outcome=missed").text
    assert "ap@cobalt.example" not in operator.get("/ops/windows?outcome=nothing_due").text
    one = operator.get(f"/ops/mailboxes/{world.cobalt.mailbox.id}").text
    assert one.index("2026-W48") < one.index("2026-W47")
    drilled = operator.get(f"/ops/digests/{sent.id}").text
    assert "A-1" in drilled
    assert "promised" in drilled


def test_it_finds_a_mailbox_by_its_address(operator: FlaskClient, world: World) -> None:
    """[L8]"""
    found = operator.get("/ops/mailboxes?address=AP@Cobalt.example")
    assert found.location == f"/ops/mailboxes/{world.cobalt.mailbox.id}"
    assert operator.get("/ops/mailboxes?address=nobody@nowhere.example").location == "/ops/windows"


def test_it_pages_windows_by_key(operator: FlaskClient, house: House) -> None:
    """[L8] Every row once, however many pages; a mangled key begins at the newest."""
    with house.database.transaction(EVERYTHING) as session:
        boxes = [customer(session, f"C{n}", address=f"c{n:03}@many.example") for n in range(105)]
    for n, to in enumerate(boxes):
        window(house, to, "2026-W48", Outcome.ACCEPTED, created_at=clock.now() - timedelta(seconds=n // 3))
    seen: list[str] = []
    path = "/ops/windows"
    while path:
        page = operator.get(path).text
        seen += re.findall(r">(c\d{3}@many\.example)<", page)
        following = re.search(r'href="([^"]+before=[^"]+)">Older', page)
        path = following[1].replace("&amp;", "&") if following else ""
    assert sorted(seen) == sorted(to.mailbox.address for to in boxes)
    assert operator.get("/ops/windows?before=rubbish_x").status_code == 200


def test_it_shows_mails_without_their_words(operator: FlaskClient, house: House, world: World) -> None:
    """[L8 inv-K2 D15] State, tries, and what the mail provider said."""
    kept = mail(house, world.cobalt, OutgoingState.HELD, reason="no answer in ten seconds")
    now = clock.now()
    with house.database.transaction(EVERYTHING) as session:
        attempt = Attempt(outgoing_id=kept.id, channel="sendgrid", started_at=now, result=AttemptResult.UNKNOWN)
        session.add(attempt)
        session.flush()
        session.add(DeliveryEvent(attempt_id=attempt.id, kind="deferred", happened_at=now, received_at=now, body=b"{}"))
    assert "no answer in ten seconds" in operator.get("/ops/outbox").text
    page = operator.get(f"/ops/outbox/{kept.id}").text
    assert "deferred" in page
    assert "secret" not in page


def test_it_lists_jobs_connections_and_webhooks_in_trouble(operator: FlaskClient, house: House, world: World) -> None:
    """[L8]"""
    now = clock.now()
    with house.database.transaction(EVERYTHING) as session:
        connection(
            session, world.birch.vendor, world.birch.person, state=ConnectionState.NEEDS_RECONNECT, last_error="revoked"
        )
        connection(session, world.acme.vendor, world.acme.person, as_of=now - timedelta(hours=30))
        session.add(JobRun(job="pull", worker="w", started_at=now, finished_at=now, done=0, error="RetryLater: 500"))
        session.add(JobRun(job="deliver", worker="w", started_at=now, finished_at=now, done=7))
        session.add(
            ProviderEvent(provider="xero", event_key="1", headers={}, body=b"{}", received_at=now, due_at=now, tries=2)
        )
    troubled = operator.get("/ops/connections").text
    assert troubled.count("<tr>") == 3  # the head, and two of four connections
    assert troubled.index("revoked") < troubled.index("Behind")
    assert "RetryLater" in operator.get("/ops/jobs").text
    assert "deliver</th>" not in operator.get("/ops/jobs?failed=yes").text
    assert "deliver</th>" in operator.get("/ops/jobs?job=deliver").text
    assert "xero" in operator.get("/ops/events").text


def test_it_lists_what_was_done_by_whom(operator: FlaskClient, app: Flask, world: World) -> None:
    """[L4 inv-F2]"""
    signed_in(app, world.cobalt.person).post("/sign-out/everywhere")
    operator.post("/ops/stop", data={"name": "sending", "reason": "drill"})
    page = operator.get("/ops/audit").text
    assert "ap@cobalt.example" in page
    assert "drill" in page
    assert "drill" not in operator.get("/ops/audit?action=signed_out_everywhere").text


def test_it_has_words_for_an_empty_house(operator: FlaskClient) -> None:
    """[L8]"""
    for name in ("", "/windows", "/outbox", "/jobs", "/connections", "/events", "/vendors", "/audit"):
        assert operator.get(f"/ops{name}").status_code == 200


class TestHealth:
    def test_it_is_alive_without_a_database(self, bare_app: Flask) -> None:
        """[L8]"""
        assert bare_app.test_client().get("/healthz").text == "ok\n"
        assert bare_app.test_client().get("/readyz").status_code == 503

    def test_it_is_ready_with_the_tables_of_this_version_only(self, client: FlaskClient, house: House) -> None:
        """[L8]"""
        assert client.get("/readyz").status_code == 200
        with as_owner(house.settings.database_url) as connected:
            connected.execute(text("update alembic_version set version_num = 'older'"))
        assert client.get("/readyz").status_code == 503

    def test_it_measures_what_waits(
        self, client: FlaskClient, house: House, world: World, fixed_clock: datetime
    ) -> None:
        """[L8 inv-F3]"""
        now = clock.now()
        mail(house, world.cobalt, OutgoingState.QUEUED)
        digest = window(house, world.cobalt, "2026-W48", Outcome.ACCEPTED, accepted_at=now - timedelta(minutes=5))
        sent = mail(house, world.cobalt, OutgoingState.ACCEPTED, digest_id=digest.id)
        with house.database.transaction(EVERYTHING) as session:
            session.add(Attempt(outgoing_id=sent.id, channel="file", started_at=now, result=AttemptResult.ACCEPTED))
            session.merge(world.outsider.mailbox).next_digest_at = now - timedelta(seconds=90)
            session.add(
                ProviderEvent(provider="xero", event_key="1", headers={}, body=b"", received_at=now, due_at=now)
            )
            session.add(StopSwitch(name="sending", reason="r", by="b", since=now))
        figures = figures_of(client.get("/metrics").text)
        assert figures["sheaf_sending_stopped"] == 1
        assert figures["sheaf_outbox_due"] == 1
        assert (figures["sheaf_windows_due"], figures["sheaf_windows_oldest_due_seconds"]) == (1, 90)
        assert figures["sheaf_windows_last_day|accepted"] == 1
        assert figures["sheaf_windows_doubled"] == 0
        assert figures["sheaf_last_accepted_digest_seconds"] == 300
        assert figures["sheaf_connections|active"] == 2
        assert figures["sheaf_provider_events_due"] == 1
        assert figures["sheaf_attempts_last_day|accepted"] == 1

    def test_it_sees_a_window_that_was_sent_twice(self, client: FlaskClient, house: House, world: World) -> None:
        """[L8 inv-S1] Two mails of one window, which nothing should be able to write."""
        digest = window(house, world.cobalt, "2026-W48", Outcome.ACCEPTED)
        for extra in ({"reason": "one"}, {"reason": "two", "text": "another"}):
            made = mail(house, world.cobalt, OutgoingState.ACCEPTED, digest_id=digest.id, html=str(extra))
            with house.database.transaction(EVERYTHING) as session:
                session.add(
                    Attempt(outgoing_id=made.id, channel="file", started_at=clock.now(), result=AttemptResult.ACCEPTED)
                )
        assert figures_of(client.get("/metrics").text)["sheaf_windows_doubled"] == 1

    def test_it_tells_figures_to_the_holder_of_the_token_only(self, client: FlaskClient, house: House) -> None:
        """[L8] Closed in production until a token is set."""
        house.settings.environment = "production"
        assert client.get("/metrics").status_code == 404
        house.settings.metrics_token = SecretStr("prometheus")
        assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
        assert client.get("/metrics", headers={"Authorization": "Bearer prometheus"}).status_code == 200
