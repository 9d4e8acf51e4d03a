"""Reads of a vendor's policies, and of what its own rows say of its customers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, cast, func, select, tuple_
from sqlalchemy.orm import Session

from app.among import among
from app.counting import count
from app.models import BillTo, Invoice, Policy
from app.policies.rules import Customer, Segment, Treatment, policy_of, treatment
from app.receivables.queries import IS_OPEN


def policies_of(session: Session, vendor_id: UUID) -> Sequence[Policy]:
    """By rank, the default last."""
    query = select(Policy).where(Policy.vendor_id == vendor_id).order_by(Policy.is_default, Policy.rank, Policy.id)
    return session.execute(query).scalars().all()


def policy_found(session: Session, policy_id: UUID) -> Policy | None:
    return session.execute(select(Policy).where(Policy.id == policy_id)).scalar_one_or_none()


def default_of(session: Session, vendor_id: UUID) -> Policy | None:
    return session.execute(select(Policy).where(Policy.vendor_id == vendor_id, Policy.is_default)).scalar_one_or_none()


def segments(policies: Iterable[Policy]) -> list[tuple[UUID, Segment]]:
    return [(policy.id, Segment.of(policy.rules)) for policy in policies if not policy.is_default]


def member_counts(session: Session, vendor_id: UUID) -> dict[UUID | None, int]:
    """Customers that are active, by policy, as counted(); None: the vendor's default."""
    active = select(BillTo.id).where(BillTo.vendor_id == vendor_id, BillTo.is_active)
    ids = [None, *(each.id for each in policies_of(session, vendor_id) if not each.is_default)]
    return {each: count(session, active.where(BillTo.policy_id == each)) for each in ids}


def treatments(session: Session, bill_to_ids: Iterable[UUID]) -> dict[UUID | None, Treatment]:
    """What holds for each of these customers, as far as it is not as usual. Wants a session that sees them."""
    query = (
        select(BillTo.id, cast(Policy.terms, String), BillTo.never_remind, BillTo.late_risk)
        .outerjoin(Policy, (Policy.vendor_id == BillTo.vendor_id) & its_policy())
        .where(BillTo.id.in_(set(bill_to_ids)))
    )
    return {row[0]: treatment(row[1] or "", row[2], row[3]) for row in session.execute(query)}


def its_policy() -> Any:
    """Joins a bill_to's own policy, or its vendor's default."""
    return (Policy.id == BillTo.policy_id) | (BillTo.policy_id.is_(None) & Policy.is_default)


@dataclass(frozen=True, slots=True)
class Members:
    """Whom a segment has: (bill_to's id, name, the segment that comes first, if any), and how many in all."""

    listed: list[tuple[UUID, str, str]]
    count: int
    others: int  # of them, those that another policy takes
    of: int  # of so many customers, by name; 0: of all


_LISTED, _LOOKED_AT = 50, 5_000


def members(session: Session, vendor_id: UUID, policy: Policy | None, segment: Segment) -> Members:
    """Who would be in ``segment`` if ``policy`` (None: a new one, after all others) had it. Nothing is written."""
    before = [each for each in policies_of(session, vendor_id) if not each.is_default]
    if policy is not None:
        before = [each for each in before if each.rank < policy.rank]
    stronger = segments(before)
    with_products = bool(segment.products) or any(each.products for _key, each in stronger)
    names: dict[UUID | None, str] = {each.id: each.name for each in before}
    every = (each for some in customers_of(session, vendor_id, with_products=with_products) for each in some)
    looked = list(islice((each for each in every if each.is_active), _LOOKED_AT + 1))
    found = [
        (each.id, each.name, names.get(policy_of(each.customer, stronger), ""))
        for each in looked[:_LOOKED_AT]
        if segment.has(each.customer)
    ]
    others = sum(bool(other) for _key, _name, other in found)
    return Members(found[:_LISTED], len(found), others, _LOOKED_AT if len(looked) > _LOOKED_AT else 0)


class Known(NamedTuple):
    """One of a vendor's customers, and what segments go by."""

    id: UUID
    name: str
    is_active: bool
    policy_id: UUID | None
    customer: Customer


_AT_ONCE = 1_000


def customers_of(session: Session, vendor_id: UUID, *, with_products: bool) -> Iterator[list[Known]]:
    """The vendor's customers by name, some at a time: of as many as a vendor may have, no worker could hold them all.
    Three statements for each time, or four where what they buy matters."""
    traits = (BillTo.country, BillTo.size, BillTo.industry, BillTo.tags, BillTo.late_risk)
    query = select(BillTo.id, BillTo.name, BillTo.is_active, BillTo.policy_id, *traits)
    query = query.where(BillTo.vendor_id == vendor_id).order_by(BillTo.name, BillTo.id).limit(_AT_ONCE)
    rows = session.execute(query).all()
    while rows:
        yield _known(session, rows, with_products=with_products)
        last = (rows[-1].name, rows[-1].id)
        rows = session.execute(query.where(tuple_(BillTo.name, BillTo.id) > last)).all()


def _known(session: Session, rows: Sequence[Any], *, with_products: bool) -> list[Known]:
    owes = and_(among(Invoice.bill_to_id, [row.id for row in rows]), IS_OPEN)
    owed = select(Invoice.bill_to_id, Invoice.currency, func.sum(Invoice.balance_minor)).where(owes)
    balances: dict[UUID | None, dict[str, int]] = defaultdict(dict)
    for bill_to_id, currency, minor in session.execute(owed.group_by(Invoice.bill_to_id, Invoice.currency)):
        balances[bill_to_id][currency] = int(minor)
    days, about = _terms(session, owes), _about(session, owes) if with_products else {}
    found = []
    for key, name, is_active, policy_id, country, size, industry, tags, risk in rows:
        customer = Customer(country, size, industry, tags_in(tags), risk)
        known = replace(customer, balances=balances.get(key, {}), terms=days.get(key), about=about.get(key, ""))
        found.append(Known(key, name, is_active, policy_id, known))
    return found


def tags_in(text: str) -> frozenset[str]:
    return frozenset(tag for tag in text.split(",") if tag)


def _terms(session: Session, owes: ColumnElement[bool]) -> dict[UUID | None, int]:
    """Days from issue to due date, of each customer's newest open invoice."""
    query = (
        select(Invoice.bill_to_id, Invoice.issued_on, Invoice.due_on)
        .where(owes, Invoice.issued_on.is_not(None), Invoice.due_on.is_not(None))
        .order_by(Invoice.issued_on, Invoice.id)
    )
    return {row[0]: (row[2] - row[1]).days for row in session.execute(query) if row[1] and row[2]}


def _about(session: Session, owes: ColumnElement[bool]) -> dict[UUID | None, str]:
    """What each customer's open invoices are for, in small letters: number, order, memo and lines as the books have
    them."""
    query = select(Invoice.bill_to_id, Invoice.details).where(owes)
    words: dict[UUID | None, list[str]] = defaultdict(list)
    for bill_to_id, details in session.execute(query):
        words[bill_to_id].extend(_texts(details))
    return {key: "\n".join(each).casefold() for key, each in words.items()}


def _texts(value: Any) -> Iterable[str]:
    """Every text somewhere inside what the house does not understand."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
