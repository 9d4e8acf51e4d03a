"""Files that a vendor mails to its own intake address: taken as at its desk, where nothing has to be asked.

Two things must be so: the address was made by us for this vendor, and the sender is proven and belongs to it. Whatever
is refused stands on the vendor's connections page, with the file's name and the reason.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Person, VendorMember
from app.trust.queries import proofs_of
from app.trust.rules import belongs_to
from connectors.actions import MANAGING
from connectors.file_intake import keep_refusal, remembered, take
from connectors.file_plan import NotTaken
from connectors.files.brought import Brought, Sent, read_files
from connectors.files.reading import question
from connectors.queries import books_of


def take_mail(
    session: Session,
    vendor_id: UUID,
    sender: str,
    files: Sequence[tuple[str, bytes]],
    is_complete: bool,
    now: datetime,
) -> str:
    """Take (name, data) in the caller's transaction; returns why nothing was, or "". ``sender``: the proven one."""
    books = books_of(session, vendor_id)
    if books is None or books.as_of is None:
        return "its supplier has never imported a file at its desk"
    if not _may_bring(session, vendor_id, sender):
        return "its sender is nobody of that supplier"
    sent = [Sent(name[:120], data) for name, data in files]
    if not sent:
        return "it brings no file"
    brought = read_files(sent, remembered(books), now)
    _refuse_what_asks(brought)
    try:
        with session.begin_nested():
            done = take(session, books, sent, brought, is_complete=is_complete, now=now, person=None, by="mail")
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
