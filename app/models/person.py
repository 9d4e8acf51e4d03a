"""A human who signs in, and where that person belongs."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.scope import CustomerOwned, NamesPerson, PersonItself, PersonOwned, ReadOnly, Removable, VendorOwned


class VendorRole(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    AGENT = "agent"
    READER = "reader"


class CustomerRole(StrEnum):
    ADMIN = "admin"
    PAYER = "payer"
    APPROVER = "approver"
    VIEWER = "viewer"


class Person(Keyed, Created, PersonItself, ReadOnly, Base):
    """Known by one canonical address; Flask-Login's user."""

    __tablename__ = "person"

    address: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(80), default="")
    zone: Mapped[str] = mapped_column(String(64), default="UTC")
    locale: Mapped[str] = mapped_column(String(12), default="en")
    disabled_at: Mapped[datetime | None] = mapped_column(default=None)
    suppressed_at: Mapped[datetime | None] = mapped_column(default=None)  # hard bounce or complaint: only sign-in mail
    suppressed_reason: Mapped[str] = mapped_column(String(200), default="")

    @property
    def shown_name(self) -> str:
        return self.name or self.address


class VendorMember(Keyed, Created, VendorOwned, PersonOwned, NamesPerson, Removable, Base):
    """A person works for a vendor."""

    __tablename__ = "vendor_member"
    __table_args__ = (UniqueConstraint("vendor_id", "person_id"),)

    vendor_id: Mapped[UUID] = owner("vendor")
    person_id: Mapped[UUID] = owner("person", index=True)
    role: Mapped[VendorRole] = mapped_column(String(12), default=VendorRole.AGENT)
    away_until: Mapped[date | None] = mapped_column(default=None)  # the last day; questions go to the others meanwhile
    next_report_at: Mapped[datetime | None] = mapped_column(default=None, index=True)  # of the weekly report (G10)


class CustomerMember(Keyed, Created, CustomerOwned, PersonOwned, NamesPerson, Removable, Base):
    """A person acts for a customer: proven by a mailbox of that customer, or invited."""

    __tablename__ = "customer_member"
    __table_args__ = (UniqueConstraint("customer_id", "person_id"),)

    customer_id: Mapped[UUID] = owner("customer")
    person_id: Mapped[UUID] = owner("person", index=True)
    role: Mapped[CustomerRole] = mapped_column(String(12), default=CustomerRole.PAYER)


class WebSession(Base):
    """A signed-in browser (INVARIANTS L5): ended by idleness, by age, by signing out or by disabling the person."""

    __tablename__ = "web_session"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    person_id: Mapped[UUID] = owner("person", index=True)
    device: Mapped[str] = mapped_column(String(60), default="")  # "Firefox on Linux", for the person to recognise
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class LoginToken(Keyed, Created, Base):
    """One sign-in asked for (INVARIANTS L3): a link and a six-digit code, ten minutes, one session."""

    __tablename__ = "login_token"
    __table_args__ = (
        Index("ix_login_token_rate", "rate_key", "created_at"),
        Index("ix_login_token_browser", "browser_hash", "created_at"),
        Index("ix_login_token_client", "client_hash", "created_at"),
        Index("ix_login_token_created", "created_at"),
    )

    address: Mapped[str] = mapped_column(String(254), index=True)
    rate_key: Mapped[str] = mapped_column(String(254))  # address.rate_key(): for counting only
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    code_hash: Mapped[bytes]
    browser_hash: Mapped[bytes]  # of the browser that asked
    client_hash: Mapped[bytes | None] = mapped_column(
        default=None
    )  # of its network address, if that tells clients apart
    device: Mapped[str] = mapped_column(String(60), default="")
    next_path: Mapped[str] = mapped_column(String(500), default="")
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    used_at: Mapped[datetime | None] = mapped_column(default=None)
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
