"""The customer's own say: a mailbox's rhythm, pause and stop, and who may write to it at all.

It wins over every vendor's wish (FEATURES J1), and takes effect for the next mail (INVARIANTS S10).
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.later import later
from app.models import AuditEntry, BillTo, Cadence, Customer, Mailbox, Relation, TaskKind
from app.money import Money
from app.scope import widened
from app.settings import Limits
from app.tasks.actions import drop_task, raise_task
from app.trust.actions import file_report, withdraw_reports
from app.windows import first_due, spaced_from
from app.words import marked

log = structlog.get_logger()

_SOMEBODY = later(marked("A customer"))


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a mailbox wants its digest: ``send_at`` is a wall clock in ``zone``, weekday 0 is Monday; on which days it
    wants none (app/windows.py), and how many at most: digests in 30 days, mentions of one invoice."""

    cadence: Cadence
    weekday: int
    month_day: int
    send_at: time
    zone: str
    quiet_country: str = ""
    closed_from: date | None = None
    closed_until: date | None = None
    most_digests: int | None = None
    most_mentions: int | None = None


def change_rhythm(
    session: Session, mailbox: Mailbox, rhythm: Rhythm, *, now: datetime, spacing_hours: int, person_id: UUID | None
) -> None:
    """Holds from the next window on, which opens ``spacing_hours`` after the last digest at the earliest."""
    mailbox.cadence, mailbox.weekday, mailbox.month_day = rhythm.cadence, rhythm.weekday, rhythm.month_day
    mailbox.send_at, mailbox.zone = rhythm.send_at, rhythm.zone
    mailbox.quiet_country, mailbox.closed_from = rhythm.quiet_country, rhythm.closed_from
    mailbox.closed_until = rhythm.closed_until
    mailbox.most_digests, mailbox.most_mentions = rhythm.most_digests, rhythm.most_mentions
    mailbox.next_digest_at = first_due(mailbox, now, spacing_hours)
    _record_box(session, mailbox, "rhythm.changed", now, person_id, cadence=rhythm.cadence.value, zone=rhythm.zone)


class Manner(Protocol):
    """In which language mails speak, whether they name names and amounts, and whether new invoices' PDFs come along."""

    locale: str
    is_private: bool
    amounts_in_subject: bool
    attaches_pdfs: bool


def change_manner(
    session: Session, mailbox: Mailbox, manner: Manner, *, now: datetime, person_id: UUID | None = None
) -> None:
    """Holds from the next mail on."""
    mailbox.locale, mailbox.is_private = manner.locale, manner.is_private
    mailbox.amounts_in_subject, mailbox.attaches_pdfs = manner.amounts_in_subject, manner.attaches_pdfs
    private = "yes" if manner.is_private else "no"
    _record_box(session, mailbox, "manner.changed", now, person_id, locale=manner.locale, private=private)


@dataclass(frozen=True, slots=True)
class AtOnce:
    """What has a mail of its own: new invoices from ``least`` on (None: none of them), answers to questions, payments
    that failed. All else waits for the digest, but for changed bank details, which nobody may read too late."""

    least: Money | None
    answers: bool = True
    failures: bool = True


def choose_instant(
    session: Session, mailbox: Mailbox, wanted: AtOnce, now: datetime, person_id: UUID | None = None
) -> None:
    """Of what happens from now on."""
    least = wanted.least
    mailbox.answers_at_once, mailbox.failures_at_once = wanted.answers, wanted.failures
    mailbox.instant_minor = least.minor if least else None
    mailbox.instant_currency = least.currency if least else ""
    mailbox.instant_upto = mailbox.instant_due_at = now if least else None
    _record_box(
        session, mailbox, "instant.chosen", now, person_id, least=str(least or "never"),
        answers="yes" if wanted.answers else "no", failures="yes" if wanted.failures else "no",
    )  # fmt: skip


