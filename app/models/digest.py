"""One mailbox, one window; lines frozen as sent."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import BigInt
from app.models.base import Base, Created, Keyed, owner
from app.money import Money
from app.scope import CustomerOwned, DigestOwned, ReadOnly


class Outcome(StrEnum):
    """How a window ended; every one with something due ends in one of these, with a reason (INVARIANTS S2)."""

    QUEUED = "queued"  # composed, its mail is in the outbox
    ACCEPTED = "accepted"
    NOTHING_DUE = "nothing_due"
    SUPPRESSED = "suppressed"
    PAUSED = "paused"
    HELD = "held"
    MISSED = "missed"
    FAILED = "failed"


class Digest(Keyed, Created, CustomerOwned, ReadOnly, Base):
    """The unique key (mailbox, window) is what makes "one mail a window" true (INVARIANTS S1)."""

    __tablename__ = "digest"
    __table_args__ = (
        UniqueConstraint("mailbox_id", "window"),
        Index("ix_digest_customer", "customer_id", "created_at"),
        Index("ix_digest_created", "created_at"),
        Index(
            "ix_digest_accepted",
            "mailbox_id",
            "accepted_at",
            postgresql_where=text("accepted_at IS NOT NULL"),
            sqlite_where=text("accepted_at IS NOT NULL"),
        ),
    )

    customer_id: Mapped[UUID] = owner("customer")
    mailbox_id: Mapped[UUID] = owner("mailbox")
    window: Mapped[str] = mapped_column(String(20))  # 2026-11-22, 2026-W47, 2026-11-a, 2026-11, asked-2026-11-22
    due_at: Mapped[datetime]  # the instant the window opened
    outcome: Mapped[Outcome] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(300), default="")
    accepted_at: Mapped[datetime | None] = mapped_column(default=None)
    token_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True, default=None)
    token_expires_at: Mapped[datetime | None] = mapped_column(default=None)
    token_revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    template: Mapped[str] = mapped_column(String(20), default="")  # version of the mail template it was made with
    shown_lines: Mapped[int] = mapped_column(default=0)
    all_lines: Mapped[int] = mapped_column(default=0)
    reasons: Mapped[dict[str, Any]] = mapped_column(default=dict)  # invoice id -> why it was left out


class LineKind(StrEnum):
    DUE = "due"  # overdue or due within the week
    LATER = "later"
    ON_HOLD = "on_hold"  # nothing to do: promise, dispute, in payment
    CREDIT = "credit"
    RATING = "rating"  # one question about a vendor, after a settlement (FEATURES C16)
    INTRODUCED = "introduced"  # a vendor not yet verified or accepted: name and count only (INVARIANTS A1)


class DigestLine(DigestOwned, CustomerOwned, ReadOnly, Base):
    """What the mail said on one line, as it said it. Lines beyond the cap are frozen too, with ``is_shown`` false.

    Its digest's is the only key it holds by: a frozen line stands though what it names were gone, and to look up
    customer, vendor and invoice under a lock, line by line, was three quarters of what freezing cost.
    """

    __tablename__ = "digest_line"
    __table_args__ = (Index("ix_digest_line_invoice", "invoice_id"),)

    digest_id: Mapped[UUID] = mapped_column(ForeignKey("digest.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # 1.. as in /m/<token>/<line>/pay
    customer_id: Mapped[UUID]
    vendor_id: Mapped[UUID]
    invoice_id: Mapped[UUID | None] = mapped_column(default=None)
    kind: Mapped[LineKind] = mapped_column(String(12))
    is_shown: Mapped[bool] = mapped_column(default=True)
    vendor_name: Mapped[str] = mapped_column(String(50))
    number: Mapped[str] = mapped_column(String(80), default="")
    po_number: Mapped[str] = mapped_column(String(80), default="")
    issued_on: Mapped[date | None] = mapped_column(default=None)
    due_on: Mapped[date | None] = mapped_column(default=None)
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(BigInt)
    total_minor: Mapped[int] = mapped_column(BigInt)
    status: Mapped[str] = mapped_column(String(120), default="")  # words of the chip
    as_of: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)
