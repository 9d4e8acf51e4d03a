"""The organisation that owes, and owns one inbox."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.scope import CustomerItself, CustomerOwned


class Customer(Keyed, Created, CustomerItself, Base):
    """Born with its first mailbox; merged and split only by the customer's own proven act (INVARIANTS D2)."""

    __tablename__ = "customer"

    name: Mapped[str] = mapped_column(String(120))
    pay_days: Mapped[str] = mapped_column(String(20), default="")  # "10,25": the days of a month on which it pays
    pay_cutoff: Mapped[int] = mapped_column(default=3)  # working days before: what comes later waits for the next one


class Merge(Keyed, CustomerOwned, Base):
    """Two inboxes became one, after proof from both, and can be two again until ``undo_until`` (FEATURES B5). The other
    customer's row stays, with nothing of its own, to be given back what came from it."""

    __tablename__ = "merge"

    customer_id: Mapped[UUID] = owner("customer", index=True)
    other_id: Mapped[UUID] = owner("customer")
    other_name: Mapped[str] = mapped_column(String(120))
    mailboxes: Mapped[list[Any]] = mapped_column(default=list)  # ids of those that came
    members: Mapped[list[Any]] = mapped_column(default=list)  # [person id, role, was here before] of those who came
    person_id: Mapped[UUID] = owner("person")
    at: Mapped[datetime]
    undo_until: Mapped[datetime]
    undone_at: Mapped[datetime | None] = mapped_column(default=None)
