"""All tables, the wings' too, one noun a file."""

from app.models.audit import Alarm, AuditEntry, JobRun, StopSwitch
from app.models.base import Base
from app.models.bill_to import AddressIssue, BillTo, CompanySize, LateRisk
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
from app.models.customer import Customer
from app.models.digest import Digest, DigestLine, LineKind, Outcome
from app.models.gate import SendGate
from app.models.hold import Hold, HoldKind, HoldResult
from app.models.inbound import HeldReply, InboundMail, InboundOutcome
from app.models.invoice import (
    Credit,
    CreditKind,
    Invoice,
    InvoiceChange,
    InvoiceDocument,
    InvoiceState,
    Payment,
    Settlement,
)
from app.models.mailbox import Cadence, Mailbox, Mention, Relation
from app.models.outgoing import Attempt, AttemptResult, DeliveryEvent, Outgoing, OutgoingKind, OutgoingState
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
    "AddressIssue",
    "Alarm",
    "Attempt",
    "AttemptResult",
    "AuditEntry",
    "BankAccount",
    "Base",
    "BillTo",
    "Cadence",
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
    "Digest",
    "DigestLine",
    "DirectReminder",
    "DomainProof",
    "FactField",
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
    "JobRun",
    "LateRisk",
    "LineKind",
    "LoginToken",
    "Mailbox",
    "Mention",
    "Message",
    "MessageAttachment",
    "OfflineContact",
    "Outcome",
    "Outgoing",
    "OutgoingKind",
    "OutgoingState",
    "PayHost",
    "Payee",
    "Payment",
    "Person",
    "Policy",
    "ProofWay",
    "ProviderEvent",
    "Quarantined",
    "Rating",
    "Relation",
    "Report",
    "SendGate",
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
