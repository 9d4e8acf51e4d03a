"""A conversation between one customer and one vendor."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.scope import AppendOnly, CustomerOwned, NamesPerson, ThreadItself, ThreadOwned, VendorOwned

_SIGNED_IN = text("person_id IS NOT NULL")


class ThreadState(StrEnum):
    WAITING_VENDOR = "waiting_vendor"
    WAITING_CUSTOMER = "waiting_customer"
    CLOSED = "closed"


class Side(StrEnum):
    CUSTOMER = "customer"
    VENDOR = "vendor"


class Thread(Keyed, Created, VendorOwned, CustomerOwned, ThreadItself, Base):
    """About a vendor, or about some of its invoices. Numbers about it are computed from its messages."""

    __tablename__ = "thread"
    __table_args__ = (
        Index(
            "ix_thread_queue",
            "vendor_id",
            "waiting_since",
            postgresql_where=text("state = 'waiting_vendor'"),
            sqlite_where=text("state = 'waiting_vendor'"),
        ),
        Index("ix_thread_vendor", "vendor_id", "created_at"),
        Index("ix_thread_customer", "customer_id", "created_at"),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    customer_id: Mapped[UUID] = owner("customer")
    mailbox_id: Mapped[UUID | None] = mapped_column(ForeignKey("mailbox.id"), default=None)  # where answers go
    subject: Mapped[str] = mapped_column(String(200))
    topic: Mapped[str] = mapped_column(String(20), default="")  # of a question often asked: its key; "": free words
    state: Mapped[ThreadState] = mapped_column(String(16), default=ThreadState.WAITING_VENDOR)
    waiting_since: Mapped[datetime | None] = mapped_column(default=None)
    assignee_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)  # who of the vendor answers
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    result: Mapped[str] = mapped_column(
        String(20), default=""
    )  # answered, corrected, credited, paid, withdrawn, declined


class ThreadInvoice(VendorOwned, CustomerOwned, ThreadOwned, Base):
    """Which invoices a thread is about."""

    __tablename__ = "thread_invoice"

    thread_id: Mapped[UUID] = mapped_column(ForeignKey("thread.id", ondelete="CASCADE"), primary_key=True)
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"), primary_key=True, index=True)
    vendor_id: Mapped[UUID] = owner("vendor")
    customer_id: Mapped[UUID] = owner("customer")


class ThreadLink(Created, CustomerOwned, ThreadOwned, Base):
    """The capability in one answer mail: shows that thread and replies to it, nothing more (INVARIANTS L2)."""

    __tablename__ = "thread_link"

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    thread_id: Mapped[UUID] = owner("thread", cascade=True)
    customer_id: Mapped[UUID] = owner("customer")
    mailbox_id: Mapped[UUID] = owner("mailbox")
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)


class Message(Keyed, Created, VendorOwned, CustomerOwned, ThreadOwned, NamesPerson, AppendOnly, Base):
    """Append-only. Visible to exactly its thread's vendor and customer (INVARIANTS Q1 Q2)."""

    personal = ("body", "said_by", "sender_address")
    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_thread", "thread_id", "created_at"),
        Index("ix_message_vendor", "vendor_id", "created_at"),
        # whether a person may be seen by whoever reads a message of theirs (app/narrow.py), however many there are
        Index(
            "ix_message_person",
            "person_id",
            "customer_id",
            "vendor_id",
            postgresql_where=_SIGNED_IN,
            sqlite_where=_SIGNED_IN,
        ),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    customer_id: Mapped[UUID] = owner("customer")
    thread_id: Mapped[UUID] = owner("thread", cascade=True)
    side: Mapped[Side] = mapped_column(String(10))
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)  # None: not signed in
    said_by: Mapped[str] = mapped_column(
        String(80), default=""
    )  # as claimed; a mailbox is not a person (INVARIANTS D4)
    via: Mapped[str] = mapped_column(String(8))  # page, link, mail
    body: Mapped[str] = mapped_column(Text)
    canned_id: Mapped[UUID | None] = mapped_column(ForeignKey("canned_answer.id"), default=None)  # begun from it
    result: Mapped[str] = mapped_column(String(20), default="")  # a closing: the thread ended so with this message
    is_automatic: Mapped[bool] = mapped_column(default=False)  # auto-replies: filed, counted as nothing (INVARIANTS N5)
    is_own: Mapped[bool] = mapped_column(default=False)  # the vendor asking itself: counted as nothing (INVARIANTS Q3)
    sender_address: Mapped[str] = mapped_column(String(254), default="")  # by mail: the From, as claimed
    is_unverified: Mapped[bool] = mapped_column(default=False)  # by mail: nothing proves the From (INVARIANTS Q2)


class MessageAttachment(Keyed, Created, VendorOwned, CustomerOwned, ThreadOwned, AppendOnly, Base):
    """A file that came with a message. ``kind`` is ours by its name's ending, never the sender's word."""

    personal = ("name", "size", "sha256", "data")
    __tablename__ = "message_attachment"
    __table_args__ = (Index("ix_message_attachment_thread", "thread_id", "created_at"),)

    vendor_id: Mapped[UUID] = owner("vendor")
    customer_id: Mapped[UUID] = owner("customer")
    thread_id: Mapped[UUID] = owner("thread", cascade=True)
    message_id: Mapped[UUID] = owner("message", index=True, cascade=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(100))
    size: Mapped[int]
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
