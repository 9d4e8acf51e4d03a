"""One e-mail address we send to."""

from datetime import date, datetime, time
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import BigInt
from app.models.base import Base, Created, Keyed, owner
from app.money import Money
from app.scope import CustomerOwned, ReadOnly, Removable, VendorOwned


class Cadence(StrEnum):
    """How often the customer wants to hear from all vendors together (FEATURES D1)."""

    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"
    SEMIMONTHLY = "semimonthly"  # the 1st and the 15th
    MONTHLY = "monthly"
    PAY_RUN = "pay_run"  # two days before the day on which this customer pays
    ON_DEMAND = "on_demand"


_INSTANT = text("instant_due_at IS NOT NULL")


class Mailbox(Keyed, Created, CustomerOwned, Base):
    """The window, the caps and the unsubscribe belong here, never to a vendor (DESIGN.md section 1)."""

    __tablename__ = "mailbox"
    __table_args__ = (
        Index("ix_mailbox_due", "next_digest_at", postgresql_where=text("next_digest_at IS NOT NULL")),
        Index("ix_mailbox_instant", "instant_due_at", postgresql_where=_INSTANT, sqlite_where=_INSTANT),
        {"postgresql_with": {"fillfactor": 90}},
    )

    customer_id: Mapped[UUID] = owner("customer", index=True)
    address: Mapped[str] = mapped_column(String(254), unique=True)
    locale: Mapped[str] = mapped_column(String(12), default="en")
    zone: Mapped[str] = mapped_column(String(64), default="UTC")
    cadence: Mapped[Cadence] = mapped_column(String(12), default=Cadence.WEEKLY)
    weekday: Mapped[int] = mapped_column(default=1)  # 0 is Monday; weekly only
    month_day: Mapped[int] = mapped_column(default=1)  # monthly, pay run; the last day where the month is shorter
    send_at: Mapped[time] = mapped_column(default=time(9, 0))  # wall clock in ``zone``
    spread_seconds: Mapped[int] = mapped_column(default=0)  # drawn once: so much after ``send_at``, within its hour
    quiet_country: Mapped[str] = mapped_column(String(2), default="")  # no digest on its weekends and holidays; "": any
    closed_from: Mapped[date | None] = mapped_column(default=None)  # nobody is there: no digest on these days
    closed_until: Mapped[date | None] = mapped_column(default=None)  # the last of them
    most_digests: Mapped[int | None] = mapped_column(default=None)  # a month, where the customer wants fewer
    most_mentions: Mapped[int | None] = mapped_column(default=None)  # of one invoice, where the customer wants fewer
    amounts_in_subject: Mapped[bool] = mapped_column(default=False)
    is_private: Mapped[bool] = mapped_column(default=False)  # its mails say how many and a link: no names, no amounts
    attaches_pdfs: Mapped[bool] = mapped_column(default=False)  # of invoices it was not told of before
    pay_days: Mapped[str] = mapped_column(String(20), default="")  # its customer's (Customer.pay_days): claimed with it
    answers_at_once: Mapped[bool] = mapped_column(default=True)  # or with the digest, which marks what was answered
    failures_at_once: Mapped[bool] = mapped_column(default=True)  # a failed payment, or with the digest that asks again
    instant_minor: Mapped[int | None] = mapped_column(BigInt, default=None)  # a new invoice of so much is told at once
    instant_currency: Mapped[str] = mapped_column(String(3), default="")
    instant_upto: Mapped[datetime | None] = mapped_column(default=None)  # what came later was not looked at yet
    instant_due_at: Mapped[datetime | None] = mapped_column(default=None)  # the next look
    next_digest_at: Mapped[datetime | None] = mapped_column(default=None)
    lease_owner: Mapped[str | None] = mapped_column(String(64), default=None)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    asked_at: Mapped[datetime | None] = mapped_column(default=None)  # ``next_digest_at`` was asked for, is no window's
    last_digest_at: Mapped[datetime | None] = mapped_column(default=None)  # when the newest digest was handed over
    paused_until: Mapped[datetime | None] = mapped_column(default=None)
    reminders_off_at: Mapped[datetime | None] = mapped_column(default=None)  # unsubscribed: stops digests only
    suppressed_at: Mapped[datetime | None] = mapped_column(default=None)  # hard bounce or complaint: stops all mail
    suppressed_reason: Mapped[str] = mapped_column(String(200), default="")
    stand_in_id: Mapped[UUID | None] = mapped_column(  # of a suppressed one: the customer's other, proven mailbox
        ForeignKey("mailbox.id"), default=None
    )
    proven_at: Mapped[datetime | None] = mapped_column(default=None)  # somebody signed in through it
    left_at: Mapped[datetime | None] = mapped_column(default=None)  # its reader left the team: it lets nobody in again

    @property
    def instant(self) -> Money | None:
        """From which amount on a new invoice is told at once."""
        return None if self.instant_minor is None else Money(self.instant_minor, self.instant_currency)


