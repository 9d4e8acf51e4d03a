"""A short share of the token run (python -m tests.faults.token_expiries), against a server of our own."""

from argparse import Namespace
from pathlib import Path

import pytest

from tests.faults.token_expiries import run, strict_server


@pytest.mark.slow
def test_every_expiry_is_one_refresh_however_many_workers_meet_it(database_url: str, tmp_path: Path) -> None:
    """[A1 inv-K1 inv-K4 facts-1] In four processes, while the keys that seal the tokens are being changed."""
    with strict_server() as server:
        seen = run(database_url, tmp_path, server, Namespace(expiries=15, workers=32))
    assert seen.violations() == []
    assert seen.rotations > 0
