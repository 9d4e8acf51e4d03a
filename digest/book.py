"""What bears on one mailbox's digest, as it was read: plain values the composer is handed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from app.models import InvoiceState
from app.money import Money
from app.policies.rules import Treatment
from app.settings import Limits


class Item(NamedTuple):
    """One open invoice. ``due_minor`` is asked for, ``balance_minor`` is all that is owed of it."""

    id: UUID
    vendor_id: UUID
    connection_id: UUID
    number: str
    po_number: str
    issued_on: date | None
    due_on: date | None
    currency: str
    total_minor: int
    balance_minor: int
    due_minor: int
    is_autopay: bool
    can_pay_online: bool
    created_at: datetime | None = None  # when we first read of it
    included_at: datetime | None = None
    bill_to_id: UUID | None = None
    awaited_on: date | None = None
    charge_failed_at: datetime | None = None
    discount_minor: int | None = None
    discount_until: date | None = None
    state: str = InvoiceState.OPEN
    disputed_minor: int = 0  # the part of it that is contested; ``due_minor`` is without it


class CreditItem(NamedTuple):
    vendor_id: UUID
    number: str
    issued_on: date | None
    currency: str
    total_minor: int
    remaining_minor: int
    is_cash: bool  # paid and not yet matched, rather than a credit note


class VendorCard(NamedTuple):
    id: UUID
    name: str
    colour: str
    trust: str
    live_at: datetime | None
    is_stopped: bool = False
    chase_from: date | None = None
    is_frozen: bool = False  # reported too often: no first contacts
    note: str = ""
    discount_share: int = 0  # of a PayRule
    discount_days: int = 0
    usual_answer_minutes: int | None = None
    logo_key: str = ""  # app/logos.py


class Source(NamedTuple):
    """The connection an invoice came through."""

    id: UUID
    state: str
    as_of: datetime | None
    provider: str = ""
    is_stopped: bool = False
    files_since: datetime | None = None
    may_remind: bool = False  # the provider itself, beside us: nobody has confirmed that it does not (FEATURES A3)
    entity: str = ""  # the vendor's company these books are of, where it goes by its own name (FEATURES A15)


class RelationCard(NamedTuple):
    accepted_at: datetime | None = None
    muted_at: datetime | None = None
    blocked_at: datetime | None = None
    first_mailed_at: datetime | None = None
    reached_at: datetime | None = None  # the vendor's first contact here is counted


class HoldCard(NamedTuple):
    kind: str
    ends_at: datetime
    promised_on: date | None
    ended_at: datetime | None = None
    is_hidden: bool = False
    amount_minor: int | None = None  # of a dispute: the part that is contested
    result: str | None = None  # of a promise that is over: broken


class RatingCard(NamedTuple):
    """A vendor this mailbox may be asked about, since a settlement gave cause."""

    since: datetime
    vendor_id: UUID
    vendor_name: str


class Talk(NamedTuple):
    """The last message of a human about an invoice."""

    at: datetime
    is_vendors: bool


class Said(NamedTuple):
    """How often mails have asked for an invoice."""

    times: int
    last_at: datetime


class Company(NamedTuple):
    """Another organisation of whoever reads a mailbox: how many invoices are open there, and how many of them late."""

    name: str
    open: int = 0
    overdue: int = 0


class Before(NamedTuple):
    """A line of the last mail that would read differently now: as it stood there, and the state of its invoice now."""

    invoice_id: UUID
    amount_minor: int
    due_on: date | None
    currency: str
    number: str
    vendor_name: str
    state: str


@dataclass(slots=True)
class Book:
    """All that bears on one mailbox's digest. ``vendors`` and ``sources`` may be shared with other books."""

    vendors: Mapping[UUID, VendorCard]
    sources: Mapping[UUID, Source]
    items: list[Item] = field(default_factory=list)
    credits: list[CreditItem] = field(default_factory=list)
    relations: dict[UUID, RelationCard] = field(default_factory=dict)  # by vendor
    waiting: dict[UUID, str] = field(default_factory=dict)  # vendors not to be named here yet, and why
    holds: dict[UUID, list[HoldCard]] = field(default_factory=dict)  # by invoice
    talks: dict[UUID, Talk] = field(default_factory=dict)  # by invoice
    said: dict[UUID, Said] = field(default_factory=dict)  # by invoice
    policies: dict[UUID | None, Treatment] = field(default_factory=dict)  # by bill_to; none: as usual
    most_mentions: int | None = None
    told_at_once: Money | None = None  # new invoices of so much have a mail of their own (app/mailboxes/instant.py)
    last_mail_at: datetime | None = None
    before: dict[UUID, Before] = field(default_factory=dict)  # by invoice: what has changed since
    ratings: list[RatingCard] = field(default_factory=list)

    def had_own_mail(self, item: Item) -> bool:
        """Never at once and in the digest for the same event (FEATURES D21)."""
        least = self.told_at_once
        return least is not None and item.currency == least.currency and item.total_minor >= least.minor

    @property
    def rating(self) -> RatingCard | None:
        """The one question a mail may ask: about whom it waits longest, unless the mailbox wants to hear no more of
        that vendor, or never heard of it from us."""
        wanted = (each for each in self.ratings if _is_known(self.relations.get(each.vendor_id)))
        return min(wanted, default=None)


def _is_known(relation: RelationCard | None) -> bool:
    if relation is None or relation.muted_at or relation.blocked_at:
        return False
    return relation.accepted_at is not None or relation.first_mailed_at is not None


@dataclass(frozen=True, slots=True)
class Moment:
    """When and under which limits a digest is composed. ``soon_until``: what is due until then belongs into this mail,
    because the next one, on ``next_on``, would come too late."""

    now: datetime
    zone: str
    soon_until: date
    limits: Limits
    next_on: date | None = None

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.zone)).date()
