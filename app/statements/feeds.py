"""The private addresses that calendars are read from."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from app.links import digest_of, new_token
from app.models import AuditEntry, CalendarFeed, Customer, CustomerMember, Person

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Feed:
    """Whose calendar an address opens, and how it is to be written."""

    customer_id: UUID
    person_id: UUID
    customer_name: str
    locale: str
    zone: str
    shows_amounts: bool


def feed_of(session: Session, customer_id: UUID, person_id: UUID) -> CalendarFeed | None:
    """This person's own, of this inbox."""
    own = (CalendarFeed.customer_id == customer_id, CalendarFeed.person_id == person_id)
    return session.scalars(select(CalendarFeed).where(*own)).one_or_none()


def make_feed(session: Session, customer_id: UUID, person_id: UUID, *, shows_amounts: bool, now: datetime) -> str:
    """The token of a new address, known to nobody but whoever is shown it now. An older one dies."""
    token = new_token()
    found = feed_of(session, customer_id, person_id)
    if found is None:
        found = CalendarFeed(customer_id=customer_id, person_id=person_id)
        session.add(found)
    found.token_hash, found.shows_amounts, found.created_at = digest_of(token), shows_amounts, now
    session.flush()
    _record(session, "calendar.subscribed", found, now)
    return token


def drop_feed(session: Session, customer_id: UUID, person_id: UUID, now: datetime) -> None:
    """Its address opens nothing any more."""
    found = feed_of(session, customer_id, person_id)
    if found is not None:
        session.delete(found)
        _record(session, "calendar.unsubscribed", found, now)


def feed_by(session: Session, token: str) -> Feed | None:
    """What an address opens, as long as whoever asked for it belongs to that customer."""
    columns = (
        CalendarFeed.customer_id, CalendarFeed.person_id, Customer.name, Person.locale, Person.zone,
        CalendarFeed.shows_amounts,
    )  # fmt: skip
    member = and_(
        CustomerMember.customer_id == CalendarFeed.customer_id, CustomerMember.person_id == CalendarFeed.person_id
    )
    query = select(*columns).select_from(CalendarFeed).join(CustomerMember, member)
    query = query.join(Customer, Customer.id == CalendarFeed.customer_id)
    query = query.join(Person, Person.id == CalendarFeed.person_id)
    found = session.execute(query.where(CalendarFeed.token_hash == digest_of(token), Person.disabled_at.is_(None)))
    row = found.one_or_none()
    return Feed(*row) if row else None


def _record(session: Session, action: str, feed: CalendarFeed, now: datetime) -> None:
    log.info(action, feed=str(feed.id))
    session.add(AuditEntry.by(feed.person_id, action, now, customer_id=feed.customer_id, subject_id=feed.id))
