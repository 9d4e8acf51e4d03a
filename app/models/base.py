"""What most tables share: a key that may stand in addresses, and the owners a scope narrows by."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import now
from app.db import Base
from app.ids import new_id

__all__ = ["Base", "Created", "Keyed"]


class Keyed:
    """A primary key made by us, safe to show outside."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)


class Created:
    """When the row was first written."""

    created_at: Mapped[datetime] = mapped_column(default=now)


def owner(table: str, *, index: bool = False, nullable: bool = False, cascade: bool = False) -> Mapped[UUID]:
    """A foreign key to ``table``; rows that only exist for their owner go with it."""
    return mapped_column(
        ForeignKey(f"{table}.id", ondelete="CASCADE" if cascade else None), index=index, nullable=nullable
    )
