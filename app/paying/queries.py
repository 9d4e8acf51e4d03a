"""Reads for pay pages: what an invoice comes to today, where and how it may be paid, and who has already begun."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import (
    BankAccount,
    Credit,
    Hold,
    HoldKind,
    Invoice,
    PayMethod,
    PayRule,
    Person,
)
from app.money import Money
from app.paying import rules
from app.paying.rules import Discount, LateFee
from app.receivables.queries import IS_OPEN, Row, by_due, credits_of, page_by_due, rows_of_vendors, with_talk
from app.scope import widened
from app.trust.queries import PayTerms, accounts_of, methods_of, pay_terms
from app.trust.rules import counts, newest_that_counts


@dataclass(frozen=True, slots=True)
class Ask:
    """One invoice on a pay page: what is asked for it today and how it is named."""

    row: Row
    reference: str
    discount: Discount | None
    late_fee: LateFee | None
    awaited_on: date | None  # the provider expects a payment by then
    is_autopay: bool
    charge_failed_at: datetime | None

    @property
    def minor(self) -> int:
        """By transfer, where a discount can be taken."""
        return self.row.due_minor - (self.discount.minor if self.discount else 0)


@dataclass(frozen=True, slots=True)
class Method:
    """A way to pay that this vendor has, in its own words."""

    name: str
    instructions: str
    reference: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """A payment that somebody of the customer has started and that may still be on its way."""

    at: datetime
    by: str  # "" for a holder of the mail's link
    until: datetime
    amount: Money


@dataclass(frozen=True, slots=True)
class PaySheet:
    """All that a pay page says of some invoices of one vendor in one currency."""

    vendor_name: str
    asks: tuple[Ask, ...]
    terms: PayTerms
    rule: PayRule | None
    credits: tuple[Credit, ...]
    methods: tuple[Method, ...]
    begun: dict[UUID, Begun]

    @property
    def currency(self) -> str:
        return self.asks[0].row.currency

    @property
    def account(self) -> BankAccount | None:
        return self.terms.account

    @property
    def asked_minor(self) -> int:
        return sum(ask.minor for ask in self.asks)

    @property
    def discount_minor(self) -> int:
        return sum(ask.discount.minor for ask in self.asks if ask.discount)

    @property
    def credit_minor(self) -> int:
        return sum(credit.remaining_minor for credit in self.credits)

    @property
    def netted_minor(self) -> int:
        """Credit that a transfer may be lowered by: the vendor says that its customers may."""
        return min(self.credit_minor, self.asked_minor) if self.rule and self.rule.nets_credits else 0

    @property
    def transfer_minor(self) -> int:
        """What a transfer is over, discounts and credits considered."""
        return self.asked_minor - self.netted_minor

    @property
    def transfer_plain(self) -> str:
        """As it is typed into a bank's form."""
        return str(Money(self.transfer_minor, self.currency).amount)

    @property
    def due_minor(self) -> int:
        """What the payment pages ask for, all together."""
        return sum(ask.row.due_minor for ask in self.asks)

    @property
    def reference(self) -> str:
        return rules.joined(ask.reference for ask in self.asks)

    @property
    def code(self) -> str:
        """The transfer as an SVG that a bank's app reads; "" where there is no such code."""
        if self.account is None:
            return ""
        return rules.epc_code(self.account, Money(self.transfer_minor, self.currency), self.reference)

    @property
    def fee_minor(self) -> int:
        """What paying online costs beside, by the vendor's own word."""
        share = self.rule.fee_share if self.rule else 0
        return rules.share_of(self.due_minor, share)

    @property
    def least_minor(self) -> int | None:
        """The smallest part the vendor takes of one invoice; of several there is none."""
        return rules.least_part(self.asks[0].row.due_minor, self.rule) if len(self.asks) == 1 else None


def open_rows(session: Session, vendor_id: UUID, now: datetime, limit: int = 100) -> list[Row]:
    """What the session's customer owes one vendor, due longest first, with what is going on with each."""
    query = rows_of_vendors().where(IS_OPEN, Invoice.vendor_id == vendor_id).params(now=now)
    rows = [Row(*found) for found in page_by_due(session, query, None, limit)[:limit]]
    return with_talk(session, rows, now)


