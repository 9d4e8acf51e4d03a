"""A short share of the fuzzing of each parser (python -m tests.faults.fuzz), the same inputs every time."""

import random

import pytest

from tests.faults.fuzz import feed
from tests.faults.parsers import PARSERS


@pytest.mark.parametrize("name", PARSERS)
def test_it_reads_or_refuses_whatever_comes(name: str) -> None:
    """[inv-D1 inv-M1 inv-L7 inv-N4 inv-A3 D14 F7]"""
    found = feed(name, 1500, random.Random(f"ci/{name}"))
    assert found.findings == []
