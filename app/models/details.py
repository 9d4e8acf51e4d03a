"""One change of a customer's details, told to all of its suppliers: each sees its own copy and answers for itself."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.scope import CustomerOwned, NamesPerson, VendorOwned


class DetailKind(StrEnum):
    """What is new (FEATURES H3)."""

    ADDRESS = "address"  # where invoices are to be sent
    CONTACT = "contact"  # whom to ask
    ORDER = "order"  # what an invoice must carry: order numbers, cost centres
    TAX = "tax"  # a form, or a number


class DetailsChange(Keyed, Created, CustomerOwned, Base):
    """What the customer said, once. Nothing of ours changes by it: each supplier puts it into its own books."""

    __tablename__ = "details_change"
    __table_args__ = (Index("ix_details_change_customer", "customer_id", "created_at"),)

    customer_id: Mapped[UUID] = owner("customer")
    person_id: Mapped[UUID] = owner("person")
    kind: Mapped[DetailKind] = mapped_column(String(10))
    words: Mapped[str] = mapped_column(String(500))
    file_name: Mapped[str] = mapped_column(String(100), default="")
    file_data: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, default=None)


class DetailsProposal(Keyed, Created, VendorOwned, CustomerOwned, NamesPerson, Base):
    """The same for one supplier, and its answer. No vendor sees the change itself, nor another's copy."""

    __tablename__ = "details_proposal"
    __table_args__ = (
        UniqueConstraint("change_id", "vendor_id"),
        Index("ix_details_proposal_vendor", "vendor_id", "created_at"),
        Index("ix_details_proposal_customer", "customer_id", "created_at"),
    )

    change_id: Mapped[UUID] = owner("details_change", cascade=True)
    vendor_id: Mapped[UUID] = owner("vendor")
    customer_id: Mapped[UUID] = owner("customer")
    bill_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("bill_to.id", ondelete="CASCADE"), default=None)
    person_id: Mapped[UUID] = owner("person")  # who told it, for the vendor to know whom to ask
    kind: Mapped[DetailKind] = mapped_column(String(10))
    words: Mapped[str] = mapped_column(String(500))
    file_name: Mapped[str] = mapped_column(String(100), default="")
    answered_at: Mapped[datetime | None] = mapped_column(default=None)
    is_accepted: Mapped[bool] = mapped_column(default=False)
    answer: Mapped[str] = mapped_column(String(300), default="")
    answered_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
