"""Reads for the list of invoices: one page by key, and the sums and counts above it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from app.models import (
    Credit,
    Hold,
    HoldKind,
    Invoice,
    InvoiceChange,
    Relation,
    Thread,
    ThreadInvoice,
    ThreadState,
    Vendor,
)
from app.money import Money, Totals
from app.receivables.queries import (
    IS_OPEN,
    IS_SETTLED,
    SHOWN_STATES,
    VENDOR_IS_LIVE,
    AnySelect,
    Key,
    Owing,
    Row,
    beside_vendor,
    by_due,
    is_blocked,
    is_known,
    page_by_due,
    page_by_issue,
    rows_of_vendors,
    with_talk,
)
from app.scope import widened

SOON = timedelta(days=7)
RECENTLY = timedelta(days=7)
PAGE = 25
EXPONENTS = (0, 2, 3, 4)


class Tab(StrEnum):
    """Which invoices, by when they are due."""

    OPEN = "open"
    OVERDUE = "overdue"
    SOON = "soon"
    LATER = "later"
    SETTLED = "settled"


class Mark(StrEnum):
    """Which of them, by what is going on with them."""

    ANY = ""
    NEW = "new"
    CHANGED = "changed"
    ASKED = "asked"
    HELD = "on_hold"
    PAYING = "paying"
    PROMISED = "promise"
    DISPUTED = "dispute"
    SAID_PAID = "already_paid"
    ASKED_DATES = "request"
    TAKEN_BACK = "reversed"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Search:
    """What the customer wants to see. ``amounts`` are what ``text`` may mean as a sum of money; ``after`` is the key of
    the last row of the page before."""

    tab: Tab = Tab.OPEN
    mark: Mark = Mark.ANY
    text: str = ""
    amounts: tuple[Decimal, ...] = ()
    vendor_id: UUID | None = None
    after: Key | None = None
    limit: int = PAGE

    @property
    def is_narrow(self) -> bool:
        """The sums above the list are not those of what it shows."""
        return bool(self.text or self.mark)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and where the next page begins, if there is one."""

    rows: list[Row]
    after: Key | None


def find_page(session: Session, search: Search, now: datetime, today: date) -> Page:
    """What is due longest first, what has no due date last; settled ones newest first.

    Two statements; a third on a last page, to look for rows without a date.
    """
    told = {"now": now, "today": today, "soon": today + SOON}
    rows = [Row(*found) for found in _found(session, search, told)]
    shown = with_talk(session, rows[: search.limit], now)
    if len(rows) <= search.limit:
        return Page(shown, None)
    last = shown[-1]
    return Page(shown, (last.issued_on if search.tab == Tab.SETTLED else last.due_on, last.id))


def _found(session: Session, search: Search, told: dict[str, Any]) -> Iterable[Any]:
    if search in _FRONT:
        return session.execute(_front(search), told)
    query = rows_of_vendors().where(_in_tab(search.tab), _marked(search.mark, told["now"]), _matches(search))
    find = page_by_issue if search.tab == Tab.SETTLED else page_by_due
    return find(session, query.params(told), search.after, search.limit)


@cache
def _front(search: Search) -> AnySelect:
    """The page that nearly everybody looks at, put together once: that costs more than running it."""
    return by_due(rows_of_vendors().where(_in_tab(search.tab)), search.limit)


_FRONT = frozenset(Search(tab) for tab in Tab if tab != Tab.SETTLED)


def _in_tab(tab: Tab) -> ColumnElement[bool]:
    if tab == Tab.SETTLED:
        return and_(IS_SETTLED, Invoice.state.in_(SHOWN_STATES))
    today, soon = bindparam("today", type_=Date()), bindparam("soon", type_=Date())
    when: dict[Tab, ColumnElement[bool]] = {
        Tab.OPEN: true(),
        Tab.OVERDUE: Invoice.due_on < today,
        Tab.SOON: Invoice.due_on.between(today, soon),
        Tab.LATER: or_(Invoice.due_on > soon, Invoice.due_on.is_(None)),
    }
    return and_(IS_OPEN, when[tab])


def _marked(mark: Mark, now: datetime) -> ColumnElement[bool]:
    if mark == Mark.ANY:
        return true()
    if mark == Mark.NEW:
        return Invoice.created_at > now - RECENTLY
    if mark == Mark.CHANGED:  # the first entry of its history is how it arrived
        changed = and_(InvoiceChange.at > now - RECENTLY, InvoiceChange.at > Invoice.created_at)
        return exists().where(InvoiceChange.invoice_id == Invoice.id, changed)
    if mark == Mark.ASKED:
        spoken = and_(ThreadInvoice.invoice_id == Invoice.id, ThreadInvoice.thread_id == Thread.id)
        return exists().where(spoken, Thread.state != ThreadState.CLOSED)
    told = (Hold.ended_at.is_(None), Hold.ends_at > now, Hold.is_hidden.is_(False))
    held = exists().where(Hold.invoice_id == Invoice.id, *told)
    return held if mark == Mark.HELD else held.where(Hold.kind == HoldKind(mark.value))


