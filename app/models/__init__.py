"""All tables, the wings' too, one noun a file."""

from app.models.audit import Alarm, AuditEntry, JobRun, StopSwitch
from app.models.base import Base
from app.models.bill_to import HAS_ADDRESS_ISSUE, AddressIssue, BillTo, CompanySize, LateRisk
from app.models.care import CannedAnswer, ContactKind, CustomerFact, FactField, OfflineContact, ThreadNote
from app.models.connection import (
    Connection,
    ConnectionState,
    ProviderEvent,
    Quarantined,
    SyncRun,
    WaitingFile,
    WriteBack,
)
from app.models.customer import Customer, Merge
from app.models.details import DetailKind, DetailsChange, DetailsProposal
from app.models.digest import Digest, DigestLine, LineKind, Outcome
from app.models.feed import CalendarFeed
from app.models.forgotten import ForgottenAddress
from app.models.forwarded import ForwardedInvoice
from app.models.gate import SendGate
from app.models.hold import Hold, HoldKind, HoldResult
from app.models.inbound import HeldReply, InboundMail, InboundOutcome
from app.models.invoice import (
    IN_BOOKS_OPEN,
    Credit,
    CreditKind,
    Invoice,
    InvoiceChange,
    InvoiceDocument,
    InvoiceState,
    InvoiceSum,
    Payment,
    Settlement,
)
from app.models.mailbox import Cadence, Mailbox, Mention, Relation, Route
from app.models.outgoing import Attempt, AttemptResult, DeliveryEvent, Outgoing, OutgoingKind, OutgoingState
from app.models.paying import FailureReason, FailureText, PayMethod, PayRule, Remittance, Setback, SetbackKind
from app.models.person import (
    CustomerMember,
    CustomerRole,
    LoginToken,
    Person,
    VendorMember,
    VendorRole,
    WebSession,
)
from app.models.policy import Policy
from app.models.rating import Rating
from app.models.task import TaskKind, VendorTask
from app.models.thread import Message, MessageAttachment, Side, Thread, ThreadInvoice, ThreadLink, ThreadState
from app.models.trust import BankAccount, DirectReminder, DomainProof, Payee, PayHost, ProofWay, Report
from app.models.vendor import Trust, Vendor

__all__ = [
    "HAS_ADDRESS_ISSUE",
    "IN_BOOKS_OPEN",
    "AddressIssue",
    "Alarm",
    "Attempt",
    "AttemptResult",
    "AuditEntry",
    "BankAccount",
    "Base",
    "BillTo",
    "Cadence",
    "CalendarFeed",
    "CannedAnswer",
    "CompanySize",
    "Connection",
    "ConnectionState",
    "ContactKind",
    "Credit",
    "CreditKind",
    "Customer",
    "CustomerFact",
    "CustomerMember",
    "CustomerRole",
    "DeliveryEvent",
    "DetailKind",
    "DetailsChange",
    "DetailsProposal",
    "Digest",
    "DigestLine",
    "DirectReminder",
    "DomainProof",
    "FactField",
    "FailureReason",
    "FailureText",
    "ForgottenAddress",
    "ForwardedInvoice",
    "HeldReply",
    "Hold",
    "HoldKind",
    "HoldResult",
    "InboundMail",
    "InboundOutcome",
    "Invoice",
    "InvoiceChange",
    "InvoiceDocument",
    "InvoiceState",
    "InvoiceSum",
    "JobRun",
    "LateRisk",
    "LineKind",
    "LoginToken",
    "Mailbox",
    "Mention",
    "Merge",
    "Message",
    "MessageAttachment",
    "OfflineContact",
    "Outcome",
    "Outgoing",
    "OutgoingKind",
    "OutgoingState",
    "PayHost",
    "PayMethod",
    "PayRule",
    "Payee",
    "Payment",
    "Person",
    "Policy",
    "ProofWay",
    "ProviderEvent",
    "Quarantined",
    "Rating",
    "Relation",
    "Remittance",
    "Report",
    "Route",
    "SendGate",
    "Setback",
    "SetbackKind",
    "Settlement",
    "Side",
    "StopSwitch",
    "SyncRun",
    "TaskKind",
    "Thread",
    "ThreadInvoice",
    "ThreadLink",
    "ThreadNote",
    "ThreadState",
    "Trust",
    "Vendor",
    "VendorMember",
    "VendorRole",
    "VendorTask",
    "WaitingFile",
    "WebSession",
    "WriteBack",
]
