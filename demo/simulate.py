"""Days of vendors, customers, payments and outages on a moving clock, through the real code: what was sent, why not.

In each step the clock stands still; first the providers' world moves, then people press buttons, then our jobs run.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from app import clock
from app.models import Digest, Mailbox, Outcome, Outgoing
from app.scope import Everything
from demo.manners import Care, asked_to_rate, manner_of
from demo.newcomers import Newcomers
from demo.people import (
    COPY,
    MISTAKE,
    Asked,
    answer,
    ask_by_mail,
    choose_daily,
    open_for_business,
    pay_by_mail,
    rate_by_mail,
)
from demo.show import CUSTOMER
from demo.stage import Stage
from demo.weather import Chances, Weather

EVERY_HOUR = range(24)
EVERY_THIRD_HOUR = range(0, 24, 3)
_ALL = Everything("a simulation reads what became of it")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sent:
    at: datetime
    address: str
    window: str
    subject: str


@dataclass(frozen=True, slots=True)
class Unsent:
    address: str
    window: str
    outcome: str
    reason: str


@dataclass
class Day:
    """What one played day did."""

    at: datetime
    happened: Counter[str] = field(default_factory=Counter)
    sent: list[Sent] = field(default_factory=list)
    unsent: list[Unsent] = field(default_factory=list)


@dataclass
class Simulation:
    """Plays ``hours`` (UTC) of each day on ``stage``. The same seed plays the same days."""

    stage: Stage
    start: datetime
    seed: int = 7
    chances: Chances = field(default_factory=Chances)
    hours: Sequence[int] = EVERY_HOUR

    def __post_init__(self) -> None:
        self.dice = random.Random(f"simulation-{self.seed}")  # noqa: S311  # a play, not a secret
        self.weather = Weather(self.stage.sandbox, [], self.dice, self.chances)
        self.mood = random.Random(f"mood-{self.seed}")  # noqa: S311  # likewise
        self._asked: list[tuple[Asked, datetime]] = []  # questions without an answer, and since when
        self._share = 0.0  # of the days, how much is over
        self._newcomers = Newcomers(self.stage, self.mood, self._care, self.chances.ask_by_mail)
        self._seen: set[UUID] = set()

    def open_vendors(self, say: Say, limit: int | None = None) -> None:
        """Every company that plays signs up through the pages, and the customer they share wants mail daily."""
        companies = self.stage.players()[:limit]
        self.weather.companies = companies
        self._set_clock(self.start)
        self.stage.wait = self.stage.run_jobs
        for number, company in enumerate(companies, 1):
            open_for_business(self.stage, str(company["provider"]), str(company["name"]))
            say(f"{number}/{len(companies)} {company['name']} ({company['provider']}) is live")
        choose_daily(self.stage, CUSTOMER)
        say(f"{CUSTOMER} chose one mail a day, at 9:00")

    def days(self, count: int) -> Iterator[Day]:
        """Play ``count`` days and yield what each one did."""
        for number in range(count):
            self._share = number / count
            day = Day(self.start + timedelta(days=number))
            reading_hour = self.dice.choice(self.hours)
            for hour in self.hours:
                is_down = number in self.chances.down_days
                self._step(
                    day, number, day.at + timedelta(hours=hour), is_reading=hour == reading_hour, is_down=is_down
                )
            self._collect(day)
            yield day

    def _step(self, day: Day, number: int, now: datetime, *, is_reading: bool, is_down: bool) -> None:
        self._set_clock(now)
        if now.hour == self.hours[0]:
            self._meet_newcomers(day, number)
        self.weather.strike(now, number, 1 / len(self.hours), day.happened)
        if is_reading:
            self._read_the_mail(day, now)
        if not is_down:
            self._answer(day, now)
        self.stage.sandbox.wait_webhooks(5)
        if is_down:
            day.happened["day|days without a worker of ours"] = 1
        else:
            self.stage.run_jobs()

    def _set_clock(self, now: datetime) -> None:
        clock.set_to(now)
        self.stage.sandbox.set_clock(now.isoformat())

    def _read_the_mail(self, day: Day, now: datetime) -> None:
        """Somebody at the customer opens the newest mail, pays a line and asks about one."""
        if self.dice.random() < self.chances.pay_by_mail:
            day.happened[pay_by_mail(self.stage, CUSTOMER, self.dice)] += 1
        is_asking = self.dice.random() < self.chances.ask_by_mail
        mine = ask_by_mail(self.stage, CUSTOMER, self.dice, self._topic) if is_asking else []
        for asked in [*mine, *self._newcomers.read_first_mails()]:
            self._asked.append((asked, now))
            day.happened["question|questions asked from the mail"] += 1
        for address, company in asked_to_rate(self.stage, now - timedelta(days=7)):
            if rate_by_mail(self.stage, address, company, self._care(company).score):
                day.happened["question|questions after a settlement answered"] += 1

    def _meet_newcomers(self, day: Day, number: int) -> None:
        """Every company gets a new customer now and then."""
        every = self.chances.newcomers_every
        if every and number % every == every // 2:
            for company in self.weather.companies:
                self._newcomers.arrive(str(company["name"]), number)
                day.happened["customer|customers new to a vendor"] += 1
        if paid := self._newcomers.pay(number):
            day.happened["invoice|invoices paid by a new customer"] += paid

    def _topic(self, company: str) -> str:
        """A mistake on the invoice, or just a copy."""
        return MISTAKE if self.mood.random() < self._care(company).mistakes else COPY

    def _care(self, company: str) -> Care:
        """How that company treats its customers at this time."""
        names = [str(one["name"]) for one in self.weather.companies]
        return manner_of(names.index(company)).at(self._share)

    def _answer(self, day: Day, now: datetime) -> None:
        due = [one for one in self._asked if now - one[1] >= self._care(one[0].company).answers_after]
        self._asked = [one for one in self._asked if one not in due]
        for company in dict.fromkeys(asked.company for asked, _ in due):
            questions = [asked for asked, _ in due if asked.company == company]
            if answered := answer(self.stage, company, questions):
                day.happened["question|questions answered at the desk"] += answered

    def _collect(self, day: Day) -> None:
        """What became of the windows that ended since the day before."""
        query = (
            select(Digest.id, Mailbox.address, Digest.window, Digest.outcome, Digest.reason, Digest.accepted_at,
                   Outgoing.subject)
            .join(Mailbox, Mailbox.id == Digest.mailbox_id)
            .outerjoin(Outgoing, Outgoing.digest_id == Digest.id)
            .order_by(Digest.accepted_at, Mailbox.address, Digest.window)
        )  # fmt: skip
        with self.stage.house.database.reading(_ALL) as session:
            rows = session.execute(query).all()
        for digest_id, address, window, outcome, reason, accepted_at, subject in rows:
            if digest_id in self._seen or outcome == Outcome.QUEUED:
                continue
            self._seen.add(digest_id)
            if outcome == Outcome.ACCEPTED and accepted_at:
                day.sent.append(Sent(accepted_at, address, window, subject or ""))
            else:
                day.unsent.append(Unsent(address, window, str(outcome), reason))


def monday_before_clock_change() -> datetime:
    """A fortnight from here crosses the clock changes of Europe (25 October) and of North America (1 November)."""
    return datetime(2026, 10, 19, 0, 0, tzinfo=UTC)
