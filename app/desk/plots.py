"""What a plot is drawn from: shares and heights in percent, so that templates only set them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.scorecard.paid import Lateness
from app.scorecard.rules import Week


@dataclass(frozen=True, slots=True)
class Column:
    """The ``place``th column, from 0. ``height`` is 0 to 100; None where there is nothing to draw."""

    place: int
    height: int | None


def columns(values: Sequence[float | None]) -> list[Column]:
    """Relative to the highest; whatever has a value is never invisible."""
    top = max((value for value in values if value is not None), default=0.0)
    return [
        Column(place, None if value is None else max(2, round(100 * value / top)) if top else 2)
        for place, value in enumerate(values)
    ]


def weeks(found: Sequence[Week]) -> list[Column]:
    """The median answer of each week."""
    return columns([week.summary.clock.median.total_seconds() if week.summary.clock else None for week in found])


def months(found: Sequence[tuple[date, Lateness]]) -> list[Column]:
    """Average days late of each month."""
    return columns([late.average for _, late in found])


def share(part: int, whole: int) -> int:
    """Percent, for the length of a bar."""
    return round(100 * part / whole) if whole else 0
