"""Small floods, loops and swarms, seeded; the long runs: make floods, webhooks, questions, robot."""

import subprocess
import sys

import pytest

from tests.faults import floods, questions, webhooks
from tests.faults.stage import database


@pytest.mark.slow
def test_loops_end_and_brakes_hold() -> None:
    """[A12 F7 inv-N5 inv-A2 inv-S5 inv-N4] Auto-responders, strangers, sign-ins, events, letters, one link."""
    rows, broken = floods.run("sqlite", strange=40, many=40)
    assert broken == []
    assert len(rows) == len(floods.AUTO) + 5


@pytest.mark.slow
@pytest.mark.postgresql
def test_webhooks_in_any_order_end_in_the_books_state() -> None:
    """[B3 inv-N1 inv-N3 inv-N4] Tripled, shuffled, broken and forged ones between, a process killed."""
    with database("postgresql") as url:
        row, broken = webhooks.flood(url, count=120, kills=1, seed=1, world="small")
    assert broken == []
    assert row["broken: 400"]
    assert row["forged: 401"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_no_acknowledged_question_is_lost_doubled_or_misrouted(kind: str) -> None:
    """[F1 inv-Q1 inv-Q2 inv-F1] While processes are killed and the database is away for a second."""
    with database(kind) as url:
        row, broken = questions.run(url, count=40, kills=1, away=1.0, seed=1, customers=4)
    assert broken == []
    assert row["mails told"] == 40


@pytest.mark.slow
def test_a_robot_changes_nothing_in_real_mails() -> None:
    """[B2 D13 inv-L1] In a process of its own: this one has a browser of other tests open."""
    command = [sys.executable, "-m", "tests.faults.robot", "--database", "sqlite", "--mails", "2", "--pages", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 violations" in done.stdout
