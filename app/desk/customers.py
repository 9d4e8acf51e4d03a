"""Reads for the page of one customer as one vendor's books know it: everything between the two in one place.

Of the customer's own affairs only this vendor's slice is here: its rows, its conversations, its lines of each mail.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true, tuple_
from sqlalchemy.orm import Session

from app.care.queries import KnownFact, facts_of, names_of
from app.models import (
    AddressIssue,
    BillTo,
    Credit,
    Digest,
    DigestLine,
    FactField,
    Hold,
    Invoice,
    Message,
    Outcome,
    Payment,
    Person,
    Policy,
    Side,
    Thread,
)
from app.money import Money, Totals
from app.receivables.queries import IS_OPEN
from app.scope import widened

PAGE = 25
MOST = 100  # of each list on one customer's page
Key = tuple[str, UUID]


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One customer in the list, and what it owes."""

    id: UUID
    name: str
    issue: AddressIssue
    held_until: datetime | None
    owner: str
    open: Totals = field(default_factory=Totals)
    count: int = 0
    overdue: int = 0


def find_customers(session: Session, text: str, after: Key | None, today: date) -> list[CustomerRow]:
    """A page and one row more, by name: two statements."""
    query = select(BillTo).where(BillTo.is_active, _speaks_of(text)).order_by(BillTo.name, BillTo.id)
    if after is not None:
        query = query.where(tuple_(BillTo.name, BillTo.id) > after)
    found = session.execute(query.limit(PAGE + 1)).scalars().all()
    names = names_of(session, [one.owner_id for one in found])
    owed = _owed(session, [one.id for one in found], today)
    return [
        CustomerRow(
            one.id, one.name, AddressIssue(one.issue), one.held_until, names.get(one.owner_id, ""), *owed[one.id]
        )
        for one in found
    ]


def _speaks_of(text: str) -> ColumnElement[bool]:
    if not text:
        return true()
    columns = (BillTo.name, BillTo.address_text, BillTo.tags)
    return or_(*(column.icontains(text, autoescape=True) for column in columns))


def _owed(session: Session, ids: Sequence[UUID], today: date) -> dict[UUID, tuple[Totals, int, int]]:
    """By customer: the open sums, how many invoices, and how many of them overdue."""
    late = case((Invoice.due_on < today, 1), else_=0)
    rows = session.execute(
        select(Invoice.bill_to_id, Invoice.currency, func.sum(Invoice.balance_minor), func.count(), func.sum(late))
        .where(Invoice.bill_to_id.in_(ids), IS_OPEN)
        .group_by(Invoice.bill_to_id, Invoice.currency)
    )
    found: dict[UUID, tuple[Totals, int, int]] = defaultdict(lambda: (Totals(), 0, 0))
    for bill_to_id, currency, minor, count, overdue in rows:
        totals, before, late_before = found[bill_to_id]
        totals.add(Money(int(minor), currency))
        found[bill_to_id] = totals, before + int(count), late_before + int(overdue)
    return found


@dataclass(frozen=True, slots=True)
class SentLine:
    """One of this vendor's lines as a mail said it."""

    invoice_id: UUID | None
    number: str
    due_on: date | None
    amount: Money
    status: str


@dataclass(frozen=True, slots=True)
class SentMail:
    """This vendor's slice of one digest."""

    at: datetime
    lines: list[SentLine]


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody who wrote for this customer, and when last."""

    name: str
    address: str  # as a mail claimed it; empty where none was claimed
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What the books or our own records say of one field of the profile; ``since`` is when we last saw it."""

    value: str
    source: str  # books, payments, segments, talks
    since: datetime | date | None


