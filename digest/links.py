"""From a mail's token to what its holder may see: one digest's lines, or one thread (INVARIANTS L2)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import Database
from app.links import digest_of
from app.models import Digest, DigestLine, LineKind, Mailbox, Relation, ThreadLink, Vendor
from app.receivables.queries import Row, find_row
from app.scope import Everything, LinkScope

_RESOLVE = Everything("a token has no scope before it is resolved")


def resolve(database: Database, token: str, now: datetime) -> LinkScope | None:
    """The scope a token opens, or None: unknown, expired and revoked look the same."""
    hashed = digest_of(token)
    with database.reading(_RESOLVE) as session:
        digest = session.execute(select(Digest).where(Digest.token_hash == hashed)).scalar_one_or_none()
        if digest is not None:
            if digest.token_revoked_at or not digest.token_expires_at or digest.token_expires_at <= now:
                return None
            return LinkScope(digest.customer_id, digest.mailbox_id, digest_id=digest.id)
        link = session.execute(select(ThreadLink).where(ThreadLink.token_hash == hashed)).scalar_one_or_none()
        if link is None or link.revoked_at or link.expires_at <= now:
            return None
        return LinkScope(link.customer_id, link.mailbox_id, thread_id=link.thread_id)


def line_of(session: Session, number: int) -> DigestLine | None:
    """One line of the scope's digest."""
    return session.execute(select(DigestLine).where(DigestLine.line == number)).scalar_one_or_none()


def live_row(session: Session, line: DigestLine, now: datetime) -> Row | None:
    """The line's invoice as it is now; None while its vendor only introduces itself."""
    if line.invoice_id is None or line.kind == LineKind.INTRODUCED:
        return None
    return find_row(session, line.invoice_id, now)


def mailbox_of(session: Session, scope: LinkScope) -> Mailbox:
    return session.execute(select(Mailbox).where(Mailbox.id == scope.mailbox_id)).scalar_one()


def vendors_of(session: Session) -> list[tuple[UUID, str]]:
    """The vendors in the scope's digest, by the names it used."""
    query = select(DigestLine.vendor_id, DigestLine.vendor_name).distinct().order_by(DigestLine.vendor_name)
    return [(row[0], row[1]) for row in session.execute(query)]


def relation_with(session: Session, scope: LinkScope, vendor_id: UUID, now: datetime) -> Relation:
    """What this customer has decided about a vendor of this digest; made when it is the first decision."""
    found = session.execute(select(Relation).where(Relation.vendor_id == vendor_id)).scalar_one_or_none()
    if found is None:
        found = Relation(customer_id=scope.customer_id, vendor_id=vendor_id, created_at=now)
        session.add(found)
    return found


def vendor_name(session: Session, vendor_id: UUID) -> str:
    return session.execute(select(Vendor.name).where(Vendor.id == vendor_id)).scalar_one()