def _matches(search: Search) -> ColumnElement[bool]:
    found: ColumnElement[bool] = true()
    if search.vendor_id:
        found = and_(found, Invoice.vendor_id == search.vendor_id)
    if search.text:
        columns = (Vendor.name, Invoice.number, Invoice.po_number)
        named = [column.icontains(search.text, autoescape=True) for column in columns]
        found = and_(found, or_(*named, *_sums(search.amounts)))
    return found


def _sums(amounts: Iterable[Decimal]) -> list[ColumnElement[bool]]:
    """Invoices over one of these amounts, whatever number of digits their currency has after the point."""
    found: list[ColumnElement[bool]] = []
    for digits in EXPONENTS:
        minors = {int(scaled) for amount in amounts if (scaled := amount.scaleb(digits)) == scaled.to_integral_value()}
        if minors:
            columns = (Invoice.balance_minor, Invoice.total_minor, Invoice.due_minor)
            found.append(and_(Invoice.exponent == digits, or_(*(column.in_(minors) for column in columns))))
    return found


@dataclass(frozen=True, slots=True)
class Owed:
    """What is open with one vendor in one currency, in minor units; ``credit`` lowers it."""

    vendor_id: UUID
    vendor_name: str
    is_known: bool
    currency: str
    count: int
    late: int
    soon: int
    balance: int
    late_due: int
    soon_due: int
    credit: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What stands above the list: sums per currency, never across, and how many rows each tab has."""

    open_total: Totals
    overdue_total: Totals
    soon_total: Totals
    credit_total: Totals
    open: int
    overdue: int
    soon: int

    @property
    def later(self) -> int:
        return self.open - self.overdue - self.soon


@dataclass(frozen=True, slots=True)
class Summary:
    """All that is open, by vendor and currency."""

    owed: tuple[Owed, ...]

    def counts(self, vendor_id: UUID | None = None) -> Counts:
        """Over all vendors the customer reads of, or over one of them."""
        rows = [row for row in self.owed if row.is_known and vendor_id in (None, row.vendor_id)]
        return Counts(
            open_total=_totals((row.balance, row.currency) for row in rows),
            overdue_total=_totals((row.late_due, row.currency) for row in rows),
            soon_total=_totals((row.soon_due, row.currency) for row in rows),
            credit_total=_totals((row.credit, row.currency) for row in rows),
            open=sum(row.count for row in rows),
            overdue=sum(row.late for row in rows),
            soon=sum(row.soon for row in rows),
        )

    @property
    def vendors(self) -> list[tuple[UUID, str]]:
        """Those with something open, by name."""
        found = {row.vendor_id: row.vendor_name for row in self.owed if row.is_known and row.count}
        return sorted(found.items(), key=lambda vendor: (vendor[1].casefold(), vendor[0]))

    @property
    def newcomers(self) -> dict[str, int]:
        """Vendors that wait for this customer's yes: name and number of invoices, nothing else (INVARIANTS A1)."""
        found: dict[str, int] = {}
        for row in self.owed:
            if not row.is_known and row.count:
                found[row.vendor_name] = found.get(row.vendor_name, 0) + row.count
        return found


def _totals(amounts: Iterable[tuple[int, str]]) -> Totals:
    return Totals(Money(minor, currency) for minor, currency in amounts if minor)


def summary(session: Session, now: datetime, today: date) -> Summary:
    """One statement over the customer's open invoices and credits.

    ``late_due`` and ``soon_due`` add up what is asked for: of an invoice in instalments, the next one.
    """
    found = session.execute(_summing(), {"now": now, "today": today, "soon": today + SOON})
    return Summary(tuple(_owed(row) for row in found))


@cache
def _summing() -> Any:
    today, soon = bindparam("today", type_=Date()), bindparam("soon", type_=Date())
    is_late, is_soon = Invoice.due_on < today, Invoice.due_on.between(today, soon)
    invoices = _grouped(Invoice).add_columns(
        func.count(),
        _sum_where(is_late, 1),
        _sum_where(is_soon, 1),
        func.sum(Invoice.balance_minor),
        _sum_where(is_late, Invoice.due_minor),
        _sum_where(is_soon, Invoice.due_minor),
        literal(0),
    )
    credited = _grouped(Credit).add_columns(*[literal(0)] * 6, func.sum(Credit.remaining_minor))
    return union_all(
        invoices.where(IS_OPEN, VENDOR_IS_LIVE, ~is_blocked(Invoice)),
        credited.where(Credit.remaining_minor > 0, VENDOR_IS_LIVE, ~is_blocked(Credit)),
    )


