"""Invoice accuracy: the share of the invoices issued in a period that nobody had to question or dispute.

Against an invoice stand a dispute the customer did not take back, a question about its correctness (one of the topics
below, or a thread that ended with a correction or a credit), and, in the wider figure, an error somebody told the
vendor's people by telephone. An invoice counts once, however often it was found wrong.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.among import among
from app.claims.rules import REASONS as CLAIMED
from app.conversations.rules import QUICK_QUESTIONS
from app.models import (
    BillTo,
    ContactKind,
    Hold,
    HoldKind,
    HoldResult,
    Invoice,
    InvoiceState,
    OfflineContact,
    Thread,
    ThreadInvoice,
)
from app.scorecard.periods import Period
from app.words import _, marked

TOPICS = ("order", "address", "breakdown", "received")
_CORRECTED = {"corrected": marked("Corrected after a question"), "credited": marked("Credited after a question")}
_NOT_ISSUED = (InvoiceState.DRAFT, InvoiceState.UNKNOWN, InvoiceState.TWIN)


@dataclass(frozen=True, slots=True)
class Faulty:
    """One invoice that was found wrong, and why: keys for reason_words()."""

    id: UUID
    number: str
    customer_name: str
    issued_on: date | None
    currency: str
    total_minor: int
    reasons: tuple[str, ...]
    is_offline: bool  # only told by telephone


@dataclass(frozen=True, slots=True)
class Accuracy:
    issued: int
    faulty: list[Faulty]

    @property
    def share(self) -> float | None:
        """What we saw ourselves; None where nothing was issued."""
        return self._share(sum(not one.is_offline for one in self.faulty))

    @property
    def share_with_offline(self) -> float | None:
        return self._share(len(self.faulty))

    def _share(self, wrong: int) -> float | None:
        return 1 - wrong / self.issued if self.issued else None

    @property
    def reasons(self) -> list[tuple[str, int]]:
        """By the number of invoices, the most frequent first."""
        return Counter(reason for one in self.faulty for reason in one.reasons).most_common()


def reason_words(key: str) -> str:
    """In the language spoken now; a vendor's own reasons are its own words."""
    quick = {each.key: each.label for each in QUICK_QUESTIONS}
    known = CLAIMED | _CORRECTED | quick
    return _(known[key]) if key in known else key or _("Something else")


def accuracy(session: Session, vendor_id: UUID, about: Period) -> Accuracy:
    """Five statements, whatever the number of invoices."""
    issued = (
        Invoice.vendor_id == vendor_id,
        Invoice.issued_on.between(about.first, about.last),
        Invoice.state.not_in(_NOT_ISSUED),
    )
    seen, told = _seen(session, vendor_id, about), _told(session, vendor_id, about)
    rows = session.execute(
        select(
            Invoice.id, Invoice.number, func.coalesce(BillTo.name, ""), Invoice.issued_on, Invoice.currency,
            Invoice.total_minor,
        )
        .outerjoin(BillTo, BillTo.id == Invoice.bill_to_id)
        .where(among(Invoice.id, seen.keys() | told.keys()), *issued)
        .order_by(Invoice.issued_on.desc(), Invoice.id)
    )  # fmt: skip
    faulty = [
        Faulty(*row, reasons=tuple(sorted(seen[row[0]] | told[row[0]])), is_offline=not seen[row[0]]) for row in rows
    ]
    return Accuracy(session.execute(select(func.count(Invoice.id)).where(*issued)).scalar_one(), faulty)


def _seen(session: Session, vendor_id: UUID, about: Period) -> dict[UUID, set[str]]:
    """Invoices found wrong in the inbox or by mail: nobody can have done so before they were issued."""
    found = defaultdict[UUID, set[str]](set)
    disputes = select(Hold.invoice_id, Hold.reason).where(
        Hold.vendor_id == vendor_id,
        Hold.kind == HoldKind.DISPUTE,
        Hold.created_at >= about.since,
        or_(Hold.result.is_(None), Hold.result != HoldResult.WITHDRAWN),
    )
    for invoice_id, reason in session.execute(disputes):
        found[invoice_id].add(reason or "other")
    questions = (
        select(ThreadInvoice.invoice_id, Thread.topic, Thread.result)
        .join(Thread, Thread.id == ThreadInvoice.thread_id)
        .where(Thread.vendor_id == vendor_id, Thread.created_at >= about.since)
        .where(or_(Thread.topic.in_(TOPICS), Thread.result.in_(_CORRECTED)))
    )
    for invoice_id, topic, result in session.execute(questions):
        if topic in TOPICS or invoice_id not in found:  # a dispute's own thread ends corrected, too
            found[invoice_id].add(topic if topic in TOPICS else result)
    return found


def _told(session: Session, vendor_id: UUID, about: Period) -> dict[UUID, set[str]]:
    found = defaultdict[UUID, set[str]](set)
    query = select(OfflineContact.invoice_id, OfflineContact.reason).where(
        OfflineContact.vendor_id == vendor_id,
        OfflineContact.kind == ContactKind.ERROR,
        OfflineContact.said_on >= about.first,
    )
    for invoice_id, reason in session.execute(query):
        if invoice_id is not None:
            found[invoice_id].add(reason or "other")
    return found
