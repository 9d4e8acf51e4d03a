"""What a vendor has to see to, because we cannot."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.later import Later, say
from app.models.base import Base, Created, Keyed, owner
from app.scope import VendorOwned


class TaskKind(StrEnum):
    """Why somebody at the vendor should look (FEATURES G11)."""

    ADDRESS = "address"  # mail to this customer does not arrive: another address, or a call (FEATURES D14)
    CALL = "call"  # reminded often enough by mail (FEATURES D11)
    NOT_MINE = "not_mine"  # whoever reads that mailbox says the invoice is not theirs
    BOOKS = "books"  # our copy of the books is too old to remind from (FEATURES D9)
    DIRECT = "direct"  # a customer is also reminded by the vendor's own system (FEATURES A3)
    UNHAPPY = "unhappy"  # a customer with a second bad experience (FEATURES G5, claim 002-4)
    PROMISE = "promise"  # the day came, the money did not (FEATURES F4)
    DISPUTE = "dispute"  # accepted, and the books still ask for all of it (FEATURES F3)
    CONTACT = "contact"  # somebody the books do not know writes for a customer
    DETAILS = "details"  # a customer has new details: an address, a contact, an order rule, a tax form (FEATURES H3)
    PAYMENT = "payment"  # money was taken back, or less came than was asked for
    PROOF = "proof"  # something of the vendor's own record waits for proof or approval


_OPEN = text("done_at IS NULL")


class VendorTask(Keyed, Created, VendorOwned, Base):
    """``words`` and ``remedy`` are ours, in the language of whoever reads them. They never tell of another vendor, nor
    why a customer's mailbox takes no mail beyond what the vendor's own letters would have shown (INVARIANTS I2)."""

    __tablename__ = "vendor_task"
    __table_args__ = (
        UniqueConstraint("vendor_id", "kind", "subject_key"),
        Index("ix_vendor_task_open", "vendor_id", "created_at", postgresql_where=_OPEN, sqlite_where=_OPEN),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    kind: Mapped[TaskKind] = mapped_column(String(10))
    subject_key: Mapped[str] = mapped_column(String(120))  # one open task a matter: an invoice id, an address
    bill_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("bill_to.id", ondelete="CASCADE"), default=None)
    invoice_id: Mapped[UUID | None] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"), default=None)
    told: Mapped[Later]
    advice: Mapped[Later] = mapped_column(default=dict)
    done_at: Mapped[datetime | None] = mapped_column(default=None)
    done_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)

    @property
    def words(self) -> str:
        return say(self.told)

    @property
    def remedy(self) -> str:
        return say(self.advice)
