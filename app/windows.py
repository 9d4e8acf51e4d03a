"""Windows: the local calendar periods of which a mailbox gets one digest each, and the instants at which they open.

Pure. A due time is a local date, a wall time and a zone, turned into UTC here (INVARIANTS C3); the rule is kept, never
an offset. A wall time that a clock change skips becomes the next valid minute, one that comes twice is meant the first
time. Due times are spread over some minutes, always the same for one mailbox; where nobody reads on quiet days, a
window opens on a working day of its own period.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import takewhile
from types import ModuleType
from typing import Protocol
from zoneinfo import ZoneInfo

SPREAD_SECONDS = 300  # a new mailbox draws its place in the queue below this
BEFORE_PAYING = timedelta(days=2)  # so long before a pay run its digest comes (FEATURES D1)
BETWEEN_RUNS = timedelta(days=7)  # pay runs of one customer are at least so far apart
_DAY = timedelta(days=1)
_SATURDAY = 5
_LONGEST_ROLL = timedelta(days=31)  # no quiet day moves a window further than its period is long


class Rhythm(Protocol):
    """What a mailbox has chosen. ``cadence`` is a value of app.models.Cadence, ``send_at`` a wall clock in ``zone``."""

    @property
    def cadence(self) -> str: ...
    @property
    def weekday(self) -> int: ...  # 0 is Monday; weekly only
    @property
    def month_day(self) -> int: ...  # monthly, pay run; the last day where the month is shorter
    @property
    def pay_days(self) -> str: ...  # pay run: "10,25", the days on which its customer pays; "": on ``month_day``
    @property
    def send_at(self) -> time: ...
    @property
    def zone(self) -> str: ...
    @property
    def spread_seconds(self) -> int: ...  # so much after ``send_at``, within its hour
    @property
    def quiet_country(self) -> str: ...  # no window opens on its weekends and holidays; "" has none
    @property
    def closed_from(self) -> date | None: ...  # nor on these days
    @property
    def closed_until(self) -> date | None: ...  # the last of them


class Mailed(Rhythm, Protocol):
    """A rhythm, and when its newest digest went out."""

    @property
    def last_digest_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Window:
    """One period of one mailbox: ``key`` names it in the database, ``opens_at`` is when its digest is due."""

    key: str
    opens_at: datetime


def windows(rhythm: Rhythm, after: datetime) -> Iterator[Window]:
    """The windows that open later than ``after``, in order, without end; none for a mailbox that asks on demand."""
    zone, wall, cadence = ZoneInfo(rhythm.zone), _wall(rhythm), rhythm.cadence
    is_quiet = bool(rhythm.quiet_country or rhythm.closed_from)
    # A day before: where a date was skipped, its period opens on the date after it. What rolls may come from far.
    start = after.astimezone(zone).date() - (_LONGEST_ROLL if is_quiet else _DAY)
    for meant in _days(rhythm, start):
        day = _open_day(rhythm, meant) if is_quiet else meant
        opens_at = opening(cadence, day, wall, zone) if day else None
        if opens_at is not None and opens_at > after:
            yield Window(period_key(cadence, meant, rhythm.pay_days), opens_at)


def next_due(rhythm: Rhythm, after: datetime) -> datetime | None:
    """When the next window after this instant opens; None when there is none."""
    found = next(windows(rhythm, after), None)
    return found.opens_at if found else None


def first_due(mailbox: Mailed, now: datetime, spacing_hours: int = 20) -> datetime | None:
    """When a rhythm that was just chosen first comes round: after now, and not too soon after the last digest."""
    last = mailbox.last_digest_at
    ready = spaced_from(last, spacing_hours) if last else now
    return next_due(mailbox, max(now, ready - timedelta(microseconds=1)))


def spaced_from(last: datetime, hours: int) -> datetime:
    """The first instant at which another digest may go to a mailbox that got one at ``last`` (INVARIANTS S4)."""
    return last + timedelta(hours=hours)


def window_of(cadence: str, zone: str, instant: datetime, pay_days: str = "") -> str:
    """The key of the period in which this instant lies, on the wall of ``zone``."""
    return period_key(cadence, instant.astimezone(ZoneInfo(zone)).date(), pay_days)


def period_key(cadence: str, day: date, pay_days: str = "") -> str:
    """``2026-11-22`` (daily, weekdays), ``2026-W47``, ``2026-11-a`` or ``-b`` for half a month, ``2026-11``,
    ``2026-11-25-pay`` for one pay run of several in a month."""
    if cadence == "weekly":
        year, week, _ = day.isocalendar()
        return f"{year:04}-W{week:02}"
    if cadence == "semimonthly":
        return f"{day:%Y-%m}-{'a' if day.day < 15 else 'b'}"
    if cadence == "monthly":
        return f"{day:%Y-%m}"
    if cadence == "pay_run" and pay_days:  # its digest may come some days earlier, where those before are quiet
        return f"{_last_run(pay_days, day + BEFORE_PAYING + BETWEEN_RUNS - _DAY)}-pay"
    if cadence == "pay_run":  # the month in which is paid
        return f"{day + BEFORE_PAYING:%Y-%m}"
    return day.isoformat()


def is_quiet_day(rhythm: Rhythm, day: date) -> bool:
    """Nobody reads on that day: a weekend or a holiday of the mailbox's country, or it said that it is closed."""
    if rhythm.closed_from and rhythm.closed_until and rhythm.closed_from <= day <= rhythm.closed_until:
        return True
    return bool(rhythm.quiet_country) and is_day_off(rhythm.quiet_country, day)


