"""What is proven of a vendor, where its customers send money, and what they report of it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, Created, Keyed, owner
from app.scope import CustomerOwned, VendorOwned


class ProofWay(StrEnum):
    DNS = "dns"  # a TXT record of ours stands in the domain; looked at again every day
    MAIL = "mail"  # somebody who reads the domain's own mail pressed a button


class DomainProof(Keyed, Created, VendorOwned, Base):
    """A vendor says a domain is its own; ``proven_at`` and no ``lost_at``: so it is."""

    __tablename__ = "domain_proof"
    __table_args__ = (UniqueConstraint("vendor_id", "domain"), Index("ix_domain_proof_check", "next_check_at"))

    vendor_id: Mapped[UUID] = owner("vendor")
    domain: Mapped[str] = mapped_column(String(253))  # ASCII, lower case
    record: Mapped[str] = mapped_column(String(80))  # the text of the TXT record: public, bound to vendor and domain
    token_hash: Mapped[bytes | None] = mapped_column(unique=True, default=None)  # of the link in the mail
    token_expires_at: Mapped[datetime | None] = mapped_column(default=None)
    mailed_at: Mapped[datetime | None] = mapped_column(default=None)
    mailed_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
    asked_by_id: Mapped[UUID] = owner("person")
    proven_at: Mapped[datetime | None] = mapped_column(default=None)
    way: Mapped[ProofWay | None] = mapped_column(String(4), default=None)
    next_check_at: Mapped[datetime | None] = mapped_column(default=None)
    misses: Mapped[int] = mapped_column(default=0)  # in a row: the record was certainly not there
    lost_at: Mapped[datetime | None] = mapped_column(default=None)

    @property
    def is_proven(self) -> bool:
        return self.proven_at is not None and self.lost_at is None


class Payee:
    """Where a vendor's customers send money. The first one counts at once; a later one is frozen, told to the customers
    and approved by a second pair of eyes before it counts (FEATURES B10). Rows are never changed into other details."""

    proposed_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
    frozen_until: Mapped[datetime | None] = mapped_column(default=None)  # None: it was the first
    approved_at: Mapped[datetime | None] = mapped_column(default=None)
    approved_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("person.id"), default=None)
    counts_from: Mapped[datetime | None] = mapped_column(default=None)  # "unchanged since"; None: not approved yet
    refused_at: Mapped[datetime | None] = mapped_column(default=None)
    told_at: Mapped[datetime | None] = mapped_column(default=None)  # every customer with open invoices has a notice
    told_upto: Mapped[UUID | None] = mapped_column(default=None)  # the last mailbox that has, while that goes on


UNTOLD = text("told_at IS NULL AND frozen_until IS NOT NULL")


class PayHost(Keyed, Created, Payee, VendorOwned, Base):
    """A host that pay pages of this vendor's invoices may have (INVARIANTS L7)."""

    __tablename__ = "pay_host"
    __table_args__ = (
        UniqueConstraint("vendor_id", "host"),
        Index("ix_pay_host_untold", "created_at", postgresql_where=UNTOLD, sqlite_where=UNTOLD),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    host: Mapped[str] = mapped_column(String(253))  # without port


class BankAccount(Keyed, Created, Payee, VendorOwned, Base):
    """Where to transfer money to. Shown of verified vendors only."""

    __tablename__ = "bank_account"
    __table_args__ = (
        Index("ix_bank_account_vendor", "vendor_id", "created_at"),
        Index("ix_bank_account_untold", "created_at", postgresql_where=UNTOLD, sqlite_where=UNTOLD),
    )

    vendor_id: Mapped[UUID] = owner("vendor")
    beneficiary: Mapped[str] = mapped_column(String(120))
    iban: Mapped[str] = mapped_column(String(34), default="")
    account: Mapped[str] = mapped_column(String(34), default="")  # where there is no IBAN
    routing: Mapped[str] = mapped_column(String(11), default="")  # BIC beside an IBAN, else ABA routing number or BIC

    @property
    def shown_iban(self) -> str:
        """In groups of four, as it is read out and typed."""
        return " ".join(self.iban[start : start + 4] for start in range(0, len(self.iban), 4))

    @property
    def last_digits(self) -> str:
        return (self.iban or self.account)[-4:]


class Report(Keyed, Created, CustomerOwned, Base):
    """A customer says that something is wrong with a vendor, in its own words. The vendor never reads it."""

    __tablename__ = "report"
    __table_args__ = (
        Index("ix_report_vendor", "vendor_id", "created_at"),
        Index("ix_report_created", "created_at"),
    )

    customer_id: Mapped[UUID] = owner("customer", index=True)
    vendor_id: Mapped[UUID] = owner("vendor")
    words: Mapped[str] = mapped_column(String(500), default="")
    withdrawn_at: Mapped[datetime | None] = mapped_column(default=None)  # by the customer, who let the vendor in again
    dismissed_at: Mapped[datetime | None] = mapped_column(default=None)  # by the operator: no longer counts


class DirectReminder(Keyed, Created, VendorOwned, CustomerOwned, Base):
    """A customer says that the supplier's own system reminded it too: what Sheaf is there to end (FEATURES A3)."""

    __tablename__ = "direct_reminder"
    __table_args__ = (UniqueConstraint("vendor_id", "customer_id"),)

    vendor_id: Mapped[UUID] = owner("vendor")
    customer_id: Mapped[UUID] = owner("customer", index=True)
    said_at: Mapped[datetime]  # last
