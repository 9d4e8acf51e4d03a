"""What a vendor's people change about its policies; every change is on record, with what was before."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.among import among
from app.models import AuditEntry, BillTo, Connection, Person, Policy, Vendor
from app.policies.queries import Known, customers_of, default_of, policies_of, segments
from app.policies.rules import Segment, Terms, policy_of

log = structlog.get_logger()

MOST = 20  # policies of one vendor


def save_policy(
    session: Session,
    vendor: Vendor,
    policy: Policy | None,
    name: str,
    segment: Segment,
    terms: Terms,
    person: Person,
    now: datetime,
) -> Policy:
    """A new policy (None) comes after those there are; its customers are looked for by the next tick."""
    known = policies_of(session, vendor.id)
    if policy is None:
        policy = Policy(vendor_id=vendor.id, rank=1 + max((each.rank for each in known), default=0))
        session.add(policy)
    before = {"name": policy.name, "rules": policy.rules, "terms": policy.terms}
    policy.name, policy.rules, policy.terms = name, segment.stored(), terms.stored()
    session.flush()
    _changed(session, vendor, policy, "policy.saved", before, person, now)
    return policy


def save_default(session: Session, vendor: Vendor, terms: Terms, person: Person, now: datetime) -> None:
    """What holds for everybody no segment has."""
    policy = default_of(session, vendor.id)
    if policy is None:
        policy = Policy(vendor_id=vendor.id, name="Everybody else", is_default=True)
        session.add(policy)
    before = {"terms": policy.terms}
    policy.terms = terms.stored()
    session.flush()
    _changed(session, vendor, policy, "policy.saved", before, person, now)


def remove_policy(session: Session, vendor: Vendor, policy: Policy, person: Person, now: datetime) -> None:
    """Its customers fall to the next one that has them; until that is looked up, to the default."""
    session.execute(update(BillTo).where(BillTo.policy_id == policy.id).values(policy_id=None))
    before = {"name": policy.name, "rules": policy.rules, "terms": policy.terms}
    _changed(session, vendor, policy, "policy.removed", before, person, now)
    session.delete(policy)


def move_up(session: Session, vendor: Vendor, policy: Policy, person: Person, now: datetime) -> None:
    """Before the one that was before it: of several segments that have a customer, the first decides."""
    ranked = [each for each in policies_of(session, vendor.id) if not each.is_default]
    place = ranked.index(policy)
    if place == 0:
        return
    before = {"rank": policy.rank}
    policy.rank, ranked[place - 1].rank = ranked[place - 1].rank, policy.rank
    _changed(session, vendor, policy, "policy.moved", before, person, now)


def write_note(session: Session, vendor: Vendor, note: str, person: Person, now: datetime) -> None:
    before, vendor.note = vendor.note, note
    _record(session, vendor.id, "vendor.note", vendor.id, {"before": before, "after": note}, person, now)


def describe(
    session: Session, vendor: Vendor, bill_to: BillTo, traits: Mapping[str, Any], person: Person, now: datetime
) -> None:
    """What the vendor knows of a customer, and whether it is left alone: columns of BillTo by name."""
    changed = {name: [getattr(bill_to, name), new] for name, new in traits.items() if getattr(bill_to, name) != new}
    if not changed:
        return
    for name, (_before, new) in changed.items():
        setattr(bill_to, name, new)
    _look_again(vendor, now)
    _record(session, vendor.id, "customer.described", bill_to.id, changed, person, now)


def resolve(session: Session, vendor_id: UUID) -> int:
    """Say of each of the vendor's customers which policy is its own; returns how many that changed. Wants a session
    that sees all the vendor's rows."""
    books = select(Connection.id).where(Connection.vendor_id == vendor_id).order_by(Connection.id)
    session.execute(books.with_for_update(key_share=True)).all()  # as ingest does, which writes the same rows
    wanted = segments(policies_of(session, vendor_id))
    if not wanted:
        theirs = update(BillTo).where(BillTo.vendor_id == vendor_id, BillTo.policy_id.is_not(None))
        return int(getattr(session.execute(theirs.values(policy_id=None)), "rowcount", 0))
    with_products = any(segment.products for _policy_id, segment in wanted)
    return sum(
        _sorted_in(session, some, wanted) for some in customers_of(session, vendor_id, with_products=with_products)
    )


def _sorted_in(session: Session, customers: Iterable[Known], wanted: Sequence[tuple[UUID, Segment]]) -> int:
    moved: dict[UUID | None, list[UUID]] = {}
    for each in customers:
        after = policy_of(each.customer, wanted)
        if after != each.policy_id:
            moved.setdefault(after, []).append(each.id)
    for policy_id, bill_to_ids in moved.items():
        session.execute(update(BillTo).where(among(BillTo.id, bill_to_ids)).values(policy_id=policy_id))
    return sum(map(len, moved.values()))


def _changed(
    session: Session, vendor: Vendor, policy: Policy, action: str, before: dict[str, Any], person: Person, now: datetime
) -> None:
    after = {name: getattr(policy, name) for name in before}
    _look_again(vendor, now)
    _record(session, vendor.id, action, policy.id, {"before": before, "after": after}, person, now)
    log.info(action, vendor=str(vendor.id), policy=str(policy.id))


def _look_again(vendor: Vendor, now: datetime) -> None:
    vendor.segments_due_at = now


def _record(
    session: Session,
    vendor_id: UUID,
    action: str,
    subject_id: UUID,
    detail: dict[str, Any],
    person: Person,
    now: datetime,
) -> None:
    session.add(AuditEntry.by(person.id, action, now, vendor_id=vendor_id, subject_id=subject_id, detail=detail))
