"""A short share of the login run (python -m tests.faults.login)."""

from argparse import Namespace
from pathlib import Path

import pytest

from tests.faults.login import run


@pytest.mark.slow
def test_fifty_browsers_with_one_link_begin_one_session(database_url: str, tmp_path: Path) -> None:
    """[inv-L3 inv-D2] Over HTTP, in two server processes; the others are told that it is too late."""
    seen = run(database_url, tmp_path, Namespace(rounds=3, browsers=50))
    assert seen.violations() == []
    assert seen.answers == {303: 3, 410: 147}
