"""The door every mail of one channel passes, whichever process hands it over."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base


class SendGate(Base):
    """One row a channel: how fast it may go, whether it is shut, how much went through this hour (digest/gate.py)."""

    __tablename__ = "send_gate"

    channel: Mapped[str] = mapped_column(String(10), primary_key=True)
    tokens: Mapped[float]  # mails that may be handed over at once
    filled_at: Mapped[datetime]  # up to when tokens have been earned
    strikes: Mapped[int] = mapped_column(default=0)  # troubles in a row, over all processes
    trips: Mapped[int] = mapped_column(default=0)  # how often it has shut since the last success; above 0: half open
    shut_until: Mapped[datetime | None] = mapped_column(default=None)
    prober: Mapped[str] = mapped_column(String(64), default="")  # the claim that holds the one mail let through
    reason: Mapped[str] = mapped_column(String(300), default="")
    hour: Mapped[datetime]  # the clock hour that is counted
    handed: Mapped[int] = mapped_column(default=0)  # mails taken, or perhaps taken, in that hour
    bound: Mapped[int] = mapped_column(default=0)  # as many are usual; above it is counted anew, then all stops
