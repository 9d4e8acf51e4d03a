"""What is owed, and what lowers it."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Numeric, String, Text, UniqueConstraint, or_, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import BigInt
from app.models.base import Base, Created, Keyed, owner
from app.models.connection import ContentVersioned
from app.money import Money
from app.scope import AppendOnly, CustomerOwned, ReadOnly, VendorOwned


class InvoiceState(StrEnum):
    """Normalised; the raw word is kept beside it. Whatever is not OPEN is never reminded."""

    DRAFT = "draft"
    OPEN = "open"  # and then something is owed
    PAID = "paid"
    VOID = "void"
    WRITTEN_OFF = "written_off"
    GONE = "gone"  # deleted at the provider
    UNKNOWN = "unknown"
    TWIN = "twin"  # another of the vendor's connections tells of it, too, and there it is read


_OPEN, _SETTLED = text("state = 'open'"), text("state <> 'open'")
_HANDED = text("handed_to_id IS NOT NULL")
_AGREED = text("agreed_at IS NOT NULL")
_UNCHECKED = text("checked_at IS NULL")
_LOOSE = text("is_loose")
_SAME = text("same_as_id IS NOT NULL")


class Invoice(Keyed, Created, ContentVersioned, VendorOwned, CustomerOwned, ReadOnly, Base):
    """``due_on`` and ``due_minor`` are those of the next open instalment: what is asked for. ``balance_minor`` is all
    that is still owed. No index may hold a column that a payment changes (PERFORMANCE.md section 6).

    Vendor, customer and mailbox are copies of the connection's and the bill_to's, whose foreign keys hold for them; and
    a bill_to goes only with its connection, which takes its invoices along. So the connection's is the one foreign key
    here: each costs a first sync a twentieth, and five would be half of it."""

    __tablename__ = "invoice"
    __table_args__ = (
        UniqueConstraint("connection_id", "external_id"),
        CheckConstraint("state <> 'open' OR balance_minor > 0", "open"),
        Index("ix_invoice_customer_open", "customer_id", "due_on", "id", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_invoice_mailbox_open", "mailbox_id", "due_on", "id", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_invoice_vendor_open", "vendor_id", "due_on", "id", postgresql_where=_OPEN, sqlite_where=_OPEN),
        Index("ix_invoice_customer", "customer_id", "issued_on", "id"),
        Index("ix_invoice_vendor", "vendor_id", "issued_on", "id"),
        Index("ix_invoice_settled", "vendor_id", "issued_on", "id", postgresql_where=_SETTLED, sqlite_where=_SETTLED),
        Index("ix_invoice_bill_to", "bill_to_id"),
        Index("ix_invoice_handed", "handed_to_id", postgresql_where=_HANDED, sqlite_where=_HANDED),
        Index("ix_invoice_agreed", "connection_id", postgresql_where=_AGREED, sqlite_where=_AGREED),
        Index("ix_invoice_same", "same_as_id", postgresql_where=_SAME, sqlite_where=_SAME),
        {"postgresql_with": {"fillfactor": 90}},
    )

    vendor_id: Mapped[UUID]
    connection_id: Mapped[UUID] = owner("connection", cascade=True)
    bill_to_id: Mapped[UUID | None] = mapped_column(default=None)
    customer_id: Mapped[UUID | None] = mapped_column(default=None)
    mailbox_id: Mapped[UUID | None] = mapped_column(default=None)

    number: Mapped[str] = mapped_column(String(80), default="")  # a label: may be missing or repeated
    po_number: Mapped[str] = mapped_column(String(80), default="")
    issued_on: Mapped[date | None] = mapped_column(default=None)
    due_on: Mapped[date | None] = mapped_column(default=None)
    due_on_derived: Mapped[bool] = mapped_column(default=False)  # the books had none; issued_on stands in
    currency: Mapped[str] = mapped_column(String(3))
    exponent: Mapped[int]
    total_minor: Mapped[int] = mapped_column(BigInt)
    balance_minor: Mapped[int] = mapped_column(BigInt)
    due_minor: Mapped[int] = mapped_column(BigInt)
    instalments: Mapped[list[Any]] = mapped_column(
        default=list
    )  # [[due_on iso, amount_minor, balance_minor]] if several
    state: Mapped[InvoiceState] = mapped_column(String(12))
    raw_state: Mapped[str] = mapped_column(String(40), default="")
    address: Mapped[str | None] = mapped_column(String(254), default=None)  # canonical: whom the invoice itself names
    is_autopay: Mapped[bool] = mapped_column(default=False)
    can_pay_online: Mapped[bool] = mapped_column(default=False)  # the provider has, or can make, a pay page for it
    awaited_on: Mapped[date | None] = mapped_column(default=None)  # the provider expects a payment by then: scheduled
    discount_minor: Mapped[int | None] = mapped_column(BigInt, default=None)  # off ``due_minor``, if paid
    discount_until: Mapped[date | None] = mapped_column(default=None)  # by then, the day included
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)  # opaque: terms, memo, lines
    updated_at: Mapped[datetime | None] = mapped_column(default=None)  # when a fact last changed here
    settled_at: Mapped[datetime | None] = mapped_column(default=None)  # when we first saw it paid
    charge_failed_at: Mapped[datetime | None] = mapped_column(default=None)  # collecting it automatically did not work
    included_at: Mapped[datetime | None] = mapped_column(default=None)  # the vendor wants it reminded though it is old
    agreed_at: Mapped[datetime | None] = mapped_column(default=None)  # both sides agreed on other dues than the books',
    agreed_dues: Mapped[list[Any]] = mapped_column(server_default="[]", default=list)  # [[due_on iso, amount_minor]]
    handed_to_id: Mapped[UUID | None] = mapped_column(default=None)  # the customer's mailbox that was to have it
    # of a twin (app/receivables/twins.py): the invoice that stands for it; itself: the vendor says it is another one
    same_as_id: Mapped[UUID | None] = mapped_column(default=None)
    told_state: Mapped[InvoiceState | None] = mapped_column(String(12), default=None)  # by its own books
    differs_at: Mapped[datetime | None] = mapped_column(default=None)  # since when the vendor is asked which is right
    ruled_at: Mapped[datetime | None] = mapped_column(default=None)  # when it last said so

    @property
    def balance(self) -> Money:
        return Money(self.balance_minor, self.currency)

    @property
    def due(self) -> Money:
        return Money(self.due_minor, self.currency)

    @property
    def total(self) -> Money:
        return Money(self.total_minor, self.currency)

    @property
    def is_open(self) -> bool:
        return self.state == InvoiceState.OPEN

    @property
    def label(self) -> str:
        return self.number or "without number"


class InvoiceSum(Keyed, VendorOwned, ReadOnly, Base):
    """What a vendor's open invoices of one currency that are due on one day come to: the sum of all its rows.

    The database itself keeps them (migration 0003), so that they equal the invoices at any moment: PostgreSQL adds one
    with every change, and writers never wait for each other; app/receivables/sums.py folds them. Nothing refers to a
    vendor, for the last of its rows come when it is gone.
    """

    __tablename__ = "invoice_sum"
    __table_args__ = (
        Index("ix_invoice_sum_vendor", "vendor_id", "currency", "due_on"),
        Index("ix_invoice_sum_loose", "vendor_id", postgresql_where=_LOOSE, sqlite_where=_LOOSE),
    )

    vendor_id: Mapped[UUID]
    currency: Mapped[str] = mapped_column(String(3))
    due_on: Mapped[date]  # 31 December 9999: they have none
    count: Mapped[int]
    balance_minor: Mapped[Decimal] = mapped_column(Numeric(38, 0).with_variant(Integer, "sqlite"))  # a whole number
    is_loose: Mapped[bool] = mapped_column(default=True)  # not folded yet


# What the books of its own connection hold open, whether or not another invoice stands for it.
IN_BOOKS_OPEN = or_(Invoice.state == InvoiceState.OPEN, Invoice.told_state == InvoiceState.OPEN)


class InvoiceChange(Keyed, VendorOwned, CustomerOwned, ReadOnly, AppendOnly, Base):
    """The invoice's history as the books told it: append-only, one row a change, the first of them how it came. An
    invoice that never changed has none and is its own ``arrival`` (FEATURES A8 B14 C6)."""

    __tablename__ = "invoice_change"
    __table_args__ = (Index("ix_invoice_change_invoice", "invoice_id", "at"),)

    vendor_id: Mapped[UUID]  # as the invoice's
    customer_id: Mapped[UUID | None] = mapped_column(default=None)
    invoice_id: Mapped[UUID] = owner("invoice", cascade=True)
    at: Mapped[datetime]
    state: Mapped[InvoiceState] = mapped_column(String(12))
    balance_minor: Mapped[int] = mapped_column(BigInt)
    total_minor: Mapped[int] = mapped_column(BigInt)
    due_on: Mapped[date | None] = mapped_column(default=None)

    @classmethod
    def arrival(cls, invoice: Invoice) -> "InvoiceChange":
        """How an invoice came that never changed; nobody keeps this row."""
        copied = ("vendor_id", "customer_id", "state", "balance_minor", "total_minor", "due_on")
        facts = {name: getattr(invoice, name) for name in copied}
        return cls(**facts, invoice_id=invoice.id, at=invoice.created_at)


class Settlement(Keyed, VendorOwned, CustomerOwned, ReadOnly, Base):
    """An invoice we held open has ended in the books: when, by their word and by ours. Append-only but for
    ``checked_at``; what the settled lag is measured by, and what a correction begins with (FEATURES I3 I5)."""

    __tablename__ = "settlement"
    __table_args__ = (
        Index("ix_settlement_invoice", "invoice_id"),
        Index("ix_settlement_seen", "seen_at"),
        Index("ix_settlement_vendor", "vendor_id", "seen_at"),
        Index("ix_settlement_unchecked", "seen_at", postgresql_where=_UNCHECKED, sqlite_where=_UNCHECKED),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id"), default=None)
    invoice_id: Mapped[UUID] = owner("invoice", cascade=True)
    connection_id: Mapped[UUID] = owner("connection", cascade=True)
    state: Mapped[InvoiceState] = mapped_column(String(12))
    settled_at: Mapped[datetime | None] = mapped_column(default=None)  # by the provider's clock; None: it does not say
    told_at: Mapped[datetime | None] = mapped_column(default=None)  # when the webhook came that made us look
    seen_at: Mapped[datetime]  # when it was written here, and so suppressed
    checked_at: Mapped[datetime | None] = mapped_column(default=None)  # whether a mail had asked for it in between


class CreditKind(StrEnum):
    CREDIT_NOTE = "credit_note"
    UNAPPLIED_CASH = "unapplied_cash"  # paid, not yet matched to an invoice


class Credit(Keyed, Created, ContentVersioned, VendorOwned, CustomerOwned, ReadOnly, Base):
    """Lowers what is owed; shown, netted per vendor and currency, never dunned (FEATURES A9)."""

    __tablename__ = "credit"
    __table_args__ = (
        UniqueConstraint("connection_id", "kind", "external_id"),
        Index("ix_credit_customer", "customer_id", "vendor_id"),
        Index("ix_credit_bill_to", "bill_to_id"),
        Index("ix_credit_mailbox", "mailbox_id"),
    )

    vendor_id: Mapped[UUID] = owner("vendor", index=True)
    connection_id: Mapped[UUID] = owner("connection", cascade=True)
    bill_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("bill_to.id"), default=None)
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id"), default=None)
    mailbox_id: Mapped[UUID | None] = mapped_column(ForeignKey("mailbox.id"), default=None)
    kind: Mapped[CreditKind] = mapped_column(String(16))
    number: Mapped[str] = mapped_column(String(80), default="")
    issued_on: Mapped[date | None] = mapped_column(default=None)
    currency: Mapped[str] = mapped_column(String(3))
    exponent: Mapped[int]
    total_minor: Mapped[int] = mapped_column(BigInt)
    remaining_minor: Mapped[int] = mapped_column(BigInt)  # zero once used, void or gone

    @property
    def remaining(self) -> Money:
        return Money(self.remaining_minor, self.currency)


class Payment(Keyed, Created, ContentVersioned, VendorOwned, CustomerOwned, ReadOnly, Base):
    """Money the vendor's books have seen. ``applied`` says for which invoices (external ids)."""

    __tablename__ = "payment"
    __table_args__ = (
        UniqueConstraint("connection_id", "external_id"),
        Index("ix_payment_customer", "customer_id", "paid_on"),
        Index("ix_payment_bill_to", "bill_to_id"),
    )

    vendor_id: Mapped[UUID] = owner("vendor", index=True)
    connection_id: Mapped[UUID] = owner("connection", cascade=True)
    bill_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("bill_to.id"), default=None)
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id"), default=None)
    paid_on: Mapped[date | None] = mapped_column(default=None)
    currency: Mapped[str] = mapped_column(String(3))
    exponent: Mapped[int]
    amount_minor: Mapped[int] = mapped_column(BigInt)  # zero once deleted at the provider
    method: Mapped[str] = mapped_column(String(40), default="")
    applied: Mapped[list[Any]] = mapped_column(default=list)  # [[invoice external id, minor]]


class InvoiceDocument(Keyed, Created, VendorOwned, ReadOnly, Base):
    """The provider's own PDF of an invoice, sealed, for as long as somebody may want it again (FEATURES A14)."""

    __tablename__ = "invoice_document"
    __table_args__ = (Index("ix_invoice_document_expires", "expires_at"),)

    vendor_id: Mapped[UUID] = owner("vendor")
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"), unique=True)
    sealed: Mapped[str] = mapped_column(Text)  # app/keys.py
    expires_at: Mapped[datetime]
