"""How quickly a vendor answers, computed from its messages whenever it is asked for: no counter that could drift."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Message, Person, Thread, Vendor
from app.scorecard.periods import Period, period
from app.scorecard.rules import (
    Hours,
    Reply,
    Resolved,
    Said,
    Summary,
    Times,
    Week,
    business_time,
    by_week,
    followed,
    summary,
    times,
)

WEEKS = 13
NEWEST = 1000  # messages, of which is made what stands on every page of the queue
TOGETHER = 1000  # messages that are in memory at once
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Agent:
    """One of the vendor's people: the questions of the period they were first to answer."""

    person_id: UUID
    name: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class Resolution:
    """Of the threads closed in the period."""

    count: int
    clock: Times | None
    business: Times | None


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """Of the questions asked in the period: the whole team, each of its people, and by the clock alone each topic; and
    the last weeks."""

    period: Period
    hours: Hours
    team: Summary
    resolution: Resolution
    agents: list[Agent]
    topics: list[tuple[str, Summary]]
    weeks: list[Week]


def hours_of(vendor: Vendor) -> Hours:
    return Hours(vendor.zone, vendor.opens_at, vendor.closes_at, vendor.country)


@dataclass(frozen=True, slots=True)
class Usual:
    """How soon first answers come. ``clock``: of the ``answered`` questions of the last 90 days; not ``is_all``: only
    of those whose answers are the newest. ``threads``: in which these, or others still waiting, were asked."""

    clock: Times | None
    answered: int
    threads: int
    is_all: bool


def usual(session: Session, vendor: Vendor, now: datetime) -> Usual:
    """For every page of the queue, and for what customers are told: of the newest messages, so that it costs the same
    however many there are. The newest answers and not the newest questions, for of those only what was answered at
    once would count."""
    about = _quarter(vendor, now)
    mine = select(Message.created_at).where(Message.vendor_id == vendor.id, Message.created_at >= about.since)
    newest = session.scalar(mine.order_by(Message.created_at.desc()).offset(NEWEST).limit(1))
    asked = asked_since(session, vendor.id, newest or about.since)
    found = [reply for reply in asked if about.holds(reply.asked_at) and not _is_over(reply, newest)]
    spans = [reply.answered_at - reply.asked_at for reply in found if reply.answered_at]
    return Usual(times(spans), len(spans), len({reply.thread_id for reply in found}), newest is None)


def _is_over(reply: Reply, before: datetime | None) -> bool:
    return before is not None and reply.answered_at is not None and reply.answered_at < before


def _quarter(vendor: Vendor, now: datetime) -> Period:
    return period("quarter", now.astimezone(ZoneInfo(vendor.zone)).date(), vendor.zone)


@dataclass(frozen=True, slots=True)
class Talk:
    """What was asked in all threads in which anything was said since some moment, and how these threads ended."""

    asked: list[Reply]
    resolved: list[Resolved]


def talk_since(session: Session, vendor_id: UUID, since: datetime) -> Talk:
    found = Talk([], [])
    for each in followed(said_since(session, vendor_id, since)):
        if isinstance(each, Reply):
            found.asked.append(each)
        else:
            found.resolved.append(each)
    return found


def asked_since(session: Session, vendor_id: UUID, since: datetime) -> Iterator[Reply]:
    """Only the questions of these threads, as they come to their end."""
    return (each for each in followed(said_since(session, vendor_id, since)) if isinstance(each, Reply))


def first_answer(session: Session, vendor: Vendor, about: Period, talk: Talk | None = None) -> timedelta | None:
    """The median by the clock of the questions asked in the period; None while none was answered."""
    talk = talk or talk_since(session, vendor.id, about.since)
    asked = (reply for reply in talk.asked if about.holds(reply.asked_at))
    found = times([reply.answered_at - reply.asked_at for reply in asked if reply.answered_at])
    return found.median if found else None


def needed_since(about: Period, now: datetime) -> datetime:
    """From when on response_times() looks at what was said."""
    return min(about.since, now - timedelta(weeks=WEEKS))


def response_times(
    session: Session, vendor: Vendor, now: datetime, about: Period | None = None, talk: Talk | None = None
) -> ResponseTimes:
    """Two statements, whatever the number of questions. Without a period: the last 90 days. ``talk``: what was read
    already, since no later than is needed."""
    hours, today = hours_of(vendor), now.astimezone(ZoneInfo(vendor.zone)).date()
    about = about or _quarter(vendor, now)
    talk = talk or talk_since(session, vendor.id, needed_since(about, now))
    found = [reply for reply in talk.asked if about.holds(reply.asked_at)]
    closed = [(one.asked_at, one.closed_at) for one in talk.resolved if about.holds(one.closed_at)]
    topics = _grouped(found, lambda reply: reply.topic)
    return ResponseTimes(
        period=about,
        hours=hours,
        team=summary(found, hours),
        resolution=Resolution(
            len(closed),
            times([until - asked_at for asked_at, until in closed]),
            times([business_time(asked_at, until, hours) for asked_at, until in closed]),
        ),
        agents=_agents(session, found, hours),
        topics=sorted(
            ((topic, summary(group, None)) for topic, group in topics.items()), key=lambda each: -each[1].asked
        ),
        weeks=by_week(talk.asked, hours, today, WEEKS),
    )


def said_since(session: Session, vendor_id: UUID, since: datetime) -> Iterator[Said]:
    """Every message that counts, of the threads in which anything was said since ``since``: whole threads, so that a
    question is told from what was added to an older one. In order of time; some are in memory at once."""
    recent = select(Message.thread_id).where(Message.vendor_id == vendor_id, Message.created_at >= since)
    rows = session.execute(
        select(
            Message.thread_id,
            Message.created_at,
            Message.side,
            Message.person_id,
            func.length(Message.body) > 0,
            Message.result != "",
            Thread.topic,
            Message.via,
            Message.canned_id.is_not(None),
        )
        .join(Thread, Thread.id == Message.thread_id)
        .where(Message.vendor_id == vendor_id, Message.thread_id.in_(recent))
        .where(Message.is_automatic.is_(False), Message.is_own.is_(False))
        .order_by(Message.created_at, Message.id),
        execution_options={"yield_per": TOGETHER},
    )
    for row in rows:
        yield Said(*row)


def _agents(session: Session, found: Sequence[Reply], hours: Hours) -> list[Agent]:
    groups = _grouped((reply for reply in found if reply.person_id), lambda reply: reply.person_id)
    people = session.execute(select(Person).where(Person.id.in_(groups))).scalars()
    agents = [Agent(person.id, person.shown_name, summary(groups[person.id], hours)) for person in people]
    return sorted(agents, key=lambda agent: (-agent.summary.answered, agent.name))


def _grouped(found: Iterable[Reply], key: Callable[[Reply], Key]) -> dict[Key, list[Reply]]:
    groups: dict[Key, list[Reply]] = defaultdict(list)
    for reply in found:
        groups[key(reply)].append(reply)
    return groups
