"""What the rules of invariants.py ask for: the rows of a house, and beside them the mails that were taken."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import (
    Attempt,
    Digest,
    DigestLine,
    Hold,
    Invoice,
    InvoiceChange,
    LoginToken,
    Mailbox,
    Message,
    Outgoing,
    OutgoingKind,
    Person,
    Relation,
    Thread,
    ThreadInvoice,
    VendorMember,
)
from app.settings import Limits
from tests.support.sinks import Taken


@dataclass(frozen=True)
class Sent:
    """One mail the service took, with the rows it belongs to."""

    mail: Taken
    attempt: Attempt
    row: Outgoing
    digest: Digest | None
    box: Mailbox | None

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(self.mail.at, UTC)

    @property
    def words(self) -> str:
        window = f" of window {self.digest.window}" if self.digest else ""
        return f"{self.row.kind} mail{window} to {self.mail.to}"


class Records:
    """Everything the rules below ask for, read once."""

    def __init__(self, session: Session, mails: Sequence[Taken], limits: Limits) -> None:
        self.limits, self.mails = limits, mails
        self.attempts = self._by_id(session, Attempt)
        self.outgoing = self._by_id(session, Outgoing)
        self.digests = self._by_id(session, Digest)
        self.boxes = self._by_id(session, Mailbox)
        self.people = self._by_id(session, Person)
        self.invoices = self._by_id(session, Invoice)
        self.threads = self._by_id(session, Thread)
        self.messages = self._by_id(session, Message)
        self.lines: dict[UUID, list[DigestLine]] = defaultdict(list)
        for line in session.scalars(select(DigestLine)):
            self.lines[line.digest_id].append(line)
        self.changes: dict[UUID, list[InvoiceChange]] = defaultdict(list)
        for change in session.scalars(select(InvoiceChange).order_by(InvoiceChange.at, InvoiceChange.id)):
            self.changes[change.invoice_id].append(change)
        for invoice in self.invoices.values():
            if not self.changes[invoice.id]:
                self.changes[invoice.id].append(InvoiceChange.arrival(invoice))
        self.holds = list(session.scalars(select(Hold)))
        self.relations = list(session.scalars(select(Relation)))
        self.covers = list(session.scalars(select(ThreadInvoice)))
        self.members = {(one.vendor_id, one.person_id) for one in session.scalars(select(VendorMember))}
        self.sign_ins = self._by_id(session, LoginToken)
        self.tries: dict[UUID, list[Attempt]] = defaultdict(list)
        for attempt in self.attempts.values():
            self.tries[attempt.outgoing_id].append(attempt)
        self.sent = [found for mail in mails if (found := self._sent(mail))]

    def _by_id(self, session: Session, table: Any) -> dict[UUID, Any]:
        return {row.id: row for row in session.scalars(select(table))}

    def _sent(self, mail: Taken) -> Sent | None:
        attempt = self.attempts.get(UUID(mail.attempt))
        if attempt is None:
            return None
        row = self.outgoing[attempt.outgoing_id]
        digest = self.digests[row.digest_id] if row.digest_id else None
        return Sent(mail, attempt, row, digest, self.boxes[row.mailbox_id] if row.mailbox_id else None)

    def person(self, row: Outgoing) -> Person | None:
        return self.people.get(row.person_id) if row.person_id else None

    def sign_in(self, row: Outgoing) -> LoginToken | None:
        return self.sign_ins.get(row.login_token_id) if row.login_token_id else None

    @property
    def mailed(self) -> dict[UUID, list[Sent]]:
        """Digests that were taken, by mailbox, in their order."""
        found: dict[UUID, list[Sent]] = defaultdict(list)
        for sent in sorted(self.sent, key=lambda sent: sent.at):
            if sent.row.kind == OutgoingKind.DIGEST and sent.box:
                found[sent.box.id].append(sent)
        return found