@dataclass(frozen=True, slots=True)
class CustomerPage:
    open: Totals
    count: int
    overdue: int
    invoices: list[Invoice]
    credits: list[Credit]
    payments: list[Payment]
    holds: list[tuple[Hold, str]]  # with the invoice's number, the newest first, ended ones too
    threads: list[Thread]
    mails: list[SentMail]
    writers: list[Writer]
    addresses: list[str]  # that single invoices name
    facts: dict[FactField, KnownFact]
    seen: dict[FactField, list[Seen]]
    policy: str
    owner: str


def bill_to_of(session: Session, bill_to_id: UUID) -> BillTo | None:
    return session.execute(select(BillTo).where(BillTo.id == bill_to_id)).scalar_one_or_none()


def customer_page(session: Session, bill_to: BillTo, today: date) -> CustomerPage:
    """A fixed number of statements, whatever the customer owes."""
    total, count, overdue = _owed(session, [bill_to.id], today)[bill_to.id]
    payments, threads = _payments(session, bill_to), _threads(session, bill_to)
    invoices = open_invoices(session, bill_to)
    return CustomerPage(
        open=total,
        count=count,
        overdue=overdue,
        invoices=invoices,
        credits=_credits(session, bill_to),
        payments=payments,
        holds=_holds(session, bill_to),
        threads=threads,
        mails=_mails(session, bill_to),
        writers=_writers(session, bill_to),
        addresses=sorted({one.address for one in invoices if one.address and one.address != bill_to.address}),
        facts=facts_of(session, bill_to.id),
        seen=_seen(bill_to, invoices, payments, threads),
        policy=_policy(session, bill_to),
        owner=names_of(session, [bill_to.owner_id]).get(bill_to.owner_id, ""),
    )


def open_invoices(session: Session, bill_to: BillTo) -> list[Invoice]:
    """The open ones, due longest first."""
    query = select(Invoice).where(Invoice.bill_to_id == bill_to.id, IS_OPEN)
    return list(session.execute(query.order_by(Invoice.due_on, Invoice.id).limit(MOST)).scalars())


def _credits(session: Session, bill_to: BillTo) -> list[Credit]:
    query = select(Credit).where(Credit.bill_to_id == bill_to.id, Credit.remaining_minor > 0)
    return list(session.execute(query.order_by(Credit.issued_on, Credit.id).limit(MOST)).scalars())


def _payments(session: Session, bill_to: BillTo) -> list[Payment]:
    query = select(Payment).where(Payment.bill_to_id == bill_to.id, Payment.amount_minor > 0)
    return list(session.execute(query.order_by(Payment.paid_on.desc(), Payment.id).limit(MOST)).scalars())


def _holds(session: Session, bill_to: BillTo) -> list[tuple[Hold, str]]:
    query = select(Hold, Invoice.number).join(Invoice, Invoice.id == Hold.invoice_id)
    query = query.where(Invoice.bill_to_id == bill_to.id).order_by(Hold.created_at.desc(), Hold.id.desc())
    return [(row[0], row[1]) for row in session.execute(query.limit(MOST))]


def _threads(session: Session, bill_to: BillTo) -> list[Thread]:
    if bill_to.customer_id is None:
        return []
    query = select(Thread).where(Thread.vendor_id == bill_to.vendor_id, Thread.customer_id == bill_to.customer_id)
    return list(session.execute(query.order_by(Thread.created_at.desc(), Thread.id.desc()).limit(MOST)).scalars())


def _mails(session: Session, bill_to: BillTo) -> list[SentMail]:
    """This vendor's lines of each digest that went out, frozen as sent; of whose digest it was, nothing."""
    mine = select(Invoice.id).where(Invoice.bill_to_id == bill_to.id)
    query = (
        select(DigestLine, Digest.id, Digest.accepted_at)
        .join(Digest, Digest.id == DigestLine.digest_id)
        .where(DigestLine.vendor_id == bill_to.vendor_id, DigestLine.invoice_id.in_(mine), DigestLine.is_shown)
        .where(Digest.outcome == Outcome.ACCEPTED, Digest.accepted_at.is_not(None))
        .order_by(Digest.accepted_at.desc(), Digest.id, DigestLine.line)
        .limit(MOST * 3)
    )
    found: dict[UUID, SentMail] = {}
    with widened(session, "this vendor's own lines, as its customer read them"):
        for line, digest_id, at in session.execute(query):
            sent = SentLine(line.invoice_id, line.number, line.due_on, line.amount, line.status)
            if at is not None:
                found.setdefault(digest_id, SentMail(at, [])).lines.append(sent)
    return list(found.values())


