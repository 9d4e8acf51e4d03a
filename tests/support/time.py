"""A clock that stands still, through app.clock."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from app import clock

MONDAY_MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def travel() -> Iterator[Callable[[datetime], None]]:
    """travel(instant) moves the clock there, as often as the test likes; it runs again afterwards."""
    with ExitStack() as stack:
        yield lambda instant: stack.enter_context(clock.travel(instant))


@pytest.fixture
def fixed_clock(travel: Callable[[datetime], None]) -> datetime:
    """The clock stands at the instant returned, a Monday morning."""
    travel(MONDAY_MORNING)
    return MONDAY_MORNING
