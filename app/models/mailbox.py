"""One e-mail address we send to."""

from datetime import datetime, time
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.scope import CustomerOwned


class Cadence(StrEnum):
    """How often the customer wants to hear from all vendors together (FEATURES D1)."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    SEMIMONTHLY = "semimonthly"  # the 1st and the 15th
    MONTHLY = "monthly"
    ON_DEMAND = "on_demand"


class Mailbox(Keyed, Created, CustomerOwned, Base):
    """The window, the caps and the unsubscribe belong here, never to a vendor (DESIGN.md section 1)."""

    __tablename__ = "mailbox"
    __table_args__ = (
        Index("ix_mailbox_due", "next_digest_at", postgresql_where=text("next_digest_at IS NOT NULL")),
        {"postgresql_with": {"fillfactor": 90}},
    )

    customer_id: Mapped[UUID] = owner("customer", index=True)
    address: Mapped[str] = mapped_column(String(254), unique=True)
    locale: Mapped[str] = mapped_column(String(12), default="en")
    zone: Mapped[str] = mapped_column(String(64), default="UTC")
    cadence: Mapped[Cadence] = mapped_column(String(12), default=Cadence.WEEKLY)
    weekday: Mapped[int] = mapped_column(default=1)  # 0 is Monday; weekly only
    month_day: Mapped[int] = mapped_column(default=1)  # monthly only; the last day where the month is shorter
    send_at: Mapped[time] = mapped_column(default=time(9, 0))  # wall clock in ``zone``
    amounts_in_subject: Mapped[bool] = mapped_column(default=False)
    next_digest_at: Mapped[datetime | None] = mapped_column(default=None)
    lease_owner: Mapped[str | None] = mapped_column(String(64), default=None)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    last_digest_at: Mapped[datetime | None] = mapped_column(default=None)  # when the newest digest was handed over
    paused_until: Mapped[datetime | None] = mapped_column(default=None)
    reminders_off_at: Mapped[datetime | None] = mapped_column(default=None)  # unsubscribed: stops digests only
    suppressed_at: Mapped[datetime | None] = mapped_column(default=None)  # hard bounce or complaint: stops all mail
    suppressed_reason: Mapped[str] = mapped_column(String(200), default="")
    proven_at: Mapped[datetime | None] = mapped_column(default=None)  # somebody signed in through it


class Relation(Keyed, Created, CustomerOwned, Base):
    """What one customer has decided about one vendor. The vendor never reads it."""

    __tablename__ = "relation"
    __table_args__ = (UniqueConstraint("customer_id", "vendor_id"),)

    customer_id: Mapped[UUID] = owner("customer")
    vendor_id: Mapped[UUID] = owner("vendor", index=True)
    accepted_at: Mapped[datetime | None] = mapped_column(default=None)
    muted_at: Mapped[datetime | None] = mapped_column(default=None)  # out of the mail, still in the inbox
    blocked_at: Mapped[datetime | None] = mapped_column(default=None)
    first_mailed_at: Mapped[datetime | None] = mapped_column(default=None)