def say_pay_runs(
    session: Session,
    customer: Customer,
    pay_days: str,
    cutoff: int,
    *,
    now: datetime,
    spacing_hours: int,
    person_id: UUID,
) -> None:
    """On which days this customer pays: its suppliers see when to expect what, and a digest before each pay run
    follows (FEATURES H11)."""
    customer.pay_days, customer.pay_cutoff = pay_days, cutoff
    for mailbox in session.execute(select(Mailbox)).scalars():
        mailbox.pay_days = pay_days
        if mailbox.cadence == Cadence.PAY_RUN:
            mailbox.next_digest_at = first_due(mailbox, now, spacing_hours)
    session.add(_entry(customer.id, "pay_runs.said", now, person_id, customer.id, {"days": pay_days}))


def pause(session: Session, mailbox: Mailbox, until: datetime, now: datetime, person_id: UUID | None = None) -> None:
    """No digests before ``until``; windows that open meanwhile end as paused."""
    mailbox.paused_until = until
    _record_box(session, mailbox, "reminders.paused", now, person_id, until=until.isoformat())


def stop_reminders(session: Session, mailbox: Mailbox, now: datetime, person_id: UUID | None = None) -> None:
    """Unsubscribe: no more digests; answers to own questions and sign-in mail still come (FEATURES D13). Idempotent."""
    if mailbox.reminders_off_at is None:
        mailbox.reminders_off_at = now
        _record_box(session, mailbox, "reminders.stopped", now, person_id)


def resume(
    session: Session, mailbox: Mailbox, *, now: datetime, spacing_hours: int, person_id: UUID | None = None
) -> None:
    """Digests again, from the next window on, whether they were paused or stopped."""
    mailbox.reminders_off_at = mailbox.paused_until = None
    mailbox.next_digest_at = first_due(mailbox, now, spacing_hours)
    _record_box(session, mailbox, "reminders.resumed", now, person_id)


def ask_for_digest(
    session: Session,
    mailbox: Mailbox,
    *,
    now: datetime,
    spacing_hours: int,
    again_minutes: int = 60,
    person_id: UUID | None = None,
) -> datetime:
    """One digest now, or as soon as the last one and the last asking are long enough ago; returns when. It uses up no
    window of the mailbox's rhythm and moves none (FEATURES D20); one that comes before it anyway is the answer."""
    last, asked = mailbox.last_digest_at, mailbox.asked_at
    due = max(now, spaced_from(last, spacing_hours)) if last else now
    if asked and asked > now and asked == mailbox.next_digest_at:
        return asked
    if asked:
        due = max(due, asked + timedelta(minutes=again_minutes))
    if mailbox.next_digest_at and mailbox.next_digest_at <= due:
        return mailbox.next_digest_at
    mailbox.next_digest_at = mailbox.asked_at = due
    _record_box(session, mailbox, "digest.asked_for", now, person_id)
    return due


def disown_mailbox(session: Session, mailbox: Mailbox, now: datetime) -> None:
    """ "This is not me": whoever reads that address has nothing to do with the customer (INVARIANTS S10)."""
    stop_reminders(session, mailbox, now)
    _record_box(session, mailbox, "mailbox.disowned", now, None)


def relation_with(session: Session, customer_id: UUID, vendor_id: UUID, now: datetime) -> Relation:
    """What this customer has decided about a vendor; made here when it is the first decision."""
    wanted = select(Relation).where(Relation.customer_id == customer_id, Relation.vendor_id == vendor_id)
    found = session.execute(wanted).scalar_one_or_none()
    if found is not None:
        return found
    fresh = Relation(customer_id=customer_id, vendor_id=vendor_id, created_at=now)
    try:
        with session.begin_nested():
            session.add(fresh)
    except IntegrityError:  # somebody decided at the same moment
        return session.execute(wanted).scalar_one()
    return fresh


def mute_vendor(session: Session, relation: Relation, now: datetime, person_id: UUID | None = None) -> None:
    """Out of the mail, still in the inbox (FEATURES B9)."""
    relation.muted_at = relation.muted_at or now
    _record_vendor(session, relation, "vendor.muted", now, person_id)


