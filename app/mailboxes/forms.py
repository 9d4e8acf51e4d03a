"""Reads the rhythm somebody chose for a mailbox, on a page of the inbox or behind a mail's link."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from functools import cache
from zoneinfo import available_timezones

from babel.core import Locale

from app.mailboxes.actions import Rhythm
from app.models import Cadence, Mailbox
from app.windows import known_countries
from app.words import _, locale, marked

CADENCES = {
    Cadence.DAILY: marked("Every day"),
    Cadence.WEEKDAYS: marked("Every weekday"),
    Cadence.WEEKLY: marked("Once a week"),
    Cadence.SEMIMONTHLY: marked("On the 1st and the 15th"),
    Cadence.MONTHLY: marked("Once a month"),
    Cadence.PAY_RUN: marked("Two days before our pay run each month"),
    Cadence.ON_DEMAND: marked("Only when I ask for it"),
}


PAUSES = {
    "7": marked("for a week"),
    "14": marked("for two weeks"),
    "30": marked("for 30 days"),
    "60": marked("for 60 days"),
}
LONGEST_CLOSURE = timedelta(days=365)
_FIELDS = (
    "cadence", "weekday", "month_day", "send_at", "zone", "quiet_country", "closed_from", "closed_until",
    "most_digests", "most_mentions",
)  # fmt: skip


@dataclass
class RhythmForm:
    """The fields as text, as they were stored or typed, and what is wrong with them by the name of the field."""

    cadence: str
    weekday: str
    month_day: str
    send_at: str
    zone: str
    quiet_country: str = ""
    closed_from: str = ""
    closed_until: str = ""
    most_digests: str = ""
    most_mentions: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    rhythm: Rhythm | None = None  # set when nothing is wrong

    @classmethod
    def of(cls, mailbox: Mailbox) -> "RhythmForm":
        return cls(
            cadence=mailbox.cadence,
            weekday=str(mailbox.weekday),
            month_day=str(mailbox.month_day),
            send_at=f"{mailbox.send_at:%H:%M}",
            zone=mailbox.zone,
            quiet_country=mailbox.quiet_country or "",
            closed_from=_said(mailbox.closed_from),
            closed_until=_said(mailbox.closed_until),
            most_digests=_said(mailbox.most_digests),
            most_mentions=_said(mailbox.most_mentions),
        )

    @classmethod
    def read(cls, submitted: Mapping[str, str], before: Mailbox) -> "RhythmForm":
        """What was submitted; a field that was left out stays as it is."""
        form = cls.of(before)
        for name in _FIELDS:
            setattr(form, name, submitted.get(name, getattr(form, name)))
        form._check()
        return form

    def _check(self) -> None:
        weekday, month_day, send_at = _number(self.weekday, 0, 6), _number(self.month_day, 1, 31), _time(self.send_at)
        if self.cadence not in set(Cadence):
            self.errors["cadence"] = _("Choose how often from the list.")
        if weekday is None:
            self.errors["weekday"] = _("Choose a day from the list.")
        if month_day is None:
            self.errors["month_day"] = _("Choose a day from 1 to 31.")
        if send_at is None:
            self.errors["send_at"] = _("Give the time as 09:00.")
        if self.zone not in available_timezones():
            self.errors["zone"] = _("Choose a time zone from the list.")
        closed = self._closed()
        digests, mentions = self._most("most_digests", 31), self._most("most_mentions", 12)
        if self.quiet_country and self.quiet_country not in countries():
            self.errors["quiet_country"] = _("Choose a country from the list.")
        if weekday is not None and month_day is not None and send_at is not None and not self.errors:
            self.rhythm = Rhythm(
                Cadence(self.cadence), weekday, month_day, send_at, self.zone, self.quiet_country, *closed,
                most_digests=digests, most_mentions=mentions,
            )  # fmt: skip

    def _closed(self) -> tuple[date | None, date | None]:
        """Both days or none; a closure has an end, within a year."""
        if not self.closed_from and not self.closed_until:
            return None, None
        first, last = _date(self.closed_from), _date(self.closed_until)
        if first is None or last is None or not first <= last <= first + LONGEST_CLOSURE:
            self.errors["closed_from"] = _("Give the first and the last day of the closure, within a year.")
        return first, last

    def _most(self, name: str, limit: int) -> int | None:
        text = getattr(self, name)
        found = _number(text, 1, limit) if text else None
        if text and found is None:
            self.errors[name] = _("Give a number from 1 to %(limit)s, or leave it empty.", limit=limit)
        return found


def read_pause(submitted: Mapping[str, str]) -> timedelta:
    """How long; 30 days where it cannot be read."""
    days = submitted.get("days", "")
    return timedelta(days=int(days if days in PAUSES else "30"))


def _number(text: str, first: int, last: int) -> int | None:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1
    return number if first <= number <= last else None


def _said(value: date | int | None) -> str:
    return "" if value is None else str(value)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def countries() -> dict[str, str]:
    """The countries whose weekends and holidays we know, by name in the language spoken now."""
    return _countries(locale())


@cache
def _countries(spoken: str) -> dict[str, str]:
    names = Locale.parse(spoken).territories
    known = [(code, names[code]) for code in known_countries() if code in names]
    return dict(sorted(known, key=lambda each: each[1]))


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
        region, _sep, place = zone.partition("/")
        if place and region not in ("Etc", "SystemV", "US", "posix", "right"):
            found.setdefault(region, []).append((zone, place.replace("_", " ").replace("/", ", ")))
    return {**found, marked("Other"): [("UTC", "UTC")]}
