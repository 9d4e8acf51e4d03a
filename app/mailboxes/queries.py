"""Reads about a customer's mailboxes and the digests they got."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, select, tuple_
from sqlalchemy.orm import Session, aliased

from app.mailboxes.outlook import Asking, verdicts
from app.models import (
    Cadence,
    Connection,
    Customer,
    Digest,
    DigestLine,
    Invoice,
    LineKind,
    Mailbox,
    Outgoing,
    OutgoingKind,
    Relation,
    Vendor,
)
from app.payruns import expected_on
from app.receivables.queries import IS_OPEN
from app.receivables.rules import Eligibility
from app.scope import widened
from app.settings import Limits
from app.windows import Rhythm, days_said
from app.words import _, marked

WEEKDAYS = (
    marked("Monday"),
    marked("Tuesday"),
    marked("Wednesday"),
    marked("Thursday"),
    marked("Friday"),
    marked("Saturday"),
    marked("Sunday"),
)


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
    """What a digest said is owed, line by line, frozen as it was sent."""
    query = select(DigestLine).where(DigestLine.digest_id == digest_id, DigestLine.kind != LineKind.RATING)
    return list(session.execute(query.order_by(DigestLine.line)).scalars())


def mail_of(session: Session, digest: Digest) -> Outgoing | None:
    """The mail of a digest that was found in the scope: as it was written, its token not in it."""
    query = select(Outgoing).where(Outgoing.digest_id == digest.id, Outgoing.kind == OutgoingKind.DIGEST)
    with widened(session, "the outbox is in nobody's narrower scope; this digest is in the reader's"):
        return session.execute(query.order_by(Outgoing.created_at.desc()).limit(1)).scalar_one_or_none()


def cadence_words(mailbox: Rhythm) -> str:
    """``every Tuesday at 09:00``."""
    facts = {"time": f"{mailbox.send_at:%H:%M}", "day": mailbox.month_day}
    match Cadence(mailbox.cadence):
        case Cadence.DAILY:
            return _("every day at %(time)s", **facts)
        case Cadence.WEEKDAYS:
            return _("every weekday at %(time)s", **facts)
        case Cadence.WEEKLY:
            return _(_WEEKLY[mailbox.weekday], **facts)
        case Cadence.SEMIMONTHLY:
            return _("on the 1st and the 15th at %(time)s", **facts)
        case Cadence.MONTHLY:
            return _("on day %(day)s of each month at %(time)s", **facts)
        case Cadence.PAY_RUN if mailbox.pay_days:
            runs = mailbox.pay_days.replace(",", ", ")
            return _("two days before each of your pay runs (%(days)s) at %(time)s", days=runs, time=facts["time"])
        case Cadence.PAY_RUN:
            return _("two days before your pay run on day %(day)s of each month at %(time)s", **facts)
        case Cadence.ON_DEMAND:
            return _("only when you ask for it")


_WEEKLY = (
    marked("every Monday at %(time)s"),
    marked("every Tuesday at %(time)s"),
    marked("every Wednesday at %(time)s"),
    marked("every Thursday at %(time)s"),
    marked("every Friday at %(time)s"),
    marked("every Saturday at %(time)s"),
    marked("every Sunday at %(time)s"),
)


def next_word_of(session: Session, invoice_id: UUID, now: datetime, limits: Limits) -> Eligibility | None:
    """Whether the mailbox's next digest would ask for this invoice, and why: the planner's own word (FEATURES J1).
    None for an invoice that is not open, or reaches no mailbox.

    What is open beside it with the same vendor counts too, because credit may cover all of it.
    """
    mine = aliased(Invoice)
    beside = and_(mine.id == invoice_id, mine.vendor_id == Invoice.vendor_id, mine.mailbox_id == Invoice.mailbox_id)
    found = session.execute(
        select(Invoice, Vendor, Connection, Mailbox, Relation)
        .join(mine, beside)
        .join(Vendor, Vendor.id == Invoice.vendor_id)
        .join(Connection, Connection.id == Invoice.connection_id)
        .join(Mailbox, Mailbox.id == Invoice.mailbox_id)
        .outerjoin(Relation, and_(Relation.vendor_id == Invoice.vendor_id, Relation.customer_id == Invoice.customer_id))
        .where(IS_OPEN)
    ).all()
    return verdicts(session, [Asking(*row) for row in found], now, limits).get(invoice_id)


@dataclass(frozen=True, slots=True)
class PayRun:
    """When a customer is likely to pay an invoice, and the days of a month on which it says that it pays."""

    expected_on: date
    days: tuple[int, ...]


def pay_run_of(session: Session, invoice: Invoice, zone: str, now: datetime) -> PayRun | None:
    """What the customer tells all its vendors of when it pays (FEATURES H11), for one open invoice."""
    if not invoice.is_open or invoice.customer_id is None:
        return None
    with widened(session, "on which days of the month this vendor's own customer pays, which it wants known"):
        said = select(Customer.pay_days, Customer.pay_cutoff).where(Customer.id == invoice.customer_id)
        pay_days, cutoff = session.execute(said).one()
    local = ZoneInfo(zone)
    known_on, today = invoice.created_at.astimezone(local).date(), now.astimezone(local).date()
    found = expected_on(pay_days, cutoff, due_on=invoice.due_on, known_on=known_on, today=today)
    return PayRun(found, days_said(pay_days)) if found else None