class Route(Keyed, Created, CustomerOwned, Removable, Base):
    """To whom in the customer's house an invoice goes that all of this is true of (FEATURES H9 D16). The first route
    in the order of ``position`` moves it to its mailbox; each one with ``is_copy`` has its mailbox read it as well.
    What no route takes stays with the address that the vendor's books name."""

    __tablename__ = "route"

    customer_id: Mapped[UUID] = owner("customer", index=True)
    mailbox_id: Mapped[UUID] = owner("mailbox", index=True)
    position: Mapped[int]
    is_copy: Mapped[bool] = mapped_column(default=False)
    vendor_id: Mapped[UUID | None] = mapped_column(ForeignKey("vendor.id"), default=None)
    billed_to: Mapped[str] = mapped_column(String(80), default="")  # whom the invoice names, in small letters, as LIKE
    po_number: Mapped[str] = mapped_column(String(80), default="")  # its order, likewise
    least_minor: Mapped[int | None] = mapped_column(BigInt, default=None)  # a total of so much or more in ``currency``
    currency: Mapped[str] = mapped_column(String(3), default="")


_REACHED = text("reached_at IS NOT NULL")


class Relation(Keyed, Created, CustomerOwned, Base):
    """What one customer has decided about one vendor. The vendor never reads it."""

    __tablename__ = "relation"
    __table_args__ = (
        UniqueConstraint("customer_id", "vendor_id"),
        Index("ix_relation_reached", "vendor_id", "reached_at", postgresql_where=_REACHED, sqlite_where=_REACHED),
    )

    customer_id: Mapped[UUID] = owner("customer")
    vendor_id: Mapped[UUID] = owner("vendor", index=True)
    accepted_at: Mapped[datetime | None] = mapped_column(default=None)
    muted_at: Mapped[datetime | None] = mapped_column(default=None)  # out of the mail, still in the inbox
    blocked_at: Mapped[datetime | None] = mapped_column(default=None)
    reached_at: Mapped[datetime | None] = mapped_column(default=None)  # a first contact of an unproven vendor (A2)
    first_mailed_at: Mapped[datetime | None] = mapped_column(default=None)


class Mention(VendorOwned, CustomerOwned, ReadOnly, Base):
    """How often one invoice was asked for in the mails of one mailbox: counted when a digest is handed over, read when
    the next one is composed (FEATURES D11)."""

    __tablename__ = "mention"
    __table_args__ = ({"postgresql_with": {"fillfactor": 80}},)

    mailbox_id: Mapped[UUID] = mapped_column(ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True)
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"), primary_key=True, index=True)
    vendor_id: Mapped[UUID]  # the invoice's and the mailbox's: their keys hold
    customer_id: Mapped[UUID]
    count: Mapped[int]
    last_at: Mapped[datetime]
