"""One vendor's permission at one provider, and what came through it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import BigInt
from app.models.base import Base, Created, Keyed, owner
from app.scope import Freshness, ReadOnly, VendorOwned


class ConnectionState(StrEnum):
    CHOOSING = "choosing"  # consent given, the company not yet chosen
    ACTIVE = "active"
    NEEDS_RECONNECT = "needs_reconnect"
    DISCONNECTED = "disconnected"


class Connection(Keyed, Created, VendorOwned, Freshness, Base):
    """Encrypted tokens, cursor, health and the next pull. Cursor and rows move in the same transaction."""

    __tablename__ = "connection"
    __table_args__ = (
        Index(
            "uq_connection_account",
            "vendor_id",
            "provider",
            "account_id",
            unique=True,
            postgresql_where=text("account_id IS NOT NULL"),
            sqlite_where=text("account_id IS NOT NULL"),
        ),
        Index("ix_connection_account", "provider", "account_id"),
        Index(
            "ix_connection_due",
            "next_pull_at",
            postgresql_where=text("next_pull_at IS NOT NULL"),
            sqlite_where=text("next_pull_at IS NOT NULL"),
        ),
        Index(
            "ix_connection_hook_due",
            "hook_due_at",
            postgresql_where=text("hook_due_at IS NOT NULL"),
            sqlite_where=text("hook_due_at IS NOT NULL"),
        ),
    )

    vendor_id: Mapped[UUID | None] = mapped_column(ForeignKey("vendor.id"), index=True, default=None)
    person_id: Mapped[UUID] = owner("person")  # who gave the consent
    provider: Mapped[str] = mapped_column(String(32))
    account_id: Mapped[str | None] = mapped_column(String(120), default=None)  # realm, tenant, acct_...
    account_name: Mapped[str] = mapped_column(String(200), default="")
    account_currency: Mapped[str] = mapped_column(String(3), default="")
    account_zone: Mapped[str] = mapped_column(String(64), default="")
    entity: Mapped[str] = mapped_column(String(50), default="")  # who invoices from these books, where not the vendor
    entity_colour: Mapped[str] = mapped_column(String(7), default="")
    # the entity's own
    bank_account_id: Mapped[UUID | None] = mapped_column(ForeignKey("bank_account.id"), default=None)
    choices: Mapped[list[Any]] = mapped_column(default=list)  # accounts to choose from, while CHOOSING
    state: Mapped[ConnectionState] = mapped_column(String(16), default=ConnectionState.CHOOSING)

    tokens: Mapped[str | None] = mapped_column(Text, default=None)  # sealed JSON: app/keys.py
    tokens_expire_at: Mapped[datetime | None] = mapped_column(default=None)
    refresh_lease_until: Mapped[datetime | None] = mapped_column(default=None)  # one refresh at a time (INVARIANTS K4)
    renewed_at: Mapped[datetime | None] = mapped_column(default=None)  # when the provider last gave us tokens

    hook: Mapped[str | None] = mapped_column(Text, default=None)  # sealed JSON, of the webhooks we asked for
    hook_expires_at: Mapped[datetime | None] = mapped_column(default=None)
    hook_due_at: Mapped[datetime | None] = mapped_column(default=None)  # when to ask for them, or to renew them

    cursor: Mapped[dict[str, Any]] = mapped_column(default=dict)  # opaque to the house
    next_pull_at: Mapped[datetime | None] = mapped_column(default=None)
    reconciled_at: Mapped[datetime | None] = mapped_column(default=None)
    lease_owner: Mapped[str | None] = mapped_column(String(64), default=None)
    lease_until: Mapped[datetime | None] = mapped_column(default=None)

    first_synced_at: Mapped[datetime | None] = mapped_column(default=None)
    as_of: Mapped[datetime | None] = mapped_column(default=None)  # our rows are true as of this instant
    files_since: Mapped[datetime | None] = mapped_column(default=None)  # its books come as files: nothing is pulled
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    last_error: Mapped[str] = mapped_column(String(300), default="")  # plain words with the remedy
    last_error_at: Mapped[datetime | None] = mapped_column(default=None)
    calls_left: Mapped[int | None] = mapped_column(default=None)  # today, as the provider said last

    notes_since: Mapped[datetime | None] = mapped_column(default=None)  # when writing notes back was switched on
    payments_since: Mapped[datetime | None] = mapped_column(default=None)
    reminders_off: Mapped[bool | None] = mapped_column(default=None)  # the provider's own, by the vendor's word (A3)
    reminders_said_at: Mapped[datetime | None] = mapped_column(default=None)


# Alive, and asked for its news: books that come as files are not.
IS_PULLED = (Connection.state == ConnectionState.ACTIVE) & Connection.files_since.is_(None)


class SyncRun(Keyed, VendorOwned, ReadOnly, Base):
    """One pull: its counts are the live counter of a first sync and the health page afterwards."""

    __tablename__ = "sync_run"
    __table_args__ = (Index("ix_sync_run_connection", "connection_id", "started_at"),)

    vendor_id: Mapped[UUID] = owner("vendor")
    connection_id: Mapped[UUID] = owner("connection", cascade=True)
    mode: Mapped[str] = mapped_column(String(12))  # full, changes, reconcile, fetch
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    received: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    gone: Mapped[int] = mapped_column(default=0)
    quarantined: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(300), default="")


_UNDONE = text("done_at IS NULL")


class ProviderEvent(Keyed, Base):
    """One webhook delivery, raw, stored before it is acknowledged (INVARIANTS N1). It only says: look."""

    __tablename__ = "provider_event"
    __table_args__ = (
        UniqueConstraint("provider", "event_key"),
        Index(
            "ix_provider_event_due",
            "due_at",
            postgresql_where=text("handled_at IS NULL"),
            sqlite_where=text("handled_at IS NULL"),
        ),
    )

    provider: Mapped[str] = mapped_column(String(32))
    event_key: Mapped[str] = mapped_column(String(120))
    connection_id: Mapped[UUID | None] = mapped_column(  # whose own address it came to; None: one for all companies
        ForeignKey("connection.id", ondelete="CASCADE"), default=None
    )
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime]
    due_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    handled_at: Mapped[datetime | None] = mapped_column(default=None)
    outcome: Mapped[str] = mapped_column(String(300), default="")


class Quarantined(Keyed, Created, VendorOwned, ReadOnly, Base):
    """A record that could not be understood: kept, visible to its vendor, retried when the provider sends it again."""

    __tablename__ = "quarantined"
    __table_args__ = (UniqueConstraint("connection_id", "kind", "external_id"),)

    vendor_id: Mapped[UUID] = owner("vendor", index=True)
    connection_id: Mapped[UUID] = owner("connection", cascade=True)
    kind: Mapped[str] = mapped_column(String(20))
    external_id: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str] = mapped_column(String(300))
    record: Mapped[dict[str, Any]]
    resolved_at: Mapped[datetime | None] = mapped_column(default=None)


class WaitingFile(Keyed, Created, VendorOwned, Base):
    """A file that was brought to the desk, sealed, until its vendor has seen what it would change and said yes."""

    __tablename__ = "waiting_file"
    __table_args__ = (Index("ix_waiting_file_expires", "expires_at"),)

    vendor_id: Mapped[UUID] = owner("vendor", index=True)
    person_id: Mapped[UUID] = owner("person")
    upload_id: Mapped[UUID]  # those that were brought together
    name: Mapped[str] = mapped_column(String(120))
    sealed: Mapped[str] = mapped_column(Text)  # app/keys.py
    expires_at: Mapped[datetime]


class WriteBack(Keyed, Created, VendorOwned, ReadOnly, Base):
    """Something to be put into the vendor's books, once for each ``key``: a note, or a payment made by another road."""

    __tablename__ = "write_back"
    __table_args__ = (
        UniqueConstraint("connection_id", "key"),
        Index("ix_write_back_due", "due_at", postgresql_where=_UNDONE, sqlite_where=_UNDONE),
        Index("ix_write_back_vendor", "vendor_id", "created_at"),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    connection_id: Mapped[UUID] = owner("connection", cascade=True)
    invoice_id: Mapped[UUID] = owner("invoice", index=True, cascade=True)
    key: Mapped[str] = mapped_column(String(60))
    kind: Mapped[str] = mapped_column(String(8))  # note, payment
    words: Mapped[str] = mapped_column(String(300))  # the note; of a payment, its reference
    amount_minor: Mapped[int | None] = mapped_column(BigInt, default=None)
    paid_on: Mapped[date | None] = mapped_column(default=None)
    due_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    done_at: Mapped[datetime | None] = mapped_column(default=None)
    external_id: Mapped[str] = mapped_column(String(120), default="")  # of what it became there
    error: Mapped[str] = mapped_column(String(300), default="")  # with done_at: given up


class ContentVersioned:
    """What every record from a provider carries: its id there, how new it is, and a hash to skip what is unchanged."""

    external_id: Mapped[str] = mapped_column(String(120))
    version: Mapped[int] = mapped_column(BigInt)  # the provider's order of facts: an older one never wins
    content_hash: Mapped[int] = mapped_column(BigInt)  # 64 bits over the normalised fields
