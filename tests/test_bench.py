"""What a bench says of a goal: by the median, and where a clock was read by the best repeat too."""

import pytest

from bench.goals import GOALS
from bench.measure import Result, Take, counted
from bench.report import Found, lines


def by_the_clock(*rates: float) -> Result:
    return Result("ours", "digests", tuple(Take(n=1, seconds=1 / rate, client_cpu=0) for rate in rates))


@pytest.mark.parametrize(
    ("ours", "is_missed"),
    [
        pytest.param((1.6, 1.6, 1.6), False, id="all reach it"),
        pytest.param((1.1, 1.2, 1.6), False, id="a loud machine, and one repeat that was left in peace"),
        pytest.param((1.1, 1.2, 1.3), True, id="no repeat reaches it"),
    ],
)
def test_a_goal_by_the_clock_is_missed_when_its_median_and_its_best_repeat_miss_it(
    ours: tuple[float, ...], is_missed: bool
) -> None:
    found = Found("digest")
    found.clocked("B3", by_the_clock(*ours), by_the_clock(1, 1, 1), lambda take: take.rate)
    assert found.missed == (["B3"] if is_missed else [])
    assert found.goals["B3"] == pytest.approx(sorted(ours)[1])
    assert any(("MISS" in line) == is_missed and "best repeat" in line for line in lines(found))


def test_the_best_repeat_of_what_must_be_small_is_the_smallest() -> None:
    found = Found("inbox")
    bar = GOALS["C2-p50"].bar
    slow, fast = Take(1, 1, 0, counts={"p50": bar * 2}), Take(1, 1, 0, counts={"p50": bar})
    hello = Result("hello", "requests", [Take(1, 1, 0, counts={"p50": 1})] * 3)
    found.clocked("C2-p50", Result("inbox", "requests", [slow, fast, slow]), hello, counted("p50"))
    assert found.missed == []
    assert found.bests["C2-p50"] == pytest.approx(bar)


def test_a_goal_of_cpu_has_no_second_chance() -> None:
    found = Found("ingest", goals={"A1": GOALS["A1"].bar - 0.01})
    assert found.missed == ["A1"]
