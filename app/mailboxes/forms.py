"""Reads the rhythm somebody chose for a mailbox, on a page of the inbox or behind a mail's link."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from functools import cache
from zoneinfo import available_timezones

from app.mailboxes.actions import Rhythm
from app.models import Cadence, Mailbox

CADENCES = {
    Cadence.DAILY: "Every day",
    Cadence.WEEKDAYS: "Every weekday",
    Cadence.WEEKLY: "Once a week",
    Cadence.SEMIMONTHLY: "On the 1st and the 15th",
    Cadence.MONTHLY: "Once a month",
    Cadence.PAY_RUN: "Two days before our pay run each month",
    Cadence.ON_DEMAND: "Only when I ask for it",
}


@dataclass
class RhythmForm:
    """The fields as text, as they were stored or typed, and what is wrong with them by the name of the field."""

    cadence: str
    weekday: str
    month_day: str
    send_at: str
    zone: str
    errors: dict[str, str] = field(default_factory=dict)
    rhythm: Rhythm | None = None  # set when nothing is wrong

    @classmethod
    def of(cls, mailbox: Mailbox) -> "RhythmForm":
        return cls(
            mailbox.cadence, str(mailbox.weekday), str(mailbox.month_day), f"{mailbox.send_at:%H:%M}", mailbox.zone
        )

    @classmethod
    def read(cls, submitted: Mapping[str, str], before: Mailbox) -> "RhythmForm":
        """What was submitted; a field that was left out stays as it is."""
        form = cls.of(before)
        for name in ("cadence", "weekday", "month_day", "send_at", "zone"):
            setattr(form, name, submitted.get(name, getattr(form, name)))
        form._check()
        return form

    def _check(self) -> None:
        weekday, month_day, send_at = _number(self.weekday, 0, 6), _number(self.month_day, 1, 31), _time(self.send_at)
        if self.cadence not in set(Cadence):
            self.errors["cadence"] = "Choose how often from the list."
        if weekday is None:
            self.errors["weekday"] = "Choose a day from the list."
        if month_day is None:
            self.errors["month_day"] = "Choose a day from 1 to 31."
        if send_at is None:
            self.errors["send_at"] = "Give the time as 09:00."
        if self.zone not in available_timezones():
            self.errors["zone"] = "Choose a time zone from the list."
        if weekday is not None and month_day is not None and send_at is not None and not self.errors:
            self.rhythm = Rhythm(Cadence(self.cadence), weekday, month_day, send_at, self.zone)


def _number(text: str, first: int, last: int) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and first <= int(text) <= last else None


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        return None


@cache
def zones_by_region() -> dict[str, list[tuple[str, str]]]:
    """Every time zone by its region, as (name, place): {"Europe": [("Europe/Berlin", "Berlin"), ...], ...}."""
    found: dict[str, list[tuple[str, str]]] = {}
    for zone in sorted(available_timezones()):
        region, _, place = zone.partition("/")
        if place and region not in ("Etc", "SystemV", "US", "posix", "right"):
            found.setdefault(region, []).append((zone, place.replace("_", " ").replace("/", ", ")))
    return {**found, "Other": [("UTC", "UTC")]}
