"""When a customer that pays on certain days is likely to pay."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.payruns import expected_on, known_by, next_runs, pay_runs

TODAY = date(2026, 11, 23)  # a Monday


@pytest.mark.parametrize(
    ("due_on", "known_on", "expected"),
    [
        (date(2026, 11, 20), date(2026, 10, 1), date(2026, 11, 25)),  # late already: the next run
        (date(2026, 11, 26), date(2026, 10, 1), date(2026, 12, 10)),  # due after the run on the 25th
        (date(2026, 11, 20), date(2026, 11, 23), date(2026, 12, 10)),  # it missed the cut-off of the 25th
        (None, date(2026, 11, 20), date(2026, 11, 25)),  # three working days before: Friday is the last of them
        (date(2027, 1, 8), date(2026, 10, 1), date(2027, 1, 8)),  # the 10th is a Sunday
    ],
)
def test_it_expects_an_invoice_in_the_first_run_that_it_makes(
    due_on: date | None, known_on: date, expected: date
) -> None:
    """[H11] Not before it is due, and not where it came after the cut-off."""
    assert expected_on("10,25", 3, due_on=due_on, known_on=known_on, today=TODAY) == expected


def test_whoever_says_no_days_is_expected_on_none() -> None:
    """[H11]"""
    assert expected_on("", 3, due_on=TODAY, known_on=TODAY, today=TODAY) is None
    assert next_runs("", 3, TODAY, 2) == []


def test_a_promise_may_name_the_next_runs_whose_cut_off_is_ahead() -> None:
    """[H11 F4] On Monday the 23rd the run of the 25th is closed."""
    assert next_runs("10,25", 3, TODAY, 2) == [date(2026, 12, 10), date(2026, 12, 25)]
    assert next_runs("10,25", 3, TODAY, 2, "DE")[1] == date(2026, 12, 24)  # the 25th is Christmas, the 24th is not
    assert next_runs("10,25", 0, TODAY, 1) == [date(2026, 11, 25)]


@given(
    st.sampled_from(["10,25", "1", "31", "7,15,28"]),
    st.integers(0, 10),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.sampled_from(["", "DE", "US", "IL"]),
)
def test_runs_are_working_days_in_order_and_their_cut_off_lies_before(
    pay_days: str, cutoff: int, start: date, country: str
) -> None:
    """[H11]"""
    found = [day for day, _ in zip(pay_runs(pay_days, start, country), range(6), strict=False)]
    assert found == sorted(set(found))
    assert all(start <= day and known_by(day, cutoff, country) <= day for day in found)
