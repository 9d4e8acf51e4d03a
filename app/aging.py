"""Days past due, and the buckets they fall into: pure functions of two dates."""

from collections.abc import Sequence
from datetime import date, timedelta

BUCKETS = (0, 30, 60, 90)  # current, then 1-30, 31-60, 61-90 days past due, and more


def days_past_due(due_on: date | None, today: date) -> int:
    """Days since the due date, never below zero; an invoice without a due date is never late."""
    return max(0, (today - due_on).days) if due_on else 0


def bucket(days: int) -> int:
    """0 for what is not late, up to 4 for more than 90 days."""
    return sum(days > most for most in BUCKETS)


def bucket_starts(today: date) -> Sequence[date]:
    """Due before the nth of these days is in bucket n + 1 or beyond, for statements that sort rows by due date."""
    return [today - timedelta(days=most) for most in BUCKETS]
