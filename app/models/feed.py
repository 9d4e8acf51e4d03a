"""A calendar that somebody subscribed to."""

from uuid import UUID

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.scope import CustomerOwned, PersonOwned, Removable


class CalendarFeed(Keyed, Created, CustomerOwned, PersonOwned, Removable, Base):
    """The private address one person reads one inbox's dues from, for as long as that person belongs to it
    (FEATURES H5). A new address replaces the old one; to take it back deletes the row."""

    __tablename__ = "calendar_feed"
    __table_args__ = (UniqueConstraint("customer_id", "person_id"),)

    customer_id: Mapped[UUID] = owner("customer")
    person_id: Mapped[UUID] = owner("person", index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    shows_amounts: Mapped[bool] = mapped_column(default=False)
