"""Whose mail it is, said by every stored row that knows: the last look before a mail leaves (INVARIANTS S9).

The recipient is the stored row the mail names. The content's owner is who its digest, conversation or sign-in belongs
to. The link's owner is whom its token opens something for. All three must be one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.among import among
from app.links import digest_of
from app.models import CustomerMember, Digest, DomainProof, LoginToken, Thread, ThreadLink, VendorMember
from digest.brakes import Addressee, DueMail
from digest.held import choosers


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

    A statement or two for each kind of mail among them, however many there are.
    """
    hashes = {mail_id: digest_of(token) for mail_id, token in tokens.items()}
    digests = _keyed(session, select(Digest.id, Digest.mailbox_id, Digest.token_hash), [m.digest_id for m in mails])
    sign_ins = _keyed(
        session, select(LoginToken.id, LoginToken.id, LoginToken.token_hash), [m.login_token_id for m in mails]
    )
    threads = _keyed(session, select(Thread.id, Thread.customer_id, Thread.vendor_id), [m.thread_id for m in mails])
    links = _thread_links(session, [hashes[m.id] for m in mails if m.thread_id and m.id in hashes])
    choices = choosers(session, [hashes[m.id] for m in mails if m.mailbox_id and _is_plain(m) and m.id in hashes])
    proofs = _proofs(session, [hashes[m.id] for m in mails if m.person_id and not m.thread_id and m.id in hashes])
    belonging = _belonging(session, [m.person_id for m in mails if m.thread_id and m.person_id])
    found = {}
    for mail in mails:
        stored = to.get(mail.recipient_id) if mail.recipient_id else None
        hashed = hashes.get(mail.id)
        content, link = mail.recipient_id, mail.recipient_id if hashed is None else None
        if mail.digest_id is not None:
            content, opens = digests.get(mail.digest_id, (None, None))
            link = content if hashed == opens else link
        elif mail.thread_id is not None:
            content = _on_one_side(mail, stored, threads.get(mail.thread_id, ()), belonging)
            link = links.get((hashed, mail.thread_id)) if hashed else link
        elif mail.login_token_id is not None:
            _, opens = sign_ins.get(mail.login_token_id, (None, None))
            link = mail.login_token_id if hashed == opens else link
        elif hashed is not None:
            link = choices.get(hashed) or proofs.get(hashed)
        found[mail.id] = Owners(mail.recipient_id, stored.address if stored else "", content, link)
    return found


def _is_plain(mail: DueMail) -> bool:
    """About no digest, conversation or sign-in: to a mailbox, a reply that waits for its writer's choice."""
    return mail.digest_id is None and mail.thread_id is None and mail.login_token_id is None


def _keyed(session: Session, query: Any, ids: Iterable[UUID | None]) -> dict[UUID, tuple[Any, ...]]:
    """The query's rows among ``ids``, by their first column."""
    wanted = {each for each in ids if each is not None}
    if not wanted:
        return {}
    key = query.selected_columns[0]
    return {row[0]: tuple(row[1:]) for row in session.execute(query.where(among(key, wanted)))}


def _thread_links(session: Session, hashes: Collection[bytes]) -> dict[tuple[bytes, UUID], UUID]:
    """The mailbox each token opens its conversation for."""
    if not hashes:
        return {}
    query = select(ThreadLink.token_hash, ThreadLink.thread_id, ThreadLink.mailbox_id)
    rows = session.execute(query.where(ThreadLink.token_hash.in_(hashes)))
    return {(row[0], row[1]): row[2] for row in rows}


def _proofs(session: Session, hashes: Collection[bytes]) -> dict[bytes, UUID]:
    """Whom a link that proves a domain was written to."""
    if not hashes:
        return {}
    query: Any = select(DomainProof.token_hash, DomainProof.mailed_to_id)
    query = query.where(DomainProof.token_hash.in_(hashes))
    return {row[0]: row[1] for row in session.execute(query)}


def _belonging(session: Session, people: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    """(person, vendor or customer) for every person one of the conversations' mails goes to."""
    if not people:
        return set()
    sells = select(VendorMember.person_id, VendorMember.vendor_id).where(VendorMember.person_id.in_(people))
    owes = select(CustomerMember.person_id, CustomerMember.customer_id).where(CustomerMember.person_id.in_(people))
    return {(row[0], row[1]) for query in (sells, owes) for row in session.execute(query)}


def _on_one_side(
    mail: DueMail, stored: Addressee | None, sides: tuple[UUID, ...], belonging: set[tuple[UUID, UUID]]
) -> UUID | None:
    """The recipient, when it stands on one of the conversation's two sides: (customer, vendor)."""
    if mail.person_id is not None:
        return mail.person_id if any((mail.person_id, side) in belonging for side in sides) else None
    return mail.mailbox_id if stored and sides and stored.customer_id == sides[0] else None
