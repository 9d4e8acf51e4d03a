"""Days past due and aging bucket: pure functions of two dates."""

from datetime import date
from enum import StrEnum


class Bucket(StrEnum):
    CURRENT = "current"
    DAYS_1_30 = "1-30"
    DAYS_31_60 = "31-60"
    DAYS_61_90 = "61-90"
    OVER_90 = "over 90"


def days_past_due(due_on: date | None, today: date) -> int:
    """Days since the due date, never below zero; an invoice without a due date is never late."""
    return max(0, (today - due_on).days) if due_on else 0


def bucket(due_on: date | None, today: date) -> Bucket:
    late = days_past_due(due_on, today)
    if late == 0:
        return Bucket.CURRENT
    for limit, name in ((30, Bucket.DAYS_1_30), (60, Bucket.DAYS_31_60), (90, Bucket.DAYS_61_90)):
        if late <= limit:
            return name
    return Bucket.OVER_90