def _writers(session: Session, bill_to: BillTo) -> list[Writer]:
    """Who wrote for this customer: as signed in, or as they called themselves."""
    if bill_to.customer_id is None:
        return []
    name = func.coalesce(func.nullif(Person.name, ""), Message.said_by)
    query = (
        select(name, Message.sender_address, func.max(Message.created_at))
        .outerjoin(Person, Person.id == Message.person_id)
        .where(_between(bill_to), Message.side == Side.CUSTOMER, Message.is_automatic.is_(False))
        .where(or_(name != "", Message.sender_address != ""))
        .group_by(name, Message.sender_address)
        .order_by(func.max(Message.created_at).desc())
        .limit(MOST)
    )
    return [Writer(*row) for row in session.execute(query)]


def messages_with(session: Session, bill_to: BillTo) -> list[tuple[Message, str]]:
    """The newest of what was said between the two, with the authors' names."""
    if bill_to.customer_id is None:
        return []
    name = func.coalesce(func.nullif(Person.name, ""), func.nullif(Message.said_by, ""), Message.sender_address)
    query = (
        select(Message, name)
        .outerjoin(Person, Person.id == Message.person_id)
        .where(_between(bill_to))
        .order_by(Message.created_at.desc(), Message.id.desc())
    )
    return [(row[0], row[1]) for row in session.execute(query.limit(MOST))]


def _between(bill_to: BillTo) -> ColumnElement[bool]:
    """Messages of the two, by their conversations: a vendor's messages are in the order of time alone."""
    theirs = select(Thread.id).where(Thread.vendor_id == bill_to.vendor_id, Thread.customer_id == bill_to.customer_id)
    return Message.thread_id.in_(theirs)


def _seen(
    bill_to: BillTo, invoices: Sequence[Invoice], payments: Sequence[Payment], threads: Sequence[Thread]
) -> dict[FactField, list[Seen]]:
    """What nobody had to write down: each with where we have it from, and since when."""
    found: dict[FactField, list[Seen]] = defaultdict(list)
    named = next((one for one in reversed(invoices) if one.details.get("terms")), None)
    if named is not None:
        found[FactField.TERMS].append(Seen(str(named.details["terms"])[:100], "books", named.updated_at))
    if bill_to.extra_days:
        found[FactField.TERMS].append(Seen(f"+{bill_to.extra_days}", "talks", None))
    if bill_to.country:
        found[FactField.LOCATION].append(Seen(bill_to.country, "segments", None))
    if address := bill_to.chosen_address or bill_to.address:
        source = "segments" if bill_to.chosen_address else "books"
        found[FactField.CONTACT].append(Seen(address, source, bill_to.created_at))
    ways = {payment.method: payment for payment in reversed(payments) if payment.method}
    for method, payment in ways.items():
        found[FactField.PAYMENT].append(Seen(method, "payments", payment.paid_on))
    if threads:
        found[FactField.SERVICE].append(Seen(str(len(threads)), "talks", threads[-1].created_at))
    return found


def _policy(session: Session, bill_to: BillTo) -> str:
    """The name of the policy that holds for it; empty where the vendor has none."""
    its_own = Policy.id == bill_to.policy_id if bill_to.policy_id else Policy.is_default
    query = select(Policy.name).where(and_(Policy.vendor_id == bill_to.vendor_id, its_own))
    return session.execute(query).scalar_one_or_none() or ""
