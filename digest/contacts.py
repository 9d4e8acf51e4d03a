"""First contacts: a vendor of whom nothing is proven reaches so many new customers a day and a week (INVARIANTS A2).

A contact is taken in the transaction that composes the mail, with the vendor's row locked while its contacts are
counted: however many workers plan at once, none is given twice. Only vendors with customers they never reached cost
anything here; a batch without them costs no statement.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import insert_into
from app.ids import new_id
from app.models import Relation, Trust, Vendor
from app.settings import Limits
from app.trust.queries import reach_of
from app.trust.rules import contacts_left
from app.words import marked
from digest.book import Book, Moment
from digest.compose import would_ask
from digest.gather import Gathered
from digest.schedule import Box

_FROZEN = marked("a new supplier: our people look at it first")
_FULL = marked("a new supplier: it may reach only so many new customers a day, and waits for its turn")


def admit(
    session: Session, boxes: Iterable[Box], found: Mapping[UUID, Gathered], now: datetime, limits: Limits
) -> None:
    """Let the vendors that would be named to these mailboxes for the first time be named, as far as they may; in the
    books of the others they wait, with the reason."""
    asking = defaultdict[UUID, list[Box]](list)
    for box in boxes:
        for vendor_id in _strangers_that_ask(found[box.id].book, box, now, limits):
            asking[vendor_id].append(box)
    if not asking:
        return
    left = _left(session, asking, now, limits)
    granted: set[tuple[UUID, UUID]] = set()
    for vendor_id, wanting in asking.items():
        for box in wanting:
            pair = (box.customer_id, vendor_id)
            if pair in granted:
                continue
            if left[vendor_id] > 0:
                left[vendor_id] -= 1
                granted.add(pair)
            else:
                found[box.id].book.waiting[vendor_id] = _FROZEN if left[vendor_id] < 0 else _FULL
    _remember(session, granted, now)


def _strangers_that_ask(book: Book, box: Box, now: datetime, limits: Limits) -> list[UUID]:
    near = [vendor_id for vendor_id in {item.vendor_id for item in book.items} if is_stranger(book, vendor_id)]
    if not near:
        return []
    zone, next_at = ZoneInfo(box.zone), box.next_digest_at
    next_on = next_at.astimezone(zone).date() if next_at else None
    moment = Moment(now, box.zone, now.astimezone(zone).date(), limits, next_on)
    return [vendor_id for vendor_id in near if would_ask(book, moment, vendor_id)]


def is_stranger(book: Book, vendor_id: UUID) -> bool:
    """Whether a mail that names the vendor would be a first contact that is not free: of an unproven vendor, or of one
    that is frozen by reports and was never really heard of here."""
    vendor, relation = book.vendors[vendor_id], book.relations.get(vendor_id)
    if relation and (relation.accepted_at or relation.first_mailed_at):
        return False
    return vendor.is_frozen or (vendor.trust == Trust.NEW and not (relation and relation.reached_at))


def _left(session: Session, vendor_ids: Collection[UUID], now: datetime, limits: Limits) -> dict[UUID, int]:
    """How many first contacts each vendor has left, counted behind its lock; below zero: none until somebody looked."""
    locked = select(Vendor.id, Vendor.frozen_at).where(Vendor.id.in_(vendor_ids)).order_by(Vendor.id)
    frozen = {row[0]: row[1] is not None for row in session.execute(locked.with_for_update(key_share=True))}
    reach = reach_of(session, vendor_ids, now)
    return {
        each: -1 if frozen[each] else contacts_left(reach[each].today, reach[each].this_week, limits)
        for each in vendor_ids
    }


def _remember(session: Session, granted: Collection[tuple[UUID, UUID]], now: datetime) -> None:
    if not granted:
        return
    rows: list[dict[str, Any]] = [
        {"id": new_id(), "customer_id": customer, "vendor_id": vendor, "created_at": now, "reached_at": now}
        for customer, vendor in sorted(granted)
    ]
    statement = insert_into(session, Relation)
    earlier = func.coalesce(Relation.reached_at, statement.excluded.reached_at)
    keys = [Relation.customer_id, Relation.vendor_id]
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_={"reached_at": earlier}), rows)
