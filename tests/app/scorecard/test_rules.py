"""Response time: what is a question, what is its answer, and how long was that."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models import Side
from app.scorecard.rules import Hours, Reply, Said, business_time, by_week, followed, is_open_longer, summary

ANN, BEN = UUID(int=1), UUID(int=2)
ONE, TWO = UUID(int=11), UUID(int=12)
PARIS = Hours("Europe/Paris", 9, 17)
HOUR = timedelta(hours=1)


def at(hour: int, day: int = 23, minute: int = 0) -> datetime:
    """November 2026, UTC; the 23rd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


def replies(said: Iterable[Said]) -> list[Reply]:
    """The questions, oldest first."""
    found = (each for each in followed(said) if isinstance(each, Reply))
    return sorted(found, key=lambda reply: (reply.asked_at, reply.thread_id))


def asks(when: datetime, thread: UUID = ONE) -> Said:
    return Said(thread, when, Side.CUSTOMER, None)


def answers(when: datetime, thread: UUID = ONE, who: UUID = ANN) -> Said:
    return Said(thread, when, Side.VENDOR, who)


def closes(when: datetime, *, has_words: bool = False, side: Side = Side.VENDOR) -> Said:
    return Said(ONE, when, side, ANN, has_words=has_words, closes=True)


def paris(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC)


def test_a_question_ends_with_the_first_answer() -> None:
    """[G2 004-15] Later messages of either side change nothing about it."""
    found = replies([asks(at(9)), answers(at(11)), answers(at(15), who=BEN)])
    assert found == [Reply(ONE, at(9), answered_at=at(11), person_id=ANN)]


def test_what_is_added_while_waiting_does_not_restart_the_clock() -> None:
    """[G2 004-15]"""
    found = replies([asks(at(9)), asks(at(10)), answers(at(12))])
    assert [(reply.asked_at, reply.answered_at) for reply in found] == [(at(9), at(12))]


def test_asking_again_after_an_answer_is_a_new_question() -> None:
    """[G2 004-15]"""
    found = replies([asks(at(9)), answers(at(10)), asks(at(12)), answers(at(15), who=BEN)])
    assert [(reply.asked_at, reply.person_id) for reply in found] == [(at(9), ANN), (at(12), BEN)]


def test_threads_have_clocks_of_their_own() -> None:
    """[G2]"""
    found = replies([asks(at(9)), asks(at(10), TWO), answers(at(11), TWO), answers(at(13))])
    assert {reply.thread_id: reply.answered_at for reply in found} == {ONE: at(13), TWO: at(11)}


def test_a_closing_without_words_is_no_answer_and_one_with_words_is() -> None:
    """[G2 F11] Nobody gets a good figure by closing."""
    silent, spoken = replies([asks(at(9)), closes(at(10))]), replies([asks(at(9)), closes(at(10), has_words=True)])
    assert silent == [Reply(ONE, at(9), is_closed=True)]
    assert spoken == [Reply(ONE, at(9), answered_at=at(10), person_id=ANN)]


def test_a_question_withdrawn_by_the_customer_is_not_waiting() -> None:
    """[G2 F11]"""
    [reply] = replies([asks(at(9)), closes(at(10), side=Side.CUSTOMER)])
    assert not reply.is_waiting
    assert reply.answered_at is None


def test_reopening_starts_a_new_clock() -> None:
    """[G2 F11] The days a thread lay closed are nobody's response time."""
    found = replies([asks(at(9, 2)), closes(at(10, 2)), asks(at(9, 23)), answers(at(10, 23))])
    assert [reply.answered_at - reply.asked_at for reply in found if reply.answered_at] == [HOUR]


def test_an_answer_to_nothing_counts_as_nothing() -> None:
    """[G2] Such as one to a question that was the vendor's own."""
    assert replies([answers(at(9))]) == []


