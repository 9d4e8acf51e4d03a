"""Response time, defined: pure functions of what was said and when.

A *question* is what a customer writes when the vendor is not already being waited for; what is added meanwhile does
not restart its clock. Its *first answer* is the next message the vendor writes in that thread. *Response time* is the
first answer minus the question, by the clock and in the vendor's business hours. A thread closed without words ends the
wait and gives no response time. Automatic replies, and what the vendor wrote to itself, count as nothing. *Time to
resolution* is the closing minus the question that opened the thread, or opened it again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from uuid import UUID
from zoneinfo import ZoneInfo

from app.models import Side
from app.windows import is_day_off
from app.words import _, ngettext


@dataclass(frozen=True, slots=True)
class Said:
    """What the clock needs to know of one message. ``has_words`` is false for a closing without any."""

    thread_id: UUID
    at: datetime
    side: Side
    person_id: UUID | None
    has_words: bool = True
    closes: bool = False
    topic: str = ""
    via: str = "page"
    is_canned: bool = False  # begun from one of the vendor's ready answers


@dataclass(frozen=True, slots=True)
class Reply:
    """One question and what became of it: answered, closed without an answer, or (neither) still waiting."""

    thread_id: UUID
    asked_at: datetime
    answered_at: datetime | None = None
    person_id: UUID | None = None  # who answered
    is_closed: bool = False
    topic: str = ""
    is_by_mail: bool = False
    is_canned: bool = False

    @property
    def is_waiting(self) -> bool:
        return self.answered_at is None and not self.is_closed


@dataclass(frozen=True, slots=True)
class Resolved:
    """A thread from the question that opened it to its closing."""

    thread_id: UUID
    asked_at: datetime
    closed_at: datetime


@dataclass(frozen=True, slots=True)
class Hours:
    """From ``opens_at`` to ``closes_at`` o'clock (0 to 24) on the walls of ``zone``, but for the weekends and public
    holidays of ``country``; where that is unknown, Monday to Friday."""

    zone: str
    opens_at: int
    closes_at: int
    country: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """Middle and slow end of some durations: half were within ``median``, nine of ten within ``p90``."""

    median: timedelta
    p90: timedelta


@dataclass(frozen=True, slots=True)
class Summary:
    """``clock`` and ``business`` are None while nothing was answered; the latter also where nobody asks for it."""

    asked: int
    answered: int
    waiting: int
    clock: Times | None
    business: Times | None
    by_mail: int = 0  # of the answered
    canned: int = 0
    threads: int = 0  # in which these questions were asked


def followed(said: Iterable[Said]) -> Iterator[Reply | Resolved]:
    """Every question in these messages (of any number of threads, each in order of time) and every end a thread came
    to, one by one, as they end; the questions that still wait come last."""
    waiting: dict[UUID, tuple[datetime, str]] = {}
    begun: dict[UUID, datetime] = {}
    for message in said:
        since, _topic = waiting.get(message.thread_id, (None, ""))
        if message.side == Side.CUSTOMER and not message.closes:
            waiting[message.thread_id] = since or message.at, message.topic
            begun.setdefault(message.thread_id, message.at)
        elif since is not None:
            del waiting[message.thread_id]
            yield _ended(message, since)
        if message.closes and message.thread_id in begun:
            yield Resolved(message.thread_id, begun.pop(message.thread_id), message.at)
    for thread_id, (since, topic) in waiting.items():
        yield Reply(thread_id, since, topic=topic)


def _ended(message: Said, asked_at: datetime) -> Reply:
    if message.side == Side.VENDOR and message.has_words:
        return Reply(
            message.thread_id,
            asked_at,
            answered_at=message.at,
            person_id=message.person_id,
            topic=message.topic,
            is_by_mail=message.via == "mail",
            is_canned=message.is_canned,
        )
    return Reply(message.thread_id, asked_at, is_closed=True, topic=message.topic)


def summary(found: Sequence[Reply], hours: Hours | None) -> Summary:
    answered = [(reply.asked_at, reply.answered_at) for reply in found if reply.answered_at is not None]
    return Summary(
        asked=len(found),
        answered=len(answered),
        waiting=sum(reply.is_waiting for reply in found),
        clock=times([until - since for since, until in answered]),
        business=times([business_time(since, until, hours) for since, until in answered]) if hours else None,
        by_mail=sum(reply.is_by_mail for reply in found),
        canned=sum(reply.is_canned for reply in found),
        threads=len({reply.thread_id for reply in found}),
    )


def times(durations: Sequence[timedelta]) -> Times | None:
    if not durations:
        return None
    ordered = sorted(durations)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return Times(median, ordered[-(-len(ordered) * 9 // 10) - 1])  # the nearest rank, not a value nobody had


def business_time(since: datetime, until: datetime, hours: Hours) -> timedelta:
    """How long the vendor was open between two instants, in real time: an hour a clock change adds or takes counts."""
    return sum(_open_times(since, until, hours), timedelta(0))


def is_open_longer(than: timedelta, since: datetime, until: datetime, hours: Hours) -> bool:
    """Whether that is more than so much; no further day is looked at once it is."""
    return any(total > than for total in accumulate(_open_times(since, until, hours)))


def _open_times(since: datetime, until: datetime, hours: Hours) -> Iterator[timedelta]:
    """Day after day."""
    day = since.astimezone(ZoneInfo(hours.zone)).date()
    last = until.astimezone(ZoneInfo(hours.zone)).date()
    while day <= last:
        if not is_day_off(hours.country, day):
            opens, closes = _open_on(day, hours)
            yield max(timedelta(0), min(until, closes) - max(since, opens))
        day += timedelta(days=1)


@lru_cache(maxsize=4096)
def _open_on(day: date, hours: Hours) -> tuple[datetime, datetime]:
    midnight = datetime.combine(day, time(0), ZoneInfo(hours.zone))
    # Wall time plus wall time, then UTC: adding hours to an aware instant of one zone moves its wall clock.
    opens = (midnight + timedelta(hours=hours.opens_at)).astimezone(UTC)
    closes = (midnight + timedelta(hours=hours.closes_at)).astimezone(UTC)
    return opens, closes


@dataclass(frozen=True, slots=True)
class Week:
    """The questions asked in one week of the vendor's zone; ``starts_on`` is its Monday."""

    starts_on: date
    summary: Summary


