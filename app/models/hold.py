"""What silences one invoice for a while."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import BigInt
from app.models.base import Base, Created, Keyed, owner
from app.scope import CustomerOwned, VendorOwned


class HoldKind(StrEnum):
    PROMISE = "promise"
    DISPUTE = "dispute"
    ALREADY_PAID = "already_paid"
    PAYING = "paying"  # a payment was started: from the pay button to the provider's word
    VENDOR = "vendor"
    NOT_MINE = "not_mine"  # the customer says the invoice is somebody else's; the vendor has a task


class Hold(Keyed, Created, VendorOwned, CustomerOwned, Base):
    """Silences its own invoice only, always has an end, and both sides see it."""

    __tablename__ = "hold"
    __table_args__ = (
        Index(
            "ix_hold_live",
            "invoice_id",
            "ends_at",
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
        Index("ix_hold_customer", "customer_id", "created_at"),
        Index("ix_hold_vendor", "vendor_id", "created_at"),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id"), default=None)
    invoice_id: Mapped[UUID] = owner("invoice", cascade=True)
    kind: Mapped[HoldKind] = mapped_column(String(14))
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)  # earlier than ends_at: released, kept, settled
    end_reason: Mapped[str] = mapped_column(String(200), default="")
    promised_on: Mapped[date | None] = mapped_column(default=None)
    amount_minor: Mapped[int | None] = mapped_column(BigInt, default=None)
    is_hidden: Mapped[bool] = mapped_column(default=False)  # the vendor does not want the customer to read of it
    note: Mapped[str] = mapped_column(String(1000), default="")
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
    said_by: Mapped[str] = mapped_column(String(80), default="")  # as claimed, when the person is not signed in
