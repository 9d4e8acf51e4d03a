"""What a mailbox is asked about a vendor once an invoice is settled, and what it said."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.scope import CustomerOwned, DigestOwned

_WAITING = text("digest_id IS NULL")


class Rating(Keyed, Created, CustomerOwned, DigestOwned, Base):
    """Made when a settlement gives cause; the next digest asks (FEATURES C16). The vendor never reads a row of it, only
    what several of them come to: who answered is the customer's affair."""

    __tablename__ = "rating"
    __table_args__ = (
        Index(
            "uq_rating_waiting",
            "mailbox_id",
            "vendor_id",
            unique=True,
            postgresql_where=_WAITING,
            sqlite_where=_WAITING,
        ),
        Index("ix_rating_vendor", "vendor_id", "asked_at"),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    customer_id: Mapped[UUID] = owner("customer")
    mailbox_id: Mapped[UUID] = owner("mailbox", cascade=True)
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"))  # whose settlement it was
    expires_at: Mapped[datetime]  # not asked by then, it is not asked any more
    digest_id: Mapped[UUID | None] = mapped_column(  # the one digest that asks
        ForeignKey("digest.id", ondelete="CASCADE"), unique=True, default=None
    )
    asked_at: Mapped[datetime | None] = mapped_column(default=None)
    score: Mapped[int | None] = mapped_column(default=None)  # 1, very poor, to 5, very good
    comment: Mapped[str] = mapped_column(String(500), default="")
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