def sheets(session: Session, rows: Sequence[Row], now: datetime, today: date) -> list[PaySheet]:
    """One for each currency, and for each company with a bank account of its own, in the order of the rows: nothing is
    ever added up across two."""
    together: dict[tuple[str, UUID | None], list[Row]] = {}
    for row in rows:
        together.setdefault((row.currency, row.account_id), []).append(row)
    return [pay_sheet(session, group, "", now, today) for group in together.values()]


def pay_sheet(session: Session, rows: Sequence[Row], host: str, now: datetime, today: date) -> PaySheet:
    """For open invoices of one vendor, to one account in one currency, which the session's customer may see."""
    first = rows[0]
    terms = pay_terms(session, first.vendor_id, host, now, first.account_id)
    with widened(session, "a customer who owes a vendor reads how that vendor wants to be paid"):
        rule = session.get(PayRule, first.vendor_id)
        known = _methods(session, first.vendor_id, now) if terms.is_verified else []
    asks = tuple(_asks(session, rows, rule, today))
    open_credits = [each for each in credits_of(session, first.vendor_id) if each.currency == first.currency]
    methods = tuple(_named(each, asks) for each in known)
    started = begun(session, [row.id for row in rows], now)
    return PaySheet(first.vendor_name, asks, terms, rule, tuple(open_credits), methods, started)


def _asks(session: Session, rows: Sequence[Row], rule: PayRule | None, today: date) -> list[Ask]:
    found = session.execute(select(Invoice).where(Invoice.id.in_([row.id for row in rows]))).scalars()
    owed = {invoice.id: invoice for invoice in found}
    return [
        Ask(
            row,
            rules.reference_of(row.label, owed[row.id].details),
            rules.discount_of(owed[row.id], row.due_minor, rule, today),
            rules.late_fee_of(owed[row.id], row.due_minor, rule),
            owed[row.id].awaited_on,
            owed[row.id].is_autopay,
            owed[row.id].charge_failed_at,
        )
        for row in rows
    ]


def _methods(session: Session, vendor_id: UUID, now: datetime) -> list[PayMethod]:
    """Of each name the last that came to count."""
    newest: dict[str, PayMethod] = {}
    for each in reversed(methods_of(session, vendor_id)):
        if counts(each, now):
            newest[each.name] = each
    return sorted(newest.values(), key=lambda each: each.name.casefold())


def _named(method: PayMethod, asks: Sequence[Ask]) -> Method:
    """Of several invoices each has its own reference; they are named one after the other."""
    each = (
        rules.filled(method.reference, reference=ask.reference, number=ask.row.label, po_number=ask.row.po_number)
        for ask in asks
    )
    assert method.counts_from
    return Method(method.name, method.instructions, rules.joined(each), method.counts_from)


def begun(session: Session, invoice_ids: Sequence[UUID], now: datetime) -> dict[UUID, Begun]:
    """By invoice: who of the customer has started to pay it, so that nobody pays it twice (FEATURES E8)."""
    query = (
        select(Hold, Person.name, Person.address, Invoice.currency)
        .join(Invoice, Invoice.id == Hold.invoice_id)
        .outerjoin(Person, Person.id == Hold.person_id)
        .where(
            Hold.invoice_id.in_(invoice_ids),
            Hold.kind == HoldKind.PAYING,
            Hold.ended_at.is_(None),
            Hold.ends_at > now,
        )
    )
    with widened(session, "one organisation's people see who of them has started to pay"):
        rows = session.execute(query).all()
    return {
        hold.invoice_id: Begun(
            hold.created_at, name or address or hold.said_by, hold.ends_at, Money(hold.amount_minor or 0, currency)
        )
        for hold, name, address, currency in rows
    }


LOOKED_AT = 1_000


def without_a_way(session: Session, vendor_id: UUID, now: datetime) -> tuple[int, bool]:
    """How many open invoices tell their customer no way to pay: not online, no bank account, no way of the vendor's own
    (FEATURES 003-7); and whether that is of all, or of the LOOKED_AT that are due longest."""
    if newest_that_counts(accounts_of(session, vendor_id), now) or _methods(session, vendor_id, now):
        return 0, True
    query = select(Invoice.can_pay_online).where(IS_OPEN, Invoice.vendor_id == vendor_id)
    looked = session.execute(by_due(query, LOOKED_AT)).scalars().all()
    return looked[:LOOKED_AT].count(False), len(looked) <= LOOKED_AT
