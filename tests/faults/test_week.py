"""A short share of bench/week.py: a played week of two thousand mailboxes in twenty-four zones."""

from datetime import timedelta
from pathlib import Path

import pytest

from bench import week
from bench.ground import Ground
from tests.support.postgres import Server


@pytest.mark.slow
@pytest.mark.postgresql
def test_each_mailbox_is_planned_once_in_its_week(postgresql_server: Server, tmp_path: Path) -> None:
    """[D1 D3 inv-S1 inv-S2 inv-C1 inv-C3] Whatever its zone, weekday and hour; those who owe get a mail."""
    row, violations = week.run(Ground(tmp_path, postgresql_server), 2000, 0.05, timedelta(hours=1))
    assert not violations
    assert row["windows planned"] == 2000
    assert "queued" in row["windows ended"]