@pytest.mark.parametrize(
    ("since", "until", "open_for"),
    [
        pytest.param(paris(2026, 11, 23, 10), paris(2026, 11, 23, 12, 30), timedelta(hours=2.5), id="within a day"),
        pytest.param(paris(2026, 11, 23, 16), paris(2026, 11, 24, 10), 2 * HOUR, id="over a night"),
        pytest.param(paris(2026, 11, 27, 16), paris(2026, 11, 30, 10), 2 * HOUR, id="over a weekend"),
        pytest.param(paris(2026, 11, 28, 10), paris(2026, 11, 29, 20), 0 * HOUR, id="inside a weekend"),
        pytest.param(paris(2026, 11, 23, 6), paris(2026, 11, 23, 8), 0 * HOUR, id="before opening"),
        pytest.param(paris(2026, 11, 23, 16, 59), paris(2026, 11, 23, 23), timedelta(minutes=1), id="after closing"),
        pytest.param(paris(2026, 11, 16, 9), paris(2026, 11, 30, 9), 80 * HOUR, id="two weeks"),
        # Clocks go forward on 29 March and back on 25 October: both Sundays, so opening hours keep their length.
        pytest.param(paris(2026, 3, 27, 16), paris(2026, 3, 30, 10), 2 * HOUR, id="over the spring change"),
        pytest.param(paris(2026, 10, 23, 16), paris(2026, 10, 26, 10), 2 * HOUR, id="over the autumn change"),
    ],
)
def test_business_time_counts_opening_hours_only(since: datetime, until: datetime, open_for: timedelta) -> None:
    """[G2 004-15 inv-C5] Over nights, weekends and both clock changes."""
    assert business_time(since, until, PARIS) == open_for


def test_a_clock_change_inside_opening_hours_counts_in_real_time() -> None:
    """[G2] Cairo changes on a Friday at midnight: a vendor open round the clock has a 23 hour day."""
    always = Hours("Africa/Cairo", 0, 24)
    cairo = ZoneInfo("Africa/Cairo")
    since, until = datetime(2026, 4, 24, 1, tzinfo=cairo), datetime(2026, 4, 27, 0, tzinfo=cairo)
    assert business_time(since, until, always) == 23 * HOUR
    assert (
        business_time(datetime(2026, 4, 22, 0, tzinfo=cairo), datetime(2026, 4, 23, 0, tzinfo=cairo), always)
        == 24 * HOUR
    )


@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),
    parts=st.lists(st.timedeltas(timedelta(0), timedelta(days=9)), min_size=2, max_size=2),
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Pacific/Apia"]),
)
def test_business_time_adds_up_and_never_exceeds_the_clock(start: datetime, parts: list[timedelta], zone: str) -> None:
    """[G2] Cutting a wait in two loses and invents nothing."""
    hours, first = Hours(zone, 8, 18), start.replace(tzinfo=UTC)
    middle, last = first + parts[0], first + parts[0] + parts[1]
    whole = business_time(first, last, hours)
    assert whole == business_time(first, middle, hours) + business_time(middle, last, hours)
    assert timedelta(0) <= whole <= last - first
    assert is_open_longer(parts[0], first, last, hours) == (whole > parts[0])


def test_median_and_slow_end_are_values_people_can_check() -> None:
    """[G2 004-15] The median is the middle; nine of ten answers came within p90, which is one of the answers."""
    found = [Reply(ONE, at(0), answered_at=at(0) + hours * HOUR) for hours in (1, 2, 3, 4, 5, 6, 7, 8, 9, 30)]
    clock = summary(found, PARIS).clock
    assert clock is not None
    assert clock.median == timedelta(hours=5.5)
    assert clock.p90 == 9 * HOUR


def test_one_answer_is_its_own_median_and_slow_end() -> None:
    """[G2]"""
    clock = summary([Reply(ONE, at(9), answered_at=at(12))], PARIS).clock
    assert clock is not None
    assert (clock.median, clock.p90) == (3 * HOUR, 3 * HOUR)


def test_the_waiting_are_counted_beside_the_answered() -> None:
    """[G2] An unanswered question has no response time, and is not hidden either."""
    found = [Reply(ONE, at(9)), Reply(TWO, at(9), answered_at=at(10)), Reply(UUID(int=13), at(9), is_closed=True)]
    total = summary(found, PARIS)
    assert (total.asked, total.answered, total.waiting) == (3, 1, 1)


def test_nothing_asked_gives_no_figures() -> None:
    """[G2]"""
    total = summary([], PARIS)
    assert total.clock is None
    assert total.business is None


def test_weeks_begin_on_the_vendors_monday_and_none_is_left_out() -> None:
    """[G2] Sunday 23:30 in UTC is Monday in Paris."""
    found = [Reply(ONE, at(23, 22, 30), answered_at=at(23, 22, 40)), Reply(TWO, at(9, 18))]
    weeks = by_week(found, PARIS, date(2026, 11, 25), 3)
    assert [(week.starts_on.day, week.summary.asked) for week in weeks] == [(9, 0), (16, 1), (23, 1)]
