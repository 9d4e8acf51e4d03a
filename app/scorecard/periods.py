"""Which stretch of time a figure is about: whole days in the vendor's own zone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from app.words import marked

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From ``first`` to ``last``, both included, on the walls of ``zone``."""

    key: str
    first: date
    last: date
    zone: str

    @property
    def since(self) -> datetime:
        return _midnight(self.first, self.zone)

    @property
    def until(self) -> datetime:
        """The first instant after it."""
        return _midnight(self.last + _DAY, self.zone)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.until


@lru_cache(maxsize=256)
def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(0), ZoneInfo(zone)).astimezone(UTC)


NAMES = {
    "quarter": marked("Last 90 days"),
    "month": marked("Last month"),
    "now": marked("This month"),
    "week": marked("Last week"),
    "year": marked("Last 12 months"),
}


def period(key: str, today: date, zone: str) -> Period:
    """The one of that name; an unknown name means the last 90 days."""
    this_month = today.replace(day=1)
    monday = today - timedelta(days=today.weekday())
    stretches: dict[str, Callable[[], tuple[date, date]]] = {
        "quarter": lambda: (today - timedelta(days=89), today),
        "month": lambda: ((this_month - _DAY).replace(day=1), this_month - _DAY),
        "now": lambda: (this_month, today),
        "week": lambda: (monday - timedelta(days=7), monday - _DAY),
        "year": lambda: (today - timedelta(days=364), today),
    }
    known = key if key in stretches else "quarter"
    return Period(known, *stretches[known](), zone)
