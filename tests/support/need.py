"""What a test needs from its machine: missing on a laptop means skipped with a reason, missing in CI means failed."""

import os
from typing import NoReturn

import pytest


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true")


def unavailable(reason: str) -> NoReturn:
    """End the current test: skip with the reason, or fail when CI promised that it would be there."""
    if in_ci():
        pytest.fail(f"CI must have it: {reason}", pytrace=False)
    pytest.skip(reason)