def is_day_off(country: str, day: date) -> bool:
    """A weekend or public holiday there; where we know no country's, Saturday and Sunday."""
    if country not in known_countries():
        return day.weekday() >= _SATURDAY
    return day.weekday() in _weekend(country) or day in _holidays(country, day.year)


def _open_day(rhythm: Rhythm, meant: date) -> date | None:
    """The next working day within the period of ``meant``, else the last one before; None when it has none. A pay run
    does not wait, so its digest comes earlier rather than later."""
    if not is_quiet_day(rhythm, meant):
        return meant
    period = period_key(rhythm.cadence, meant, rhythm.pay_days)
    for step in (-_DAY, _DAY) if rhythm.cadence == "pay_run" else (_DAY, -_DAY):
        day = meant + step
        while period_key(rhythm.cadence, day, rhythm.pay_days) == period:
            if not is_quiet_day(rhythm, day):
                return day
            day += step
    return None


@lru_cache(maxsize=1)
def known_countries() -> frozenset[str]:
    """Those whose weekends and holidays we know."""
    return frozenset(_holiday_calendars().list_supported_countries(include_aliases=False))


@lru_cache(maxsize=1000)
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(_holiday_calendars().country_holidays(country, years=year))


@lru_cache(maxsize=300)
def _weekend(country: str) -> frozenset[int]:
    return frozenset(_holiday_calendars().country_holidays(country).weekend)


def _holiday_calendars() -> ModuleType:
    import holidays  # noqa: PLC0415  3 MB, for those processes only that meet a mailbox with quiet days

    return holidays


def _wall(rhythm: Rhythm) -> time:
    """``send_at`` with the mailbox's own spread, which never leaves the hour that was chosen."""
    wall = rhythm.send_at
    second = wall.minute * 60 + wall.second
    minute, second = divmod(second + rhythm.spread_seconds % (3600 - second), 60)
    return wall.replace(minute=minute, second=second)


def opening(cadence: str, day: date, wall: time, zone: ZoneInfo) -> datetime | None:
    """When ``wall`` is on that date, in UTC; None when the whole period does not exist in this zone.

    In a gap it is the next valid minute; where that already belongs to the next period, the last one before the gap:
    each period that exists is opened once, within itself.
    """
    meant = datetime.combine(day, wall)
    instant = meant.replace(tzinfo=zone).astimezone(UTC)
    if _local(instant, zone) == meant:
        return instant
    after_gap = _end_of_gap(meant, zone)
    for moment in (after_gap, after_gap - timedelta(minutes=1)):
        if period_key(cadence, _local(moment, zone).date()) == period_key(cadence, day):
            return moment
    return None


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _end_of_gap(meant: datetime, zone: ZoneInfo) -> datetime:
    """The first instant after the clock change that skips ``meant``, to the second."""
    before = meant.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = meant.replace(tzinfo=zone, fold=0).astimezone(UTC)
    old = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def _days(rhythm: Rhythm, start: date) -> Iterator[date]:
    """The dates of the rhythm from ``start`` on, as the calendar has them, in order."""
    if rhythm.cadence in ("daily", "weekdays"):
        return _all_days(start, 5 if rhythm.cadence == "weekdays" else 7)
    if rhythm.cadence == "weekly":
        return _weeks(start + timedelta(days=(rhythm.weekday - start.weekday()) % 7))
    if rhythm.cadence == "semimonthly":
        return month_days(start, (1, 15))
    if rhythm.cadence == "monthly":
        return month_days(start, (rhythm.month_day,))
    if rhythm.cadence == "pay_run":
        days = days_said(rhythm.pay_days) or (rhythm.month_day,)
        return (day - BEFORE_PAYING for day in month_days(start + BEFORE_PAYING, days))
    return iter(())


def _all_days(day: date, week_length: int) -> Iterator[date]:
    while True:
        if day.weekday() < week_length:
            yield day
        day += _DAY


def _weeks(day: date) -> Iterator[date]:
    while True:
        yield day
        day += timedelta(weeks=1)


def days_said(pay_days: str) -> tuple[int, ...]:
    """``10,25`` as numbers, in order."""
    return tuple(int(day) for day in pay_days.split(",") if day)


@lru_cache(maxsize=10_000)
def _last_run(pay_days: str, until: date) -> date:
    """The last pay day up to and including ``until``."""
    runs = month_days(until - timedelta(days=31), days_said(pay_days))
    return list(takewhile(lambda day: day <= until, runs))[-1]


def month_days(start: date, numbers: tuple[int, ...]) -> Iterator[date]:
    year, month = start.year, start.month
    while True:
        length = monthrange(year, month)[1]
        for number in numbers:
            day = date(year, month, min(number, length))
            if day >= start:
                yield day
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
