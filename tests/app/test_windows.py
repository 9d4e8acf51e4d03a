"""The calendar of digests, over zones and years in which the clock did strange things."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import Cadence
from app.windows import first_due, next_due, opening, period_key, window_of, windows

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia",  # 30 December 2011 does not exist
    "Pacific/Kwajalein",  # 21 August 1993 does not exist
    "Asia/Pyongyang",  # 4 May 2018 ends at 23:30
    "Asia/Kathmandu",
    "Africa/Casablanca",  # changes around Ramadan
    "America/Nuuk",
    "America/Scoresbysund",
    "Asia/Gaza",
    "UTC",
]
STRANGE = {"Pacific/Apia": date(2011, 12, 30), "Pacific/Kwajalein": date(1993, 8, 21)}


@dataclass(frozen=True)
class Wish:
    cadence: str = Cadence.DAILY
    send_at: time = time(9, 0)
    zone: str = "UTC"
    weekday: int = 0
    month_day: int = 1
    last_digest_at: datetime | None = None
    spread_seconds: int = 0
    quiet_country: str = ""
    closed_from: date | None = None
    closed_until: date | None = None


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("cadence", "day", "key"),
    [
        (Cadence.DAILY, date(2026, 11, 22), "2026-11-22"),
        (Cadence.WEEKDAYS, date(2026, 11, 23), "2026-11-23"),
        (Cadence.WEEKLY, date(2026, 11, 22), "2026-W47"),
        (Cadence.WEEKLY, date(2027, 1, 3), "2026-W53"),
        (Cadence.SEMIMONTHLY, date(2026, 11, 14), "2026-11-a"),
        (Cadence.SEMIMONTHLY, date(2026, 11, 15), "2026-11-b"),
        (Cadence.MONTHLY, date(2026, 11, 30), "2026-11"),
    ],
)
def test_a_period_is_named_by_the_local_calendar(cadence: Cadence, day: date, key: str) -> None:
    """[D1 D3] The key is the period, never the run."""
    assert period_key(cadence, day) == key


@pytest.mark.parametrize(
    ("wish", "after", "due"),
    [
        (Wish(Cadence.DAILY), "2026-11-22T08:59:59", "2026-11-22T09:00"),
        (Wish(Cadence.DAILY), "2026-11-22T09:00", "2026-11-23T09:00"),
        (Wish(Cadence.WEEKDAYS), "2026-11-20T10:00", "2026-11-23T09:00"),
        (Wish(Cadence.WEEKLY, weekday=1), "2026-11-22T00:00", "2026-11-24T09:00"),
        (Wish(Cadence.SEMIMONTHLY), "2026-11-02T00:00", "2026-11-15T09:00"),
        (Wish(Cadence.SEMIMONTHLY), "2026-11-15T09:00", "2026-12-01T09:00"),
        (Wish(Cadence.MONTHLY, month_day=31), "2026-01-31T10:00", "2026-02-28T09:00"),
        (Wish(Cadence.MONTHLY, month_day=31), "2028-02-01T10:00", "2028-02-29T09:00"),
    ],
)
def test_it_finds_the_next_date_of_each_cadence(wish: Wish, after: str, due: str) -> None:
    """[D1] Daily, weekdays, weekly, 1st and 15th, monthly with short months."""
    assert next_due(wish, at(after)) == at(due)


def test_on_demand_is_never_due() -> None:
    """[D1] Nothing comes unasked."""
    assert next_due(Wish(Cadence.ON_DEMAND), at("2026-11-22T00:00")) is None
    assert first_due(Wish(Cadence.ON_DEMAND), at("2026-11-22T00:00")) is None


@pytest.mark.parametrize(
    ("zone", "day", "wall", "expected"),
    [
        ("Europe/Berlin", date(2026, 3, 29), time(2, 30), "2026-03-29T01:00"),  # 02:00 to 03:00 skipped: at 03:00
        ("Europe/Berlin", date(2026, 10, 25), time(2, 30), "2026-10-25T00:30"),  # twice: the first one
        ("America/New_York", date(2026, 3, 8), time(2, 0), "2026-03-08T07:00"),
        ("America/New_York", date(2026, 11, 1), time(1, 30), "2026-11-01T05:30"),
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), "2026-10-03T15:30"),
        ("America/Sao_Paulo", date(2018, 11, 4), time(0, 0), "2018-11-04T03:00"),  # midnight itself was skipped
        (
            "Asia/Pyongyang",
            date(2018, 5, 4),
            time(23, 45),
            "2018-05-04T14:59",
        ),  # the gap ends on the 5th
        ("Pacific/Apia", date(2011, 12, 29), time(9, 0), "2011-12-29T19:00"),
        ("Pacific/Apia", date(2011, 12, 31), time(9, 0), "2011-12-30T19:00"),
    ],
)
def test_it_turns_the_wall_clock_into_utc_itself(zone: str, day: date, wall: time, expected: str) -> None:
    """[D2 inv-C3] A gap becomes the next valid minute, a fold its first."""
    assert opening(Cadence.DAILY, day, wall, ZoneInfo(zone)) == at(expected)


def test_a_date_that_does_not_exist_has_no_daily_window_but_its_week_has_one() -> None:
    """[D2 inv-C3] Samoa went from Thursday the 29th to Saturday the 31st of December 2011."""
    friday = STRANGE["Pacific/Apia"]
    assert opening(Cadence.DAILY, friday, time(9, 0), ZoneInfo("Pacific/Apia")) is None
    weekly = next_due(Wish(Cadence.WEEKLY, zone="Pacific/Apia", weekday=4), at("2011-12-26T00:00"))
    assert weekly == at("2011-12-31T00:00", "Pacific/Apia")
    assert window_of(Cadence.WEEKLY, "Pacific/Apia", weekly) == "2011-W52"


@given(
    zone=st.sampled_from(ZONES),
    year=st.sampled_from([1993, 2011, 2018, 2024, 2026]),
    minute=st.integers(0, 24 * 60 - 1),
)
def test_every_existing_local_date_has_exactly_one_daily_window(zone: str, year: int, minute: int) -> None:
    """[D2 inv-C3] Whatever the clock does in that year."""
    wish = Wish(Cadence.DAILY, time(minute // 60, minute % 60), zone)
    end = at(f"{year + 1}-01-02T00:00", zone)
    found = list(takewhile(lambda window: window.opens_at < end, windows(wish, at(f"{year - 1}-12-31T00:00", zone))))
    keys = [window.key for window in found if window.key.startswith(str(year))]
    days = {date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)}
    assert keys == sorted(day.isoformat() for day in days - {STRANGE.get(zone)})
    for window in found:
        assert window_of(Cadence.DAILY, zone, window.opens_at) == window.key


@given(
    cadence=st.sampled_from(list(Cadence)),
    zone=st.sampled_from(ZONES),
    minute=st.integers(0, 24 * 60 - 1),
    weekday=st.integers(0, 6),
    month_day=st.integers(1, 31),
    day=st.dates(date(1990, 1, 1), date(2035, 1, 1)),
)
def test_windows_follow_one_another_each_within_its_own_period(
    cadence: Cadence, zone: str, minute: int, weekday: int, month_day: int, day: date
) -> None:
    """[D1 D2 D3 inv-C3 inv-C5] In order, no key twice, and a window is found again from the instant it opens."""
    wish = Wish(cadence, time(minute // 60, minute % 60), zone, weekday, month_day)
    start = datetime.combine(day, time(), UTC)
    found = [window for window, _ in zip(windows(wish, start), range(40), strict=False)]
    for one, other in pairwise(found):
        assert one.opens_at < other.opens_at
        assert one.key != other.key
        assert next_due(wish, one.opens_at) == other.opens_at
    for window in found:
        assert window.opens_at > start
        assert window_of(cadence, zone, window.opens_at) == window.key


def test_a_new_rhythm_keeps_its_distance_from_the_last_digest() -> None:
    """[D1 inv-S4] Moving from the evening to the morning does not bring two in one night."""
    last, now = at("2026-11-22T21:00"), at("2026-11-22T22:00")
    assert first_due(Wish(Cadence.DAILY, time(6, 0), last_digest_at=last), now) == at("2026-11-24T06:00")
    assert first_due(Wish(Cadence.DAILY, time(17, 0), last_digest_at=last), now) == at("2026-11-23T17:00")
    assert first_due(Wish(Cadence.DAILY), now) == at("2026-11-23T09:00")
