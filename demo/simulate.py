"""Days of vendors, payments, voids and outages on a moving clock, through the real code: what was sent, and why not."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app import clock
from app.models import Attempt, Digest, Mailbox, Outcome, Outgoing, OutgoingKind
from app.scope import Everything
from demo.people import open_for_business
from demo.stage import Stage

_ALL = Everything("a simulation reads what became of it")

Say = Callable[[str], None]


@dataclass
class Weather:
    """How likely a thing is, each hour and each vendor, unless said otherwise."""

    pay: float = 0.02
    void: float = 0.003
    new_invoice: float = 0.015
    outage: float = 0.004
    outage_hours: tuple[int, int] = (2, 30)
    lost_webhooks: float = 0.002
    our_outage_days: tuple[int, ...] = (4,)  # days on which no worker runs until the next morning


@dataclass
class Day:
    """What one played day did."""

    at: datetime
    events: Counter[str] = field(default_factory=Counter)
    sent: list[tuple[str, str, str]] = field(default_factory=list)  # address, window, subject
    unsent: list[tuple[str, str, str, str]] = field(default_factory=list)  # address, window, outcome, reason


@dataclass
class Simulation:
    """Plays hours on ``stage``; ``weather`` decides what happens in them. The same seed plays the same days."""

    stage: Stage
    start: datetime
    seed: int = 7
    weather: Weather = field(default_factory=Weather)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)  # noqa: S311  # a play, not a secret
        self.outages: dict[str, datetime] = {}
        self.companies: list[dict[str, object]] = []
        self._seen: set[UUID] = set()

    def open_vendors(self, say: Say, limit: int | None = None) -> None:
        """Every company of the sandbox signs up through the pages, as anybody would."""
        self.companies = self.stage.sandbox.companies()[:limit]
        self._set_clock(self.start)
        self.stage.wait = self.stage.run_jobs
        for number, company in enumerate(self.companies, 1):
            open_for_business(self.stage, str(company["provider"]), str(company["name"]))
            say(f"{number}/{len(self.companies)} {company['name']} ({company['provider']}) is live")

    def days(self, count: int) -> Iterator[Day]:
        """Play ``count`` days, an hour at a time, and yield what each one did."""
        for number in range(count):
            day = Day(self.start + timedelta(days=number))
            for hour in range(24):
                self._hour(day, day.at + timedelta(hours=hour), is_down=number in self.weather.our_outage_days)
            self._collect(day)
            yield day

    def _hour(self, day: Day, now: datetime, *, is_down: bool) -> None:
        self._set_clock(now)
        for company in self.companies:
            self._something_happens(day, str(company["name"]), now)
        self.stage.sandbox.wait_webhooks(5)
        if is_down:
            day.events["hours without a worker"] += 1
        else:
            self.stage.run_jobs()

    def _set_clock(self, now: datetime) -> None:
        clock.set_to(now)
        self.stage.sandbox.set_clock(now.isoformat())

    def _something_happens(self, day: Day, company: str, now: datetime) -> None:
        self._end_outage(company, now)
        weather, dice = self.weather, self.dice
        if dice.random() < weather.outage and company not in self.outages:
            hours = dice.randint(*weather.outage_hours)
            self.outages[company] = now + timedelta(hours=hours)
            self.stage.sandbox.fault("500", company=company)
            day.events[f"{company} unreachable for {hours} h"] += 1
        if dice.random() < weather.lost_webhooks:
            self.stage.sandbox.fault("lost_webhooks", company=company, times=3)
            day.events["webhooks lost"] += 3
        for chance, act, words in (
            (weather.pay, "pay", "invoices paid"),
            (weather.void, "void", "invoices voided"),
            (weather.new_invoice, "new_invoice", "invoices issued"),
        ):
            if dice.random() < chance:
                self._act(day, company, act, words)

    def _act(self, day: Day, company: str, act: str, words: str) -> None:
        try:
            self.stage.sandbox.act(company, act)
        except RuntimeError:  # nothing left to pay or void there
            return
        day.events[words] += 1

    def _end_outage(self, company: str, now: datetime) -> None:
        if company in self.outages and self.outages[company] <= now:
            del self.outages[company]
            self.stage.sandbox.clear_faults()
            for other in self.outages:
                self.stage.sandbox.fault("500", company=other)

    def _collect(self, day: Day) -> None:
        """What became of the windows that ended since the day before."""
        query = (
            select(Digest.id, Mailbox.address, Digest.window, Digest.outcome, Digest.reason, Outgoing.subject)
            .join(Mailbox, Mailbox.id == Digest.mailbox_id)
            .outerjoin(Outgoing, Outgoing.digest_id == Digest.id)
            .order_by(Mailbox.address, Digest.window)
        )
        with self.stage.house.database.reading(_ALL) as session:
            for digest_id, address, window, outcome, reason, subject in session.execute(query):
                if digest_id in self._seen or outcome == Outcome.QUEUED:
                    continue
                self._seen.add(digest_id)
                if outcome == Outcome.ACCEPTED:
                    day.sent.append((address, window, subject))
                else:
                    day.unsent.append((address, window, str(outcome), reason))


@dataclass(frozen=True, slots=True)
class Verdict:
    """The promises, counted at the end."""

    windows: int
    mails: int
    doubled: int  # windows with more than one mail handed over: must be 0

    @property
    def is_kept(self) -> bool:
        return self.doubled == 0


def judge(stage: Stage) -> Verdict:
    """Count in the outbox what was handed over for each window."""
    query = (
        select(Outgoing.digest_id)
        .join(Attempt, Attempt.outgoing_id == Outgoing.id)
        .where(Outgoing.kind == OutgoingKind.DIGEST, Attempt.result == "accepted")
    )
    with stage.house.database.reading(_ALL) as session:
        handed = Counter(session.execute(query).scalars())
        windows = session.execute(select(Digest.id)).scalars().all()
    return Verdict(len(windows), sum(handed.values()), sum(count > 1 for count in handed.values()))


def monday_before_clock_change() -> datetime:
    """A fortnight from here crosses the clock changes of Europe (25 October) and of North America (1 November)."""
    return datetime(2026, 10, 19, 0, 0, tzinfo=UTC)
