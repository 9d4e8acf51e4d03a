"""Whom a policy is for, and what it wants: segments, stages, tones and thresholds. Pure.

A policy may only take away or bring forward within what operator and customer allow; what comes of it for an invoice
is decided where everything is, in app.receivables.rules.eligibility (FEATURES J1).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from app.models import CompanySize, LateRisk
from app.words import marked

# --- stages and tone ------------------------------------------------------------------------------------------------


class Tone(StrEnum):
    """How a stage is said. A vendor chooses, and never writes these words."""

    PLAIN = "plain"
    AHEAD = "ahead"
    OFFER = "offer"
    THANKS = "thanks"
    GENTLE = "gentle"
    ANSWER = "answer"
    PLAN = "plan"


class Said(NamedTuple):
    """``words`` stand above rows in the vendor's section; true only from so many days after the due date to so many.
    They were written once and are reviewed with their translations: a test keeps threats out (claim 003-11)."""

    name: str
    words: str
    from_day: int
    to_day: int


_EVER = 3650
TONES: Mapping[Tone, Said] = {
    Tone.PLAIN: Said(marked("The facts, no sentence"), "", -_EVER, _EVER),
    Tone.AHEAD: Said(marked("Early word"), marked("An early word, so that you can plan: nothing is late."), -_EVER, -1),
    Tone.OFFER: Said(
        marked("Early word with an offer"),
        marked("If the date is hard to keep, ask now for a later one or for instalments."),
        -_EVER,
        -1,
    ),
    Tone.THANKS: Said(marked("Thanks ahead"), marked("Thank you for paying on time."), -_EVER, 0),
    Tone.GENTLE: Said(marked("Gentle"), marked("This may have slipped through. Is everything in order?"), 1, _EVER),
    Tone.ANSWER: Said(
        marked("Please answer"), marked("Please pay, or tell us what is missing: an answer helps us too."), 1, _EVER
    ),
    Tone.PLAN: Said(
        marked("Find a way"),
        marked("This has been open for a while. Please pay or name a day; we can agree on instalments."),
        15,
        _EVER,
    ),
}
FIRST_DAY, LAST_DAY, MOST_STAGES, MOST_EARLIER = -60, 180, 8, 30


class Stage(NamedTuple):
    """From so many days after the due date on; negative: before it."""

    day: int
    tone: Tone


@dataclass(frozen=True, slots=True)
class Terms:
    """What a policy wants. The first stage's day is that of the first mention; without stages invoices are mentioned as
    soon as they are known, in plain facts. ``least``: what one customer owes in a currency below so many minor units is
    not asked for. ``earlier_days``: as much earlier to who is likely to pay late."""

    stages: tuple[Stage, ...] = ()
    least: Mapping[str, int] = field(default_factory=dict)
    earlier_days: int = 0
    never_reminds: bool = False
    by_order: bool = False  # rows of one order stand together

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Terms":
        stages = tuple(Stage(day, Tone(tone)) for day, tone in stored.get("stages", ()))
        return cls(**{**stored, "stages": stages})

    def stored(self) -> dict[str, Any]:
        """As Policy.terms keeps it: what is as usual is left out."""
        usual = Terms()
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in said.items() if value != getattr(usual, name)}


SUGGESTED = Terms(
    (Stage(-7, Tone.AHEAD), Stage(0, Tone.THANKS), Stage(1, Tone.GENTLE), Stage(15, Tone.ANSWER), Stage(45, Tone.PLAN))
)


@dataclass(frozen=True, slots=True)
class Treatment:
    """What holds for one customer (app.receivables.rules.PolicyFacts): its policy's terms, and what is its own."""

    stages: tuple[Stage, ...]
    least: Mapping[str, int]
    earlier_days: int
    never_reminds: bool
    by_order: bool

    def first_on(self, due_on: date | None) -> date | None:
        """The day of the first mention; None: as soon as it is known."""
        if not self.stages or due_on is None:
            return None
        return due_on + timedelta(days=self.stages[0].day - self.earlier_days)

    def tone(self, due_on: date | None, today: date) -> Tone:
        if not self.stages or due_on is None:
            return Tone.PLAIN
        day = (today - due_on).days
        if day < self.stages[0].day:  # only who is likely to pay late reads of it already, or whose next mail is late
            tone = Tone.OFFER if self.earlier_days else self.stages[0].tone
        else:
            tone = next(stage.tone for stage in reversed(self.stages) if stage.day <= day)
        said = TONES[tone]
        return tone if said.from_day <= day <= said.to_day else Tone.PLAIN


AS_USUAL = Treatment((), MappingProxyType({}), 0, never_reminds=False, by_order=False)


@lru_cache(maxsize=4096)
def treatment(terms: str, never_remind: bool, late_risk: str) -> Treatment:
    """``terms``: a policy's, as the text of its JSON ("" without one); many customers share it."""
    wanted = Terms.of(json.loads(terms)) if terms else Terms()
    return Treatment(
        stages=wanted.stages,
        least=wanted.least,
        earlier_days=wanted.earlier_days if is_likely_late(late_risk) else 0,
        never_reminds=wanted.never_reminds or never_remind,
        by_order=wanted.by_order,
    )


def is_likely_late(late_risk: str) -> bool:
    return late_risk == LateRisk.HIGH


# --- segments -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Customer:
    """What a vendor's own rows say of one of its customers. ``terms``: days from issue to due date, of its newest open
    invoice; ``about``: what its open invoices are for, small letters; ``balances``: minor units by currency."""

    country: str = ""
    size: str = CompanySize.UNKNOWN
    industry: str = ""
    tags: frozenset[str] = frozenset()
    risk: str = LateRisk.UNKNOWN
    terms: int | None = None
    balances: Mapping[str, int] = field(default_factory=dict)
    about: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """Whom a policy is for: everything said here must hold of a customer, one of several values each time."""

    countries: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    products: tuple[str, ...] = ()  # words of what is invoiced, small letters
    tags: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()  # something is open in one of them
    terms_from: int | None = None
    terms_to: int | None = None
    balance_from: int | None = None  # minor units
    balance_to: int | None = None
    balance_currency: str = ""

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> "Segment":
        said: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in stored.items()}
        return cls(**said)

    def stored(self) -> dict[str, Any]:
        """As Policy.rules keeps it: what says nothing is left out."""
        said = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return {name: value for name, value in said.items() if value not in ([], None, "")}

    def has(self, customer: Customer) -> bool:
        open_in = {code for code, minor in customer.balances.items() if minor > 0}
        return (
            _one_of(customer.country, self.countries)
            and _one_of(customer.size, self.sizes)
            and _one_of(customer.industry.casefold(), tuple(each.casefold() for each in self.industries))
            and _one_of(customer.risk, self.risks)
            and (not self.tags or not customer.tags.isdisjoint(self.tags))
            and (not self.currencies or not open_in.isdisjoint(self.currencies))
            and (not self.products or any(word in customer.about for word in self.products))
            and _between(customer.terms, self.terms_from, self.terms_to)
            and _between(customer.balances.get(self.balance_currency, 0), self.balance_from, self.balance_to)
        )


def _one_of(value: str, wanted: tuple[str, ...]) -> bool:
    return not wanted or value in wanted


def _between(value: int | None, low: int | None, high: int | None) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def policy_of(customer: Customer, policies: Sequence[tuple[UUID, Segment]]) -> UUID | None:
    """Of the policies, by rank, the first whose segment has this customer; None: the vendor's default."""
    return next((policy_id for policy_id, segment in policies if segment.has(customer)), None)
