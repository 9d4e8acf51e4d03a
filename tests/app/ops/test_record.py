"""The record searched, what time takes, and the run board."""

import csv
from datetime import timedelta
from io import StringIO
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.house import House
from app.ids import first_id, made_at, new_id
from app.models import Alarm, AuditEntry, JobRun, Mailbox, ProviderEvent
from app.retention import JOBS
from app.scheduler import Job, drain
from tests.support.house import signed_in
from tests.support.statements import statements
from tests.support.world import EVERYTHING, NOW, World, person

pytestmark = pytest.mark.usefixtures("fixed_clock")
DEEDS = {"Policy changed", "Reminders stopped", "Vendor muted"}


@pytest.fixture
def operator(app: Flask, house: House, world: World) -> FlaskClient:
    with house.database.transaction(EVERYTHING) as session:
        somebody = person(session, "operator@sheaf.example")
    return signed_in(app, somebody)


@pytest.fixture
def deeds(house: House, world: World) -> list[AuditEntry]:
    """One a day, the newest first: by Acme, by Cobalt's person, by a worker."""
    acme = {"actor": "person", "person_id": world.acme.person.id, "vendor_id": world.acme.vendor.id}
    cobalt = {"actor": "link", "customer_id": world.cobalt.customer.id}
    made = [
        AuditEntry(at=NOW, action="policy.changed", subject_id=new_id(), detail={"grace": "=5"}, **acme),
        AuditEntry(at=NOW - timedelta(days=1), action="reminders.stopped", **cobalt),
        AuditEntry(at=NOW - timedelta(days=2), action="vendor.muted", actor="worker", detail={"n": 1}),
    ]
    with house.database.transaction(EVERYTHING) as session:
        session.add_all(made)
    return made


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", DEEDS),
        ("person=Owner@acme.example", {"Policy changed"}),
        ("vendor=acm", {"Policy changed"}),
        ("customer=cobalt", {"Reminders stopped"}),
        ("actor=worker", {"Vendor muted"}),
        ("action=vendor.muted", {"Vendor muted"}),
        ("since=2026-11-22&until=2026-11-22", {"Reminders stopped"}),
        (
            "since=x&until=9999999-1-1&subject=nothing&actor=nobody",
            {"Policy changed", "Reminders stopped", "Vendor muted"},
        ),
        ("vendor=birch", set()),
    ],
)
def test_the_record_is_searched(operator: FlaskClient, deeds: list[AuditEntry], asked: str, found: set[str]) -> None:
    """[L4 inv-F2 003-24] By actor, person, supplier, customer, deed and day; what cannot be read narrows nothing."""
    page = operator.get(f"/ops/audit?{asked}").text
    assert {deed for deed in DEEDS if f">{deed}</a>" in page} == found


def test_the_record_of_one_matter_and_the_whole_of_it_as_csv(operator: FlaskClient, deeds: list[AuditEntry]) -> None:
    """[L4] No cell of it computes."""
    page = operator.get(f"/ops/audit?subject={deeds[0].subject_id}").text
    assert "Policy changed" in page
    assert "Vendor muted</a>" not in page
    answer = operator.get("/ops/audit/csv?vendor=acme")
    assert answer.is_streamed
    (row,) = csv.DictReader(StringIO(answer.text))
    assert (row["action"], row["person"], row["detail"]) == ("policy.changed", "owner@acme.example", "grace==5")


def test_the_record_is_paged_by_key_and_asks_as_much_on_every_page(house: House, operator: FlaskClient) -> None:
    """[L4 perf-C1]"""
    with house.database.transaction(EVERYTHING) as session:
        session.add_all(
            AuditEntry(at=NOW - timedelta(seconds=n), action=f"deed.{n:03}", actor="worker") for n in range(120)
        )
    with statements(house.database) as first:
        page = operator.get("/ops/audit?actor=worker").text
    assert "Deed 049" in page
    assert "Deed 050</a>" not in page
    older = next(part for part in page.split('"') if "before=" in part).replace("&amp;", "&")
    with statements(house.database) as second:
        page = operator.get(older).text
    assert "Deed 050" in page
    assert "Deed 099" in page
    assert len(first) == len(second)


def test_what_is_kept_is_shown_with_what_went_when(house: House, operator: FlaskClient) -> None:
    """[L6 inv-N1]"""
    long_ago = NOW - timedelta(days=house.limits.keep_notice_days + 1)
    old_id = UUID(int=(new_id().int & (1 << 80) - 1) | first_id(long_ago).int)
    times = {"received_at": long_ago, "due_at": long_ago, "handled_at": long_ago}
    with house.database.transaction(EVERYTHING) as session:
        session.add(ProviderEvent(id=old_id, provider="xero", event_key="1", headers={}, body=b"{}", **times))
    assert made_at(old_id) == long_ago
    assert "23 Oct 2026" in operator.get("/ops/retention").text
    assert sum(drain(house, job) for job in JOBS) == 1
    page = operator.get("/ops/retention").text
    assert "1 row, 23 Nov 2026" in page
    assert "1100 days" in page


def test_the_run_board_says_how_every_job_is(app: Flask, house: House, operator: FlaskClient, world: World) -> None:
    """[L2 003-24] Last run, what waits and since when, when the next thing is due, who is at work; the worst first."""
    known = [Job(name, 5.0, lambda _: 0) for name in ("plan digests", "deliver")]
    app.extensions["jobs"] = (*known, broken := Job("x", 1.0, _broken))
    with house.database.transaction(EVERYTHING) as session:
        late, next_one = (session.get_one(Mailbox, each.mailbox.id) for each in (world.cobalt, world.outsider))
        late.next_digest_at, next_one.next_digest_at = NOW - timedelta(hours=2), NOW + timedelta(hours=3)
        began = NOW - timedelta(minutes=5)
        session.add(JobRun(job="deliver", worker="host-1", started_at=began, finished_at=NOW, done=70))
        session.add(Alarm(name="silence", words="No digest appears.", since=NOW))
    drain(house, broken)
    page = operator.get("/ops/jobs").text
    assert page.index(">x</a>") < page.index(">plan digests</a>") < page.index(">deliver</a>")
    assert "RuntimeError: no" in page
    assert "Late</span>" in page
    assert "the oldest 2 hours ago" in page
    assert "23 Nov 2026, 12:00" in page
    assert "host-1" in page
    assert "No digest appears." in page


def _broken(_: House) -> int:
    raise RuntimeError("no")
