"""What is left of an address whose owner asked to be erased."""

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class ForgottenAddress(Base):
    """No mailbox is made for it again, whoever's books name it (FEATURES L6). Only the hash of the address is kept."""

    __tablename__ = "forgotten_address"

    address_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    at: Mapped[datetime]
