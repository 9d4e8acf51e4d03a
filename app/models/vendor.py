"""The supplier who is owed: a tenant."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import now
from app.models.base import Base, Created, Keyed
from app.scope import VendorItself


class Trust(StrEnum):
    """What has been proven of a vendor (DESIGN.md section 2)."""

    NEW = "new"
    VERIFIED = "verified"
    SUSPENDED = "suspended"


class Vendor(Keyed, Created, VendorItself, Base):
    """A supplier. Nothing is sent for one before ``live_at``."""

    __tablename__ = "vendor"

    name: Mapped[str] = mapped_column(String(50))  # as customers read it; one script family, no links (INVARIANTS A3)
    legal_name: Mapped[str] = mapped_column(String(120), default="")
    country: Mapped[str] = mapped_column(String(2), default="")
    currency: Mapped[str] = mapped_column(String(3))
    zone: Mapped[str] = mapped_column(String(64), default="UTC")
    colour: Mapped[str] = mapped_column(String(7), default="")  # "#rrggbb", beside the name in mail and inbox
    # app/logos.py: part of its address; "" without one
    logo_key: Mapped[str] = mapped_column(String(24), server_default="", default="", index=True)
    logo: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, default=None)
    support_address: Mapped[str] = mapped_column(String(254), default="")
    trust: Mapped[Trust] = mapped_column(String(12), default=Trust.NEW)
    trust_reason: Mapped[str] = mapped_column(String(200), default="")
    doubted_at: Mapped[datetime | None] = mapped_column(default=None)  # named like another: the operator decides
    approved_at: Mapped[datetime | None] = mapped_column(default=None)  # by the operator, under this name
    frozen_at: Mapped[datetime | None] = mapped_column(default=None)  # no first contacts: reported too often
    opens_at: Mapped[int] = mapped_column(default=9)  # business hours, local, for response time
    closes_at: Mapped[int] = mapped_column(default=17)
    live_at: Mapped[datetime | None] = mapped_column(default=None)
    dispute_reasons: Mapped[list[Any]] = mapped_column(default=list)  # in the vendor's words; none: ours (F2)
    chase_from: Mapped[date | None] = mapped_column(default=None)  # due before it: silent until included (A12)
    next_scored_at: Mapped[datetime] = mapped_column(default=now, index=True)  # when app/scorecard looks again
    usual_answer_minutes: Mapped[int | None] = mapped_column(default=None)  # what customers read (FEATURES C10)
    note: Mapped[str] = mapped_column(String(140), default="")  # one plain line in its section of a digest (C18)
    segments_due_at: Mapped[datetime | None] = mapped_column(default=None, index=True)  # when app/policies looks again
