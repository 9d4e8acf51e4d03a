"""What silences one invoice for a while, and the claims among it: what a customer says of one invoice."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
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
    REVERSED = "reversed"  # what was paid is owed again: nobody is pressed for it at once
    UNCLEAR = "unclear"  # two of the vendor's books differ about it: rests until the vendor says which is right
    REQUEST = "request"  # the customer asks for a later date, or for instalments: rests until the vendor decides


class HoldResult(StrEnum):
    """How a claim ended."""

    KEPT = "kept"  # a promise: paid
    BROKEN = "broken"  # a promise: its day passed unpaid
    CONFIRMED = "confirmed"  # said to be paid, and it was
    NOT_FOUND = "not_found"  # said to be paid, and the vendor finds no payment
    CREDITED = "credited"  # a dispute: the books show what was disputed as no longer owed
    DECLINED = "declined"
    AGREED = "agreed"  # a request: its dues are the invoice's now
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"  # by a newer claim of the customer's about the same invoice
    SETTLED = "settled"  # the invoice ended in the books, whatever was claimed
    LAPSED = "lapsed"  # nobody decided in time


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
        Index(
            "ix_hold_due",
            "ends_at",
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
        Index(
            "ix_hold_broken",
            "invoice_id",
            postgresql_where=text("result = 'broken'"),
            sqlite_where=text("result = 'broken'"),
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
    result: Mapped[HoldResult | None] = mapped_column(String(10), default=None)  # of a claim that has ended
    thread_id: Mapped[UUID | None] = mapped_column(  # of a claim: where both sides talk about it
        ForeignKey("thread.id", ondelete="CASCADE"), default=None, index=True
    )
    promised_on: Mapped[date | None] = mapped_column(default=None)
    amount_minor: Mapped[int | None] = mapped_column(
        BigInt, default=None
    )  # what is promised, disputed, said to be paid
    owed_minor: Mapped[int | None] = mapped_column(BigInt, default=None)  # of a claim: the balance when it was made
    reason: Mapped[str] = mapped_column(String(60), default="")  # of a dispute: a key, or the vendor's own words
    wanted: Mapped[str] = mapped_column(String(12), default="")  # of a dispute: the outcome asked for
    accepted_at: Mapped[datetime | None] = mapped_column(
        default=None
    )  # a dispute: the vendor agreed, books will follow
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what else was said: see app/claims/rules.py
    is_hidden: Mapped[bool] = mapped_column(default=False)  # the vendor does not want the customer to read of it
    note: Mapped[str] = mapped_column(String(1000), default="")
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
    said_by: Mapped[str] = mapped_column(String(80), default="")  # as claimed, when the person is not signed in
