"""Which money in the vendor's books an "already paid" may be, and why; somebody of the vendor's says whether it is
(FEATURES I8). Rather no suggestion than a wrong one: where two fit alike, neither is named. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.claims.rules import SaidPaid
from app.words import _, ngettext

_EARLIEST, _LATEST = timedelta(days=-3), timedelta(days=10)  # from the day the payer names until money is in the books
_SHORTEST = 5  # marks of a reference that says something
_MARKS = re.compile(r"[^A-Z0-9]")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is paid in and stands on no invoice yet. ``name``: as the books call it."""

    name: str
    paid_on: date
    free_minor: int


@dataclass(frozen=True, slots=True)
class Match:
    receipt: Receipt
    has_amount: bool
    has_reference: bool
    days: int  # later than the payer says; negative: earlier

    @property
    def reasons(self) -> list[str]:
        found = [_("the same reference")] if self.has_reference else []
        if self.has_amount:
            found.append(_("the same amount"))
        if not self.days:
            return [*found, _("the same day")]
        if self.days > 0:
            return [*found, ngettext("%(num)s day later", "%(num)s days later", self.days)]
        return [*found, ngettext("%(num)s day earlier", "%(num)s days earlier", -self.days)]


def suggested(said: SaidPaid, known: Sequence[Receipt]) -> Match | None:
    """The one that fits best, when nothing else fits as well."""
    fitting = sorted((match for each in known if (match := _match(said, each))), key=_rank, reverse=True)
    if not fitting or (len(fitting) > 1 and _rank(fitting[0]) == _rank(fitting[1])):
        return None
    return fitting[0]


def _match(said: SaidPaid, receipt: Receipt) -> Match | None:
    """A reference tells by itself; an amount only together with the day."""
    found = Match(
        receipt,
        has_amount=receipt.free_minor == said.amount_minor,
        has_reference=_alike(said.reference, receipt.name),
        days=(receipt.paid_on - said.paid_on).days,
    )
    is_near = _EARLIEST <= timedelta(days=found.days) <= _LATEST
    return found if is_near and (found.has_reference or found.has_amount) else None


def _rank(match: Match) -> tuple[bool, bool]:
    return match.has_reference, match.has_amount


def _alike(said: str, known: str) -> bool:
    """One holds the other, whatever stands between their letters and digits; a number must be in it."""
    one, other = (_MARKS.sub("", each.upper()) for each in (said, known))
    shorter = min(one, other, key=len)
    return len(shorter) >= _SHORTEST and any(mark.isdigit() for mark in shorter) and (one in other or other in one)
