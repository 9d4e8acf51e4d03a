"""What a vendor wants said to which of its customers."""

from typing import Any
from uuid import UUID

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.scope import Removable, VendorOwned

_DEFAULT = text("is_default")


class Policy(Keyed, Created, VendorOwned, Removable, Base):
    """What holds for one segment of a vendor's customers: of several, the first by ``rank`` whose ``rules`` a customer
    meets is its own (BillTo.policy_id). The default one holds for all others. app/policies/rules.py reads both columns:
    ``rules`` by Segment, ``terms`` by Terms."""

    __tablename__ = "policy"
    __table_args__ = (
        Index("ix_policy_vendor", "vendor_id", "rank"),
        Index("uq_policy_default", "vendor_id", unique=True, postgresql_where=_DEFAULT, sqlite_where=_DEFAULT),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    name: Mapped[str] = mapped_column(String(60))
    rank: Mapped[int] = mapped_column(default=0)
    is_default: Mapped[bool] = mapped_column(default=False)
    rules: Mapped[dict[str, Any]] = mapped_column(default=dict)
    terms: Mapped[dict[str, Any]] = mapped_column(default=dict)
