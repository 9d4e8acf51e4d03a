"""What the two databases spell differently, for statements that count days: on which day an instant was, how many days
lie between two, and what a list in JSON holds."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Date, Integer, String, case, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

_DAY, _SECOND = timedelta(days=1), timedelta(seconds=1)


def day_of(at: Any, zone: str, first: date, last: date) -> Any:
    """The day of an instant on the walls of ``zone``, for days from ``first`` to ``last``. Which offset holds when is
    told by our own time zones: the databases have none, or others."""
    offsets = _offsets(zone, first - _DAY, last + 2 * _DAY)
    changes = [(at < until, _Day(at, literal(offset, Integer))) for until, offset in offsets[:-1]]
    latest = _Day(at, literal(offsets[-1][1], Integer))
    return case(*changes, else_=latest) if changes else latest


def days_between(first: Any, last: Any) -> Any:
    return _Between(first, last)


def each_of(column: Any) -> Any:
    """The elements of a list, as a table with the one column ``value``."""
    return _Elements(column).table_valued("value")


def first_of(value: Any) -> Any:
    """The first element of a list within a list, as text."""
    return _First(value)


@lru_cache(maxsize=256)
def _offsets(zone: str, first: date, last: date) -> list[tuple[datetime, int]]:
    """(until, seconds ahead of UTC), to the second; the last of them has no end."""
    wall = ZoneInfo(zone)
    days = [datetime.combine(first, time(0), UTC) + number * _DAY for number in range((last - first).days + 1)]
    changed = [_change(wall, *two) for two in pairwise(days) if _ahead(wall, two[0]) != _ahead(wall, two[1])]
    return [(at, _ahead(wall, at - _SECOND)) for at in changed] + [(days[-1], _ahead(wall, days[-1]))]


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first second of another offset than that of ``before``."""
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        before, after = (middle, after) if _ahead(zone, middle) == _ahead(zone, before) else (before, middle)
    return after


def _ahead(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset is not None else 0


class _Day(FunctionElement[date]):
    type = Date()
    inherit_cache = True


class _Between(FunctionElement[int]):
    type = Integer()
    inherit_cache = True


class _Elements(FunctionElement[Any]):
    inherit_cache = True


class _First(FunctionElement[str]):
    type = String()
    inherit_cache = True


def _spelled(element: type, on_postgresql: str, on_sqlite: str) -> None:
    def spell(found: Any, compiler: SQLCompiler, **words: Any) -> str:
        form = on_sqlite if compiler.dialect.name == "sqlite" else on_postgresql
        return form.format(*(compiler.process(each, **words) for each in found.clauses))

    compiles(element)(spell)


_spelled(_Day, "CAST(timezone('UTC', {0}) + {1} * interval '1 second' AS DATE)", "date({0}, {1} || ' seconds')")
_spelled(_Between, "({1} - {0})", "CAST(julianday({1}) - julianday({0}) AS INTEGER)")
_spelled(_Elements, "json_array_elements({0})", "json_each({0})")
# On SQLite only what is known to be text can be found among texts by an index.
_spelled(_First, "({0} ->> 0)", "CAST(json_extract({0}, '$[0]') AS TEXT)")
