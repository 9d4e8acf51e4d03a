"""Days past due: a pure function of two dates."""

from datetime import date


def days_past_due(due_on: date | None, today: date) -> int:
    """Days since the due date, never below zero; an invoice without a due date is never late."""
    return max(0, (today - due_on).days) if due_on else 0
