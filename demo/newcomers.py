"""New customers of played vendors, so that there is always somebody who has not been asked yet how it was.

Each gets two invoices, asks about one when it has read its first mail, and pays both in time or nearly so.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from demo.manners import Care, mailed
from demo.people import COPY, MISTAKE, Asked, ask_by_mail, slug
from demo.stage import Stage

DUE_AFTER = (5, 16)  # days, of the two invoices
PAID_AFTER = (8, 23)  # by then a weekly mail has come: the first one, and one that asks how the first payment was


@dataclass(slots=True)
class Newcomer:
    company: str
    address: str
    pays: dict[int, str]  # on which day of the play, which invoice
    finds_mistake: bool
    has_read: bool = False


class Newcomers:
    """``care``: how a company treats its customers at present. ``curious``: how likely somebody whose invoices are
    right asks all the same."""

    def __init__(self, stage: Stage, mood: random.Random, care: Callable[[str], Care], curious: float) -> None:
        self._stage, self._mood, self._care, self._curious = stage, mood, care, curious
        self._all: list[Newcomer] = []
        self._owed: defaultdict[str, float] = defaultdict(float)  # of its next mistake, by company

    def arrive(self, company: str, day: int) -> None:
        address = f"ap{day}@buys-from-{slug(company)}.example"
        self._stage.sandbox.act(company, "new_customer", name=f"Newcomer {day}", email=address)
        pays = {}
        for due, paid in zip(DUE_AFTER, PAID_AFTER, strict=True):
            issued = self._stage.sandbox.act(company, "new_invoice", customer=address, amount="120", due=due)
            pays[day + paid] = str(issued["invoice_id"])
        self._all.append(Newcomer(company, address, pays, self._is_wrong(company)))

    def _is_wrong(self, company: str) -> bool:
        """Mistakes come evenly, not by chance: few newcomers are enough to tell how many a company makes."""
        self._owed[company] += self._care(company).mistakes
        is_wrong = self._owed[company] >= 1
        self._owed[company] -= is_wrong
        return is_wrong

    def pay(self, day: int) -> int:
        """At the bank, what falls to this day; somebody may have paid or voided it before. Returns how many paid."""
        paid = 0
        for one in (one for one in self._all if day in one.pays):
            still_open = {str(row["id"]) for row in self._stage.sandbox.invoices(one.company, only_open=True)}
            if one.pays[day] in still_open:
                self._stage.sandbox.act(one.company, "pay", invoice=one.pays[day])
                paid += 1
        return paid

    def read_first_mails(self) -> Iterator[Asked]:
        """What those ask whose first mail has come since."""
        waiting = {one.address: one for one in self._all if not one.has_read}
        for address in sorted(mailed(self._stage, waiting)):
            one = waiting[address]
            one.has_read = True
            if one.finds_mistake:
                yield from ask_by_mail(self._stage, address, self._mood, lambda _company: MISTAKE)
            elif self._mood.random() < self._curious:
                yield from ask_by_mail(self._stage, address, self._mood, lambda _company: COPY)
