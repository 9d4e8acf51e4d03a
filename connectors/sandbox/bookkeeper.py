"""Writes the past of a company's books, with days counted from the clock's today. Seeded: same seed, same books."""

import random
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from . import books
from .amounts import to_minor
from .plays import PLAYS
from .world import Address, Company, Customer, Invoice, Line, Provider, World


def add_company(
    world: World,
    provider: Provider,
    name: str,
    currency: str,
    zone: str,
    country: str,
    *,
    owner: str | None = None,
    tax_percent: int = 0,
    address: Address | None = None,
    quirks: frozenset[str] = frozenset(),
) -> Company:
    source = random.Random(f"{world.seed}:{provider}:{name}")
    domain = "".join(letter for letter in name.lower() if letter.isalnum())
    since = world.clock.now() - timedelta(days=900)
    return world.add(
        Company(
            provider,
            name,
            PLAYS[provider].company_id(source),
            currency,
            zone,
            country,
            owner or f"owner@{domain}.example",
            since.replace(microsecond=0),
            source,
            tax_percent,
            address or Address(),
            quirks,
        )
    )


class Bookkeeper:
    """Writes one company's past, with days counted from today."""

    def __init__(self, world: World, company: Company) -> None:
        self.world, self.company = world, company
        self.today = world.clock.today(company.timezone)

    def moment(self, day: date) -> datetime:
        """Some minute of that working day, never in the future."""
        minute = self.company.source.randrange(8 * 60, 18 * 60)
        local = datetime.combine(
            day,
            time(minute // 60, minute % 60, self.company.source.randrange(60)),
            tzinfo=ZoneInfo(self.company.timezone),
        )
        latest = (self.world.clock.now() - timedelta(minutes=5)).replace(microsecond=0)
        return min(local.astimezone(latest.tzinfo), latest)

    def day(self, offset: int) -> date:
        return self.today + timedelta(days=offset)

    def customer(self, name: str, email: str | None, **rest: Any) -> Customer:
        created = self.moment(self.day(-self.company.source.randrange(300, 800)))
        return books.add_customer(self.company, name, email, created, **rest)[0]

    def invoice(
        self,
        customer: Customer,
        total: str,
        issued: int,
        due: int | None,
        *,
        currency: str | None = None,
        number: str | None = "next",
        draft: bool = False,
        reference: str = "",
        memo: str = "",
        what: tuple[tuple[str, str], ...] = (("Services", "Services as agreed"),),
    ) -> Invoice:
        """An invoice of `total`, tax included, issued and due so many days from today."""
        money = currency or customer.currency
        net, tax = books.net_and_tax(self.company, to_minor(total, money))
        return self.post(
            customer,
            books.lines_for(self.company, net, what),
            tax,
            issued,
            due,
            currency=money,
            number=number,
            draft=draft,
            reference=reference,
            memo=memo,
        )

    def post(
        self, customer: Customer, lines: list[Line], tax: int, issued: int, due: int | None, **rest: Any
    ) -> Invoice:
        due_on = None if due is None else self.day(due)
        return books.add_invoice(
            self.world,
            self.company,
            customer,
            lines,
            tax,
            self.moment(self.day(issued)),
            issued_on=self.day(issued),
            due_on=due_on,
            **rest,
        )[0]

    def parts(self, invoice: Invoice, due: tuple[int, ...]) -> Invoice:
        """Owed in equal instalments, on so many days from today."""
        share, rest = divmod(invoice.total, len(due))
        amounts = [share] * (len(due) - 1) + [share + rest]
        invoice.schedule = [(self.day(offset), amount) for offset, amount in zip(due, amounts, strict=True)]
        return invoice

    def paid(self, invoice: Invoice, on: int, amount: str | None = None) -> Invoice:
        minor = None if amount is None else to_minor(amount, invoice.currency)
        books.pay_invoice(
            self.company, invoice, self.moment(self.day(on)), minor, f"Payment {invoice.number or ''}".strip()
        )
        return invoice

    def credited(self, invoice: Invoice, on: int, amount: str | None = None) -> Invoice:
        total = invoice.balance if amount is None else to_minor(amount, invoice.currency)
        net, tax = books.net_and_tax(self.company, total)
        lines = books.lines_for(self.company, net, (("Credit", "Goods returned"),))
        books.issue_credit(
            self.company,
            self.company.customers[invoice.customer_id],
            lines,
            tax,
            invoice.currency,
            self.moment(self.day(on)),
            invoice,
            reference=invoice.number or "",
        )
        return invoice

    def credit_on_account(self, customer: Customer, on: int, amount: str) -> None:
        net, tax = books.net_and_tax(self.company, to_minor(amount, customer.currency))
        books.issue_credit(
            self.company,
            customer,
            books.lines_for(self.company, net, (("Credit", "Goodwill credit"),)),
            tax,
            customer.currency,
            self.moment(self.day(on)),
        )

    def cash_on_account(self, customer: Customer, on: int, amount: str, kind: str = "payment") -> None:
        books.receive_unapplied(
            self.company,
            customer,
            to_minor(amount, customer.currency),
            customer.currency,
            self.moment(self.day(on)),
            kind,
            "On account",
        )

    def voided(self, invoice: Invoice, on: int) -> Invoice:
        books.void_invoice(self.company, invoice, self.moment(self.day(on)))
        return invoice
