"""What customers would be sent of one vendor on some day, before anything goes out (FEATURES A7): the composer's own
path over that vendor's rows alone. Changes nothing.

It is the mail of a mailbox that is new to us. When and how often the real one wants mail, whom else it hears from and
what it has decided about anybody is not the vendor's to know (INVARIANTS I2), so none of it is looked at.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from app import clock
from app.house import House
from app.models import BillTo, Cadence, Invoice, Vendor
from app.receivables.queries import IS_OPEN
from app.scope import Everything
from digest.book import Book
from digest.gather import Gathered, gather
from digest.plan import Plan, compose_window
from digest.preview import keep_age
from digest.schedule import Box

_WORKER = Everything("a vendor's preview is composed as the planner would, and holds that vendor's rows only")
SHOWN = 25  # customers at once
_A_WEEK = timedelta(days=7)


def customers(session: Session, text: str, policy_id: UUID | None = None) -> list[BillTo]:
    """The vendor's customers that owe something and are reached, by name, of one segment or of all; those whose name or
    address has the text in it."""
    owes = exists().where(Invoice.bill_to_id == BillTo.id, IS_OPEN)
    query = select(BillTo).where(BillTo.mailbox_id.is_not(None), owes).order_by(BillTo.name, BillTo.id).limit(SHOWN)
    if text:
        query = query.where(
            or_(
                BillTo.name.icontains(text, autoescape=True),
                BillTo.address.icontains(text, autoescape=True),
                BillTo.chosen_address.icontains(text, autoescape=True),
            )
        )
    if policy_id:
        query = query.where(BillTo.policy_id == policy_id)
    return list(session.execute(query).scalars())


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one customer would read of: (number, in words) of each row in the mail, how many are only counted there, and
    (number, why not) of the rest."""

    asked: tuple[tuple[str, str], ...]
    later: int
    kept: tuple[tuple[str, str], ...]


def outlook(house: House, vendor: Vendor, bill_tos: Sequence[BillTo], at: datetime) -> dict[UUID, Outlook]:
    """By bill_to: the mail of each as it would be written at that instant."""
    found = {}
    for bill_to, book, plan in _composed(house, vendor, bill_tos, at):
        digest, numbers = plan.digest, {str(item.id): item.number for item in book.items}
        assert digest is not None
        found[bill_to.id] = Outlook(
            tuple((row.number, row.words) for section in digest.sections for row in section.rows),
            digest.later,
            tuple(sorted((numbers[key], words) for key, words in digest.reasons.items())),
        )
    return found


def compose_for(house: House, vendor: Vendor, bill_to: BillTo, at: datetime) -> Plan:
    """``bill_to`` is one of the vendor's, and is reached."""
    return next(plan for _bill_to, _book, plan in _composed(house, vendor, [bill_to], at))


def _composed(
    house: House, vendor: Vendor, bill_tos: Sequence[BillTo], at: datetime
) -> Iterator[tuple[BillTo, Book, Plan]]:
    """All are the vendor's, and are reached. Of another day only the calendar is known: data is as old as it is now."""
    boxes = {bill_to.mailbox_id for bill_to in bill_tos if bill_to.mailbox_id}
    assert all(bill_to.vendor_id == vendor.id for bill_to in bill_tos)
    now = clock.now()
    with house.database.reading(_WORKER) as session:
        found = gather(session.connection(), list(boxes), (), at)
    for bill_to in bill_tos:
        assert bill_to.mailbox_id is not None
        mine = Gathered(_of_vendor(found[bill_to.mailbox_id].book, vendor.id, at), organisation=bill_to.name)
        keep_age(mine, now, at)
        yield bill_to, mine.book, compose_window(house, _new_box(bill_to, vendor), mine, at + _A_WEEK, at)


def _of_vendor(whole: Book, vendor_id: UUID, at: datetime) -> Book:
    """As if the vendor were live by then: the hour looked at may be before the one at which it pressed the button."""
    items = [item for item in whole.items if item.vendor_id == vendor_id]
    return Book(
        {
            key: card._replace(live_at=min(card.live_at or at, at))
            for key, card in whole.vendors.items()
            if key == vendor_id
        },
        whole.sources,
        items,
        [credit for credit in whole.credits if credit.vendor_id == vendor_id],
        holds={item.id: whole.holds[item.id] for item in items if item.id in whole.holds},
        policies=whole.policies,
        talks={item.id: whole.talks[item.id] for item in items if item.id in whole.talks},
    )


def _new_box(bill_to: BillTo, vendor: Vendor) -> Box:
    """Weekly, as every mailbox begins; at the address the vendor's books give."""
    assert bill_to.mailbox_id is not None
    nothing = dict.fromkeys(Box._fields)
    known = {
        "id": bill_to.mailbox_id,
        "address": bill_to.chosen_address or bill_to.address or "",
        "locale": "en",
        "zone": vendor.zone,
        "cadence": Cadence.WEEKLY,
        "weekday": 0,
        "month_day": 1,
        "pay_days": "",
        "send_at": time(9),
        "spread_seconds": 0,
        "quiet_country": "",
        "amounts_in_subject": False,
        "is_private": False,
        "suppressed_reason": "",
    }
    return Box(**{**nothing, **known})  # type: ignore[arg-type]
