"""The outbox of every mail, each try to hand one over, and what the mail provider said later."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner


class OutgoingKind(StrEnum):
    """Policy by kind (INVARIANTS S13): a digest would rather miss than double, a notice rather double than be lost."""

    DIGEST = "digest"
    QUESTION = "question"  # to the vendor's people
    ANSWER = "answer"  # to the asker
    LOGIN = "login"
    NOTICE = "notice"
    CORRECTION = "correction"  # a digest line was settled when it was read: we say so (FEATURES I5)


class OutgoingState(StrEnum):
    QUEUED = "queued"
    CLAIMED = "claimed"  # a sender holds the lease
    ACCEPTED = "accepted"
    HELD = "held"  # the last attempt's result is unknown: waits for an event that names it
    FAILED = "failed"
    CANCELLED = "cancelled"  # suppressed, settled or stopped before it went


_WAITING = text("state IN ('queued', 'claimed')")
_URGENT = text("state IN ('queued', 'claimed') AND kind <> 'digest'")
_CLAIMED = text("state = 'claimed'")
_STUCK = text("state IN ('held', 'failed')")


class Outgoing(Keyed, Created, Base):
    """``html`` and ``text`` hold TOKEN_PLACE (app/outbox/rendering.py) where the capability token belongs; the token
    itself lies sealed in ``sealed_token``, destroyed once the mail is accepted: a kept snapshot opens nothing."""

    __tablename__ = "outgoing"
    __table_args__ = (
        Index("ix_outgoing_due", "due_at", postgresql_where=_WAITING, sqlite_where=_WAITING),
        Index("ix_outgoing_urgent", "due_at", postgresql_where=_URGENT, sqlite_where=_URGENT),
        Index("ix_outgoing_lease", "lease_until", postgresql_where=_CLAIMED, sqlite_where=_CLAIMED),
        Index("ix_outgoing_stuck", "state", "created_at", postgresql_where=_STUCK, sqlite_where=_STUCK),
        Index("ix_outgoing_created", "created_at"),
        Index("ix_outgoing_mailbox", "mailbox_id", "created_at"),
        Index("ix_outgoing_person", "person_id", "created_at"),
        Index("ix_outgoing_digest", "digest_id"),
    )

    kind: Mapped[OutgoingKind] = mapped_column(String(10))
    dedupe_key: Mapped[str] = mapped_column(String(160), unique=True)
    mailbox_id: Mapped[UUID | None] = mapped_column(ForeignKey("mailbox.id"), default=None)
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
    login_token_id: Mapped[UUID | None] = mapped_column(  # a sign-in mail: whoever it goes to need not be known yet
        ForeignKey("login_token.id", ondelete="SET NULL"), default=None
    )
    address: Mapped[str] = mapped_column(String(254))  # copied from the stored row, never from a form (INVARIANTS D3)
    digest_id: Mapped[UUID | None] = mapped_column(ForeignKey("digest.id"), default=None)
    thread_id: Mapped[UUID | None] = mapped_column(ForeignKey("thread.id"), default=None)
    subject: Mapped[str] = mapped_column(String(300))
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text, default="")
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sealed_token: Mapped[str | None] = mapped_column(Text, default=None)
    state: Mapped[OutgoingState] = mapped_column(String(10), default=OutgoingState.QUEUED)
    due_at: Mapped[datetime]
    lease_owner: Mapped[str | None] = mapped_column(String(64), default=None)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    reason: Mapped[str] = mapped_column(String(300), default="")


class AttemptResult(StrEnum):
    STARTED = "started"  # committed before the call (INVARIANTS S6); a crash leaves it so, and it counts as unknown
    ACCEPTED = "accepted"
    REFUSED = "refused"  # certainly not taken: 429, 401, 403, no connection; back to the queue
    REJECTED = "rejected"  # certainly not taken and never will be: 400, 413
    UNKNOWN = "unknown"


_LIVE = text("result IN ('started', 'unknown', 'accepted')")


class Attempt(Keyed, Base):
    """One try to hand one mail to the mail provider. At most one live attempt a mail (INVARIANTS S1)."""

    __tablename__ = "attempt"
    __table_args__ = (
        Index("uq_attempt_live", "outgoing_id", unique=True, postgresql_where=_LIVE, sqlite_where=_LIVE),
        Index("ix_attempt_outgoing", "outgoing_id", "started_at"),
    )

    outgoing_id: Mapped[UUID] = owner("outgoing")
    channel: Mapped[str] = mapped_column(String(10))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    result: Mapped[AttemptResult] = mapped_column(String(10), default=AttemptResult.STARTED)
    detail: Mapped[str] = mapped_column(String(300), default="")
    provider_message_id: Mapped[str] = mapped_column(String(120), default="")


_UNHANDLED = text("handled_at IS NULL")
_STRAY = text("is_stray")


class DeliveryEvent(Keyed, Base):
    """What the mail provider reported of an attempt, raw; de-duplicated by attempt, kind and time (INVARIANTS N4)."""

    __tablename__ = "delivery_event"
    __table_args__ = (
        UniqueConstraint("attempt_id", "kind", "happened_at"),
        Index("ix_delivery_event_unhandled", "received_at", postgresql_where=_UNHANDLED, sqlite_where=_UNHANDLED),
        Index("ix_delivery_event_stray", "received_at", postgresql_where=_STRAY, sqlite_where=_STRAY),
    )

    attempt_id: Mapped[UUID]  # no foreign key: an event may name an attempt we do not have
    kind: Mapped[str] = mapped_column(String(20))  # processed, delivered, deferred, bounce, dropped, spamreport ...
    happened_at: Mapped[datetime]
    received_at: Mapped[datetime]
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)  # of the request that brought it (INVARIANTS N1)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    handled_at: Mapped[datetime | None] = mapped_column(default=None)
    is_stray: Mapped[bool] = mapped_column(default=False)  # handled, and names no attempt of ours
