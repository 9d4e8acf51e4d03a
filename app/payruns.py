"""On which days a customer pays: "on the 10th and the 25th, what we had three working days before" (FEATURES H11).

Pure. The days are those of Customer.pay_days. A day on which banks rest is moved to the working day before it.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice

from app.windows import days_said, is_day_off, month_days

_DAY = timedelta(days=1)


def pay_runs(pay_days: str, start: date, country: str = "") -> Iterator[date]:
    """The days on which is paid, from ``start`` on; without end, or none where no days are said."""
    numbers = days_said(pay_days)
    if not numbers:
        return
    for day in month_days(start, numbers):
        paid_on = _working_day(day, country)
        if paid_on >= start:
            yield paid_on


def next_runs(pay_days: str, cutoff: int, today: date, count: int, country: str = "") -> list[date]:
    """The next ``count`` runs into which something that is decided today still goes."""
    ahead = (day for day in pay_runs(pay_days, today, country) if known_by(day, cutoff, country) >= today)
    return list(islice(ahead, count))


def expected_on(
    pay_days: str, cutoff: int, *, due_on: date | None, known_on: date, today: date, country: str = ""
) -> date | None:
    """When an invoice is likely to be paid: in the first run that is not over, not before it is due, and whose cut-off
    it made. None where the customer does not say when it pays."""
    start = max(today, due_on) if due_on else today
    runs = pay_runs(pay_days, start, country)
    return next((day for day in runs if known_by(day, cutoff, country) >= known_on), None)


def known_by(paid_on: date, cutoff: int, country: str = "") -> date:
    """The last day on which an invoice may come to be paid on ``paid_on``: ``cutoff`` working days before."""
    day = paid_on
    for _ in range(cutoff):
        day = _working_day(day - _DAY, country)
    return day


def _working_day(day: date, country: str) -> date:
    while is_day_off(country, day):
        day -= _DAY
    return day
