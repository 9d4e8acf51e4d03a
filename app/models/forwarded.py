"""Invoices of suppliers who are not here, brought by the customer itself."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import BigInt
from app.models.base import Base, Created, Keyed, owner
from app.money import Money
from app.scope import CustomerOwned, Removable


class ForwardedInvoice(Keyed, Created, CustomerOwned, Removable, Base):
    """A private line of one inbox (FEATURES H7): read from a file, counted once a person has confirmed what it says. No
    vendor ever sees it; once its supplier is here, the supplier's own invoice stands in its place."""

    __tablename__ = "forwarded_invoice"
    __table_args__ = (
        UniqueConstraint("customer_id", "sha256"),
        Index("ix_forwarded_invoice_customer", "customer_id", "created_at"),
    )

    customer_id: Mapped[UUID] = owner("customer")
    supplier: Mapped[str] = mapped_column(String(120), default="")
    supplier_address: Mapped[str] = mapped_column(String(254), default="")  # as the invoice names it
    number: Mapped[str] = mapped_column(String(80), default="")
    currency: Mapped[str] = mapped_column(String(3), default="")
    total_minor: Mapped[int | None] = mapped_column(BigInt, default=None)
    issued_on: Mapped[date | None] = mapped_column(default=None)
    due_on: Mapped[date | None] = mapped_column(default=None)
    brought_by: Mapped[str] = mapped_column(String(254), default="")  # a From proves nothing; or who uploaded it
    file_name: Mapped[str] = mapped_column(String(100))
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    confirmed_at: Mapped[datetime | None] = mapped_column(default=None)
    settled_at: Mapped[datetime | None] = mapped_column(default=None)  # the person says so; nobody else can know

    @property
    def total(self) -> Money:
        assert self.total_minor is not None
        return Money(self.total_minor, self.currency)
