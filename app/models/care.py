"""How a vendor's people look after a customer: what they note for each other, say again and again, and hear elsewhere.

All of it is the vendor's alone: no customer ever reads it.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.scope import AppendOnly, NamesPerson, VendorOwned


class ThreadNote(Keyed, Created, VendorOwned, NamesPerson, AppendOnly, Base):
    """What colleagues tell each other beside a conversation; ``mentioned_id`` was told by mail (FEATURES F10)."""

    personal = ("body",)
    __tablename__ = "thread_note"
    __table_args__ = (
        Index("ix_thread_note_thread", "thread_id", "created_at"),
        Index("ix_thread_note_person", "person_id", "vendor_id"),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    thread_id: Mapped[UUID] = owner("thread", cascade=True)
    person_id: Mapped[UUID] = owner("person")
    mentioned_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
    body: Mapped[str] = mapped_column(Text)


class CannedAnswer(Keyed, Created, VendorOwned, Base):
    """Words a vendor says often, with places that are filled in. Retired ones stay: messages say where they came from,
    and so how often each was used is counted."""

    __tablename__ = "canned_answer"
    __table_args__ = (Index("ix_canned_answer_vendor", "vendor_id", "title"),)

    vendor_id: Mapped[UUID] = owner("vendor")
    title: Mapped[str] = mapped_column(String(80))
    body: Mapped[str] = mapped_column(Text)
    retired_at: Mapped[datetime | None] = mapped_column(default=None)


class ContactKind(StrEnum):
    """What a customer said where we could not hear it."""

    ERROR = "error"  # the invoice is wrong: counts in invoice accuracy
    PROMISE = "promise"
    PAID = "paid"
    TALK = "talk"


class OfflineContact(Keyed, Created, VendorOwned, NamesPerson, AppendOnly, Base):
    """Told by telephone or face to face, and written down by one of the vendor's people (FEATURES G9)."""

    personal = ("said_by", "words")
    __tablename__ = "offline_contact"
    __table_args__ = (
        Index("ix_offline_contact_bill_to", "bill_to_id", "created_at"),
        Index("ix_offline_contact_invoice", "invoice_id"),
        Index("ix_offline_contact_vendor", "vendor_id", "created_at"),
        Index("ix_offline_contact_person", "person_id", "vendor_id"),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    bill_to_id: Mapped[UUID] = owner("bill_to", cascade=True)
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"), default=None)
    person_id: Mapped[UUID] = owner("person")
    kind: Mapped[ContactKind] = mapped_column(String(10))
    said_on: Mapped[date]
    said_by: Mapped[str] = mapped_column(String(80), default="")  # who told us, as given
    reason: Mapped[str] = mapped_column(String(20), default="")  # of an error: what is wrong with the invoice
    promised_on: Mapped[date | None] = mapped_column(default=None)
    words: Mapped[str] = mapped_column(String(1000), default="")


class FactField(StrEnum):
    """What a customer's profile keeps beside what the books say (FEATURES 002-8)."""

    PREFERENCE = "preference"
    TERMS = "terms"
    LOCATION = "location"
    CONTACT = "contact"
    PAYMENT = "payment"
    SERVICE = "service"
    NOTE = "note"


class CustomerFact(Keyed, Created, VendorOwned, NamesPerson, AppendOnly, Base):
    """One thing known of a customer, by whom and since when; the newest of a field counts, the older ones stay."""

    personal = ("value",)
    __tablename__ = "customer_fact"
    __table_args__ = (
        Index("ix_customer_fact_bill_to", "bill_to_id", "field", "created_at"),
        Index("ix_customer_fact_person", "person_id", "vendor_id"),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    bill_to_id: Mapped[UUID] = owner("bill_to", cascade=True)
    field: Mapped[FactField] = mapped_column(String(12))
    value: Mapped[str] = mapped_column(String(300))  # empty: no longer so
    person_id: Mapped[UUID] = owner("person")
