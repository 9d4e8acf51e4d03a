"""Who in a customer's house reads which mail: a mail of one's own, the routes invoices take to people, and leaving.

A mailbox is made here only for somebody who is signed in with that very address, which proves it (INVARIANTS D2)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.mailboxes.standing import able_mailboxes, let_stand_in, revoke_links
from app.models import AuditEntry, BillTo, Customer, Mailbox, Person, Route
from app.receivables.routing import route_customer
from app.scope import widened
from app.windows import first_due
from app.words import _

log = structlog.get_logger()

MOST_ROUTES = 50
LEFT = "whoever read it has left the team"


class MailError(ValueError):
    """Cannot be done; the message is written for the person who tried."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which invoices go to a mailbox: all of it must be true of them. Texts are patterns of LIKE, in small letters,
    with ``!`` before a character that stands for itself; ``least_minor`` is a total in ``currency``."""

    mailbox_id: UUID
    is_copy: bool
    vendor_id: UUID | None = None
    billed_to: str = ""
    po_number: str = ""
    least_minor: int | None = None
    currency: str = ""


def routes_of(session: Session) -> list[Route]:
    """The scope's routes, in the order in which they are tried."""
    return list(session.execute(select(Route).order_by(Route.position, Route.id)).scalars())


def get_own_mail(session: Session, customer_id: UUID, person: Person, *, now: datetime, spacing_hours: int) -> Mailbox:
    """A copy of everything to the person's own address, in a mail of its own: with its own rhythm, links and end
    (FEATURES D16). Raises MailError."""
    box = own_mailbox(session, customer_id, person, now=now, spacing_hours=spacing_hours)
    known = select(Route.id).where(Route.mailbox_id == box.id, Route.is_copy, Route.vendor_id.is_(None))
    if session.execute(known.limit(1)).scalar_one_or_none() is None:
        add_route(session, customer_id, Wish(box.id, is_copy=True), now=now, person_id=person.id)
    return box


def own_mailbox(session: Session, customer_id: UUID, person: Person, *, now: datetime, spacing_hours: int) -> Mailbox:
    """The mailbox of a signed-in person's address, at this customer; made where there is none. Raises MailError."""
    with widened(session, "whether the address of a signed-in person is a mailbox somewhere already"):
        box = session.execute(select(Mailbox).where(Mailbox.address == person.address)).scalar_one_or_none()
        if box is not None and box.customer_id != customer_id:
            raise MailError(
                _("Your address gets the mail of another organisation. One address belongs to one of them.")
            )
        if box is None:
            pay_days = session.execute(select(Customer.pay_days).where(Customer.id == customer_id)).scalar_one()
            box = Mailbox(
                customer_id=customer_id,
                address=person.address,
                locale=person.locale,
                zone=person.zone,
                pay_days=pay_days,
                proven_at=now,
            )
            session.add(box)
            session.flush()
            box.next_digest_at = first_due(box, now, spacing_hours)
            session.flush()
            _record(session, customer_id, "mailbox.made", now, person.id, box.id)
    return session.execute(select(Mailbox).where(Mailbox.id == box.id)).scalar_one()


def add_route(session: Session, customer_id: UUID, wish: Wish, *, now: datetime, person_id: UUID) -> Route:
    """One more route, tried after those there are; what is open now is routed anew. Raises MailError."""
    count, last = session.execute(select(func.count(Route.id), func.max(Route.position))).one()
    if count >= MOST_ROUTES:
        raise MailError(_("At most %(most)s rules. Take one away first.", most=MOST_ROUTES))
    route = Route(customer_id=customer_id, position=(last or 0) + 1, created_at=now)
    for name in ("mailbox_id", "is_copy", "vendor_id", "billed_to", "po_number", "least_minor", "currency"):
        setattr(route, name, getattr(wish, name))
    session.add(route)
    session.flush()
    route_customer(session, customer_id)
    _record(session, customer_id, "route.added", now, person_id, route.id)
    return route


def drop_route(session: Session, route: Route, *, now: datetime, person_id: UUID) -> None:
    """What it took goes to the next route, or to the address in the vendor's books again."""
    session.delete(route)
    session.flush()
    route_customer(session, route.customer_id)
    _record(session, route.customer_id, "route.dropped", now, person_id, route.id)


def try_earlier(session: Session, route: Route, *, now: datetime, person_id: UUID) -> None:
    """Change places with the route before it: the first that takes an invoice wins."""
    before = [each for each in routes_of(session) if (each.position, each.id) < (route.position, route.id)]
    if before:
        before[-1].position, route.position = route.position, before[-1].position
        session.flush()
        route_customer(session, route.customer_id)
        _record(session, route.customer_id, "route.moved", now, person_id, route.id)


def replace_mailbox(session: Session, box: Mailbox, by: Mailbox, *, now: datetime, person_id: UUID) -> None:
    """What went to a mailbox that no longer takes mail goes to another one that somebody proved. Raises MailError."""
    if box.suppressed_at is None:
        raise MailError(_("Mail still reaches this address."))
    if by.id == box.id or by.proven_at is None or by.suppressed_at or by.reminders_off_at:
        raise MailError(_("Choose an address that somebody has proven and that takes digests."))
    let_stand_in(session, {box.id: by.id}, now, person_id)
    route_customer(session, box.customer_id)


def end_links(session: Session, box: Mailbox, *, now: datetime, person_id: UUID) -> None:
    """The links in all mails that went to ``box`` are dead at once: one was forwarded too far (FEATURES B11)."""
    revoke_links(session, [box.id], now)
    _record(session, box.customer_id, "links.ended", now, person_id, box.id)


def end_mail_of(session: Session, customer_id: UUID, person: Person, *, now: datetime) -> None:
    """Somebody leaves the team: no link in a mail to their address opens anything any more, and what went there goes to
    another proven mailbox. Where the customer has none, mail stays as it is: the address is the only one known."""
    box = session.execute(select(Mailbox).where(Mailbox.address == person.address)).scalar_one_or_none()
    if box is None:
        return
    revoke_links(session, [box.id], now)
    session.execute(delete(Route).where(Route.mailbox_id == box.id))
    box.left_at = now
    session.flush()
    with widened(session, "whether the vendors' books name that address, or only the team did"):
        is_named = session.execute(select(BillTo.id).where(BillTo.mailbox_id == box.id).limit(1)).first() is not None
    before = box.suppressed_at
    box.suppressed_at = now
    session.flush()
    able = able_mailboxes(session, [customer_id])
    if is_named and not able:
        box.suppressed_at = before
    else:
        box.suppressed_reason = LEFT if before is None else box.suppressed_reason
        let_stand_in(session, {box.id: able[customer_id]} if able else {}, now)
    route_customer(session, customer_id)
    _record(session, customer_id, "mailbox.left", now, None, box.id)


def welcome_back(session: Session, customer_id: UUID, address: str) -> None:
    """Whoever is invited again may come in through their own mailbox again."""
    known = select(Mailbox).where(Mailbox.address == address, Mailbox.customer_id == customer_id)
    box = session.execute(known).scalar_one_or_none()
    if box is not None and box.left_at is not None:
        box.left_at = None
        if box.suppressed_reason == LEFT:
            box.suppressed_at, box.suppressed_reason = None, ""


def _record(
    session: Session, customer_id: UUID, action: str, now: datetime, person_id: UUID | None, subject_id: UUID
) -> None:
    log.info(action, customer=str(customer_id), subject=str(subject_id))
    session.add(
        AuditEntry.by(person_id, action, now, otherwise="worker", customer_id=customer_id, subject_id=subject_id)
    )
