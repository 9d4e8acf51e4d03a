"""A short share of the fuzzing of routes (python -m tests.faults.fuzz_routes), and what it found."""

import random
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.house import House
from tests.faults.fuzz_routes import call
from tests.support.links import sent_digest
from tests.support.world import EVERYTHING, World


@pytest.mark.slow
def test_no_call_breaks_a_page(database_url: str, tmp_path: Path) -> None:
    """[inv-N4 inv-I1 inv-M1 B1] Every route, as everybody, on both databases."""
    found = call(database_url, tmp_path, 700, random.Random("ci"))
    assert found.findings == []
    assert found.calls == 700
    assert len(found.statuses) > 5


def test_a_number_beyond_all_columns_is_no_line(
    house: House, whole_app: Flask, world: World, fixed_clock: datetime
) -> None:
    """[inv-L2] Beyond SQLite's integers and PostgreSQL's, beyond what Python reads, and not in ASCII."""
    with house.database.transaction(EVERYTHING) as session:
        sent = sent_digest(session, world.cobalt.mailbox, [world.acme_invoice])
    browser = whole_app.test_client()
    for number in ("9" * 10, "9" * 19, "9" * 5000, "-1", "\u0661"):
        assert browser.get(f"/m/{sent.token}/{number}/pay").status_code == 404
        assert browser.post(f"/m/{sent.token}/{number}/ask", data={"body": "?"}).status_code == 404


def test_a_host_that_is_none_gets_a_plain_refusal(client: FlaskClient) -> None:
    """[inv-N4] No page of ours can be drawn then, not even the one that says so."""
    answer = client.get("/sign-in", environ_overrides={"HTTP_HOST": "a..b"})
    assert (answer.status_code, answer.mimetype) == (400, "text/plain")


def test_a_nul_is_refused_wherever_it_stands(client: FlaskClient, world: World) -> None:
    """[inv-N4] PostgreSQL takes none."""
    for answer in (
        client.post("/sign-in", data={"address": "a\x00@b.example"}),
        client.post("/sign-in", data={"address": "ap@cobalt.example", "next": "/\x00"}),
        client.get("/sign-in?next=%00"),
        client.get("/sign-in/%00"),
    ):
        assert answer.status_code == 400
