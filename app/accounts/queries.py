"""Reads: who is signed in, where they belong, what a sign-in mail stands for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from flask_login import UserMixin
from sqlalchemy import ColumnElement, and_, bindparam, func, literal, select, true, union_all
from sqlalchemy.orm import Session

from app.db import UtcDateTime
from app.links import digest_of
from app.models import Customer, CustomerMember, LoginToken, Person, Vendor, VendorMember, WebSession
from app.settings import Limits


@dataclass(frozen=True, slots=True)
class Membership:
    """Where a person belongs: a vendor's desk or a customer's inbox, and as what."""

    kind: str  # vendor or customer
    id: UUID
    name: str
    role: str


class SignedIn(UserMixin):  # type: ignore[misc]
    """Flask-Login's user: a person in one browser session, known to the browser by the session's token only."""

    def __init__(
        self,
        person: Person,
        token: str,
        web_session: WebSession | None = None,
        memberships: Sequence[Membership] = (),
    ) -> None:
        self.person = person
        self.token = token
        self.web_session = web_session
        self.memberships = list(memberships)

    def get_id(self) -> str:
        return self.token


def signed_in_by(session: Session, token: str, now: datetime, limits: Limits) -> SignedIn | None:
    """The person whose session this is: not ended, not idle or old beyond the limits, not disabled (INVARIANTS L5); and
    where that person belongs, in the same statement, for every page begins with it."""
    rows = session.execute(_who(), {"token_hash": digest_of(token), **_oldest(now, limits)}).all()
    if not rows:
        return None
    found = [Membership(*row[2:6]) for row in rows if row[3]]
    return SignedIn(rows[0][1], token, rows[0][0], found)


@cache
def _who() -> Any:
    """A row for each membership, the oldest first; of somebody who belongs nowhere, rows without one."""
    kinds = union_all(select(literal("vendor").label("kind")), select(literal("customer"))).subquery()
    either: Any = func.coalesce
    since = either(VendorMember.created_at, CustomerMember.created_at)
    of_vendor = and_(kinds.c.kind == "vendor", VendorMember.person_id == Person.id)
    of_customer = and_(kinds.c.kind == "customer", CustomerMember.person_id == Person.id)
    return (
        select(
            WebSession,
            Person,
            kinds.c.kind,
            either(Vendor.id, Customer.id),
            either(Vendor.name, Customer.name),
            either(VendorMember.role, CustomerMember.role),
        )
        .join(Person, Person.id == WebSession.person_id)
        .join(kinds, true())
        .outerjoin(VendorMember, of_vendor)
        .outerjoin(Vendor, Vendor.id == VendorMember.vendor_id)
        .outerjoin(CustomerMember, of_customer)
        .outerjoin(Customer, Customer.id == CustomerMember.customer_id)
        .where(WebSession.token_hash == bindparam("token_hash"), *_alive(), Person.disabled_at.is_(None))
        .order_by(since)
    )


def _oldest(now: datetime, limits: Limits) -> dict[str, datetime]:
    """What _alive() is asked with."""
    return {
        "idle_since": now - timedelta(hours=limits.session_idle_hours),
        "begun_since": now - timedelta(days=limits.session_absolute_days),
    }


def _alive() -> tuple[ColumnElement[bool], ...]:
    return (
        WebSession.ended_at.is_(None),
        WebSession.seen_at > bindparam("idle_since", type_=UtcDateTime()),
        WebSession.created_at > bindparam("begun_since", type_=UtcDateTime()),
    )


def sessions_of(session: Session, person_id: UUID, now: datetime, limits: Limits) -> list[WebSession]:
    """Browsers in which the person is signed in now, the last used first."""
    query = select(WebSession).where(WebSession.person_id == person_id, *_alive())
    return list(session.scalars(query.order_by(WebSession.seen_at.desc()), _oldest(now, limits)))


def asked_by_token(session: Session, token_hash: bytes) -> LoginToken | None:
    return session.scalar(select(LoginToken).where(LoginToken.token_hash == token_hash))


def asked_by_id(session: Session, asked_id: UUID) -> LoginToken | None:
    return session.get(LoginToken, asked_id)


def memberships_of(session: Session, person_id: UUID) -> list[Membership]:
    """Vendors and customers of a person, the oldest membership first."""
    vendors = (
        select(
            literal("vendor").label("kind"),
            Vendor.id,
            Vendor.name,
            VendorMember.role,
            VendorMember.created_at.label("since"),
        )
        .join(Vendor, Vendor.id == VendorMember.vendor_id)
        .where(VendorMember.person_id == person_id)
    )
    customers = (
        select(
            literal("customer"),
            Customer.id,
            Customer.name,
            CustomerMember.role,
            CustomerMember.created_at.label("since"),
        )
        .join(Customer, Customer.id == CustomerMember.customer_id)
        .where(CustomerMember.person_id == person_id)
    )
    rows: Sequence[Any] = session.execute(union_all(vendors, customers).order_by("since")).all()
    return [Membership(kind, owner, name, role) for kind, owner, name, role, _ in rows]
