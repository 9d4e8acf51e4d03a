"""The day and hour at which the reader of a mailbox tends to act, where that is another than the one we write at
(FEATURES J7): proposed, never chosen. From what somebody did; whether a mail was opened, nobody here knows."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from statistics import median_low
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.models import Cadence, Hold, HoldKind, Invoice, Mailbox, Message, Person, Side, Thread

LOOKED_BACK = timedelta(days=180)
_ACTS = (
    HoldKind.PAYING, HoldKind.PROMISE, HoldKind.ALREADY_PAID, HoldKind.DISPUTE, HoldKind.REQUEST, HoldKind.NOT_MINE,
)  # fmt: skip
_ENOUGH = 8  # times: fewer are chance
_MOSTLY = 0.5  # of them on one weekday, or it is no habit
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Habit:
    """``weekday`` 0 is Monday. ``on_day`` of ``times`` fell on it; ``hour``: half of these were no earlier."""

    weekday: int
    hour: int
    on_day: int
    times: int

    @property
    def send_at(self) -> time:
        return time(self.hour)


def proposed(session: Session, box: Mailbox, now: datetime) -> Habit | None:
    """For a mailbox that is written to once a week; two statements."""
    if box.cadence != Cadence.WEEKLY:
        return None
    found = habit(_acts(session, box, now - LOOKED_BACK), box.zone)
    if found is None or (found.weekday, found.hour) == (box.weekday, box.send_at.hour):
        return None
    return found


def habit(acts: Iterable[datetime], zone: str) -> Habit | None:
    """All that was done within one hour is one time: who pays forty invoices sat down once."""
    local = {at.astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0) for at in acts}
    if len(local) < _ENOUGH:
        return None
    [(weekday, count)] = Counter(at.weekday() for at in local).most_common(1)
    if count < _MOSTLY * len(local):
        return None
    return Habit(weekday, median_low(at.hour for at in local if at.weekday() == weekday), count, len(local))


def _acts(session: Session, box: Mailbox, since: datetime) -> list[datetime]:
    """What was said of the invoices this mailbox reads, or asked from it, by its reader or through a mail's link."""
    reader = select(Person.id).where(Person.address == box.address).scalar_subquery()
    claims = (
        select(Hold.created_at)
        .join(Invoice, Invoice.id == Hold.invoice_id)
        .where(Invoice.mailbox_id == box.id, Hold.kind.in_(_ACTS), Hold.created_at >= since)
        .where(or_(Hold.person_id.is_(None), Hold.person_id == reader))
    )
    asked = (
        select(Message.created_at)
        .join(Thread, Thread.id == Message.thread_id)
        .where(Thread.mailbox_id == box.id, Message.side == Side.CUSTOMER, Message.created_at >= since)
        .where(or_(Message.person_id.is_(None), Message.person_id == reader), Message.is_automatic.is_(False))
    )
    return [at for query in (claims, asked) for at in session.execute(query.limit(_MOST)).scalars()]
