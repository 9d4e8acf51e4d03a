"""How a vendor wants to be paid, what its customers say they have sent, and payments that went wrong."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import BigInt
from app.models.base import Base, Created, Keyed, owner
from app.models.trust import UNTOLD, Payee
from app.scope import CustomerOwned, ReadOnly, VendorOwned


class PayRule(VendorOwned, Base):
    """What a vendor allows and asks for when it is paid; a vendor without one takes whole payments, no more, no less.
    Shares are in basis points: 150 is 1.5 %."""

    __tablename__ = "pay_rule"

    vendor_id: Mapped[UUID] = mapped_column(ForeignKey("vendor.id"), primary_key=True)
    part_share: Mapped[int | None] = mapped_column(default=None)  # a part is at least so much of what is due
    discount_share: Mapped[int] = mapped_column(default=0)  # offered to whoever pays
    discount_days: Mapped[int] = mapped_column(default=0)  # within so many days of the invoice
    late_share: Mapped[int] = mapped_column(default=0)  # added once an invoice is
    late_days: Mapped[int] = mapped_column(default=0)  # more than so many days late
    fee_share: Mapped[int] = mapped_column(default=0)  # what paying online costs beside
    fee_words: Mapped[str] = mapped_column(String(140), default="")
    nets_credits: Mapped[bool] = mapped_column(default=False)  # a customer may take its credit off a transfer itself
    credit_words: Mapped[str] = mapped_column(String(140), default="")
    failure_words: Mapped[str] = mapped_column(String(140), default="")  # the vendor's line in a failure's notice


class PayMethod(Keyed, Created, Payee, VendorOwned, Base):
    """A way to pay that only this vendor has: a virtual account, a code to dial. Shown of verified vendors only."""

    __tablename__ = "pay_method"
    __table_args__ = (
        Index("ix_pay_method_vendor", "vendor_id", "created_at"),
        Index("ix_pay_method_untold", "created_at", postgresql_where=UNTOLD, sqlite_where=UNTOLD),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    name: Mapped[str] = mapped_column(String(40))  # a later one of the same name takes its place
    instructions: Mapped[str] = mapped_column(String(300))
    reference: Mapped[str] = mapped_column(String(60), default="{reference}")  # app.paying.rules.PLACES


class Remittance(Keyed, Created, VendorOwned, CustomerOwned, Base):
    """A customer says what it has sent, or will send on a day, and for which invoices. It is not changed afterwards
    but for being taken back."""

    __tablename__ = "remittance"
    __table_args__ = (
        Index("ix_remittance_vendor", "vendor_id", "created_at"),
        Index("ix_remittance_customer", "customer_id", "created_at"),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    customer_id: Mapped[UUID] = owner("customer")
    method: Mapped[str] = mapped_column(String(40), default="")  # a PayMethod's name; "": bank transfer
    reference: Mapped[str] = mapped_column(String(140))
    currency: Mapped[str] = mapped_column(String(3))
    exponent: Mapped[int]
    total_minor: Mapped[int] = mapped_column(BigInt)  # what was sent: the lines less ``credit_minor``
    credit_minor: Mapped[int] = mapped_column(BigInt, default=0)  # credit taken off
    pays_on: Mapped[date]
    lines: Mapped[list[Any]] = mapped_column(default=list)  # [[invoice id, number, minor, discount minor]]
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
    said_by: Mapped[str] = mapped_column(String(80), default="")  # as claimed, when the person is not signed in
    withdrawn_at: Mapped[datetime | None] = mapped_column(default=None)


class SetbackKind(StrEnum):
    FAILED = "failed"  # a payment was tried and did not go through
    REVERSED = "reversed"  # what was paid is owed again
    CHARGED_BACK = "charged_back"  # the payer's bank was asked to fetch it back
    SHORT = "short"  # less came than was asked for


class FailureReason(StrEnum):
    """Why a payment failed, as far as it matters to whoever has to do something (FEATURES I4)."""

    EXPIRED_CARD = "expired_card"
    NO_FUNDS = "no_funds"
    REFUSED = "refused"
    AUTHENTICATION = "authentication"
    NETWORK = "network"
    OURS = "ours"
    UNKNOWN = "unknown"


_UNTOLD = text("told_at IS NULL")


class Setback(Keyed, VendorOwned, CustomerOwned, ReadOnly, Base):
    """A payment that did not go as meant, as the books told it: one row an event there."""

    __tablename__ = "setback"
    __table_args__ = (
        UniqueConstraint("connection_id", "external_id"),
        Index("ix_setback_untold", "seen_at", postgresql_where=_UNTOLD, sqlite_where=_UNTOLD),
        Index("ix_setback_invoice", "invoice_id", "happened_at"),
        Index("ix_setback_vendor", "vendor_id", "happened_at"),
    )

    vendor_id: Mapped[UUID]  # as the invoice's, and so are the next two
    customer_id: Mapped[UUID | None] = mapped_column(default=None)
    connection_id: Mapped[UUID] = owner("connection", cascade=True)
    invoice_id: Mapped[UUID] = owner("invoice", cascade=True)
    external_id: Mapped[str] = mapped_column(String(160))
    kind: Mapped[SetbackKind] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(20), server_default="")  # a FailureReason, of a failed one
    code: Mapped[str] = mapped_column(String(80), server_default="")  # the provider's own word
    amount_minor: Mapped[int] = mapped_column(BigInt)
    happened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    told_at: Mapped[datetime | None] = mapped_column(default=None)  # whoever must know has a notice
    is_expected: Mapped[bool] = mapped_column(server_default=text("false"))  # a part that was announced or agreed
    accepted_at: Mapped[datetime | None] = mapped_column(default=None)  # the vendor lets a short payment be
    disputed_at: Mapped[datetime | None] = mapped_column(default=None)  # or asks for the rest


class FailureText(Base):
    """The operator's own words for one reason in one language, in the place of ours (FEATURES I4 002-24)."""

    __tablename__ = "failure_text"

    reason: Mapped[str] = mapped_column(String(20), primary_key=True)
    language: Mapped[str] = mapped_column(String(12), primary_key=True)
    happened: Mapped[str] = mapped_column(String(300))
    next_step: Mapped[str] = mapped_column(String(300), default="")
    prevention: Mapped[str] = mapped_column(String(300), default="")
    changed_at: Mapped[datetime]
    changed_by_id: Mapped[UUID] = owner("person")
