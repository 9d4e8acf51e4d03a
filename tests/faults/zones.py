"""One digest window for each local date that exists, 20 to 28 hours apart, in every zone.

    python -m tests.faults.zones

All IANA zones x 48 send times x the years asked for, each window made by app.windows itself. What it is held against
is made otherwise: a zone's changes of offset are found by halving, and from them the dates that exist. Zones whose
clocks agree in all those years are one and the same question, asked once.
"""

import sys
import time as stopwatch
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

from app.models import Cadence
from app.windows import windows
from tests.faults.showing import Progress, parser, show

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
SEND_TIMES = [time(minute // 60, minute % 60) for minute in range(0, 24 * 60, 30)]
LEAST, MOST = 20 * HOUR, 28 * HOUR


@dataclass(frozen=True)
class Daily:
    """A daily rhythm (app.windows.Rhythm)."""

    zone: str
    send_at: time
    spread_seconds: int = 0
    cadence: str = Cadence.DAILY
    weekday: int = 0
    month_day: int = 1
    quiet_country: str = ""
    closed_from: date | None = None
    closed_until: date | None = None
    pay_days: str = ""


@dataclass
class Found:
    """What one zone's clocks came to. ``wrong``: in words."""

    zones: int = 0
    windows: int = 0
    least: timedelta = timedelta.max
    most: timedelta = timedelta.min
    skipped_dates: int = 0
    wrong: tuple[str, ...] = ()

    def add(self, other: "Found") -> None:
        self.zones += other.zones
        self.windows += other.windows
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)
        self.skipped_dates += other.skipped_dates
        self.wrong = (*self.wrong, *other.wrong)


def changes(zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[datetime, timedelta]]:
    """(instant, offset from then on), the first at ``start``: found by looking every day and halving between."""
    found = [(start, _offset(zone, start))]
    before = start
    while before < end:
        after = before + DAY
        if _offset(zone, after) != found[-1][1]:
            low, high = before, after
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (middle, high) if _offset(zone, middle) == found[-1][1] else (low, middle)
            found.append((high.replace(microsecond=0), _offset(zone, high)))
        before = after
    return found


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)


def skipped(clock: list[tuple[datetime, timedelta]]) -> set[date]:
    """The local dates no instant falls on: whole days between the wall before a change and the wall after it."""
    gone = set()
    for (_, old), (at, new) in pairwise(clock):
        last = (at - timedelta(microseconds=1) + old).date()
        first = (at + new).date()
        gone |= {last + DAY * n for n in range(1, (first - last).days)}
    return gone


def look(years: tuple[int, int], send_times: list[time], spread_seconds: int, zones: tuple[str, ...]) -> Found:
    """The daily windows of the first of ``zones``, which all have the same clock."""
    first, last = date(years[0], 1, 1), date(years[1], 12, 31)
    zone = ZoneInfo(zones[0])
    clock = changes(zone, _utc(first) - WEEK, _utc(last) + WEEK)
    gone = skipped(clock)
    wanted = [first + DAY * n for n in range((last - first).days + 1) if first + DAY * n not in gone]
    found = Found(zones=len(zones), skipped_dates=sum(first <= each <= last for each in gone))
    for send_at in send_times:
        rhythm = Daily(zones[0], send_at, spread_seconds)
        opened = list(takewhile(lambda w: w.key <= last.isoformat(), _from(rhythm, first)))
        keys = [window.key for window in opened]
        if keys != [each.isoformat() for each in wanted]:
            _complain(found, f"{zones[0]} {send_at:%H:%M}: {_difference(keys, wanted)}")
        gaps = [later.opens_at - earlier.opens_at for earlier, later in pairwise(opened)]
        found.least, found.most = min(found.least, *gaps), max(found.most, *gaps)
        for (earlier, later), gap in zip(pairwise(opened), gaps, strict=True):
            if not LEAST <= gap <= MOST:
                _complain(found, f"{zones[0]} {send_at:%H:%M}: {gap} between {earlier.key} and {later.key}")
        found.windows += len(opened)
    return found


def _from(rhythm: Daily, first: date) -> Iterator:
    return (window for window in windows(rhythm, _utc(first) - WEEK) if window.key >= first.isoformat())


def _complain(found: Found, words: str) -> None:
    found.wrong = (*found.wrong, words)


def _difference(keys: list[str], wanted: list[date]) -> str:
    names = {each.isoformat() for each in wanted}
    twice = len(keys) - len(set(keys))
    return f"{len(names - set(keys))} dates without, {len(set(keys) - names)} that do not exist, {twice} twice"


def _utc(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def by_clock(years: tuple[int, int]) -> list[tuple[str, ...]]:
    """All zones, those with one and the same clock together."""
    groups: dict[tuple, list[str]] = {}
    start, end = _utc(date(years[0], 1, 1)) - WEEK, _utc(date(years[1], 12, 31)) + WEEK
    for name in sorted(available_timezones()):
        groups.setdefault(tuple(changes(ZoneInfo(name), start, end)), []).append(name)
    return [tuple(names) for names in groups.values()]


def main(arguments: list[str]) -> int:
    options = parser(__doc__)
    options.add_argument("--years", default="2010-2035")
    options.add_argument("--spread", type=int, default=0, help="seconds after the send time, as a mailbox has them")
    options.add_argument("--processes", type=int, default=2)
    chosen = options.parse_args(arguments)
    first, last = (int(year) for year in chosen.years.split("-"))
    began, total = stopwatch.monotonic(), Found()
    groups = by_clock((first, last))
    progress = Progress("clocks", len(groups))
    with ProcessPoolExecutor(chosen.processes) as pool:
        for each in pool.map(partial(look, (first, last), SEND_TIMES, chosen.spread), groups):
            total.add(each)
            progress.step()
    row = {
        "zones": total.zones,
        "different clocks": len(groups),
        "send times": len(SEND_TIMES),
        "years": chosen.years,
        "windows": total.windows,
        "dates that do not exist": total.skipped_dates,
        "least hours": round(total.least / HOUR, 3),
        "most hours": round(total.most / HOUR, 3),
        "seconds": round(stopwatch.monotonic() - began),
    }
    return show("One daily window for each existing date", [row], total.wrong, chosen.json)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
