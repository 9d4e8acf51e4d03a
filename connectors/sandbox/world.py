"""The nouns: a world of companies, each a provider account with its books. Amounts are minor units."""

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from .clock import Clock
from .plays import PLAYS

Provider = str  # one of plays.PLAYS
Noun = Literal["customer", "invoice", "payment", "credit_note", "application"]
InvoiceStatus = Literal["draft", "open", "paid", "void", "deleted", "uncollectible"]
PROVIDERS: tuple[Provider, ...] = tuple(PLAYS)


@dataclass(slots=True)
class Address:
    street: str = ""
    city: str = ""
    region: str = ""
    postcode: str = ""
    country: str = ""


@dataclass(slots=True)
class Customer:
    id: str
    name: str
    email: str | None
    created_at: datetime
    updated_at: datetime
    currency: str
    contact: str = ""
    phone: str = ""
    address: Address = field(default_factory=Address)
    version: int = 0
    active: bool = True
    sequence: int = 0


@dataclass(slots=True)
class Line:
    id: str
    item: str
    description: str
    quantity: int
    unit: int

    @property
    def amount(self) -> int:
        return self.quantity * self.unit


@dataclass(slots=True)
class Invoice:
    id: str
    number: str | None
    customer_id: str
    currency: str
    issued_on: date
    due_on: date | None
    lines: list[Line]
    tax: int
    created_at: datetime
    updated_at: datetime
    pay_token: str
    status: InvoiceStatus = "open"
    reference: str = ""
    memo: str = ""
    email: str | None = None
    online: bool = True
    sent: bool = True
    paid: int = 0
    credited: int = 0
    version: int = 0
    finalized_at: datetime | None = None
    closed_at: datetime | None = None
    schedule: list[tuple[date, int]] = field(default_factory=list)  # instalments; `due_on` is the next one's
    notes: list[str] = field(default_factory=list)  # what somebody put into its history
    refused: str = ""  # why the last try to pay it failed, in the provider's word

    @property
    def subtotal(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def total(self) -> int:
        return self.subtotal + self.tax

    @property
    def balance(self) -> int:
        """Still owed. Drafts owe their total on paper, but nobody may ask for it."""
        return 0 if self.status in ("void", "deleted") else self.total - self.paid - self.credited

    @property
    def is_open(self) -> bool:
        return self.status == "open" and self.balance > 0

    @property
    def terms(self) -> str:
        """As the books name them; none without a day."""
        days = (self.due_on - self.issued_on).days if self.due_on else None
        return "" if days is None else f"Net {days}" if days else "Due on receipt"


@dataclass(slots=True)
class Applied:
    invoice_id: str
    amount: int
    on: date
    id: str


@dataclass(slots=True)
class Payment:
    id: str
    customer_id: str
    currency: str
    amount: int
    received_on: date
    applied: list[Applied]
    created_at: datetime
    updated_at: datetime
    kind: Literal["payment", "overpayment", "prepayment", "credit"] = "payment"
    reference: str = ""
    credit_note_id: str | None = None
    version: int = 0
    deleted: bool = False

    @property
    def unapplied(self) -> int:
        return self.amount - sum(part.amount for part in self.applied) if self.kind != "credit" else 0


@dataclass(slots=True)
class CreditNote:
    id: str
    number: str
    customer_id: str
    currency: str
    issued_on: date
    lines: list[Line]
    tax: int
    applied: list[Applied]
    created_at: datetime
    updated_at: datetime
    reference: str = ""
    status: Literal["open", "used", "void"] = "open"
    version: int = 0

    @property
    def subtotal(self) -> int:
        return sum(line.amount for line in self.lines)

    @property
    def total(self) -> int:
        return self.subtotal + self.tax

    @property
    def remaining(self) -> int:
        return 0 if self.status == "void" else self.total - sum(part.amount for part in self.applied)


Record = Customer | Invoice | Payment | CreditNote


@dataclass(slots=True)
class Company:
    provider: Provider
    name: str
    external_id: str
    currency: str
    timezone: str
    country: str
    owner: str
    created_at: datetime
    source: random.Random
    tax_percent: int = 0
    address: Address = field(default_factory=Address)
    quirks: frozenset[str] = frozenset()
    customers: dict[str, Customer] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    credit_notes: dict[str, CreditNote] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)

    def next_number(self, series: str, first: int) -> int:
        self.counters[series] = self.counters.get(series, first - 1) + 1
        return self.counters[series]

    def new_id(self, noun: str) -> str:
        make = PLAYS[self.provider].record_id
        if make is not None:
            return make(self.source, noun)
        if noun == "line":
            return str(self.next_number("line", 1))
        return str(self.next_number("customer", 1) if noun == "customer" else self.next_number("transaction", 101))

    def find_customer(self, key: str) -> Customer | None:
        """By id, name or e-mail address: the way tests speak of customers."""
        for one in self.customers.values():
            if key in (one.id, one.name) or (one.email and key.lower() in one.email.lower()):
                return one
        return None

    def find_invoice(self, key: str) -> Invoice | None:
        if key in self.invoices:
            return self.invoices[key]
        return next((one for one in self.invoices.values() if one.number == key), None)

    def first_open_invoice(self, customer_id: str | None = None, untouched: bool = False) -> Invoice | None:
        """Earliest due first; those without a due date last."""
        candidates = [
            one
            for one in self.invoices.values()
            if one.is_open and customer_id in (None, one.customer_id) and not (untouched and one.paid)
        ]
        return min(candidates, key=lambda one: (one.due_on or date.max, one.id), default=None)


@dataclass(slots=True, frozen=True)
class Change:
    """Something happened in a company's books; webhooks and event feeds are made of these."""

    company: Company
    noun: Noun
    op: str
    record: Record | None
    at: datetime


class World:
    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self.seed = seed
        self.source = random.Random(f"sandbox-{seed}")
        self.lock = threading.RLock()
        self.companies: list[Company] = []
        self.pay_tokens: dict[str, tuple[Company, str]] = {}
        self.listeners: list[Callable[[list[Change]], None]] = []

    def add(self, company: Company) -> Company:
        self.companies.append(company)
        return company

    def of_provider(self, provider: str) -> list[Company]:
        return [one for one in self.companies if one.provider == provider]

    def by_name(self, name: str) -> Company | None:
        return next((one for one in self.companies if name in (one.name, one.external_id)), None)

    def by_external_id(self, provider: str, external_id: str) -> Company | None:
        return next((one for one in self.of_provider(provider) if one.external_id == external_id), None)

    def emit(self, changes: Iterable[Change]) -> None:
        batch = list(changes)
        for listen in self.listeners:
            listen(batch)
