"""How quickly a vendor answers, computed from its messages whenever it is asked for: no counter that could drift."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
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
    Said,
    Summary,
    Times,
    Week,
    business_time,
    by_week,
    replies,
    resolutions,
    summary,
    times,
)

WEEKS = 13
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
    """Of the questions asked in the period: the whole team, each of its people, each topic; and the last weeks."""

    period: Period
    hours: Hours
    team: Summary
    resolution: Resolution
    agents: list[Agent]
    topics: list[tuple[str, Summary]]
    weeks: list[Week]


def hours_of(vendor: Vendor) -> Hours:
    return Hours(vendor.zone, vendor.opens_at, vendor.closes_at, vendor.country)


def response_times(session: Session, vendor: Vendor, now: datetime, about: Period | None = None) -> ResponseTimes:
    """Two statements, whatever the number of questions. Without a period: the last 90 days."""
    hours, today = hours_of(vendor), now.astimezone(ZoneInfo(vendor.zone)).date()
    about = about or period("quarter", today, vendor.zone)
    since = min(about.since, now - timedelta(weeks=WEEKS))
    said = said_since(session, vendor.id, since)
    every = [reply for reply in replies(said) if reply.asked_at >= since]
    found = [reply for reply in every if about.holds(reply.asked_at)]
    closed = [(one.asked_at, one.closed_at) for one in resolutions(said) if about.holds(one.closed_at)]
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
            ((topic, summary(group, hours)) for topic, group in topics.items()), key=lambda each: -each[1].asked
        ),
        weeks=by_week(every, hours, today, WEEKS),
    )


def said_since(session: Session, vendor_id: UUID, since: datetime) -> list[Said]:
    """Every message that counts, of the threads in which anything was said since ``since``: whole threads, so that a
    question is told from what was added to an older one."""
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
        .order_by(Message.created_at, Message.id)
    )
    return [Said(*row) for row in rows]


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