def unmute_vendor(session: Session, relation: Relation, now: datetime, person_id: UUID | None = None) -> None:
    relation.muted_at = None
    _record_vendor(session, relation, "vendor.unmuted", now, person_id)


def accept_vendor(session: Session, relation: Relation, now: datetime, person_id: UUID | None = None) -> None:
    """Yes to a vendor this customer did not know: its lines come in full from now on (INVARIANTS A1)."""
    relation.accepted_at = relation.accepted_at or now
    relation.muted_at = None
    _let_in(session, relation, now)
    _record_vendor(session, relation, "vendor.accepted", now, person_id)


def block_vendor(session: Session, relation: Relation, now: datetime, person_id: UUID | None = None) -> None:
    """Out of the mail and out of the inbox. The vendor is told so, and not why (FEATURES B9)."""
    relation.blocked_at = relation.blocked_at or now
    _tell_of_block(session, relation, now)
    _record_vendor(session, relation, "vendor.blocked", now, person_id)


def unblock_vendor(session: Session, relation: Relation, now: datetime, person_id: UUID | None = None) -> None:
    """As if it had never been blocked or reported: one that is not verified must be accepted first."""
    _let_in(session, relation, now)
    _record_vendor(session, relation, "vendor.unblocked", now, person_id)


def report_vendor(
    session: Session, relation: Relation, now: datetime, words: str, limits: Limits, person_id: UUID | None = None
) -> None:
    """Blocks, and tells the operator why: the vendor never learns by whom (INVARIANTS I2)."""
    block_vendor(session, relation, now, person_id)
    file_report(session, relation.customer_id, relation.vendor_id, words, now, limits)
    _record_vendor(session, relation, "vendor.reported", now, person_id)


def _let_in(session: Session, relation: Relation, now: datetime) -> None:
    if relation.blocked_at is None:
        return
    relation.blocked_at = None
    withdraw_reports(session, relation.customer_id, relation.vendor_id, now)
    with widened(session, "the vendor's task about a block ends with the block"):
        drop_task(session, relation.vendor_id, TaskKind.ADDRESS, f"blocked:{relation.customer_id}", now)


def _tell_of_block(session: Session, relation: Relation, now: datetime) -> None:
    with widened(session, "the vendor is told, in the name its own books use"):
        query = select(BillTo.id, BillTo.name).where(
            BillTo.vendor_id == relation.vendor_id, BillTo.customer_id == relation.customer_id
        )
        known = session.execute(query.order_by(BillTo.created_at).limit(1)).one_or_none()
        if known is not None:
            words = later(marked("%(customer)s does not take reminders here."), customer=known.name or _SOMEBODY)
            remedy = later(marked("Reach them another way; their invoices stay out of our mails."))
            raise_task(
                session, relation.vendor_id, TaskKind.ADDRESS, f"blocked:{relation.customer_id}", words, remedy, now,
                bill_to_id=known.id,
            )  # fmt: skip


def _record_box(
    session: Session, mailbox: Mailbox, action: str, now: datetime, person_id: UUID | None, **detail: str
) -> None:
    log.info(action, mailbox=str(mailbox.id))
    session.add(_entry(mailbox.customer_id, action, now, person_id, mailbox.id, detail))


def _record_vendor(
    session: Session, relation: Relation, action: str, now: datetime, person_id: UUID | None, **detail: str
) -> None:
    """The entry is the customer's, not the vendor's: what customers decide is nothing a vendor may read of."""
    log.info(action, relation=str(relation.id))
    detail["vendor"] = str(relation.vendor_id)
    session.add(_entry(relation.customer_id, action, now, person_id, relation.id, detail))


def _entry(
    customer_id: UUID,
    action: str,
    now: datetime,
    person_id: UUID | None,
    subject_id: UUID,
    detail: dict[str, str],
) -> AuditEntry:
    return AuditEntry.by(person_id, action, now, customer_id=customer_id, subject_id=subject_id, detail=dict(detail))
