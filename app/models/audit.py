"""What operators and machines must be able to prove later."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Keyed
from app.scope import AppendOnly, CustomerOwned, PersonOwned, VendorOwned, WriteOnly

_BY_SOMEBODY = text("person_id IS NOT NULL")
_OF_SOMEBODY = text("customer_id IS NOT NULL")


class AuditEntry(Keyed, VendorOwned, CustomerOwned, PersonOwned, AppendOnly, WriteOnly, Base):
    """Append-only: who, when, what, why (INVARIANTS F2). ``detail`` never holds a secret."""

    personal = ("detail",)
    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_vendor", "vendor_id", "at"),
        Index("ix_audit_entry_at", "at"),
        Index("ix_audit_entry_action", "action", "at"),
        Index("ix_audit_entry_person", "person_id", "at", postgresql_where=_BY_SOMEBODY, sqlite_where=_BY_SOMEBODY),
        Index("ix_audit_entry_customer", "customer_id", "at", postgresql_where=_OF_SOMEBODY, sqlite_where=_OF_SOMEBODY),
    )

    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(20))  # person, link, mail, worker, provider, operator
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
    vendor_id: Mapped[UUID | None] = mapped_column(ForeignKey("vendor.id"), default=None)
    customer_id: Mapped[UUID | None] = mapped_column(ForeignKey("customer.id"), default=None)
    action: Mapped[str] = mapped_column(String(60))
    subject_id: Mapped[UUID | None] = mapped_column(default=None)
    detail: Mapped[dict[str, Any]] = mapped_column(default=dict)

    @classmethod
    def by(
        cls, person_id: UUID | None, action: str, now: datetime, *, otherwise: str = "link", **about: Any
    ) -> "AuditEntry":
        """What a person did, or ``otherwise`` somebody who is not signed in; ``about`` are columns."""
        return cls(at=now, actor="person" if person_id else otherwise, person_id=person_id, action=action, **about)


class StopSwitch(Base):
    """The operator can always stop it (FEATURES L1). One row a thing that is stopped: "sending", "vendor:<id>"."""

    __tablename__ = "stop_switch"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    reason: Mapped[str] = mapped_column(String(200))
    by: Mapped[str] = mapped_column(String(254))
    since: Mapped[datetime]


_RINGING = text("ended_at IS NULL")


class Alarm(Keyed, Base):
    """Something that should happen does not, or the reverse (INVARIANTS F3): one row an incident, for the operator."""

    __tablename__ = "alarm"
    __table_args__ = (
        Index("uq_alarm_ringing", "name", unique=True, postgresql_where=_RINGING, sqlite_where=_RINGING),
        Index("ix_alarm_since", "since"),
    )

    name: Mapped[str] = mapped_column(String(40))
    words: Mapped[str] = mapped_column(String(300))
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


class JobRun(Keyed, Base):
    """One drain of one job that did something, or failed: what the operator's run board shows."""

    __tablename__ = "job_run"
    __table_args__ = (Index("ix_job_run_job", "job", "started_at"),)

    job: Mapped[str] = mapped_column(String(40))
    worker: Mapped[str] = mapped_column(String(64))
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    done: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(String(300), default="")
