"""Pure: what will have to be paid, by week and currency, and how that looks if some of it is paid on another day."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from app.money import Money
from app.words import marked

WEEKS = 12


class Stage(StrEnum):
    """How sure it is that money leaves: the order it is stacked in."""

    OVERDUE = "overdue"
    DUE = "due"
    PROMISED = "promised"
    PAYING = "paying"


STAGES = {
    Stage.OVERDUE: marked("Overdue"),
    Stage.DUE: marked("Due"),
    Stage.PROMISED: marked("Promised"),
    Stage.PAYING: marked("In payment"),
}


@dataclass(frozen=True, slots=True)
class Due:
    """So much leaves on a day; without one, nobody knows when."""

    currency: str
    on: date | None
    stage: Stage
    minor: int


@dataclass(frozen=True, slots=True)
class Week:
    """What leaves from ``starts_on``, a Monday. The first of a plan has what is late already and starts on no day, nor
    does the last, which has all that comes after. ``before``: the sum as it is due, without what was moved."""

    starts_on: date | None
    currency: str
    minors: dict[Stage, int]
    before: int

    @property
    def total(self) -> Money:
        return Money(sum(self.minors.values()), self.currency)

    @property
    def change(self) -> Money:
        return Money(self.total.minor - self.before, self.currency)

    def of(self, stage: Stage) -> Money:
        return Money(self.minors.get(stage, 0), self.currency)


@dataclass(frozen=True, slots=True)
class Plan:
    """One currency, over the weeks ahead."""

    currency: str
    weeks: list[Week]

    @property
    def highest(self) -> int:
        return max((max(week.total.minor, week.before) for week in self.weeks), default=0)

    def total(self, stage: Stage) -> Money:
        return Money(sum(week.minors.get(stage, 0) for week in self.weeks), self.currency)


def plans(dues: Sequence[Due], today: date, moved: Sequence[Due] = (), to: date | None = None) -> list[Plan]:
    """A plan for each currency. ``moved``: those of the dues that would leave on the day ``to`` instead."""
    before, after = _by_week(dues, today), _by_week(dues, today)
    if to is not None:
        for due in moved:
            after[due.currency][_slot(due, today)][_stage(due, today)] -= due.minor
            then = replace(due, on=to)
            after[due.currency][_slot(then, today)][_stage(then, today)] += due.minor
    return [Plan(code, _weeks(code, before[code], after[code], today)) for code in sorted(before)]


_Slots = dict[int, Counter[Stage]]


def _by_week(dues: Iterable[Due], today: date) -> dict[str, _Slots]:
    found: dict[str, _Slots] = defaultdict(lambda: defaultdict(Counter))
    for due in dues:
        found[due.currency][_slot(due, today)][_stage(due, today)] += due.minor
    return found


def _weeks(currency: str, before: _Slots, after: _Slots, today: date) -> list[Week]:
    first = _monday(today)
    starts = [None, *(first + timedelta(weeks=number) for number in range(WEEKS)), None]
    return [
        Week(start, currency, {stage: minor for stage, minor in after[slot].items() if minor}, before[slot].total())
        for slot, start in enumerate(starts)
    ]


def _slot(due: Due, today: date) -> int:
    """0: late; 1: this week; the last: later than WEEKS, or nobody knows."""
    if due.stage == Stage.PAYING:
        return 1
    if due.on is None:
        return WEEKS + 1
    if due.on < today:
        return 0
    return min(1 + (_monday(due.on) - _monday(today)).days // 7, WEEKS + 1)


def _stage(due: Due, today: date) -> Stage:
    is_late = due.on is not None and due.on < today
    return Stage.OVERDUE if due.stage == Stage.DUE and is_late else due.stage


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
