"""Pure: the days a statement is about, as asked for in an address, and the ones people ask for most."""

from dataclasses import dataclass
from datetime import date, timedelta

from app.words import marked

_LONGEST = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class Period:
    since: date
    until: date


def read_period(since: str, until: str, today: date) -> Period:
    """From the first of last month until today, where nothing else is asked for that can be."""
    last = _date(until) or today
    first = _date(since) or _month_before(last.replace(day=1))
    return Period(max(min(first, last), last - _LONGEST), last)


def usual_periods(today: date) -> list[tuple[str, Period]]:
    """In words that app.words says, and the days they mean."""
    month, year = today.replace(day=1), today.replace(month=1, day=1)
    last_year = year.replace(year=year.year - 1)
    return [
        (marked("This month"), Period(month, today)),
        (marked("Last month"), Period(_month_before(month), month - timedelta(days=1))),
        (marked("This year"), Period(year, today)),
        (marked("Last year"), Period(last_year, year - timedelta(days=1))),
    ]


def _month_before(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1990 <= found.year <= 2100 else None
