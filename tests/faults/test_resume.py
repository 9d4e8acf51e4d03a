"""The sync that is killed, in small."""

from tests.faults import resume
from tests.faults.stage import database


def test_a_sync_that_is_killed_goes_on_at_its_last_page() -> None:
    """[A1 inv-N3 inv-F1] A first pull, kill -9 in the middle, `flask sync` again: complete, and nothing twice."""
    with database("sqlite") as url:
        row, violations = resume.run(url, 3000, 1)
    assert not violations
    assert row["held"] == row["invoices"] == 3000
