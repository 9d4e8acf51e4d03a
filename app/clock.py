"""The only reader of the wall clock. Rules and composers are handed the time; they never ask for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_shift = timedelta(0)
_fixed: datetime | None = None


def now() -> datetime:
    """The present instant: aware, UTC."""
    return _fixed if _fixed is not None else datetime.now(UTC) + _shift


def today(zone: str) -> date:
    """The calendar date people in ``zone`` (an IANA name) see on the wall."""
    return now().astimezone(ZoneInfo(zone)).date()


def is_moved() -> bool:
    """True while a simulation or a test owns the clock; the database's own clock must not be asked then."""
    return _fixed is not None or _shift != timedelta(0)


def set_to(instant: datetime | None) -> None:
    """Stand still at ``instant`` (aware), or run again with the wall clock when None."""
    global _fixed
    if instant is not None and instant.tzinfo is None:
        raise ValueError("the clock takes aware instants only")
    _fixed = None if instant is None else instant.astimezone(UTC)


@contextmanager
def travel(instant: datetime | None) -> Iterator[None]:
    """Stand still at ``instant`` inside the block, or run with the wall clock when None (simulations and tests)."""
    before = _fixed
    set_to(instant)
    try:
        yield
    finally:
        set_to(before)
