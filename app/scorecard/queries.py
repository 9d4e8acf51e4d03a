"""Numbers about a vendor, computed from its messages whenever they are asked for: no counter that could drift."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.models import Message, Person, Vendor
from app.scorecard.rules import Hours, Reply, Said, Summary, Week, by_week, replies, summary

PERIOD = timedelta(days=90)
WEEKS = 13


@dataclass(frozen=True, slots=True)
class Agent:
    """One of the vendor's people: the questions of the period they were first to answer."""

    person_id: UUID
    name: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """Of the questions asked since ``since``: the whole team, each of its people, and week by week."""

    since: datetime
    hours: Hours
    team: Summary
    agents: list[Agent]
    weeks: list[Week]


def response_times(session: Session, vendor: Vendor, now: datetime) -> ResponseTimes:
    """Two statements, whatever the number of questions."""
    hours = Hours(vendor.zone, vendor.opens_at, vendor.closes_at)
    since = now - PERIOD
    found = [reply for reply in replies(_said(session, vendor.id, since)) if reply.asked_at >= since]
    return ResponseTimes(
        since=since,
        hours=hours,
        team=summary(found, hours),
        agents=_agents(session, found, hours),
        weeks=by_week(found, hours, now.astimezone(ZoneInfo(hours.zone)).date(), WEEKS),
    )


def _said(session: Session, vendor_id: UUID, since: datetime) -> list[Said]:
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
        )
        .where(Message.vendor_id == vendor_id, Message.thread_id.in_(recent))
        .where(Message.is_automatic.is_(False), Message.is_own.is_(False))
        .order_by(Message.created_at, Message.id)
    )
    return [
        Said(thread_id, at, side, person_id, bool(has_words), bool(closes))
        for thread_id, at, side, person_id, has_words, closes in rows
    ]


def _agents(session: Session, found: Sequence[Reply], hours: Hours) -> list[Agent]:
    groups: dict[UUID, list[Reply]] = defaultdict(list)
    for reply in found:
        if reply.person_id is not None:
            groups[reply.person_id].append(reply)
    people = session.execute(select(Person).where(Person.id.in_(groups))).scalars()
    agents = [Agent(person.id, person.shown_name, summary(groups[person.id], hours)) for person in people]
    return sorted(agents, key=lambda agent: (-agent.summary.answered, agent.name))
