"""The organisation that owes, and owns one inbox."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed
from app.scope import CustomerItself


class Customer(Keyed, Created, CustomerItself, Base):
    """Born with its first mailbox; merged and split only by the customer's own proven act (INVARIANTS D2)."""

    __tablename__ = "customer"

    name: Mapped[str] = mapped_column(String(120))
