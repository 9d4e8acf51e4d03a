"""The calendar of digests, over zones and years in which the clock did strange things."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import Cadence
from app.windows import first_due, is_quiet_day, next_due, opening, period_key, window_of, windows

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
    pay_days: str = ""


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


# --- apart from others, and not on quiet days ------------------------------------------------------------------------


@given(
    spread=st.integers(0, 299),
    minute=st.integers(0, 24 * 60 - 1),
    zone=st.sampled_from(ZONES),
    day=st.dates(date(2010, 1, 1), date(2035, 1, 1)),
)
def test_each_mailbox_has_its_own_minute_within_the_hour_that_was_chosen(
    spread: int, minute: int, zone: str, day: date
) -> None:
    """[D2 D17 inv-C3 inv-S4] Never before the time, never in the next hour, the same each day."""
    send_at = time(minute // 60, minute % 60)
    plain, apart = Wish(send_at=send_at, zone=zone), Wish(send_at=send_at, zone=zone, spread_seconds=spread)
    start = datetime.combine(day, time(), UTC)
    for one, other in zip(windows(plain, start), windows(apart, start), strict=False):
        if one.key != other.key or other.opens_at > start + timedelta(days=40):
            break  # the first of them may have opened before ``start``
        wall = other.opens_at.astimezone(ZoneInfo(zone))
        if wall.date().isoformat() == one.key and wall.hour == send_at.hour:
            assert wall.time() >= send_at
        assert timedelta(0) <= other.opens_at - one.opens_at < timedelta(hours=1)


def test_the_minutes_apart_are_the_same_every_day() -> None:
    """[D2 D17] 09:02:05 today and tomorrow; in the last minutes of an hour the spread is folded into them."""
    first, second, _ = (
        w.opens_at for w, _ in zip(windows(Wish(spread_seconds=125), at("2026-11-22")), "abc", strict=False)
    )
    assert (first, second - first) == (at("2026-11-22T09:02:05"), timedelta(days=1))
    late = Wish(send_at=time(9, 59), spread_seconds=125)
    assert next_due(late, at("2026-11-22")) == at("2026-11-22T09:59:05")


@pytest.mark.parametrize(
    ("wish", "after", "due", "key"),
    [
        # Friday 25 December 2026 is a holiday in Germany, the 26th a Saturday: the Thursday before, in the same week
        (Wish(Cadence.WEEKLY, weekday=4, quiet_country="DE"), "2026-12-22", "2026-12-24T09:00", "2026-W52"),
        (Wish(Cadence.WEEKLY, weekday=5, quiet_country="DE"), "2026-11-23", "2026-11-27T09:00", "2026-W48"),
        (Wish(Cadence.DAILY, quiet_country="DE"), "2026-11-27T10:00", "2026-11-30T09:00", "2026-11-30"),
        (Wish(Cadence.DAILY, quiet_country="AE"), "2026-11-27T10:00", "2026-11-30T09:00", "2026-11-30"),
        (Wish(Cadence.DAILY, quiet_country="IR"), "2026-11-26T10:00", "2026-11-28T09:00", "2026-11-28"),
        (Wish(Cadence.MONTHLY, month_day=1, quiet_country="US"), "2027-01-01", "2027-01-04T09:00", "2027-01"),
        (Wish(Cadence.MONTHLY, month_day=31, quiet_country="US"), "2026-10-25", "2026-10-30T09:00", "2026-10"),
        (Wish(Cadence.SEMIMONTHLY, quiet_country="GB"), "2026-08-14", "2026-08-17T09:00", "2026-08-b"),
        (
            Wish(Cadence.DAILY, closed_from=date(2026, 8, 1), closed_until=date(2026, 8, 14)),
            "2026-07-31T10:00",
            "2026-08-15T09:00",
            "2026-08-15",
        ),
        (
            Wish(Cadence.MONTHLY, month_day=3, closed_from=date(2026, 8, 1), closed_until=date(2026, 8, 14)),
            "2026-07-31T10:00",
            "2026-08-15T09:00",
            "2026-08",
        ),
        (Wish(Cadence.PAY_RUN, month_day=15), "2026-11-01", "2026-11-13T09:00", "2026-11"),
        (Wish(Cadence.PAY_RUN, month_day=1), "2026-11-01", "2026-11-29T09:00", "2026-12"),
        (Wish(Cadence.PAY_RUN, month_day=1, quiet_country="DE"), "2026-11-01", "2026-11-30T09:00", "2026-12"),
        (Wish(Cadence.PAY_RUN, pay_days="10,25"), "2026-11-01", "2026-11-08T09:00", "2026-11-10-pay"),
        (Wish(Cadence.PAY_RUN, pay_days="10,25"), "2026-11-08T10:00", "2026-11-23T09:00", "2026-11-25-pay"),
        (
            Wish(Cadence.PAY_RUN, pay_days="10,25", quiet_country="DE"),
            "2026-11-01",
            "2026-11-06T09:00",
            "2026-11-10-pay",
        ),
    ],
)
def test_a_window_opens_on_a_working_day_of_its_own_period(wish: Wish, after: str, due: str, key: str) -> None:
    """[D1 D10 004-2] The next one, else the one before; before a pay run the one before. Weekends are the country's."""
    found = next(windows(wish, at(after)))
    assert (found.opens_at, found.key) == (at(due), key)
    assert window_of(wish.cadence, wish.zone, found.opens_at, wish.pay_days) == key


@given(
    cadence=st.sampled_from([each for each in Cadence if each != Cadence.ON_DEMAND]),
    country=st.sampled_from(["DE", "US", "JP", "IR", "IL", "BR", "CN"]),
    weekday=st.integers(0, 6),
    month_day=st.integers(1, 31),
    day=st.dates(date(2015, 1, 1), date(2033, 1, 1)),
    closed=st.integers(0, 40),
    pay_days=st.sampled_from(["", "10,25", "7,15,28", "28"]),
)
def test_quiet_days_never_split_a_window_nor_double_one(
    cadence: Cadence, country: str, weekday: int, month_day: int, day: date, closed: int, pay_days: str
) -> None:
    """[D3 D10 H11 inv-S1] In order, each within its period, and none on a day when nobody reads."""
    wish = Wish(
        cadence, weekday=weekday, month_day=month_day, quiet_country=country, closed_from=day + timedelta(days=20),
        closed_until=day + timedelta(days=20 + closed), pay_days=pay_days,
    )  # fmt: skip
    start = datetime.combine(day, time(), UTC)
    found = [window for window, _ in zip(windows(wish, start), range(12), strict=False)]
    keys = [window.key for window in found]
    assert keys == sorted(set(keys))
    for one, other in pairwise(found):
        assert start < one.opens_at < other.opens_at
        assert next_due(wish, one.opens_at) == other.opens_at
    for window in found:
        assert not is_quiet_day(wish, window.opens_at.date())
        assert window_of(cadence, "UTC", window.opens_at, pay_days) == window.key
