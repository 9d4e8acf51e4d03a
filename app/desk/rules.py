"""How the desk says what it knows: waiting times, states and changes in words. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from app.aging import days_past_due
from app.models import Hold, HoldKind, InvoiceChange, InvoiceState, Thread, ThreadState
from app.scorecard.rules import Week

ANSWER_SOON = timedelta(hours=4)  # by the clock, which also runs at night (FEATURES F8)
ANSWER_WITHIN = timedelta(hours=24)
DUE_SOON = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Chip:
    """A state: its words, and the class that colours them."""

    words: str
    look: str


def duration(span: timedelta) -> str:
    """``12 min``, ``3 h 20 min``, ``2 days 4 h``: two units at most, rounded down."""
    minutes = int(span.total_seconds()) // 60
    if minutes < 1:
        return "under 1\u00a0min"
    if minutes < 60:
        return f"{minutes}\u00a0min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}\u00a0h" + (f" {minutes}\u00a0min" if minutes else "")
    days, hours = divmod(hours, 24)
    return f"{days}\u00a0{'day' if days == 1 else 'days'}" + (f" {hours}\u00a0h" if hours and days < 10 else "")


def waiting_chip(waited: timedelta) -> Chip:
    if waited < ANSWER_SOON:
        return Chip("On time", "ok")
    if waited < ANSWER_WITHIN:
        return Chip("Answer soon", "soon")
    return Chip("Late", "overdue")


def thread_chip(state: ThreadState, result: str, waited: timedelta | None) -> Chip:
    if state == ThreadState.CLOSED:
        return Chip(f"Closed: {result}" if result else "Closed", "paid")
    if state == ThreadState.WAITING_CUSTOMER:
        return Chip("Answered", "ok")
    return waiting_chip(waited or timedelta(0))


_STATE_CHIPS = {
    InvoiceState.DRAFT: Chip("Draft", "later"),
    InvoiceState.PAID: Chip("Paid", "paid"),
    InvoiceState.VOID: Chip("Void", "paid"),
    InvoiceState.WRITTEN_OFF: Chip("Written off", "paid"),
    InvoiceState.GONE: Chip("Deleted in your books", "paid"),
    InvoiceState.UNKNOWN: Chip("State not understood", "bad"),
}
HOLD_WORDS = {
    HoldKind.PROMISE: "Promised",
    HoldKind.DISPUTE: "Disputed",
    HoldKind.ALREADY_PAID: "Said to be paid",
    HoldKind.PAYING: "Payment started",
    HoldKind.VENDOR: "On hold by you",
    HoldKind.NOT_MINE: "Said not to be theirs",
}


def invoice_chip(state: InvoiceState, balance_minor: int, due_on: date | None, today: date) -> Chip:
    if state != InvoiceState.OPEN:
        return _STATE_CHIPS[state]
    if balance_minor <= 0:
        return Chip("Nothing owed", "paid")
    if due_on is None:
        return Chip("No due date", "later")
    if late := days_past_due(due_on, today):
        return Chip(f"{late} {'day' if late == 1 else 'days'} overdue", "overdue")
    if due_on == today:
        return Chip("Due today", "soon")
    return Chip("Due soon", "soon") if due_on <= today + DUE_SOON else Chip("Due later", "later")


class EventKind(StrEnum):
    BOOKS = "books"  # as the connected books told it
    MAIL = "mail"
    HOLD = "hold"
    TALK = "talk"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an invoice's timeline. ``change`` and ``before`` are given for what the books told."""

    at: datetime
    kind: EventKind
    words: str = ""
    note: str = ""
    change: InvoiceChange | None = None
    before: InvoiceChange | None = None
    thread: Thread | None = None


def timeline(
    changes: Sequence[InvoiceChange], reminded_at: Sequence[datetime], holds: Sequence[Hold], threads: Sequence[Thread]
) -> list[Event]:
    """Everything that happened to one invoice, newest first."""
    events = [Event(at, EventKind.MAIL, "In a reminder") for at in reminded_at]
    for before, change in zip([None, *changes], changes, strict=False):
        events.append(Event(change.at, EventKind.BOOKS, change=change, before=before))
    for hold in holds:
        events.append(Event(hold.created_at, EventKind.HOLD, HOLD_WORDS[hold.kind], hold.note))
        if hold.ended_at is not None:
            events.append(Event(hold.ended_at, EventKind.HOLD, f"{HOLD_WORDS[hold.kind]}: over", hold.end_reason))
    for thread in threads:
        events.append(Event(thread.created_at, EventKind.TALK, "Question asked", thread=thread))
        if thread.closed_at is not None:
            events.append(Event(thread.closed_at, EventKind.TALK, f"Question closed: {thread.result}", thread=thread))
    return sorted(events, key=lambda event: event.at, reverse=True)


@dataclass(frozen=True, slots=True)
class Bar:
    """One week of the plot. ``height`` is 0 to 100."""

    starts_on: date
    height: int
    median: timedelta | None
    answered: int
    asked: int


def bars(weeks: Sequence[Week]) -> list[Bar]:
    """Heights relative to the slowest week; a week with an answer is never invisible."""
    medians = [week.summary.clock.median if week.summary.clock else None for week in weeks]
    top = max((median for median in medians if median is not None), default=timedelta(0))
    return [
        Bar(
            starts_on=week.starts_on,
            height=0 if median is None else max(2, round(100 * (median / top))) if top else 2,
            median=median,
            answered=week.summary.answered,
            asked=week.summary.asked,
        )
        for week, median in zip(weeks, medians, strict=True)
    ]
