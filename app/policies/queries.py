"""Reads of a vendor's policies, and of what its own rows say of its customers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import String, cast, func, select
from sqlalchemy.orm import Session

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


_LISTED = 50


def members(session: Session, vendor_id: UUID, policy: Policy | None, segment: Segment) -> Members:
    """Who would be in ``segment`` if ``policy`` (None: a new one, after all others) had it. Nothing is written."""
    before = [each for each in policies_of(session, vendor_id) if not each.is_default]
    if policy is not None:
        before = [each for each in before if each.rank < policy.rank]
    stronger = segments(before)
    with_products = bool(segment.products) or any(each.products for _key, each in stronger)
    customers = customers_of(session, vendor_id, with_products=with_products)
    names: dict[UUID | None, str] = {each.id: each.name for each in before}
    taken = {
        key: names.get(policy_of(customer, stronger), "")
        for key, customer in customers.items()
        if segment.has(customer)
    }
    named = select(BillTo.id, BillTo.name).where(BillTo.vendor_id == vendor_id, BillTo.is_active)
    rows = session.execute(named.order_by(BillTo.name, BillTo.id))
    found = [(row[0], row[1], taken[row[0]]) for row in rows if row[0] in taken]
    return Members(found[:_LISTED], len(found), sum(bool(other) for _key, _name, other in found))


def customers_of(session: Session, vendor_id: UUID, *, with_products: bool) -> dict[UUID, Customer]:
    """What is known of each of the vendor's customers, by bill_to. In three statements however many there are, or four
    where what they buy matters."""
    known = select(BillTo.id, BillTo.country, BillTo.size, BillTo.industry, BillTo.tags, BillTo.late_risk)
    found = {
        row[0]: Customer(row[1], row[2], row[3], tags_in(row[4]), row[5])
        for row in session.execute(known.where(BillTo.vendor_id == vendor_id))
    }
    owed = select(Invoice.bill_to_id, Invoice.currency, func.sum(Invoice.balance_minor))
    owed = owed.where(Invoice.vendor_id == vendor_id, IS_OPEN)
    balances: dict[UUID | None, dict[str, int]] = defaultdict(dict)
    for bill_to_id, currency, minor in session.execute(owed.group_by(Invoice.bill_to_id, Invoice.currency)):
        balances[bill_to_id][currency] = int(minor)
    days = _terms(session, vendor_id)
    about = _about(session, vendor_id) if with_products else {}
    return {
        key: replace(each, balances=balances.get(key, {}), terms=days.get(key), about=about.get(key, ""))
        for key, each in found.items()
    }


def tags_in(text: str) -> frozenset[str]:
    return frozenset(tag for tag in text.split(",") if tag)


def _terms(session: Session, vendor_id: UUID) -> dict[UUID | None, int]:
    """Days from issue to due date, of each customer's newest open invoice."""
    query = (
        select(Invoice.bill_to_id, Invoice.issued_on, Invoice.due_on)
        .where(Invoice.vendor_id == vendor_id, IS_OPEN, Invoice.issued_on.is_not(None), Invoice.due_on.is_not(None))
        .order_by(Invoice.issued_on, Invoice.id)
    )
    return {row[0]: (row[2] - row[1]).days for row in session.execute(query) if row[1] and row[2]}


def _about(session: Session, vendor_id: UUID) -> dict[UUID | None, str]:
    """What each customer's open invoices are for, in small letters: number, order, memo and lines as the books have
    them."""
    query = select(Invoice.bill_to_id, Invoice.details).where(Invoice.vendor_id == vendor_id, IS_OPEN)
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
