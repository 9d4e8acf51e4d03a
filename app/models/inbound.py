"""Mail that came to us, as it came, and replies to a digest that wait for their writer to name a supplier."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.scope import CustomerOwned


class InboundOutcome(StrEnum):
    """What became of a mail. Only a filed one ever speaks to the other side."""

    WAITING = "waiting"
    FILED = "filed"  # it is a message of its conversation
    HELD = "held"  # the writer was asked which supplier is meant
    AUTOMATIC = "automatic"  # a machine wrote it: answered by nothing, counted as nothing (INVARIANTS N5)
    DUPLICATE = "duplicate"  # the same mail was handled before
    QUARANTINED = "quarantined"  # not understood: an operator looks
    DISMISSED = "dismissed"  # an operator has looked


_WAITING = text("handled_at IS NULL")
_STUCK = text("outcome = 'quarantined'")


class InboundMail(Keyed, Base):
    """Stored before it is acknowledged (INVARIANTS N1), worked on by a job.

    ``sealed_raw`` is the request's body, encrypted under a key of its own that lies in ``sealed_key``: a raw mail holds
    the reply address it came to, and that acts.
    """

    __tablename__ = "inbound_mail"
    __table_args__ = (
        Index("ix_inbound_mail_due", "due_at", postgresql_where=_WAITING, sqlite_where=_WAITING),
        Index("ix_inbound_mail_stuck", "received_at", postgresql_where=_STUCK, sqlite_where=_STUCK),
        Index("ix_inbound_mail_received", "received_at"),
    )

    received_at: Mapped[datetime]
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)  # of the request that brought it
    content_type: Mapped[str] = mapped_column(String(300))
    size: Mapped[int]
    raw_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)  # the same request again is the same row
    sealed_key: Mapped[str] = mapped_column(Text)
    sealed_raw: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    due_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    handled_at: Mapped[datetime | None] = mapped_column(default=None)
    outcome: Mapped[InboundOutcome] = mapped_column(String(12), default=InboundOutcome.WAITING)
    reason: Mapped[str] = mapped_column(String(300), default="")
    sender_domain: Mapped[str] = mapped_column(String(254), default="")
    mail_key: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True, default=None)  # one mail, however brought
    thread_id: Mapped[UUID | None] = mapped_column(ForeignKey("thread.id", ondelete="SET NULL"), default=None)


class HeldReply(Keyed, Created, CustomerOwned, Base):
    """A reply to a digest that names no single supplier. Its link shows it and asks; it becomes one question, once."""

    __tablename__ = "held_reply"
    __table_args__ = (Index("ix_held_reply_digest", "digest_id", "created_at"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    customer_id: Mapped[UUID] = owner("customer")
    mailbox_id: Mapped[UUID] = owner("mailbox")
    digest_id: Mapped[UUID] = owner("digest", cascade=True)
    inbound_id: Mapped[UUID] = owner("inbound_mail")  # its attachments are read from there
    body: Mapped[str] = mapped_column(Text)
    said_by: Mapped[str] = mapped_column(String(80), default="")
    sender_address: Mapped[str] = mapped_column(String(254), default="")
    is_unverified: Mapped[bool] = mapped_column(default=False)
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None] = mapped_column(default=None)
    thread_id: Mapped[UUID | None] = mapped_column(ForeignKey("thread.id", ondelete="SET NULL"), default=None)