def _grouped(owed: Owing) -> AnySelect:
    columns = (Vendor.id, Vendor.name, owed.currency)
    return beside_vendor(select(*columns, _known(owed)).select_from(owed), owed).group_by(*columns)


def _known(owed: Owing) -> ColumnElement[int]:
    return func.max(case((is_known(owed), 1), else_=0))


def _sum_where(condition: ColumnElement[bool], value: Any) -> ColumnElement[int]:
    return func.sum(case((condition, value), else_=0))


def _owed(found: Any) -> Owed:
    vendor_id, name, currency, is_known, *numbers = found
    return Owed(vendor_id, name, bool(is_known), currency, *(int(number) for number in numbers))


def vendors_with_history(session: Session, now: datetime) -> list[tuple[UUID, str]]:
    """The vendors that ever had an invoice here, by name: for the filter over settled ones."""
    query = beside_vendor(select(Vendor.id, Vendor.name).select_from(Invoice), Invoice)
    query = query.where(VENDOR_IS_LIVE, ~is_blocked(Invoice), is_known(Invoice))
    rows = session.execute(query.distinct().order_by(Vendor.name), {"now": now})
    return [(row[0], row[1]) for row in rows]


@dataclass(frozen=True, slots=True)
class Supplier:
    """A vendor that has, or had, something with this customer, and what the customer decided about it."""

    id: UUID
    name: str
    colour: str
    usual_answer_minutes: int | None
    is_known: bool
    open: int
    accepted_at: datetime | None
    muted_at: datetime | None
    blocked_at: datetime | None


def suppliers(session: Session, now: datetime) -> list[Supplier]:
    """Every vendor that sent this customer an invoice, by name; blocked ones too, or nobody could let them back in."""
    columns = (Vendor.id, Vendor.name, Vendor.colour, Vendor.usual_answer_minutes)
    decided = (Relation.accepted_at, Relation.muted_at, Relation.blocked_at)
    pair = and_(Relation.vendor_id == Invoice.vendor_id, Relation.customer_id == Invoice.customer_id)
    query = select(*columns, _known(Invoice), _sum_where(IS_OPEN, 1), *decided).select_from(Invoice)
    query = beside_vendor(query, Invoice).outerjoin(Relation, pair)
    query = query.where(VENDOR_IS_LIVE, Invoice.state.in_(SHOWN_STATES)).group_by(*columns, *decided)
    rows = session.execute(query.order_by(func.lower(Vendor.name), Vendor.id), {"now": now})
    return [Supplier(*row[:4], bool(row[4]), int(row[5]), *row[6:]) for row in rows]


@dataclass(frozen=True, slots=True)
class Company:
    """What is open at one of the organisations a person belongs to, sums by currency."""

    id: UUID
    open: int = 0
    overdue: int = 0
    soon: int = 0
    open_total: Totals = field(default_factory=Totals)
    overdue_total: Totals = field(default_factory=Totals)


def companies(session: Session, customer_ids: Sequence[UUID], now: datetime, today: date) -> list[Company]:
    """One statement over all of them, in the order given. Nothing of one is ever added to another's."""
    is_late, is_soon = Invoice.due_on < today, Invoice.due_on.between(today, today + SOON)
    counts = (func.count(), _sum_where(is_late, 1), _sum_where(is_soon, 1))
    sums = (func.sum(Invoice.balance_minor), _sum_where(is_late, Invoice.due_minor))
    columns = (Invoice.customer_id, Invoice.currency)
    query = beside_vendor(select(*columns, *counts, *sums).select_from(Invoice), Invoice)
    query = query.where(IS_OPEN, VENDOR_IS_LIVE, ~is_blocked(Invoice), is_known(Invoice))
    with widened(session, "the person's own organisations, each by itself"):
        rows = session.execute(
            query.where(Invoice.customer_id.in_(customer_ids)).group_by(*columns), {"now": now}
        ).all()
    found = []
    for each in customer_ids:
        mine = [row for row in rows if row[0] == each]
        open_count, late, soon = (sum(int(row[column]) for row in mine) for column in (2, 3, 4))
        totals = (_totals((int(row[column]), row[1]) for row in mine) for column in (5, 6))
        found.append(Company(each, open_count, late, soon, *totals))
    return found
