"""Whose mail it is, said by every stored row that knows: the last look before a mail leaves (INVARIANTS S9).

The recipient is the stored row the mail names. The content's owner is who its digest, conversation or sign-in belongs
to. The link's owner is whom its token opens something for. All three must be one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.links import digest_of
from app.models import CustomerMember, Digest, LoginToken, Thread, ThreadLink, VendorMember
from digest.brakes import Addressee, DueMail


class WrongRecipient(RuntimeError):
    """The rows disagree about whose mail this is: a bug, and the mail must not leave."""


@dataclass(frozen=True, slots=True)
class Owners:
    """What the rows say of one mail. None: nobody, or a row that is not there."""

    recipient_id: UUID | None
    stored_address: str = field(repr=False)
    content: UUID | None
    link: UUID | None


def check_one_recipient(owners: Owners, address: str) -> None:
    """Raises WrongRecipient unless address, recipient, content and link are one and the same party's."""
    if not address or address != owners.stored_address:
        raise WrongRecipient("the address is not the stored one")
    if owners.recipient_id is None or owners.content != owners.recipient_id:
        raise WrongRecipient("the content belongs to somebody else")
    if owners.link != owners.recipient_id:
        raise WrongRecipient("the link belongs to somebody else")


def load_owners(
    session: Session, mails: Sequence[DueMail], to: dict[UUID, Addressee], tokens: dict[UUID, str]
) -> dict[UUID, Owners]:
    """The owners of ``mails`` by mail id; ``tokens`` holds the opened token of those that carry one.

    A handful of statements, however many mails: one for each kind of row that is named.
    """
    digests = _by_id(session, Digest, Digest.mailbox_id, (mail.digest_id for mail in mails))
    threads = _threads(session, mails)
    belonging = _belonging(session, mails)
    opens = _opened_by(session, {mail_id: digest_of(token) for mail_id, token in tokens.items()})
    found = {}
    for mail in mails:
        stored = to.get(mail.recipient_id) if mail.recipient_id else None
        content = mail.recipient_id
        if mail.digest_id is not None:
            content = digests.get(mail.digest_id)
        elif mail.thread_id is not None:
            content = _thread_owner(mail, stored, threads, belonging)
        link = opens.get(mail.id) if mail.id in tokens else mail.recipient_id
        found[mail.id] = Owners(mail.recipient_id, stored.address if stored else "", content, link)
    return found


def _by_id(session: Session, table: Any, column: Any, ids: Iterable[UUID | None]) -> dict[UUID, Any]:
    wanted = {each for each in ids if each is not None}
    if not wanted:
        return {}
    return {row[0]: row[1] for row in session.execute(select(table.id, column).where(table.id.in_(wanted)))}


def _threads(session: Session, mails: Sequence[DueMail]) -> dict[UUID, tuple[UUID, UUID]]:
    wanted = {mail.thread_id for mail in mails if mail.thread_id is not None}
    if not wanted:
        return {}
    query = select(Thread.id, Thread.customer_id, Thread.vendor_id).where(Thread.id.in_(wanted))
    return {row[0]: (row[1], row[2]) for row in session.execute(query)}


def _belonging(session: Session, mails: Sequence[DueMail]) -> set[tuple[UUID, UUID]]:
    """(person, vendor or customer) for every person one of the conversations' mails goes to."""
    wanted = {mail.person_id for mail in mails if mail.thread_id is not None and mail.person_id is not None}
    if not wanted:
        return set()
    sells = select(VendorMember.person_id, VendorMember.vendor_id).where(VendorMember.person_id.in_(wanted))
    owes = select(CustomerMember.person_id, CustomerMember.customer_id).where(CustomerMember.person_id.in_(wanted))
    return {(row[0], row[1]) for query in (sells, owes) for row in session.execute(query)}


def _thread_owner(
    mail: DueMail,
    stored: Addressee | None,
    threads: dict[UUID, tuple[UUID, UUID]],
    belonging: set[tuple[UUID, UUID]],
) -> UUID | None:
    """The recipient, when it stands on one of the conversation's two sides."""
    sides = threads.get(mail.thread_id, ()) if mail.thread_id else ()
    if mail.person_id is not None:
        return mail.person_id if any((mail.person_id, side) in belonging for side in sides) else None
    return mail.mailbox_id if stored and sides and stored.customer_id == sides[0] else None


def _opened_by(session: Session, hashes: dict[UUID, bytes]) -> dict[UUID, UUID]:
    """Whom each token opens something for: a digest's or a thread link's mailbox, or a sign-in."""
    if not hashes:
        return {}
    wanted = set(hashes.values())
    owner: dict[bytes, UUID] = {}
    for key, party in (
        (Digest.token_hash, Digest.mailbox_id),
        (ThreadLink.token_hash, ThreadLink.mailbox_id),
        (LoginToken.token_hash, LoginToken.id),
    ):
        owner.update({row[0]: row[1] for row in session.execute(select(key, party).where(key.in_(wanted))) if row[0]})
    return {mail_id: owner[hashed] for mail_id, hashed in hashes.items() if hashed in owner}
