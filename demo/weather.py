"""What happens at the providers while days are played: payments, voids, new invoices, outages, lost webhooks."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from connectors.sandbox.client import SandboxControl

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely a thing is, each day and each company, unless it says otherwise."""

    pay: float = 0.45
    void: float = 0.05
    new_invoice: float = 0.35
    outage: float = 0.05
    outage_hours: tuple[int, int] = (2, 20)
    lost_webhooks: float = 0.03
    long_outages: tuple[tuple[int, int], ...] = ((2, 30), (7, 90))  # (day, hours): longer than 24 h, than 72 h
    down_days: tuple[int, ...] = (4,)  # days on which no worker of ours runs
    pay_by_mail: float = 0.5  # a reader pays a line of the newest mail
    newcomers_every: int = 0  # days from one new customer of each company to the next; 0: none comes
    ask_by_mail: float = 0.3  # a reader asks about one; the vendor answers on the day after


@dataclass(frozen=True, slots=True)
class Outage:
    """One company's books, unreachable from ``begins`` until ``ends``."""

    company: str
    begins: datetime
    ends: datetime

    def covers(self, at: datetime) -> bool:
        return self.begins <= at < self.ends


@dataclass
class Weather:
    """Plays ``chances`` on the sandbox's companies. The same seed brings the same weather."""

    sandbox: SandboxControl
    companies: list[Json]
    dice: random.Random
    chances: Chances = field(default_factory=Chances)
    outages: list[Outage] = field(default_factory=list)
    _over: set[Outage] = field(default_factory=set, init=False)
    _last_day: date | None = field(default=None, init=False)

    def strike(self, now: datetime, day: int, share: float, happened: Counter[str]) -> None:
        """All that happens in one step, which is ``share`` of a day; counted in ``happened`` by words."""
        self._end_outages(now, happened)
        if self._first_step_of(now):
            for hours in (hours for on, hours in self.chances.long_outages if on == day):
                self._begin_outage(self._some_company_that_is_up(now), now, hours, happened)
        for company in self.companies:
            self._at_company(company, now, share, happened)

    def is_out(self, company: str, at: datetime) -> bool:
        return any(outage.company == company and outage.covers(at) for outage in self.outages)

    def _at_company(self, company: Json, now: datetime, share: float, happened: Counter[str]) -> None:
        chances, name = self.chances, str(company["name"])
        if self._falls(chances.outage, share) and not self.is_out(name, now):
            self._begin_outage(name, now, self.dice.randint(*chances.outage_hours), happened)
        if self._falls(chances.lost_webhooks, share):
            self.sandbox.fault("lost_webhooks", str(company["provider"]), times=3)
            happened["webhook|webhooks lost on the way"] += 3
        if self._falls(chances.pay, share):
            self._act(name, "pay", "paid at the bank", happened)
        if self._falls(chances.void, share):
            self._act(name, "void", "voided", happened)
        if self._falls(chances.new_invoice, share):
            self._issue(company, happened)

    def _falls(self, chance: float, share: float) -> bool:
        return self.dice.random() < chance * share

    def _act(self, company: str, do: str, words: str, happened: Counter[str]) -> None:
        rows = self.sandbox.invoices(company, only_open=True)
        fit = [one for one in rows if do == "pay" or one["balance"] == one["total"]]  # with money on it none is voided
        if fit:
            self.sandbox.act(company, do, invoice=self.dice.choice(fit)["id"])
            happened[f"invoice|invoices {words}"] += 1

    def _issue(self, company: Json, happened: Counter[str]) -> None:
        reached = [one["email"] for one in company["customers"] if one["email"]]
        if reached:
            amount, due = str(self.dice.randint(40, 4000)), self.dice.randint(3, 30)
            customer = self.dice.choice(reached)
            self.sandbox.act(str(company["name"]), "new_invoice", customer=customer, amount=amount, due=due)
            happened["invoice|invoices issued"] += 1

    # --- outages ------------------------------------------------------------------------------------------------------

    def _first_step_of(self, now: datetime) -> bool:
        before, self._last_day = self._last_day, now.date()
        return before != self._last_day

    def _some_company_that_is_up(self, now: datetime) -> str:
        return self.dice.choice([str(one["name"]) for one in self.companies if not self.is_out(str(one["name"]), now)])

    def _begin_outage(self, company: str, now: datetime, hours: int, happened: Counter[str]) -> None:
        self.outages.append(Outage(company, now, now + timedelta(hours=hours)))
        self.sandbox.fault("500", company=company, times=None)
        happened[f"{company} is unreachable for {hours} h"] += 1

    def _end_outages(self, now: datetime, happened: Counter[str]) -> None:
        over = [one for one in self.outages if one.ends <= now and one not in self._over]
        if not over:
            return
        self._over.update(over)
        for outage in over:
            happened[f"{outage.company} is back"] += 1
        self.sandbox.clear_faults()
        for outage in self.outages:
            if outage.covers(now):
                self.sandbox.fault("500", company=outage.company, times=None)
