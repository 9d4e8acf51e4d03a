"""Files that come by mail to an intake address.

A vendor's are taken as at its desk, where nothing has to be asked, when the sender is proven and belongs to it;
whatever is refused stands on its connections page, with the file's name and the reason. A customer's are invoices of
suppliers who are not here: anybody may send those, for a person looks at each before it counts.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.forwarded.actions import TooManyWait, keep_draft
from app.forwarded.rules import Draft
from app.intake import Intake, MailedFiles
from app.models import Connection, Mailbox, Person, VendorMember
from app.trust.queries import proofs_of
from app.trust.rules import belongs_to
from connectors.actions import MANAGING
from connectors.file_draft import draft_of
from connectors.file_intake import keep_refusal, remembered, take
from connectors.file_plan import NotTaken
from connectors.files.brought import Brought, Sent, read_files
from connectors.files.pdf_text import text_of
from connectors.files.reading import question
from connectors.queries import books_of


def take_mail(session: Session, mailed: MailedFiles, now: datetime) -> str:
    """Take them in the caller's transaction; returns why nothing was, or ""."""
    if not mailed.files:
        return "it brings no file"
    if mailed.intake is Intake.FORWARDED:
        return _forward(session, mailed, now)
    books = books_of(session, mailed.owner_id)
    if books is None or books.as_of is None:
        return "its supplier has never imported a file at its desk"
    if not _may_bring(session, mailed.owner_id, mailed.sender if mailed.is_proven else ""):
        return "its sender is nobody of that supplier"
    return _take(session, books, mailed, now)


def read_draft(data: bytes) -> Draft:
    """What a forwarded file says."""
    return draft_of(data, text_of(data))


def _forward(session: Session, mailed: MailedFiles, now: datetime) -> str:
    box = session.get(Mailbox, mailed.owner_id)
    if box is None:
        return "its mailbox is gone"
    for name, data in mailed.files:
        try:
            keep_draft(
                session, customer_id=box.customer_id, name=name, data=data, draft=read_draft(data),
                brought_by=mailed.sender, now=now,
            )  # fmt: skip
        except TooManyWait:
            return "so many wait to be looked at that no more are taken"
    return ""


def _take(session: Session, books: Connection, mailed: MailedFiles, now: datetime) -> str:
    sent = [Sent(name[:120], data) for name, data in mailed.files]
    brought = read_files(sent, remembered(books), now)
    _refuse_what_asks(brought)
    try:
        with session.begin_nested():
            done = take(
                session,
                books,
                sent,
                brought,
                is_complete=mailed.intake is Intake.COMPLETE,
                now=now,
                person=None,
                by="mail",
            )
    except NotTaken as problem:
        for one in sent:
            keep_refusal(session, books, one.name, str(problem), now)
        return "its files were not taken; the supplier sees why"
    return "" if len(done.refused) < len(sent) else "its files were refused; the supplier sees why"


def _refuse_what_asks(brought: Brought) -> None:
    """By mail nobody can be asked."""
    for one in brought.asking:
        asks = ", ".join(map(question, one.proposal.asks))
        brought.refused.append((one.name, f"Import it once at your desk, and say there: {asks}."))
        brought.tables.remove(one)
    brought.asking.clear()


def _may_bring(session: Session, vendor_id: UUID, sender: str) -> bool:
    """Somebody who manages its books, or a program that writes from a domain it has proven."""
    domain = sender.rpartition("@")[2]
    if domain and belongs_to(domain, [proof.domain for proof in proofs_of(session, vendor_id) if proof.is_proven]):
        return True
    query = (
        select(VendorMember.person_id)
        .join(Person, Person.id == VendorMember.person_id)
        .where(VendorMember.vendor_id == vendor_id, VendorMember.role.in_([str(role) for role in MANAGING]))
        .where(Person.address == sender, Person.disabled_at.is_(None))
    )
    return bool(sender) and session.execute(query).first() is not None
