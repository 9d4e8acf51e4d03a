"""A customer as one vendor's books know them."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, literal_column, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.models.connection import ContentVersioned
from app.scope import VendorOwned

_PUNCTUAL = text("owner_id IS NOT NULL AND late_told_at IS NULL")
_LONGER = text("extra_days > 0")
_ISSUE = text("issue <> ''")
_CHOSEN = text("chosen_address IS NOT NULL")
_IN_SEGMENT = text("policy_id IS NOT NULL")


class AddressIssue(StrEnum):
    """Why a bill_to reaches nobody; the vendor resolves it, and the resolution survives resyncs (FEATURES A5)."""

    NONE = ""
    MISSING = "missing"
    INVALID = "invalid"
    SHARED = "shared"  # the same address under two bill_tos: reaches the mailbox, listed for the vendor to look at


class LateRisk(StrEnum):
    """How likely this account pays late, from its own history with this vendor only (FEATURES G13)."""

    UNKNOWN = ""
    LOW = "low"
    RAISED = "raised"
    HIGH = "high"


class CompanySize(StrEnum):
    UNKNOWN = ""
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class BillTo(Keyed, Created, ContentVersioned, VendorOwned, Base):
    """Reaches a customer by canonical address -> mailbox -> customer. Never by name."""

    __tablename__ = "bill_to"
    __table_args__ = (
        UniqueConstraint("connection_id", "external_id"),
        Index("ix_bill_to_vendor_address", "vendor_id", "address"),
        Index("ix_bill_to_vendor_name", "vendor_id", "name", "id"),
        Index(
            "ix_bill_to_issue",
            "vendor_id",
            "issue",
            sqlite_where=_ISSUE,
            postgresql_where=_ISSUE,
        ),
        Index("ix_bill_to_owned", "owner_id", sqlite_where=_PUNCTUAL, postgresql_where=_PUNCTUAL),
        Index("ix_bill_to_extra", "connection_id", sqlite_where=_LONGER, postgresql_where=_LONGER),
        Index("ix_bill_to_chosen", "vendor_id", sqlite_where=_CHOSEN, postgresql_where=_CHOSEN),
        Index("ix_bill_to_policy", "policy_id", sqlite_where=_IN_SEGMENT, postgresql_where=_IN_SEGMENT),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    connection_id: Mapped[UUID] = owner("connection", cascade=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    address_text: Mapped[str] = mapped_column(String(500), default="")  # as the books have it
    address: Mapped[str | None] = mapped_column(String(254), default=None)  # canonical, the first of the text
    chosen_address: Mapped[str | None] = mapped_column(String(254), default=None)  # the vendor's resolution: wins
    issue: Mapped[AddressIssue] = mapped_column(String(10), default=AddressIssue.NONE)
    mailbox_id: Mapped[UUID | None] = mapped_column(ForeignKey("mailbox.id"), index=True, default=None)
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id"), index=True, default=None)
    is_active: Mapped[bool] = mapped_column(default=True)
    extra_days: Mapped[int] = mapped_column(server_default="0")  # longer terms than the books': each due so much later
    held_until: Mapped[datetime | None] = mapped_column(default=None)  # the vendor's hold of all it owes (A11)
    hold_note: Mapped[str] = mapped_column(String(200), server_default="")  # rows are written by SQL: connectors/ingest
    hold_is_hidden: Mapped[bool] = mapped_column(server_default=text("false"))
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)  # who looks after it (J8)
    late_told_at: Mapped[datetime | None] = mapped_column(default=None)  # when it was seen late first, with an owner
    late_risk: Mapped[LateRisk] = mapped_column(String(8), server_default="")  # kept by app/scorecard
    # what the vendor knows of it, for its segments; the books have no such fields
    country: Mapped[str] = mapped_column(String(2), server_default="")
    industry: Mapped[str] = mapped_column(String(40), server_default="")
    size: Mapped[CompanySize] = mapped_column(String(8), server_default="")
    tags: Mapped[str] = mapped_column(String(200), server_default="")  # small letters, with commas between
    never_remind: Mapped[bool] = mapped_column(server_default=text("false"))  # the vendor's exclusion (J3)
    policy_id: Mapped[UUID | None] = mapped_column(ForeignKey("policy.id"), default=None)  # None: the vendor's default


# Whom no mail reaches by the address in the books; in the words of the partial index.
HAS_ADDRESS_ISSUE = BillTo.issue != literal_column("''")
