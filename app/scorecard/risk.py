"""How likely an account pays late, from its own history with one vendor (FEATURES G13). Pure; docs/late-risk.md has the
method and how it was measured.

The days from the due day to the payment, early ones below zero, give a Kaplan-Meier curve: what is still open, or was
closed without a payment, says "not by then" and no more. An account's curve is drawn towards that of all the vendor's
accounts, as if PRIOR of its invoices had been paid like everybody's: one late payment does not make a late payer.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean

from app.models import LateRisk
from app.words import _, ngettext

PRIOR = 2  # invoices of its own that weigh as much as what all accounts did
AT_LEAST = 3  # paid invoices, before anything is said of an account
RECENT = 5  # invoices that tell where it is going
RAISED, HIGH = 0.35, 0.6  # from these chances of being late on


@dataclass(frozen=True, slots=True)
class Outcome:
    """One invoice: ``days`` from the due day to its payment, or, not ``is_paid``, to when it was last seen unpaid."""

    days: int
    is_paid: bool = True


@dataclass(frozen=True, slots=True)
class Curve:
    """The share not yet paid after so many days past due: 1 before the first of ``days``, then ``shares``."""

    days: Sequence[int]
    shares: Sequence[float]
    count: int

    def open_after(self, days: int) -> float:
        place = bisect_right(self.days, days)
        return self.shares[place - 1] if place else 1.0


def curve(outcomes: Iterable[Outcome]) -> Curve:
    """Kaplan and Meier's product: at each day, of those still open the share that was not paid. A Counter says how many
    there are of each."""
    counts = outcomes if isinstance(outcomes, Counter) else Counter(outcomes)
    left, share = counts.total(), 1.0
    days, shares = [], []
    for day, group in groupby(sorted(counts, key=lambda one: one.days), key=lambda one: one.days):
        ended = list(group)
        if paid := sum(counts[one] for one in ended if one.is_paid):
            share *= 1 - paid / left
            days.append(day)
            shares.append(share)
        left -= sum(counts[one] for one in ended)
    return Curve(days, shares, counts.total())


def chance_late(own: Curve, everybody: Curve, days: int = 0) -> float:
    """That an invoice is still open more than ``days`` after its due day."""
    weight = own.count / (own.count + PRIOR)
    return weight * own.open_after(days) + (1 - weight) * everybody.open_after(days)


@dataclass(frozen=True, slots=True)
class History:
    """One account's invoices in the order they were due, and how it kept its word."""

    outcomes: tuple[Outcome, ...]
    broken: int = 0
    promised: int = 0

    @property
    def paid(self) -> list[int]:
        return [one.days for one in self.outcomes if one.is_paid]


@dataclass(frozen=True, slots=True)
class Risk:
    grade: LateRisk
    chance: float
    history: History

    @property
    def reasons(self) -> list[str]:
        """In the language spoken now."""
        paid = self.history.paid
        late = [days for days in paid if days > 0]
        if not late:
            said = [ngettext("Paid %(num)s invoice, in time.", "Paid %(num)s invoices, all in time.", len(paid))]
        else:
            average = round(fmean(late))
            said = [
                ngettext(
                    "Paid %(late)s of %(num)s invoice late.",
                    "Paid %(late)s of %(num)s invoices late.",
                    len(paid),
                    late=len(late),
                ),
                ngettext("When late, %(num)s day on average.", "When late, %(num)s days on average.", average),
            ]
        return [*said, *self._changes()]

    def _changes(self) -> list[str]:
        said, moved = [], trend(self.history.paid)
        if moved is not None and abs(moved) >= 1:
            days = round(abs(moved))
            if moved > 0:
                said.append(
                    ngettext("Lately %(num)s day later than before.", "Lately %(num)s days later than before.", days)
                )
            else:
                said.append(
                    ngettext(
                        "Lately %(num)s day earlier than before.", "Lately %(num)s days earlier than before.", days
                    )
                )
        if self.history.broken:
            said.append(
                _(
                    "Kept %(kept)s of %(all)s promises.",
                    kept=self.history.promised - self.history.broken,
                    all=self.history.promised,
                )
            )
        return said


def risk(history: History, everybody: Curve) -> Risk | None:
    """None while the account has paid too little to say anything. Words given and mostly broken weigh one grade."""
    if len(history.paid) < AT_LEAST:
        return None
    chance = chance_late(curve(history.outcomes), everybody)
    steps = sum(chance >= bound for bound in (RAISED, HIGH))
    steps += history.broken * 2 > history.promised and history.broken > 1
    grades = (LateRisk.LOW, LateRisk.RAISED, LateRisk.HIGH)
    return Risk(grades[min(steps, 2)], chance, history)


def trend(paid: Sequence[int]) -> float | None:
    """How many days later the last invoices were paid than those before; None with too few of either."""
    late = [max(0, days) for days in paid]
    before, lately = late[:-RECENT], late[-RECENT:]
    return fmean(lately) - fmean(before) if len(before) >= AT_LEAST else None
