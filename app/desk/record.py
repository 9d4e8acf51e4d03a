"""What a vendor's own people did, and what we did for it: its part of the audit, in words (FEATURES G8).

Only actions listed here are read, and each is one that the vendor's people or Sheaf do to the vendor's own affairs:
what its customers decide stands in the same table, and is nothing a vendor may read of (INVARIANTS I2).
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app.care.rules import CONTACT_WORDS, FIELD_WORDS
from app.models import AuditEntry, Person
from app.scope import widened
from app.words import _, marked

PAGE = 50
Key = tuple[datetime, UUID]

# Kind of matter -> action -> its words. The page links a matter's subject by ``SUBJECTS``.
ACTIONS: dict[str, dict[str, str]] = {
    "answers": {
        "question_answered": marked("Answered a question"),
        "question.assigned": marked("Said who answers"),
        "letter.written": marked("Wrote by hand"),
        "canned.saved": marked("Saved a ready answer"),
        "canned.retired": marked("Took a ready answer away"),
        "claim.accepted": marked("Agreed to what a customer said"),
        "claim.declined": marked("Declined what a customer said"),
        "claim.not_found": marked("Found no payment"),
    },
    "reminders": {
        "hold.set": marked("Held an invoice"),
        "invoice.included": marked("Included an old invoice"),
        "customer.held": marked("Held a customer"),
        "customer.released": marked("Ended a customer's hold"),
        "vendor.chases_from": marked("Changed the first day to remind from"),
        "vendor.live": marked("Began to remind"),
        "reminders.on": marked("Switched the books' own reminders on"),
        "reminders.off": marked("Switched the books' own reminders off"),
        "policy.saved": marked("Changed a policy"),
        "policy.removed": marked("Removed a policy"),
        "policy.moved": marked("Moved a policy"),
        "vendor.note": marked("Changed the note in the digest"),
        "reasons.changed": marked("Changed the reasons for a dispute"),
    },
    "customers": {
        "customer.described": marked("Described a customer"),
        "customer.owner": marked("Said who looks after a customer"),
        "customer.looked_as": marked("Looked as a customer"),
        "contact.logged": marked("Wrote down a call"),
        "details.accepted": marked("Took over a customer's new details"),
        "details.declined": marked("Declined a customer's new details"),
        "bill_to.address_chosen": marked("Chose a mail address"),
    },
    "money": {
        "bank_account.proposed": marked("Gave a bank account"),
        "bank_account.approved": marked("Approved a bank account"),
        "bank_account.refused": marked("Gave up a bank account"),
        "pay_host.approved": marked("Approved a payment page"),
        "pay_host.refused": marked("Gave up a payment page"),
        "pay_host.frozen": marked("A new payment page waits"),
        "pay_method.given": marked("Gave a way to pay"),
        "pay_method.approved": marked("Approved a way to pay"),
        "pay_method.refused": marked("Gave up a way to pay"),
        "pay_rule.changed": marked("Changed how customers may pay"),
        "payee.customers_told": marked("Customers were told of new bank details"),
    },
    "team": {
        "member_invited": marked("Added a colleague"),
        "role_changed": marked("Changed a role"),
        "member_removed": marked("Removed a colleague"),
        "member.away": marked("Said who is away"),
        "report.subscribed": marked("Ordered the weekly report"),
        "report.ended": marked("Ended the weekly report"),
    },
    "account": {
        "vendor.signed_up": marked("Signed up"),
        "vendor.changed": marked("Changed the profile"),
        "entity.described": marked("Changed which company invoices"),
        "domain.claimed": marked("Named a domain"),
        "domain.mailed": marked("Asked for a domain's proof"),
        "domain.proven": marked("A domain was proven"),
        "domain.lost": marked("A domain is no longer proven"),
        "vendor.suspended": marked("Suspended"),
        "vendor.reinstated": marked("No longer suspended"),
        "connection.made": marked("Connected books"),
        "connection.reconnected": marked("Connected books again"),
        "connection.lost": marked("Books were disconnected"),
        "connection.ended": marked("Disconnected books"),
        "files.taken": marked("Sent books as files"),
    },
}
KINDS = {
    "answers": marked("Answers"),
    "reminders": marked("Reminders and holds"),
    "customers": marked("Customers"),
    "money": marked("Where money goes"),
    "team": marked("Team"),
    "account": marked("Account and books"),
}
WORDS = {action: words for actions in ACTIONS.values() for action, words in actions.items()}
SUBJECTS = {  # the first word of an action -> the page of its subject, and what the address calls its id
    "hold": ("desk.invoice", "invoice_id"),
    "invoice": ("desk.invoice", "invoice_id"),
    "claim": ("desk.invoice", "invoice_id"),
    "question": ("desk.thread", "thread_id"),
    "question_answered": ("desk.thread", "thread_id"),
    "letter": ("desk.thread", "thread_id"),
    "customer": ("customers.show", "bill_to_id"),
    "contact": ("customers.show", "bill_to_id"),
}
_KEYS = {str(key): words for key, words in (*CONTACT_WORDS.items(), *FIELD_WORDS.items())}
_SHOWN = ("title", "role", "kind", "field", "domain", "host", "ends_in", "until", "name", "reason")


@dataclass(frozen=True, slots=True)
class Recorded:
    at: datetime
    id: UUID
    action: str
    words: str
    who: str  # empty: we, or a machine
    subject_id: UUID | None
    detail: str

    @property
    def place(self) -> tuple[str, str] | None:
        return SUBJECTS.get(self.action.partition(".")[0])


def recorded(session: Session, vendor_id: UUID, kind: str, person_id: UUID | None, after: Key | None) -> list[Recorded]:
    """A page and one row more, newest first."""
    query = (
        select(AuditEntry, Person)
        .outerjoin(Person, Person.id == AuditEntry.person_id)
        .where(AuditEntry.vendor_id == vendor_id, AuditEntry.action.in_(list(ACTIONS.get(kind, WORDS))))
        .order_by(AuditEntry.at.desc(), AuditEntry.id.desc())
    )
    if person_id is not None:
        query = query.where(AuditEntry.person_id == person_id)
    if after is not None:
        query = query.where(tuple_(AuditEntry.at, AuditEntry.id) < after)
    with widened(session, "the vendor's own acts; the table is read by nobody else's narrower scope"):
        return [_shown(entry, person) for entry, person in session.execute(query.limit(PAGE + 1))]


def _shown(entry: AuditEntry, person: Person | None) -> Recorded:
    who = person.shown_name if person and entry.actor == "person" else ""
    known = (str(entry.detail[name]) for name in _SHOWN if entry.detail.get(name))
    said = "; ".join(_(_KEYS[each]) if each in _KEYS else each for each in known)
    return Recorded(entry.at, entry.id, entry.action, WORDS[entry.action], who, entry.subject_id, said)