def by_week(found: Sequence[Reply], hours: Hours, today: date, weeks: int) -> list[Week]:
    """The last ``weeks`` weeks by the clock, oldest first, this one included; one without questions is there, empty."""
    this_monday, zone = today - timedelta(days=today.weekday()), ZoneInfo(hours.zone)
    groups: dict[date, list[Reply]] = {this_monday - timedelta(weeks=back): [] for back in range(weeks - 1, -1, -1)}
    for reply in found:
        asked_on = reply.asked_at.astimezone(zone).date()
        monday = asked_on - timedelta(days=asked_on.weekday())
        if monday in groups:
            groups[monday].append(reply)
    return [Week(monday, summary(group, None)) for monday, group in groups.items()]


def duration(span: timedelta) -> str:
    """``12 min``, ``3 h 20 min``, ``2 days 4 h``: two units at most, rounded down."""
    minutes = int(span.total_seconds()) // 60
    if minutes < 1:
        return _("under 1\u00a0min")
    if minutes < 60:
        return _("%(minutes)s\u00a0min", minutes=minutes)
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return _hours(hours) + (" " + _("%(minutes)s\u00a0min", minutes=minutes) if minutes else "")
    days, hours = divmod(hours, 24)
    said = ngettext("%(num)s\u00a0day", "%(num)s\u00a0days", days)
    return f"{said} {_hours(hours)}" if hours and days < 10 else said


def _hours(hours: int) -> str:
    return _("%(hours)s\u00a0h", hours=hours)


def usual_answer(minutes: int) -> str:
    """How long customers are told an answer usually takes: rounded up, so that it is rather sooner."""
    if minutes <= 60:
        return _("Usually answers within an hour")
    hours = -(-minutes // 60)
    if hours <= 24:
        return ngettext("Usually answers in %(num)s\u00a0h", "Usually answers in %(num)s\u00a0h", hours)
    return ngettext("Usually answers in %(num)s\u00a0day", "Usually answers in %(num)s\u00a0days", -(-hours // 24))
