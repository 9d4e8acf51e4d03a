"""A line that was settled when its mail was handed over, and of which we learned later: we say so, once (FEATURES I5).

Every settlement is held once against the mails that had asked for it. Was the invoice settled before the newest of them
left, its mailbox gets one short apology, unless a later digest told it already, or the next one is about to. Either way
the case is on record with its cause.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session, aliased

from app.db import database_now
from app.house import House
from app.models import (
    Attempt,
    AttemptResult,
    AuditEntry,
    Connection,
    Digest,
    DigestLine,
    Invoice,
    InvoiceState,
    LineKind,
    Mailbox,
    Outgoing,
    OutgoingKind,
    OutgoingState,
    ProviderEvent,
    Relation,
    Settlement,
    SyncRun,
    Trust,
    Vendor,
)
from app.outbox.actions import write_mail
from app.outbox.rendering import Mail, amounts, inert, mail_template
from app.scope import Everything
from app.scorecard.experiences import REMINDED_LATE
from app.words import _, days, marked, speaking

log = structlog.get_logger()

_WORKER = Everything("corrections reach over all vendors of a mailbox")
_FOLDER = Path(__file__).parent / "templates" / "correction"
_BATCH = 200
_SOON = timedelta(hours=1)  # a digest that comes within it says the same
_IN_DOUBT = timedelta(days=3)  # so long a mail whose fate is unknown may still turn out to have left
_EVENTS_COME = timedelta(hours=24)  # a provider whose webhooks came within it has them switched on


@dataclass(frozen=True, slots=True)
class Mistake:
    """One line of a mail that asked for what was settled already. Instants are UTC."""

    settlement: Settlement
    mailbox: Mailbox
    digest_id: UUID
    composed_at: datetime
    handed_at: datetime
    vendor_name: str
    number: str
    currency: str
    amount_minor: int
    provider: str
    is_open: bool  # again
    is_unwanted: bool  # nothing of this vendor goes to this customer any more
    was_told: bool  # a later digest has left since we know

    @property
    def settled_at(self) -> datetime:
        assert self.settlement.settled_at
        return self.settlement.settled_at


def correct(house: House) -> int:
    """Hold one batch of settlements against what was mailed; returns how many."""
    with house.database.transaction(_WORKER) as session:
        now = database_now(session)
        settlements = _unchecked(session, house, now)
        if not settlements:
            return 0
        by_box = defaultdict[UUID, list[Mistake]](list)
        for mistake in _mistakes(session, settlements):
            by_box[mistake.mailbox.id].append(mistake)
        for box_id in sorted(by_box):
            _correct_mailbox(session, house, by_box[box_id], now)
        checked = update(Settlement).where(Settlement.id.in_([each.id for each in settlements])).values(checked_at=now)
        session.execute(checked.execution_options(synchronize_session=False))
    return len(settlements)


def cause_of(mistake: Mistake, *, has_webhooks: bool, was_unreachable: bool, slack: timedelta) -> str:
    """Why the mail did not know, for the record. ``slack``: what lies between our look at the books and composing."""
    told_at = mistake.settlement.told_at
    if mistake.settled_at >= mistake.composed_at - slack:
        return "settled between our last look and the hand-over"
    if was_unreachable:
        return "the provider could not be asked"
    if told_at is not None:
        return "the webhook came late" if told_at > mistake.handed_at else "the webhook waited here"
    return "the webhook was lost" if has_webhooks else "no webhook: the books were looked at too late"


# --- what was settled, and which mails had asked for it -------------------------------------------------------------


def _unchecked(session: Session, house: House, now: datetime) -> list[Settlement]:
    """Those seen some minutes ago, so that what was settled together is told together, whose mails are all decided:
    none is on its way, or about to be followed by the next one."""
    line, mail, box = aliased(DigestLine), aliased(Outgoing), aliased(Mailbox)
    undecided = or_(
        mail.state == OutgoingState.CLAIMED,
        and_(mail.state == OutgoingState.HELD, mail.created_at > now - _IN_DOUBT),
        and_(mail.state == OutgoingState.ACCEPTED, box.next_digest_at.between(now - _SOON, now + _SOON)),
    )
    waiting = (
        select(line.line)
        .join(mail, and_(mail.digest_id == line.digest_id, mail.kind == OutgoingKind.DIGEST))
        .join(box, box.id == mail.mailbox_id)
        .where(line.invoice_id == Settlement.invoice_id, line.is_shown, line.kind == LineKind.DUE, undecided)
    )
    together = now - timedelta(minutes=house.limits.correction_wait_minutes)
    query = (
        select(Settlement)
        .where(Settlement.checked_at.is_(None), Settlement.seen_at <= together, ~waiting.exists())
        .order_by(Settlement.seen_at)
        .limit(_BATCH)
        .with_for_update(skip_locked=True)
    )
    return list(session.execute(query).scalars())


def _mistakes(session: Session, settlements: Sequence[Settlement]) -> list[Mistake]:
    """Lines shown as due in mails that were handed over after the invoice was settled, the newest mail first."""
    later, line = aliased(Digest), DigestLine
    told = select(later.id).where(later.mailbox_id == Digest.mailbox_id, later.accepted_at > Settlement.seen_at)
    pair = and_(Relation.vendor_id == line.vendor_id, Relation.customer_id == line.customer_id)
    query: Any = (
        select(
            Settlement, Mailbox, Digest.id, Digest.created_at, Attempt.started_at, line.vendor_name, line.number,
            line.currency, line.amount_minor, Connection.provider, Invoice.state == InvoiceState.OPEN,
            or_(Relation.blocked_at.is_not(None), Vendor.trust == Trust.SUSPENDED), told.exists(),
        )
        .join(line, line.invoice_id == Settlement.invoice_id)
        .join(Digest, Digest.id == line.digest_id)
        .join(Mailbox, Mailbox.id == Digest.mailbox_id)
        .join(Outgoing, and_(Outgoing.digest_id == Digest.id, Outgoing.kind == OutgoingKind.DIGEST))
        .join(Attempt, and_(Attempt.outgoing_id == Outgoing.id, Attempt.result == AttemptResult.ACCEPTED))
        .join(Invoice, Invoice.id == Settlement.invoice_id)
        .join(Connection, Connection.id == Settlement.connection_id)
        .join(Vendor, Vendor.id == Settlement.vendor_id)
        .outerjoin(Relation, pair)
        .where(
            Settlement.id.in_([each.id for each in settlements]),
            line.is_shown,
            line.kind == LineKind.DUE,
            Settlement.settled_at < Attempt.started_at,  # what was paid after the hand-over is no mistake
        )
        .order_by(Attempt.started_at.desc(), line.line)
    )  # fmt: skip
    return [Mistake(*row) for row in session.execute(query)]


def _cause(session: Session, house: House, mistake: Mistake) -> str:
    """With what the records know of the provider between payment and mail."""
    settlement = mistake.settlement
    failed = select(SyncRun.id).where(
        SyncRun.connection_id == settlement.connection_id,
        SyncRun.error != "",
        SyncRun.started_at.between(mistake.settled_at, mistake.handed_at),
    )
    told = select(ProviderEvent.id).where(
        ProviderEvent.provider == mistake.provider,
        ProviderEvent.received_at.between(mistake.settled_at - _EVENTS_COME, settlement.seen_at),
    )
    limits = house.limits
    return cause_of(
        mistake,
        has_webhooks=session.execute(told.limit(1)).first() is not None,
        was_unreachable=session.execute(failed.limit(1)).first() is not None,
        slack=timedelta(minutes=limits.fresh_minutes, seconds=limits.settled_check_seconds),
    )


# --- saying so ------------------------------------------------------------------------------------------------------


def _correct_mailbox(session: Session, house: House, mistakes: Sequence[Mistake], now: datetime) -> None:
    """One mail about the newest digest, however many mails had asked; and one entry on record with every case."""
    newest = {mistake.settlement.invoice_id: mistake for mistake in reversed(mistakes)}  # by invoice
    cases = sorted(newest.values(), key=lambda each: (each.vendor_name.casefold(), each.number))
    told = [each for each in cases if not (each.is_open or each.is_unwanted or each.was_told)]
    box, digest_id = mistakes[0].mailbox, mistakes[0].digest_id
    why_not = _why_not(session, box, digest_id, told)
    if not why_not:
        mail = correction_mail(house, box, told, mistakes[0].handed_at)
        write_mail(
            session,
            kind=OutgoingKind.CORRECTION,
            dedupe_key=_key(digest_id),
            mailbox=box,
            digest_id=digest_id,
            subject=mail.subject,
            text=mail.text,
            html=mail.html,
            due_at=now,
        )
    session.add(
        AuditEntry(
            at=now,
            actor="worker",
            customer_id=box.customer_id,
            action="digest.corrected" if not why_not else "digest.mistaken",
            subject_id=digest_id,
            detail={"not_mailed": why_not, "lines": [_record(each, _cause(session, house, each)) for each in cases]},
        )
    )
    session.add_all(
        AuditEntry(
            at=now,
            actor="worker",
            vendor_id=each.settlement.vendor_id,
            customer_id=box.customer_id,
            action=REMINDED_LATE,
            subject_id=each.settlement.invoice_id,
        )
        for each in cases
    )
    log.warning("a mail had asked for what was settled", digest=str(digest_id), lines=len(cases), told=not why_not)


def _why_not(session: Session, box: Mailbox, digest_id: UUID, told: Sequence[Mistake]) -> str:
    if box.suppressed_at is not None:
        return "the address takes no mail"
    if box.reminders_off_at is not None:
        return "reminders are off"
    if not told:
        return "told by a later digest, open again, or of a supplier that is no longer wanted"
    before = select(Outgoing.id).where(Outgoing.dedupe_key == _key(digest_id))
    return "this mail was corrected once already" if session.execute(before).first() else ""


def _key(digest_id: UUID) -> str:
    return f"correction:{digest_id}"


def _record(mistake: Mistake, cause: str) -> dict[str, Any]:
    settlement = mistake.settlement
    return {
        "invoice": str(settlement.invoice_id),
        "digest": str(mistake.digest_id),
        "state": str(settlement.state),
        "settled_at": mistake.settled_at.isoformat(),
        "handed_at": mistake.handed_at.isoformat(),
        "seen_at": settlement.seen_at.isoformat(),
        "cause": cause,
    }


def correction_mail(house: House, box: Mailbox, told: Sequence[Mistake], handed_at: datetime) -> Mail:
    """The apology, in the mailbox's own words; its links lead to the inbox, for the digest's own token is gone."""
    with speaking(box.locale):
        return _correction(house, box, told, handed_at)


def _correction(house: House, box: Mailbox, told: Sequence[Mistake], handed_at: datetime) -> Mail:
    zone, day, money = ZoneInfo(box.zone), days(box.locale), amounts(box.locale)
    template = mail_template(_FOLDER, postal_address=house.settings.postal_address)
    lines = [
        (
            inert(each.vendor_name, 50),
            inert(each.number) or _("Without number"),
            money(each.amount_minor, each.currency),
            _(_ENDED[InvoiceState(each.settlement.state)], day=day(each.settled_at.astimezone(zone).date())),
        )
        for each in told
    ]
    return template.render(
        lines=lines,
        several=len(lines) > 1,
        sent_on=day(handed_at.astimezone(zone).date()),
        address=box.address,
        link=f"{house.settings.public_url}/inbox",
    )


_ENDED = {
    InvoiceState.PAID: marked("settled on %(day)s"),
    InvoiceState.VOID: marked("cancelled by the supplier on %(day)s"),
    InvoiceState.WRITTEN_OFF: marked("given up by the supplier on %(day)s"),
}
