"""Reads about a customer's mailboxes and the digests they got."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app.models import Cadence, Digest, DigestLine, Mailbox, Outgoing, OutgoingKind
from app.windows import Rhythm

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def mailboxes_of(session: Session) -> list[Mailbox]:
    """The scope's mailboxes."""
    return list(session.execute(select(Mailbox).order_by(Mailbox.address)).scalars())


def mailbox_of(session: Session, mailbox_id: UUID) -> Mailbox | None:
    return session.execute(select(Mailbox).where(Mailbox.id == mailbox_id)).scalar_one_or_none()


def digests_of(
    session: Session, limit: int = 25, before: tuple[datetime, UUID] | None = None
) -> list[tuple[Digest, str]]:
    """The newest windows with the address each was for, whatever became of them; ``before`` is the last row's key of
    the page before (``created_at``, ``id``)."""
    query = select(Digest, Mailbox.address).join(Mailbox, Mailbox.id == Digest.mailbox_id)
    if before is not None:
        query = query.where(tuple_(Digest.created_at, Digest.id) < before)
    rows = session.execute(query.order_by(Digest.created_at.desc(), Digest.id.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


def digest_of(session: Session, digest_id: UUID) -> tuple[Digest, str] | None:
    """A digest of the scope, and the address it was for."""
    query = select(Digest, Mailbox.address).join(Mailbox, Mailbox.id == Digest.mailbox_id)
    found = session.execute(query.where(Digest.id == digest_id)).one_or_none()
    return (found[0], found[1]) if found else None


def lines_of(session: Session, digest_id: UUID) -> list[DigestLine]:
    """The lines of a digest, frozen as they were sent."""
    query = select(DigestLine).where(DigestLine.digest_id == digest_id).order_by(DigestLine.line)
    return list(session.execute(query).scalars())


def mail_of(session: Session, digest: Digest) -> Outgoing | None:
    """The mail of a digest that was found in the scope: as it was written, its token not in it."""
    query = select(Outgoing).where(Outgoing.digest_id == digest.id, Outgoing.kind == OutgoingKind.DIGEST)
    return session.execute(query.order_by(Outgoing.created_at.desc()).limit(1)).scalar_one_or_none()


def cadence_words(mailbox: Rhythm) -> str:
    """``every Tuesday at 09:00``."""
    at = f"at {mailbox.send_at:%H:%M}"
    return {
        Cadence.DAILY: f"every day {at}",
        Cadence.WEEKDAYS: f"every weekday {at}",
        Cadence.WEEKLY: f"every {WEEKDAYS[mailbox.weekday]} {at}",
        Cadence.SEMIMONTHLY: f"on the 1st and the 15th {at}",
        Cadence.MONTHLY: f"on day {mailbox.month_day} of each month {at}",
        Cadence.ON_DEMAND: "only when you ask for it",
    }[Cadence(mailbox.cadence)]
