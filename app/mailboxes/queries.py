"""Reads about a customer's mailboxes and the digests they got."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Cadence, Digest, DigestLine, Mailbox

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def mailboxes_of(session: Session) -> list[Mailbox]:
    """The scope's mailboxes."""
    return list(session.execute(select(Mailbox).order_by(Mailbox.address)).scalars())


def mailbox_of(session: Session, mailbox_id: UUID) -> Mailbox | None:
    return session.execute(select(Mailbox).where(Mailbox.id == mailbox_id)).scalar_one_or_none()


def digests_of(session: Session, limit: int = 60) -> list[tuple[Digest, str]]:
    """The newest windows with the address each was for, whatever became of them."""
    query = select(Digest, Mailbox.address).join(Mailbox, Mailbox.id == Digest.mailbox_id)
    rows = session.execute(query.order_by(Digest.created_at.desc(), Digest.id.desc()).limit(limit))
    return [(row[0], row[1]) for row in rows]


def digest_of(session: Session, digest_id: UUID) -> tuple[Digest, list[DigestLine]] | None:
    """A digest with its lines, frozen as they were sent."""
    found = session.execute(select(Digest).where(Digest.id == digest_id)).scalar_one_or_none()
    if found is None:
        return None
    return found, lines_of(session, digest_id)


def lines_of(session: Session, digest_id: UUID) -> list[DigestLine]:
    query = select(DigestLine).where(DigestLine.digest_id == digest_id).order_by(DigestLine.line)
    return list(session.execute(query).scalars())


def cadence_words(mailbox: Mailbox) -> str:
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
