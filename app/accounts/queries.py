"""Reads: who is signed in, where they belong, what a sign-in mail stands for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from flask_login import UserMixin
from sqlalchemy import ColumnElement, literal, select, union_all
from sqlalchemy.orm import Session

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

    def __init__(self, person: Person, token: str, web_session: WebSession | None = None) -> None:
        self.person = person
        self.token = token
        self.web_session = web_session

    def get_id(self) -> str:
        return self.token


def signed_in_by(session: Session, token: str, now: datetime, limits: Limits) -> SignedIn | None:
    """The person whose session this is: not ended, not idle or old beyond the limits, not disabled (INVARIANTS L5)."""
    row = session.execute(
        select(WebSession, Person)
        .join(Person, Person.id == WebSession.person_id)
        .where(
            WebSession.token_hash == digest_of(token),
            *_alive(now, limits),
            Person.disabled_at.is_(None),
        )
    ).one_or_none()
    return SignedIn(row[1], token, row[0]) if row else None


def _alive(now: datetime, limits: Limits) -> tuple[ColumnElement[bool], ...]:
    return (
        WebSession.ended_at.is_(None),
        WebSession.seen_at > now - timedelta(hours=limits.session_idle_hours),
        WebSession.created_at > now - timedelta(days=limits.session_absolute_days),
    )


def sessions_of(session: Session, person_id: UUID, now: datetime, limits: Limits) -> list[WebSession]:
    """Browsers in which the person is signed in now, the last used first."""
    query = select(WebSession).where(WebSession.person_id == person_id, *_alive(now, limits))
    return list(session.scalars(query.order_by(WebSession.seen_at.desc())))


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
