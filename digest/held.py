"""Replies to a digest that name no single supplier: kept, until their writer says on a page whom they are for (F7).

The page's link goes to the digest's own mailbox, never to the From of the reply. It opens what the digest's link opens,
and the reply. The words become one question, once.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.conversations.rules import ByMail, quote
from app.house import House
from app.links import digest_of, new_token
from app.mailboxes.queries import lines_of
from app.models import Digest, HeldReply, LineKind, Mailbox, Person
from app.outbox.actions import write_notice
from app.outbox.rendering import TOKEN_PLACE, inert, mail_template
from app.words import speaking

_MAIL = Path(__file__).resolve().parent / "templates" / "which"


class SaidBefore(Exception):
    """The same words wait already: a machine, or somebody who pressed twice."""


class TooMany(Exception):
    """More replies to one digest wait than a person writes."""


def hold_reply(
    session: Session,
    house: House,
    inbound_id: UUID,
    digest: Digest,
    box: Mailbox,
    words: str,
    now: datetime,
    *,
    person: Person | None,
    said_by: str,
    by_mail: ByMail,
) -> HeldReply:
    """Keep the words and ask by one mail, in this transaction. Raises SaidBefore, TooMany."""
    earlier = select(HeldReply.body).where(HeldReply.digest_id == digest.id)
    if words in (kept := session.execute(earlier).scalars().all()):
        raise SaidBefore("its words wait for a choice already")
    if len(kept) >= house.limits.held_per_digest:
        raise TooMany(f"{len(kept)} replies to one digest name no single supplier")
    token = new_token()
    held = HeldReply(
        token_hash=digest_of(token), customer_id=digest.customer_id, mailbox_id=box.id, digest_id=digest.id,
        inbound_id=inbound_id, created_at=now, expires_at=now + timedelta(days=house.limits.link_days), body=words,
        said_by=said_by, sender_address=by_mail.address, is_unverified=not by_mail.is_verified,
        person_id=person.id if person else None,
    )  # fmt: skip
    session.add(held)
    session.flush()
    _ask_which(session, house, held, box, token, now)
    return held


def _ask_which(session: Session, house: House, held: HeldReply, box: Mailbox, token: str, now: datetime) -> None:
    with speaking(box.locale):
        mail = mail_template(_MAIL).render(
            said=inert(quote(held.body), 300),
            link=f"{house.settings.public_url}/m/{TOKEN_PLACE}/which",
            days=house.limits.link_days,
            postal_address=house.settings.postal_address,
        )
    write_notice(session, box, f"which:{held.id}", mail, now, token=token, keys=house.keys)


def held_of(session: Session, token: str, now: datetime) -> HeldReply | None:
    """The reply a link's token shows, in the scope's customer."""
    query = select(HeldReply).where(HeldReply.token_hash == digest_of(token), HeldReply.expires_at > now)
    return session.execute(query).scalar_one_or_none()


def askable_vendors(session: Session, digest_id: UUID) -> list[tuple[UUID, str]]:
    """The suppliers of a digest by the names it used, but those that only introduced themselves."""
    lines = [line for line in lines_of(session, digest_id) if line.kind != LineKind.INTRODUCED]
    return sorted({line.vendor_id: line.vendor_name for line in lines}.items(), key=lambda pair: pair[1].casefold())


def take(session: Session, held: HeldReply, now: datetime) -> bool:
    """Whether it is this caller's to send: a conditional update that only one can win."""
    statement = update(HeldReply).where(HeldReply.id == held.id, HeldReply.used_at.is_(None)).values(used_at=now)
    taken = session.execute(statement.returning(HeldReply.id).execution_options(synchronize_session=False))
    return taken.scalar_one_or_none() is not None


def choosers(session: Session, hashes: Sequence[bytes]) -> dict[bytes, UUID]:
    """The mailbox each token of a held reply opens something for (INVARIANTS S9)."""
    if not hashes:
        return {}
    rows = session.execute(select(HeldReply.token_hash, HeldReply.mailbox_id).where(HeldReply.token_hash.in_(hashes)))
    return {row[0]: row[1] for row in rows}
